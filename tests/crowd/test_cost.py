"""What was paid: two stages worked out by hand."""

from __future__ import annotations

from decimal import Decimal

import pyarrow as pa
import pytest

from lrl_datasets.crowd import cost
from lrl_datasets.crowd.payouts import PAYOUTS


def row(
    stage: int, worker: str, suites: int, total: str, seconds: float, unpriced: int = 0
) -> dict[str, object]:
    paid = Decimal(total)
    hourly = round(float(paid) / seconds * 3600, 4) if seconds and not unpriced else None
    return {
        "stage": stage, "worker": worker, "suites_paid": suites, "suites_refused": 0, "suites_waiting": 0,
        "suites_unpriced": unpriced, "tasks_paid": suites, "base": paid, "bonus": Decimal(0), "total": paid,
        "seconds": seconds, "per_hour": hourly,
    }  # fmt: skip


def table(*rows: dict[str, object]) -> pa.Table:
    return pa.Table.from_pylist(list(rows), schema=PAYOUTS)


def test_a_campaign_by_hand() -> None:
    # Stage 1: 2.00 in half an hour and 1.00 in half an hour; stage 2: 0.60 in 12 minutes. Fee 20 %.
    told = cost.report(
        table(row(1, "a", 10, "2.00", 1800), row(1, "b", 5, "1.00", 1800), row(2, "a", 4, "0.60", 720)),
        accepted=9, fee=0.2, floor=2.5,
    )  # fmt: skip
    first, second = told.stages
    assert (first.paid, first.fee, first.hours, first.per_hour) == (
        Decimal("3.00"),
        Decimal("0.60"),
        1.0,
        3.0,
    )
    assert (first.median_per_hour, first.below_floor, first.workers, first.suites) == (3.0, 1, 2, 15)
    assert (second.per_hour, second.below_floor) == (pytest.approx(3.0), 0)
    assert told.total == Decimal("4.32") and told.per_accepted == pytest.approx(0.48)
    assert told.warnings == ()


def test_the_median_counts_not_the_mean() -> None:
    # One quick worker lifts the mean to 3.60 an hour; the median worker earned 1.00.
    told = cost.report(
        table(row(1, "a", 1, "8.80", 3600), row(1, "b", 1, "1.00", 3600), row(1, "c", 1, "1.00", 3600)),
        accepted=0, fee=0.0, floor=2.0,
    )  # fmt: skip
    assert told.stages[0].per_hour == pytest.approx(3.6)
    assert told.per_accepted is None
    assert told.warnings == (
        "stage 1: the median worker earned 1.00 an hour, below the floor of 2.00; 2 of 3 workers did",
    )


def test_what_is_not_known_is_said() -> None:
    told = cost.report(table(row(1, "a", 3, "0", 60, unpriced=3)), accepted=1, floor=2.0)
    assert told.stages[0].median_per_hour is None and told.stages[0].below_floor is None
    assert any("what an hour brought is not known" in warning for warning in told.warnings)
    assert any("3 paid suites have no price" in warning for warning in told.warnings)
