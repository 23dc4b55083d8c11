"""What is planned: a campaign and its stages, before it begins."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass


@dataclass(frozen=True)
class Stage:
    """How one stage is run."""

    suite: int
    overlap: int
    seconds: float
    """Median time that a careful worker takes for a task."""
    price: float | None = None
    """For a suite; None: what gives the median worker the floor."""
    golden_share: float = 0.0
    exam: int = 0
    exam_pass: float = 0.0
    ban_after: int = 0
    ban_below: float = 0.0
    confidence: float | None = None
    """Dynamic overlap: more votes one at a time until they are so sure (`overlap.confidence`) …"""
    limit: int | None = None
    """… or so many were given; twice the overlap plus one when None."""


@dataclass(frozen=True)
class Plan:
    """A campaign before it begins."""

    prompts: int
    minimum_hourly_pay: float
    """The floor. It has no default: see `sources.campaign_tasks.Money`."""
    platform_fee: float
    crowd: Mapping[str, int]
    """Workers by type of `simulation.TYPES`."""
    answers: Stage
    judgements: Stage
    most_answers: int | None = None
    """Answers a prompt gets at most, when rejected ones reopen it; None: nothing is reopened."""
    comparisons: Stage | None = None
    """Where the campaign compares answers: an overlap is that of a pair."""
    pairs: int | None = None
    """Pairs of a prompt that are compared at most; None: all."""
    majority: bool = False
    """Whether votes are counted, one like the other, or weighed (as Dawid and Skene do; other methods that weigh
    them come close to it)."""
    refused_is_paid: bool = False
    """Whether rejected answers and the suites of judges who failed are paid. Where they are not, as
    `lrl crowd decide` has it, the votes of those judges are asked for again."""
