"""Where a release lies, and reading it: a folder, or `namespace/name@v1.0.0` on the Hub at `HF_ENDPOINT`.

Takes what a user types, gives a local folder (`locate`) or the tables and the manifest in it (`read`). A release
on the Hub comes through the real client into its usual cache, whole and at the commit that the Hub names for the
tag now; nothing in it is run.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq

from lrl_datasets.endpoints import without_credentials
from lrl_datasets.errors import LrlError
from lrl_datasets.release import manifest
from lrl_datasets.revisions import resolve

SPLIT_MAP = "split_map.parquet"
HUBS_OWN = frozenset({".gitattributes"})
"""Files of a repository that are the Hub's, not the release's."""


@dataclass(frozen=True)
class Release:
    """One release: what is in its folder, or what a build is about to write there."""

    manifest: dict[str, Any]
    configs: Mapping[str, Mapping[str, pa.Table]]
    """Config → split → rows, without the empty ones."""
    split_map: pa.Table
    """`id` and `split` of every record read."""
    folder: Path | None = None

    def rows(self, config: str) -> pa.Table | None:
        """Return all rows of a config with their `split` as last column; None where it has none."""
        tables = [
            table.append_column("split", pa.array([split] * table.num_rows, pa.string()))
            for split, table in self.configs.get(config, {}).items()
        ]
        return pa.concat_tables(tables).combine_chunks() if tables else None


def read(where: str | Path, endpoint: str | None = None) -> Release:
    """Read a release from a folder or from the Hub.

    Raises
    ------
    LrlError
        As `locate`; a file is missing or cannot be read.
    """
    folder = locate(where, endpoint)
    content = read_manifest(folder)
    configs: dict[str, dict[str, pa.Table]] = {}
    for config, splits in content["configs"].items():
        for split, entry in splits.items():
            configs.setdefault(config, {})[split] = _table(folder / entry["path"])
    return Release(content, configs, _table(folder / SPLIT_MAP), folder)


def read_manifest(folder: Path) -> dict[str, Any]:
    """Read a release folder's manifest.

    Raises
    ------
    LrlError
        There is none, or it is not one that this version of the package reads.
    """
    path, content = folder / manifest.NAME, manifest.read(folder)
    if content.get("format") != manifest.FORMAT:
        raise LrlError(f"{path}: no manifest of format {manifest.FORMAT}")
    kinds: tuple[tuple[str, type], ...] = (
        ("repository", str), ("version", str), ("configs", dict), ("files", dict), ("sources", dict),
    )  # fmt: skip
    for name, kind in kinds:
        if not isinstance(content.get(name), kind):
            raise LrlError(f"{path}: {name!r} is missing or no {kind.__name__}")
    for config, splits in content["configs"].items():
        entries = splits.values() if isinstance(splits, dict) and splits else [None]
        if not all(isinstance(entry, dict) and {"path", "rows"} <= entry.keys() for entry in entries):
            raise LrlError(f"{path}: config {config!r} has no splits with path and rows")
    return content


def locate(where: str | Path, endpoint: str | None = None) -> Path:
    """Return the folder of a release, downloaded first where it lies on the Hub.

    Parameters
    ----------
    where
        A folder, or `namespace/name@REVISION`, with a tag (`v1.0.0`) or a commit. A folder of that very name
        goes first.
    endpoint
        The Hub; default `HF_ENDPOINT`, else huggingface.co.

    Raises
    ------
    LrlError
        There is no such folder, repository or revision, or the Hub cannot be reached.
    """
    if Path(where).is_dir():
        return Path(where)
    found = re.fullmatch(r"([\w.-]+/[\w.-]+)@([\w./-]+)", str(where))
    if found is None:
        raise LrlError(
            f"{where}: no such folder; a release on the Hub is written with its revision, namespace/name@v1.0.0"
        )
    from httpx2 import HTTPError
    from huggingface_hub import snapshot_download

    repo, revision = found.groups()
    commit = (
        revision if re.fullmatch(r"[0-9a-f]{40}", revision) else resolve(repo, revision, "dataset", endpoint)
    )
    try:
        return Path(snapshot_download(repo, repo_type="dataset", revision=commit, endpoint=endpoint))
    except (OSError, ValueError, HTTPError) as error:
        # Without an answer from the Hub the client looks into its cache and says that nothing is there.
        cause = error.__cause__ or error
        said = (str(cause).strip().splitlines() or [type(cause).__name__])[0]
        raise LrlError(f"{where}: cannot be fetched from the Hub: {without_credentials(said)}") from None


def _table(path: Path) -> pa.Table:
    try:
        # One file at a time: a folder of Parquet would be read as a dataset with partitions.
        return pq.ParquetFile(path).read()
    except FileNotFoundError:
        raise LrlError(f"{path}: the manifest names it and it is not there") from None
    except (OSError, pa.ArrowException) as error:
        raise LrlError(f"{path}: cannot be read as Parquet: {error}") from None
