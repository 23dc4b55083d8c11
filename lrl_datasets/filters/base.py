"""What every filter promises.

A filter is a frozen dataclass, its fields the thresholds a builder sets. Called with a table it returns the
same rows in the same order with columns added: its own, and `mark.<name>` (a reason of `schema.REASONS` or
null) and, where it has something to say, `detail.<name>`. Rows whose `messages` are null (unreadable) get a
null mark. It keeps no state, so a table may be cut into batches anywhere; the ones that need the whole corpus
say so in their first line.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import ClassVar, Protocol

import pyarrow as pa


class Filter(Protocol):
    """One step that marks rows."""

    name: ClassVar[str]
    reasons: ClassVar[tuple[str, ...]]

    def __call__(self, table: pa.Table) -> pa.Table:
        """Return `table` with the filter's columns added."""
        ...


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
