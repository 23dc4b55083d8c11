"""What changed between two releases, row by row.

Takes two `locations.Release`s (from folders, from the Hub, or from a build before it is written), gives a `Diff`.
Rows are matched by `id`, in every config. A row's content is its text; everything else is metadata, and a change
of `source_revision` or `batch` (the export) alone is only counted, since a source that moves on changes it in every
row. Rows keep their split for ever, so one that moved is always an error, and who was withdrawn never comes back.
"""

from __future__ import annotations

import json
import re
from collections import Counter, defaultdict
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

import pyarrow as pa
import pyarrow.compute as pc

from lrl_datasets import schema
from lrl_datasets.release.locations import Release
from lrl_datasets.release.renamed import keys_differ, rename
from lrl_datasets.release.schema_changes import SchemaChange, schema_changes
from lrl_datasets.release.withdrawal import recognised

CONTENT = frozenset({"messages", "content_hash", "chosen", "rejected"})
"""The columns whose change is a change of text."""
_REVISION = frozenset({"source_revision", "batch"})
"""The columns that say from which state of its source a row was read."""
_NOT_COMPARED = frozenset({"version", "files", "configs", "previous", "changelog", "withdrawn"})
"""Keys of the manifest that differ between any two versions, or are compared as rows."""


@dataclass
class Changes:
    """What changed in the rows of one config, by id."""

    before: int = 0
    after: int = 0
    added: list[str] = field(default_factory=list)
    removed: list[str] = field(default_factory=list)
    """Without the withdrawn ones."""
    withdrawn: list[str] = field(default_factory=list)
    """Rows that somebody asked to be removed, and what depends on them (their votes and pairs)."""
    content: dict[str, list[str]] = field(default_factory=dict)
    """Id → the columns that changed, of rows whose text did."""
    metadata: dict[str, list[str]] = field(default_factory=dict)
    """Id → the columns that changed, of the other rows."""
    revision_only: int = 0


@dataclass(frozen=True)
class Crossed:
    """A record that was published and is refused now, or the other way round: `removed` here, `added` there."""

    before: str
    """Its config in the older release, `default` or `rejected`."""
    after: str
    reason: str
    """Why it is refused now, or was then."""
    fields: list[str]
    """The columns that changed; its text did where `content_hash` is among them."""


@dataclass
class Diff:
    """Everything that changed from one release to the next."""

    before: dict[str, str]
    """`repository`, `version` and `pseudonym_key` (its fingerprint)."""
    after: dict[str, str]
    schema: list[SchemaChange]
    configs: dict[str, Changes]
    crossed: dict[str, Crossed]
    """Id → what became of it."""
    moved: dict[str, tuple[str, str]]
    """Id → its split before and after, in whichever config: an error."""
    counts: dict[str, dict[str, dict[str, int]]]
    """Source → language → what changed in `default`."""
    withdrawn: list[str]
    """Ids and pseudonyms that this version is the first to leave out on request."""
    returned: list[str]
    """Ids and pseudonyms that the older release left out on request and this one has again: an error."""
    consequences: dict[str, str]
    """Id → what happened to a row or pair because of a withdrawal: a relative or a vote of it went. Where nothing but
    the withdrawal changed any input, that is everything: the posteriors are computed anew."""
    facts: list[str]
    """What differs in the manifest besides: tools and settings with their values, inputs and counts by name."""
    untranslated: bool = False
    """The pseudonym key is another and nobody gave the translation: the same record has two names."""

    @property
    def errors(self) -> list[str]:
        """What may never happen between two releases, a sentence each."""
        found = [f"row {name} moved from {old} to {new}" for name, (old, new) in sorted(self.moved.items())]
        found += [f"{_kind(name)} {name} was withdrawn and is back" for name in self.returned]
        if self.before["repository"] != self.after["repository"]:
            found.insert(0, f"two datasets: {self.before['repository']} and {self.after['repository']}")
        return found


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
    withdrawn = recognised(after.manifest, _names(before))
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
        returned=sorted(_returned(before, after, renamed or {})),
        consequences=_consequences(before, configs, crossed, withdrawn, facts),
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
    for row in table.select(key).to_pylist():
        parts = tuple("" if row[name] is None else f"={row[name]}" for name in key)
        seen[parts] += 1
        ids.append(schema.digest("judgement", *parts, str(seen[parts])))
    return table.append_column("id", pa.array(ids, pa.string()))


def _changes(old: pa.Table, new: pa.Table, withdrawn: set[str]) -> Changes:
    found = Changes(before=old.num_rows, after=new.num_rows)
    found.added = new.filter(pc.invert(pc.is_in(new["id"], old["id"])))["id"].to_pylist()
    gone = old.filter(pc.invert(pc.is_in(old["id"], new["id"])))
    named = [
        name
        for name in ("id", "annotator", "chosen_id", "rejected_id", "answer_id", "worker")
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


# ---- withdrawals ----------------------------------------------------------------------------------------


def _names(release: Release) -> set[str]:
    """Return every id and pseudonym of a release: among them its successor's manifest knows who left, by hash."""
    tables = [(release.split_map, "id")]
    columns = (("default", "annotator"), ("rejected", "annotator"), ("annotations", "worker"))
    tables += [(table, column) for config, column in columns if (table := release.rows(config)) is not None]
    return {name for table, column in tables for name in table[column].to_pylist() if name is not None}


def _returned(before: Release, after: Release, renamed: Mapping[str, str]) -> set[str]:
    """Return the names in `after` that `before`'s manifest, made with its own key, says were withdrawn."""
    old = {name: name for name in _names(after)}
    old |= {new: was for was, new in renamed.items() if new in old}
    known = recognised(before.manifest, {*old, *old.values()})
    return {name for name, was in old.items() if not known.isdisjoint((name, was))}


def _kind(name: str) -> str:
    return "row" if len(name) == 24 else "annotator"  # as `withdrawn.txt` has them


def _consequences(
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
    pairs = {
        pair["id"]
        for pair in _keyed(before, "preference").select(_there(before, "preference")).to_pylist()
        if not touched.isdisjoint(pair.values())
    }
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
        touched |= set(votes.filter(pc.and_(asked, votes["counted"]))["answer_id"].to_pylist())
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


def _there(release: Release, config: str) -> list[str]:
    table = _keyed(release, config)
    return [name for name in ("id", "chosen_id", "rejected_id") if name in table.column_names]


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
