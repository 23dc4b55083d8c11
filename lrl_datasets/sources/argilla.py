"""Argilla's records, JSON or Parquet: one annotator's responses to one record are one of ours.

Follows Argilla 2's `Record.to_dict` and `GenericIO` (`records.to_json`, `to_datasets`: nested and flattened),
the records of its REST API, and the tables that Argilla 1's `FeedbackDataset.format_as("datasets")` pushed to the
Hub. Columns, as `[stage.columns]` names them, are the same for all:

- `NAME`: a field of the record or one of its metadata;
- `NAME.responses`: the answer to the question of that name, as Argilla 2 itself calls the column of a table.

The worker is the user's id. Drafts and discarded responses are `not_submitted`; Argilla 2's nested JSON does not
say which they are, so export a table (`to_datasets`) where that matters. Argilla knows no time a response took, no
acceptance and no id of a response: the assignment is named by a hash of record and user.
"""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from lrl_datasets.errors import LrlError
from lrl_datasets.schema import digest
from lrl_datasets.sources import objects
from lrl_datasets.sources.records import RawRecord
from lrl_datasets.sources.tables import read_by_content
from lrl_datasets.sources.toloka import Assignment, Export, record_id

STATUSES = {"submitted": None, "draft": "not_submitted", "discarded": "not_submitted"}
"""A response's status to the reason it gives."""
_TOLD = {"submitted": "submitted", "draft": "active", "discarded": "skipped"}
_OWN = {"id", "external_id", "_server_id", "status", "metadata", "vectors", "inserted_at", "updated_at"}

Object = Mapping[str, Any]


@dataclass
class _Response:
    """What one user said of one record."""

    answers: dict[str, Any] = field(default_factory=dict)
    statuses: set[str] = field(default_factory=set)
    problem: str | None = None


def is_record(values: Object) -> bool:
    """Whether an object is a record of Argilla, in any of its forms."""
    nested = isinstance(values.get("fields"), dict) and "responses" in values
    return nested or bool(_flat_questions(values) or _old_questions(values))


def read_export(path: Path, name: str) -> Export:
    """Read an export.

    Every user's responses to one record are one `Assignment`; without a user's id or with a status that Argilla
    does not know they are `unreadable`, as is an object that is no record. Records without responses are only
    counted.

    Raises
    ------
    LrlError
        If the file is missing, empty, neither JSON nor Parquet, or holds no record of Argilla.
    """
    table = read_by_content(path, name)
    if not any(row.problem is None and is_record(row.values) for row in table.rows):
        raise LrlError(
            f"{name}: no records of Argilla: they have `fields` and `responses`, or columns NAME.responses and "
            f"NAME.responses.users; there are: {', '.join(table.columns) or 'none'}"
        )
    rows: list[Assignment] = []
    columns: dict[str, None] = {}
    untouched = 0
    for raw in table.rows:
        problem = raw.problem or _problem(raw.values)
        if problem is not None:
            rows.append(Assignment(0, raw.for_quarantine(), "unreadable", problem))
            continue
        inputs = _inputs(raw.values)
        found = list(_assignments(raw, inputs))
        untouched += not found
        rows += found
        columns |= dict.fromkeys([*inputs, *(f"{name}.responses" for name in _questions(raw.values))])
    columns |= dict.fromkeys(column for row in rows for column in row.cells)
    return objects.export(table.file, rows, columns, untouched)


def _problem(values: Object) -> str | None:
    """Say what keeps an object from being a record whose responses can be gone through."""
    if not is_record(values):
        return "no record of Argilla"
    nested = values.get("responses") if isinstance(values.get("fields"), dict) else []
    if isinstance(nested, list):
        if not all(isinstance(one, dict) and isinstance(one.get("values") or {}, dict) for one in nested):
            return "responses: not a list of objects with values"
    elif not (
        isinstance(nested or {}, dict) and all(_are_objects(given) for given in (nested or {}).values())
    ):
        return "responses: not lists of objects by question"
    for name in _flat_questions(values):
        keys = (f"{name}.responses", f"{name}.responses.users", f"{name}.responses.status")
        if not all(isinstance(values.get(key) or [], list) for key in keys):
            return f"{name}.responses: not a list"
    for name in _old_questions(values):
        given = values[name]
        columns = isinstance(given, dict) and all(isinstance(part or [], list) for part in given.values())
        if not (columns or _are_objects(given)):
            return f"{name}: not a list of responses"
    return None


def _are_objects(given: object) -> bool:
    return given is None or (isinstance(given, list) and all(isinstance(one, dict) for one in given))


