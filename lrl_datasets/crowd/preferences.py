"""From comparisons to margins: how sure the crowd is that one of two answers to a prompt is the better one.

Each answer has a strength; the chance that i is preferred to j is that of Bradley and Terry (Biometrika 39, 1952),
p_ij = s_i / (s_i + s_j). Strengths are only comparable within a prompt, since nobody compares answers to different
ones: each connected set of answers is a model of its own. Two answers that were compared get half a win each on top
(for a lone pair the mean under Jeffreys' prior), so that three votes of three are no certainty, and every set is
strongly connected, without which there is no finite maximum (Ford, Am. Math. Monthly 64(8), 1957). A tie is half a
win for each.

`noisy-bradley-terry` asks besides who votes: with probability skill_w a worker compares, else the worker chooses the
left side with probability bias_w, whatever it shows (the model of crowd-kit's `NoisyBradleyTerry`; compare Chen et
al., "Pairwise ranking aggregation in a crowdsourced setting", WSDM 2013). EM says of each vote how likely it is a
comparison, and that is what it weighs.

Intervals are Bayesian bootstraps (Rubin, Ann. Statist. 9(1), 1981) over workers: each worker's votes get one Exp(1)
weight, each half win (of the prior, or of a tie) a Gamma(1/2) one. For a lone pair that is the Jeffreys interval,
Beta(wins + 1/2, losses + 1/2), exactly; resampling three equal votes would say that there is no doubt.

crowd-kit 1.4.2 has both models, and neither can be used as it is. `BradleyTerry` compares an array with itself and so
stops after two rounds unless `tol` is 0; it takes neither ties nor weights, and items × items numbers for all prompts
together. The gradient of `NoisyBradleyTerry` is not that of its likelihood: of each worker one vote enters, at the
place of another parameter. The tests compare ours with the first one made to converge.
"""

from __future__ import annotations

from collections import defaultdict
from dataclasses import dataclass
from typing import Any

import numpy as np
import pyarrow as pa
from numpy.typing import NDArray

from lrl_datasets.crowd.rules import Rules
from lrl_datasets.filters.union_find import UnionFind
from lrl_datasets.intervals import wilson
from lrl_datasets.schema import digest

Floats = NDArray[np.float64]
Ints = NDArray[np.int64]

METHODS = ("bradley-terry", "noisy-bradley-terry")
DRAWS = 1000
CONFIDENCE = 0.95
DECIMALS = 4

PAIRS = pa.schema(
    [
        ("answer_id", pa.string()),  # the smaller id of the two
        ("other_id", pa.string()),
        (
            "margin",
            pa.float64(),
        ),  # 2 P(answer_id is preferred) - 1; negative where other_id is the better one
        ("margin_low", pa.float64()),
        ("margin_high", pa.float64()),
        ("n_votes", pa.int32()),
    ]
)
"""One row a pair that was compared directly."""


@dataclass(frozen=True)
class Votes:
    """Comparisons, coded; the order of the rows means nothing to the models but is fixed."""

    items: list[str]
    workers: list[str]
    left: Ints
    right: Ints
    worker: Ints
    won: Floats
    """By the left one: 1, 0, or one half of a tie."""


@dataclass(frozen=True)
class Sets:
    """The connected sets of `size` items: all models that are as large, side by side."""

    size: int
    items: Ints
    """Sets × size, each row sorted."""
    votes: Ints
    """The positions of their votes, and of each vote the set and the places of its two items in it."""
    at: Ints
    left: Ints
    right: Ints

    def wins(self, votes: Votes, weight: Floats) -> Floats:
        """Count weighted wins, with half a win for each of two that were compared: sets × size × size."""
        k, n = self.size, len(self.items)
        found = np.zeros(n * k * k)
        won = votes.won[self.votes]
        for one, other, share in ((self.left, self.right, won), (self.right, self.left, 1 - won)):
            cell = (self.at * k + one) * k + other
            found += np.bincount(cell, share * weight[self.votes], n * k * k)
        return found.reshape(n, k, k) + 0.5 * self.compared()

    def compared(self) -> NDArray[np.bool_]:
        """Say of which two there is a vote: sets × size × size."""
        found = np.zeros((len(self.items), self.size, self.size), bool)
        found[self.at, self.left, self.right] = found[self.at, self.right, self.left] = True
        return found


