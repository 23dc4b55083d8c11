"""`lrl crowd plan` and `lrl crowd cost`: what a campaign will cost, and what it did."""

from __future__ import annotations

import math
from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from lrl_datasets.cli.console import counted, err, out, say
from lrl_datasets.cli.crowd_simulate import (
    CROWD,
    AnswerSeconds,
    Crowd,
    JudgementSeconds,
    counts,
    simulated_terms,
)
from lrl_datasets.cli.crowd_stage import Folder, prompts_of, terms_of, warn_of_control_tasks
from lrl_datasets.errors import LrlError

if TYPE_CHECKING:
    from lrl_datasets.crowd.plan import Plan, Stage
    from lrl_datasets.sources.campaign_toml import AnswerStage, CampaignFile, JudgementStage, Judging

commands = typer.Typer()


@commands.command()
def plan(
    campaign: Folder = Path(),
    crowd: Crowd = CROWD,
    prompts: Annotated[int | None, typer.Option(min=1, help="Default: those of the stage's file.")] = None,
    minimum_hourly_pay: Annotated[
        float | None, typer.Option(min=0.01, help=r"The floor, where the campaign has no \[money] yet.")
    ] = None,
    platform_fee: Annotated[
        float | None, typer.Option(min=0, help="The platform's share on top of what workers get: .3 is 30 %.")
    ] = None,
    answer_seconds: AnswerSeconds = 180,
    judgement_seconds: JudgementSeconds = 25,
    level: Annotated[
        float, typer.Option(min=0.5, max=0.99, help="Share of campaigns an interval holds.")
    ] = 0.9,
) -> None:
    """Say what a campaign will cost, how long it takes, and what comes of it, with intervals. Writes nothing."""
    from rich.table import Table

    from lrl_datasets.crowd.plan import QUANTITIES, predict
    from lrl_datasets.sources import campaign_toml

    folder = campaign.parent if campaign.name == campaign_toml.FILE else campaign
    file = campaign_toml.load(folder)
    wanted = planned(
        folder, file, crowd=counts(crowd), prompts=prompts, minimum_hourly_pay=minimum_hourly_pay,
        platform_fee=platform_fee, answer_seconds=answer_seconds, judgement_seconds=judgement_seconds,
    )  # fmt: skip
    with err.status("planning"):
        told = predict(wanted, level=level)
    currency = file.money.currency if file.money else ""
    table = Table("", "expected", f"{level:.0%} of campaigns", "")
    for name, quantity in told.quantities.items():
        if math.isnan(quantity.mean):
            continue
        table.add_row(name, _number(name, quantity.mean),
                      f"{_number(name, quantity.low)} to {_number(name, quantity.high)}", QUANTITIES[name])  # fmt: skip
    out.print(table)
    say(
        f"{counted(wanted.prompts, 'prompt')}; a suite pays {told.prices['answers']:.2f} {currency} (answers) and "
        f"{told.prices['judgements']:.2f} {currency} (judgements); the crowd is assumed: {crowd}"
    )
    for what in not_counted(file):
        say(f"not counted: {what}")
    for number in range(1, len(file.stage) + 1):
        if number == min(file.together(number)):
            warn_of_control_tasks(folder, file, number)
    for warning in told.warnings:
        err.print(f"warning: {warning}", style="yellow", markup=False)


def planned(
    folder: Path,
    file: CampaignFile,
    *,
    crowd: Mapping[str, int],
    prompts: int | None = None,
    minimum_hourly_pay: float | None = None,
    platform_fee: float | None = None,
    answer_seconds: float = 180,
    judgement_seconds: float = 25,
) -> Plan:
    """Read a campaign's plan from its `campaign.toml`; what is given goes before what stands there."""
    from lrl_datasets.crowd.plan import Plan
    from lrl_datasets.sources import campaign_toml

    writing, judging = _stages(file)
    comparing = [stage for stage in file.stage if stage.kind == "preference"]
    compared = comparing[0].tasks if comparing else None
    floor = minimum_hourly_pay or (file.money.minimum_hourly_pay if file.money else None)
    fee = platform_fee if platform_fee is not None else (file.money.platform_fee if file.money else None)
    if floor is None or fee is None:
        raise LrlError(
            f"{folder / campaign_toml.FILE}: a plan needs the floor for an hour of work and the platform's fee, and "
            "neither has a default: write [money] or give --minimum-hourly-pay and --platform-fee"
        )
    for given in (floor, fee, answer_seconds, judgement_seconds):
        if not math.isfinite(given):
            raise LrlError(f"a plan needs finite numbers for pay, fee and seconds, and one is {given}")
    answers = _stage(folder, file, writing, answer_seconds)
    rules: Any = writing.rules
    return Plan(
        prompts=prompts or prompts_of(folder, file, file.stage.index(writing) + 1),
        minimum_hourly_pay=floor,
        platform_fee=fee,
        crowd=crowd,
        answers=answers,
        judgements=_stage(folder, file, judging, judgement_seconds),
        most_answers=(rules.overlap_limit if rules else None) or 2 * answers.overlap + 1,
        comparisons=_stage(folder, file, comparing[0], judgement_seconds) if comparing else None,
        pairs=compared.comparisons if compared else None,
        majority=judging.rules.aggregation == "majority",
    )


