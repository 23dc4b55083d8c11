"""Recipes: every shipped one is valid; unknown keys, contradictions and half-named models are refused."""

from __future__ import annotations

import copy
from pathlib import Path
from typing import Any

import pytest
import yaml

from lrl_datasets.errors import LrlError
from lrl_datasets.training.recipe import load_recipe, recipe_names

SMALL: dict[str, Any] = {
    "name": "small",
    "about": "written for this test",
    "dataset": {"id": "us/data", "revision": "v1.0.0"},
    "model": {"id": "us/model", "revision": "main"},
    "lengths": {"source": 8, "target": 8},
    "training": {
        "optimiser": "adamw", "learning_rate": 0.001, "schedule": "constant", "max_grad_norm": 1, "batch_size": 2,
        "max_steps": 10, "seed": 1, "log_every": 1, "evaluate_every": 5, "save_every": 5,
    },
    "expected": "not run yet",
}  # fmt: skip
SCRATCH = {
    "architecture": {
        "d_model": 8,
        "d_kv": 4,
        "d_ff": 8,
        "num_layers": 1,
        "num_heads": 2,
    },
    "tokenizer": {"vocab_size": 64},
}


def write(path: Path, **changes: Any) -> Path:
    """Write `SMALL` with changes, a dotted name each (`training__epochs=3`); None takes a key out."""
    data = copy.deepcopy(SMALL)
    for dotted, value in changes.items():
        *above, last = dotted.split("__")
        inner = data
        for name in above:
            inner = inner[name]
        if value is None:
            inner.pop(last)
        else:
            inner[last] = value
    path.write_text(yaml.safe_dump(data), "utf-8")
    return path


def test_every_shipped_recipe_is_valid_and_carries_its_files_name() -> None:
    names = recipe_names()
    assert {"demo", "mt5-sw"} <= set(names)
    for name in names:
        recipe = load_recipe(name)
        assert recipe.name == name
        assert recipe.about.strip()
        # What the suite scores may not choose the settings of a recipe whose scores are to mean something.
        assert recipe.model.architecture is not None or recipe.dataset.held_out == ["validation"]


def test_the_reference_recipe_promises_nothing_and_pins_its_model() -> None:
    recipe = load_recipe("mt5-sw")
    assert recipe.expected == "not run yet"
    assert recipe.model.revision is not None and len(recipe.model.revision) == 40


def test_a_recipe_is_found_by_path(tmp_path: Path) -> None:
    assert load_recipe(write(tmp_path / "mine.yaml")).name == "small"
    assert load_recipe(str(write(tmp_path / "mine.yaml"))).name == "small"


def test_an_unknown_name_tells_the_known_ones() -> None:
    with pytest.raises(LrlError, match="no recipe 'mt6'; there are: demo, mt5-sw"):
        load_recipe("mt6")
    with pytest.raises(LrlError, match="no such recipe file"):
        load_recipe("nowhere/mt6.yaml")


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"training__lerning_rate": 1}, "training.lerning_rate: unknown key"),
        ({"training__seed": None}, "training.seed: is missing"),
        ({"model__architecture": SCRATCH["architecture"]}, "contradict architecture"),
        ({"model": {"id": "us/model"}}, "needs both id and revision"),
        ({"model": {"architecture": SCRATCH["architecture"]}}, "architecture and tokenizer"),
        ({"model": SCRATCH | {"architecture": SCRATCH["architecture"] | {"d_modle": 8}}}, "d_modle: unknown key"),
        ({"training__epochs": 3}, "either epochs or max_steps"),
        ({"training__max_steps": None}, "either epochs or max_steps"),
        ({"training__warmup_steps": 3}, "constant ignores warmup_steps"),
        ({"training__schedule": "constant_with_warmup"}, "needs warmup_steps"),
        ({"training__evaluate_every": 11}, "evaluate_every is beyond max_steps"),
        ({"training__log_every": 2}, "save_every must be a multiple of log_every"),
        ({"training__precision": "fp16"}, "training.precision"),
        ({"training__learning_rate": float("nan")}, "training.learning_rate"),
        ({"dataset__revision": "main"}, "is a branch and moves"),
        ({"dataset__id": "../build/us/data"}, "dataset.id"),
        ({"dataset__held_out": ["train"]}, "dataset.held_out"),
        ({"dataset__held_out": ["test", "test"]}, "each once"),
        ({"dataset__input": "Swali"}, "must contain {prompt} once"),
        ({"evaluation": {"limit": 3}}, "there are no tasks"),
        ({"evaluation": {"tasks": ["sw_suite"], "before": False, "after": False}}, "both off"),
        ({"expected": "soon"}, "expected"),
    ],
)  # fmt: skip
def test_what_is_wrong_or_contradicts_itself_is_refused(
    tmp_path: Path, changes: dict[str, Any], message: str
) -> None:
    path = write(tmp_path / "wrong.yaml", **changes)
    with pytest.raises(LrlError, match=message) as error:
        load_recipe(path)
    assert str(path) in str(error.value)


def test_a_key_written_twice_is_refused_with_its_line(tmp_path: Path) -> None:
    path = write(tmp_path / "twice.yaml")
    path.write_text(path.read_text("utf-8") + "about: another\n", "utf-8")
    lines = len(path.read_text("utf-8").splitlines())
    with pytest.raises(LrlError, match=f"line {lines}: the key 'about' is written twice"):
        load_recipe(path)


@pytest.mark.parametrize("content", [b"", b"- a\n", b"a: [", b"\xff\xfe"])
def test_what_is_no_recipe_is_refused(tmp_path: Path, content: bytes) -> None:
    path = tmp_path / "none.yaml"
    path.write_bytes(content)
    with pytest.raises(LrlError, match="recipe"):
        load_recipe(path)
