"""Speed and memory of a whole build, as multiples of reading and writing the same rows.

    python benchmarks/build.py [--rows 10000 100000] [--workers N] [--without STEP ...] [--profile] [--json FILE]

For each number of rows it makes a corpus (`build_corpus.py`, seeded) and builds it as `lrl build --source web=DIR`
does: a source by column map, every filter of the builder, leak check, near-duplicates, splits, Parquet, card,
manifest. Before and after each build the floor is measured in the same run: as many processes read the same files
and write them with the release's own Parquet options, warm. Prints seconds, rows a second, the multiple of the
floor, the same without language identification, and the peak memory of all processes of the build together (their
proportional share, sampled; Linux); then where the time goes, step by step, and how seconds a row grow with the rows.
Everything runs in processes of its own, imports not counted. Where language identification runs in workers, its
share is the difference to a build without it. `--profile` prints what the main process spends its
time in (the profiler itself costs much: do not compare its seconds).
"""

from __future__ import annotations

import argparse
import cProfile
import json
import os
import pstats
import resource
import shutil
import statistics
import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import Sequence
from concurrent.futures import ProcessPoolExecutor
from contextlib import ExitStack
from dataclasses import replace
from multiprocessing import get_context
from pathlib import Path
from typing import Any

import build_corpus
import pyarrow.parquet as pq
from rich.console import Console
from rich.table import Table

from lrl_datasets.engine import ENGINES
from lrl_datasets.release.folder import PARQUET

HELD_OUT = 50
"""One row of so many is a native speaker's and may be held out, as in a dataset of the web with a campaign in it."""
APART = "language_id"
"""The step whose cost is the detectors'."""


def main() -> None:
    """Make the corpora, build them, print the tables."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--rows", type=int, nargs="+", default=[10_000, 100_000])
    parser.add_argument("--builder", default="swahili-instruct", help="whose filters run, by name or path")
    parser.add_argument(
        "--without", nargs="*", default=[], metavar="STEP", help="filters to leave out, by name"
    )
    parser.add_argument("--engine", default="local", choices=ENGINES)
    parser.add_argument(
        "--workers", type=int, default=len(os.sched_getaffinity(0)), help="processes, also of the floor"
    )
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument(
        "--dir", type=Path, help="where corpora and releases lie, and stay; default: temporary"
    )
    parser.add_argument("--profile", action="store_true")
    parser.add_argument("--json", type=Path)
    parser.add_argument(
        "--one", type=Path, help=argparse.SUPPRESS
    )  # build this corpus here: the inner process
    arguments = parser.parse_args()
    if arguments.one:
        print(json.dumps(build_one(arguments)))
        return
    with tempfile.TemporaryDirectory(prefix="lrl-benchmark-") as scratch:
        place = arguments.dir or Path(scratch)
        results = [measure(place / f"{rows}-{arguments.seed}", rows, arguments) for rows in arguments.rows]
    show(results)
    if arguments.json:
        arguments.json.write_text(json.dumps(results, indent=1) + "\n", encoding="utf-8")


def measure(place: Path, rows: int, arguments: argparse.Namespace) -> dict[str, Any]:
    """Make a corpus of so many rows and build it between measurements of the floor."""
    workers = arguments.workers
    corpus = place / "corpus"
    if not corpus.exists():
        build_corpus.write(corpus / "web", rows - rows // HELD_OUT, arguments.seed).save(
            place / "suite-index.json"
        )
        build_corpus.write(corpus / "native", rows // HELD_OUT, arguments.seed + 1)
    floors = [floor(corpus, place / "floor", workers)]
    done, peak = watched(_inner(place, arguments))
    floors.append(floor(corpus, place / "floor", workers))
    if APART in done["steps"]:
        done["apart"] = done["steps"][APART]
    elif APART not in arguments.without and not arguments.profile:  # its seconds are the workers'
        less, _ = watched(_inner(place, arguments, without=[APART]))
        done["apart"] = done["seconds"] - less["seconds"]
        floors.append(floor(corpus, place / "floor", workers))
    size = sum(path.stat().st_size for path in corpus.rglob("*.parquet"))
    seconds, cpu = zip(*floors, strict=True)
    return {
        "rows": rows, "bytes": size, "engine": arguments.engine, "workers": workers, "floors": seconds,
        "floor": statistics.mean(seconds), "floor_cpu": statistics.mean(cpu), "peak_bytes": peak, **done,
    }  # fmt: skip


def _inner(place: Path, arguments: argparse.Namespace, without: Sequence[str] = ()) -> list[str]:
    """Return the command that builds a folder's corpus in a process of its own."""
    command = [sys.executable, __file__, "--one", str(place), "--builder", arguments.builder]
    command += ["--engine", arguments.engine, "--workers", str(arguments.workers)]
    command += ["--without", *arguments.without, *without]
    return [*command, *(["--profile"] if arguments.profile else [])]


