"""`lrl crowd status`, `decide` and `pay`: where a campaign stands, what the platform is told, who is paid what."""

from __future__ import annotations

import csv
import io
from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from datetime import UTC, datetime
from decimal import Decimal
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from lrl_datasets.cli.console import counted, err, out, say, writing
from lrl_datasets.cli.crowd_in import warn_unmatched
from lrl_datasets.errors import LrlError

if TYPE_CHECKING:
    from lrl_datasets.crowd.state import State, Terms
    from lrl_datasets.sources.campaign_toml import CampaignFile

commands = typer.Typer()

Folder = Annotated[Path, typer.Option("--campaign", help="The campaign folder.")]
Now = Annotated[
    str | None, typer.Option(metavar="TIME", help="ISO 8601; deadlines are measured from here. Default: now.")
]
Outbox = Annotated[
    Path | None, typer.Option("--out", help="Folder for the files; default: outbox in the campaign.")
]
SHOWN = 10
NOTHING_CAME = (
    "nothing came in yet: no export of a pool holds work that was handed in, so nobody is to be paid"
)


@commands.command()
def status(campaign: Folder = Path(), now: Now = None) -> None:
    """Say where a campaign stands: what is decided, what waits, and for what. Writes nothing."""
    from rich.table import Table

    from lrl_datasets.crowd.decisions import CONTROL

    file, state, _ = _read(campaign, now)
    shown = Table("stage", "suites", "accepted", "to accept", "to reject", "waiting")
    for number, stage in enumerate(file.stage, 1):
        if number != (page := min(file.together(number))):
            shown.add_row(f"{number} {_name(stage)}", f"asked with stage {page}")
            continue
        said = Counter(row["verdict"] for row in state.reviews.to_pylist() if row["stage"] == number)
        done = said["accepted"] + said["rejected"]
        told = f"{said['accepted']} of {done}" if said["rejected"] else str(done)
        shown.add_row(
            f"{number} {_name(stage)}", str(said.total()), told,
            *[str(said[verdict]) for verdict in ("accept", "reject", "wait")],
        )  # fmt: skip
    out.print(shown)
    decided = state.decisions.select(["verdict", "reason"]).to_pylist()
    answers = Counter(row["verdict"] for row in decided if row["reason"] != CONTROL)
    if answers:
        say(f"answers: {answers['accept']} good, {answers['reject']} refused, {answers['wait']} undecided")
        _say_counts("  refused", [row["reason"] for row in decided if row["verdict"] == "reject"])
    if control := sum(row["reason"] == CONTROL for row in decided):
        say(f"control answers of workers who passed: {control}")
    _say_counts("judgements not counted", state.judged["reason"].to_pylist())
    _say_open(state)
    _warn(state, file)


@commands.command()
def decide(campaign: Folder = Path(), now: Now = None, out_dir: Outbox = None) -> None:
    """Write what each platform is told: suites accepted and rejected, with a reason in the workers' language.

    Upload the files and export again: what the platform then says is what counts. Run twice, the same files.
    """
    from lrl_datasets import languages
    from lrl_datasets.private import write
    from lrl_datasets.sources.reviews import REVIEW_FILES
    from lrl_datasets.sources.reviews import write as review_file

    file, state, folder = _read(campaign, now)
    words = languages.load(file.language).crowd.reasons
    for number, stage in enumerate(file.stage, 1):
        together = file.together(number)
        if number != min(together):
            say(f"stage {number} {_name(stage)}: asked with stage {min(together)}")
            continue
        reviews = [row for row in state.reviews.to_pylist() if row["stage"] == number]
        said = Counter(row["verdict"] for row in reviews)
        target = (out_dir or folder / "outbox") / f"{number}-{_name(stage)}"
        path = target / REVIEW_FILES.get(stage.format, "reviews.csv")
        if said["accept"] + said["reject"]:
            with writing(path):
                write(path, review_file(stage.format, reviews, words).decode())
            say(f"wrote {path}: {counted(said['accept'], 'suite')} accepted, {said['reject']} rejected")
        else:
            with writing(path):
                path.unlink(missing_ok=True)
            say(f"stage {number} {_name(stage)}: no suite to accept or reject")
        if stage.kind == "answer":
            out_of = sorted(state.keep_out_writers(number))
        else:  # who is kept out of one question is kept out of its page
            asked = [_name(file.stage[n - 1]) for n in together]
            out_of = sorted({worker for question in asked for worker in state.keep_out(question)})
        if out_of:
            with writing(target / "keep-out.txt"):
                write(target / "keep-out.txt", "".join(f"{worker}\n" for worker in out_of))
            say(
                f"  {counted(len(out_of), 'worker gets', 'workers get')} no more of its tasks: "
                f"{target / 'keep-out.txt'}"
            )
        else:
            with writing(target / "keep-out.txt"):
                (target / "keep-out.txt").unlink(missing_ok=True)
        if said["wait"]:
            say(f"  {counted(said['wait'], 'suite waits', 'suites wait')} for votes or for a person to look")
    _say_open(state)
    _warn(state, file)


