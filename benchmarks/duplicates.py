"""Seconds, memory and recall of the near-duplicate search, beside reading and writing alone and beside peers.

    python benchmarks/duplicates.py DIR [--rows 200000] [--growth 10000 100000 1000000] [--peer rensa=PYTHON ...]
        [--repeats 3] [--kept FILE] [--json FILE]

Makes two corpora in DIR (`duplicate_corpora.py`; kept for the next time), one of them with boilerplate, and for each
runs in turn, as often as --repeats says: the floor (two processes read the Parquet files and write them again, same
codec and options, warm), the search in memory, the search in stages over files (two processes), and the peers that
are installed in environments of their own. Seconds are medians, from reading Parquet to having written it, imports
and compilation not counted, as multiples of the floor; memory is the peak of all processes of a run together (their
proportional share, sampled; Linux). CPU seconds are what other load changes least.
Recall is the share of the pairs with a Jaccard index of word 5-shingles of .8 (and, searched at .7, of .7) or more
that end in one cluster; a false pair is one in a cluster though no chain of such pairs joins it. The truth comes
from an inverted index of the words themselves, written in plain Python below, so that a hash that fails shows.
--growth measures ours and the floor at several sizes. --kept FILE compares with another
tool's decisions: JSON Lines with `id`, `instruction`, `input`, `output` and `kept_at` (threshold → is it kept).
"""

from __future__ import annotations

import argparse
import json
import pickle
import statistics
import subprocess
import sys
import threading
import time
from array import array
from collections import Counter, defaultdict
from collections.abc import Iterable, Iterator
from itertools import combinations
from pathlib import Path
from typing import Any

import duplicate_corpora
import pyarrow as pa
import pyarrow.parquet as pq
from rich.console import Console
from rich.table import Table

from lrl_datasets.filters.duplicates import Duplicates
from lrl_datasets.schema import MESSAGES

HERE = Path(__file__).parent
OWN = ("memory", "stages")
GOALS = {
    ("memory", 200_000): 2.0,
    ("memory", 1_000_000): 2.4,
    ("stages", 200_000): 2.3,
    ("stages", 1_000_000): 2.6,
}


def main() -> None:
    """Make the corpora, run everything in turn, print the tables."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("directory", type=Path, help="where corpora and outputs lie")
    parser.add_argument("--rows", type=int, default=200_000)
    parser.add_argument("--growth", type=int, nargs="*", default=[])
    parser.add_argument(
        "--corpora", nargs="+", default=["plain", "boilerplate"], choices=["plain", "boilerplate"]
    )
    parser.add_argument(
        "--thresholds", type=float, nargs="+", default=[0.8, 0.7], help="for recall; .7 and above"
    )
    parser.add_argument("--peer", action="append", default=[], metavar="NAME=PYTHON")
    parser.add_argument("--repeats", type=int, default=3)
    parser.add_argument("--codec", default="zstd")
    parser.add_argument("--dictionary", action="store_true", help="write Parquet dictionaries")
    parser.add_argument("--no-truth", action="store_true", help="leave recall out")
    parser.add_argument("--kept", type=Path)
    parser.add_argument("--json", type=Path)
    arguments = parser.parse_args()
    options = {"compression": arguments.codec, "use_dictionary": arguments.dictionary}
    peers = dict(one.split("=", 1) for one in arguments.peer)
    console = Console()
    results: dict[str, Any] = {"options": options, "speed": []}
    kinds = [kind == "boilerplate" for kind in arguments.corpora]
    sizes = [*((arguments.rows, kind) for kind in kinds), *((rows, False) for rows in arguments.growth)]
    for rows, boilerplate in dict.fromkeys(sizes):
        if not rows:
            continue
        others = peers if rows == arguments.rows else {}
        results["speed"].append(
            measured(arguments.directory, rows, boilerplate, others, arguments.repeats, options)
        )
        console.print(speed_table(results["speed"][-1], options))
        for name, one in results["speed"][-1]["runs"].items():
            if "steps" in one:
                steps = (
                    f"{step.removeprefix('near-')} {seconds:.2f}" for step, seconds in one["steps"].items()
                )
                console.print(f"{name}: {', '.join(steps)}")
    if not arguments.no_truth and arguments.rows:
        for boilerplate in kinds:
            found = recalls(
                arguments.directory, arguments.rows, boilerplate, list(peers), options, arguments.thresholds
            )
            results.setdefault("recall", []).extend(found)
        console.print(recall_table(results["recall"]))
    if arguments.growth:
        console.print(growth_table([one for one in results["speed"] if not one["boilerplate"]]))
    if arguments.kept:
        results["kept"] = agreement(arguments.kept)
        console.print(kept_table(results["kept"]))
    if arguments.json:
        arguments.json.write_text(json.dumps(results, indent=1) + "\n", encoding="utf-8")


# ---- speed ----------------------------------------------------------------------------------------------


def measured(
    directory: Path,
    rows: int,
    boilerplate: bool,
    peers: dict[str, str],
    repeats: int,
    options: dict[str, Any],
) -> dict[str, Any]:
    """Run everything on one corpus in turn."""
    corpus = corpus_of(directory, rows, boilerplate, options)
    duplicate_corpora.make(corpus, rows, boilerplate, options)
    runs: dict[str, list[dict[str, Any]]] = defaultdict(list)
    for number in range(repeats):
        for name in ("floor", *OWN, *peers):
            if name in peers and number:
                continue  # they take minutes: once
            out = directory / f"out-{corpus.name}-{name}"
            runs[name].append(run(name, peers.get(name), corpus, out, 0.8, options))
    floor, worked = (statistics.median(one[what] for one in runs["floor"]) for what in ("seconds", "cpu"))
    made = {
        name: {
            "seconds": round(seconds := statistics.median(one["seconds"] for one in listed), 3),
            "ratio": round(seconds / floor, 2),
            **cpu_of(listed, worked),
            "megabytes": max(one["megabytes"] for one in listed),
            **{key: listed[-1][key] for key in ("report", "steps") if key in listed[-1]},
        }
        for name, listed in runs.items()
    }
    return {"rows": rows, "boilerplate": boilerplate, "runs": made}


def cpu_of(runs: list[dict[str, Any]], floor: float) -> dict[str, float]:
    """Return the median processor seconds, also as a multiple of the floor's: these other load does not change."""
    if "cpu" not in runs[0]:
        return {}
    used = statistics.median(one["cpu"] for one in runs)
    return {"cpu": round(used, 2), "cpu_ratio": round(used / floor, 2)}


