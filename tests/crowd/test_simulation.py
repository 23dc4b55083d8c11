"""The simulated crowd: its types do what they are called, and nobody does what he may not."""

from __future__ import annotations

from collections import Counter, defaultdict
from datetime import timedelta
from itertools import pairwise
from typing import Any

import pyarrow as pa
import pytest

from lrl_datasets.crowd import aggregation, preferences, rules, simulation
from lrl_datasets.crowd.simulation import START, Terms
from lrl_datasets.crowd.tasks import suites
from lrl_datasets.errors import LrlError
from lrl_datasets.sources.campaign_toml import Sides

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


def test_an_exam_is_taken_once_and_paid_by_tasks() -> None:
    workers = simulation.recruit({"expert": 6, "adversarial": 4}, 6)
    terms = Terms(20, price=0.5, suite=5, exam=6, exam_pass=0.7)
    first = simulation.judge(tasks(50, overlap=3, golden=10), truths(50), LABELS, workers, terms, 6)
    # Six tasks at half a unit for five.
    assert {row["reward"] for row in first.to_pylist() if row["suite"] == 0} == {0.6}
    assert {row["reward"] for row in first.to_pylist() if row["suite"] > 0} == {0.5}
    passed = {row["worker"] for row in first.to_pylist() if row["suite"] > 0}
    begin = simulation.after(first, first)
    again = simulation.judge(
        tasks(50, overlap=3, golden=10), truths(50), LABELS, workers, terms, 7, begin=begin, examined=passed
    ).to_pylist()
    assert not passed & {row["worker"] for row in again if row["suite"] == 0}
    assert {row["worker"] for row in again if row["suite"] > 0} <= {worker.name for worker in workers}
    # The second round begins when the first one ended.
    assert begin == max(first["submitted"].to_pylist()) > START + timedelta(minutes=1)
    assert min(row["started"] for row in again) >= begin
    assert (
        simulation.after(first.slice(0, 0), tasks(0).append_column("submitted", first["submitted"][:0]))
        == START
    )


# ---- what each type does to a campaign, and what answers it ---------------------------------------------

SIDES = Sides(left=["left"], right=["right"])


def told(done: list[dict[str, Any]]) -> tuple[pa.Table, pa.Table]:
    """Votes and control tasks as `aggregation` takes them."""
    votes = [
        {"answer_id": row["task"], "worker": row["worker"], "label": row["output"]}
        for row in done if row["golden"] is None
    ]  # fmt: skip
    control = [
        {"golden_item": row["task"], "worker": row["worker"], "label": row["output"], "golden": row["golden"]}
        for row in done if row["golden"] is not None
    ]  # fmt: skip
    return pa.Table.from_pylist(votes), pa.Table.from_pylist(control, schema=aggregation.GOLDEN)


def errors(
    votes: pa.Table, method: str, number: int, without: set[str] | frozenset[str] = frozenset()
) -> int:
    kept = votes.filter(pa.array([name not in without for name in votes["worker"].to_pylist()]))
    found = aggregation.aggregate(kept, method, ["yes"]).to_pylist()
    true = truths(number)
    return sum((row["helpfulness"] > 0.5) != (true[row["answer_id"]] == "yes") for row in found)


def failed(done: list[dict[str, Any]]) -> set[str]:
    """Who fails the control tasks, by the rule of a campaign."""
    rows = [
        {"worker": row["worker"], "label": row["output"], "golden": row["golden"], "file": "votes.tsv",
         "reason": rules.CONTROL, "started": row["started"], "assignment": row["assignment"]}
        for row in done if row["golden"] is not None
    ]  # fmt: skip
    return rules.failed_worker(rows, rules.Rules(golden_min_answers=5, golden_min_accuracy=0.6))


def judged(crowd: dict[str, int], seed: int, number: int = 200, overlap: int = 5) -> tuple[Any, ...]:
    workers = simulation.recruit(crowd, seed)
    table = tasks(number, overlap=overlap, golden=20)
    done = simulation.judge(table, truths(number), LABELS, workers, Terms(20), seed).to_pylist()
    return {worker.name: worker.type for worker in workers}, done, *told(done)


