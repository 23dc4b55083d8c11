"""Mechanical Turk's batch results, CSV: one row an assignment, `Input.*` what was shown, `Answer.*` what was said.

Follows the Requester UI guide ("Reviewing Assignments Offline"), the header of the requester site's
`Batch_N_batch_results.csv` and the files of CrowdTruth-core's tests, which have but a few of its columns.

Required: `HITId`, `AssignmentId`, `WorkerId`, one `Answer.*`. Optional: `Input.*`, `AssignmentStatus` (Submitted,
Approved, Rejected), `Approve` and `Reject` (filled by whoever reviews offline: an x, a reason; they override the
status), `WorkTimeInSeconds`, `AcceptTime`, `SubmitTime`, `Reward`.

Two forms of answers get a column `Answer.NAME` of their own: `Answer.taskAnswers`, the JSON that `crowd-form` sends,
and `Answer.NAME.OPTION` with true and false, one column an option (several chosen ones are joined by |, as MTurk does).
"""

from __future__ import annotations

import json
from collections import defaultdict
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from lrl_datasets.errors import LrlError
from lrl_datasets.sources import objects
from lrl_datasets.sources.delimited import read_delimited
from lrl_datasets.sources.measures import amount, between, moment
from lrl_datasets.sources.records import RawRecord, in_any_order
from lrl_datasets.sources.tables import content
from lrl_datasets.sources.toloka import Assignment, Export, record_id

HIT, ASSIGNMENT, WORKER, STATUS = "HITId", "AssignmentId", "WorkerId", "AssignmentStatus"
APPROVE, REJECT, FORM = "Approve", "Reject", "Answer.taskAnswers"

STATUSES = {"submitted": "submitted", "approved": "accepted", "rejected": "rejected"}
"""`AssignmentStatus`, in any case, to the status of `schema.STATUSES`."""


def read_export(path: Path, name: str) -> Export:
    """Read a batch's results.

    Every row is one `Assignment`; one that is damaged, has no assignment or worker id, a status that MTurk does
    not know, both Approve and Reject filled, or a form's JSON that does not parse is `unreadable`. Rows of HITs that
    nobody has taken (no assignment, no worker, no answer) are only counted.

    Raises
    ------
    LrlError
        If the file is missing, empty, no delimited results of MTurk, or lacks a required column.
    """
    kind = content(path, name)  # the command line tools write tabs, a spreadsheet program perhaps semicolons
    if kind in ("json", "parquet"):
        raise LrlError(f"{name}: Mechanical Turk's results are delimited text, and this is {kind}")
    table = read_delimited(path, name, kind)
    table.require(HIT, ASSIGNMENT, WORKER)
    if not any(column.startswith("Answer.") for column in table.columns):
        raise LrlError(f"{name}: no column Answer.*; there are: {', '.join(table.columns)}")
    options = _options(table.columns)
    taken = [row for row in table.rows if row.problem is not None or not _untouched(row.values)]
    rows = [_assignment(row, options) for row in taken]
    columns = dict.fromkeys([*table.columns, *(column for row in rows for column in row.cells)])
    return Export(in_any_order(table), tuple(columns), rows, untouched=len(table.rows) - len(taken))


def _assignment(raw: RawRecord, options: Mapping[str, Mapping[str, str]]) -> Assignment:
    if raw.problem is not None:
        return Assignment(raw.row, raw.raw, "unreadable", raw.problem)
    cells: dict[str, str] = dict(raw.values)
    answers, problem = _answers(cells, options)
    status, wrong = _status(cells)
    problem = problem or wrong
    for column in (ASSIGNMENT, WORKER):
        if not cells[column].strip():
            problem = f"column {column} is blank"
    if problem is not None:
        return Assignment(raw.row, raw.raw, "unreadable", problem)
    assignment = cells[ASSIGNMENT].strip()
    inputs = {column: cell for column, cell in cells.items() if column.startswith("Input.")}
    started, submitted = moment(cells.get("AcceptTime")), moment(cells.get("SubmitTime"))
    seconds = amount(cells.get("WorkTimeInSeconds"))
    refused = status == "rejected"
    return Assignment(
        raw.row, raw.raw, "refused_by_requester" if refused else None, f"column {STATUS}" if refused else None,
        answers | cells, assignment, record_id(assignment, cells[HIT].strip() or None, inputs), cells[WORKER].strip(),
        between(started, submitted) if seconds is None else seconds,
        status=status, started=started, submitted=submitted, reward=amount(cells.get("Reward")),
    )  # fmt: skip


def _status(cells: Mapping[str, str]) -> tuple[str, str | None]:
    """Return the status and what is wrong with it; a reviewer's word overrides the platform's."""
    told = cells.get(STATUS, "").strip().lower() or "submitted"
    approve, reject = cells.get(APPROVE, "").strip(), cells.get(REJECT, "").strip()
    if told not in STATUSES:
        return "", f"column {STATUS} is none of Submitted, Approved, Rejected"
    if approve and reject:
        return "", f"columns {APPROVE} and {REJECT} are both filled"
    return "accepted" if approve else "rejected" if reject else STATUSES[told], None


def _untouched(cells: Mapping[str, str]) -> bool:
    told = [cells[ASSIGNMENT], cells[WORKER], *(c for name, c in cells.items() if name.startswith("Answer."))]
    return not any(cell.strip() for cell in told)


def _options(columns: tuple[str, ...]) -> dict[str, dict[str, str]]:
    """Group `Answer.NAME.OPTION`: column `Answer.NAME` to the option's own column and its name."""
    groups: defaultdict[str, dict[str, str]] = defaultdict(dict)
    for column in columns:
        name, dot, option = column.removeprefix("Answer.").partition(".")
        if column.startswith("Answer.") and dot and f"Answer.{name}" not in columns:
            groups[f"Answer.{name}"][column] = option
    return dict(groups)


def _answers(
    cells: Mapping[str, str], options: Mapping[str, Mapping[str, str]]
) -> tuple[dict[str, str], str | None]:
    """Return the columns that MTurk's forms hide in others, and what is wrong with them."""
    found = {}
    for column, group in options.items():
        chosen = {part: cells[part].strip().lower() for part in group}
        if set(chosen.values()) <= {"true", "false", ""}:
            found[column] = "|".join(group[part] for part, cell in chosen.items() if cell == "true")
    if cells.get(FORM, "").strip():
        try:
            form = json.loads(cells[FORM])
        except (ValueError, RecursionError):
            return {}, f"column {FORM} is not JSON"
        form = form[0] if isinstance(form, list) and len(form) == 1 else form
        if not isinstance(form, dict):
            return {}, f"column {FORM} is not one form"
        found |= {f"Answer.{name}": _given(value) for name, value in form.items()}
    return found, None


def _given(value: Any) -> str:
    """Write a form's value: of radio buttons and check boxes the names of the chosen ones."""
    if isinstance(value, dict) and value and all(isinstance(chosen, bool) for chosen in value.values()):
        return "|".join(name for name, chosen in value.items() if chosen)
    return objects.cell(value)
