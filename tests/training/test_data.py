"""What is read: conversations as pairs, bad rows named, a folder in the Hub's place refused."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from lrl_datasets.errors import LrlError
from lrl_datasets.training.data import Pair, to_pairs, weighted
from lrl_datasets.training.finetune import finetune
from lrl_datasets.training.plan import plan

from . import rows


def turns(*texts: str) -> list[dict[str, str]]:
    return [{"role": ("user", "assistant")[at % 2], "content": text} for at, text in enumerate(texts)]


def test_the_last_turn_is_the_target() -> None:
    made = to_pairs([{"id": "a", "messages": turns("Habari?", "Nzuri.", "Wewe je?", "Salama.")}], "x")
    assert made == [Pair("a", "Habari?\nNzuri.\nWewe je?", "Salama.")]


def test_only_a_calibrated_helpfulness_is_a_weight() -> None:
    given = [
        {"messages": turns("Habari?", "Nzuri."), "helpfulness": 0.8, "helpfulness_kind": kind}
        for kind in ("calibrated", "votes", "predicted", None)
    ] + [{"messages": turns("Habari?", "Nzuri.")}]
    assert [pair.weight for pair in weighted(to_pairs(given, "x"), given)] == [0.8, 1, 1, 1, 1]


def test_the_recipe_says_how_the_request_is_put() -> None:
    made = to_pairs(
        [{"id": "a", "messages": turns(" Habari {x}? ", "Nzuri.")}], "x", "Swali: {prompt}\nJibu:"
    )
    assert made[0].source == "Swali: Habari {x}?\nJibu:"


@pytest.mark.parametrize(
    ("row", "message"),
    [
        ({"id": "b", "messages": None}, r"row 2 \(b\), column messages: an answered question is needed"),
        ({"id": "b", "messages": turns("Habari?")}, "the roles are .'user'."),
        ({"id": "b", "messages": turns("Habari?", "  ")}, "question or answer is empty"),
        (
            {"id": "b", "chosen": turns("Habari?", "Nzuri.")},
            "column messages is missing; there are: id, chosen",
        ),
    ],
)
def test_a_row_that_is_no_answered_question_is_named(row: dict[str, Any], message: str) -> None:
    good = {"id": "a", "messages": turns("Habari?", "Nzuri.")}
    with pytest.raises(LrlError, match=message):
        to_pairs([good, row], "us/ten@v1.0.0, train")


def test_a_split_without_rows_is_refused() -> None:
    with pytest.raises(LrlError, match="there are no rows"):
        to_pairs([], "us/ten@v1.0.0, train")


def test_a_folder_that_shadows_the_dataset_is_refused(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    rows.write_release(tmp_path / "us" / "ten")
    monkeypatch.chdir(tmp_path)
    with pytest.raises(LrlError, match=r"us/ten.* shadows"):
        finetune(rows.tiny_recipe(), tmp_path / "run")
    with pytest.raises(LrlError, match=r"us/ten.* shadows"):
        plan(rows.tiny_recipe())
    assert not (tmp_path / "run").exists()
