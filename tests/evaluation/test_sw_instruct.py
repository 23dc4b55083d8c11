"""How one answer of `sw_instruct` is scored, on answers whose score is plain."""

from __future__ import annotations

import runpy
from typing import Any

import pytest

from lrl_datasets.evaluation.tasks import tasks_dir

ANSWER = "Maji safi hulinda afya ya familia nzima, hasa watoto wadogo."


def score(answer: str) -> dict[str, Any]:
    function = runpy.run_path(str(tasks_dir() / "sw_suite" / "utils.py"))["score"]
    scored: dict[str, Any] = function({"messages": [{"role": "assistant", "content": ANSWER}]}, [answer])
    return scored


def test_chrf_gets_reference_and_answer() -> None:
    assert score(f"\n{ANSWER} ")["chrf"] == (ANSWER, ANSWER)


@pytest.mark.parametrize(
    ("answer", "in_swahili"),
    [
        (ANSWER, 1.0),
        ("Ndiyo, watoto wanahitaji maji safi.", 1.0),
        ("Clean water protects the health of the whole family.", 0.0),
        ("", 0.0),
        ("1234 …", 0.0),
        ("za " * 40, 0.0),  # a stuck model
    ],
)
def test_the_share_in_swahili_counts_language_and_not_noise(answer: str, in_swahili: float) -> None:
    assert score(answer)["in_swahili"] == in_swahili
