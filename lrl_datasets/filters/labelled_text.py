"""Sentences with the language that they are in: what identification is measured on, and fitted from.

A folder in one of the layouts in which such text is handed around, or a dataset on the Hub with one config a
language. The position of a sentence in its file is kept: in a parallel text it is the same over the languages, so
what is fitted on some positions has seen no translation of the others.
"""

from __future__ import annotations

import csv
import hashlib
import json
import re
from collections.abc import Collection
from dataclasses import dataclass
from pathlib import Path

from lrl_datasets import languages
from lrl_datasets.errors import LrlError

LAYOUTS = "CODE/*.tsv with a column text, CODE/*.txt, CODE.txt, *.CODE.txt, CODE/*.json with question"
_CODE = re.compile(r"[a-z]{2,3}(_[A-Z][a-z]{3})?")
_COLUMNS = ("text", "sentence", "question")


@dataclass(frozen=True)
class LabelledText:
    """The sentences of one source."""

    name: str
    """Of the folder, or `repository@revision`."""
    digest: str
    """SHA-256 of all codes and sentences."""
    sentences: dict[str, list[str]]
    """Code, as the source has it → sentences."""


def read_folder(directory: Path) -> LabelledText:
    """Read a folder of labelled sentences.

    Raises
    ------
    LrlError
        No file has a known layout, or one is not what its name says.
    """
    found: dict[str, list[str]] = {}
    for path in sorted(directory.rglob("*")):
        if path.is_file() and (read := _read_file(path, directory)):
            code, sentences = read
            found.setdefault(code, []).extend(sentences)
    if not found:
        raise LrlError(f"{directory}: no labelled sentences in a known layout ({LAYOUTS})")
    return _labelled(directory.resolve().name, found)


def read_hub(reference: str, column: str | None = None, only: Collection[str] = ()) -> LabelledText:
    """Read a dataset on the Hub, one config a language, all splits.

    Parameters
    ----------
    reference
        `namespace/name@REVISION`; the revision is a full commit, so that the same text is read again.
    column
        The one with the sentences; `text`, `sentence` or `question` where it is not named.
    only
        ISO 639-3 codes of the languages to read; all when empty.
    """
    repository, _, revision = reference.partition("@")
    if not re.fullmatch(r"[\w.-]+/[\w.-]+", repository) or not re.fullmatch(r"[0-9a-f]{40}", revision):
        raise LrlError(f"{reference}: write namespace/name@REVISION with the full commit of 40 digits")
    import datasets

    found: dict[str, list[str]] = {}
    try:
        for config in datasets.get_dataset_config_names(repository, revision=revision):
            if not _CODE.fullmatch(config) or config == "all" or (only and iso639_3(config) not in only):
                continue
            for split in datasets.load_dataset(repository, config, revision=revision).values():
                name = next((one for one in (column, *_COLUMNS) if one in split.column_names), None)
                if name is None:
                    raise LrlError(
                        f"{reference}: config {config} has no column {column or ' or '.join(_COLUMNS)}"
                    )
                found.setdefault(config, []).extend(str(one) for one in split[name] if one)
    except LrlError:
        raise
    except Exception as error:  # whatever the client raises
        raise LrlError(f"{reference}: cannot be read: {error}") from error
    if not found:
        raise LrlError(f"{reference}: no config is named by a language code such as swh_Latn")
    return _labelled(reference, found)


def iso639_3(code: str) -> str:
    """Return the ISO 639-3 part of a code: `swh` of `swh_Latn` and of `swh`, `hau` of `ha`."""
    first = code.partition("_")[0]
    if len(first) != 2:
        return first
    import langcodes

    try:
        return str(langcodes.Language.get(first).to_alpha3())
    except LookupError:
        return first


def own_codes(language: languages.Language) -> set[str]:
    """Return the ISO 639-3 codes under which a language's text may stand: its own and its macrolanguage's."""
    return {code for code in (language.codes.iso639_3, language.codes.macrolanguage) if code} | {
        iso639_3(language.codes.hub)
    }


def _read_file(path: Path, directory: Path) -> tuple[str, list[str]] | None:
    """Return (code, sentences) of a file in a known layout."""
    folder = path.parent.name if path.parent != directory and _CODE.fullmatch(path.parent.name) else None
    try:
        if path.suffix == ".tsv" and folder:
            with path.open(encoding="utf-8", newline="") as file:
                rows = list(csv.DictReader(file, delimiter="\t", quoting=csv.QUOTE_NONE))
            for number, row in enumerate(rows, 2):
                if row["text"] is None:
                    raise LrlError(f"{path} line {number}: column text is missing")
            return folder, [row["text"] for row in rows]
        if path.suffix == ".json" and folder:
            lines = path.read_text(encoding="utf-8").splitlines()
            return folder, [json.loads(line)["question"] for line in lines if line.strip()]
        if path.suffix == ".txt":
            code = folder or path.stem.rpartition(".")[2]
            if _CODE.fullmatch(code):
                return code, path.read_text(encoding="utf-8").splitlines()
    except (KeyError, UnicodeDecodeError, ValueError, TypeError) as error:
        raise LrlError(f"{path}: not labelled sentences ({LAYOUTS}): {error}") from error
    return None


def _labelled(name: str, found: dict[str, list[str]]) -> LabelledText:
    content = json.dumps(found, ensure_ascii=False, sort_keys=True).encode("utf-8", "surrogatepass")
    return LabelledText(name, hashlib.sha256(content).hexdigest(), found)
