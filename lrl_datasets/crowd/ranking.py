"""Which system people prefer: a ranking of models from comparisons of their answers, with how sure it is of each place.

Takes comparisons between systems, gives Bradley-Terry strengths (`preferences`) with bootstrap intervals, win rates,
and which neighbours cannot be told apart. Systems that no chain of comparisons connects have no common scale: they are
ranked apart, as sets.
"""

from __future__ import annotations

from dataclasses import asdict, dataclass
from typing import Any, Literal

import numpy as np
import pyarrow as pa

from lrl_datasets.crowd import preferences
from lrl_datasets.crowd.preferences import DECIMALS, Sides, Votes
from lrl_datasets.crowd.rules import Rules

Unit = Literal["worker", "comparison"]
FEW_WORKERS = 10
"""Below that a bootstrap over workers says little of how much workers differ (Cameron, Gelbach and Miller, Rev. Econ.
Stat. 90(3), 2008): comparisons are resampled in their place, which takes those of one worker for independent."""


@dataclass(frozen=True)
class System:
    """One system's place."""

    set: int
    """Number of the connected set, from 1; the largest first. Strengths are only comparable within one."""
    rank: int
    name: str
    strength: float
    """Log odds against a system of mean strength."""
    low: float
    high: float
    """Ends of the 95 % interval of the strength."""
    win_rate: float
    """Share of its comparisons that it won, ties half."""
    comparisons: int
    apart: bool | None
    """Whether the 95 % interval of the difference to the next one lies above 0; None for the last one."""


@dataclass(frozen=True)
class Ranking:
    """A ranking, and what it rests on."""

    method: str
    resampled: Unit
    workers: int
    systems: list[System]
    sides: Sides

    def as_json(self) -> dict[str, Any]:
        """Return it as plain JSON types."""
        return asdict(self)


def rank(
    votes: pa.Table,
    rules: Rules,
    method: str = "bradley-terry",
    resample: Unit | None = None,
    draws: int = preferences.DRAWS,
) -> Ranking:
    """Rank systems.

    Parameters
    ----------
    votes
        `answer_id` (here the system whose answer stood left), `other_id`, `worker`, `label`; in any order.
    rules
        Which labels prefer left, and which right.
    method
        One of `preferences.METHODS`.
    resample
        What the bootstrap resamples; by default the workers, or the comparisons where there are fewer than
        `FEW_WORKERS`.
    """
    coded = preferences.code(votes, rules)
    weight = preferences.noisy(coded).honest if method == "noisy-bradley-terry" else np.ones(len(coded.won))
    unit: Unit = resample or ("worker" if len(coded.workers) >= FEW_WORKERS else "comparison")
    systems: list[System] = []
    number = 0
    for sets in reversed(preferences.connected(coded)):
        log = preferences.strengths(sets.wins(coded, weight))
        for n, items in enumerate(sets.items):
            number += 1
            here = sets.votes[sets.at == n]
            units = None if unit == "worker" else np.arange(len(coded.won))
            drawn = preferences.bootstrap(coded, here, items, weight, draws, units)
            systems += _places(coded, number, here, items, log[n], drawn)
    return Ranking(method, unit, len(coded.workers), systems, preferences.sides(votes, rules))


def _places(
    votes: Votes, number: int, here: preferences.Ints, items: preferences.Ints,
    log: preferences.Floats, drawn: preferences.Floats,
) -> list[System]:  # fmt: skip
    names = [votes.items[item] for item in items]
    order = sorted(range(len(items)), key=lambda at: (-round(float(log[at]), DECIMALS), names[at]))
    ends = (1 - preferences.CONFIDENCE) / 2, (1 + preferences.CONFIDENCE) / 2
    low, high = np.quantile(drawn, ends, axis=0)
    left, right = (np.searchsorted(items, side[here]) for side in (votes.left, votes.right))
    won = np.bincount(left, votes.won[here], len(items)) + np.bincount(right, 1 - votes.won[here], len(items))
    often = np.bincount(left, minlength=len(items)) + np.bincount(right, minlength=len(items))
    found = []
    for place, at in enumerate(order):
        following = order[place + 1] if place + 1 < len(order) else None
        apart = (
            None if following is None else bool(np.quantile(drawn[:, at] - drawn[:, following], ends[0]) > 0)
        )
        found.append(
            System(
                set=number,
                rank=place + 1,
                name=names[at],
                strength=_rounded(log[at]),
                low=_rounded(low[at]),
                high=_rounded(high[at]),
                win_rate=_rounded(won[at] / often[at]),
                comparisons=int(often[at]),
                apart=apart,
            )
        )
    return found


def _rounded(value: Any) -> float:
    return round(float(value), DECIMALS) + 0.0  # no -0.0
