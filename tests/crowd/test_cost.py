"""What was paid: two stages worked out by hand."""

from __future__ import annotations

from decimal import Decimal
from pathlib import Path

import pyarrow as pa
import pytest
from typer.testing import CliRunner

from lrl_datasets.cli import app
from lrl_datasets.crowd import cost
from lrl_datasets.crowd.payouts import PAYOUTS
from tests.sources.exports import ANSWER_TOML, MAJORITY_TOML, answer, campaign, vote


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


MONEY = """
[money]
currency = "USD"
minimum_hourly_pay = 2.0
platform_fee = 0.2
"""


def test_a_campaign_of_three_suites_from_its_exports(tmp_path: Path) -> None:
    # Two answers at 0.50, of 10 and of 20 minutes; one judge takes 4 minutes for both, at 0.10, and finds the second
    # one bad: it is not paid, and its author's time counts.
    head, stages = ANSWER_TOML.split("[[stage]]")
    toml = f"{head}{MONEY}[[stage]]{stages}[stage.tasks]\nprice = 0.5\n{MAJORITY_TOML}[stage.tasks]\nprice = 0.1\n"
    times = {"started": "2024-01-01T12:00:00", "submitted": "2024-01-01T12:04:00"}
    place = campaign(
        tmp_path / "c",
        [
            answer("a1", worker_id="w1", status="SUBMITTED", submitted="2024-01-01T10:10:00"),
            answer("a2", text="Sijui.", worker_id="w2", status="SUBMITTED", submitted="2024-01-01T10:20:00"),
        ],
        [
            vote("a1", "yes", "v1", "judge", status="SUBMITTED", **times),
            vote("a2", "no", "v1", "judge", answer="Sijui.", status="SUBMITTED", **times),
        ],
        toml,
    )
    done = CliRunner().invoke(app, ["crowd", "cost", "--campaign", str(place)], catch_exceptions=False)
    assert done.exit_code == 0, done.output
    rows = [line.replace("│", " ").split() for line in done.output.splitlines() if line.startswith("│")]
    assert rows == [
        # stage, workers, suites paid, paid, fee, hours, an hour, median worker
        ["1", "2", "1", "0.50", "0.10", "0.5", "1.00", "1.50"],  # 3.00 and nothing an hour
        ["2", "1", "1", "0.10", "0.02", "0.1", "1.50", "1.50"],
    ]
    said = " ".join(done.output.split())
    assert "0.72 USD in all; 1 answer accepted, 0.720 USD an accepted answer" in said
    assert (
        "stage 1: the median worker earned 1.50 an hour, below the floor of 2.00; 1 of 2 workers did" in said
    )
    assert (
        "stage 2: the median worker earned 1.50 an hour, below the floor of 2.00; 1 of 1 workers did" in said
    )
