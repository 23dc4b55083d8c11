"""`lrl crowd quality`: what the votes are worth."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from lrl_datasets.cli.console import err, out, say
from lrl_datasets.cli.crowd_in import warn_unmatched
from lrl_datasets.errors import LrlError

commands = typer.Typer()


@commands.command()
def quality(
    campaign: Annotated[Path, typer.Option("--campaign", help="The campaign folder.")] = Path(),
    question: Annotated[str | None, typer.Option(help="Only this question; default: all.")] = None,
    workers: Annotated[int, typer.Option(min=0, help="Workers listed a question; 0: all.")] = 15,
    plot: Annotated[
        Path | None,
        typer.Option(metavar="FILE.svg", help="Draw the reliability plot of the question of helpfulness."),
    ] = None,
) -> None:
    """Say what the votes are worth: agreement, workers by skill, calibration, and what to do where it is low.

    Alpha is 1 where all agree and 0 where they agree as by chance: .8 and above is reliable, below .667 weak. The
    workers' ids are the platform's own: the list is for the maintainer. A plot names nobody.
    """
    from lrl_datasets.crowd import worth
    from lrl_datasets.report import reliability, votes
    from lrl_datasets.sources import campaign_toml
    from lrl_datasets.sources.campaign import Campaign

    folder = campaign.parent if campaign.name == campaign_toml.FILE else campaign
    with err.status("reading"):
        tables = Campaign(under_way=True).read(folder)
        found = worth.of_campaign(tables)
    asked = [one.question for one in found.questions]
    if question is not None and question not in asked:
        raise LrlError(f"--question {question}: no stage asks it; there are: {', '.join(asked) or 'none'}")
    out.print(votes.agreement(found))
    warn_unmatched(tables)
    if found.marks:
        out.print(votes.marks(found))
    for one in found.questions:
        if question not in (None, one.question):
            continue
        say("")
        out.print(votes.workers(one, workers))
        if workers and one.workers.num_rows > workers:
            say(f"and {one.workers.num_rows - workers} more (--workers 0)")
        if one.aggregation is not None:
            for part in votes.aggregation(one.question, one.aggregation):
                out.print(part, highlight=False)
        if one.reliability:
            out.print(votes.reliability(one.question, one.reliability))
        for told in one.advice:
            say(f"{one.question}, {told.cause.replace('_', ' ')}: {told.words}")
    if plot is not None:
        name = question or ("helpful" if "helpful" in asked else asked[0] if asked else "")
        drawn = next((one for one in found.questions if one.question == name), None)
        if drawn is None or drawn.aggregation is None or not drawn.reliability:
            raise LrlError(
                f"--plot {plot}: {name or 'no question'} is not calibrated, so there is nothing to draw"
            )
        try:
            plot.write_text(reliability.svg(name, drawn.reliability, drawn.aggregation), encoding="utf-8")
        except OSError as problem:
            raise LrlError(f"--plot {plot}: cannot be written ({problem.strerror})") from None
        say(f"wrote {plot}")
