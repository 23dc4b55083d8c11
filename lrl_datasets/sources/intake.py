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
from lrl_datasets.sources.campaign_toml import AnswerStage, CampaignFile
from lrl_datasets.sources.pools import Stage, pool_files, read, wrong_cell
from lrl_datasets.sources.recognise import NAMES, Recognised, quoted, recognise, suggestion
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
        number, export = _stage_of(there, path, found, stage)
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
        stage, known = self.campaign.stage[number - 1], self.exports[number - 1]
        mine = _by_record(export)
        touching = {name: other for name, other in known.items() if mine.keys() & _by_record(other).keys()}
        theirs = {record: row for other in touching.values() for record, row in _by_record(other).items()}
        new = [row for row in export.rows if row.record is not None and row.record not in theirs]
        unreadable = {row.row: row.detail or "" for row in export.rows if row.reason == "unreadable"}
        unreadable |= {row.row: wrong for row in export.rows if (wrong := wrong_cell(stage, row))}
        unreadable = dict(sorted(unreadable.items()))
        same = next((n for n, other in known.items() if other.file.sha256 == export.file.sha256), None)
        if same is not None:
            return Came(path, format, number, same, "unchanged", export, new, unreadable, known[same])
        if not touching:
            name = self._name(number, path, known)
            self._keep(number, name, path, export)
            return Came(path, format, number, name, "new", export, new, unreadable)
        name, before = next(iter(touching.items()))
        shared = mine.keys() & theirs.keys()
        changed = sorted(
            (mine[r] for r in shared if _differ(stage, theirs[r], mine[r])), key=lambda row: row.row
        )
        holds_all = theirs.keys() <= mine.keys()
        if mine.keys() <= theirs.keys() and not changed and not (
            holds_all and len(touching) == 1 and _progress(export) >= _progress(before)
        ):  # fmt: skip
            return Came(path, format, number, name, "older", export, new, unreadable, before)
        if changed and not (replace_changed and holds_all):
            rows = ", ".join(str(row.row) for row in changed[:5]) + (" …" if len(changed) > 5 else "")
            hint = "; if they were edited on the platform, import with --replace" if holds_all else ""
            raise LrlError(
                f"{path}: {len(changed)} records that were handed in before (row {rows}) say something else than in "
                f"{', '.join(touching)}{hint}"
            )
        if not holds_all or len(touching) > 1:
            raise LrlError(
                f"{path}: {len(shared)} of its {len(mine)} records are in {', '.join(touching)} too, with "
                f"{len(theirs.keys() - mine.keys())} others: neither file holds the other, and records would stand "
                "twice. Export the whole pool, or take the older file out"
            )
        self._keep(number, name, path, export)
        return Came(path, format, number, name, "newer", export, new, unreadable, before)

    def _keep(self, number: int, name: str, path: Path, export: Export) -> None:
        kind = self.campaign.stage[number - 1].kind
        for other, stage in enumerate(self.campaign.stage, 1):
            if other != number and stage.kind == kind and any(_matches(name, pool) for pool in stage.pools):
                raise LrlError(
                    f"{path}: as {name} it would stand in the pools of stages {number} and {other}; give it another "
                    f"name, or the stages different pools in {self.toml}"
                )
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
            if _matches(beside, pool) and beside not in taken:
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


# ---- which stage ----------------------------------------------------------------------------------------


