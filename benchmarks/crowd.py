"""How well aggregation methods find the truth on real crowds, with `auto` beside them, and what it costs.

    python benchmarks/crowd.py DIR [--draws 20] [--golden 20 50] [--speed] [--json FILE]

DIR holds folders, at any depth, with votes and truth in one of two layouts: `label.csv` (item, worker, label) and
`truth.csv` (item, truth), or `labels.txt` (worker, item, label; tabs) and `evaluation.txt` (item, truth). For
each set: accuracy of every method over all items with a truth (a tie of n labels counts 1/n) with its 95 %
bootstrap interval over items; `auto` without golden tasks; and `auto` with golden tasks drawn from the items with
a truth, seeded, scored on the other items beside the best method on these same items. Regret is that best
method's accuracy less that of `auto`; "closed" the share of the distance, between the method that is best on
average (of crowd-kit's, and of all) and the best of each set, that `auto` closes. Calibration error is the
expected one of the most probable label (ten bins), before and after, and what a perfect posterior would show on
as many items. `--speed` instead aggregates 1,000,000 simulated votes of 5,000 workers. Nothing is fitted on the
folder under test.
"""

from __future__ import annotations

import argparse
import csv
import json
import resource
import time
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
from rich.console import Console
from rich.table import Table

from lrl_datasets.crowd import aggregation, calibration, combine, methods
from lrl_datasets.crowd.bayesian import Coded, Codes, Floats

Votes = list[tuple[str, str, str]]
BOOTSTRAPS = 1000
SHORT = {
    "zero-based-skill": "ZBS",
    "dawid-skene": "Dawid-Skene",
    "one-coin-dawid-skene": "one-coin",
    "hierarchical-dawid-skene": "hierarchical",
}


def main() -> None:
    """Read the folder, measure every set, print the tables."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("directory", type=Path, nargs="?")
    parser.add_argument("--draws", type=int, default=20)
    parser.add_argument("--golden", type=int, nargs="*", default=[20, 50])
    parser.add_argument("--speed", action="store_true")
    parser.add_argument("--json", type=Path)
    arguments = parser.parse_args()
    results: dict[str, Any]
    if arguments.speed:
        results = {"speed": speed()}
        Console(width=160).print(results["speed"])
    elif arguments.directory is None:
        parser.error("name the folder of sets, or --speed")
    else:
        sets = {
            name: measure(votes, truth, arguments.golden, arguments.draws)
            for name, (votes, truth) in read(arguments.directory).items()
        }
        results = {"sets": sets, "summary": summary(sets, arguments.golden)}
        show(results, arguments.golden)
    if arguments.json:
        arguments.json.write_text(json.dumps(results, indent=1) + "\n", encoding="utf-8")


def read(directory: Path) -> dict[str, tuple[Votes, dict[str, str]]]:
    """Read every set: name → votes (item, worker, label) and truth by item."""
    sets = {}
    for path in sorted(directory.rglob("label*")):
        folder = path.parent
        name = str(folder.relative_to(directory)) if folder != directory else folder.name
        if path.name == "label.csv" and (folder / "truth.csv").exists():
            with path.open(newline="", encoding="utf-8") as file:
                votes = [(row["item"], row["worker"], row["label"]) for row in csv.DictReader(file)]
            with (folder / "truth.csv").open(newline="", encoding="utf-8") as file:
                truth = {row["item"]: row["truth"] for row in csv.DictReader(file)}
        elif path.name == "labels.txt" and (folder / "evaluation.txt").exists():
            cells = [line.split("\t") for line in path.read_text(encoding="utf-8").splitlines() if line]
            votes = [(item, worker, label) for worker, item, label in cells]
            lines = (folder / "evaluation.txt").read_text(encoding="utf-8").splitlines()
            pairs = [line.split("\t") for line in lines if line]
            truth = {pair[0]: pair[1] for pair in pairs}
        else:
            continue
        sets[name] = (votes, truth)
    if not sets:
        raise SystemExit(f"{directory}: no label.csv with truth.csv, nor labels.txt with evaluation.txt")
    return sets


def measure(votes: Votes, truth: dict[str, str], sizes: list[int], draws: int) -> dict[str, Any]:
    """Measure one set."""
    coded, true = code(votes, truth)
    known = np.flatnonzero(true >= 0)
    found = combine.members(coded)
    seconds: dict[str, float] = {}
    posteriors: dict[str, Floats] = {}
    for name in methods.METHODS:
        started = time.perf_counter()
        if name not in found.left_out:
            posteriors[name] = found.posteriors.get(name, methods.posterior(coded, name))
        seconds[name] = time.perf_counter() - started
    hits = {name: right(posterior, true)[known] for name, posterior in posteriors.items()}
    best = max(hits, key=lambda name: float(hits[name].mean()))
    plain = combine.combine(found)
    result: dict[str, Any] = {
        "items": coded.n_items, "scored": len(known), "workers": coded.n_workers,
        "labels": coded.n_labels, "votes": len(votes), "left_out": dict(found.left_out), "best": best,
        "methods": {name: interval(values) for name, values in hits.items()},
        "auto": {"0": score(plain, posteriors, true, known) | interval(right(plain.posterior, true)[known])},
    }  # fmt: skip
    for size in sizes:
        if size > len(known) // 2:
            continue  # too few items would be left to score on
        scores = []
        for seed in range(draws):
            golden = np.random.default_rng(seed).choice(known, size, replace=False)
            seen = np.full(coded.n_items, -1)
            seen[golden] = true[golden]
            combined = combine.combine(found, seen)
            scores.append(score(combined, posteriors, true, np.setdiff1d(known, golden)))
        of_all = {key: float(np.mean([one[key] for one in scores])) for key in scores[0] if key != "weights"}
        spread = np.quantile([one["accuracy"] for one in scores], [0.025, 0.975])
        names = scores[0]["weights"]
        weights = {name: float(np.mean([one["weights"][name] for one in scores])) for name in names}
        result["auto"][str(size)] = of_all | {
            "low": float(spread[0]), "high": float(spread[1]), "weights": weights,
        }  # fmt: skip
    return result


def code(votes: Votes, truth: dict[str, str]) -> tuple[Coded, Codes]:
    """Code the votes in a fixed order; an item's truth is -1 where it is not known."""
    ordered = sorted(votes)
    names = [sorted({vote[at] for vote in ordered}) for at in range(3)]
    names[2] = sorted({*names[2], *(truth[item] for item in names[0] if item in truth)})
    places = [{name: place for place, name in enumerate(listed)} for listed in names]
    items, workers, labels = (
        np.array([places[at][vote[at]] for vote in ordered], dtype=np.int64) for at in range(3)
    )
    true = np.array([places[2][truth[item]] if item in truth else -1 for item in names[0]])
    return Coded(items, workers, labels, *(len(listed) for listed in names)), true


