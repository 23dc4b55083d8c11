"""How good each worker is on a question, with an interval: on golden tasks, and beside what the others say.

Takes the judgements of one question as `quality.decide` leaves them, gives `WORKERS`. The second measure needs no
golden task: how probable the labels that a worker gave are by the votes of the others alone. It measures agreement,
not truth: where the others are wrong together, who is right stands badly.
"""

from __future__ import annotations

from collections import Counter, defaultdict
from dataclasses import dataclass
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from lrl_datasets.crowd import bayesian
from lrl_datasets.crowd.agreement import ordered
from lrl_datasets.crowd.bayesian import Coded, Floats
from lrl_datasets.crowd.quality import ABOUT_WORKERS
from lrl_datasets.intervals import clopper_pearson

WORKERS = pa.schema(
    [
        ("worker", pa.string()),
        ("votes", pa.int32()),  # that count
        ("reason", pa.string()),  # why none counts, of those that speak of the worker
        ("label", pa.string()),  # the one given most often
        ("share", pa.float64()),  # of the votes
        ("golden_tasks", pa.int32()),
        ("golden", pa.float64()),  # share of them that is right
        ("golden_low", pa.float64()),
        ("golden_high", pa.float64()),
        ("compared", pa.int32()),  # votes on answers that others judged too
        ("others", pa.float64()),  # mean probability of the given label by the others
        ("others_low", pa.float64()),
        ("others_high", pa.float64()),
    ]
)
"""One row a worker, the least skilled first: by golden tasks where there are any, else beside the others."""


def of_workers(judged: pa.Table) -> pa.Table:
    """Measure every worker who judged on one question.

    Intervals hold 95 % (Clopper and Pearson, Biometrika 26, 1934); a sum of probabilities stands for a count there.

    Parameters
    ----------
    judged
        `answer_id`, `worker`, `label`, `golden`, `counted`, `reason`.
    """
    counted = judged.filter(judged["counted"])
    said: dict[str, Counter[str]] = defaultdict(Counter)
    right: dict[str, list[bool]] = defaultdict(list)
    against: dict[str, str] = {}
    for row in judged.select(["worker", "label", "golden", "counted", "reason"]).to_pylist():
        if row["worker"] is None:
            continue
        if row["counted"]:
            said[row["worker"]][row["label"]] += 1
        elif row["reason"] == "golden" and row["label"] is not None:
            right[row["worker"]].append(row["label"] == row["golden"])
        elif row["reason"] in ABOUT_WORKERS:
            against[row["worker"]] = row["reason"]
    beside = beside_others(counted)
    rows: list[dict[str, Any]] = []
    for worker in sorted({*said, *right, *against}):
        labels, tasks, near = said[worker], right[worker], beside.get(worker, [])
        often = max(labels.items(), key=lambda one: (one[1], one[0]), default=(None, 0))
        low, high = clopper_pearson(sum(tasks), len(tasks))
        others_low, others_high = clopper_pearson(sum(near), len(near))
        rows.append(
            {
                "worker": worker,
                "votes": labels.total(),
                "reason": against.get(worker) if not labels else None,
                "label": often[0],
                "share": often[1] / labels.total() if labels else None,
                "golden_tasks": len(tasks),
                "golden": sum(tasks) / len(tasks) if tasks else None,
                "golden_low": low,
                "golden_high": high,
                "compared": len(near),
                "others": sum(near) / len(near) if near else None,
                "others_low": others_low,
                "others_high": others_high,
            }
        )
    rows.sort(key=lambda row: row["golden"] if row["golden"] is not None else row["others"] or 0.0)
    return pa.Table.from_pylist(rows, schema=WORKERS)


@dataclass(frozen=True)
class Fitted:
    """The votes as codes, and the hierarchical Dawid-Skene of them."""

    votes: Coded
    workers: list[str]
    labels: list[str]
    posterior: Floats
    """Items × labels."""
    rows: Floats
    """Workers × true label × given label."""


def fit(counted: pa.Table) -> Fitted:
    """Fit what each worker says of each true label, to counted votes on one question."""
    names = [
        sorted(pc.unique(counted["answer_id"]).to_pylist()),
        sorted(pc.unique(counted["worker"]).to_pylist()),
        ordered(pc.unique(counted["label"]).to_pylist()),
    ]
    codes = [
        pc.index_in(counted[column], pa.array(of, pa.string())).to_numpy().astype(np.int64)
        for column, of in zip(("answer_id", "worker", "label"), names, strict=True)
    ]
    votes = Coded(*codes, *(len(of) for of in names))
    posterior = bayesian.hierarchical_dawid_skene(votes)
    record = np.stack([matrix @ posterior for matrix in votes.by_label_of_worker], axis=2)
    shared = record.sum(axis=0) + 1.0
    record += bayesian.STRENGTH * shared / shared.sum(axis=1, keepdims=True)
    return Fitted(votes, names[1], names[2], posterior, record / record.sum(axis=2, keepdims=True))


def beside_others(counted: pa.Table) -> dict[str, list[float]]:
    """Return, by worker, how probable each given label is by the others' votes on that answer.

    By the hierarchical Dawid-Skene of all votes, from which the worker's own are taken out again answer by answer.
    Votes on answers that nobody else judged say nothing.
    """
    if not counted.num_rows:
        return {}
    fitted = fit(counted)
    votes, logs = fitted.votes, np.log(fitted.rows)
    prevalence = fitted.posterior.sum(axis=0) + 1.0
    own = logs[votes.workers, :, votes.labels]
    scores = np.tile(np.log(prevalence / prevalence.sum()), (votes.n_items, 1))
    np.add.at(scores, votes.items, own)
    without = scores[votes.items] - own
    powers = np.exp(without - without.max(axis=1, keepdims=True))
    probable = (powers / powers.sum(axis=1, keepdims=True))[np.arange(len(votes.labels)), votes.labels]
    shared = np.bincount(votes.items, minlength=votes.n_items)[votes.items] > 1
    found: dict[str, list[float]] = defaultdict(list)
    for worker, value in zip(votes.workers[shared].tolist(), probable[shared].tolist(), strict=True):
        found[fitted.workers[worker]].append(value)
    return found
