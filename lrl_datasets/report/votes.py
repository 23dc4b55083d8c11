"""What the votes are worth, as tables: agreement, workers, what the posterior is made of, whether it is calibrated."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from rich import box
from rich.console import RenderableType
from rich.table import Table
from rich.text import Text

from lrl_datasets.crowd import acceptance
from lrl_datasets.crowd.agreement import RELIABLE, WEAK, Agreement
from lrl_datasets.crowd.calibration import Bin
from lrl_datasets.crowd.worth import CampaignWorth, Worth
from lrl_datasets.intervals import clopper_pearson

_BAR = 30
_UNLIKE = 0.1
"""From which difference of the helpful shares on it is said."""


def agreement(found: CampaignWorth) -> Table:
    """Return one line a stage and question; a question asked in several stages has one for all of them too."""
    table = _table("agreement (Krippendorff's alpha, 95 % interval over the answers)")
    for name in ("stage", "question", "alpha", "interval", "", "same label", "answers", "votes", "labels"):
        table.add_column(
            name, justify="right" if name in ("alpha", "same label", "answers", "votes") else "left"
        )
    for one in found.questions:
        lines = [(str(number), of_stage) for number, of_stage in one.stages.items()]
        if len(lines) > 1:
            lines.append(("all", one.agreement))
        for stage, said in lines:
            table.add_row(stage, one.question, *_agreement(said))
    return table


def marks(found: CampaignWorth) -> Table:
    """Return a rubric's mean marks."""
    table = _table("mean marks, 0 to 2")
    for name in ("criterion", "mark", "", "answers", "votes"):
        table.add_column(name, justify="left" if name in ("criterion", "") else "right")
    for name, one in found.marks.items():
        bar = "█" * round(_BAR * one["mean"] / 2)
        table.add_row(name, f"{one['mean']:.2f}", bar, str(one["answers"]), str(one["votes"]))
    return table


def workers(one: Worth, shown: int) -> Table:
    """Return the workers on a question, the least skilled first."""
    rows = one.workers.to_pylist()
    table = _table(
        f"workers on {one.question}, the least skilled first: golden tasks, and beside the others' votes"
    )
    for name in ("worker", "golden right", "share", "interval", "with others", "interval", "votes", "mostly"):
        table.add_column(
            name, justify="right" if name in ("golden right", "share", "with others", "votes") else "left"
        )
    for row in rows[:shown] if shown else rows:
        tasks = row["golden_tasks"]
        right = f"{round(row['golden'] * tasks)} of {tasks}" if tasks else "none"
        table.add_row(
            Text(row["worker"]), right,
            _number(row["golden"]), _interval(row["golden_low"], row["golden_high"]),
            _number(row["others"]), _interval(row["others_low"], row["others_high"]),
            Text(row["reason"] or str(row["votes"])),
            Text(f"{row['label']} {row['share']:.0%}" if row["label"] is not None else ""),
        )  # fmt: skip
    return table


