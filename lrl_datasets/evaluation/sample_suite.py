"""Puts a suite's datasets, with rows written for a sample, into a local Hub under their real ids.

It takes a folder of JSON Lines files, one a dataset, named like the dataset (`xcopa.jsonl` is served as
`cambridgeltl/xcopa`), and the task files, which say each dataset's id, config, splits and columns. So the
bare `lm_eval --tasks …` runs without a network on what `HF_ENDPOINT` names, and finds the real columns there.
"""

from __future__ import annotations

import json
import tempfile
from pathlib import Path
from typing import Any

from lrl_datasets.errors import LrlError
from lrl_datasets.evaluation.origin import SAMPLE_TAGS
from lrl_datasets.evaluation.tasks import TaskFile, read_suites
from lrl_datasets.local_hub import put


def serve_sample(directory: Path, sample: Path) -> dict[str, str]:
    """Commit a folder of sample rows into a local Hub's store.

    A row's `split` says where it goes. Without one, all rows go to the split that the task scores, except the
    first, which goes to each of the other splits.

    Parameters
    ----------
    directory
        The store's folder, served by `lrl hub serve` or `local_hub.serve`.
    sample
        The folder of `NAME.jsonl`, NAME being what stands behind the slash in the id of a task's dataset.

    Returns
    -------
    dict
        Dataset id to the commit that holds its rows.

    Raises
    ------
    LrlError
        There is no file, or one that no task loads; a file has fewer than two rows, or none for a split that
        the task loads; a row has other columns than the task names, or a value of another type.
    """
    # Without a dataset of our own: that one is built and published.
    tasks = [task for task in read_suites().tasks.values() if task.metadata.index]
    by_name = {task.dataset_path.rpartition("/")[2]: task for task in tasks}
    commits = {}
    for path in sorted(sample.glob("*.jsonl")):
        task = by_name.get(path.stem)
        if task is None:
            raise LrlError(f"{path}: no task loads a dataset of this name; there are {', '.join(by_name)}")
        with tempfile.TemporaryDirectory() as folder:
            _write_repository(Path(folder), task, _by_split(_rows(path, task), task, path), path)
            commits[task.dataset_path] = put(directory, task.dataset_path, Path(folder))
    if not commits:
        raise LrlError(f"{sample}: there is no NAME.jsonl in it")
    return commits


def _rows(path: Path, task: TaskFile) -> list[dict[str, Any]]:
    rows: list[dict[str, Any]] = []
    columns = set(task.metadata.columns)
    for number, line in enumerate(path.read_text("utf-8").splitlines(), 1):
        try:
            row = json.loads(line)
        except json.JSONDecodeError as error:
            raise LrlError(f"{path}, row {number}: not JSON: {error}") from error
        if not isinstance(row, dict) or set(row) - {"split"} != columns:
            raise LrlError(f"{path}, row {number}: needs the columns {', '.join(task.metadata.columns)}")
        rows.append(row)
    if len(rows) < 2:
        raise LrlError(f"{path}: two rows at least, one to score and one for the other splits")
    return rows


def _by_split(rows: list[dict[str, Any]], task: TaskFile, path: Path) -> dict[str, list[dict[str, Any]]]:
    splits: dict[str, list[dict[str, Any]]] = {name: [] for name in task.splits}
    for number, row in enumerate(rows, 1):
        named = row.pop("split", None)
        where = [named] if named else [task.split] if number > 1 else [s for s in splits if s != task.split]
        for split in where:
            if split not in splits:
                raise LrlError(
                    f"{path}, row {number}, column split: {split!r}; there are {', '.join(splits)}"
                )
            splits[split].append(row)
    if empty := [name for name, listed in splits.items() if not listed]:
        raise LrlError(f"{path}: no row for the splits {', '.join(empty)}, which {task.task} loads")
    return splits


def _write_repository(
    folder: Path, task: TaskFile, splits: dict[str, list[dict[str, Any]]], path: Path
) -> None:
    import datasets
    import pyarrow as pa
    import pyarrow.parquet as pq

    features = datasets.Features(
        {
            name: datasets.ClassLabel(names=kind) if isinstance(kind, list) else datasets.Value(kind)
            for name, kind in task.metadata.columns.items()
        }
    )
    config = task.dataset_name or "default"
    for split, rows in splits.items():
        try:
            # With the features in its metadata, so that a class label comes back as one.
            table = pa.Table.from_pylist(rows, schema=features.arrow_schema)
        except (pa.ArrowInvalid, pa.ArrowTypeError) as error:
            raise LrlError(f"{path}: a value does not fit the columns of {task.task}: {error}") from error
        target = folder / config / f"{split}-00000-of-00001.parquet"
        target.parent.mkdir(exist_ok=True)
        pq.write_table(table, target)
    lines = [f"  - split: {split}\n    path: {config}/{split}-*" for split in splits]
    (folder / "README.md").write_text(
        "---\n"
        + "".join(["tags:\n", *(f"- {tag}\n" for tag in SAMPLE_TAGS)])
        + f"configs:\n- config_name: {config}\n  data_files:\n"
        + "\n".join(lines)
        + "\n---\n\n"
        f"# Sample rows in the place of {task.dataset_path}\n\nWritten for a rehearsal of lrl-datasets, "
        "in the columns of the real dataset. None of its rows is here; scores on these mean nothing.\n",
        encoding="utf-8",
    )
