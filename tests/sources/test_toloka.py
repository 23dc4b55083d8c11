from __future__ import annotations

from pathlib import Path

import pytest

from lrl_datasets.errors import LrlError
from lrl_datasets.schema import digest
from lrl_datasets.sources.toloka import Export, read_export, record_id

from .exports import answer, tsv


def read(tmp_path: Path, data: bytes) -> Export:
    (tmp_path / "pool.tsv").write_bytes(data)
    return read_export(tmp_path / "pool.tsv", "pool.tsv")


def test_record_id() -> None:
    assert record_id("a1", "t1", {"INPUT:x": "1"}) == "a1--t1"
    inputs = {"INPUT:y": "2", "INPUT:x": "1"}
    assert record_id("a1", None, inputs) == "a1--" + digest("INPUT:x", "1", "INPUT:y", "2", length=16)
    assert record_id("a1", "", inputs) == record_id("a1", None, dict(sorted(inputs.items())))


def test_an_export_as_the_platform_writes_it(tmp_path: Path) -> None:
    """BOM, CRLF, quoted cells of several lines, blank rows between suites, a suite of two tasks."""
    rows = [
        answer("a1", text='Mstari wa kwanza\nna "wa pili"\n\nna wa nne'),
        answer("a1", prompt="Taja mlima."),
        answer("a2"),
    ]
    export = read(tmp_path, b"\xef\xbb\xbf" + tsv(rows, newline="\r\n", between="\r\n" + "\t" * 9 + "\r\n"))
    first, second, third = export.rows
    assert [first.row, second.row, third.row] == [4, 10, 13]
    assert first.cells["OUTPUT:answer"] == 'Mstari wa kwanza\nna "wa pili"\n\nna wa nne'
    assert {row.reason for row in export.rows} == {None}
    assert [row.duration_s for row in export.rows] == [30.0, 30.0, 60.0]
    assert [row.assignment_id for row in export.rows] == ["a1", "a1", "a2"]
    assert len({row.record for row in export.rows}) == 3
    assert first.record == record_id("a1", None, {k: v for k, v in rows[0].items() if k.startswith("INPUT:")})
    assert export.file.records == 3


def test_task_id_where_the_export_has_one(tmp_path: Path) -> None:
    assert read(tmp_path, tsv([answer("a1", task_id="t7")])).rows[0].record == "a1--t7"


@pytest.mark.parametrize(
    ("status", "verdict", "reason"),
    [
        ("APPROVED", "", None),
        ("SUBMITTED", "", None),
        ("submitted ", "", None),
        ("REJECTED", "", "refused_by_requester"),
        ("SKIPPED", "", "not_submitted"),
        ("EXPIRED", "", "not_submitted"),
        ("ACTIVE", "", "not_submitted"),
        ("LOST", "", "unreadable"),
        ("", "", "unreadable"),
        ("SUBMITTED", "-", "refused_by_requester"),
        ("APPROVED", " Rejected ", "refused_by_requester"),
        ("APPROVED", "no", "refused_by_requester"),
        ("REJECTED", "+", None),
        ("REJECTED", "YES", None),
        ("SUBMITTED", "maybe", "unreadable"),
        ("LOST", "+", "unreadable"),
    ],
)
def test_status_and_verdict(tmp_path: Path, status: str, verdict: str, reason: str | None) -> None:
    (row,) = read(tmp_path, tsv([answer(status=status, verdict=verdict)])).rows
    assert row.reason == reason
    assert (row.record is None) == (reason == "unreadable")
    assert (row.detail is None) == (reason is None)
    assert "LOST" not in (row.detail or "") and "maybe" not in (row.detail or "")  # never a raw cell


@pytest.mark.parametrize("column", ["assignment_id", "worker_id"])
def test_without_assignment_or_worker(tmp_path: Path, column: str) -> None:
    (row,) = read(tmp_path, tsv([answer(**{column: " "})])).rows
    assert (row.reason, row.detail) == ("unreadable", f"column ASSIGNMENT:{column} is blank")


@pytest.mark.parametrize(
    ("started", "submitted", "seconds"),
    [
        ("2024-01-01T10:00:00", "2024-01-01T10:00:12.5", 12.5),
        ("2024-01-01 10:00:00", "2024-01-01T10:00:00", 0.0),
        ("2024-01-01T10:00:00Z", "2024-01-01T13:00:01+03:00", 1.0),
        ("2024-01-01T10:00:00", "2024-01-01T09:00:00", None),
        ("2024-01-01T10:00:00Z", "2024-01-01T10:00:01", None),
        ("", "2024-01-01T10:00:00", None),
        ("jana", "leo", None),
    ],
)
def test_duration(tmp_path: Path, started: str, submitted: str, seconds: float | None) -> None:
    (row,) = read(tmp_path, tsv([answer(started=started, submitted=submitted)])).rows
    assert row.duration_s == seconds and row.reason is None


def test_a_line_that_stands_twice_is_two_records_and_one_task(tmp_path: Path) -> None:
    first, second = read(tmp_path, tsv([answer(), answer()])).rows
    assert first.record == second.record and first.duration_s == 60.0


def test_header_alone_has_no_records(tmp_path: Path) -> None:
    export = read(tmp_path, tsv([answer()]).split(b"\n")[0])
    assert export.rows == [] and export.file.records == 0


@pytest.mark.parametrize(
    "missing", ["INPUT:", "OUTPUT:", "ASSIGNMENT:assignment_id", "ASSIGNMENT:worker_id", "ASSIGNMENT:status"]
)
def test_a_required_column_is_missing(tmp_path: Path, missing: str) -> None:
    row = {name: cell for name, cell in answer().items() if not name.startswith(missing)}
    with pytest.raises(LrlError) as error:
        read(tmp_path, tsv([row]))
    assert str(error.value).startswith("pool.tsv: ") and missing in str(error.value)


@pytest.mark.parametrize(
    "data",
    [b"", b"Habari gani\n", tsv([answer()]).replace(b"\t", b","), "INPUT:a\tOUTPUT:b\n".encode("utf-16")],
)
def test_not_an_export(tmp_path: Path, data: bytes) -> None:
    with pytest.raises(LrlError, match=r"^pool\.tsv: "):
        read(tmp_path, data)
