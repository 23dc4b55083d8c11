"""Reads what the suites contain, for the suite index that `lrl build --suite-index FILE` takes.

It loads the tasks' datasets as the tasks name them, takes from each row what the task's `metadata.index`
says (texts and the id of the original), and leaves only hashes: no evaluation text is in the index. Ids of
originals are spelled as training rows spell them in `lineage`: `copa:7`, `story_cloze:<story_id>`,
`xnli:test/12`. Where the task names its English originals (`english`), their texts are looked for too: in rows that
carry the English they were translated from.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import TYPE_CHECKING, Any

import pyarrow as pa

from lrl_datasets import languages
from lrl_datasets.errors import LrlError
from lrl_datasets.evaluation.origin import check_commit, endpoint, is_sample
from lrl_datasets.evaluation.tasks import EnglishRule, IndexRule, TaskFile, read_suites, refuse_shadowed
from lrl_datasets.filters.suite_index import Original, SuiteIndex, SuiteItem

if TYPE_CHECKING:
    from datasets import Dataset

BACKGROUND_ROWS = 100_000
"""Rows of a split that are counted at most: words and phrases that are common are known from fewer."""


def build_index(suites: Sequence[str] | None = None) -> SuiteIndex:
    """Index every item of the suites' tasks, of all splits that the tasks name for it.

    Parameters
    ----------
    suites
        Names of groups or tasks of ours; default all. A dataset of ours (`index: null`) is left out: the
        build keeps its held-out rows apart itself.

    Returns
    -------
    SuiteIndex
        With the dataset and the commit of each task, its number of items, and whether they are SAMPLE rows.

    Raises
    ------
    LrlError
        A name is unknown; a folder shadows a dataset; the Hub has no such dataset, config, split, column or card.
    """
    known = read_suites()
    names = list(dict.fromkeys(task for suite in suites or known.groups for task in known.members(suite)))
    if unknown := [name for name in suites or () if name not in known.files]:
        raise LrlError(f"there is no suite {', '.join(unknown)}; ours are {', '.join(known.groups)}")
    tasks = [(known.tasks[name], rule) for name in names if (rule := _rule(known.tasks.get(name)))]
    if not tasks:
        raise LrlError(f"{', '.join(suites or known.groups)}: no task of it says what is to be indexed")
    originals = [rule.english.dataset for _, rule in tasks if rule.english and rule.english.dataset]
    refuse_shadowed([*(task.dataset_path for task, _ in tasks), *originals])
    commits = {task.task: _commit(task) for task, _ in tasks}
    items = [item for task, rule in tasks for item in _items(task, rule, commits[task.task])]
    samples = {task.task for task, _ in tasks if _holds_sample(task.dataset_path, commits[task.task])}
    english: dict[str, Original] = {}
    for task, rule in tasks:
        if rule.english is not None:
            found, english[task.task] = _originals(task, rule, rule.english)
            items += found
    facts = [languages.load(task.metadata.language).personal_data for task, _ in tasks]
    return SuiteIndex.build(
        items,
        datasets={task.task: (task.dataset_path, commits[task.task]) for task, _ in tasks},
        samples=samples,
        regions=list(dict.fromkeys(region for fact in facts for region in fact.phone_regions)),
        cues=list(dict.fromkeys(cue for fact in facts for cue in fact.phone_cues)),
        id_cues=list(dict.fromkeys(cue for fact in facts for cue in fact.id_cues)),
        background=(
            batch
            for task, rule in tasks
            for batch in _background(task, rule, commits[task.task], english.get(task.task))
        ),
        english=english,
    )


def items_of(rows: Dataset, task: str, rule: IndexRule, split: str) -> Iterator[SuiteItem]:
    """Yield the items of one split: each row's texts and the id of its original."""
    lineage = rule.lineage_of(split)
    for at, row in enumerate(rows):
        fields: dict[str, Any] = {**row, "split": split, "row": at}
        yield SuiteItem(
            task=task,
            texts=tuple(template.format(**fields) for template in rule.texts),
            lineage=(lineage.format(**fields),),
        )


