"""Are the preference pairs those that the rule of `release.configs` makes of the rows, and no others."""

from __future__ import annotations

from importlib.metadata import version as installed
from typing import Any

import pyarrow as pa

from lrl_datasets import schema
from lrl_datasets.crowd import join
from lrl_datasets.filters.base import add_column
from lrl_datasets.release.checks.base import Found, Row, records, rows
from lrl_datasets.release.checks.splits import may_be_held_out, split_of
from lrl_datasets.release.configs import Compared, preferences
from lrl_datasets.release.locations import Release

_NEEDED = pa.schema(
    [
        *schema.SFT,
        ("reason", pa.string()),
        ("split", pa.string()),
        ("mark.other", pa.string()),
    ]
)


def pairs(release: Release) -> Found:
    """The pairs are those that the rows and the builder's margin make, with what their rows say, and no other."""
    settings = release.manifest["builder"]["settings"]
    said, _ = comparisons(release)
    compared = Compared(said, settings.get("comparison_margin", 0.0))
    strict, lenient = _table(release, unknown="held_out_relative"), _table(release, unknown=None)
    must, may = (
        _by_id(preferences(table, settings["preference_margin"], compared)) for table in (strict, lenient)
    )
    # Random numbers are the same with the same numpy only.
    same = release.manifest.get("tools", {}).get("numpy") == installed("numpy")
    drawn = () if same else ("margin_low", "margin_high")
    shipped = {row["id"]: row for row in rows(release, "preference", *schema.PREFERENCE.names, "split")}
    for name in sorted(must.keys() - shipped.keys()):
        yield f"pair {name} is missing: {must[name]['chosen_id']} is better than {must[name]['rejected_id']}"
    for name, pair in sorted(shipped.items(), key=lambda one: str(one[0])):
        if name not in may:
            yield f"pair {name}: its rows make no such pair ({pair['chosen_id']}, {pair['rejected_id']})"
            continue
        other = [column for column in pair if pair[column] != may[name][column] and column not in drawn]
        if other:
            yield f"pair {name} says of {', '.join(other)} something else than its rows"


def compared(release: Release) -> Found:
    """The manifest says how many comparisons there are, and how often the left side won, as they say it."""
    _, found = comparisons(release)
    said = release.manifest.get("comparisons", {})
    if said != found:
        yield f"the manifest says {said}, the comparisons give {found}"


def comparisons(release: Release) -> tuple[pa.Table, dict[str, dict[str, Any]]]:
    """Return what the published comparisons say of each pair, and what they are."""
    votes = release.rows("annotations")
    if votes is None or "other_id" not in votes.column_names:  # earlier releases are without
        votes = schema.ANNOTATIONS.empty_table()
    source = {row["id"]: row["source"] for row in records(release, "id", "source")}
    named = add_column(
        votes, "source", [source.get(name) for name in votes["answer_id"].to_pylist()], pa.string()
    )
    return join.compared(named, release.manifest["sources"])


def _table(release: Release, unknown: str | None) -> pa.Table:
    """Return the rows as `preferences` takes them.

    Of a refused row only the first objection is known. `unhelpful` alone makes it the worse one of a pair; what may
    be behind it is a leak, whose text is not there, and that it may not be held out.
    """
    where = split_of(release)
    listed = records(release, *_NEEDED.names, "reason", "filter")
    # Relatives lie in one group, and what is published of it in its split.
    its = {row["group"]: where.get(row["id"]) for row in rows(release, "default", "id", "group")}
    for row in listed:
        row["split"] = where.get(row["id"])
        row["mark.other"] = _other(release, row, its.get(row["group"]), unknown)
        row.setdefault("reason", None)
    return pa.Table.from_pylist(listed, schema=_NEEDED)


def _other(release: Release, row: Row, its: str | None, unknown: str | None) -> str | None:
    """Return an objection besides what the crowd said."""
    if row["reason"] if row.get("filter") not in (None, "helpfulness") else row["messages"] is None:
        return str(row.get("reason") or "suite_leak")
    if row.get("reason") is None:
        return None
    if row["split"] != its:
        return "held_out_relative"
    may = row["split"] == "train" or may_be_held_out(release, row)
    return unknown if may is None else None if may else "held_out_relative"


def _by_id(table: pa.Table) -> dict[str, dict[str, Any]]:
    return {row["id"]: row for row in table.to_pylist()}