def right(posterior: Floats, true: Codes) -> Floats:
    """1 where the most probable label is the true one, 1/n in a tie of n."""
    top = posterior >= posterior.max(axis=1, keepdims=True) - 1e-9
    return np.asarray(top[np.arange(len(true)), true] / top.sum(axis=1) * (true >= 0))


def score(
    combined: combine.Combined, posteriors: dict[str, Floats], true: Codes, items: Codes
) -> dict[str, Any]:
    """Score `auto` on some items, beside the methods on the same ones."""
    of_methods = {name: float(right(p, true)[items].mean()) for name, p in posteriors.items()}
    hits, before = right(combined.posterior, true)[items], right(combined.raw, true)[items]
    said, said_before = combined.posterior[items].max(axis=1), combined.raw[items].max(axis=1)
    accuracy = float(hits.mean())
    return {
        "accuracy": accuracy,
        "regret": max(of_methods.values()) - accuracy,
        "best": max(of_methods.values()),
        "error_before": calibration.calibration_error(said_before, before),
        "error_after": calibration.calibration_error(said, hits),
        "error_perfect": calibration.perfect_error(said, draws=50),
        "weights": dict(combined.weights),
        **{f"method {name}": value for name, value in of_methods.items()},
    }


def interval(hits: Floats) -> dict[str, float]:
    """Mean with its 95 % bootstrap interval over items (percentiles of seeded resamples)."""
    rng = np.random.default_rng(0)
    means = [float(rng.choice(hits, len(hits)).mean()) for _ in range(BOOTSTRAPS)]
    low, high = np.quantile(means, [0.025, 0.975])
    return {"accuracy": float(hits.mean()), "low": float(low), "high": float(high)}


def summary(sets: dict[str, Any], sizes: list[int]) -> dict[str, Any]:
    """Put the sets together, a row a number of golden tasks; only methods that every set has are compared."""
    told = {}
    for size in ("0", *map(str, sizes)):
        rows = [one["auto"][size] for one in sets.values() if size in one["auto"]]
        if not rows:
            continue
        shared = set.intersection(*({key for key in row if key.startswith("method ")} for row in rows))
        means = {key.removeprefix("method "): mean(row[key] for row in rows) for key in sorted(shared)}
        single = max(means, key=lambda name: means[name])
        library = max((name for name in means if name in methods.CROWD_KIT), key=lambda name: means[name])
        auto, best = mean(row["accuracy"] for row in rows), mean(row["best"] for row in rows)
        told[size] = {
            "sets": len(rows), "auto": auto, "best_single": single, "best_single_mean": means[single],
            "best_crowd_kit": library, "best_crowd_kit_mean": means[library],
            "closed_from_crowd_kit": share(auto, means[library], best),
            "best_per_set_mean": best, "closed": share(auto, means[single], best),
            "regret_mean": mean(row["regret"] for row in rows),
            "regret_max": max(row["regret"] for row in rows),
            "error_before": mean(row["error_before"] for row in rows),
            "error_after": mean(row["error_after"] for row in rows),
            "error_after_max": max(row["error_after"] for row in rows),
            "error_perfect": mean(row["error_perfect"] for row in rows),
        }  # fmt: skip
    return told


