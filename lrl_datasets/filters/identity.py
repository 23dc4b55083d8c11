"""Gives every record its `id`, `content_hash` and `annotator`, and marks records whose id came before.

Runs after masking, so no content hash is ever made of unmasked text, and is the last place that sees raw record and
worker ids. What a row is called is said by the row alone (`Names`: 100,000 rows of 100 words a second, one process);
that an id is unique needs the whole corpus, and costs next to nothing.
"""

from __future__ import annotations

import hashlib
import json
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, ClassVar

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
from numpy.typing import NDArray

from lrl_datasets import schema
from lrl_datasets.filters.base import add_column, add_mark
from lrl_datasets.filters.normalise import match_key
from lrl_datasets.pseudonyms import pseudonym


@dataclass(frozen=True)
class Identity:
    """Adds what `Names` adds, each `id` once; marks `duplicate_id`.

    A source without ids has hashes of its content, its n-th identical record a hash of content and n. The second
    record with one id keeps its row under a name of its own, marked.
    """

    name: ClassVar[str] = "identity"
    reasons: ClassVar[tuple[str, ...]] = ("duplicate_id",)

    key: bytes | None = field(repr=False)
    """The pseudonym key; None where no row has a worker or a private id."""

    def __call__(self, table: pa.Table) -> pa.Table:
        """Return `table` with the columns added; those of `Names` are taken as they are where it was called already.

        Raises
        ------
        ValueError
            A row has a worker or a private id, and there is no key.
        """
        if "id" not in table.column_names:
            table = Names(self.key)(table)
        marks: list[str | None] = [None] * table.num_rows
        details: list[str | None] = [None] * table.num_rows
        again = _repeated(table["id"])
        if not len(again):
            return add_mark(table, self.name, marks, details)
        ids, source_ids = table["id"].to_pylist(), table["source_id"].to_pylist()
        seen: Counter[str] = Counter()
        first: dict[str, str] = {}
        for at, row in zip(
            again, table.select([*_NAMING, "content_hash"]).take(again).to_pylist(), strict=True
        ):
            name = ids[at]
            seen[name] += 1
            if seen[name] == 1:
                first[name] = f"file {(row['file_sha256'] or '')[:12]} row {row['row']}"
                continue
            parts = _parts(row["source"], row["record"], row["content_hash"], row["file_sha256"], row["row"])
            ids[at] = schema.digest(*parts, str(seen[name]), key=self.key if row["keyed_id"] else None)
            source_ids[at] = ids[at] if row["keyed_id"] else source_ids[at]
            details[at] = f"{first[name]} came first"
            marks[at] = "duplicate_id" if row["record"] is not None else None
        table = add_column(table, "id", ids, pa.string())
        table = add_column(table, "source_id", source_ids, pa.string())
        return add_mark(table, self.name, marks, details)


@dataclass(frozen=True)
class Names:
    """Adds `id`, `source_id`, `content_hash`, `annotator`, and `prompt_key`, by which equal prompts are found.

    `id` is a hash of the source's name and the record's own id there, keyed where that id is private (a
    campaign's; its `source_id` is then the `id`), of its content where the source has no ids. A record that could not
    be read is named by its file's hash and its row.
    """

    key: bytes | None = field(repr=False)

    name: ClassVar[str] = "names"

    def __call__(self, table: pa.Table) -> pa.Table:
        """Return `table` with the columns added.

        Raises
        ------
        ValueError
            A row has a worker or a private id, and there is no key.
        """
        columns = (table[name].to_pylist() for name in _NAMING)
        ids, source_ids, hashes, annotators, prompts = [], [], [], [], []
        people: dict[tuple[str, str], str] = {}
        for turns, source, record, worker, keyed, file, row in zip(_turns(table), *columns, strict=True):
            if (keyed or worker) and self.key is None:
                raise ValueError(f"source {source!r} has private ids and there is no pseudonym key")
            content = None if turns is None else _hash_of_turns(turns)
            parts = _parts(source, record, content, file, row)
            identity = schema.digest(*parts, key=self.key if keyed else None)
            if worker and self.key and (source, worker) not in people:
                people[source, worker] = pseudonym(source, worker, self.key)
            ids.append(identity)
            source_ids.append(identity if keyed else record)
            hashes.append(content)
            annotators.append(people[source, worker] if worker else None)
            prompts.append(hashed_prompt("\n".join(told or "" for _, told in turns[:-1]) if turns else ""))
        text = pa.string()
        added: list[tuple[str, Sequence[object], pa.DataType]] = [
            ("id", ids, text), ("source_id", source_ids, text), ("content_hash", hashes, text),
            ("annotator", annotators, text), ("prompt_key", prompts, PROMPT_KEY),
        ]  # fmt: skip
        for name, values, kind in added:
            table = add_column(table, name, values, kind)
        return table


