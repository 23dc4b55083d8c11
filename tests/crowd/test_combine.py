"""`auto`: weights by hand, what golden tasks change, what is left out by size."""

from __future__ import annotations

import numpy as np
import pytest

from lrl_datasets.crowd import bayesian, combine, methods
from lrl_datasets.crowd.bayesian import Coded
from lrl_datasets.crowd.combine import Members
from tests.crowd.crowds import crowd


def two_methods(n: int) -> Members:
    """The one always says label 0, the other label 1, both with .9."""
    zero = np.tile([0.9, 0.1], (n, 1))
    return Members({"dawid-skene": zero, "mace": zero[:, ::-1]})


def quick(votes: Coded) -> Members:
    """The methods that take no time."""
    names = ("wawa", "dawid-skene", "hierarchical-dawid-skene", "ebcc")
    return Members({name: methods.posterior(votes, name, seeds=2) for name in names})


def test_weights_by_hand() -> None:
    # Truths 0, 0, 1: two right against one, so the weights are as e² to e.
    found = combine.combine(two_methods(4), np.array([0, 0, 1, -1]))
    assert found.right == {"dawid-skene": 2.0, "mace": 1.0}
    assert found.weights["dawid-skene"] == pytest.approx(np.e / (1 + np.e))
    assert found.raw[3, 0] == pytest.approx(0.9 * 0.7311 + 0.1 * 0.2689, abs=1e-4)
    # Each is seen by the weights of the others: the first with e to e, a tie; the last with e² to 1.
    assert found.golden is not None
    assert found.golden.right == pytest.approx(0.5 + 0.5 + 0)


def test_without_golden_tasks_the_priors_weigh() -> None:
    found = combine.combine(two_methods(2))
    assert found.golden is None and set(found.weights.values()) == {0.5}
    assert np.array_equal(found.posterior, found.raw)
    priors = combine.combine(Members({"mace": np.eye(2), "hierarchical-dawid-skene": np.eye(2)[::-1]}))
    assert priors.weights == {"mace": pytest.approx(0.25), "hierarchical-dawid-skene": pytest.approx(0.75)}


def test_parts_of_one_golden_task_weigh_as_one() -> None:
    # One task in four parts, all right for the first method: one golden task, not four.
    share, tasks = np.full(5, 0.25), np.array([0, 0, 0, 0, 4])
    found = combine.combine(two_methods(5), np.array([0, 0, 0, 0, -1]), share, tasks)
    assert found.right == {"dawid-skene": 1.0, "mace": 0.0}
    assert found.golden is not None and found.golden.tasks == 1


def test_golden_tasks_follow_the_method_that_is_right() -> None:
    """Adversaries in the majority: only the labels that are known say that the answers are upside down."""
    votes, truth = crowd(0, items=150, accuracy=0.8)
    found = quick(votes)
    upside_down = Members({**found.posteriors, "wawa": found.posteriors["wawa"][:, ::-1]})
    seen = np.where(np.arange(150) < 30, 1 - truth, -1)
    combined = combine.combine(upside_down, seen)
    assert combined.weights["wawa"] > 0.99
    rest = np.arange(30, 150)
    assert (combined.posterior.argmax(axis=1) == 1 - truth)[rest].mean() > 0.8
    assert combined.golden is not None
    assert combined.golden.right_without < 15 < combined.golden.right


def test_calibrated_on_simulated_crowds_it_means_what_it_says() -> None:
    before, after = [], []
    for seed in range(3):
        votes, truth = crowd(seed, items=300, overlap=3, labels=3, accuracy=0.55)
        seen = np.where(np.arange(300) < 60, truth, -1)
        combined = combine.combine(quick(votes), seen)
        rest = np.arange(60, 300)
        for posterior, errors in ((combined.raw, before), (combined.posterior, after)):
            right = (posterior.argmax(axis=1) == truth)[rest].astype(float)
            errors.append(combine.calibration.calibration_error(posterior[rest].max(axis=1), right))
    assert np.mean(after) < 0.12
    assert np.mean(after) < np.mean(before) + 0.02


def test_what_is_too_large_is_left_out_and_said() -> None:
    votes, _ = crowd(0, items=20, overlap=2)
    many = Coded(*(np.tile(codes, 10_000) for codes in (votes.items, votes.workers, votes.labels)), 20, 20, 2)
    assert combine._too_large(many, "glad") == "800,000 votes × labels; the limit for its speed is 60,000"
    assert combine._too_large(many, "hierarchical-dawid-skene") is None
    labels = Coded(votes.items, votes.workers, votes.labels, 20, 20, 1500)
    assert "parameters" in (combine._too_large(labels, "ebcc") or "")


def test_more_golden_tasks_by_hand() -> None:
    assert combine._more(50, best=45, second=45, got=45)[0] == 0
    assert combine._more(20, best=18, second=18, got=18) == (
        30,
        "from 50 on every label is calibrated on its own",
    )
    # A lead of 1.5 in 60, 3 needed: 60 more; and 2 tasks lost against the best until then.
    assert combine._more(60, best=50, second=48.5, got=48)[0] == 60


def test_what_is_taught_learns_from_the_other_golden_tasks() -> None:
    votes, truth = crowd(1, items=60, accuracy=0.6)
    seen = np.where(np.arange(60) < 12, truth, -1)
    tasks = np.arange(60) // 2 * 2  # two items are one golden task
    posterior = combine.taught(votes, seen, tasks)
    assert posterior is not None and combine.taught(votes, np.full(60, -1)) is None
    all_known = bayesian.hierarchical_dawid_skene(votes, seen)
    assert np.array_equal(posterior[12:], all_known[12:])
    turned = seen.copy()
    turned[:2] = 1 - turned[:2]  # the first task's truth, otherwise: its own posterior does not move
    other = combine.taught(votes, turned, tasks)
    assert other is not None and np.array_equal(posterior[:2], other[:2])
    assert not np.array_equal(posterior[2:], other[2:])


def test_golden_tasks_teach_who_is_upside_down() -> None:
    """Half of the workers turn the labels around, which the votes alone cannot tell from the other half."""
    votes, truth = crowd(0, items=200, workers=10, accuracy=0.9)
    turned = np.where(votes.workers < 5, 1 - votes.labels, votes.labels)
    votes = Coded(votes.items, votes.workers, turned, 200, 10, 2)
    seen = np.where(np.arange(200) < 20, truth, -1)
    untaught, taught = quick(votes), combine.taught(votes, seen)
    assert taught is not None
    alone = combine.combine(untaught, seen)
    found = combine.combine(Members(untaught.posteriors, taught=taught), seen)
    right = [(one.posterior.argmax(axis=1) == truth)[20:].mean() for one in (alone, found)]
    assert right[0] < 0.6 and right[1] > 0.9
    assert found.weights[combine.TAUGHT] > 0.9
    assert found.golden is not None and found.golden.right > 17
