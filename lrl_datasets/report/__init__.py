"""What a maintainer wants to see: after a build, before publishing, between two releases, of a release checked."""

from __future__ import annotations

import re
from collections.abc import Sequence
from typing import Any

from rich import box
from rich.console import Group, RenderableType
from rich.markup import escape
from rich.table import Table
from rich.text import Text

from lrl_datasets import schema
from lrl_datasets.release.changes import Diff
from lrl_datasets.release.manifest import leak_checked
from lrl_datasets.release.plan import Plan
from lrl_datasets.release.verify import Checked
from lrl_datasets.release.versions import minimum_version, required_bump, version_key
from lrl_datasets.report import votes

_BAR = 20


def funnel(manifest: dict[str, Any]) -> RenderableType:
    """Return the funnel: records in, rows refused by filter and reason, rows out by split, judgements."""
    counts = manifest["counts"]
    total = counts["records"]
    table = _table(f"{manifest['repository']} {manifest['version']}")
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
    chosen = manifest.get("acceptance", {})
    weighed = [
        part
        for name, told in manifest.get("aggregation", {}).items()
        for part in votes.aggregation(name, told, chosen.get(name))
    ]
    return Group(table, *_lines(manifest), *weighed)


def publication(plan: Plan, *, create_pr: bool = False) -> RenderableType:
    """Return what publishing would do: files and rows, before and after; `create_pr`: as a pull request."""
    release = f"{plan.repo} {plan.tag}"
    if plan.tagged:
        return Text(f"{release} is published, as commit {plan.stands}: nothing to do")
    if plan.pull_request:
        return Text(
            f"{release} is proposed already, in {plan.pull_request} (commit {plan.stands}): nothing to do"
        )
    if plan.stands:
        return Text(f"{release} is committed already ({plan.stands}): only the tag would be set")
    how = "a pull request" if create_pr else "one commit and the tag"
    if plan.head is None:
        on = "in a new repository"
    else:
        on = f"on {'release ' + plan.before if plan.before else 'a repository without a release'} (commit {plan.head})"
    ending = "nothing was changed; this would be a pull request, which is tagged by publishing again once it is merged"
    return Group(
        Text(f"{release}: {how} {on}"),
        _before_and_after("file", "bytes", plan.files),
        Text(),
        _before_and_after("config/split", "rows", plan.rows),
        Text(f"\na dry run: {ending if create_pr else 'nothing was changed'}"),
    )


def _before_and_after(what: str, unit: str, pairs: dict[str, list[int | None]]) -> Table:
    table = _table()
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
    names = [f"{one['repository']} {one['version']}" for one in (before, after)]
    swapped = version_key(after["version"]) < version_key(before["version"])
    older = f"B ({after['version']}) is an older version than A ({before['version']})"
    rows = _table(" → ".join(names))
    for name in (
        "config",
        "before",
        "after",
        "added",
        "removed",
        "withdrawn",
        "text",
        "metadata",
        "revision",
    ):
        rows.add_column(name, justify="left" if name == "config" else "right", no_wrap=name != "config")
    for config, changes in diff.configs.items():
        listed = (changes.added, changes.removed, changes.withdrawn, changes.content, changes.metadata)
        counts = (changes.before, changes.after, *map(len, listed), changes.revision_only)
        rows.add_row(config, *map(str, counts))
    legend = "text, metadata, revision: rows changed in their text, in other columns, in their source's revision alone"
    parts: list[RenderableType] = (
        [Text(f"{older}: all of this reads backwards\n", style="yellow")] if swapped else []
    )
    parts += [rows, Text(legend + "\n"), _by_source(diff), Text()]
    for one in diff.schema:
        types = f" ({' → '.join(filter(None, (one.before, one.after)))})" if one.before or one.after else ""
        parts.append(Text(f"schema: {one.config} {one.change} {one.name}{types}: {one.bump}"))
    parts += _lists(diff)
    if diff.facts:
        parts.append(Text(f"also different in manifest.json: {', '.join(diff.facts)}"))
    if diff.untranslated:
        parts.append(
            Text(
                "made with two pseudonym keys: a record of a campaign has another id in each, so that it counts as "
                "removed and added, and a move cannot be seen; --renamed NAME.renamed.json translates",
                style="yellow",
            )
        )
    parts += [Text(f"ERROR: {error}", style="red") for error in diff.errors[:_SHOWN]]
    if len(diff.errors) > _SHOWN:
        parts.append(Text(f"ERROR: and {len(diff.errors) - _SHOWN} more", style="red"))
    last = (
        Text(f"{older}: name the older release first", style="bold yellow") if swapped else _called_for(diff)
    )
    parts += [Text(), last]
    return Group(*parts)


def _lists(diff: Diff) -> list[RenderableType]:
    """Name the rows, the first few of each kind; those that a withdrawal touched are listed under it alone."""
    parts: list[RenderableType] = []
    for config, changes in diff.configs.items():
        if config == "annotations":
            continue  # their ids say nothing to a reader; the numbers stand above
        for what, ids in (
            ("added", changes.added), ("removed", changes.removed), ("text changed", changes.content),
            ("metadata changed", changes.metadata),
        ):  # fmt: skip
            own = [_told(diff, config, what, name) for name in ids if name not in diff.consequences]
            touched = (
                f", {len(ids) - len(own)} of them touched by the withdrawal, below"
                if len(own) < len(ids)
                else ""
            )
            parts += _some(f"{config}, {what}: {len(ids)}{touched}", own) if ids else []
    if diff.withdrawn:
        people = [name for name in diff.withdrawn if _PSEUDONYM.fullmatch(name)]
        asked = [name for name in diff.withdrawn if not _PSEUDONYM.fullmatch(name)]
        told = [f"{name}: {what}" for name, what in diff.consequences.items()]
        parts.append(Text("\nwithdrawn on request", style="bold"))
        if people:
            parts += _some(f"annotators, by pseudonym: {len(people)}", people)
        if asked:
            parts += _some(f"rows, with near-copies and those of the annotators: {len(asked)}", asked)
        if told:
            parts += _some(f"touched by it, as relatives or by a vote that left: {len(told)}", told)
        parts.append(Text())
    return parts


