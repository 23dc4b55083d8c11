"""Damaged exports: whatever happens to the bytes, no row is lost and the damage stays where it is.

The two ledgers of a build start here: every record of an answer pool is one candidate, every record of a
judgement pool is one judgement, unreadable ones included.
"""

from __future__ import annotations

import tempfile
from collections import Counter
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from lrl_datasets.errors import LrlError
from lrl_datasets.sources.base import SourceTables
from lrl_datasets.sources.campaign import Campaign

from .exports import Row, answer, campaign, tsv, vote

ANSWERS: list[Row] = [
    answer("a1"),
    answer("a2", text='Mto "Tana"\nni mrefu,\n\nna Rufiji pia.'),
    answer("a3", text='"Ndiyo", alisema.'),
    answer("a4", context="Mistari\nmiwili\tna kichupo", text=""),
    answer("a5", status="REJECTED"),
    answer("a6", text="Sentensi yenye 5\" ndani na 'nyingine'."),
    *(answer(f"b{number}", text=f"Jibu la {number}.") for number in range(5)),
]
VOTES: list[Row] = [
    vote("a1", "yes", "v1"),
    vote("a2", "no", "v2", answer='Mto "Tana"\nni mrefu,\n\nna Rufiji pia.'),
    vote("a3", "yes", "v3", golden="yes"),
    vote("a4", "no", "v4", status="EXPIRED"),
    vote("a5", "yes", "v5", worker="w2"),
    *(vote(f"b{number}", "yes", f"v1{number}", f"w1{number}") for number in range(5)),
]


def parts(rows: list[Row]) -> list[bytes]:
    """Header and records of an export, each with its line end."""
    header = tsv([dict.fromkeys(rows[0], "")]).split(b"\n")[0] + b"\n"
    return [header, *(tsv([row])[len(header) :] for row in rows)]


@st.composite
def damaged(draw: st.DrawFn, rows: list[Row]) -> tuple[bytes, set[int]]:
    """A damaged export and the numbers (from 0) of the records that the damage touched."""
    header, *records = parts(rows)
    touched: set[int] = set()
    after: dict[int, list[bytes]] = {}
    for _ in range(draw(st.integers(1, 4))):
        number = draw(st.integers(0, len(records) - 1))
        body = records[number].removesuffix(b"\n")
        at = draw(st.integers(0, len(body)))
        kind = draw(
            st.sampled_from(
                ["insert", "insert", "cut", "delete", "line", "twice", "status", "blank", "join", "pair"]
            )
        )
        if kind == "insert":
            what = draw(
                st.sampled_from(
                    [b'"', b'"', b"\xff", b"\0", b"\t", b"\n", b"\r", b"\xc3", b'\t"', b'"\t', b"x"]
                )
            )
            body = body[:at] + what + body[at:]
        elif kind == "cut":
            body = body[:at]
        elif kind == "delete":
            body = body[:at] + body[at + draw(st.integers(1, 9)) :]
        elif kind == "line":
            lines = body.split(b"\n")
            del lines[draw(st.integers(0, len(lines) - 1))]
            body = b"\n".join(lines)
        elif kind == "pair":  # two stray quotes that would make one cell of everything between them
            other, column = draw(st.integers(0, len(records) - 1)), draw(st.integers(0, 8))
            for one, (before, behind) in ((number, (b'"', b"")), (other, (b"", b'"'))):
                cells = records[one].removesuffix(b"\n").split(b"\t")
                cells[column % len(cells)] = before + cells[column % len(cells)] + behind
                records[one] = b"\t".join(cells) + b"\n"
                touched.add(one)
            continue
        elif kind == "status":
            body = body.replace(
                b"APPROVED", draw(st.sampled_from([b"ACCEPTED", b"", b"SKIPPED", b"approved"]))
            )
        elif kind in ("twice", "blank"):
            after.setdefault(number, []).append(records[number] if kind == "twice" else b"\t\r\n\n")
            touched |= {number} if kind == "twice" else set()
            continue
        end = b"\n"
        if kind == "join":
            end = b""
            touched |= {number + 1}
        touched.add(number)
        records[number] = body + end
    return header + b"".join(r + b"".join(after.get(i, [])) for i, r in enumerate(records)), touched


