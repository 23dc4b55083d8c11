"""Gives every record its `id`, `content_hash` and `annotator`, and marks records whose id came before.

Needs the whole corpus, to see that an id is unique. It runs after masking, so no content hash is ever made of
unmasked text, and it is the last place that sees raw record and worker ids.
"""

from __future__ import annotations

import json
from collections import Counter
from dataclasses import dataclass, field
from typing import ClassVar

import pyarrow as pa

from lrl_datasets import schema
from lrl_datasets.filters.base import add_column, add_mark
from lrl_datasets.pseudonyms import pseudonym


@dataclass(frozen=True)
class Identity:
    """Adds `id`, `source_id`, `content_hash` and `annotator`; marks `duplicate_id`.

    `id` is a hash of the source's name and the record's own id there, keyed where that id is private (a
    campaign's; its `source_id` is then the `id`). A source without ids has hashes of its content, its n-th
    identical record a hash of content and n. A record that could not be read is named by its file's hash and
    its row. The second record with one id keeps its row under a name of its own, marked.
    """

    name: ClassVar[str] = "identity"
    reasons: ClassVar[tuple[str, ...]] = ("duplicate_id",)

    key: bytes | None = field(repr=False)
    """The pseudonym key; None where no row has a worker or a private id."""

    def __call__(self, table: pa.Table) -> pa.Table:
        """Return `table` with the columns added.

        Raises
        ------
        ValueError
            A row has a worker or a private id, and there is no key.
        """
        names = ["source", "record", "worker", "keyed_id", "file_sha256", "row", "messages"]
        first: dict[tuple[str, ...], str] = {}
        seen: Counter[tuple[str | None, ...]] = Counter()
        ids, source_ids, hashes, annotators, marks, details = [], [], [], [], [], []
        for row in table.select(names).to_pylist():
            content = content_hash(row["messages"])
            key = self.key if row["keyed_id"] else None
            if (row["keyed_id"] and key is None) or (row["worker"] and self.key is None):
                raise ValueError(f"source {row['source']!r} has private ids and there is no pseudonym key")
            parts: tuple[str, ...]
            if row["record"] is not None:
                parts = (row["source"], row["record"])
            elif content is not None:
                parts = (row["source"], "content", content)
            else:
                parts = (row["source"], "row", row["file_sha256"], str(row["row"]))
            seen[parts] += 1
            again = () if seen[parts] == 1 else (str(seen[parts]),)
            identity = schema.digest(*parts, *again, key=key)
            ids.append(identity)
            source_ids.append(identity if row["keyed_id"] else row["record"])
            hashes.append(content)
            annotators.append(
                pseudonym(row["source"], row["worker"], self.key) if row["worker"] and self.key else None
            )
            here = f"file {(row['file_sha256'] or '')[:12]} row {row['row']}"
            details.append(f"{first[parts]} came first" if again else None)
            first.setdefault(parts, here)
            marks.append("duplicate_id" if again and row["record"] is not None else None)
        for name, values in (
            ("id", ids),
            ("source_id", source_ids),
            ("content_hash", hashes),
            ("annotator", annotators),
        ):
            table = add_column(table, name, values, pa.string())
        return add_mark(table, self.name, marks, details)


def content_hash(messages: list[dict[str, str]] | None) -> str | None:
    """Return the hash of normalised, masked messages: 32 hex digits, null for null."""
    if messages is None:
        return None
    turns = [[turn["role"], turn["content"]] for turn in messages]
    return schema.digest(json.dumps(turns, ensure_ascii=False), length=32)
