"""The reference fine-tune: a recipe and a dataset of the Hub in, a run folder with a model and figures out.

It is a short script over `transformers.Seq2SeqTrainer`. The run folder holds

    recipe.json       what was run: the recipe, the dataset's and the model's commit
    environment.json  where: packages, hardware, threads, precision
    losses.jsonl      one line a logged step: training loss or held-out loss, nats a target token
    checkpoints/      the last one, for `resume`
    model/            the trained model and its tokenizer, for `from_pretrained`
    evaluation/       results of the tasks, before and after
    results.txt       the tables
    results.json      all figures; written last, so a run is finished when it is there
"""

from __future__ import annotations

import contextlib
import importlib.metadata
import json
import os
import platform
import time
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from lrl_datasets.errors import LrlError
from lrl_datasets.evaluation.origin import endpoint
from lrl_datasets.evaluation.results import make_folder
from lrl_datasets.evaluation.run import evaluate
from lrl_datasets.training.data import Data, load_data
from lrl_datasets.training.model import Origin, load_model, need_packages, origin
from lrl_datasets.training.plan import make_plan
from lrl_datasets.training.recipe import NOT_RUN_YET, Expected, Optimisation, Recipe, load_recipe
from lrl_datasets.training.result import RunResult
from lrl_datasets.training.tokens import encode
from lrl_datasets.training.trainer import train

if TYPE_CHECKING:
    from rich.console import Console

PACKAGES = (
    "lrl-datasets", "torch", "transformers", "tokenizers", "sentencepiece", "accelerate", "datasets",
    "huggingface_hub", "lm_eval", "numpy",
)  # fmt: skip


def finetune(
    recipe: str | Path | Recipe,
    output: Path,
    *,
    resume: bool = False,
    callbacks: Sequence[Any] = (),
    console: Console | None = None,
) -> RunResult:
    """Run a recipe and write its run folder.

    Parameters
    ----------
    recipe
        Name of a shipped recipe, path of another, or a loaded one.
    output
        The run folder; made here.
    resume
        Go on from the folder's last checkpoint. A finished run is read back, one without a checkpoint starts
        anew. Without `resume` a folder that already holds something is refused.
    callbacks
        More `transformers.TrainerCallback`, e.g. to report elsewhere.
    console
        Where progress is printed; by default nowhere.

    Raises
    ------
    LrlError
        The recipe, dataset, model or hardware cannot be used, the folder is taken, or another recipe, dataset
        or model was run in it.
    """
    recipe = recipe if isinstance(recipe, Recipe) else load_recipe(recipe)
    need_packages()
    data = load_data(recipe.dataset)
    source = origin(recipe, data)
    return run(recipe, data, source, output, resume=resume, callbacks=callbacks, console=console)


def run(
    recipe: Recipe,
    data: Data,
    source: Origin,
    output: Path,
    *,
    resume: bool = False,
    callbacks: Sequence[Any] = (),
    console: Console | None = None,
) -> RunResult:
    """Run a recipe on what was loaded; see `finetune`."""
    rows, held_out = (
        encode(source.tokenizer, pairs, recipe.lengths) for pairs in (data.train, data.held_out)
    )
    plan = make_plan(recipe, data, source, rows, held_out)
    _open_folder(output, _identity(recipe, data, source), resume)
    if (output / "results.json").exists():
        return RunResult.read(output)
    if console:
        console.print(
            f"{recipe.name}: {plan.steps} steps on {plan.train_rows} rows, {plan.parameters:,} parameters"
        )
    started = time.monotonic()
    with _settings(recipe.training):
        _write_json(output / "environment.json", environment(plan.precision))
        before = _evaluate(recipe, source, output, "before", console) if recipe.evaluation.before else None
        training = train(
            recipe, source, rows, held_out, plan=plan, output=output, resume=resume,
            callbacks=callbacks, console=console,
        )  # fmt: skip
        after = _evaluate(recipe, source, output, "after", console) if recipe.evaluation.after else None
    result = RunResult(
        recipe=recipe.name,
        output=output,
        plan=plan.to_json(),
        held_out_before=training.held_out_before,
        held_out_after=training.held_out_after,
        unigram_loss=plan.unigram_loss,
        losses=training.losses,
        evaluation_before=before,
        evaluation_after=after,
        training_seconds=training.seconds,
        seconds=time.monotonic() - started,
        unmet=_unmet(recipe.expected, training.held_out_after, plan.unigram_loss),
        compared=recipe.expected != NOT_RUN_YET,
        notes=plan.notes,
    )
    result.write()
    return result


