"""Aggregation: hand cases, and that the order of the votes decides nothing."""

from __future__ import annotations

import random

import pyarrow as pa
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from lrl_datasets.crowd import aggregation
from lrl_datasets.crowd.aggregation import NAMES, POSTERIOR, aggregate, weigh
from lrl_datasets.errors import LrlError
from lrl_datasets.report import votes as votes_report

VOTES = pa.schema([("answer_id", pa.string()), ("worker", pa.string()), ("label", pa.string())])


def votes(*rows: tuple[str, str, str]) -> pa.Table:
    return pa.Table.from_pylist([dict(zip(VOTES.names, row, strict=True)) for row in rows], schema=VOTES)


def test_majority_by_hand() -> None:
    table = votes(("a", "1", "yes"), ("a", "2", "yes"), ("a", "3", "no"), ("b", "1", "no"))
    assert aggregate(table, "majority", {"yes"}).to_pylist() == [
        {"answer_id": "a", "helpfulness": 0.6667, "n_votes": 3, "agreement": 0.6667},
        {"answer_id": "b", "helpfulness": 0.0, "n_votes": 1, "agreement": 1.0},
    ]


def test_several_labels_may_mean_yes() -> None:
    table = votes(("a", "1", "very"), ("a", "2", "rather"), ("a", "3", "no"), ("a", "4", "no"))
    posterior = aggregate(table, "majority", {"very", "rather"}).to_pylist()[0]
    assert posterior["helpfulness"] == 0.5
    assert posterior["agreement"] == 0.5


def test_no_votes_no_posteriors() -> None:
    assert aggregate(VOTES.empty_table(), "dawid-skene", {"yes"}) == POSTERIOR.empty_table()


def test_unknown_method_is_named() -> None:
    with pytest.raises(LrlError, match="coin-toss"):
        aggregate(votes(("a", "1", "yes")), "coin-toss", {"yes"})


def test_dawid_skene_hears_the_reliable_workers() -> None:
    # Two workers always agree, a third says the opposite every time: on a 1:1 tie the pair's record decides.
    rows = []
    for task in range(10):
        truth, lie = ("yes", "no") if task % 2 else ("no", "yes")
        rows += [(f"t{task}", "a", truth), (f"t{task}", "b", truth), (f"t{task}", "liar", lie)]
    rows += [("tie", "a", "yes"), ("tie", "liar", "no")]
    posterior = {row["answer_id"]: row for row in aggregate(votes(*rows), "dawid-skene", {"yes"}).to_pylist()}
    assert posterior["tie"]["helpfulness"] > 0.99
    assert posterior["tie"]["agreement"] == 0.5


@pytest.mark.parametrize("method", sorted(NAMES))
def test_every_method_gives_a_probability_for_every_answer(method: str) -> None:
    table = votes(("a", "1", "yes"), ("a", "2", "no"), ("b", "1", "no"), ("b", "2", "no"), ("c", "3", "yes"))
    rows = aggregate(table, method, {"yes"}).to_pylist()
    assert [row["answer_id"] for row in rows] == ["a", "b", "c"]
    assert all(0 <= row["helpfulness"] <= 1 for row in rows)


@settings(max_examples=15, deadline=None)
@given(st.lists(st.tuples(st.sampled_from("abcde"), st.sampled_from("12345"), st.sampled_from(["yes", "no"])),
                min_size=1, max_size=25, unique_by=lambda row: row[:2]), st.randoms(use_true_random=False))  # fmt: skip
def test_the_order_of_the_votes_decides_nothing(rows: list[tuple[str, str, str]], rng: random.Random) -> None:
    shuffled = list(rows)
    rng.shuffle(shuffled)
    assert aggregate(votes(*rows), "dawid-skene", {"yes"}) == aggregate(
        votes(*shuffled), "dawid-skene", {"yes"}
    )


@pytest.mark.parametrize("method", sorted(NAMES))
def test_the_order_of_the_votes_decides_nothing_for_any_method(method: str) -> None:
    rng = random.Random(5)
    rows = [(f"a{n}", w, rng.choice(["yes", "yes", "no"])) for n in range(12) for w in rng.sample("12345", 3)]
    shuffled = rng.sample(rows, len(rows))
    assert aggregate(votes(*rows), method, {"yes"}) == aggregate(votes(*shuffled), method, {"yes"})


@pytest.mark.parametrize("method", sorted(NAMES))
def test_one_label_alone_is_certain(method: str) -> None:
    table = votes(("a", "1", "yes"), ("a", "2", "yes"), ("b", "1", "yes"))
    assert aggregate(table, method, {"yes"})["helpfulness"].to_pylist() == [1.0, 1.0]


def test_mace_tells_a_spammer_whatever_the_workers_names_are() -> None:
    # crowd-kit 1.4.2 alone takes the workers in two orders: by name and by appearance.
    rows = []
    for task in range(20):
        truth = "yes" if task % 2 else "no"
        rows += [(f"t{task:02}", worker, truth) for worker in ("z", "m")] + [(f"t{task:02}", "a", "yes")]
    rows += [("tie", "z", "no"), ("tie", "a", "yes")]
    posterior = {row["answer_id"]: row for row in aggregate(votes(*rows), "mace", {"yes"}).to_pylist()}
    assert posterior["tie"]["helpfulness"] < 0.1


GOLDEN_ROWS = [(f"g{n:02}", worker, "yes", "yes") for n in range(16) for worker in "abcd"]


def golden(*rows: tuple[str, str, str, str]) -> pa.Table:
    names = aggregation.GOLDEN.names
    return pa.Table.from_pylist([dict(zip(names, row, strict=True)) for row in rows], aggregation.GOLDEN)


