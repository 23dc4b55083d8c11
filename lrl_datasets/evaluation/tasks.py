"""The task files, read and checked without the harness.

lm-eval skips a task file it cannot read at debug level, renders `{premise}` literally where `{{premise}}`
was meant, and finds a misspelt column only on the first row. Here each of these is an error that names file
and key. What the harness does not know of a task (its columns, what of it counts as a text or an original
for the suite index, the licence) stands beside the task, in its `metadata`, so that nothing in this package
is written for one suite by name.
"""

from __future__ import annotations

import importlib
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import yaml
from pydantic import BaseModel, ConfigDict, ValidationError, model_validator

from lrl_datasets.errors import LrlError
from lrl_datasets.evaluation.templates import check_format, check_template


def tasks_dir() -> Path:
    """Return the folder of the suites, for `lm_eval --include_path "$(lrl tasks-dir)"`."""
    return Path(str(importlib.import_module("lrl_datasets.eval_tasks").__file__)).parent


class EnglishRule(BaseModel):
    """Where the English originals of a task's items are: what is not said is as in the task."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    dataset: str | None = None
    """Default: the task's dataset, in another config."""
    config: str | None = None
    revision: str = "main"
    splits: list[str] | None = None
    texts: list[str] | None = None
    """Templates over the columns of that dataset."""


class IndexRule(BaseModel):
    """What of a task's dataset goes into the suite index."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    splits: list[str]
    texts: list[str]
    """Texts as `str.format` templates over the columns, `"{premise}"`."""
    lineage: str | dict[str, str]
    """The id of the row's original: a template over the columns, `split` and `row` (from 0); or one each."""
    english: EnglishRule | None = None
    """The originals' texts, for rows that carry the English they were translated from."""
    background: list[str] = []
    """Splits that are no part of the benchmark: their texts say which words and phrases are common."""

    def lineage_of(self, split: str) -> str:
        """Return the lineage template of a split."""
        return self.lineage if isinstance(self.lineage, str) else self.lineage[split]

    @model_validator(mode="after")
    def _a_template_for_each_split(self) -> IndexRule:
        if isinstance(self.lineage, dict) and set(self.lineage) != set(self.splits):
            raise ValueError(f"lineage is for {sorted(self.lineage)}, splits are {sorted(self.splits)}")
        if both := set(self.background) & set(self.splits):
            raise ValueError(f"background: {', '.join(sorted(both))} is a split of the benchmark")
        if self.english and not (self.english.dataset or self.english.config):
            raise ValueError("english: names neither a dataset nor a config, so it is the task's own text")
        return self


class TaskMetadata(BaseModel):
    """The `metadata` block of a task of ours."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    version: float
    language: str
    """FLORES-style code, as in `lrl_datasets/languages`."""
    prompt_family: str
    """Name of the set of prompts; scores are comparable only inside one."""
    license: str
    columns: dict[str, str | list[str]]
    """The dataset's columns: an Arrow type's name, a list of class names, or `messages`: a conversation."""
    index: IndexRule | None
    """Null: the task's rows are a held-out split of ours, which the build itself keeps apart."""


