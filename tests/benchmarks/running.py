"""Runs a benchmark as a user does."""

from __future__ import annotations

import importlib.util
import json
import subprocess
import sys
from pathlib import Path
from typing import Any

FOLDER = Path(__file__).parents[2] / "benchmarks"


def run(script: str, directory: Path, out: Path, *options: str, says: tuple[str, ...]) -> dict[str, Any]:
    """Run a script of `benchmarks/`; returns the figures it wrote, after its table said what it must."""
    done = process(script, directory, "--json", str(out), *options)
    assert done.returncode == 0, done.stderr
    assert all(part in done.stdout for part in says), done.stdout
    figures: dict[str, Any] = json.loads(out.read_text(encoding="utf-8"))
    return figures


def process(script: str, directory: Path, *options: str) -> subprocess.CompletedProcess[str]:
    """Run a script of `benchmarks/` to its end, whatever that is."""
    command = [sys.executable, str(FOLDER / script), str(directory), *options]
    return subprocess.run(command, capture_output=True, text=True, check=False)


def module(name: str) -> Any:
    """Import a module that lies beside the scripts."""
    if str(FOLDER) not in sys.path:
        sys.path.append(str(FOLDER))  # as for a script, whose neighbours are at hand
    spec = importlib.util.spec_from_file_location(name, FOLDER / f"{name}.py")
    assert spec and spec.loader
    loaded = importlib.util.module_from_spec(spec)
    sys.modules[name] = loaded  # dataclasses look their module up
    spec.loader.exec_module(loaded)
    return loaded