def _rule(task: TaskFile | None) -> IndexRule | None:
    return task.metadata.index if task else None  # None: a task of the harness's own


def _commit(task: TaskFile) -> str:
    return _commit_of(task.dataset_path, task.revision)


def _commit_of(name: str, revision: str) -> str:
    import httpx2
    from huggingface_hub import HfApi
    from huggingface_hub.errors import HfHubHTTPError, RepositoryNotFoundError

    api = HfApi()
    try:
        sha = api.dataset_info(name, revision=revision).sha
    except RepositoryNotFoundError as error:
        raise NotThere(f"{name}: the Hub at {endpoint()} has no such dataset") from error
    except (HfHubHTTPError, OSError, httpx2.HTTPError) as error:
        raise LrlError(f"{name}@{revision} at {api.endpoint}: {error}") from error
    return str(sha)


def _holds_sample(dataset: str, commit: str) -> bool:
    sample = is_sample(dataset, commit)
    if sample is None:
        raise LrlError(
            f"{dataset}@{commit}: its card cannot be read, which says whether its rows are SAMPLE rows"
        )
    return sample


def _items(task: TaskFile, rule: IndexRule, commit: str) -> Iterator[SuiteItem]:
    for split in rule.splits:
        rows = _rows(task.dataset_path, task.dataset_name, commit, split)
        if missing := set(task.metadata.columns) - set(rows.column_names):
            where = f"{task.dataset_path}@{commit}, config {task.dataset_name}"
            raise LrlError(f"{where}, split {split}: column {', '.join(sorted(missing))} is missing")
        yield from items_of(rows, task.task, rule, split)


def _originals(task: TaskFile, rule: IndexRule, english: EnglishRule) -> tuple[list[SuiteItem], Original]:
    """Read the English originals; where the Hub does not have them, the index says so."""
    name, config = english.dataset or task.dataset_path, english.config
    try:
        commit = _commit_of(name, english.revision if english.dataset else task.revision)
        splits = {split: _rows(name, config, commit, split) for split in english.splits or rule.splits}
    except NotThere as problem:
        return [], Original(dataset=name, config=config, missing=str(problem))
    items = []
    for split, rows in splits.items():
        for at, row in enumerate(rows):
            fields = {**row, "split": split, "row": at}
            try:
                texts = tuple(template.format(**fields) for template in english.texts or rule.texts)
            except KeyError as missing:
                raise LrlError(
                    f"{name}@{commit}, config {config}, split {split}: column {missing} is missing"
                ) from None
            items.append(SuiteItem(task.task, texts, english=True))
    return items, Original(dataset=name, config=config, revision=commit, items=len(items))


def _background(task: TaskFile, rule: IndexRule, commit: str, english: Original | None) -> Iterator[pa.Array]:
    """Yield the texts of the splits that are counted only, in the task's language and in English."""
    read = [(task.dataset_path, task.dataset_name, commit)]
    if english is not None and english.revision and english.dataset == task.dataset_path:
        read.append((english.dataset, english.config, english.revision))
    for name, config, revision in read:
        for split in rule.background:
            rows = _rows(name, config, revision, split)
            for batch in rows.take(min(len(rows), BACKGROUND_ROWS)).iter(10_000):
                columns = [
                    dict(zip(batch, values, strict=True)) for values in zip(*batch.values(), strict=True)
                ]
                yield pa.array(
                    [text.format(**row) for row in columns for text in rule.texts], pa.large_string()
                )


class NotThere(LrlError):
    """The Hub answered, and does not have it."""


def _rows(name: str, config: str | None, commit: str, split: str) -> Dataset:
    import datasets

    try:
        rows = datasets.load_dataset(name, config, revision=commit, split=split)
    except (OSError, ValueError, datasets.exceptions.DatasetsError) as error:
        kind = NotThere if "BuilderConfig" in str(error) else LrlError
        said = f"there is no config {config}" if kind is NotThere else str(error)
        raise kind(f"{name}@{commit}, config {config}, split {split}: {said}") from error
    check_commit(rows, name, commit)
    return rows
