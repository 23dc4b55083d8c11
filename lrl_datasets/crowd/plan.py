"""What a campaign will cost, how long it will take and what will come of it, before anyone is paid.

Takes what is planned (`Plan`) and what is assumed of the crowd (`simulation.TYPES` in numbers), gives quantities
with intervals. Nothing is stored or handed out: it draws the campaign's outcome many times from a model of rates
and counts. In each draw

1. the crowd is drawn, the exam decides who works, and each worker's share of the work is his speed times his hours,
   at most one turn at each suite;
2. answers are good as often as their writers write well;
3. each suite of answers gets so many different judges; control tasks ban those who fail them, from the task on at
   which they have failed; their votes are not counted, and asked for again unless they are paid all the same;
4. an answer is accepted by the majority of the votes that count, and a rejected one reopens its prompt with one more
   answer, up to a limit;
5. money is suites paid · price · (1 + fee), exam included; what is refused is paid only where the plan says so.

The intervals hold the chance of the campaign and of who comes. What they cannot hold is a wrong assumption: a pilot
of a hundred tasks with `lrl crowd cost` says what the crowd is like. A better aggregation than the majority makes
fewer errors than is told here.
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from lrl_datasets.crowd.simulation import HOURS, SPREAD, TASK_PACE, TYPES, WORKER_PACE
from lrl_datasets.errors import LrlError

Floats = npt.NDArray[np.float64]
Ints = npt.NDArray[np.int64]
Bools = npt.NDArray[np.bool_]
DRAWS = 400
"""Draws of the campaign; the interval's ends are then known to about a tenth of its width."""


@dataclass(frozen=True)
class Stage:
    """How one stage is run."""

    suite: int
    overlap: int
    seconds: float
    """Median time that a careful worker takes for a task."""
    price: float | None = None
    """For a suite; None: what gives the median worker the floor."""
    golden_share: float = 0.0
    exam: int = 0
    exam_pass: float = 0.0
    ban_after: int = 0
    ban_below: float = 0.0


@dataclass(frozen=True)
class Plan:
    """A campaign before it begins."""

    prompts: int
    minimum_hourly_pay: float
    """The floor. It has no default: see `sources.campaign_tasks.Money`."""
    platform_fee: float
    crowd: Mapping[str, int]
    """Workers by type of `simulation.TYPES`."""
    answers: Stage
    judgements: Stage
    most_answers: int | None = None
    """Answers a prompt gets at most, when rejected ones reopen it; None: nothing is reopened."""
    refused_is_paid: bool = False
    """Whether rejected answers and the suites of judges who failed are paid. Where they are not, as
    `lrl crowd decide` has it, the votes of those judges are asked for again."""


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
    "days": "from the first task to the last",
    "accepted rows": "answers that the majority accepts",
    "cost per accepted row": "",
    "label error": "share of judged answers that are accepted or rejected wrongly",
    "bad among accepted": "share of accepted answers that are not helpful",
    "hourly pay, answers": "of the median worker",
    "hourly pay, judgements": "of the median worker",
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
    prices = {"answers": _price(plan, plan.answers), "judgements": _price(plan, plan.judgements)}
    random = np.random.default_rng([seed, 4])
    drawn: dict[str, list[float]] = {name: [] for name in QUANTITIES}
    for _ in range(draws):
        for name, value in _campaign(plan, prices, random).items():
            drawn[name].append(value)
    tail = (1 - level) / 2
    quantities = {}
    for name, values in drawn.items():
        known = [value for value in values if not math.isnan(value)]
        low, high = np.quantile(known, [tail, 1 - tail]) if known else (math.nan, math.nan)
        mean = float(np.mean(known)) if known else math.nan
        quantities[name] = Predicted(mean, float(low), float(high))
    return Prediction(quantities, level, prices, tuple(_warnings(plan, quantities)))


def _check(plan: Plan) -> None:
    unknown = sorted(set(plan.crowd) - set(TYPES))
    if unknown:
        raise LrlError(f"no such type of worker: {unknown[0]}; types: {', '.join(TYPES)}")
    workers = sum(plan.crowd.values())
    for name, stage in (("answer", plan.answers), ("judgement", plan.judgements)):
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
    for stage in ("answers", "judgements"):
        pay = quantities[f"hourly pay, {stage}"]
        if pay.mean < plan.minimum_hourly_pay:
            warnings.append(
                f"{stage}: the median worker will earn {pay.mean:.2f} an hour, "
                f"below the floor of {plan.minimum_hourly_pay:.2f}"
            )
    return warnings


# ---- one draw of a campaign -----------------------------------------------------------------------------