def build_one(arguments: argparse.Namespace) -> dict[str, Any]:
    """Build a folder's corpus in this process; return its seconds, by step, and what came out."""
    from lrl_datasets.builders import find

    from lrl_datasets import engine as engines
    from lrl_datasets.build import build
    from lrl_datasets.sources.hub import HubDataset

    place, (_, builder) = arguments.one, find(arguments.builder)
    web = HubDataset(
        "web", "made-up/web", "main", prompt="inputs", answer="targets", record="id", worker="user_id",
        originals=("english_inputs",), original_answer="english_targets", original_dataset="made-up/english",
        language=builder.language, creation_method="cross_lingual", license="cc0-1.0",
        may_hold_out=False, may_be_unjudged=True,
    )  # fmt: skip
    native = replace(web, name="native", repo="made-up/native", creation_method="native", may_hold_out=True)
    kept = tuple(step for step in builder.filters if step.name not in arguments.without)
    builder = replace(builder, repository="made-up/web", sources=(web, native), filters=kept)
    os.environ["LRL_PSEUDONYM_KEY"] = "0" * 64
    given = {source.name: place / "corpus" / source.name for source in (web, native)}
    steps: list[tuple[str, float]] = []
    profiler = cProfile.Profile() if arguments.profile else None
    started, cpu = time.perf_counter(), processor_seconds()
    if profiler:
        profiler.enable()
    index = None if "contamination" in arguments.without else place / "suite-index.json"
    options = engines.Options(arguments.engine, arguments.workers)
    with ExitStack() as stack:
        running = None
        if arguments.workers > 1 or arguments.engine != "local":
            running = stack.enter_context(engines.start(options, work=str(place / "work")))
        built = build(
            builder, name="web", out=place / "out", given=given, suite_index=index,
            engine=running, progress=lambda step: steps.append((step, time.perf_counter())),
        )  # fmt: skip
    ended, cpu = time.perf_counter(), processor_seconds() - cpu
    if profiler:
        profiler.disable()
        stats = pstats.Stats(profiler, stream=sys.stderr)
        stats.sort_stats("cumulative").print_stats(40)
        stats.sort_stats("tottime").print_stats(30)
    times = [at for _, at in steps] + [ended]
    seconds: dict[str, float] = {"begin": times[0] - started}
    for (step, at), until in zip(steps, times[1:], strict=True):
        seconds[step] = seconds.get(step, 0.0) + until - at
    counts = built.manifest["counts"]
    return {
        "seconds": ended - started,
        "cpu": cpu,
        "steps": seconds,
        "published": counts["published"],
        "refused": {entry["reason"]: entry["rows"] for entry in counts["funnel"]},
    }


def processor_seconds() -> float:
    """Return what this process and its finished children have taken of the processors."""
    used = [resource.getrusage(who) for who in (resource.RUSAGE_SELF, resource.RUSAGE_CHILDREN)]
    return sum(one.ru_utime + one.ru_stime for one in used)


# ---- the floor, and memory ------------------------------------------------------------------------------


