"""How well aggregation methods find the truth on real crowds, with `auto` beside them, and what it costs.

    python benchmarks/crowd.py DIR [--draws 20] [--golden 20 50] [--without METHOD ...] [--json FILE]
    python benchmarks/crowd.py --simulated N [--first SEED]
    python benchmarks/crowd.py --speed

DIR holds sets of votes and truth at any depth, in the layouts of `crowd_sets.py`; one that cannot be read is named
and the others are measured. For each set: accuracy of every method over all items with a truth (a tie of n labels
counts 1/n) with its 95 % bootstrap interval over items; `auto` without golden tasks; and `auto` with golden tasks
drawn from the items with a truth, seeded, scored on the other items beside the best method on these same items.
More golden tasks than half of these items are not drawn. Regret is that best method's accuracy less that of `auto`;
"closed" the share of the distance, between the method that is best on average (of crowd-kit's, and of all) and the
best of each set, that `auto` closes; "by teaching" what `auto` gains where golden tasks do not only weigh the methods
but one learns from them (intervals: 95 %, bootstrap over sets). Calibration error is the expected one of the most
probable label (ten bins), before and after, and what a perfect posterior would show on as many items. Where a set
says what errors cost, the mean cost of the most probable label and of the one with the least expected cost is shown.
Nothing is fitted on the folder under test.

`--simulated` measures the same on N crowds of `simulated_crowds.py`: what in `auto` was chosen, was chosen there.
`--speed` aggregates 1,000,000 simulated votes of 5,000 workers.

Votes are sorted by item, worker and label first. crowd-kit 1.4.2 gives a majority's tie to the label that it meets
first, and Wawa takes skills from that majority: with the same votes in five other orders its accuracy was .880 to
.893 on CF and .796 to .800 on MS of the truth20 sets, so published figures that far apart are one method's.
"""

from __future__ import annotations

import argparse
import json
import resource
import sys
import time
from collections.abc import Collection
from dataclasses import replace
from pathlib import Path
from typing import Any

import crowd_sets
import numpy as np
import pyarrow as pa
import simulated_crowds
from rich.console import Console
from rich.table import Table

from lrl_datasets.crowd import aggregation, calibration, combine, methods
from lrl_datasets.crowd.bayesian import Coded, Codes, Floats
from lrl_datasets.errors import LrlError

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
    parser.add_argument("--draws", type=int, help="of golden tasks; 20 on real sets, 3 on simulated ones")
    parser.add_argument("--golden", type=int, nargs="*", default=[20, 50])
    parser.add_argument("--without", nargs="*", default=[], metavar="METHOD", choices=methods.METHODS)
    parser.add_argument("--simulated", type=int, metavar="N", help="measure on N simulated crowds")
    parser.add_argument("--first", type=int, default=0, metavar="SEED", help="of the first simulated crowd")
    parser.add_argument("--speed", action="store_true")
    parser.add_argument("--json", type=Path)
    arguments = parser.parse_args()
    results: dict[str, Any]
    if arguments.speed:
        results = {"speed": speed()}
        Console(width=160).print(results["speed"])
    elif arguments.simulated:
        sets = {}
        for seed in range(arguments.first, arguments.first + arguments.simulated):
            drawn = simulated_crowds.crowd(seed)
            sets[f"crowd {seed}"] = measure(*drawn, arguments.golden, arguments.draws or 3, arguments.without)
            print(f"measured: crowd {seed}", file=sys.stderr)
        results = {"sets": sets, "summary": summary(sets, arguments.golden), "methods": by_method(sets)}
        show_together(results)
    elif arguments.directory is None:
        parser.error("name the folder of sets, --simulated N or --speed")
    else:
        results = of_folder(arguments.directory, arguments.golden, arguments.draws or 20, arguments.without)
        show(results)
        show_together(results)
    if arguments.json:
        arguments.json.write_text(json.dumps(results, indent=1) + "\n", encoding="utf-8")