@dataclass
class _Crowd:
    """Everybody who comes, in one draw."""

    right: Floats
    """Chance to judge a good answer right (row 0), a bad one (row 1)."""
    writes_well: Floats
    pace: Floats
    hours: Floats
    ring: Bools
    ring_right: float

    @property
    def speed(self) -> Floats:
        """Suites in the days in which a careful worker needs one hour a day for one."""
        return self.hours / self.pace


def _campaign(plan: Plan, prices: Mapping[str, float], random: np.random.Generator) -> dict[str, float]:
    crowd = _draw_crowd(plan.crowd, random)
    exam_right, passed = _exam(crowd, plan.judgements, random)
    missing = np.full(plan.prompts, plan.answers.overlap)
    left = np.full(plan.prompts, (plan.most_answers or plan.answers.overlap) - plan.answers.overlap)
    written = accepted = wrong = bad = suites = tasks = 0
    days = 0.0
    while missing.any():
        count = int(missing.sum())
        pages = math.ceil(count / plan.answers.suite)
        most = np.full(len(passed), pages / plan.answers.overlap)
        turns, time = _turns(crowd.speed, most, pages)
        authors = _takes(turns, plan.answers.suite, count, random)
        days += _days(plan.answers, time, plan.answers.suite)
        good = random.random(count) < crowd.writes_well[authors]
        votes = _votes(crowd, passed, exam_right, good, authors, plan, random)
        days += _days(plan.judgements, votes.time, votes.suite)
        yes = votes.yes
        suites, tasks, written = suites + votes.suites, tasks + votes.tasks, written + count
        accepted, wrong, bad = accepted + yes.sum(), wrong + (yes != good).sum(), bad + (yes & ~good).sum()
        refused = np.bincount(np.repeat(np.arange(plan.prompts), missing)[~yes], minlength=plan.prompts)
        missing = np.minimum(refused, left)
        left = left - missing
    exam_tasks = plan.judgements.exam * len(passed)
    answers_paid = written if plan.refused_is_paid else accepted
    paid = math.ceil(answers_paid / plan.answers.suite) * prices["answers"]
    paid += (suites + exam_tasks / plan.judgements.suite) * prices["judgements"]
    cost = paid * (1 + plan.platform_fee)
    return {
        "cost": cost,
        "paid to workers": paid,
        "answers written": float(written),
        "judgements": float(tasks + exam_tasks),
        "days": days,
        "accepted rows": float(accepted),
        "cost per accepted row": cost / accepted if accepted else math.nan,
        "label error": wrong / written,
        "bad among accepted": bad / accepted if accepted else math.nan,
        "hourly pay, answers": _median_pay(crowd.pace, plan.answers, prices["answers"]),
        "hourly pay, judgements": _median_pay(crowd.pace[passed], plan.judgements, prices["judgements"]),
    }


def _draw_crowd(counts: Mapping[str, int], random: np.random.Generator) -> _Crowd:
    kinds = [TYPES[kind] for kind in TYPES for _ in range(counts.get(kind, 0))]
    accuracy = np.array([kind.accuracy for kind in kinds])
    well = np.array([kind.writes_well for kind in kinds])
    own = random.beta(accuracy * SPREAD, (1 - accuracy) * SPREAD)
    right = np.stack([own, own])
    fixed = np.array([kind.label == "fixed" for kind in kinds])
    says_yes = (random.random(len(kinds)) < 0.5).astype(float)
    right[0, fixed], right[1, fixed] = says_yes[fixed], 1 - says_yes[fixed]
    ring = np.array([kind.label == "ring" for kind in kinds])
    return _Crowd(
        right=right,
        writes_well=random.beta(well * SPREAD, (1 - well) * SPREAD),
        pace=np.array([kind.pace for kind in kinds]) * random.lognormal(0, WORKER_PACE, len(kinds)),
        hours=np.minimum(random.lognormal(math.log(HOURS[0]), HOURS[1], len(kinds)), 12),
        ring=ring,
        ring_right=float(own[ring].mean()) if ring.any() else 0.5,
    )


def _exam(crowd: _Crowd, stage: Stage, random: np.random.Generator) -> tuple[Floats, Bools]:
    """Draw how many exam tasks each gets right (half of them good answers, half bad) and who may work."""
    chance = crowd.right.mean(axis=0)
    right = random.binomial(stage.exam, chance).astype(float)
    passed = right >= stage.exam_pass * stage.exam - 1e-9
    if passed.sum() <= stage.overlap:
        passed[np.argsort(-chance)[: stage.overlap + 1]] = True  # the campaign waits for people who pass
    return right, passed


