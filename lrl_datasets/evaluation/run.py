"""Runs tasks on a model with the real lm-eval.

It takes a model (a folder or a Hub id) and the names of tasks or groups, and gives `Results`. It refuses what
the harness would let pass: a broken task file, a folder that would be read in a dataset's place, rows of the cache
that the Hub in use does not have, and an encoder-decoder model where its encoder would have nothing to read.
"""

from __future__ import annotations

import os
import random
import re
import sys
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path
from typing import Any

from lrl_datasets.endpoints import without_credentials
from lrl_datasets.errors import LrlError
from lrl_datasets.evaluation.origin import check_commit, endpoint, is_offline, is_sample, origin
from lrl_datasets.evaluation.results import Results, make_folder
from lrl_datasets.evaluation.scores import Source, scored_split, to_scores
from lrl_datasets.evaluation.tasks import read_suites, refuse_shadowed, tasks_dir
from lrl_datasets.revisions import resolve


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
        directory shadows a dataset that a task loads; a dataset or the model cannot be loaded; rows are not those
        of the commit that the Hub in use names (see `HF_HUB_OFFLINE`, under which none is asked); the model is an
        encoder-decoder and a task for causal models only; there is no such device.
    """
    suites = read_suites()
    if not tasks:
        raise LrlError(f"no task is named; ours are {', '.join(suites.files)}")
    _need_lm_eval()
    import lm_eval
    from lm_eval.tasks import TaskManager

    device = _device(device)
    kind = _kind(model, revision)
    if kind == "seq2seq":
        suites.refuse_encoders(tasks)
    # Reading the harness's own thousands of task files takes ten seconds: only where one of them is asked for.
    stock = any(member not in suites.tasks for name in tasks for member in suites.members(name))
    include = [] if stock and _shipped(tasks_dir()) else [str(tasks_dir())]
    manager = TaskManager(include_path=include, include_defaults=stock)
    named = list(_datasets(manager, tasks))
    refuse_shadowed(name for name, _ in named)
    # Before anything is loaded: where the Hub does not answer, loading tries for half a minute, then reads the cache.
    commits = {} if is_offline() else {pair: resolve(*pair, "dataset") for pair in named}
    try:
        loaded = manager.load(list(tasks))
    except (OSError, ValueError) as error:
        raise LrlError(f"tasks {', '.join(tasks)} cannot be loaded: {error}") from error
    sources = {name: _source(task, commits) for name, task in loaded["tasks"].items()}
    if output is not None:
        make_folder(output)
    with _one_process():
        language_model = _load_model(model, revision, batch_size, device)
        _prepare(loaded["tasks"])
        # `simple_evaluate` would load everything a second time and collect facts of the machine, among them a
        # git commit, whose absence git reports on the terminal.
        raw = lm_eval.evaluate(lm=language_model, task_dict=loaded, limit=limit, log_samples=True)
    results = Results(
        model=str(model),
        revision=revision,
        kind=kind,
        limit=limit,
        scores=to_scores(raw, loaded, suites, sources),
        endpoint=endpoint(),
        offline=is_offline(),
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


def _datasets(manager: Any, names: Sequence[str]) -> Iterator[tuple[str, str]]:
    """Yield the datasets and revisions that tasks name in their own file, not in one it includes."""
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
            yield entry.cfg["dataset_path"], _revision(entry.cfg.get("dataset_kwargs"))


def _revision(dataset_kwargs: dict[str, Any] | None) -> str:
    return str((dataset_kwargs or {}).get("revision") or "main")


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


# ---- what is scored, on what ----------------------------------------------------------------------------


def _source(task: Any, commits: dict[tuple[str, str], str]) -> Source:
    """Find where a loaded task's rows come from, and refuse those that the Hub in use does not have."""
    name = str(task.config.dataset_path)
    refuse_shadowed([name] if "/" in name else [])  # here also what a task of the harness includes
    rows = task.dataset[scored_split(task)]
    found = origin(rows)
    if found is None:  # a folder or files that the task names
        return Source(None, None)
    if not is_offline():
        revision = _revision(task.config.dataset_kwargs)
        check_commit(rows, name, commits.get((name, revision)) or resolve(name, revision, "dataset"))
    return Source(found[1], is_sample(name, found[1]))


def _prepare(tasks: dict[str, Any]) -> None:
    """Set seeds and the number of examples as `lm_eval.simple_evaluate` and so the bare command do."""
    import numpy as np
    import torch
    from lm_eval import defaults

    random.seed(defaults.DEFAULT_RANDOM_SEED)
    np.random.seed(defaults.DEFAULT_OTHER_SEED)
    torch.manual_seed(defaults.DEFAULT_OTHER_SEED)
    for task in tasks.values():
        if task.get_config("num_fewshot") is None:
            task.set_config(key="num_fewshot", value=0)
        task.set_fewshot_seed(seed=defaults.DEFAULT_OTHER_SEED)


def _load_model(model: str | Path, revision: str | None, batch_size: int, device: str) -> Any:
    from lm_eval.api.registry import get_model
    from safetensors import SafetensorError

    arguments = {"pretrained": str(model)} | ({"revision": revision} if revision else {})
    try:
        return get_model("hf").create_from_arg_obj(arguments, {"batch_size": batch_size, "device": device})
    except (OSError, ValueError, RuntimeError, SafetensorError) as error:
        raise _not_loaded(model, error) from error


def _not_loaded(model: str | Path, error: Exception) -> LrlError:
    first = without_credentials(str(error)).partition("\n")[0]
    where = "" if Path(model).is_dir() else f" from {endpoint()}"
    return LrlError(f"model {model} cannot be loaded{where}: {first}")


def _kind(model: str | Path, revision: str | None) -> str:
    """Read from a model's configuration whether it is causal or encoder-decoder."""
    import transformers

    folder = Path(model)
    if folder.is_dir():
        if not (folder / "config.json").is_file():
            raise LrlError(f"{folder}: there is no model in this folder (config.json is missing)")
    elif not re.fullmatch(r"\w[\w.-]*(/\w[\w.-]*)?", str(model)):
        raise LrlError(f"{model}: there is no such folder, and no model of a Hub is called so")
    try:
        config = transformers.AutoConfig.from_pretrained(str(model), revision=revision)
    except (OSError, ValueError) as error:
        raise _not_loaded(model, error) from error
    return "seq2seq" if config.is_encoder_decoder else "causal"


def _device(name: str | None) -> str:
    """Return the device to run on; one that is not there the harness would replace without a word."""
    import torch

    there = ["cpu"]
    if torch.cuda.is_available():
        there += ["cuda", *(f"cuda:{number}" for number in range(torch.cuda.device_count()))]
    if torch.backends.mps.is_available():
        there += ["mps", "mps:0"]
    if torch.xpu.is_available():
        there += [f"xpu:{number}" for number in range(torch.xpu.device_count())]
    if name is not None and name not in there:
        raise LrlError(f"device {name}: not here; there are {', '.join(there)}")
    return name or ("cuda:0" if "cuda:0" in there else "cpu")
