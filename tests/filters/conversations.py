"""Conversations of one turn each, as a source yields them."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import pyarrow as pa

from lrl_datasets import schema
from lrl_datasets.filters.base import add_column

Pair = tuple[str, str]


def conversations(
    pairs: Sequence[Pair | None], english: Sequence[Pair | None] | None = None, **same: Any
) -> pa.Table:
    """Rows of (prompt, answer), their English side where it is given, and columns that all have the same of."""
    table = schema.candidates({"messages": _turns(pair), **same} for pair in pairs)
    if english is None:
        return table
    return add_column(table, "english", [_turns(pair) for pair in english], schema.MESSAGES)


def marks(step: Any, table: pa.Table) -> list[str | None]:
    """What the filter says of each row."""
    return step(table)[f"mark.{step.name}"].to_pylist()  # type: ignore[no-any-return]


def details(step: Any, table: pa.Table) -> list[str | None]:
    return step(table)[f"detail.{step.name}"].to_pylist()  # type: ignore[no-any-return]


def _turns(pair: Pair | None) -> list[dict[str, str]] | None:
    return pair and [{"role": "user", "content": pair[0]}, {"role": "assistant", "content": pair[1]}]
