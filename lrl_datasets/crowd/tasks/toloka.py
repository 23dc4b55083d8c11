"""Toloka: a pool's tasks as TSV for the web and as task suites for the API, and a pool's export.

The TSV has `INPUT:*`, `GOLDEN:*` on control tasks, `TASK:overlap`, and an empty line after each suite (Toloka's
guide, "Creating a file with tasks", "Overlap", "Ways to group tasks in suites": by empty row, or "Set manually" with
the suite's size, which keeps the order too). A known answer with a hint would make a training task of a control task,
so hints (`HINT:text`) stand in training pools alone.

The TSV has no place for `unavailable_for`; the suites for `POST /v1/task-suites` have one, so they keep an author from
his own answer before he is paid to judge it. Where the TSV is used, such votes come back and are not counted
(`own_answer`).
"""

from __future__ import annotations

import csv
import io
import json
from html import escape
from itertools import groupby
from typing import Any

import pyarrow as pa

from lrl_datasets.crowd.tasks.pages import Page
from lrl_datasets.crowd.tasks.suites import INPUT

STATUSES = {
    "submitted": "SUBMITTED", "accepted": "APPROVED", "rejected": "REJECTED",
    "skipped": "SKIPPED", "expired": "EXPIRED", "active": "ACTIVE",
}  # fmt: skip
"""Status of `simulation.RESPONSES` → what Toloka calls it."""


def write(page: Page, tasks: pa.Table, training: bool = False) -> dict[str, bytes]:
    """Write what Toloka imports: `pool.tsv`, `task_suites.json` and the instructions as HTML.

    A training pool has the hints; its suites, which are nobody's in particular, have infinite overlap.
    """
    rows = tasks.to_pylist()
    controlled = any(row["golden"] is not None for row in rows)
    control = [f"GOLDEN:{ask.output}" for ask in page.asks] if controlled else []
    control += ["HINT:text"] if training else []
    # A pool of known answers is for everybody: Toloka gives it infinite overlap by itself.
    wanted = [] if all(row["golden"] is not None for row in rows) else ["TASK:overlap"]
    header = [*(f"INPUT:{name}" for name in page.inputs), *control, *wanted]
    lines = []
    for row in rows:
        truth = [*page.given(row["golden"]).values()] if controlled else []
        truth += [row["hint"] or ""] if training else []
        overlap = [str(row["overlap"])] if wanted else []
        lines.append((row["suite"], [*_inputs(page, row), *truth, *overlap]))
    suites = [_suite(page, list(group), training) for _, group in groupby(rows, lambda row: row["suite"])]
    return {
        "pool.tsv": _tsv(header, lines),
        "task_suites.json": _json(suites),
        "instructions.html": _instructions(page),
    }


def export(page: Page, responses: pa.Table) -> bytes:
    """Write the assignments as Toloka's "Download results" does: one row a task, an empty one between suites."""
    header = [
        *(f"INPUT:{name}" for name in page.inputs), *(f"OUTPUT:{ask.output}" for ask in page.asks),
        *(f"GOLDEN:{ask.output}" for ask in page.asks), "HINT:text",
        "ASSIGNMENT:link", "ASSIGNMENT:task_id", "ASSIGNMENT:assignment_id", "ASSIGNMENT:task_suite_id",
        "ASSIGNMENT:worker_id", "ASSIGNMENT:status", "ASSIGNMENT:started", "ASSIGNMENT:submitted",
        "ASSIGNMENT:reward",
    ]  # fmt: skip
    lines = []
    for row in responses.to_pylist():
        times = [row[name].isoformat(timespec="milliseconds") for name in ("started", "submitted")]
        reward = "" if row["reward"] is None else f"{row['reward']:.4f}"
        cells = [
            *_inputs(page, row), *page.given(row["output"]).values(), *page.given(row["golden"]).values(),
            row["hint"] or "",
            f"https://tasks.example.com/task/{row['assignment']}", row["task"], row["assignment"],
            f"suite-{row['suite']}", row["worker"], STATUSES[row["status"]], *times, reward,
        ]  # fmt: skip
        lines.append((row["assignment"], cells))
    return _tsv(header, lines)


def _inputs(page: Page, row: dict[str, Any]) -> list[str]:
    return [row[INPUT + name] or "" for name in page.inputs]


def _tsv(header: list[str], lines: list[tuple[Any, list[str]]]) -> bytes:
    out = io.StringIO(newline="")
    table = csv.writer(out, delimiter="\t", lineterminator="\n")
    table.writerow(header)
    for number, (_, group) in enumerate(groupby(lines, lambda line: line[0])):
        if number:
            out.write("\n")
        table.writerows(cells for _, cells in group)
    return out.getvalue().encode()


def _suite(page: Page, rows: list[dict[str, Any]], training: bool) -> dict[str, Any]:
    """Write one task suite of the API; the pool's id is put in when it is sent."""
    tasks = []
    for row in rows:
        # A field that is not required may be absent, but not empty.
        task: dict[str, Any] = {
            "input_values": {name: row[INPUT + name] for name in page.inputs if row[INPUT + name]}
        }
        if row["golden"] is not None:
            known = {field: label for field, label in page.given(row["golden"]).items() if label}
            task["known_solutions"] = [{"output_values": known, "correctness_weight": 1}]
        if row["hint"] and training:
            task["message_on_unknown_solution"] = row["hint"]
        tasks.append(task)
    # Who has all tasks known to him is measured or trained: every worker gets those suites.
    everybody = all(row["golden"] is not None for row in rows)
    suite: dict[str, Any] = {"pool_id": None, "infinite_overlap": everybody, "tasks": tasks}
    if not everybody:
        suite["overlap"] = rows[0]["overlap"]
    if rows[0]["unavailable_for"]:
        suite["unavailable_for"] = rows[0]["unavailable_for"]
    return suite


def _instructions(page: Page) -> bytes:
    parts = [f"<h2>{escape(page.title)}</h2>", *_list(page.instructions)]
    if page.english_instructions:
        parts += ["<h3>English</h3>", *_list(page.english_instructions)]
    return ("\n".join(parts) + "\n").encode()


def _list(sentences: tuple[str, ...]) -> list[str]:
    return ["<ol>", *(f"<li>{escape(sentence)}</li>" for sentence in sentences), "</ol>"]


def _json(value: object) -> bytes:
    return (json.dumps(value, ensure_ascii=False, indent=1) + "\n").encode()
