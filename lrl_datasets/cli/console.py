"""What all commands share: where they print, and the option `--endpoint`."""

from __future__ import annotations

import os
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Annotated

import typer
from rich.console import Console

from lrl_datasets.errors import LrlError

# Into a file or a pipe there is no terminal whose width could be asked for; 80 columns break the tables.
out = Console(soft_wrap=True, width=None if sys.stdout.isatty() or "COLUMNS" in os.environ else 120)
err = Console(stderr=True, soft_wrap=True, highlight=False)

Endpoint = Annotated[str | None, typer.Option(help="URL of the Hub; default HF_ENDPOINT or the real one.")]


def say(text: str) -> None:
    """Print a line as it is: paths and ids are neither markup nor coloured."""
    out.print(text, markup=False, highlight=False)


def counted(number: int, one: str, many: str | None = None) -> str:
    """Say how many: "1 suite", "2 suites"; `many` where its plural is not with an s."""
    return f"{number} {one if number == 1 else many or one + 's'}"


@contextmanager
def writing(path: Path) -> Iterator[None]:
    """Name the file and the reason where it cannot be written.

    Raises
    ------
    LrlError
        Instead of an `OSError`.
    """
    try:
        yield
    except OSError as error:
        where = error.filename or path
        raise LrlError(f"{path}: cannot be written ({where}: {error.strerror or error})") from None


@contextmanager
def bars() -> Iterator[tuple[Callable[[str], None], Callable[[str, int, int], None]]]:
    """Show on stderr what a command is at: yields (name of a step) and (stage, finished tasks, all tasks) to call.

    Where nobody watches, in a job's log, a stage is one line when it is done.
    """
    from rich.progress import BarColumn, Progress, SpinnerColumn, TextColumn, TimeRemainingColumn

    columns = (
        SpinnerColumn(),
        TextColumn("{task.description}"),
        BarColumn(),
        TextColumn("{task.fields[counts]}"),
    )
    with Progress(*columns, TimeRemainingColumn(), console=err, transient=True) as shown:
        at = shown.add_task("reading", total=None, counts="")

        def step(name: str) -> None:
            shown.reset(at, description=name, total=None, counts="")

        def tasks(stage: str, done: int, total: int) -> None:
            if err.is_terminal:
                shown.update(at, description=stage, completed=done, total=total, counts=f"{done} of {total}")
            elif done == total:
                err.print(f"{stage}: {counted(total, 'task')} done")

        yield step, tasks


def use(endpoint: str | None) -> None:
    """Make this process read from another Hub; to be called before anything imports `huggingface_hub`."""
    if endpoint:
        from lrl_datasets.evaluation.run import use_endpoint

        use_endpoint(endpoint)
