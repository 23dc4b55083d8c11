"""Label Studio exports, JSON and JSON-MIN: one annotation is one record, with its task's data.

Follows `Converter.annotation_result_from_task` and `convert_to_json_min` of label-studio-sdk (the server's own
exporter) and the JSON exports in its tests. Columns, as `[stage.columns]` names them:

- `$KEY`: the task's data, written as in the labelling config (`value="$prompt"`);
- `NAME`: what the annotator gave in the control of that name (`from_name`). Where a control belongs to several
  objects, `NAME/OBJECT` (`from_name/to_name`) too;
- `ground_truth:NAME`: the same of the annotation that is marked as the task's ground truth. It stands on every
  annotation of the task: that is a control task, and the marked annotation is no vote.

JSON-MIN has data and controls side by side in one object, so each key is there as `$KEY` and as `KEY`; it has no
skipped annotations, no drafts and no ground truth: prefer JSON. An annotation has the same ids in both.

The worker is named by the user's number, where there is none by the e-mail address. A server that exports whole users
writes into JSON-MIN their addresses alone: there the two formats name one person differently.

Skipped annotations and drafts are `not_submitted`; a review that refused is `refused_by_requester`;
`lead_time` is the duration. Predictions are not people and are passed over. Ids are those of one installation.
"""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

from lrl_datasets.errors import LrlError
from lrl_datasets.sources import objects
from lrl_datasets.sources.measures import amount, moment
from lrl_datasets.sources.records import RawRecord
from lrl_datasets.sources.tables import read_by_content
from lrl_datasets.sources.toloka import Assignment, Export, record_id

_MIN = {"annotator", "annotation_id", "created_at", "updated_at", "lead_time", "agreement", "id"}
"""Keys of JSON-MIN that are neither data nor a control."""

Object = Mapping[str, Any]


def is_task(values: Object) -> bool:
    """Whether an object is a task of a JSON export."""
    return isinstance(values.get("data"), dict) and ("annotations" in values or "completions" in values)


def is_min(values: Object) -> bool:
    """Whether an object is a record of a JSON-MIN export."""
    return {"annotator", "annotation_id", "lead_time"} <= set(values)


def read_export(path: Path, name: str) -> Export:
    """Read an export.

    Every annotation and every draft is one `Assignment`; an object that is neither a task nor a record of
    JSON-MIN, an annotation without id or annotator, and one whose result is damaged are `unreadable`. Tasks
    that nobody has begun are only counted.

    Raises
    ------
    LrlError
        If the file is missing, empty, no JSON, or holds nothing of Label Studio's.
    """
    table = read_by_content(path, name)
    readable = [row.values for row in table.rows if row.problem is None]
    if not any(is_task(values) or is_min(values) for values in readable):
        raise LrlError(
            f"{name}: no export of Label Studio: a task has `data` and `annotations`, a record of JSON-MIN "
            f"`annotation_id`, `annotator` and `lead_time`; there are: {', '.join(table.columns) or 'none'}"
        )
    rows: list[Assignment] = []
    untouched = 0
    for raw in table.rows:
        found = list(_assignments(raw))
        untouched += not found
        rows += found
    columns = [column for row in rows for column in row.cells]
    columns += [f"${key}" for values in readable if is_task(values) for key in values["data"]]
    return objects.export(table.file, rows, columns, untouched)


def _assignments(raw: RawRecord) -> Iterator[Assignment]:
    if raw.problem is not None:
        yield Assignment(raw.row, raw.for_quarantine(), "unreadable", raw.problem)
    elif is_task(raw.values):
        yield from _of_task(raw.values)
    elif is_min(raw.values):
        yield from _of_min(raw.values)
    else:
        yield _unreadable(raw.values, "neither a task nor a record of JSON-MIN")


# ---- JSON -----------------------------------------------------------------------------------------------


def _of_task(task: Object) -> Iterator[Assignment]:
    annotations = task["annotations"] if "annotations" in task else task["completions"]
    drafts = task.get("drafts") or []
    data = {f"${key}": objects.cell(value) for key, value in task["data"].items()}
    if not isinstance(annotations, list) or not isinstance(drafts, list):
        yield _unreadable(task, "annotations or drafts are no list")
        return
    truths = [one for one in annotations if isinstance(one, dict) and one.get("ground_truth") is True]
    truth = {f"ground_truth:{name}": text for one in truths[:1] for name, text in _results(one).items()}
    same = len({json.dumps(_results(one), sort_keys=True) for one in truths}) <= 1
    for annotation in annotations:
        own = {"task": task.get("id"), "data": task["data"], "annotation": annotation}
        problem = _problem(annotation)
        if problem is None and not same:
            problem = "the task has several ground truths that differ"
        if problem is not None:
            yield _unreadable(own, problem)
            continue
        reason, detail, status = _reason(annotation)
        cells = {**data, **_results(annotation), **truth}
        yield _assignment(own, task, annotation, cells, reason, detail, status)
    for draft in drafts:
        own = {"task": task.get("id"), "data": task["data"], "draft": draft}
        seen = (
            _drafted(draft) if isinstance(draft, dict) else {"id": draft}
        )  # some exports name them by number alone
        cells = {**data, **_results(seen)}
        yield _assignment(
            own, task, seen | {"id": f"draft-{seen.get('id')}"}, cells, "not_submitted", "drafts", "active"
        )


