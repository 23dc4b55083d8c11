"""The benchmark on a set small enough to count by hand, and its goals on real votes."""

from __future__ import annotations

from functools import partial
from pathlib import Path

import numpy as np
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
    # A second set has one label only and says what errors cost; a third has no truth.
    (tmp_path / "sets" / "two").mkdir()
    (tmp_path / "sets" / "two" / "labels.txt").write_text("a\t1\tx\nb\t1\tx\na\t2\tx\nb\t3\tx\n")
    (tmp_path / "sets" / "two" / "evaluation.txt").write_text("1\tx\n2\tx\n3\tx\n")
    (tmp_path / "sets" / "two" / "costs.txt").write_text("x\tx\t0.25\n")
    (tmp_path / "sets" / "label.csv").write_text("item,worker,label\n1,a,x\n")
    figures = run(tmp_path / "sets", tmp_path / "out.json", "--draws", "2", "--golden", "2", "20")
    one = figures["sets"]["one"]
    assert (one["items"], one["scored"], one["workers"], one["votes"]) == (5, 4, 3, 10)
    assert one["methods"]["majority"]["accuracy"] == pytest.approx(0.625)
    assert set(one["auto"]) == {"0", "2"}  # twenty of four cannot be drawn
    assert set(figures["summary"]) == {"0", "2"}
    assert any("20 golden tasks not drawn: of 4" in note for note in one["notes"])
    two = figures["sets"]["two"]["auto"]["0"]
    assert (two["accuracy"], two["cost_least"], two["cost_most_probable"]) == (1, 0.25, 0.25)
    assert list(figures["unread"]) == ["sets"] and "no truth.csv" in figures["unread"]["sets"]


def test_decided_by_cost() -> None:
    posterior, costs = np.array([[0.7, 0.3]]), np.array([[0.0, 1.0], [10.0, 0.0]])
    crowd = running.module("crowd")
    # The first label is more probable, but wrong it costs 10: .3 * 10 > .7 * 1.
    assert crowd.cost(posterior, np.array([1]), costs) == {"cost_most_probable": 10, "cost_least": 0}


def test_simulated_crowds(tmp_path: Path) -> None:
    simulated = running.module("simulated_crowds")
    votes, truth = simulated.crowd(2)
    again = simulated.crowd(2)
    assert np.array_equal(votes.labels, again[0].labels) and np.array_equal(truth, again[1])
    majority = np.array(
        [(votes.labels[votes.items == item] == true).mean() for item, true in enumerate(truth)]
    )
    assert 1 / votes.n_labels < majority.mean() < 1
    assert votes.workers.max() == votes.n_workers - 1


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
