"""`lrl …`: it parses, calls, prints. The work is in the modules that each command names."""

from __future__ import annotations

import io
import os
import shlex
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
hub = typer.Typer(
    no_args_is_help=True, help="A Hub on this computer, for rehearsal, air-gapped use and tests."
)
tasks = typer.Typer(no_args_is_help=True, help="The evaluation suites.")
new = typer.Typer(no_args_is_help=True, help="Scaffold what the project grows by.")
app.add_typer(hub, name="hub")
app.add_typer(tasks, name="tasks")
app.add_typer(new, name="new")

# Into a file or a pipe there is no terminal whose width could be asked for; 80 columns break the tables.
out = Console(soft_wrap=True, width=None if sys.stdout.isatty() or "COLUMNS" in os.environ else 120)
err = Console(stderr=True, soft_wrap=True, highlight=False)

Endpoint = Annotated[str | None, typer.Option(help="URL of the Hub; default HF_ENDPOINT or the real one.")]


SHOWN = 10
"""Lines of a list that are printed before the rest is only counted."""


def say(text: str) -> None:
    """Print a line as it is: paths and ids are neither markup nor coloured."""
    out.print(text, markup=False, highlight=False)


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


@app.command()
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
    out_dir: Annotated[Path, typer.Option("--out", help="Folder for the release.")] = Path("build"),
    endpoint: Endpoint = None,
) -> None:
    """Build a release folder and print its funnel.

    Near-copies of withdrawn rows, and the new names of the withdrawn after --rekey, are added to `withdrawn.txt`.
    """
    _use(endpoint)
    from lrl_datasets import report
    from lrl_datasets.build import build as run
    from lrl_datasets.builders import find, script
    from lrl_datasets.lock import beside as lock_beside
    from lrl_datasets.release import withdrawal
    from lrl_datasets.release.manifest import file_entry

    given = dict(_name_and_path(text) for text in source or [])
    name, found = find(builder)
    lock_file = lock_beside(script(builder))
    with err.status("reading") as status:
        built = run(
            found, name=name, out=out_dir, version=version, sample=sample, given=given, only=only or [],
            suite_index=suite_index, script_sha256=file_entry(script(builder))["sha256"], previous=previous,
            rekey=rekey, beside=script(builder).parent, lock_file=lock_file if lock_file.is_file() else None,
            progress=status.update,
        )  # fmt: skip
    for file, lines in built.to_withdraw.items():
        for line in withdrawal.add(file, lines):
            say(f"added to {file}: {line}")
    out.print(report.funnel(built.manifest))
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
    if built.unknown_withdrawn:
        say(f"withdrawn, and not read: {', '.join(built.unknown_withdrawn)}")
    if built.renamed:
        say(f"old and new names (local, never publish it): {built.renamed}")
    if "default" in built.manifest["configs"]:
        say(f"\nload it:  load_dataset({str(built.folder)!r})")
        say(f"publish:  lrl publish {shlex.quote(str(built.folder))} --endpoint URL")


@app.command()
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
    campaign: Annotated[Path | None, typer.Option(metavar="DIR", help="The campaign folder.")] = None,
    builder: Annotated[
        str | None,
        typer.Option(help="Instead: the builder, for rows from the Hub (the file lies beside it)."),
    ] = None,
) -> None:
    """Write into `withdrawn.txt` who asked to be removed; the next version leaves them out of every config.

    A row leaves with its near-copies and the votes on it, an annotator with all answers and votes; the posteriors
    are computed anew. Then build and publish the next version, with --previous. Keep the file: no rebuild brings
    back what stands in it.

    Older tags still hold them. A tag never moves, with this one exception, for which the maintainer:

    1. publishes the next version, and tells the users of the older ones;

    2. squashes the history of main: huggingface_hub.HfApi().super_squash_history(REPO, repo_type="dataset");

    3. deletes every tag, also the new one: hf repos tag delete REPO vX.Y.Z --repo-type dataset;

    4. deletes the large files that are left over: HfApi().list_lfs_files and permanently_delete_lfs_files;

    5. runs `lrl publish` on the new release's folder again: it finds main as it must be and only sets the tag.
    """
    from lrl_datasets.builders import script
    from lrl_datasets.release import withdrawal

    lines = [f"row {name}" for name in row or []] + [f"annotator {name}" for name in annotator or []]
    if not lines:
        raise LrlError("name whom: --row ID or --annotator PSEUDONYM")
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


