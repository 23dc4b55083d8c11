"""Toloka assignment exports as they are: one row a task, `assignment_id` naming the suite it was shown in.

Takes a tab-separated export of the web interface or the API, gives its `Assignment`s: the cells, the record's
id, the worker, the time it took, and whether the assignment was handed in and accepted. What the cells mean
(which is the prompt, which the answer or the label) is the campaign's business.

Required columns: at least one `INPUT:*` and one `OUTPUT:*`, `ASSIGNMENT:assignment_id|worker_id|status`.
Optional: `GOLDEN:*`, `HINT:text`, `ASSIGNMENT:link|task_id|task_suite_id|started|submitted|accepted|rejected|
skipped|expired|reward`, `ACCEPT:verdict|comment`. Empty rows between suites are separators. Format: Toloka's
guide, "Receiving responses" and "Reviewing Tolokers' responses".
"""

from __future__ import annotations

import math
from collections import defaultdict
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from datetime import datetime
from pathlib import Path

from lrl_datasets.errors import LrlError
from lrl_datasets.schema import digest
from lrl_datasets.sources.base import InputFile
from lrl_datasets.sources.delimited import read_delimited
from lrl_datasets.sources.measures import amount, moment
from lrl_datasets.sources.records import RawRecord, in_any_order

ASSIGNMENT, WORKER, STATUS = "ASSIGNMENT:assignment_id", "ASSIGNMENT:worker_id", "ASSIGNMENT:status"
TASK, STARTED, SUBMITTED = "ASSIGNMENT:task_id", "ASSIGNMENT:started", "ASSIGNMENT:submitted"
REWARD = "ASSIGNMENT:reward"
VERDICT = "ACCEPT:verdict"

STATUSES = {
    "APPROVED": None,
    "SUBMITTED": None,
    "REJECTED": "refused_by_requester",
    "SKIPPED": "not_submitted",
    "EXPIRED": "not_submitted",
    "ACTIVE": "not_submitted",
}
"""Status (in any case) to the reason it gives; None is a candidate."""

VERDICTS = {
    **dict.fromkeys(("+", "accept", "accepted", "approved", "yes"), None),
    **dict.fromkeys(("-", "\u2212", "\u2013", "reject", "rejected", "no"), "refused_by_requester"),
}
"""What may stand in `ACCEPT:verdict`. Toloka writes + and -; the words (in any case) and the signs that
spreadsheet programs put in the place of - come from reviewers who fill the file by hand."""


@dataclass(frozen=True)
class Assignment:
    """One task of an export, read or not."""

    row: int
    raw: bytes
    reason: str | None = None
    """`unreadable`, `refused_by_requester`, `not_submitted`, or None for one that counts."""
    detail: str | None = None
    cells: Mapping[str, str] = field(default_factory=dict)
    """Column to cell; empty where unreadable, as are the fields below."""
    assignment_id: str | None = None
    record: str | None = None
    worker: str | None = None
    duration_s: float | None = None
    """Seconds: the suite's time divided by its tasks; None if unknown."""
    status: str | None = None
    """One of `schema.STATUSES`."""
    started: datetime | None = None
    """UTC, naive."""
    submitted: datetime | None = None
    reward: float | None = None
    """What the platform pays for the suite."""


@dataclass(frozen=True)
class Export:
    """One export file."""

    file: InputFile
    columns: tuple[str, ...]
    rows: list[Assignment]
    header: bool = True
    """The columns are all that the file can have; False where only those are known that somebody filled."""
    untouched: int = 0
    """Tasks in the file that nobody has begun: no records."""


def read_export(path: Path, name: str) -> Export:
    """Read an export.

    Every record of the file is one `Assignment`: what is damaged, has no assignment or worker id, or a status
    or verdict that Toloka does not know, is `unreadable`. A filled verdict overrides the status (but an
    unknown status stays unreadable). A file with a header alone has no records and is no error.

    Raises
    ------
    LrlError
        If the file is missing, empty, not a tab-separated Toloka export, or lacks a required column.
    """
    table = read_delimited(path, name)
    if len(table.columns) == 1:
        raise LrlError(
            f"{name}: not a tab-separated Toloka export: row 1 has one column, {table.columns[0]!r}"
        )
    for prefix in ("INPUT:", "OUTPUT:"):
        if not any(column.startswith(prefix) for column in table.columns):
            raise LrlError(f"{name}: no column {prefix}*; there are: {', '.join(table.columns)}")
    table.require(ASSIGNMENT, WORKER, STATUS)
    rows = _with_durations([_assignment(raw) for raw in table.rows])
    return Export(in_any_order(table), table.columns, rows)