class GroupMetadata(BaseModel):
    """The `metadata` block of a group of ours."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    version: float
    causal_only: bool = False
    """The prompts put what a model must read into the scored continuation, which no encoder sees."""


class TaskFile(BaseModel):
    """One task's YAML with its includes merged; every key that our tasks use, others are refused."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    task: str
    dataset_path: str
    dataset_name: str | None = None
    dataset_kwargs: dict[str, Any] = {}
    training_split: str | None = None
    validation_split: str | None = None
    test_split: str | None = None
    fewshot_split: str | None = None
    num_fewshot: int | None = None
    output_type: str
    process_docs: str | None = None
    doc_to_text: str
    doc_to_choice: str | list[str] | None = None
    doc_to_target: str
    target_delimiter: str = " "
    generation_kwargs: dict[str, Any] | None = None
    process_results: str | None = None
    metric_list: list[dict[str, Any]]
    metadata: TaskMetadata

    @property
    def split(self) -> str:
        """The split that is scored, by the harness's rule: test where there is one, else validation."""
        return self.test_split or self.validation_split or ""

    @property
    def splits(self) -> list[str]:
        """Every split the task names, in order, once."""
        named = [self.training_split, self.validation_split, self.test_split, self.fewshot_split]
        indexed = self.metadata.index.splits if self.metadata.index else []
        background = self.metadata.index.background if self.metadata.index else []
        return list(dict.fromkeys(name for name in [*named, *indexed, *background] if name))

    @property
    def revision(self) -> str:
        """The revision that the task loads."""
        return str(self.dataset_kwargs.get("revision", "main"))

    @model_validator(mode="after")
    def _sound(self) -> TaskFile:
        columns = set(self.metadata.columns)
        if not self.split:
            raise ValueError("names neither a test_split nor a validation_split, so nothing would be scored")
        check_template("doc_to_text", self.doc_to_text, columns)
        if self.doc_to_text.rstrip() != self.doc_to_text:
            raise ValueError("doc_to_text: ends in white space, which tokenizers join to the choice")
        if self.doc_to_target not in columns:
            check_template("doc_to_target", self.doc_to_target, columns)
        if isinstance(self.doc_to_choice, str) and self.doc_to_choice not in columns:
            check_template("doc_to_choice", self.doc_to_choice, columns)
        if (self.output_type == "multiple_choice") != (self.doc_to_choice is not None):
            raise ValueError("doc_to_choice: goes with output_type multiple_choice and only with it")
        if self.metadata.index:
            for text in self.metadata.index.texts:
                check_format("metadata.index.texts", text, columns)
            for split in self.metadata.index.splits:
                rule = self.metadata.index.lineage_of(split)
                check_format("metadata.index.lineage", rule, columns | {"split", "row"})
        for metric in self.metric_list:
            if not {"metric", "aggregation", "higher_is_better"} <= set(metric):
                raise ValueError("metric_list: each entry needs metric, aggregation and higher_is_better")
        return self


@dataclass(frozen=True)
class Suites:
    """All task files of a folder."""

    tasks: dict[str, TaskFile]
    groups: dict[str, list[str]]
    """Group to its members; a member that is neither here is a task of the harness."""
    files: dict[str, Path]
    causal_only: frozenset[str] = frozenset()
    """Groups whose prompts an encoder-decoder model cannot be scored with."""

    def members(self, name: str) -> list[str]:
        """Return the names of the tasks under a group, or the task itself."""
        if name in self.groups:
            return [task for member in self.groups[name] for task in self.members(member)]
        return [name]

    def refuse_encoders(self, names: Iterable[str]) -> None:
        """Refuse tasks and groups that an encoder-decoder model cannot be scored with.

        Raises
        ------
        LrlError
            A name is a group that is for causal models only, or one of its tasks.
        """
        for name in names:
            for group in sorted(self.causal_only):
                if shared := set(self.members(name)) & set(self.members(group)):
                    what = name if name in (group, *shared) else f"{name} with {', '.join(sorted(shared))}"
                    raise LrlError(
                        f"{what}: {self.files[group]} is for causal models only, and this is an encoder-decoder "
                        "model: its encoder would have nothing, or not everything, to read"
                    )


def read_suites(folder: Path | None = None) -> Suites:
    """Read and check every task and group file under a folder (default: the ones of this package).

    Raises
    ------
    LrlError
        A file is no YAML, has a key or a template that is wrong, or a name that another file has taken.
    """
    folder = folder or tasks_dir()
    tasks: dict[str, TaskFile] = {}
    groups: dict[str, list[str]] = {}
    files: dict[str, Path] = {}
    causal_only: set[str] = set()
    for path in sorted(folder.rglob("*.yaml")):
        content = _read(path, ())
        name = content.get("group") or content.get("task")
        if not isinstance(name, str):
            raise LrlError(f"{path}: key task or group is missing")
        if name in files:
            raise LrlError(f"{path}: {files[name]} has the name {name}; lm-eval would skip one of them")
        files[name] = path
        if "group" in content:
            groups[name], metadata = _group(path, content)
            if metadata.causal_only:
                causal_only.add(name)
        else:
            tasks[name] = _task(path, content)
    return Suites(tasks, groups, files, frozenset(causal_only))