def _drafted(draft: Object) -> dict[str, Any]:
    """Name a draft's worker as annotations do: the server gives the address, and the number in another field."""
    number = str(draft.get("created_username") or "").rpartition(",")[2].strip()
    return {**draft, "user": int(number)} if number.isdecimal() else dict(draft)


def _problem(annotation: object) -> str | None:
    if not isinstance(annotation, dict):
        return "annotations: not an object"
    if annotation.get("id") is None:
        return "annotations.id is missing"
    if _worker(annotation) is None:
        return "annotations.completed_by is missing"
    result = annotation.get("result")
    if result is not None and not (isinstance(result, list) and all(isinstance(one, dict) for one in result)):
        return "annotations.result is no list of objects"
    return None


def _reason(annotation: Object) -> tuple[str | None, str | None, str]:
    if annotation.get("was_cancelled") or annotation.get("skipped"):
        return "not_submitted", "annotations.was_cancelled", "skipped"
    reviews = [one for one in annotation.get("reviews") or [] if isinstance(one, dict)]
    if reviews:
        last = max(reviews, key=lambda review: str(review.get("created_at") or ""))
        if last.get("accepted") is False:
            return "refused_by_requester", "annotations.reviews", "rejected"
        if last.get("accepted") is True:
            return None, None, "accepted"
    return None, None, "submitted"


def _results(annotation: Object) -> dict[str, str]:
    """Collect what stands in each control: a single value as it is, several as JSON."""
    values: dict[str, list[Any]] = {}
    objects_of: dict[str, set[str]] = {}
    result = annotation.get("result")
    for one in result if isinstance(result, list) else []:
        name = one.get("from_name") if isinstance(one, dict) else None
        if isinstance(name, str):
            to_name = str(one.get("to_name") or "")
            objects_of.setdefault(name, set()).add(to_name)
            for column in (name, f"{name}/{to_name}"):
                values.setdefault(column, []).append(_value(one))
    several = {name for name, of in objects_of.items() if len(of) > 1}
    return {
        column: objects.cell(given[0] if len(given) == 1 else given)
        for column, given in values.items()
        if column in objects_of or column.rpartition("/")[0] in several
    }


def _value(result: Object) -> Any:
    """Take a control's value: of a choice or a text the text itself, of a region all of it."""
    kind, value = result.get("type"), result.get("value")
    if not isinstance(value, dict):
        return value
    if kind == "textarea":
        given = value.get("text")
    elif kind == "pairwise":
        given = value.get("selected", value.get("left"))
    else:
        given = value.get(str(kind)) if len(value) == 1 or kind in ("choices", "rating", "number") else value
    return given[0] if isinstance(given, list) and len(given) == 1 else given


# ---- JSON-MIN -------------------------------------------------------------------------------------------


def _of_min(values: Object) -> Iterator[Assignment]:
    if values["annotation_id"] is None:
        return  # a task that nobody has begun is there as well
    if values["annotator"] in (None, ""):
        yield _unreadable(values, "annotator is missing")
        return
    cells: dict[str, str] = {}
    for key in values.keys() - _MIN:
        text = objects.cell(values[key])
        cells |= {key: text, f"${key}": text}
    annotation = {**values, "id": values["annotation_id"], "completed_by": values["annotator"]}
    yield _assignment(values, values, annotation, cells, None, None, "submitted")


# ---- both -----------------------------------------------------------------------------------------------


def _assignment(
    own: Object, task: Object, annotation: Object, cells: dict[str, str],
    reason: str | None, detail: str | None, status: str,
) -> Assignment:  # fmt: skip
    identity = objects.cell(annotation["id"])
    task_id = objects.cell(task.get("id")) or None
    data = {column: text for column, text in cells.items() if column.startswith("$")}
    return Assignment(
        0, objects.raw(own), reason, detail, cells, identity, record_id(identity, task_id, data),
        _worker(annotation), amount(annotation.get("lead_time")), status=status,
        submitted=moment(annotation.get("created_at")) if status != "active" else None,
    )  # fmt: skip


def _worker(annotation: Object) -> str | None:
    by = annotation.get("completed_by", annotation.get("user"))
    if isinstance(by, dict):
        by = by.get("id") if by.get("id") is not None else by.get("email")
    return objects.cell(by).strip() or None


def _unreadable(own: Object, detail: str) -> Assignment:
    return Assignment(0, objects.raw(own), "unreadable", detail)
