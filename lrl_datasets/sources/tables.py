"""Files of a dataset, whatever their format: CSV, TSV, JSON Lines, a JSON array, Parquet.

Takes a file or a folder, gives `Records`, with a selection by column values applied while reading. In text
formats damage stays in its record (`delimited` says how); a line that is no JSON object is one unreadable
record. A Parquet file or a JSON array is read as a whole or is an error.

A folder's files are told apart by their names: evaluation data is never read as training data, only counted.
"""

from __future__ import annotations

import json
import re
from collections import Counter
from collections.abc import Iterable, Iterator, Mapping, Sequence
from pathlib import Path, PurePosixPath
from typing import TYPE_CHECKING, Any, overload

import numpy as np

from lrl_datasets.errors import LrlError
from lrl_datasets.sources.delimited import read_delimited
from lrl_datasets.sources.records import RawRecord, Records, decode, input_file, is_text, read_bytes, text_of

if TYPE_CHECKING:
    import pyarrow as pa

Where = Mapping[str, tuple[str, ...]]
"""Column to the values of the records that are wanted."""

SUFFIXES = (".csv", ".tsv", ".json", ".jsonl", ".ndjson", ".parquet")
EVALUATION = {"dev", "devel", "test", "validation", "valid", "val", "eval", "evaluation"}


def read_table(path: Path, name: str, where: Where | None = None) -> Records:
    """Read one data file by its suffix; a `.json` file may be JSON Lines.

    A record that could not be read is kept whatever is selected, since nobody knows what it was.

    Raises
    ------
    LrlError
        If the file is missing, empty, of another format than its suffix says, or lacks a column of `where`.
    """
    suffix = path.suffix.lower()
    if suffix == ".parquet":
        return _read_parquet(path, name, where or {})
    if suffix in (".csv", ".tsv"):
        records = read_delimited(path, name, "," if suffix == ".csv" else "\t")
    elif suffix in SUFFIXES:
        records = _read_json(path, name)
    else:
        raise LrlError(f"{name}: a data file ends in one of {', '.join(SUFFIXES)}")
    return _select(records, where or {})


def read_by_content(path: Path, name: str) -> Records:
    """Read one data file by what stands in it, whatever it is called.

    Raises
    ------
    LrlError
        If the file is missing, empty, or damaged as a whole.
    """
    kind = content(path, name)
    if kind == "parquet":
        return _read_parquet(path, name, {})
    return _read_json(path, name) if kind == "json" else read_delimited(path, name, kind)


def content(path: Path, name: str) -> str:
    """Say what a file holds: `parquet`, `json` (an array or lines), or the delimiter of its header."""
    head = read_bytes(path, name)[:65536].removeprefix(b"\xef\xbb\xbf")
    if head[:4] == b"PAR1":
        return "parquet"
    if head.lstrip()[:1] in (b"[", b"{"):
        return "json"
    header = re.sub(rb'"[^"]*"', b"", head.lstrip(b"\r\n ").split(b"\n", 1)[0])
    return max(("\t", ",", ";"), key=lambda sign: header.count(sign.encode("ascii")))


def find_files(path: Path, split: str) -> tuple[list[tuple[str, Path]], list[tuple[str, Path]]]:
    """List a file or a folder's data files, by name: those of `split`, and evaluation data.

    Raises
    ------
    LrlError
        If there is nothing at `path`, no data file in the folder, or the one file named is evaluation data.
    """
    if path.is_file():
        kind = evaluation_split(path.name)
        if kind is not None and kind != split:
            raise LrlError(f"{path}: this is evaluation data (its name says {kind!r}); it is never read")
        return [(path.name, path)], []
    if not path.is_dir():
        raise LrlError(f"{path}: no such file or folder")
    wanted: list[tuple[str, Path]] = []
    evaluation: list[tuple[str, Path]] = []
    for file in sorted(path.rglob("*")):
        inner = file.relative_to(path)
        if not file.is_file() or file.suffix.lower() not in SUFFIXES or any(p[0] == "." for p in inner.parts):
            continue
        kind = evaluation_split(inner.as_posix())
        (wanted if kind in (None, split) else evaluation).append((inner.as_posix(), file))
    if not wanted:
        there = ", ".join(name for name, _ in evaluation) or "none"
        raise LrlError(
            f"{path}: no data file of split {split!r} in the folder; evaluation data there: {there}"
        )
    return wanted, evaluation


def evaluation_split(name: str) -> str | None:
    """Say which evaluation split a path names (`queries.dev.json`, `swa/test/0000.parquet`), if it does.

    The last part that names a split decides; a part with an evaluation split and `train` in it is evaluation.
    """
    for part in reversed(PurePosixPath(name).parts):
        words = re.split(r"[^a-z]+", part.lower())
        found = [word for word in words if word in EVALUATION]
        if found or "train" in words:
            return found[0] if found else None
    return None


