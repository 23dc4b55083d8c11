"""`lrl crowd new`: a first campaign folder."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from lrl_datasets.cli.console import say
from lrl_datasets.errors import LrlError

commands = typer.Typer()


@commands.command()
def new(
    folder: Annotated[Path, typer.Argument(metavar="DIR", help="The folder; its name is the campaign's.")],
    language: Annotated[str, typer.Option(help="Code of the answers' language: swh or swh_Latn.")],
    format: Annotated[
        str, typer.Option("--format", help="Where people work: toloka, mturk, label_studio, argilla, table.")
    ],
    hourly_pay: Annotated[
        float,
        typer.Option(min=0.01, help="The least that an hour of a worker's time is paid; no default is fair."),
    ],
    currency: Annotated[str, typer.Option(help="ISO 4217: USD, TZS.")],
    platform_fee: Annotated[
        float, typer.Option(min=0, help="The platform's share on top, as its price list says: .3 is 30 %.")
    ] = 0.0,
    license: Annotated[str, typer.Option(help="Licence of what people write.")] = "cc-by-4.0",
) -> None:
    """Write a campaign folder: campaign.toml with every key explained, and made-up prompts and control tasks.

    It loads as it is written: `lrl crowd plan` and `lrl crowd tasks answer` run on it at once.
    """
    from typing import get_args

    from lrl_datasets.crowd import new_campaign
    from lrl_datasets.sources.campaign_toml import Format

    if format not in get_args(Format):
        raise LrlError(f"--format {format}: it is one of {', '.join(get_args(Format))}")
    written = new_campaign.write(
        folder, language, format,  # type: ignore[arg-type]
        currency=currency, hourly_pay=hourly_pay, platform_fee=platform_fee, license=license,
    )  # fmt: skip
    for path in written:
        say(f"wrote {path}")
    if format in ("toloka", "mturk") and not platform_fee:
        say(
            "platform_fee is 0: no paid platform works for nothing; see its price list and write it in campaign.toml"
        )
    say(f"put your own rows in the place of the made-up ones in {folder / 'texts'}; then:")
    say(f"  lrl crowd plan --campaign {folder}")
    say(f"  lrl crowd tasks answer --campaign {folder}")
