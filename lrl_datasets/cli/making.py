"""`lrl build`, `lock`, `withdraw`: what makes a release, and what it is made from."""

from __future__ import annotations

import shlex
from pathlib import Path
from typing import Annotated

import typer

from lrl_datasets.cli.console import Endpoint, bars, err, out, say, use
from lrl_datasets.errors import LrlError

commands = typer.Typer()

SHOWN = 10
"""Lines of a list that are printed before the rest is only counted."""


@commands.command()
def build(
    builder: Annotated[str, typer.Argument(help="A builder by name (swahili-instruct) or path (mine.py).")],
    sample: Annotated[
        bool, typer.Option("--sample", help="Read the embedded sample campaign instead of the sources.")
    ] = False,
    source: Annotated[
        list[str] | None,
        typer.Option(metavar="NAME=PATH", help="Replace or add a source from files; may be repeated."),
    ] = None,
    only: Annotated[
        list[str] | None, typer.Option(metavar="NAME", help="Read only this source; may be repeated.")
    ] = None,
    suite_index: Annotated[
        Path | None, typer.Option(help="File of `lrl tasks index`: refuse rows that leak.")
    ] = None,
    lid_table: Annotated[
        Path | None,
        typer.Option(metavar="FILE", help="File of `lrl lid fit`: tell the language from its neighbours."),
    ] = None,
    version: Annotated[
        str | None,
        typer.Option(
            help="Version of the dataset; default 1.0.0, later the smallest that the change calls for."
        ),
    ] = None,
    previous: Annotated[
        str | None,
        typer.Option(
            metavar="FOLDER|REPO@TAG", help="The release before this one: its rows keep their splits."
        ),
    ] = None,
    rekey: Annotated[
        Path | None,
        typer.Option(
            metavar="OLDKEYFILE", help="The previous release's pseudonym key, where it is another now."
        ),
    ] = None,
    helpfulness_model: Annotated[
        Path | None,
        typer.Option(
            metavar="FILE.json",
            help="File of `lrl helpfulness fit`: predict the helpfulness of unjudged rows.",
        ),
    ] = None,
    out_dir: Annotated[Path, typer.Option("--out", help="Folder for the release.")] = Path("build"),
    engine: Annotated[
        str,
        typer.Option(
            metavar="local|dask", help="Where the work is done: processes of this machine, or a Dask cluster."
        ),
    ] = "local",
    workers: Annotated[
        int | None, typer.Option(help="Processes to start; default: as many as there are cores.")
    ] = None,
    memory: Annotated[
        str,
        typer.Option(
            metavar="SIZE", help="What one worker may hold, at least 1GB; it is stopped when it needs more."
        ),
    ] = "2GB",
    scheduler: Annotated[
        str | None,
        typer.Option(
            metavar="ADDRESS",
            help="With dask: a running scheduler (tcp://HOST:8786); default: one for this build.",
        ),
    ] = None,
    work: Annotated[
        str | None,
        typer.Option(
            metavar="FOLDER",
            help="Where .NAME.work is made for work files; every worker must see it. Default: by the release.",
        ),
    ] = None,
    endpoint: Endpoint = None,
) -> None:
    """Build a release folder and print its funnel.

    More than 10,000 rows are worked on in blocks by several processes. What they finish lies in a folder of work files
    (.NAME.work beside the release; it holds raw rows, so only you may read it) until the build succeeds.
    After Ctrl-C, a crash or a full disk the same command goes on where it stopped.
    Neither engine nor workers change the release.

    Near-copies of withdrawn rows, and the new names of the withdrawn after --rekey, are added to `withdrawn.txt`.
    """
    use(endpoint)
    from lrl_datasets import engine as engines
    from lrl_datasets import pseudonyms, report
    from lrl_datasets.build import build as run
    from lrl_datasets.build import work_folder
    from lrl_datasets.builders import find, script
    from lrl_datasets.lock import beside as lock_beside
    from lrl_datasets.release import withdrawal
    from lrl_datasets.release.manifest import file_entry

    had_key = pseudonyms.key_file().exists()
    given = dict(_name_and_path(text) for text in source or [])
    name, found = find(builder)
    if helpfulness_model is not None:
        from lrl_datasets.filters.helpfulness_prediction import HelpfulnessPrediction

        found = found.with_filter(HelpfulnessPrediction(helpfulness_model))
    lock_file = lock_beside(script(builder))
    options = engines.Options(engine, workers, engines.parse_memory(memory), scheduler)
    place = work_folder(out_dir, found.repository, work)
    try:
        with bars() as (step, tasks), engines.start(options, work=place, progress=tasks) as running:
            built = run(
                found, name=name, out=out_dir, version=version, sample=sample, given=given, only=only or [],
                suite_index=suite_index, lid_table=lid_table, script_sha256=file_entry(script(builder))["sha256"],
                previous=previous, rekey=rekey, beside=script(builder).parent,
                lock_file=lock_file if lock_file.is_file() else None,
                engine=running, progress=step,
            )  # fmt: skip
    except KeyboardInterrupt:
        err.print(
            "broken off; nothing is released. The same command goes on with the work files that are finished"
        )
        raise typer.Exit(130) from None
    added = {file: withdrawal.add(file, lines) for file, lines in built.to_withdraw.items()}
    out.print(report.funnel(built.manifest))
    for file, lines in added.items():
        for line in lines:
            say(f"added to {file}: {line}")
    if built.unreadable:
        say(
            f"{len(built.unreadable)} records could not be read; their bytes are in {built.quarantine} (local):"
        )
        for line in built.unreadable[:SHOWN]:
            say(f"  {line}")
        if len(built.unreadable) > SHOWN:
            say(f"  and {len(built.unreadable) - SHOWN} more")
    if built.diff:
        log = built.manifest["changelog"][0]
        say(
            f"{log['version']} after {built.diff.before['version']}, published rows: {log['added']} added, "
            f"{log['removed']} removed, {log['withdrawn']} withdrawn, {log['changed']} with another text, "
            f"{log['metadata']} with other metadata (lrl diff says which)"
        )
        for one in built.diff.schema:
            if one.bump == "major":
                say(
                    f"breaks code that loads {built.diff.before['version']}: {one.config} {one.change} {one.name}"
                )
    if built.unknown_withdrawn:
        say(
            f"withdrawn, and not read: {', '.join(built.unknown_withdrawn)} (deleted from its export as well, or "
            "misspelt; keep the line: it may come back with the next export)"
        )
    if not had_key and pseudonyms.key_file().exists():
        say(
            f"made the key that the pseudonyms are made with: {pseudonyms.key_file()}. Keep it safe and secret: every "
            "later version needs it"
        )
    if built.renamed:
        say(f"old and new names (local, never publish it): {built.renamed}")
    if "default" in built.manifest["configs"]:
        say(f"\nload it:  load_dataset({str(built.folder)!r})")
        say(f"publish:  lrl publish {shlex.quote(str(built.folder))} --endpoint URL")