def _told(diff: Diff, config: str, what: str, name: str) -> str:
    """Name a row with what became of it or changed in it."""
    changes, crossed = diff.configs[config], diff.crossed.get(name)
    if what == "metadata changed":
        return f"{name} ({', '.join(changes.metadata[name])})"
    if what == "text changed" or config == "preference":
        return name
    if crossed is None:
        return name if what == "added" else f"{name} (not read any more)"
    became = "published, before refused" if crossed.after == "default" else "refused, before published"
    edited = "; its text changed" if "content_hash" in crossed.fields else ""
    return f"{name} ({became}: {crossed.reason}{edited})"


def _called_for(diff: Diff) -> Text:
    """Say which version the change calls for, and whether the newer release has it."""
    bump = required_bump(diff)
    if bump is None:
        return Text("nothing changed", style="bold")
    smallest, version = minimum_version(diff.before["version"], diff), diff.after["version"]
    said = f"calls for {smallest} or above ({bump})"
    if version_key(version) < version_key(smallest):
        return Text(f"{said}; B is {version}, which is too small to be published after A", style="bold red")
    return Text(f"{said}; B is {version}", style="bold")


def _by_source(diff: Diff) -> Table:
    table = _table("default, by source and language")
    counts = ("before", "after", "added", "removed", "withdrawn", "content", "metadata")
    for name in ("source", "language", *counts):
        left = name in ("source", "language")
        table.add_column(
            "text" if name == "content" else name,
            justify="left" if left else "right",
            no_wrap=name != "source",
        )
    for source, languages in diff.counts.items():
        for language, found in languages.items():
            table.add_row(escape(source), escape(language), *(str(found[name]) for name in counts))
    return table


def verification(release: str, checked: Sequence[Checked]) -> RenderableType:
    """Return the checks of a release with ok or failed, and below it what was found."""
    table = _table(escape(release))
    for name in ("check", "", "rule"):
        table.add_column(name, no_wrap=name != "rule")
    for one in checked:
        said = Text("FAILED", style="red") if one.findings else Text("ok", style="green")
        table.add_row(one.name, said, escape(one.what))
    parts: list[RenderableType] = [table, Text()]
    failed = [one for one in checked if one.findings]
    for one in failed:
        parts += _some(f"{one.name}, findings: {len(one.findings)}", one.findings)
    ending = (
        f"{len(failed)} of {len(checked)} checks failed" if failed else f"all {len(checked)} checks passed"
    )
    return Group(*parts, Text(ending, style="bold red" if failed else "bold green"))


_SHOWN = 8
_PSEUDONYM = re.compile(r"[0-9a-f]{16}")


def _table(title: str | None = None) -> Table:
    """Return a table without vertical lines, so that nine columns fit into a terminal of 80."""
    return Table(
        title=title, title_justify="left", title_style="bold", box=box.SIMPLE_HEAD, show_edge=False,
        padding=(0, 1, 0, 0), pad_edge=False,
    )  # fmt: skip


def _some(heading: str, listed: Sequence[str]) -> list[Text]:
    """Return the first few of a list, one a line, under its heading."""
    lines = [Text(heading)] + [Text(f"  {one}") for one in listed[:_SHOWN]]
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
    if counts.get("flags"):
        lines.append("rows flagged: " + ", ".join(f"{n} {flag}" for flag, n in counts["flags"].items()))
    for name in (name for name in schema.CONFIGS if name != "default" and name in manifest["configs"]):
        splits = manifest["configs"][name]  # in a JSON file they stand in the order of the alphabet
        rows = ", ".join(f"{split} {splits[split]['rows']}" for split in schema.SPLITS if split in splits)
        lines.append(f"{name}: {rows}")
    near = manifest.get("near_duplicates")
    if near and (near["exact"] or near["near"]):
        told = (
            f"; {near['chained']:.1%} of the pairs in clusters are there through others"
            if near["near"]
            else ""
        )
        cut = f"; {near['runs_cut']} runs of over 64 texts with one key were cut" if near["runs_cut"] else ""
        lines.append(
            f"duplicates: {near['exact']} rows with a text of another row, {near['near']} pairs of near ones "
            f"among {near['candidates']} candidates{told}{cut}"
        )
    for name, source in manifest["sources"].items():
        lines.extend(
            f"{name}, left out by the selection: {n} ({why})" for why, n in source["left_out"].items()
        )
    if manifest["suite_index"] is None:
        lines.append(
            "NOT LEAK-CHECKED: no suite index was given (lrl tasks index --out FILE; lrl build --suite-index FILE)"
        )
    elif not leak_checked(manifest):
        lines.append(
            "NOT LEAK-CHECKED: the suite index holds SAMPLE rows; lrl tasks index reads the real ones"
        )
    if not counts["published"]:
        lines.append("NOTHING IS PUBLISHED: every record was refused; `rejected` says why")
    if manifest["sample"]:
        lines.append("SAMPLE: text and votes of the demonstration, not of real people")
    return [Text(line) for line in lines]


def _bar(rows: int, total: int) -> str:
    return "█" * round(_BAR * rows / total) if total else ""
