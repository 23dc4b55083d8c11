"""The benchmark on a set small enough to count by hand, and its goals on real votes."""

from __future__ import annotations

from functools import partial
from pathlib import Path

import pytest

from tests.benchmarks import running

run = partial(running.run, "crowd.py", says=("regret", "accuracy"))


def test_by_hand(tmp_path: Path) -> None:
    # Item 1 is a tie, item 3 is wrong by majority, item 4 has no truth: (1/2 + 1 + 0 + 1) / 4.
    votes = ["1,a,x", "1,b,y", "2,a,x", "2,b,x", "3,a,y", "3,b,y", "4,a,x", "5,a,y", "5,b,y", "5,c,x"]
    for name, truth in (("one", "1,x\n2,x\n3,x\n5,y\n"),):
        (tmp_path / "sets" / name).mkdir(parents=True)
        (tmp_path / "sets" / name / "label.csv").write_text("item,worker,label\n" + "\n".join(votes) + "\n")
        (tmp_path / "sets" / name / "truth.csv").write_text("item,truth\n" + truth)
    figures = run(tmp_path / "sets", tmp_path / "out.json", "--draws", "2", "--golden", "2", "20")
    one = figures["sets"]["one"]
    assert (one["items"], one["scored"], one["workers"], one["votes"]) == (5, 4, 3, 10)
    assert one["methods"]["majority"]["accuracy"] == pytest.approx(0.625)
    assert set(one["auto"]) == {"0", "2"}  # twenty of four cannot be drawn
    assert set(figures["summary"]) == {"0", "2"}


def test_a_folder_without_sets(tmp_path: Path) -> None:
    done = running.process("crowd.py", tmp_path)
    assert done.returncode and "no label.csv" in done.stderr


@pytest.mark.data
def test_the_goals_on_a_real_crowd(data_dir: Path, tmp_path: Path) -> None:
    """The set where the methods differ most; the others take minutes (run the benchmark)."""
    figures = run(data_dir / "crowd_truth20" / "bluebird", tmp_path / "out.json")
    auto = figures["sets"]["bluebird"]["auto"]
    assert auto["0"]["regret"] <= 0.06
    assert auto["50"]["regret"] <= 0.03
    assert auto["50"]["error_after"] <= 0.12
