"""Makes a posterior mean what it says, by golden tasks: fitting, measuring, and the threshold to accept from.

Takes posteriors (items × labels) and the true labels of some items; `truth` is a label's code, `share` what the
item weighs: one golden task judged by many workers may stand for several items of the usual overlap.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from lrl_datasets.intervals import clopper_pearson

Floats = NDArray[np.float64]
Codes = NDArray[np.int64]

OFFSETS_FROM = 50
"""Golden tasks from which on labels get offsets; below, one temperature for all is as much as they can tell."""
SLOPE = 0.5
"""Where the slope is looked for before any golden task: it takes the log-odds of .97, what raw Dawid-Skene says on
average, to those of .85, where it is right."""
SLOPE_SPREAD = float(np.log(2))
"""Standard deviation of the log slope: a factor of two either way is usual, so a calibrated posterior is too."""
OFFSET_SPREAD = 0.5
"""Standard deviation of a label's offset in log-odds. Of .5, 1 and 2 it gave the best log score with 50 golden tasks
on both halves of 120 simulated crowds (.004 ± .001 and .005 ± .002 above 1, accuracy and calibration error no worse);
`benchmarks/crowd.py --simulated N` draws such crowds."""
FLOOR = 1e-4
"""Posteriors are stored with four decimals; what is closer to 0 or 1 says nothing more."""
BINS = 10
FOLDS = 10
_MIXES = 50
"""Most rounds of fitting and taking the answers' mix; a few are usual."""


@dataclass(frozen=True)
class Calibration:
    """log p is multiplied by `slope` and `offsets` are added before the labels' probabilities are normalised."""

    slope: float
    offsets: Floats

    def __call__(self, posterior: Floats) -> Floats:
        """Return the calibrated posterior."""
        return _softmax(self.slope * _logs(posterior) + self.offsets)


def fit(posterior: Floats, truth: Codes, share: Floats, answers: Floats | None = None) -> Calibration:
    """Fit slope and offsets to golden tasks, as the most probable ones under their priors.

    With fewer than `OFFSETS_FROM` golden tasks the slope alone (temperature scaling: Guo et al., On Calibration
    of Modern Neural Networks, ICML 2017), from there on offsets too (Platt 1999, by label). The priors hold the
    fit where the golden tasks are few or all alike.

    `answers` are the posteriors of the items to be calibrated. Golden tasks are chosen, often as many of each
    label, and the answers' labels may have another mix; what workers say of an item with a given label is the
    same. So the golden tasks are fitted at their own mix, and what is returned holds at the answers', which is the
    mean of their calibrated posteriors: Saerens, Latinne and Decaestecker, Adjusting the Outputs of a Classifier
    to New a Priori Probabilities, Neural Computation 14(1), 2002, iterated with the fit. The slope then is of the
    evidence, not of the mix. It is done as far as `differs` says, since the answers' mix is known by the votes
    alone, and workers who err together are wrong on it: done always, it raised the calibration error by .004 ± .004
    on 60 simulated crowds whose golden tasks are drawn from the answers; so by .000 ± .001 on 40 of them (50 golden
    tasks). Without `answers` the mixes are taken to be one.
    """
    if answers is None or not len(answers):
        return _fit(posterior, truth, share, np.zeros(posterior.shape[1]), np.zeros(posterior.shape[1]))
    logs = _logs(answers)
    raw = np.log(np.exp(logs).mean(axis=0))
    moved = differs(posterior, share, answers)
    of_golden, mix = np.log(shares(truth, share, posterior.shape[1])), np.exp(raw)
    for _ in range(_MIXES):
        fitted = _fit(posterior, truth, share, moved * raw, moved * (of_golden - np.log(mix)))
        if not moved:
            break
        before, mix = mix, _softmax(fitted.slope * logs + fitted.offsets).mean(axis=0)
        if np.abs(mix - before).max() < FLOOR:
            break
    return fitted


def differs(posterior: Floats, share: Floats, answers: Floats) -> float:
    """Say from 0 to 1 how much of the difference between golden tasks' and answers' labels is more than chance.

    What the votes alone say of either is compared, the mean posteriors by Hotelling's T²: by chance it is as large
    as its degrees of freedom, and what it has beyond is the share (James and Stein 1961, positive part).
    """
    n = share.sum()
    gap = (share @ posterior / n - answers.mean(axis=0))[1:]
    if not len(gap):
        return 0.0
    both = np.concatenate([posterior, answers])[:, 1:]
    spread = np.cov(both, rowvar=False).reshape(len(gap), len(gap)) * (1 / n + 1 / len(answers))
    inverse = np.linalg.pinv(spread, rcond=1e-6, hermitian=True)
    degrees = int(np.linalg.matrix_rank(spread, hermitian=True))
    squared = float(gap @ inverse @ gap)
    return max(0.0, 1 - degrees / squared) if squared > 0 else 0.0


