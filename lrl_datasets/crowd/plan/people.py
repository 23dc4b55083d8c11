"""Who comes and who does what, in one draw of a planned campaign: rates and counts, no single task.

Takes the crowd's types (`simulation.TYPES`) and speeds, gives who passes the exam, who takes
which suite, and who is banned when.
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from lrl_datasets.crowd.plan.terms import Stage
from lrl_datasets.crowd.simulation import HOURS, SPREAD, TYPES, WORKER_PACE

Floats = npt.NDArray[np.float64]
Ints = npt.NDArray[np.int64]
Bools = npt.NDArray[np.bool_]


@dataclass
class Crowd:
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


def draw_crowd(counts: Mapping[str, int], random: np.random.Generator) -> Crowd:
    """Draw everybody: so many of each type, each with a skill, a pace and hours of his own."""
    kinds = [TYPES[kind] for kind in TYPES for _ in range(counts.get(kind, 0))]
    accuracy = np.array([kind.accuracy for kind in kinds])
    well = np.array([kind.writes_well for kind in kinds])
    own = random.beta(accuracy * SPREAD, (1 - accuracy) * SPREAD)
    right = np.stack([own, own])
    fixed = np.array([kind.label == "fixed" for kind in kinds])
    says_yes = (random.random(len(kinds)) < 0.5).astype(float)
    right[0, fixed], right[1, fixed] = says_yes[fixed], 1 - says_yes[fixed]
    ring = np.array([kind.label == "ring" for kind in kinds])
    return Crowd(
        right=right,
        writes_well=random.beta(well * SPREAD, (1 - well) * SPREAD),
        pace=np.array([kind.pace for kind in kinds]) * random.lognormal(0, WORKER_PACE, len(kinds)),
        hours=np.minimum(random.lognormal(math.log(HOURS[0]), HOURS[1], len(kinds)), 12),
        ring=ring,
        ring_right=float(own[ring].mean()) if ring.any() else 0.5,
    )


def exam(crowd: Crowd, stage: Stage, random: np.random.Generator) -> tuple[Floats, Bools]:
    """Draw how many exam tasks each gets right (half of them good answers, half bad) and who may work."""
    chance = crowd.right.mean(axis=0)
    right = random.binomial(stage.exam, chance).astype(float)
    passed = right >= stage.exam_pass * stage.exam - 1e-9
    if passed.sum() <= stage.overlap:
        passed[np.argsort(-chance)[: stage.overlap + 1]] = True  # the campaign waits for people who pass
    return right, passed


def turns_of(speed: Floats, most: Floats, turns: float, late: float = 0.0) -> tuple[Floats, float]:
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


def takes(turns: Floats, suite: int, count: int, random: np.random.Generator) -> Ints:
    """Draw who does each of so many answers: everybody his turns, rounded up or down by chance."""
    suites = math.ceil(count / suite)
    order = random.permutation(len(turns))
    ends = np.floor(np.cumsum(turns[order]) * (suites / turns.sum()) + random.random())
    ends[-1] = suites
    who = random.permutation(np.repeat(order, np.diff(ends, prepend=0).astype(int)))
    return np.repeat(who, suite)[:count]


def replacements(
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


def judges(
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
        turns, needed = turns_of(
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


def control_tasks(crowd: Crowd, stage: Stage, suites: int, random: np.random.Generator) -> Bools:
    """Draw whether each worker would get each of the round's control tasks right; half of them are good answers."""
    tasks = math.ceil(suites * stage.suite * stage.golden_share)
    bad = random.random((len(crowd.pace), tasks)) < 0.5
    chance = np.where(bad, crowd.right[1][:, None], crowd.right[0][:, None])
    return np.asarray(random.random(bad.shape) < chance)


def banned_after(control: Bools, right: Floats, golden: Floats, stage: Stage) -> Floats:
    """Return after how many suites of a round each worker is sent away; infinity: never."""
    if not stage.ban_after or not control.shape[1]:
        return np.full(len(control), math.inf)
    number = np.arange(1, control.shape[1] + 1) + golden[:, None]
    failed = np.cumsum(control, axis=1) + right[:, None] < stage.ban_below * number - 1e-9
    failed &= number >= stage.ban_after
    first: Floats = np.where(failed.any(axis=1), failed.argmax(axis=1) + 1, math.inf)
    after: Floats = np.ceil(first / (stage.suite * stage.golden_share))
    return after
