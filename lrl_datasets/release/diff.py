"""What changed between two releases, row by row.

Takes two `locations.Release`s (from folders, from the Hub, or from a build before it is written), gives a `Diff`.
Rows are matched by `id`, in every config. A row's content is its text; everything else is metadata, and a change
of `source_revision` or `batch` (the export) alone is only counted, since a source that moves on changes it in every
row. Rows keep their split for ever, so one that moved is always an error, and who was withdrawn never comes back.
"""

from __future__ import annotations

import json
from collections import Counter, defaultdict
from collections.abc import Mapping
from typing import Any

import pyarrow as pa
import pyarrow.compute as pc

from lrl_datasets import schema
from lrl_datasets.release.changes import Changes, Crossed, Diff
from lrl_datasets.release.consequences import consequences, names_of, returned
from lrl_datasets.release.locations import Release
from lrl_datasets.release.renamed import keys_differ, rename
from lrl_datasets.release.schema_changes import schema_changes
from lrl_datasets.release.withdrawal import recognised

CONTENT = frozenset({"messages", "content_hash", "chosen", "rejected"})
"""The columns whose change is a change of text."""
_REVISION = frozenset({"source_revision", "batch"})
"""The columns that say from which state of its source a row was read."""
_NOT_COMPARED = frozenset({"version", "files", "configs", "previous", "changelog", "withdrawn"})
"""Keys of the manifest that differ between any two versions, or are compared as rows."""


def compare(before: Release, after: Release, renamed: Mapping[str, str] | None = None) -> Diff:
    """Compare two releases.

    Parameters
    ----------
    before, after
        The older and the newer one.
    renamed
        Old → new id and pseudonym where the pseudonym key changed (`--rekey`): the older release is read as if
        it had been made with the new key.
    """
    untranslated = not renamed and keys_differ(before, after)
    if renamed:
        before = rename(before, renamed)
    withdrawn = recognised(after.manifest, names_of(before))
    configs, moved, counts = {}, _moved(before, after), {}
    for config in schema.CONFIGS:
        old, new = _keyed(before, config), _keyed(after, config)
        if old.num_rows or new.num_rows:
            configs[config] = _changes(old, new, withdrawn)
            if config in ("default", "preference"):
                moved |= _moved_rows(old, new)
        if config == "default":
            counts = _counts(old, new, configs.get(config, Changes()))
    crossed = _crossed(before, after)
    facts = _facts(before.manifest, after.manifest)
    return Diff(
        before=_named(before),
        after=_named(after),
        schema=schema_changes(before, after),
        configs=configs,
        crossed=crossed,
        moved=moved,
        counts=counts,
        withdrawn=sorted(withdrawn),
        returned=sorted(returned(before, after, renamed or {})),
        consequences=consequences(before, configs, crossed, withdrawn, facts),
        facts=facts,
        untranslated=untranslated,
    )


# ---- rows -----------------------------------------------------------------------------------------------


def _keyed(release: Release, config: str) -> pa.Table:
    """Return a config's rows with an `id`, where the contract has none as well."""
    table = release.rows(config)
    if table is None:
        return pa.table({"id": pa.array([], pa.string()), "split": pa.array([], pa.string())})
    if config != "annotations":
        return table
    # A judgement has no id: equal ones are told apart by number, in the order of all their columns, so that a
    # re-export in another order changes nothing but `batch`.
    key = ("answer_id", "question", "worker", "label", "golden")
    flat = [name for name in table.column_names if not pa.types.is_nested(table.schema.field(name).type)]
    table = table.sort_by([(name, "ascending") for name in flat])
    seen: Counter[tuple[str, ...]] = Counter()
    ids = []
    beside = table["other_id"].to_pylist() if "other_id" in table.column_names else [None] * table.num_rows
    for row, other in zip(table.select(key).to_pylist(), beside, strict=True):
        parts = tuple("" if row[name] is None else f"={row[name]}" for name in key)
        parts += (f"={other}",) if other is not None else ()
        seen[parts] += 1
        ids.append(schema.digest("judgement", *parts, str(seen[parts])))
    return table.append_column("id", pa.array(ids, pa.string()))


def _changes(old: pa.Table, new: pa.Table, withdrawn: set[str]) -> Changes:
    found = Changes(before=old.num_rows, after=new.num_rows)
    found.added = new.filter(pc.invert(pc.is_in(new["id"], old["id"])))["id"].to_pylist()
    gone = old.filter(pc.invert(pc.is_in(old["id"], new["id"])))
    named = [
        name
        for name in ("id", "annotator", "chosen_id", "rejected_id", "answer_id", "other_id", "worker")
        if name in gone.column_names
    ]
    for row in gone.select(named).to_pylist():
        asked = not withdrawn.isdisjoint(row.values())
        (found.withdrawn if asked else found.removed).append(row["id"])

    old, new = _shared(old, new)
    ids = new["id"].to_pylist()
    fields: dict[str, list[str]] = defaultdict(list)
    for name in new.column_names:
        if name in old.column_names and name not in ("id", "split"):
            for identity, differs in zip(ids, _differ(old[name], new[name]), strict=True):
                if differs:
                    fields[identity].append(name)
    for identity, names in fields.items():
        if not CONTENT.isdisjoint(names):
            found.content[identity] = names
        elif told := [name for name in names if name not in _REVISION]:
            found.metadata[identity] = told
        else:
            found.revision_only += 1
    for listed in (found.added, found.removed, found.withdrawn):
        listed.sort()
    found.content, found.metadata = dict(sorted(found.content.items())), dict(sorted(found.metadata.items()))
    return found


