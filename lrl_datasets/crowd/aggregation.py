"""From counted votes to one posterior an answer: by one named method, or by `auto`, which combines them.

The votes are put in a fixed order first and the posteriors rounded afterwards: EM sums floats in the order it
meets them, and a release must not depend on the order of an export's lines.
"""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import asdict, dataclass
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from lrl_datasets import schema
from lrl_datasets.crowd import combine
from lrl_datasets.crowd.bayesian import Coded, Codes, Floats
from lrl_datasets.crowd.methods import METHODS, posterior
from lrl_datasets.errors import LrlError

AUTO = "auto"
CALIBRATED_FROM = 15
"""Golden tasks from which on a posterior is calibrated, and called so. Over 80 simulated crowds (2 or 3 labels, 3 to 7
votes an item, spammers, items that mislead everybody) the mean calibration error on other items fell, with 15, from
.098 to .071 for the hierarchical Dawid-Skene and from .109 to .104 for majority shares; with 10 to .074, and the
shares' rose to .119. With 15 one crowd in seven of the former was off by .02 more than before, with 5 one in four."""
NAMES = (*METHODS, AUTO)
"""What `aggregation` in `campaign.toml` may be."""

DECIMALS = 4
POSTERIOR = pa.schema(
    [
        ("answer_id", pa.string()),
        ("helpfulness", pa.float64()),
        ("n_votes", pa.int32()),
        ("agreement", pa.float64()),
    ]
)
GOLDEN = pa.schema([(name, pa.string()) for name in ("golden_item", "worker", "label", "golden")])
"""Judgements of golden tasks: which task, who, what they said, what is true."""


@dataclass(frozen=True)
class Control:
    """What the posterior would be of the golden tasks, each seen without itself, and what is true."""

    said: Floats
    """Probability of a positive label, calibrated by the other tasks: to measure with."""
    placed: Floats
    """The same calibrated by all of them, as the answers are: to compare with answers."""
    good: Floats
    """1 where the true label is a positive one, else 0."""
    share: Floats
    """What each counts: a task shown to many workers is several, each a part of it."""
    weight: Floats
    """How much more frequent its label is in answers than in golden tasks."""


@dataclass(frozen=True)
class Aggregated:
    """The posteriors on one question, and what they are."""

    table: pa.Table
    """`POSTERIOR`, sorted by `answer_id`."""
    kind: str
    """`votes`, or `calibrated` where golden tasks made the posterior mean what it says."""
    method: str
    golden_tasks: int = 0
    """Golden tasks that workers with counted votes judged."""
    combined: combine.Combined | None = None
    """Of `auto`, and of any method with golden tasks: what the posterior is made of."""
    control: Control | None = None
    """Of a calibrated posterior."""


def aggregate(
    votes: pa.Table, method: str, positive: Collection[str], golden: pa.Table | None = None
) -> pa.Table:
    """Aggregate the votes on one question: the table of `weigh`."""
    return weigh(votes, method, positive, golden).table


