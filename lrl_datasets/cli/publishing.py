"""`lrl publish`, `diff`, `verify`: what is done with a finished release."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from lrl_datasets.cli.console import Endpoint, err, out, say
from lrl_datasets.errors import LrlError

commands = typer.Typer()


@commands.command()
def publish(
    folder: Annotated[Path, typer.Argument(help="A release folder, build/NAMESPACE/NAME.")],
    endpoint: Endpoint = None,
    repo: Annotated[str | None, typer.Option(help="Repository; must agree with the manifest.")] = None,
    version: Annotated[str | None, typer.Option(help="Version; must agree with the manifest.")] = None,
    private: Annotated[
        bool, typer.Option("--private", help="Create the repository as a private one.")
    ] = False,
    create_pr: Annotated[
        bool, typer.Option("--create-pr", help="Open a pull request; once merged, publish again to tag it.")
    ] = False,
    dry_run: Annotated[
        bool, typer.Option("--dry-run", help="Say what would change, rows and files, and do nothing.")
    ] = False,
    replace_unfinished: Annotated[
        bool,
        typer.Option(
            "--replace-unfinished", help="Commit over a release that was committed and never tagged."
        ),
    ] = False,
    renamed: Annotated[
        Path | None,
        typer.Option(
            help="After a build with --rekey: its file of names, where it is not beside the folder."
        ),
    ] = None,
) -> None:
    """Publish a release: one commit, verified, then its tag. Safe to run again after whatever went wrong.

    The token is the one of `hf auth login`, or HF_TOKEN.
    """
    from lrl_datasets import report
    from lrl_datasets.release import loads
    from lrl_datasets.release import publish as publishing

    if dry_run:
        plan = publishing.preview(
            folder, endpoint, repo=repo, version=version, private=private, create_pr=create_pr,
            replace_unfinished=replace_unfinished, renamed=renamed,
        )  # fmt: skip
        out.print(report.publication(plan, create_pr=create_pr))
        return
    published = publishing.publish(
        folder, endpoint, repo=repo, version=version, private=private, create_pr=create_pr,
        replace_unfinished=replace_unfinished, renamed=renamed,
    )  # fmt: skip
    what = "was there already" if published.skipped else "proposed" if published.pull_request else "published"
    where = f" in {published.pull_request}" if published.pull_request else ""
    say(f"{published.repo} v{published.version} {what}{where}: {published.uploaded} files uploaded")
    say(f"commit {published.commit}, verified file by file\n{published.url}")
    with err.status("loading it as a user would"):
        loaded = loads.verify_loads(published, endpoint, loads.built(folder))
    for config, splits in loaded.items():
        rows = ", ".join(f"{split} {content.rows}" for split, content in splits.items())
        say(f"loads, row by row: {config}: {rows}")
    if published.tag:
        hub_address = publishing.hub_address(endpoint)
        there = "" if hub_address == publishing.DEFAULT_ENDPOINT else f"  (with HF_ENDPOINT={hub_address})"
        say(f"load it:  load_dataset({published.repo!r}, revision={published.tag!r}){there}")
    else:
        say("not published yet: once it is merged, run this again without --create-pr, which sets the tag")


@commands.command()
def diff(
    before: Annotated[str, typer.Argument(metavar="A", help="The older release: a folder, or REPO@v1.0.0.")],
    after: Annotated[str, typer.Argument(metavar="B", help="The newer release.")],
    json_file: Annotated[
        Path | None, typer.Option("--json", metavar="FILE", help="Write everything, every id, as JSON.")
    ] = None,
    renamed: Annotated[
        Path | None,
        typer.Option(
            help="The NAME.renamed.json of a build with --rekey: old and new names; default: the one beside B."
        ),
    ] = None,
    endpoint: Endpoint = None,
) -> None:
    """Show what changed between two releases, row by row, and the version it calls for.

    Exit code 1 with errors: a row moved between splits, somebody withdrawn is back, or it is another dataset.
    """
    import json

    from lrl_datasets import report
    from lrl_datasets.release import diff as differences
    from lrl_datasets.release import locations
    from lrl_datasets.release.renamed import beside, read_names
    from lrl_datasets.release.versions import as_json

    if json_file and (json_file.is_dir() or not json_file.absolute().parent.is_dir()):
        raise LrlError(f"--json {json_file}: name a file in a folder that is there")
    if renamed is None and (left_there := beside(Path(after).absolute())).is_file():
        renamed = left_there
    names = read_names(renamed) if renamed else None
    found = differences.compare(locations.read(before, endpoint), locations.read(after, endpoint), names)
    out.print(report.difference(found))
    if json_file:
        text = json.dumps(as_json(found), indent=2, ensure_ascii=False, sort_keys=True)
        json_file.write_text(text + "\n", encoding="utf-8")
        say(f"wrote {json_file}")
    if found.errors:
        raise typer.Exit(1)


@commands.command()
def verify(
    release: Annotated[str, typer.Argument(metavar="FOLDER|REPO@TAG", help="A folder, or REPO@v1.0.0.")],
    endpoint: Endpoint = None,
) -> None:
    """Read a release again and check files, rows, votes, splits, card and people; exit code 1 with findings."""
    from lrl_datasets import report
    from lrl_datasets.release.verify import verify as run

    with err.status("checking"):
        checked = run(release, endpoint)
    out.print(report.verification(release, checked))
    if any(one.findings for one in checked):
        raise typer.Exit(1)
