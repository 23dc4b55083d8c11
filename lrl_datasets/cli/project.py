"""`lrl doctor` and `lrl new …`: this installation, and what the project grows by."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from lrl_datasets.cli.console import out, say

commands = typer.Typer()
new = typer.Typer(no_args_is_help=True, help="Scaffold what the project grows by.")


@commands.command()
def doctor() -> None:
    """Say what is installed, what is missing, and how each of the three uses stands."""
    from lrl_datasets import doctor as check

    out.print(check.report())


@new.command("language")
def new_language(
    code: Annotated[str, typer.Argument(help="Language code: hau or hau_Latn.")],
    directory: Annotated[Path, typer.Option("--dir", help="A checkout of lrl-datasets.")] = Path(),
) -> None:
    """Write a language's two files: its facts and its builder."""
    import lrl_datasets
    from lrl_datasets import scaffold

    for path in scaffold.new_language(code, directory):
        say(f"wrote {path}")
    if Path(lrl_datasets.__file__).parent.parent != directory.absolute():
        say("the lrl that runs is another install and does not see them: `make editable` in the checkout")