def shares(truth: Codes, share: Floats, n_labels: int) -> Floats:
    """Return each label's share of the golden tasks, as if there were one more of all labels in parts."""
    counted = np.bincount(truth, share, n_labels) + 1 / n_labels
    return np.asarray(counted / counted.sum(), dtype=np.float64)


def _fit(posterior: Floats, truth: Codes, share: Floats, centre: Floats, shift: Floats) -> Calibration:
    """Fit to golden tasks whose log mix is by `shift` another; `centre`, the log mix, is not multiplied."""
    from scipy.optimize import minimize

    n_labels = posterior.shape[1]
    logs = _logs(posterior) - centre
    with_offsets = share.sum() >= OFFSETS_FROM
    hits = np.eye(n_labels)[truth]

    def loss(point: Floats) -> tuple[float, Floats]:
        slope, offsets = np.exp(point[0]), point[1:] if with_offsets else np.zeros(n_labels)
        scores = slope * logs + offsets + centre + shift
        fitted = _softmax(scores)
        missed = (fitted - hits) * share[:, None]
        highest = scores.max(axis=1)  # in logs: a label may round to 0 while the slope is looked for
        total = highest + np.log(np.exp(scores - highest[:, None]).sum(axis=1))
        value = (share * (total - scores[np.arange(len(truth)), truth])).sum()
        value += (point[0] - np.log(SLOPE)) ** 2 / (2 * SLOPE_SPREAD**2)
        value += (offsets**2).sum() / (2 * OFFSET_SPREAD**2)
        by_slope = (missed * logs).sum() * slope + (point[0] - np.log(SLOPE)) / SLOPE_SPREAD**2
        if not with_offsets:
            return float(value), np.array([by_slope])
        return float(value), np.concatenate([[by_slope], missed.sum(axis=0) + offsets / OFFSET_SPREAD**2])

    start = np.zeros(1 + n_labels * with_offsets)
    start[0] = np.log(SLOPE)
    found = minimize(loss, start, jac=True, method="L-BFGS-B").x
    slope = float(np.exp(found[0]))
    return Calibration(slope, (found[1:] if with_offsets else np.zeros(n_labels)) + (1 - slope) * centre)


def crossed(
    posterior: Floats, truth: Codes, share: Floats, tasks: Codes, answers: Floats | None = None
) -> Floats:
    """Return what each golden task's posterior would be, calibrated by the others: to measure with.

    `tasks` says which rows are one golden task and stay together.
    """
    result = np.empty_like(posterior)
    names = np.unique(tasks)
    for fold in range(min(FOLDS, len(names))):
        held = np.isin(tasks, names[fold::FOLDS])
        if held.all():
            return posterior
        result[held] = fit(posterior[~held], truth[~held], share[~held], answers)(posterior[held])
    return result


@dataclass(frozen=True)
class Bin:
    """One bar of a reliability plot."""

    low: float
    high: float
    n: float
    said: float
    """Mean probability in the bin."""
    right: float
    """Share that was right."""


def reliability(said: Floats, right: Floats, share: Floats | None = None) -> list[Bin]:
    """Return the bins that hold anything: ten equally wide ones of the probability that was said."""
    weight = np.ones(len(said)) if share is None else share
    place = np.minimum((said * BINS).astype(np.int64), BINS - 1)
    bins = []
    for index in range(BINS):
        here = place == index
        n = float(weight[here].sum())
        if n:
            mean_said = float((weight * said)[here].sum()) / n
            mean_right = float((weight * right)[here].sum()) / n
            bins.append(Bin(index / BINS, (index + 1) / BINS, n, mean_said, mean_right))
    return bins


def calibration_error(said: Floats, right: Floats, share: Floats | None = None) -> float:
    """Return the expected calibration error: the bins' mean gap (Naeini, Cooper and Hauskrecht, AAAI 2015)."""
    bins = reliability(said, right, share)
    total = sum(found.n for found in bins)
    return sum(found.n * abs(found.said - found.right) for found in bins) / total if total else 0.0