@commands.command()
def cost(campaign: Folder = Path()) -> None:
    """Say what was really paid: by stage, an hour, an accepted row. Warns where the median worker earned too little."""
    from datetime import UTC, datetime

    from rich.table import Table

    from lrl_datasets.cli.crowd_decisions import NOTHING_CAME, terms
    from lrl_datasets.crowd import cost as costs
    from lrl_datasets.crowd.decisions import CONTROL
    from lrl_datasets.crowd.state import compute
    from lrl_datasets.sources import campaign_toml
    from lrl_datasets.sources.campaign import Campaign

    folder = campaign.parent if campaign.name == campaign_toml.FILE else campaign
    file = campaign_toml.load(folder)
    with err.status("reading"):
        state = compute(
            Campaign(under_way=True).read(folder), datetime.now(UTC).replace(tzinfo=None), terms(file)
        )
    if not state.payouts.num_rows:
        say(NOTHING_CAME)
        return
    accepted = sum(
        row["verdict"] == "accept" and row["reason"] != CONTROL for row in state.decisions.to_pylist()
    )
    told = costs.report(
        state.payouts,
        accepted,
        fee=file.money.platform_fee if file.money else 0.0,
        floor=file.money.minimum_hourly_pay if file.money else None,
    )
    currency = file.money.currency if file.money else ""
    table = Table("stage", "workers", "suites", "paid", "fee", "hours", "an hour", "median worker, an hour")
    for stage in told.stages:
        hourly = [
            "?" if value is None else f"{value:.2f}" for value in (stage.per_hour, stage.median_per_hour)
        ]
        table.add_row(str(stage.stage), str(stage.workers), str(stage.suites), f"{stage.paid:.2f}",
                      f"{stage.fee:.2f}", f"{stage.hours:.1f}", *hourly)  # fmt: skip
    out.print(table)
    row = "" if told.per_accepted is None else f", {told.per_accepted:.3f} {currency} an accepted answer"
    say(f"{told.total:.2f} {currency} in all; {counted(told.accepted, 'answer')} accepted{row}")
    if not file.money:
        say("no [money] in campaign.toml: no fee is added and no floor is watched")
    for warning in told.warnings:
        err.print(f"warning: {warning}", style="yellow", markup=False)


def _stages(file: CampaignFile) -> tuple[AnswerStage, JudgementStage]:
    """Return the stage that writes and the one that judges helpfulness."""
    writing = [stage for stage in file.stage if stage.kind == "answer"]
    judging = [stage for stage in file.stage if stage.kind == "judgement"]
    judging = [stage for stage in judging if stage.question == "helpful"] or judging
    if len(writing) != 1 or len(judging) != 1:
        raise LrlError(
            "a plan is for a campaign with one answer stage and one judgement stage (or one that asks `helpful`); "
            f"there are {len(writing)} and {len(judging)}"
        )
    return writing[0], judging[0]


def not_counted(file: CampaignFile) -> list[str]:
    """Say what of a campaign its plan leaves out: money, people and votes that come on top of what it tells."""
    from lrl_datasets.cli import crowd_entry

    _, judging = _stages(file)
    number = file.stage.index(judging) + 1
    page = file.together(number)
    told = []
    if len(page) > 1:
        others = ", ".join(
            one.question for n in page if n != number and (one := file.stage[n - 1]).kind != "answer"
        )
        told.append(
            f"what workers say of {others}: a rubric is one page, paid once; --judgement-seconds is for all of it, "
            f"and who is banned goes by {judging.question} alone"
        )
    compared = [n for n, stage in enumerate(file.stage, 1) if stage.kind == "preference"]
    for n, stage in enumerate(file.stage, 1):
        name = f"stage {n} ({stage.kind if stage.kind == 'answer' else stage.question})"
        if stage.kind != "answer" and n not in (*page, *compared[:1]):
            told.append(f"{name}: neither its cost nor its time")
        elif pools := list(crowd_entry.asked_for(stage)):
            told.append(f"{name}: its {', '.join(pools)} pools, what they cost and whom they keep out")
        if stage.kind == "answer" and stage.tasks and stage.tasks.golden:
            told.append(f"{name}: control tasks among the prompts, and the writers whom they keep out")
    return told


def _stage(folder: Path, file: CampaignFile, stage: AnswerStage | Judging, seconds: float) -> Stage:
    from lrl_datasets.crowd.plan import Stage

    tasks = terms_of(file, file.stage.index(stage) + 1)
    terms = simulated_terms(stage, seconds, tasks)
    return Stage(
        suite=tasks.suite,
        overlap=tasks.overlap,
        seconds=seconds,
        price=tasks.price,
        golden_share=tasks.golden_share,
        exam=terms.exam,
        exam_pass=terms.exam_pass,
        ban_after=terms.ban_after,
        ban_below=terms.ban_below,
        confidence=getattr(stage.rules, "overlap_confidence", None),
        limit=getattr(stage.rules, "overlap_limit", None),
    )


def _number(name: str, value: float) -> str:
    if name in ("label error", "bad among accepted"):
        return f"{value:.1%}"
    if name in ("answers written", "judgements", "comparisons", "accepted rows"):
        return f"{value:,.0f}"
    return f"{value:,.2f}"
