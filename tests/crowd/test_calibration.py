"""Calibration: errors worked out by hand, fits on posteriors whose calibration is known."""

from __future__ import annotations

import numpy as np
import pytest

from lrl_datasets.crowd import calibration
from lrl_datasets.crowd.calibration import (
    acceptance,
    calibration_error,
    crossed,
    fit,
    perfect_error,
    reliability,
)


def binary(p: np.ndarray) -> np.ndarray:
    return np.stack([1 - p, p], axis=1)


def overconfident(n: int, factor: float, seed: int = 0) -> tuple[np.ndarray, np.ndarray]:
    """Posteriors whose log-odds are `factor` times too large, and truths drawn from the right ones."""
    rng = np.random.default_rng(seed)
    odds = rng.normal(0, 1.5, n)
    truth = (rng.random(n) < 1 / (1 + np.exp(-odds))).astype(np.int64)
    return binary(1 / (1 + np.exp(-factor * odds))), truth


def test_error_by_hand() -> None:
    # Four in the bin .8 to .9, said .85, right 2 of 4: gap .35. One at .55, right: gap .45.
    said, right = np.array([0.85] * 4 + [0.55]), np.array([1.0, 1, 0, 0, 1])
    assert calibration_error(said, right) == pytest.approx((4 * 0.35 + 0.45) / 5)
    assert [(found.n, found.right) for found in reliability(said, right)] == [(1, 1.0), (4, 0.5)]
    # Half the weight on the last: gaps .35 and .45 over 4.5.
    weighed = calibration_error(said, right, np.array([1, 1, 1, 1, 0.5]))
    assert weighed == pytest.approx((4 * 0.35 + 0.5 * 0.45) / 4.5)


def test_a_perfect_posterior_is_not_without_error_on_few_items() -> None:
    # Ten items of .5 in one bin: the mean of |binomial(10, .5)/10 - .5| is .1230.
    assert perfect_error(np.full(10, 0.5), draws=20_000) == pytest.approx(0.123, abs=0.003)


@pytest.mark.parametrize("factor", [1.0, 2.0, 4.0])
def test_the_slope_is_found(factor: float) -> None:
    posterior, truth = overconfident(4000, factor)
    fitted = fit(posterior, truth, np.ones(len(truth)))
    assert fitted.slope == pytest.approx(1 / factor, rel=0.1)
    assert np.ptp(fitted.offsets) < 0.2
    said = fitted(posterior)
    assert calibration_error(said[:, 1], truth.astype(float)) < 0.02


def test_an_offset_from_fifty_golden_tasks_on() -> None:
    rng = np.random.default_rng(1)
    truth = (rng.random(2000) < 0.2).astype(np.int64)  # the label 1 is rarer than the posterior says
    posterior = binary(np.full(2000, 0.5))
    assert fit(posterior, truth, np.ones(2000))(posterior)[0, 1] == pytest.approx(0.2, abs=0.02)
    few = fit(posterior[:49], truth[:49], np.ones(49))
    assert few.offsets.tolist() == [0, 0]
    halves = fit(posterior[:98], truth[:98], np.full(98, 0.5))  # 98 halves of a task are 49 tasks
    assert halves.offsets.tolist() == [0, 0]


def test_few_golden_tasks_that_are_all_right_do_not_make_certain() -> None:
    fitted = fit(binary(np.full(5, 0.99)), np.ones(5, np.int64), np.ones(5))
    assert 0.85 < fitted(binary(np.array([0.99])))[0, 1] < 0.995


def test_crossing_keeps_a_task_out_of_its_own_calibration() -> None:
    posterior, truth = overconfident(60, 3)
    share, tasks = np.full(60, 0.5), np.repeat(np.arange(30), 2)
    said = crossed(posterior, truth, share, tasks)
    turned = truth.copy()
    turned[:2] = 1 - turned[:2]  # the first task's truth, otherwise
    assert np.array_equal(said[:2], crossed(posterior, turned, share, tasks)[:2])
    assert not np.array_equal(said[2:], crossed(posterior, turned, share, tasks)[2:])


def test_acceptance_by_hand() -> None:
    # Means from the top: .95, .925, .85, .775; a wanted .85 takes three. Golden at or above .7: 3 of 4 right, whose
    # Clopper-Pearson 95 % lower bound solves P(X >= 3 | 4, p) = .05: p = .2486.
    helpful = np.array([0.95, 0.9, 0.7, 0.55])
    found = acceptance(helpful, 0.85, np.array([0.9, 0.8, 0.7, 0.75, 0.2]), np.array([1.0, 1, 1, 0, 1]))
    assert found is not None
    assert (found.threshold, found.accepted, found.golden) == (0.7, 3, 4)
    assert found.expected_precision == pytest.approx(0.85)
    assert found.bound == pytest.approx(0.2486, abs=1e-4)


def test_acceptance_takes_equal_posteriors_together_and_none_where_none_reaches_it() -> None:
    nobody = np.zeros(0)
    found = acceptance(np.array([0.9, 0.8, 0.8]), 0.85, nobody, nobody)
    assert found is not None and (found.accepted, found.bound) == (1, None)
    assert acceptance(np.array([0.5]), 0.9, nobody, nobody) is None
    assert acceptance(nobody, 0.9, nobody, nobody) is None


def test_a_calibrated_posterior_stays_one() -> None:
    fitted = calibration.Calibration(0.3, np.array([0.5, -1, 0]))
    said = fitted(np.random.default_rng(0).dirichlet(np.ones(3), 50))
    np.testing.assert_allclose(said.sum(axis=1), 1)
