"""Runs tasks on a model with the real lm-eval.

It takes a model (a folder or a Hub id) and the names of tasks or groups, and gives `Results`. It refuses what
the harness would let pass: a broken task file, and a folder that would be read in a dataset's place.
"""

from __future__ import annotations

import math
import os
import sys
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path
from typing import Any

from lrl_datasets.errors import LrlError
from lrl_datasets.evaluation.origin import origin
from lrl_datasets.evaluation.results import Z_95, Results, Score, detectable_difference, share_error, wilson
from lrl_datasets.evaluation.tasks import Suites, read_suites, refuse_shadowed, tasks_dir

STOCK = "stock"
"""Prompt family of every task that is the harness's own."""


def evaluate(
    model: str | Path,
    tasks: Sequence[str],
    *,
    output: Path | None = None,
    limit: int | None = None,
    revision: str | None = None,
    batch_size: int = 8,
    device: str | None = None,
) -> Results:
    """Run tasks on a model.

    Parameters
    ----------
    model
        A folder with a saved model and tokenizer, or a Hub id. Whether it is causal or encoder-decoder is
        read from its configuration.
    tasks
        Names of tasks or groups: ours, or any of the harness's.
    output
        Folder for `results.json` and `results.txt`; nothing is written without it.
    limit
        Score only the first items of each task. For trying out: such scores are not comparable.
    revision
        The model's revision on the Hub.
    device
        As torch names it; by default a GPU where there is one.

    Raises
    ------
    LrlError
        lm-eval is not installed; a task file of ours is broken; a name is unknown; a folder of the working
        directory shadows a dataset that a task loads; a dataset or the model cannot be loaded.
    """
    suites = read_suites()
    _need_lm_eval()
    import lm_eval
    import torch
    from lm_eval.tasks import TaskManager

    # Reading the harness's own thousands of task files takes ten seconds: only where one of them is asked for.
    stock = any(member not in suites.tasks for name in tasks for member in suites.members(name))
    include = [] if stock and _shipped(tasks_dir()) else [str(tasks_dir())]
    manager = TaskManager(include_path=include, include_defaults=stock)
    refuse_shadowed(_datasets(manager, tasks))
    try:
        loaded = manager.load(list(tasks))
    except (OSError, ValueError) as error:
        raise LrlError(f"tasks {', '.join(tasks)} cannot be loaded: {error}") from error
    chosen = [loaded["groups"].get(name) or loaded["tasks"][name] for name in tasks]
    arguments = {"pretrained": str(model)} | ({"revision": revision} if revision else {})
    device = device or ("cuda:0" if torch.cuda.is_available() else "cpu")
    with _one_process():
        try:
            raw = lm_eval.simple_evaluate(
                model="hf", model_args=arguments, tasks=chosen, task_manager=manager, limit=limit,
                batch_size=batch_size, device=device, log_samples=True,
            )  # fmt: skip
        except OSError as error:
            raise LrlError(f"model {model} cannot be loaded: {error}") from error
    results = Results(
        model=str(model),
        revision=revision,
        kind=_kind(model, revision),
        limit=limit,
        scores=_scores(raw, loaded, suites),
        versions={
            name: version(name) for name in ("lrl-datasets", "lm_eval", "transformers", "torch", "datasets")
        },
    )
    if output is not None:
        results.write(output)
    return results


def use_endpoint(url: str) -> None:
    """Make this process read from another Hub; to be called before anything imports `huggingface_hub`.

    Raises
    ------
    LrlError
        `huggingface_hub` is imported already and has read another endpoint: it would stay there.
    """
    os.environ["HF_ENDPOINT"] = url
    constants = sys.modules.get("huggingface_hub.constants")
    if constants is not None and url.rstrip("/") != constants.ENDPOINT:
        raise LrlError(
            f"the Hub client already reads {constants.ENDPOINT}: set HF_ENDPOINT={url} before the start"
        )


# ---- from the harness's results to scores ---------------------------------------------------------------


def _scores(raw: dict[str, Any], loaded: dict[str, Any], suites: Suites) -> list[Score]:
    scores: dict[str, list[Score]] = {}
    errors: dict[tuple[str, str], float | None] = {}
    for name, task in loaded["tasks"].items():
        known = suites.tasks.get(name)
        split = task.config.test_split or task.config.validation_split
        counts = raw["n-samples"][name]
        for metric in task.aggregation():
            values = [sample[metric] for sample in raw["samples"][name]]
            value = float(raw["results"][name][f"{metric},none"])
            low, high, error = _interval(value, values, raw["results"][name][f"{metric}_stderr,none"])
            errors[name, metric] = error
            score = Score(
                task=name,
                prompt_family=known.metadata.prompt_family if known else STOCK,
                dataset=f"{task.config.dataset_path}/{task.config.dataset_name or 'default'}",
                commit=read[1] if (read := origin(task.dataset[split])) else None,
                split=split,
                n=counts["effective"],
                items=counts["original"],
                metric=metric,
                value=value,
                low=low,
                high=high,
                detectable=None if error is None else detectable_difference(error),
                percent=_is_share(values),
            )
            scores.setdefault(name, []).append(score)
    flat = [score for listed in scores.values() for score in listed]
    return flat + [
        score for name in loaded["groups"] for score in _group_scores(name, raw, loaded, flat, errors)
    ]


