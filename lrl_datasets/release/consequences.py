"""What a withdrawal did from one release to the next: who left, who is back, and what moved because of it.

A manifest names nobody who left; it holds hashes, by which the names in an older release are recognised.
"""

from __future__ import annotations

import re
from collections.abc import Mapping

import pyarrow as pa
import pyarrow.compute as pc

from lrl_datasets.release.changes import Changes, Crossed
from lrl_datasets.release.locations import Release
from lrl_datasets.release.withdrawal import recognised


def names_of(release: Release) -> set[str]:
    """Return every id and pseudonym of a release: among them its successor's manifest knows who left, by hash."""
    tables = [(release.split_map, "id")]
    columns = (("default", "annotator"), ("rejected", "annotator"), ("annotations", "worker"))
    tables += [(table, column) for config, column in columns if (table := release.rows(config)) is not None]
    return {name for table, column in tables for name in table[column].to_pylist() if name is not None}


def returned(before: Release, after: Release, renamed: Mapping[str, str]) -> set[str]:
    """Return the names in `after` that `before`'s manifest, made with its own key, says were withdrawn."""
    old = {name: name for name in names_of(after)}
    old |= {new: was for was, new in renamed.items() if new in old}
    known = recognised(before.manifest, {*old, *old.values()})
    return {name for name, was in old.items() if not known.isdisjoint((name, was))}


def consequences(
    before: Release,
    configs: Mapping[str, Changes],
    crossed: Mapping[str, Crossed],
    withdrawn: set[str],
    facts: list[str],
) -> dict[str, str]:
    """Say what happened to rows with a withdrawn relative (cluster, group) or a withdrawn person's vote."""
    if not withdrawn:
        return {}
    touched = _touched(before, withdrawn)
    everything = not _other_inputs(configs, crossed, facts)
    pairs = {pair["id"] for pair in _pairs(before) if not touched.isdisjoint(pair.values())}
    found: dict[str, str] = {}
    for config in ("default", "rejected", "preference"):
        changes, near = configs.get(config, Changes()), pairs if config == "preference" else touched
        for name in (*changes.removed, *changes.added, *changes.metadata):
            if not (everything or name in near):
                continue
            if name in crossed:
                one = crossed[name]
                found[name] = f"left {one.before}, now in {one.after} ({one.reason})"
            elif name in changes.metadata:
                found[name] = f"{config}: {', '.join(changes.metadata[name])}"
            else:
                found[name] = f"left {config}" if name in changes.removed else f"now in {config}"
    # What came or went stands before what is only weighed anew.
    return dict(sorted(found.items(), key=lambda item: (":" in item[1], item[0])))


def _touched(before: Release, withdrawn: set[str]) -> set[str]:
    """Return the ids with a withdrawn relative, or a counted vote of a withdrawn person."""
    sets: set[str] = set()
    names = ["id", "annotator", "cluster", "group"]
    records = [table.select(names) for c in ("default", "rejected") if (table := before.rows(c)) is not None]
    rows = pa.concat_tables(records).to_pylist() if records else []
    for row in rows:
        if row["id"] in withdrawn or row["annotator"] in withdrawn:
            sets |= {row["cluster"], row["group"]}
    touched = {row["id"] for row in rows if row["cluster"] in sets or row["group"] in sets}
    if (votes := before.rows("annotations")) is not None:
        asked = pc.is_in(votes["worker"], pa.array(sorted(withdrawn), pa.string()))
        theirs = votes.filter(pc.and_(asked, votes["counted"]))
        for shown in (name for name in ("answer_id", "other_id") if name in votes.column_names):
            touched |= set(theirs[shown].to_pylist()) - {None}
    return touched


def _other_inputs(configs: Mapping[str, Changes], crossed: Mapping[str, Crossed], facts: list[str]) -> bool:
    """Say whether anything but a withdrawal changed what the release is made from."""
    votes = configs.get("annotations", Changes())
    if votes.added or votes.removed or any("content_hash" in one.fields for one in crossed.values()):
        return True
    if any(re.match(r"builder|language|tools|suite_index|pseudonym_key", fact) for fact in facts):
        return True
    return any(
        configs[config].content or {*configs[config].added, *configs[config].removed} - crossed.keys()
        for config in ("default", "rejected")
        if config in configs
    )


def _pairs(release: Release) -> list[dict[str, str]]:
    table = release.rows("preference")
    return [] if table is None else table.select(["id", "chosen_id", "rejected_id"]).to_pylist()