def refuse_shadowed(datasets: Iterable[str], folder: Path | None = None) -> None:
    """Refuse to go on where a folder (default: the working directory) stands in the way of a dataset.

    `load_dataset("org/name", revision=…)` reads a folder `org/name` of the working directory in the Hub's
    place, and ignores the revision without a word.
    """
    for name in datasets:
        path = (folder or Path.cwd()) / name
        if path.exists():
            raise LrlError(
                f"{path}: this folder shadows the dataset {name}: its rows would be read in the Hub's place "
                "and the revision ignored. Run in another directory."
            )


# ---- reading --------------------------------------------------------------------------------------------


class _Loader(yaml.SafeLoader):
    """Safe YAML in which `!function utils.name` is its text: nothing is imported while files are read."""


def _function(loader: yaml.SafeLoader, node: yaml.ScalarNode) -> str:
    return f"!function {loader.construct_scalar(node)}"


_Loader.add_constructor("!function", _function)


def _read(path: Path, above: tuple[Path, ...]) -> dict[str, Any]:
    if path in above:
        raise LrlError(f"{path}: includes itself")
    try:
        content = yaml.load(path.read_text("utf-8"), Loader=_Loader)  # noqa: S506 (a SafeLoader)
    except FileNotFoundError as error:
        raise LrlError(f"{above[-1] if above else path}: include: there is no file {path}") from error
    except (yaml.YAMLError, UnicodeDecodeError) as error:
        raise LrlError(f"{path}: cannot be read as YAML: {error}") from error
    if not isinstance(content, dict):
        raise LrlError(f"{path}: must be a mapping of keys to values")
    includes = content.pop("include", [])
    merged: dict[str, Any] = {}
    for name in includes if isinstance(includes, list) else [includes]:
        merged |= _read((path.parent / name).resolve(), (*above, path))
    return merged | content


def _task(path: Path, content: dict[str, Any]) -> TaskFile:
    try:
        task = TaskFile(**content)
    except ValidationError as error:
        raise LrlError(f"{path}: {_first(error)}") from error
    for key in ("process_docs", "process_results"):
        if (value := getattr(task, key)) is not None:
            _check_function(path, key, value)
    return task


def _check_function(path: Path, key: str, value: str) -> None:
    module, _, name = value.removeprefix("!function ").rpartition(".")
    helper = path.parent / f"{module}.py"
    source = helper.read_text("utf-8") if helper.is_file() else ""
    if not value.startswith("!function ") or f"\ndef {name}(" not in source:
        raise LrlError(f"{path}: {key}: {value} is no function of a file beside it")


def _group(path: Path, content: dict[str, Any]) -> tuple[list[str], GroupMetadata]:
    unknown = set(content) - {"group", "task", "aggregate_metric_list", "metadata"}
    members = content.get("task")
    if unknown:
        raise LrlError(f"{path}: unknown keys {', '.join(sorted(unknown))}")
    if not isinstance(members, list) or not all(isinstance(member, str) for member in members):
        raise LrlError(f"{path}: task: must list the names of the group's tasks")
    try:
        return members, GroupMetadata(**content.get("metadata") or {})
    except (TypeError, ValidationError) as error:
        raise LrlError(f"{path}: {_first(error, 'metadata')}") from error


def _first(error: Exception, *above: str) -> str:
    if not isinstance(error, ValidationError):
        return ".".join(above) + f": {error}"
    first = error.errors(include_url=False, include_input=False, include_context=False)[0]
    where = ".".join([*above, *(str(part) for part in first["loc"])])
    return f"{where + ': ' if where else ''}{first['msg']}"
