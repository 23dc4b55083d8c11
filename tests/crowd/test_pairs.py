"""Which answers are compared, in which order: every case counted by hand."""

from __future__ import annotations

from collections import Counter
from typing import Any

from hypothesis import given
from hypothesis import strategies as st

from lrl_datasets.crowd import pairs
from lrl_datasets.crowd.rules import Rules
from lrl_datasets.schema import digest

STAGE: dict[str, Any] = {
    "question": "better",
    "labels": {"left": ["left"], "right": ["right"], "tie": ["tie"]},
    "rules": {},
}
RULES = Rules(left=("left",), right=("right",))


def answers(*names: str, prompt: str = "p", **texts: str) -> list[dict[str, str]]:
    return [
        {"record": name, "worker": f"author {name}", "prompt": prompt, "text": texts.get(name, name)}
        for name in names
    ]


def comparison(left: str, right: str, worker: str, label: str = "left", **more: Any) -> dict[str, Any]:
    row = {"record": left, "other_record": right, "worker": worker, "label": label, "counted": True}
    return row | {"reason": None, "golden": None} | more


def test_all_pairs_of_four_are_six_and_three_of_them_hang_together() -> None:
    every = pairs.chosen("abcd", [], None)
    assert {frozenset(pair) for pair in every} == {frozenset(p) for p in ("ab", "ac", "ad", "bc", "bd", "cd")}
    few = pairs.chosen("abcd", [], 3)
    circle = sorted("abcd", key=lambda name: digest("circle", name))
    assert few == [(circle[0], circle[1]), (circle[1], circle[2]), (circle[2], circle[3])]


def test_pairs_with_comparisons_stay_when_another_answer_comes_in() -> None:
    circle = sorted("abcd", key=lambda name: digest("circle", name))
    across = (circle[2], circle[0])
    kept = pairs.chosen("abcd", [across], 2)
    assert {frozenset(pair) for pair in kept} == {frozenset(across), frozenset(circle[:2])}


@given(st.integers(2, 9))
def test_each_answer_is_compared_equally_often_and_stands_left_as_often_as_right(n: int) -> None:
    every = pairs.chosen([f"r{i}" for i in range(n)], [], None)
    assert len(every) == n * (n - 1) // 2
    left, right = Counter(pair[0] for pair in every), Counter(pair[1] for pair in every)
    for at in range(n):
        assert left[f"r{at}"] + right[f"r{at}"] == n - 1
        assert abs(left[f"r{at}"] - right[f"r{at}"]) <= 1


def test_orders() -> None:
    assert pairs.orders(0, 0, 4) == (2, 2)
    assert pairs.orders(0, 0, 3) == (2, 1)
    assert pairs.orders(2, 0, 1) == (0, 1)  # the other order is behind
    assert pairs.orders(0, 3, 1) == (1, 0)
    assert pairs.orders(1, 1, 1) == (1, 0)


@given(st.integers(0, 9), st.integers(0, 9), st.integers(0, 9))
def test_orders_end_as_even_as_they_can(shown: int, turned: int, missing: int) -> None:
    first, other = pairs.orders(shown, turned, missing)
    assert min(first, other) >= 0 and first + other == missing
    best = min(abs(shown + k - turned - (missing - k)) for k in range(missing + 1))
    assert abs(shown + first - turned - other) == best


def test_what_is_missing_who_may_not_and_which_way_round() -> None:
    first, second = sorted("ab", key=lambda name: digest("circle", name))
    rows = [
        comparison(first, second, "w1"),
        comparison(second, first, "w2", "right"),  # prefers the same one
        comparison(first, second, "w3", reason="too_fast", counted=False),
        comparison(first, second, "w4", reason="not_submitted", counted=False),
    ]
    (found,) = pairs.wanted(answers("a", "b"), rows, STAGE, RULES, wished=4, most=None)
    assert (found["counted"], found["given"], found["missing"]) == (2, 3, 2)
    assert (found["first"], found["turned"]) == (1, 1)
    assert found["label"] == first
    # Two voters of .5 say nothing of three labels: 1/2 · 1/2 against twice 1/4 · 1/4.
    assert found["confidence"] == round(0.25 / (0.25 + 2 * 0.0625), 4)
    assert found["unavailable_for"] == ["author a", "author b", "w1", "w2", "w3"]


def test_one_text_is_compared_once_and_a_lone_answer_not_at_all() -> None:
    same = answers("a", "b", "c", b="a") + answers("d", prompt="q")
    (found,) = pairs.wanted(same, [], STAGE, RULES, wished=1, most=None)
    assert {found["record"], found["other_record"]} in ({"a", "c"}, {"b", "c"})
    assert found["missing"] == 1
