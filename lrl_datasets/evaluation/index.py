"""Reads what the suites contain, for the suite index that `lrl build --suite-index FILE` takes.

It loads the tasks' datasets as the tasks name them, takes from each row what the task's `metadata.index`
says (texts and the id of the original), and leaves only hashes: no evaluation text is in the index. Ids of
originals are spelled as training rows spell them in `lineage`: `copa:7`, `story_cloze:<story_id>`,
`xnli:test/12`.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import TYPE_CHECKING, Any

from lrl_datasets import languages
from lrl_datasets.errors import LrlError
from lrl_datasets.evaluation.origin import check_commit, is_sample
from lrl_datasets.evaluation.tasks import IndexRule, TaskFile, read_suites, refuse_shadowed
from lrl_datasets.filters.suite_index import SuiteIndex, SuiteItem

if TYPE_CHECKING:
    from datasets import Dataset


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
    refuse_shadowed(task.dataset_path for task, _ in tasks)
    commits = {task.task: _commit(task) for task, _ in tasks}
    items = [item for task, rule in tasks for item in _items(task, rule, commits[task.task])]
    samples = {task.task for task, _ in tasks if _holds_sample(task.dataset_path, commits[task.task])}
    facts = [languages.load(task.metadata.language).personal_data for task, _ in tasks]
    return SuiteIndex.build(
        items,
        datasets={task.task: (task.dataset_path, commits[task.task]) for task, _ in tasks},
        samples=samples,
        regions=list(dict.fromkeys(region for fact in facts for region in fact.phone_regions)),
        cues=list(dict.fromkeys(cue for fact in facts for cue in fact.phone_cues)),
        id_cues=list(dict.fromkeys(cue for fact in facts for cue in fact.id_cues)),
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
    import httpx2
    from huggingface_hub import HfApi
    from huggingface_hub.errors import HfHubHTTPError

    api = HfApi()
    try:
        sha = api.dataset_info(task.dataset_path, revision=task.revision).sha
    except (HfHubHTTPError, OSError, httpx2.HTTPError) as error:
        raise LrlError(f"{task.dataset_path}@{task.revision} at {api.endpoint}: {error}") from error
    return str(sha)


def _holds_sample(dataset: str, commit: str) -> bool:
    sample = is_sample(dataset, commit)
    if sample is None:
        raise LrlError(
            f"{dataset}@{commit}: its card cannot be read, which says whether its rows are SAMPLE rows"
        )
    return sample


def _items(task: TaskFile, rule: IndexRule, commit: str) -> Iterator[SuiteItem]:
    import datasets

    where = f"{task.dataset_path}@{commit}, config {task.dataset_name}"
    for split in rule.splits:
        try:
            rows = datasets.load_dataset(task.dataset_path, task.dataset_name, revision=commit, split=split)
        except (OSError, ValueError, datasets.exceptions.DatasetsError) as error:
            raise LrlError(f"{where}, split {split}: {error}") from error
        if missing := set(task.metadata.columns) - set(rows.column_names):
            raise LrlError(f"{where}, split {split}: column {', '.join(sorted(missing))} is missing")
        check_commit(rows, task.dataset_path, commit)
        yield from items_of(rows, task.task, rule, split)
