"""One method, one posterior: crowd-kit's aggregation methods by the names of `campaign.toml`, and our two.

Takes coded votes in a fixed order (`bayesian.Coded`), gives items × labels.
"""

from __future__ import annotations

import warnings
from functools import lru_cache
from typing import Any

import numpy as np

from lrl_datasets.crowd import bayesian
from lrl_datasets.crowd.bayesian import Coded, Floats

CROWD_KIT = {
    "majority": "MajorityVote",
    "wawa": "Wawa",
    "zero-based-skill": "ZeroBasedSkill",
    "dawid-skene": "DawidSkene",
    "one-coin-dawid-skene": "OneCoinDawidSkene",
    "glad": "GLAD",
    "mace": "MACE",
}
"""Name → crowd-kit class."""

METHODS = (*CROWD_KIT, "hierarchical-dawid-skene", "ebcc")

_OPTIONS: dict[str, dict[str, Any]] = {
    "dawid-skene": {"n_iter": 100},
    "one-coin-dawid-skene": {"n_iter": 100},
    "mace": {"n_restarts": 1},  # its restarts share one seed, so they are all alike
}


REMEMBERED = 20_000
"""Most votes whose posteriors are kept: a command asks for those of a campaign several times, and they take seconds."""


def posterior(votes: Coded, method: str, seeds: int = 10) -> Floats:
    """Return each item's posterior over the labels; an item that a method says nothing of has its votes' shares.

    `seeds` are the starts of EBCC.
    """
    if len(votes.items) > REMEMBERED:
        return _posterior(votes, method, seeds)
    codes = (np.asarray(column, np.int64).tobytes() for column in (votes.items, votes.workers, votes.labels))
    return _remembered(*codes, votes.n_items, votes.n_workers, votes.n_labels, method, seeds).copy()


@lru_cache(maxsize=64)
def _remembered(
    items: bytes,
    workers: bytes,
    labels: bytes,
    n_items: int,
    n_workers: int,
    n_labels: int,
    method: str,
    seeds: int,
) -> Floats:
    item, worker, label = (np.frombuffer(column, np.int64) for column in (items, workers, labels))
    return _posterior(Coded(item, worker, label, n_items, n_workers, n_labels), method, seeds)


def _posterior(votes: Coded, method: str, seeds: int) -> Floats:
    if votes.n_labels == 1:
        return np.ones((votes.n_items, 1))
    if method == "hierarchical-dawid-skene":
        return bayesian.hierarchical_dawid_skene(votes)
    if method == "ebcc":
        return bayesian.ebcc(votes, seeds)
    found = np.nan_to_num(_crowd_kit(votes, method)).clip(0.0, 1.0)
    total = found.sum(axis=1, keepdims=True)
    return np.asarray(np.where(total > 0, found / np.where(total > 0, total, 1), votes.shares()))


def _crowd_kit(votes: Coded, method: str) -> Floats:
    import crowdkit.aggregation
    import pandas as pd
    from pandas.errors import PandasChangeWarning
    from threadpoolctl import threadpool_limits

    labels, names = votes.labels, np.arange(votes.n_labels)
    workers = votes.workers
    if method == "mace":
        # crowd-kit 1.4.2 counts by sorted name and indexes by appearance: here both are the same order.
        workers = pd.factorize(workers)[0]
        labels, names = pd.factorize(labels)
    frame = pd.DataFrame({"task": votes.items, "worker": workers, "label": labels})
    aggregator = getattr(crowdkit.aggregation, CROWD_KIT[method])(**_OPTIONS.get(method, {}))
    with warnings.catch_warnings(), threadpool_limits(1):  # GLAD's dot products are the same with any threads
        # crowd-kit uses what pandas will take away one day: its concern, not the user's.
        warnings.simplefilter("ignore", PandasChangeWarning)
        found: pd.DataFrame = aggregator.fit_predict_proba(frame)
    # Some methods leave out a label that nobody gave, or give the labels in another order.
    found = found.rename(columns=dict(enumerate(names))) if method == "mace" else found
    filled = found.reindex(index=range(votes.n_items), columns=range(votes.n_labels))
    return np.asarray(filled.to_numpy(dtype=np.float64, na_value=0.0))
