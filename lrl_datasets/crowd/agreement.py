"""How far annotators agree: Krippendorff's alpha of each question, with a bootstrap interval over the answers.

Takes counted votes as a table, gives `Agreement`. Everything is computed on how often each answer got each label:
answers with the same counts are alike, so that a hundred thousand votes are a few dozen patterns, and a thousand
resamples one product of matrices.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
from numpy.typing import NDArray

from lrl_datasets.crowd.pairs import undirected
from lrl_datasets.crowd.rules import Rules

Floats = NDArray[np.float64]

RELIABLE, WEAK = 0.8, 0.667
"""From the first on conclusions are reliable, below the second they are not (Krippendorff 2004, p. 241)."""
DRAWS = 1000
CONFIDENCE = 0.95
DECIMALS = 4

_CELLS = 5_000_000
"""Numbers in one array of resamples: 40 MB."""


@dataclass(frozen=True)
class Agreement:
    """Agreement on one question."""

    alpha: float | None
    """1 is perfect, 0 what chance would give; None where no answer has two votes or all votes are alike."""
    low: float | None
    high: float | None
    """Ends of the 95 % interval, over resamples of the answers."""
    level: str
    """`ordinal` where every label is a whole number, so that 0 against 2 is worse than 1 against 2; else `nominal`."""
    answers: int
    """Answers with two votes or more: the others say nothing of agreement."""
    votes: int
    """Counted votes on these."""
    pairs: float | None
    """Share of pairs of votes on one answer that are the same label."""
    labels: dict[str, int]
    """How often each label was given to these."""


def of_questions(judged: pa.Table, compared: Mapping[str, Rules] | None = None) -> dict[str, dict[str, Any]]:
    """Return the agreement on each question over the counted judgements, as the manifest has it.

    `compared` are the rules of the questions that compare two answers (`join.sides`): what they are about is the
    pair, whichever of the two stood left.
    """
    counted = undirected(judged.filter(judged["counted"]), compared or {})
    return {
        name: asdict(agreement(counted.filter(pc.equal(counted["question"], name))))
        for name in sorted(set(counted["question"].to_pylist()))
    }


def agreement(votes: pa.Table, draws: int = DRAWS, seed: int = 0) -> Agreement:
    """Measure the agreement of counted votes on one question (`answer_id`, `label`).

    Alpha is that of Krippendorff, Content Analysis, 2nd ed. 2004, ch. 11; the interval takes the middle 95 % of
    `draws` resamples of the answers with all their votes. Resamples in which every vote is alike have no alpha
    and are left out.
    """
    counts, names = counted(votes)
    counts = counts[counts.sum(axis=1) > 1]
    level = "ordinal" if names and all(name.isdigit() for name in names) else "nominal"
    given = {name: int(n) for name, n in zip(names, counts.sum(axis=0), strict=True)}
    patterns, often = np.unique(counts, axis=0, return_counts=True)
    pairs = coincidences(patterns)
    total = np.tensordot(often.astype(np.float64), pairs, axes=1)
    found = alphas(total[None], level)[0] if len(counts) else np.nan
    low = high = np.nan
    if not np.isnan(found):
        flat, rng = pairs.reshape(len(patterns), -1), np.random.default_rng(seed)
        step = max(1, _CELLS // max(len(patterns), flat.shape[1]))
        drawn = np.concatenate(
            [
                rng.multinomial(len(counts), often / len(counts), min(step, draws - at)) @ flat
                for at in range(0, draws, step)
            ]
        )
        resampled = alphas(drawn.reshape(-1, *total.shape), level)
        resampled = resampled[~np.isnan(resampled)]
        if len(resampled):
            low, high = np.quantile(resampled, [(1 - CONFIDENCE) / 2, (1 + CONFIDENCE) / 2])
    same = float(np.trace(total) / total.sum()) if len(counts) else np.nan
    return Agreement(
        _rounded(found), _rounded(low), _rounded(high), level, len(counts), int(counts.sum()), _rounded(same), given
    )  # fmt: skip


def counted(votes: pa.Table) -> tuple[NDArray[np.int64], list[str]]:
    """Return answers × labels, how often each was given, and the labels: numbers by size, others by name."""
    names = ordered(pc.unique(votes["label"]).to_pylist())
    answers = pc.unique(votes["answer_id"])
    rows = pc.index_in(votes["answer_id"], answers).to_numpy().astype(np.int64)
    columns = pc.index_in(votes["label"], pa.array(names, pa.string())).to_numpy().astype(np.int64)
    cells = np.bincount(rows * max(len(names), 1) + columns, minlength=len(answers) * len(names))
    return cells.reshape(len(answers), len(names)), names


def ordered(names: Sequence[str]) -> list[str]:
    """Sort labels: whole numbers by their size, others by name."""
    return sorted(names, key=int) if all(name.isdigit() for name in names) else sorted(names)


def coincidences(counts: NDArray[Any]) -> Floats:
    """Return each answer's coincidences, answers × labels × labels: its pairs of votes, each vote weighing one."""
    n = counts.astype(np.float64)
    size = n.sum(axis=1)
    pairs = n[:, :, None] * n[:, None, :] - n[:, :, None] * np.eye(n.shape[1])
    return np.asarray(pairs / np.maximum(size - 1, 1)[:, None, None])


def alphas(tables: Floats, level: str) -> Floats:
    """Return alpha of each table of coincidences (n × labels × labels); NaN where it is undefined."""
    margins = tables.sum(axis=2)
    n = margins.sum(axis=1)
    apart = 1.0 - np.eye(tables.shape[1])
    if level == "ordinal":
        # The votes between two labels, half of their own among them (ibid., ordinal metric).
        middle = np.cumsum(margins, axis=1) - margins / 2
        apart = (middle[:, :, None] - middle[:, None, :]) ** 2
    observed = (tables * apart).sum(axis=(1, 2))
    expected = (margins[:, :, None] * margins[:, None, :] * apart).sum(axis=(1, 2))
    with np.errstate(divide="ignore", invalid="ignore"):
        found = 1.0 - (n - 1) * observed / expected
    return np.asarray(np.where(expected > 0, found, np.nan), dtype=np.float64)


def _rounded(value: float) -> float | None:
    return None if np.isnan(value) else round(float(value), DECIMALS) + 0.0  # no -0.0
