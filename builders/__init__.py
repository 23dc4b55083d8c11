"""The builders: one short script a published dataset, each with a `BUILDER`."""

from __future__ import annotations

import importlib
import runpy
from pathlib import Path
from typing import TYPE_CHECKING

from lrl_datasets.errors import LrlError

if TYPE_CHECKING:
    from lrl_datasets.builder import Builder

FOLDER = Path(__file__).parent


def names() -> list[str]:
    """Return the registered builders, as `lrl build` takes them."""
    return sorted(path.stem.replace("_", "-") for path in FOLDER.glob("*.py") if path.stem != "__init__")


def find(name: str) -> tuple[str, Builder]:
    """Return a builder by name (`swahili-instruct`) or by the path of a script that has a `BUILDER`.

    Raises
    ------
    LrlError
        There is no such builder.
    """
    path = script(name)
    if name.endswith(".py"):
        try:
            content = runpy.run_path(name)
        except LrlError:
            raise
        except Exception as error:
            raise LrlError(f"{name}: the script fails: {type(error).__name__}: {error}") from error
        if "BUILDER" not in content:
            raise LrlError(f"{name}: the script has no BUILDER")
        return path.stem.replace("_", "-"), content["BUILDER"]
    return name, importlib.import_module(f"lrl_datasets.builders.{path.stem}").BUILDER


def script(name: str) -> Path:
    """Return the script of a builder by name or path: what belongs to it (`withdrawn.txt`) lies beside it.

    Raises
    ------
    LrlError
        There is no such builder.
    """
    if name.endswith(".py"):
        if not Path(name).is_file():
            raise LrlError(f"{name}: there is no such builder script")
        return Path(name)
    if name not in names():
        raise LrlError(
            f"there is no builder {name!r}; there are {', '.join(names())}, or give the path of a script"
        )
    return FOLDER / f"{name.replace('-', '_')}.py"
