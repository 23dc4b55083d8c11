"""Two Bayesian relatives of Dawid-Skene that no kept library has, in numpy on sparse matrices.

Takes coded votes, gives one posterior over the labels an item. Sums run in the order of the votes and in one
thread, so the same votes give the same bytes. At a million votes of two labels `hierarchical_dawid_skene` takes
seconds and `ebcc` about ten a seed; memory is the posteriors and a matrix of workers × labels × labels, which
`ebcc` has once for each subtype.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property

import numpy as np
from numpy.typing import NDArray
from scipy.sparse import csr_array
from scipy.special import digamma, gammaln

Floats = NDArray[np.float64]
Codes = NDArray[np.int64]

STRENGTH = 4.0
"""Votes that the shared matrix is worth in a worker's row. A worker of a usual campaign has some ten votes on
either label, so his own record outweighs the crowd's and a newcomer's does not."""
SUBTYPES = 10
"""Subtypes a label; those that are not needed stay empty (Li, Rubinstein and Cohn 2019 use ten)."""
SUBTYPE_PRIOR = 0.1
"""Dirichlet parameter of a label's subtypes, all together: few are used (ibid.)."""
RIGHT, WRONG = 4.0, 1.0
"""Dirichlet parameters of a worker's rows, on and off the diagonal: better than chance (ibid.)."""

_ITERATIONS = 200
_TOLERANCE = 1e-4
"""Posteriors are stored with four decimals: what moves less is not seen."""


@dataclass(frozen=True)
class Coded:
    """Votes as codes: vote n says that item `items[n]` has label `labels[n]`, by worker `workers[n]`."""

    items: Codes
    workers: Codes
    labels: Codes
    n_items: int
    n_workers: int
    n_labels: int

    @cached_property
    def by_label(self) -> list[csr_array]:
        """Per label, items × workers: how often the worker gave it to the item."""
        shape = (self.n_items, self.n_workers)
        return [
            csr_array(
                (np.ones(int(given.sum())), (self.items[given], self.workers[given])),
                shape=shape,
                dtype=float,
            )
            for given in (self.labels == label for label in range(self.n_labels))
        ]

    @cached_property
    def by_label_of_worker(self) -> list[csr_array]:
        """The same, workers × items."""
        return [matrix.T.tocsr() for matrix in self.by_label]

    def shares(self) -> Floats:
        """Return each item's votes by label as shares, where every iteration starts."""
        cells = self.items * self.n_labels + self.labels
        counts = np.bincount(cells, minlength=self.n_items * self.n_labels)
        counts = counts.reshape(self.n_items, self.n_labels).astype(np.float64)
        return np.asarray(counts / counts.sum(axis=1, keepdims=True), dtype=np.float64)


def hierarchical_dawid_skene(votes: Coded, truth: Codes | None = None, golden: Codes | None = None) -> Floats:
    """Dawid-Skene whose workers' confusion matrices are drawn around one that the crowd shares.

    Each row of a worker's matrix has a Dirichlet prior of `STRENGTH` around the same row of the shared matrix,
    so that a worker of few votes errs as the crowd does, not as those few say. Estimated by EM with the rows'
    posterior means; the shared matrix is the crowd's pooled record, plus one vote in each cell. After
    hierarchical Dawid-Skene in Paun et al., Comparing Bayesian Models of Annotation, TACL 6, 2018.

    Parameters
    ----------
    votes
        The votes.
    truth
        The code of each item's true label, -1 where it is not known: what workers say of these items is their
        record without a guess, and the known labels stay as they are.
    golden
        Items that are golden tasks, by default those whose label is known. They were chosen, so how frequent the
        labels are is learnt from the other items alone.

    Returns
    -------
    ndarray
        Items × labels, each row sums to 1.
    """
    known = np.zeros(0, np.int64) if truth is None else np.flatnonzero(truth >= 0)
    certain = np.eye(votes.n_labels)[truth[known]] if truth is not None else np.zeros((0, votes.n_labels))
    posterior = votes.shares()
    posterior[known] = certain
    chosen = np.zeros(votes.n_items, bool)
    chosen[known if golden is None else golden] = True
    others = ~chosen if not chosen.all() else chosen
    for _ in range(_ITERATIONS):
        prevalence = posterior[others].sum(axis=0) + 1.0
        record = np.stack([matrix @ posterior for matrix in votes.by_label_of_worker], axis=2)
        shared = record.sum(axis=0) + 1.0
        shared /= shared.sum(axis=1, keepdims=True)
        record += STRENGTH * shared
        rows = np.log(record / record.sum(axis=2, keepdims=True))
        scores = np.log(prevalence / prevalence.sum()) + sum(
            matrix @ rows[:, :, label] for label, matrix in enumerate(votes.by_label)
        )
        before, posterior = posterior, _normalised(scores)
        posterior[known] = certain
        if np.abs(posterior - before).max() < _TOLERANCE:
            break
    return posterior


