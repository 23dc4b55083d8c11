"""`lrl crowd simulate`: a SAMPLE campaign's open tasks done without people."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from lrl_datasets.cli import crowd_entry
from lrl_datasets.cli.console import counted, say
from lrl_datasets.cli.crowd_stage import (
    Folder,
    exported,
    folder_of,
    golden_rows,
    terms_of,
    waiting_suites,
)
from lrl_datasets.errors import LrlError

if TYPE_CHECKING:
    import pyarrow as pa

    from lrl_datasets.crowd.simulation import Terms, Worker
    from lrl_datasets.crowd.tasks.pages import Page
    from lrl_datasets.sources.campaign_tasks import Tasks
    from lrl_datasets.sources.campaign_toml import CampaignFile
    from lrl_datasets.sources.pools import Stage
    from lrl_datasets.sources.toloka import Export

commands = typer.Typer()

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

    folder = folder_of(campaign)
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
            page, table, came = waiting_suites(folder, file, number, known)
            if table.num_rows == 0:
                continue
            path = _free_pool(folder, crowd_entry.work_pools(stage)[0], number)
            terms = simulated_terms(stage, seconds[stage.kind], terms_of(file, number))
            drawn = int(digest(file.name, str(seed), str(number), path.name, length=12), 16)
            begin = simulation.after(came.candidates, came.judgements)
            if stage.kind == "answer":
                shown = [text for text in table[f"input.{page.field('prompt')}"].to_pylist() if text]
                words = simulation.vocabulary(shown)
                responses = simulation.write(table, page, workers, words, terms, drawn, begin=begin)
            else:
                truths = _truths(came.candidates, file, number, workers, page, table)
                labels = {ask.output: ask.labels for ask in page.rubric} or page.labels
                rows = golden_rows(folder, file, number, page)
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
                    exported,
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
            path.write_bytes(exported(stage.format, page, responses, path))
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
