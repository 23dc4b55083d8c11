"""The bare `lm_eval --tasks …` where our wheel is installed, and what the wheel must not do elsewhere."""

from __future__ import annotations

import json
import math
import os
import shutil
import subprocess
import sys
import sysconfig
import zipfile
from collections.abc import Callable
from importlib.metadata import version
from pathlib import Path

import pytest

from lrl_datasets.local_hub import Server

from ..conftest import ROOT
from ..hub import client_environment

pytestmark = pytest.mark.xdist_group("wheel")

HERE = Path(sysconfig.get_path("purelib"))
FOLDERS = ("lrl_datasets", "builders", "eval_tasks", "cards", "recipes")
FILES = ("setup.py", "pyproject.toml", "README.md", "LICENSE")


def run(*command: str | Path, cwd: Path | None = None, env: dict[str, str] | None = None) -> str:
    done = subprocess.run(
        [str(part) for part in command], cwd=cwd, env=env, capture_output=True, text=True, timeout=300
    )
    assert done.returncode == 0, f"{command}\n{done.stdout}\n{done.stderr}"
    return done.stdout


def environment(folder: Path, *visible: Path) -> Path:
    """Make a virtual environment that sees other folders' packages behind its own; returns its `bin`."""
    run(sys.executable, "-m", "venv", "--without-pip", folder)
    site = folder / "lib" / f"python{sys.version_info.major}.{sys.version_info.minor}" / "site-packages"
    (site / "others.pth").write_text("".join(f"{path}\n" for path in visible))
    return folder / "bin"


def pip(bin_folder: Path, *arguments: str | Path) -> str:
    quiet = ("--quiet", "--disable-pip-version-check")
    return run(sys.executable, "-m", "pip", "--python", bin_folder / "python", *arguments, *quiet)


def site_of(bin_folder: Path) -> Path:
    return next((bin_folder.parent / "lib").glob("python*/site-packages"))


