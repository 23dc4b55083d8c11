"""Dynamic overlap: how sure the votes on a task make us, and which tasks need another one.

Toloka's guide, "Dynamic overlap" (incremental relabeling): a worker's accuracy is the smoothed share of right
control tasks; every label is as likely as the others beforehand, and a worker who errs gives each of the wrong labels
with the same chance. Bayes' theorem then gives each label's posterior.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Mapping, Sequence

SMOOTHING = 0.5
"""The guide's K: a worker without control tasks is right with .5, one with a single right one with .75."""


def skill(right: int, tasks: int, smoothing: float = SMOOTHING) -> float:
    """Return a worker's accuracy: (K + right) / (2 K + control tasks)."""
    return (smoothing + right) / (2 * smoothing + tasks)


def confidence(votes: Sequence[tuple[str, float]], labels: Sequence[str]) -> tuple[str, float]:
    """Return the leading label and the posterior probability that it is right.

    Parameters
    ----------
    votes
        Label and the voter's accuracy (`skill`), at least one.
    labels
        All labels that could have been given.

    Notes
    -----
    P(z | votes) is proportional to the product over the voters of q where they said z and (1 - q) / (Y - 1) where
    not, Y the number of labels. The leading label is the one with the largest sum of accuracies (of equal ones
    the first of `labels`), as in the guide.

    >>> label, sure = confidence([("OK", .7), ("OK", .9)], ["OK", "BAD", "404"])
    >>> label, round(100 * sure, 1)
    ('OK', 97.7)
    """
    weight: dict[str, float] = defaultdict(float)
    likelihood = dict.fromkeys(labels, 1.0)
    for given, accuracy in votes:
        weight[given] += accuracy
        for label in labels:
            likelihood[label] *= accuracy if given == label else (1 - accuracy) / (len(labels) - 1)
    leading = max(labels, key=lambda label: weight[label])
    total = sum(likelihood.values())
    return leading, likelihood[leading] / total if total else 1 / len(labels)


def wanted(
    counted: int,
    given: int,
    sure: float,
    *,
    overlap: int,
    confidence_from: float | None = None,
    limit: int | None = None,
) -> int:
    """Return how many more votes a task needs now.

    Parameters
    ----------
    counted, given
        Votes that count, and all that were handed in: a refused one is replaced as long as the limit allows.
    sure
        `confidence` of the counted votes.
    overlap
        Votes that every task gets; above it, one more at a time while `sure` is below `confidence_from`.
    limit
        Votes that a task gets at most, counted or not.
    """
    missing = max(overlap - counted, 0)
    if not missing and confidence_from is not None and sure < confidence_from:
        missing = 1
    return missing if limit is None else min(missing, max(limit - given, 0))


def skills(control: Mapping[str, Sequence[bool]]) -> dict[str, float]:
    """Return every worker's accuracy from the control tasks, right or wrong."""
    return {worker: skill(sum(done), len(done)) for worker, done in control.items()}
