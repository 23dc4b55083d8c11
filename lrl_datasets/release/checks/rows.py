"""Is every row what its contract and its source say: ids, closed sets, hashes, turns, provenance."""

from __future__ import annotations

import math
import re
from collections import Counter
from typing import Any

from lrl_datasets import languages, schema
from lrl_datasets.errors import LrlError
from lrl_datasets.filters.identity import content_hash
from lrl_datasets.release.checks.base import ID, Found, Row, filters, records, rows
from lrl_datasets.release.locations import Release

_LANGUAGE = re.compile(r"[a-z]{3}_[A-Z][a-z]{3}")
_ORIGINAL = re.compile(r"[^\s:][^\n:]*:[^\n]+")
_KINDS = {None: None, "votes": None, "calibrated": "aggregation", "predicted": "prediction"}
"""Kind of helpfulness → what the manifest must declare for it."""


def ids(release: Release) -> Found:
    """Every id is one, and unique over the configs."""
    seen: Counter[str] = Counter()
    for config in ("default", "rejected", "preference"):
        seen.update(row["id"] for row in rows(release, config, "id"))
    for identity, n in seen.items():
        if n > 1:
            yield f"id {identity} stands {n} times"
        if identity is None or not ID.fullmatch(identity):
            yield f"{identity!r} is no id"


def closed_sets(release: Release) -> Found:
    """Reasons, filters, creation methods, kinds of helpfulness and languages are known ones."""
    names = ("id", "creation_method", "language", "prompt_language", "helpfulness", "helpfulness_kind")
    for row in records(release, *names):
        if row["creation_method"] not in schema.CREATION_METHODS:
            yield f"row {row['id']}: unknown creation method {row['creation_method']!r}"
        kind = row["helpfulness_kind"]
        if kind not in _KINDS:
            yield f"row {row['id']}: unknown helpfulness_kind {kind!r}"
        elif (kind is None) != (row["helpfulness"] is None):
            yield f"row {row['id']}: helpfulness and helpfulness_kind go together, and only one is there"
        elif (needed := _KINDS[kind]) and not release.manifest.get(needed):
            yield f"row {row['id']}: helpfulness is {kind}, and the manifest declares no {needed}"
        for name in ("language", "prompt_language"):
            if not _known_language(row[name]):
                yield f"row {row['id']}: {name} {row[name]!r} is no language code like swh_Latn"
    for row in rows(release, "rejected", "id", "reason", "filter"):
        if row["reason"] not in schema.REASONS:
            yield f"row {row['id']}: unknown reason {row['reason']!r}"
        if row["filter"] not in schema.FILTER_ORDER:
            yield f"row {row['id']}: unknown filter {row['filter']!r}"


def content_hashes(release: Release) -> Found:
    """`content_hash` is the hash of the row's messages, in the split map too."""
    hashes: dict[str, str | None] = {}
    for row in records(release, "id", "messages", "content_hash"):
        hashes[row["id"]] = row["content_hash"]
        if row["messages"] is not None and content_hash(row["messages"]) != row["content_hash"]:
            yield f"row {row['id']}: content_hash is not that of its messages"
    if "content_hash" in release.split_map.column_names:
        for row in release.split_map.select(["id", "content_hash"]).to_pylist():
            if row["id"] in hashes and row["content_hash"] not in (None, hashes[row["id"]]):
                yield f"row {row['id']}: the split map has another content_hash"