@commands.command()
def pay(campaign: Folder = Path(), now: Now = None, out_dir: Outbox = None) -> None:
    """Write who is paid what for the accepted suites, bonuses apart, and say what came out per hour.

    The file holds the platform's own worker ids: it is private (mode 0600) and stays with the maintainer.
    """
    from lrl_datasets.crowd.payouts import PAYOUTS, median_hourly
    from lrl_datasets.private import write
    from lrl_datasets.sources.formulas import neutralised

    file, state, folder = _read(campaign, now, pay=True)
    rows = state.payouts.to_pylist()
    path = (out_dir or folder / "outbox") / "payouts.csv"
    if not rows:
        say(f"{NOTHING_CAME}; wrote nothing")
        return
    cells = [{**row, "worker": neutralised(row["worker"] or "")} for row in rows]
    with writing(path):
        write(path, _csv(PAYOUTS.names, cells))
    currency = file.money.currency if file.money else ""
    for number, stage in enumerate(file.stage, 1):
        of_stage = [row for row in rows if row["stage"] == number]
        if not of_stage:
            continue
        base, bonus = (sum((row[name] for row in of_stage), Decimal(0)) for name in ("base", "bonus"))
        hourly = median_hourly(of_stage)
        say(
            f"stage {number} {_name(stage)}: {counted(len(of_stage), 'worker')}, "
            f"{base:.2f} {currency} and {bonus:.2f} bonus; "
            + (
                f"the median worker earned {hourly:.2f} an hour"
                if hourly is not None
                else "what an hour brought is not known"
            )
        )
        unpriced = sum(row["suites_unpriced"] for row in of_stage)
        if unpriced:
            say(
                f"  {counted(unpriced, 'suite has', 'suites have')} no price: "
                "neither the export nor `price` of [stage.tasks] says one"
            )
        if file.money and hourly is not None and hourly < file.money.minimum_hourly_pay:
            floor = file.money.minimum_hourly_pay
            err.print(
                f"warning: that is below the campaign's floor of {floor:.2f} {currency} an hour",
                style="yellow",
            )
    say(f"wrote {path}: {counted(len(rows), 'row')}")
    _warn(state, file)


# ---- reading --------------------------------------------------------------------------------------------


def _read(campaign: Path, now: str | None, *, pay: bool = False) -> tuple[CampaignFile, State, Path]:
    from lrl_datasets.crowd.state import compute, settle
    from lrl_datasets.sources import campaign_toml
    from lrl_datasets.sources.campaign import Campaign

    folder = campaign.parent if campaign.name == campaign_toml.FILE else campaign
    file = campaign_toml.load(folder)
    with err.status("reading"):
        tables = Campaign(under_way=True).read(folder)
        state = (settle if pay else compute)(tables, _time(now), terms(file))
    warn_unmatched(tables)
    return file, state, folder


