"""Which platform a file came from, by its structure and never by its name, and how a stage would name its columns.

Takes a file, gives the format and its columns with their values; for one that no stage fits, the `[[stage]]` to
write in `campaign.toml`, guessed from the columns' names and values: somebody reads it before it counts.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from lrl_datasets.errors import LrlError
from lrl_datasets.sources import argilla, label_studio, mturk, objects, toloka
from lrl_datasets.sources.pools import READERS
from lrl_datasets.sources.tables import read_by_content

NAMES = {
    "toloka": "an export of Toloka", "mturk": "results of Mechanical Turk", "label_studio": "an export of Label Studio",
    "argilla": "records of Argilla", "table": "a table of no platform that is known here",
}  # fmt: skip

_WORDS = {
    "prompt": ("prompt", "question", "instruction", "query", "task", "text", "input"),
    "context": ("context", "passage", "document"),
    "answer": ("answer", "response", "output", "completion", "text"),
    "answer_id": ("answer_id", "answerid", "response_id", "record_id", "record"),
    "label": ("label", "helpful", "judgement", "judgment", "verdict", "rating", "output", "answer"),
    "original_id": ("original_id", "prompt_id"),
    "golden": ("golden", "gold", "truth"),
    "left_id": ("left_id", "leftid", "id_left", "a_id", "answer_a_id"),
    "right_id": ("right_id", "rightid", "id_right", "b_id", "answer_b_id"),
    "left": ("left", "answer_a", "response_a"),
    "right": ("right", "answer_b", "response_b"),
    "better": ("better", "winner", "preferred", "preference", "choice"),
    "worker": (
        "worker",
        "_worker_id",
        "worker_id",
        "workerid",
        "annotator",
        "user_id",
        "user",
        "email",
        "name",
    ),
    "assignment_id": ("assignment_id", "assignmentid", "annotation_id", "_id"),
    "task_id": ("task_id", "_unit_id", "unit_id", "task", "id"),
    "status": ("status", "state", "assignmentstatus"),
    "started": ("started", "_started_at", "started_at", "accepttime"),
    "submitted": ("submitted", "_created_at", "created_at", "submitted_at", "submittime"),
    "duration_s": ("duration_s", "lead_time", "worktimeinseconds", "seconds"),
}
"""Role to the words that columns of that role are called by, the likeliest first."""
_YES = {"yes", "y", "1", "true", "good", "helpful", "positive", "correct", "ndiyo"}
_SIDES = {"left": ("left", "a", "1"), "right": ("right", "b", "2")}
_FEW = 6
"""A column with no more different values than this, each given more than once, holds labels."""


@dataclass(frozen=True)
class Recognised:
    """One file, its format, and what its columns hold."""

    format: str
    columns: tuple[str, ...]
    values: Mapping[str, Sequence[str]]
    """Column to its cells, of the records that could be read."""


def recognise(path: Path, name: str) -> Recognised:
    """Say which format a file has; what is none of a platform is a table.

    Raises
    ------
    LrlError
        If the file is missing, empty, damaged as a whole, or too narrow to be an export.
    """
    table = read_by_content(path, name)
    columns = set(table.columns)
    readable = [row.values for row in table.rows if row.problem is None]
    if toloka.ASSIGNMENT in columns or (_begins(columns, "INPUT:") and _begins(columns, "OUTPUT:")):
        format = "toloka"
    elif {mturk.HIT, mturk.ASSIGNMENT, mturk.WORKER} <= columns:
        format = "mturk"
    elif any(label_studio.is_task(values) or label_studio.is_min(values) for values in readable):
        format = "label_studio"
    elif any(argilla.is_record(values) for values in readable):
        format = "argilla"
    else:
        if len(table.columns) < 3:
            raise LrlError(
                f"{name}: no export: records need a worker, what was shown and what was said, and its "
                f"columns are: {', '.join(table.columns) or 'none'}"
            )
        values = {c: [objects.cell(row.get(c)) for row in readable] for c in table.columns}
        return Recognised("table", table.columns, values)
    export = READERS[format](path, name)
    cells = [row.cells for row in export.rows if row.reason != "unreadable"]
    return Recognised(format, export.columns, {c: [row.get(c, "") for row in cells] for c in export.columns})


def suggestion(found: Recognised, pool: str) -> str:
    """Write the `[[stage]]` that would read a file: what cannot be guessed is a question mark with the choices.

    Parameters
    ----------
    pool
        The pool file's name in the campaign folder.
    """
    inputs, outputs = _sides(found)
    compared = all(_guess(side, inputs, exact=True) for side in ("left_id", "right_id"))
    label = (_guess("better", outputs, exact=True) if compared else None) or _guess("label", outputs)
    label = label or next(iter(outputs), None)
    distinct = _distinct(found.values.get(label, ())) if label else []
    judged = _guess("answer_id", inputs)
    few = label is not None and 0 < len(distinct) <= _FEW < len(found.values[label]) + _FEW - len(distinct)
    kind = "preference" if compared else "judgement" if judged or few else "answer"
    lines = ["[[stage]]", f'kind = "{kind}"', f'format = "{found.format}"', f"pools = [{quoted(pool)}]"]
    if kind == "judgement":
        lines += ['question = "helpful"  # what was asked']
    elif kind == "preference":
        lines += ['question = "better"  # what was asked']
    lines += ["", "[stage.columns]"]
    if kind == "answer":
        roles = {"prompt": inputs, "answer": outputs}
        extra = {"context": inputs, "original_id": inputs}
    elif kind == "preference":
        roles = {"left_id": inputs, "right_id": inputs, "label": outputs}
        extra = dict.fromkeys(("left", "right", "prompt", "golden"), inputs)
    else:
        roles = {"answer_id": inputs, "label": outputs}
        extra = {"answer": inputs, "prompt": inputs, "golden": inputs}
    taken: set[str] = set()
    if found.format == "table":
        roles = {"worker": inputs} | roles
        extra |= dict.fromkeys(
            ("assignment_id", "task_id", "status", "started", "submitted", "duration_s"), inputs
        )
    for role, columns in {**roles, **extra}.items():
        free = [column for column in columns if column not in taken]
        guess = label if role == "label" else _guess(role, free, exact=role in extra)
        if guess is None and role in roles and len(free) == 1:
            guess = free[0]
        if guess is not None:
            taken.add(guess)
            lines.append(f"{role} = {quoted(guess)}")
        elif role in roles:
            lines.append(f'{role} = "?"  # one of: {", ".join(map(quoted, free)) or "none is left"}')
    if kind != "answer":
        lines += ["", *_labels(kind, distinct)]
    return "\n".join(lines) + "\n"


def _labels(kind: str, given: list[str]) -> list[str]:
    """Write `[stage.labels]`: the labels where each is plainly one of two sides, else question marks."""
    told = f"  # which of {', '.join(map(quoted, given[:20]))} are which?" if given else ""
    if kind == "judgement":
        sides = {"positive": [value for value in given if value.lower() in _YES]}
        sides["negative"] = [value for value in given if value not in sides["positive"]]
        sure = all(sides.values()) and len(given) == 2
    else:
        sides = {side: [value for value in given if value.lower() in words] for side, words in _SIDES.items()}
        tie = [value for value in given if value not in sides["left"] + sides["right"]]
        sure = all(len(labels) == 1 for labels in sides.values()) and len(tie) <= 1
        sides |= {"tie": tie} if tie and sure else {}
    if not sure:
        sides = {side: ["?"] for side in sides}
    written = [f"{side} = [{', '.join(map(quoted, labels))}]" for side, labels in sides.items()]
    return [f"[stage.labels]{told}", *written]


def _sides(found: Recognised) -> tuple[list[str], list[str]]:
    """Divide the columns into what was shown and what was said; of a table nobody knows."""
    said: Callable[[str], bool]
    shown: Callable[[str], bool]
    if found.format == "toloka":
        shown, said = lambda c: c.startswith(("INPUT:", "GOLDEN:")), lambda c: c.startswith("OUTPUT:")
    elif found.format == "mturk":
        shown, said = lambda c: c.startswith("Input."), lambda c: c.startswith("Answer.")
    elif found.format == "label_studio":
        shown, said = lambda c: c.startswith("$"), lambda c: not c.startswith(("$", "ground_truth:"))
    elif found.format == "argilla":
        shown, said = lambda c: not c.endswith(".responses"), lambda c: c.endswith(".responses")
    else:
        return list(found.columns), list(found.columns)
    return [c for c in found.columns if shown(c)], [c for c in found.columns if said(c)]


def _guess(role: str, columns: Iterable[str], exact: bool = False) -> str | None:
    """Find the column that is called as its role is, then one with the word in it, if the role has to be filled."""
    named = {column: _field(column) for column in columns}
    for word in _WORDS[role]:
        for column, field in named.items():
            if field == word:
                return column
    if not exact and role not in ("label", "answer_id"):
        for word in _WORDS[role]:
            for column, field in named.items():
                if word in field and not field.endswith("id"):
                    return column
    return None


def _field(column: str) -> str:
    """Take off what a platform puts before and after a name."""
    for prefix in ("INPUT:", "OUTPUT:", "GOLDEN:", "Input.", "Answer.", "$"):
        column = column.removeprefix(prefix)
    return column.removesuffix(".responses").strip().lower().replace(" ", "_")


def _distinct(values: Iterable[str]) -> list[str]:
    return sorted({value for value in values if value.strip()})


def _begins(columns: Iterable[str], prefix: str) -> bool:
    return any(column.startswith(prefix) for column in columns)


def quoted(text: str) -> str:
    """Write a TOML basic string; JSON's escapes are all TOML's."""
    return json.dumps(text, ensure_ascii=False).replace("\x7f", "\\u007f")