def test_adversaries_are_turned_round_by_a_model_of_workers_and_barred_by_control_tasks() -> None:
    # Nearly half of the votes are wrong: a majority errs often. Dawid and Skene (1979) learn that these workers
    # mean the opposite, and err less even than the experts and average ones alone.
    types, done, votes, _ = judged({"expert": 4, "average": 6, "adversarial": 6}, 8)
    majority, weighed = (errors(votes, method, 200) for method in ("majority", "dawid-skene"))
    assert majority > 20 and weighed < 6
    bad = {name for name, kind in types.items() if kind == "adversarial"}
    assert bad == failed(done) & bad and "expert" not in {types[name] for name in failed(done)}
    assert weighed <= errors(votes, "majority", 200, without=bad)


def test_spammers_are_quick_and_control_tasks_find_them() -> None:
    # Vuurens et al. (2011): uniform spammers do more of the work than their share of the crowd.
    types, done, votes, _ = judged({"expert": 4, "average": 12, "spammer": 4}, 9)
    work = Counter(types[row["worker"]] for row in done)
    assert work["spammer"] / work.total() > 0.25  # of a fifth of the crowd
    spammers = {name for name, kind in types.items() if kind == "spammer"}
    assert spammers <= failed(done)
    assert errors(votes, "majority", 200, without=failed(done)) < errors(votes, "majority", 200)


def test_a_ring_errs_together_and_control_tasks_break_it() -> None:
    # Who takes agreement for skill believes a ring of three among five: its errors are one error, said three times.
    types, done, votes, _ = judged({"expert": 5, "average": 5, "collusive": 5}, 10)
    ring = {name for name, kind in types.items() if kind == "collusive"}
    agreed = defaultdict(set)
    for row in done:
        if row["worker"] in ring:
            agreed[row["task"]].add(row["output"])
    assert all(len(said) == 1 for said in agreed.values())
    assert errors(votes, "dawid-skene", 200) > 3 * errors(votes, "dawid-skene", 200, without=ring) + 10
    assert len(ring & failed(done)) >= 4


@pytest.mark.parametrize(("crowd", "biased"), [({"expert": 8}, False), ({"hasty": 8}, True)])
def test_who_takes_the_left_one_is_seen_in_the_bias_report(crowd: dict[str, int], biased: bool) -> None:
    workers = simulation.recruit(crowd, 11)
    true = {f"t{n}": ("left", "right")[n % 2] for n in range(300)}
    done = simulation.judge(
        tasks(300, overlap=3), true, ("left", "right"), workers, Terms(20), 11, sides=SIDES
    ).to_pylist()
    found = preferences.sides(
        pa.table({"label": [row["output"] for row in done]}), rules.Rules(left=SIDES.left, right=SIDES.right)
    )
    assert found.votes == 900 and found.biased is biased
    # A hasty worker errs in .38 of the tasks, .8 of that by clicking left: he does so in .608 of them, and is right
    # half of the time. With half of the others that is .80 left, and his share of right ones stays what it was.
    assert found.left is not None and abs(found.left - (0.80 if biased else 0.5)) < 0.06
    right = sum(row["output"] == true[row["task"]] for row in done) / len(done)
    assert abs(right - simulation.TYPES[next(iter(crowd))].accuracy) < 0.08


def test_the_seed_decides_and_nothing_else() -> None:
    def once(seed: int) -> pa.Table:
        workers = simulation.recruit({"average": 5, "hasty": 2}, seed)
        return simulation.judge(tasks(20, overlap=2), truths(20), LABELS, workers, Terms(20), seed)

    assert once(1) == once(1) and once(1) != once(2)
    with pytest.raises(LrlError, match="no such crowd: lazy"):
        simulation.recruit({"lazy": 3}, 1)
