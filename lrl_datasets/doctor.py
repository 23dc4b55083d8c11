"""Says what is installed, what is missing, and how each of the three uses stands.

The three uses are loading a dataset, scoring a model with lm-eval, and the reference fine-tune. One trap is
named outright: our wheel puts its task files into `lm_eval/tasks/lrl`, and where lm-eval itself is not
installed that folder alone makes `import lm_eval` succeed, as an empty namespace package.
"""

from __future__ import annotations

import os
import platform
from collections.abc import Iterable
from dataclasses import dataclass
from importlib.metadata import PackageNotFoundError, distribution, requires, version
from importlib.util import find_spec
from pathlib import Path
from typing import TYPE_CHECKING

from lrl_datasets.endpoints import without_credentials
from lrl_datasets.errors import LrlError
from lrl_datasets.evaluation.tasks import read_suites, refuse_shadowed

if TYPE_CHECKING:
    from packaging.requirements import Requirement
    from rich.text import Text

PACKAGE = "lrl-datasets"


def report() -> Text:
    """Return the report for the terminal; it never shows a token."""
    from rich.text import Text

    extras = {name: _extra(name) for name in ("core", "eval", "train")}
    lines = [
        f"{PACKAGE} {version(PACKAGE)} ({_how_installed()}), Python {platform.python_version()}",
        *(f"{name:13} {extra.line()}" for name, extra in extras.items()),
        f"{'Hub':13} {_hub()}",
        "",
        f"{'load_dataset':13} {_loading(extras['core'])}",
        f"{'lm_eval':13} {_evaluating(extras['eval'])}",
        f"{'lrl finetune':13} {_training(extras['eval'], extras['train'])}",
    ]
    return Text("\n".join(lines))


@dataclass(frozen=True)
class Extra:
    """What one extra needs and what of it is there."""

    name: str
    present: dict[str, str]
    missing: list[str]
    unfit: list[str]
    """Installed in a version that does not fit."""

    @property
    def complete(self) -> bool:
        """Everything is there, in a version that fits."""
        return not self.missing and not self.unfit

    def line(self) -> str:
        """Say it in one line."""
        parts = [", ".join(f"{name} {found}" for name, found in self.present.items())]
        if self.missing:
            parts.append(f"MISSING {', '.join(self.missing)}")
        if self.unfit:
            parts.append(f"DOES NOT FIT {', '.join(self.unfit)}")
        return "; ".join(part for part in parts if part)


# ---- what is installed ----------------------------------------------------------------------------------


def _extra(name: str) -> Extra:
    present, missing, unfit = {}, [], []
    for need in _needs(name):
        try:
            found = version(need.name)
        except PackageNotFoundError:
            missing.append(need.name)
            continue
        present[need.name] = found
        if not need.specifier.contains(found, prereleases=True):
            unfit.append(f"{need.name} {found} (needs {need.specifier})")
    return Extra(name, present, missing, unfit)


def _needs(extra: str) -> Iterable[Requirement]:
    from packaging.requirements import Requirement

    for text in requires(PACKAGE) or []:
        need = Requirement(text)
        core = need.marker is None or need.marker.evaluate({"extra": ""})
        named = need.marker is not None and need.marker.evaluate({"extra": extra})
        wanted = core if extra == "core" else named and not core
        if wanted and need.name != PACKAGE:
            yield need


def _how_installed() -> str:
    direct = distribution(PACKAGE).read_text("direct_url.json") or ""
    return "from a checkout" if '"editable": true' in direct else "from a wheel"


def _hub() -> str:
    try:
        from huggingface_hub import constants, get_token
    except ImportError:
        return "huggingface_hub is not installed"
    source = "HF_ENDPOINT" if "HF_ENDPOINT" in os.environ else "default"
    return f"{without_credentials(constants.ENDPOINT)} ({source}), token: {'yes' if get_token() else 'no'}"


# ---- the three uses -------------------------------------------------------------------------------------


def _loading(core: Extra) -> str:
    if not core.complete:
        return f"NOT READY: pip install {PACKAGE}"
    try:
        refuse_shadowed(task.dataset_path for task in read_suites().tasks.values())
    except LrlError as error:
        return f"ready, but not in this folder: {error}"
    return "ready"


def _evaluating(needed: Extra) -> str:
    install = f"pip install '{PACKAGE}[eval]'"
    groups = ", ".join(read_suites().groups)
    spec = find_spec("lm_eval")
    if spec is not None and spec.origin is None:
        found = ", ".join(spec.submodule_search_locations or [])
        return (
            "NOT READY: lm_eval is not installed. `import lm_eval` seems to succeed only because our task "
            f"files lie in {found}: {install}"
        )
    if spec is None or spec.origin is None:
        return f"NOT READY: lm_eval is not installed: {install}"
    if not needed.complete:
        return f"NOT READY: {'; '.join(needed.missing + needed.unfit)}: {install}"
    if (Path(spec.origin).parent / "tasks" / "lrl").is_dir():
        return f"ready: lm_eval --tasks TASK, or lrl eval; our suites: {groups}"
    return (
        'ready: lm_eval --include_path "$(lrl tasks-dir)" --tasks TASK, or lrl eval; our suites: '
        f"{groups} (a wheel of {PACKAGE} makes the option unnecessary)"
    )


def _training(needed: Extra, train: Extra) -> str:
    if not (needed.complete and train.complete):
        wrong = "; ".join(needed.missing + needed.unfit + train.missing + train.unfit)
        return f"NOT READY: {wrong}: pip install '{PACKAGE}[train]'"
    import torch

    where = torch.cuda.get_device_name() if torch.cuda.is_available() else "no GPU"
    return f"ready, {where}"
