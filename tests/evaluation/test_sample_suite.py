from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path

import pytest

from lrl_datasets.errors import LrlError
from lrl_datasets.evaluation.sample_suite import serve_sample

from ..conftest import ROOT
from . import suite

pytestmark = pytest.mark.xdist_group("suite")  # one Hub and one cache for all of them


def test_rows_come_back_in_the_real_columns_configs_and_splits(client: Callable[[str], str]) -> None:
    told = client(
        """
import json
from datasets import ClassLabel, load_dataset
found = {}
for name in ("facebook/xnli", "cambridgeltl/xcopa", "juletxara/xstory_cloze"):
    rows = load_dataset(name, "sw")
    found[name] = {split: list(rows[split]) for split in rows}
label = load_dataset("facebook/xnli", "sw", split="test").features["label"]
print(json.dumps([found, label.names]))
"""
    )
    found, names = json.loads(told.splitlines()[-1])
    assert names == ["entailment", "neutral", "contradiction"]
    assert {name: {s: len(rows) for s, rows in splits.items()} for name, splits in found.items()} == {
        "facebook/xnli": {"train": 1, "validation": 1, "test": len(suite.XNLI) - 1},
        "cambridgeltl/xcopa": {"validation": 1, "test": len(suite.XCOPA) - 1},
        "juletxara/xstory_cloze": {"train": 1, "eval": len(suite.STORY) - 1},
    }
    premise, hypothesis, label = suite.XNLI[1]
    assert found["facebook/xnli"]["test"][0] == {
        "premise": premise, "hypothesis": hypothesis, "label": label,
    }  # fmt: skip


def test_a_row_goes_where_it_says(tmp_path: Path) -> None:
    folder = suite.write_sample(tmp_path / "sample")
    path = folder / "xcopa.jsonl"
    rows = [json.loads(line) for line in path.read_text("utf-8").splitlines()]
    for row, split in zip(rows, ("test", "validation", "validation"), strict=True):
        row["split"] = split
    path.write_text("\n".join(json.dumps(row) for row in rows), encoding="utf-8")
    assert set(serve_sample(tmp_path / "hub", folder)) == {
        "facebook/xnli", "cambridgeltl/xcopa", "juletxara/xstory_cloze",
    }  # fmt: skip


def test_the_embedded_samples_can_be_served(tmp_path: Path) -> None:
    folders = sorted((ROOT / "builders/samples").glob("*/suite"))
    assert folders
    for number, folder in enumerate(folders):
        commits = serve_sample(tmp_path / str(number), folder)
        assert len(commits) == len(list(folder.glob("*.jsonl")))


@pytest.mark.parametrize(
    ("change", "message"),
    [
        (lambda rows: rows[1].pop("idx"), "row 2: needs the columns premise, choice1"),
        (lambda rows: rows[1].update(more=1), "row 2: needs the columns"),
        (lambda rows: rows[0].update(label="x"), "a value does not fit"),
        (
            lambda rows: rows[2].update(split="tset"),
            "row 3, column split: 'tset'; there are validation, test",
        ),
        (lambda rows: [row.update(split="test") for row in rows], "no row for the splits validation"),
        (lambda rows: rows.clear(), "two rows at least"),
    ],
)
def test_bad_rows_are_refused_by_row_and_column(
    tmp_path: Path, change: Callable[[list[dict[str, object]]], object], message: str
) -> None:
    path = suite.write_sample(tmp_path / "sample") / "xcopa.jsonl"
    rows = [json.loads(line) for line in path.read_text("utf-8").splitlines()]
    change(rows)
    path.write_text("\n".join(json.dumps(row) for row in rows), encoding="utf-8")
    with pytest.raises(LrlError, match=message) as caught:
        serve_sample(tmp_path / "hub", tmp_path / "sample")
    assert "xcopa.jsonl" in str(caught.value)


def test_files_that_no_task_loads_and_no_files_are_refused(tmp_path: Path) -> None:
    with pytest.raises(LrlError, match=r"there is no NAME\.jsonl"):
        serve_sample(tmp_path / "hub", tmp_path)
    (tmp_path / "xcpoa.jsonl").write_text("{}\n", encoding="utf-8")
    with pytest.raises(LrlError, match=r"xcpoa\.jsonl: no task loads a dataset of this name"):
        serve_sample(tmp_path / "hub", tmp_path)
    (tmp_path / "xcpoa.jsonl").rename(tmp_path / "xcopa.jsonl")
    (tmp_path / "xcopa.jsonl").write_text("{\n", encoding="utf-8")
    with pytest.raises(LrlError, match=r"xcopa\.jsonl, row 1: not JSON"):
        serve_sample(tmp_path / "hub", tmp_path)
