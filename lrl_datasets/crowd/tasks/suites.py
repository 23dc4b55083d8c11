"""Puts tasks into suites, with control tasks mixed in at the set rate.

Takes tables of open tasks and of control tasks, gives one table in the order in which a platform hands them
out. A suite is what a worker takes and hands in at once. The order is drawn from a seed, so the same tasks give
the same suites; whose answer is judged in a suite may not be given it.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import numpy as np
import pyarrow as pa

from lrl_datasets.errors import LrlError

TASKS = pa.schema(
    [
        ("suite", pa.int32()),  # numbered from 1
        ("task", pa.string()),  # its name in this table and in simulated exports
        ("golden", pa.string()),  # the true label of a control task, null on others
        ("hint", pa.string()),  # what a worker reads who missed a control task
        ("overlap", pa.int32()),  # how many workers are still wanted
        ("unavailable_for", pa.list_(pa.string())),  # raw ids of workers who must not get it
    ]
)
"""Beside these, one string column `input.FIELD` for each of `Page.inputs`."""

INPUT = "input."


def tasks_schema(inputs: tuple[str, ...]) -> pa.Schema:
    """Return `TASKS` with a column for each input field."""
    return pa.schema([*TASKS, *[(INPUT + name, pa.string()) for name in inputs]])


def fill(tasks: pa.Table, golden: pa.Table, *, suite: int, golden_share: float, seed: int) -> pa.Table:
    """Divide tasks into suites and mix the control tasks in.

    Parameters
    ----------
    tasks, golden
        `tasks_schema`. Tasks of different overlap never share a suite: a platform gives a suite as a whole.
        Neither do tasks of a different `suite` here: the two orders of a pair are kept apart by it.
    suite
        Tasks in a suite, control tasks among them.
    golden_share
        Their share: over n suites there are n · suite · golden_share of them, rounded, and no suite has more
        than one above another. Each control task is used equally often, at most once in a suite, at a random
        place.

    Raises
    ------
    LrlError
        A suite would need the same control task twice, or have no room for a real one.
    """
    most = int(np.ceil(suite * golden_share - 1e-9))
    if most > golden.num_rows:
        raise LrlError(
            f"a suite of {suite} with a share of {golden_share:g} control tasks needs {most} different ones; "
            f"there are {golden.num_rows}"
        )
    if most >= suite:
        raise LrlError(f"a suite of {suite} has no task left beside {most} control tasks")
    random = np.random.default_rng(seed)
    controls = _in_turn(golden.to_pylist(), random)
    held: list[dict[str, Any]] = []
    rows: list[dict[str, Any]] = []
    number, given = 0, 0
    for alike in _by_overlap(tasks.to_pylist(), random):
        at = 0
        while at < len(alike):
            number += 1
            wanted = int(np.floor(number * suite * golden_share + 0.5)) - given
            given += wanted
            real = alike[at : at + suite - wanted]
            at += suite - wanted
            page = list(real)
            for control in _different(controls, held, wanted):
                page.insert(int(random.integers(len(page) + 1)), {**control, "overlap": real[0]["overlap"]})
            out = sorted({worker for row in real for worker in row["unavailable_for"] or ()})
            rows += [{**row, "suite": number, "unavailable_for": out} for row in page]
    return pa.Table.from_pylist(rows, schema=tasks.schema)


def _by_overlap(tasks: list[dict[str, Any]], random: np.random.Generator) -> Iterator[list[dict[str, Any]]]:
    kinds: dict[tuple[int, int], list[dict[str, Any]]] = {}
    for row in tasks:
        kinds.setdefault((-row["overlap"], row["suite"]), []).append(row)
    for kind in sorted(kinds):
        alike = sorted(kinds[kind], key=lambda row: row["task"])
        yield [alike[place] for place in random.permutation(len(alike))]


def _in_turn(golden: list[dict[str, Any]], random: np.random.Generator) -> Iterator[dict[str, Any]]:
    """Give the control tasks round after round, each round in another order."""
    golden = sorted(golden, key=lambda row: row["task"])
    while golden:
        for place in random.permutation(len(golden)):
            yield golden[place]


def _different(
    controls: Iterator[dict[str, Any]], held: list[dict[str, Any]], wanted: int
) -> list[dict[str, Any]]:
    """Take `wanted` control tasks of which no two are the same (at the seam of two rounds they could be).

    What the suite has already is held for the next one, so that none is given out less often than the others.
    """
    taken: dict[str, dict[str, Any]] = {}
    waiting, held[:] = list(held), []
    while len(taken) < wanted:
        control = waiting.pop(0) if waiting else next(controls)
        if control["task"] in taken:
            held.append(control)
        else:
            taken[control["task"]] = control
    held[:0] = waiting
    return list(taken.values())
