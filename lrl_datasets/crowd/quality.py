"""Which judgements count: one reason a judgement, tried in the fixed order of `schema.JUDGEMENT_REASONS`.

Takes the campaign's judgements and answers as tables, gives the judgements back in the same order with
`answer_id`, `counted` and `reason`. Nothing is dropped: the release ships every judgement with its reason, so
`judgements = counted + not counted` can be checked by anyone.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Mapping
from dataclasses import dataclass

import pyarrow as pa


@dataclass(frozen=True)
class Rules:
    """What a campaign's stage asks of its workers (`[stage.rules]` in `campaign.toml`)."""

    golden_min_answers: int = 3
    """Control tasks after which a worker can fail; below it nobody is judged on chance."""
    golden_min_accuracy: float = 0.6
    """Share of control tasks a worker must get right."""


def decide(judgements: pa.Table, answers: pa.Table, rules: Mapping[str, Rules]) -> pa.Table:
    """Say of every judgement whether it counts, and if not why not.

    Parameters
    ----------
    judgements
        `schema.JUDGEMENT`, of one source; `text` normalised and masked as the answers are.
    answers
        One row an answer: `record`, `id`, `worker` (raw) and `text` (normalised, masked), all strings.
    rules
        The rules of each question; a question without an entry has the defaults.

    Returns
    -------
    pa.Table
        The judgements, same rows and order, with `answer_id` (string, null where the answer is unknown),
        `counted` (bool) and `reason` (string, null where counted) in the place of the source's `reason`.
    """
    known = {row["record"]: row for row in reversed(answers.to_pylist()) if row["record"] is not None}
    rows = judgements.to_pylist()
    failed = failed_workers(judgements, rules)
    votes: dict[tuple[str, str, str], list[tuple[str, int]]] = defaultdict(list)
    answer_ids: list[str | None] = []
    reasons: list[str | None] = []
    for position, row in enumerate(rows):
        answer = known.get(row["record"]) if row["record"] is not None else None
        answer_ids.append(answer["id"] if answer else None)
        reason = row["reason"]
        if reason is None and row["golden"] is not None:
            reason = "golden"
        if reason is None and answer is None:
            reason = "unknown_answer"
        if reason is None and answer is not None:
            if row["text"] is not None and row["text"] != answer["text"]:
                reason = "text_changed"
            elif row["worker"] == answer["worker"]:
                reason = "own_answer"
            elif (row["question"], row["worker"]) in failed:
                reason = "failed_worker"
            else:
                votes[row["question"], answer["id"], row["worker"]].append((row["label"], position))
        reasons.append(reason)
    for repeated in votes.values():
        # The first by label stays, not the first in the file: the order of an export's lines decides nothing.
        for _, position in sorted(repeated)[1:]:
            reasons[position] = "repeated_vote"
    table = judgements.drop_columns(["reason"])
    table = table.append_column("answer_id", pa.array(answer_ids, pa.string()))
    table = table.append_column("counted", pa.array([reason is None for reason in reasons], pa.bool_()))
    return table.append_column("reason", pa.array(reasons, pa.string()))


def failed_workers(judgements: pa.Table, rules: Mapping[str, Rules]) -> set[tuple[str, str]]:
    """Return the (question, raw worker) pairs who got too few of their control tasks right.

    Only submitted, readable judgements of control tasks are looked at; a control task answered twice by the
    same worker counts twice, as it does on the platforms.
    """
    right: dict[tuple[str, str], list[bool]] = defaultdict(list)
    columns = judgements.select(["question", "worker", "label", "golden", "reason"]).to_pylist()
    for row in columns:
        if row["golden"] is not None and row["reason"] is None and row["label"] is not None:
            right[row["question"], row["worker"]].append(row["label"] == row["golden"])
    failed = set()
    for (question, worker), answers in right.items():
        rule = rules.get(question, Rules())
        if len(answers) >= rule.golden_min_answers and sum(answers) / len(answers) < rule.golden_min_accuracy:
            failed.add((question, worker))
    return failed
