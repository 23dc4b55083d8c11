"""The simulated crowd: its types do what they are called, and nobody does what he may not."""

from __future__ import annotations

from collections import Counter, defaultdict
from itertools import pairwise
from typing import Any

import pyarrow as pa
import pytest

from lrl_datasets.crowd import simulation
from lrl_datasets.crowd.simulation import Terms
from lrl_datasets.crowd.tasks import suites
from lrl_datasets.errors import LrlError

SCHEMA = suites.tasks_schema(())
LABELS = ("yes", "no")


def tasks(
    number: int, overlap: int = 1, suite: int = 5, golden: int = 0, barred: tuple[str, ...] = ()
) -> pa.Table:
    def row(name: str, truth: str | None) -> dict[str, Any]:
        return {
            "suite": 0,
            "task": name,
            "golden": truth,
            "hint": None,
            "overlap": overlap,
            "unavailable_for": barred,
        }

    real = pa.Table.from_pylist([row(f"t{n}", None) for n in range(number)], schema=SCHEMA)
    control = pa.Table.from_pylist([row(f"g{n}", LABELS[n % 2]) for n in range(golden)], schema=SCHEMA)
    return suites.fill(real, control, suite=suite, golden_share=0.2 if golden else 0, seed=3)


def truths(number: int) -> dict[str, str]:
    return {f"t{n}": LABELS[n % 2] for n in range(number)}


def accuracy(kind: str) -> float:
    workers = simulation.recruit({kind: 12}, 5)
    done = simulation.judge(tasks(600, overlap=4), truths(600), LABELS, workers, Terms(20), 5).to_pylist()
    return sum(row["output"] == truths(600)[row["task"]] for row in done) / len(done)


@pytest.mark.parametrize(
    ("kind", "right"), [("expert", 0.95), ("average", 0.82), ("hasty", 0.62), ("adversarial", 0.1)]
)
def test_a_type_is_as_often_right_as_it_says(kind: str, right: float) -> None:
    # 12 workers around the mean (sd at most .09 each) and 2,400 votes: three deviations are .08.
    assert abs(accuracy(kind) - right) < 0.08


def test_a_spammer_says_one_thing_and_a_ring_says_the_same() -> None:
    spam = simulation.recruit({"spammer": 6}, 1)
    done = simulation.judge(tasks(60, overlap=2), truths(60), LABELS, spam, Terms(20), 1).to_pylist()
    said = defaultdict(set)
    for row in done:
        said[row["worker"]].add(row["output"])
    assert all(len(labels) == 1 for labels in said.values())
    assert len(set().union(*said.values())) == 2  # each his own
    ring = simulation.recruit({"collusive": 6}, 1)
    done = simulation.judge(tasks(60, overlap=4), truths(60), LABELS, ring, Terms(20), 1).to_pylist()
    votes = defaultdict(set)
    for row in done:
        votes[row["task"]].add(row["output"])
    assert all(len(labels) == 1 for labels in votes.values())


def test_everything_is_done_as_often_as_asked_by_different_people() -> None:
    workers = simulation.recruit({"average": 8}, 2)
    barred = (workers[0].name, workers[3].name)
    table = tasks(43, overlap=5, golden=6, barred=barred)
    done = simulation.judge(table, truths(43), LABELS, workers, Terms(20, price=0.1), 2)
    votes = Counter((row["suite"], row["task"]) for row in done.to_pylist())
    assert votes == {(row["suite"], row["task"]): 5 for row in table.to_pylist()}
    pairs = Counter((row["worker"], row["suite"], row["task"]) for row in done.to_pylist())
    assert set(pairs.values()) == {1}
    assert not set(barred) & set(done["worker"].to_pylist())
    busy = defaultdict(list)
    for row in done.to_pylist():
        busy[row["worker"]].append((row["started"], row["submitted"]))
    for times in busy.values():  # nobody is in two suites at once
        spans = sorted(set(times))
        assert all(earlier[1] <= later[0] for earlier, later in pairwise(spans))


def test_who_fails_the_control_tasks_gets_no_more_suites() -> None:
    workers = simulation.recruit({"expert": 6, "adversarial": 2}, 4)
    table = tasks(200, overlap=3, golden=10)
    terms = Terms(20, ban_after=3, ban_below=0.6)
    done = simulation.judge(table, truths(200), LABELS, workers, terms, 4).to_pylist()
    bad = {worker.name for worker in workers if worker.type == "adversarial"}
    golden = Counter(row["worker"] for row in done if row["golden"] is not None)
    assert len(bad) == 2 and all(golden[name] <= 4 for name in bad)  # the third wrong one is the last
    assert golden.total() == 150  # one in each of 50 suites, three times: the experts did the rest


def test_who_fails_the_exam_never_starts() -> None:
    workers = simulation.recruit({"expert": 6, "adversarial": 4}, 6)
    table = tasks(50, overlap=3, golden=10)
    done = simulation.judge(
        table, truths(50), LABELS, workers, Terms(20, exam=6, exam_pass=0.7), 6
    ).to_pylist()
    exam = Counter(row["worker"] for row in done if row["suite"] == 0)
    assert set(exam.values()) == {6} and len(exam) == 10
    bad = {worker.name for worker in workers if worker.type == "adversarial"}
    assert not bad & {row["worker"] for row in done if row["suite"] > 0}


def test_the_seed_decides_and_nothing_else() -> None:
    def once(seed: int) -> pa.Table:
        workers = simulation.recruit({"average": 5, "hasty": 2}, seed)
        return simulation.judge(tasks(20, overlap=2), truths(20), LABELS, workers, Terms(20), seed)

    assert once(1) == once(1) and once(1) != once(2)
    with pytest.raises(LrlError, match="no such crowd: lazy"):
        simulation.recruit({"lazy": 3}, 1)
