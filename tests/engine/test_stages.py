"""Stages in one process: what is done is not done again, what changed is, and errors name file and row."""

from __future__ import annotations

import os
from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np
import pyarrow as pa
import pytest
from hypothesis import given
from hypothesis import strategies as st
from pydantic import BaseModel

from lrl_datasets import engine
from lrl_datasets.engine import Task, blocks, files, names
from lrl_datasets.errors import LrlError
from tests.engine.steps import Drops, FailsAt, Plus, total


def numbers(count: int) -> pa.Table:
    listed = list(range(count))
    return pa.table(
        {"source": ["s"] * count, "file": ["a.tsv"] * count, "row": [n + 2 for n in listed], "n": listed}
    )


def one_task_at_a_time(running: engine.Engine, tasks: Sequence[Task]) -> list[str]:
    """A single undone task is done in this process, so no pool is started."""
    return [path for task in tasks for path in running.stage("total", total, [task])]


def test_a_stage_gives_its_outputs_in_the_tasks_order(tmp_path: Path) -> None:
    with engine.start(work=str(tmp_path / "work")) as running:
        inputs = [running.put("n", numbers(4)), running.put("n", numbers(7))]
        outputs = one_task_at_a_time(running, [Task(inputs, part) for part in (2, 0)])
        # 0..3 and 0..6: remainder 2 is 2 + (2 + 5), remainder 0 is (0 + 3) + (0 + 3 + 6).
        assert [files.read(path)["total"].to_pylist() for path in outputs] == [[9], [12]]
    assert not (tmp_path / "work").exists(), "the work files are cleared after success"
    assert list(tmp_path.iterdir()) == []


def test_work_files_may_lie_on_any_storage() -> None:
    with engine.start(work="memory://bucket/work") as running:
        inputs = [running.put("n", numbers(4))]
        (output,) = one_task_at_a_time(running, [Task(inputs, 0)])
        assert output.startswith("memory://bucket/work/total/")
        assert files.read(output, ["total"])["total"].to_pylist() == [3]
        assert files.count_rows(output) == 1
        assert running.stage("total", total, [Task(inputs, 0)]) == [output]
    assert files.finished("memory://bucket/work/total") == set()


def test_only_the_owner_reads_work_files(tmp_path: Path) -> None:
    with engine.start(work=str(tmp_path / "x" / "work")) as running:
        running.put("n", numbers(1))
        assert (tmp_path / "x" / "work").stat().st_mode & 0o077 == 0


def test_what_is_done_is_not_done_again_and_what_changed_is(tmp_path: Path) -> None:
    log = tmp_path / "log"

    def run(step: Plus, table: pa.Table) -> None:
        with pytest.raises(KeyboardInterrupt), engine.start(work=str(tmp_path / "work")) as running:
            path = running.put("in", table)
            running.stage("rows", blocks.block_through, [Task([path])], (step,), keeps_rows=True)
            raise KeyboardInterrupt

    def done() -> int:
        return len(log.read_text().splitlines())

    run(Plus(1, log), numbers(3))
    run(Plus(1, log), numbers(3))
    assert done() == 1
    run(Plus(2, log), numbers(3))  # another threshold
    assert done() == 2
    run(Plus(2, log), numbers(4))  # another input
    assert done() == 3
    for torn in (tmp_path / "work" / "rows").iterdir():
        torn.write_bytes(torn.read_bytes()[:-20])  # as a power cut may leave a file
    run(Plus(2, log), numbers(4))
    assert done() == 4


def test_two_runs_never_share_a_work_folder(tmp_path: Path) -> None:
    with (
        engine.start(work=str(tmp_path / "work")) as first,
        pytest.raises(LrlError, match="another build is at work here"),
        engine.start(work=str(tmp_path / "work")) as second,
    ):
        first.put("n", numbers(1))
        second.put("n", numbers(1))


@pytest.mark.parametrize("place", ["/dev/null/work", "/proc/work"])
def test_a_place_where_nothing_can_be_written(place: str) -> None:
    with (
        pytest.raises(LrlError, match=rf"{place}: work files cannot be written there"),
        engine.start(work=place) as run,
    ):
        run.put("n", numbers(1))


def test_a_failing_step_names_file_and_row() -> None:
    with pytest.raises(
        LrlError, match=r"fails_at: s a.tsv row 79: ValueError: cannot do 77 \(steps.py line \d+\)"
    ):
        blocks.apply([Plus(0), FailsAt(77)], numbers(200))


def test_a_failure_in_a_stage_names_file_and_row_and_keeps_the_traceback(tmp_path: Path) -> None:
    with (
        pytest.raises(
            LrlError, match=r"rows: fails_at: s a.tsv row 5: .*failed-\w+.txt.*goes on where it stopped"
        ),
        engine.start(work=str(tmp_path / "work")) as running,
    ):
        path = running.put("in", numbers(9))
        running.stage("rows", blocks.block_through, [Task([path])], (FailsAt(3),))
    (trace,) = (tmp_path / "work").glob("failed-*.txt")
    assert "in __call__" in trace.read_text() and trace.stat().st_mode & 0o077 == 0


