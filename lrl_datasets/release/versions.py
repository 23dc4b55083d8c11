"""Versions that mean something: which one a change calls for, and what a build gives its release.

Versions are semantic (semver.org) over what a user loads: a schema break is major, rows added, removed or changed
in text are minor, metadata alone is a patch.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import asdict, replace
from typing import Any

import pyarrow as pa

from lrl_datasets.errors import LrlError
from lrl_datasets.release.changelog import changelog
from lrl_datasets.release.changes import Diff
from lrl_datasets.release.diff import compare
from lrl_datasets.release.locations import Release
from lrl_datasets.release.schema_changes import Bump


def settle(
    content: dict[str, Any],
    version: str | None,
    previous: Release | None,
    configs: Mapping[str, Mapping[str, pa.Table]],
    split_map: pa.Table,
) -> Diff | None:
    """Give a manifest its version and changelog; by default the smallest version that the change calls for.

    Parameters
    ----------
    content
        The manifest of a release that is about to be written; gets `version` and `changelog`.
    version
        The one that was asked for.
    previous
        The release before, in the names of this one; None for the first.
    configs, split_map
        Of the release that is about to be written.

    Returns
    -------
    Diff or None
        What changed since the previous release.

    Raises
    ------
    LrlError
        The version asked for is smaller than what the change calls for.
    """
    if previous is None:
        content["version"] = version or "1.0.0"
        return None
    was = previous.manifest["version"]
    changes = compare(previous, Release(previous.manifest | content | {"version": was}, configs, split_map))
    if changes.errors:
        raise ValueError("; ".join(changes.errors))  # the rules of the splits were broken: a defect of ours
    # The manifest names another previous release now, so that even nothing else makes a patch.
    bump = required_bump(changes) or "patch"
    least = raised(was, bump)
    if version is not None and version_key(version) < version_key(least):
        raise LrlError(
            f"version {version} is too small after {was}: the change is {bump}, so {least} or more"
        )
    content["version"] = version or least
    changes = replace(changes, after=changes.after | {"version": content["version"]})
    published = sum(table.num_rows for table in configs.get("default", {}).values())
    content["changelog"] = changelog(previous.manifest, changes, content["version"], published)
    return changes


def as_json(diff: Diff) -> dict[str, Any]:
    """Return a whole diff as plain JSON, with what it calls for."""
    return {
        **asdict(diff),
        "errors": diff.errors,
        "bump": required_bump(diff),
        "minimum_version": minimum_version(diff.before["version"], diff),
    }


def required_bump(diff: Diff) -> Bump | None:
    """Return which part of the version the change must raise; None where nothing at all changed."""
    bumps = {change.bump for change in diff.schema}
    for changes in diff.configs.values():
        if changes.added or changes.removed or changes.withdrawn or changes.content:
            bumps.add("minor")
        if changes.metadata or changes.revision_only:
            bumps.add("patch")
    if diff.facts or diff.withdrawn or diff.moved:
        bumps.add("patch")
    order: tuple[Bump, ...] = ("major", "minor", "patch")
    return next((bump for bump in order if bump in bumps), None)


def minimum_version(previous_version: str, diff: Diff) -> str:
    """Return the smallest version that the change may be published as; the previous one if nothing changed."""
    version_key(previous_version)
    bump = required_bump(diff)
    return raised(previous_version, bump) if bump else previous_version


def raised(version: str, bump: Bump) -> str:
    """Return the next version: one part raised, those behind it zero."""
    major, minor, patch = version_key(version)
    return {
        "major": f"{major + 1}.0.0",
        "minor": f"{major}.{minor + 1}.0",
        "patch": f"{major}.{minor}.{patch + 1}",
    }[bump]


def version_key(version: str) -> tuple[int, int, int]:
    """Return a version as numbers that compare: `1.10.0` comes after `1.9.0`."""
    if not re.fullmatch(r"(0|[1-9]\d*)(\.(0|[1-9]\d*)){2}", version):
        raise LrlError(f"version {version!r} is not MAJOR.MINOR.PATCH, like 1.0.0")
    major, minor, patch = map(int, version.split("."))
    return major, minor, patch
