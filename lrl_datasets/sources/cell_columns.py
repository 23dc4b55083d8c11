"""`cells` for a whole Arrow column at once: what the cells are as text, and for which rows that is sure.

A row that is not sure (a null where there must be a text, a column of another type) is read by `cells` itself, which
says what is wrong with it. Where a row is sure, both give the same.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
from numpy.typing import NDArray

from lrl_datasets.schema import MESSAGES

Sure = NDArray[np.bool_]
_ROWS = 50_000
"""Rows that are put together at once, so that no string array grows past what Arrow can count."""


def text(column: pa.ChunkedArray) -> tuple[pa.ChunkedArray, Sure]:
    """Give the cells as text; null is not sure."""
    if (
        pa.types.is_string(column.type)
        or pa.types.is_large_string(column.type)
        or pa.types.is_integer(column.type)
    ):
        return column.cast(pa.string()), np.asarray(pc.is_valid(column))
    return pa.chunked_array([pa.nulls(len(column), pa.string())]), np.zeros(len(column), bool)


def filled(column: pa.ChunkedArray) -> tuple[pa.ChunkedArray, Sure]:
    """Give the cells as text without the spaces around it; null and blank are not sure."""
    values, sure = text(column)
    values = pc.utf8_trim_whitespace(values)
    return values, sure & np.asarray(pc.fill_null(pc.not_equal(values, ""), False))


def optional(column: pa.ChunkedArray) -> tuple[pa.ChunkedArray, Sure]:
    """Give the cells as text without the spaces around it; null is empty."""
    values, sure = text(column)
    return pc.fill_null(pc.utf8_trim_whitespace(values), ""), sure | np.asarray(pc.is_null(column))


def number(column: pa.ChunkedArray) -> tuple[pa.ChunkedArray, Sure]:
    """Give the cells as numbers; only a column of numbers is sure, where they are finite."""
    kind = column.type
    if not (pa.types.is_integer(kind) or pa.types.is_float32(kind) or pa.types.is_float64(kind)):
        return pa.chunked_array([pa.nulls(len(column), pa.float64())]), np.asarray(pc.is_null(column))
    values = column.cast(pa.float64(), safe=False)
    return values, np.asarray(pc.fill_null(pc.is_finite(values), True))


def one_of(column: pa.ChunkedArray, known: Sequence[str]) -> Sure:
    """Say which cells are one of the known texts."""
    if not pa.types.is_string(column.type):
        return np.zeros(len(column), bool)
    return np.asarray(pc.is_in(column, value_set=pa.array(known, pa.string())))


def conversations(prompts: pa.ChunkedArray, answers: pa.ChunkedArray) -> pa.ChunkedArray:
    """Make conversations of two turns; a null text is null there too."""
    made = [pa.array([], MESSAGES)]
    for start in range(0, len(prompts), _ROWS):
        parts = [column.slice(start, _ROWS).combine_chunks() for column in (prompts, answers)]
        rows = len(parts[0])
        both = np.arange(2 * rows).reshape(2, rows).T.ravel()  # prompt 1, answer 1, prompt 2, …
        contents = pa.concat_arrays(parts).take(pa.array(both))
        roles = pa.array(["user", "assistant"]).take(pa.array(np.tile([0, 1], rows)))
        turns = pa.StructArray.from_arrays([roles, contents], fields=list(MESSAGES.value_type))
        made.append(
            pa.ListArray.from_arrays(
                pa.array(np.arange(0, 2 * rows + 1, 2), pa.int32()), turns, type=MESSAGES
            )
        )
    return pa.chunked_array(made)


def table(
    columns: Mapping[str, pa.ChunkedArray | pa.Array],
    same: Mapping[str, object],
    contract: pa.Schema,
    rows: int,
) -> pa.Table:
    """Make a table of a contract: of columns, of values that are the same in every row, null elsewhere."""
    made = [
        columns[field.name]
        if field.name in columns
        else pa.repeat(pa.scalar(same.get(field.name), field.type), rows)
        for field in contract
    ]
    return pa.table(made, schema=contract)
