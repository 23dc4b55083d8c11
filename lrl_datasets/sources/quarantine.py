"""Keeps what could not be read: its bytes and the reason, in a local file that is no part of a release.

A release says of such a record its file's hash, its row and its column, never a cell. Who has the export looks
here: one JSON object a line with source, file, row, detail and the bytes in base64.
"""

from __future__ import annotations

import base64
import json
from collections.abc import Iterator, Mapping
from pathlib import Path

import pyarrow as pa
import pyarrow.compute as pc

from lrl_datasets import private
from lrl_datasets.sources.base import SourceTables


def write(path: Path, read: Mapping[str, SourceTables]) -> list[str]:
    """Write the quarantine of a build, readable by its owner alone, in the place of an earlier one.

    Returns
    -------
    list of str
        `file row N: what is wrong` of each record, as a person wants to see it; without one there is no file.
    """
    path.unlink(missing_ok=True)
    entries = list(_entries(read))
    if entries:
        private.write(path, "".join(json.dumps(entry, ensure_ascii=False) + "\n" for entry in entries))
    return [f"{entry['file']} row {entry['row']}: {entry['detail']}" for entry in entries]


def located(rows: pa.Table) -> pa.Table:
    """Say of every record that could not be read where it stands, so that its owner finds it."""
    details = rows["detail.source"].to_pylist()
    unreadable = pc.indices_nonzero(pc.fill_null(pc.equal(rows["mark.source"], "unreadable"), False))
    columns = ["detail.source", "file_sha256", "row"]
    for at, row in zip(
        unreadable.to_pylist(), rows.select(columns).take(unreadable).to_pylist(), strict=True
    ):
        details[at] = f"file {row['file_sha256'][:12]} row {row['row']}: {row['detail.source'] or 'unknown'}"
    at = rows.schema.get_field_index("detail.source")
    return rows.set_column(at, rows.schema.field(at), pa.array(details, pa.string()))


def _entries(read: Mapping[str, SourceTables]) -> Iterator[dict[str, object]]:
    for source, tables in read.items():
        why = _details(tables)
        for file, row, data in tables.quarantine:
            detail = why.get((file, row), "unknown")
            yield {"source": source, "file": file, "row": row, "detail": detail} | {
                "bytes": base64.b64encode(data).decode()
            }


def _details(tables: SourceTables) -> dict[tuple[str, int], str]:
    columns = ((tables.candidates, "mark.source", "detail.source"), (tables.judgements, "reason", "detail"))
    return {
        (row["file"], row["row"]): row[detail] or "unknown"
        for table, reason, detail in columns
        for row in table.select(["file", "row", reason, detail]).to_pylist()
        if row[reason] == "unreadable"
    }
