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
    # In one bin, ten parts of one task are one item: always .5 off.
    assert perfect_error(np.full(10, 0.5), np.full(10, 0.1), np.zeros(10, np.int64)) == pytest.approx(0.5)


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
    # Means from the top: .95, .925, .85, .775; a wanted .85 takes three. Golden at or above .7: all 3 helpful ones and
    # 1 of 2 others. Clopper and Pearson at .025: of helpful ones at least p with p³ = .025, p = .2924; of the others
    # at least p with 1 - (1 - p)² = .025, p = .01258, are below. The answers' mean is .7.
    helpful = np.array([0.95, 0.9, 0.7, 0.55, 0.4])
    found = acceptance(helpful, 0.85, np.array([0.9, 0.8, 0.7, 0.75, 0.2]), np.array([1.0, 1, 1, 0, 0]))
    assert found is not None
    assert (found.threshold, found.accepted, found.golden) == (0.7, 3, 4)
    assert found.expected_precision == pytest.approx(0.85)
    low, high = 0.7 * 0.2924, 0.3 * (1 - 0.01258)
    assert found.bound == pytest.approx(low / (low + high), abs=1e-4)


def test_the_bound_does_not_depend_on_how_many_golden_tasks_are_helpful() -> None:
    """3 of 10 answers help, and half of the golden tasks: a share of those above the threshold proves nothing."""
    rng = np.random.default_rng(0)
    covered, by_share = [], []
    for _ in range(200):
        good = np.arange(100) % 2
        truth = rng.random(2000) < 0.3
        # Two scores: a helpful one is high in 9 of 10, another in 2 of 10; .6585 of the high answers help.
        high = rng.random(2000) < np.where(truth, 0.9, 0.2)
        posterior = np.where(high, 0.6585, 0.0508)
        seen = rng.random(100) < np.where(good, 0.9, 0.2)
        found = acceptance(posterior, 0.65, np.where(seen, 0.6585, 0.0508), good.astype(float))
        assert found is not None and found.bound is not None
        covered.append(found.bound <= 0.6585)
        by_share.append(good[seen].mean())
    assert np.mean(covered) >= 0.95
    assert np.mean(by_share) > 0.8


def test_golden_tasks_of_another_mix_calibrate_for_the_answers() -> None:
    """Half of the golden tasks and 3 of 10 answers have label 1: what is fitted holds for the answers."""
    rng = np.random.default_rng(2)

    def drawn(
        truth: np.ndarray,
    ) -> np.ndarray:  # four votes, each right in 3 of 4; counted twice: overconfident
        right = rng.binomial(4, 0.75, len(truth))
        odds = np.where(truth == 1, 2 * right - 4, 4 - 2 * right) * np.log(3)
        return binary(1 / (1 + np.exp(-2 * odds - np.log(3 / 7))))

    errors = []
    for _ in range(10):
        truth, of_golden = (rng.random(600) < 0.3).astype(np.int64), np.arange(100) % 2
        answers, golden = drawn(truth), drawn(of_golden)
        both = (fit(golden, of_golden, np.ones(100)), fit(golden, of_golden, np.ones(100), answers))
        errors.append([abs(fitted(answers)[:, 1].mean() - truth.mean()) for fitted in both])
    plain, corrected = np.mean(errors, axis=0)
    assert plain > 0.05 and corrected < 0.7 * plain


def test_golden_tasks_drawn_from_the_answers_are_fitted_as_they_are() -> None:
    posterior, truth = overconfident(1000, 2)
    share = np.ones(100)
    moved = [calibration.differs(posterior[n : n + 100], share, posterior) for n in range(0, 1000, 100)]
    assert np.mean(moved) < 0.3 and 0.0 in moved
    place = 100 * moved.index(0.0)
    rows, labels = posterior[place : place + 100], truth[place : place + 100]
    assert np.array_equal(fit(rows, labels, share).offsets, fit(rows, labels, share, posterior).offsets)
    assert calibration.differs(posterior[posterior[:, 1] > 0.5][:100], share, posterior) > 0.9


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
