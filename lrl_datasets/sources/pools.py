"""The pool files of a campaign's stages: which they are, and each one read in its stage's format.

Takes a stage of `campaign.toml`, gives its exports, in which every column that the stage names is there. From
here on nobody asks which platform a record came from.
"""

from __future__ import annotations

import re
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path, PurePosixPath

from lrl_datasets.errors import LrlError
from lrl_datasets.sources import argilla, campaign_toml, label_studio, mturk, rankings, table, toloka
from lrl_datasets.sources.campaign_toml import AnswerStage, CampaignFile, JudgementStage, PreferenceStage
from lrl_datasets.sources.toloka import Assignment, Export

Stage = AnswerStage | JudgementStage | PreferenceStage
_MODEL = re.compile(r"[\w.:/+ -]{1,200}")

READERS: dict[str, Callable[[Path, str], Export]] = {
    "toloka": toloka.read_export,
    "mturk": mturk.read_export,
    "label_studio": label_studio.read_export,
    "argilla": argilla.read_export,
}
"""The formats whose records name their worker themselves; `table` needs the stage's columns."""


def read_pools(
    campaign: CampaignFile, folder: Path, under_way: bool = False, known: dict[str, Export] | None = None
) -> list[tuple[Stage, list[Export]]]:
    """Read every stage's pool files in the order of `pools`, each once.

    Parameters
    ----------
    under_way
        Pools of which no file has come yet are empty, and no error.
    known
        Exports that an earlier call has read: what is in it is not read again, and what is new is added. For a
        program that adds files while it reads.

    Raises
    ------
    LrlError
        If a file or a column is missing or damaged, or a file stands in two stages of one kind.
    """
    known = {} if known is None else known
    pools: list[tuple[Stage, list[Export]]] = []
    for number, stage in enumerate(campaign.stage, 1):
        exports = []
        for name, path in pool_files(stage, folder, missing_ok=under_way).items():
            one = f"{number} {name}"  # a rubric's questions read one file in different ways
            if one not in known:
                known[one] = read(stage, path, name)
            exports.append(known[one])
        pools.append((stage, exports))
    _refuse_shared_pools(folder, pools)
    return pools


def pool_files(stage: Stage, folder: Path, missing_ok: bool = False) -> dict[str, Path]:
    """List a stage's pool files by their names in the campaign, in the order of `pools`."""
    named: dict[str, Path] = {}
    toml = folder / campaign_toml.FILE
    for pool in stage.pools:
        if PurePosixPath(pool).is_absolute() or ".." in PurePosixPath(pool).parts or "\\" in pool:
            raise LrlError(f"{toml}: pool {pool!r} is not a path within the folder")
        if any(sign in pool for sign in "*?["):
            try:
                found = sorted(path for path in folder.glob(pool) if path.is_file())
            except ValueError as error:  # "a**b"
                raise LrlError(f"{toml}: pool {pool!r}: {error}") from None
            if not found and not missing_ok:
                raise LrlError(f"{toml}: no file matches pool {pool!r}")
        else:
            found = [folder / pool]
            if not found[0].is_file():
                if missing_ok:
                    continue
                raise LrlError(f"{toml}: pool file {pool!r} is not there")
        named |= {path.relative_to(folder).as_posix(): path for path in found}
    return named


def read(stage: Stage, path: Path, name: str) -> Export:
    """Read one pool file in its stage's format.

    Raises
    ------
    LrlError
        If the file is missing or damaged as a whole, or lacks a column that the stage names.
    """
    if stage.format == "table":
        export = table.read_export(path, name, stage.columns)
    else:
        export = READERS[stage.format](path, name)
    export = _items(stage, export)
    # Of JSON only those columns are known that somebody filled: where nobody has handed in, none need be there.
    if export.header or any(row.reason is None for row in export.rows):
        for role, column in stage.columns.model_dump(exclude_none=True).items():
            if column not in export.columns:
                raise LrlError(
                    f"{name}: column {column!r} is missing ({campaign_toml.FILE} names it as {role}); "
                    f"there are: {', '.join(export.columns)}"
                )
    if isinstance(stage, PreferenceStage) and stage.columns.ranking:
        return rankings.broken(stage, export)
    return export


def wrong_cell(stage: Stage, row: Assignment) -> str | None:
    """Say which cell keeps a record that was read from meaning something in its stage; None if none does."""
    if row.reason is not None:
        return None
    if isinstance(stage, AnswerStage):
        model = stage.columns.model_name
        name = row.cells.get(model, "").strip() if model else ""
        return f"column {model} is no model's name" if name and not _MODEL.fullmatch(name) else None
    labels = stage.labels.all()
    if isinstance(stage, PreferenceStage):
        return _wrong_comparison(stage, row)
    if row.cells.get(stage.columns.label, "").strip() not in labels:
        return f"column {stage.columns.label} is none of the stage's labels"
    column, golden = golden_label(stage, row)
    return f"column {column} is none of the stage's labels" if golden and golden not in labels else None


