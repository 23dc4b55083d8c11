"""What to do when a crowd agrees too little: which of four causes the numbers speak for, in words.

Takes the counted votes on one question and the workers' skills, gives advice only where alpha is below
`agreement.WEAK`. Several causes may hold at once; where none does, workers and answers alike are no reason, and the
question itself is the suspect.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
from numpy.typing import NDArray

from lrl_datasets.crowd import skill
from lrl_datasets.crowd.agreement import WEAK, Agreement, agreement, counted
from lrl_datasets.intervals import clopper_pearson

REPLICAS = 200
"""Crowds drawn from the fitted model, to compare the real one with …"""
CHANCE = 0.01
"""… and the share of them that may scatter as much before answers are called unlike."""
SHOWN = 3


@dataclass(frozen=True)
class Advice:
    """One cause of low agreement."""

    cause: str
    """`too_few_votes`, `prevalence`, `few_workers`, `hard_answers` or `unclear_instructions`."""
    words: str


def advise(votes: pa.Table, workers: pa.Table, found: Agreement) -> list[Advice]:
    """Say why alpha is low, and what to do.

    Parameters
    ----------
    votes
        Counted votes on one question: `answer_id`, `worker`, `label`.
    workers
        `skill.of_workers` of the same question.
    found
        Their agreement.
    """
    if found.alpha is None:
        few = "no answer has two counted votes" if not found.answers else "every vote is the same label"
        return [Advice("too_few_votes", f"Alpha is undefined: {few}.")]
    if found.alpha >= WEAK:
        return []
    told = [*_prevalence(found), *_few_workers(votes, workers, found), *_hard_answers(votes, workers, found)]
    if not told:
        told = [_unclear(votes, workers)]
    if found.high is not None and found.high >= WEAK:
        told.insert(
            0,
            Advice(
                "too_few_votes",
                f"{found.answers} answers do not settle it: alpha may be anything from {found.low:.2f} to "
                f"{found.high:.2f}. Judge more answers before you change anything.",
            ),
        )
    return told


def _prevalence(found: Agreement) -> list[Advice]:
    """Look whether workers agree, and alpha is low because nearly everything has one label.

    Bennett, Alpert and Goldstein's S (1954) is alpha as it would be with all labels as frequent: it is reliable
    where alpha is not.
    """
    if found.pairs is None or len(found.labels) < 2:
        return []
    by_chance = 1 / len(found.labels)
    if (found.pairs - by_chance) / (1 - by_chance) < WEAK:
        return []
    label, n = max(found.labels.items(), key=lambda one: (one[1], one[0]))
    return [
        Advice(
            "prevalence",
            f"One label dominates: {n / found.votes:.0%} of the votes are {label!r}. Two workers say the same in "
            f"{found.pairs:.0%} of pairs, and alpha is low because chance alone would nearly give that. The workers "
            "are not to blame: add golden tasks with the other labels to see whether they are found, and judge the "
            "crowd by these.",
        )
    ]


def _few_workers(votes: pa.Table, workers: pa.Table, found: Agreement) -> list[Advice]:
    """Look whether agreement would be better without the workers who surely agree less than the usual one."""
    rows = [row for row in workers.to_pylist() if row["others"] is not None]
    if len(rows) < 3:
        return []
    usual = float(np.median([row["others"] for row in rows]))
    level = 1 - 0.05 / len(rows)  # Bonferroni: over all workers together one in twenty is called so by chance
    bad = [
        row["worker"]
        for row in rows
        if (clopper_pearson(row["others"] * row["compared"], row["compared"], level)[1] or 1.0) < usual
    ]
    if not bad:
        return []
    rest = agreement(votes.filter(pc.invert(pc.is_in(votes["worker"], pa.array(bad, pa.string())))))
    better = rest.alpha is not None and (rest.alpha >= WEAK or (rest.low or 0.0) > (found.high or 1.0))
    if not better:
        return []
    return [
        Advice(
            "few_workers",
            f"{len(bad)} of {len(rows)} workers drag it down: without them alpha is {rest.alpha:.2f} instead of "
            f"{found.alpha:.2f}. Look at their tasks, then set golden_min_accuracy or majority_min_agreement so that "
            f"their votes do not count: {_first(bad)}.",
        )
    ]


def _hard_answers(votes: pa.Table, workers: pa.Table, found: Agreement) -> list[Advice]:
    """Look whether disagreement gathers on some answers more than workers' own errors explain."""
    scattered = _scatters(votes)
    easy = _golden_are_easier(workers, found)
    if not scattered and not easy:
        return []
    why = []
    if scattered:
        why.append("disagreement gathers on some answers more than the workers' errors explain")
    if easy:
        why.append(easy)
    return [
        Advice(
            "hard_answers",
            f"Honest disagreement on hard answers: {'; '.join(why)}. More votes on these alone pay off "
            f"(overlap_confidence); what stays divided is no clear yes or no, and no fault of the workers. "
            f"Most divided: {_first(divided(votes))}.",
        )
    ]


