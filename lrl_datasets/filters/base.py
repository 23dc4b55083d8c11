"""What every filter promises.

A filter is a frozen dataclass, its fields the thresholds a builder sets. Called with a table it returns the
same rows in the same order with columns added: its own, and `mark.<name>` (a reason of `schema.REASONS` or
null) and, where it has something to say, `detail.<name>`. Rows whose `messages` are null (unreadable) get a
null mark. It keeps no state, so a table may be cut into batches anywhere; the ones that need the whole corpus
say so in their first line.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import ClassVar, Protocol

import pyarrow as pa

from lrl_datasets.schema import MESSAGES


class Filter(Protocol):
    """One step that marks rows."""

    name: ClassVar[str]
    reasons: ClassVar[tuple[str, ...]]

    def __call__(self, table: pa.Table) -> pa.Table:
        """Return `table` with the filter's columns added."""
        ...


def prompts_and_answers(table: pa.Table) -> tuple[list[str | None], list[str | None]]:
    """Return each row's prompt (all that is not the assistant's) and answer (all that is).

    Null where the row is unreadable. Several turns are joined by an empty line. Filters that look at texts
    look at these.
    """
    prompts: list[str | None] = []
    answers: list[str | None] = []
    for messages in table.column("messages").to_pylist():
        if messages is None:
            prompts.append(None)
            answers.append(None)
            continue
        prompts.append("\n\n".join(m["content"] or "" for m in messages if m["role"] != "assistant"))
        answers.append("\n\n".join(m["content"] or "" for m in messages if m["role"] == "assistant"))
    return prompts, answers


def map_contents(table: pa.Table, function: Callable[[str], str]) -> pa.Table:
    """Put `function(content)` in the place of every message's content; a missing content counts as empty."""
    changed = [
        messages and [{"role": m["role"], "content": function(m["content"] or "")} for m in messages]
        for messages in table.column("messages").to_pylist()
    ]
    return add_column(table, "messages", changed, MESSAGES)


def add_column(
    table: pa.Table, name: str, values: Sequence[object] | pa.Array, kind: pa.DataType
) -> pa.Table:
    """Add a column, or put it in the place of the one with the same name."""
    array = values if isinstance(values, (pa.Array, pa.ChunkedArray)) else pa.array(values, kind)
    at = table.schema.get_field_index(name)
    field = pa.field(name, kind)
    return table.append_column(field, array) if at < 0 else table.set_column(at, field, array)


def add_mark(
    table: pa.Table, name: str, marks: Sequence[str | None], details: Sequence[str | None] | None = None
) -> pa.Table:
    """Add `mark.<name>` and `detail.<name>`."""
    table = add_column(table, f"mark.{name}", marks, pa.string())
    if details is None:
        details = [None] * len(marks)
    return add_column(table, f"detail.{name}", details, pa.string())
