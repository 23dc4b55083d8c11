"""The two Bayesian models: a case by hand, what each is for, and that they repeat themselves."""

from __future__ import annotations

import numpy as np
import pytest

from lrl_datasets.crowd import bayesian, methods
from lrl_datasets.crowd.bayesian import Coded, ebcc, hierarchical_dawid_skene
from tests.crowd.crowds import crowd


def coded(*votes: tuple[int, int, int], labels: int = 2) -> Coded:
    items, workers, given = (np.array(column) for column in zip(*votes, strict=True))
    return Coded(items, workers, given, items.max() + 1, workers.max() + 1, labels)


def test_unanimous_votes_by_hand() -> None:
    # Two items, two workers who vote on both and agree. With posterior p of the label given, a worker's record of a
    # row is p and 1 - p, the crowd's 2p and 2 (1 - p), so the shared row is (2p + 1) / 4, a worker's own row
    # (p + 4 (2p + 1) / 4) / 5 = (3p + 1) / 5 = r; and two votes give p = r² / (r² + (1 - r)²): p = .8728.
    votes = coded((0, 0, 0), (0, 1, 0), (1, 0, 1), (1, 1, 1))
    posterior = hierarchical_dawid_skene(votes)
    assert posterior[0, 0] == pytest.approx(posterior[1, 1])
    assert posterior[0, 0] == pytest.approx(0.8728, abs=5e-4)


def test_a_newcomer_errs_as_the_crowd_does() -> None:
    # Forty items by workers who agree; the newcomer's one vote, against one of theirs, is not held against him
    # as a certainty: the item stays open, where Dawid-Skene is sure.
    votes = [(item, worker, item % 2) for item in range(40) for worker in (0, 1)]
    votes += [(40, 0, 1), (40, 2, 0)]
    open_item = hierarchical_dawid_skene(coded(*votes))[40]
    certain = methods.posterior(coded(*votes), "dawid-skene")[40]
    assert certain.max() > 0.99
    assert 0.5 < open_item[1] < 0.99


@pytest.mark.parametrize("labels", [2, 4])
def test_both_find_the_truth_and_repeat_themselves(labels: int) -> None:
    votes, truth = crowd(3, labels=labels)
    for method in (hierarchical_dawid_skene, lambda v: ebcc(v, seeds=2)):
        posterior = method(votes)
        np.testing.assert_allclose(posterior.sum(axis=1), 1)
        assert (posterior.argmax(axis=1) == truth).mean() > 0.85
        assert np.array_equal(posterior, method(votes))


def test_ebcc_keeps_the_start_with_the_highest_bound() -> None:
    votes, _ = crowd(1, items=60, workers=8, labels=3, accuracy=0.55)
    starts = [bayesian._ebcc_from(votes, np.random.default_rng(seed)) for seed in range(4)]
    assert len({round(bound, 6) for _, bound in starts}) > 1
    best = max(starts, key=lambda start: start[1])[0]
    assert np.array_equal(ebcc(votes, seeds=4), best)


def test_the_bound_never_falls(monkeypatch: pytest.MonkeyPatch) -> None:
    """What variational Bayes promises of each iteration, where bound and updates belong together."""
    votes, _ = crowd(2, items=60, workers=8, labels=2, accuracy=0.6)
    bounds = []
    for iterations in (1, 2, 4, 8, 16, 32):
        monkeypatch.setattr(bayesian, "_ITERATIONS", iterations)
        bounds.append(bayesian._ebcc_from(votes, np.random.default_rng(0))[1])
    assert bounds == sorted(bounds)
    assert bounds[-1] > bounds[0]


def test_golden_tasks_do_not_say_how_frequent_a_label_is() -> None:
    """Twenty answers of label 0, with a golden task of label 1 for each: an item without evidence is 0."""
    rows = [(item, worker, int(item >= 20)) for item in range(40) for worker in range(3)]
    votes = coded(*rows, (40, 3, 0), (41, 3, 1))
    truth = np.array([-1] * 20 + [1] * 20 + [-1, -1])
    assert (
        hierarchical_dawid_skene(votes, truth)[41, 1]
        < hierarchical_dawid_skene(votes, truth, truth[:0])[41, 1]
    )
