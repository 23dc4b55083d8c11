"""Named arrays in one Arrow file, mapped into memory when read: what one stage of the search leaves to the next.

An array that is cut into ranges for the tasks of the next stage is sorted by range and has, under `NAME.starts`,
where each range begins; a task reads its slice alone.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import numpy as np
import pyarrow as pa

from lrl_datasets.engine import files
from lrl_datasets.filters.near_duplicates.texts import Array

_SCHEMA = pa.schema([("name", pa.string()), ("kind", pa.string()), ("data", pa.large_binary())])


def write(path: str, arrays: Mapping[str, Array]) -> None:
    """Write arrays of one dimension, without copying them."""
    with files.open_output(path, _SCHEMA) as writer:
        for name, array in arrays.items():
            whole = np.ascontiguousarray(array)
            ends = pa.py_buffer(np.array([0, whole.nbytes], np.int64))
            data = pa.LargeBinaryArray.from_buffers(pa.large_binary(), 1, [None, ends, pa.py_buffer(whole)])
            columns = [pa.array([name]), pa.array([whole.dtype.str]), data]
            writer.write_batch(pa.record_batch(columns, schema=_SCHEMA))


def read(path: str) -> dict[str, Array]:
    """Read all arrays of a file; a local one costs what is looked at."""
    table = files.read(path)
    found = {}
    for name, kind, data in zip(table["name"], table["kind"], table["data"].chunks, strict=True):
        _, ends, raw = data.buffers()  # a scalar would be a copy
        size = int(np.frombuffer(ends, np.int64, 2, 8 * data.offset)[1])
        dtype = np.dtype(kind.as_py())
        found[name.as_py()] = (
            np.frombuffer(raw, dtype, size // dtype.itemsize) if size else np.empty(0, dtype)
        )
    return found


def ranged(of: Array, ranges: int, columns: Mapping[str, Array]) -> dict[str, Array]:
    """Sort columns by the range that each row's `of` (0 to `ranges` - 1) says; `starts` says where each begins."""
    order = np.argsort(of, kind="stable")  # of 16 bits: a radix sort
    counts = np.bincount(of, minlength=ranges)
    return {**{name: column[order] for name, column in columns.items()}, "starts": np.cumsum([0, *counts])}


def of_range(paths: Sequence[str], number: int, names: Sequence[str]) -> list[dict[str, Array]]:
    """Read one range of some columns of every file."""
    found = []
    for path in paths:
        arrays = read(path)
        begin, end = arrays["starts"][number : number + 2]
        found.append({name: arrays[name][begin:end] for name in names})
    return found


def joined(parts: Sequence[Mapping[str, Array]], name: str) -> Array:
    """Put one column of several files behind one another."""
    return np.concatenate([part[name] for part in parts])


def by_top_bits(values: Array, ranges: int) -> Array:
    """Say in which of `ranges` equal ranges of 64 bits each value lies."""
    return ((values >> np.uint64(32)) * np.uint64(ranges) >> np.uint64(32)).astype(np.uint16)
