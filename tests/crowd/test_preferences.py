"""Bradley-Terry and its noisy kin: cases worked out by hand, properties, and crowd-kit where it converges."""

from __future__ import annotations

from typing import Any

import numpy as np
import pandas as pd
import pyarrow as pa
import pytest
from crowdkit.aggregation import BradleyTerry
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.stats import beta

from lrl_datasets.crowd import preferences
from lrl_datasets.crowd.preferences import METHODS, margins, sides
from lrl_datasets.crowd.rules import Rules

RULES = Rules(left=("left",), right=("right",))
TURNED = {"left": "right", "right": "left", "tie": "tie"}

Vote = tuple[str, str, str, str]


def table(votes: list[Vote]) -> pa.Table:
    names = ("answer_id", "other_id", "worker", "label")
    schema = pa.schema([(name, pa.string()) for name in names])
    return pa.Table.from_pylist([dict(zip(names, vote, strict=True)) for vote in votes], schema=schema)


def found(votes: list[Vote], method: str = "bradley-terry") -> dict[tuple[str, str], dict[str, Any]]:
    rows = margins(table(votes), RULES, method, draws=200).to_pylist()
    return {(row.pop("answer_id"), row.pop("other_id")): row for row in rows}


def wins(better: str, worse: str, n: int, first: int = 0) -> list[Vote]:
    """`n` workers prefer one to the other, shown in both orders."""
    pairs = [(better, worse, "left"), (worse, better, "right")]
    return [(*pairs[at % 2][:2], f"w{first + at}", pairs[at % 2][2]) for at in range(n)]


def test_three_of_three_are_no_certainty() -> None:
    # p = (3 + 1/2) / (3 + 1) = 7/8; the interval is that of Beta(7/2, 1/2).
    (row,) = found(wins("a", "b", 3)).values()
    low, high = (round(2 * float(beta.ppf(q, 3.5, 0.5)) - 1, 4) for q in (0.025, 0.975))
    assert row == {"margin": 0.75, "margin_low": low, "margin_high": high, "n_votes": 3}
    assert low < 0 < high


def test_the_margin_is_of_the_smaller_id_and_a_tie_is_half_a_win_for_each() -> None:
    votes = [*wins("b", "a", 2), ("a", "b", "w9", "tie")]
    (row,) = found(votes).values()
    assert (
        row["margin"] == 2 * (0.5 + 0.5) / (2 + 1 + 1) - 1 == -0.5
    )  # a: half a tie and half a prior win, of four


def test_a_circle_of_three_has_no_best() -> None:
    circle = wins("a", "b", 2) + wins("b", "c", 2) + wins("c", "a", 2)
    assert [row["margin"] for row in found(circle).values()] == [0.0, 0.0, 0.0]


def test_two_sides_of_a_chain_pull_together() -> None:
    # a beats b, b beats c, each 3 : 1 with the prior 3.5 : 1.5, so a stands (7/3)² : 1 to c, of whom nobody said it.
    chain = [*wins("a", "b", 3), *wins("b", "a", 1, 3), *wins("b", "c", 3), *wins("c", "b", 1, 3)]
    told = found(chain)
    assert told.keys() == {("a", "b"), ("b", "c")}
    assert {row["margin"] for row in told.values()} == {0.4}
    p = preferences.probabilities(
        preferences.strengths(np.array([[[0, 3.5, 0], [1.5, 0, 3.5], [0, 1.5, 0.0]]]))
    )
    assert p[0, 0, 2] == pytest.approx((7 / 3) ** 2 / ((7 / 3) ** 2 + 1))


VOTES = st.lists(
    st.tuples(*(st.sampled_from(given) for given in ("abcd", "abcd", "uvwxyz", sorted(TURNED)))),
    min_size=1, max_size=25,
).map(lambda votes: [vote for vote in votes if vote[0] != vote[1]]).filter(bool)  # fmt: skip


@settings(max_examples=25, deadline=None)
@given(VOTES)
def test_crowd_kit_says_the_same_where_it_converges(votes: list[Vote]) -> None:
    # It takes whole wins alone: every vote twice, a tie and the prior once each way, which is the same maximum.
    rows = []
    for left, right, _, label in votes:
        rows += [
            (left, right, won) for won in {"left": [left] * 2, "right": [right] * 2}.get(label, [left, right])
        ]
    pairs = {tuple(sorted(vote[:2])) for vote in votes}
    rows += [(one, other, won) for one, other in sorted(pairs) for won in (one, other)]
    frame = pd.DataFrame(rows, columns=["left", "right", "label"])
    scores = BradleyTerry(n_iter=20_000, tol=0).fit_predict(
        frame
    )  # with another `tol` it stops after two rounds
    for (one, other), row in found(votes).items():
        assert row["margin"] == pytest.approx(2 * scores[one] / (scores[one] + scores[other]) - 1, abs=2e-3)


