"""The changelog that every release carries: one entry a version, in `manifest.json` and on the card.

It holds no date, since a release is a function of its inputs; the dates are those of the Hub's tags. An entry of
an earlier version says `superseded_by` once rows that it holds were withdrawn: who uses it should move on.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from lrl_datasets.release.changes import Changes, Diff


def changelog(
    previous: Mapping[str, Any] | None, diff: Diff | None, version: str, published: int
) -> list[dict[str, Any]]:
    """Return the changelog of a release, newest version first.

    Parameters
    ----------
    previous
        The previous release's manifest; None for the first release.
    diff
        What changed since then; None for the first release.
    version
        Of this release.
    published
        Rows of this release's config `default`.
    """
    if previous is None or diff is None:
        return [entry(version, None, published)]
    earlier = [
        {"superseded_by": None} | old
        for old in previous.get("changelog") or [entry(previous["version"], None, _published(previous))]
    ]
    if diff.withdrawn:
        earlier = [old | {"superseded_by": version} for old in earlier]
    return [entry(version, diff, published), *earlier]


def entry(version: str, diff: Diff | None, published: int) -> dict[str, Any]:
    """Return one entry: what changed in the config `default`, in rows, and the breaks of its schema."""
    if diff is None:
        return {"version": version, "rows": published, "added": published, "removed": 0, "withdrawn": 0,
                "changed": 0, "metadata": 0, "schema": [], "superseded_by": None}  # fmt: skip
    changes = diff.configs.get("default", Changes())
    return {
        "version": version,
        "rows": published,
        "added": len(changes.added),
        "removed": len(changes.removed),
        "withdrawn": len(changes.withdrawn),
        "changed": len(changes.content),
        "metadata": len(changes.metadata) + changes.revision_only,
        "schema": [" ".join(filter(None, (one.config, one.change, one.name))) for one in diff.schema],
        "superseded_by": None,
    }


def _published(manifest: Mapping[str, Any]) -> int:
    return sum(int(split["rows"]) for split in manifest["configs"].get("default", {}).values())
