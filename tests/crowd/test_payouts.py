"""Who is paid what, on sums small enough to check."""

from __future__ import annotations

from decimal import Decimal
from typing import Any

from lrl_datasets.crowd.payouts import Bonus, median_hourly, of_stage


def suite(assignment: str, verdict: str, worker: str = "w", tasks: int = 5) -> dict[str, Any]:
    return {"stage": 1, "assignment": assignment, "worker": worker, "verdict": verdict, "tasks": tasks}


def test_accepted_suites_are_paid_the_others_not_and_time_is_all_the_time() -> None:
    (row,) = of_stage(
        [suite("a", "accept"), suite("b", "accepted"), suite("c", "reject"), suite("d", "wait")],
        rewards={"a": 0.1, "b": 0.2, "c": 0.1, "d": 0.1},
        seconds={"a": 600.0, "b": 600.0, "c": 600.0, "d": 600.0},
    )
    assert (row["suites_paid"], row["suites_refused"], row["suites_waiting"]) == (2, 1, 1)
    assert (row["base"], row["bonus"], row["total"]) == (Decimal("0.3000"), Decimal(0), Decimal("0.3000"))
    assert row["tasks_paid"] == 10
    assert (row["seconds"], row["per_hour"]) == (1800.0, 0.6)  # the refused suite took time too


def test_the_price_of_the_campaign_counts_where_the_export_has_none() -> None:
    suites = [suite("a", "accept"), suite("b", "accept")]
    (row,) = of_stage(suites, rewards={"a": 0.5}, seconds={}, price=0.25)
    assert (row["base"], row["suites_unpriced"], row["per_hour"]) == (Decimal("0.7500"), 0, None)
    (free,) = of_stage(suites, rewards={}, seconds={"a": 60.0})
    assert (free["base"], free["suites_unpriced"], free["per_hour"]) == (Decimal(0), 2, None)


def test_a_bonus_is_a_share_of_the_base_in_whole_cents() -> None:
    suites = [suite(f"{worker}{n}", "accept", worker) for worker in ("best", "good", "new") for n in range(3)]
    rows = of_stage(
        suites, rewards={}, seconds={}, price=0.35, bonus=Bonus(0.1, 0.9, 10),
        quality={"best": (9, 10), "good": (8, 10), "new": (9, 9)},
    )  # fmt: skip
    # 10 % of 1.05 is .105: eleven cents.
    assert {row["worker"]: row["bonus"] for row in rows} == {
        "best": Decimal("0.1100"), "good": Decimal(0), "new": Decimal(0),
    }  # fmt: skip


def test_what_suites_of_unknown_time_brought_is_not_divided_by_the_time_of_the_others() -> None:
    suites = [suite("a", "accept"), suite("b", "accept")]
    (row,) = of_stage(suites, rewards={}, seconds={"a": 3600.0}, price=3.0)
    assert (row["total"], row["per_hour"]) == (Decimal("6.0000"), 3.0)
    (with_bonus,) = of_stage(
        suites, rewards={}, seconds={"a": 3600.0}, price=3.0, bonus=Bonus(0.5, 0.5, 1), quality={"w": (1, 1)}
    )
    assert (with_bonus["total"], with_bonus["per_hour"]) == (Decimal("9.0000"), 4.5)


def test_the_median_worker() -> None:
    assert median_hourly([{"per_hour": value} for value in (1.0, None, 9.0, 2.0)]) == 2.0
    assert median_hourly([{"per_hour": None}]) is None


def test_tenths_of_a_cent_add_up() -> None:
    rows = [suite(f"s{n}", "accept") for n in range(1000)]
    (row,) = of_stage(rows, rewards={}, seconds={}, price=0.001)
    assert row["base"] == Decimal("1.0000")  # as floats 1.0000000000000007
