"""Exports come in: each file goes to the stage it fits, into the campaign's folder, once.

Takes files as a platform gave them and a campaign folder; says what became of each. A file is copied as it is,
under a name that its stage's `pools` find. What was read before decides: the same records again change nothing, an
export that holds all records of an earlier one takes its place, an older one is not needed, one with none of the
known records stands beside them. Everything else is a conflict, and then nothing is written at all.
"""

from __future__ import annotations

import os
import shutil
import tempfile
from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path, PurePosixPath
from typing import Literal

from lrl_datasets.errors import LrlError
from lrl_datasets.sources import campaign_toml
from lrl_datasets.sources.campaign_toml import AnswerColumns, AnswerStage, CampaignFile, JudgementColumns
from lrl_datasets.sources.fitting import by_record, fitting_stage, matches
from lrl_datasets.sources.pools import Stage, pool_files, read, wrong_cell
from lrl_datasets.sources.recognise import quoted, recognise
from lrl_datasets.sources.toloka import Assignment, Export

_SIGNS = "*?["
Became = Literal["new", "newer", "unchanged", "older"]


@dataclass(frozen=True)
class Came:
    """What became of one file."""

    path: Path
    format: str
    stage: int
    """1-based, as in `campaign.toml`."""
    name: str
    """The pool file that holds its records now."""
    became: Became
    export: Export
    new: list[Assignment]
    """Its records that the campaign did not have."""
    unreadable: dict[int, str]
    """Row to what is wrong there, of records that count for nothing in this stage."""
    before: Export | None = None
    """The export whose place it took, or that made it needless."""


def take_in(
    folder: Path, files: Sequence[Path], stage: str | None = None, replace_changed: bool = False
) -> list[Came]:
    """Copy exports into a campaign folder; with one file in conflict nothing is written.

    Parameters
    ----------
    stage
        The stage that the files belong to, by its number or its question, where they fit several.
    replace_changed
        Take the newer file also where records that were handed in before say something else now.

    Raises
    ------
    LrlError
        A file cannot be read, fits no stage (the message shows its columns and the lines to write in
        `campaign.toml`) or several, or contradicts what is there.
    """
    campaign = campaign_toml.load(folder)
    there = _Pools(campaign, folder)
    came = []
    for path in files:
        found = recognise(path, str(path))
        number, export = fitting_stage(campaign, folder, there.exports, path, found, stage)
        one = there.place(number, path, found.format, export, replace_changed)
        came.append(one)
    there.write()
    return came


