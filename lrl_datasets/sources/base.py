"""What every source promises.

A source reads one format and yields two Arrow tables: `candidates` (`schema.CANDIDATE`) and, from a campaign,
`judgements` (`schema.JUDGEMENT`). A record it cannot read is not skipped: it becomes a row with
`mark.source = "unreadable"` and a `detail` that names the column, never a raw cell. A file it cannot read at
all (missing, empty, without a required column) is an `LrlError` that names the file and the column.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any, Protocol

import pyarrow as pa


@dataclass(frozen=True)
class InputFile:
    """One file that a source read, as the manifest names it."""

    name: str
    sha256: str
    """Of its bytes; of a campaign's export: of its columns and records, in any order (`records.in_any_order`)."""
    size: int
    records: int
    """Records the file holds, readable or not."""


@dataclass(frozen=True)
class SourceTables:
    """What a source yields."""

    candidates: pa.Table
    judgements: pa.Table
    inputs: list[InputFile]
    left_out: dict[str, int] = field(default_factory=dict)
    """Records outside the builder's selection, counted: `{"language is not swh_Latn": 201244}`."""
    revision: str | None = None
    """The commit that a Hub source was resolved to; null for files."""
    quarantine: list[tuple[str, int, bytes]] = field(default_factory=list)
    """(file, row, bytes) of records that could not be read, for the local quarantine file."""
    facts: dict[str, object] = field(default_factory=dict)
    """What the card and the manifest say of the source: repo, licence note, sample, stages and rules."""

    def described(self) -> dict[str, Any]:
        """Return what the manifest says of the source."""
        inputs = [
            asdict(entry) for entry in sorted(self.inputs, key=lambda entry: (entry.name, entry.sha256))
        ]
        left_out = dict(sorted(self.left_out.items()))
        return {**self.facts, "revision": self.revision, "inputs": inputs, "left_out": left_out}


def workers_of(read: Mapping[str, SourceTables]) -> frozenset[str]:
    """Return everybody who wrote or judged in any of the sources, by raw id."""
    columns = [
        table["worker"].unique()
        for tables in read.values()
        for table in (tables.candidates, tables.judgements)
    ]
    return frozenset(worker for column in columns for worker in column.to_pylist() if worker)


class Source(Protocol):
    """One named input of a builder."""

    @property
    def name(self) -> str:
        """What `--source NAME=PATH`, the funnel and the rows' `source` call it."""
        ...

    def read(self, path: Path | None = None) -> SourceTables:
        """Read the source: from `path` (files given with `--source NAME=PATH`) or where it lives."""
        ...
