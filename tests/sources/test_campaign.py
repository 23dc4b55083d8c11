from __future__ import annotations

import json
from datetime import datetime
from pathlib import Path

import pytest

from lrl_datasets import schema
from lrl_datasets.errors import LrlError
from lrl_datasets.sources.campaign import Campaign

from .exports import ANSWER_TOML, JUDGEMENT_TOML, answer, campaign, tsv, vote


def record(row: dict[str, str]) -> str:
    from lrl_datasets.sources.toloka import record_id

    inputs = {name: cell for name, cell in row.items() if name.startswith("INPUT:")}
    return record_id(row["ASSIGNMENT:assignment_id"], None, inputs)


def test_answers_become_candidates(tmp_path: Path) -> None:
    rows = [
        answer("a1", context="Mito ya Afrika Mashariki."),
        answer("a2", text="", original_id="dolly:7"),
        answer("a3", original_id="", status="REJECTED"),
        answer("a4", original_id="", prompt_en=""),
        answer("a5", status="?"),
    ]
    tables = Campaign(path=campaign(tmp_path / "c", rows)).read()
    assert tables.candidates.schema == schema.CANDIDATE and tables.judgements.num_rows == 0
    first, empty, refused, without, unreadable = tables.candidates.to_pylist()
    sha = next(file.sha256 for file in tables.inputs if file.name == "answers.tsv")
    assert first == {
        "file": "answers.tsv",
        "file_sha256": sha,
        "row": 2,
        "record": record(dict(rows[0])),
        "worker": "w1",
        "assignment": "a1",
        "status": "accepted",
        "started": datetime(2024, 1, 1, 10),
        "submitted": datetime(2024, 1, 1, 10, 1),
        "reward": None,
        "may_hold_out": True,
        "may_be_unjudged": False,
        "keyed_id": True,
        "messages": [
            {"role": "user", "content": "Taja mito miwili.\n\nMito ya Afrika Mashariki."},
            {"role": "assistant", "content": "Rufiji na Tana."},
        ],
        "machine_translation": None,
        "english": [{"role": "user", "content": "Name two rivers."}],
        "golden": None,
        "language": "swh_Latn",
        "prompt_language": "swh_Latn",
        "source": "campaign",
        "source_revision": None,
        "source_score": None,
        "license": "CC0-1.0",
        "creation_method": "crowd",
        "lineage": ["mini:p1"],
        "model_name": None,
        "mark.source": None,
        "detail.source": None,
    }
    assert empty["messages"][1]["content"] == "" and empty["lineage"] == ["dolly:7"]
    assert empty["mark.source"] is None  # whether an empty answer stays is a filter's business
    assert refused["mark.source"] == "refused_by_requester" and refused["messages"] is not None
    assert refused["lineage"] == ["mini:" + schema.digest("Name two rivers.")]
    assert without["lineage"] == []
    assert unreadable["mark.source"] == "unreadable" and unreadable["messages"] is None
    assert unreadable["record"] is None and unreadable["worker"] is None
    ((file, row, raw),) = tables.quarantine
    assert (file, row) == ("answers.tsv", 6) and raw.endswith(
        b"?\t2024-01-01T10:00:00\t2024-01-01T10:01:00.000\n"
    )
    assert {file.name: file.records for file in tables.inputs} == {"campaign.toml": 0, "answers.tsv": 5}


def test_judgements(tmp_path: Path) -> None:
    answers = [answer("a1"), answer("a2"), answer("a2", prompt="Taja mlima.")]
    id1 = record(dict(answers[0]))
    votes = [
        vote(id1),
        vote("a1", "no"),  # the assignment names one record
        vote("a2"),  # this one names two
        vote(id1, "maybe"),
        vote(id1, "no", golden="yes"),
        vote(id1, "no", golden="perhaps"),
        vote(id1, "", status="SKIPPED"),
        vote("", status="REJECTED"),
        vote("nowhere"),
    ]
    tables = Campaign(path=campaign(tmp_path / "c", answers, votes)).read()
    rows = tables.judgements.to_pylist()
    assert tables.judgements.schema == schema.JUDGEMENT
    batch = next(file.sha256 for file in tables.inputs if file.name == "votes-1.tsv")[:12]
    assert {(row["batch"], row["question"], row["source"], row["file"]) for row in rows} == {
        (batch, "helpful", "campaign", "votes-1.tsv")
    }
    assert [(r["record"], r["label"], r["golden"], r["reason"]) for r in rows] == [
        (id1, "yes", None, None),
        (id1, "no", None, None),
        ("a2", "yes", None, None),
        (None, None, None, "unreadable"),
        (id1, "no", "yes", None),
        (None, None, None, "unreadable"),
        (id1, None, None, "not_submitted"),
        (None, "yes", None, "refused_by_requester"),
        ("nowhere", "yes", None, None),
    ]
    assert rows[3]["detail"] == "column OUTPUT:helpful is none of the stage's labels"
    assert rows[5]["detail"] == "column GOLDEN:helpful is none of the stage's labels"
    assert rows[0]["text"] == "Rufiji na Tana." and rows[3]["text"] is None
    assert [(file, row) for file, row, _ in tables.quarantine] == [("votes-1.tsv", 5), ("votes-1.tsv", 7)]


def test_what_became_of_a_suite_its_times_in_utc_and_its_reward(tmp_path: Path) -> None:
    votes = [
        vote(
            "a1",
            assignment="v1",
            status="SUBMITTED",
            verdict="-",
            reward="0.05",
            started="2024-01-01T12:00+03:00",
        ),
        vote("a1", assignment="v2", status="SKIPPED", reward="free", started="yesterday"),
        vote("a1", assignment="v3", status="EXPIRED", reward="-1"),
    ]
    rows = Campaign(path=campaign(tmp_path / "c", [answer()], votes)).read().judgements.to_pylist()
    keys = ("assignment", "status", "started", "submitted", "reward")
    assert [tuple(row[key] for key in keys) for row in rows] == [
        ("v1", "rejected", datetime(2024, 1, 1, 9), None, 0.05),
        ("v2", "skipped", None, None, None),
        ("v3", "expired", None, None, None),
    ]
    assert {row["status"] for row in rows} <= set(schema.STATUSES)