def _read_json(path: Path, name: str) -> Records:
    data = read_bytes(path, name)
    text = text_of(data, name)
    rows = list(_json_array(text) if text.lstrip()[:1] == b"[" else _json_lines(text))
    if rows and all(row.problem is not None for row in rows):
        raise LrlError(f"{name}: not JSON Lines; row {rows[0].row}: {rows[0].problem}")
    columns = dict.fromkeys(column for row in rows for column in row.values)
    return Records(input_file(name, data, len(rows)), tuple(columns), rows)


def _json_lines(text: bytes) -> Iterable[RawRecord]:
    for number, line in enumerate(re.findall(rb"[^\n]*\n|[^\n]+", text), 1):
        if line.strip():
            values, problem = _parse(line)
            problem = problem or _object_problem(values, line)
            yield RawRecord(number, line, values if problem is None else {}, problem)


def _json_array(text: bytes) -> Iterable[RawRecord]:
    values, problem = _parse(text)
    if problem is not None:
        yield RawRecord(1, text, {}, problem)
        return
    for number, value in enumerate(values, 1):
        problem = _object_problem(value, text)
        yield RawRecord(number, b"", value if problem is None else {"value": value}, problem)


def _parse(raw: bytes) -> tuple[Any, str | None]:
    text, problem = decode(raw)
    if problem is not None:
        return None, problem
    try:
        return json.loads(text), None
    except (ValueError, RecursionError) as error:
        return None, f"not JSON ({_short(error)})"


def _object_problem(value: object, raw: bytes) -> str | None:
    """Say what keeps a JSON value from being a record: JSON's escapes can name what is no text."""
    if not isinstance(value, dict):
        return "not a JSON object"
    inside: list[Any] = [value] if b"\\u" in raw else []
    while inside:
        part = inside.pop()
        if isinstance(part, str) and not is_text(part):
            return "an escape that names no character of text (NUL or half of a surrogate pair)"
        if isinstance(part, dict):
            inside += [*part.keys(), *part.values()]
        elif isinstance(part, list):
            inside += part
    return None


def _short(error: Exception) -> str:
    return f"{error.msg}, position {error.pos + 1}" if isinstance(error, json.JSONDecodeError) else "too deep"


def _read_parquet(path: Path, name: str, where: Where) -> Records:
    """Read a Parquet file; its rows become Python objects when they are asked for."""
    import pyarrow as pa
    import pyarrow.compute as pc
    import pyarrow.parquet as pq

    data = read_bytes(path, name)
    try:
        table = pq.read_table(pa.BufferReader(data))
        table.validate(full=True)
    except (pa.ArrowException, OSError) as error:
        raise LrlError(f"{name}: not a Parquet file ({str(error).splitlines()[0]})") from None
    columns, total = tuple(table.column_names), table.num_rows
    numbers = pa.array(np.arange(1, total + 1))
    left_out: Counter[str] = Counter()
    Records(input_file(name, data, total), columns, []).require(*where)
    for column, values in where.items():
        inside = pc.is_in(pc.cast(table[column], pa.string()), value_set=pa.array(values, pa.string()))
        left_out[_not(column, values)] += table.num_rows - pc.sum(pc.cast(inside, pa.int64())).as_py()
        table, numbers = table.filter(inside), numbers.filter(inside.combine_chunks())
    return Records(input_file(name, data, total), columns, Rows(table, numbers), dict(+left_out))


class Rows(Sequence[RawRecord]):
    """The records of a table; each is made when it is asked for, since few sources look at all of them one by one."""

    def __init__(self, table: pa.Table, numbers: pa.Array) -> None:
        self.table = table
        self.numbers = numbers
        """Of the rows in the file."""

    def __len__(self) -> int:
        return len(self.numbers)

    @overload
    def __getitem__(self, at: int) -> RawRecord: ...
    @overload
    def __getitem__(self, at: slice) -> list[RawRecord]: ...
    def __getitem__(self, at: int | slice) -> RawRecord | list[RawRecord]:
        if isinstance(at, slice):
            return [self[one] for one in range(*at.indices(len(self)))]
        return next(iter(self.only([range(len(self))[at]])))

    def __iter__(self) -> Iterator[RawRecord]:
        numbers = iter(self.numbers.to_pylist())
        for batch in self.table.to_batches(max_chunksize=10_000):
            for values in batch.to_pylist():
                yield RawRecord(next(numbers), b"", values)

    def only(self, places: Sequence[int]) -> Rows:
        """Return some of them."""
        return Rows(self.table.take(places), self.numbers.take(places))


def _select(records: Records, where: Where) -> Records:
    records.require(*where)
    left_out: Counter[str] = Counter()
    rows = []
    for row in records.rows:
        outside = None
        if row.problem is None:
            outside = next((c for c, values in where.items() if row.values.get(c) not in values), None)
        if outside is None:
            rows.append(row)
        else:
            left_out[_not(outside, where[outside])] += 1
    return Records(records.file, records.columns, rows, dict(left_out))


def _not(column: str, values: tuple[str, ...]) -> str:
    return f"{column} is not {' or '.join(values)}"
