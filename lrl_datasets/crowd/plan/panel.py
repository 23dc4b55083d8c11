"""The judges of one stage in a planned campaign, over all its rounds: who is asked, what they say, what it is worth."""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np

from lrl_datasets.crowd.overlap import SMOOTHING
from lrl_datasets.crowd.plan import people
from lrl_datasets.crowd.plan.people import Bools, Crowd, Floats, Ints
from lrl_datasets.crowd.plan.terms import Stage
from lrl_datasets.crowd.simulation import TASK_PACE

ITERATIONS = 8
"""Of Dawid and Skene's estimate in each round; it goes on where the last round ended."""


@dataclass
class Panel:
    """The judges of one stage, over all its rounds."""

    stage: Stage
    crowd: Crowd
    random: np.random.Generator
    tasks: int = 0

    def __post_init__(self) -> None:
        self.right, self.passed = people.exam(self.crowd, self.stage, self.random)
        """Control tasks right so far, exam included; who may work."""
        workers = len(self.crowd.pace)
        self.golden = np.full(workers, float(self.stage.exam))
        self.suites = np.zeros(workers)
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
        control = people.control_tasks(self.crowd, stage, suites + lists, random)
        old = people.replacements(self.crowd.speed, may, self.authors, self.voters, again, random)
        new = np.full((len(authors), stage.overlap), -1)
        if len(authors):
            golden = math.floor(suites * stage.suite * stage.golden_share + 0.5)
            of = np.minimum((random.permutation(len(authors)) / room).astype(int), suites - 1)
            allowed = np.tile(may, (suites, 1))
            allowed[of, authors] = False
            late = stage.exam / stage.suite if not self.rounds else 0.0
            carried = (self.right, self.golden) if not self.rounds else (0 * self.right, 0 * self.golden)
            last = people.banned_after(control, *carried, stage)
            who, _, time = people.judges(self.crowd.speed, allowed, last, late, stage.overlap, random)
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
        return days_of(stage, time, size) if tasks else 0.0

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
        chance, workers = np.where(np.isnan(chance), share, chance), len(self.crowd.pace)
        for _ in range(ITERATIONS):
            weight, prior = chance[task], float(np.clip(chance.mean(), 1e-3, 1 - 1e-3))
            rate = [
                (np.bincount(worker, part * yes, workers) + 0.01)
                / (np.bincount(worker, part, workers) + 0.02)
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
        return median_pay(earned, tasks, self.stage, self.crowd.pace, self.random)


def days_of(stage: Stage, time: float, suite: float) -> float:
    """Turn the time until the last suite is taken into days, and add that suite."""
    seconds = stage.seconds * math.exp(TASK_PACE**2 / 2) * suite
    return time * seconds / 3600 + seconds / 86400


def median_pay(
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


def _full(tasks: int, stage: Stage) -> int:
    """Return how many tasks the suites with so many ordinary ones hold, control tasks among them."""
    return tasks + math.floor(
        math.ceil(tasks / (stage.suite * (1 - stage.golden_share))) * stage.suite * stage.golden_share + 0.5
    )
