"""Krippendorff's alpha: published and hand-worked figures, crowd-kit's beside it, and what the interval promises."""

from __future__ import annotations

import time

import numpy as np
import pyarrow as pa
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from lrl_datasets.crowd.agreement import agreement, alphas, coincidences, counted, of_questions

# Krippendorff, Computing Krippendorff's Alpha-Reliability, 2011, section C: four observers, twelve units.
PUBLISHED = (
    "1 1 . 1", "2 2 3 2", "3 3 3 3", "3 3 3 3", "2 2 2 2", "1 2 3 4",
    "4 4 4 4", "1 1 2 1", "2 2 2 2", ". 5 5 5", ". . 1 1", ". . 3 .",
)  # fmt: skip


def votes(*answers: str) -> pa.Table:
    """A line an answer: its votes in the order of the workers."""
    rows = [
        {"answer_id": f"a{n}", "worker": f"w{m}", "label": label}
        for n, line in enumerate(answers)
        for m, label in enumerate(line.split())
        if label != "."
    ]
    fields = [(name, pa.string()) for name in ("answer_id", "worker", "label")]
    return pa.Table.from_pylist(rows, schema=pa.schema(fields))


def test_alpha_as_its_author_computes_it() -> None:
    found = agreement(votes(*PUBLISHED))
    assert (found.alpha, found.level, found.answers, found.votes) == (0.8154, "ordinal", 11, 40)
    counts, _ = counted(votes(*PUBLISHED))
    nominal = alphas(coincidences(counts[counts.sum(axis=1) > 1]).sum(axis=0)[None], "nominal")
    assert nominal[0] == pytest.approx(0.743, abs=5e-4)


def test_alpha_by_hand() -> None:
    # Two coders agree on 3 of 4 units: coincidences yes-yes 4, no-no 2, mixed 2 of n = 8, so the observed
    # disagreement is 2/8 and the expected one 2*5*3/(8*7); alpha = 1 - .25/.5357 = .5333.
    found = agreement(votes("yes yes", "yes yes", "no no", "yes no", "no"))
    assert (found.alpha, found.level, found.pairs) == (0.5333, "nominal", 0.75)
    assert (found.answers, found.votes, found.labels) == (4, 8, {"no": 3, "yes": 5})


def test_a_mark_two_away_is_worse_than_one_away() -> None:
    near, far = votes("0 0", "1 1", "2 2", "0 1"), votes("0 0", "1 1", "2 2", "0 2")
    one, other = agreement(near).alpha, agreement(far).alpha
    assert one is not None and other is not None and one > other


def test_alpha_is_null_where_it_is_undefined() -> None:
    for table in (votes("yes", "no"), votes("yes yes"), votes()):
        found = agreement(table)
        assert (found.alpha, found.low, found.high) == (None, None, None)


@settings(max_examples=60, deadline=None)
@given(st.lists(st.lists(st.sampled_from("xyz"), min_size=1, max_size=5), min_size=2, max_size=12))
def test_it_is_crowd_kits_alpha_whatever_the_order(answers: list[list[str]]) -> None:
    from crowdkit.metrics.data import alpha_krippendorff

    table = votes(*map(" ".join, answers))
    found = agreement(table, draws=1)
    turned = table.take(pa.array(np.random.default_rng(len(answers)).permutation(table.num_rows)))
    assert agreement(turned, draws=1).alpha == found.alpha
    frame = table.to_pandas().rename(columns={"answer_id": "task"})
    frame = frame[frame.groupby("task")["label"].transform("size") > 1]
    if found.alpha is None:
        assert frame.empty or frame["label"].nunique() < 2
    else:
        assert found.alpha == pytest.approx(alpha_krippendorff(frame), abs=1e-4)


def test_the_interval_holds_the_crowds_alpha_about_as_often_as_it_says() -> None:
    # Three votes, each right in .85, labels even: in the long run alpha is (2 * .85 - 1)^2 = .49.
    rng, inside = np.random.default_rng(3), 0
    for _ in range(60):
        truth = rng.integers(0, 2, 80)
        given = np.where(rng.random((80, 3)) < 0.85, truth[:, None], 1 - truth[:, None])
        found = agreement(votes(*(" ".join("ny"[v] for v in line) for line in given)))
        assert found.low is not None and found.high is not None and found.low < found.high
        inside += found.low <= 0.49 <= found.high
    assert 53 <= inside <= 60


def test_each_question_by_its_counted_judgements() -> None:
    table = votes("yes yes", "no no", "no yes")
    table = table.append_column("counted", pa.array([True] * 5 + [False]))
    table = table.append_column("question", pa.array(["helpful"] * 6))
    found = of_questions(table)
    assert list(found) == ["helpful"] and found["helpful"]["alpha"] == 1.0
    assert found["helpful"]["votes"] == 4


def test_a_hundred_thousand_votes_take_no_time() -> None:
    rng = np.random.default_rng(0)
    labels = pa.array(rng.integers(0, 3, 100_000).astype(str))
    table = pa.table({"answer_id": [f"a{n // 5}" for n in range(100_000)], "label": labels})
    started = time.monotonic()
    assert agreement(table).votes == 100_000
    assert time.monotonic() - started < 5