def corpus_of(directory: Path, rows: int, boilerplate: bool, options: dict[str, Any]) -> Path:
    """Name a corpus's folder."""
    return directory / f"{rows}-{'boilerplate' if boilerplate else 'plain'}-{options['compression']}"


def run(
    name: str, python: str | None, corpus: Path, out: Path, threshold: float, options: dict[str, Any]
) -> dict[str, Any]:
    """Run one contender in a process of its own; return what it printed, and its peak memory."""
    if python:
        command = [python, str(HERE / "duplicate_peers.py"), name, str(corpus), str(out), str(threshold)]
    else:
        script = [str(HERE / "duplicate_runs.py"), name, str(corpus), str(out), str(threshold)]
        command = [sys.executable, *script, json.dumps(options)]
    process = subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)
    peak = [0.0]
    watcher = threading.Thread(target=watch, args=(process, peak), daemon=True)
    watcher.start()
    said, complained = process.communicate()
    watcher.join()
    if process.returncode:
        raise SystemExit(f"{name} on {corpus}: {complained[-2000:]}")
    return {**json.loads(said.splitlines()[-1]), "megabytes": round(peak[0] / 1024)}


def watch(process: subprocess.Popen[str], peak: list[float]) -> None:
    """Note the most memory that a process and its children hold together, in kilobytes."""
    while process.poll() is None:
        peak[0] = max(peak[0], sum(map(share, tree(process.pid))))
        time.sleep(0.1)


def tree(pid: int) -> Iterator[int]:
    """Yield a process and all below it."""
    yield pid
    try:
        children = Path(f"/proc/{pid}/task/{pid}/children").read_text().split()
    except OSError:
        return
    for child in children:
        yield from tree(int(child))


def share(pid: int) -> float:
    """Return a process's proportional share of memory, in kilobytes."""
    try:
        lines = Path(f"/proc/{pid}/smaps_rollup").read_text().splitlines()
    except OSError:
        return 0.0
    return sum(float(line.split()[1]) for line in lines if line.startswith("Pss:"))


# ---- truth ----------------------------------------------------------------------------------------------


def recalls(
    directory: Path,
    rows: int,
    boilerplate: bool,
    peers: list[str],
    options: dict[str, Any],
    thresholds: list[float],
) -> list[dict[str, Any]]:
    """Score every contender's clusters on the exact truth."""
    corpus = corpus_of(directory, rows, boilerplate, options)
    pairs = truth(corpus)
    made = []
    for threshold in thresholds:
        for name in [*OWN, *(peers if threshold == 0.8 else [])]:
            out = directory / f"out-{corpus.name}-{name}"
            if (out / "kept").is_dir():
                continue  # datatrove keeps one of each cluster and does not say which the others were in
            if threshold != 0.8:
                run(name, None, corpus, out, threshold, options)
            scored = score(clusters(corpus, out), pairs, threshold)
            made.append({"name": name, "boilerplate": boilerplate, "threshold": threshold, **scored})
    return made


