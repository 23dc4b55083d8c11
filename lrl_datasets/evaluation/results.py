"""What an evaluation gave: scores with their interval, as JSON and as a table.

Beside each score stand its prompt family, split, number of items, 95 % confidence interval and the smallest
difference between two models that a run of this size would find, so that nobody reads more out of a table
than it holds.
"""

from __future__ import annotations

import json
import math
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any

from lrl_datasets.errors import LrlError
from lrl_datasets.intervals import Z_95

if TYPE_CHECKING:
    from rich.table import Table

DETECTABLE = (
    "detectable: the smallest difference that 80 % power finds at 5 %, runs unpaired; none: too few items"
)
Z_80 = 0.841621  # power of 80 %


@dataclass(frozen=True)
class Score:
    """One metric of one task or group. Shares run from 0 to 1, chrF from 0 to 100."""

    task: str
    prompt_family: str
    dataset: str
    commit: str | None
    """The commit of the dataset that was read; null where it came from elsewhere than a Hub."""
    sample: bool | None
    """The rows are SAMPLE rows, written for a rehearsal; null where the dataset's card could not be read."""
    split: str
    n: int
    """Items scored."""
    items: int
    """Items the split holds."""
    metric: str
    value: float
    low: float | None
    """Lower end of the 95 % confidence interval; null where one item, or items all alike, allow none."""
    high: float | None
    detectable: float | None
    """Smallest difference found with 80 % power; see `detectable_difference`."""
    percent: bool
    """The value is a share, shown in percent."""


@dataclass(frozen=True)
class Results:
    """What a run gave."""

    model: str
    revision: str | None
    kind: str
    """`causal` or `seq2seq`, as the harness found it."""
    limit: int | None
    scores: list[Score]
    endpoint: str
    """The Hub in use, without credentials."""
    offline: bool
    """The rows are the cache's and were compared with no Hub."""
    versions: dict[str, str] = field(default_factory=dict)

    def table(self) -> Table:
        """Return the scores as a table for the terminal."""
        return _table(self)

    def write(self, folder: Path) -> None:
        """Write `results.json` and `results.txt` (the table) into a folder."""
        _write(self, folder)

    def score(self, task: str, metric: str) -> Score:
        """Return one score; `KeyError` where the run has none of that name."""
        for score in self.scores:
            if (score.task, score.metric) == (task, metric):
                return score
        raise KeyError(f"{task}, {metric}")


def _write(results: Results, output: Path) -> None:
    from rich.console import Console

    make_folder(output)
    text = json.dumps(asdict(results), indent=2, ensure_ascii=False, allow_nan=False)
    (output / "results.json").write_text(text + "\n", encoding="utf-8")
    with (output / "results.txt").open("w", encoding="utf-8") as file:
        Console(file=file, width=140).print(results.table())


def make_folder(folder: Path) -> None:
    """Make a folder for what a run writes, unless it is there.

    Raises
    ------
    LrlError
        Something else is in its place, or it may not be made.
    """
    try:
        folder.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise LrlError(f"{folder}: is not a folder and cannot be made one: {error.strerror}") from error


def _table(results: Results) -> Table:
    from rich.table import Table

    title = f"{results.model} ({results.kind})" + (
        f", first {results.limit} items only" if results.limit else ""
    )
    table = Table(title=title, caption="\n".join([DETECTABLE, *source_notes(asdict(results))]))
    for name in ("task", "prompts", "split"):
        table.add_column(name)
    for name in ("n", "metric", "score", "95 % interval", "detectable"):
        table.add_column(name, justify="left" if name == "metric" else "right")
    for score in results.scores:
        scale = 100 if score.percent else 1
        interval = "–" if score.low is None else f"{score.low * scale:.1f}–{(score.high or 0) * scale:.1f}"
        table.add_row(
            score.task, score.prompt_family, score.split + (" (SAMPLE)" if score.sample else ""),
            str(score.n) if score.n == score.items else f"{score.n} of {score.items}",
            f"{score.metric} %" if score.percent else score.metric,
            f"{score.value * scale:.1f}", interval, detectable(score.detectable, scale),
        )  # fmt: skip
    return table


def detectable(difference: float | None, scale: float) -> str:
    """Write a detectable difference as the tables have it."""
    if difference is None:
        return "–"
    return "none" if difference * scale >= 100 else f"{difference * scale:.1f}"


def source_notes(results: dict[str, Any]) -> list[str]:
    """Say where the rows of a run come from and what to make of them, as its table and the fine-tune's say it.

    Parameters
    ----------
    results
        `Results` as JSON has it.
    """
    scores = [score for score in results["scores"] if not score["dataset"].endswith(" tasks")]
    if results["offline"]:
        notes = ["offline: datasets from the cache, not compared with a Hub"]
    else:
        notes = [f"datasets from {results['endpoint']}"]
    if any(score["sample"] for score in scores):
        notes.append("SAMPLE: rows written for a rehearsal, their scores mean nothing")
    folders = dict.fromkeys(score["task"] for score in scores if score["commit"] is None)
    unread = dict.fromkeys(score["task"] for score in scores if score["commit"] and score["sample"] is None)
    for names, what in ((folders, "from no commit of a Hub"), (unread, "SAMPLE or not is unknown")):
        if names:
            notes.append(f"{what}: {', '.join(names)}")
    return notes


# ---- statistics -----------------------------------------------------------------------------------------


def share_error(successes: int, n: int) -> float:
    """Return the standard error of a share, at (successes + 2) / (n + 4) so that it is not 0 at 0 or n."""
    share = (successes + 2) / (n + 4)
    return math.sqrt(share * (1 - share) / n)


def detectable_difference(error: float) -> float:
    """Return the smallest difference between two models that a run of this size finds.

    With a two-sided test at 5 % and a power of 80 %, both models scored on as many items with the same
    standard error and taken as independent:

        d = (z₀.₉₇₅ + z₀.₈₀) · √2 · error = (1.960 + 0.842) · 1.414 · error ≈ 3.96 · error

    with error = √(p (1 − p) / n) for a share. Two models on the same items are in truth paired, and their
    differences vary less: d is the cautious side.
    """
    return (Z_95 + Z_80) * math.sqrt(2) * error
