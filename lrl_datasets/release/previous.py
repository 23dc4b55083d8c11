"""The previous release as an input of the next one: which split every record has, what was published, whose key.

Takes a release folder or `namespace/name@v1.0.0`, gives a `Previous` in the names of this build. Its split map is
carried on: also for records that are not read this time, so that one that comes back finds its old split.

Where the pseudonym key changed (`--rekey`), `translation` names every record and worker under both keys and the
whole previous release is read in the new names. What still depends on the old key then is kept by `Previous.old`:
a new group is drawn, and a tie in a cluster is broken, as the old key would have it. From the next release on the
new key's ids do that; nothing that was ever read is drawn again. Only what such a build does not read is lost to it:
nobody can say its new name, so it stays in the split map under the old one and would come back as a new record.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Collection, Mapping
from dataclasses import dataclass, field, replace
from functools import cached_property
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.compute as pc

from lrl_datasets import pseudonyms, schema
from lrl_datasets.errors import LrlError
from lrl_datasets.filters.base import add_column
from lrl_datasets.filters.identity import Identity
from lrl_datasets.release import locations, manifest
from lrl_datasets.release.locations import Release
from lrl_datasets.release.renamed import rename
from lrl_datasets.sources.base import SourceTables


@dataclass(frozen=True)
class Previous:
    """A release that the next one is built on."""

    release: Release
    """In the names of this build: translated where the key changed."""
    manifest_sha256: str
    old: Mapping[str, str] = field(default_factory=dict)
    """Name in this build → name under the previous release's key, where they differ."""

    @cached_property
    def splits(self) -> dict[str, str]:
        """Every record that was ever read (and is not withdrawn) → its split."""
        table = self.release.split_map
        return dict(zip(table["id"].to_pylist(), table["split"].to_pylist(), strict=True))

    @cached_property
    def content_hashes(self) -> dict[str, str]:
        """Record → the hash of its text when it was read last; without those that could not be read."""
        table = self.release.split_map
        if "content_hash" not in table.column_names:
            return {}
        pairs = zip(table["id"].to_pylist(), table["content_hash"].to_pylist(), strict=True)
        return {name: text for name, text in pairs if text is not None}

    @cached_property
    def published(self) -> dict[str, str]:
        """Every row of config `default` → its split."""
        table = self.release.rows("default")
        return (
            {}
            if table is None
            else dict(zip(table["id"].to_pylist(), table["split"].to_pylist(), strict=True))
        )

    @cached_property
    def records(self) -> list[dict[str, Any]]:
        """`id`, `content_hash`, `annotator`, `cluster` and `messages` of every row, published or refused."""
        columns = ["id", "content_hash", "annotator", "cluster", "messages"]
        tables = [self.release.rows(config) for config in ("default", "rejected")]
        return [row for table in tables if table is not None for row in table.select(columns).to_pylist()]

    def not_read(self, ids: pa.ChunkedArray) -> pa.Table:
        """Return `id`, `messages` and `lineage` of the published rows that are not among those read now."""
        table = self.release.rows("default")
        if table is None:
            table = schema.SFT.empty_table()
        gone = table.select(["id", "messages", "lineage"]).filter(
            pc.invert(pc.is_in(table["id"], ids.combine_chunks()))
        )
        return gone.cast(pa.schema([(name, schema.SFT.field(name).type) for name in gone.column_names]))

    def drawn_as(self, name: str) -> str:
        """Return the name that draws and ties use: as if the key had stayed."""
        return self.old.get(name, name)

    def renamed(self, names: Mapping[str, str]) -> Previous:
        """Return the release in new names (`translation`)."""
        return replace(
            self, release=rename(self.release, names), old={new: name for name, new in names.items()}
        )

    @property
    def fingerprint(self) -> str | None:
        """Of the pseudonym key; None where nothing had a private id."""
        return self.release.manifest.get("pseudonym_key")

    def described(self, carried: int) -> dict[str, Any]:
        """Return what the manifest says of it, the same from a folder and from the Hub.

        `carried` is how many records stand in the new split map only because they stood in the old one.
        """
        return {
            "version": self.release.manifest["version"],
            "manifest_sha256": self.manifest_sha256,
            "carried": carried,
        }

    def lies_at(self, place: Path) -> bool:
        """Whether it is the very folder `place`: built over it, the release could not be built again."""
        folder = self.release.folder
        return folder is not None and folder.resolve() == place.resolve()

    def check_key(self, key: bytes, old_key: bytes | None) -> None:
        """Refuse a pseudonym key that would give everybody a new name unnoticed.

        Raises
        ------
        LrlError
            `key` is not the previous release's and no `old_key` is given; the old key is not the previous
            release's; or both are the same.
        """
        was, now = self.fingerprint, pseudonyms.fingerprint(key)
        if old_key is None:
            if was not in (None, now):
                raise LrlError(
                    f"the pseudonym key (fingerprint {now}) is not the previous release's ({was}): every person and "
                    "answer would get a new name. Use that key, or translate with --rekey OLDKEYFILE"
                )
        elif pseudonyms.fingerprint(old_key) != was:
            raise LrlError(
                f"--rekey: the old key (fingerprint {pseudonyms.fingerprint(old_key)}) is not the previous "
                f"release's ({was})"
            )
        elif was == now:
            raise LrlError("--rekey: the pseudonym key is still the previous release's; leave --rekey out")

    def without_votes_on_old_texts(self, judged: pa.Table, rows: pa.Table) -> pa.Table:
        """Let the votes on an edited answer's old text not count where the pool does not carry the text.

        Where it does, the text itself decides (`crowd.quality`). Elsewhere the votes that the previous release had on
        an answer whose text is another now were given to the old one, and stay so in every later release, also where
        the answer was not read in between. What the same worker voted since then is a vote on the new text.

        Parameters
        ----------
        judged
            Decided judgements, with `text`.
        rows
            Every record read, with `id`, `messages` and `content_hash`.
        """
        votes = self.release.rows("annotations")
        if votes is None:
            return judged
        edited = self._edited(rows)
        columns = ["answer_id", "other_id", "question", "worker", "label", "reason"]
        there = [name for name in columns if name in votes.column_names]  # other_id came with comparisons
        old = Counter(
            _vote(vote)
            for vote in votes.select(there).to_pylist()
            if not edited.isdisjoint((vote["answer_id"], vote.get("other_id")))
            or vote["reason"] == "text_changed"
        )
        listed = judged.select([*columns, "text", "other_text"]).to_pylist()
        reasons = [vote["reason"] for vote in listed]
        unseen = [
            vote["text"] is None or (vote["other_id"] is not None and vote["other_text"] is None)
            for vote in listed
        ]
        # A second vote is a repeated one only where the first one counts: which that is, is found anew.
        open_votes = [
            at
            for at, vote in enumerate(listed)
            if unseen[at] and vote["reason"] in (None, "repeated_vote", "unknown_answer")
        ]
        counted = {
            _vote(vote)[:-1] for at, vote in enumerate(listed) if not unseen[at] and vote["reason"] is None
        }
        for at in sorted(open_votes, key=lambda at: (listed[at]["label"] or "", at)):
            name = _vote(listed[at])
            if old[name] > 0:
                old[name] -= 1
                reasons[at] = "text_changed"
            elif reasons[at] != "unknown_answer":
                reasons[at] = "repeated_vote" if name[:-1] in counted else None
                counted.add(name[:-1])
        judged = add_column(judged, "reason", reasons, pa.string())
        return add_column(judged, "counted", [reason is None for reason in reasons], pa.bool_())

    def _edited(self, rows: pa.Table) -> set[str]:
        """Return the ids of the records whose answer is another than the one that was read last."""
        answers = {row["id"]: row["messages"][-1]["content"] for row in self.records if row["messages"]}
        hashes = self.content_hashes
        return {
            row["id"]
            for row in rows.select(["id", "messages", "content_hash"]).to_pylist()
            if row["messages"]
            and (
                row["messages"][-1]["content"] != answers[row["id"]]
                if row["id"] in answers
                else row["content_hash"] != hashes.get(row["id"], row["content_hash"])
            )
        }