def _scatters(votes: pa.Table) -> bool:
    """Compare the answers' disagreement with crowds drawn from a model in which all answers are as hard.

    A posterior predictive check (Gelman, Meng and Stern 1996) of the hierarchical Dawid-Skene. With two labels
    and three votes an answer the answers' scatter follows from the mean, and nothing is found.
    """
    fitted = skill.fit(votes)
    coded, rng = fitted.votes, np.random.default_rng(0)
    n = np.bincount(coded.items, minlength=coded.n_items)
    many = n > 1

    def scatter(labels: NDArray[Any]) -> float:
        cells = np.bincount(coded.items * coded.n_labels + labels, minlength=n.size * coded.n_labels)
        counts = cells.reshape(n.size, coded.n_labels)[many]
        size = n[many]
        apart = 1 - (counts * (counts - 1)).sum(axis=1) / (size * (size - 1))
        return float(apart.var())

    truths, given = fitted.posterior.cumsum(axis=1), fitted.rows.cumsum(axis=2)
    beyond = 0
    for _ in range(REPLICAS):
        truth = (rng.random((n.size, 1)) > truths[:, :-1]).sum(axis=1)
        rows = given[coded.workers, truth[coded.items], :-1]
        beyond += scatter((rng.random((len(rows), 1)) > rows).sum(axis=1)) >= scatter(coded.labels)
    return beyond <= CHANCE * REPLICAS


def _golden_are_easier(workers: pa.Table, found: Agreement) -> str:
    """Say so where workers who do so well on golden tasks would agree more than they do."""
    rows = [row for row in workers.to_pylist() if row["golden_tasks"] and row["votes"]]
    tasks = sum(row["golden_tasks"] for row in rows)
    right = sum(row["golden"] * row["golden_tasks"] for row in rows)
    low, _ = clopper_pearson(right, tasks)
    if (
        low is None
        or found.pairs is None
        or found.high is None
        or found.alpha is None
        or len(found.labels) < 2
    ):
        return ""
    expected = low**2 + (1 - low) ** 2 / (len(found.labels) - 1)
    most = 1 - (1 - found.high) * (1 - found.pairs) / (1 - found.alpha)
    if low <= 0.5 or expected <= most:
        return ""
    return (
        f"golden tasks are done right in {right / tasks:.0%}, at which pairs would agree in {expected:.0%} or more, "
        f"and they do in {found.pairs:.0%}"
    )


def _unclear(votes: pa.Table, workers: pa.Table) -> Advice:
    rows = [row for row in workers.to_pylist() if row["golden_tasks"]]
    tasks = sum(row["golden_tasks"] for row in rows)
    right = sum(row["golden"] * row["golden_tasks"] for row in rows)
    golden = f" Of the golden tasks {right / tasks:.0%} are done right." if tasks else ""
    few = votes.num_rows < 3.5 * len(pc.unique(votes["answer_id"]))
    told = (
        " (with three votes an answer, hard answers cannot be told from it: give fifty of them five)"
        if few
        else ""
    )
    return Advice(
        "unclear_instructions",
        f"Disagreement is spread over workers and answers alike{told}: the question or its labels are read "
        f"differently.{golden} Rewrite the instructions with examples of border cases, try them on a pool of fifty, "
        f"and train the workers on these. Most divided: {_first(divided(votes))}.",
    )


def divided(votes: pa.Table) -> list[str]:
    """Return the answers in the order of how divided their votes are, ties by name."""
    counts, _ = counted(votes)
    names = pc.unique(votes["answer_id"]).to_pylist()
    n = counts.sum(axis=1)
    same = (counts * (counts - 1)).sum(axis=1) / np.maximum(n * (n - 1), 1)
    order: Sequence[Any] = sorted(
        (float(value), -int(size), name)
        for value, size, name in zip(same, n, names, strict=True)
        if size > 1 and value < 1
    )
    return [name for *_, name in order]


def _first(names: Sequence[str]) -> str:
    more = f" and {len(names) - SHOWN} more" if len(names) > SHOWN else ""
    return ", ".join(names[:SHOWN]) + more
