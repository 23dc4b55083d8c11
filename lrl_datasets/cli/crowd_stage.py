"""One stage of a campaign folder, for the commands of `lrl crowd`: its page, its open tasks, its control tasks.

Here the format's reader (`sources`) and the tables' rules (`crowd`) meet, which do not know each other.
"""

from __future__ import annotations

from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from lrl_datasets.cli import crowd_entry
from lrl_datasets.cli.console import err
from lrl_datasets.errors import LrlError

if TYPE_CHECKING:
    import pyarrow as pa

    from lrl_datasets.crowd.tasks.pages import Page
    from lrl_datasets.sources.base import SourceTables
    from lrl_datasets.sources.campaign_tasks import Tasks
    from lrl_datasets.sources.campaign_toml import CampaignFile
    from lrl_datasets.sources.toloka import Export

Folder = Annotated[Path, typer.Option("--campaign", help="The campaign folder.")]


def folder_of(campaign: Path) -> Path:
    """Take the campaign folder, or the `campaign.toml` in it."""
    return campaign.parent if campaign.name == "campaign.toml" else campaign


def stage_number(file: CampaignFile, name: str) -> int:
    """Find a stage by number, question or kind."""
    fitting = [
        number
        for number, stage in enumerate(file.stage, 1)
        if name in (str(number), stage.kind, None if stage.kind == "answer" else stage.question)
    ]
    if fitting and fitting == file.together(fitting[0]):
        return fitting[0]
    if len(fitting) != 1:
        known = [
            f"{number} ({stage.question if stage.kind == 'judgement' else stage.kind})"
            for number, stage in enumerate(file.stage, 1)
        ]
        what = "no stage" if not fitting else "several stages"
        raise LrlError(f"{what} {name!r}; there are: {', '.join(known)}")
    return fitting[0]


def waiting_suites(
    folder: Path, file: CampaignFile, number: int, known: dict[str, Export] | None = None
) -> tuple[Page, pa.Table, SourceTables]:
    """Give a stage's page, the suites that still lack workers, and what has come in."""
    page, table, golden, came = open_tasks(folder, file, number, known)
    return page, filled(folder, file, number, table, golden), came


def filled(folder: Path, file: CampaignFile, number: int, table: pa.Table, golden: pa.Table) -> pa.Table:
    """Put a stage's tasks into suites, control tasks mixed in."""
    from lrl_datasets.crowd.tasks import suites
    from lrl_datasets.schema import digest

    number, tasks = min(file.together(number)), terms_of(file, number)
    seed = int(digest(file.name, str(number), length=12), 16)
    try:
        return suites.fill(table, golden, suite=tasks.suite, golden_share=tasks.golden_share, seed=seed)
    except LrlError as error:
        raise LrlError(f"{folder / 'campaign.toml'}: stage {number}: {error}") from None


def terms_of(file: CampaignFile, number: int) -> Tasks:
    """Give what `[stage.tasks]` says of a stage, or of all those that share its page; the defaults without."""
    from lrl_datasets.sources.campaign_tasks import Tasks

    return file.tasks_of(number) or Tasks()


def open_tasks(
    folder: Path, file: CampaignFile, number: int, known: dict[str, Export] | None = None
) -> tuple[Page, pa.Table, pa.Table, SourceTables]:
    """Give a stage's page, the tasks that still lack workers, its control tasks, and what has come in."""
    import pyarrow as pa
    import pyarrow.compute as pc

    from lrl_datasets.cli.crowd_decisions import terms
    from lrl_datasets.crowd.state import compute
    from lrl_datasets.crowd.tasks import entry, waiting
    from lrl_datasets.sources.campaign import Campaign

    together = [file.stage[n - 1] for n in file.together(number)]
    number = min(file.together(number))
    stage = together[0]
    questions = [one.question for one in together if one.kind != "answer"]
    tasks = terms_of(file, number)
    page = page_of(folder, file, number)
    came = Campaign(under_way=True).read(folder, known)
    # What answers are worth decides which prompts are open again; which judgements are missing is known without.
    now = datetime.now(UTC).replace(tzinfo=None)
    state = compute(came, now, terms(file), weighed=stage.kind == "answer")
    try:
        needed = () if page.rubric else (page.output,)
        rows = _rows(folder, tasks.golden, page, *needed)
        mixed_in = entry.divided(rows, list(crowd_entry.asked_for(stage)))[""]
        golden = waiting.control_tasks(page, mixed_in)
    except LrlError as error:
        raise LrlError(f"{folder / (tasks.golden or '')}: {error}") from None
    if stage.kind == "answer":
        if tasks.prompts is None:
            raise LrlError(
                f"{folder / 'campaign.toml'}: stage {number}: [stage.tasks] names no file of prompts"
            )
        stages: Any = came.facts["stages"]  # with the files that the globs of `pools` found
        files = pa.array(stages[number - 1]["pools"], pa.string())
        candidates = came.candidates.filter(pc.is_in(came.candidates["file"], value_set=files))
        try:
            rows = _rows(folder, tasks.prompts, page)
            table = waiting.prompts(page, rows, candidates, tasks.overlap, state.wanted_answers(number))
        except LrlError as error:
            raise LrlError(f"{folder / tasks.prompts}: {error}") from None
    elif stage.kind == "preference":
        table = waiting.comparisons(page, came.candidates, state.wanted_comparisons(stage.question))
    else:
        table = waiting.united(
            [
                waiting.answers(
                    page, came.candidates, came.judgements, asked, tasks.overlap, state.wanted_votes(asked)
                )
                for asked in questions
            ]
        )
    out = {worker for asked in questions for worker in state.keep_out(asked)}
    if stage.kind == "answer":
        out = state.keep_out_writers(number)
    barred = [sorted({*row, *out}) for row in table["unavailable_for"].to_pylist()]
    at = table.schema.get_field_index("unavailable_for")
    table = table.set_column(at, table.schema.field(at), pa.array(barred, pa.list_(pa.string())))
    return page, table, golden, came