def of_folder(directory: Path, sizes: list[int], draws: int, without: Collection[str]) -> dict[str, Any]:
    """Measure every set of a folder; what cannot be read is named."""
    try:
        found, unread = crowd_sets.read(directory)
    except LrlError as error:
        raise SystemExit(str(error)) from None
    for name, reason in unread.items():
        print(f"not measured: {name}: {reason}", file=sys.stderr)
    if not found:
        raise SystemExit(f"{directory}: no set that can be read; {crowd_sets.LAYOUTS}")
    sets = {}
    for name, one in found.items():
        coded, true, labels = code(one.votes, one.truth)
        costs = None if one.costs is None else cost_matrix(one.costs, labels)
        sets[name] = measure(coded, true, sizes, draws, without, costs)
        sets[name]["notes"] = one.notes + sets[name]["notes"]
        print(f"measured: {name}", file=sys.stderr)
    return {"sets": sets, "unread": unread, "summary": summary(sets, sizes), "methods": by_method(sets)}


def measure(
    coded: Coded,
    true: Codes,
    sizes: list[int],
    draws: int,
    without: Collection[str],
    costs: Floats | None = None,
) -> dict[str, Any]:
    """Measure one set; `true` is -1 where an item's label is not known, `costs` true × given labels."""
    known = np.flatnonzero(true >= 0)
    found = combine.members(coded, without=without)
    posteriors = dict(found.posteriors)
    for name in methods.METHODS:
        if name not in (*found.posteriors, *found.left_out, *without):
            posteriors[name] = methods.posterior(coded, name)
    hits = {name: right(posterior, true)[known] for name, posterior in posteriors.items()}
    best = max(hits, key=lambda name: float(hits[name].mean()))
    plain = combine.combine(found)
    equal = np.mean(list(found.posteriors.values()), axis=0)
    result: dict[str, Any] = {
        "items": coded.n_items, "scored": len(known), "workers": coded.n_workers,
        "labels": coded.n_labels, "votes": len(coded.items), "left_out": dict(found.left_out), "best": best,
        "methods": {
            name: interval(values)
            | {"error": calibration.calibration_error(posteriors[name][known].max(axis=1), values)}
            for name, values in hits.items()
        },
        "auto": {
            "0": score(plain, posteriors, true, known, costs) | interval(right(plain.posterior, true)[known])
        },
        "averages": {
            name: interval(right(average, true)[known])
            | {
                "error": calibration.calibration_error(average[known].max(axis=1), right(average, true)[known])
            }
            for name, average in (("auto", plain.posterior), ("equal weights", equal))
        },
        "notes": [f"{name} left out: {reason}" for name, reason in found.left_out.items()],
    }  # fmt: skip
    for size in sizes:
        if size > len(known) // 2:
            told = f"{size} golden tasks not drawn: of {len(known)} items with a truth fewer would be left to score on"
            result["notes"].append(told)
            continue
        scores = []
        for seed in range(draws):
            golden = np.random.default_rng(seed).choice(known, size, replace=False)
            seen = np.full(coded.n_items, -1)
            seen[golden] = true[golden]
            combined = combine.combine(replace(found, taught=combine.taught(coded, seen)), seen)
            rest = np.setdiff1d(known, golden)
            untaught = right(combine.combine(found, seen).posterior, true)[rest]
            scores.append(
                score(combined, posteriors, true, rest, costs) | {"untaught": float(untaught.mean())}
            )
        of_all = {key: float(np.mean([one[key] for one in scores])) for key in scores[0] if key != "weights"}
        spread = np.quantile([one["accuracy"] for one in scores], [0.025, 0.975])
        names = scores[0]["weights"]
        weights = {name: float(np.mean([one["weights"][name] for one in scores])) for name in names}
        result["auto"][str(size)] = of_all | {
            "low": float(spread[0]), "high": float(spread[1]), "weights": weights,
        }  # fmt: skip
    return result


