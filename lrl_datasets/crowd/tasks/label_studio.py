"""Label Studio: a project's labelling config, its settings and tasks, and its JSON export.

The config follows Label Studio's tag reference: `Text` shows a field of the task's data, `Choices` and `TextArea`
take the answer; a `Choice` is shown in the worker's language and saved as the campaign's label (`alias`). Golden
labels are a field of the data that no tag shows. Label Studio has no suites: tasks stand in the suites' order.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from html import escape
from importlib import resources
from typing import Any
from xml.sax.saxutils import quoteattr

import pyarrow as pa

from lrl_datasets.crowd.tasks.pages import Page
from lrl_datasets.crowd.tasks.suites import INPUT
from lrl_datasets.schema import digest

NAME = "task"
"""The field of the data that names the task, by which it is found again."""
TITLE = 50
"""Characters that a project's title may have."""


def write(page: Page, tasks: pa.Table) -> dict[str, bytes]:
    """Write `config.xml`, `project.json` (what `POST /api/projects` takes) and `tasks.json` (what is imported)."""
    return {
        "config.xml": config(page).encode(),
        "project.json": _json(project(page, max(tasks["overlap"].to_pylist(), default=1))),
        "tasks.json": _json([{"data": data(page, row)} for row in tasks.to_pylist()]),
    }


def project(page: Page, overlap: int) -> dict[str, Any]:
    """Give a project's settings."""
    return {
        "title": title(page.name),
        "description": page.title,
        "label_config": config(page),
        "expert_instruction": "\n".join(_instructions(page)),
        "show_instruction": True,
        "show_skip_button": False,
        "show_collab_predictions": False,
        "maximum_annotations": overlap,
    }


def title(name: str) -> str:
    """Give the title by which a campaign finds the project of a page again."""
    return name if len(name) <= TITLE else f"{name[: TITLE - 9]}-{digest(name, length=8)}"


def config(page: Page) -> str:
    """Write the labelling config; its style also makes Label Studio's own page fit a phone, in that language."""
    lines = ['<View className="lrl">', f"  <Style>{_style(page)}</Style>"]
    beside = [one for one in page.shown if one.role in ("left", "right")]
    for one in page.shown:
        lines += ['  <View className="lrl-pair">'] if beside[:1] == [one] else []
        lines += [
            '  <View className="lrl-text">',
            f'    <Header value={quoteattr(one.heading)} size="5"/>',
            f"    <Text name={quoteattr(_shown(one.field))} value={quoteattr('$' + one.field)}/>",
            "  </View>",
        ]
        lines += ["  </View>"] if beside[-1:] == [one] else []
    needed = f'required="true" requiredMessage={quoteattr(page.texts.required)}'
    for ask in page.asks:
        lines.append(f'  <Header value={quoteattr(ask.text)} size="4"/>')
        control = f"name={quoteattr(ask.output)} toName={quoteattr(_shown(page.shown[-1].field))}"
        if ask.labels:
            inline = "false" if page.rubric else "true"
            lines.append(f'  <View className="{"lrl-marks" if page.rubric else "lrl-choice"}">')
            lines.append(f'  <Choices {control} choice="single-radio" showInline="{inline}" {needed}>')
            for key, (label, word) in enumerate(zip(ask.labels, ask.words, strict=True), 1):
                hotkey = "" if page.rubric else f' hotkey="{key}"'
                lines.append(f"    <Choice value={quoteattr(word)} alias={quoteattr(label)}{hotkey}/>")
            lines += ["  </Choices>", "  </View>"]
        else:
            lines.append(f'  <TextArea {control} rows="8" maxSubmissions="1" editable="true" {needed}/>')
    return "\n".join([*lines, "</View>", ""])


def _style(page: Page) -> str:
    words = {"submit": page.texts.submit, "instructions": page.texts.instructions}
    names = "".join(f" --lrl-{name}: {_css_string(word)};" for name, word in words.items())
    style = resources.files(__package__).joinpath("label_studio.css").read_text(encoding="utf-8")
    return f"\n:root {{{names} }}\n{style}"