def read(answers: bytes, votes: bytes) -> SourceTables:
    with tempfile.TemporaryDirectory() as name:
        folder = campaign(Path(name) / "c", ANSWERS, VOTES)
        (folder / "answers.tsv").write_bytes(answers)
        (folder / "votes-1.tsv").write_bytes(votes)
        return Campaign(path=folder).read()


def rows_of(tables: SourceTables, which: str, worker: str) -> list[dict[str, object]]:
    """Rows without what depends on the place in the file or on the file as a whole."""
    table = getattr(tables, which).drop_columns(["file_sha256", "row"])
    if which == "judgements":
        table = table.drop_columns(["batch", "record"])  # which answers there are is the other file's matter
    return table.to_pylist()


WHOLE = read(b"".join(parts(ANSWERS)), b"".join(parts(VOTES)))


def test_undamaged() -> None:
    assert WHOLE.candidates["mark.source"].to_pylist() == [None] * 4 + ["refused_by_requester"] + [None] * 6
    assert WHOLE.judgements["reason"].to_pylist() == [None] * 3 + ["not_submitted"] + [None] * 6
    assert not WHOLE.quarantine


@settings(max_examples=250, deadline=None)
@given(damaged(ANSWERS), damaged(VOTES))
def test_both_ledgers_hold(answers: tuple[bytes, set[int]], votes: tuple[bytes, set[int]]) -> None:
    tables = read(answers[0], votes[0])
    files = {file.name: file for file in tables.inputs}
    for which, name, reason, (data, touched) in (
        ("candidates", "answers.tsv", "mark.source", answers),
        ("judgements", "votes-1.tsv", "reason", votes),
    ):
        table = getattr(tables, which)
        # the ledger: as many rows as records, each starting on a line of its own that is not blank
        assert table.num_rows == files[name].records
        starts = table["row"].to_pylist()
        assert starts == sorted(set(starts)) and all(start > 1 for start in starts)
        lines = data.split(b"\n")
        assert all(lines[start - 1].strip() for start in starts)
        # what could not be read is in quarantine as it stands in the file
        held = {row: raw for file, row, raw in tables.quarantine if file == name}
        refused = [
            row for row, why in zip(starts, table[reason].to_pylist(), strict=True) if why == "unreadable"
        ]
        assert sorted(held) == refused
        assert all(
            b"\n".join(lines[row - 1 :]).startswith(raw.removesuffix(b"\n")) for row, raw in held.items()
        )
        # what the damage did not touch is as it was
        found, wanted = rows_of(tables, which, name), rows_of(WHOLE, which, name)
        for number, row in enumerate(wanted):
            if number not in touched:
                assert row in found, f"{name}: record {number} was not touched and is not the same"
        # a line that was only doubled is there twice; nothing else multiplies
        counts = Counter(map(repr, found))
        assert all(counts[repr(row)] == 1 for n, row in enumerate(wanted) if n not in touched)


@pytest.mark.parametrize("column", sorted(ANSWERS[0]))
def test_a_dropped_column(column: str) -> None:
    rows = [{name: cell for name, cell in row.items() if name != column} for row in ANSWERS]
    if column in ("ASSIGNMENT:started", "ASSIGNMENT:submitted"):
        assert read(b"".join(parts(rows)), b"".join(parts(VOTES))).candidates.num_rows == len(ANSWERS)
    else:
        with pytest.raises(LrlError) as error:
            read(b"".join(parts(rows)), b"".join(parts(VOTES)))
        assert str(error.value).startswith("answers.tsv: ") and column.split(":", maxsplit=1)[0] in str(
            error.value
        )


@settings(max_examples=300, deadline=None)
@given(
    st.lists(
        st.sampled_from([*parts(ANSWERS), *parts(VOTES), *b'\t"\n\r\0\xff', b"\xef\xbb\xbf"]), max_size=12
    )
)
def test_any_bytes_are_read_or_refused_in_words(pieces: list[bytes | int]) -> None:
    data = b"".join(piece if isinstance(piece, bytes) else bytes([piece]) for piece in pieces)
    try:
        tables = read(data, b"".join(parts(VOTES)))
    except LrlError as error:
        assert str(error).startswith("answers.tsv: ")
    else:
        assert (
            tables.candidates.num_rows == {file.name: file.records for file in tables.inputs}["answers.tsv"]
        )