def code(votes: crowd_sets.Votes, truth: dict[str, str]) -> tuple[Coded, Codes, list[str]]:
    """Code the votes in a fixed order; an item's truth is -1 where it is not known. Also the labels in theirs."""
    ordered = sorted(votes)
    names = [sorted({vote[at] for vote in ordered}) for at in range(3)]
    names[2] = sorted({*names[2], *(truth[item] for item in names[0] if item in truth)})
    places = [{name: place for place, name in enumerate(listed)} for listed in names]
    items, workers, labels = (
        np.array([places[at][vote[at]] for vote in ordered], dtype=np.int64) for at in range(3)
    )
    true = np.array([places[2][truth[item]] if item in truth else -1 for item in names[0]])
    return Coded(items, workers, labels, *(len(listed) for listed in names)), true, names[2]


def cost_matrix(costs: dict[tuple[str, str], float], labels: list[str]) -> Floats:
    """True × given labels; what the set does not say costs 0 where it is right and 1 where it is wrong."""
    return np.array([[costs.get((true, given), float(true != given)) for given in labels] for true in labels])


def right(posterior: Floats, true: Codes) -> Floats:
    """1 where the most probable label is the true one, 1/n in a tie of n."""
    top = posterior >= posterior.max(axis=1, keepdims=True) - 1e-9
    return np.asarray(top[np.arange(len(true)), true] / top.sum(axis=1) * (true >= 0))


def score(
    combined: combine.Combined,
    posteriors: dict[str, Floats],
    true: Codes,
    items: Codes,
    costs: Floats | None,
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
        "log_score": float(
            np.log(np.clip(combined.posterior[items, true[items]], calibration.FLOOR, 1)).mean()
        ),
        **{f"method {name}": value for name, value in of_methods.items()},
        **({} if costs is None else cost(combined.posterior[items], true[items], costs)),
    }


def cost(posterior: Floats, true: Codes, costs: Floats) -> dict[str, float]:
    """Mean cost of the most probable label, and of the one whose expected cost is least."""
    decided = {
        "cost_most_probable": posterior.argmax(axis=1),
        "cost_least": (posterior @ costs).argmin(axis=1),
    }
    return {name: float(costs[true, given].mean()) for name, given in decided.items()}


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
            "ahead": interval_of_mean([row["accuracy"] - row[f"method {single}"] for row in rows]),
            "regret_mean": mean(row["regret"] for row in rows),
            "regret_max": max(row["regret"] for row in rows),
            "error_before": mean(row["error_before"] for row in rows),
            "error_after": mean(row["error_after"] for row in rows),
            "error_after_max": max(row["error_after"] for row in rows),
            "error_perfect": mean(row["error_perfect"] for row in rows),
            "log_score": mean(row["log_score"] for row in rows),
            "by_teaching": mean(gained := [row["accuracy"] - row.get("untaught", row["accuracy"]) for row in rows]),
            "by_teaching_interval": interval_of_mean(gained),
        }  # fmt: skip
    return told


def by_method(sets: dict[str, Any]) -> dict[str, Any]:
    """Put each method's sets together: accuracy, regret to the best method of a set, calibration error."""
    told = {}
    for name in (*methods.METHODS, "equal weights", "auto"):
        rows = [
            (one["methods"].get(name) or one["averages"][name], one["methods"][one["best"]])
            for one in sets.values()
            if name in one["methods"] or name in one["averages"]
        ]
        if rows:
            lost = [best["accuracy"] - own["accuracy"] for own, best in rows]
            told[name] = {
                "sets": len(rows), "accuracy": mean(own["accuracy"] for own, _ in rows),
                "regret_mean": mean(lost), "regret_max": max(lost), "error": mean(own["error"] for own, _ in rows),
            }  # fmt: skip
    return told


