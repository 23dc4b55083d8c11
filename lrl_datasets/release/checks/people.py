"""Is nobody named: pseudonyms, personal data, ids of the platforms, and who asked to be removed."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator
from typing import Any

import pyarrow as pa

from lrl_datasets import languages
from lrl_datasets.filters.personal_data import mask_text
from lrl_datasets.release import citation, withdrawal
from lrl_datasets.release import manifest as manifests
from lrl_datasets.release.checks.base import PSEUDONYM, Found, filters, records, rows, strings, text
from lrl_datasets.release.locations import Release

# Names and hashes of ours, whose forms other checks look at: a phone number can stand in their digits.
_OURS = frozenset(
    """
    id content_hash annotator worker cluster group chosen_id rejected_id answer_id other_id batch source_revision split
    """.split()  # noqa: SIM905 — readable as a list of words
)
_HASH = re.compile(r"(?<![\w-])(?:[0-9a-f]{12}|[0-9a-f]{16}|[0-9a-f]{24}|[0-9a-f]{40}|[0-9a-f]{64})(?![\w-])")
_RECORD = re.compile(r"[\w.:/#-]{1,200}")
"""What an id of a record or original looks like, which may be a long number."""
_NUMBERS = ("phone", "card", "iban", "id", "ip")
# A Toloka worker or assignment id has 32 hex digits; an MTurk worker id an A, and 12 or 13 capitals and digits.
_PLATFORM = re.compile(
    r"(?<![\w-])(?:[0-9a-f]{32}|[0-9a-f]{10}--[0-9a-f]{24}|A(?=(?:[A-Z]*\d){3})[0-9A-Z]{12,13})(?![\w-])"
)
_NAME = re.compile(r"(?<![0-9a-f])(?:[0-9a-f]{24}|[0-9a-f]{16})(?![0-9a-f])")
"""An id or a pseudonym of ours."""

Kinds = Callable[[str], list[str]]


def people(release: Release) -> Found:
    """Annotators and workers appear under pseudonyms, a campaign's records under keyed ids alone."""
    for row in records(release, "id", "annotator"):
        if row["annotator"] is not None and not PSEUDONYM.fullmatch(row["annotator"]):
            yield f"row {row['id']}: annotator is no pseudonym (16 hex digits)"
    for row in rows(release, "annotations", "answer_id", "worker"):
        if row["worker"] is not None and not PSEUDONYM.fullmatch(row["worker"]):
            yield f"a judgement of {row['answer_id']}: worker is no pseudonym (16 hex digits)"
    campaigns = {name for name, source in release.manifest["sources"].items() if source.get("stages")}
    for row in records(release, "id", "source", "source_id"):
        if row["source"] in campaigns and row["source_id"] != row["id"]:
            yield f"row {row['id']}: source_id of a campaign's record is not its keyed id"
    keyless = release.manifest.get("pseudonym_key") is None
    if keyless and any(row["annotator"] for row in records(release, "annotator")):
        yield "there are annotators, and the manifest names no pseudonym key"


def personal_data(release: Release) -> Found:
    """No cell and no file holds what the builder's filter masks, or a worker's raw id."""
    kinds = _finder(release)
    for config, name, row, cell in _cells(release):
        own_id = name in ("source_id", "lineage") and _RECORD.fullmatch(cell)
        found = [kind for kind in kinds(_HASH.sub("", cell)) if not own_id or kind not in _NUMBERS]
        if found and not (name in ("source_id", "lineage") and cell == row):
            where = "" if name in ("messages", "chosen", "rejected") else f" in {name}"
            yield f"{config} row {row}: unmasked {', '.join(found)}{where}"
    for name in ("README.md", citation.NAME):
        if name in release.manifest["files"]:
            for number, line in enumerate(text(release, name).splitlines(), start=1):
                if found := kinds(_HASH.sub("", line)):
                    yield f"{name} line {number}: unmasked {', '.join(found)}"
    told = {key: value for key, value in release.manifest.items() if key not in ("withdrawn", "files")}
    for value in dict.fromkeys(strings(told)):
        if found := kinds(_HASH.sub("", value)):
            yield f"{manifests.NAME}: unmasked {', '.join(found)}"


def withdrawn(release: Release) -> Found:
    """Nothing of what was withdrawn is in any config, in the split map, or on the card."""
    hashes = release.manifest.get("withdrawn") or {}
    for kind, listed in hashes.items():
        if kind not in ("rows", "annotators") or not all(
            re.fullmatch(r"[0-9a-f]{32}", str(one)) for one in listed
        ):
            yield f"manifest: withdrawn {kind} are no hashes of 32 hex digits"
            return
    names: dict[str, set[str]] = {}
    for config, column, _, cell in _cells(release, ours=True):
        if column not in ("messages", "chosen", "rejected", "content_hash"):
            names.setdefault(f"{config}: {column}", set()).update(_NAME.findall(cell))
    names["split_map: id"] = {name for name in release.split_map["id"].to_pylist() if name}
    for name in ("README.md", citation.NAME):
        if name in release.manifest["files"]:
            names[name + ":"] = set(_NAME.findall(text(release, name)))
    for where, found in names.items():
        for name in sorted(withdrawal.recognised(release.manifest, found)):
            yield f"{where} {name} is withdrawn"


def _finder(release: Release) -> Kinds:
    facts = languages.load(release.manifest["language"]["code"]).personal_data
    declared = filters(release).get("personal_data", {})
    regions = tuple(dict.fromkeys((*facts.phone_regions, *declared.get("regions", ()))))
    cues = tuple(dict.fromkeys((*facts.phone_cues, *declared.get("cues", ()))))
    id_cues = tuple(dict.fromkeys((*facts.id_cues, *declared.get("id_cues", ()))))
    seen: dict[str, list[str]] = {}

    def kinds(cell: str) -> list[str]:
        if cell not in seen:
            found = mask_text(cell, regions, cues, id_cues)[1]
            seen[cell] = [*found, *(["id of a platform's worker"] if _PLATFORM.search(cell) else [])]
        return seen[cell]

    return kinds


def _cells(release: Release, ours: bool = False) -> Iterator[tuple[str, str, str, str]]:
    """Yield config, column, the row's name and each string of every cell; `ours`: of our own names and hashes too."""
    for config in release.configs:
        table = release.rows(config)
        if table is None:
            continue
        key = "id" if "id" in table.column_names else "answer_id"
        named = table[key].to_pylist()
        for name in table.column_names:
            if name in _OURS and not ours:
                continue
            kind = table.schema.field(name).type
            if pa.types.is_string(kind) or pa.types.is_nested(kind):
                for row, cell in zip(named, table[name].to_pylist(), strict=True):
                    yield from ((config, name, str(row), one) for one in _contents(cell))


def _contents(cell: Any) -> Iterator[str]:
    """Yield the strings of a cell; of a turn or a detector's word what is in it, not the keys."""
    if isinstance(cell, dict):
        cell = list(cell.values())
    if isinstance(cell, list):
        for inner in cell:
            yield from _contents(inner)
    elif isinstance(cell, str):
        yield cell
