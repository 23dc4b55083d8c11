"""What every filter promises.

A filter is a frozen dataclass, its fields the thresholds a builder sets. Called with a table it returns the
same rows in the same order with columns added: its own, and `mark.<name>` (a reason of `schema.REASONS` or
null) and, where it has something to say, `detail.<name>`. Rows whose `messages` are null (unreadable) get a
null mark. It keeps no state, so a table may be cut into batches anywhere; the ones that need the whole corpus
say so in their first line.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from typing import ClassVar, Protocol

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
from numpy.typing import NDArray


class Filter(Protocol):
    """One step that marks rows."""

    name: ClassVar[str]
    reasons: ClassVar[tuple[str, ...]]

    def __call__(self, table: pa.Table) -> pa.Table:
        """Return `table` with the filter's columns added."""
        ...


def part_texts(table: pa.Table, column: str = "messages") -> dict[str, pa.ChunkedArray]:
    """Return each row's `prompt` (all that is not the assistant's) and `answer` (all that is), as columns.

    Null where the row is unreadable. Several turns are joined by an empty line. Filters that look at texts look at
    these: an Arrow kernel says which rows need a closer look, and Python takes only those.
    """
    chunks = table.column(column).chunks
    roles = {"prompt": pc.not_equal, "answer": pc.equal}
    return {
        part: pa.chunked_array([_joined(chunk, chosen) for chunk in chunks], pa.string())
        for part, chosen in roles.items()
    }


def prompts_and_answers(table: pa.Table) -> tuple[list[str | None], list[str | None]]:
    """Return what `part_texts` does as lists, for what must look at every text itself."""
    texts = part_texts(table)
    return texts["prompt"].to_pylist(), texts["answer"].to_pylist()


def map_contents(
    table: pa.Table,
    function: Callable[[str], str],
    needed: Callable[[pa.StringArray], pa.BooleanArray] | None = None,
) -> pa.Table:
    """Put `function(content)` in the place of every message's content; a missing content counts as empty.

    With `needed`, only those contents are handed to the function for which it is true; for all others the function
    must give back what it gets.
    """
    chunks = [_mapped(chunk, function, needed) for chunk in table.column("messages").chunks]
    kind = table.schema.field("messages").type
    return add_column(table, "messages", pa.chunked_array(chunks, kind), kind)


def _joined(messages: pa.ListArray, chosen: Callable[[pa.Array, str], pa.Array]) -> pa.StringArray:
    """Join the contents of each conversation's turns whose role is (or is not) the assistant's."""
    turns = messages.flatten()
    here = pc.fill_null(chosen(pc.struct_field(turns, "role"), "assistant"), chosen is pc.not_equal)
    lengths = pc.fill_null(pc.list_value_length(messages), 0).to_numpy(zero_copy_only=False)
    row = np.repeat(np.arange(len(messages)), lengths)[here.to_numpy(zero_copy_only=False)]
    counts = np.bincount(row, minlength=len(messages))
    contents = pc.fill_null(pc.struct_field(turns, "content").filter(here), "")
    if not (counts == 1).all():
        offsets = pa.array(np.concatenate([[0], np.cumsum(counts)]), pa.int32())
        contents = pc.binary_join(pa.ListArray.from_arrays(offsets, contents), "\n\n")
    if messages.null_count:
        contents = pc.if_else(pc.is_null(messages), pa.scalar(None, pa.string()), contents)
    return contents


def _mapped(
    messages: pa.ListArray,
    function: Callable[[str], str],
    needed: Callable[[pa.StringArray], pa.BooleanArray] | None,
) -> pa.ListArray:
    turns = messages.flatten()
    told = pc.struct_field(turns, "content")
    contents = pc.fill_null(told, "")
    places = np.arange(len(contents)) if needed is None else true_rows(needed(contents))
    if not len(places) and not told.null_count:
        return messages
    mask = np.zeros(len(contents), bool)
    mask[places] = True
    changed = pa.array(map(function, contents.take(places).to_pylist()), pa.string())
    contents = pc.replace_with_mask(contents, pa.array(mask), changed)
    values = pa.StructArray.from_arrays(
        [pc.struct_field(turns, "role"), contents], fields=list(messages.type.value_type)
    )
    lengths = pc.fill_null(pc.list_value_length(messages), 0).to_numpy(zero_copy_only=False)
    offsets = pa.array(np.concatenate([[0], np.cumsum(lengths)]), pa.int32())
    missing = messages.is_null() if messages.null_count else None
    return pa.ListArray.from_arrays(offsets, values, type=messages.type, mask=missing)


def add_column(
    table: pa.Table, name: str, values: Sequence[object] | pa.Array, kind: pa.DataType
) -> pa.Table:
    """Add a column, or put it in the place of the one with the same name."""
    array = values if isinstance(values, (pa.Array, pa.ChunkedArray)) else pa.array(values, kind)
    at = table.schema.get_field_index(name)
    field = pa.field(name, kind)
    return table.append_column(field, array) if at < 0 else table.set_column(at, field, array)


def add_mark(
    table: pa.Table,
    name: str,
    marks: Sequence[str | None] | pa.Array,
    details: Sequence[str | None] | pa.Array | None = None,
) -> pa.Table:
    """Add `mark.<name>` and `detail.<name>`."""
    table = add_column(table, f"mark.{name}", marks, pa.string())
    if details is None:
        details = pa.nulls(len(marks), pa.string())
    return add_column(table, f"detail.{name}", details, pa.string())


def mark_rows(
    table: pa.Table, name: str, found: Iterable[tuple[int | np.int64, str, str | None]]
) -> pa.Table:
    """Add `mark.<name>` and `detail.<name>` from (row, reason, detail) of the rows found; a row's first stays."""
    marks: list[str | None] = [None] * table.num_rows
    details: list[str | None] = [None] * table.num_rows
    for row, reason, detail in found:
        if marks[row] is None:
            marks[row], details[row] = reason, detail
    return add_mark(table, name, marks, details)


def true_rows(flags: pa.ChunkedArray | pa.Array) -> NDArray[np.int64]:
    """Return the positions at which a boolean column is true."""
    return np.flatnonzero(np.asarray(pc.fill_null(flags, False)))
