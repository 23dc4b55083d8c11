"""`lrl crowd …`: a campaign from its tasks to its decisions."""

from __future__ import annotations

import typer

from lrl_datasets.cli import (
    crowd_decisions,
    crowd_in,
    crowd_money,
    crowd_new,
    crowd_out,
    crowd_platforms,
    crowd_quality,
    crowd_rank,
    crowd_simulate,
)

commands = typer.Typer(
    no_args_is_help=True, help="A crowd campaign: tasks out, exports in, decisions, money."
)
commands.add_typer(crowd_new.commands)
commands.add_typer(crowd_out.commands)
commands.add_typer(crowd_simulate.commands)
commands.add_typer(crowd_in.commands)
commands.add_typer(crowd_platforms.commands)
commands.add_typer(crowd_decisions.commands)
commands.add_typer(crowd_quality.commands)
commands.add_typer(crowd_money.commands)
commands.add_typer(crowd_rank.commands)
