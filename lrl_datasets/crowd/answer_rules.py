"""What stands against an answer before anybody judges it: its worker, its time, a copied text, a machine's translation.

Takes the answers of one stage as dictionaries with the columns of `schema.CANDIDATE`, in any order; one function
a rule, each off unless the campaign asks for it (control tasks apart). Who is suspected and who is refused is told
apart: where nobody can know who copied from whom, a person must look.

`lrl crowd decide` refuses by these rules before anyone is paid, and a build marks the same answers for the same
reasons (`marked`): both look at the texts as they were handed in.
"""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from difflib import SequenceMatcher
from typing import Any, NamedTuple

import pyarrow as pa

from lrl_datasets.crowd import rules as judges
from lrl_datasets.filters.base import add_column, add_mark
from lrl_datasets.filters.normalise import match_key
from lrl_datasets.sources.base import SourceTables

Answer = Mapping[str, Any]

NAME = "answer_rules"
"""The step's place in `schema.FILTER_ORDER`."""
REASONS = ("failed_worker", "skipped_in_row", "too_fast", "too_slow", "same_text", "machine_translated")
"""What it marks, in the order in which the rules are tried."""
RIGHT, WRONG = "right", "wrong"
"""What a release says of a control task: with it anybody can count."""


@dataclass(frozen=True)
class AnswerRules:
    """`[stage.rules]` of an answer stage in `campaign.toml`; null is off."""

    accept_from: float = 0.5
    accept_precision: float | None = None
    overlap_limit: int | None = None
    suite_share: float = 0.5
    review_days: int | None = None
    warn_days: int = 3
    too_fast_z: float | None = None
    too_slow_z: float | None = None
    max_skipped_in_row: int | None = None
    same_text_min_words: int | None = None
    machine_translation_from: float | None = None
    golden_min_answers: int = 3
    """Control tasks after which a worker can fail; below it nobody is judged on chance."""
    golden_min_accuracy: float = 0.6
    """Share of control tasks a worker must get right."""
    bonus: float | None = None
    bonus_from: float | None = None
    bonus_min_tasks: int = 10


class Objection(NamedTuple):
    """What a rule says of an answer."""

    verdict: str
    """`reject`, or `wait` for a person."""
    reason: str
    detail: str | None = None


def of_stage(stage: Mapping[str, Any]) -> AnswerRules:
    """Return the rules of an answer stage as the source's facts and the manifest have it."""
    given = stage.get("rules") or {}
    return AnswerRules(**{name: given[name] for name in given if name in AnswerRules.__dataclass_fields__})


def marked(tables: SourceTables) -> pa.Table:
    """Return a source's candidates with what the rules of their stage refuse, and which control tasks are right.

    The reader has marked the control tasks themselves (`golden`); here their detail says `RIGHT` or `WRONG`.
    """
    table = tables.candidates
    told: Any = tables.facts.get("stages", [])
    stages = [stage for stage in told if stage["kind"] == "answer"]
    marks: list[str | None] = [None] * table.num_rows
    details: list[str | None] = [None] * table.num_rows
    of_source = table["detail.source"].to_pylist()
    listed = table.to_pylist() if stages else []
    for stage in stages:
        places = [at for at, row in enumerate(listed) if row["file"] in stage["pools"]]
        for at, found in objections([listed[place] for place in places], of_stage(stage)).items():
            if found.verdict == "reject":
                marks[places[at]], details[places[at]] = found.reason, found.detail
        for place in places:
            if listed[place]["mark.source"] == judges.CONTROL:
                of_source[place] = RIGHT if is_right(listed[place]) else WRONG
    return add_mark(add_column(table, "detail.source", of_source, pa.string()), NAME, marks, details)


