"""Bytes to records: small files by hand, then the property that damage stays where it is."""

from __future__ import annotations

import csv
import io
import tempfile
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from lrl_datasets.errors import LrlError
from lrl_datasets.sources.delimited import read_delimited
from lrl_datasets.sources.records import Records


def read(data: bytes, delimiter: str = "\t") -> Records:
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "f.tsv"
        path.write_bytes(data)
        return read_delimited(path, "f.tsv", delimiter)


def seen(records: Records) -> list[tuple[int, tuple[str, ...] | str]]:
    return [(r.row, r.problem if r.problem is not None else tuple(r.values.values())) for r in records.rows]


def test_plain_quoted_and_several_lines() -> None:
    data = (
        b'\xef\xbb\xbfa\tb\tc\r\n1\t"x ""y"" z"\t3\r\n\r\n\t\t\r\n4\t"two\r\nlines\twide"\t6\r\n7\t8" wide\t'
    )
    records = read(data)
    assert records.columns == ("a", "b", "c")
    assert seen(records) == [
        (2, ("1", 'x "y" z', "3")),
        (5, ("4", "two\nlines\twide", "6")),
        (7, ("7", '8" wide', "")),
    ]
    assert records.rows[1].raw == b'4\t"two\r\nlines\twide"\t6\r\n'
    assert records.file.records == 3 and records.file.size == len(data)


@pytest.mark.parametrize(
    ("line", "problem"),
    [
        (b"1\t2", "2 cells where the header has 3"),
        (b"1\t2\t3\t4", "4 cells where the header has 3"),
        (b"1\t\xff\t3", "not UTF-8 at byte 3 of the record"),
        (b"1\t\0\t3", "a NUL character at position 3 of the record"),
        (b'1\t"2" x\t3', "text after the closing quote of cell 2"),
    ],
)
def test_a_damaged_line_condemns_itself(line: bytes, problem: str) -> None:
    assert seen(read(b"a\tb\tc\n" + line + b"\n4\t5\t6\n")) == [(2, problem), (3, ("4", "5", "6"))]


def test_a_stray_quote_costs_its_line() -> None:
    never_closed = b'a\tb\tc\n1\t"2\t3\n4\t5\t6\n7\t8\t9\n'
    assert [row for row, _ in seen(read(never_closed))] == [2, 3, 4]
    assert seen(read(never_closed))[1:] == [(3, ("4", "5", "6")), (4, ("7", "8", "9"))]
    # closed by another stray one two lines below, with the right number of cells
    closed_below = b'a\tb\tc\n1\t"2\t3\n4\t5\t6\n7\t8"\t9\n10\t11\t12\n'
    assert seen(read(closed_below)) == [
        (2, "a quote opens cell 2 and would swallow whole rows below"),
        (3, ("4", "5", "6")),
        (4, ("7", '8"', "9")),
        (5, ("10", "11", "12")),
    ]
    # the row on which it stands is cut as well; a whole row is inside
    assert seen(read(b'a\tb\tc\n1\t"2\n4\t5\t6\n7\t8"\t9\n'))[1:] == [
        (3, ("4", "5", "6")),
        (4, ("7", '8"', "9")),
    ]


def test_commas_in_prose_are_no_rows() -> None:
    data = b'a,b\n"One, two,\nthree, four.\nFive.",x\n'
    assert seen(read(data, ",")) == [(2, ("One, two,\nthree, four.\nFive.", "x"))]


@pytest.mark.parametrize(
    ("data", "message"),
    [
        (b"", "f.tsv: the file is empty"),
        (b"\xef\xbb\xbf\r\n", "f.tsv: the file is empty"),
        ("a\tb\n".encode("utf-16"), "f.tsv: the file is UTF-16"),
        (b"PK\0\0\n", "f.tsv: the file is not text"),
        (b"a\ta\n", "f.tsv: row 1: column 'a' stands twice"),
        (b'a\t"b\n', "f.tsv: row 1: the header cannot be read"),
        (b"a\t\xe9\n", "f.tsv: row 1: the header cannot be read: not UTF-8"),
    ],
)
def test_files_that_cannot_be_read(data: bytes, message: str) -> None:
    with pytest.raises(LrlError, match="^" + message):
        read(data)


def test_missing_file(tmp_path: Path) -> None:
    with pytest.raises(LrlError, match=r"^exports/x.tsv: no such file"):
        read_delimited(tmp_path / "x.tsv", "exports/x.tsv")


cells = st.text(st.sampled_from('ab"\tñ,\n \r'), max_size=8)
tables = st.lists(st.lists(cells, min_size=3, max_size=3), max_size=8)


@given(tables)
def test_what_csv_writes_is_read_back(rows: list[list[str]]) -> None:
    """In comma-separated files for every text; a cell of blanks alone makes no record."""
    out = io.StringIO(newline="")
    writer = csv.writer(out, lineterminator="\n", quoting=csv.QUOTE_ALL)
    writer.writerow(["c1", "c2", "c3"])
    writer.writerows(rows)
    wanted = [
        tuple(cell.replace("\r\n", "\n").replace("\r", "\n") for cell in row)
        for row in rows
        if any(cell.strip() for cell in row)
    ]
    assert [values for _, values in seen(read(out.getvalue().encode(), ","))] == wanted


@settings(max_examples=300)
@given(st.lists(st.sampled_from([b"a", b'"', b"\t", b"\n", b"\r\n", b"\xff", b"\0", b" ", b'""', b"\t1\t"])))
def test_no_byte_is_lost(pieces: list[bytes]) -> None:
    """Header, records and blank lines together are the file; every record starts on the line it names."""
    data = b"a\tb\tc\n" + b"".join(pieces)
    records = read(data)
    lines = data.replace(b"\r\n", b"\n").split(b"\n")
    covered = {0}
    for record in records.rows:
        raw = record.raw.replace(b"\r\n", b"\n").removesuffix(b"\n").split(b"\n")
        at = record.row - 1
        for offset, line in enumerate(raw):
            assert lines[at + offset] == line
            assert at + offset not in covered
            covered.add(at + offset)
    for number, line in enumerate(lines):
        assert number in covered or not line.strip(b'"\t ')
