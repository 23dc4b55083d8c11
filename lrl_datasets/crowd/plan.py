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
4. the votes that count are weighed (`_Panel.believed`) over all rounds so far, and an answer that is rejected reopens
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
import numpy.typing as npt

from lrl_datasets.crowd.overlap import SMOOTHING
from lrl_datasets.crowd.simulation import HOURS, SPREAD, TASK_PACE, TYPES, WORKER_PACE
from lrl_datasets.errors import LrlError

Floats = npt.NDArray[np.float64]
Ints = npt.NDArray[np.int64]
Bools = npt.NDArray[np.bool_]
DRAWS = 200
"""Draws of the campaign; a tenth of them lie outside of the interval, 20 ± 4."""
ITERATIONS = 8
"""Of Dawid and Skene's estimate in each round; it goes on where the last round ended."""


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
    confidence: float | None = None
    """Dynamic overlap: more votes one at a time until they are so sure (`overlap.confidence`) …"""
    limit: int | None = None
    """… or so many were given; twice the overlap plus one when None."""


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
    comparisons: Stage | None = None
    """Where the campaign compares answers: an overlap is that of a pair."""
    pairs: int | None = None
    """Pairs of a prompt that are compared at most; None: all."""
    majority: bool = False
    """Whether votes are counted, one like the other, or weighed (as Dawid and Skene do; other methods that weigh
    them come close to it)."""
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
    panel = _Panel(plan.judgements, crowd, random)
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
            turns, time = _turns(crowd.speed, np.full(len(crowd.pace), pages / plan.answers.overlap), pages)
            authors = _takes(turns, plan.answers.suite, count, random)
            days += _days(plan.answers, time, plan.answers.suite)
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
        "hourly pay, answers": _median_pay(
            np.bincount(panel.authors[of_writers], minlength=len(crowd.pace)) * prices["answers"] / plan.answers.suite,
            np.bincount(panel.authors, minlength=len(crowd.pace)), plan.answers, crowd.pace, random,
        ),
        "hourly pay, judgements": panel.hourly(prices["judgements"], plan.refused_is_paid),
    }  # fmt: skip
    if plan.comparisons is not None:
        pairs = _Panel(plan.comparisons, crowd, random)
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