class _Pools:
    """The exports of every stage, those that are there and those that are about to be."""

    def __init__(self, campaign: CampaignFile, folder: Path) -> None:
        self.campaign, self.folder = campaign, folder
        self.toml = folder / campaign_toml.FILE
        self.exports: list[dict[str, Export]] = [
            {
                name: read(stage, path, name)
                for name, path in pool_files(stage, folder, missing_ok=True).items()
            }
            for stage in campaign.stage
        ]
        self.copies: dict[str, Path] = {}

    def place(self, number: int, path: Path, format: str, export: Export, replace_changed: bool) -> Came:
        """Say what becomes of an export of a stage, and remember it."""
        known = self.exports[number - 1]
        mine = by_record(export)
        touching = {name: other for name, other in known.items() if mine.keys() & by_record(other).keys()}
        theirs = {record: row for other in touching.values() for record, row in by_record(other).items()}
        new = [row for row in export.rows if row.record is not None and row.record not in theirs]
        same = next((n for n, other in known.items() if other.file.sha256 == export.file.sha256), None)
        if same is not None:
            return self._came(path, format, number, same, "unchanged", export, new, known[same])
        if not touching:
            self._refuse_unreadable(number, path, export)
            name = self._name(number, path, known)
            self._keep(number, name, path, export)
            return self._came(path, format, number, name, "new", export, new)
        name, before = next(iter(touching.items()))
        shared = mine.keys() & theirs.keys()
        stages = self._stages_with(number, name)
        changed = sorted(
            (mine[r] for r in shared if any(_differ(stage, theirs[r], mine[r]) for stage in stages)),
            key=lambda row: row.row,
        )
        # Label Studio's drafts go when they are handed in, under another id.
        holds_all = {record for record, row in theirs.items() if row.status != "active"} <= mine.keys()
        if mine.keys() <= theirs.keys() and not changed and not (
            holds_all and len(touching) == 1 and _progress(export) >= _progress(before)
        ):  # fmt: skip
            return self._came(path, format, number, name, "older", export, new, before)
        if changed and not (replace_changed and holds_all):
            rows = ", ".join(str(row.row) for row in changed[:5]) + (" …" if len(changed) > 5 else "")
            hint = (
                "if they were edited on the platform, import with --replace"
                if holds_all
                else "take one of the files out"
            )
            raise LrlError(
                f"{path}: {len(changed)} records that were handed in before (row {rows}) say something else than in "
                f"{', '.join(touching)}: {hint}"
            )
        if not holds_all or len(touching) > 1:
            raise LrlError(
                f"{path}: {len(shared)} of its {len(mine)} records are in {', '.join(touching)} too, with "
                f"{len(theirs.keys() - mine.keys())} others: neither file holds the other, and records would stand "
                "twice. Export the whole pool, or take the older file out"
            )
        self._keep(number, name, path, export)
        return self._came(path, format, number, name, "newer", export, new, before)

    def _refuse_unreadable(self, number: int, path: Path, export: Export) -> None:
        """Refuse a file of which nothing can be read: as a pool of its own it would hold nothing but damage."""
        stage = self.campaign.stage[number - 1]
        wrong = {
            row.row: row.detail if row.reason == "unreadable" else wrong_cell(stage, row)
            for row in export.rows
        }
        if wrong and all(wrong.values()):
            row, what = next(iter(wrong.items()))
            raise LrlError(
                f"{path}: none of its {len(export.rows)} records can be read (row {row}: {what}); "
                "if the file was cut off on its way, export it again"
            )

    def _came(
        self, path: Path, format: str, number: int, name: str, became: Became, export: Export,
        new: list[Assignment], before: Export | None = None,
    ) -> Came:  # fmt: skip
        unreadable = {row.row: row.detail or "" for row in export.rows if row.reason == "unreadable"}
        for stage in self._stages_with(number, name):
            unreadable |= {row.row: wrong for row in export.rows if (wrong := wrong_cell(stage, row))}
        return Came(path, format, number, name, became, export, new, dict(sorted(unreadable.items())), before)

    def _stages_with(self, number: int, name: str) -> list[Stage]:
        """List the stages that read a pool file: this one, and the other criteria of a rubric."""
        stages = self.campaign.stage
        others = [stage for stage, exports in zip(stages, self.exports, strict=True) if name in exports]
        return [stages[number - 1], *(stage for stage in others if stage is not stages[number - 1])]

    def _keep(self, number: int, name: str, path: Path, export: Export) -> None:
        """Remember a file under its name, for every stage whose pools find it there."""
        stages = self.campaign.stage
        mine = _question(stages[number - 1])
        for other, stage in enumerate(stages, 1):
            if other == number or not any(matches(name, pool) for pool in stage.pools):
                continue
            if _question(stage) == mine:
                raise LrlError(
                    f"{path}: as {name} it would stand in the pools of stages {number} and {other}; give it another "
                    f"name, or the stages different pools in {self.toml}"
                )
            try:
                self.exports[other - 1][name] = read(stage, path, name)
            except LrlError as error:
                raise LrlError(f"{path}: as {name} stage {other} reads it too: {error}") from None
        self.exports[number - 1][name] = replace(export, file=replace(export.file, name=name))
        self.copies[name] = path

    def _name(self, number: int, path: Path, known: dict[str, Export]) -> str:
        """Find the name under which the stage's pools find a new file."""
        pools = self.campaign.stage[number - 1].pools
        taken = {name for exports in self.exports for name, export in exports.items() if export.rows}
        plain = [pool for pool in pools if not any(sign in pool for sign in _SIGNS)]
        globs = [
            pool
            for pool in pools
            if not any(sign in PurePosixPath(pool).parent.as_posix() for sign in _SIGNS)
        ]
        for pool in globs:
            beside = (PurePosixPath(pool).parent / path.name).as_posix()
            if matches(beside, pool) and beside not in taken:
                return beside
        for pool in plain:
            if pool not in taken:
                return pool
        for pool in globs:
            if pool.count("*") == 1 and "?" not in pool and "[" not in pool:
                stems = (path.stem, *(f"{path.stem}-{turn}" for turn in range(2, 1000)))
                return next(name for stem in stems if (name := pool.replace("*", stem)) not in taken)
        free = (PurePosixPath(pools[0]).parent / path.name).as_posix()
        listed = ", ".join(quoted(pool) for pool in [*pools, free])
        raise LrlError(
            f"{path}: it fits stage {number}, whose pools are all taken by other records ({', '.join(known)}). Write "
            f"in {self.toml}, and import again:\n\n  pools = [{listed}]"
        )

    def write(self) -> None:
        """Copy every file in one step each; a crash leaves whole files, and the next import does the rest."""
        for name, path in self.copies.items():
            target = self.folder / name
            target.parent.mkdir(parents=True, exist_ok=True)
            handle, scratch = tempfile.mkstemp(prefix=f".{target.name}-", dir=target.parent)
            try:
                # Exports hold worker ids: a new one is for its owner alone, an old one keeps its mode.
                with os.fdopen(handle, "wb") as stream:
                    stream.write(path.read_bytes())
                    stream.flush()
                    os.fsync(stream.fileno())
                if target.exists():
                    shutil.copymode(target, scratch)
                os.replace(scratch, target)
            finally:
                Path(scratch).unlink(missing_ok=True)


# ---- records --------------------------------------------------------------------------------------------


def _differ(stage: Stage, before: Assignment, after: Assignment) -> bool:
    """Whether a record that was handed in says something else now, or by somebody else, or of something else."""
    if "not_submitted" in (before.reason, after.reason):
        return False
    columns = stage.columns
    if isinstance(columns, AnswerColumns):
        named = [columns.prompt, columns.answer]
    elif isinstance(columns, JudgementColumns):
        named = [columns.answer_id, columns.label]
    else:
        roles = (columns.left_id, columns.right_id, columns.label, columns.items, columns.ranking)
        named = [column for column in roles if column is not None]
    cells = [(before.cells.get(column, "").strip(), after.cells.get(column, "").strip()) for column in named]
    return before.worker != after.worker or any(one != other for one, other in cells)


def _progress(export: Export) -> tuple[int, int, int]:
    """Say how far an export's pool had come: records begun, handed in, decided upon."""
    rows = list(by_record(export).values())
    handed_in = [row for row in rows if row.reason != "not_submitted"]
    return len(rows), len(handed_in), sum(row.status in ("accepted", "rejected") for row in rows)


def _question(stage: Stage) -> str:
    return stage.kind if isinstance(stage, AnswerStage) else f"question {stage.question}"
