"""What `benchmarks/duplicates.py` times, in a process of its own: warmed with a small corpus, imports not counted.

    python duplicate_runs.py floor|memory|stages CORPUS OUT THRESHOLD OPTIONS

Prints the seconds from reading the corpus's Parquet files to having written them again, as JSON.
"""

from __future__ import annotations

import json
import os
import shutil
import sys
import time
from collections.abc import Sequence
from concurrent.futures import ProcessPoolExecutor, ThreadPoolExecutor
from dataclasses import asdict
from multiprocessing import get_context
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq

from lrl_datasets.engine import Engine, Options, Task, start
from lrl_datasets.engine import files as arrow
from lrl_datasets.filters.base import add_column
from lrl_datasets.filters.duplicates import Duplicates
from lrl_datasets.filters.near_duplicates import stages

PROCESSES = 2


def main() -> None:
    """Warm up on the first file, then run once."""
    what, corpus, out, threshold, options = sys.argv[1:]
    files = sorted(Path(corpus).glob("*.parquet"))
    seconds, report = RUNS[what](
        files, Path(out), Duplicates(threshold=float(threshold)), json.loads(options)
    )
    print(json.dumps({"seconds": seconds, **report}))


def floor(
    files: list[Path], out: Path, _: Duplicates, options: dict[str, Any]
) -> tuple[float, dict[str, Any]]:
    """Read and write each file, two processes."""
    out.mkdir(parents=True, exist_ok=True)
    with ProcessPoolExecutor(PROCESSES, mp_context=get_context("spawn")) as pool:
        jobs = [(file, out / file.name, options) for file in files]
        list(pool.map(copy, jobs[:1] * 4))
        began, worked = time.perf_counter(), cpu()
        list(pool.map(copy, jobs))
        return time.perf_counter() - began, {"cpu": cpu() - worked}


def copy(job: tuple[Path, Path, dict[str, Any]]) -> None:
    """Read a file and write it."""
    source, target, options = job
    pq.write_table(pq.read_table(source, use_threads=False), target, **options)


def memory(
    files: list[Path], out: Path, search: Duplicates, options: dict[str, Any]
) -> tuple[float, dict[str, Any]]:
    """Read all files, find the clusters, write all files with them; two threads."""
    out.mkdir(parents=True, exist_ok=True)
    search(read(files[0]))  # compiles all kernels, or loads them
    with ThreadPoolExecutor(PROCESSES) as pool:
        began, worked = time.perf_counter(), cpu()
        tables = list(pool.map(read, files))
        was_read = time.perf_counter()
        whole, report = search.search(pa.concat_tables(tables))
        clustered = time.perf_counter()
        starts = [0]
        for table in tables:
            starts.append(starts[-1] + table.num_rows)

        def write(number: int) -> None:
            part = whole.slice(starts[number], tables[number].num_rows)
            pq.write_table(part, out / files[number].name, **options)

        list(pool.map(write, range(len(files))))
        ended = time.perf_counter()
    steps = {"read": was_read - began, "search": clustered - was_read, "write": ended - clustered}
    return ended - began, {"cpu": cpu() - worked, "report": asdict(report), "steps": steps}


def read(file: Path) -> pa.Table:
    """Read one file."""
    return pq.read_table(file, use_threads=False)


def staged(
    files: list[Path], out: Path, search: Duplicates, options: dict[str, Any]
) -> tuple[float, dict[str, Any]]:
    """Find the clusters in stages over files and write all files with them; two processes."""
    out.mkdir(parents=True, exist_ok=True)
    work = out / "work"
    shutil.rmtree(work, ignore_errors=True)
    began, last = 0.0, ["", 0.0]
    steps: dict[str, float] = {}

    def progress(stage: str, _: int, __: int) -> None:
        now = time.perf_counter()
        if began:
            steps[last[0]] = steps.get(last[0], 0.0) + now - last[1]
        last[:] = [stage, now]

    with start(Options(workers=PROCESSES), work=str(work), progress=progress) as engine:
        small = [out / f"warm-{number}.parquet" for number in range(4)]
        for number, file in enumerate(small):
            pq.write_table(read(files[0]).slice(number * 2500, 2500), file, **options)
        run(engine, small, out, search, options)
        for file in small:
            file.unlink()
        began, worked = time.perf_counter(), cpu()
        last[:] = ["start", began]
        report = run(engine, files, out, search, options)
        ended, worked = time.perf_counter(), cpu() - worked
        progress("", 0, 0)
    rows = sum(pq.read_metadata(file).num_rows for file in files)
    written = sum(pq.read_metadata(out / file.name).num_rows for file in files)
    assert rows == written, f"{rows} rows in, {written} out"
    return ended - began, {"cpu": worked, "report": asdict(report), "steps": steps}


def cpu() -> float:
    """Return the processor seconds that this process and its children have used; other load does not change them."""
    used = time.process_time()
    for child in Path(f"/proc/{os.getpid()}/task/{os.getpid()}/children").read_text().split():
        fields = Path(f"/proc/{child}/stat").read_text().rpartition(")")[2].split()
        used += (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")
    return used


def run(engine: Engine, files: Sequence[Path], out: Path, search: Duplicates, options: dict[str, Any]) -> Any:
    """Cluster some files and write them with their clusters."""
    rows = sum(pq.read_metadata(file).num_rows for file in files)
    clusters, report = stages.cluster(engine, [str(file) for file in files], search, rows)
    tasks = [
        Task([str(file), cluster], str(out / file.name))
        for file, cluster in zip(files, clusters, strict=True)
    ]
    engine.stage("write", joined, tasks, options)
    return report


def joined(inputs: Sequence[str], output: str, options: dict[str, Any], target: str) -> None:
    """Write a file with its clusters."""
    table = read(Path(inputs[0]))
    pq.write_table(
        add_column(table, "cluster", arrow.read(inputs[1])["cluster"], pa.string()), target, **options
    )
    arrow.write(output, pa.table({"rows": [table.num_rows]}))


RUNS = {"floor": floor, "memory": memory, "stages": staged}

if __name__ == "__main__":
    main()