def _interval(
    value: float, values: list[Any], stderr: Any
) -> tuple[float | None, float | None, float | None]:
    """Return low, high and standard error: a share's own, else the harness's (a bootstrap for chrF)."""
    if _is_share(values):
        successes = round(sum(values))
        return *wilson(successes, len(values)), share_error(successes, len(values))
    if not isinstance(stderr, (int, float)) or stderr == 0:  # one item, or items that are all alike
        return None, None, None
    return value - Z_95 * stderr, value + Z_95 * stderr, float(stderr)


def _is_share(values: list[Any]) -> bool:
    return all(isinstance(value, (int, float)) and value in (0, 1) for value in values)


def _group_scores(
    name: str,
    raw: dict[str, Any],
    loaded: dict[str, Any],
    flat: list[Score],
    errors: dict[tuple[str, str], Any],
) -> Iterator[Score]:
    """Yield what the harness aggregates over a group; the items are strata, so errors add as (n·error/N)²."""
    members = [task.task_name for task in loaded["groups"][name].get_all_tasks()]
    for key, value in raw["results"][name].items():
        metric, _, filtered = key.partition(",")
        if filtered != "none" or metric.endswith("_stderr"):
            continue
        parts = [score for score in flat if score.task in members and score.metric == metric]
        total = sum(part.n for part in parts)
        terms = [errors[part.task, metric] for part in parts]
        error = None
        if all(term is not None for term in terms):
            error = math.sqrt(
                sum((part.n * term / total) ** 2 for part, term in zip(parts, terms, strict=True))
            )
        yield Score(
            task=name,
            prompt_family=" + ".join(dict.fromkeys(part.prompt_family for part in parts)),
            dataset=f"{len(parts)} tasks",
            commit=None,
            split=" + ".join(dict.fromkeys(part.split for part in parts)),
            n=total,
            items=sum(part.items for part in parts),
            metric=metric,
            value=float(value),
            low=None if error is None else max(0.0, value - Z_95 * error),
            high=None if error is None else min(1.0, value + Z_95 * error),
            detectable=None if error is None else detectable_difference(error),
            percent=all(part.percent for part in parts),
        )


# ---- around the harness ---------------------------------------------------------------------------------


def _need_lm_eval() -> None:
    try:
        version("lm_eval")
    except PackageNotFoundError as error:
        raise LrlError("lm-eval is not installed: pip install 'lrl-datasets[eval]'") from error


def _shipped(where: Path) -> bool:
    """Say whether our wheel put these very tasks among the harness's own: then including them only warns."""
    import lm_eval.tasks

    there = Path(str(lm_eval.tasks.__file__)).parent / "lrl"
    return there.is_dir() and there.parents[2] == where.parents[1]


def _datasets(manager: Any, names: Sequence[str]) -> Iterator[str]:
    for name in names:
        entry = manager.task_index.get(name)
        if entry is None:
            raise LrlError(f"there is no task or group {name}; ours are {', '.join(read_suites().files)}")
        members = entry.cfg.get("task") if entry.cfg else sorted(entry.tags)
        if isinstance(members, list):
            yield from _datasets(
                manager, [member if isinstance(member, str) else member["task"] for member in members]
            )
        elif "/" in str(entry.cfg.get("dataset_path")):
            yield entry.cfg["dataset_path"]


@contextmanager
def _one_process() -> Iterator[None]:
    """Keep the harness's bootstrap of chrF here: it would fork a process with torch's threads."""
    before = os.environ.get("DISABLE_MULTIPROC")
    os.environ["DISABLE_MULTIPROC"] = "1"
    try:
        yield
    finally:
        if before is None:
            del os.environ["DISABLE_MULTIPROC"]
        else:
            os.environ["DISABLE_MULTIPROC"] = before


def _kind(model: str | Path, revision: str | None) -> str:
    import transformers

    config = transformers.AutoConfig.from_pretrained(str(model), revision=revision)
    return "seq2seq" if config.is_encoder_decoder else "causal"
