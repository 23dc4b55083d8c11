"""Judging by several criteria: 0, 1 or 2 each, and the rule that what cannot be understood cannot help.

Takes counted votes, one row a criterion, as the release ships them. A worker who gives fluency 0 says that the
text is not understood; then helpfulness, accuracy and coherence are 0, whatever else the worker chose. The given
labels stay as they are in `annotations`; this is how they are read.
"""

from __future__ import annotations

import pyarrow as pa

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
        `answer_id`, `worker`, `question`, `label` at least. Questions that are no criteria stay as they are;
        without fluency among them, all do.
    """
    rows = votes.select(["answer_id", "worker", "question", "label"]).to_pylist()
    unread = {
        (row["answer_id"], row["worker"]) for row in rows if row["question"] == GATE and row["label"] == "0"
    }
    labels = [
        "0" if row["question"] in GATED and (row["answer_id"], row["worker"]) in unread else row["label"]
        for row in rows
    ]
    at = votes.schema.get_field_index("label")
    return votes.set_column(at, "label", pa.array(labels, pa.string()))


def scores(votes: pa.Table) -> pa.Table:
    """Return each answer's mean mark by criterion, `SCORES`, after the rule; sorted by answer and criterion."""
    rows = [row for row in effective(votes).to_pylist() if row["question"] in CRITERIA]
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
