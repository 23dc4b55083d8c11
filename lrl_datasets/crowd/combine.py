"""`auto`: combines methods instead of choosing one, and lets golden tasks say how much each weighs.

Takes coded votes and the true labels of some items (the golden tasks), gives one posterior an item, calibrated
where there are golden tasks, and what it is made of. Which method is best differs from crowd to crowd and the
votes alone do not tell: a model that fits them better may only fit the workers' common errors. Golden tasks do
three things: one method learns the workers' errors from them, all are weighed and the average is calibrated; each
task is taken by what the others say of it, so that none of the three is measured on what it was made with.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping
from dataclasses import dataclass, field

import numpy as np

from lrl_datasets.crowd import calibration, methods
from lrl_datasets.crowd.bayesian import SUBTYPES, Coded, Codes, Floats, hierarchical_dawid_skene
from lrl_datasets.crowd.calibration import Bin, Calibration

PRIOR = {
    "wawa": 1.0,
    "one-coin-dawid-skene": 1.0,
    "dawid-skene": 1.0,
    "glad": 1.0,
    "mace": 1.0,
    "hierarchical-dawid-skene": 3.0,
    "ebcc": 1.0,
}
"""What each method weighs before any golden task. Over 120 simulated crowds (2 to 5 labels, 3 to 12 votes an item;
experts, average workers, spammers, adversaries, favoured labels, errors that a crowd shares by subtype, colluders;
all methods but GLAD) averages were alike in accuracy, .786 to .791, none better than MACE alone (.794); with three
times the weight on the hierarchical model the regret to each crowd's best method was smallest: at most .22, against
.35 with equal weights. `benchmarks/crowd.py --simulated N` draws such crowds and shows both beside every method."""

TAUGHT = "hierarchical-dawid-skene"
"""The method that learns from golden tasks: as known labels they say what workers who err together do not. On two
halves of 120 simulated crowds it raised accuracy by .021 ± .018 and .008 ± .008 with 20 golden tasks, by .013 ± .010
and .014 ± .013 with 50 ("by teaching" in `benchmarks/crowd.py --simulated N`). Weighing by log likelihood, members
calibrated one by one and a geometric mean, tried there too, were not clearly better."""
FOLDS = 5
"""A golden task's posterior is by what four fifths of the golden tasks teach."""

SETTLED = float(np.log(20))
"""Lead, in golden tasks, at which the better of two methods weighs twenty times the other: 19 : 1 or more."""

# Cost grows with votes × labels; beyond these a method would take more than some ten seconds on one core.
_CELLS = {
    "glad": 60_000,
    "mace": 400_000,
    "one-coin-dawid-skene": 400_000,
    "dawid-skene": 20_000_000,
}
_EBCC_CELLS = 2_000_000
"""Votes × labels that all starts of EBCC together may take; the workers' matrices count too."""
_EBCC_STARTS = 10
_MATRIX = 20_000_000
"""Most numbers in one array of parameters or posteriors: 160 MB."""


@dataclass(frozen=True)
class Members:
    """The methods' posteriors."""

    posteriors: Mapping[str, Floats]
    left_out: Mapping[str, str] = field(default_factory=dict)
    """Method → why it was not asked."""
    taught: Floats | None = None
    """The posterior of `TAUGHT` where golden tasks teach it (`taught`)."""


@dataclass(frozen=True)
class Combined:
    """One posterior an item, and what it is made of."""

    posterior: Floats
    """Calibrated, where there are golden tasks."""
    raw: Floats
    """The weighted average as it was before."""
    weights: Mapping[str, float]
    """Of each method; they sum to 1."""
    right: Mapping[str, float]
    """Golden tasks that each method gets right; ties count in part."""
    left_out: Mapping[str, str]
    golden: Golden | None
    """What the golden tasks say; None without any."""