@dataclass(frozen=True)
class Crowd:
    """What `noisy-bradley-terry` says of the workers and of their votes."""

    skill: Floats
    """How often each worker compares at all."""
    bias: Floats
    """How often left is chosen otherwise."""
    honest: Floats
    """Of each vote, how likely it is a comparison."""


def margins(votes: pa.Table, rules: Rules, method: str = "bradley-terry", draws: int = DRAWS) -> pa.Table:
    """Return the margin of every pair that was compared, with its interval.

    Parameters
    ----------
    votes
        `answer_id` (left), `other_id` (right), `worker`, `label` of the comparisons that count, in any order.
    rules
        Which labels prefer left, and which right.
    method
        One of `METHODS`.

    Returns
    -------
    pa.Table
        `PAIRS`, sorted; rounded to 4 decimals.
    """
    coded = code(votes, rules)
    weight = noisy(coded).honest if method == "noisy-bradley-terry" else np.ones(len(coded.won))
    rows: list[dict[str, Any]] = []
    for sets in connected(coded):
        won = sets.wins(coded, weight)
        p = probabilities(strengths(won))
        low, high = intervals(coded, sets, won, weight, draws)
        often = np.zeros(won.shape, np.int64)
        np.add.at(often, (sets.at, *np.sort([sets.left, sets.right], axis=0)), 1)
        for n, i, j in zip(*(at.tolist() for at in np.nonzero(often)), strict=True):
            told = {"margin": p[n, i, j], "margin_low": low[n, i, j], "margin_high": high[n, i, j]}
            rows.append(
                {
                    "answer_id": coded.items[sets.items[n, i]],
                    "other_id": coded.items[sets.items[n, j]],
                    **{name: round(2 * float(value) - 1, DECIMALS) + 0.0 for name, value in told.items()},
                    "n_votes": int(often[n, i, j]),
                }
            )
    return pa.Table.from_pylist(
        sorted(rows, key=lambda row: (row["answer_id"], row["other_id"])), schema=PAIRS
    )


def intervals(votes: Votes, sets: Sets, won: Floats, weight: Floats, draws: int) -> tuple[Floats, Floats]:
    """Return the ends of the 95 % interval of P(i is preferred to j), each sets × size × size."""
    ends = (1 - CONFIDENCE) / 2, (1 + CONFIDENCE) / 2
    if sets.size == 2:  # the bootstrap of a lone pair has a name
        from scipy.stats import beta

        with np.errstate(invalid="ignore"):  # nobody compares an answer with itself
            low, high = (beta.ppf(end, won, won.transpose(0, 2, 1)) for end in ends)
        return low, high
    order = np.argsort(sets.at, kind="stable")
    of_set = np.split(sets.votes[order], np.cumsum(np.bincount(sets.at, minlength=len(sets.items)))[:-1])
    drawn = [
        np.quantile(probabilities(bootstrap(votes, here, items, weight, draws)), ends, axis=0)
        for here, items in zip(of_set, sets.items, strict=True)
    ]
    return np.array([one[0] for one in drawn]), np.array([one[1] for one in drawn])