def weigh(
    votes: pa.Table,
    method: str,
    positive: Collection[str],
    golden: pa.Table | None = None,
    calibrated_from: int = CALIBRATED_FROM,
) -> Aggregated:
    """Aggregate the votes on one question, and say what the posteriors are made of.

    Parameters
    ----------
    votes
        `answer_id`, `worker`, `label` (strings), one row a counted vote.
    method
        A name of `NAMES`; "dawid-skene" is Dawid & Skene, JRSS C 28(1), 1979, by EM; "auto" is `combine`.
    positive
        The labels that mean yes.
    golden
        `GOLDEN`: what the same workers said of golden tasks. They weigh the methods of `auto`, and calibrate
        whatever the method.
    calibrated_from
        Golden tasks needed for that; with fewer the posterior stays as the votes make it.

    Returns
    -------
    Aggregated
        `helpfulness` is the posterior probability of a positive label, `agreement` the share of votes for the
        label that the posterior names, both rounded to 4 decimals.

    Raises
    ------
    LrlError
        The method is unknown.
    """
    if method not in NAMES:
        raise LrlError(f"unknown aggregation {method!r}; known: {', '.join(NAMES)}")
    if votes.num_rows == 0:
        return Aggregated(POSTERIOR.empty_table(), "votes", method)
    own = votes.select(["answer_id", "worker", "label"])
    parts = None
    tasks_done = 0
    if golden is not None and golden.num_rows:
        parts = _parts(golden, own)
        tasks_done = len(pc.unique(parts["golden_item"]))
        if method != AUTO and tasks_done < calibrated_from:
            parts = None  # nothing to weigh and too few to calibrate: they are no votes either
    if parts is not None:
        own = pa.concat_tables([own, parts.select(own.column_names)])
    own = own.sort_by([(key, "ascending") for key in own.column_names])
    coded, items, labels = _coded(own, parts["golden"].to_pylist() if parts else ())
    combined, control = None, None
    if method != AUTO and not parts:
        probabilities = posterior(coded, method)
    else:
        truth, share, tasks = _truth(parts, items, labels)
        members = (
            combine.members(coded, truth, tasks)
            if method == AUTO
            else combine.Members({method: posterior(coded, method)})
        )
        combined = combine.combine(members, truth, share, tasks)
        probabilities = combined.raw
        if combined.golden and tasks_done >= calibrated_from and truth is not None and share is not None:
            probabilities = combined.posterior
            known = np.flatnonzero(truth >= 0)
            means_yes = np.array([label in positive for label in labels], dtype=np.float64)
            said, placed = (
                np.round(of_tasks @ means_yes, DECIMALS)
                for of_tasks in (combined.golden.said, combined.golden.placed)
            )
            control = Control(said, placed, means_yes[truth[known]], share[known], combined.golden.weight)
    answers = np.flatnonzero(np.array([not item.startswith(_GOLDEN) for item in items]))
    counts = np.bincount(coded.items * len(labels) + coded.labels, minlength=len(items) * len(labels))
    counts = counts.reshape(len(items), len(labels))[answers]
    of_answers = probabilities[answers]
    helpful = of_answers[:, [label in positive for label in labels]].sum(axis=1).clip(0.0, 1.0)
    # Rounded first: a tie is one by what is stored, not by the sixteenth digit.
    winning = np.round(of_answers, DECIMALS + 4).argmax(axis=1)
    total = counts.sum(axis=1)
    table = pa.table(
        {
            "answer_id": [items[position] for position in answers],
            "helpfulness": np.array([round(value, DECIMALS) for value in helpful.tolist()]),
            "n_votes": total.astype(np.int32),
            "agreement": np.array(
                [round(v, DECIMALS) for v in (counts[np.arange(len(answers)), winning] / total).tolist()]
            ),
        },
        schema=POSTERIOR,
    )
    return Aggregated(table, "calibrated" if control else "votes", method, tasks_done, combined, control)


def report(found: Aggregated) -> dict[str, Any]:
    """Return what a manifest says of an aggregation: which methods weighed how much and why, and its calibration."""
    combined = found.combined
    told: dict[str, Any] = {"method": found.method, "kind": found.kind, "golden_tasks": found.golden_tasks}
    if found.kind != "calibrated":
        told["note"] = uncalibrated(found.golden_tasks)
    if combined is not None:
        told |= {"weights": _rounded(dict(combined.weights)), "left_out": dict(combined.left_out)}
    if combined is None or combined.golden is None:
        return told
    golden = combined.golden
    of_golden: dict[str, Any] = _rounded(
        {
            "right_of_golden": dict(combined.right),
            "right_combined": golden.right,
            "right_without_golden": golden.right_without,
            "calibration_error": {
                "before": golden.error_before,
                "after": golden.error_after,
                "perfect": golden.error_perfect,
            },
            "reliability": [asdict(found) for found in golden.reliability],
            "slope": golden.calibration.slope,
            "more_golden_tasks": golden.more,
            "why_more": golden.why_more,
        }
    )
    if found.control is not None:
        share, moved = found.control.share, golden.moved
        told["helpful_share"] = _rounded(
            {
                "golden": float((share * found.control.good).sum() / share.sum()),
                "answers": float(np.mean(found.table["helpfulness"].to_numpy())),
                "corrected": moved,
            }
        )
    return told | of_golden