def objections(rows: Sequence[Answer], rules: AnswerRules) -> dict[int, Objection]:
    """Return what the rules say of each answer they object to, by its position.

    A control task is measured and no text to be judged: only what is said of its worker is said of it.
    """
    ordinary = [row["golden"] is None for row in rows]
    timed = [
        {**row, "reason": row["mark.source"], "duration_s": seconds}
        for row, seconds in zip(rows, task_seconds(rows), strict=True)
    ]
    asked = judges.Rules(
        too_fast_z=rules.too_fast_z,
        too_slow_z=rules.too_slow_z,
        max_skipped_in_row=rules.max_skipped_in_row,
    )
    failed, skippers = failed_workers(rows, rules), judges.skipped_in_row(timed, asked)
    found: dict[int, Objection] = {}
    for at, row in enumerate(rows):
        if row["worker"] in failed:
            right, done = failed[row["worker"]]
            detail = f"{right} of {done} control tasks right"
            found[at] = Objection("reject", "failed_worker", detail)
        elif row["worker"] in skippers:
            found[at] = Objection("reject", "skipped_in_row")
    for reason, positions in (
        ("too_fast", judges.too_fast(timed, asked)),
        ("too_slow", judges.too_slow(timed, asked)),
    ):
        for at in positions:
            if ordinary[at]:
                found.setdefault(at, Objection("reject", reason))
    for at, first in same_text(rows, rules.same_text_min_words).items():
        if first is None:
            found.setdefault(at, Objection("wait", "same_text"))
        else:
            # The file alone: the order of its lines says nothing, and changes no release.
            place = f"file {(rows[first]['file_sha256'] or '')[:12]}"
            found.setdefault(at, Objection("reject", "same_text", f"another worker's in {place} came first"))
    for at, similar in machine_translated(rows, rules.machine_translation_from).items():
        detail = f"{similar:.4f} >= {rules.machine_translation_from:g}"
        found.setdefault(at, Objection("reject", "machine_translated", detail))
    return found


def failed_workers(rows: Sequence[Answer], rules: AnswerRules) -> dict[str, tuple[int, int]]:
    """Workers who got too few control tasks right: how many of how many.

    Measured as judges are (`rules.failed_worker`): from `golden_min_answers` on, each one handed in counting.
    """
    control = [
        {**row, "reason": judges.CONTROL, "golden": RIGHT, "label": RIGHT if is_right(row) else WRONG}
        for row in rows
        if row["mark.source"] == judges.CONTROL and row["worker"]
    ]
    asked = judges.Rules(
        golden_min_answers=rules.golden_min_answers, golden_min_accuracy=rules.golden_min_accuracy
    )
    failed = judges.failed_worker(control, asked)
    theirs = [row for row in control if row["worker"] in failed]
    right = Counter(row["worker"] for row in theirs if row["label"] == RIGHT)
    return {worker: (right[worker], n) for worker, n in Counter(row["worker"] for row in theirs).items()}


def is_right(row: Answer) -> bool:
    """Say whether a control task's answer is the expected one, but for case, spaces and punctuation."""
    return match_key(text_of(row)) == match_key(row["golden"])


def same_text(rows: Sequence[Answer], min_words: int | None) -> dict[int, int | None]:
    """Answers that several workers handed in, alike but for case, punctuation and spacing.

    Whoever was first wrote it: the others are named with the position of that answer. Where a time is missing or two
    came at once, all of them are, with None: a person must look. Short answers are alike by chance: `min_words`.
    """
    if min_words is None:
        return {}
    alike: dict[str, list[int]] = defaultdict(list)
    for at, row in enumerate(rows):
        if row["messages"] and row["mark.source"] != "not_submitted" and row["golden"] is None:
            key = match_key(text_of(row))
            if len(key.split()) >= min_words:
                alike[key].append(at)
    found: dict[int, int | None] = {}
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
        original = min(
            (at for at in positions if rows[at]["submitted"] == first),
            key=lambda at: (rows[at]["file_sha256"] or "", rows[at]["row"] or 0),
        ) if known_first else None  # fmt: skip
        for at in positions:
            if not known_first:
                found[at] = None
            elif times[rows[at]["worker"]] != first:
                found[at] = original
    return found


def machine_translated(rows: Sequence[Answer], similar_from: float | None) -> dict[int, float]:
    """Answers that are (nearly) what a machine made of the English answer, where the campaign has that."""
    if similar_from is None:
        return {}
    near = {
        at: similarity(text_of(row), row["machine_translation"])
        for at, row in enumerate(rows)
        if row["messages"] and row["machine_translation"] and row["golden"] is None
    }
    return {at: similar for at, similar in near.items() if similar >= similar_from}


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
