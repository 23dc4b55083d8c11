"""Plain tables, CSV, TSV, JSON, JSON Lines or Parquet: `[stage.columns]` says which column is what.

For spreadsheets, for what a script wrote, and for platforms that are gone (CrowdFlower's `full` report has
`_worker_id`, `_id`, `_started_at`, `_created_at`). One row is one record. Beside the roles that every format has,
`worker` is needed; `assignment_id`, `task_id`, `status`, `started`, `submitted`, `duration_s` and `reward` may be.

Without an assignment id a record is named by its worker and its inputs, so that it survives an edit of the answer.
A row without worker and answer is a task that nobody has begun; one with a worker and no answer, and no word in
`status`, waits (`not_submitted`).

In delimited text the apostrophe that keeps a spreadsheet program from running a cell is taken away (`formulas`).
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Mapping
from dataclasses import replace
from pathlib import Path

from lrl_datasets.schema import digest
from lrl_datasets.sources import objects
from lrl_datasets.sources.campaign_toml import Columns
from lrl_datasets.sources.formulas import restored
from lrl_datasets.sources.measures import amount, between, moment
from lrl_datasets.sources.records import RawRecord, in_any_order
from lrl_datasets.sources.tables import content, read_by_content
from lrl_datasets.sources.toloka import Assignment, Export, record_id

STATUSES = {
    **dict.fromkeys(("active", "draft"), "active"),
    **dict.fromkeys(("submitted", "done", "completed"), "submitted"),
    **dict.fromkeys(("accepted", "approved", "accept", "approve", "+", "yes"), "accepted"),
    **dict.fromkeys(("rejected", "reject", "-", "no"), "rejected"),
    **dict.fromkeys(("skipped", "cancelled", "discarded"), "skipped"),
    "expired": "expired",
}
"""What may stand in the column of the status, in any case, to the status of `schema.STATUSES`."""
_REASONS = {"rejected": "refused_by_requester"} | dict.fromkeys(
    ("active", "skipped", "expired"), "not_submitted"
)
_INPUTS = (
    "prompt", "context", "original", "original_id", "answer_id", "answer",
    "left_id", "right_id", "left", "right", "items",
)  # fmt: skip


def read_export(path: Path, name: str, columns: Columns) -> Export:
    """Read a table.

    A row that is damaged, has an answer and no worker, or a status outside `STATUSES` is `unreadable`.

    Raises
    ------
    LrlError
        If the file is missing, empty, damaged as a whole, or lacks a column of a role that only tables name.
    """
    records = read_by_content(path, name)
    records.require(columns.worker, columns.assignment_id, columns.task_id, columns.status)
    plain = restored if content(path, name) not in ("json", "parquet") else str
    rows = [_assignment(raw, columns, plain) for raw in records.rows]
    begun = [row for row in rows if row is not None]
    tasks = Counter(id for id, _ in {(row.assignment_id, row.record) for row in begun})
    if columns.duration_s is None:  # the times are the assignment's, which may hold several tasks
        begun = [
            replace(row, duration_s=row.duration_s / tasks[row.assignment_id]) if row.duration_s else row
            for row in begun
        ]
    return Export(in_any_order(records), records.columns, begun, untouched=len(rows) - len(begun))


def _assignment(raw: RawRecord, columns: Columns, plain: Callable[[str], str]) -> Assignment | None:
    """Read one row; None for a task that nobody has begun."""
    if raw.problem is not None:
        return Assignment(raw.row, raw.for_quarantine(), "unreadable", raw.problem)
    cells = {column: plain(objects.cell(value)) for column, value in raw.values.items()}
    output = columns.output
    worker, said, told = (_cell(cells, column) for column in (columns.worker, output, columns.status))
    if "{n}" in output:
        said = "".join(cells.values())  # several items: which of them were answered is seen when they are cut
    if not worker and not said:
        return None
    if not worker:
        return Assignment(raw.row, raw.for_quarantine(), "unreadable", f"column {columns.worker} is blank")
    if told and told.lower() not in STATUSES:
        detail = f"column {columns.status} is none of {', '.join(STATUSES)}"
        return Assignment(raw.row, raw.for_quarantine(), "unreadable", detail)
    status = STATUSES.get(told.lower(), "submitted" if said else "active")
    reason = _REASONS.get(status)
    inputs = {
        column: cells.get(column, "")
        for role in _INPUTS
        if (column := getattr(columns, role, None)) is not None and column != output
    }
    assignment = _cell(cells, columns.assignment_id) or digest(
        worker, *[part for pair in sorted(inputs.items()) for part in pair]
    )
    started, submitted = (moment(_cell(cells, column)) for column in (columns.started, columns.submitted))
    seconds = amount(_cell(cells, columns.duration_s)) if columns.duration_s else between(started, submitted)
    return Assignment(
        raw.row, raw.for_quarantine(), reason, f"column {columns.status if told else output}" if reason else None,
        cells, assignment, record_id(assignment, _cell(cells, columns.task_id) or None, inputs), worker, seconds,
        status=status, started=started, submitted=submitted, reward=amount(_cell(cells, columns.reward)),
    )  # fmt: skip


def _cell(cells: Mapping[str, str], column: str | None) -> str:
    return cells.get(column, "").strip() if column is not None else ""
