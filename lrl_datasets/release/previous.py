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

from collections.abc import Collection, Mapping
from dataclasses import dataclass, field, replace
from functools import cached_property
from pathlib import Path
from typing import Any

import pyarrow as pa

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

        Where it does, the text itself decides (`crowd.quality`). Elsewhere a vote that the previous release had on
        an answer whose text is another now was given to the old one, and stays so in every later release.

        Parameters
        ----------
        judged
            Decided judgements, with `text`.
        rows
            Every record read, with `id` and `messages`.
        """
        votes = self.release.rows("annotations")
        if votes is None:
            return judged
        answers = {row["id"]: row["messages"][-1]["content"] for row in self.records if row["messages"]}
        now = rows.select(["id", "messages"]).to_pylist()
        edited = {
            row["id"]
            for row in now
            if row["messages"]
            and row["messages"][-1]["content"] != answers.get(row["id"], row["messages"][-1]["content"])
        }
        outdated = {
            (vote["answer_id"], vote["question"], vote["worker"])
            for vote in votes.select(["answer_id", "question", "worker", "reason"]).to_pylist()
            if vote["answer_id"] in edited or vote["reason"] == "text_changed"
        }
        columns = judged.select(["answer_id", "question", "worker", "text", "reason"]).to_pylist()
        reasons = [
            "text_changed"
            if row["reason"] is None
            and row["text"] is None
            and (row["answer_id"], row["question"], row["worker"]) in outdated
            else row["reason"]
            for row in columns
        ]
        judged = add_column(judged, "reason", reasons, pa.string())
        return add_column(judged, "counted", [reason is None for reason in reasons], pa.bool_())


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
    old, new = Identity(old_key)(rows), Identity(key)(rows)
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
    """Return `id` → `split` of every record read, and of the earlier ones that were not read this time.

    A record that comes back must find its old split. The withdrawn ones are in no split map.
    """
    splits = dict(zip(rows["id"].to_pylist(), rows["split"].to_pylist(), strict=True))
    if previous is not None:
        splits = {name: split for name, split in previous.splits.items() if name not in withdrawn} | splits
    return pa.table(
        {"id": pa.array(list(splits), pa.string()), "split": pa.array(list(splits.values()), pa.string())}
    )
