"""The benchmark on a corpus that takes seconds, and its truth on one small enough to count by hand."""

from __future__ import annotations

import json
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from lrl_datasets.schema import MESSAGES
from tests.benchmarks import running

OPTIONS = {"compression": "zstd", "use_dictionary": False}


def test_on_a_small_corpus(tmp_path: Path) -> None:
    says = ("1,500 rows", "15 % with boilerplate", "pairs by exact Jaccard")
    options = ("--rows", "1500", "--repeats", "1", "--corpora", "boilerplate", "--thresholds", "0.8")
    options = (*options, "--kept", str(tmp_path / "kept.jsonl"))
    row = {"instruction": "Fupisha: ", "input": "maji ni uhai", "output": "Maji.", "kept_at": {"0.7": True}}
    rows = [{"id": 0, **row}, {"id": 1, **row, "kept_at": {"0.7": False}}]
    (tmp_path / "kept.jsonl").write_text("\n".join(map(json.dumps, rows)))
    told = running.run("duplicates.py", tmp_path / "data", tmp_path / "out.json", *options, says=says)
    assert [one["boilerplate"] for one in told["speed"]] == [True]
    for one in told["speed"]:
        assert one["runs"]["memory"]["report"] == one["runs"]["stages"]["report"]
        assert all(run["cpu"] > 0 and run["megabytes"] > 10 for run in one["runs"].values())
    assert {one["name"] for one in told["recall"]} == {"memory", "stages"}
    assert all(one["recall"] == 1 and one["false"] == 0 and one["pairs"] > 50 for one in told["recall"])
    assert {one["same"] for one in told["kept"]} == {1.0}


def test_truth_and_score_by_hand(tmp_path: Path) -> None:
    duplicates = running.module("duplicates")
    words = [f"w{n}" for n in range(24)]  # 20 shingles
    texts = [
        words,
        [*words[:22], "x", "y"],
        ["v", "u", *words[2:22], "x", "y"],
        ["a", "b"],
    ]  # 18/22, 18/22, 16/24
    said = [
        [
            {"role": "user", "content": "?"},
            {"role": "assistant", "content": " ".join(text).capitalize() + "."},
        ]
        for text in texts
    ]
    pq.write_table(pa.table({"messages": pa.array(said, MESSAGES)}), tmp_path / "part-0000.parquet")
    pairs = sorted(duplicates.truth(tmp_path))
    assert pairs == [(0, 1, pytest.approx(18 / 22)), (1, 2, pytest.approx(18 / 22))]
    wanted = {"pairs": 2, "found": 2, "recall": 1.0, "inside": 3, "false": 0}  # the third through the second
    assert duplicates.score(["a", "a", "a", "d"], pairs, 0.8) == wanted
    assert duplicates.score(["a", "a", "c", "c"], pairs, 0.8) == {
        **wanted, "found": 1, "recall": 0.5, "inside": 2, "false": 1,
    }  # fmt: skip
