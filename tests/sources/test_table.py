from __future__ import annotations

import json
from datetime import datetime
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from lrl_datasets.errors import LrlError
from lrl_datasets.sources import objects
from lrl_datasets.sources.campaign_toml import AnswerColumns, JudgementColumns
from lrl_datasets.sources.formulas import neutralised
from lrl_datasets.sources.table import read_export
from lrl_datasets.sources.toloka import Export

COLUMNS = AnswerColumns(
    prompt="swali",
    answer="jibu",
    worker="nani",
    assignment_id="kazi",
    status="hali",
    started="a",
    submitted="b",
)
HEADER = "swali,jibu,nani,kazi,hali,a,b\n"


def read(tmp_path: Path, text: str, columns: AnswerColumns | JudgementColumns = COLUMNS) -> Export:
    (tmp_path / "t.csv").write_text(text, newline="")
    return read_export(tmp_path / "t.csv", "t.csv", columns)


def test_a_row(tmp_path: Path) -> None:
    text = HEADER + "Taja mto.,Rufiji.,w1,k1,done,2024-01-01T10:00:00Z,2024-01-01T13:01:00+03:00\n"
    for sign in ",;\t":
        (one,) = read(tmp_path, text.replace(",", sign)).rows
        assert (one.reason, one.worker, one.assignment_id, one.status) == (None, "w1", "k1", "submitted")
        assert one.duration_s == 60.0 and one.submitted == datetime(2024, 1, 1, 10, 1)
        assert one.cells["jibu"] == "Rufiji."


def test_a_suites_time_is_divided_by_its_tasks(tmp_path: Path) -> None:
    time = "2024-01-01T10:00:00,2024-01-01T10:01:00"
    rows = read(
        tmp_path,
        HEADER + f"Mto?,Rufiji.,w1,k1,,{time}\nZiwa?,Nyasa.,w1,k1,,{time}\nMto?,Tana.,w2,k2,,{time}\n",
    ).rows
    assert [one.duration_s for one in rows] == [30.0, 30.0, 60.0]
    assert len({one.record for one in rows}) == 3


@pytest.mark.parametrize(
    ("row", "reason", "status"),
    [
        ("Mto?,Rufiji.,w1,k1,,,", None, "submitted"),
        ("Mto?,Rufiji.,w1,k1,Approved,,", None, "accepted"),
        ("Mto?,Rufiji.,w1,k1,rejected,,", "refused_by_requester", "rejected"),
        ("Mto?,Rufiji.,w1,k1,draft,,", "not_submitted", "active"),
        ("Mto?,,w1,k1,,,", "not_submitted", "active"),
        ("Mto?,,w1,k1,done,,", None, "submitted"),
        ("Mto?,Rufiji.,w1,k1,labda,,", "unreadable", None),
        ("Mto?,Rufiji.,,k1,,,", "unreadable", None),
        ("Mto?,Rufiji.,w1", "unreadable", None),
    ],
)
def test_what_becomes_of_a_row(tmp_path: Path, row: str, reason: str | None, status: str | None) -> None:
    (one,) = read(tmp_path, HEADER + row + "\n").rows
    assert (one.reason, one.status) == (reason, status)
    assert (one.detail is None) == (reason is None) and "labda" not in (one.detail or "")


def test_a_task_that_nobody_has_begun_is_no_record(tmp_path: Path) -> None:
    export = read(tmp_path, HEADER + "Mto?,,,,,,\nZiwa?,Nyasa.,w1,k1,,,\n")
    assert (len(export.rows), export.untouched) == (1, 1)


def test_without_ids_a_record_is_named_by_worker_and_inputs(tmp_path: Path) -> None:
    columns = AnswerColumns(prompt="swali", answer="jibu", worker="nani")
    first, other, edited = (
        read(tmp_path, f"swali,jibu,nani\n{row}\n", columns).rows[0].record
        for row in ("Mto?,Rufiji.,w1", "Mto?,Rufiji.,w2", "Mto?,Tana.,w1")
    )
    assert first == edited != other


@given(st.text(st.characters(exclude_characters="\0\r", exclude_categories=["Cs"]), min_size=1))
def test_cells_that_a_spreadsheet_would_run_come_back(
    tmp_path_factory: pytest.TempPathFactory, text: str
) -> None:
    path = tmp_path_factory.mktemp("t")
    columns = AnswerColumns(prompt="swali", answer="jibu", worker="nani")
    quoted = neutralised(text).replace('"', '""')
    (one,) = read(path, f'swali,jibu,nani\nMto?,"{quoted}",w1\n', columns).rows
    assert one.cells["jibu"] == text
    # JSON Lines are no spreadsheet: their cells stand as they are.
    (path / "t.jsonl").write_text(json.dumps({"swali": "Mto?", "jibu": f"'{text}", "nani": 1}) + "\n")
    (line,) = read_export(path / "t.jsonl", "t.jsonl", columns).rows
    assert line.cells["jibu"] == objects.cell(f"'{text}") and line.worker == "1"


@pytest.mark.parametrize("missing", ["nani", "kazi", "hali"])
def test_a_column_is_missing(tmp_path: Path, missing: str) -> None:
    with pytest.raises(LrlError, match=rf"^t\.csv: column '{missing}' is missing; there are: "):
        read(tmp_path, HEADER.replace(missing, "x") + "a,b,c,d,e,f,g\n")


def test_in_any_order(tmp_path: Path) -> None:
    lines = ["Mto?,Rufiji.,w1,k1,,,\n", "Ziwa?,Nyasa.,w1,k2,,,\n"]
    names = {read(tmp_path, HEADER + "".join(order)).file.sha256 for order in (lines, lines[::-1])}
    assert len(names) == 1
    objects_ = [{"swali": "Mto?", "nani": "w"}, {"swali": "Ziwa?", "nani": "w"}]
    (tmp_path / "t.json").write_text(json.dumps(objects_))
    (tmp_path / "u.json").write_text(json.dumps(objects_[::-1]))
    (tmp_path / "v.json").write_text(json.dumps(objects_[:1] * 2))
    columns = AnswerColumns(prompt="swali", answer="jibu", worker="nani")
    first, turned, other = (
        read_export(tmp_path / name, "t", columns) for name in ("t.json", "u.json", "v.json")
    )
    assert first.file.sha256 == turned.file.sha256 != other.file.sha256


CROWDFLOWER = JudgementColumns(
    answer_id="_unit_id", label="Answer.output", worker="_worker_id", assignment_id="_id", started="_started_at",
    submitted="_created_at",
)  # fmt: skip
REAL = {"1": (27, 24.0), "2": (63, 84.0), "3": (30, 13.0), "4": (16, 62.0), "5": (12, 67.0)}


@pytest.mark.data
@pytest.mark.parametrize("number", REAL)
def test_real_crowdflower_exports(data_dir: Path, number: str) -> None:
    path = data_dir / "mturk_cf_formats" / f"platform_cf{number}.csv"
    export = read_export(path, path.name, CROWDFLOWER)
    assert (len(export.rows), export.rows[0].duration_s) == REAL[number]
    assert {one.reason for one in export.rows} == {None}
    assert len({one.record for one in export.rows}) == len(export.rows)
