"""A release read as if it had been made with another pseudonym key.

A new key gives every id and pseudonym of a campaign a new name. Takes a release and the translation that only a
holder of both keys can make (`lrl build --rekey`), gives the release in the new names, so that split map,
withdrawals and diff are as if the key had stayed.
"""

from __future__ import annotations

import json
import re
from collections.abc import Mapping
from pathlib import Path

import pyarrow as pa

from lrl_datasets import private, schema
from lrl_datasets.errors import LrlError
from lrl_datasets.filters.base import add_column
from lrl_datasets.release.locations import Release

_NAMES = ("id", "source_id", "chosen_id", "rejected_id", "answer_id", "other_id", "annotator", "worker")


def rename(release: Release, renamed: Mapping[str, str]) -> Release:
    """Put new ids and pseudonyms in the place of the old ones, and in all that is named by them.

    Parameters
    ----------
    release
        Made with the old key.
    renamed
        Old → new name; a name that is not in it (of a source without private ids) stays.
    """
    records = [table for config in ("default", "rejected") if (table := release.rows(config)) is not None]
    smallest: dict[tuple[str, str], str] = {}
    for table in records:
        for row in table.select(["id", "cluster", "group"]).to_pylist():
            name = renamed.get(row["id"], row["id"])
            for column in ("cluster", "group"):
                key = (column, row[column])
                smallest[key] = min(smallest.get(key, name), name)

    def of(table: pa.Table) -> pa.Table:
        for column in _NAMES:
            if column in table.column_names:
                values = [renamed.get(value, value) for value in table[column].to_pylist()]
                table = add_column(table, column, values, pa.string())
        for column in ("cluster", "group"):
            if column in table.column_names:
                values = [smallest.get((column, value), value) for value in table[column].to_pylist()]
                table = add_column(table, column, values, pa.string())
        if "detail" in table.column_names:
            values = [
                text and re.sub(r"\b[0-9a-f]{24}\b", lambda found: renamed.get(found[0], found[0]), text)
                for text in table["detail"].to_pylist()
            ]
            table = add_column(table, "detail", values, pa.string())
        if "chosen_id" in table.column_names:
            pairs = table.select(["chosen_id", "rejected_id"]).to_pylist()
            values = [schema.digest("preference", pair["chosen_id"], pair["rejected_id"]) for pair in pairs]
            table = add_column(table, "id", values, pa.string())
        return table

    configs = {
        config: {split: of(table) for split, table in splits.items()}
        for config, splits in release.configs.items()
    }
    return Release(release.manifest, configs, of(release.split_map), release.folder)


def keys_differ(before: Release, after: Release) -> bool:
    """Say whether the records of two releases with private ids got their names from two keys."""
    keys = {release.manifest.get("pseudonym_key") for release in (before, after)} - {None}
    return len(keys) > 1


def beside(folder: Path) -> Path:
    """Return where a build with `--rekey` leaves the translation: beside the release, never in it."""
    return folder.with_name(f"{folder.name}.renamed.json")


def write_names(path: Path, names: Mapping[str, str]) -> Path | None:
    """Keep old → new names beside the release, for `lrl diff`: published, they would undo the new key."""
    path.unlink(missing_ok=True)
    if not names:
        return None
    private.write(path, json.dumps(names, indent=0, sort_keys=True) + "\n")
    return path


def read_names(path: Path) -> dict[str, str]:
    """Read the local file of a build with `--rekey`: old → new name.

    Raises
    ------
    LrlError
        It is missing or something else.
    """
    try:
        names = json.loads(path.read_text("utf-8"))
    except FileNotFoundError:
        raise LrlError(f"{path}: there is no such file") from None
    except ValueError as problem:
        raise LrlError(f"{path}: not JSON: {problem}") from None
    if not isinstance(names, dict) or not all(isinstance(name, str) for name in names.values()):
        raise LrlError(f"{path}: not a translation of names")
    return names
