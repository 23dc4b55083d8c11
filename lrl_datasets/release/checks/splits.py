"""Where every row belongs: one split a group, as in the split map; relatives in one group; only people held out."""

from __future__ import annotations

from collections import Counter, defaultdict

from lrl_datasets import schema
from lrl_datasets.release.checks.base import ID, Found, Row, records, rows
from lrl_datasets.release.locations import Release
from lrl_datasets.release.splits import Splits, prompt_key


def splits(release: Release) -> Found:
    """One split a group over all configs, as in the split map; relatives in one group; only people held out."""
    where = split_of(release)
    by_group: dict[str, set[str]] = defaultdict(set)
    may_hold_out = {name: source.get("may_hold_out") for name, source in release.manifest["sources"].items()}
    for config, key in (("default", "id"), ("preference", "chosen_id")):
        names = (key, "split", "group", "creation_method", "source", "helpfulness_kind")
        for row in rows(release, config, *names):
            by_group[row["group"]].add(row["split"])
            if where.get(row[key]) != row["split"]:
                yield f"{config} row {row[key]} is in {row['split']}, the split map says {where.get(row[key])}"
            if row["split"] != "train" and row["creation_method"] not in schema.HUMAN_ORIGIN:
                yield f"{config} row {row[key]} is held out and {row['creation_method']}, not written by people"
            if row["split"] != "train" and row["helpfulness_kind"] == "predicted":
                yield f"{config} row {row[key]} is held out, and its helpfulness is predicted"
            if row["split"] != "train" and may_hold_out.get(row["source"]) is False:
                yield f"{config} row {row[key]} is held out, and nothing of source {row['source']} may be"
    for group, found in sorted(by_group.items()):
        if len(found) > 1:
            yield f"group {group} is in {' and '.join(sorted(found))}"

    linked: dict[tuple[str, str], set[str]] = defaultdict(set)
    for row in records(release, "id", "cluster", "group", "lineage", "messages"):
        linked["cluster", row["cluster"]].add(row["group"])
        for original in row["lineage"] or ():
            linked["original", original].add(row["group"])
        if key := prompt_key(row["messages"]):
            linked["prompt", schema.digest(key)].add(row["group"])
    for (what, name), groups in linked.items():
        if len(groups) > 1:
            yield f"{what} {name} is in {len(groups)} groups: {', '.join(sorted(groups)[:3])}"
    clusters = Counter(row["cluster"] for row in rows(release, "default", "cluster"))
    yield from (f"cluster {name} has {n} published rows" for name, n in clusters.items() if n > 1)


def split_map(release: Release) -> Found:
    """The split map has every record once, in a known split, and the earlier ones that the manifest counts."""
    listed, mapped = [row["id"] for row in records(release, "id")], release.split_map["id"].to_pylist()
    there, before = Counter(mapped), release.manifest.get("previous")
    yield from (f"record {name} is not in the split map" for name in sorted({*listed} - there.keys()))
    carried = sorted(there.keys() - {*listed})
    if not before:
        yield from (f"record {name} is in no config" for name in carried)
    elif before.get("carried") != len(carried):
        yield f"{len(carried)} records are in no config, and the manifest carries {before.get('carried')} on"
    for name, n in there.items():
        if n > 1:
            yield f"record {name} stands {n} times in the split map"
        if not ID.fullmatch(name or ""):
            yield f"{name!r} in the split map is no id"
    for name, split in split_of(release).items():
        if split not in schema.SPLITS:
            yield f"record {name}: {split!r} in the split map is no split"


def groups(release: Release) -> Found:
    """Groups and clusters have the smallest id in them as name; each group has the split that it was given."""
    members: dict[str, list[Row]] = defaultdict(list)
    names = ("id", "cluster", "group", "source", "creation_method", "helpfulness_kind", "reason", "detail")
    for row in records(release, *names):
        members[row["group"]].append(row)
    clusters: dict[str, str] = {}
    for group, listed in members.items():
        if group != (smallest := min(row["id"] for row in listed)):
            yield f"group {group} is not named by the smallest id in it, {smallest}"
        for row in listed:
            clusters[row["cluster"]] = min(row["id"], clusters.get(row["cluster"], row["id"]))
    for name, smallest in clusters.items():
        if name != smallest:
            yield f"cluster {name} is not named by the smallest id in it, {smallest}"
    where = split_of(release)
    given = release.manifest["builder"]["settings"]["splits"]
    draw = Splits(given["salt"], given["validation"], given["test"]).draw
    published = {row["id"] for row in rows(release, "default", "id")}
    for group, listed in members.items():
        found = {where.get(row["id"]) for row in listed}
        if not found <= {*schema.SPLITS}:
            continue  # the split map is looked at by itself
        its = {where[row["id"]] for row in listed if row["id"] in published}
        strongest = max((where[row["id"]] for row in listed), key=schema.SPLITS.index)
        # A new group is drawn by its name alone; one that was there before may have had another name then.
        if not release.manifest.get("previous"):
            may = [may_be_held_out(release, row) for row in listed]
            drawn = {draw(group)} if any(one for one in may) else {"train"}
            if None in may and True not in may:
                drawn.add(draw(group))
            if found - drawn:
                yield f"group {group} is in {' and '.join(sorted(map(str, found)))}, its name draws {drawn.pop()}"
        elif its - {strongest}:
            yield f"group {group} has records in {strongest}, and its published rows in {' and '.join(its)}"
        for row in listed:
            if row.get("reason") == "held_out_relative":
                yield from _held_out(release, row, str(where[row["id"]]), its)


def _held_out(release: Release, row: Row, split: str, its: set[str]) -> Found:
    told = (row["detail"] or "").removeprefix("group is in ")
    if its and told not in its:
        yield f"row {row['id']}: detail is not the split of its group"
    elif split == told and (split == "train" or may_be_held_out(release, row)):
        yield f"row {row['id']} is no held_out_relative: it is in its group's split and may be"


def may_be_held_out(release: Release, row: Row) -> bool | None:
    """Whether a row may be; None where an earlier release says nothing of its source."""
    if row["creation_method"] not in schema.HUMAN_ORIGIN or row["helpfulness_kind"] == "predicted":
        return False
    may: bool | None = release.manifest["sources"].get(row["source"], {}).get("may_hold_out")
    return may


def split_of(release: Release) -> dict[str, str]:
    """Return record → split, as the split map has it."""
    ids, found = (release.split_map[name].to_pylist() for name in ("id", "split"))
    return dict(zip(ids, found, strict=True))
