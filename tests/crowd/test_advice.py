"""Advice on low agreement: one made crowd for each cause, and what is said of it; and how good each worker is."""

from __future__ import annotations

import numpy as np
import pyarrow as pa
import pytest

from lrl_datasets.crowd import skill
from lrl_datasets.crowd.advice import Advice, advise, divided
from lrl_datasets.crowd.agreement import agreement
from lrl_datasets.intervals import clopper_pearson

JUDGED = pa.schema(
    [
        *((name, pa.string()) for name in ("answer_id", "worker", "label", "golden", "reason")),
        ("counted", pa.bool_()),
    ]
)


def judged(rows: list[tuple[str, str, str]], golden: list[tuple[str, str, str]] | None = None) -> pa.Table:
    """Counted votes (answer, worker, label) and golden judgements (worker, label, truth)."""
    listed = [dict(zip(JUDGED.names, row, strict=False)) | {"counted": True} for row in rows]
    listed += [
        {"worker": worker, "label": label, "golden": truth, "reason": "golden", "counted": False}
        for worker, label, truth in golden or []
    ]
    return pa.Table.from_pylist(listed, schema=JUDGED)


def crowd(
    accuracy: float, yes: float = 0.5, hard: float = 0.0, bad: int = 0, votes: int = 5, seed: int = 0
) -> list[tuple[str, str, str]]:
    """200 answers by 20 workers: a share is a coin toss for everybody, the first `bad` workers toss one always."""
    rng = np.random.default_rng(seed)
    rows = []
    for n in range(200):
        good, coin = rng.random() < yes, rng.random() < hard
        for worker in rng.choice(20, votes, replace=False):
            right = rng.random() < (0.5 if coin or worker < bad else accuracy)
            rows.append((f"a{n:03}", f"w{worker:02}", "yes" if right == good else "no"))
    return rows


def told(
    rows: list[tuple[str, str, str]], golden: list[tuple[str, str, str]] | None = None
) -> dict[str, str]:
    table = judged(rows, golden)
    votes = table.filter(table["counted"])
    found: list[Advice] = advise(votes, skill.of_workers(table), agreement(votes))
    return {one.cause: one.words for one in found}


@pytest.mark.parametrize("seed", range(3))
@pytest.mark.parametrize(
    ("rows", "cause", "said"),
    [
        ({"accuracy": 0.95, "yes": 0.97}, "prevalence", "of the votes are 'yes'"),
        ({"accuracy": 0.95, "bad": 4}, "few_workers", "4 of 20 workers"),
        ({"accuracy": 0.98, "hard": 0.35}, "hard_answers", "Most divided: a"),
        ({"accuracy": 0.75}, "unclear_instructions", "Rewrite the instructions"),
    ],
)
def test_each_cause_is_named_and_no_other(rows: dict[str, float], cause: str, said: str, seed: int) -> None:
    found = told(crowd(**rows, seed=seed))  # type: ignore[arg-type]
    assert found.keys() - {"too_few_votes"} == {cause} and said in found[cause]


def test_nothing_is_said_of_a_crowd_that_agrees() -> None:
    assert told(crowd(0.97)) == {}


def test_with_three_votes_hard_answers_look_like_unclear_instructions_and_that_is_said() -> None:
    assert "give fifty of them five" in told(crowd(0.8, votes=3))["unclear_instructions"]


def test_golden_tasks_done_far_better_than_answers_agree_mean_hard_answers() -> None:
    golden = [(f"w{n % 20:02}", "yes", "yes") for n in range(200)]
    assert "golden tasks are done right in 100%" in told(crowd(0.8, votes=3), golden)["hard_answers"]
    wrong = [(worker, "yes" if n % 10 else "no", truth) for n, (worker, _, truth) in enumerate(golden[:30])]
    assert "Of the golden tasks 90% are done right" in told(crowd(0.75), wrong)["unclear_instructions"]


def test_a_few_answers_settle_nothing() -> None:
    rows = [(f"a{n}", worker, "yes" if n % 2 or (n < 3 and worker == "w2") else "no")
            for n in range(5) for worker in ("w0", "w1", "w2")]  # fmt: skip
    assert "Judge more answers" in told(rows)["too_few_votes"]
    assert told([("a", "w0", "yes"), ("b", "w0", "no")]) == {
        "too_few_votes": "Alpha is undefined: no answer has two counted votes."
    }


def test_the_most_divided_come_first() -> None:
    rows = [(name, f"w{n}", label) for name, labels in (("a", "nnny"), ("b", "yyyy"), ("c", "yynn"))
            for n, label in enumerate(labels)]  # fmt: skip
    assert divided(judged(rows)) == ["c", "a"]


def test_a_worker_is_measured_on_golden_tasks_and_beside_the_others() -> None:
    rows = [(f"a{n}", worker, "yes" if n % 2 else "no") for n in range(10) for worker in ("w0", "w1", "w2")]
    rows = [(a, w, {"yes": "no", "no": "yes"}[label] if w == "w2" else label) for a, w, label in rows]
    golden = [("w0", "yes", "yes")] * 4 + [("w0", "no", "yes")]
    found = {row["worker"]: row for row in skill.of_workers(judged(rows, golden)).to_pylist()}
    w0, w1, w2 = (found[f"w{n}"] for n in range(3))
    assert (w0["golden_tasks"], w0["golden"]) == (5, 0.8)
    # Clopper and Pearson for 4 of 5, as in their table: .284 to .995.
    assert (round(w0["golden_low"], 3), round(w0["golden_high"], 3)) == (0.284, 0.995)
    assert w1["golden"] is None and w1["compared"] == 10
    assert w2["others"] < 0.5 < w1["others"] and w2["others_high"] < w1["others_low"]
    assert (w2["label"], w2["share"]) == ("yes", 0.5)


def test_a_vote_that_nobody_can_be_beside_says_nothing_and_a_refused_worker_is_named() -> None:
    table = judged([("a", "w0", "yes"), ("b", "w0", "no")])
    out = {"answer_id": "a", "worker": "out", "label": "no", "reason": "failed_worker", "counted": False}
    table = pa.concat_tables([table, pa.Table.from_pylist([out], schema=JUDGED)])
    found = {row["worker"]: row for row in skill.of_workers(table).to_pylist()}
    assert found["w0"]["others"] is None and found["w0"]["compared"] == 0
    assert (found["out"]["reason"], found["out"]["votes"], found["w0"]["reason"]) == (
        "failed_worker",
        0,
        None,
    )


def test_the_interval_of_none_and_of_all() -> None:
    assert clopper_pearson(0, 0) == (None, None)
    low, high = clopper_pearson(10, 10)
    assert high == 1.0 and low == pytest.approx(0.025 ** (1 / 10))