def bootstrap(
    votes: Votes, here: Ints, items: Ints, weight: Floats, draws: int, units: Ints | None = None
) -> Floats:
    """Return the log strengths of one connected set in `draws` Bayesian bootstraps, draws × items.

    Parameters
    ----------
    here, items
        The set's votes (positions) and items, sorted.
    weight
        How much each vote weighs. The weights of a worker with votes of weight w, on average, are drawn from a
        Gamma(w): Exp(1) where they weigh one.
    units
        What is resampled, by vote; the workers when None. The numbers are drawn from a seed of the items' names, so
        that an interval depends on nothing outside of its set.
    """
    random = np.random.default_rng(int(digest(*(votes.items[item] for item in items), length=12), 16))
    k = len(items)
    left, right = (np.searchsorted(items, side[here]) for side in (votes.left, votes.right))
    unit = np.unique((votes.worker if units is None else units)[here], return_inverse=True)[1]
    n = int(unit.max()) + 1
    mean = np.maximum(np.bincount(unit, weight[here], n) / np.bincount(unit, minlength=n), 1e-3)
    share, won = weight[here] / mean[unit], votes.won[here]
    of_unit = np.zeros(n * k * k)
    for one, other, part in ((left, right, won), (right, left, 1 - won)):
        of_unit += np.bincount((unit * k + one) * k + other, share * part, n * k * k)
    compared = np.zeros((k, k), bool)
    compared[left, right] = compared[right, left] = True
    drawn = random.gamma(mean, size=(draws, n)) @ of_unit.reshape(n, k * k)
    prior = random.gamma(0.5, size=(draws, k, k)) * compared
    return strengths(drawn.reshape(draws, k, k) + np.maximum(prior, 1e-9 * compared), tolerance=1e-4)


def noisy(votes: Votes) -> Crowd:
    """Fit every worker's skill and bias to all votes, by EM.

    As if everybody had compared three times, and clicked once on each side: without that a worker of two votes would
    be a genius or a coin.
    """
    n, sets = len(votes.workers), connected(votes)
    skill, bias = np.full(n, 0.75), np.full(n, 0.5)
    apart, honest = np.zeros(len(votes.won)), np.full(len(votes.won), 0.75)
    count = np.bincount(votes.worker, minlength=n)
    start: list[Floats | None] = [None for _ in sets]
    for _ in range(500):
        for number, one in enumerate(sets):
            start[number] = log = strengths(one.wins(votes, honest), start[number], tolerance=1e-6)
            apart[one.votes] = log[one.at, one.left] - log[one.at, one.right]
        honest = _honest(apart, votes.won, skill[votes.worker], bias[votes.worker])
        found = np.bincount(votes.worker, honest, n)
        new = (3 + found) / (5 + count)
        bias = (1 + np.bincount(votes.worker, (1 - honest) * votes.won, n)) / (2 + count - found)
        moved, skill = float(np.abs(new - skill).max(initial=0)), new
        if moved < 1e-5:
            break
    return Crowd(skill, bias, honest)


@dataclass(frozen=True)
class Sides:
    """How often the left side was preferred, whatever stood there."""

    votes: int
    ties: int
    left: float | None
    """Share of the votes that decide; None where none does."""
    left_low: float | None
    left_high: float | None
    """Ends of its 95 % interval (Wilson)."""

    @property
    def biased(self) -> bool:
        """Whether the share is more than a twentieth away from a half, and its interval too does not hold the half."""
        if self.left is None or self.left_low is None or self.left_high is None:
            return False
        return abs(self.left - 0.5) > 0.05 and not self.left_low <= 0.5 <= self.left_high


def sides(votes: pa.Table, rules: Rules) -> Sides:
    """Count how often each side was preferred: with both orders balanced, a half where people look at the answers."""
    labels = votes["label"].to_pylist()
    left, right = (sum(label in side for label in labels) for side in (rules.left, rules.right))
    n = left + right
    if not n:
        return Sides(len(labels), len(labels), None, None, None)
    told = (round(value, DECIMALS) for value in (left / n, *wilson(left, n)))
    return Sides(len(labels), len(labels) - n, *told)


