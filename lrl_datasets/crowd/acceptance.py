"""From which helpfulness on an answer is accepted, where a precision is wanted instead of a number.

Takes what `aggregation.weigh` found on one question, gives the threshold with what it rests on, as the manifest has it.
"""

from __future__ import annotations

import math
from typing import Any

from lrl_datasets.crowd import calibration
from lrl_datasets.crowd.aggregation import DECIMALS, Aggregated


def choose(found: Aggregated, precision: float, minimum: float) -> dict[str, Any]:
    """Choose the threshold: the lowest from `minimum` on whose answers are expected to help in the wanted share.

    A posterior that is not calibrated promises no precision; then it is the minimum, and `note` says so. The
    bound is by the golden tasks, at the answers' expected share of helpful ones, and holds where that does.

    Returns
    -------
    dict
        `threshold` (None: not even the most probable answers reach the precision), `expected_precision`,
        `accepted`, `bound` (95 %, one-sided) and `golden_tasks`, those at or above the threshold.
    """
    told: dict[str, Any] = {"precision": precision, "minimum": minimum}
    if found.control is None:
        note = "the posterior is not calibrated, so it promises no precision: the minimum holds"
        return told | {"threshold": minimum, "note": note}
    control = found.control
    chosen = calibration.acceptance(
        found.table["helpfulness"].to_numpy(), precision, control.placed, control.good, minimum,
        share=control.share, mix=control.weight,
    )  # fmt: skip
    if chosen is None:
        note = "not even the most probable answers are expected to help in the wanted share: none is accepted"
        return told | {"threshold": None, "note": note}
    return told | {
        "threshold": chosen.threshold,
        "expected_precision": round(chosen.expected_precision, DECIMALS),
        "accepted": chosen.accepted,
        "bound": None if chosen.bound is None else round(chosen.bound, DECIMALS),
        "golden_tasks": round(chosen.golden, DECIMALS),
    }


def threshold(told: dict[str, Any]) -> float:
    """Return the number to compare with; infinite where no answer is accepted."""
    return math.inf if told["threshold"] is None else float(told["threshold"])


def words(told: dict[str, Any]) -> str:
    """Say it in a sentence."""
    if "note" in told:
        return f"precision {told['precision']:g} wanted; {told['note']}" + (
            "" if told["threshold"] is None else f" ({told['threshold']:g})"
        )
    bound = (
        f", at least {told['bound']:.3f} by the golden tasks, {told['golden_tasks']:g} of them there (95 %)"
        if told["bound"] is not None
        else ", and no golden task lies there to prove it"
    )
    return (
        f"accepted from helpfulness {told['threshold']:.4g} on: precision {told['precision']:g} wanted, "
        f"{told['expected_precision']:.3f} expected of {told['accepted']} answers{bound}"
    )
