"""The lists of harmful words in the folder `harm/` beside the language files, one TOML a language; see `swh.toml`."""

from __future__ import annotations

import hashlib
import re
import tomllib
from functools import cache
from pathlib import Path
from typing import NamedTuple

from lrl_datasets.errors import LrlError

FOLDER = Path(__file__).parent / "harm"

CATEGORIES = ("insult", "profanity", "slur", "threat")
SEVERITIES = ("1", "2", "3")

_WORD = re.compile(r"(?:[^\W_]|[\u0300-\u036f\u0900-\u0963'’*-])+")


class Terms(NamedTuple):
    """The terms of one category and severity."""

    category: str
    severity: int
    terms: tuple[str, ...]


def names() -> list[str]:
    """Return the lists there are, by ISO 639-3 code."""
    return sorted(path.stem for path in FOLDER.glob("*.toml"))


@cache
def load(name: str) -> tuple[Terms, ...]:
    """Load the list of a language.

    Raises
    ------
    LrlError
        There is no such list.
    """
    if name not in names():
        raise LrlError(
            f"there is no list of harmful words {name!r} in {FOLDER}; there are {', '.join(names())}"
        )
    return load_file(FOLDER / f"{name}.toml")


def load_file(path: Path) -> tuple[Terms, ...]:
    """Read and check one list.

    Raises
    ------
    LrlError
        It is no TOML, or a category, severity or term is none; the message names the file and the key.
    """
    try:
        content = tomllib.loads(path.read_text(encoding="utf-8"))
    except (OSError, tomllib.TOMLDecodeError, UnicodeDecodeError) as error:
        raise LrlError(f"{path}: {error}") from error
    found = []
    for category, by_severity in content.items():
        if category not in CATEGORIES or not isinstance(by_severity, dict):
            raise LrlError(f"{path}: [{category}] is no category; there are {', '.join(CATEGORIES)}")
        for severity, terms in by_severity.items():
            if severity not in SEVERITIES:
                raise LrlError(f"{path}: [{category}] {severity}: a severity is {', '.join(SEVERITIES)}")
            if not isinstance(terms, list) or not terms:
                raise LrlError(f"{path}: [{category}] {severity}: a list of terms is wanted")
            for term in terms:
                words = term.split() if isinstance(term, str) else []
                if not words or not all(_WORD.fullmatch(word) and word.strip("*'’-") for word in words):
                    raise LrlError(f"{path}: [{category}] {severity}: {term!r} is no word or words")
            found.append(Terms(category, int(severity), tuple(terms)))
    return tuple(sorted(found))


def sha256(name: str) -> str:
    """Return the SHA-256 of a list's file, as the manifest has it."""
    load(name)
    return hashlib.sha256((FOLDER / f"{name}.toml").read_bytes()).hexdigest()
