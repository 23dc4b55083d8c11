"""`lrl crowd tasks` and `lrl crowd simulate`: what goes out to the crowd, and a crowd without people."""

from __future__ import annotations

from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from lrl_datasets.cli import crowd_entry
from lrl_datasets.cli.console import counted, err, say, writing
from lrl_datasets.errors import LrlError

if TYPE_CHECKING:
    import pyarrow as pa

    from lrl_datasets.crowd.simulation import Terms, Worker
    from lrl_datasets.crowd.tasks.pages import Page
    from lrl_datasets.sources.base import SourceTables
    from lrl_datasets.sources.campaign_tasks import Tasks
    from lrl_datasets.sources.campaign_toml import CampaignFile
    from lrl_datasets.sources.pools import Stage
    from lrl_datasets.sources.toloka import Export

commands = typer.Typer()

Folder = Annotated[Path, typer.Option("--campaign", help="The campaign folder.")]
Crowd = Annotated[
    str,
    typer.Option(
        metavar="TYPE=N,…", help="Workers by type: expert, average, hasty, spammer, adversarial, collusive."
    ),
]
AnswerSeconds = Annotated[
    float, typer.Option(min=1, help="Median seconds a careful worker needs for an answer.")
]
JudgementSeconds = Annotated[float, typer.Option(min=1, help="The same for a judgement.")]
CROWD = "expert=6,average=24,hasty=3,spammer=3"


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

    folder = _folder(campaign)
    file = campaign_toml.load(folder)
    number = _stage_number(file, stage)
    what = file.stage[number - 1]
    page, table, _ = _waiting(folder, file, number)
    if table.num_rows == 0:
        say(f"stage {number}: every task has its workers; nothing to hand out")
        return
    name = what.kind if what.kind == "answer" else what.question
    if len(file.together(number)) > 1:
        number, name = min(file.together(number)), "rubric"
    target = (out or folder / "outbox") / f"{number}-{name}"
    _write_files(target, _writer(what.format).write(page, table))
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
    entries = crowd_entry.entries(folder, file, number, page, _golden_rows(folder, file, number, page))
    for one in entries:
        hints = {"training": True} if one.name == "training" and what.format == "toloka" else {}
        _write_files(target / one.name, _writer(what.format).write(page, one.tasks, **hints))
    if entries:
        told = crowd_entry.told(entries, what.format)
        with writing(target / "pools.txt"):
            (target / "pools.txt").write_text("".join(f"{line}\n" for line in told), encoding="utf-8")
        for line in told:
            say(line)


@commands.command()
def simulate(
    campaign: Folder = Path(),
    crowd: Crowd = CROWD,
    seed: Annotated[int, typer.Option(min=0, help="The same seed gives the same exports.")] = 1,
    answer_seconds: AnswerSeconds = 180,
    judgement_seconds: JudgementSeconds = 25,
    rounds: Annotated[
        int, typer.Option(min=1, help="Times through the stages, while tasks are reopened.")
    ] = 10,
) -> None:
    """Do a SAMPLE campaign's open tasks without people: writes the exports that its pools name, stage after stage."""
    from lrl_datasets.crowd import simulation
    from lrl_datasets.schema import digest
    from lrl_datasets.sources import campaign_toml

    folder = _folder(campaign)
    file = campaign_toml.load(folder)
    if not file.sample:
        raise LrlError(
            f"{folder / campaign_toml.FILE}: only a campaign with `sample = true` is simulated: "
            "made-up answers must never pass for real ones"
        )
    workers = simulation.recruit(counts(crowd), seed)
    seconds = {"answer": answer_seconds, "judgement": judgement_seconds, "preference": judgement_seconds}
    known: dict[str, Export] = {}  # no export changes while this runs: each is read once
    for turn in range(1, rounds + 1):
        wrote = 0
        for number, stage in enumerate(file.stage, 1):
            if number != min(file.together(number)):
                continue  # a rubric's criteria are one page
            page, table, came = _waiting(folder, file, number, known)
            if table.num_rows == 0:
                continue
            path = _free_pool(folder, crowd_entry.work_pools(stage)[0], number)
            terms = simulated_terms(stage, seconds[stage.kind], terms_of(folder, file, number))
            drawn = int(digest(file.name, str(seed), str(number), path.name, length=12), 16)
            begin = simulation.after(came.candidates, came.judgements)
            if stage.kind == "answer":
                shown = [text for text in table[f"input.{page.field('prompt')}"].to_pylist() if text]
                words = simulation.vocabulary(shown)
                responses = simulation.write(table, page, workers, words, terms, drawn, begin=begin)
            else:
                truths = _truths(came.candidates, file, number, workers, page, table)
                labels = {ask.output: ask.labels for ask in page.rubric} or page.labels
                rows = _golden_rows(folder, file, number, page)
                taken = crowd_entry.entries(folder, file, number, page, rows)
                admitted = crowd_entry.let_in(
                    folder,
                    file,
                    number,
                    page,
                    taken,
                    workers,
                    terms,
                    drawn,
                    begin,
                    known,
                    _free_pool,
                    _exported,
                )
                responses = simulation.judge(
                    table, truths, labels, admitted, terms, drawn, begin=begin,
                    examined=crowd_entry.have_worked(stage, came.judgements),
                    sides=stage.labels if stage.kind == "preference" else None,
                )  # fmt: skip
            if responses.num_rows == 0:
                say(
                    f"stage {number}: {counted(table.num_rows, 'row is', 'rows are')} open, and none of "
                    f"{counted(len(workers), 'worker')} may do them"
                )
                continue
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_bytes(_exported(stage.format, page, responses, path))
            busy = len(set(responses["worker"].to_pylist()))
            say(
                f"stage {number}: {counted(responses.num_rows, 'row')} by {counted(busy, 'worker')} in {path}"
            )
            wrote += 1
        if not wrote:
            say("nothing more to simulate" if turn > 1 else "every task has its workers; nothing to simulate")
            break
    else:
        say(f"tasks may still be open after {counted(rounds, 'round')}; --rounds takes more")