def conversations(release: Release) -> Found:
    """A conversation is turns of user and assistant in turn, one of system at most before them."""
    columns = {"default": ("messages",), "rejected": ("messages",), "preference": ("chosen", "rejected")}
    for config, names in columns.items():
        for row in rows(release, config, "id", *names):
            for name in names:
                turns = [turn["role"] for turn in row[name] or ()]
                if row[name] is None:
                    if config != "rejected":
                        yield f"{config} row {row['id']} has no {name}"
                    continue
                spoken = turns[1:] if turns[:1] == ["system"] else turns
                if not spoken or spoken != ["user", "assistant"] * (len(spoken) // 2):
                    yield f"{config} row {row['id']}: {name} is not user and assistant in turn"
                if any(turn["content"] is None for turn in row[name]):
                    yield f"{config} row {row['id']}: a turn of {name} has no content"


def licences(release: Release) -> Found:
    """Every row has its source's licence, and every published one names it."""
    sources = release.manifest["sources"]
    for config in ("default", "rejected", "preference"):
        for row in rows(release, config, "id", "source", "license"):
            source = sources.get(row["source"], {})
            if config != "rejected" and not (row["license"] or "").strip():
                yield f"{config} row {row['id']} has no licence"
            elif "license" in source and row["license"] != source["license"]:
                yield f"{config} row {row['id']}: licence is {row['license']!r}, its source's {source['license']!r}"


def provenance(release: Release) -> Found:
    """A row's language, method, revision, score, model and originals are what its source can have."""
    sources, code = release.manifest["sources"], release.manifest["language"]["code"]
    for row in records(release, "id", *schema.SFT.names):
        source = sources.get(row["source"])
        if source is None:
            yield f"row {row['id']}: source {row['source']!r} is not in the manifest"
            continue
        expected = _expected(source, code)
        for name, values in expected.items():
            if row[name] not in values:
                yield f"row {row['id']}: {name} is {row[name]!r}, not that of source {row['source']}"
        if row["source_score"] is not None and not math.isfinite(row["source_score"]):
            yield f"row {row['id']}: source_score is no finite number"
        if row["lineage"] is None:
            yield f"row {row['id']}: lineage is null, and a row without an original has none of them in it"
        elif not all(one and _ORIGINAL.fullmatch(one) for one in row["lineage"]):
            yield f"row {row['id']}: lineage holds what is no dataset:id"


def _expected(source: dict[str, Any], code: str) -> dict[str, tuple[object, ...]]:
    """Return column → the values that a source's rows can have; of what its facts leave open nothing."""
    expected: dict[str, tuple[object, ...]] = {"language": (code,)}
    prompts = source.get("prompt_language") or code
    expected["prompt_language"] = (prompts,)
    expected["source_revision"] = (source.get("revision"),)
    if "creation_method" in source or source.get("stages"):
        expected["creation_method"] = (source.get("creation_method", "crowd"),)
    if stages := source.get("stages"):
        expected["source_score"] = (None,)
        if not any("model_name" in stage["columns"] for stage in stages if stage["kind"] == "answer"):
            expected["model_name"] = (None,)
    elif source.get("repo"):
        expected["model_name"] = (source.get("model_name"),)
        if "score" not in source.get("columns", {}):
            expected["source_score"] = (None,)
    return expected


def detected_languages(release: Release) -> Found:
    """`lid_label` and `lid_score` are what the leading detector said of the answer; it was asked of the prompt too."""
    detected = "language_id" in filters(release)
    parts = ("prompt", "answer")
    shares = tuple(f"mixed_{part}" for part in parts)
    names = ("id", "messages", "lid_label", "lid_score", "lid", "lid_prompt", "lid_answer", *shares)
    published = [{**row, "reason": None} for row in rows(release, "default", *names)]
    for row in published + rows(release, "rejected", *names, "reason"):
        opinions: list[Row] | None = row["lid"]
        for part in parts:
            share = row[f"mixed_{part}"]
            measured = share is not None and row[f"lid_{part}"] != "too_short"
            if share is not None and not (measured and 0 <= share <= 1):
                yield f"row {row['id']}: mixed_{part} is {share}, of what is {row[f'lid_{part}']!r}"
        if opinions is None:
            if any(row[name] is not None for name in ("lid_label", "lid_score", "lid_prompt", "lid_answer")):
                yield f"row {row['id']}: lid_label, lid_score or a decision without a detector's word in lid"
            elif detected and row["messages"] is not None:
                yield f"row {row['id']}: lid is null, and the builder has languages detected"
            continue
        by_part = {part: [one for one in opinions if one["part"] == part] for part in ("prompt", "answer")}
        leading = by_part["answer"][:1]
        if [(one["label"], one["score"]) for one in leading] != [(row["lid_label"], row["lid_score"])]:
            yield f"row {row['id']}: lid_label and lid_score are not the leading detector's"
        leads = {said[0]["detector"] if said else None for said in by_part.values()}
        heard = [(one["part"], one["detector"]) for one in opinions]
        if (
            None in leads
            or len(leads) > 1
            or len(set(heard)) < len(heard)
            or {part for part, _ in heard} - set(by_part)
        ):
            yield f"row {row['id']}: lid has not the leading detector's word on prompt and answer, each once"
        for name in ("lid_prompt", "lid_answer"):
            if row[name] not in schema.LID_DECISIONS and (name == "lid_answer" or row[name] is not None):
                yield f"row {row['id']}: {name} is {row[name]!r}, which is no decision"
        if row["reason"] is None and "other" in (row["lid_prompt"], row["lid_answer"]):
            yield f"row {row['id']}: published, and decided to be in another language"
        for one in opinions:
            known = one["label"] == "und" or _LANGUAGE.fullmatch(one["label"] or "")
            if not known or one["score"] is None or not math.isfinite(one["score"]):
                yield f"row {row['id']}: a detector's label or score in lid is none"


def _known_language(code: str | None) -> bool:
    if code is None or not _LANGUAGE.fullmatch(code):
        return False
    try:
        return languages.load(code).code == code
    except LrlError:
        import langcodes

        return langcodes.tag_is_valid(code.replace("_", "-"))  # type: ignore[no-any-return]
