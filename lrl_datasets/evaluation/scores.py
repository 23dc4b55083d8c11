"""From the harness's results to scores: shares with Wilson's interval, groups with the error of their parts."""

from __future__ import annotations

import math
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

from lrl_datasets.evaluation.results import Score, detectable_difference, share_error
from lrl_datasets.evaluation.tasks import Suites
from lrl_datasets.intervals import Z_95, wilson

STOCK = "stock"
"""Prompt family of every task that is the harness's own."""


@dataclass(frozen=True)
class Source:
    """Where a task's rows come from."""

    commit: str | None
    sample: bool | None


def to_scores(
    raw: dict[str, Any], loaded: dict[str, Any], suites: Suites, sources: dict[str, Source]
) -> list[Score]:
    """Turn what the harness gives for loaded tasks and groups into scores, each with its interval.

    Parameters
    ----------
    raw, loaded
        What `lm_eval.evaluate` and `TaskManager.load` return.
    suites
        The tasks of ours.
    sources
        Task to where its rows come from.
    """
    scores: dict[str, list[Score]] = {}
    errors: dict[tuple[str, str], float | None] = {}
    for name, task in loaded["tasks"].items():
        known = suites.tasks.get(name)
        split = scored_split(task)
        counts = raw["n-samples"][name]
        for metric in task.aggregation():
            values = [sample[metric] for sample in raw["samples"][name]]
            value = float(raw["results"][name][f"{metric},none"])
            low, high, error = _interval(value, values, raw["results"][name][f"{metric}_stderr,none"])
            errors[name, metric] = error
            score = Score(
                task=name,
                prompt_family=known.metadata.prompt_family if known else STOCK,
                dataset=f"{task.config.dataset_path}/{task.config.dataset_name or 'default'}",
                commit=sources[name].commit,
                sample=sources[name].sample,
                split=split,
                n=counts["effective"],
                items=counts["original"],
                metric=metric,
                value=value,
                low=low,
                high=high,
                detectable=None if error is None else detectable_difference(error),
                percent=_is_share(values),
            )
            scores.setdefault(name, []).append(score)
    flat = [score for listed in scores.values() for score in listed]
    return flat + [
        score for name in loaded["groups"] for score in _group_scores(name, raw, loaded, flat, errors)
    ]


def _interval(
    value: float, values: list[Any], stderr: Any
) -> tuple[float | None, float | None, float | None]:
    """Return low, high and standard error: a share's own, else the harness's (a bootstrap for chrF)."""
    if _is_share(values):
        successes = round(sum(values))
        return *wilson(successes, len(values)), share_error(successes, len(values))
    if not isinstance(stderr, (int, float)) or stderr == 0:  # one item, or items that are all alike
        return None, None, None
    return value - Z_95 * stderr, value + Z_95 * stderr, float(stderr)


def _is_share(values: list[Any]) -> bool:
    return all(isinstance(value, (int, float)) and value in (0, 1) for value in values)


def _group_scores(
    name: str,
    raw: dict[str, Any],
    loaded: dict[str, Any],
    flat: list[Score],
    errors: dict[tuple[str, str], Any],
) -> Iterator[Score]:
    """Yield what the harness aggregates over a group; the items are strata, so errors add as (n·error/N)²."""
    members = [task.task_name for task in loaded["groups"][name].get_all_tasks()]
    for key, value in raw["results"][name].items():
        metric, _, filtered = key.partition(",")
        if filtered != "none" or metric.endswith("_stderr"):
            continue
        parts = [score for score in flat if score.task in members and score.metric == metric]
        total = sum(part.n for part in parts)
        terms = [errors[part.task, metric] for part in parts]
        error = None
        if all(term is not None for term in terms):
            error = math.sqrt(
                sum((part.n * term / total) ** 2 for part, term in zip(parts, terms, strict=True))
            )
        yield Score(
            task=name,
            prompt_family=" + ".join(dict.fromkeys(part.prompt_family for part in parts)),
            dataset=f"{len(parts)} tasks",
            commit=None,
            sample=True if any(part.sample for part in parts) else parts[0].sample,
            split=" + ".join(dict.fromkeys(part.split for part in parts)),
            n=total,
            items=sum(part.items for part in parts),
            metric=metric,
            value=float(value),
            low=None if error is None else max(0.0, value - Z_95 * error),
            high=None if error is None else min(1.0, value + Z_95 * error),
            detectable=None if error is None else detectable_difference(error),
            percent=all(part.percent for part in parts),
        )


def scored_split(task: Any) -> str:
    """Return the split of a loaded task that is scored, by the harness's rule."""
    return str(task.config.test_split or task.config.validation_split)
