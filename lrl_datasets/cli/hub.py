"""`lrl hub …`: a Hub on this computer."""

from __future__ import annotations

import os
from pathlib import Path
from typing import Annotated

import typer

from lrl_datasets.cli.console import Endpoint, err, out, say
from lrl_datasets.errors import LrlError

commands = typer.Typer(
    no_args_is_help=True, help="A Hub on this computer, for rehearsal, air-gapped use and tests."
)


@commands.command("serve")
def hub_serve(
    port: Annotated[int, typer.Option(help="Port; 0 takes a free one.")] = 8090,
    directory: Annotated[Path, typer.Option("--dir", help="Folder of the Hub's store.")] = Path("hub"),
    host: Annotated[
        str, typer.Option(help="Address to bind; beyond loopback writing needs LRL_HUB_TOKEN.")
    ] = "127.0.0.1",
) -> None:
    """Serve a local Hub until interrupted."""
    from lrl_datasets import local_hub

    local_hub.serve_forever(directory, port=port, host=host, token=os.environ.get("LRL_HUB_TOKEN"))


@commands.command("mirror")
def hub_mirror(
    what: Annotated[list[str], typer.Argument(metavar="ID@REVISION…", help="Datasets and models to bring.")],
    directory: Annotated[Path, typer.Option("--dir", help="Folder of the Hub's store.")] = Path("hub"),
    endpoint: Endpoint = None,
) -> None:
    """Bring datasets and models, at named revisions, from another Hub into the local one; run again after a break."""
    from lrl_datasets.local_hub.mirror import mirror

    with err.status("asking the Hub") as status:
        found = mirror(directory, what, endpoint, progress=status.update)
    for one in found:
        say(
            f"{one.repo_id}@{one.revision} is commit {one.commit}: {one.files} files, {one.fetched} bytes fetched"
        )


@commands.command("collect")
def hub_collect(
    directory: Annotated[Path, typer.Option("--dir", help="Folder of the Hub's store.")] = Path("hub"),
    older_than: Annotated[
        float,
        typer.Option(
            min=0,
            metavar="HOURS",
            help="Keep what is younger: uploads that are not committed yet. 0 keeps none.",
        ),
    ] = 168,
) -> None:
    """Remove from the disk what no branch, tag or open pull request of a local Hub leads to; it may run meanwhile.

    Deleted repositories, squashed history and uploads that were never committed go; with --older-than 0, for when
    nobody is uploading, at once. What clients sent is kept apart for a while and goes at a later run.
    """
    from lrl_datasets import local_hub

    found = local_hub.collect(directory, older_than * 3600)
    say(f"removed {found.contents} contents and {found.commits} commits: {found.size} bytes")
    if found.waiting:
        say(
            f"{found.waiting} bytes that clients sent are put aside, and go when they are {older_than:g} hours old"
        )


@commands.command("check")
def hub_check(
    directory: Annotated[Path, typer.Option("--dir", help="Folder of the Hub's store.")] = Path("hub"),
) -> None:
    """Read every byte that a local Hub keeps, and put aside what the disk has damaged; it may be served meanwhile.

    What was put aside comes anew with the next mirror run (`lrl hub mirror` again) or upload of the same files
    (`hf upload`). Without this command a Hub notices wrong sizes, and wrong bytes in files up to 64 MiB.
    """
    from lrl_datasets import local_hub

    with err.status("reading") as status:
        found = local_hub.check(directory, status.update)
    say(f"{found.contents} contents and {found.commits} commits: {found.size} bytes read")
    if found.damaged:
        raise LrlError("\n".join([f"{len(found.damaged)} damaged or missing:", *found.damaged]))


@commands.command("compare")
def hub_compare(endpoint: Endpoint = None) -> None:
    """For maintainers with a write token: compare what the local Hub assumes of the real one with what that does."""
    from rich.table import Table

    from lrl_datasets.local_hub.assumptions import compare

    with err.status("asking both, in a private scratch dataset"):
        answers = compare(endpoint)
    table = Table("assumption", "local Hub", "other Hub", "")
    for one in answers:
        table.add_row(one.assumption, str(one.here), str(one.there), "" if one.agrees else "DIFFERS")
    out.print(table)
    differing = sum(not one.agrees for one in answers)
    if differing:
        raise LrlError(f"{differing} of {len(answers)} assumptions do not hold there")
