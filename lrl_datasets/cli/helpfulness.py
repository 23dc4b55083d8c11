"""`lrl helpfulness fit`: what judged rows tell of unjudged ones."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from lrl_datasets.cli.console import Endpoint, err, out, say, use, writing

commands = typer.Typer(no_args_is_help=True, help="Learn from judged rows, and score those nobody judged.")


@commands.callback()
def _helpfulness() -> None:
    pass


@commands.command()
def fit(
    release: Annotated[
        str, typer.Argument(metavar="FOLDER|REPO@TAG", help="A release or build with judged rows.")
    ],
    file: Annotated[Path, typer.Option("--out", metavar="FILE.json", help="Where the model goes.")] = Path(
        "helpfulness.json"
    ),
    plot: Annotated[
        Path | None, typer.Option(metavar="FILE.svg", help="Draw the reliability plot, on rows not seen.")
    ] = None,
    endpoint: Endpoint = None,
) -> None:
    """Fit a model of helpfulness on the judged training rows, and say what it is worth.

    Everything that is printed is about rows whose group (prompt, near-copies, original) the model had not seen. It
    learns what this crowd held helpful; whether that holds of translated or web rows, only judging some of them tells.
    `lrl build --helpfulness-model FILE` scores unjudged rows with it.
    """
    use(endpoint)
    from lrl_datasets.filters import helpfulness_model
    from lrl_datasets.release import locations
    from lrl_datasets.report import helpfulness, reliability
    from lrl_datasets.training.helpfulness import fit as run

    with err.status("fitting"):
        found = run(locations.read(release, endpoint))
    out.print(helpfulness.fitted(found.model))
    with writing(file):
        helpfulness_model.write(found.model, file)
    say(f"wrote {file} (SHA-256 {helpfulness_model.sha256(file)[:12]}…)")
    if plot is not None:
        told = found.model.report | {"method": "predicted"}
        with writing(plot):
            rows = f"{found.model.fitted_on['rows']} judged rows, each seen without its group"
            drawn = reliability.svg("helpful", found.reliability, told, judged=rows, what="judged rows")
            plot.write_text(drawn, encoding="utf-8")
        say(f"wrote {plot}")
    say(f"use it:  lrl build BUILDER --helpfulness-model {file}")
