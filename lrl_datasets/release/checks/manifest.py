"""Does the manifest agree with itself: names, hashes, flags, the versions before."""

from __future__ import annotations

import re
from importlib.metadata import version as installed
from itertools import pairwise
from typing import Any

from lrl_datasets import pseudonyms, schema
from lrl_datasets.release.checks.base import COMMIT, PSEUDONYM, SHA256, Found, rows
from lrl_datasets.release.locations import Release
from lrl_datasets.release.versions import version_key

_NAMED = ("builder", "language", "tools", "counts", "judgements", "suite_index", "sample", "agreement")
_COUNTED = ("rows", "added", "removed", "withdrawn", "changed", "metadata")


def manifest(release: Release) -> Found:
    """The manifest names its version, inputs and tools, and its flags are those of its sources."""
    content = release.manifest
    version_key(content["version"])
    if not re.fullmatch(r"[\w.-]+/[\w.-]+", content["repository"]):
        yield f"repository {content['repository']!r} is not namespace/name"
    # Of what a later package adds to the manifest an earlier release knows nothing.
    same = content.get("tools", {}).get("lrl-datasets") == installed("lrl-datasets")
    for name in (*_NAMED, *(("title", "renderer") if same else ())):
        if name not in content:
            yield f"{name!r} is missing"
    for name, source in content["sources"].items():
        for entry in source.get("inputs", []):
            if not SHA256.fullmatch(str(entry.get("sha256"))):
                yield f"source {name}: input {entry.get('name')} has no SHA-256"
        revision = source.get("revision")
        if source.get("repo") and revision is not None and not COMMIT.fullmatch(str(revision)):
            yield f"source {name}: revision {revision!r} is no commit"
        if source.get("sample") and not content.get("sample"):
            yield f"source {name} is SAMPLE, and the release does not say so"
    key, public = content.get("pseudonym_key"), pseudonyms.fingerprint(pseudonyms.SAMPLE_KEY)
    if key is not None and not PSEUDONYM.fullmatch(str(key)):
        yield "pseudonym_key is no fingerprint"
    if key == public and not content.get("sample"):
        yield "people have names under the public key of samples, and the release is no SAMPLE"
    if (
        content.get("sample")
        and key != public
        and not any(one.get("sample") for one in content["sources"].values())
    ):
        yield "the release says SAMPLE, and none of its sources does"
    yield from _suite_index(content.get("suite_index"))
    left_out = [
        f"{config}/{split}"
        for config in schema.CONFIGS
        for split in (schema.SPLITS if config in ("default", "preference") else ("train",))
        if split not in content["configs"].get(config, {})
    ]
    if content.get("left_out_as_empty") != left_out:
        yield f"left_out_as_empty is {content.get('left_out_as_empty')}, without a row are {left_out}"


def _suite_index(index: Any) -> Found:
    if index is None:
        return
    if not isinstance(index, dict) or not SHA256.fullmatch(str(index.get("sha256"))):
        yield "suite_index has no SHA-256"
    elif not index.get("tasks"):
        yield "suite_index names no task, so nothing was compared"
    else:
        for name, task in index["tasks"].items():
            if not all(isinstance(task.get(count), int) and task[count] > 0 for count in ("items", "texts")):
                yield f"suite_index: task {name} has no items or no texts"


def changelog(release: Release) -> Found:
    """The changelog ends with this version, adds up, names the previous one, and says which are deprecated."""
    content = release.manifest
    log, before = content.get("changelog") or [], content.get("previous")
    if not log:
        yield "there is none"
        return
    published = len(rows(release, "default", "id"))
    if (log[0]["version"], log[0]["rows"]) != (content["version"], published):
        yield f"its first entry is {log[0]['version']} with {log[0]['rows']} rows, not this version"
    versions = [one["version"] for one in log]
    if versions != sorted(set(versions), key=version_key, reverse=True):
        yield f"its versions do not fall: {', '.join(versions)}"
    for one in log:
        if any(not isinstance(one[name], int) or one[name] < 0 for name in _COUNTED):
            yield f"{one['version']}: a count is no number of rows"
        elif max(one["changed"], one["metadata"]) > one["rows"] - one["added"]:
            yield f"{one['version']}: more rows changed than there were before"
    for one, older in pairwise(log):
        came_to = older["rows"] + one["added"] - one["removed"] - one["withdrawn"]
        if one["rows"] != came_to:
            yield f"{one['version']}: {one['rows']} rows, and what changed since {older['version']} comes to {came_to}"
    first = log[-1]
    if (first["added"], first["removed"], first["withdrawn"]) != (first["rows"], 0, 0):
        yield f"{first['version']}: in the first version every row is added"
    if before is None and len(log) > 1:
        yield f"there was {log[1]['version']} before, and the manifest names no previous release"
    if before is not None:
        if len(log) < 2 or before.get("version") != log[1]["version"]:
            yield f"the previous release is {before.get('version')}, and no entry after the first"
        if not SHA256.fullmatch(str(before.get("manifest_sha256"))):
            yield "the previous release's manifest has no SHA-256"
    yield from _deprecated(log)


def _deprecated(log: list[dict[str, Any]]) -> Found:
    """Whenever somebody left, all versions before are superseded by that one."""
    versions = [one["version"] for one in log]
    by = {str(one["superseded_by"]) for one in log if one.get("superseded_by")}
    if unknown := sorted(by - {*versions}):
        yield f"superseded_by {unknown[0]} is no version of it"
        return
    latest = min((versions.index(name) for name in by), default=len(log))
    if (left := next((at for at, one in enumerate(log) if one["withdrawn"]), len(log))) < latest:
        yield f"rows were withdrawn in {versions[left]}, and the versions before are not superseded"
    for at, one in enumerate(log):
        expected = versions[latest] if at > latest else None
        if one.get("superseded_by") != expected:
            yield f"{one['version']}: superseded_by is {one.get('superseded_by')}, not {expected}"