def test_two_answers_with_one_record_id_stay_two_rows(tmp_path: Path) -> None:
    tables = Campaign(path=campaign(tmp_path / "c", [answer(), answer(text="Nyingine.")])).read()
    assert tables.candidates.num_rows == 2 and len(set(tables.candidates["record"].to_pylist())) == 1


def test_several_stages_globs_and_facts(tmp_path: Path) -> None:
    folder = campaign(tmp_path / "c", [answer()], [vote("a1")])
    (folder / "votes-2.tsv").write_bytes(tsv([vote("a1", worker="w8")]))
    (folder / "more").mkdir()
    (folder / "more" / "a.tsv").write_bytes(tsv([answer("b1")]))
    more = ANSWER_TOML[ANSWER_TOML.index("[[stage]]") :].replace("answers.tsv", "more/a.tsv")
    (folder / "campaign.toml").write_text(ANSWER_TOML + more + JUDGEMENT_TOML.replace("votes-*", "votes-?"))
    tables = Campaign("mine").read(folder / "campaign.toml")  # the file is as good as its folder
    assert tables.candidates["file"].to_pylist() == ["answers.tsv", "more/a.tsv"]
    assert tables.candidates["source"].to_pylist() == ["mine", "mine"]
    assert tables.judgements["worker"].to_pylist() == ["w9", "w8"]
    facts = json.loads(json.dumps(tables.facts))
    assert facts == tables.facts
    assert {key: facts[key] for key in ("name", "sample", "license", "language")} == {
        "name": "mini",
        "sample": False,
        "license": "CC0-1.0",
        "language": "swh_Latn",
    }
    assert facts["stages"][2]["rules"] == {
        "aggregation": "dawid-skene",
        "golden_min_answers": 2,
        "golden_min_accuracy": 0.5,
    }
    assert facts["stages"][2]["labels"] == {"positive": ["yes"], "negative": ["no"]}
    assert facts["stages"][2]["pools"] == ["votes-1.tsv", "votes-2.tsv"]


@pytest.mark.parametrize(
    ("old", "new", "message"),
    [
        ('name = "mini"', "", "campaign.toml: name: Field required"),
        ('name = "mini"', "name = mini", "campaign.toml: not valid TOML: Invalid value (at line 2"),
        ('license = "CC0-1.0"', 'license = "CC0-1.0"\nlicence = "x"', "campaign.toml: licence: Extra inputs"),
        ('language = "swh_Latn"', 'language = "sw"', "campaign.toml: language: "),
        ('kind = "answer"', 'kind = "answers"', "campaign.toml: stage 1: "),
        ('question = "helpful"', "", "campaign.toml: stage 2: question: Field required"),
        ('positive = ["yes"]', 'positive = ["no"]', "campaign.toml: stage 2: labels: "),
        ("golden_min_accuracy = 0.5", "golden_min_accuracy = 50", "stage 2: rules.golden_min_accuracy: "),
        ('label = "OUTPUT:helpful"', "", "campaign.toml: stage 2: columns.label: Field required"),
        (
            'pools = ["answers.tsv"]',
            'pools = ["gone.tsv"]',
            "campaign.toml: pool file 'gone.tsv' is not there",
        ),
        (
            'pools = ["answers.tsv"]',
            'pools = ["gone*.tsv"]',
            "campaign.toml: no file matches pool 'gone*.tsv'",
        ),
        (
            'pools = ["answers.tsv"]',
            'pools = ["a**b.tsv"]',
            "campaign.toml: pool 'a**b.tsv': Invalid pattern",
        ),
        (
            'pools = ["answers.tsv"]',
            'pools = "answers.tsv"',
            "campaign.toml: stage 1: pools: Input should be a",
        ),
        ('pools = ["answers.tsv"]', 'pools = ["../a.tsv"]', "campaign.toml: pool '../a.tsv' is not a path"),
        (
            '"INPUT:context"',
            '"INPUT:text"',
            "answers.tsv: column 'INPUT:text' is missing (campaign.toml names it",
        ),
        ('label = "OUTPUT:helpful"', 'label = "OUTPUT:x"', "votes-1.tsv: column 'OUTPUT:x' is missing"),
    ],
)
def test_errors_name_file_and_key(tmp_path: Path, old: str, new: str, message: str) -> None:
    toml = ANSWER_TOML + JUDGEMENT_TOML
    assert old in toml
    folder = campaign(tmp_path / "c", [answer()], [vote("a1")], toml.replace(old, new))
    with pytest.raises(LrlError) as error:
        Campaign(path=folder).read()
    assert message in str(error.value)


def test_one_pool_in_two_stages_of_a_kind(tmp_path: Path) -> None:
    twice = ANSWER_TOML + ANSWER_TOML[ANSWER_TOML.index("[[stage]]") :].replace("answers.tsv", "ans*.tsv")
    with pytest.raises(LrlError, match=r"'answers\.tsv' stands in two stages of kind 'answer'"):
        Campaign(path=campaign(tmp_path / "c", [answer()], toml=twice)).read()


def test_no_folder_no_file(tmp_path: Path) -> None:
    with pytest.raises(LrlError, match="source campaign: no campaign folder given"):
        Campaign().read()
    with pytest.raises(LrlError, match=r"campaign\.toml: no such file"):
        Campaign().read(tmp_path)
