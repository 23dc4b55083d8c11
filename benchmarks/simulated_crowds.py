"""Crowds to choose the constants of `auto` on: what is chosen here was not chosen on the real sets it is judged by.

Takes a seed, gives coded votes and every item's true label. Crowds differ as real ones do: 2 to 5 labels, 100 to
600 items, 3 to 12 votes an item (in some crowds not the same for all), 15 to 150 workers of whom a few do most of
the work; experts, average workers, spammers, adversaries and workers who favour a label; items that are hard for
everybody; labels that the crowd confuses, each subtype of a label in its own way, so that workers err together;
in some crowds, colluders who copy one answer.
"""

from __future__ import annotations

import numpy as np

from lrl_datasets.crowd.bayesian import Coded, Codes, Floats

EXPERT, AVERAGE, SPAMMER, ADVERSARY, FAVOURS = range(5)


def crowd(seed: int) -> tuple[Coded, Codes]:
    """Draw one crowd: its votes, and the true label of each item."""
    rng = np.random.default_rng(seed)
    labels = int(rng.choice([2, 2, 2, 3, 4, 5]))
    items = int(np.exp(rng.uniform(np.log(100), np.log(600))))
    workers = int(rng.choice([15, 30, 60, 150]))
    overlap = min(int(rng.choice([3, 4, 5, 8, 12])), workers - 2)
    truth = rng.choice(labels, items, p=rng.dirichlet(np.full(labels, 5.0)))
    subtypes = int(rng.choice([1, 1, 2, 3, 4]))
    subtype = rng.integers(0, subtypes, items)
    rows = _confusions(rng, workers, labels, subtypes)
    guessed = rng.beta(1, 4, items) * rng.choice([0, 1])  # share of pure guessing that the item adds
    activity = rng.pareto(rng.choice([1.0, 2.0, 4.0]), workers) + 0.05
    given = rng.poisson(overlap, items).clip(2, workers) if rng.random() < 0.3 else np.full(items, overlap)
    colluders = rng.choice(workers, int(rng.choice([0, 0, 0, 3])), replace=False)
    copied = rng.integers(0, labels, items)
    who = np.concatenate(
        [np.sort(rng.choice(workers, n, replace=False, p=activity / activity.sum())) for n in given]
    )
    what = np.repeat(np.arange(items), given)
    chances = rows[who, truth[what], subtype[what]]
    chances = chances * (1 - guessed[what])[:, None] + (guessed[what] / labels)[:, None]
    said = (rng.random(len(who))[:, None] > chances.cumsum(axis=1)[:, :-1]).sum(axis=1)
    said = np.where(np.isin(who, colluders), copied[what], said)
    used, who = np.unique(who, return_inverse=True)
    return Coded(what, who, said, items, len(used), labels), truth


def _confusions(rng: np.random.Generator, workers: int, labels: int, subtypes: int) -> Floats:
    """Workers × true label × subtype × given label."""
    # Of each kind this much on average; spammers, adversaries and favourites are many in some crowds only.
    mixture = rng.dirichlet([2, 4, 1.5 * rng.random(), 0.5 * rng.random(), 1.5 * rng.random()])
    kind = rng.choice(5, workers, p=mixture)
    usual = rng.uniform(0.55, 0.85)
    shared = rng.normal(0, rng.choice([0, 1.0, 1.5]), (labels, subtypes, labels))
    favour = rng.dirichlet(np.full(labels, 0.3), workers)
    rows = np.empty((workers, labels, subtypes, labels))
    for worker, label, part in np.ndindex(workers, labels, subtypes):
        of = kind[worker]
        if of == SPAMMER:
            row = favour[worker] + 0.02
        else:
            right = {EXPERT: 0.93, ADVERSARY: 0.2}.get(of, usual + 0.08 * rng.normal())
            right = min(max(right, 0.05), 0.98)
            row = np.full(labels, (1 - right) / (labels - 1))
            row[label] = right
            if of == FAVOURS:
                row = 0.5 * row + 0.5 * favour[worker]
            if of != ADVERSARY:
                common = shared[label, part] * (0.4 if of == EXPERT else 1.0)
                row = row * np.exp(common + 0.4 * rng.normal(size=labels))
        rows[worker, label, part] = row / row.sum()
    return rows