def perfect_error(
    said: Floats, share: Floats | None = None, tasks: Codes | None = None, draws: int = 200, seed: int = 0
) -> float:
    """Return the calibration error that a perfect posterior would show here: it is never 0 on few items.

    `share` is what each weighs, by default 1; those of one of `tasks` are right together.
    """
    rng = np.random.default_rng(seed)
    task = np.arange(len(said)) if tasks is None else np.unique(tasks, return_inverse=True)[1]
    n = int(task.max()) + 1 if len(task) else 0
    errors = [
        calibration_error(said, (rng.random(n)[task] < said).astype(np.float64), share) for _ in range(draws)
    ]
    return float(np.mean(errors))


@dataclass(frozen=True)
class Acceptance:
    """From which posterior on to accept, so that the wanted precision is expected; and what golden tasks prove."""

    threshold: float
    expected_precision: float
    """Mean posterior of what would be accepted."""
    accepted: int
    bound: float | None
    """Lower confidence bound of the precision, by the golden tasks; None without any at or above the threshold."""
    golden: float
    """How many golden tasks are at or above the threshold; parts of one count in part."""


def acceptance(
    helpful: Floats,
    precision: float,
    said: Floats,
    good: Floats,
    minimum: float = 0.0,
    confidence: float = 0.95,
    share: Floats | None = None,
    mix: Floats | None = None,
) -> Acceptance | None:
    """Choose the lowest threshold whose accepted rows are expected to be helpful in the wanted share.

    Parameters
    ----------
    helpful
        Calibrated posterior of each row.
    precision
        The wanted share of helpful rows among the accepted.
    said, good
        The golden tasks' posteriors by the calibration that made the rows', and whether they are helpful (0 or 1).
    minimum
        No threshold below.
    confidence
        Of the bound. With π the rows' mean posterior it is π·T / (π·T + (1 − π)·F), where T is the lower bound
        of the share of helpful golden tasks at or above the threshold and F the upper one of the others' (Clopper
        and Pearson 1934, each with half the error). So it does not depend on how many of the golden tasks are
        helpful; π is taken as it is. The bound is not used to choose, or it would not hold.
    share
        What each of `said` counts; by default 1.
    mix
        What each weighs beside the others that are helpful, or that are not, where labels of one kind are as
        frequent in rows as these weights times their golden tasks; by default 1.

    Returns
    -------
    Acceptance or None
        None where not even the most probable rows reach the precision.
    """
    ordered = np.sort(helpful[helpful >= minimum])[::-1]
    if not len(ordered):
        return None
    last = np.append(ordered[1:] < ordered[:-1], True)  # equal posteriors are accepted together
    means = np.cumsum(ordered) / np.arange(1, len(ordered) + 1)
    enough = np.flatnonzero(last & (means >= precision - 1e-12))
    if not len(enough):
        return None
    position = int(enough[-1])
    above = said >= ordered[position]
    part = np.ones(len(said)) if share is None else share
    weight = np.ones(len(said)) if mix is None else mix
    n = float(part[above].sum())
    error = (1 - confidence) / 2
    bound = None
    if n:
        prior = float(helpful.mean())
        low = prior * _least_share(above, part, weight, good > 0, error)
        high = (1 - prior) * (1 - _least_share(~above, part, weight, good <= 0, error))
        bound = low / (low + high) if low else 0.0
    return Acceptance(float(ordered[position]), float(means[position]), position + 1, bound, n)


def _least_share(hit: Any, part: Floats, weight: Floats, among: Any, error: float) -> float:
    """Lower bound of the share of hits among some golden tasks; of uneven weights, by Kish's effective number."""
    weighed = (part * weight)[among]
    total = float(weighed.sum())
    if not total:
        return 0.0
    n = total**2 / float((weighed * weight[among]).sum())
    right = n * float(weighed[hit[among]].sum()) / total
    return clopper_pearson(right, n, 1 - 2 * error)[0] or 0.0


def _logs(posterior: Floats) -> Floats:
    clipped = np.clip(posterior, FLOOR, 1.0)
    return np.asarray(np.log(clipped / clipped.sum(axis=1, keepdims=True)), dtype=np.float64)


def _softmax(scores: Floats) -> Floats:
    powers = np.exp(scores - scores.max(axis=1, keepdims=True))
    return np.asarray(powers / powers.sum(axis=1, keepdims=True), dtype=np.float64)