def truth(corpus: Path) -> list[tuple[int, int, float]]:
    """Return every pair of rows whose answers' Jaccard index is .7 or more.

    An inverted index of each text's rarest shingles (a pair at .7 shares one of them: Bayardo et al. 2007), in passes
    so that it fits; a shingle is the exact tuple of its words' numbers.
    """
    kept = corpus / "truth.pickle"
    if kept.is_file():
        return pickle.loads(kept.read_bytes())  # type: ignore[no-any-return]
    numbers: dict[str, int] = {}
    texts: list[array[int]] = []
    for file in sorted(corpus.glob("*.parquet")):
        for turns in pq.read_table(file, columns=["messages"])["messages"].to_pylist():
            words = turns[1]["content"].lower().replace(".", " ").split()
            texts.append(array("I", [numbers.setdefault(word, len(numbers)) for word in words]))
    base = len(numbers) + 1

    def shingles(text: array[int]) -> set[int]:
        if len(text) < 5:
            text = array("I", [*text, *[base - 1] * (5 - len(text))])
        listed = text.tolist()
        parts = zip(*(listed[place:] for place in range(5)), strict=False)
        return {(((a * base + b) * base + c) * base + d) * base + e for a, b, c, d, e in parts}

    often: dict[int, int] = {}
    passes = max(1, len(texts) // 25_000)
    for number in range(passes):
        counted = Counter(one for text in texts for one in shingles(text) if one % passes == number)
        often.update({one: count for one, count in counted.items() if count > 1})
    index: dict[int, list[int]] = defaultdict(list)
    found = []
    for number, text in enumerate(texts):
        own = shingles(text)
        rarest = sorted(own, key=lambda one: (often.get(one, 1), one))[: int(len(own) * 0.3 + 1e-9) + 1]
        shared = [one for one in rarest if one in often]
        for other in {other for one in shared for other in index[one]}:
            theirs = shingles(texts[other])
            if min(len(own), len(theirs)) >= 0.7 * max(len(own), len(theirs)):
                both = len(own & theirs)
                if both >= 0.7 * (len(own) + len(theirs) - both):
                    found.append((other, number, both / (len(own) + len(theirs) - both)))
        for one in shared:
            index[one].append(number)
    kept.write_bytes(pickle.dumps(found))
    return found


def clusters(corpus: Path, out: Path) -> list[Any]:
    """Return the cluster of each row of a corpus, as a run wrote it."""
    files = [out / file.name for file in sorted(corpus.glob("*.parquet"))]
    return [
        cluster
        for file in files
        for cluster in pq.read_table(file, columns=["cluster"])["cluster"].to_pylist()
    ]


def score(named: list[Any], pairs: list[tuple[int, int, float]], threshold: float) -> dict[str, Any]:
    """Count true pairs in one cluster, and pairs in a cluster that no chain of true pairs joins."""
    wanted = [(one, other) for one, other, index in pairs if index >= threshold]
    parent = list(range(len(named)))

    def root(node: int) -> int:
        while parent[node] != node:
            parent[node] = parent[parent[node]]
            node = parent[node]
        return node

    for one, other in wanted:
        parent[root(one)] = root(other)
    members: dict[Any, list[int]] = defaultdict(list)
    for row, cluster in enumerate(named):
        members[cluster].append(row)
    inside = false = 0
    for rows in members.values():
        inside += len(rows) * (len(rows) - 1) // 2
        of_truth = Counter(root(row) for row in rows)
        if len(of_truth) > 1:
            false += sum(one * other for one, other in combinations(of_truth.values(), 2))
    joined = sum(named[one] == named[other] for one, other in wanted)
    return {
        "pairs": len(wanted),
        "found": joined,
        "recall": joined / max(1, len(wanted)),
        "inside": inside,
        "false": false,
    }


# ---- another tool's decisions ---------------------------------------------------------------------------


def agreement(path: Path) -> list[dict[str, Any]]:
    """Compare which rows stay with the decisions of another tool, at its thresholds."""
    rows = [json.loads(line) for line in path.read_text(encoding="utf-8").splitlines()]
    made = []
    for threshold in sorted(rows[0]["kept_at"]):
        theirs = [row["kept_at"][threshold] for row in rows]
        for text, search in searches(float(threshold)):
            ours = stays(rows, search, text)
            same = sum(one == other for one, other in zip(ours, theirs, strict=True)) / len(rows)
            by_chance = sum(ours) * sum(theirs) + (len(rows) - sum(ours)) * (len(rows) - sum(theirs))
            chance = by_chance / len(rows) ** 2
            made.append(
                {
                    "threshold": threshold, "compared": text, "ours": sum(ours), "theirs": sum(theirs), "same": same,
                    "kappa": (same - chance) / (1 - chance) if chance < 1 else None,
                }
            )  # fmt: skip
    return made


def searches(threshold: float) -> Iterable[tuple[str, Duplicates]]:
    """Name the ways of comparing these rows: as whole texts, and as answers to prompts."""
    yield "all in one, words", Duplicates(threshold=threshold, short_words=0)
    yield "all in one, single words", Duplicates(threshold=threshold, short_words=0, shingle=1)
    yield "answers", Duplicates(threshold=threshold, short_words=0)


def stays(rows: list[dict[str, Any]], search: Duplicates, text: str) -> list[bool]:
    """Say of each row whether it is the first of its cluster."""
    messages = [
        [{"role": "assistant", "content": f"{row['instruction']}\n{row['input']}\n{row['output']}"}]
        if text.startswith("all")
        else [
            {"role": "user", "content": f"{row['instruction']}\n{row['input']}"},
            {"role": "assistant", "content": row["output"]},
        ]
        for row in rows
    ]
    ids = [f"{number:06d}" for number in range(len(rows))]
    found = search(pa.table({"id": ids, "messages": pa.array(messages, MESSAGES)}))
    return [one == other for one, other in zip(ids, found["cluster"].to_pylist(), strict=True)]


# ---- tables ---------------------------------------------------------------------------------------------


def speed_table(result: dict[str, Any], options: dict[str, Any]) -> Table:
    """Show seconds, ratios and memory of one corpus."""
    corpus = f"{result['rows']:,} rows{', 15 % with boilerplate' if result['boilerplate'] else ''}"
    table = Table(
        title=f"{corpus}; Parquet with {options['compression']}, dictionaries {options['use_dictionary']}"
    )
    for name in (
        "",
        "seconds",
        "× floor",
        "goal",
        "CPU s",
        "CPU × floor",
        "peak MB",
        "candidates",
        "near",
        "runs cut",
    ):
        table.add_column(name, justify="right" if name else "left")
    for name, one in result["runs"].items():
        report = one.get("report", {})
        goal = GOALS.get((name, result["rows"])) if not result["boilerplate"] else None
        table.add_row(
            name, f"{one['seconds']:.2f}", f"{one['ratio']:.2f}", f"≤ {goal}" if goal else "",
            str(one.get("cpu", "")), str(one.get("cpu_ratio", "")), str(one["megabytes"]),
            *(str(report.get(key, "")) for key in ("candidates", "near", "runs_cut")),
        )  # fmt: skip
    return table


def recall_table(results: list[dict[str, Any]]) -> Table:
    """Show recall and false pairs."""
    table = Table(title="pairs by exact Jaccard index, in one cluster")
    for name in (
        "",
        "corpus",
        "threshold",
        "true pairs",
        "found",
        "recall",
        "goal",
        "pairs in clusters",
        "false",
    ):
        table.add_column(name, justify="right" if name not in ("", "corpus") else "left")
    for one in results:
        goal = (".9999" if one["threshold"] == 0.8 else ".9995") if one["name"] in OWN else ""
        table.add_row(
            one["name"], "boilerplate" if one["boilerplate"] else "plain", str(one["threshold"]), str(one["pairs"]),
            str(one["found"]), f"{one['recall']:.5f}", goal, str(one["inside"]), str(one["false"]),
        )  # fmt: skip
    return table


def growth_table(results: list[dict[str, Any]]) -> Table:
    """Show how seconds grow with the rows."""
    table = Table(title="growth: microseconds a row")
    for name in ("rows", "floor", *OWN):
        table.add_column(name, justify="right")
    for one in sorted(results, key=lambda result: result["rows"]):
        each = [1e6 * one["runs"][name]["seconds"] / one["rows"] for name in ("floor", *OWN)]
        table.add_row(f"{one['rows']:,}", *(f"{value:.1f}" for value in each))
    return table


def kept_table(results: list[dict[str, Any]]) -> Table:
    """Show the agreement with another tool."""
    table = Table(title="rows that stay, beside another tool's decisions")
    for name in ("threshold", "compared", "ours", "theirs", "same", "kappa"):
        table.add_column(name, justify="left" if name == "compared" else "right")
    for one in results:
        kappa = "" if one["kappa"] is None else f"{one['kappa']:.2f}"
        shares = (str(one["ours"]), str(one["theirs"]), f"{one['same']:.3f}", kappa)
        table.add_row(one["threshold"], one["compared"], *shares)
    return table


if __name__ == "__main__":
    main()