def _wrong_comparison(stage: PreferenceStage, row: Assignment) -> str | None:
    said, columns, labels = rankings.comparison(stage, row), stage.columns, stage.labels.all()
    if not said.left or said.left == said.right:
        return f"columns {columns.left_id} and {columns.right_id} do not name two answers"
    if said.label not in labels:
        return f"column {columns.label} is none of the stage's labels"
    if said.golden and said.golden not in labels:
        return f"one of the columns {', '.join(stage.golden_columns)} is none of the stage's labels"
    return None


def golden_label(stage: Stage, row: Assignment) -> tuple[str, str]:
    """Give the column with a control task's true label (or expected answer) and what it says; empty on others."""
    filled = ((column, row.cells.get(column, "").strip()) for column in stage.golden_columns)
    return next(((column, label) for column, label in filled if label), ("", ""))


def _refuse_shared_pools(folder: Path, pools: list[tuple[Stage, list[Export]]]) -> None:
    """A file in two stages that ask the same would be counted twice; a rubric's criteria share their file."""
    seen: set[tuple[str, str]] = set()
    for stage, exports in pools:
        asked = f"kind {stage.kind!r}" if isinstance(stage, AnswerStage) else f"question {stage.question!r}"
        for export in exports:
            if (asked, export.file.name) in seen:
                raise LrlError(
                    f"{folder / campaign_toml.FILE}: pool file {export.file.name!r} stands in two stages of {asked}"
                )
            seen.add((asked, export.file.name))


def _items(stage: Stage, export: Export) -> Export:
    """Cut records that hold several items (`Answer.helpful_1`, `Answer.helpful_2` …) into one an item.

    Only what the stage names with `{n}` differs between them. Items whose cells are all empty were not shown.
    """
    columns = [*stage.columns.model_dump(exclude_none=True).values(), *stage.golden_columns]
    named = list(dict.fromkeys(column for column in columns if "{n}" in column))
    if not named:
        return export
    patterns = [re.compile(re.escape(column).replace(r"\{n\}", r"(\d+)")) for column in named]
    numbers = sorted(
        {found[1] for p in patterns for c in export.columns if (found := p.fullmatch(c))}, key=int
    )
    _require_numbered(stage, export, numbers)
    rows: list[Assignment] = []
    for row in export.rows:
        if row.reason == "unreadable":
            rows.append(row)
            continue
        cells = {n: {c: row.cells.get(c.replace("{n}", n), "") for c in named} for n in numbers}
        shown = [n for n in numbers if any(cell.strip() for cell in cells[n].values())] or numbers[:1]
        share = row.duration_s / len(shown) if row.duration_s is not None else None
        rows += [
            replace(row, cells={**row.cells, **cells[n]}, record=f"{row.record}-{n}", duration_s=share)
            for n in shown
        ]
    there = [c for c, p in zip(named, patterns, strict=True) if any(p.fullmatch(x) for x in export.columns)]
    file = replace(export.file, records=len(rows))
    return replace(export, file=file, columns=(*export.columns, *there), rows=rows)


_MAY_BE_NOWHERE = ("golden", "context", "original", "original_id", "model_name", "machine_translation")
"""Roles that nothing may fill at some place of a page: where only filled columns are known, they are not there."""


def _require_numbered(stage: Stage, export: Export, numbers: list[str]) -> None:
    """Check that each item of a page which somebody was shown has all the columns that the stage names.

    The last places of a page that is never full may have no columns.
    """
    roles = stage.columns.model_dump(exclude_none=True)
    if not export.header:
        gone = (*_MAY_BE_NOWHERE, "answer" if isinstance(stage, AnswerStage) else "label")
        roles = {role: column for role, column in roles.items() if role not in gone}
    named = {role: column for role, column in roles.items() if "{n}" in column}
    items = [*dict.fromkeys(c for c in [stage.columns.output, *named.values()] if "{n}" in c)]
    for n in numbers:
        missing = [
            (r, c) for r, column in named.items() if (c := column.replace("{n}", n)) not in export.columns
        ]
        there = [c for column in items if (c := column.replace("{n}", n)) in export.columns]
        filled = [
            c for c in there if any(row.cells.get(c, "").strip() for row in export.rows if not row.reason)
        ]
        if missing and filled:
            role, column = missing[0]
            raise LrlError(
                f"{export.file.name}: column {column!r} is missing while {filled[0]!r} is there "
                f"({campaign_toml.FILE} names {named[role]!r} as {role}); there are: {', '.join(export.columns)}"
            )
