"""`lrl …`: it parses, calls, prints. The work is in the modules that each command names.

One module a theme. Whatever is heavy is imported in the command that needs it, so that `lrl --help` is quick.
"""

from __future__ import annotations

import io
import os
import sys
from typing import Annotated

import typer

from lrl_datasets import __version__
from lrl_datasets.cli import crowd, helpfulness, hub, lid, making, models, project, publishing
from lrl_datasets.cli.console import err, say
from lrl_datasets.errors import LrlError

app = typer.Typer(
    no_args_is_help=True, pretty_exceptions_enable=False, add_completion=False,
    help="Instruction datasets and benchmarks for low-resource languages: build, publish, evaluate, train.",
)  # fmt: skip
for theme in (making.commands, publishing.commands, models.commands, project.commands):
    app.add_typer(theme)
for name, group in (
    ("crowd", crowd.commands),
    ("helpfulness", helpfulness.commands),
    ("hub", hub.commands),
    ("lid", lid.commands),
    ("tasks", models.tasks),
    ("new", project.new),
):
    app.add_typer(group, name=name)


def main() -> None:
    """Run the command line: an error the user can mend is one line on stderr and exit code 2."""
    for stream in (sys.stdout, sys.stderr):
        if isinstance(stream, io.TextIOWrapper):
            stream.reconfigure(errors="replace")  # a terminal that has no "→" shows "?"
    if not sys.stderr.isatty():
        # The clients read these when they are imported, and the processes that are started here inherit them.
        for name in ("HF_HUB_DISABLE_PROGRESS_BARS", "HF_DATASETS_DISABLE_PROGRESS_BARS"):
            os.environ.setdefault(name, "1")
    try:
        app(standalone_mode=True)
    except (LrlError, OSError) as error:
        # An OSError names the file: a folder where a file should be, no permission, a full disk.
        err.print(f"error: {error}", style="red", markup=False)
        sys.exit(2)


def _version(show: bool) -> None:
    if show:
        say(f"lrl-datasets {__version__}")
        raise typer.Exit


@app.callback()
def _root(
    version: Annotated[
        bool, typer.Option("--version", callback=_version, is_eager=True, help="Show the version.")
    ] = False,
) -> None:
    pass
