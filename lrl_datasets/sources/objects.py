"""What the exports that are JSON or Parquet share: one object holds a task and what several annotators said.

Takes what a format's module made of the objects, gives its `Export`. The file is named by what its records
say, in any order: platforms write into each object how long ago it was made, and the same annotations exported
a day later are the same input.
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import replace
from typing import Any

from lrl_datasets.sources.base import InputFile
from lrl_datasets.sources.records import unordered_hash
from lrl_datasets.sources.toloka import Assignment, Export


def export(file: InputFile, rows: Sequence[Assignment], columns: Iterable[str], untouched: int = 0) -> Export:
    """Make an export of assignments that were read from objects.

    Parameters
    ----------
    rows
        In the order of the file. They are numbered from 1, since one object can hold several.
    columns
        Every column that a record of the file has; where a record lacks one, its cell is empty.
    untouched
        Tasks in the file that nobody has begun.
    """
    named = tuple(dict.fromkeys(columns))
    filled = [
        row
        if row.reason == "unreadable"
        else replace(row, cells={column: row.cells.get(column, "") for column in named})
        for row in rows
    ]
    numbered = [replace(row, row=number) for number, row in enumerate(filled, 1)]
    sha256 = unordered_hash(sorted(named), map(_told, filled))
    return Export(
        replace(file, sha256=sha256, records=len(rows)), named, numbered, header=False, untouched=untouched
    )


def cell(value: object) -> str:
    """Write a JSON value as the text of a cell: null is empty, what is no single value stays JSON."""
    if value is None:
        return ""
    if isinstance(value, str):
        return value.replace("\r\n", "\n").replace("\r", "\n")
    if isinstance(value, float) and value.is_integer():
        value = int(value)
    return (
        value
        if isinstance(value, str)
        else json.dumps(value, ensure_ascii=False, sort_keys=True, default=str)
    )


def raw(value: Mapping[str, Any]) -> bytes:
    """Give the bytes that the quarantine keeps of an object."""
    return (json.dumps(value, ensure_ascii=True, sort_keys=True, default=str) + "\n").encode("ascii")


def _told(row: Assignment) -> bytes:
    if row.reason == "unreadable":
        return row.raw
    facts = [row.reason, sorted(row.cells.items()), row.assignment_id, row.record, row.worker, row.duration_s]
    return json.dumps(facts, ensure_ascii=True).encode("ascii")
