"""Small simulated crowds with known truth, for the tests of aggregation."""

from __future__ import annotations

import numpy as np

from lrl_datasets.crowd.bayesian import Coded, Codes


def crowd(
    seed: int, items: int = 200, workers: int = 20, overlap: int = 5, labels: int = 2, accuracy: float = 0.75
) -> tuple[Coded, Codes]:
    """Workers of about one accuracy, errors spread over the other labels."""
    rng = np.random.default_rng(seed)
    truth = rng.integers(0, labels, items)
    skill = np.clip(rng.normal(accuracy, 0.1, workers), 0.3, 0.98)
    who = np.concatenate([np.sort(rng.choice(workers, overlap, replace=False)) for _ in range(items)])
    what = np.repeat(np.arange(items), overlap)
    wrong = (truth[what] + rng.integers(1, labels, len(what))) % labels
    given = np.where(rng.random(len(what)) < skill[who], truth[what], wrong)
    return Coded(what, who, given, items, workers, labels), truth