# ---- a stage's tasks ------------------------------------------------------------------------------------


def _waiting(
    folder: Path, file: CampaignFile, number: int, known: dict[str, Export] | None = None
) -> tuple[Page, pa.Table, SourceTables]:
    """Give a stage's page, the suites that still lack workers, and what has come in."""
    page, table, golden, came = open_tasks(folder, file, number, known)
    return page, filled(folder, file, number, table, golden), came


def filled(folder: Path, file: CampaignFile, number: int, table: pa.Table, golden: pa.Table) -> pa.Table:
    """Put a stage's tasks into suites, control tasks mixed in."""
    from lrl_datasets.crowd.tasks import suites
    from lrl_datasets.schema import digest

    number, tasks = min(file.together(number)), terms_of(folder, file, number)
    seed = int(digest(file.name, str(number), length=12), 16)
    try:
        return suites.fill(table, golden, suite=tasks.suite, golden_share=tasks.golden_share, seed=seed)
    except LrlError as error:
        raise LrlError(f"{folder / 'campaign.toml'}: stage {number}: {error}") from None


def terms_of(folder: Path, file: CampaignFile, number: int) -> Tasks:
    """Give what `[stage.tasks]` says of a stage, or of all those that share its page."""
    from lrl_datasets.sources.campaign_tasks import Tasks

    return _terms_of(folder, [file.stage[n - 1] for n in file.together(number)]) or Tasks()


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
    tasks = terms_of(folder, file, number)
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
        files = pa.array(_pool_names(came.facts, number), pa.string())
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

    name = terms_of(folder, file, number).golden
    try:
        tasks = waiting.control_tasks(page, _rows(folder, name, page))
    except LrlError as error:
        raise LrlError(f"{folder / (name or '')}: {error}") from None
    return dict(zip(tasks["task"].to_pylist(), tasks["golden"].to_pylist(), strict=True))


def warn_of_control_tasks(folder: Path, file: CampaignFile, number: int) -> None:
    """Warn where a stage's judges cannot be measured: no control tasks, or the same label on all of them."""
    stage, name = file.stage[number - 1], terms_of(folder, file, number).golden
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


def _write_files(target: Path, files: dict[str, bytes]) -> None:
    for filename, data in files.items():
        path = target / filename
        with writing(path):
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_bytes(data)
        say(f"wrote {path}")


def _golden_rows(folder: Path, file: CampaignFile, number: int, page: Page) -> list[dict[str, Any]]:
    tasks = _terms_of(folder, [file.stage[n - 1] for n in file.together(number)])
    return _rows(folder, tasks.golden if tasks else None, page)


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
    from lrl_datasets import languages
    from lrl_datasets.crowd.tasks import pages

    stage = file.stage[number - 1]
    if stage.tasks is None or stage.tasks.prompts is None:
        raise LrlError(
            f"{folder / 'campaign.toml'}: stage {number}: [stage.tasks] names no file of prompts; give --prompts"
        )
    return len(
        _rows(folder, stage.tasks.prompts, pages.page(file.name, stage, languages.load(file.language)))
    )


