"""Argilla 2: a dataset as `rg.Dataset.from_disk` reads it, and its records as `records.to_json` writes them.

Follows `DiskImportExportMixin`, `Settings.serialize` and `Record.to_dict` of argilla 2.8 and the guide "Importing and
exporting datasets and records". What is shown are fields, what is asked are questions; everything else (the ids, the
true labels of control tasks) is metadata that annotators do not see. Argilla has no suites and one number of
annotators for the whole dataset, the largest that a task wants; it cannot keep anybody from a record, so votes on
one's own answer come back and are not counted (`own_answer`).
"""

from __future__ import annotations

import json
import re
from typing import Any

import pyarrow as pa

from lrl_datasets.crowd.tasks.pages import Page
from lrl_datasets.crowd.tasks.suites import INPUT

_HANDED_IN = ("submitted", "accepted", "rejected")
_ALL_SHOWN = 3
"""From so many labels on Argilla folds some away unless it is told how many to show."""


def write(page: Page, tasks: pa.Table) -> dict[str, bytes]:
    """Write the folder that `rg.Dataset.from_disk(FOLDER, name=…, workspace=…, client=…)` takes."""
    overlap = max(tasks["overlap"].to_pylist(), default=1)
    return {
        ".argilla/dataset.json": _json({"name": _name(page.name), "allow_extra_metadata": False}),
        ".argilla/settings.json": _json(settings(page, overlap)),
        "records.json": _json([_record(page, row) for row in tasks.to_pylist()]),
    }


def settings(page: Page, overlap: int) -> dict[str, Any]:
    """Give the dataset's settings: guidelines, fields, questions, hidden metadata, annotators a record."""
    return {
        "guidelines": _guidelines(page),
        "fields": [
            {
                "name": one.field,
                "title": one.heading,
                "required": one.role != "context",
                "settings": {"type": "text", "use_markdown": False},
            }
            for one in page.shown
        ],
        "questions": [
            {
                "name": ask.output,
                "title": ask.text,
                "description": None,
                "required": True,
                "settings": _choices(ask.labels, ask.words)
                if ask.labels
                else {"type": "text", "use_markdown": False},
            }
            for ask in page.asks
        ],
        "metadata": [
            {
                "name": name,
                "title": name,
                "settings": {"type": "terms", "values": None},
                "visible_for_annotators": False,
            }
            for name in _hidden(page)
        ],
        "vectors": [],
        "allow_extra_metadata": False,
        "distribution": {"strategy": "overlap", "min_submitted": overlap},
    }


def export(page: Page, responses: pa.Table) -> bytes:
    """Write the records with their responses; what was not handed in is no response, as `records.to_json` has it."""
    records: dict[tuple[int, str], dict[str, Any]] = {}
    for row in responses.to_pylist():
        record = records.setdefault((row["suite"], row["task"]), _record(page, row))
        if row["status"] not in _HANDED_IN:
            continue
        for field, value in page.given(row["output"]).items():
            record["responses"].setdefault(field, []).append({"value": value, "user_id": row["worker"]})
    return _json(list(records.values()))


def _choices(labels: tuple[str, ...], words: tuple[str, ...]) -> dict[str, Any]:
    options = [{"value": label, "text": word} for label, word in zip(labels, words, strict=True)]
    shown = len(labels) if len(labels) >= _ALL_SHOWN else None
    return {"type": "label_selection", "options": options, "visible_options": shown}


def _record(page: Page, row: dict[str, Any]) -> dict[str, Any]:
    shown = [one.field for one in page.shown]
    known = page.given(row["golden"])
    hidden = {name: row[INPUT + name] or "" for name in page.inputs if name not in shown}
    return {
        "id": f"{row['suite']}-{row['task']}",  # a control task may stand in several suites
        "fields": {field: row[INPUT + field] or "" for field in shown},
        "metadata": hidden | {ask.golden: known[ask.output] for ask in page.asks},
        "suggestions": {},
        "responses": {},
        "vectors": {},
        "_server_id": None,
    }


def _hidden(page: Page) -> list[str]:
    shown = [one.field for one in page.shown]
    return [*(name for name in page.inputs if name not in shown), *(ask.golden for ask in page.asks)]


def _guidelines(page: Page) -> str:
    lines = [f"## {page.title}", "", *(f"{n}. {text}" for n, text in enumerate(page.instructions, 1))]
    if page.english_instructions:
        lines += [
            "", "### English", "", *(f"{n}. {text}" for n, text in enumerate(page.english_instructions, 1)),
        ]  # fmt: skip
    return "\n".join(lines) + "\n"


def _name(name: str) -> str:
    """Write a dataset's name as Argilla takes it: letters, digits, - and _."""
    return re.sub(r"[^A-Za-z0-9_-]+", "-", name).strip("-_") or "tasks"


def _json(value: object) -> bytes:
    return (json.dumps(value, ensure_ascii=False, indent=1) + "\n").encode()