def share(auto: float, low: float, high: float) -> float | None:
    """Share of the way from `low` to `high`; None where there is none."""
    return (auto - low) / (high - low) if high > low else None


def mean(values: Any) -> float:
    """Mean of an iterable."""
    return float(np.mean(list(values)))


def speed(votes: int = 1_000_000, workers: int = 5000, overlap: int = 5) -> dict[str, Any]:
    """Time `auto` and Dawid-Skene on simulated votes, from table to table."""
    rng = np.random.default_rng(0)
    items = np.repeat(np.arange(votes // overlap), overlap)
    truth, accuracy = rng.integers(0, 2, votes // overlap), rng.beta(6, 2, workers)
    who = rng.integers(0, workers, len(items))
    label = np.where(rng.random(len(items)) < accuracy[who], truth[items], 1 - truth[items])
    table = pa.table(
        {
            "answer_id": pa.array([f"a{item:08d}" for item in items]),
            "worker": pa.array([f"w{worker:08d}" for worker in who]),
            "label": pa.array(np.array(["no", "yes"])[label]),
        }
    )
    told: dict[str, Any] = {}
    for method in ("dawid-skene", aggregation.AUTO):
        started = time.perf_counter()
        found = aggregation.weigh(table, method, {"yes"})
        took = time.perf_counter() - started
        guessed = found.table["helpfulness"].to_numpy() > 0.5
        told[method] = {
            "seconds": round(took, 1),
            "peak_mb_so_far": resource.getrusage(resource.RUSAGE_SELF).ru_maxrss // 1024,
            "accuracy": float((guessed == truth).mean()),
            "left_out": dict(found.combined.left_out) if found.combined else {},
        }
    return told


def show(results: dict[str, Any], sizes: list[int]) -> None:
    """Print accuracy by set and method, `auto` by set and golden tasks, and the sets together."""
    console = Console(width=190)
    first = Table(title="accuracy over all items with a truth [95 % bootstrap interval]")
    for name in ("set", "items", "labels", *(SHORT.get(name, name) for name in methods.METHODS), "auto"):
        first.add_column(name, justify="left" if name == "set" else "right")
    second = Table(
        title="auto, scored on the items that are no golden tasks; mean of the draws [95 % of the draws]"
    )
    for name in (
        "set",
        "golden",
        "auto",
        "best method",
        "regret",
        "error before",
        "after",
        "perfect",
        "weighs most",
    ):
        second.add_column(name, justify="left" if name in ("set", "weighs most") else "right")
    for name, one in results["sets"].items():
        cells = [_interval(one["methods"].get(method)) for method in methods.METHODS]
        first.add_row(name, str(one["scored"]), str(one["labels"]), *cells, _interval(one["auto"]["0"]))
        for size, row in one["auto"].items():
            heaviest = sorted(row["weights"].items(), key=lambda pair: -pair[1])[:3]
            second.add_row(
                name if size == "0" else "", size, _interval(row), f"{row['best']:.3f}", f"{row['regret']:.3f}",
                *(f"{row[key]:.3f}" for key in ("error_before", "error_after", "error_perfect")),
                ", ".join(f"{SHORT.get(method, method)} {weight:.2f}" for method, weight in heaviest),
            )  # fmt: skip
    third = Table(title="all sets")
    columns = ("golden", "sets", "auto", "best of crowd-kit", "closed", "best single", "closed", "best per set",
               "regret", "max", "error before",
               "after", "max", "perfect")  # fmt: skip
    for name in columns:
        third.add_column(name, justify="right")
    for size, row in results["summary"].items():
        third.add_row(
            size, str(row["sets"]), f"{row['auto']:.3f}",
            _single(row, "crowd_kit"), _share(row["closed_from_crowd_kit"]),
            _single(row, "single"), _share(row["closed"]), f"{row['best_per_set_mean']:.3f}",
            *(f"{row[key]:.3f}" for key in ("regret_mean", "regret_max", "error_before", "error_after",
                                            "error_after_max", "error_perfect")),
        )  # fmt: skip
    for table in (first, second, third):
        console.print(table)


def _single(row: dict[str, Any], which: str) -> str:
    name = row[f"best_{which}"]
    return f"{SHORT.get(name, name)} {row[f'best_{which}_mean']:.3f}"


def _share(closed: float | None) -> str:
    return "–" if closed is None else f"{closed:.2f}"


def _interval(figures: dict[str, float] | None) -> str:
    if figures is None:
        return "left out"
    return f"{figures['accuracy']:.3f} [{figures['low']:.2f}, {figures['high']:.2f}]"


if __name__ == "__main__":
    main()