def floor(corpus: Path, out: Path, workers: int) -> tuple[float, float]:
    """Return the seconds, and the processor seconds, that reading the files and writing them as a release does take."""
    shutil.rmtree(out, ignore_errors=True)
    out.mkdir()
    pairs = [(path, out / f"{path.parent.name}-{path.name}") for path in sorted(corpus.rglob("*.parquet"))]
    with ProcessPoolExecutor(workers, mp_context=get_context("spawn")) as pool:
        list(pool.map(_copy, [pairs[0]] * workers))  # imports, and warm files
        started = time.perf_counter()
        cpu = sum(pool.map(_copy, pairs))
        return time.perf_counter() - started, cpu


def _copy(pair: tuple[Path, Path]) -> float:
    started = time.process_time()
    pq.write_table(pq.read_table(pair[0]), pair[1], **PARQUET)
    return time.process_time() - started


def watched(command: Sequence[str]) -> tuple[dict[str, Any], int | None]:
    """Run a command that prints JSON; return that, and the most memory that it and its children had at once."""
    process = subprocess.Popen(command, stdout=subprocess.PIPE, text=True, start_new_session=True)
    peak, done = 0, threading.Event()

    def watch() -> None:
        nonlocal peak
        while not done.wait(0.2):
            peak = max(peak, memory(process.pid))

    watcher = threading.Thread(target=watch)
    watcher.start()
    printed, _ = process.communicate()
    done.set()
    watcher.join()
    if process.returncode:
        raise SystemExit(f"{' '.join(command)} failed")
    figures: dict[str, Any] = json.loads(printed.splitlines()[-1])
    return figures, peak or None


def memory(session: int) -> int:
    """Return the bytes that the processes of a session have in memory, what they share counted once."""
    total = 0
    for process in Path("/proc").glob("[0-9]*"):
        try:
            if int((process / "stat").read_text().rsplit(")", 1)[1].split()[3]) == session:
                lines = (process / "smaps_rollup").read_text().splitlines()
                share = next(line for line in lines if line.startswith("Pss:"))
                total += int(share.split()[1]) * 1024
        except (OSError, StopIteration):
            continue  # it ended
    return total


# ---- tables ---------------------------------------------------------------------------------------------


def show(results: list[dict[str, Any]]) -> None:
    """Print the figures, a row a size, and the steps, a column a size."""
    first = results[0]
    workers = f"{first['workers']} process" + ("es" if first["workers"] > 1 else "")
    table = Table(
        title=f"Whole build, {workers}; floor: the same rows read and written as a release does, {workers}"
    )
    for column in (
        "rows", "MB", "floor s", "build s", "rows/s", "× floor", f"without {APART}", "× floor, CPU",
        "peak MB", "s/row, growth",
    ):  # fmt: skip
        table.add_column(column, justify="right")
    for result in results:
        apart = result.get("apart", 0.0)
        growth = (result["seconds"] / result["rows"]) / (first["seconds"] / first["rows"])
        table.add_row(
            f"{result['rows']:,}",
            f"{result['bytes'] / 1e6:,.0f}",
            " ".join(f"{seconds:.2f}" for seconds in result["floors"]),
            f"{result['seconds']:.1f}",
            f"{result['rows'] / result['seconds']:,.0f}",
            f"{result['seconds'] / result['floor']:.1f}",
            f"{(result['seconds'] - apart) / result['floor']:.1f}",
            f"{result['cpu'] / result['floor_cpu']:.1f}",
            f"{result['peak_bytes'] / 1e6:,.0f}" if result["peak_bytes"] else "–",
            f"{growth:.2f}",
        )
    console = Console(width=160)
    console.print(table)
    steps = Table(title="Where the time goes: seconds, µs a row, × floor")
    steps.add_column("step")
    for result in results:
        steps.add_column(f"{result['rows']:,} rows", justify="right")
    for step in dict.fromkeys(step for result in results for step in result["steps"]):
        cells = [(result["steps"].get(step, 0.0), result) for result in results]
        steps.add_row(step, *(f"{s:8.2f} {s / r['rows'] * 1e6:8.1f} {s / r['floor']:6.2f}" for s, r in cells))
    console.print(steps)
    for result in results:
        refused = ", ".join(f"{count:,} {reason}" for reason, count in result["refused"].items())
        console.print(
            f"{result['rows']:,} rows: {result['published']:,} published; refused: {refused or 'none'}"
        )


if __name__ == "__main__":
    main()