def interval_of_mean(differences: list[float]) -> list[float]:
    """95 % bootstrap interval of a mean over sets."""
    rng, values = np.random.default_rng(0), np.array(differences)
    means = [rng.choice(values, len(values)).mean() for _ in range(BOOTSTRAPS)]
    return [float(value) for value in np.quantile(means, [0.025, 0.975])]


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
    n_golden = 200 * overlap
    golden = pa.table(
        {
            "golden_item": [f"g{number // overlap:04d}" for number in range(n_golden)],
            "worker": table["worker"][:n_golden],
            "label": table["label"][:n_golden],
            "golden": pa.array(np.array(["no", "yes"])[truth[items[:n_golden]]]),
        }
    )
    told: dict[str, Any] = {}
    for name, method, known in (
        ("dawid-skene", "dawid-skene", None),
        ("auto", aggregation.AUTO, None),
        ("auto with 200 golden tasks", aggregation.AUTO, golden),
    ):
        started = time.perf_counter()
        found = aggregation.weigh(table, method, {"yes"}, known)
        took = time.perf_counter() - started
        guessed = found.table["helpfulness"].to_numpy() > 0.5
        told[name] = {
            "seconds": round(took, 1),
            "peak_mb_so_far": resource.getrusage(resource.RUSAGE_SELF).ru_maxrss // 1024,
            "accuracy": float((guessed == truth).mean()),
            "left_out": dict(found.combined.left_out) if found.combined else {},
        }
    return told


def show(results: dict[str, Any]) -> None:
    """Print accuracy by set and method, `auto` by set and golden tasks, and what is to be said of the sets."""
    console = Console(width=190)
    costs = any("cost_least" in one["auto"]["0"] for one in results["sets"].values())
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
        *(("cost of most probable", "least expected") if costs else ()),
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
                *(_cost(row, key) for key in ("cost_most_probable", "cost_least") if costs),
                ", ".join(f"{SHORT.get(method, method)} {weight:.2f}" for method, weight in heaviest),
            )  # fmt: skip
    for table in (first, second):
        console.print(table)
    for name, one in results["sets"].items():
        for note in one["notes"]:
            console.print(f"{name}: {note}", markup=False, highlight=False)
    for name, reason in results["unread"].items():
        console.print(f"not measured: {name}: {reason}", markup=False, highlight=False, style="red")


def show_together(results: dict[str, Any]) -> None:
    """Print the methods over all sets, and `auto` beside them."""
    console = Console(width=220)
    fourth = Table(title="each method over the sets it was asked of, without golden tasks")
    for name in ("method", "sets", "accuracy", "regret", "max", "calibration error"):
        fourth.add_column(name, justify="left" if name == "method" else "right")
    for name, row in results["methods"].items():
        figures = (row["accuracy"], row["regret_mean"], row["regret_max"], row["error"])
        fourth.add_row(name, str(row["sets"]), *(f"{figure:.3f}" for figure in figures))
    third = Table(title="all sets")
    columns = ("golden", "sets", "auto", "best of crowd-kit", "closed", "best single", "closed", "ahead of it",
               "by teaching", "best per set", "regret", "max", "error before",
               "after", "max", "perfect")  # fmt: skip
    for name in columns:
        third.add_column(name, justify="right")
    for size, row in results["summary"].items():
        third.add_row(
            size, str(row["sets"]), f"{row['auto']:.3f}",
            _single(row, "crowd_kit"), _share(row["closed_from_crowd_kit"]),
            _single(row, "single"), _share(row["closed"]),
            "[{:+.3f}, {:+.3f}]".format(*row["ahead"]),
            "{:+.3f} [{:+.3f}, {:+.3f}]".format(row["by_teaching"], *row["by_teaching_interval"]),
            f"{row['best_per_set_mean']:.3f}",
            *(f"{row[key]:.3f}" for key in ("regret_mean", "regret_max", "error_before", "error_after",
                                            "error_after_max", "error_perfect")),
        )  # fmt: skip
    for table in (fourth, third):
        console.print(table)


def _single(row: dict[str, Any], which: str) -> str:
    name = row[f"best_{which}"]
    return f"{SHORT.get(name, name)} {row[f'best_{which}_mean']:.3f}"


def _cost(row: dict[str, Any], key: str) -> str:
    return f"{row[key]:.3f}" if key in row else "–"


def _share(closed: float | None) -> str:
    return "–" if closed is None else f"{closed:.2f}"


def _interval(figures: dict[str, float] | None) -> str:
    if figures is None:
        return "left out"
    return f"{figures['accuracy']:.3f} [{figures['low']:.2f}, {figures['high']:.2f}]"


if __name__ == "__main__":
    main()
