"""Suites and control tasks: small cases by hand, and what holds for any of them."""

from __future__ import annotations

from collections import Counter
from itertools import groupby
from typing import Any

import pyarrow as pa
import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from lrl_datasets.crowd.tasks import suites
from lrl_datasets.errors import LrlError

SCHEMA = suites.tasks_schema(("prompt",))


def tasks(number: int, overlap: int = 3, golden: bool = False) -> pa.Table:
    rows = [
        {
            "suite": 0, "task": f"{'g' if golden else 't'}{n:03d}", "golden": "yes" if golden else None,
            "hint": None, "overlap": overlap, "unavailable_for": [] if golden else [f"w{n % 4}"],
            "input.prompt": f"{n}",
        }
        for n in range(number)
    ]  # fmt: skip
    return pa.Table.from_pylist(rows, schema=SCHEMA)


def pages(table: pa.Table) -> list[list[dict[str, Any]]]:
    return [list(group) for _, group in groupby(table.to_pylist(), lambda row: row["suite"])]


def test_six_of_seven_are_real() -> None:
    out = pages(suites.fill(tasks(12), tasks(2, golden=True), suite=7, golden_share=1 / 7, seed=1))
    assert [len(page) for page in out] == [7, 7]
    assert [[row["task"] for row in page if row["golden"]] for page in out] in (
        [["g000"], ["g001"]],
        [["g001"], ["g000"]],
    )


def test_a_suite_is_not_for_the_authors_of_what_is_in_it() -> None:
    (page,) = pages(suites.fill(tasks(2), tasks(1, golden=True), suite=3, golden_share=1 / 3, seed=1))
    assert [row["unavailable_for"] for row in page] == [["w0", "w1"]] * 3


def test_what_wants_more_workers_has_suites_of_its_own() -> None:
    both = pa.concat_tables([tasks(3, overlap=2), tasks(3, overlap=1)]).to_pylist()
    named = [{**row, "task": f"{row['task']}-{row['overlap']}"} for row in both]
    table = pa.Table.from_pylist(named, schema=SCHEMA)
    out = pages(suites.fill(table, tasks(0), suite=2, golden_share=0, seed=1))
    assert [[row["overlap"] for row in page] for page in out] == [[2, 2], [2], [1, 1], [1]]


@given(st.integers(1, 60), st.integers(1, 12), st.floats(0, 0.6), st.integers(6, 20), st.integers(0, 9))
@example(50, 8, 0.4375, 6, 1)
def test_every_task_goes_out_once_at_the_set_rate(
    number: int, suite: int, share: float, golden: int, seed: int
) -> None:
    if suite * share > suite - 1:
        return  # no room: refused, see below
    real, control = tasks(number), tasks(golden, golden=True)
    if -(-suite * share // 1) > golden:
        return
    table = suites.fill(real, control, suite=suite, golden_share=share, seed=seed)
    out = pages(table)
    rows = table.to_pylist()
    assert Counter(row["task"] for row in rows if row["golden"] is None) == Counter(real["task"].to_pylist())
    given_out = Counter(row["task"] for row in rows if row["golden"] is not None)
    assert abs(given_out.total() - len(out) * suite * share) <= 0.5 + 1e-6
    assert (
        not given_out
        or max(given_out.values()) - min(given_out[name] for name in control["task"].to_pylist()) <= 1
    )
    for page in out:
        assert len({row["task"] for row in page}) == len(page) <= suite
        assert any(row["golden"] is None for row in page)
    assert all(len(page) == suite for page in out[:-1])
    assert table == suites.fill(real, control, suite=suite, golden_share=share, seed=seed)


def test_impossible_suites_are_refused() -> None:
    with pytest.raises(LrlError, match="needs 2 different ones; there are 1"):
        suites.fill(tasks(5), tasks(1, golden=True), suite=4, golden_share=0.5, seed=0)
    with pytest.raises(LrlError, match="no task left beside 2 control tasks"):
        suites.fill(tasks(5), tasks(5, golden=True), suite=2, golden_share=0.9, seed=0)