def _css_string(text: str) -> str:
    """Write a CSS string; what would end it, or mean something in XML, by its number."""
    return '"' + "".join(f"\\{ord(sign):x} " if sign in '"\\\n\r<>&' else sign for sign in text) + '"'


def data(page: Page, row: dict[str, Any]) -> dict[str, str]:
    """Give a task's data: its inputs, its name in the table, and the golden label, empty on ordinary tasks."""
    inputs = {name: row[INPUT + name] or "" for name in page.inputs}
    known = page.given(row["golden"])
    return {**inputs, NAME: row["task"], **{ask.golden: known[ask.output] for ask in page.asks}}


def pushed(page: Page, row: dict[str, Any]) -> dict[str, str]:
    """Give a task's data for a server, whose annotators can look at all of it: without the golden label."""
    hidden = {ask.golden for ask in page.asks}
    return {name: value for name, value in data(page, row).items() if name not in hidden}


def with_truth(page: Page, exported: bytes, golden: Mapping[str, str]) -> bytes:
    """Write the golden labels, by the name of their task, into the export of a project that has none."""
    tasks: list[dict[str, Any]] = json.loads(exported)
    for task in tasks:
        known = page.given(golden.get(task["data"].get(NAME, "")))
        for ask in page.asks:
            task["data"][ask.golden] = known[ask.output] or task["data"].get(ask.golden, "")
    return _json(tasks)


def export(page: Page, responses: pa.Table) -> bytes:
    """Write the project's export as JSON: one object a task, its annotations inside."""
    tasks: dict[tuple[int, str], dict[str, Any]] = {}
    rows = responses.to_pylist()
    sizes: dict[str, int] = {}
    for row in rows:
        sizes[row["assignment"]] = sizes.get(row["assignment"], 0) + 1
    for number, row in enumerate(rows, 1):
        task = tasks.setdefault(
            (row["suite"], row["task"]), {"id": len(tasks) + 1, "data": data(page, row), "annotations": []}
        )
        # The user's number names the worker; it must be the same in every export of the campaign.
        user = int(row["worker"]) if row["worker"].isdigit() else int(digest(row["worker"], length=8), 16)
        written = row["submitted"].isoformat(timespec="milliseconds") + "Z"
        given = row["status"] in ("submitted", "accepted", "rejected")
        task["annotations"].append(
            {
                "id": int(
                    digest(row["assignment"], row["task"], length=12), 16
                ),  # a server's are unique over projects
                "completed_by": {
                    "id": user,
                    "email": f"{user}@example.org",
                    "first_name": "",
                    "last_name": "",
                },
                "result": _results(page, row, number) if given else [],
                "was_cancelled": not given,
                "ground_truth": False,
                "created_at": written,
                "updated_at": written,
                "lead_time": (row["submitted"] - row["started"]).total_seconds() / sizes[row["assignment"]],
                "task": task["id"],
            }
        )
    return _json(list(tasks.values()))


def _results(page: Page, row: dict[str, Any], number: int) -> list[dict[str, Any]]:
    kind, key = ("choices", "choices") if page.labels else ("textarea", "text")
    return [
        {
            "id": f"result{number}" if place == 0 else f"result{number}-{place}",
            "type": kind,
            "value": {key: [value]},
            "origin": "manual",
            "to_name": _shown(page.shown[-1].field),
            "from_name": field,
        }
        for place, (field, value) in enumerate(page.given(row["output"]).items())
        if value or not page.rubric
    ]


def _shown(field: str) -> str:
    """Name the tag that shows a field: names are one space for all tags, and an output may be called as an input."""
    return f"shown_{field}"


def _instructions(page: Page) -> list[str]:
    parts = [f"<h3>{escape(page.title)}</h3>", "<ol>"]
    parts += [f"<li>{escape(text)}</li>" for text in page.instructions]
    parts.append("</ol>")
    if page.english_instructions:
        parts += ["<h4>English</h4>", "<ol>"]
        parts += [f"<li>{escape(text)}</li>" for text in page.english_instructions]
        parts.append("</ol>")
    return parts


def _json(value: object) -> bytes:
    return (json.dumps(value, ensure_ascii=False, indent=1) + "\n").encode()
