"""`lrl crowd tasks`: what goes out to the crowd."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from lrl_datasets.cli import crowd_entry
from lrl_datasets.cli.console import counted, say, writing
from lrl_datasets.cli.crowd_stage import (
    Folder,
    folder_of,
    golden_rows,
    stage_number,
    waiting_suites,
    warn_of_control_tasks,
    writer_of,
)

commands = typer.Typer()


@commands.command("tasks")
def tasks_(
    stage: Annotated[
        str, typer.Argument(help="Its number, its question, or `answer` where only one is of that kind.")
    ],
    campaign: Folder = Path(),
    out: Annotated[
        Path | None, typer.Option(help="Folder for the files; default: outbox in the campaign.")
    ] = None,
) -> None:
    """Write what a platform imports for a stage: every task that still lacks workers, control tasks mixed in."""
    from lrl_datasets.crowd.tasks import mturk
    from lrl_datasets.sources import campaign_toml

    folder = folder_of(campaign)
    file = campaign_toml.load(folder)
    number = stage_number(file, stage)
    what = file.stage[number - 1]
    page, table, _ = waiting_suites(folder, file, number)
    if table.num_rows == 0:
        say(f"stage {number}: every task has its workers; nothing to hand out")
        return
    name = what.kind if what.kind == "answer" else what.question
    if len(file.together(number)) > 1:
        number, name = min(file.together(number)), "rubric"
    target = (out or folder / "outbox") / f"{number}-{name}"
    _write_files(target, writer_of(what.format).write(page, table))
    golden = sum(value is not None for value in table["golden"].to_pylist())
    suites = len(set(table["suite"].to_pylist()))
    say(
        f"{counted(table.num_rows - golden, 'task')} and {counted(golden, 'control task')} in "
        f"{counted(suites, 'suite')} for {what.format}"
    )
    if what.format == "mturk" and (refused := mturk.astral(page, table)):
        say(
            f"MTurk's upload refuses characters beyond U+FFFF (emoji): {counted(len(refused), 'task')}, "
            f"such as {refused[0]}"
        )
    if what.format == "mturk" and (run := mturk.formulas(page, table)):
        say(
            f"do not open batch.csv in a spreadsheet program: {len(run)} tasks, such as {run[0]}, begin "
            "with = + - or @, which it would run; MTurk does not"
        )
    warn_of_control_tasks(folder, file, number)
    entries = crowd_entry.entries(folder, file, number, page, golden_rows(folder, file, number, page))
    for one in entries:
        hints = {"training": True} if one.name == "training" and what.format == "toloka" else {}
        _write_files(target / one.name, writer_of(what.format).write(page, one.tasks, **hints))
    if entries:
        told = crowd_entry.told(entries, what.format)
        with writing(target / "pools.txt"):
            (target / "pools.txt").write_text("".join(f"{line}\n" for line in told), encoding="utf-8")
        for line in told:
            say(line)


def _write_files(target: Path, files: dict[str, bytes]) -> None:
    for filename, data in files.items():
        path = target / filename
        with writing(path):
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_bytes(data)
        say(f"wrote {path}")
