"""Which tasks of a stage are still to be done: computed from what has come in, never stored.

Takes the tables of a campaign's source, gives tasks (`suites.tasks_schema`) with the number of workers each one
still lacks. Asked again before anything new came in, the answer is the same.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Mapping, Sequence
from typing import Any

import pyarrow as pa

from lrl_datasets.crowd.tasks.pages import Page
from lrl_datasets.crowd.tasks.suites import INPUT, tasks_schema
from lrl_datasets.errors import LrlError
from lrl_datasets.schema import digest

_GONE = ("not_submitted", "refused_by_requester")


def prompts(
    page: Page,
    rows: Sequence[Mapping[str, Any]],
    candidates: pa.Table,
    overlap: int,
    wanted: Mapping[str, int] | None = None,
) -> pa.Table:
    """Return the prompts that lack answers.

    Parameters
    ----------
    rows
        What is to be answered: each of `page.inputs` as text; absent ones are empty.
    candidates
        `schema.CANDIDATE`: the answers so far. Skipped, expired and refused ones leave their prompt open.
    overlap, wanted
        How many answers a prompt gets; `wanted` says so of single prompts, by what is `asked`.

    Raises
    ------
    LrlError
        A prompt is empty or stands in the table twice.
    """
    answered: dict[str, list[str]] = defaultdict(list)
    for row in candidates.select(["messages", "worker", "mark.source"]).to_pylist():
        if row["messages"] and row["mark.source"] not in _GONE:
            answered[row["messages"][0]["content"]].append(row["worker"])
    tasks: dict[str, dict[str, Any]] = {}
    for number, row in enumerate(rows, 1):
        inputs = {name: str(row.get(name) or "") for name in page.inputs}
        if not inputs[page.field("prompt") or ""].strip():
            raise LrlError(f"prompt {number}: column {page.field('prompt')!r} is empty")
        name = task_name(inputs)
        if name in tasks:
            raise LrlError(f"prompt {number} stands in the file twice")
        text = asked(page, inputs)
        workers = answered[text]
        tasks[name] = _task(name, inputs, (wanted or {}).get(text, overlap) - len(workers), workers)
    return _table(page, tasks.values())


def answers(
    page: Page,
    candidates: pa.Table,
    judgements: pa.Table,
    question: str,
    overlap: int,
    wanted: Mapping[str, int] | None = None,
) -> pa.Table:
    """Return the answers that lack judgements on a question; an answer's author must not get it.

    Parameters
    ----------
    candidates, judgements
        `schema.CANDIDATE` and `schema.JUDGEMENT`. Answers that could not be read, were not handed in or were
        refused are not judged; judgements of that kind leave their answer open.
    overlap, wanted
        How many different workers judge an answer; `wanted` says so of single answers, by record.
    """
    judged: dict[str, set[str]] = defaultdict(set)
    for row in judgements.select(["record", "worker", "question", "reason"]).to_pylist():
        if row["question"] == question and row["reason"] is None and row["record"]:
            judged[row["record"]].add(row["worker"])
    prompt_field, answer_field = page.field("prompt") or "", page.field("answer") or ""
    tasks = []
    for row in candidates.select(["record", "worker", "messages", "mark.source"]).to_pylist():
        if row["mark.source"] is not None or row["record"] is None:
            continue
        prompt, answer = (message["content"] for message in row["messages"])
        inputs = dict.fromkeys(page.inputs, "") | {
            page.inputs[0]: row["record"], prompt_field: prompt, answer_field: answer,
        }  # fmt: skip
        done = judged[row["record"]]
        missing = (wanted or {}).get(row["record"], overlap) - len(done)
        tasks.append(_task(row["record"], inputs, missing, [row["worker"], *done]))
    return _table(page, tasks)


def comparisons(page: Page, candidates: pa.Table, wanted: Sequence[Mapping[str, Any]]) -> pa.Table:
    """Return the comparisons that are missing: a pair's two orders are two tasks.

    Parameters
    ----------
    wanted
        `pairs.wanted`: which two, how often in which order, and for whom not. No suite holds both orders of a pair; a
        worker who gets both all the same has said it once (`repeated_vote`).
    """
    texts = {
        row["record"]: [message["content"] for message in row["messages"]]
        for row in candidates.select(["record", "messages", "mark.source"]).to_pylist()
        if row["mark.source"] is None and row["record"] is not None
    }
    left, right = (page.field(side) or "" for side in ("left", "right"))
    tasks = []
    for pair in wanted:
        both = (pair["record"], pair["other_record"])
        for turned, ((one, other), missing) in enumerate(
            ((both, pair["first"]), (both[::-1], pair["turned"]))
        ):
            inputs = dict.fromkeys(page.inputs, "") | {
                page.inputs[0]: one, page.inputs[1]: other, page.field("prompt") or "": texts[one][0],
                left: texts[one][-1], right: texts[other][-1],
            }  # fmt: skip
            task = _task(f"{one}|{other}", inputs, missing, pair["unavailable_for"])
            tasks.append({**task, "suite": turned})
    return _table(page, tasks)


def united(tables: Sequence[pa.Table]) -> pa.Table:
    """Unite the tasks of questions that stand on one page: each task once, as often as the neediest question wants it.

    Who has answered one of the questions is not given the page again.
    """
    tasks: dict[str, dict[str, Any]] = {}
    for table in tables:
        for row in table.to_pylist():
            before = tasks.get(row["task"], row)
            barred = {*row["unavailable_for"], *before["unavailable_for"]}
            more = {"overlap": max(row["overlap"], before["overlap"]), "unavailable_for": sorted(barred)}
            tasks[row["task"]] = {**row, **more}
    return pa.Table.from_pylist(list(tasks.values()), schema=tables[0].schema)


def control_tasks(page: Page, rows: Sequence[Mapping[str, Any]]) -> pa.Table:
    """Return the control tasks: the input fields, the true label in the output's field, `hint` and `id` if given.

    Raises
    ------
    LrlError
        A label is missing or none of the stage's, or the same task stands there twice.
    """
    tasks: dict[str, dict[str, Any]] = {}
    for number, row in enumerate(rows, 1):
        inputs = {name: str(row.get(name) or "") for name in page.inputs}
        name = str(row.get("id") or task_name(inputs))
        # What is judged has a name on every task, or control tasks would be known by having none.
        for at, side in enumerate({"judgement": [""], "preference": ["-1", "-2"]}.get(page.kind, [])):
            inputs[page.inputs[at]] = inputs[page.inputs[at]] or f"{name}{side}"
        labels = {ask.output: str(row.get(ask.output) or "").strip() for ask in page.asks}
        for ask in page.asks:
            label = labels[ask.output]
            # Of a rubric a control task may know some marks only.
            if (ask.labels and label and label not in ask.labels) or not any(labels.values()):
                known = f"none of {', '.join(ask.labels)}" if ask.labels else "empty"
                raise LrlError(f"control task {number}: column {ask.output!r} is {known}")
        if name in tasks:
            raise LrlError(f"control task {number}: {name!r} stands in the file twice")
        tasks[name] = {
            **_task(name, inputs, 1, []),
            "golden": page.joined(labels),
            "hint": str(row.get("hint") or "") or None,
        }
    return _table(page, tasks.values())


def asked(page: Page, inputs: Mapping[str, str]) -> str:
    """Give what a prompt's answers have as their user's message: the prompt, and its context after a blank line."""
    prompt, context = inputs[page.field("prompt") or ""], inputs.get(page.field("context") or "", "").strip()
    return f"{prompt}\n\n{context}" if context else prompt


def task_name(inputs: Mapping[str, str]) -> str:
    """Name a task by what it shows."""
    return digest(*[part for pair in sorted(inputs.items()) for part in pair], length=16)


def _task(
    name: str, inputs: Mapping[str, str], missing: int, not_for: Sequence[str | None]
) -> dict[str, Any]:
    return {
        "suite": 0,
        "task": name,
        "golden": None,
        "hint": None,
        "overlap": missing,
        "unavailable_for": sorted({worker for worker in not_for if worker}),
        **{INPUT + field: text for field, text in inputs.items()},
    }


def _table(page: Page, tasks: Any) -> pa.Table:
    return pa.Table.from_pylist(
        [task for task in tasks if task["overlap"] > 0], schema=tasks_schema(page.inputs)
    )