def _name_and_path(text: str) -> tuple[str, Path]:
    name, equals, path = text.partition("=")
    if not (name and equals and path):
        raise LrlError(f"--source {text!r}: write NAME=PATH")
    return name, Path(path)


@commands.command()
def lock(
    builder: Annotated[str, typer.Argument(help="A builder by name (swahili-instruct) or path (mine.py).")],
    check: Annotated[
        bool,
        typer.Option("--check", help="Write nothing; say whether the lock fits builder and Hub, for CI."),
    ] = False,
    endpoint: Endpoint = None,
) -> None:
    """Fix a builder's Hub sources to commits and to the bytes of their files, in NAME.lock.json beside it.

    With --check, exit code 1 if the lock does not fit, 2 if that could not be found out.
    """
    use(endpoint)
    from lrl_datasets import lock as locking
    from lrl_datasets.builders import find, script

    _, found = find(builder)
    file = locking.beside(script(builder))
    if check:
        with err.status("comparing with the Hub"):
            wrong, notes = locking.check(found.sources, file)
        for note in notes:
            say(note)
        for finding in wrong:
            say(finding)
        if wrong:
            say(f"{file} does not fit")
            raise typer.Exit(1)
        say(f"{file} fits")
        return
    with err.status("reading the Hub"):
        locked = locking.resolve(found.sources)
    locked.save(file)
    for name, source in locked.sources.items():
        say(f"{name}: {source.repo} @ {source.commit}, {len(source.files)} files")
    say(f"wrote {file}")


