"""The planner against the simulator, which has tables, suites and clocks where the planner has rates."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
from scipy.stats import binom

from lrl_datasets.crowd import plan as planner
from lrl_datasets.crowd.plan import Plan, Stage
from lrl_datasets.errors import LrlError
from tests.crowd import campaigns_sim as campaigns

SEEDS = 50
SEEDS_WEIGHED = 15
"""Dawid and Skene's estimate takes many times as long as counting."""


@pytest.mark.parametrize("name", sorted(campaigns.PLANS))
def test_the_intervals_hold_nine_of_ten_simulated_campaigns(name: str) -> None:
    plan = campaigns.PLANS[name]
    predicted = planner.predict(plan, level=0.9).quantities
    seeds = SEEDS if plan.majority else SEEDS_WEIGHED
    runs = [campaigns.run(plan, seed) for seed in range(seeds)]
    for quantity in runs[0]:
        told = predicted[quantity]
        happened = np.array([run[quantity] for run in runs])
        held = int(((happened >= told.low - 1e-6) & (happened <= told.high + 1e-6)).sum())
        # Fewer than this would happen by chance once in 1,000 times.
        assert binom.cdf(held, seeds, 0.9) > 0.001, f"{quantity}: {held} of {seeds} within {told}"
        # An interval that holds everything could be as wide as the world: its width is that of what happens.
        spread = happened.std()
        assert told.high - told.low < 6 * spread + 1e-6, f"{quantity}: {told} for a deviation of {spread}"


def test_what_can_be_counted_by_hand() -> None:
    # 60 answers at 0.10, judged in suites of 5 with one control task: 15 suites, 3 judges each, 0.20 a suite.
    plan = Plan(
        prompts=30, minimum_hourly_pay=2.0, platform_fee=0.25, crowd={"expert": 10}, refused_is_paid=True,
        answers=Stage(suite=1, overlap=2, seconds=60, price=0.1),
        judgements=Stage(suite=5, overlap=3, seconds=20, price=0.2, golden_share=0.2),
    )  # fmt: skip
    told = planner.predict(plan, draws=200)
    assert told.quantities["paid to workers"].mean == pytest.approx(60 * 0.1 + 15 * 3 * 0.2)
    assert told.quantities["cost"].mean == pytest.approx(15.0 * 1.25)
    assert told.quantities["cost"].low == told.quantities["cost"].high == pytest.approx(18.75)
    assert told.quantities["answers written"].mean == 60
    assert told.quantities["judgements"].mean == 15 * 5 * 3
    # An expert takes 1.2 times 60 s · exp(.35²/2) = 76.5 s: 0.10 each is 4.70 an hour. Over six answers his time
    # varies by .36 / √6, and pay is its reciprocal: 1 + .36²/6 times as much.
    assert told.quantities["hourly pay, answers"].mean == pytest.approx(4.80, abs=0.15)
    assert told.warnings == ()
    # Where what is refused is not paid, the answers cost as many tenths as are accepted, and the judges the same.
    spared = planner.predict(replace(plan, refused_is_paid=False), draws=20).quantities
    assert spared["paid to workers"].mean == pytest.approx(spared["accepted rows"].mean * 0.1 + 15 * 3 * 0.2)


def test_votes_that_do_not_count_are_asked_for_again() -> None:
    # Half of the judges are always wrong: banned, their votes are replaced, and the label error falls.
    plan = Plan(
        prompts=100, minimum_hourly_pay=2.0, platform_fee=0.0, crowd={"expert": 10, "adversarial": 5},
        answers=Stage(suite=1, overlap=1, seconds=60, price=0.1),
        judgements=Stage(suite=5, overlap=3, seconds=20, price=0.2, golden_share=0.2, ban_after=3, ban_below=0.6),
    )  # fmt: skip
    again, paid = (
        planner.predict(replace(plan, refused_is_paid=both), draws=60).quantities for both in (False, True)
    )
    assert again["judgements"].mean > paid["judgements"].mean == 125 * 3
    assert again["label error"].mean < paid["label error"].mean


def test_without_prices_the_median_careful_worker_earns_the_floor() -> None:
    plan = Plan(
        prompts=10, minimum_hourly_pay=3.6, platform_fee=0.0, crowd={"average": 20},
        answers=Stage(suite=1, overlap=1, seconds=100), judgements=Stage(suite=10, overlap=3, seconds=30),
    )  # fmt: skip
    told = planner.predict(plan, draws=50)
    # 100 s · exp(.35²/2) = 106.3 s at 3.60 an hour are 0.1063, a cent rounded up.
    assert told.prices["answers"] == pytest.approx(0.11)
    assert told.prices["judgements"] == pytest.approx(0.32)


def test_it_warns_when_the_median_worker_will_earn_less_than_the_floor() -> None:
    plan = Plan(
        prompts=10, minimum_hourly_pay=3.6, platform_fee=0.0, crowd={"average": 20},
        answers=Stage(suite=1, overlap=1, seconds=100, price=0.05),
        judgements=Stage(suite=10, overlap=3, seconds=30, price=0.40),
    )  # fmt: skip
    (warning,) = planner.predict(plan, draws=50).warnings
    assert warning.startswith("answers: the median worker will earn 1.")


def test_more_votes_cost_more_and_err_less() -> None:
    plan = replace(campaigns.PLANS["exam"], prompts=200)
    few, many = (
        planner.predict(
            replace(plan, judgements=replace(plan.judgements, overlap=overlap)), draws=100
        ).quantities
        for overlap in (3, 9)
    )
    assert many["cost"].mean > few["cost"].mean and many["label error"].mean < few["label error"].mean


def test_the_same_plan_gives_the_same_prediction() -> None:
    plan = campaigns.PLANS["plain"]
    assert planner.predict(plan, draws=10) == planner.predict(plan, draws=10)


def test_an_impossible_plan_is_refused() -> None:
    plan = campaigns.PLANS["plain"]
    with pytest.raises(LrlError, match="5 workers a task"):
        planner.predict(replace(plan, crowd={"expert": 3}))
    with pytest.raises(LrlError, match="no such type of worker: lazy"):
        planner.predict(replace(plan, crowd={"lazy": 30}))
