"""Who is paid what, on sums small enough to check."""

from __future__ import annotations

import json
from datetime import datetime
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest

from lrl_datasets.crowd.payouts import Bonus, median_hourly, of_stage
from lrl_datasets.crowd.state import Terms, compute
from lrl_datasets.sources.campaign import Campaign


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


ANSWERS = """
name = "mini"
language = "swh_Latn"
license = "CC0-1.0"
[[stage]]
kind = "answer"
format = "table"
pools = ["answers.csv"]
[stage.columns]
worker = "worker"
status = "status"
started = "started"
submitted = "submitted"
prompt = "prompt"
answer = "answer"
"""


@pytest.mark.parametrize("suites", [True, False])
def test_where_no_suites_are_known_each_task_brings_its_share_of_the_price(
    tmp_path: Path, suites: bool
) -> None:
    # Seven answers on two pages of three and one of one; an answer takes 20 seconds and a page pays 0.3.
    lines = ["worker,status,started,submitted,prompt,answer,page"]
    for n in range(7):
        page = range(n // 3 * 3, min(n // 3 * 3 + 3, 7)) if suites else [n]  # a page's time is all its rows'
        began, ended = (f"2024-01-01T10:{20 * m // 60:02}:{20 * m % 60:02}" for m in (page[0], page[-1] + 1))
        lines.append(f"w,accepted,{began},{ended},Swali {n}.,Jibu {n}.,p{n // 3}")
    (tmp_path / "answers.csv").write_text("\n".join(lines) + "\n")
    (tmp_path / "campaign.toml").write_text(ANSWERS + ('assignment_id = "page"\n' if suites else ""))
    found = compute(Campaign().read(tmp_path), datetime(2024, 1, 10), {1: Terms(price=0.3, suite=3)})
    (row,) = found.payouts.to_pylist()
    # The last page is paid whole where it is known to be one.
    assert (row["base"], row["tasks_paid"]) == (Decimal("0.9000") if suites else Decimal("0.7000"), 7)
    assert row["seconds"] == 140.0
    assert row["per_hour"] == pytest.approx(float(row["base"]) * 3600 / 140, abs=1e-4)


def test_a_rubric_in_label_studio_is_one_task_a_person_and_answer(tmp_path: Path) -> None:
    asked = """
[[stage]]
kind = "judgement"
format = "label_studio"
pools = ["votes.json"]
question = "QUESTION"
columns = {answer_id = "$answer_id", label = "QUESTION"}
labels = {positive = ["2"], negative = ["0"]}
"""
    stages = "".join(asked.replace("QUESTION", name) for name in ("helpful", "fluent"))
    (tmp_path / "campaign.toml").write_text(ANSWERS + stages)
    (tmp_path / "answers.csv").write_text(
        "worker,status,started,submitted,prompt,answer\n"
        + "".join(f"w,,,,Swali {n}.,Jibu {n}.\n" for n in range(4))
    )
    records = Campaign(under_way=True).read(tmp_path).candidates["record"].to_pylist()
    marks = [
        {"from_name": name, "to_name": "a", "type": "choices", "value": {"choices": ["2"]}}
        for name in ("helpful", "fluent")
    ]
    tasks = [
        {"id": n, "data": {"answer_id": record},
         "annotations": [{"id": 10 + n, "completed_by": 7, "lead_time": 30.0, "result": marks}]}
        for n, record in enumerate(records, 1)
    ]  # fmt: skip
    (tmp_path / "votes.json").write_text(json.dumps(tasks))
    found = compute(Campaign().read(tmp_path), datetime(2024, 1, 10), {2: Terms(price=0.3, suite=3)})
    (row,) = [row for row in found.payouts.to_pylist() if row["stage"] == 2]
    # Four answers of which three bring 0.3, each half a minute.
    assert (row["base"], row["tasks_paid"], row["seconds"]) == (Decimal("0.4000"), 4, 120.0)
    assert row["per_hour"] == 12.0