@settings(max_examples=15, deadline=None)
@given(VOTES, st.randoms(use_true_random=False), st.sampled_from(METHODS))
def test_order_of_votes_and_side_shown_change_nothing(votes: list[Vote], random: Any, method: str) -> None:
    told = found(votes, method)
    shuffled = list(votes)
    random.shuffle(shuffled)
    assert found(shuffled, method) == told
    mirrored = [(right, left, worker, TURNED[label]) for left, right, worker, label in votes]
    assert {pair: row["margin"] for pair, row in found(mirrored, method).items()} == pytest.approx(
        {pair: row["margin"] for pair, row in told.items()}, abs=2e-3
    )


@settings(max_examples=15, deadline=None)
@given(VOTES, st.permutations("abcd"), st.sampled_from(METHODS))
def test_names_change_nothing(votes: list[Vote], names: list[str], method: str) -> None:
    new = dict(zip("abcd", names, strict=True))
    renamed = found(
        [(new[left], new[right], f"{worker}'", label) for left, right, worker, label in votes], method
    )
    for (one, other), row in found(votes, method).items():
        turned = new[one] > new[other]
        margin = (
            renamed[new[other], new[one]]["margin"] if turned else renamed[new[one], new[other]]["margin"]
        )
        assert (-margin if turned else margin) == pytest.approx(row["margin"], abs=2e-3)


def test_prompts_do_not_touch_each_other() -> None:
    one, other = wins("a", "b", 3) + wins("b", "c", 3), wins("x", "y", 2)
    both = found(one + other)
    assert both == found(one) | found(other)  # intervals too: their random numbers are the set's own


def test_the_bootstrap_of_a_lone_pair_is_the_jeffreys_interval() -> None:
    votes = preferences.code(table(wins("a", "b", 6) + wins("b", "a", 2, 6)), RULES)
    (only,) = preferences.connected(votes)
    drawn = preferences.bootstrap(votes, only.votes, only.items[0], np.ones(8), 20_000)
    p = preferences.probabilities(drawn)[:, 0, 1]
    assert np.quantile(p, [0.025, 0.5, 0.975]) == pytest.approx(
        beta.ppf([0.025, 0.5, 0.975], 6.5, 2.5), abs=0.01
    )


def test_a_ranking_by_one_worker_is_one_worker() -> None:
    # Three pairs by one worker are no three votes: the interval is wider than that of three workers.
    same = found([("a", "b", "w", "left"), ("a", "c", "w", "left"), ("b", "c", "w", "left")])
    other = found([("a", "b", "u", "left"), ("a", "c", "v", "left"), ("b", "c", "w", "left")])
    assert {pair: row["margin"] for pair, row in same.items()} == {
        pair: row["margin"] for pair, row in other.items()
    }
    assert same["a", "c"]["margin_low"] != other["a", "c"]["margin_low"]


def test_noisy_finds_who_always_clicks_left() -> None:
    rng, votes, truth = np.random.default_rng(3), [], {}
    people = [f"honest{n}" for n in range(8)] + [f"left{n}" for n in range(4)]
    for pair in range(60):
        better, worse = (f"{pair:02}{side}" for side in rng.permutation(["a", "b"]))
        truth[tuple(sorted((better, worse)))] = better
        for place, at in enumerate(rng.choice(len(people), 5, replace=False)):
            left, right = (better, worse) if (place + pair) % 2 else (worse, better)
            right_one = better if rng.random() < 0.85 else worse
            choice = "left" if people[at].startswith("left") or left == right_one else "right"
            votes.append((left, right, people[at], choice))
    coded = preferences.code(table(votes), RULES)
    crowd = preferences.noisy(coded)
    skill, bias = (dict(zip(coded.workers, of, strict=True)) for of in (crowd.skill, crowd.bias))
    assert max(skill[f"left{n}"] for n in range(4)) < 0.5 < min(skill[f"honest{n}"] for n in range(8))
    assert min(bias[f"left{n}"] for n in range(4)) > 0.8
    correct = {}
    for method in METHODS:
        told = found(votes, method)
        correct[method] = sum((row["margin"] > 0) == (truth[pair] == pair[0]) for pair, row in told.items())
    assert correct["noisy-bradley-terry"] >= correct["bradley-terry"]
    assert correct["noisy-bradley-terry"] >= 52


def test_share_of_left_with_its_interval() -> None:
    votes = [("a", "b", f"w{n}", "left") for n in range(60)] + [
        ("a", "b", f"v{n}", "right") for n in range(40)
    ]
    told = sides(table([*votes, ("a", "b", "t", "tie")]), RULES)
    assert (told.votes, told.ties, told.left) == (101, 1, 0.6)
    assert (told.left_low, told.left_high) == (
        0.502,
        0.6906,
    )  # Wilson's, as statsmodels and Newcombe 1998 give it
    assert told.biased
    assert not sides(table(votes[:30] + votes[60:90]), RULES).biased
    assert not sides(table(votes[:3]), RULES).biased  # three of three are chance
    assert sides(table([("a", "b", "t", "tie")]), RULES).left is None


def test_nobody_compared_anything() -> None:
    for method in METHODS:
        assert margins(table([]), RULES, method).num_rows == 0
