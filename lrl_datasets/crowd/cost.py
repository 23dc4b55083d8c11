"""What a campaign has cost: really paid, an hour and an accepted row, stage by stage.

Takes the payouts and what was accepted, as `state.compute` gives them. Money stays decimal until it is divided by
time or rows. It is judged by its median worker: a mean hides that half of the people earned less.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from decimal import Decimal
from typing import Any

import pyarrow as pa

from lrl_datasets.crowd.payouts import median_hourly


@dataclass(frozen=True)
class StageCost:
    """One stage."""

    stage: int
    workers: int
    suites: int
    paid: Decimal
    """To workers, bonuses included."""
    fee: Decimal
    """To the platform, on top."""
    hours: float
    """Of work, as far as the exports tell times."""
    per_hour: float | None
    """What all workers together earned per hour."""
    median_per_hour: float | None
    below_floor: int | None
    """Workers who earned less than the floor; None without a floor or without times."""
    unpriced: int
    """Suites that are paid, but of which nobody says how much."""


@dataclass(frozen=True)
class Cost:
    """A whole campaign."""

    stages: tuple[StageCost, ...]
    total: Decimal
    """To workers and platform."""
    accepted: int
    per_accepted: float | None
    warnings: tuple[str, ...]


def report(payouts: pa.Table, accepted: int, *, fee: float = 0.0, floor: float | None = None) -> Cost:
    """Add up what was paid.

    Parameters
    ----------
    payouts
        `payouts.PAYOUTS`: one row a stage and worker.
    accepted
        Answers that were accepted.
    fee, floor
        The platform's share on top, and the minimum hourly pay, as `[money]` of the campaign has them.
    """
    rows = payouts.to_pylist()
    stages = tuple(
        _stage(number, [row for row in rows if row["stage"] == number], fee, floor)
        for number in sorted({row["stage"] for row in rows})
    )
    total = sum((stage.paid + stage.fee for stage in stages), Decimal(0))
    return Cost(
        stages=stages,
        total=total,
        accepted=accepted,
        per_accepted=float(total) / accepted if accepted else None,
        warnings=tuple(_warnings(stages, floor)),
    )


def _stage(number: int, rows: Sequence[dict[str, Any]], fee: float, floor: float | None) -> StageCost:
    paid = sum((row["total"] for row in rows), Decimal(0))
    known = [row for row in rows if row["per_hour"] is not None]
    hours = sum(row["seconds"] for row in rows) / 3600
    timed = sum(row["seconds"] for row in known) / 3600
    earned = sum(row["per_hour"] * row["seconds"] for row in known) / 3600
    return StageCost(
        stage=number,
        workers=len({row["worker"] for row in rows}),
        suites=sum(row["suites_paid"] for row in rows),
        paid=paid,
        fee=(paid * Decimal(str(fee))).quantize(Decimal("0.0001")),
        hours=hours,
        per_hour=earned / timed if timed else None,
        median_per_hour=median_hourly(rows),
        below_floor=sum(row["per_hour"] < floor for row in known) if floor is not None and known else None,
        unpriced=sum(row["suites_unpriced"] for row in rows),
    )


def _warnings(stages: Sequence[StageCost], floor: float | None) -> list[str]:
    warnings = []
    for stage in stages:
        if floor is not None and stage.median_per_hour is not None and stage.median_per_hour < floor:
            warnings.append(
                f"stage {stage.stage}: the median worker earned {stage.median_per_hour:.2f} an hour, below the "
                f"floor of {floor:.2f}; {stage.below_floor} of {stage.workers} workers did"
            )
        if stage.median_per_hour is None:
            warnings.append(f"stage {stage.stage}: what an hour brought is not known: no times, or no prices")
        if stage.unpriced:
            warnings.append(
                f"stage {stage.stage}: {stage.unpriced} paid suites have no price: neither the export nor "
                "`price` of [stage.tasks] says one"
            )
    return warnings
