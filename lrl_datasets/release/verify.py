"""`lrl verify`: reads a release again and checks that it is what its manifest and the row contracts say.

Takes a folder or `namespace/name@v1.0.0` and needs nothing else: no inputs, no key, no network for a folder. Each
check is one function of a `locations.Release` that yields what it found wrong; those on files and columns stand here,
the others by theme in `checks`. To add one, write the function and name it in `CHECKS`.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from importlib.metadata import version as installed
from pathlib import Path
from typing import Any

import pyarrow as pa

from lrl_datasets import schema
from lrl_datasets.errors import LrlError
from lrl_datasets.release import citation, leak_report, locations
from lrl_datasets.release import manifest as manifests
from lrl_datasets.release.checks import (
    card,
    flags,
    leaks,
    ledgers,
    manifest,
    pairs,
    people,
    predictions,
    refused,
    rows,
    splits,
    votes,
    writers,
)
from lrl_datasets.release.locations import Release

Check = Callable[[Release], Iterator[str]]

_NAMES = ("README.md", citation.NAME, locations.SPLIT_MAP)
"""The files of every release besides the manifest and those of its configs."""


@dataclass(frozen=True)
class Checked:
    """One check and what it found."""

    name: str
    what: str
    """The rule, in a sentence."""
    findings: tuple[str, ...]


def verify(where: str | Path, endpoint: str | None = None) -> list[Checked]:
    """Verify a release; every check is run and reported, also after another one failed.

    Parameters
    ----------
    where, endpoint
        As in `locations.locate`.

    Raises
    ------
    LrlError
        There is no release at all: no folder, no manifest, no such tag.
    """
    folder = locations.locate(where, endpoint)
    content = locations.read_manifest(folder)
    on_disk = Checked("files", _rule(_files), _listed(_files(folder, content)))
    try:
        release = locations.read(folder)
    except LrlError as problem:
        # What cannot be opened cannot be looked into; the check of the files names it too.
        return [on_disk, Checked("readable", "every Parquet file can be read", (str(problem),))]
    done = (Checked(name, _rule(check), _listed(check(release))) for name, check in CHECKS.items())
    return [on_disk, *done]


def _listed(findings: Iterator[str]) -> tuple[str, ...]:
    found: list[str] = []
    try:
        for finding in findings:
            found.append(finding)  # one by one: those before a stumble count
    except LrlError as problem:
        found.append(str(problem))
    except Exception as problem:
        # A release can be wrong in any way; a check that stumbles over it has found something.
        said = " ".join(str(problem).split())
        found.append(f"cannot be checked: {type(problem).__name__}: {said}")
    return tuple(found)


def _rule(check: Callable[..., object]) -> str:
    return (check.__doc__ or "").strip().partition("\n")[0].rstrip(".")


# ---- files, manifest, contracts -------------------------------------------------------------------------


def _files(folder: Path, content: dict[str, Any]) -> Iterator[str]:
    """Every file is one of a release, is in the manifest with its hash, and no other one is there."""
    there = {file.relative_to(folder).as_posix() for file in folder.rglob("*") if file.is_file()}
    there -= {manifests.NAME, *locations.HUBS_OWN}
    listed = content["files"]
    described = {entry["path"] for splits in content["configs"].values() for entry in splits.values()}
    yield from (f"{name}: not in the manifest" for name in sorted(there - listed.keys()))
    yield from (f"{name}: in the manifest, not there" for name in sorted(listed.keys() - there))
    expected = {*_NAMES, *described, *([leak_report.NAME] if "leaks" in content else [])}
    for name in sorted(listed.keys() - expected):
        yield f"{name}: in the manifest, and no file of a release"
    yield from (f"{name}: not in the manifest's files" for name in sorted(expected - listed.keys()))
    for name in sorted(there & listed.keys()):
        if manifests.file_entry(folder / name) != listed[name]:
            yield f"{name}: changed since the build (SHA-256 differs from the manifest)"
    for config, entries in content["configs"].items():
        for split, entry in entries.items():
            told = {name: entry.get(name) for name in ("sha256", "size")}
            if told != listed.get(entry.get("path")):
                yield f"manifest: {config}/{split} and its file are described differently"
            if not re.fullmatch(
                rf"{re.escape(config)}/{re.escape(split)}-\d{{5}}-of-\d{{5}}\.parquet", entry["path"]
            ):
                yield f"manifest: {config}/{split} lies at {entry['path']}, not at CONFIG/SPLIT-00000-of-00001.parquet"


def _contracts(release: Release) -> Iterator[str]:
    """Every config has the columns of its contract and the rows that the manifest says."""
    older = release.manifest.get("tools", {}).get("lrl-datasets") != installed("lrl-datasets")
    for config, tables in release.configs.items():
        contract = schema.CONFIGS.get(config)
        if contract is None:
            yield f"{config}: no such config in the row contracts"
            continue
        for split, table in tables.items():
            where = f"{config}/{split}"
            if split not in schema.SPLITS or (config in ("annotations", "rejected") and split != "train"):
                yield f"{where}: no such split"
            told = release.manifest["configs"][config][split]
            if table.num_rows != told["rows"]:
                yield f"{where}: {table.num_rows} rows, the manifest says {told['rows']}"
            if table.num_rows == 0:
                yield f"{where}: empty, which breaks load_dataset for the whole dataset"
            yield from _columns(where, table, contract, older)
    yield from _columns("split_map", release.split_map, schema.SPLIT_MAP, older)


def _columns(where: str, table: pa.Table, contract: pa.Schema, older: bool) -> Iterator[str]:
    for name in table.schema.names:
        if name not in contract.names:
            yield f"{where}: column {name} is outside the contract"
        elif table.schema.field(name).type != contract.field(name).type:
            yield f"{where}: column {name} is {table.schema.field(name).type}, not {contract.field(name).type}"
    # A later package may know nullable columns that an earlier release has not.
    for name in () if older else contract.names:
        if name not in table.schema.names:
            yield f"{where}: column {name} is missing"


CHECKS: dict[str, Check] = {
    "manifest": manifest.manifest,
    "changelog": manifest.changelog,
    "contracts": _contracts,
    "ids": rows.ids,
    "closed sets": rows.closed_sets,
    "content hashes": rows.content_hashes,
    "conversations": rows.conversations,
    "provenance": rows.provenance,
    "licences": rows.licences,
    "languages": rows.detected_languages,
    "judgements": votes.judgements,
    "helpfulness": votes.helpfulness,
    "predictions": predictions.predictions,
    "reasons": refused.reasons,
    "writers": writers.writers,
    "suite leaks": refused.leaks,
    "leak report": leaks.report,
    "overlap": leaks.overlap,
    "splits": splits.splits,
    "split map": splits.split_map,
    "groups": splits.groups,
    "pairs": pairs.pairs,
    "comparisons": pairs.compared,
    "flags": flags.flags,
    "ledgers": ledgers.ledgers,
    "inputs": ledgers.inputs,
    "agreement": ledgers.agreement,
    "card": card.card,
    "citation": card.citation,
    "people": people.people,
    "personal data": people.personal_data,
    "withdrawn": people.withdrawn,
}
"""Name → check, in the order in which they are reported."""