def _turns(speed: Floats, most: Floats, turns: float, late: float = 0.0) -> tuple[Floats, float]:
    """Divide so many turns by speed, nobody above his `most`: what is too much for one goes to the others.

    Everybody comes so many turns of his own late as the exam takes him.

    Returns the expected turns of each, and the time it takes in the unit of `speed`.
    """
    able = speed > 0
    if most[able].sum() <= turns:
        return np.where(able, most, 0.0), float(np.max((most[able] + late) / speed[able], initial=0.0))

    def done(time: float) -> Floats:
        return np.clip(time * speed - late, 0.0, most)

    low, high = 0.0, turns / speed.sum()
    while done(high).sum() < turns:
        high *= 2
    for _ in range(50):
        middle = (low + high) / 2
        enough = done(middle).sum() >= turns
        low, high = (low, middle) if enough else (middle, high)
    return done(high), high


def _takes(turns: Floats, suite: int, count: int, random: np.random.Generator) -> Ints:
    """Draw who does each of so many answers: everybody his turns, rounded up or down by chance."""
    suites = math.ceil(count / suite)
    order = random.permutation(len(turns))
    ends = np.floor(np.cumsum(turns[order]) * (suites / turns.sum()) + random.random())
    ends[-1] = suites
    who = random.permutation(np.repeat(order, np.diff(ends, prepend=0).astype(int)))
    return np.repeat(who, suite)[:count]


@dataclass
class _Votes:
    yes: Bools
    """The majority's word on each answer."""
    suites: int
    """Suites that are paid."""
    suite: float
    """Tasks in one of them."""
    tasks: int
    time: float
    """In the unit of `_Crowd.speed`."""


def _votes(
    crowd: _Crowd,
    passed: Bools,
    exam_right: Floats,
    good: Bools,
    authors: Ints,
    plan: Plan,
    random: np.random.Generator,
) -> _Votes:
    stage = plan.judgements
    room = stage.suite * (1 - stage.golden_share)
    suites = max(math.ceil(len(good) / room - 1e-9), 1)
    golden = math.floor(suites * stage.suite * stage.golden_share + 0.5)
    of = np.minimum((random.permutation(len(good)) / room).astype(int), suites - 1)
    allowed = np.tile(passed, (suites, 1))
    allowed[of, authors] = False
    last = _banned_after(crowd, exam_right, suites, stage, random)
    who, active, time = _judges(crowd.speed, allowed, last, stage.exam / stage.suite, stage.overlap, random)
    chosen = who[of]
    counted = (chosen >= 0) & active[chosen]
    tasks, suites_paid = (len(good) + golden) * stage.overlap, int((who >= 0).sum())
    if not plan.refused_is_paid:
        again = _again(crowd.speed, active, authors, chosen, stage.overlap - counted.sum(axis=1), random)
        chosen = np.concatenate([chosen, again], axis=1)
        counted = np.concatenate([counted, again >= 0], axis=1)
        more = math.ceil((again >= 0).sum() / room)
        tasks += more * stage.suite
        suites_paid = int(((who >= 0) & active[who]).sum()) + more
    right = np.where(good[:, None], crowd.right[0][chosen], crowd.right[1][chosen])
    ring = random.random(len(good)) < crowd.ring_right
    says_right = np.where(crowd.ring[chosen], ring[:, None], random.random(chosen.shape) < right)
    yes = ((says_right == good[:, None]) & counted).sum(axis=1)
    time *= tasks / ((len(good) + golden) * stage.overlap)
    return _Votes(yes * 2 > counted.sum(axis=1), suites_paid, (len(good) + golden) / suites, tasks, time)


def _again(
    speed: Floats, active: Bools, authors: Ints, chosen: Ints, missing: Ints, random: np.random.Generator
) -> Ints:
    """Draw who replaces the votes that do not count: answer × turn → worker, -1 where there is none."""
    most = int(missing.max(initial=0))
    if most <= 0:
        return np.empty((len(missing), 0), dtype=np.int64)
    drawn: Ints = np.full((len(missing), most), -1)
    rows = np.flatnonzero(missing > 0)
    # Gumbel's trick: the largest of log speed plus Gumbel noise are a draw without replacement.
    keys = np.log(speed) + random.gumbel(size=(len(rows), len(speed)))
    keys[:, ~active] = -math.inf
    keys[np.arange(len(rows)), authors[rows]] = -math.inf
    for turn in range(chosen.shape[1]):
        has = np.flatnonzero(chosen[rows, turn] >= 0)
        keys[has, chosen[rows[has], turn]] = -math.inf
    best = np.argsort(-keys, axis=1)[:, :most]
    usable = np.arange(best.shape[1]) < missing[rows, None]
    usable &= np.isfinite(np.take_along_axis(keys, best, axis=1))
    drawn[rows, : best.shape[1]] = np.where(usable, best, -1)
    return drawn


