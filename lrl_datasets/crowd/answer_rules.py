"""What stands against an answer before anybody judges it: time, skipping, a copied text, a machine's translation.

Takes the answers of one stage as dictionaries with the columns of `schema.CANDIDATE`, in any order; one function
a rule, each off unless the campaign asks for it. Who is suspected and who is refused is told apart: where
nobody can know who copied from whom, a person must look.
"""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from difflib import SequenceMatcher
from typing import Any

from lrl_datasets.crowd import rules as judges
from lrl_datasets.filters.normalise import match_key

Answer = Mapping[str, Any]


@dataclass(frozen=True)
class AnswerRules:
    """`[stage.rules]` of an answer stage in `campaign.toml`; null is off."""

    accept_from: float = 0.5
    overlap_limit: int | None = None
    suite_share: float = 0.5
    review_days: int | None = None
    warn_days: int = 3
    too_fast_z: float | None = None
    too_slow_z: float | None = None
    max_skipped_in_row: int | None = None
    same_text_min_words: int | None = None
    machine_translation_from: float | None = None
    bonus: float | None = None
    bonus_from: float | None = None
    bonus_min_tasks: int = 10


def objections(rows: Sequence[Answer], rules: AnswerRules) -> dict[int, tuple[str, str]]:
    """Return what the rules say of each answer they object to: position → verdict (reject or wait) and reason."""
    timed = [
        {**row, "reason": row["mark.source"], "duration_s": seconds}
        for row, seconds in zip(rows, task_seconds(rows), strict=True)
    ]
    asked = judges.Rules(
        too_fast_z=rules.too_fast_z,
        too_slow_z=rules.too_slow_z,
        max_skipped_in_row=rules.max_skipped_in_row,
    )
    skippers = judges.skipped_in_row(timed, asked)
    found: dict[int, tuple[str, str]] = {}
    for at, row in enumerate(rows):
        if row["worker"] in skippers:
            found.setdefault(at, ("reject", "skipped_in_row"))
    for reason, positions in (
        ("too_fast", judges.too_fast(timed, asked)),
        ("too_slow", judges.too_slow(timed, asked)),
    ):
        for at in positions:
            found.setdefault(at, ("reject", reason))
    for at, verdict in same_text(rows, rules.same_text_min_words).items():
        found.setdefault(at, (verdict, "same_text"))
    for at in machine_translated(rows, rules.machine_translation_from):
        found.setdefault(at, ("reject", "machine_translated"))
    return found


def same_text(rows: Sequence[Answer], min_words: int | None) -> dict[int, str]:
    """Answers that several workers handed in, alike but for case, punctuation and spacing.

    Whoever was first wrote it, the others are refused. Where a time is missing or two came at once, all of them
    wait for a person. Short answers are alike by chance: `min_words`.
    """
    if min_words is None:
        return {}
    alike: dict[str, list[int]] = defaultdict(list)
    for at, row in enumerate(rows):
        if row["messages"] and row["mark.source"] != "not_submitted":
            key = match_key(text_of(row))
            if len(key.split()) >= min_words:
                alike[key].append(at)
    found: dict[int, str] = {}
    for positions in alike.values():
        if len({rows[at]["worker"] for at in positions}) < 2:
            continue
        times: dict[str, datetime | None] = {}
        for at in positions:
            worker, time = rows[at]["worker"], rows[at]["submitted"]
            known = times.get(worker, time)
            times[worker] = min(known, time) if known and time else None
        first = min((time for time in times.values() if time), default=None)
        known_first = None not in times.values() and list(times.values()).count(first) == 1
        for at in positions:
            if not known_first:
                found[at] = "wait"
            elif times[rows[at]["worker"]] != first:
                found[at] = "reject"
    return found


def machine_translated(rows: Sequence[Answer], similar_from: float | None) -> set[int]:
    """Answers that are (nearly) what a machine made of the English answer, where the campaign has that."""
    if similar_from is None:
        return set()
    return {
        at
        for at, row in enumerate(rows)
        if row["messages"]
        and row["machine_translation"]
        and similarity(text_of(row), row["machine_translation"]) >= similar_from
    }


def similarity(one: str, other: str) -> float:
    """Return the share of words that two texts have in common in the same order, 0 to 1.

    Twice the matching words over all words (Ratcliff and Obershelp's gestalt matching, as `difflib` has it), case
    and punctuation apart: a translation that was touched up here and there keeps its long runs.

    >>> similarity("Maji huchemka kwa nyuzi mia.", "maji huchemka kwa nyuzi 100")
    0.8
    """
    return SequenceMatcher(None, match_key(one).split(), match_key(other).split(), autojunk=False).ratio()


def text_of(row: Answer) -> str:
    """Return the answer's text."""
    return str(row["messages"][-1]["content"] or "")


def task_seconds(rows: Sequence[Answer]) -> list[float | None]:
    """Return each answer's time: its suite's, divided by the suite's tasks; None where unknown."""
    tasks = Counter(row["assignment"] for row in rows)
    seconds: list[float | None] = []
    for row in rows:
        known = row["assignment"] and row["started"] and row["submitted"]
        took = (row["submitted"] - row["started"]).total_seconds() if known else -1.0
        seconds.append(took / tasks[row["assignment"]] if took >= 0 else None)
    return seconds
