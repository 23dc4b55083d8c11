"""Learns from judged rows what a helpful answer looks like, and says how far that can be trusted.

Takes a release, gives a `helpfulness_model.Model`:

1. The rows are those of train that people judged; what is held out is not looked at, since what chooses training rows
   must not have seen what measures. A row weighs as helpful by its posterior and as unhelpful by the rest.
2. Rows of one group (one prompt, near-copies, one original) lie in one of `FOLDS` folds.
3. A logistic regression is fitted on standardised features (`helpfulness_features`). The character model is fitted on
   the accepted answers of the other folds, for every fold again and inside of these too: a text that it has seen would
   take too few bits.
4. What each fold gets from the others is what the report is about, and what the calibration (Platt 1999) is fitted on.

What it learns is what this crowd held helpful in these answers. Of rows of another kind it may be wrong in ways that no
fold shows.
"""

from __future__ import annotations

from dataclasses import dataclass
from hashlib import sha256
from importlib.metadata import version
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
from numpy.typing import NDArray

from lrl_datasets import schema
from lrl_datasets.crowd import calibration
from lrl_datasets.errors import LrlError
from lrl_datasets.filters import helpfulness_features as features
from lrl_datasets.filters import helpfulness_model as models
from lrl_datasets.filters.char_ngrams import CharNgrams
from lrl_datasets.release import manifest
from lrl_datasets.release.locations import Release

Floats = NDArray[np.float64]
Codes = NDArray[np.int64]

FOLDS = 5
FEWEST, FEWEST_OF_A_KIND = 50, 10
"""Judged rows, and of the rarer kind, below which nothing is fitted: no fold could say anything."""
FEW = 300
"""Judged rows below which the report says that they are few: the interval of the AUC is about .1 wide then."""
DRAWS = 1000
_JUDGED = ("votes", "calibrated")


@dataclass(frozen=True)
class Fitted:
    """A model and what is drawn of it."""

    model: models.Model
    reliability: list[calibration.Bin]
    """Of what was said of each row by the others, calibrated by the others."""


def fit(release: Release) -> Fitted:
    """Fit on the judged training rows of a release.

    Raises
    ------
    LrlError
        There are too few of them, or of helpful or unhelpful ones.
    """
    rows = judged(release)
    truth = rows["helpfulness"].to_numpy()
    groups = rows["group"].to_pylist()
    good = int((truth >= 0.5).sum())
    of_kinds, in_groups = (good, len(truth) - good), len(set(groups))
    said = f"{len(truth)} judged rows in train, {good} of them helpful and {of_kinds[1]} not, in {in_groups} groups"
    if len(truth) < FEWEST or min(of_kinds) < FEWEST_OF_A_KIND or in_groups < FOLDS:
        raise LrlError(
            f"{said}: too few to learn from; at least {FEWEST} rows, {FEWEST_OF_A_KIND} of each kind and {FOLDS} groups"
        )
    fold = folds(groups)
    plain, texts = features.features(rows), features.answers(rows)

    odds = np.empty(len(truth))
    base = np.empty(len(truth))
    for number in range(FOLDS):
        out = fold == number
        learnt = _learn(plain[~out], _bits_crossed(texts, truth, fold, ~out), truth[~out])
        characters = CharNgrams.fit(_accepted(texts, truth, ~out))
        held = np.column_stack([plain[out], characters.bits([texts[at] for at in np.flatnonzero(out)])])
        odds[out] = learnt.odds(held)
        base[out] = truth[~out].mean()
    crossed = np.empty(len(truth))
    for number in range(FOLDS):
        out = fold == number
        slope, offset = _platt(odds[~out], truth[~out])
        crossed[out] = _probability(slope * odds[out] + offset)

    everything = np.ones(len(truth), bool)
    learnt = _learn(plain, _bits_crossed(texts, truth, fold, everything), truth)
    slope, offset = _platt(odds, truth)
    characters = CharNgrams.fit(_accepted(texts, truth, everything))
    content, file = release.manifest, release.folder and release.folder / manifest.NAME
    report = _report(truth, _probability(odds), crossed, base, np.unique(groups, return_inverse=True)[1])
    model = models.Model(
        format="lrl-helpfulness/1",
        language=content["language"]["code"],
        sample=bool(content.get("sample")),
        fitted_on={
            "repository": content["repository"],
            "version": content["version"],
            "manifest_sha256": manifest.file_entry(file)["sha256"] if file else None,
            "rows": len(truth), "helpful": good, "groups": in_groups,
            "kinds": sorted(set(rows["helpfulness_kind"].to_pylist())),
        },
        tools={name: version(name) for name in ("lrl-datasets", "numpy", "scikit-learn")},
        features=tuple(
            models.Feature(
                name=name, mean=_short(learnt.mean[at]), spread=_short(learnt.spread[at]), low=_short(learnt.low[at]),
                high=_short(learnt.high[at]), weight=_short(learnt.weights[at]),
            )
            for at, name in enumerate((*features.NAMES, features.NGRAM_BITS))
        ),
        intercept=_short(learnt.intercept),
        ngrams=models.Ngrams(
            alphabet=characters.alphabet, trigrams=characters.trigrams, counts=characters.counts
        ),
        calibration=models.Calibration(slope=_short(slope), offset=_short(offset)),
        report=report,
    )  # fmt: skip
    return Fitted(model, calibration.reliability(crossed, truth))