def page_of(folder: Path, file: CampaignFile, number: int) -> Page:
    """Say what the workers of a stage see, and of those that share its page."""
    from lrl_datasets import languages
    from lrl_datasets.crowd.tasks import pages

    together = file.together(number)
    stages, name = [file.stage[n - 1] for n in together], f"{file.name} {min(together)}"
    try:
        return pages.of_stages(name, stages, languages.load(file.language))
    except LrlError as error:
        raise LrlError(f"{folder / 'campaign.toml'}: stage {min(together)}: {error}") from None


def golden_of(folder: Path, file: CampaignFile, number: int, page: Page) -> dict[str, str]:
    """Give a stage's control tasks: name → golden label, as `Page.given` reads it."""
    from lrl_datasets.crowd.tasks import waiting

    name = terms_of(file, number).golden
    try:
        tasks = waiting.control_tasks(page, _rows(folder, name, page))
    except LrlError as error:
        raise LrlError(f"{folder / (name or '')}: {error}") from None
    return dict(zip(tasks["task"].to_pylist(), tasks["golden"].to_pylist(), strict=True))


def warn_of_control_tasks(folder: Path, file: CampaignFile, number: int) -> None:
    """Warn where a stage's judges cannot be measured: no control tasks, or the same label on all of them."""
    stage, name = file.stage[number - 1], terms_of(file, number).golden
    if stage.kind == "answer" and name is None:
        return
    try:
        page = page_of(folder, file, number)
    except LrlError:
        return  # what keeps tasks from being written is said where they are
    told = []
    if name is None:
        told.append(
            "no control tasks (golden in [stage.tasks]): no worker is measured, and no vote calibrated"
        )
    else:
        try:
            given = [page.given(cell) for cell in golden_of(folder, file, number, page).values()]
        except LrlError as problem:
            given = []
            told.append(f"its control tasks cannot be read: {problem}")
        for ask in page.asks if stage.kind != "answer" else ():
            labels = {one[ask.output] for one in given if one[ask.output]}
            if len(labels) == 1:
                told.append(
                    f"every control task of {ask.output} has the label {labels.pop()!r}: who always says that "
                    "passes, and how often judges are right about the others nobody learns"
                )
    for words in told:
        what = "answer" if stage.kind == "answer" else stage.question
        err.print(f"warning: stage {number} ({what}): {words}", style="yellow", markup=False)


def golden_rows(folder: Path, file: CampaignFile, number: int, page: Page) -> list[dict[str, Any]]:
    """Read the file of a stage's control tasks; empty where it has none."""
    return _rows(folder, terms_of(file, number).golden, page)


def _rows(folder: Path, name: str | None, page: Page, *needed: str) -> list[dict[str, Any]]:
    """Read a file of prompts or control tasks; every record of it must be readable."""
    from lrl_datasets.sources.formulas import restored
    from lrl_datasets.sources.tables import read_table

    if name is None:
        return []
    records = read_table(folder / name, name)
    records.require(page.field("prompt"), *needed)
    for row in records.rows:
        if row.problem is not None:
            raise LrlError(f"row {row.row}: {row.problem}")
    # What was written for a spreadsheet program comes back from one.
    return [
        {key: restored(cell) if isinstance(cell, str) else cell for key, cell in row.values.items()}
        for row in records.rows
    ]


def prompts_of(folder: Path, file: CampaignFile, number: int) -> int:
    """Count an answer stage's prompts."""
    prompts = terms_of(file, number).prompts
    if prompts is None:
        raise LrlError(
            f"{folder / 'campaign.toml'}: stage {number}: [stage.tasks] names no file of prompts; give --prompts"
        )
    return len(_rows(folder, prompts, page_of(folder, file, number)))


def writer_of(platform: str) -> Any:
    """Return the module that writes what a platform imports."""
    from lrl_datasets.crowd.tasks import argilla, label_studio, mturk, spreadsheet, toloka

    writers = {
        "toloka": toloka,
        "mturk": mturk,
        "label_studio": label_studio,
        "argilla": argilla,
        "table": spreadsheet,
    }
    if platform not in writers:
        raise LrlError(f"tasks are not written for {platform}; they are for {', '.join(writers)}")
    return writers[platform]


def exported(platform: str, page: Page, responses: pa.Table, path: Path) -> bytes:
    """Write responses as the platform would export them."""
    writer = writer_of(platform)
    if platform == "table":
        data: bytes = writer.export(page, responses, jsonl=path.suffix.lower() in (".jsonl", ".ndjson"))
    else:
        data = writer.export(page, responses)
    return data
