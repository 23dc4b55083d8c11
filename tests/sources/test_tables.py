from __future__ import annotations

import json
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from hypothesis import given
from hypothesis import strategies as st

from lrl_datasets.errors import LrlError
from lrl_datasets.sources.tables import evaluation_split, find_files, read_table

ROWS = [
    {"id": 1, "q": "Nani?", "l": "swh"},
    {"id": 2, "q": "Nini?", "l": "hau"},
    {"id": 3, "q": None, "l": "swh"},
]


def write(path: Path, rows: list[dict[str, object]]) -> Path:
    if path.suffix == ".parquet":
        pq.write_table(pa.Table.from_pylist(rows), path)
    elif path.suffix == ".json":
        path.write_text(json.dumps(rows, indent=1))
    elif path.suffix == ".jsonl":
        path.write_text("".join(json.dumps(row) + "\n" for row in rows))
    else:
        cells = [list(rows[0]), *([str(cell or "") for cell in row.values()] for row in rows)]
        path.write_text("\n".join((",", "\t")[path.suffix == ".tsv"].join(row) for row in cells))
    return path


@pytest.mark.parametrize("suffix", ["csv", "tsv", "json", "jsonl", "parquet"])
def test_one_table_in_every_format(tmp_path: Path, suffix: str) -> None:
    path = write(tmp_path / f"t.{suffix}", ROWS)
    records = read_table(path, "t", {"l": ("swh", "swa")})
    assert records.columns == ("id", "q", "l") and records.file.records == 3
    assert records.left_out == {"l is not swh or swa": 1}
    first_row = 1 if suffix in ("json", "jsonl", "parquet") else 2
    assert [row.row for row in records.rows] == [first_row, first_row + 2]
    assert [str(row.values["id"]) for row in records.rows] == ["1", "3"]
    assert b"Nani?" in records.rows[0].for_quarantine()
    with pytest.raises(LrlError, match=r"^t: column 'lang' is missing; there are: id, q, l"):
        read_table(path, "t", {"lang": ("swh",)})


def test_broken_lines_of_json(tmp_path: Path) -> None:
    lines = [
        b'{"q": "a"}\r\n',
        b"\n",
        b'{"q": "a"\n',
        b'["q"]\n',
        b'{"q": "\xff"}\n',
        rb'{"q": "\ud800"}' + b"\n",
        rb'{"q": "\u0000"}' + b"\n",
        b"[" * 100_000 + b"\n",
        rb'{"q": ["\ud83d\ude00", "\\u0000"]}',
    ]
    path = tmp_path / "t.json"
    path.write_bytes(b"".join(lines))
    records = read_table(path, "t.json")
    assert [row.row for row in records.rows] == [1, 3, 4, 5, 6, 7, 8, 9]
    assert [row.raw for row in records.rows] == [line for line in lines if line.strip()]
    assert [row.problem is None for row in records.rows] == [True] + [False] * 6 + [True]
    assert records.rows[1].problem == "not JSON (Expecting ',' delimiter, position 11)"
    assert records.rows[-1].values == {"q": ["😀", r"\u0000"]}


@given(st.binary(max_size=40), st.integers(0, 3))
def test_bytes_between_lines_condemn_no_other_line(
    tmp_path_factory: pytest.TempPathFactory, junk: bytes, at: int
) -> None:
    good = [f'{{"id": {number}}}\n'.encode() for number in range(3)]
    path = tmp_path_factory.getbasetemp() / "junk.jsonl"
    path.write_bytes(b'{"first": 1}\n' + b"".join([*good[:at], junk.replace(b"\r", b"") + b"\n", *good[at:]]))
    read = [row for row in read_table(path, "j").rows if row.problem is None]
    assert [row.values["id"] for row in read if "id" in row.values and row.raw in good] == [0, 1, 2]


def test_files_that_are_not_what_they_are_called(tmp_path: Path) -> None:
    for name, data, message in (
        ("a.parquet", b"a,b\n1,2\n", "not a Parquet file"),
        ("a.json", b"Habari\nza leo\n", "not JSON Lines; row 1: not JSON"),
        ("a.json", b"[{}, ", "not JSON Lines; row 1: not JSON"),
        ("a.jsonl", b" \n", "the file is empty"),
        ("a.xlsx", b"PK", "a data file ends in one of"),
    ):
        (tmp_path / name).write_bytes(data)
        with pytest.raises(LrlError, match=f"^{name}: {message}"):
            read_table(tmp_path / name, name)


@pytest.mark.parametrize(
    ("name", "split"),
    [
        ("queries.train.json", None),
        ("queries.dev.json", "dev"),
        ("swa/test/0000.parquet", "test"),
        ("test/train.csv", None),
        ("data/validation-00000-of-00001.parquet", "validation"),
        ("train_test.csv", "test"),
        ("testimony.csv", None),
    ],
)
def test_evaluation_split(name: str, split: str | None) -> None:
    assert evaluation_split(name) == split


def test_find_files(tmp_path: Path) -> None:
    for name in ("b.train.csv", "a.csv", "dev.csv", "README.md", ".hidden/x.csv", "deep/c.jsonl"):
        (tmp_path / name).parent.mkdir(exist_ok=True)
        (tmp_path / name).write_text("x")
    wanted, evaluation = find_files(tmp_path, "train")
    assert [name for name, _ in wanted] == ["a.csv", "b.train.csv", "deep/c.jsonl"]
    assert [name for name, _ in evaluation] == ["dev.csv"]
    assert [name for name, _ in find_files(tmp_path / "a.csv", "train")[0]] == ["a.csv"]
    with pytest.raises(LrlError, match=r"dev\.csv: this is evaluation data"):
        find_files(tmp_path / "dev.csv", "train")
    with pytest.raises(LrlError, match="no such file or folder"):
        find_files(tmp_path / "nothing", "train")
    (tmp_path / "only").mkdir()
    (tmp_path / "only" / "test.csv").write_text("x")
    with pytest.raises(
        LrlError, match=r"no data file of split 'train' in the folder; evaluation data there: test\.csv"
    ):
        find_files(tmp_path / "only", "train")
