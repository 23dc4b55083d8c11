"""Which stage of a campaign a file belongs to: by its columns and labels, by records that are known, by its name.

Takes a recognised file and the campaign, gives the stage's number and the file as that stage reads it; where
none fits, the error says why of each stage and what to write in `campaign.toml`.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path, PurePosixPath

from lrl_datasets.errors import LrlError
from lrl_datasets.sources import campaign_toml, rankings
from lrl_datasets.sources.campaign_toml import AnswerStage, CampaignFile
from lrl_datasets.sources.pools import Stage, read
from lrl_datasets.sources.recognise import NAMES, Recognised, suggestion
from lrl_datasets.sources.toloka import Assignment, Export


def fitting_stage(
    campaign: CampaignFile, folder: Path, there: Sequence[Mapping[str, Export]], path: Path, found: Recognised,
    asked: str | None = None,
) -> tuple[int, Export]:  # fmt: skip
    """Find the one stage whose columns a file has, whose labels it gives, or of which it has records.

    Parameters
    ----------
    there
        The exports of each stage, by name.
    asked
        The stage's number or question, where somebody says it.

    Returns
    -------
    tuple
        The stage's number, from 1, and the file as the stage reads it.

    Raises
    ------
    LrlError
        None fits, or several do. The criteria of a rubric, which share their pools, count as one.
    """
    numbers = list(range(1, len(campaign.stage) + 1))
    if asked is not None:
        numbers = [n for n in numbers if asked in _names(n, campaign.stage[n - 1])]
        if not numbers:
            raise LrlError(
                f"--stage {asked}: {folder / campaign_toml.FILE} has no such stage; name it by its number or question"
            )
    fitting: dict[int, Export] = {}
    problems = {}
    for number in numbers:
        stage = campaign.stage[number - 1]
        if stage.format not in (found.format, "table"):
            problems[number] = f"its exports are {NAMES[stage.format].removeprefix('an export of ')}"
            continue
        try:
            export = read(stage, path, str(path))
        except LrlError as error:
            what = str(error).removeprefix(f"{path}: ").partition("; there are")[0]
            problems[number] = _all_missing(stage, found) or what
            continue
        if problem := _foreign_labels(stage, export):
            problems[number] = problem
        else:
            fitting[number] = export
    if not fitting:
        raise LrlError(_no_stage(campaign, folder / campaign_toml.FILE, path, found, problems))
    chosen = fitting
    for narrower in (
        {n for n, export in fitting.items() if _shared(export, there[n - 1])},
        {n for n in fitting if _would_match(path.name, campaign.stage[n - 1])},
        {n for n in fitting if campaign.stage[n - 1].format == found.format},
    ):  # fmt: skip
        if len(chosen) > 1 and chosen.keys() & narrower:
            chosen = {n: export for n, export in chosen.items() if n in narrower}
    if len({frozenset(campaign.stage[n - 1].pools) for n in chosen}) > 1:
        named = " and ".join(f"{n} ({campaign.stage[n - 1].kind})" for n in chosen)
        raise LrlError(f"{path}: it fits stages {named}: say which with --stage")
    return next(iter(chosen.items()))


def _all_missing(stage: Stage, found: Recognised) -> str | None:
    """Name all columns that a file lacks, where it lacks several: the first one alone hides how far off it is."""
    if stage.format != found.format:
        return None
    named = [c for c in stage.columns.model_dump(exclude_none=True).values() if "{n}" not in c]
    missing = [repr(column) for column in named if column not in found.columns]
    return f"columns {', '.join(missing)} are missing" if len(missing) > 1 else None


def _names(number: int, stage: Stage) -> set[str]:
    return {str(number)} if isinstance(stage, AnswerStage) else {str(number), stage.question}


def _shared(export: Export, known: Mapping[str, Export]) -> bool:
    mine = by_record(export).keys()
    return any(mine & by_record(other).keys() for other in known.values())


def _would_match(name: str, stage: Stage) -> bool:
    """Whether a file of that name, in the folder of a pool, would be found by it."""
    return any(matches((PurePosixPath(pool).parent / name).as_posix(), pool) for pool in stage.pools)


def _foreign_labels(stage: Stage, export: Export) -> str | None:
    """Say so where no judgement of a file gives a label that the stage knows: it answers another question."""
    if isinstance(stage, AnswerStage):
        return None
    labels, column = set(stage.labels.all()), stage.columns.label or rankings.LABEL
    given = [row.cells.get(column, "").strip() for row in export.rows if row.reason is None]
    if given and not labels & set(given):
        return f"column {column!r} has none of its labels ({', '.join(sorted(labels))})"
    return None


def _no_stage(
    campaign: CampaignFile, toml: Path, path: Path, found: Recognised, problems: dict[int, str]
) -> str:
    stages = campaign.stage
    lines = [f"{path}: {NAMES[found.format]}, and no stage of {toml} fits:"]
    alike: dict[str, list[str]] = {}
    for n, problem in problems.items():
        alike.setdefault(problem, []).append(f"{n} ({stages[n - 1].kind})")
    for problem, named in alike.items():
        last = f"stage {named[0]}" if len(named) == 1 else f"stages {', '.join(named[:-1])} and {named[-1]}"
        lines.append(f"  {last}: {problem}")
    lines += [
        f"its columns: {', '.join(found.columns)}",
        f"to read it, write in {toml} (check every line):",
        "",
    ]
    folder = PurePosixPath(stages[0].pools[0]).parent
    lines += [
        f"  {line}".rstrip() for line in suggestion(found, (folder / path.name).as_posix()).splitlines()
    ]
    return "\n".join(lines)


def by_record(export: Export) -> dict[str, Assignment]:
    """Give the records of an export that have a name."""
    return {row.record: row for row in export.rows if row.record is not None}


def matches(name: str, pool: str) -> bool:
    """Whether `Path.glob` would find a name by a pool's pattern."""
    if not any(sign in pool for sign in "*?["):
        return name == pool
    path, pattern = PurePosixPath(name), PurePosixPath(pool)
    if "**" in pool:
        return path.match(pool)
    return len(path.parts) == len(pattern.parts) and path.match(pool)
