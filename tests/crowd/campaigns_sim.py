"""Whole simulated campaigns as tables, for the planner's test: what a plan predicts, as it then happens."""

from __future__ import annotations

from collections import Counter, defaultdict
from typing import Any

import pyarrow as pa

from lrl_datasets.crowd import aggregation, simulation
from lrl_datasets.crowd.plan import Plan, Stage
from lrl_datasets.crowd.tasks import suites

PLANS = {
    "plain": Plan(
        prompts=80, minimum_hourly_pay=3.0, platform_fee=0.3, refused_is_paid=True, majority=True,
        crowd={"expert": 6, "average": 18, "hasty": 3, "spammer": 3},
        answers=Stage(suite=1, overlap=2, seconds=180, price=0.2),
        judgements=Stage(suite=7, overlap=5, seconds=25, price=0.16, golden_share=1 / 7),
    ),
    "banned, reopened": Plan(
        prompts=80, minimum_hourly_pay=3.0, platform_fee=0.3, refused_is_paid=True, majority=True,
        crowd={"expert": 5, "average": 15, "hasty": 3, "spammer": 3, "adversarial": 2, "collusive": 3},
        answers=Stage(suite=1, overlap=1, seconds=180, price=0.2),
        judgements=Stage(suite=7, overlap=3, seconds=25, price=0.16, golden_share=1 / 7, ban_after=3, ban_below=0.6),
        most_answers=3,
    ),
    "exam": Plan(
        prompts=60, minimum_hourly_pay=3.0, platform_fee=0.2, refused_is_paid=True, majority=True,
        crowd={"expert": 6, "average": 18, "hasty": 6, "spammer": 6},
        answers=Stage(suite=1, overlap=1, seconds=120, price=0.15),
        judgements=Stage(suite=5, overlap=3, seconds=25, price=0.12, golden_share=0.2, exam=6, exam_pass=0.75),
    ),
    "weighed": Plan(
        prompts=60, minimum_hourly_pay=3.0, platform_fee=0.3, refused_is_paid=True,
        crowd={"expert": 5, "average": 15, "hasty": 3, "spammer": 3, "collusive": 3},
        answers=Stage(suite=1, overlap=2, seconds=180, price=0.2),
        judgements=Stage(suite=7, overlap=5, seconds=25, price=0.16, golden_share=1 / 7, ban_after=3, ban_below=0.6),
    ),
}  # fmt: skip


def run(plan: Plan, seed: int) -> dict[str, float]:
    """Carry a plan out with the simulator: tables of tasks and responses, counted by hand, no model."""
    workers = simulation.recruit(plan.crowd, seed)
    known = {worker.name: worker for worker in workers}
    wanted = {f"p{n}": plan.answers.overlap for n in range(plan.prompts)}
    had: Counter[str] = Counter()
    wrote: defaultdict[str, list[str]] = defaultdict(list)
    control: defaultdict[str, list[bool]] = defaultdict(list)
    votes: list[dict[str, Any]] = []
    prompt_of: dict[str, str] = {}
    good: dict[str, bool] = {}
    money = judgements = days = 0.0
    for turn in range(plan.most_answers or 1):
        tasks = [task(name, number, wrote[name]) for name, number in wanted.items()]
        answered = simulation._work(
            filled(tasks, [], plan.answers, seed + turn), workers, terms(plan.answers), 100 * seed + turn,
            simulation.np.random.default_rng([seed, turn]), lambda worker, row: "text",
        ).to_pylist()  # fmt: skip
        money += plan.answers.price * len({row["assignment"] for row in answered})
        days += duration(answered)
        authors = {}
        for row in answered:
            wrote[row["task"]].append(row["worker"])
            authors[f"{row['task']}/{len(wrote[row['task']])}"] = (row["task"], row["worker"])
        truths = {
            name: "yes" if simulation.is_good(known, worker, f"{seed}{name}") else "no"
            for name, (_, worker) in authors.items()
        }
        judged = simulation.judge(
            filled([task(name, plan.judgements.overlap, [worker, *failed(control, plan.judgements)])
                    for name, (_, worker) in authors.items()], GOLDEN, plan.judgements, seed + turn),
            truths, ("yes", "no"), workers, terms(plan.judgements), 100 * seed + turn,
        ).to_pylist()  # fmt: skip
        money += plan.judgements.price * len({row["assignment"] for row in judged if row["suite"] > 0})
        exam = [row for row in judged if row["suite"] == 0]
        money += plan.judgements.price * len(exam) / plan.judgements.suite
        judgements += len(judged)
        days += duration(judged)
        for row in judged:
            if row["golden"] is not None:
                control[row["worker"]].append(row["output"] == row["golden"])
        votes += judged
        prompt_of |= {name: prompt for name, (prompt, _) in authors.items()}
        good |= {name: truth == "yes" for name, truth in truths.items()}
        # Who fails later is not counted in what he said before either: everything is decided anew.
        decide = accepted_by_majority if plan.majority else accepted_by_weight
        yes = decide(votes, failed(control, plan.judgements))
        had.update(prompt for prompt, _ in authors.values())
        kept = Counter(prompt for name, prompt in prompt_of.items() if yes[name])
        most = plan.most_answers or plan.answers.overlap
        lacking = {
            name: min(plan.answers.overlap - kept[name], most - number) for name, number in had.items()
        }
        wanted = {name: number for name, number in lacking.items() if number > 0}
        if not wanted:
            break
    return {
        "cost": money * (1 + plan.platform_fee),
        "answers written": len(good),
        "judgements": judgements,
        "accepted rows": sum(yes.values()),
        "days": days,
        "label error": sum(yes[name] != truth for name, truth in good.items()) / len(good),
        "bad among accepted": sum(yes[name] and not truth for name, truth in good.items())
        / sum(yes.values()),
    }