def _crossed(before: Release, after: Release) -> dict[str, Crossed]:
    found = {}
    for there, here in (("default", "rejected"), ("rejected", "default")):
        old, new = _shared(_keyed(before, there), _keyed(after, here))
        refused = new if here == "rejected" else old
        if not refused.num_rows:
            continue
        names = [
            name for name in new.column_names if name in old.column_names and name not in ("id", "split")
        ]
        differ = {name: _differ(old[name], new[name]) for name in names}
        for at, (name, reason) in enumerate(
            zip(refused["id"].to_pylist(), refused["reason"].to_pylist(), strict=True)
        ):
            found[name] = Crossed(there, here, str(reason), [one for one in names if differ[one][at]])
    return dict(sorted(found.items()))


def _shared(old: pa.Table, new: pa.Table) -> tuple[pa.Table, pa.Table]:
    """Return the rows that both tables have, in the same order."""
    at = pc.index_in(new["id"].combine_chunks(), value_set=old["id"].combine_chunks())
    return old.take(at.drop_null()), new.filter(at.is_valid())


def _differ(old: pa.ChunkedArray, new: pa.ChunkedArray) -> list[bool]:
    if old.type != new.type or pa.types.is_nested(new.type):
        return [x != y for x, y in zip(old.to_pylist(), new.to_pylist(), strict=True)]
    same = pc.fill_null(pc.equal(old, new), False)
    both_null = pc.and_(pc.is_null(old), pc.is_null(new))
    differs: list[bool] = pc.invert(pc.or_(same, both_null)).to_pylist()
    return differs


def _moved(before: Release, after: Release) -> dict[str, tuple[str, str]]:
    return _moved_rows(before.split_map, after.split_map)


def _moved_rows(old: pa.Table, new: pa.Table) -> dict[str, tuple[str, str]]:
    old, new = _shared(old, new)
    rows = zip(new["id"].to_pylist(), old["split"].to_pylist(), new["split"].to_pylist(), strict=True)
    return {identity: (was, now) for identity, was, now in rows if was != now}


def _counts(old: pa.Table, new: pa.Table, changes: Changes) -> dict[str, dict[str, dict[str, int]]]:
    counts: dict[str, dict[str, dict[str, int]]] = {}
    kinds = {
        "added": changes.added, "removed": changes.removed, "withdrawn": changes.withdrawn,
        "content": changes.content, "metadata": changes.metadata,
    }  # fmt: skip
    what = {identity: kind for kind, ids in kinds.items() for identity in ids}
    for when, table in (("before", old), ("after", new)):
        names = [name for name in ("id", "source", "language") if name in table.column_names]
        for row in table.select(names).to_pylist():
            by_language = counts.setdefault(str(row["source"]), {})
            counter = by_language.setdefault(
                str(row["language"]), dict.fromkeys(("before", "after", *kinds), 0)
            )
            counter[when] += 1
            kind = what.get(row["id"])
            if kind is not None and (when == "before") == (kind in ("removed", "withdrawn")):
                counter[kind] += 1
    return {source: dict(sorted(languages.items())) for source, languages in sorted(counts.items())}


# ---- manifest -------------------------------------------------------------------------------------------


def _facts(old: Mapping[str, Any], new: Mapping[str, Any]) -> list[str]:
    """Name what differs; of tools and settings, which value and how."""
    found = []
    for name in sorted((old.keys() | new.keys()) - _NOT_COMPARED):
        was, now = old.get(name), new.get(name)
        if was == now:
            continue
        if name in ("builder", "language", "tools"):
            found += _leaves(name, was, now)
        elif name == "sources" and isinstance(was, dict) and isinstance(now, dict):
            found += [
                f"{name}.{one}" for one in sorted(was.keys() | now.keys()) if was.get(one) != now.get(one)
            ]
        else:
            found.append(name)
    return found


def _leaves(name: str, was: object, now: object) -> list[str]:
    if was == now:
        return []
    if isinstance(was, dict) and isinstance(now, dict):
        keys = sorted(was.keys() | now.keys())
        return [leaf for key in keys for leaf in _leaves(f"{name}.{key}", was.get(key), now.get(key))]
    if name.endswith("sha256"):
        return [name]
    return [f"{name}: {json.dumps(was, ensure_ascii=False)} → {json.dumps(now, ensure_ascii=False)}"]


def _named(release: Release) -> dict[str, str]:
    key = release.manifest.get("pseudonym_key") or ""
    return {name: str(release.manifest[name]) for name in ("repository", "version")} | {"pseudonym_key": key}
