"""What a maintainer wants to see: after a build, before publishing, between two releases, of a release checked."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from rich.console import Group, RenderableType
from rich.markup import escape
from rich.table import Table
from rich.text import Text

from lrl_datasets import schema
from lrl_datasets.release.diff import Diff, minimum_version, required_bump
from lrl_datasets.release.plan import Plan
from lrl_datasets.release.verify import Checked

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
    if counts["withdrawn"]:
        left -= counts["withdrawn"]
        table.add_row("withdrawn", "on request", f"-{counts['withdrawn']}", str(left), _bar(left, total))
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


def difference(diff: Diff) -> RenderableType:
    """Return what changed between two releases: rows by config, by source, the schema, and what it calls for."""
    before, after = diff.before, diff.after
    title = f"{before['repository']} {before['version']} → {after['repository']} {after['version']}"
    rows = Table(title=title, title_justify="left", pad_edge=False)
    for name in (
        "config",
        "before",
        "after",
        "added",
        "removed",
        "withdrawn",
        "text",
        "metadata",
        "revision only",
    ):
        rows.add_column(name, justify="left" if name == "config" else "right")
    for config, changes in diff.configs.items():
        listed = (changes.added, changes.removed, changes.withdrawn, changes.content, changes.metadata)
        counts = (changes.before, changes.after, *map(len, listed), changes.revision_only)
        rows.add_row(config, *map(str, counts))
    parts: list[RenderableType] = [rows, _by_source(diff)]
    for one in diff.schema:
        types = f" ({' → '.join(filter(None, (one.before, one.after)))})" if one.before or one.after else ""
        parts.append(Text(f"schema: {one.config} {one.change} {one.name}{types}: {one.bump}"))
    for config, changes in diff.configs.items():
        if config == "annotations":
            continue  # their ids say nothing to a reader; the numbers stand above
        for what, ids in (
            ("added", changes.added), ("removed", changes.removed), ("text changed", changes.content),
        ):  # fmt: skip
            parts += _some(f"{config}, {what}", [name for name in ids if name not in diff.consequences])
        told = [
            f"{name} ({', '.join(columns)})"
            for name, columns in changes.metadata.items()
            if name not in diff.consequences
        ]
        parts += _some(f"{config}, metadata changed", told)
    if diff.withdrawn:
        parts += [Text("\nwithdrawn", style="bold"), *_some("by id", diff.withdrawn)]
        parts += _some("as a consequence", [f"{name}: {what}" for name, what in diff.consequences.items()])
    if diff.facts:
        parts.append(Text(f"different in the manifest: {', '.join(diff.facts)}"))
    parts += [Text(f"ERROR: {error}", style="red") for error in diff.errors[:_SHOWN]]
    if len(diff.errors) > _SHOWN:
        parts.append(Text(f"ERROR: and {len(diff.errors) - _SHOWN} more", style="red"))
    bump = required_bump(diff)
    smallest = minimum_version(before["version"], diff)
    parts.append(
        Text(f"\ncalls for {smallest} or above ({bump})" if bump else "\nnothing changed", style="bold")
    )
    return Group(*parts)


def _by_source(diff: Diff) -> Table:
    table = Table(title="default, by source and language", title_justify="left", pad_edge=False)
    counts = ("before", "after", "added", "removed", "withdrawn", "content", "metadata")
    for name in ("source", "language", *counts):
        left = name in ("source", "language")
        table.add_column("text" if name == "content" else name, justify="left" if left else "right")
    for source, languages in diff.counts.items():
        for language, found in languages.items():
            table.add_row(escape(source), escape(language), *(str(found[name]) for name in counts))
    return table


def verification(release: str, checked: Sequence[Checked]) -> RenderableType:
    """Return the checks of a release with ok or failed, and below it what was found."""
    table = Table(title=escape(release), title_justify="left", pad_edge=False)
    for name in ("check", "", "rule"):
        table.add_column(name, no_wrap=name != "rule")
    for one in checked:
        said = (
            Text("ok", style="green")
            if not one.findings
            else Text(f"{len(one.findings)} failed", style="red")
        )
        table.add_row(one.name, said, escape(one.what))
    parts: list[RenderableType] = [table]
    for one in checked:
        parts += _some(one.name, one.findings)
    return Group(*parts)


_SHOWN = 8


def _some(what: str, listed: Sequence[str]) -> list[Text]:
    """Return the first few of a list, one a line, under what they are."""
    if not listed:
        return []
    lines = [Text(f"{what}: {len(listed)}")] + [Text(f"  {one}") for one in listed[:_SHOWN]]
    return lines + ([Text(f"  … and {len(listed) - _SHOWN} more")] if len(listed) > _SHOWN else [])


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
    return [Text(line) for line in lines]


def _bar(rows: int, total: int) -> str:
    return "█" * round(_BAR * rows / total) if total else ""