def judged(release: Release) -> pa.Table:
    """Return the rows of train whose helpfulness people said, published or refused, by id."""
    where = dict(
        zip(release.split_map["id"].to_pylist(), release.split_map["split"].to_pylist(), strict=True)
    )
    names = ["id", "group", "messages", "helpfulness", "helpfulness_kind", "lid_score"]
    tables = [
        table.select(names) for name in ("default", "rejected") if (table := release.rows(name)) is not None
    ]
    rows = pa.concat_tables(tables) if tables else schema.SFT.empty_table().select(names)
    of_train = pa.array([where.get(name) == "train" for name in rows["id"].to_pylist()], pa.bool_())
    said = pc.and_(pc.is_valid(rows["messages"]), pc.is_valid(rows["helpfulness"]))
    said = pc.and_(said, pc.is_in(rows["helpfulness_kind"], pa.array(_JUDGED)))
    return rows.filter(pc.and_(said, of_train)).sort_by("id")


def folds(groups: list[str]) -> Codes:
    """Return each row's fold: groups in the order of their names' hashes, dealt in turn."""
    ordered = sorted(set(groups), key=lambda name: sha256(name.encode()).digest())
    number = {name: at % FOLDS for at, name in enumerate(ordered)}
    return np.array([number[name] for name in groups], np.int64)


# ---- the regression -------------------------------------------------------------------------------------


@dataclass(frozen=True)
class _Learnt:
    mean: Floats
    spread: Floats
    low: Floats
    high: Floats
    weights: Floats
    intercept: float

    def odds(self, values: Floats) -> Floats:
        known = np.clip(np.where(np.isnan(values), self.mean, values), self.low, self.high)
        return np.asarray((known - self.mean) / self.spread @ self.weights + self.intercept, np.float64)


def _learn(plain: Floats, bits: Floats, truth: Floats) -> _Learnt:
    """Fit the regression, L2-regularised with scikit-learn's C of 1, which nobody tuned."""
    values = np.column_stack([plain, bits])
    known = ~np.isnan(values)
    filled = np.where(known, values, 0.0)
    mean = filled.sum(axis=0) / np.maximum(known.sum(axis=0), 1)
    filled = np.where(known, values, mean)
    spread = filled.std(axis=0)
    spread[spread < 1e-9] = 1.0
    weights, intercept = _regression((filled - mean) / spread, truth, 1.0)
    return _Learnt(mean, spread, filled.min(axis=0), filled.max(axis=0), weights, intercept)


def _platt(odds: Floats, truth: Floats) -> tuple[float, float]:
    weights, offset = _regression(odds[:, None], truth, 1e4)
    return float(weights[0]), offset