@dataclass(frozen=True)
class OnlyTogether:
    """Fails on two rows of one batch that no row fails on alone."""

    name: str = "together"

    def __call__(self, table: pa.Table) -> pa.Table:
        if {10, 11} <= set(table["n"].to_pylist()):
            raise ValueError("10 and 11")
        return table


def test_rows_that_fail_only_together_are_named_as_a_block() -> None:
    # 16 rows halve to 8..15, 8..11 and 10..11: the smallest block that still fails.
    with pytest.raises(LrlError, match=r"together: s a.tsv row 12 to s a.tsv row 13: ValueError: 10 and 11"):
        blocks.apply([OnlyTogether()], numbers(16))


def test_a_step_that_drops_a_row_is_refused() -> None:
    with pytest.raises(
        LrlError, match=r"drops: 5 rows went in and 4 came out \(s a.tsv row 2 to s a.tsv row 6\)"
    ):
        blocks.apply([Drops()], numbers(5))


def drop(inputs: Sequence[str], output: str, settings: None) -> None:
    files.write(output, files.read(inputs[0]).slice(1))


def test_rows_are_compared_at_the_end_of_a_stage(tmp_path: Path) -> None:
    with engine.start(work=str(tmp_path / "work")) as running:
        path = running.put("in", numbers(5))
        running.stage("may", drop, [Task([path])])
        with pytest.raises(LrlError, match="must: 5 rows went in and 4 came out"):
            running.stage("must", drop, [Task([path])], keeps_rows=True)


def nowhere(inputs: Sequence[str], output: str, settings: None) -> None:
    files.read("/nowhere/at/all.arrow")


def test_a_worker_that_does_not_see_the_files_says_what_to_do(tmp_path: Path) -> None:
    with (
        pytest.raises(LrlError, match=r"rows: FileNotFoundError.*/nowhere/at/all.arrow.*--work FOLDER"),
        engine.start(work=str(tmp_path / "work")) as running,
    ):
        running.stage("rows", nowhere, [Task([running.put("in", numbers(1))])])


def test_settings_of_a_script_are_refused_with_what_to_do(tmp_path: Path) -> None:
    @dataclass(frozen=True)
    class Local:
        def __call__(self, table: pa.Table) -> pa.Table:
            return table

    with (
        pytest.raises(
            LrlError, match=r"rows: its settings cannot be given to another process .* installed module"
        ),
        engine.start(work=str(tmp_path / "work")) as running,
    ):
        path = running.put("in", numbers(9))
        running.stage("rows", blocks.block_through, [Task([path])], (Local(),))


@given(st.lists(st.text(max_size=40), max_size=60), st.integers(1, 400), st.integers(1, 20))
def test_blocks_are_the_rows_in_order_and_none_is_too_large(texts: list[str], most: int, rows: int) -> None:
    table = pa.table({"text": pa.array(texts, pa.string())})
    found = list(blocks.cut(table, most, rows))
    assert [text for block in found for text in block["text"].to_pylist()] == texts
    assert all(block.num_rows == 1 or (block.nbytes <= most and block.num_rows <= rows) for block in found)


class Model(BaseModel):
    """A setting as pydantic has it."""

    words: list[str]


def test_settings_are_named_by_what_they_say() -> None:
    same = [
        (frozenset({"b", "a", "c"}), frozenset({"c", "b", "a"})),
        ({"x": 1, "y": 2}, {"y": 2, "x": 1}),
        (Plus(1), replace(Plus(2), number=1)),
        (Model(words=["a"]), Model(words=["a"])),
        (np.arange(3), np.array([0, 1, 2])),
    ]
    for one, other in same:
        assert names.digest(names.of_settings(one)) == names.digest(names.of_settings(other))
    different = [Plus(1), Plus(2), FailsAt(1), Path("1"), "1", 1, b"1", [1], Model(words=[]), Model(words=["a"]),
                 np.arange(3), np.arange(3).astype("float32"), None, {"1"}, {"1": 1}, total, drop]  # fmt: skip
    assert len({names.digest(names.of_settings(one)) for one in different}) == len(different)
    with pytest.raises(TypeError, match="fingerprint"):
        names.of_settings(object())


@pytest.mark.parametrize(
    ("text", "size"),
    [("4GB", 4 << 30), ("800 MB", 800 << 20), ("1.5gib", 3 << 29), ("4g", 4 << 30), ("4096", 4096)],
)
def test_a_memory_limit_as_people_write_it(text: str, size: int) -> None:
    assert engine.parse_memory(text) == size


def test_options_that_make_no_sense_are_refused() -> None:
    for text in ("", "GB", "-4GB", "4 apples"):
        with pytest.raises(LrlError, match="write a size such as 4GB"):
            engine.parse_memory(text)
    with pytest.raises(LrlError, match="at least 1GB"):
        engine.Options(memory=100 << 20)
    with pytest.raises(LrlError, match="local and dask"):
        engine.Options(engine="spark")
    with pytest.raises(LrlError, match="add --engine dask"):
        engine.Options(scheduler="tcp://127.0.0.1:8786")
    with pytest.raises(LrlError, match="at least 1"):
        engine.Options(workers=0)
    assert engine.Options().processes() == len(os.sched_getaffinity(0))
