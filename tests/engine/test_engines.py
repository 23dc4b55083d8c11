"""Both engines with real processes: the same bytes, workers that die, runs that are broken off, the memory limit."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from collections import Counter
from pathlib import Path

import pyarrow as pa
import pytest

from lrl_datasets import engine
from lrl_datasets.engine import Options, Task, blocks, executors, files
from lrl_datasets.errors import LrlError
from tests.engine.steps import DiesOnce, FailsAt, Plus, Takes, total

pytestmark = pytest.mark.xdist_group("engine")  # they share a cluster

LOCAL = Options(workers=2, memory=1 << 30)
ALONE = Options(workers=1, memory=1 << 30)  # where one worker shows the same: each takes a second to begin
ROWS, BLOCK = 24, 3


def numbers() -> pa.Table:
    listed = list(range(ROWS))
    return pa.table(
        {"source": ["s"] * ROWS, "file": ["a.tsv"] * ROWS, "row": [n + 2 for n in listed], "n": listed}
    )


def run(options: Options, work: Path, *steps: blocks.Step) -> dict[str, bytes]:
    """Take blocks through the steps, add up over all of them; the bytes of every output by its name."""
    with engine.start(options, work=str(work)) as running:
        inputs = [running.put("in", block) for block in blocks.cut(numbers(), 1 << 30, BLOCK)]
        rows = running.stage(
            "rows", blocks.block_through, [Task([path]) for path in inputs], steps, keeps_rows=True
        )
        assert [n for path in rows for n in files.read(path)["row"].to_pylist()] == numbers()[
            "row"
        ].to_pylist()
        totals = running.stage("total", total, [Task(rows, part) for part in range(3)])
        return {path.removeprefix(running.work): Path(path).read_bytes() for path in (*rows, *totals)}


def calls(log: Path) -> Counter[str]:
    """How often each block was begun: the log has the first row's number."""
    return Counter(line.split()[1] for line in log.read_text().splitlines())


def test_both_engines_give_the_same_bytes_and_dask_does_with_a_killed_worker(
    dask: Options, tmp_path: Path
) -> None:
    local = run(LOCAL, tmp_path / "local", Plus(1))
    assert len(local) == ROWS // BLOCK + 3
    assert run(dask, tmp_path / "dask", Plus(1)) == local
    marker = tmp_path / "killed"
    with_death = run(dask, tmp_path / "deaths", Plus(1), DiesOnce(10, marker))
    assert marker.exists(), "a worker was killed"
    assert sorted(with_death.values()) == sorted(
        local.values()
    )  # named otherwise, since the settings are others


def test_a_killed_worker_of_the_pool_is_a_clear_error_and_the_next_run_goes_on(tmp_path: Path) -> None:
    log, work = tmp_path / "log", tmp_path / "work"
    steps = (Plus(1, log), DiesOnce(22, tmp_path / "killed"))
    with pytest.raises(
        LrlError, match=r"rows: a worker process died.*the same command goes on where it stopped"
    ):
        run(LOCAL, work, *steps)
    finished = len(files.finished(str(work / "rows")))
    assert 0 < finished < ROWS // BLOCK
    before = sum(calls(log).values())
    assert run(ALONE, work, *steps)
    done = sum(calls(log).values()) - before
    assert done == ROWS // BLOCK - finished, "what was finished is not done again"


SCRIPT = """
import sys
from pathlib import Path
from lrl_datasets.engine import Options
from tests.engine.steps import Plus
from tests.engine.test_engines import run
if __name__ == "__main__":
    run(Options(engine=sys.argv[1], workers=int(sys.argv[4])), Path(sys.argv[2]), Plus(1, Path(sys.argv[3]), slow=0.25))
"""


def broken_off(kind: str, workers: int, tmp_path: Path, by: signal.Signals) -> tuple[int, str]:
    """Start a run in a process group of its own and send a signal after a few blocks; exit code and stderr."""
    script, log = tmp_path / "script.py", tmp_path / "log"
    script.write_text(SCRIPT)
    process = subprocess.Popen(
        [sys.executable, script, kind, tmp_path / "work", log, str(workers)],
        env=os.environ | {"PYTHONPATH": os.pathsep.join(sys.path)},
        stderr=subprocess.PIPE, text=True, start_new_session=True,
    )  # fmt: skip
    until(lambda: log.exists() and len(log.read_text().splitlines()) >= 4)
    if by == signal.SIGINT:
        os.killpg(process.pid, by)  # as a terminal does: everybody in the group gets it
    else:
        process.send_signal(by)
    _, said = process.communicate(timeout=20)
    workers = {int(line.split()[0]) for line in log.read_text().splitlines()}
    until(lambda: not any(alive(pid) for pid in workers))
    return process.returncode, said


def until(true: object, seconds: float = 30) -> None:
    assert callable(true)
    end = time.monotonic() + seconds
    while not true():
        assert time.monotonic() < end
        time.sleep(0.02)


def alive(pid: int) -> bool:
    try:
        state = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0]
    except FileNotFoundError:
        return False
    return state != "Z"


@pytest.mark.parametrize(
    ("kind", "workers", "by"),
    [("local", 2, signal.SIGINT), ("local", 1, signal.SIGKILL), ("dask", 1, signal.SIGINT)],
)
def test_a_run_that_is_broken_off_goes_on(
    kind: str, workers: int, by: signal.Signals, tmp_path: Path
) -> None:
    code, said = broken_off(kind, workers, tmp_path, by)
    assert code != 0
    if by == signal.SIGINT:
        assert said.count("Traceback") == 1 and said.strip().endswith("KeyboardInterrupt"), said
    finished, log = files.finished(str(tmp_path / "work" / "rows")), tmp_path / "log"
    before = len(log.read_text().splitlines())
    assert 0 < len(finished) < ROWS // BLOCK
    if kind == "local":
        assert run(ALONE, tmp_path / "work", Plus(1, log, slow=0.25))
        assert len(log.read_text().splitlines()) - before == ROWS // BLOCK - len(finished)


def test_a_failing_step_names_file_and_row(dask: Options, tmp_path: Path) -> None:
    for options in (ALONE, dask):
        with pytest.raises(LrlError, match=r"rows: fails_at: s a.tsv row 18: ValueError: cannot do 16"):
            run(options, tmp_path / "work", FailsAt(16))


def test_a_worker_over_its_memory_is_stopped_and_said_so(tmp_path: Path) -> None:
    with pytest.raises(
        LrlError, match=r"rows: a worker was stopped since it held more than --memory .*of 1024 MB"
    ):
        run(ALONE, tmp_path / "work", Takes(600))


def test_dask_without_the_extra_and_without_a_scheduler(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.setattr(executors, "CONNECTS_WITHIN", 0.3)
    nowhere = Options(engine="dask", scheduler="tcp://127.0.0.1:9")
    with pytest.raises(LrlError, match=r"--scheduler tcp://127.0.0.1:9: no Dask scheduler answers there"):
        run(nowhere, tmp_path / "work")
    monkeypatch.setitem(sys.modules, "distributed", None)
    with pytest.raises(LrlError, match=r"pip install 'lrl-datasets\[cluster\]'"):
        run(Options(engine="dask"), tmp_path / "work")