def _vote(row: Mapping[str, Any]) -> tuple[str, ...]:
    return row["answer_id"], row.get("other_id") or "", row["question"], row["worker"], row["label"]


def load(where: str | Path, repository: str, salt: str) -> Previous:
    """Read and check the previous release.

    Parameters
    ----------
    where
        A release folder, or `namespace/name@v1.0.0` on the Hub at `HF_ENDPOINT`.
    repository, salt
        The builder's: a release of another dataset is no previous one, and the salt is a constant.

    Raises
    ------
    LrlError
        It cannot be read, a file is not what its manifest says, or it is another dataset's.
    """
    folder = locations.locate(where)
    content = locations.read_manifest(folder)
    if content["repository"] != repository:
        raise LrlError(f"--previous {where}: a release of {content['repository']}, not of {repository}")
    if content["builder"]["settings"]["splits"]["salt"] != salt:
        raise LrlError(
            f"--previous {where}: drawn with another salt than the builder's; the salt is a constant of the dataset"
        )
    for name, entry in content["files"].items():
        if name.endswith(".parquet"):
            if not (folder / name).is_file():
                raise LrlError(f"{folder / name}: the manifest names it and it is not there")
            if manifest.file_entry(folder / name)["sha256"] != entry["sha256"]:
                raise LrlError(
                    f"{folder / name}: changed since the build (SHA-256 differs from the manifest)"
                )
    release = locations.read(folder)
    unknown = set(release.split_map["split"].to_pylist()) - set(schema.SPLITS)
    if unknown:
        raise LrlError(f"{folder / locations.SPLIT_MAP}: column split: {sorted(unknown)[0]!r} is no split")
    return Previous(release, manifest.file_entry(folder / manifest.NAME)["sha256"])


