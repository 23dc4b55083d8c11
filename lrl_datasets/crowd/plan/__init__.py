"""What a campaign will cost, how long it will take and what will come of it, before anyone is paid.

Takes what is planned (`Plan`) and what is assumed of the crowd (`simulation.TYPES` in numbers), gives quantities
with intervals. Nothing is stored or handed out: it draws the campaign's outcome many times from a model of rates
and counts. In each draw

1. the crowd is drawn, the exam decides who works, and each worker's share of the work is his speed times his hours,
   at most one turn at each suite;
2. answers are good as often as their writers write well;
3. each suite of answers gets so many different judges; control tasks ban those who fail them, from the task on at
   which they have failed and for good; their votes are not counted, and asked for again unless they are paid all the
   same; where the campaign asks until it is sure, it asks here;
4. the votes that count are weighed (`Panel.believed`) over all rounds so far, and an answer that is rejected reopens
   its prompt with one more, up to a limit;
5. pairs of a prompt's answers are compared, where the campaign does that;
6. money is suites paid · price · (1 + fee), exam included; what is refused is paid only where the plan says so.

The intervals hold the chance of the campaign and of who comes. What they cannot hold is a wrong assumption: a pilot
of a hundred tasks with `lrl crowd cost` says what the crowd is like.
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np

from lrl_datasets.crowd.plan import people
from lrl_datasets.crowd.plan.panel import Panel, days_of, median_pay
from lrl_datasets.crowd.plan.terms import Plan, Stage
from lrl_datasets.crowd.simulation import TASK_PACE, TYPES
from lrl_datasets.errors import LrlError

__all__ = ["DRAWS", "QUANTITIES", "Plan", "Predicted", "Prediction", "Stage", "predict"]

DRAWS = 200
"""Draws of the campaign; a tenth of them lie outside of the interval, 20 ± 4."""


@dataclass(frozen=True)
class Predicted:
    """A quantity with its interval."""

    mean: float
    low: float
    high: float


@dataclass(frozen=True)
class Prediction:
    """What a plan leads to."""

    quantities: Mapping[str, Predicted]
    """By name, in the order of a report: see `QUANTITIES`."""
    level: float
    prices: Mapping[str, float]
    """What is paid for a suite, by stage."""
    warnings: tuple[str, ...]


QUANTITIES = {
    "cost": "all that is paid, the platform's fee included",
    "paid to workers": "of it",
    "answers written": "by the first crowd",
    "judgements": "asked for, control tasks and exam included",
    "comparisons": "asked for, control tasks and exam included",
    "days": "from the first task to the last",
    "accepted rows": "answers that the votes accept",
    "cost per accepted row": "",
    "label error": "share of judged answers that are accepted or rejected wrongly",
    "bad among accepted": "share of accepted answers that are not helpful",
    "hourly pay, answers": "of the median worker",
    "hourly pay, judgements": "of the median worker",
    "hourly pay, comparisons": "of the median worker",
}


def predict(plan: Plan, *, level: float = 0.9, draws: int = DRAWS, seed: int = 0) -> Prediction:
    """Predict a campaign.

    Parameters
    ----------
    level
        Share of campaigns that the intervals are to hold.

    Raises
    ------
    LrlError
        The plan cannot be carried out: nobody comes, or a task needs more workers than there are.
    """
    _check(plan)
    prices = {name: _price(plan, stage) for name, stage in _stages(plan).items()}
    random = np.random.default_rng([seed, 4])
    drawn: dict[str, list[float]] = {name: [] for name in QUANTITIES}
    for _ in range(draws):
        for name, value in _campaign(plan, prices, random).items():
            drawn[name].append(value)
    tail = (1 - level) / 2
    quantities = {}
    for name, values in drawn.items():
        if not values:
            continue  # of a stage that the campaign has not
        known = [value for value in values if not math.isnan(value)]
        low, high = np.quantile(known, [tail, 1 - tail]) if known else (math.nan, math.nan)
        mean = float(np.mean(known)) if known else math.nan
        quantities[name] = Predicted(mean, float(low), float(high))
    return Prediction(quantities, level, prices, tuple(_warnings(plan, quantities)))


def _stages(plan: Plan) -> dict[str, Stage]:
    stages = {"answers": plan.answers, "judgements": plan.judgements}
    return stages if plan.comparisons is None else stages | {"comparisons": plan.comparisons}


def _check(plan: Plan) -> None:
    unknown = sorted(set(plan.crowd) - set(TYPES))
    if unknown:
        raise LrlError(f"no such type of worker: {unknown[0]}; types: {', '.join(TYPES)}")
    workers = sum(plan.crowd.values())
    for name, stage in _stages(plan).items():
        if stage.overlap > workers:
            raise LrlError(f"{stage.overlap} workers a task ({name}) of a crowd of {workers}")
    if plan.prompts < 1 or plan.minimum_hourly_pay <= 0:
        raise LrlError("a plan needs prompts and a minimum hourly pay above 0")


def _price(plan: Plan, stage: Stage) -> float:
    """Return what is paid for a suite: as given, or the floor for the median careful worker, a cent rounded up."""
    if stage.price is not None:
        return stage.price
    hours = stage.suite * stage.seconds * math.exp(TASK_PACE**2 / 2) * TYPES["average"].pace / 3600
    return math.ceil(plan.minimum_hourly_pay * hours * 100 - 1e-9) / 100


def _warnings(plan: Plan, quantities: Mapping[str, Predicted]) -> list[str]:
    warnings = []
    for stage in _stages(plan):
        pay = quantities[f"hourly pay, {stage}"]
        if pay.mean < plan.minimum_hourly_pay:
            warnings.append(
                f"{stage}: the median worker will earn {pay.mean:.2f} an hour, "
                f"below the floor of {plan.minimum_hourly_pay:.2f}"
            )
    return warnings


def _campaign(plan: Plan, prices: Mapping[str, float], random: np.random.Generator) -> dict[str, float]:
    crowd = people.draw_crowd(plan.crowd, random)
    panel = Panel(plan.judgements, crowd, random)
    most = plan.most_answers or plan.answers.overlap
    missing = np.full(plan.prompts, plan.answers.overlap)
    prompt = np.empty(0, dtype=np.int64)
    good = np.empty(0, dtype=bool)
    chance = np.empty(0)
    days = 0.0
    while True:
        count = int(missing.sum())
        again = panel.lacking(plan.refused_is_paid)
        if not count and not again.any():
            break
        authors = np.empty(0, dtype=np.int64)
        if count:
            pages = math.ceil(count / plan.answers.suite)
            turns, time = people.turns_of(
                crowd.speed, np.full(len(crowd.pace), pages / plan.answers.overlap), pages
            )
            authors = people.takes(turns, plan.answers.suite, count, random)
            days += days_of(plan.answers, time, plan.answers.suite)
            prompt = np.concatenate([prompt, np.repeat(np.arange(plan.prompts), missing)])
            good = np.concatenate([good, random.random(count) < crowd.writes_well[authors]])
        days += panel.ask(authors, good, again)
        before = np.concatenate([chance, np.full(count, np.nan)])
        chance = panel.believed(before, majority=plan.majority)
        waiting = panel.lacking(plan.refused_is_paid) > 0
        yes = (chance > 0.5) & ~waiting
        kept = np.bincount(prompt[yes | waiting], minlength=plan.prompts)
        given = np.bincount(prompt, minlength=plan.prompts)
        missing = np.minimum(np.maximum(plan.answers.overlap - kept, 0), np.maximum(most - given, 0))
    written, accepted = len(good), int(yes.sum())
    exams = plan.judgements.exam * len(crowd.pace)
    of_writers = np.ones(written, dtype=bool) if plan.refused_is_paid else yes
    paid = math.ceil(of_writers.sum() / plan.answers.suite) * prices["answers"]
    paid += (panel.paid(plan.refused_is_paid).sum() + exams / plan.judgements.suite) * prices["judgements"]
    found = {
        "answers written": float(written),
        "judgements": float(panel.tasks + exams),
        "accepted rows": float(accepted),
        "label error": float((yes != good).mean()),
        "bad among accepted": float((yes & ~good).sum() / accepted) if accepted else math.nan,
        "hourly pay, answers": median_pay(
            np.bincount(panel.authors[of_writers], minlength=len(crowd.pace)) * prices["answers"] / plan.answers.suite,
            np.bincount(panel.authors, minlength=len(crowd.pace)), plan.answers, crowd.pace, random,
        ),
        "hourly pay, judgements": panel.hourly(prices["judgements"], plan.refused_is_paid),
    }  # fmt: skip
    if plan.comparisons is not None:
        pairs = Panel(plan.comparisons, crowd, random)
        per = np.bincount(prompt, minlength=plan.prompts)
        per = np.minimum(per * (per - 1) // 2, per * (per - 1) if plan.pairs is None else plan.pairs)
        # Who wrote one of the two may not compare them; the other author makes too little difference to be drawn.
        first = np.searchsorted(np.sort(prompt), np.repeat(np.arange(plan.prompts), per))
        authors = panel.authors[np.argsort(prompt, kind="stable")[first]]
        days += pairs.ask(authors, np.ones(len(authors), dtype=bool), np.empty(0, dtype=np.int64))
        while (again := pairs.lacking(plan.refused_is_paid)).any():
            days += pairs.ask(authors[:0], np.ones(len(authors), dtype=bool), again)
        exams = plan.comparisons.exam * len(crowd.pace)
        paid += (pairs.paid(plan.refused_is_paid).sum() + exams / plan.comparisons.suite) * prices[
            "comparisons"
        ]
        found["comparisons"] = float(pairs.tasks + exams)
        found["hourly pay, comparisons"] = pairs.hourly(prices["comparisons"], plan.refused_is_paid)
    cost = paid * (1 + plan.platform_fee)
    return found | {
        "cost": cost,
        "paid to workers": paid,
        "days": days,
        "cost per accepted row": cost / accepted if accepted else math.nan,
    }