@commands.command()
def withdraw(
    row: Annotated[
        list[str] | None, typer.Option(metavar="ID", help="A row's `id`; may be repeated.")
    ] = None,
    annotator: Annotated[
        list[str] | None,
        typer.Option(
            metavar="PSEUDONYM", help="`annotator` or `worker`: answers and votes leave; may be repeated."
        ),
    ] = None,
    worker: Annotated[
        list[str] | None,
        typer.Option(
            metavar="WORKERID",
            help="The id on the platform, as a person knows it: its pseudonym is written; may be repeated.",
        ),
    ] = None,
    campaign: Annotated[Path | None, typer.Option(metavar="DIR", help="The campaign folder.")] = None,
    builder: Annotated[
        str | None,
        typer.Option(help="Instead: the builder, for rows from the Hub (the file lies beside it)."),
    ] = None,
    source: Annotated[
        str, typer.Option(metavar="NAME", help="With --worker: what the builder calls the source.")
    ] = "campaign",
) -> None:
    """Write into `withdrawn.txt` who asked to be removed; the next version leaves them out of every config.

    A row leaves with its near-copies and the votes on it, an annotator with all answers and votes; the posteriors
    are computed anew. Then build and publish the next version, with --previous. Keep the file: no rebuild brings
    back what stands in it.

    Older tags still hold them. A tag never moves, with this one exception, for which the maintainer:

    1. publishes the next version, and tells the users of the older ones;

    2. squashes the history of main: huggingface_hub.HfApi().super_squash_history(REPO, repo_type="dataset");

    3. deletes every tag, also the new one: hf repos tag delete REPO vX.Y.Z --repo-type dataset;

    4. deletes the large files that main does not hold any more, and only these: HfApi().list_lfs_files and
    permanently_delete_lfs_files;

    5. runs `lrl publish` on the new release's folder again: it finds main as it must be and only sets the tag;

    6. where the Hub is a local one, takes them from its disk: lrl hub collect --dir DIR --older-than 0.
    """
    from lrl_datasets import pseudonyms
    from lrl_datasets.builders import script
    from lrl_datasets.release import withdrawal

    lines = [f"row {name}" for name in row or []] + [f"annotator {name}" for name in annotator or []]
    if worker:
        key = pseudonyms.load_key(may_create=False)
        lines += [f"annotator {pseudonyms.pseudonym(source, one.strip(), key)}" for one in worker]
    if not lines:
        raise LrlError("name whom: --row ID, --annotator PSEUDONYM or --worker WORKERID")
    if (campaign is None) == (builder is None):
        raise LrlError(
            "say where the rows come from: --campaign DIR, or --builder NAME for rows from the Hub"
        )
    folder = campaign if campaign is not None else script(str(builder)).parent
    if campaign is not None and not (campaign / "campaign.toml").is_file():
        raise LrlError(f"{campaign}: no campaign folder (there is no campaign.toml)")
    file = folder / withdrawal.FILE
    added = withdrawal.add(file, lines)
    for line in added:
        say(f"added to {file}: {line}")
    if not added:
        say(f"{file} has all of it already")