@dataclass(frozen=True)
class Golden:
    """What golden tasks say of the combination; each is weighed and calibrated by the others."""

    tasks: int
    right: float
    right_without: float
    """What the combination would get right had it seen no golden task."""
    error_before: float
    """Expected calibration error of the weighted average."""
    error_after: float
    error_perfect: float
    """What a perfect posterior would show on as many tasks."""
    reliability: list[Bin]
    calibration: Calibration
    said: Floats
    """Calibrated posterior of each row that is a golden task, by the others: to measure with."""
    placed: Floats
    """The same by all of them, as the answers are calibrated: to compare with answers."""
    weight: Floats
    """How much more frequent its label is in answers than in golden tasks: what each weighs where it is measured."""
    moved: float
    """How much of that is more than chance, 0 to 1 (`calibration.differs`): so far it is corrected for."""
    more: int
    """How many more golden tasks would pay off."""
    why_more: str


def members(
    votes: Coded, truth: Codes | None = None, tasks: Codes | None = None, without: Collection[str] = ()
) -> Members:
    """Fit every method that the size allows; with `truth` and `tasks` of golden tasks, as in `combine`, teach one."""
    posteriors, left_out = {}, {}
    for name in PRIOR:
        reason = "not wanted" if name in without else _too_large(votes, name)
        if reason:
            left_out[name] = reason
        else:
            posteriors[name] = methods.posterior(votes, name, _ebcc_starts(votes))
    return Members(posteriors, left_out, taught(votes, truth, tasks) if TAUGHT in posteriors else None)


def taught(votes: Coded, truth: Codes | None, tasks: Codes | None = None) -> Floats | None:
    """Fit `TAUGHT` with golden tasks as known labels: each item's posterior, a golden one's by the other folds.

    None without golden tasks.
    """
    known = np.flatnonzero(truth >= 0) if truth is not None else np.zeros(0, np.int64)
    if truth is None or not len(known):
        return None
    posterior = hierarchical_dawid_skene(votes, truth)
    numbers = np.unique(known if tasks is None else tasks[known], return_inverse=True)[1]
    for fold in range(min(FOLDS, numbers.max() + 1)):
        held = known[numbers % FOLDS == fold]
        others = truth.copy()
        others[held] = -1
        posterior[held] = hierarchical_dawid_skene(votes, others, known)[held]
    return posterior


def combine(
    found: Members, truth: Codes | None = None, share: Floats | None = None, tasks: Codes | None = None
) -> Combined:
    """Average the methods' posteriors, weighted by prior × exp(golden tasks that the method gets right).

    The weights are those of Bayesian model averaging over the statements "this method is the right one", with
    e to 1 as the odds of a task that it gets right.

    Parameters
    ----------
    found
        The methods' posteriors (`members`).
    truth
        The code of each item's true label, -1 where it is not known.
    share
        What each golden item weighs; by default 1. A task shown to many workers is several items of the usual
        overlap, each a part of it.
    tasks
        Which golden task each item is, so that the parts of one stay together; by default each its own.
    """
    names = list(found.posteriors)
    prior = np.log([PRIOR.get(name, 1.0) for name in names])
    untaught, posteriors = found.posteriors, dict(found.posteriors)
    if truth is not None and found.taught is not None:
        posteriors[TAUGHT] = found.taught
    known = np.flatnonzero(truth >= 0) if truth is not None else np.zeros(0, np.int64)
    if truth is None or not len(known):
        weights = _softmax(prior)
        raw = _average(untaught, weights)
        return Combined(raw, raw, dict(zip(names, weights.tolist(), strict=True)), {}, found.left_out, None)
    labels = truth[known]
    part = np.ones(len(known)) if share is None else share[known]
    task = known if tasks is None else tasks[known]
    hits = np.stack([_hits(posteriors[name][known], labels) for name in names], axis=1) * part[:, None]
    right = hits.sum(axis=0)
    weights = _softmax(prior + right)
    raw = _average(posteriors, weights)
    # A golden task is seen as an ordinary one would be: by the weights that the others give.
    numbers = np.unique(task, return_inverse=True)[1]
    own = np.zeros((numbers.max() + 1, len(names)))
    np.add.at(own, numbers, hits)
    others = _softmax(prior + right - own[numbers])
    seen = sum(others[:, [m]] * posteriors[name][known] for m, name in enumerate(names))
    seen = np.asarray(seen)
    without = _average(untaught, _softmax(prior))[known]
    answers = raw[truth < 0]
    fitted = calibration.fit(seen, labels, part, answers)
    said = calibration.crossed(seen, labels, part, task, answers)
    moved, weight = 0.0, np.ones(len(known))
    if len(answers):
        # Golden tasks of a label weigh what its share of the answers is to its share of the golden tasks.
        moved = calibration.differs(seen, part, answers)
        mix = calibration.shares(labels, part, seen.shape[1])
        weight = ((fitted(answers).mean(axis=0) / mix) ** moved)[labels]
        weight *= part.sum() / (weight * part).sum()
    tops = [_top(seen, labels), _top(said, labels)]
    n, got = len(own), float((_hits(seen, labels) * part).sum())
    more, why = _more(n, float(right.max()), float(np.sort(right)[-2]) if len(right) > 1 else 0.0, got)
    golden = Golden(
        tasks=n,
        right=got,
        right_without=float((_hits(without, labels) * part).sum()),
        error_before=calibration.calibration_error(*tops[0], part * weight),
        error_after=calibration.calibration_error(*tops[1], part * weight),
        error_perfect=calibration.perfect_error(tops[1][0], part * weight, task),
        reliability=calibration.reliability(*tops[1], part * weight),
        calibration=fitted,
        said=said,
        placed=fitted(seen),
        weight=weight,
        moved=moved,
        more=more,
        why_more=why,
    )
    of = dict(zip(names, weights.tolist(), strict=True))
    return Combined(
        fitted(raw), raw, of, dict(zip(names, right.tolist(), strict=True)), found.left_out, golden
    )