def campaign() -> pa.Table:
    """Twelve answers, two votes each by four workers who agree but on the last."""
    rows = [
        (f"a{n:02}", w, "yes" if n % 2 else "no") for n in range(12) for w in ("ab" if n % 4 < 2 else "cd")
    ]
    return votes(*rows, ("last", "a", "yes"), ("last", "c", "no"))


def test_golden_tasks_make_the_posterior_calibrated_and_are_no_answers() -> None:
    without, with_golden = (
        weigh(campaign(), "auto", {"yes"}),
        weigh(campaign(), "auto", {"yes"}, golden(*GOLDEN_ROWS)),
    )
    assert (without.kind, with_golden.kind) == ("votes", "calibrated")
    assert with_golden.table["answer_id"].to_pylist() == without.table["answer_id"].to_pylist()
    assert with_golden.table["n_votes"].to_pylist() == [2] * 13
    told = aggregation.report(with_golden)
    assert told["golden_tasks"] == 16 and told["right_combined"] == 16.0
    assert sum(told["weights"].values()) == pytest.approx(1, abs=1e-3)
    assert aggregation.report(without)["note"].startswith("no golden tasks, 15 are needed")


def test_every_method_is_calibrated_by_the_same_golden_tasks() -> None:
    found = weigh(campaign(), "majority", {"yes"}, golden(*GOLDEN_ROWS))
    assert found.kind == "calibrated" and found.control is not None
    assert found.table["answer_id"].to_pylist() == [*(f"a{n:02}" for n in range(12)), "last"]
    # All golden tasks are right: what everybody says stays near 1, and what nobody agrees on in the middle.
    raw = weigh(campaign(), "majority", {"yes"}).table["helpfulness"].to_pylist()
    assert raw[-1] == found.table["helpfulness"].to_pylist()[-1] == 0.5
    assert [value > 0.5 for value in raw] == [value > 0.5 for value in found.table["helpfulness"].to_pylist()]
    told = aggregation.report(found)
    assert told["weights"] == {"majority": 1.0} and told["method"] == "majority"
    assert told["calibration_error"].keys() == {"before", "after", "perfect"}


def test_a_few_golden_tasks_calibrate_nothing_and_the_report_says_so() -> None:
    few = golden(*GOLDEN_ROWS[: 4 * (aggregation.CALIBRATED_FROM - 1)])
    found = weigh(campaign(), "majority", {"yes"}, few)
    assert (found.kind, found.golden_tasks, found.control) == ("votes", aggregation.CALIBRATED_FROM - 1, None)
    assert found.table == weigh(campaign(), "majority", {"yes"}).table
    told = aggregation.report(found)
    assert told["note"] == "14 golden tasks, 15 are needed: the posterior is not calibrated"
    # auto still weighs its methods by them.
    auto = weigh(campaign(), "auto", {"yes"}, few)
    assert auto.kind == "votes" and auto.combined is not None and auto.combined.golden is not None
    assert aggregation.report(auto)["note"].startswith("14 golden tasks, 15 are needed")


def test_the_golden_tasks_say_what_is_good_in_the_votes_terms() -> None:
    rows = [(f"g{n:02}", worker, "no", "no") for n in range(16) for worker in "abcd"]
    control = weigh(campaign(), "majority", {"yes"}, golden(*rows)).control
    assert control is not None and set(control.good) == {0.0} and max(control.said) < 0.5
    assert control.share.sum() == pytest.approx(16)


def test_a_golden_task_has_as_many_votes_as_an_answer() -> None:
    # Four votes on each and two on an answer: two items a task, half a task each.
    parts = aggregation._parts(golden(*GOLDEN_ROWS, ("g00", "stranger", "no", "yes")), campaign())
    assert set(parts["share"].to_pylist()) == {0.5}
    assert "stranger" not in parts["worker"].to_pylist()  # none of his votes counts
    counts = parts.group_by("answer_id").aggregate([("worker", "count")])["worker_count"].to_pylist()
    assert counts == [2] * 32


def test_golden_judgements_in_any_order_and_twice() -> None:
    wrong = ("g00", "a", "no", "yes")
    rows = [*GOLDEN_ROWS, wrong]
    one = weigh(campaign(), "auto", {"yes"}, golden(*rows)).table
    assert one == weigh(campaign(), "auto", {"yes"}, golden(*reversed(rows))).table


def test_a_true_label_that_nobody_gave() -> None:
    rows = [(f"g{n}", worker, "yes", "unclear") for n in range(4) for worker in "abcd"]
    told = aggregation.report(weigh(campaign(), "auto", {"yes"}, golden(*rows)))
    right = dict(told["right_of_golden"])
    assert right.pop("hierarchical-dawid-skene") == 4.0  # by the other tasks: who says yes means unclear
    assert set(right.values()) == {0.0}


def test_what_share_is_helpful_is_told_of_golden_tasks_and_answers() -> None:
    found = weigh(campaign(), "majority", {"yes"}, golden(*GOLDEN_ROWS))
    told = aggregation.report(found)["helpful_share"]
    assert (
        told["golden"] == 1.0 and told["answers"] == pytest.approx(0.5, abs=0.01) and told["corrected"] > 0.5
    )
    # None of the golden tasks is unhelpful, so an answer that all say is unhelpful stays one.
    assert found.table["helpfulness"].to_pylist()[0] < 0.2
    said = " ".join(str(part) for part in votes_report.aggregation("helpful", aggregation.report(found)))
    assert "100% of the golden tasks are helpful and 50% of the answers" in said
