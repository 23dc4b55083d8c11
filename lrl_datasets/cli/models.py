"""`lrl tasks …`, `tasks-dir`, `eval`, `finetune`: what is measured and trained on a release."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from lrl_datasets.cli.console import Endpoint, err, out, say, use
from lrl_datasets.errors import LrlError

commands = typer.Typer()
tasks = typer.Typer(no_args_is_help=True, help="The evaluation suites.")


@tasks.command("index")
def tasks_index(
    file: Annotated[Path, typer.Option("--out", help="File to write.")],
    suite: Annotated[
        list[str] | None, typer.Option(help="Suite to index; default all; may be repeated.")
    ] = None,
    endpoint: Endpoint = None,
) -> None:
    """Index what the suites contain, as hashes: `lrl build --suite-index FILE` refuses rows that share it."""
    use(endpoint)
    from lrl_datasets.evaluation.index import build_index

    with err.status("reading the suites' datasets"):
        index = build_index(suite or None)
    index.save(file)
    for name, entry in index.summary().items():
        sample = " (SAMPLE rows)" if entry["sample"] else ""
        say(f"{name}: {entry['items']} items of {entry['dataset']} @ {entry['revision']}{sample}")
        if (english := index.tasks[name].english) is not None:
            where = f"{english.dataset} {english.config or ''}".strip()
            said = f"not read: {english.missing}" if english.missing else f"{english.items} items of {where}"
            say(f"  English originals: {said}")
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


@commands.command("tasks-dir")
def show_tasks_dir() -> None:
    """Print the folder of the task files, for `lm_eval --include_path "$(lrl tasks-dir)"`."""
    from lrl_datasets.evaluation.tasks import tasks_dir

    print(tasks_dir())


@commands.command("eval")
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
    use(endpoint)
    from lrl_datasets.evaluation.run import evaluate as run

    names = [name for listed in task for name in listed.split(",") if name]
    results = run(
        model, names, output=folder, limit=limit, revision=revision, batch_size=batch_size, device=device
    )
    out.print(results.table())
    if folder:
        say(f"wrote {folder}")


@commands.command()
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
    use(endpoint)
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
