"""Who is paid what: one row a stage and worker, with the bonus and what came out per hour.

Takes the suites as they were decided. Sums are decimal numbers: money is not rounded on the way.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from decimal import ROUND_HALF_UP, Decimal
from statistics import median
from typing import Any

import pyarrow as pa

CENT = Decimal("0.01")
_MONEY = pa.decimal128(18, 4)

PAYOUTS = pa.schema(
    [
        ("stage", pa.int32()),
        ("worker", pa.string()),
        ("suites_paid", pa.int32()),
        ("suites_refused", pa.int32()),
        ("suites_waiting", pa.int32()),
        ("suites_unpriced", pa.int32()),  # to be paid, but neither export nor campaign.toml says how much
        ("tasks_paid", pa.int32()),
        ("base", _MONEY),
        ("bonus", _MONEY),
        ("total", _MONEY),
        ("seconds", pa.float64()),  # on all suites with known times, refused ones among them
        ("per_hour", pa.float64()),  # null where no time is known, or not every price
    ]
)


@dataclass(frozen=True)
class Bonus:
    """Who did well gets a share on top (`bonus`, `bonus_from`, `bonus_min_tasks` of `[stage.rules]`)."""

    share: float
    quality_from: float
    min_tasks: int = 10


def of_stage(
    reviews: Sequence[Mapping[str, Any]],
    *,
    rewards: Mapping[str, float],
    seconds: Mapping[str, float],
    price: float | None = None,
    suite: int | None = None,
    bonus: Bonus | None = None,
    quality: Mapping[str, tuple[int, int]] | None = None,
) -> list[dict[str, Any]]:
    """Return what each worker of a stage is paid.

    Parameters
    ----------
    reviews
        `decisions.REVIEWS` of one stage. What waits is not paid yet; what the platform accepted is.
    rewards, seconds
        By assignment: what the platform says it pays, and how long the suite took.
    price
        For a suite of which the platform says nothing; a shorter one costs as much, as on the platforms.
    suite
        Tasks that `price` is for, where the export knows no suites: each record is then paid its share by task.
    quality
        By worker: how many of how many tasks were good (accepted answers, or right control tasks).
    """
    of_worker: dict[str, list[Mapping[str, Any]]] = defaultdict(list)
    for review in reviews:
        of_worker[review["worker"]].append(review)
    rows = []
    for worker, suites in sorted(of_worker.items()):
        paid = [row for row in suites if row["verdict"] in ("accept", "accepted")]
        sums = [_earned(row, rewards, price, suite) for row in paid]
        base = sum((amount for amount in sums if amount is not None), Decimal(0))
        extra = Decimal(0)
        good, tasks = (quality or {}).get(worker, (0, 0))
        if bonus and tasks >= bonus.min_tasks and good >= bonus.quality_from * tasks - 1e-9:
            extra = (base * Decimal(str(bonus.share))).quantize(CENT, ROUND_HALF_UP)
        timed = [row for row in suites if row["assignment"] in seconds and row["verdict"] != "wait"]
        spent = sum(seconds[row["assignment"]] for row in timed)
        # What suites of unknown time brought must not be divided by the time of the others.
        earned = sum(
            (sum_ for row, sum_ in zip(paid, sums, strict=True) if sum_ and row["assignment"] in seconds),
            Decimal(0),
        )
        earned += extra * earned / base if base else Decimal(0)
        known = spent > 0 and None not in sums
        rows.append(
            {
                "stage": suites[0]["stage"],
                "worker": worker,
                "suites_paid": len(paid),
                "suites_refused": sum(row["verdict"] in ("reject", "rejected") for row in suites),
                "suites_waiting": sum(row["verdict"] == "wait" for row in suites),
                "suites_unpriced": sums.count(None),
                "tasks_paid": sum(row["tasks"] for row in paid),
                "base": _money(base),
                "bonus": _money(extra),
                "total": _money(base + extra),
                "seconds": spent,
                "per_hour": round(float(earned) / spent * 3600, 4) if known else None,
            }
        )
    return rows


def median_hourly(payouts: Sequence[Mapping[str, Any]]) -> float | None:
    """Return what the median worker earned per hour; None where no time is known."""
    known = [row["per_hour"] for row in payouts if row["per_hour"] is not None]
    return median(known) if known else None


def _earned(
    review: Mapping[str, Any], rewards: Mapping[str, float], price: float | None, suite: int | None
) -> Decimal | None:
    """Say what was handed in at once brings; None where nobody says."""
    told = rewards.get(review["assignment"])
    if told is not None or price is None:
        return None if told is None else Decimal(str(told))
    return Decimal(str(price)) * review["tasks"] / suite if suite else Decimal(str(price))


def _money(amount: Decimal) -> Decimal:
    return amount.quantize(Decimal("0.0001"), ROUND_HALF_UP)
