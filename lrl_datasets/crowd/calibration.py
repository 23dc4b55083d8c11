"""Makes a posterior mean what it says, by golden tasks: fitting, measuring, and the threshold to accept from.

Takes posteriors (items × labels) and the true labels of some items; `truth` is a label's code, `share` what the
item weighs: one golden task judged by many workers may stand for several items of the usual overlap.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

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


@dataclass(frozen=True)
class Calibration:
    """log p is multiplied by `slope` and `offsets` are added before the labels' probabilities are normalised."""

    slope: float
    offsets: Floats

    def __call__(self, posterior: Floats) -> Floats:
        """Return the calibrated posterior."""
        return _softmax(self.slope * _logs(posterior) + self.offsets)


def fit(posterior: Floats, truth: Codes, share: Floats) -> Calibration:
    """Fit slope and offsets to golden tasks, as the most probable ones under their priors.

    With fewer than `OFFSETS_FROM` golden tasks the slope alone (temperature scaling: Guo et al., On Calibration
    of Modern Neural Networks, ICML 2017), from there on offsets too (Platt 1999, by label). The priors hold the
    fit where the golden tasks are few or all alike.
    """
    from scipy.optimize import minimize

    logs, n_labels = _logs(posterior), posterior.shape[1]
    with_offsets = share.sum() >= OFFSETS_FROM
    hits = np.eye(n_labels)[truth]

    def loss(point: Floats) -> tuple[float, Floats]:
        slope, offsets = np.exp(point[0]), point[1:] if with_offsets else np.zeros(n_labels)
        scores = slope * logs + offsets
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
    return Calibration(float(np.exp(found[0])), found[1:] if with_offsets else np.zeros(n_labels))


def crossed(posterior: Floats, truth: Codes, share: Floats, tasks: Codes) -> Floats:
    """Return what each golden task's posterior would be, calibrated by the others: to measure with.

    `tasks` says which rows are one golden task and stay together.
    """
    result = np.empty_like(posterior)
    names = np.unique(tasks)
    for fold in range(min(FOLDS, len(names))):
        held = np.isin(tasks, names[fold::FOLDS])
        if held.all():
            return posterior
        result[held] = fit(posterior[~held], truth[~held], share[~held])(posterior[held])
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


def perfect_error(said: Floats, draws: int = 200, seed: int = 0) -> float:
    """Return the calibration error that a perfect posterior would show here: it is never 0 on few items."""
    rng = np.random.default_rng(seed)
    errors = [
        calibration_error(said, (rng.random(len(said)) < said).astype(np.float64)) for _ in range(draws)
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
    """Lower confidence bound of the precision, by the golden tasks at or above the threshold; None without any."""
    golden: float
    """How many golden tasks that are; parts of one count in part."""


def acceptance(
    helpful: Floats,
    precision: float,
    said: Floats,
    good: Floats,
    confidence: float = 0.95,
    share: Floats | None = None,
) -> Acceptance | None:
    """Choose the lowest threshold whose accepted rows are expected to be helpful in the wanted share.

    Parameters
    ----------
    helpful
        Calibrated posterior of each row.
    precision
        The wanted share of helpful rows among the accepted.
    said, good
        The golden tasks' posteriors, calibrated by the others, and whether they are helpful (0 or 1).
    confidence
        Of the bound (Clopper and Pearson 1934). It is not used to choose, or it would not hold.
    share
        What each of `said` weighs; by default 1.

    Returns
    -------
    Acceptance or None
        None where not even the most probable rows reach the precision.
    """
    from scipy.stats import beta

    ordered = np.sort(helpful)[::-1]
    if not len(ordered):
        return None
    last = np.append(ordered[1:] < ordered[:-1], True)  # equal posteriors are accepted together
    means = np.cumsum(ordered) / np.arange(1, len(ordered) + 1)
    enough = np.flatnonzero(last & (means >= precision - 1e-12))
    if not len(enough):
        return None
    position = int(enough[-1])
    weight = (np.ones(len(said)) if share is None else share) * (said >= ordered[position])
    right, n = float((weight * good).sum()), float(weight.sum())
    bound = None if not n else float(beta.ppf(1 - confidence, right, n - right + 1)) if right > 0 else 0.0
    return Acceptance(float(ordered[position]), float(means[position]), position + 1, bound, n)


def _logs(posterior: Floats) -> Floats:
    clipped = np.clip(posterior, FLOOR, 1.0)
    return np.asarray(np.log(clipped / clipped.sum(axis=1, keepdims=True)), dtype=np.float64)


def _softmax(scores: Floats) -> Floats:
    powers = np.exp(scores - scores.max(axis=1, keepdims=True))
    return np.asarray(powers / powers.sum(axis=1, keepdims=True), dtype=np.float64)
