"""A table for a spreadsheet program, as CSV and as JSON Lines: for people whom one knows, without a platform.

The CSV begins with a byte order mark, since Excel takes UTF-8 for Latin-1 without one. A cell that a
spreadsheet program would run as a formula is neutralised (`sources.formulas`), and the reader restores it.
Golden labels must not stand in a file that judges get: they are in `golden.csv`, by task.
"""

from __future__ import annotations

import csv
import io
import json
from typing import Any

import pyarrow as pa

from lrl_datasets.crowd.tasks.pages import Page
from lrl_datasets.crowd.tasks.suites import INPUT
from lrl_datasets.sources.formulas import neutralised

BOM = "\ufeff"


def write(page: Page, tasks: pa.Table) -> dict[str, bytes]:
    """Write `tasks.csv` and `tasks.jsonl` with an empty column for what the worker gives, and the instructions."""
    task, worker = page.place("task_id"), page.place("worker")
    outputs = [ask.output for ask in page.asks]
    columns = ["suite", task, *page.inputs, *outputs, worker]
    rows = [
        {
            "suite": row["suite"],
            task: row["task"],
            **_inputs(page, row),
            **dict.fromkeys(outputs, ""),
            worker: "",
        }
        for row in tasks.to_pylist()
    ]
    files = {"tasks.csv": _csv(columns, rows), "tasks.jsonl": _jsonl(rows), "instructions.txt": _text(page)}
    golden = [
        {task: row["task"], **_golden(page, row), "hint": row["hint"] or ""}
        for row in tasks.to_pylist()
        if row["golden"] is not None
    ]
    if golden:
        distinct = list({row[task]: row for row in golden}.values())
        files["golden.csv"] = _csv(list(distinct[0]), distinct)
    return files


def export(page: Page, responses: pa.Table, jsonl: bool = False) -> bytes:
    """Write the filled table: one row a task and worker, with the golden label put back beside it."""
    rows = []
    for row in responses.to_pylist():
        given = {
            "assignment_id": row["assignment"],
            "task_id": row["task"],
            "worker": row["worker"],
            "status": row["status"],
            "started": row["started"].isoformat(timespec="milliseconds"),
            "submitted": row["submitted"].isoformat(timespec="milliseconds"),
            "reward": "" if row["reward"] is None else f"{row['reward']:.4f}",
        }
        filled = page.given(row["output"]) | _golden(page, row)
        rows.append({page.place(role): cell for role, cell in given.items()} | _inputs(page, row) | filled)
    columns = list(rows[0]) if rows else []
    return _jsonl(rows) if jsonl else _csv(columns, rows)


def _inputs(page: Page, row: dict[str, Any]) -> dict[str, str]:
    return {name: row[INPUT + name] or "" for name in page.inputs}


def _golden(page: Page, row: dict[str, Any]) -> dict[str, str]:
    known = page.given(row["golden"])
    return {ask.golden: known[ask.output] for ask in page.asks}


def _csv(columns: list[str], rows: list[dict[str, Any]]) -> bytes:
    out = io.StringIO(newline="")
    out.write(BOM)
    table = csv.writer(out, lineterminator="\r\n")
    table.writerow(columns)
    table.writerows([neutralised(str(row[column])) for column in columns] for row in rows)
    return out.getvalue().encode()


def _jsonl(rows: list[dict[str, Any]]) -> bytes:
    return "".join(json.dumps(row, ensure_ascii=False) + "\n" for row in rows).encode()


def _text(page: Page) -> bytes:
    lines = [page.title, "", *(f"{n}. {text}" for n, text in enumerate(page.instructions, 1)), ""]
    for ask in page.asks:
        lines += [f"{ask.output}: {ask.text}" if page.rubric else ask.text]
        lines += [
            f"{label} = {word.removeprefix(f'{label} · ')}"
            for label, word in zip(ask.labels, ask.words, strict=True)
        ]
    if page.english_instructions:
        lines += ["", "English", "", *(f"{n}. {text}" for n, text in enumerate(page.english_instructions, 1))]
    return ("\n".join(lines) + "\n").encode()