def aggregation(
    name: str, told: Mapping[str, Any], accepted: dict[str, Any] | None = None
) -> list[RenderableType]:
    """Return what a posterior is made of, whether it means what it says and from where on it was accepted.

    `told` and `accepted` are as the manifest has them.
    """
    if "method" not in told:  # a release of an earlier version
        return []
    calibrated = told["kind"] == "calibrated"
    parts: list[RenderableType] = []
    weights = told.get("weights", {})
    golden = told["golden_tasks"]
    if len(weights) > 1:
        table = _table(f"{name}: what auto is made of")
        for column in ("method", "weight", "", f"right of {golden} golden"):
            table.add_column(column, justify="left" if column in ("method", "") else "right")
        right = told.get("right_of_golden", {})
        for method, weight in sorted(weights.items(), key=lambda pair: (-pair[1], pair[0])):
            bar = "█" * round(_BAR * weight)
            table.add_row(method, f"{weight:.3f}", bar, f"{right[method]:.1f}" if right else "")
        parts.append(table)
        parts += [Text(f"left out: {method}, {why}") for method, why in told.get("left_out", {}).items()]
        if not right:
            parts.append(Text("without golden tasks every method weighs what experience gives it"))
        else:
            parts.append(
                Text(
                    f"together {told['right_combined']:.1f} of {golden} golden tasks right; without golden tasks it "
                    f"would be {told['right_without_golden']:.1f}"
                )
            )
    if calibrated:
        error = told["calibration_error"]
        parts.append(
            Text(
                f"{name}: helpfulness is CALIBRATED on {golden} golden tasks ({told['method']}): calibration error "
                f"{error['before']:.3f} before, {error['after']:.3f} after; a perfect one would show "
                f"{error['perfect']:.3f}"
            )
        )
        shares = told.get("helpful_share")  # releases of earlier versions are without
        if shares and abs(shares["golden"] - shares["answers"]) >= _UNLIKE:
            parts.append(
                Text(
                    f"{name}: {shares['golden']:.0%} of the golden tasks are helpful and "
                    f"{shares['answers']:.0%} of the answers are expected to be: {_corrected(shares['corrected'])}"
                )
            )
    else:
        parts.append(
            Text(f"{name}: helpfulness is NOT CALIBRATED ({told['method']}): {told['note']}", style="yellow")
        )
    if accepted:
        parts.append(Text(f"{name}: {acceptance.words(accepted)}"))
    if told.get("more_golden_tasks"):
        parts.append(Text(f"{told['more_golden_tasks']} more golden tasks would pay off: {told['why_more']}"))
    return parts


def _corrected(share: float) -> str:
    if not share:
        return "that may be chance by the votes, so nothing is corrected for it"
    return (
        f"the posterior is corrected for it, {share:.0%} of the way that is more than chance; golden tasks drawn "
        "from the answers, not chosen, would need none of this"
    )


def reliability(name: str, bins: Sequence[Bin]) -> Table:
    """Return the reliability plot as bars: what was said of the golden tasks, and the share that is helpful."""
    table = _table(
        f"{name}: golden tasks by the helpfulness that was said of them, and how many of them help (│ said)"
    )
    for column in ("said", "tasks", "help", "interval", "0" + " " * (_BAR - 2) + "1"):
        table.add_column(column, justify="right" if column in ("tasks", "help") else "left", no_wrap=True)
    for one in bins:
        table.add_row(
            f"{one.low:.1f}–{one.high:.1f}", f"{one.n:.1f}", f"{one.right:.2f}",
            _interval(*clopper_pearson(one.right * one.n, one.n)), _with_mark(one.right, one.said),
        )  # fmt: skip
    return table


def _with_mark(share: float, said: float) -> str:
    bar = list("█" * round(_BAR * share) + " " * (_BAR - round(_BAR * share)))
    bar[min(_BAR - 1, int(_BAR * said))] = "│"
    return "".join(bar)


def _agreement(found: Agreement) -> list[str | Text]:
    if found.alpha is None:
        word = Text("undefined", style="yellow")
    elif found.alpha < WEAK:
        word = Text("weak", style="yellow")
    else:
        word = Text("reliable", style="green") if found.alpha >= RELIABLE else Text("tentative")
    labels = sorted(found.labels.items(), key=lambda pair: (-pair[1], pair[0]))
    return [
        _number(found.alpha), _interval(found.low, found.high), word,
        f"{found.pairs:.0%}" if found.pairs is not None else "", str(found.answers), str(found.votes),
        Text(", ".join(f"{label} {n / found.votes:.0%}" for label, n in labels)),
    ]  # fmt: skip


def _number(value: float | None) -> str:
    return "" if value is None else f"{value:.2f}"


def _interval(low: float | None, high: float | None) -> str:
    return "" if low is None or high is None else f"{low:.2f} to {high:.2f}"


def _table(title: str) -> Table:
    return Table(
        title=title, title_justify="left", title_style="bold", box=box.SIMPLE_HEAD, show_edge=False,
        padding=(0, 1, 0, 0), pad_edge=False,
    )  # fmt: skip
