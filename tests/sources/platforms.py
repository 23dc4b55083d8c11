"""One small campaign in every platform's own format: what people wrote and judged, and the files that say it."""

from __future__ import annotations

import csv
import io
import json
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq

from lrl_datasets.schema import digest

from .exports import tsv

FORMATS = (
    "toloka",
    "mturk",
    "label_studio",
    "label_studio_min",
    "argilla",
    "argilla_table",
    "table",
    "table_jsonl",
)
STATUSES = {"submitted": "Submitted", "accepted": "Approved", "rejected": "Rejected"}


@dataclass(frozen=True)
class Said:
    """What one worker handed in on one task."""

    task: str
    worker: int
    inputs: dict[str, str]
    output: str
    status: str = "submitted"


def assignment(format: str, said: Said) -> str:
    """The id under which each platform knows it."""
    if format.startswith("argilla"):
        return digest(said.task, str(said.worker))
    return f"{said.task}{said.worker:03}"


def write(format: str, path: Path, output: str, rows: Sequence[Said]) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    if format == "toloka":
        path.write_bytes(tsv([_toloka(output, row) for row in rows]))
    elif format == "mturk":
        path.write_bytes(_csv([_mturk(output, row) for row in rows]))
    elif format in ("table", "table_jsonl"):
        flat = [_flat(output, row) for row in rows]
        lines = "".join(json.dumps(row) + "\n" for row in flat)
        path.write_bytes(_csv(flat) if format == "table" else lines.encode())
    elif format == "label_studio_min":
        path.write_text(json.dumps([_min(output, row) for row in rows]))
    else:
        tasks: dict[str, list[Said]] = {}
        for row in rows:
            tasks.setdefault(row.task, []).append(row)
        if format == "label_studio":
            path.write_text(json.dumps([_task(output, given) for given in tasks.values()]))
        elif format == "argilla":
            path.write_text(json.dumps([_argilla(output, given) for given in tasks.values()]))
        else:
            pq.write_table(
                pa.Table.from_pylist([_argilla_flat(output, given) for given in tasks.values()]), path
            )


def toml(format: str, golden: bool = False) -> str:
    """The campaign of these files: one answer stage, one judgement stage."""
    shown, said = {
        "toloka": ("INPUT:{}", "OUTPUT:{}"),
        "mturk": ("Input.{}", "Answer.{}"),
        "label_studio": ("${}", "{}"),
        "label_studio_min": ("${}", "{}"),
        "argilla": ("{}", "{}.responses"),
        "argilla_table": ("{}", "{}.responses"),
    }.get(format, ("{}", "{}"))
    name = {"label_studio_min": "label_studio", "argilla_table": "argilla", "table_jsonl": "table"}.get(
        format, format
    )
    platform = {"worker": "who", "assignment_id": "handed_in", "task_id": "task_id", "status": "state"}
    own = "".join(f'{role} = "{column}"\n' for role, column in platform.items()) if name == "table" else ""
    suffix = {
        "table_jsonl": "jsonl",
        "toloka": "tsv",
        "mturk": "csv",
        "table": "csv",
        "argilla_table": "parquet",
    }
    ending = suffix.get(format, "json")
    return f"""
name = "mini"
language = "swh_Latn"
license = "CC0-1.0"

[[stage]]
kind = "answer"
format = "{name}"
pools = ["exports/answers-*.{ending}"]
[stage.columns]
prompt = "{shown.format("prompt")}"
original_id = "{shown.format("original_id")}"
answer = "{said.format("written")}"
{own}
[[stage]]
kind = "judgement"
format = "{name}"
pools = ["exports/votes-*.{ending}"]
question = "helpful"
[stage.columns]
answer_id = "{shown.format("answer_id")}"
answer = "{shown.format("answer")}"
label = "{said.format("helpful")}"
{own}{f'golden = "{shown.format("true_label")}"' if golden else ""}
[stage.labels]
positive = ["yes"]
negative = ["no"]
[stage.rules]
aggregation = "dawid-skene"
golden_min_answers = 2
golden_min_accuracy = 0.5
"""


def _toloka(output: str, row: Said) -> dict[str, str]:
    status = {"accepted": "APPROVED"}.get(row.status, row.status.upper())
    return {
        **{f"INPUT:{name}": cell for name, cell in row.inputs.items()},
        f"OUTPUT:{output}": row.output,
        "ASSIGNMENT:assignment_id": assignment("toloka", row),
        "ASSIGNMENT:task_id": row.task,
        "ASSIGNMENT:worker_id": str(row.worker),
        "ASSIGNMENT:status": status,
    }


def _mturk(output: str, row: Said) -> dict[str, str]:
    return {
        "HITId": row.task,
        "AssignmentId": assignment("mturk", row),
        "WorkerId": str(row.worker),
        "AssignmentStatus": STATUSES[row.status],
        "WorkTimeInSeconds": "12",
        **{f"Input.{name}": cell for name, cell in row.inputs.items()},
        f"Answer.{output}": row.output,
    }


def _flat(output: str, row: Said) -> dict[str, str]:
    return {
        "handed_in": assignment("table", row), "task_id": row.task, "who": str(row.worker), "state": row.status,
        **row.inputs, output: row.output,
    }  # fmt: skip


def _task(output: str, given: list[Said]) -> dict[str, Any]:
    kind = ("choices", "choices") if output == "helpful" else ("textarea", "text")
    return {
        "id": given[0].task,
        "data": given[0].inputs,
        "annotations": [
            {
                "id": assignment("label_studio", row),
                "completed_by": row.worker,
                "was_cancelled": False,
                "lead_time": 3.5,
                "result": [
                    {
                        "type": kind[0],
                        "value": {kind[1]: [row.output]},
                        "from_name": output,
                        "to_name": "shown",
                    }
                ],
                "reviews": [] if row.status == "submitted" else [{"accepted": row.status == "accepted"}],
            }
            for row in given
        ],
    }


def _min(output: str, row: Said) -> dict[str, Any]:
    return {
        **row.inputs, "id": row.task, output: row.output, "annotator": row.worker,
        "annotation_id": assignment("label_studio", row), "lead_time": 3.5,
    }  # fmt: skip


def _argilla(output: str, given: list[Said]) -> dict[str, Any]:
    answers = [{"value": row.output, "user_id": str(row.worker)} for row in given]
    fields = {name: cell for name, cell in given[0].inputs.items() if name in ("prompt", "answer")}
    metadata = {name: cell for name, cell in given[0].inputs.items() if name not in fields}
    return {
        "id": given[0].task, "fields": fields, "metadata": metadata, "suggestions": {},
        "responses": {output: answers}, "vectors": {}, "_server_id": "s",
    }  # fmt: skip


def _argilla_flat(output: str, given: list[Said]) -> dict[str, Any]:
    return {
        "id": given[0].task, "status": "completed", "_server_id": "s", **given[0].inputs,
        f"{output}.responses": [row.output for row in given],
        f"{output}.responses.users": [str(row.worker) for row in given],
        f"{output}.responses.status": ["submitted"] * len(given),
    }  # fmt: skip


def _csv(rows: Sequence[dict[str, str]]) -> bytes:
    out = io.StringIO(newline="")
    table = csv.DictWriter(out, list(dict.fromkeys(name for row in rows for name in row)))
    table.writeheader()
    table.writerows(rows)
    return out.getvalue().encode()