def _judges(
    speed: Floats, allowed: Bools, last: Floats, late: float, overlap: int, random: np.random.Generator
) -> tuple[Ints, Bools, float]:
    """Draw each suite's judges: suite × turn → worker, -1 where nobody is left; who was not banned; the time.

    Each worker gets the part of the suites that his speed earns him, as far as he may have them. Whoever fails the
    control tasks leaves for good, and his earlier votes do not count either (`quality.decide`).
    """
    suites, workers = allowed.shape
    done = np.zeros(workers)
    active: Bools = np.asarray(allowed.any(axis=0))
    who: Ints = np.full((suites, overlap), -1)
    at, time = 0, 0.0
    while at < suites:
        open_to = allowed[at:] & active
        may = open_to.sum(axis=0).astype(float)
        turns, needed = _turns(
            np.where(may > 0, speed, 0.0), may, (suites - at) * overlap, late if at == 0 else 0.0
        )
        rate = np.maximum(turns / (suites - at), 1e-9)
        soonest = float(np.min(np.where(active, (last - done) / rate, math.inf)))
        until = int(min(max(math.ceil(min(soonest, suites)), 1), suites - at))
        each = np.divide(turns, may, out=np.zeros(workers), where=may > 0)
        who[at : at + until] = _different(_chances(open_to[:until] * each, overlap), overlap, random)
        done += np.bincount(who[at : at + until][who[at : at + until] >= 0], minlength=workers)
        active &= done < last
        time += needed * until / (suites - at)
        at += until
    return who, active, time


def _chances(weight: Floats, overlap: int) -> Floats:
    """Scale each suite's weights to chances of at most 1 that sum to `overlap`, or to all who may have it."""
    wanted = np.minimum(overlap, (weight > 0).sum(axis=1))
    for _ in range(20):
        fixed = weight >= 1 - 1e-12
        rest = np.where(fixed, 0.0, weight)
        total = rest.sum(axis=1)
        factor = np.divide(wanted - fixed.sum(axis=1), total, out=np.zeros(len(total)), where=total > 0)
        weight = np.where(fixed, 1.0, np.minimum(rest * factor[:, None], 1.0))
        if np.allclose(weight.sum(axis=1), wanted, atol=1e-6):
            break
    return weight


def _different(chance: Floats, overlap: int, random: np.random.Generator) -> Ints:
    """Draw different workers for each suite, each with his chance (Madow's systematic sampling, 1949)."""
    order = np.argsort(random.random(chance.shape), axis=1)
    ends = np.cumsum(np.take_along_axis(chance, order, axis=1), axis=1)
    total = np.round(ends[:, -1])
    ends *= (total / np.maximum(ends[:, -1], 1e-12))[:, None]
    ends[:, -1] = total
    hits = np.diff(np.floor(ends - random.random((len(chance), 1))), axis=1, prepend=-1.0) > 0.5
    who = np.full((len(chance), overlap), -1)
    turn = np.cumsum(hits, axis=1) - 1
    suite, place = np.nonzero(hits)
    kept = turn[suite, place] < overlap
    who[suite[kept], turn[suite, place][kept]] = order[suite[kept], place[kept]]
    return who


def _banned_after(
    crowd: _Crowd, exam_right: Floats, suites: int, stage: Stage, random: np.random.Generator
) -> Floats:
    """Return after how many suites each worker is banned; infinity: never."""
    never = np.full(len(crowd.pace), math.inf)
    if not stage.ban_after or not stage.golden_share:
        return never
    tasks = math.ceil(suites * stage.suite * stage.golden_share)
    bad = random.random((len(never), tasks)) < 0.5
    chance = np.where(bad, crowd.right[1][:, None], crowd.right[0][:, None])
    right = np.cumsum(random.random(bad.shape) < chance, axis=1) + exam_right[:, None]
    number = np.arange(1, tasks + 1) + stage.exam
    failed = (number >= stage.ban_after) & (right < stage.ban_below * number - 1e-9)
    first: Floats = np.where(failed.any(axis=1), failed.argmax(axis=1) + 1, math.inf)
    after: Floats = np.ceil(first / (stage.suite * stage.golden_share))
    return after


def _days(stage: Stage, time: float, suite: float) -> float:
    """Turn the time until the last suite is taken into days, and add that suite."""
    seconds = stage.seconds * math.exp(TASK_PACE**2 / 2) * suite
    return time * seconds / 3600 + seconds / 86400


def _median_pay(pace: Floats, stage: Stage, price: float) -> float:
    seconds = stage.seconds * math.exp(TASK_PACE**2 / 2) * pace * stage.suite
    return float(np.median(price * 3600 / seconds))