@dataclass
class _Panel:
    """The judges of one stage, over all its rounds."""

    stage: Stage
    crowd: _Crowd
    random: np.random.Generator
    tasks: int = 0

    def __post_init__(self) -> None:
        self.right, self.passed = _exam(self.crowd, self.stage, self.random)
        """Control tasks right so far, exam included; who may work."""
        people = len(self.crowd.pace)
        self.golden = np.full(people, float(self.stage.exam))
        self.suites = np.zeros(people)
        self.rounds = 0
        self.authors: Ints = np.empty(0, dtype=np.int64)
        self.voters: Ints = np.empty((0, self.stage.overlap), dtype=np.int64)
        """Task × turn → worker, -1 where nobody is."""
        self.says: Bools = np.empty((0, self.stage.overlap), dtype=bool)

    @property
    def banned(self) -> Bools:
        """Whoever has failed the control tasks, over all rounds (`rules.failed_worker`): none of his votes count."""
        failed = self.right < self.stage.ban_below * self.golden - 1e-9
        return (self.golden >= max(self.stage.ban_after, 1)) & failed & (self.stage.ban_after > 0)

    @property
    def counted(self) -> Bools:
        """Which votes count."""
        return np.asarray((self.voters >= 0) & ~self.banned[self.voters])

    def lacking(self, refused_is_paid: bool) -> Ints:
        """Return how many votes each task lacks: `overlap.wanted`; none is replaced where refused ones are paid."""
        stage, counted = self.stage, self.counted
        if refused_is_paid or not len(counted):
            return np.zeros(len(counted), dtype=np.int64)
        missing = np.maximum(stage.overlap - counted.sum(axis=1), 0)
        if stage.confidence is not None:
            skill = (SMOOTHING + self.right) / (2 * SMOOTHING + self.golden)
            own = np.where(counted, skill[self.voters], 0.0)
            odds = np.log(skill / (1 - skill))[self.voters] * counted
            sure = 1 / (1 + np.exp(-np.where(self.says, odds, -odds).sum(axis=1)))
            leads = np.where(self.says, own, -own).sum(axis=1) >= 0
            unsure = np.where(leads, sure, 1 - sure) < stage.confidence
            missing = np.where((missing == 0) & unsure, 1, missing)
        given = (self.voters >= 0).sum(axis=1)
        limit = 2 * stage.overlap + 1 if stage.limit is None else stage.limit
        room = (self.passed & ~self.banned).sum() - counted.sum(axis=1) - 1  # people who could still be asked
        return np.asarray(np.clip(np.minimum(missing, limit - given), 0, np.maximum(room, 0)))

    def ask(self, authors: Ints, good: Bools, again: Ints) -> float:
        """Hand out new tasks, and old ones to so many more people each; returns the days that it takes."""
        stage, random = self.stage, self.random
        may, room = self.passed & ~self.banned, stage.suite * (1 - stage.golden_share)
        if may.sum() <= stage.overlap:
            may = self.passed.copy()  # the campaign waits for people who pass
        done, time, tasks, size = np.zeros(len(may)), 0.0, 0, float(stage.suite)
        suites = max(math.ceil(len(authors) / room - 1e-9), 1)
        lists = math.ceil(again.sum() / room)
        control = _control_tasks(self.crowd, stage, suites + lists, random)
        old = _again(self.crowd.speed, may, self.authors, self.voters, again, random)
        new = np.full((len(authors), stage.overlap), -1)
        if len(authors):
            golden = math.floor(suites * stage.suite * stage.golden_share + 0.5)
            of = np.minimum((random.permutation(len(authors)) / room).astype(int), suites - 1)
            allowed = np.tile(may, (suites, 1))
            allowed[of, authors] = False
            late = stage.exam / stage.suite if not self.rounds else 0.0
            carried = (self.right, self.golden) if not self.rounds else (0 * self.right, 0 * self.golden)
            last = _banned_after(control, *carried, stage)
            who, _, time = _judges(self.crowd.speed, allowed, last, late, stage.overlap, random)
            new = who[of]
            done += np.bincount(who[who >= 0], minlength=len(may))
            tasks = (len(authors) + golden) * stage.overlap
            size = (len(authors) + golden) / suites
        if lists:
            done += np.bincount(old[old >= 0], minlength=len(may)) / room
            time += lists * (stage.suite / size) / max(float(self.crowd.speed[may].sum()), 1e-9)
            # Suites of as many votes each: their last one may be short.
            tasks += sum(_full(int((again == n).sum()), stage) * int(n) for n in np.unique(again[again > 0]))
        self.tasks += tasks
        self.suites += done
        seen = np.minimum(np.rint(done * stage.suite * stage.golden_share).astype(int), control.shape[1])
        self.golden += seen
        self.right += np.take_along_axis(
            np.concatenate([np.zeros((len(may), 1)), np.cumsum(control, axis=1)], axis=1),
            seen[:, None],
            axis=1,
        )[:, 0]
        self._hear(authors, good, old, new)
        self.rounds += 1
        return _days(stage, time, size) if tasks else 0.0

    def _hear(self, authors: Ints, good: Bools, old: Ints, new: Ints) -> None:
        """Write down who was asked, and what they say."""
        wide = max(self.voters.shape[1] + old.shape[1], new.shape[1])
        voters = np.full((len(self.authors) + len(authors), wide), -1)
        before = len(self.authors)
        voters[:before, : self.voters.shape[1]] = self.voters
        voters[:before, self.voters.shape[1] : self.voters.shape[1] + old.shape[1]] = old
        voters[before:, : new.shape[1]] = new
        crowd, random = self.crowd, self.random
        right = np.where(good[:, None], crowd.right[0][voters], crowd.right[1][voters])
        ring = random.random(len(good)) < crowd.ring_right
        correct = np.where(crowd.ring[voters], ring[:, None], random.random(voters.shape) < right)
        says = correct == good[:, None]
        says[:before, : self.says.shape[1]] = self.says  # what was said stays said
        self.authors = np.concatenate([self.authors, authors])
        self.voters, self.says = voters, says

    def believed(self, chance: Floats, majority: bool) -> Floats:
        """Return the posterior that each answer is good: the share of yes, or Dawid and Skene's.

        `chance` is the last round's posterior, nan where there is none: the iteration goes on from there.
        """
        counted = self.counted
        n = counted.sum(axis=1)
        share: Floats = np.divide((self.says & counted).sum(axis=1), n, out=np.full(len(n), 0.5), where=n > 0)
        if majority:
            return share
        task, turn = np.nonzero(counted)
        worker, yes = self.voters[task, turn], self.says[task, turn].astype(float)
        chance, people = np.where(np.isnan(chance), share, chance), len(self.crowd.pace)
        for _ in range(ITERATIONS):
            weight, prior = chance[task], float(np.clip(chance.mean(), 1e-3, 1 - 1e-3))
            rate = [
                (np.bincount(worker, part * yes, people) + 0.01) / (np.bincount(worker, part, people) + 0.02)
                for part in (weight, 1 - weight)
            ]
            said = np.where(
                yes > 0, np.log(rate[0] / rate[1])[worker], np.log((1 - rate[0]) / (1 - rate[1]))[worker]
            )
            odds = math.log(prior / (1 - prior)) + np.bincount(task, said, len(n))
            chance = 1 / (1 + np.exp(-np.clip(odds, -500, 500)))
        return np.asarray(chance)

    def paid(self, refused_is_paid: bool) -> Floats:
        """Return each worker's suites that are paid: who was banned has none."""
        return self.suites if refused_is_paid else self.suites * ~self.banned

    def hourly(self, price: float, refused_is_paid: bool) -> float:
        """Return what the median worker earns per hour, those among them who are refused."""
        exams = self.stage.exam / self.stage.suite
        earned = (self.paid(refused_is_paid) + exams) * price
        tasks = self.suites * self.stage.suite + self.stage.exam
        return _median_pay(earned, tasks, self.stage, self.crowd.pace, self.random)


