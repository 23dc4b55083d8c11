"""Dynamic overlap: the worked examples of Toloka's guide, and what follows from the formula."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from lrl_datasets.crowd.overlap import confidence, skill, skills, wanted

LABELS = ["OK", "BAD", "404"]


@pytest.mark.parametrize(
    ("votes", "leading", "percent"),
    [
        ([("OK", 0.7), ("OK", 0.9)], "OK", 97.7),
        ([("OK", 0.7), ("BAD", 0.9)], "BAD", 76.1),
        # The guide's sentence says `OK` of the third; its numbers are those of `BAD`, which two of three chose.
        ([("OK", 0.7), ("BAD", 0.9), ("BAD", 0.8)], "BAD", 96.2),
    ],
)
def test_the_guides_worked_examples(votes: list[tuple[str, float]], leading: str, percent: float) -> None:
    label, sure = confidence(votes, LABELS)
    assert label == leading
    assert round(100 * sure, 1) == percent


def test_accuracy_is_smoothed_by_half_a_task_on_either_side() -> None:
    assert skill(0, 0) == 0.5
    assert skill(1, 1) == 0.75
    assert skill(3, 4) == 0.7
    assert skills({"a": [True, True, False, True], "b": []}) == {"a": 0.7, "b": 0.5}


def test_votes_are_replaced_then_added_one_by_one_and_never_over_the_limit() -> None:
    assert wanted(1, 2, 0.9, overlap=3) == 2
    assert wanted(3, 3, 0.6, overlap=3) == 0  # no dynamic overlap
    assert wanted(3, 3, 0.6, overlap=3, confidence_from=0.8, limit=5) == 1
    assert wanted(3, 3, 0.8, overlap=3, confidence_from=0.8, limit=5) == 0
    assert wanted(4, 5, 0.6, overlap=3, confidence_from=0.8, limit=5) == 0
    assert wanted(0, 4, 0.0, overlap=3, limit=5) == 1


@given(
    st.lists(st.tuples(st.sampled_from(LABELS), st.floats(0.34, 0.99)), min_size=1, max_size=12),
    st.floats(0.34, 0.99),
)
def test_a_vote_for_the_leading_label_by_one_better_than_chance_makes_it_surer(
    votes: list[tuple[str, float]], accuracy: float
) -> None:
    label, sure = confidence(votes, LABELS)
    assert 0 <= sure <= 1
    again, surer = confidence([*votes, (label, accuracy)], LABELS)
    assert again == label
    assert surer >= sure - 1e-12