# ---- golden tasks ---------------------------------------------------------------------------------------

_GOLDEN = "\x00"
"""Before the name of a golden item: no answer's id begins so."""


def uncalibrated(tasks: int) -> str:
    """Say why a posterior is not calibrated."""
    had = "no golden tasks" if not tasks else f"{tasks} golden task{'s' if tasks > 1 else ''}"
    return f"{had}, {CALIBRATED_FROM} are needed: the posterior is not calibrated"


def _parts(golden: pa.Table, votes: pa.Table) -> pa.Table:
    """Cut every golden task into items of the usual overlap, as `answer_id`.

    A golden task is shown to nearly everybody. With thirty votes every method has it right, which says nothing
    of an answer with three: so its votes are dealt out, by a hash of task and worker, into items as large as
    the median answer's. Only workers who also have a counted vote are looked at.
    """
    overlap = int(np.median(pc.value_counts(votes["answer_id"]).field("counts").to_numpy()))
    here = golden.filter(pc.is_in(golden["worker"], votes["worker"].combine_chunks()))
    usable = pc.and_(pc.is_valid(here["golden_item"]), pc.is_valid(here["golden"]))
    rows = here.filter(pc.and_(usable, pc.is_valid(here["label"]))).select(GOLDEN.names)
    dealt: dict[str, list[tuple[str, dict[str, str]]]] = {}
    first: set[tuple[str, str]] = set()
    for row in rows.sort_by([(name, "ascending") for name in GOLDEN.names]).to_pylist():
        name, worker = row["golden_item"], row["worker"]
        if (name, worker) not in first:
            first.add((name, worker))
            dealt.setdefault(name, []).append((schema.digest(name, worker), row))
    listed = []
    for name, given in sorted(dealt.items()):
        given.sort(key=lambda pair: pair[0])
        n = max(1, len(given) // max(1, overlap))
        for place, (_, row) in enumerate(given):
            listed.append({**row, "answer_id": f"{_GOLDEN}{name}/{place % n}", "share": 1 / n})
    fields = [*GOLDEN, pa.field("answer_id", pa.string()), pa.field("share", pa.float64())]
    return pa.Table.from_pylist(listed, schema=pa.schema(fields))


def _truth(
    parts: pa.Table | None, items: list[str], labels: list[str]
) -> tuple[Codes, Floats, Codes] | tuple[None, None, None]:
    """True label, weight and golden task of every item."""
    if parts is None:
        return None, None, None
    truth, share = np.full(len(items), -1, np.int64), np.ones(len(items))
    tasks = np.arange(len(items))
    place, code = ({name: n for n, name in enumerate(names)} for names in (items, labels))
    first: dict[str, int] = {}
    for row in parts.to_pylist():
        here = place[row["answer_id"]]
        truth[here], share[here] = code[row["golden"]], row["share"]
        tasks[here] = first.setdefault(row["golden_item"], here)
    return truth, share, tasks


def _coded(votes: pa.Table, more_labels: Collection[str]) -> tuple[Coded, list[str], list[str]]:
    """Code the ordered votes; items, workers and labels each in the order of their names."""
    columns, names = [], []
    for name in votes.column_names:
        distinct = set(pc.unique(votes[name]).to_pylist()) | (set(more_labels) if name == "label" else set())
        names.append(sorted(distinct))
        places = pc.index_in(votes[name], pa.array(names[-1], pa.string()))
        columns.append(places.to_numpy().astype(np.int64))
    items, workers, labels = columns
    return Coded(items, workers, labels, *(len(listed) for listed in names)), names[0], names[2]


def _rounded(value: Any) -> Any:
    if isinstance(value, float):
        return round(value, DECIMALS)
    if isinstance(value, dict):
        return {name: _rounded(inner) for name, inner in value.items()}
    return [_rounded(inner) for inner in value] if isinstance(value, list) else value