def _full(tasks: int, stage: Stage) -> int:
    """Return how many tasks the suites with so many ordinary ones hold, control tasks among them."""
    return tasks + math.floor(
        math.ceil(tasks / (stage.suite * (1 - stage.golden_share))) * stage.suite * stage.golden_share + 0.5
    )


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


def _control_tasks(crowd: _Crowd, stage: Stage, suites: int, random: np.random.Generator) -> Bools:
    """Draw whether each worker would get each of the round's control tasks right; half of them are good answers."""
    tasks = math.ceil(suites * stage.suite * stage.golden_share)
    bad = random.random((len(crowd.pace), tasks)) < 0.5
    chance = np.where(bad, crowd.right[1][:, None], crowd.right[0][:, None])
    return np.asarray(random.random(bad.shape) < chance)


def _banned_after(control: Bools, right: Floats, golden: Floats, stage: Stage) -> Floats:
    """Return after how many suites of a round each worker is sent away; infinity: never."""
    if not stage.ban_after or not control.shape[1]:
        return np.full(len(control), math.inf)
    number = np.arange(1, control.shape[1] + 1) + golden[:, None]
    failed = np.cumsum(control, axis=1) + right[:, None] < stage.ban_below * number - 1e-9
    failed &= number >= stage.ban_after
    first: Floats = np.where(failed.any(axis=1), failed.argmax(axis=1) + 1, math.inf)
    after: Floats = np.ceil(first / (stage.suite * stage.golden_share))
    return after


def _days(stage: Stage, time: float, suite: float) -> float:
    """Turn the time until the last suite is taken into days, and add that suite."""
    seconds = stage.seconds * math.exp(TASK_PACE**2 / 2) * suite
    return time * seconds / 3600 + seconds / 86400


def _median_pay(
    earned: Floats, tasks: Floats | Ints, stage: Stage, pace: Floats, random: np.random.Generator
) -> float:
    """Return what the median worker earned per hour, of those who did something."""
    busy = tasks > 0
    if not busy.any():
        return math.nan
    mean = stage.seconds * math.exp(TASK_PACE**2 / 2) * pace[busy]
    spread = math.sqrt(math.exp(TASK_PACE**2) - 1) / np.sqrt(tasks[busy])
    seconds = mean * tasks[busy] * np.maximum(1 + spread * random.normal(size=busy.sum()), 0.1)
    return float(np.median(earned[busy] / seconds * 3600))
