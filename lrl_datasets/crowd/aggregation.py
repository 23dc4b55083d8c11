"""From counted votes to one posterior an answer, by crowd-kit's aggregation methods.

The votes are put in a fixed order first and the posteriors rounded afterwards: EM sums floats in the order it
meets them, and a release must not depend on the order of an export's lines.
"""

from __future__ import annotations

import warnings
from collections.abc import Collection
from typing import TYPE_CHECKING, Any

import pyarrow as pa
import pyarrow.compute as pc

from lrl_datasets.errors import LrlError

if TYPE_CHECKING:
    import pandas as pd

METHODS = {
    "majority": "MajorityVote",
    "wawa": "Wawa",
    "zero-based-skill": "ZeroBasedSkill",
    "dawid-skene": "DawidSkene",
    "one-coin-dawid-skene": "OneCoinDawidSkene",
    "glad": "GLAD",
}
"""Name in `campaign.toml` → crowd-kit class. Its MACE is left out: 1.4.2 misaligns workers and labels."""

DECIMALS = 4
POSTERIOR = pa.schema(
    [
        ("answer_id", pa.string()),
        ("helpfulness", pa.float64()),
        ("n_votes", pa.int32()),
        ("agreement", pa.float64()),
    ]
)


def aggregate(votes: pa.Table, method: str, positive: Collection[str]) -> pa.Table:
    """Aggregate the votes on one question.

    Parameters
    ----------
    votes
        `answer_id`, `worker`, `label` (strings), one row a counted vote.
    method
        A name of `METHODS`; "dawid-skene" is Dawid & Skene, JRSS C 28(1), 1979, by EM.
    positive
        The labels that mean yes.

    Returns
    -------
    pa.Table
        `POSTERIOR`, sorted by `answer_id`: `helpfulness` is the posterior probability of a positive label,
        `agreement` the share of votes for the label that the posterior names, both rounded to 4 decimals.

    Raises
    ------
    LrlError
        The method is unknown.
    """
    if method not in METHODS:
        raise LrlError(f"unknown aggregation {method!r}; known: {', '.join(METHODS)}")
    if votes.num_rows == 0:
        return POSTERIOR.empty_table()
    keys = ["answer_id", "worker", "label"]
    ordered = votes.select(keys).sort_by([(key, "ascending") for key in keys])
    frame = ordered.to_pandas().rename(columns={"answer_id": "task"})
    probabilities = _fit(frame, method)
    columns = [label for label in probabilities.columns if label in positive]
    helpful = probabilities[columns].sum(axis=1).clip(0.0, 1.0)
    counts = frame.groupby(["task", "label"]).size()
    n_votes = counts.groupby("task").sum()
    winning = probabilities.sort_index(axis=1).idxmax(axis=1)
    agreement = {task: counts.get((task, winning[task]), 0) / n_votes[task] for task in n_votes.index}
    tasks = sorted(n_votes.index)
    return pa.table(
        {
            "answer_id": tasks,
            "helpfulness": [round(float(helpful[task]), DECIMALS) for task in tasks],
            "n_votes": [int(n_votes[task]) for task in tasks],
            "agreement": [round(float(agreement[task]), DECIMALS) for task in tasks],
        },
        schema=POSTERIOR,
    )


def agreement(judged: pa.Table) -> dict[str, float | None]:
    """Return Krippendorff's alpha of each question over the counted judgements."""
    counted = judged.filter(judged["counted"])
    questions = sorted(set(counted["question"].to_pylist()))
    return {
        name: krippendorff_alpha(counted.filter(pc.equal(counted["question"], name))) for name in questions
    }


def krippendorff_alpha(votes: pa.Table) -> float | None:
    """Krippendorff's alpha (nominal) over counted votes; null where it is undefined.

    1 is perfect agreement, 0 what chance would give (Krippendorff, Content Analysis, 2004, ch. 11). It is
    undefined when no answer has two votes or when all votes are alike.
    """
    frame = votes.select(["answer_id", "worker", "label"]).to_pandas()
    pairs = frame.groupby("answer_id")["label"].transform("size") > 1
    frame = frame[pairs]
    if frame.empty or frame["label"].nunique() < 2:
        return None
    from crowdkit.metrics.data import alpha_krippendorff

    answers = frame.rename(columns={"answer_id": "task"}).sort_values(["task", "worker", "label"])
    return round(float(alpha_krippendorff(answers)), DECIMALS)


def _fit(frame: pd.DataFrame, method: str) -> pd.DataFrame:
    import crowdkit.aggregation
    from pandas.errors import PandasChangeWarning

    options: dict[str, Any] = {"n_iter": 100} if "dawid-skene" in method else {}
    aggregator = getattr(crowdkit.aggregation, METHODS[method])(**options)
    with warnings.catch_warnings():
        # crowd-kit uses what pandas will take away one day: its concern, not the user's.
        warnings.simplefilter("ignore", PandasChangeWarning)
        probabilities: pd.DataFrame = aggregator.fit_predict_proba(frame)
    return probabilities.fillna(0.0)  # some methods leave out a label that nobody gave an answer