def content_hash(messages: Sequence[Mapping[str, str | None]] | None) -> str | None:
    """Return the hash of normalised, masked messages: 32 hex digits, null for null."""
    if messages is None:
        return None
    turns = [[turn["role"], turn["content"]] for turn in messages]
    return schema.digest(json.dumps(turns, ensure_ascii=False), length=32)


PROMPT_KEY = pa.binary(16)


def prompt_keys(table: pa.Table) -> pa.Array:
    """Return the `prompt_key` that `Names` gives each row."""
    prompts = ("\n".join(told or "" for _, told in turns[:-1]) if turns else "" for turns in _turns(table))
    return pa.array([hashed_prompt(prompt) for prompt in prompts], PROMPT_KEY)


def hashed_prompt(prompt: str) -> bytes | None:
    """Return the hash of what comes before the last answer, normalised for comparison; null where that is nothing."""
    key = match_key(prompt)
    return hashlib.sha256(key.encode()).digest()[:16] if key else None


_NAMING = ("source", "record", "worker", "keyed_id", "file_sha256", "row")


def _parts(
    source: str, record: str | None, content: str | None, file: Any, row: int | None
) -> tuple[str, ...]:
    """Return what names a record: its own id, else its content, else where it stands."""
    if record is not None:
        return source, record
    return (source, "content", content) if content is not None else (source, "row", file, str(row))


def _turns(table: pa.Table) -> Iterator[list[tuple[str, str | None]] | None]:
    """Yield each row's turns as (role, content), None where it is unreadable."""
    for messages in table["messages"].chunks:
        turns = messages.flatten()
        told = (pc.struct_field(turns, name).to_pylist() for name in ("role", "content"))
        listed = list(zip(*told, strict=True))
        at = 0
        for length in pc.list_value_length(messages).to_pylist():
            yield None if length is None else listed[at : at + length]
            at += length or 0


def _hash_of_turns(turns: Sequence[tuple[str, str | None]]) -> str | None:
    """Return `content_hash` of the turns, five times as fast for texts without control characters."""
    parts = []
    for role, content in turns:
        if content is None or not (role + content.replace("\n", "")).isprintable() or not role.isalpha():
            return content_hash([{"role": role, "content": content} for role, content in turns])
        # Written as JSON twice: a quote is \" and then \\\", a backslash \\\\, a line break \\n.
        quoted = content.replace("\\", r"\\\\").replace('"', r"\\\"").replace("\n", r"\\n")
        parts.append(rf"[\"{role}\", \"{quoted}\"]")
    return hashlib.sha256(f'["[{", ".join(parts)}]"]'.encode()).hexdigest()[:32]


def _repeated(ids: pa.ChunkedArray) -> NDArray[np.int64]:
    """Return the positions of the ids that are there more than once, in order."""
    codes = np.asarray(ids.combine_chunks().dictionary_encode().indices)
    return np.flatnonzero(np.bincount(codes)[codes] > 1) if len(codes) else codes
