"""`lrl verify`: reads a release again and checks that it is what its manifest and the row contracts say.

Takes a folder or `namespace/name@v1.0.0` and needs nothing else: no inputs, no key, no network for a folder. Each
check is one function of a `locations.Release` that yields what it found wrong; those on files, card and manifest
stand here, those on rows in `checks`. To add one, write the function and name it in `CHECKS`.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from importlib.metadata import version as installed
from pathlib import Path
from typing import Any

import yaml

from lrl_datasets import card_validator, schema
from lrl_datasets.errors import LrlError
from lrl_datasets.release import checks, citation, locations, manifest, withdrawal
from lrl_datasets.release.locations import Release
from lrl_datasets.release.versions import version_key

Check = Callable[[Release], Iterator[str]]


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
    """Every file is in the manifest with its hash, and no other one is there."""
    there = {file.relative_to(folder).as_posix() for file in folder.rglob("*") if file.is_file()}
    there -= {manifest.NAME, *locations.HUBS_OWN}
    listed = content["files"]
    yield from (f"{name}: not in the manifest" for name in sorted(there - listed.keys()))
    yield from (f"{name}: in the manifest, not there" for name in sorted(listed.keys() - there))
    for name in sorted(there & listed.keys()):
        if manifest.file_entry(folder / name) != listed[name]:
            yield f"{name}: changed since the build (SHA-256 differs from the manifest)"
    for config, splits in content["configs"].items():
        for split, entry in splits.items():
            told = {name: entry.get(name) for name in ("sha256", "size")}
            if told != listed.get(entry.get("path")):
                yield f"manifest: {config}/{split} and its file are described differently"


def _contracts(release: Release) -> Iterator[str]:
    """Every config has the columns of its contract and the rows that the manifest says."""
    older = release.manifest.get("tools", {}).get("lrl-datasets") != installed("lrl-datasets")
    for config, splits in release.configs.items():
        contract = schema.CONFIGS.get(config)
        if contract is None:
            yield f"{config}: no such config in the row contracts"
            continue
        for split, table in splits.items():
            where = f"{config}/{split}"
            if split not in schema.SPLITS or (config in ("annotations", "rejected") and split != "train"):
                yield f"{where}: no such split"
            rows = release.manifest["configs"][config][split]["rows"]
            if table.num_rows != rows:
                yield f"{where}: {table.num_rows} rows, the manifest says {rows}"
            if table.num_rows == 0:
                yield f"{where}: empty, which breaks load_dataset for the whole dataset"
            for name in table.schema.names:
                if name not in contract.names:
                    yield f"{where}: column {name} is outside the contract"
                elif table.schema.field(name).type != contract.field(name).type:
                    told = table.schema.field(name).type
                    yield f"{where}: column {name} is {told}, not {contract.field(name).type}"
            # A later package may know nullable columns that an earlier release has not.
            for name in () if older else contract.names:
                if name not in table.schema.names:
                    yield f"{where}: column {name} is missing"


def _manifest(release: Release) -> Iterator[str]:
    """The manifest names its version, inputs and tools, and a changelog that ends with this version."""
    content = release.manifest
    version_key(content["version"])
    if not re.fullmatch(r"[\w.-]+/[\w.-]+", content["repository"]):
        yield f"repository {content['repository']!r} is not namespace/name"
    for name in ("builder", "language", "tools", "counts", "judgements", "suite_index", "sample"):
        if name not in content:
            yield f"{name!r} is missing"
    for name, source in content["sources"].items():
        for entry in source.get("inputs", []):
            if not re.fullmatch(r"[0-9a-f]{64}", str(entry.get("sha256"))):
                yield f"source {name}: input {entry.get('name')} has no SHA-256"
        revision = source.get("revision")
        if source.get("repo") and revision is not None and not re.fullmatch(r"[0-9a-f]{40}", str(revision)):
            yield f"source {name}: revision {revision!r} is no commit"
    rows = sum(table.num_rows for table in release.configs.get("default", {}).values())
    log = content.get("changelog")
    if log and (log[0]["version"], log[0]["rows"]) != (content["version"], rows):
        yield f"changelog: its first entry is {log[0]['version']} with {log[0]['rows']} rows, not this version"
    versions = [one["version"] for one in log or ()]
    if versions != sorted(set(versions), key=version_key, reverse=True):
        yield f"changelog: its versions do not fall: {', '.join(versions)}"


def _withdrawn(release: Release) -> Iterator[str]:
    """Nothing of what was withdrawn is in any config."""
    for config in release.configs:
        table = release.rows(config)
        for column in ("id", "annotator", "worker", "answer_id", "chosen_id", "rejected_id"):
            if table is not None and column in table.column_names:
                names = set(table[column].to_pylist()) - {None}
                for name in sorted(withdrawal.recognised(release.manifest, names)):
                    yield f"{config}: {column} {name} is withdrawn"


# ---- card -----------------------------------------------------------------------------------------------


def _card(release: Release) -> Iterator[str]:
    """The card is valid by the Hub's rules, and its numbers are those of the files."""
    from datasets import Features

    text = _text(release, "README.md")
    yield from card_validator.problems(text)
    data = yaml.safe_load(card_validator.front_matter(text) or "") or {}
    infos = {info["config_name"]: info for info in data.get("dataset_info", [])}
    named = {entry["config_name"]: entry for entry in data.get("configs", [])}
    for config in sorted({*infos, *named, *release.configs}):
        splits = release.configs.get(config, {})
        entries = release.manifest["configs"].get(config, {})
        if config not in infos or config not in named or not splits:
            yield f"config {config} is not both on the card and in the release"
            continue
        paths = {one["split"]: one["path"] for one in named[config]["data_files"]}
        rows = {one["name"]: one["num_examples"] for one in infos[config]["splits"]}
        size = sum(entry["size"] for entry in entries.values())
        features = Features.from_arrow_schema(next(iter(splits.values())).schema)._to_yaml_list()
        for what, said, found in (
            ("data_files", paths, {split: entry["path"] for split, entry in entries.items()}),
            ("num_examples", rows, {split: table.num_rows for split, table in splits.items()}),
            ("download_size", infos[config].get("download_size"), size),
            ("features", infos[config].get("features"), features),
        ):
            if said != found:
                yield f"config {config}: {what} is {said}, the files have {found}"
        for split, table in splits.items():
            if f"| `{config}` | {split} | {table.num_rows} |" not in text:
                yield f"the table of configs lacks {config}/{split} with {table.num_rows} rows"
    licences = {row.lower() for row in _column(release, "license") if row}
    if licences and set(data.get("license", [])) != licences:
        yield f"license is {data.get('license')}, the rows have {sorted(licences)}"
    tag = f'revision="v{release.manifest["version"]}"'
    if release.configs and tag not in text:
        yield f"the text does not show {tag}"
    for word, said in (("**SAMPLE.**", release.manifest["sample"]),
                       ("**NOT LEAK-CHECKED.**", not manifest.leak_checked(release.manifest))):  # fmt: skip
        if (word in text) != said:
            yield (
                f"{word} stands on the card and should not" if not said else f"{word} is missing on the card"
            )