def _more(n: int, best: float, second: float, got: float) -> tuple[int, str]:
    """Say how many more golden tasks pay off: until the methods' order is settled, and the offsets fitted."""
    for_offsets = max(0, calibration.OFFSETS_FROM - n)
    lead = best - second
    if best - got > 1 and lead < SETTLED:
        # At this rate of lead; where there is none yet, twice as many as now would show one.
        settled = n if lead <= 0 else int(np.ceil(SETTLED / lead * n)) - n
        if max(for_offsets, min(settled, n)) > 0:
            return max(
                for_offsets, min(settled, n)
            ), "the methods differ and which is best is not settled yet"
    if for_offsets:
        return for_offsets, f"from {calibration.OFFSETS_FROM} on every label is calibrated on its own"
    return 0, "no method is better than the combination by more than one golden task"


def _too_large(votes: Coded, name: str) -> str | None:
    size = votes.n_workers * votes.n_labels**2
    posteriors = votes.n_items * votes.n_labels
    if name == "ebcc":
        size, posteriors = size * SUBTYPES, posteriors * SUBTYPES
    if name in ("ebcc", "hierarchical-dawid-skene", "dawid-skene") and max(size, posteriors) > _MATRIX:
        return f"{max(size, posteriors):,} parameters or posteriors; the limit is {_MATRIX:,}"
    if _cells(votes) > _CELLS.get(name, _cells(votes)):
        return f"{_cells(votes):,} votes × labels; the limit for its speed is {_CELLS[name]:,}"
    return None


def _ebcc_starts(votes: Coded) -> int:
    matrices = SUBTYPES * votes.n_workers * votes.n_labels**2
    return int(np.clip(_EBCC_CELLS // (_cells(votes) + matrices), 1, _EBCC_STARTS))


def _cells(votes: Coded) -> int:
    return max(1, len(votes.items) * votes.n_labels)


def _average(posteriors: Mapping[str, Floats], weights: Floats) -> Floats:
    return np.asarray(sum(w * p for w, p in zip(weights, posteriors.values(), strict=True)))


def _hits(posterior: Floats, truth: Codes) -> Floats:
    """1 where the most probable label is the true one; a tie of n counts 1/n."""
    top = posterior >= posterior.max(axis=1, keepdims=True) - 1e-9
    return np.asarray(top[np.arange(len(truth)), truth] / top.sum(axis=1), dtype=np.float64)


def _top(posterior: Floats, truth: Codes) -> tuple[Floats, Floats]:
    return posterior.max(axis=1), _hits(posterior, truth)


def _softmax(scores: Floats) -> Floats:
    powers = np.exp(scores - scores.max(axis=-1, keepdims=True))
    return np.asarray(powers / powers.sum(axis=-1, keepdims=True), dtype=np.float64)