def _evaluate(
    recipe: Recipe, source: Origin, output: Path, when: str, console: Console | None
) -> dict[str, Any] | None:
    """Run the recipe's tasks before or after training; a result that is there is not made again."""
    if not recipe.evaluation.tasks:
        return None
    folder = output / "evaluation" / when
    if not (folder / "results.json").exists():
        if console:
            console.print(f"evaluating {when} training: {', '.join(recipe.evaluation.tasks)}")
        model: str | Path = output / "model"
        revision = None
        if when == "before" and source.id is not None:
            model, revision = source.id, source.commit
        elif when == "before":
            model = output / "evaluation" / "untrained-model"
            load_model(source, recipe.training.seed).save_pretrained(model)
            source.tokenizer.save_pretrained(model)
        results = evaluate(
            model, recipe.evaluation.tasks, limit=recipe.evaluation.limit, revision=revision,
            batch_size=recipe.training.batch_size,
        )  # fmt: skip
        results.write(folder)
    found: dict[str, Any] = json.loads((folder / "results.json").read_text("utf-8"))
    return found


# ---- the run folder and its surroundings ----------------------------------------------------------------


def _identity(recipe: Recipe, data: Data, source: Origin) -> dict[str, Any]:
    return {
        "recipe": recipe.model_dump(mode="json"),
        "dataset_commit": data.commit,
        "model_commit": source.commit,
    }


def _open_folder(output: Path, identity: dict[str, Any], resume: bool) -> None:
    path = output / "recipe.json"
    make_folder(output)
    if any(output.iterdir()):
        if not resume:
            raise LrlError(f"{output}: holds something already; resume that run, or choose another folder")
        if not path.is_file():
            raise LrlError(f"{output}: holds no run that could be resumed (recipe.json is missing)")
        there = json.loads(path.read_text("utf-8"))
        if changed := _differences(there, identity):
            raise LrlError(f"{output}: another run is in this folder: {', '.join(changed)} changed since")
        return
    _write_json(path, identity)


def _differences(old: Any, new: Any, name: str = "") -> list[str]:
    if isinstance(old, dict) and isinstance(new, dict):
        return [
            changed
            for key in sorted({*old, *new})
            for changed in _differences(old.get(key), new.get(key), f"{name}.{key}" if name else key)
        ]
    return [] if old == new else [name]


def environment(precision: str) -> dict[str, Any]:
    """Describe where a run happens: what decides its figures beside the recipe and the data."""
    import torch

    versions = {}
    for name in PACKAGES:
        with contextlib.suppress(importlib.metadata.PackageNotFoundError):
            versions[name] = importlib.metadata.version(name)
    gpus = [torch.cuda.get_device_name(i) for i in range(torch.cuda.device_count())]
    return {
        "python": platform.python_version(),
        "platform": platform.platform(),
        "packages": versions,
        "cpus": os.cpu_count(),
        "gpus": gpus,
        "cuda": torch.version.cuda,
        "threads": torch.get_num_threads(),
        "cpu_capability": torch.backends.cpu.get_cpu_capability(),
        "precision": precision,
        "hub": endpoint(),
    }


@contextlib.contextmanager
def _settings(how: Optimisation) -> Iterator[None]:
    """Set threads and verbosity, and put back afterwards what full determinism changes in the process."""
    import torch
    import transformers

    threads, verbosity = torch.get_num_threads(), transformers.logging.get_verbosity()
    bars = transformers.logging.is_progress_bar_enabled()
    deterministic, variables = torch.are_deterministic_algorithms_enabled(), dict(os.environ)
    cudnn = torch.backends.cudnn.deterministic, torch.backends.cudnn.benchmark
    try:
        if how.threads is not None:
            torch.set_num_threads(how.threads)
        transformers.logging.set_verbosity_error()
        transformers.logging.disable_progress_bar()
        yield
    finally:
        torch.set_num_threads(threads)
        transformers.logging.set_verbosity(verbosity)
        if bars:
            transformers.logging.enable_progress_bar()
        torch.use_deterministic_algorithms(deterministic)
        torch.backends.cudnn.deterministic, torch.backends.cudnn.benchmark = cudnn
        os.environ.clear()
        os.environ.update(variables)


def _unmet(expected: str | Expected, loss: float, unigram: float) -> list[str]:
    unmet = []
    if isinstance(expected, Expected):
        if loss >= unigram:
            unmet.append(f"the held-out loss {loss:.4f} is not below the unigram loss {unigram:.4f}")
        if expected.held_out_loss_at_most is not None and loss > expected.held_out_loss_at_most:
            unmet.append(f"the held-out loss {loss:.4f} is above {expected.held_out_loss_at_most:g}")
    return unmet


def _write_json(path: Path, value: Any) -> None:
    path.write_text(json.dumps(value, indent=2, ensure_ascii=False) + "\n", "utf-8")