def ebcc(votes: Coded, seeds: int = 10) -> Floats:
    """Enhanced Bayesian classifier combination: workers may err together, by subtypes of the items.

    Each label has `SUBTYPES` subtypes, and a worker one row of his confusion matrix for each: items that are
    hard in the same way are so for many workers at once, which Dawid-Skene counts as independent evidence.
    Mean-field variational Bayes; of several seeded starts the one with the highest evidence lower bound is
    kept. Li, Rubinstein and Cohn, Exploiting Worker Correlation for Label Aggregation in Crowdsourcing,
    ICML 2019.

    Returns
    -------
    ndarray
        Items × labels, each row sums to 1.
    """
    best, highest = votes.shares(), -np.inf
    for seed in range(seeds):
        posterior, bound = _ebcc_from(votes, np.random.default_rng(seed))
        if bound > highest:
            best, highest = posterior, bound
    return best


def _ebcc_from(votes: Coded, rng: np.random.Generator) -> tuple[Floats, float]:
    n, k, m = votes.n_items, votes.n_labels, SUBTYPES
    prior = np.full((k, k), WRONG) + np.eye(k) * (RIGHT - WRONG)
    start = votes.shares()
    cells = (rng.dirichlet(np.ones(m), (n, k)) * start[:, :, None]).reshape(n, k * m)
    posterior, bound = start, -np.inf
    for _ in range(_ITERATIONS):
        of_subtype = SUBTYPE_PRIOR / m + cells.sum(axis=0).reshape(k, m)
        of_label = 1.0 + cells.sum(axis=0).reshape(k, m).sum(axis=1)
        record = np.stack([matrix @ cells for matrix in votes.by_label_of_worker], axis=2)
        record += np.repeat(prior, m, axis=0)
        rows = digamma(record) - digamma(record.sum(axis=2, keepdims=True))
        weights = digamma(of_subtype) - digamma(of_subtype.sum(axis=1, keepdims=True))
        weights += (digamma(of_label) - digamma(of_label.sum()))[:, None]
        scores = weights.reshape(k * m) + sum(
            matrix @ rows[:, :, label] for label, matrix in enumerate(votes.by_label)
        )
        highest = scores.max(axis=1, keepdims=True)
        # At the optimum over the cells, the bound is their log normaliser less the parameters' divergences.
        logs = np.log(np.exp(scores - highest).sum(axis=1)) + highest[:, 0]
        bound = float(logs.sum()) - (
            _divergence(record, np.broadcast_to(np.repeat(prior, m, axis=0), record.shape))
            + _divergence(of_subtype, np.full((k, m), SUBTYPE_PRIOR / m))
            + _divergence(of_label, np.ones(k))
        )
        cells = _normalised(scores)
        before, posterior = posterior, cells.reshape(n, k, m).sum(axis=2)
        if np.abs(posterior - before).max() < 10 * _TOLERANCE:
            break
    return posterior, bound


def _divergence(after: Floats, before: Floats) -> float:
    """Kullback-Leibler divergence of Dirichlet distributions, over the last axis, summed."""
    total = after.sum(axis=-1)
    terms = gammaln(total) - gammaln(before.sum(axis=-1)) - (gammaln(after) - gammaln(before)).sum(axis=-1)
    change = (after - before) * (digamma(after) - digamma(total)[..., None])
    return float(terms.sum() + change.sum())


def _normalised(scores: Floats) -> Floats:
    powers = np.exp(scores - scores.max(axis=1, keepdims=True))
    return np.asarray(powers / powers.sum(axis=1, keepdims=True), dtype=np.float64)