def _stage_number(file: CampaignFile, name: str) -> int:
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


def _terms_of(folder: Path, together: list[Stage]) -> Tasks | None:
    """Give the `[stage.tasks]` of a page; the criteria of a rubric need not repeat it."""
    said = [stage.tasks for stage in together if stage.tasks is not None]
    if any(one != said[0] for one in said):
        names = " and ".join(stage.question for stage in together if stage.kind != "answer")
        raise LrlError(f"{folder / 'campaign.toml'}: {names} are one page, and their [stage.tasks] differ")
    return said[0] if said else None


def _pool_names(facts: dict[str, Any], number: int) -> list[str]:
    return list(facts["stages"][number - 1]["pools"])


def _folder(campaign: Path) -> Path:
    return campaign.parent if campaign.name == "campaign.toml" else campaign


# ---- formats --------------------------------------------------------------------------------------------


def _writer(platform: str) -> Any:
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


def _exported(platform: str, page: Page, responses: pa.Table, path: Path) -> bytes:
    writer = _writer(platform)
    if platform == "table":
        data: bytes = writer.export(page, responses, jsonl=path.suffix.lower() in (".jsonl", ".ndjson"))
    else:
        data = writer.export(page, responses)
    return data


# ---- simulation -----------------------------------------------------------------------------------------


def counts(crowd: str) -> dict[str, int]:
    """Read `--crowd`."""
    counts = {}
    for part in crowd.split(","):
        kind, _, number = part.strip().partition("=")
        if not number.isdigit():
            raise LrlError(f"--crowd {crowd!r}: {part.strip()!r} is not TYPE=N")
        counts[kind] = int(number)
    return counts


def simulated_terms(stage: Stage, seconds: float, tasks: Tasks) -> Terms:
    """Say what a stage's rules mean for a simulated crowd; `tasks` as `terms_of` gives them."""
    from lrl_datasets.crowd import answer_rules
    from lrl_datasets.crowd.simulation import Terms

    price = tasks.price
    if stage.kind == "answer":
        asked = answer_rules.of_stage(stage.model_dump(exclude_none=True))
        return Terms(seconds, price, ban_after=asked.golden_min_answers, ban_below=asked.golden_min_accuracy)
    rules: Any = stage.rules
    return Terms(
        seconds,
        price,
        suite=tasks.suite,
        exam=getattr(rules, "exam_tasks", None) or 0,
        exam_pass=getattr(rules, "exam_min_accuracy", None) or 0.0,
        ban_after=rules.golden_min_answers,
        ban_below=rules.golden_min_accuracy,
    )


def _truths(
    candidates: pa.Table, file: CampaignFile, number: int, workers: list[Worker], page: Page, table: pa.Table
) -> dict[str, str]:
    """Give what an attentive judge would say of each task."""
    from lrl_datasets.crowd.simulation import compared, is_good

    known = {worker.name: worker for worker in workers}
    rows = candidates.select(["record", "worker", "messages"]).to_pylist()
    good = {
        row["record"]: is_good(known, row["worker"], row["messages"][0]["content"])
        for row in rows
        if row["record"] and row["messages"]
    }
    stage = file.stage[number - 1]
    if stage.kind == "preference":
        return compared(good, table, page, stage.labels)
    together = [one for n in file.together(number) if (one := file.stage[n - 1]).kind == "judgement"]
    truths = {}
    for record, helpful in good.items():
        sides = [one.labels.positive if helpful else one.labels.negative for one in together]
        said = {ask.output: side[0] for ask, side in zip(page.asks, sides, strict=True)}
        truths[record] = page.joined(said) or ""
    return truths


def _free_pool(folder: Path, pool: str, number: int) -> Path:
    """Name the next export of a stage: its first pool, with a number in the place of a wildcard."""
    if "*" not in pool:
        path = folder / pool
        if path.exists():
            raise LrlError(
                f"stage {number} has open tasks and its export is there: {path}; a pool with a wildcard "
                '(pools = ["exports/answers-*.tsv"]) takes another one'
            )
        return path
    turn = 1
    while (folder / pool.replace("*", f"simulated-{turn}")).exists():
        turn += 1
    return folder / pool.replace("*", f"simulated-{turn}")
