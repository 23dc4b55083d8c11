from __future__ import annotations

import csv
import io
from datetime import datetime
from pathlib import Path

import pytest

from lrl_datasets.errors import LrlError
from lrl_datasets.sources.campaign import Campaign
from lrl_datasets.sources.mturk import read_export
from lrl_datasets.sources.toloka import Export


def row(assignment: str = "A1", **more: str) -> dict[str, str]:
    cells = {
        "HITId": "H1", "AssignmentId": assignment, "WorkerId": "W1", "AssignmentStatus": "Submitted",
        "AcceptTime": "Wed Jan 24 09:48:10 PST 2018", "SubmitTime": "Wed Jan 24 09:48:40 PST 2018",
        "Reward": "$0.05", "Input.prompt": "Taja mto.", "Answer.text": "Rufiji.", "Approve": "", "Reject": "",
    }  # fmt: skip
    return cells | more


def data(*rows: dict[str, str]) -> bytes:
    out = io.StringIO(newline="")
    writer = csv.DictWriter(
        out, list(dict.fromkeys(name for one in rows for name in one)), quoting=csv.QUOTE_ALL
    )
    writer.writeheader()
    writer.writerows(rows)
    return out.getvalue().encode()


def read(tmp_path: Path, *rows: dict[str, str]) -> Export:
    (tmp_path / "Batch_1_batch_results.csv").write_bytes(data(*rows))
    return read_export(tmp_path / "Batch_1_batch_results.csv", "batch.csv")


def test_an_assignment(tmp_path: Path) -> None:
    (one,) = read(tmp_path, row()).rows
    assert (one.reason, one.record, one.assignment_id, one.worker) == (None, "A1--H1", "A1", "W1")
    assert one.cells["Answer.text"] == "Rufiji." and one.cells["Input.prompt"] == "Taja mto."
    assert (one.status, one.duration_s, one.reward) == ("submitted", 30.0, 0.05)
    assert one.started == datetime(2018, 1, 24, 17, 48, 10)  # Seattle's winter, in UTC
    (timed,) = read(tmp_path, row(WorkTimeInSeconds="12")).rows
    assert timed.duration_s == 12.0


@pytest.mark.parametrize(
    ("status", "approve", "reject", "reason", "told"),
    [
        ("Submitted", "", "", None, "submitted"),
        ("Approved", "", "", None, "accepted"),
        ("rejected", "", "", "refused_by_requester", "rejected"),
        ("Submitted", "x", "", None, "accepted"),
        ("Submitted", "", "Si Kiswahili", "refused_by_requester", "rejected"),
        ("Rejected", "X", "", None, "accepted"),
        ("Submitted", "x", "no", "unreadable", None),
        ("Lost", "", "", "unreadable", None),
    ],
)
def test_status_and_review(
    tmp_path: Path, status: str, approve: str, reject: str, reason: str | None, told: str | None
) -> None:
    (one,) = read(tmp_path, row(AssignmentStatus=status, Approve=approve, Reject=reject)).rows
    assert (one.reason, one.status) == (reason, told)
    assert "Kiswahili" not in (one.detail or "") and "Lost" not in (one.detail or "")


def test_answers_hidden_in_a_form(tmp_path: Path) -> None:
    form = '[{"helpful": {"yes": true, "no": false}, "why": "Wazi.", "stars": 4}]'
    forms = [row("A1"), row("A2"), row("A3")]
    for one, cell in zip(forms, (form, "[{", "[1]"), strict=True):
        del one["Answer.text"]
        one["Answer.taskAnswers"] = cell
    export = read(tmp_path, *forms)
    good, damaged, no_form = export.rows
    assert [good.cells[f"Answer.{name}"] for name in ("helpful", "why", "stars")] == ["yes", "Wazi.", "4"]
    assert "Answer.helpful" in export.columns
    assert (damaged.reason, damaged.detail) == ("unreadable", "column Answer.taskAnswers is not JSON")
    assert (no_form.reason, no_form.detail) == ("unreadable", "column Answer.taskAnswers is not one form")


def test_options_that_are_columns(tmp_path: Path) -> None:
    options = {"Answer.helpful.yes": "true", "Answer.helpful.no": "false"}
    both = {"Answer.helpful.yes": "true", "Answer.helpful.no": "true"}
    first, second = read(tmp_path, row("A1", **options), row("A2", **both)).rows
    assert (first.cells["Answer.helpful"], second.cells["Answer.helpful"]) == ("yes", "yes|no")


