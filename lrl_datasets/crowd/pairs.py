"""Which answers are compared with which, in which order, and how often: from what has come in, never stored.

Takes the answers that may be compared and the comparisons so far, gives a row a pair. A prompt's answers stand in a
circle, in the order of a hash of their names; each is compared with its neighbour first, then with the next but one,
and so on until the prompt has its comparisons: a cyclic design (David, The Method of Paired Comparisons, 1963, ch. 5).
So every answer is compared equally often, all hang together however few the comparisons are, and each stands as often
left as right. Within a pair both orders are shown equally often; the odd one is the circle's.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Mapping, Sequence
from typing import Any

import pyarrow as pa

from lrl_datasets.crowd import overlap
from lrl_datasets.crowd.rules import CONTROL, Rules, judged, said
from lrl_datasets.filters.base import add_column
from lrl_datasets.schema import digest

Pair = tuple[str, str]


def chosen(records: Sequence[str], compared: Sequence[Pair], most: int | None) -> list[Pair]:
    """Return a prompt's pairs, each in the order of the circle.

    Parameters
    ----------
    records
        The prompt's answers.
    compared
        Pairs with comparisons, in any order: they come first, and stay when another answer comes in.
    most
        Pairs at most; all when None.
    """
    circle = sorted(records, key=lambda record: digest("circle", record))
    n = len(circle)
    pairs: dict[frozenset[str], Pair] = {}
    for distance in range(1, n // 2 + 1):
        for at in range(n):
            pair = (circle[at], circle[(at + distance) % n])
            pairs.setdefault(frozenset(pair), pair)
    there = {frozenset(pair) for pair in compared}
    ordered = sorted(pairs, key=lambda pair: pair not in there)  # stable: the circle's order among equals
    return [
        pairs[pair] for pair in (ordered if most is None else ordered[: max(most, len(there & pairs.keys()))])
    ]


def orders(shown: int, turned: int, missing: int) -> tuple[int, int]:
    """Divide missing comparisons among the circle's order and the other one, so that both are as often as can be."""
    total = shown + turned + missing
    first = min(max((total + 1) // 2 - shown, 0), missing)
    return first, missing - first


def wanted(
    answers: Sequence[Mapping[str, Any]],
    rows: Sequence[Mapping[str, Any]],
    stage: Mapping[str, Any],
    rules: Rules,
    wished: int,
    most: int | None,
) -> list[dict[str, Any]]:
    """Say of every pair how many comparisons it has and lacks, in which order.

    Parameters
    ----------
    answers
        `record`, `worker`, `prompt` and `text` of the answers that may be compared. Of the same text only the first
        by the hash of its name is.
    rows
        The judgements on the stage's question, with `counted` and `reason`.
    stage
        As the source's facts have it.
    wished
        Comparisons that each pair shall have (`tasks.overlap`).
    most
        Pairs of a prompt at most (`tasks.comparisons`).

    Returns
    -------
    list of dict
        `state.VOTES`, with `first` and `turned` (of `missing`, to be shown in the circle's order and the other one)
        and `unavailable_for`, the authors and those who have compared the two.
    """
    control: dict[str, list[bool]] = defaultdict(list)
    given: dict[frozenset[str], list[Mapping[str, Any]]] = defaultdict(list)
    for row in rows:
        if row["reason"] == CONTROL:
            control[row["worker"]].append(row["label"] == row["golden"])
        elif row["other_record"] and row["reason"] not in (
            "not_submitted",
            "unreadable",
            "refused_by_requester",
        ):
            given[frozenset(judged(row))].append(row)
    accuracy = overlap.skills(control)
    asked, prompts = stage["rules"], _prompts(answers)
    author = {row["record"]: row["worker"] for row in answers}
    found = []
    for records in prompts.values():
        known = set(records)
        there = [(first, last) for pair in given if pair <= known for first, *_, last in [sorted(pair)]]
        for pair in chosen(records, there, most):
            done = given[frozenset(pair)]
            votes = sorted(
                (said(row, rules), accuracy.get(row["worker"], overlap.skill(0, 0)))
                for row in done
                if row["counted"]
            )
            labels = [*pair, *(f" {label}" for label in stage["labels"]["tie"][:1])]
            label, sure = overlap.confidence(votes, labels) if votes else (None, 0.0)
            people = {row["worker"] for row in done}
            missing = overlap.wanted(
                len(votes), len(people), sure, overlap=wished,
                confidence_from=asked.get("overlap_confidence"), limit=asked.get("overlap_limit", 2 * wished + 1),
            )  # fmt: skip
            shown = sum(row["record"] == pair[0] for row in done if row["counted"])
            first, turned = orders(shown, len(votes) - shown, missing)
            found.append(
                {
                    "record": pair[0],
                    "other_record": pair[1],
                    "question": stage["question"],
                    "counted": len(votes),
                    "given": len(people),
                    "label": label and label.strip(),
                    "confidence": round(sure, 4) if votes else None,
                    "missing": missing,
                    "overlap": len(people) + missing,
                    "first": first,
                    "turned": turned,
                    "unavailable_for": sorted(people | {author[record] for record in pair}),
                }
            )
    return found


def undirected(votes: pa.Table, rules: Mapping[str, Rules]) -> pa.Table:
    """Name every comparison by its pair, with the label that its vote would be had the smaller id stood left.

    Votes on single answers, and the questions without rules here, stay as they are.
    """
    if "other_id" not in votes.column_names or not rules:
        return votes
    rows = votes.select(["question", "answer_id", "other_id", "label"]).to_pylist()
    for row in rows:
        rule = rules.get(row["question"])
        if rule is None or row["other_id"] is None:
            continue
        pair = sorted((row["answer_id"], row["other_id"]))
        if row["label"] in (*rule.left, *rule.right):
            preferred = said(row, rule, "answer_id", "other_id")
            row["label"] = (rule.left if preferred == pair[0] else rule.right)[0]
        row["answer_id"] = " ".join(pair)
    for name in ("answer_id", "label"):
        votes = add_column(votes, name, [row[name] for row in rows], pa.string())
    return votes


def _prompts(answers: Sequence[Mapping[str, Any]]) -> dict[str, list[str]]:
    """Return each prompt's answers, of the same text one; prompts with a single answer have nothing to compare."""
    texts: dict[str, dict[str, str]] = defaultdict(dict)
    for row in sorted(answers, key=lambda row: digest("circle", row["record"])):
        texts[row["prompt"]].setdefault(row["text"], row["record"])
    return {prompt: list(of.values()) for prompt, of in sorted(texts.items()) if len(of) > 1}
