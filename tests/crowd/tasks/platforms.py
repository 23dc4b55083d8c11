"""Platforms as the tests need them: campaign folders in each format, and each platform's import of its own files."""

from __future__ import annotations

import csv
import io
import json
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import pyarrow as pa

from lrl_datasets.crowd.tasks.pages import Page
from lrl_datasets.crowd.tasks.suites import INPUT, tasks_schema

PREFIXES = {
    "toloka": ("INPUT:", "OUTPUT:", "tsv"),
    "mturk": ("Input.", "Answer.", "csv"),
    "label_studio": ("$", "", "json"),
    "argilla": ("", "", "json"),
    "table": ("", "", "csv"),
    "table-jsonl": ("", "", "jsonl"),
}
RESPONSES = {"argilla": ".responses"}
"""What follows a question's name in its column."""
_TABLE = "".join(
    f'{role} = "{role}"\n'
    for role in ("worker", "assignment_id", "task_id", "status", "started", "submitted", "reward")
)


CRITERIA = ("helpful", "fluency")


def campaign_toml(
    format: str,
    suite: int = 3,
    golden_share: float = 0.3,
    rubric: bool = False,
    numbered: bool = False,
    criteria: Sequence[str] = CRITERIA,
) -> str:
    """A campaign with an answer and a judgement stage; or with a rubric, or several tasks on a page of MTurk."""
    shown, given, suffix = PREFIXES[format]
    judging = "".join(
        _judgement(
            format, question, ("1", "2") if rubric else ("yes",), ("0",) if rubric else ("no",), numbered
        )
        + (_judge_tasks(suite, golden_share) if at == 0 else "")
        for at, question in enumerate(criteria if rubric else criteria[:1])
    )
    end = "_{n}" if numbered else ""
    extra = _TABLE if format.startswith("table") else ""
    return f"""
name = "round"
sample = true
language = "swh_Latn"
license = "CC0-1.0"
[money]
currency = "USD"
minimum_hourly_pay = 3.0
platform_fee = 0.3
[[stage]]
kind = "answer"
format = "{format.partition("-")[0]}"
pools = ["answers-*.{suffix}"]
[stage.columns]
prompt = "{shown}prompt{end}"
context = "{shown}context{end}"
original_id = "{shown}original_id{end}"
answer = "{given}answer{RESPONSES.get(format, "")}{end}"
{extra}
[stage.tasks]
prompts = "prompts.jsonl"
overlap = 2
price = 0.2
{"suite = 2" if numbered else ""}
{judging}
"""


def _judgement(
    format: str, question: str, positive: tuple[str, ...], negative: tuple[str, ...], numbered: bool
) -> str:
    shown, given, suffix = PREFIXES[format]
    end = "_{n}" if numbered else ""
    return f"""
[[stage]]
kind = "judgement"
format = "{format.partition("-")[0]}"
pools = ["votes-*.{suffix}"]
question = "{question}"
[stage.columns]
answer_id = "{shown}answer_id{end}"
prompt = "{shown}prompt{end}"
answer = "{shown}answer{end}"
label = "{given}{question}{RESPONSES.get(format, "")}{end}"
{_TABLE if format.startswith("table") else ""}
[stage.labels]
positive = {json.dumps(positive)}
negative = {json.dumps(negative)}
[stage.rules]
aggregation = "majority"
"""


def _judge_tasks(suite: int, golden_share: float) -> str:
    return f"""
[stage.tasks]
golden = "golden.jsonl"
golden_share = {golden_share}
suite = {suite}
overlap = 3
price = 0.15
"""


def folder(
    path: Path,
    format: str,
    prompts: Sequence[dict[str, str]],
    golden: Sequence[dict[str, str]],
    **options: Any,
) -> Path:
    """Write a campaign folder that nothing has come into yet."""
    path.mkdir(parents=True, exist_ok=True)
    (path / "campaign.toml").write_text(campaign_toml(format, **options), encoding="utf-8")
    for name, rows in (("prompts.jsonl", prompts), ("golden.jsonl", golden)):
        (path / name).write_text("".join(json.dumps(row) + "\n" for row in rows), encoding="utf-8")
    return path


def imported(format: str, page: Page, files: dict[str, bytes]) -> pa.Table:
    """Read a platform's import files as the platform does; what it has no place for is unknown to it."""
    rows = {
        "toloka": _toloka,
        "toloka-tsv": _toloka_tsv,
        "mturk": _mturk,
        "label_studio": _label_studio,
        "argilla": _argilla,
        "table": _table,
        "table-jsonl": _table_jsonl,
    }[format](page, files)
    schema = tasks_schema(page.inputs)
    return pa.Table.from_pylist(
        [{**dict.fromkeys(schema.names), "overlap": 1, **row} for row in rows], schema=schema
    )


