"""What a platform takes back: which suites are accepted and which are rejected, with a reason their workers can read.

Takes `crowd.decisions.REVIEWS` rows and the words for each reason, gives one file's bytes in the form that the
stage's platform uploads. Only what is decided stands in it; the same rows give the same bytes.
"""

from __future__ import annotations

import csv
import io
from collections.abc import Mapping, Sequence
from typing import Any

from lrl_datasets.sources import mturk, toloka

REVIEW_FILES = {"toloka": "reviews.tsv", "mturk": "reviews.csv"}
"""Format → the file's name; `reviews.csv` for the others."""


def write(format: str, reviews: Sequence[Mapping[str, Any]], words: Mapping[str, str]) -> bytes:
    """Write the review file of one stage.

    Toloka's guide, "Reviewing Tolokers' responses": assignment id, + or -, and a comment for the rejected. MTurk's
    "Reviewing Assignments Offline": an x under Approve, or the reason under Reject. The other formats have no
    acceptance of their own; their file says it in words.

    Parameters
    ----------
    reviews
        `assignment`, `worker`, `verdict`, `reason`; what is neither `accept` nor `reject` is left out.
    words
        Reason → what the worker reads.
    """
    said = [row for row in reviews if row["verdict"] in ("accept", "reject")]
    lines: list[list[str]] = []
    for row in said:
        yes, why = row["verdict"] == "accept", words[row["reason"]] if row["reason"] else ""
        if format == "toloka":
            lines.append([row["assignment"], "+" if yes else "-", why])
        elif format == "mturk":
            lines.append([row["assignment"], row["worker"], "x" if yes else "", why])
        else:
            lines.append([row["assignment"], row["worker"], row["verdict"], why])
    header = {
        "toloka": [toloka.ASSIGNMENT, toloka.VERDICT, "ACCEPT:comment"],
        "mturk": [mturk.ASSIGNMENT, mturk.WORKER, mturk.APPROVE, mturk.REJECT],
    }.get(format, ["assignment", "worker", "verdict", "comment"])
    out = io.StringIO(newline="")
    writer = csv.writer(out, delimiter="\t" if format == "toloka" else ",", lineterminator="\n")
    writer.writerow(header)
    writer.writerows(lines)
    return out.getvalue().encode()