def record_id(assignment_id: str, task_id: str | None, inputs: Mapping[str, str]) -> str:
    """Name a record: its assignment and its task, or a hash of its INPUT cells where there is no task id.

    Parameters
    ----------
    inputs
        Full column name (`INPUT:prompt`) to raw cell, all INPUT columns of the export in any order.
    """
    if task_id:
        return f"{assignment_id}--{task_id}"
    return (
        f"{assignment_id}--{digest(*[part for pair in sorted(inputs.items()) for part in pair], length=16)}"
    )


def _assignment(raw: RawRecord) -> Assignment:
    if raw.problem is not None:
        return Assignment(raw.row, raw.raw, "unreadable", raw.problem)
    cells: Mapping[str, str] = raw.values
    reason, detail = _reason(cells)
    for column in (ASSIGNMENT, WORKER):
        if not cells[column].strip():
            reason, detail = "unreadable", f"column {column} is blank"
    if reason == "unreadable":
        return Assignment(raw.row, raw.raw, reason, detail)
    assignment = cells[ASSIGNMENT].strip()
    task = cells.get(TASK, "").strip()
    # A column's name is looked at only where the task has none.
    inputs = {} if task else {name: cell for name, cell in cells.items() if name.startswith("INPUT:")}
    record = record_id(assignment, task or None, inputs)
    status = cells[STATUS].strip().lower().replace("approved", "accepted")
    if cells.get(VERDICT, "").strip():
        status = "rejected" if VERDICTS[cells[VERDICT].strip().lower()] else "accepted"
    return Assignment(
        raw.row, raw.raw, reason, detail, cells, assignment, record, cells[WORKER].strip(), status=status,
        started=moment(cells.get(STARTED, "")), submitted=moment(cells.get(SUBMITTED, "")),
        reward=amount(cells.get(REWARD, "")),
    )  # fmt: skip


def _reason(cells: Mapping[str, str]) -> tuple[str | None, str | None]:
    status, verdict = cells[STATUS].strip().upper(), cells.get(VERDICT, "").strip().lower()
    if status not in STATUSES:
        return "unreadable", f"column {STATUS} is none of {', '.join(STATUSES)}"
    if not verdict:
        return STATUSES[status], f"column {STATUS}" if STATUSES[status] else None
    if verdict not in VERDICTS:
        return "unreadable", f"column {VERDICT} is neither + nor -"
    return VERDICTS[verdict], f"column {VERDICT}" if VERDICTS[verdict] else None


def _with_durations(rows: list[Assignment]) -> list[Assignment]:
    """Divide each suite's time by its distinct tasks in the file."""
    tasks: defaultdict[str, set[str]] = defaultdict(set)
    for row in rows:
        if row.assignment_id and row.record:
            tasks[row.assignment_id].add(row.record)
    timed = []
    for row in rows:
        seconds = _seconds(row.cells.get(STARTED, ""), row.cells.get(SUBMITTED, ""))
        share = seconds / len(tasks[row.assignment_id]) if seconds is not None and row.assignment_id else None
        timed.append(replace(row, duration_s=share))
    return timed


def _seconds(started: str, submitted: str) -> float | None:
    """Measure from one ISO 8601 time to another; None where they do not parse or run backwards.

    A time is an extra: without a readable one the record still counts.
    """
    try:
        seconds = (
            datetime.fromisoformat(submitted.strip()) - datetime.fromisoformat(started.strip())
        ).total_seconds()
    except (ValueError, TypeError):  # TypeError: one has a time zone, the other none
        return None
    return seconds if math.isfinite(seconds) and seconds >= 0 else None