def _toloka(page: Page, files: dict[str, bytes]) -> list[dict[str, Any]]:
    """What `POST /v1/task-suites` takes; tasks get the platform's own ids."""
    rows = []
    for number, suite in enumerate(json.loads(files["task_suites.json"]), 1):
        for place, task in enumerate(suite["tasks"]):
            known = task.get("known_solutions")
            rows.append(
                {
                    "suite": number,
                    "task": f"t{number}-{place}",
                    "golden": page.joined(known[0]["output_values"]) if known else None,
                    "hint": task.get("message_on_unknown_solution"),
                    "overlap": suite.get("overlap", 1),
                    "unavailable_for": suite.get("unavailable_for", []),
                    **{INPUT + name: task["input_values"].get(name, "") for name in page.inputs},
                }
            )
    return rows


def _toloka_tsv(page: Page, files: dict[str, bytes]) -> list[dict[str, Any]]:
    """What the web interface takes: suites end at an empty line."""
    lines = list(csv.reader(io.StringIO(files["pool.tsv"].decode(), newline=""), delimiter="\t"))
    header, suite, rows = lines[0], 1, []
    for number, cells in enumerate(lines[1:]):
        if not cells:
            suite += 1
            continue
        row = dict(zip(header, cells, strict=True))
        rows.append(
            {
                "suite": suite,
                "task": f"t{number}",
                "golden": page.joined({ask.output: row.get(f"GOLDEN:{ask.output}", "") for ask in page.asks}),
                "hint": row.get("HINT:text") or None,
                "overlap": int(row["TASK:overlap"]),
                **{INPUT + name: row[f"INPUT:{name}"] for name in page.inputs},
            }
        )
    return rows


def _mturk(page: Page, files: dict[str, bytes]) -> list[dict[str, Any]]:
    rows = []
    for number, row in enumerate(csv.DictReader(io.StringIO(files["batch.csv"].decode(), newline="")), 1):
        places = range(1, 1 + max([1, *(int(name.rpartition("_")[2]) for name in row if page.numbered)]))
        for place in places:
            inputs = {INPUT + name: row[page.numbered_as(name, place)] for name in page.inputs}
            golden = page.joined({ask.output: row[page.numbered_as(ask.golden, place)] for ask in page.asks})
            if any(inputs.values()):  # the last page need not be full
                rows.append({"suite": number, "task": f"HIT{number}-{place}", "golden": golden, **inputs})
    return rows


def _label_studio(page: Page, files: dict[str, bytes]) -> list[dict[str, Any]]:
    rows = []
    for number, task in enumerate(json.loads(files["tasks.json"]), 1):
        data = task["data"]
        inputs = {INPUT + name: data[name] for name in page.inputs}
        rows.append({"suite": number, "task": f"ls{number}", "golden": _known(page, data), **inputs})
    return rows


def _argilla(page: Page, files: dict[str, bytes]) -> list[dict[str, Any]]:
    settings = json.loads(files[".argilla/settings.json"])
    hidden = {one["name"] for one in settings["metadata"] if not one["visible_for_annotators"]}
    assert [one["name"] for one in settings["questions"]] == [ask.output for ask in page.asks]
    rows = []
    for number, record in enumerate(json.loads(files["records.json"]), 1):
        assert record["metadata"].keys() == hidden  # what annotators do not see
        told = record["fields"] | record["metadata"]
        inputs = {INPUT + name: told[name] for name in page.inputs}
        rows.append({"suite": number, "task": record["id"], "golden": _known(page, told), **inputs})
    return rows


def _table(page: Page, files: dict[str, bytes]) -> list[dict[str, Any]]:
    from lrl_datasets.sources.formulas import restored

    lines = list(csv.reader(io.StringIO(files["tasks.csv"].decode("utf-8-sig"), newline="")))
    sheet = [dict(zip(lines[0], [restored(cell) for cell in cells], strict=True)) for cells in lines[1:]]
    key = list(csv.DictReader(io.StringIO(files.get("golden.csv", b"").decode("utf-8-sig"), newline="")))
    return _rows_of_table(page, sheet, {row["task_id"]: _known(page, row) for row in key})


def _table_jsonl(page: Page, files: dict[str, bytes]) -> list[dict[str, Any]]:
    sheet = [json.loads(line) for line in files["tasks.jsonl"].decode().splitlines()]
    key = list(csv.DictReader(io.StringIO(files.get("golden.csv", b"").decode("utf-8-sig"), newline="")))
    return _rows_of_table(page, sheet, {row["task_id"]: _known(page, row) for row in key})


def _rows_of_table(
    page: Page, sheet: list[dict[str, Any]], golden: dict[str, str | None]
) -> list[dict[str, Any]]:
    return [
        {
            "suite": int(row["suite"]),
            "task": row["task_id"],
            "golden": golden.get(row["task_id"]),
            **{INPUT + name: row[name] for name in page.inputs},
        }
        for row in sheet
    ]


def _known(page: Page, row: dict[str, str]) -> str | None:
    return page.joined({ask.output: row[ask.golden] for ask in page.asks})