def terms(file: CampaignFile) -> dict[int, Terms]:
    """Return what `[stage.tasks]` says of each stage, or of the page that it shares."""
    from lrl_datasets.crowd.state import Terms

    return {
        number: Terms(tasks.overlap, tasks.price, tasks.comparisons, tasks.suite)
        for number in range(1, len(file.stage) + 1)
        if (tasks := file.tasks_of(number))
    }


def _time(text: str | None) -> datetime:
    if text is None:
        return datetime.now(UTC).replace(tzinfo=None)
    from lrl_datasets.sources.measures import moment

    time = moment(text)
    if time is None:
        raise LrlError(f"--now {text!r}: no ISO 8601 time, such as 2026-03-20T12:00")
    return time


def _name(stage: Any) -> str:
    return str(stage.kind if stage.kind == "answer" else stage.question)


# ---- saying ---------------------------------------------------------------------------------------------


def _say_counts(what: str, reasons: Iterable[str | None]) -> None:
    counts = Counter(reason for reason in reasons if reason is not None)
    if counts:
        say(f"{what}: " + ", ".join(f"{n} {reason}" for reason, n in counts.most_common()))


def _say_open(state: State) -> None:
    from lrl_datasets.crowd import acceptance

    for number, told in state.accepted.items():
        say(f"stage {number}: {acceptance.words(told)}")
    prompts = state.prompts.to_pylist()
    missing = sum(row["missing"] for row in prompts)
    if missing:
        reopened = sum(row["missing"] > 0 for row in prompts)
        say(
            f"{counted(reopened, 'prompt is', 'prompts are')} open again: "
            f"{counted(missing, 'answer')} to ask for (lrl crowd tasks)"
        )
    exhausted = [row["prompt"] for row in prompts if row["exhausted"]]
    if exhausted:
        say(
            f"{counted(len(exhausted), 'prompt has', 'prompts have')} had all the answers that the limit allows, "
            "without a good one:"
        )
        _say_first(exhausted)
    open_ = [row for row in state.votes.to_pylist() if row["missing"]]
    votes = sum(row["missing"] for row in open_ if row["other_record"] is None)
    if votes:
        say(f"{counted(votes, 'more judgement')} to ask for (lrl crowd tasks)")
    pairs = [row for row in open_ if row["other_record"] is not None]
    if pairs:
        comparisons = sum(row["missing"] for row in pairs)
        say(
            f"{counted(comparisons, 'more comparison')} to ask for, of {counted(len(pairs), 'pair')} of answers "
            "(lrl crowd tasks)"
        )
    looked = [
        row["record"] for row in state.decisions.to_pylist() if row["verdict"] == "wait" and row["reason"]
    ]
    if looked:
        say(
            f"{counted(len(looked), 'answer needs', 'answers need')} a person: "
            "the same text by several workers, and nobody knows who was first:"
        )
        _say_first(looked)


def _warn(state: State, file: CampaignFile) -> None:
    """Warn of deadlines: what nobody reviews, the platform accepts and pays."""
    hurried = [row for row in state.reviews.to_pylist() if row["hurry"]]
    for number, stage in enumerate(file.stage, 1):
        near = [row for row in hurried if row["stage"] == number]
        if near:
            first = min(row["deadline"] for row in near)
            err.print(
                f"warning: stage {number} {_name(stage)}: {counted(len(near), 'suite is', 'suites are')} accepted "
                f"by the platform itself from {first:%Y-%m-%d %H:%M} UTC on; review them before",
                style="yellow", markup=False,
            )  # fmt: skip


def _say_first(lines: Sequence[str]) -> None:
    for line in lines[:SHOWN]:
        say(f"  {line}")
    if len(lines) > SHOWN:
        say(f"  and {len(lines) - SHOWN} more")


def _csv(names: Sequence[str], rows: Sequence[Mapping[str, Any]]) -> str:
    stream = io.StringIO(newline="")
    writer = csv.DictWriter(stream, names, lineterminator="\n")
    writer.writeheader()
    writer.writerows(rows)
    return stream.getvalue()
