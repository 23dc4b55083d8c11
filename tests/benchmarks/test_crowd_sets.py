"""Sets as they are found: layouts, gaps, and what is said of a set that makes no sense."""

from __future__ import annotations

from pathlib import Path

import pytest

from lrl_datasets.errors import LrlError
from tests.benchmarks import running

crowd_sets = running.module("crowd_sets")
VOTES = [("i1", "w1", "yes"), ("i1", "w2", "no"), ("i2", "w1", "no")]
TRUTH = {"i1": "yes", "i2": "no"}


def write(folder: Path, **files: str) -> Path:
    """Write files; `__` in a name is its point, `_1_` a dash."""
    folder.mkdir(parents=True, exist_ok=True)
    for name, text in files.items():
        (folder / name.replace("__", ".").replace("_1_", "-")).write_text(text, encoding="utf-8")
    return folder


@pytest.mark.parametrize(
    "files",
    [
        {"label__csv": "item,worker,label\ni1,w1,yes\ni1,w2,no\ni2,w1,no\n",
         "truth__csv": "item,truth\ni1,yes\ni2,no\n"},
        {"answer__csv": "question,worker,answer\ni1,w1,yes\ni1,w2,no\ni2,w1,no\n",
         "truth__csv": "truth,question\nyes,i1\nno,i2\n"},
        {"crowd_labels__csv": "\ufeffworkerId,taskId,answer,n\nw1,i1,yes,0\nw2,i1,no,0\nw1,i2,no,0\n",
         "gt__csv": "taskId,truth\ni1,yes\ni2,no\n"},
        {"labels__txt": "w1\ti1\tyes\nw2\ti1\tno\n\nw1\ti2\tno", "evaluation__txt": "i1\tyes\ni2\tno\n"},
        {"label__tsv": "label\tworker\titem\nyes\tw1\ti1\nno\tw2\ti1\nno\tw1\ti2\n",
         "truth__csv": "task;label\ni1;yes\ni2;no\n"},
    ],
)  # fmt: skip
def test_layouts(files: dict[str, str], tmp_path: Path) -> None:
    sets, unread = crowd_sets.read(write(tmp_path / "one", **files))
    assert not unread and list(sets) == ["one"]
    assert (sets["one"].votes, sets["one"].truth, sets["one"].notes) == (VOTES, TRUTH, [])


def test_several_sets_in_one_folder_and_below_it(tmp_path: Path) -> None:
    votes, truth = "item,worker,label\n1,w,7\n", "item,truth\n1.0,7.00\n"
    write(tmp_path / "all", a_label__csv=votes, a_truth__csv=truth, b__label__csv=votes, b__truth__csv=truth)
    write(tmp_path / "all" / "deep" / "c", label__csv=votes, truth__csv=truth)
    sets, unread = crowd_sets.read(tmp_path)
    assert list(sets) == ["all/a", "all/b", "all/deep/c"] and not unread
    assert all((one.votes, one.truth) == ([("1", "w", "7")], {"1": "7"}) for one in sets.values())


def test_gaps_are_left_out_and_said(tmp_path: Path) -> None:
    rows = ["item,worker,label", "1,w1,x", "1,w1,y", "1,,x", "2,w2,", "3,w2,x", "3,w1,x"]
    write(tmp_path, label__csv="\n".join(rows), truth__csv="item,truth\n1,x\n9,y\n2,\n")
    one = crowd_sets.read_set(tmp_path / "label.csv", tmp_path / "truth.csv")
    assert one.votes == [("1", "w1", "x"), ("1", "w1", "y"), ("3", "w2", "x"), ("3", "w1", "x")]
    assert one.truth == {"1": "x", "9": "y"}
    assert one.notes == [
        "1 votes without a worker left out (first: label.csv, row 4)",
        "1 votes without a label left out (first: label.csv, row 5)",
        "1 votes of a worker on an item that he had voted on; all count",
        "1 items with a truth have no vote: not scored",
        "1 items have votes and no truth: their votes count, they are not scored",
    ]


ONE = "item,worker,label\n1,w,x\n"
TRUE = "item,truth\n1,x\n"


@pytest.mark.parametrize(
    ("label", "truth", "says"),
    [
        ("item,label\n1,x\n", TRUE, r"label.csv, row 1: no column named like worker; .* 'item', 'label'"),
        ("1,x\n", TRUE, r"label.csv, row 1: needs columns named like item, worker, label, or 3 columns"),
        (ONE + "2,w\n", TRUE, r"label.csv, row 3: 2 cells where the first row has 3"),
        (ONE + ",w,x\n", TRUE, r"label.csv, row 3: the vote has no item"),
        (ONE, TRUE + "1,y\n", r"truth.csv, row 3: item '1' is 'y' here and 'x' above"),
        (ONE, "item,truth\na,x\n", r"none of its 1 items has a vote in label.csv; it has 'a' .* '1'"),
        ("item,worker,label\n1,,x\n", TRUE, r"label.csv: no vote in it has item, worker and label"),
        ("", TRUE, r"label.csv: no vote in it"),
    ],
)
def test_what_makes_no_sense(label: str, truth: str, says: str, tmp_path: Path) -> None:
    write(tmp_path, label__csv=label, truth__csv=truth)
    with pytest.raises(LrlError, match=says):
        crowd_sets.read_set(tmp_path / "label.csv", tmp_path / "truth.csv")


def test_costs(tmp_path: Path) -> None:
    files = {"labels__txt": "w1\t1\tx\n", "evaluation__txt": "1\tx\n", "costs__txt": "x\ty\t5\ny\tx\t0.5\n"}
    sets, _ = crowd_sets.read(write(tmp_path / "one", **files))
    assert sets["one"].costs == {("x", "y"): 5.0, ("y", "x"): 0.5}
    _, unread = crowd_sets.read(write(tmp_path / "one", costs__txt="x\ty\tmuch\n"))
    assert "costs.txt, row 1, column 3: 'much' is not a cost" in unread["one"]
