"""`lrl …`: it parses, calls, prints. The work is in the modules that each command names."""

from __future__ import annotations

import os
import sys
from pathlib import Path
from typing import Annotated

import typer
from rich.console import Console

from lrl_datasets import __version__
from lrl_datasets.errors import LrlError

app = typer.Typer(
    no_args_is_help=True, pretty_exceptions_enable=False, add_completion=False,
    help="Instruction datasets and benchmarks for low-resource languages: build, publish, evaluate, train.",
)  # fmt: skip
hub = typer.Typer(no_args_is_help=True, help="A Hub on this computer, for rehearsal, air-gapped use and tests.")
tasks = typer.Typer(no_args_is_help=True, help="The evaluation suites.")
new = typer.Typer(no_args_is_help=True, help="Scaffold what the project grows by.")
app.add_typer(hub, name="hub")
app.add_typer(tasks, name="tasks")
app.add_typer(new, name="new")

out = Console(soft_wrap=True)
err = Console(stderr=True, soft_wrap=True, highlight=False)

Endpoint = Annotated[str | None, typer.Option(help="URL of the Hub; default HF_ENDPOINT or the real one.")]


def main() -> None:
    """Run the command line: an error the user can mend is one line on stderr and exit code 2."""
    try:
        app(standalone_mode=True)
    except LrlError as error:
        err.print(f"error: {error}", style="red", markup=False)
        sys.exit(2)


def _version(show: bool) -> None:
    if show:
        out.print(f"lrl-datasets {__version__}", highlight=False)
        raise typer.Exit


@app.callback()
def _root(
    version: Annotated[bool, typer.Option("--version", callback=_version, is_eager=True, help="Show the version.")] = False,
) -> None:
    pass


@app.command()
def build(
    builder: Annotated[str, typer.Argument(help="A builder by name (swahili-instruct) or path (mine.py).")],
    sample: Annotated[bool, typer.Option("--sample", help="Read the embedded sample campaign instead of the sources.")] = False,
    source: Annotated[list[str] | None, typer.Option(metavar="NAME=PATH", help="Replace or add a source from files; may be repeated.")] = None,
    only: Annotated[list[str] | None, typer.Option(metavar="NAME", help="Read only this source; may be repeated.")] = None,
    suite_index: Annotated[Path | None, typer.Option(help="File of `lrl tasks index`: refuse rows that leak.")] = None,
    version: Annotated[str, typer.Option(help="Version of the dataset.")] = "1.0.0",
    out_dir: Annotated[Path, typer.Option("--out", help="Folder for the release.")] = Path("build"),
) -> None:
    """Build a release folder and print its funnel."""
    from lrl_datasets import report
    from lrl_datasets.build import build as run
    from lrl_datasets.builders import find

    given = dict(_name_and_path(text) for text in source or [])
    name, found = find(builder)
    with err.status("reading") as status:
        built = run(
            found, name=name, out=out_dir, version=version, sample=sample, given=given, only=only or [],
            suite_index=suite_index, progress=status.update,
        )  # fmt: skip
    out.print(report.funnel(built.manifest))
    if built.quarantine:
        out.print(f"bytes of unreadable records (local, not published): {built.quarantine}", highlight=False)
    out.print(f"\nload it:  load_dataset({str(built.folder)!r})", highlight=False)
    out.print(f"publish:  lrl publish {built.folder} --endpoint URL", highlight=False)


def _name_and_path(text: str) -> tuple[str, Path]:
    name, equals, path = text.partition("=")
    if not (name and equals and path):
        raise LrlError(f"--source {text!r}: write NAME=PATH")
    return name, Path(path)


@app.command()
def publish(
    folder: Annotated[Path, typer.Argument(help="A release folder, build/NAMESPACE/NAME.")],
    endpoint: Endpoint = None,
    repo: Annotated[str | None, typer.Option(help="Repository; must agree with the manifest.")] = None,
    version: Annotated[str | None, typer.Option(help="Version; must agree with the manifest.")] = None,
    private: Annotated[bool, typer.Option("--private", help="Create the repository as a private one.")] = False,
) -> None:
    """Publish a release: one commit, verified, then its tag. Safe to run again."""
    from lrl_datasets.release import publish as publishing

    published = publishing.publish(folder, endpoint=endpoint, repo=repo, version=version, private=private)
    what = "was there already" if published.skipped else "published"
    out.print(f"{published.repo} {published.tag} {what}: commit {published.commit}, {published.uploaded} files uploaded", highlight=False)
    out.print(f"load it:  load_dataset({published.repo!r}, revision={published.tag!r})", highlight=False)


@hub.command("serve")
def hub_serve(
    port: Annotated[int, typer.Option(help="Port; 0 takes a free one.")] = 8090,
    directory: Annotated[Path, typer.Option("--dir", help="Folder of the Hub's store.")] = Path("hub"),
    host: Annotated[str, typer.Option(help="Address to bind; beyond loopback writing needs LRL_HUB_TOKEN.")] = "127.0.0.1",
) -> None:
    """Serve a local Hub until interrupted."""
    from lrl_datasets import local_hub

    local_hub.serve_forever(directory, port=port, host=host, token=os.environ.get("LRL_HUB_TOKEN"))


@app.command()
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
    from lrl_datasets import scaffold

    for path in scaffold.new_language(code, directory):
        out.print(f"wrote {path}", highlight=False)
