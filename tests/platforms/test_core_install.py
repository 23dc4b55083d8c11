"""The wheel with its core dependencies alone, installed as a user would: light, and enough to build a release."""

from __future__ import annotations

import json
import statistics
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parent.parent.parent

pytestmark = pytest.mark.platforms


@pytest.fixture(scope="module")
def core(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A fresh environment with the wheel of `make wheel` in it; returns its `bin`."""
    wheels = list((ROOT / "dist").glob("lrl_datasets-*.whl"))
    assert len(wheels) == 1, "make test-platforms builds the wheel"
    place = tmp_path_factory.mktemp("core")
    subprocess.run([sys.executable, "-m", "venv", place / "venv"], check=True)
    binaries = place / "venv" / "bin"
    subprocess.run(
        [binaries / "python", "-m", "pip", "install", "--quiet", "--constraint", ROOT / "constraints.txt", wheels[0]],
        check=True,
    )  # fmt: skip
    return binaries


def run(command: list[str | Path], cwd: Path, code: int = 0) -> str:
    done = subprocess.run(command, cwd=cwd, capture_output=True, text=True)
    assert done.returncode == code, done.stdout + done.stderr
    return done.stdout + done.stderr


def test_the_core_install_is_light(core: Path, tmp_path: Path) -> None:
    listed = run([core / "python", "-m", "pip", "list", "--format=json"], tmp_path)
    names = {entry["name"].lower() for entry in json.loads(listed[: listed.rindex("]") + 1])}
    assert not names & {"torch", "lm_eval", "lm-eval", "dask", "trl", "peft", "label-studio"}
    run([core / "python", "-m", "pip", "check"], tmp_path)


def test_importing_costs_under_300_ms(core: Path, tmp_path: Path) -> None:
    code = "import time; start = time.perf_counter(); import lrl_datasets; print(time.perf_counter() - start)"
    seconds = [float(run([core / "python", "-c", code], tmp_path)) for _ in range(5)]
    assert statistics.median(seconds) < 0.3


def test_the_sample_builds(core: Path, tmp_path: Path) -> None:
    said = run([core / "lrl", "build", "swahili-instruct", "--sample"], tmp_path)
    assert "published" in said and "NOT LEAK-CHECKED" in said
    assert (tmp_path / "build" / "lrl-align" / "swahili-instruct" / "manifest.json").is_file()


def test_what_needs_an_extra_says_which(core: Path, tmp_path: Path) -> None:
    said = run([core / "lrl", "doctor"], tmp_path)
    assert "lrl-datasets[eval]" in said
    for command in (["eval", "somemodel", "--tasks", "sw_suite"], ["finetune", "demo"]):
        said = run([core / "lrl", *command], tmp_path, code=2)
        assert "error:" in said and "lrl-datasets[" in said and "Traceback" not in said