@app.command()
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
    """Show what changed between two releases, and the version it calls for; exit code 1 if it may not be.

    A row that moved between splits is always an error.
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


@app.command()
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


@app.command()
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
    _use(endpoint)
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


@hub.command("serve")
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


@hub.command("mirror")
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


@hub.command("collect")
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
    say(
        f"removed {found.contents} contents and {found.commits} commits: {found.size} bytes; "
        f"{found.waiting} bytes of uploads go when they are {older_than:g} hours old"
    )


@hub.command("compare")
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


@tasks.command("index")
def tasks_index(
    file: Annotated[Path, typer.Option("--out", help="File to write.")],
    suite: Annotated[
        list[str] | None, typer.Option(help="Suite to index; default all; may be repeated.")
    ] = None,
    endpoint: Endpoint = None,
) -> None:
    """Index what the suites contain, as hashes: `lrl build --suite-index FILE` refuses rows that share it."""
    _use(endpoint)
    from lrl_datasets.evaluation.index import build_index

    with err.status("reading the suites' datasets"):
        index = build_index(suite or None)
    index.save(file)
    for name, entry in index.summary().items():
        sample = " (SAMPLE rows)" if entry["sample"] else ""
        say(f"{name}: {entry['items']} items of {entry['dataset']} @ {entry['revision']}{sample}")
    say(f"wrote {file}")


@tasks.command("sample")
def tasks_sample(
    builder: Annotated[str, typer.Argument(help="The builder whose sample has rows for the suite.")],
    directory: Annotated[Path, typer.Option("--hub", help="Folder of a local Hub's store.")],
) -> None:
    """Put a builder's sample rows of the evaluation suite into a local Hub, under the datasets' real ids."""
    from lrl_datasets.builders import find
    from lrl_datasets.evaluation.sample_suite import serve_sample

    name, found = find(builder)
    if found.sample is None:
        raise LrlError(f"{name} has no embedded sample")
    for dataset, commit in serve_sample(directory, found.sample / "suite").items():
        say(f"{dataset} @ {commit} (SAMPLE rows)")


@app.command("tasks-dir")
def show_tasks_dir() -> None:
    """Print the folder of the task files, for `lm_eval --include_path "$(lrl tasks-dir)"`."""
    from lrl_datasets.evaluation.tasks import tasks_dir

    print(tasks_dir())


@app.command("eval")
def evaluate(
    model: Annotated[str, typer.Argument(help="A folder with a saved model, or a model id.")],
    task: Annotated[
        list[str], typer.Option("--tasks", help="Task or group, e.g. sw_suite; may be repeated.")
    ],
    folder: Annotated[
        Path | None, typer.Option("--out", help="Folder for results.json and results.txt.")
    ] = None,
    limit: Annotated[int | None, typer.Option(min=1, help="Score only the first items of each task.")] = None,
    revision: Annotated[str | None, typer.Option(help="The model's revision.")] = None,
    batch_size: Annotated[int, typer.Option(min=1)] = 8,
    device: Annotated[str | None, typer.Option(help="As torch names it.")] = None,
    endpoint: Endpoint = None,
) -> None:
    """Evaluate a model with lm-eval; the table has intervals and the smallest difference it can detect."""
    _use(endpoint)
    from lrl_datasets.evaluation.run import evaluate as run

    names = [name for listed in task for name in listed.split(",") if name]
    results = run(
        model, names, output=folder, limit=limit, revision=revision, batch_size=batch_size, device=device
    )
    out.print(results.table())
    if folder:
        say(f"wrote {folder}")


@app.command()
def finetune(
    recipe: Annotated[str, typer.Argument(help="A recipe by name (mt5-sw) or path (mine.yaml).")],
    folder: Annotated[Path | None, typer.Option("--out", help="Run folder; default runs/RECIPE.")] = None,
    dry_run: Annotated[
        bool, typer.Option("--dry-run", help="Print steps, tokens and memory; train nothing.")
    ] = False,
    resume: Annotated[
        bool, typer.Option("--resume", help="Go on from the run folder's last checkpoint.")
    ] = False,
    endpoint: Endpoint = None,
) -> None:
    """Run the reference fine-tune of a recipe, evaluated before and after."""
    _use(endpoint)
    from lrl_datasets.training.finetune import finetune as run
    from lrl_datasets.training.plan import plan

    if dry_run:
        for name, value in plan(recipe).lines():
            say(f"{name:28} {value}")
        return
    result = run(recipe, folder or Path("runs") / Path(recipe).stem, resume=resume, console=out)
    for table in result.tables():
        out.print(table)
    say(f"run folder: {result.output}")
    if result.unmet:
        raise LrlError(f"{result.recipe} fell short of its expected results: {'; '.join(result.unmet)}")


def _use(endpoint: str | None) -> None:
    if endpoint:
        from lrl_datasets.evaluation.run import use_endpoint

        use_endpoint(endpoint)


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
    import lrl_datasets
    from lrl_datasets import scaffold

    for path in scaffold.new_language(code, directory):
        say(f"wrote {path}")
    if Path(lrl_datasets.__file__).parent.parent != directory.absolute():
        say("the lrl that runs is another install and does not see them: `make editable` in the checkout")
