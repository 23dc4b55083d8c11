"""The build report: what a maintainer wants to see after a build, from the manifest alone."""

from __future__ import annotations

from typing import Any

from rich.console import Group, RenderableType
from rich.markup import escape
from rich.table import Table
from rich.text import Text

from lrl_datasets import schema
from lrl_datasets.release.plan import Plan

_BAR = 20


def funnel(manifest: dict[str, Any]) -> RenderableType:
    """Return the funnel: records in, rows refused by filter and reason, rows out by split, judgements."""
    counts = manifest["counts"]
    total = counts["records"]
    table = Table(
        title=f"{manifest['repository']} {manifest['version']}", title_justify="left", pad_edge=False
    )
    for name in ("step", "reason", "rows", "left", ""):
        table.add_column(
            name, justify="right" if name in ("rows", "left") else "left", no_wrap=name != "reason"
        )
    sources = ", ".join(f"{name} {sum(rows.values())}" for name, rows in counts["by_source"].items())
    table.add_row("records read", sources, str(total), str(total), _bar(total, total))
    left = total
    for step in counts["funnel"]:
        left -= step["rows"]
        table.add_row(step["filter"], step["reason"], f"-{step['rows']}", str(left), _bar(left, total))
    table.add_section()
    default = manifest["configs"].get("default", {})
    for split in schema.SPLITS:
        rows = default[split]["rows"] if split in default else 0
        table.add_row("published", split, str(rows), "", _bar(rows, total))
    return Group(table, *_lines(manifest))


def publication(plan: Plan) -> RenderableType:
    """Return what publishing would do: files and rows, before and after."""
    if plan.tagged:
        return Text(f"{plan.repo} {plan.tag} is published, as commit {plan.stands}: nothing to do")
    if plan.stands is not None:
        where = f"in {plan.pull_request}: nothing to do" if plan.pull_request else "and would be tagged"
        return Text(f"{plan.repo} {plan.tag} stands at commit {plan.stands} {where}")
    at = f"on {plan.before or 'a first commit'}, {plan.head}" if plan.head else "into a new repository"
    return Group(
        _before_and_after(f"{plan.repo} {plan.tag}, {at}", "file", "bytes", plan.files),
        _before_and_after("", "config/split", "rows", plan.rows),
        Text("a dry run: nothing was written"),
    )


def _before_and_after(title: str, what: str, unit: str, pairs: dict[str, list[int | None]]) -> Table:
    table = Table(title=title, title_justify="left", pad_edge=False)
    for name in ("", what, f"{unit} before", f"{unit} after"):
        table.add_column(name, justify="right" if name.startswith(unit) else "left")
    for name, (before, after) in pairs.items():
        sign = (
            "+"
            if before is None
            else "-"
            if after is None
            else "="
            if unit == "rows" and before == after
            else "~"
        )
        counts = ("" if count is None else str(count) for count in (before, after))
        table.add_row(sign, escape(name), *counts)
    return table


def _lines(manifest: dict[str, Any]) -> list[Text]:
    counts, judged = manifest["counts"], manifest["judgements"]
    lines = [
        f"{counts['records']} records = {counts['published']} published + {counts['rejected']} rejected "
        f"+ {counts['withdrawn']} withdrawn"
    ]
    if judged["judgements"]:
        reasons = ", ".join(f"{reason} {n}" for reason, n in judged["reasons"].items()) or "all count"
        lines.append(
            f"{judged['judgements']} judgements = {judged['counted']} counted + {judged['not_counted']} not counted "
            f"({reasons}) + {judged['withdrawn']} withdrawn"
        )
    if counts["masked"]:
        lines.append("masked: " + ", ".join(f"{n} {kind}" for kind, n in counts["masked"].items()))
    others = {name: splits for name, splits in manifest["configs"].items() if name != "default"}
    for name, splits in others.items():
        lines.append(f"{name}: " + ", ".join(f"{split} {entry['rows']}" for split, entry in splits.items()))
    for name, source in manifest["sources"].items():
        lines.extend(
            f"{name}, left out by the selection: {n} ({why})" for why, n in source["left_out"].items()
        )
    suite = manifest["suite_index"]
    if suite is None:
        lines.append(
            "NOT LEAK-CHECKED: no suite index was given (lrl tasks index --out FILE; lrl build --suite-index FILE)"
        )
    if not counts["published"]:
        lines.append("NOTHING IS PUBLISHED: every record was refused; `rejected` says why")
    if manifest["sample"]:
        lines.append("SAMPLE: text and votes of the demonstration, not of real people")
    return [Text(escape(line)) for line in lines]


def _bar(rows: int, total: int) -> str:
    return "█" * round(_BAR * rows / total) if total else ""
