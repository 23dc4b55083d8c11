"""Tolerant reading of delimited text: tab-separated exports, CSV files.

Takes the bytes of one file with a header line, gives its records. The rules are those of RFC 4180 with any
one-byte delimiter: a cell that begins with a quote runs to the next single quote, over delimiters and line
ends; two quotes inside it stand for one; a quote inside an unquoted cell is an ordinary character.

Python's `csv` reads damaged files without a word and differently from what was written (a stray quote
swallows all rows down to the next one), so records are cut here:

- Bytes that are not UTF-8, NUL, a wrong number of cells, text after a closing quote condemn their record
  only.
- Where a record over several lines is wrong, only its first line is condemned and reading goes on at the next
  line. So a stray quote costs the line it stands on, whatever follows.
- A stray quote may find another one far below and give the right number of cells by chance. Therefore in
  tab-separated files, where prose holds no delimiters, a line inside a record that would by itself be a
  whole row shows that the quote was stray. The price: a pasted table as wide as the export is refused.

One pass over the bytes; a quote that never closes is looked for once to the end of the file.
"""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

from lrl_datasets.errors import LrlError
from lrl_datasets.sources.records import RawRecord, Records, decode, input_file, read_bytes, text_of

_OPEN = "a quote opens a cell and never closes"
_JUNK = "text after the closing quote of cell {}"
_STRAY = "a quote opens cell {} and would swallow whole rows below"


def read_delimited(path: Path, name: str, delimiter: str = "\t") -> Records:
    """Read a delimited file with a header.

    Rows whose cells are all blank are separators and no records; they are passed over. Line ends within cells
    become a newline, so that a file means the same after an editor has converted it.

    Parameters
    ----------
    path, name
        The file, and what messages and the manifest call it.
    delimiter
        One ASCII character.

    Raises
    ------
    LrlError
        If the file is missing, empty, not UTF-8 text, or its header is broken or names a column twice.
    """
    data = read_bytes(path, name)
    text = text_of(data, name)
    cut = _cut(text, delimiter.encode("ascii"))
    header = next(cut, None)
    if header is None:
        raise LrlError(f"{name}: the file is empty")
    row, raw, names, problem = header
    if problem is not None:
        raise LrlError(f"{name}: row {row}: the header cannot be read: {problem}")
    columns = tuple(cell.strip() for cell in names)
    twice = sorted({column for column in columns if columns.count(column) > 1})
    if twice:
        raise LrlError(f"{name}: row {row}: column {twice[0]!r} stands twice in the header")
    rows = []
    for row, raw, cells, problem in cut:
        values = dict(zip(columns, cells, strict=True)) if problem is None else {}
        rows.append(RawRecord(row, raw, values, problem))
    return Records(input_file(name, data, len(rows)), columns, rows)


_Cut = tuple[int, bytes, list[str], str | None]


def _cut(data: bytes, delimiter: bytes) -> Iterator[_Cut]:
    """Cut into records: the first line, bytes, cells, problem of each; the header is the first."""
    width = 0
    start, row = 0, 1
    while start < len(data):
        line_end = _line_end(data, start)
        cells, end, problem = [b""], line_end, None
        if data[start:line_end].strip(b" \r\n" + delimiter):
            cells, end, problem = _scan(data, start, delimiter)
            if problem is None and width and len(cells) != width:
                problem = f"{len(cells)} cells where the header has {width}"
            if problem is None and delimiter == b"\t" and width > 1:
                problem = _swallowed(data, start, end, cells, width)
            if problem is not None:
                end = line_end
        raw = data[start:end]
        if problem is not None:
            yield row, raw, [], problem
        elif any(cell.strip() for cell in cells):
            problem = decode(raw)[1]
            width = width or len(cells)
            yield row, raw, _texts(cells) if problem is None else [], problem
        row += data.count(b"\n", start, end)
        start = end


def _scan(data: bytes, start: int, delimiter: bytes) -> tuple[list[bytes], int, str | None]:
    """Take one record from `start`: its cells, where the next record begins, what is wrong with it."""
    line_end = _line_end(data, start)
    if data.find(b'"', start, line_end) < 0:
        return data[start:line_end].rstrip(b"\r\n").split(delimiter), line_end, None
    cells: list[bytes] = []
    at = start
    while True:
        if data[at : at + 1] == b'"':
            close = _closing_quote(data, at + 1)
            if close < 0:
                return cells, len(data), _OPEN
            cells.append(data[at + 1 : close].replace(b'""', b'"'))
            at = close + 1
            if data[at : at + 2] == b"\r\n":
                at += 1
            elif at < len(data) and data[at : at + 1] not in (delimiter, b"\n"):
                return cells, at, _JUNK.format(len(cells))
        else:
            line_end = _line_end(data, at)
            stop = data.find(delimiter, at, line_end)
            if stop < 0:
                stop = line_end - 1 if data[line_end - 1 : line_end] == b"\n" else line_end
                cells.append(data[at:stop].rstrip(b"\r"))
            else:
                cells.append(data[at:stop])
            at = stop
        if data[at : at + 1] != delimiter:
            return cells, min(at + 1, len(data)), None
        at += 1


def _swallowed(data: bytes, start: int, end: int, cells: list[bytes], width: int) -> str | None:
    """Say so if a line before the last of a record is a whole row by itself."""
    if data.find(b"\n", start, end - 1) < 0:
        return None
    tabs = 0  # delimiters of the first line as far as it is outside of closed quotes or in the open one
    at = start
    line_end = _line_end(data, start)
    for number, _cell in enumerate(cells, 1):
        if data[at : at + 1] == b'"':
            close = _closing_quote(data, at + 1)
            if close >= line_end:
                tabs += data.count(b"\t", at, line_end)
                if tabs >= width - 1:
                    return _STRAY.format(number)
                break
            at = close + 1
        else:
            at = data.find(b"\t", at)
        tabs += 1
        at += 1
    inner = data[line_end : end - 1].split(b"\n")[:-1]
    if any(line.count(b"\t") == width - 1 for line in inner):
        return _STRAY.format(number)
    return None


def _closing_quote(data: bytes, at: int) -> int:
    """Find the quote that ends a cell whose content starts at `at`; -1 if there is none."""
    while True:
        at = data.find(b'"', at)
        if at < 0 or data[at + 1 : at + 2] != b'"':
            return at
        at += 2


def _line_end(data: bytes, start: int) -> int:
    """Find where the next physical line begins."""
    end = data.find(b"\n", start)
    return len(data) if end < 0 else end + 1


def _texts(cells: list[bytes]) -> list[str]:
    """Decode a record's cells at once: none of them holds the NUL that stands between them (`decode`)."""
    joined = b"\0".join(cells).decode("utf-8")
    return joined.replace("\r\n", "\n").replace("\r", "\n").split("\0")
