"""Judging by several criteria: 0, 1 or 2 each, and the rule that what cannot be understood cannot help.

A rubric is several `[[stage]]` of kind `judgement` over the same pools: each asks one of `CRITERIA` (its `question`),
names its own label column, and says which marks mean yes (`positive = ["1", "2"]`). Here are their counted votes,
as the release ships them. A worker who gives fluency 0 says that the text is not understood; then helpfulness,
accuracy and coherence are 0, whatever else the worker chose. The given labels stay as they are in `annotations`;
this is how they are read.
"""

from __future__ import annotations

from typing import Any

import pyarrow as pa
import pyarrow.compute as pc

CRITERIA = ("language", "fluency", "helpful", "accuracy", "coherence", "harmless")
"""Correct language, fluency, helpfulness, accuracy, coherence, harmlessness: the questions of a rubric stage."""
MARKS = ("0", "1", "2")
GATE = "fluency"
GATED = ("helpful", "accuracy", "coherence")

SCORES = pa.schema(
    [
        ("answer_id", pa.string()),
        ("question", pa.string()),
        ("score", pa.float64()),
        ("n_votes", pa.int32()),
    ]
)


def effective(votes: pa.Table) -> pa.Table:
    """Return the votes as the rubric reads them: the same rows and order, some labels 0.

    Parameters
    ----------
    votes
        `answer_id`, `worker`, `question`, `label` at least; with `counted`, what does not count neither makes
        another vote 0 nor becomes it. Questions that are no criteria stay as they are, and so do labels that are
        no marks; without fluency among the questions, all do.
    """
    if not pc.any(pc.and_(pc.equal(votes["question"], GATE), pc.equal(votes["label"], "0"))).as_py():
        return votes
    names = ["answer_id", "worker", "question", "label", "counted"]
    rows = votes.select([name for name in names if name in votes.column_names]).to_pylist()
    unread = {
        (row["answer_id"], row["worker"])
        for row in rows
        if row["question"] == GATE and row["label"] == "0" and row.get("counted", True)
    }
    labels = [
        "0"
        if row["question"] in GATED
        and row["label"] in MARKS
        and row.get("counted", True)
        and (row["answer_id"], row["worker"]) in unread
        else row["label"]
        for row in rows
    ]
    at = votes.schema.get_field_index("label")
    return votes.set_column(at, "label", pa.array(labels, pa.string()))


def scores(votes: pa.Table) -> pa.Table:
    """Return each answer's mean mark by criterion, `SCORES`, after the rule; sorted by answer and criterion."""
    rows = [
        row
        for row in effective(votes).to_pylist()
        if row["question"] in CRITERIA and row["label"] in MARKS and row.get("counted", True)
    ]
    marks: dict[tuple[str, str], list[int]] = {}
    for row in rows:
        marks.setdefault((row["answer_id"], row["question"]), []).append(int(row["label"]))
    ordered = sorted(marks, key=lambda key: (key[0], CRITERIA.index(key[1])))
    return pa.Table.from_pylist(
        [
            {
                "answer_id": answer,
                "question": question,
                "score": round(sum(marks[answer, question]) / len(marks[answer, question]), 4),
                "n_votes": len(marks[answer, question]),
            }
            for answer, question in ordered
        ],
        schema=SCORES,
    )


def means(votes: pa.Table) -> dict[str, dict[str, Any]]:
    """Return, by criterion, the mean over the answers of their mean marks, the answers and the votes; as `scores`."""
    found = scores(votes)
    told = {}
    for name in CRITERIA:
        of_criterion = found.filter(pc.equal(found["question"], name))
        if of_criterion.num_rows:
            told[name] = {
                "mean": round(pc.mean(of_criterion["score"]).as_py(), 4),
                "answers": of_criterion.num_rows,
                "votes": pc.sum(of_criterion["n_votes"]).as_py(),
            }
    return told
