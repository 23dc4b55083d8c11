"""`lrl crowd import`: what came back from the platforms."""

from __future__ import annotations

from collections import Counter
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from lrl_datasets.cli.console import counted, err, say
from lrl_datasets.errors import LrlError

if TYPE_CHECKING:
    from lrl_datasets.sources.base import SourceTables
    from lrl_datasets.sources.intake import Came

commands = typer.Typer()

SHOWN = 20
"""Annotators and unreadable records that are listed before the rest is only counted."""


@commands.command("import")
def import_(
    files: Annotated[list[Path], typer.Argument(metavar="FILE…", help="Exports as the platform gave them.")],
    campaign: Annotated[Path, typer.Option("--campaign", help="The campaign folder.")] = Path(),
    stage: Annotated[
        str | None,
        typer.Option(help="The stage they belong to, by number or question, where they fit several."),
    ] = None,
    replace: Annotated[
        bool,
        typer.Option("--replace", help="Take the newer file also where records were edited on the platform."),
    ] = False,
) -> None:
    """Copy exports into the campaign: Toloka, Mechanical Turk, Label Studio, Argilla, or a table.

    Each file's format is recognised by its structure, and its stage by the columns that campaign.toml names. The same
    records again change nothing; a newer export of a pool takes the older one's place. A file that fits no stage is
    answered with its columns and the lines to write in campaign.toml; campaign.toml itself is never changed.
    """  # fmt: skip
    from lrl_datasets.sources.campaign import Campaign
    from lrl_datasets.sources.intake import take_in

    folder = campaign.parent if campaign.name == "campaign.toml" else campaign
    for path in files:
        _not_of_a_push(folder, path)
    told(take_in(folder, files, stage, replace))
    warn_unmatched(Campaign(under_way=True).read(folder))


def _not_of_a_push(folder: Path, path: Path) -> None:
    """Refuse the export of a project that `push` made: without its golden labels, control tasks would be votes."""
    from lrl_datasets.crowd.tasks import label_studio as writer
    from lrl_datasets.sources import campaign_toml, label_studio
    from lrl_datasets.sources.tables import read_by_content

    golden = {
        column.removeprefix("$")
        for stage in campaign_toml.load(folder).stage
        if stage.format == "label_studio" and stage.tasks is not None and stage.tasks.golden
        for column in stage.golden_columns
    }
    if not golden or path.suffix != ".json":
        return
    rows = [row.values for row in read_by_content(path, str(path)).rows]
    tasks = [row["data"] for row in rows if label_studio.is_task(row)]
    tasks += [row for row in rows if label_studio.is_min(row)]
    if tasks and all(writer.NAME in data and not golden & data.keys() for data in tasks):
        raise LrlError(
            f"{path}: a project that lrl crowd push made, whose tasks hold no golden labels: bring it in with "
            "lrl crowd pull, which adds them"
        )


def warn_unmatched(tables: SourceTables) -> None:
    """Warn of stages that judge answers the campaign does not have: nothing they say would count."""
    from lrl_datasets.crowd import unmatched

    for words in unmatched.words(tables).values():
        err.print(f"warning: {words}", style="yellow", markup=False)


def told(came: list[Came]) -> None:
    """Say what became of exports, what of them cannot be read, and who made them."""
    records: Counter[str] = Counter()
    new: Counter[str] = Counter()
    unreadable: list[str] = []
    for one in came:
        what = {
            "new": f"new, {counted(_number_new(one), 'record')}"
            + (f", {len(one.unreadable)} of them unreadable" if one.unreadable else ""),
            "newer": f"takes the older export's place, {counted(len(one.new), 'new record')}",
            "unchanged": "the same records are there",
            "older": "all its records are there, as far or further",
        }[one.became]
        say(f"{one.path}: {one.format}, stage {one.stage}, {one.name}: {what}")
        if one.export.untouched:
            say(f"  {counted(one.export.untouched, 'task')} in it that nobody has begun")
        records.update(row.worker for row in one.export.rows if row.worker)
        new.update(row.worker for row in one.new if row.worker)
        unreadable += [f"{one.path} row {row}: {wrong}" for row, wrong in one.unreadable.items()]
    total = sum(len(one.export.rows) for one in came)
    say(f"{counted(total, 'record')}, {sum(map(_number_new, came))} new, {len(unreadable)} unreadable")
    for line in unreadable[:SHOWN]:
        say(f"  {line}")
    if len(unreadable) > SHOWN:
        say(f"  and {len(unreadable) - SHOWN} more")
    say(f"by {counted(len(records), 'annotator')}:" if records else "by nobody")
    for worker, number in sorted(records.items(), key=lambda item: (-item[1], item[0]))[:SHOWN]:
        say(f"  {worker}: {number}, {new[worker]} new")
    if len(records) > SHOWN:
        say(f"  and {len(records) - SHOWN} more")


def _number_new(one: Came) -> int:
    """Count the new records of an export; in a new pool those without a name, unreadable ones, are new too."""
    return len(one.export.rows) if one.became == "new" else len(one.new)