@pytest.fixture(scope="module")
def checkout(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A copy of what a wheel is made from, so that no build leaves anything in the repository."""
    folder = tmp_path_factory.mktemp("checkout")
    for name in FOLDERS:
        shutil.copytree(ROOT / name, folder / name)
    for name in FILES:
        shutil.copy(ROOT / name, folder / name)
    return folder


@pytest.fixture(scope="module")
def wheel(checkout: Path) -> Path:
    stale = checkout / "build/lib/lm_eval/tasks/lrl/gone.yaml"
    stale.parent.mkdir(parents=True)
    stale.write_text("task: gone\n")
    for folder in ("eval_tasks", "eval_tasks/sw_suite", "builders/samples/swahili"):
        compiled = checkout / folder / "__pycache__/old.cpython-311.pyc"
        compiled.parent.mkdir(exist_ok=True)
        compiled.write_bytes(b"")
    run(sys.executable, "-m", "pip", "wheel", "--quiet", "--no-deps", "-w", checkout / "dist", checkout)
    return next((checkout / "dist").glob("*.whl"))


@pytest.fixture(scope="module")
def installed(wheel: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """An environment of its own with our wheel and lm-eval; what both need is the one that runs the tests."""
    binaries = environment(tmp_path_factory.mktemp("venv"), HERE)
    harness = f"lm_eval=={version('lm_eval')}"
    pip(binaries, "install", "--no-deps", "--no-compile", "--ignore-installed", wheel, harness)
    return binaries


@pytest.fixture(scope="module")
def without_lm_eval(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The packages of the environment that runs the tests, but for lm-eval and ourselves."""
    folder = tmp_path_factory.mktemp("packages")
    for path in HERE.iterdir():
        if not path.name.lower().startswith(("lm_eval", "lrl_datasets", "__editable__")):
            (folder / path.name).symlink_to(path)
    return folder


@pytest.mark.parametrize(
    ("model", "tasks"), [("tiny_mt5", "sw_suite"), ("tiny_llama", "sw_suite,sw_suite_stock")]
)
def test_the_bare_command(
    model: str,
    tasks: str,
    installed: Path,
    suite_hub: Server,
    tmp_path: Path,
    request: pytest.FixtureRequest,
) -> None:
    empty = tmp_path / "empty"
    empty.mkdir()
    folder = request.getfixturevalue(model)
    env = client_environment(suite_hub.url, tmp_path / "home") | {"OMP_NUM_THREADS": "1"}
    shown = run(
        installed / "lm_eval", "--model", "hf", "--model_args", f"pretrained={folder}", "--tasks", tasks,
        "--limit", "2", "--batch_size", "4", "--gen_kwargs", "max_gen_toks=8", "--output_path", tmp_path / "out",
        cwd=empty, env=env,
    )  # fmt: skip
    results = json.loads(next((tmp_path / "out").rglob("results_*.json")).read_text("utf-8"))
    expected = {"sw_xnli": "acc", "sw_xcopa": "acc", "sw_xstory_cloze": "acc", "sw_instruct": "chrf"}
    if "stock" in tasks:
        expected |= {"xnli_sw": "acc", "xcopa_sw": "acc", "xstorycloze_sw": "acc", "sw_suite_stock": "acc"}
    for name, metric in {**expected, "sw_suite": "acc"}.items():
        assert math.isfinite(results["results"][name][f"{metric},none"]), name
        assert name in shown
    assert math.isfinite(results["results"]["sw_instruct"]["in_swahili,none"])
    source = results["configs"]["sw_xnli"]["metadata"]["config_source"]
    assert Path(source).is_relative_to(site_of(installed) / "lm_eval/tasks/lrl")
    # Weighted by items, over the multiple-choice tasks.
    parts = [results["results"][name]["acc,none"] for name in ("sw_xnli", "sw_xcopa", "sw_xstory_cloze")]
    assert results["results"]["sw_suite"]["acc,none"] == pytest.approx(sum(parts) / 3)


def test_the_wheel_has_the_task_files_twice_and_nothing_stale(installed: Path) -> None:
    site, tasks = site_of(installed), ROOT / "eval_tasks"
    names = {p.relative_to(tasks) for p in tasks.rglob("*") if p.is_file() and p.suffix != ".pyc"}
    for folder in (site / "lm_eval/tasks/lrl", site / "lrl_datasets/eval_tasks"):
        assert {
            p.relative_to(folder) for p in folder.rglob("*") if p.suffix != ".pyc" and p.is_file()
        } == names


def test_nothing_compiled_is_in_the_wheel(wheel: Path) -> None:
    names = zipfile.ZipFile(wheel).namelist()
    assert "lrl_datasets/eval_tasks/sw_suite/utils.py" in names
    assert [name for name in names if name.endswith(".pyc") or "__pycache__" in name] == []


def test_uninstalling_leaves_lm_eval_as_it_was(wheel: Path, tmp_path: Path, without_lm_eval: Path) -> None:
    binaries = environment(tmp_path / "venv", without_lm_eval)
    tasks = site_of(binaries) / "lm_eval/tasks"
    tasks.mkdir(parents=True)
    (tasks / "__init__.py").write_text("")
    (tasks.parent / "__init__.py").write_text("here = True\n")
    pip(binaries, "install", "--no-deps", wheel)
    assert (tasks / "lrl/sw_suite/sw_xnli.yaml").is_file()
    assert run(binaries / "python", "-c", "import lm_eval; print(lm_eval.here)") == "True\n"
    pip(binaries, "uninstall", "--yes", "lrl-datasets")
    assert sorted(p.name for p in tasks.iterdir() if p.name != "__pycache__") == ["__init__.py"]
    assert run(binaries / "python", "-c", "import lm_eval; print(lm_eval.here)") == "True\n"


def test_an_editable_install_makes_no_lm_eval(checkout: Path, tmp_path: Path, without_lm_eval: Path) -> None:
    binaries = environment(tmp_path / "venv", without_lm_eval)
    pip(binaries, "install", "--no-deps", "--editable", checkout)
    found = "import importlib.util as u; print(u.find_spec('lm_eval')); import lrl_datasets.eval_tasks as t; print(t)"
    said = run(binaries / "python", "-c", found, cwd=tmp_path)
    assert said.startswith("None\n") and str(checkout / "eval_tasks") in said
    assert str(checkout / "eval_tasks") in run(binaries / "lrl", "tasks-dir", cwd=tmp_path)


def test_doctor_sees_through_our_own_folder(
    wheel: Path, installed: Path, tmp_path: Path, without_lm_eval: Path
) -> None:
    """Where lm-eval is not installed, the task files alone make `import lm_eval` succeed."""
    env = dict(os.environ) | {"COLUMNS": "200"}
    assert "lm_eval       ready: lm_eval --tasks TASK" in run(
        installed / "lrl", "doctor", cwd=tmp_path, env=env
    )
    binaries = environment(tmp_path / "venv", without_lm_eval)
    pip(binaries, "install", "--no-deps", wheel)
    run(binaries / "python", "-c", "import lm_eval", cwd=tmp_path)  # the trap
    said = " ".join(run(binaries / "lrl", "doctor", cwd=tmp_path, env=env).split())
    assert (
        "NOT READY: lm_eval is not installed. `import lm_eval` seems to succeed only because our task" in said
    )
    assert "MISSING lm_eval" in said and "load_dataset ready" in said


def test_lrl_eval_says_what_to_install(
    wheel: Path, tmp_path: Path, without_lm_eval: Path, suite_hub: Callable[..., object]
) -> None:
    binaries = environment(tmp_path / "venv", without_lm_eval)
    pip(binaries, "install", "--no-deps", wheel)
    done = subprocess.run(
        [binaries / "lrl", "eval", "nowhere", "--tasks", "sw_xcopa"],
        capture_output=True,
        text=True,
        cwd=tmp_path,
    )
    assert done.returncode == 2
    assert "lm-eval is not installed: pip install 'lrl-datasets[eval]'" in " ".join(done.stderr.split())