def duration(rows: list[dict[str, Any]]) -> float:
    return (
        max(row["submitted"] for row in rows) - min(row["started"] for row in rows)
    ).total_seconds() / 86400


def failed(control: dict[str, list[bool]], stage: Stage) -> set[str]:
    """Whoever has failed the control tasks of all rounds so far: no more tasks, and no vote counts."""
    return {
        worker
        for worker, right in control.items()
        if stage.ban_after and len(right) >= stage.ban_after and sum(right) < stage.ban_below * len(right)
    }


def accepted_by_majority(judged: list[dict[str, Any]], failed: set[str]) -> Counter[str]:
    """More than half of the counted votes say yes."""
    votes: defaultdict[str, list[bool]] = defaultdict(list)
    for row in judged:
        if row["golden"] is None and row["worker"] not in failed:
            votes[row["task"]].append(row["output"] == "yes")
    return Counter({name: int(2 * sum(said) > len(said)) for name, said in votes.items()})


def accepted_by_weight(judged: list[dict[str, Any]], failed: set[str]) -> Counter[str]:
    """What Dawid and Skene make of the counted votes."""
    counted = [row for row in judged if row["golden"] is None and row["worker"] not in failed]
    votes = pa.table(
        {
            "answer_id": [row["task"] for row in counted],
            "worker": [row["worker"] for row in counted],
            "label": [row["output"] for row in counted],
        }
    )
    found = aggregation.aggregate(votes, "dawid-skene", ["yes"]).to_pylist()
    return Counter({row["answer_id"]: int(row["helpfulness"] > 0.5) for row in found})


def task(name: str, overlap: int, not_for: list[str]) -> dict[str, Any]:
    return {
        "suite": 0,
        "task": name,
        "golden": None,
        "hint": None,
        "overlap": overlap,
        "unavailable_for": not_for,
    }


GOLDEN = [{**task(f"g{n}", 1, []), "golden": ("yes", "no")[n % 2]} for n in range(20)]


def filled(tasks: list[dict[str, Any]], golden: list[dict[str, Any]], stage: Stage, seed: int) -> pa.Table:
    schema = suites.tasks_schema(())
    return suites.fill(
        pa.Table.from_pylist(tasks, schema=schema), pa.Table.from_pylist(golden, schema=schema),
        suite=stage.suite, golden_share=stage.golden_share, seed=seed,
    )  # fmt: skip


def terms(stage: Stage) -> simulation.Terms:
    return simulation.Terms(
        stage.seconds, stage.price, stage.exam, stage.exam_pass, stage.ban_after, stage.ban_below
    )
