"""What `lrl doctor` says here; what it says where lm-eval is missing is in `evaluation/test_wheel.py`."""

from __future__ import annotations

import subprocess
import sys
from importlib.metadata import version
from pathlib import Path

import pytest

from lrl_datasets import doctor


@pytest.fixture(scope="module")
def said(tmp_path_factory: pytest.TempPathFactory) -> str:
    """The command's output, with a token and an endpoint in the environment."""
    env = {"HF_TOKEN": "hf_notarealtoken", "HF_ENDPOINT": "http://127.0.0.1:9", "COLUMNS": "400"}
    done = subprocess.run(
        [Path(sys.executable).parent / "lrl", "doctor"],
        cwd=tmp_path_factory.mktemp("empty"), env=env, capture_output=True, text=True, check=True,
    )  # fmt: skip
    return done.stdout


def test_it_is_a_few_lines_with_every_version(said: str) -> None:
    assert len(said.strip().splitlines()) <= 10
    lines = {line[:13].strip(): line[13:].strip() for line in said.splitlines()}
    for extra, names in {"core": "datasets pyarrow", "eval": "lm_eval torch", "train": "peft trl"}.items():
        for name in names.split():
            assert f"{name} {version(name)}" in lines[extra]
    assert lines["load_dataset"] == "ready"
    assert lines["lm_eval"].startswith("ready: ") and "sw_suite" in lines["lm_eval"]
    assert lines["lrl finetune"].startswith("ready")


def test_the_token_is_yes_or_no_and_the_endpoint_is_shown(said: str) -> None:
    assert "http://127.0.0.1:9 (HF_ENDPOINT), token: yes" in said
    assert "notarealtoken" not in said


def test_what_is_missing_or_does_not_fit_is_named() -> None:
    extra = doctor.Extra("eval", {"torch": "2.0"}, ["lm_eval"], ["torch 2.0 (needs >=3)"])
    assert not extra.complete
    assert extra.line() == "torch 2.0; MISSING lm_eval; DOES NOT FIT torch 2.0 (needs >=3)"
    assert doctor.Extra("core", {}, [], []).complete


def test_needs_are_read_from_the_package_itself(monkeypatch: pytest.MonkeyPatch) -> None:
    declared = [
        "pyarrow>=20", "no-such-package>=1", "pydantic>=900",
        'torch; extra == "eval"', 'lrl-datasets[eval]; extra == "train"', 'peft>=0.21; extra == "train"',
    ]  # fmt: skip
    monkeypatch.setattr(doctor, "requires", lambda name: declared)
    core, train = doctor._extra("core"), doctor._extra("train")
    assert core.missing == ["no-such-package"]
    assert core.unfit == [f"pydantic {version('pydantic')} (needs >=900)"]
    assert set(core.present) == {"pyarrow", "pydantic"}
    assert set(train.present) == {"peft"}
    assert set(doctor._extra("eval").present) == {"torch"}
    assert doctor._loading(core).startswith("NOT READY")
    assert "no-such-package" in doctor._training(core, train)


def test_a_shadowed_dataset_is_told(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    (tmp_path / "facebook/xnli").mkdir(parents=True)
    monkeypatch.chdir(tmp_path)
    assert "ready, but not in this folder" in doctor._loading(doctor._extra("core"))
