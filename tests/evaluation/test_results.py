from __future__ import annotations

import json
import math
from dataclasses import asdict
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st
from rich.console import Console

from lrl_datasets.errors import LrlError
from lrl_datasets.evaluation.results import (
    Results,
    Score,
    detectable,
    detectable_difference,
    share_error,
    source_notes,
)
from lrl_datasets.intervals import wilson


def test_wilson_by_hand() -> None:
    # 8 of 10, z² = 3.8415: middle (0.8 + 0.19207) / 1.38415 = 0.71674, half 0.22661
    assert wilson(8, 10) == pytest.approx((0.4902, 0.9433), abs=1e-4)
    # none of 10: the upper end is z² / (n + z²)
    assert wilson(0, 10) == pytest.approx((0.0, 3.8415 / 13.8415), abs=1e-4)


def test_detectable_difference_by_hand() -> None:
    # 250 of 500: error √(0.5 · 0.5 / 500) = 0.02236; (1.960 + 0.842) · √2 · 0.02236 = 0.0886, nearly 9 points
    assert share_error(250, 500) == pytest.approx(0.02236, abs=1e-5)
    assert detectable_difference(share_error(250, 500)) == pytest.approx(0.0886, abs=1e-4)


@given(st.integers(1, 5000).flatmap(lambda n: st.tuples(st.integers(0, n), st.just(n))))
def test_an_interval_holds_its_share_and_some_room(case: tuple[int, int]) -> None:
    successes, n = case
    low, high = wilson(successes, n)
    assert 0 <= low <= successes / n + 1e-12
    assert successes / n - 1e-12 <= high <= 1
    assert high - low > 0
    assert detectable_difference(share_error(successes, n)) > 0


@given(st.integers(1, 1000))
def test_four_times_the_items_halve_the_difference(n: int) -> None:
    ratio = detectable_difference(share_error(50 * n, 100 * n)) / detectable_difference(
        share_error(200 * n, 400 * n)
    )
    assert math.isclose(ratio, 2, rel_tol=1e-6)


def score(**changed: object) -> Score:
    facts: dict[str, object] = {
        "task": "t", "prompt_family": "ours", "dataset": "a/b/sw", "commit": "c" * 40, "sample": False, "split": "test",
        "n": 4, "items": 9, "metric": "acc", "value": 0.5, "low": 0.1, "high": 0.9, "detectable": 0.25, "percent": True,
    }  # fmt: skip
    return Score(**(facts | changed))  # type: ignore[arg-type]


def run(scores: list[Score], offline: bool = False) -> Results:
    return Results("m", None, "causal", 4, scores, "http://hub", offline)


def test_the_notes_say_what_the_rows_are() -> None:
    group = score(task="g", dataset="3 tasks", commit=None, sample=None)
    scores = [
        score(sample=True),
        score(task="u", commit=None, sample=None),
        score(task="v", sample=None),
        group,
    ]
    assert source_notes(asdict(run(scores, offline=True))) == [
        "offline: datasets from the cache, not compared with a Hub",
        "SAMPLE: rows written for a rehearsal, their scores mean nothing",
        "from no commit of a Hub: u",
        "SAMPLE or not is unknown: v",
    ]
    console = Console(width=160, record=True)
    console.print(run(scores).table())
    assert "test (SAMPLE)" in console.export_text()


@pytest.mark.parametrize(
    ("difference", "scale", "shown"),
    [(None, 100, "–"), (0.25, 100, "25.0"), (1.2, 100, "none"), (3.21, 1, "3.2")],
)
def test_a_detectable_difference_beyond_the_scale_is_none(
    difference: float | None, scale: float, shown: str
) -> None:
    assert detectable(difference, scale) == shown


def test_a_file_in_the_place_of_the_folder_is_refused(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("mine")
    for folder in (tmp_path / "file", tmp_path / "file/deeper"):
        with pytest.raises(LrlError, match="is not a folder and cannot be made one"):
            run([score()]).write(folder)


def test_the_table_states_everything_and_the_json_has_the_same(tmp_path: Path) -> None:
    none = score(task="u", metric="chrf", value=31.25, low=None, high=None, detectable=None, percent=False)
    results = run([score(), none])
    console = Console(width=160, record=True)
    console.print(results.table())
    shown = console.export_text()
    for text in (
        "ours",
        "test",
        "4 of 9",
        "acc %",
        "50.0",
        "10.0–90.0",
        "25.0",
        "31.2",
        "first 4 items only",
        "detectable",
        "datasets from http://hub",
    ):
        assert text in shown
    assert "SAMPLE" not in shown and "offline" not in shown
    results.write(tmp_path / "out")
    written = json.loads((tmp_path / "out/results.json").read_text())
    assert written["scores"][0]["value"] == 0.5
    assert written["scores"][1]["low"] is None
    assert "10.0–90.0" in (tmp_path / "out/results.txt").read_text()
    assert results.score("u", "chrf") is none
    with pytest.raises(KeyError):
        results.score("u", "acc")
