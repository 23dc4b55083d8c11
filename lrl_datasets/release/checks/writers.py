"""Do the answers fit what their campaign asks of writers: control tasks, and texts that several handed in."""

from __future__ import annotations

from collections import Counter, defaultdict
from typing import Any

from lrl_datasets import schema
from lrl_datasets.crowd import answer_rules
from lrl_datasets.filters.normalise import match_key
from lrl_datasets.release.checks.base import Found, Row, records
from lrl_datasets.release.locations import Release

_ASKED_BY = {
    "skipped_in_row": "max_skipped_in_row",
    "too_fast": "too_fast_z",
    "too_slow": "too_slow_z",
    "same_text": "same_text_min_words",
    "machine_translated": "machine_translation_from",
}
"""Reason → the rule in `campaign.toml` without which nobody is refused for it."""
_BEFORE = schema.FILTER_ORDER[: schema.FILTER_ORDER.index(answer_rules.NAME)]


def writers(release: Release) -> Found:
    """Answers are refused by rules that their campaign has: failed control tasks and equal texts are counted anew."""
    columns = ("id", "source", "annotator", "messages", "reason", "filter", "detail")
    by_source: dict[str, list[Row]] = defaultdict(list)
    for row in records(release, *columns):
        by_source[row["source"]].append(row)
    for name, listed in by_source.items():
        stages = _answer_stages(release.manifest["sources"].get(name, {}))
        rules = [stage.get("rules") or {} for stage in stages]
        for row in listed:
            asked = _ASKED_BY.get(row.get("reason") or "")
            if row.get("filter") == answer_rules.NAME and asked and not any(asked in one for one in rules):
                yield f"row {row['id']} is {row['reason']}, and its campaign has no {asked}"
            if row.get("reason") == "golden" and not stages:
                yield f"row {row['id']} is a control task, and its source has no answer stage"
        if len(stages) == 1:  # which of several stages an answer is of, a release does not say
            yield from _failed(release, listed, answer_rules.of_stage(stages[0]))
            yield from _same(listed, answer_rules.of_stage(stages[0]).same_text_min_words)


def _failed(release: Release, listed: list[Row], rules: answer_rules.AnswerRules) -> Found:
    """Whoever fails the control tasks has no answer that passed, and nobody else is failed."""
    right: Counter[str] = Counter()
    done: Counter[str] = Counter()
    for row in listed:
        if row.get("reason") == "golden":
            done[row["annotator"]] += 1
            right[row["annotator"]] += row["detail"] == answer_rules.RIGHT
    partly = bool(release.manifest["counts"]["withdrawn"])  # of somebody's control tasks some may have left
    for row in listed:
        who, told = row["annotator"], row.get("reason") == "failed_worker"
        if partly or who is None or row.get("filter") in _BEFORE:
            continue
        n = done[who]
        fails = n > 0 and n >= rules.golden_min_answers and right[who] / n < rules.golden_min_accuracy
        if told != fails:
            yield (
                f"row {row['id']} is {row.get('reason') or 'published'}, and its writer has {right[who]} of {n} "
                f"control tasks right, which {'fails' if fails else 'passes'}"
            )
        elif told and row["detail"] != f"{right[who]} of {n} control tasks right":
            yield f"row {row['id']}: detail is not what its writer's control tasks say"


def _same(listed: list[Row], min_words: int | None) -> Found:
    """Of a text that somebody was refused for copying, one writer's answers alone are not refused for it."""
    if min_words is None:
        return
    alike: dict[str, list[Row]] = defaultdict(list)
    for row in listed:
        text = row["messages"][-1]["content"] if row["messages"] else ""
        # What was masked was different before; a row that an earlier rule refused was never asked for its text.
        earlier = row.get("filter") in _BEFORE or (
            row.get("filter") == answer_rules.NAME
            and row["reason"] not in ("same_text", "machine_translated")
        )
        if "[" not in text and not earlier and len(match_key(text).split()) >= min_words:
            alike[match_key(text)].append(row)
    for rows in alike.values():
        own = {row["annotator"] for row in rows if row.get("reason") != "same_text"}
        copied = [row for row in rows if row.get("reason") == "same_text"]
        if copied and len(own) > 1:
            yield f"row {copied[0]['id']} is refused as a copy, and {len(own)} other writers of its text are not"


def _answer_stages(source: dict[str, Any]) -> list[dict[str, Any]]:
    return [stage for stage in source.get("stages", []) if stage["kind"] == "answer"]
