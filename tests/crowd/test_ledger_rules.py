"""Releases of campaigns with every rule on, and with a rubric: each judgement ends in one place, with its reason."""

from __future__ import annotations

from pathlib import Path

import pyarrow.parquet as pq
import pytest

from lrl_datasets.build import Built, build
from lrl_datasets.crowd.rubric import CRITERIA
from tests.sources.exports import ANSWER_TOML, MAJORITY_TOML, answer, campaign, tsv, vote
from tests.test_build import BUILDER

RULES = """
training_pools = ["training.tsv"]
training_min_accuracy = 0.5
exam_pools = ["exam.tsv"]
exam_min_accuracy = 0.5
max_skipped_in_row = 1
too_fast_z = 3.5
one_answer_share = 1.0
one_answer_min_answers = 20
majority_min_agreement = 0.5
majority_min_answers = 2
majority_votes = 3
"""


@pytest.fixture(autouse=True)
def _key(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("LRL_PSEUDONYM_KEY", "a key for the tests only")


def built(folder: Path, tmp_path: Path) -> tuple[Built, list[dict[str, object]]]:
    release = build(BUILDER, name="mini", out=tmp_path / "build", given={"campaign": folder})
    path = release.manifest["configs"]["annotations"]["train"]["path"]
    rows = pq.read_table(release.folder / path).to_pylist()
    ledger = release.manifest["judgements"]
    assert (
        ledger["judgements"] == len(rows) == ledger["counted"] + ledger["not_counted"] + ledger["withdrawn"]
    )
    assert ledger["not_counted"] == sum(ledger["reasons"].values())
    assert all(row["counted"] == (row["reason"] is None) for row in rows)
    return release, rows


def test_every_rule_on(tmp_path: Path) -> None:
    texts = {f"a{n}": f"Mto wa {n} hutiririka kutoka milimani hadi baharini kila mwaka." for n in range(25)}
    answers = [answer(name, prompt=f"Eleza mto wa {name}.", text=text) for name, text in texts.items()]

    def votes(worker: str, seconds: int = 30, **more: str) -> list[dict[str, str]]:
        rows = []
        for n, (name, text) in enumerate(texts.items()):
            label = "no" if n % 2 else "yes"
            if worker == "clicker" or (worker == "contrary" and n < 25):
                label = "yes" if worker == "clicker" or label == "no" else "no"
            rows.append(dict(vote(
                name, label, f"{worker}-{n}", worker, answer=text, started=f"2024-01-02T10:{n:02d}:00",
                submitted=f"2024-01-02T10:{n:02d}:{min(seconds + n % 9, 59):02d}", **more,
            )))  # fmt: skip
        return rows

    people = [f"judge{n}" for n in range(4)]
    takers = [*people, "hasty", "clicker", "contrary", "skips", "untrained", "unexamined"]
    rows = [row for worker in takers for row in votes(worker, seconds=0 if worker == "hasty" else 30)]
    rows += [
        dict(vote("a1", "", f"skip-{n}", "skips", answer=texts["a1"], status="SKIPPED",
                  started=f"2024-01-02T11:{n:02d}:00"))
        for n in range(2)
    ]  # fmt: skip
    place = campaign(
        tmp_path / "c", answers, rows,
        ANSWER_TOML + MAJORITY_TOML.replace('["votes-*.tsv"]', '["votes-*.tsv", "training.tsv", "exam.tsv"]') + RULES,
    )  # fmt: skip
    for pool, absent in (("training", "untrained"), ("exam", "unexamined")):
        done = [vote("", "yes", f"{pool}-{w}", w, golden="yes", answer="") for w in takers if w != absent]
        (place / f"{pool}.tsv").write_bytes(tsv(done))
    release, rows_out = built(place, tmp_path)
    assert release.manifest["judgements"]["reasons"] == {
        "not_submitted": 2, "golden": 18, "failed_training": 25, "failed_exam": 25, "skipped_in_row": 25,
        "too_fast": sum(row["reason"] == "too_fast" for row in rows_out), "one_answer": 25, "against_majority": 25,
    }  # fmt: skip
    # Of the hasty judge's tasks those under a second or two; nobody else's.
    assert 0 < release.manifest["judgements"]["reasons"]["too_fast"] <= 25
    assert release.manifest["judgements"]["counted"] >= 4 * 25


def test_a_rubric_in_a_release(tmp_path: Path) -> None:
    stages = [
        MAJORITY_TOML.replace('"helpful"', f'"{name}"')
        .replace("OUTPUT:helpful", f"OUTPUT:{name}")
        .replace('["yes"]', '["1", "2"]')
        .replace('["no"]', '["0"]')
        for name in CRITERIA
    ]
    votes = [
        {
            key: cell
            for key, cell in vote("a1", worker=judge, assignment=judge).items()
            if "helpful" not in key
        }
        | {f"OUTPUT:{name}": mark for name, mark in zip(CRITERIA, marks, strict=True)}
        for judge, marks in {"judge1": "202222", "judge2": "202212", "judge3": "222222"}.items()
    ]
    place = campaign(tmp_path / "c", [answer()], votes, ANSWER_TOML + "".join(stages))
    release, rows = built(place, tmp_path)
    assert len(rows) == 18 and release.manifest["judgements"]["counted"] == 18
    # As given, not as read: a worker who gave fluency 0 still said 2 to helpfulness.
    assert [row["label"] for row in rows if row["question"] == "helpful"] == ["2", "2", "2"]
    refused = pq.read_table(
        release.folder / release.manifest["configs"]["rejected"]["train"]["path"]
    ).to_pylist()
    assert [(row["reason"], row["helpfulness"]) for row in refused] == [("unhelpful", 0.3333)]
