"""Pools before the work: training with hints, the exam, and the retry of those who just missed it.

Takes the control tasks and the rules of a judgement stage (`training_pools`, `exam_pools`, `retry_pools`), gives a
table of suites for each pool that the rules ask for; the tasks that are left are mixed into the work. A task stands in
one of them only: who has read the hint on a task is not examined by it. Which pool leads where is Toloka's guide,
"Using exams": training → exam → work, and a band below the pass mark → retry → work.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import pyarrow as pa

from lrl_datasets.crowd import rules as judges
from lrl_datasets.errors import LrlError
from lrl_datasets.schema import digest

POOLS = ("training", "exam", "retry")
"""In the order in which a worker meets them."""
EVERYBODY = 1000
"""Overlap of a pool that every worker goes through, where a platform wants a number."""


@dataclass(frozen=True)
class Entry:
    """One pool before the work."""

    name: str
    """Of `POOLS`."""
    tasks: pa.Table
    files: Sequence[str]
    """Pool files (or patterns) of the campaign that its export belongs to."""
    leads: str
    """Where it leads, in words."""


def asked_for(rules: judges.Rules) -> dict[str, Sequence[str]]:
    """Return the pools that a stage's rules ask for, with their files."""
    files = {"training": rules.training_pools, "exam": rules.exam_pools, "retry": rules.retry_pools}
    return {name: files[name] for name in POOLS if files[name]}


def divided(rows: Sequence[Mapping[str, Any]], pools: Sequence[str]) -> dict[str, list[Mapping[str, Any]]]:
    """Divide control tasks among the pools and the work (`""`): by their column `pool`, or else in about equal parts.

    These go by a hash of each task: a task added later moves no other one from the training into the exam.

    Raises
    ------
    LrlError
        A task names a pool that the rules do not ask for.
    """
    parts: dict[str, list[Mapping[str, Any]]] = {name: [] for name in ("", *pools)}
    told = any(str(row.get("pool") or "").strip() for row in rows)
    for number, row in enumerate(rows, 1):
        name = str(row.get("pool") or "").strip()
        if not told and pools:
            cells = [str(part) for pair in sorted(row.items()) for part in pair]
            name = list(parts)[int(digest("pool", *cells, length=12), 16) % len(parts)]
        if name not in parts:
            known = ", ".join(pools) or "none"
            raise LrlError(
                f"control task {number}: pool {name!r} is none of those that the rules ask for ({known})"
            )
        parts[name].append(row)
    return parts


def pool(name: str, tasks: pa.Table, suite: int, rules: judges.Rules) -> Entry:
    """Put a pool's control tasks into suites, in the order of their names.

    An exam has whole suites alone (Toloka's guide: the last one is not given out otherwise).

    Raises
    ------
    LrlError
        There are no tasks, or too few for one suite.
    """
    rows = sorted(tasks.to_pylist(), key=lambda row: str(row["task"]))
    whole = len(rows) if name == "training" else len(rows) // suite * suite
    if not whole:
        raise LrlError(
            f"the {name} needs {suite} control tasks for a suite, and {len(rows)} are left for it; give more, or say "
            "in a column `pool` of their file which are for it"
        )
    placed = [{**row, "suite": at // suite + 1, "overlap": EVERYBODY} for at, row in enumerate(rows[:whole])]
    return Entry(
        name, pa.Table.from_pylist(placed, schema=tasks.schema), asked_for(rules)[name], _leads(name, rules)
    )


def next_pool(worker: str, rows: Sequence[judges.Judgement], rules: judges.Rules) -> str:
    """Say where a worker goes now: one of `POOLS`, `work`, or `out`.

    Parameters
    ----------
    rows
        The judgements of one question, as `quality.decide` leaves them.
    """
    of_worker = [row for row in rows if row["worker"] == worker]
    if rules.training_pools:
        trained = [row for row in of_worker if judges.in_pools(row, rules.training_pools)]
        if not trained:
            return "training"
        if worker in judges.failed_training(of_worker, rules):
            return "out"
    if rules.exam_min_accuracy is None:
        return "work"
    result = judges.exam_results(of_worker, rules).get(worker)
    state = result.state if result else "missing"
    # Without pools the exam is taken at work: a worker's first control tasks.
    first = "exam" if rules.exam_pools else "work"
    return {"missing": first, "retry": "retry", "failed": "out", "passed": "work"}[state]


def _leads(name: str, rules: judges.Rules) -> str:
    after = "the exam" if rules.exam_pools else "the work"
    mark, band = _percent(rules.exam_min_accuracy), rules.exam_retry_from
    if name == "training":
        return f"leads to {after} from {_percent(rules.training_min_accuracy)} right at the first attempt on"
    if name == "exam" and band is not None:
        return f"leads to the work from {mark} right on, and from {_percent(band)} on to the retry"
    return f"leads to the work from {mark} right on"


def _percent(share: float | None) -> str:
    return f"{(share or 0) * 100:g} %"