def _assignments(raw: RawRecord, inputs: dict[str, str]) -> Iterator[Assignment]:
    identity = next(
        (raw.values[key] for key in ("external_id", "id") if raw.values.get(key) is not None), None
    )
    task = objects.cell(identity) or digest(*[part for pair in sorted(inputs.items()) for part in pair])
    for user, response in _responses(raw.values).items():
        own = objects.raw({"id": task, "inputs": inputs, "user": user} | vars(response) | {
            "statuses": sorted(response.statuses)
        })  # fmt: skip
        problem = response.problem
        if problem is None and len(response.statuses) != 1:
            problem = "the user's responses have different statuses"
        status = next(iter(response.statuses), "")
        if problem is None and status not in STATUSES:
            problem = f"a response's status is none of {', '.join(STATUSES)}"
        if problem is not None:
            yield Assignment(0, own, "unreadable", problem)
            continue
        cells = inputs | {
            f"{name}.responses": objects.cell(value) for name, value in response.answers.items()
        }
        assignment = digest(task, user)
        reason = STATUSES[status]
        yield Assignment(
            0, own, reason, "responses.status" if reason else None, cells, assignment,
            record_id(assignment, task, inputs), user, status=_TOLD[status],
        )  # fmt: skip


def _inputs(values: Object) -> dict[str, str]:
    """Collect fields and metadata; a field comes before metadata of the same name."""
    metadata = values.get("metadata")
    if isinstance(metadata, str):  # Argilla 1 wrote it as JSON
        try:
            metadata = json.loads(metadata)
        except ValueError:
            metadata = None
    fields = values.get("fields")
    if not isinstance(fields, dict):
        questions = _questions(values)
        answers = tuple(f"{name}{sign}" for name in questions for sign in (".", "-suggestion"))
        fields = {
            key: value
            for key, value in values.items()
            if key not in _OWN and key not in questions and not key.startswith(answers)
        }
    given = (metadata if isinstance(metadata, dict) else {}) | fields
    return {str(key): objects.cell(value) for key, value in given.items()}


# ---- responses, by user ---------------------------------------------------------------------------------


def _responses(values: Object) -> dict[str, _Response]:
    found: dict[str, _Response] = {}
    for number, (user, status, name, value) in enumerate(_answers(values)):
        known = str(user).strip() if user is not None else ""
        # Nobody knows which of the answers without a user belong together.
        response = found.setdefault(known or f"\0{number}", _Response())
        if not known:
            response.problem = f"a response to {name} has no user id"
        elif name in response.answers:
            response.problem = f"a user has two responses to {name}"
        response.answers[name] = value
        response.statuses.add(str(status or "submitted").lower())
    return found


def _answers(values: Object) -> Iterator[tuple[Any, Any, str, Any]]:
    """Yield (user, status, question, value) of each response to each question."""
    nested = values.get("responses") if isinstance(values.get("fields"), dict) else None
    if isinstance(nested, list):  # the REST API: one object a user
        for one in nested:
            for name, answer in (one.get("values") or {"": None}).items():
                value = answer.get("value") if isinstance(answer, dict) else answer
                yield one.get("user_id"), one.get("status"), name, value
    elif isinstance(nested, dict):
        for name, given in nested.items():
            for one in given or []:
                yield one.get("user_id"), one.get("status"), name, one.get("value")
    for name in _flat_questions(values):
        given = values[f"{name}.responses"] or []
        users = _padded(values.get(f"{name}.responses.users"), len(given))
        statuses = _padded(values.get(f"{name}.responses.status"), len(given))
        yield from ((u, s, name, v) for u, s, v in zip(users, statuses, given, strict=True))
    for name in _old_questions(values):
        given = values[name]
        if isinstance(given, dict):  # a `Sequence` of the datasets library: one object of lists
            size = len(given.get("value") or [])
            lists = [_padded(given.get(key), size) for key in ("user_id", "status", "value")]
            yield from ((u, s, name, v) for u, s, v in zip(*lists, strict=True))
        else:
            for one in given or []:
                yield one.get("user_id"), one.get("status"), name, one.get("value")


def _questions(values: Object) -> list[str]:
    nested = values.get("responses") if isinstance(values.get("fields"), dict) else None
    if isinstance(nested, list):
        return [name for one in nested for name in one.get("values") or {}]
    return list(nested) if isinstance(nested, dict) else [*_flat_questions(values), *_old_questions(values)]


def _flat_questions(values: Object) -> list[str]:
    return [
        key.removesuffix(".responses")
        for key in values
        if key.endswith(".responses") and f"{key}.users" in values
    ]


def _old_questions(values: Object) -> list[str]:
    return [key for key in values if f"{key}-suggestion" in values and f"{key}-suggestion-metadata" in values]


def _padded(values: Any, size: int) -> list[Any]:
    given = list(values or [])
    return (given + [None] * size)[:size]