def _citation(release: Release) -> Iterator[str]:
    """CITATION.cff has the keys of the Citation File Format and names this version."""
    if citation.NAME in release.manifest["files"]:
        yield from citation.problems(_text(release, citation.NAME), release.manifest)


def _column(release: Release, name: str) -> set[str | None]:
    table = release.rows("default")
    return set(table[name].to_pylist()) if table is not None else set()


def _text(release: Release, name: str) -> str:
    if release.folder is None:
        raise LrlError(f"{name}: this release was never written")
    try:
        return (release.folder / name).read_text("utf-8")
    except FileNotFoundError:
        raise LrlError(f"{name} is not there") from None
    except UnicodeDecodeError:
        raise LrlError(f"{name} is not text in UTF-8") from None


CHECKS: dict[str, Check] = {
    "manifest": _manifest,
    "contracts": _contracts,
    "ids": checks.ids,
    "closed sets": checks.closed_sets,
    "content hashes": checks.content_hashes,
    "helpfulness": checks.helpfulness,
    "thresholds": checks.thresholds,
    "splits": checks.splits,
    "ledgers": checks.ledgers,
    "licences": checks.licences,
    "card": _card,
    "citation": _citation,
    "people": checks.people,
    "personal data": checks.personal_data,
    "suite leaks": checks.leaks,
    "withdrawn": _withdrawn,
}
"""Name → check, in the order in which they are reported."""