def translation(
    rows: pa.Table, read: Mapping[str, SourceTables], old_key: bytes, key: bytes
) -> dict[str, str]:
    """Return old → new name of everything read whose name depends on the pseudonym key.

    Parameters
    ----------
    rows
        Every record, normalised and masked.
    read
        What the sources yielded, for the workers who only judged.
    old_key, key
        The previous release's and this one's.
    """
    unnamed = rows.drop_columns([name for name in ("id",) if name in rows.column_names])
    old, new = Identity(old_key)(unnamed), Identity(key)(unnamed)
    names = {
        was: now
        for column in ("id", "annotator")
        for was, now in zip(old[column].to_pylist(), new[column].to_pylist(), strict=True)
        if was != now
    }
    for source, tables in read.items():
        for worker in set(tables.judgements["worker"].to_pylist()) - {None, ""}:
            names[pseudonyms.pseudonym(source, worker, old_key)] = pseudonyms.pseudonym(source, worker, key)
    return names


def split_map(rows: pa.Table, previous: Previous | None, withdrawn: Collection[str]) -> pa.Table:
    """Return `id`, `split` and `content_hash` of every record read, and of the earlier ones not read this time.

    A record that comes back must find its old split, and show whether its text is still the one that was judged. The
    withdrawn ones are in no split map.
    """
    found = rows.select(schema.SPLIT_MAP.names).cast(schema.SPLIT_MAP)
    if previous is None:
        return found
    read = set(rows["id"].to_pylist())
    earlier = [
        {"id": name, "split": split, "content_hash": previous.content_hashes.get(name)}
        for name, split in previous.splits.items()
        if name not in withdrawn and name not in read
    ]
    return pa.concat_tables([found, pa.Table.from_pylist(earlier, schema=schema.SPLIT_MAP)])