def test_a_hit_that_nobody_took_is_no_record(tmp_path: Path) -> None:
    nobody = row("", WorkerId="", AssignmentStatus="", **{"Answer.text": ""})
    export = read(tmp_path, row(), nobody, row("", WorkerId="W2"), row("A3", WorkerId=" "))
    assert export.untouched == 1
    assert [(one.reason, one.detail) for one in export.rows] == [
        (None, None),
        ("unreadable", "column AssignmentId is blank"),
        ("unreadable", "column WorkerId is blank"),
    ]
    assert [one.row for one in export.rows] == [2, 4, 5]  # the lines of the file, for whoever looks there


def test_a_damaged_line_condemns_itself(tmp_path: Path) -> None:
    lines = data(row("A1"), row("A2"), row("A3")).splitlines(keepends=True)
    (tmp_path / "b.csv").write_bytes(b"".join([*lines[:2], lines[2][:40] + b"\n", lines[3]]))
    export = read_export(tmp_path / "b.csv", "b.csv")
    assert [one.reason for one in export.rows] == [None, "unreadable", None]


def test_in_any_order(tmp_path: Path) -> None:
    rows = [row("A1"), row("A2", WorkerId="W2")]
    assert read(tmp_path, *rows).file.sha256 == read(tmp_path, *reversed(rows)).file.sha256


@pytest.mark.parametrize("missing", ["HITId", "AssignmentId", "WorkerId", "Answer.text"])
def test_a_required_column_is_missing(tmp_path: Path, missing: str) -> None:
    cells = row()
    del cells[missing]
    with pytest.raises(LrlError, match=r"^batch\.csv: .*there are: "):
        read(tmp_path, cells)


ITEMS = """
name = "mini"
language = "swh_Latn"
license = "CC0-1.0"

[[stage]]
kind = "judgement"
format = "mturk"
pools = ["b.csv"]
question = "helpful"
[stage.columns]
answer_id = "Input.id_{n}"
label = "Answer.helpful_{n}"
golden = "Input.gold_{n}"
[stage.labels]
positive = ["yes"]
negative = ["no"]
"""


def test_several_items_on_one_page(tmp_path: Path) -> None:
    items = {
        "Input.id_1": "a", "Input.id_2": "b", "Input.id_10": "", "Input.gold_1": "", "Input.gold_2": "no",
        "Input.gold_10": "", "Answer.helpful_1": "yes", "Answer.helpful_2": "no", "Answer.helpful_10": "",
    }  # fmt: skip
    last = items | {"Input.id_10": "c", "Answer.helpful_10": "maybe"}
    (tmp_path / "b.csv").write_bytes(data(row("A1", **items), row("A2", WorkerId="W2", **last)))
    (tmp_path / "campaign.toml").write_text(ITEMS)
    judged = Campaign(path=tmp_path).read().judgements.to_pylist()
    assert [
        (r["worker"], r["record"], r["label"], r["golden"], r["reason"], r["duration_s"]) for r in judged
    ] == [
        ("W1", "a", "yes", None, None, 15.0),
        ("W1", "b", "no", "no", None, 15.0),
        ("W2", "a", "yes", None, None, 10.0),
        ("W2", "b", "no", "no", None, 10.0),
        ("W2", None, None, None, "unreadable", 10.0),
    ]


@pytest.mark.parametrize("sign", [";", "\t"])
def test_other_delimiters(tmp_path: Path, sign: str) -> None:
    (tmp_path / "b.csv").write_bytes(data(row()).replace(b'","', f'"{sign}"'.encode()))
    (one,) = read_export(tmp_path / "b.csv", "b.csv").rows
    assert (one.record, one.cells["Answer.text"]) == ("A1--H1", "Rufiji.")


def test_json_is_none_of_mturks(tmp_path: Path) -> None:
    (tmp_path / "b.csv").write_text('[{"HITId": 1}]')
    with pytest.raises(
        LrlError, match=r"^b\.csv: Mechanical Turk's results are delimited text, and this is json"
    ):
        read_export(tmp_path / "b.csv", "b.csv")


CROWDTRUTH = {"1": (27, 186.0), "2": (63, 10.0), "3": (30, 23.0), "4": (16, 20.0), "5": (12, 23.0)}
"""Records of each file, and the seconds of its first one, counted by hand."""


@pytest.mark.data
@pytest.mark.parametrize("number", CROWDTRUTH)
def test_real_exports(data_dir: Path, number: str) -> None:
    path = data_dir / "mturk_cf_formats" / f"platform_amt{number}.csv"
    export = read_export(path, path.name)
    assert (len(export.rows), export.rows[0].duration_s) == CROWDTRUTH[number]
    assert {one.reason for one in export.rows} == {None} and export.untouched == 0
    assert len({one.record for one in export.rows}) == len(export.rows)
    assert {one.cells["Answer.output"] for one in export.rows} <= set("ABCDE")
    assert all(one.worker and one.worker.startswith("W") for one in export.rows)