def strengths(won: Floats, start: Floats | None = None, tolerance: float = 1e-8) -> Floats:
    """Return log strengths of maximum likelihood, with mean 0, by Newman's iteration (JMLR 24, 2023, eq. 27).

    Parameters
    ----------
    won
        Problems × items × items: how often i won over j, priors included. Every problem must be strongly connected.
    start
        Log strengths to begin from.
    tolerance
        Largest step at which it ends.
    """
    log = np.zeros(won.shape[:2]) if start is None else start.copy()
    wins, losses = (np.ascontiguousarray(one.transpose(1, 2, 0)) for one in (won, won.transpose(0, 2, 1)))
    log = np.ascontiguousarray(log.T)  # items first: what is added up lies side by side
    for _ in range(500):
        moved = 0.0
        for i in range(len(log)):  # one item after the other: all at once need not converge
            with np.errstate(over="ignore"):
                p = 1 / (1 + np.exp(log[i] - log))
            new = np.log((wins[i] * p).sum(axis=0) / (losses[i] * (1 - p)).sum(axis=0))
            moved = max(moved, float(np.abs(new).max(initial=0)))
            log[i] += new
        if moved < tolerance:
            break
    return np.asarray((log - log.mean(axis=0)).T)


def probabilities(log: Floats) -> Floats:
    """Return P(i is preferred to j) from log strengths: problems × items × items."""
    return np.asarray(1 / (1 + np.exp(log[:, None, :] - log[:, :, None])))


def code(votes: pa.Table, rules: Rules) -> Votes:
    """Code comparisons, in a fixed order."""
    columns = ["answer_id", "other_id", "worker", "label"]
    rows = sorted(votes.select(columns).to_pylist(), key=lambda row: [row[name] for name in columns])
    items = sorted({row[name] for row in rows for name in columns[:2]})
    workers = sorted({row["worker"] for row in rows})
    item, worker = ({name: n for n, name in enumerate(names)} for names in (items, workers))
    said = {**dict.fromkeys(rules.left, 1.0), **dict.fromkeys(rules.right, 0.0)}
    return Votes(
        items,
        workers,
        np.array([item[row["answer_id"]] for row in rows], np.int64),
        np.array([item[row["other_id"]] for row in rows], np.int64),
        np.array([worker[row["worker"]] for row in rows], np.int64),
        np.array([said.get(row["label"], 0.5) for row in rows], np.float64),
    )


def connected(votes: Votes) -> list[Sets]:
    """Divide items and votes into connected sets, those of one size together; the smaller ones first."""
    union = UnionFind(votes.items)
    for one, other in zip(votes.left.tolist(), votes.right.tolist(), strict=True):
        union.join(votes.items[one], votes.items[other])
    members: dict[str, list[int]] = defaultdict(list)
    for item, name in enumerate(votes.items):
        members[union.of(name)].append(item)
    found = []
    for size in sorted({len(items) for items in members.values()}):
        items = np.array([items for items in members.values() if len(items) == size], np.int64)
        set_, place = np.full(len(votes.items), -1), np.zeros(len(votes.items), np.int64)
        set_[items], place[items] = np.arange(len(items))[:, None], np.arange(size)
        here = np.flatnonzero(set_[votes.left] >= 0)
        found.append(
            Sets(size, items, here, set_[votes.left[here]], place[votes.left[here]], place[votes.right[here]])
        )
    return found


def _honest(apart: Floats, won: Floats, skill: Floats, bias: Floats) -> Floats:
    """Return the probability that each vote was a comparison, from the difference of the strengths.

    A tie is half a vote for each side: as likely as the geometric mean of both.
    """
    p = 1 / (1 + np.exp(-apart))
    compared = skill * np.exp(won * np.log(p) + (1 - won) * np.log1p(-p))
    clicked = (1 - skill) * np.exp(won * np.log(bias) + (1 - won) * np.log1p(-bias))
    return np.asarray(compared / (compared + clicked))