def _stage_of(pools: _Pools, path: Path, found: Recognised, asked: str | None) -> tuple[int, Export]:
    """Find the one stage whose columns a file has, whose labels it gives, or of which it has records."""
    numbers = list(range(1, len(pools.campaign.stage) + 1))
    if asked is not None:
        numbers = [n for n in numbers if asked in _names(n, pools.campaign.stage[n - 1])]
        if not numbers:
            raise LrlError(
                f"--stage {asked}: {pools.toml} has no such stage; name it by its number or question"
            )
    fitting: dict[int, Export] = {}
    problems = {}
    for number in numbers:
        stage = pools.campaign.stage[number - 1]
        if stage.format not in (found.format, "table"):
            problems[number] = f"its exports are {NAMES[stage.format].removeprefix('an export of ')}"
            continue
        try:
            export = read(stage, path, str(path))
        except LrlError as error:
            problems[number] = str(error).removeprefix(f"{path}: ").partition("; there are")[0]
            continue
        if problem := _foreign_labels(stage, export):
            problems[number] = problem
        else:
            fitting[number] = export
    if not fitting:
        raise LrlError(_no_stage(pools, path, found, problems))
    chosen = fitting
    for narrower in (
        {n for n, export in fitting.items() if _shared(export, pools.exports[n - 1])},
        {n for n in fitting if any(_matches(f"{PurePosixPath(p).parent / path.name}", p) for p in _pools_of(pools, n))},
        {n for n in fitting if pools.campaign.stage[n - 1].format == found.format},
    ):  # fmt: skip
        if len(chosen) > 1 and chosen.keys() & narrower:
            chosen = {n: export for n, export in chosen.items() if n in narrower}
    if len(chosen) > 1:
        named = " and ".join(f"{n} ({pools.campaign.stage[n - 1].kind})" for n in chosen)
        raise LrlError(f"{path}: it fits stages {named}: say which with --stage")
    return next(iter(chosen.items()))


def _names(number: int, stage: Stage) -> set[str]:
    return {str(number)} if isinstance(stage, AnswerStage) else {str(number), stage.question}


def _pools_of(pools: _Pools, number: int) -> list[str]:
    return pools.campaign.stage[number - 1].pools


def _shared(export: Export, known: dict[str, Export]) -> bool:
    mine = _by_record(export).keys()
    return any(mine & _by_record(other).keys() for other in known.values())


def _foreign_labels(stage: Stage, export: Export) -> str | None:
    """Say so where no judgement of a file gives a label that the stage knows: it answers another question."""
    if isinstance(stage, AnswerStage):
        return None
    labels = {*stage.labels.positive, *stage.labels.negative}
    given = [row.cells.get(stage.columns.label, "").strip() for row in export.rows if row.reason is None]
    if given and not labels & set(given):
        return f"column {stage.columns.label!r} has none of its labels ({', '.join(sorted(labels))})"
    return None


def _no_stage(pools: _Pools, path: Path, found: Recognised, problems: dict[int, str]) -> str:
    stages = pools.campaign.stage
    lines = [f"{path}: {NAMES[found.format]}, and no stage of {pools.toml} fits:"]
    lines += [f"  stage {n} ({stages[n - 1].kind}): {problem}" for n, problem in problems.items()]
    lines += [
        f"its columns: {', '.join(found.columns)}",
        f"to read it, write in {pools.toml} (check every line):",
        "",
    ]
    folder = PurePosixPath(stages[0].pools[0]).parent
    lines += [
        f"  {line}".rstrip() for line in suggestion(found, (folder / path.name).as_posix()).splitlines()
    ]
    return "\n".join(lines)


# ---- records --------------------------------------------------------------------------------------------


def _by_record(export: Export) -> dict[str, Assignment]:
    return {row.record: row for row in export.rows if row.record is not None}


def _differ(stage: Stage, before: Assignment, after: Assignment) -> bool:
    """Whether a record that was handed in says something else now, or by somebody else, or of something else."""
    if "not_submitted" in (before.reason, after.reason):
        return False
    named = (
        (stage.columns.prompt, stage.columns.answer)
        if isinstance(stage, AnswerStage)
        else (stage.columns.answer_id, stage.columns.label)
    )
    cells = [(before.cells.get(column, "").strip(), after.cells.get(column, "").strip()) for column in named]
    return before.worker != after.worker or any(one != other for one, other in cells)


def _progress(export: Export) -> tuple[int, int, int]:
    """Say how far an export's pool had come: records begun, handed in, decided upon."""
    rows = list(_by_record(export).values())
    handed_in = [row for row in rows if row.reason != "not_submitted"]
    return len(rows), len(handed_in), sum(row.status in ("accepted", "rejected") for row in rows)


def _matches(name: str, pool: str) -> bool:
    """Whether `Path.glob` would find a name by a pool's pattern."""
    if not any(sign in pool for sign in "*?["):
        return name == pool
    path, pattern = PurePosixPath(name), PurePosixPath(pool)
    if "**" in pool:
        return path.match(pool)
    return len(path.parts) == len(pattern.parts) and path.match(pool)