def _regression(values: Floats, truth: Floats, c: float) -> tuple[Floats, float]:
    from sklearn.linear_model import LogisticRegression
    from threadpoolctl import threadpool_limits

    with threadpool_limits(1):  # the same digits with any number of threads
        found = LogisticRegression(C=c, solver="newton-cholesky", tol=1e-8).fit(
            np.concatenate([values, values]),
            np.repeat([1, 0], len(truth)),
            sample_weight=np.concatenate([truth, 1 - truth]),
        )
    return np.asarray(found.coef_[0], np.float64), float(found.intercept_[0])


def _bits_crossed(texts: list[str], truth: Floats, fold: Codes, among: NDArray[np.bool_]) -> Floats:
    """Return the bits a character of each text `among`, by a character model that has not seen its fold."""
    bits = np.zeros(len(texts))
    for number in np.unique(fold[among]):
        here = np.flatnonzero(among & (fold == number))
        characters = CharNgrams.fit(_accepted(texts, truth, among & (fold != number)))
        bits[here] = characters.bits([texts[at] for at in here])
    return bits[among]


def _accepted(texts: list[str], truth: Floats, among: NDArray[np.bool_]) -> list[str]:
    return [texts[at] for at in np.flatnonzero(among & (truth >= 0.5))]


def _probability(odds: Floats) -> Floats:
    return np.asarray(1 / (1 + np.exp(-odds)), np.float64)


def _short(value: float) -> float:
    return float(f"{value:.6g}")


# ---- the report -----------------------------------------------------------------------------------------


def _report(truth: Floats, before: Floats, after: Floats, base: Floats, group: Codes) -> dict[str, Any]:
    """Measure what was said of rows by models that had not seen their groups."""
    auc = _auc(after, truth, np.ones(len(truth)))
    gain = (base - truth) ** 2 - (after - truth) ** 2
    rng = np.random.default_rng(0)
    n_groups = int(group.max()) + 1
    aucs, gains = [], []
    for _ in range(DRAWS):  # groups, not rows: those of one prompt are right or wrong together
        weight = np.bincount(rng.integers(0, n_groups, n_groups), minlength=n_groups)[group].astype(
            np.float64
        )
        drawn = _auc(after, truth, weight)
        if drawn is not None:
            aucs.append(drawn)
        gains.append(float((weight * gain).sum() / max(weight.sum(), 1.0)))
    low, high = np.quantile(aucs, (0.025, 0.975))
    gain_low, gain_high = np.quantile(gains, (0.025, 0.975))
    better = bool(low > 0.5 and gain_low > 0)
    notes = []
    if len(truth) < FEW:
        notes.append(f"{len(truth)} judged rows are few: below {FEW} the figures are rough")
    if not better:
        notes.append(
            "no better than the base rate, as far as these rows can tell: do not filter by what this model says"
        )
    return {
        "base_rate": _rounded(truth.mean()),
        "auc": {"value": _rounded(auc or 0.5), "low": _rounded(low), "high": _rounded(high)},
        "brier": {
            "model": _rounded(((after - truth) ** 2).mean()), "mean": _rounded(((base - truth) ** 2).mean()),
            "gain_low": _rounded(gain_low), "gain_high": _rounded(gain_high),
        },
        "calibration_error": {
            "before": _rounded(calibration.calibration_error(before, truth)),
            "after": _rounded(calibration.calibration_error(after, truth)),
            "perfect": _rounded(calibration.perfect_error(after)),
        },
        "folds": FOLDS,
        "better_than_the_base_rate": better,
        "notes": notes,
    }  # fmt: skip


def _auc(said: Floats, truth: Floats, weight: Floats) -> float | None:
    """Return the probability that a helpful row (posterior .5 and more) is put above an unhelpful one; ties half."""
    order = np.argsort(said, kind="stable")
    good, bad = (weight * side for side in (truth >= 0.5, truth < 0.5))
    if not good.sum() or not bad.sum():
        return None
    _, place = np.unique(said[order], return_inverse=True)
    of_good, of_bad = (np.bincount(place, side[order]) for side in (good, bad))
    below = np.cumsum(of_bad) - of_bad
    return float((of_good * (below + of_bad / 2)).sum() / (good.sum() * bad.sum()))


def _rounded(value: float) -> float:
    return round(float(value), models.DECIMALS)
