"""Which judgements count: one reason a judgement, tried in the fixed order of `schema.JUDGEMENT_REASONS`.

Takes the campaign's judgements and answers as tables, gives the judgements back in the same order with
`answer_id`, `counted` and `reason`. Nothing is dropped: the release ships every judgement with its reason, so
`judgements = counted + not counted` can be checked by anyone.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable, Mapping, Sequence
from typing import Any

import pyarrow as pa

from lrl_datasets import schema
from lrl_datasets.crowd import rules as ruled
from lrl_datasets.crowd.rules import Rules

__all__ = ["Rules", "decide", "failed_workers", "rules_of"]

_Rows = Sequence[ruled.Judgement]
ABOUT_WORKERS: dict[str, Callable[[_Rows, Rules], set[str]]] = {
    "failed_training": ruled.failed_training,
    "failed_exam": ruled.failed_exam,
    "failed_worker": ruled.failed_worker,
    "skipped_in_row": ruled.skipped_in_row,
    "one_answer": ruled.one_answer,
    "against_majority": ruled.against_majority,
}
"""Reason → the rule that names workers none of whose votes on the question count."""
ABOUT_VOTES: dict[str, Callable[[_Rows, Rules], set[int]]] = {
    "too_fast": ruled.too_fast,
    "too_slow": ruled.too_slow,
}
"""Reason → the rule that names single votes, by position."""


def decide(judgements: pa.Table, answers: pa.Table, rules: Mapping[str, Rules]) -> pa.Table:
    """Say of every judgement whether it counts, and if not why not.

    Parameters
    ----------
    judgements
        `schema.JUDGEMENT`, of one source; `text` and `other_text` normalised and masked as the answers are.
    answers
        One row an answer: `record`, `id`, `worker` (raw) and `text` (normalised, masked), all strings.
    rules
        The rules of each question; a question without an entry has the defaults.

    Returns
    -------
    pa.Table
        The judgements, same rows and order, with `answer_id` and, of comparisons, `other_id` (strings, null where
        the answer is unknown),
        `counted` (bool) and `reason` (string, null where counted) in the place of the source's `reason`.
    """
    known = {row["record"]: row for row in reversed(answers.to_pylist()) if row["record"] is not None}
    rows = judgements.to_pylist()
    names: dict[str, list[str | None]] = {"answer_id": [], "other_id": []}
    questions: dict[str, list[int]] = defaultdict(list)
    for position, row in enumerate(rows):
        shown = [known.get(row[record] or "") for record in ("record", "other_record")]
        for name, answer in zip(names, shown, strict=True):
            row[name] = answer["id"] if answer else None
            names[name].append(row[name])
        row["reason"] = row["reason"] or _about_task(row, shown)
        questions[row["question"]].append(position)
    for question, positions in questions.items():
        _apply([rows[at] for at in positions], rules.get(question, Rules()))
    votes: dict[tuple[str, tuple[str, ...], str], list[tuple[str, str, int]]] = defaultdict(list)
    for position, row in enumerate(rows):
        if row["reason"] is None:
            about = ruled.judged(row, "answer_id", "other_id")
            told = ruled.said(row, rules.get(row["question"], Rules()), "answer_id", "other_id")
            votes[row["question"], about, row["worker"]].append((told, row["label"], position))
    for repeated in votes.values():
        # The first by what it says stays, not the first in the file: the order of an export's lines decides nothing.
        for *_, position in sorted(repeated)[1:]:
            rows[position]["reason"] = "repeated_vote"
    reasons = [row["reason"] for row in rows]
    table = judgements.drop_columns(["reason"])
    for name, ids in names.items():
        table = table.append_column(name, pa.array(ids, pa.string()))
    table = table.append_column("counted", pa.array([reason is None for reason in reasons], pa.bool_()))
    return table.append_column("reason", pa.array(reasons, pa.string()))


def rules_of(stage: Mapping[str, Any]) -> Rules:
    """Return the rules of a stage as the source's facts and the manifest have it."""
    sides = {side: stage["labels"][side] for side in ("left", "right") if side in stage["labels"]}
    known = {**stage.get("rules", {}), **sides}
    return Rules(**{name: value for name, value in known.items() if name in Rules.__dataclass_fields__})


def failed_workers(judgements: pa.Table, rules: Mapping[str, Rules]) -> set[tuple[str, str]]:
    """Return the (question, raw worker) pairs who got too few of their control tasks right.

    Only submitted, readable judgements of control tasks are looked at; a control task answered twice by the
    same worker counts twice, as it does on the platforms.
    """
    questions: dict[str, list[dict[str, object]]] = defaultdict(list)
    for row in judgements.to_pylist():
        if row["golden"] is not None and row["reason"] is None:
            questions[row["question"]].append({**row, "reason": ruled.CONTROL})
    return {
        (question, worker)
        for question, rows in questions.items()
        for worker in ruled.failed_worker(rows, rules.get(question, Rules()))
    }


def _about_task(row: ruled.Judgement, shown: Sequence[Mapping[str, str | None] | None]) -> str | None:
    """Say what stands against a readable judgement because of its task, whoever gave it; of two answers, of either."""
    if row["golden"] is not None:
        return ruled.CONTROL
    shown = shown[:1] if row["other_record"] is None else shown
    answers = [answer for answer in shown if answer is not None]
    if len(answers) < len(shown) or len({answer["id"] for answer in answers}) < len(shown):
        return "unknown_answer"
    for text, answer in zip((row["text"], row["other_text"]), answers, strict=False):
        if text is not None and text != answer["text"]:
            return "text_changed"
    return "own_answer" if any(row["worker"] == answer["worker"] for answer in answers) else None


def _apply(rows: list[dict[str, object]], rules: Rules) -> None:
    """Write into the rows of one question what the rules object to, in the order of the closed set."""
    for reason in schema.JUDGEMENT_REASONS:
        if reason in ABOUT_WORKERS:
            workers = ABOUT_WORKERS[reason](rows, rules)
            positions = {at for at, row in enumerate(rows) if row["worker"] in workers} if workers else set()
        elif reason in ABOUT_VOTES:
            positions = ABOUT_VOTES[reason](rows, rules)
        else:
            continue
        for at in positions:
            if rows[at]["reason"] is None:
                rows[at]["reason"] = reason
