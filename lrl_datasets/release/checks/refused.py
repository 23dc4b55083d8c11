"""Why a row was refused, and why none of the published ones was: what the filters say is found anew.

The filters that look at nothing but a published row (its emptiness, its length, its repetition, what its votes say …)
are run again, with the thresholds of the manifest. Of the others the reason and its detail must fit what is there.
"""

from __future__ import annotations

import re
from dataclasses import fields
from typing import Any

import pyarrow as pa

from lrl_datasets import languages, schema
from lrl_datasets.crowd import answer_rules
from lrl_datasets.crowd.acceptance import threshold
from lrl_datasets.filters.contamination import DETAIL as LEAK
from lrl_datasets.filters.contamination import Contamination
from lrl_datasets.filters.echo import Echo
from lrl_datasets.filters.helpfulness import Helpfulness
from lrl_datasets.filters.identity import Identity
from lrl_datasets.filters.language_id import LanguageId
from lrl_datasets.filters.length import Length
from lrl_datasets.filters.length_ratio import LengthRatio
from lrl_datasets.filters.markup import Markup
from lrl_datasets.filters.normalise import Normalise
from lrl_datasets.filters.refusals import Refusals
from lrl_datasets.filters.repetition import Repetition
from lrl_datasets.filters.script import Script
from lrl_datasets.filters.truncated import Truncated
from lrl_datasets.filters.untranslated import Untranslated
from lrl_datasets.release import overlap
from lrl_datasets.release.checks.base import Found, Row, filters, records, rows
from lrl_datasets.release.locations import Release

_REASONS = {
    "source": ("unreadable", "refused_by_requester", "not_submitted", "golden", "no_answer"),
    answer_rules.NAME: answer_rules.REASONS,
    **{
        one.name: one.reasons
        for one in (
            Normalise,
            Identity,
            Length,
            Echo,
            Repetition,
            Script,
            Untranslated,
            LengthRatio,
            LanguageId,
            Refusals,
            Truncated,
            Markup,
            Helpfulness,
            Contamination,
        )
    },
    "held_out": ("held_out_relative",),
    overlap.NAME: overlap.REASONS,
    "duplicates": ("duplicate",),
}
"""Filter → its reasons."""
_ANEW: tuple[type, ...] = (Length, Echo, Repetition, Script, Refusals, Truncated, Markup, Helpfulness)
"""The filters of a published row alone, besides `Normalise`."""
_ALWAYS = {"source", answer_rules.NAME, "normalise", "identity", "held_out", overlap.NAME}
_DETAILS = {
    "unreadable": re.compile(r"file [0-9a-f]{12} row \d+: .+"),
    "golden": re.compile(rf"{answer_rules.RIGHT}|{answer_rules.WRONG}"),
    "failed_worker": re.compile(r"\d+ of \d+ control tasks right"),
    "same_text": re.compile(r"another worker's in file [0-9a-f]{12} came first"),
    "machine_translated": re.compile(r"[01]\.\d{4} >= [\d.e-]+"),
    "duplicate_id": re.compile(r"file [0-9a-f]{12} row \d+ came first"),
    "untranslated_prompt": re.compile(r"prompt: [01]\.\d{4} of its .+, at most [\d.e-]+"),
    "untranslated_answer": re.compile(r"answer: [01]\.\d{4} of its .+, at most [\d.e-]+"),
    "translation_too_short": re.compile(
        r"(?:prompt|answer): \d+ characters for \d+ of English, at least \d+"
    ),
    "translation_too_long": re.compile(r"(?:prompt|answer): \d+ characters for \d+ of English, at most \d+"),
    "wrong_language_prompt": re.compile(r"\d+ words; [\w-]+: .+"),
    "wrong_language_answer": re.compile(r"\d+ words; [\w-]+: .+"),
    "suite_leak": LEAK,
    "held_out_relative": re.compile(r"group is in (?:train|validation|test)"),
    "held_out_overlap": re.compile(r"the (?:prompt|answer) has a text of [a-z, ]+ \(\d+ % of it, \d+ bits\)"),
    "duplicate": re.compile(r"of [0-9a-f]{24}"),
}
"""Reason → the form of its detail, of those that are not found anew."""


def reasons(release: Release) -> Found:
    """A refused row's reason is one of its filter's that holds, and no row passed a filter that objects to it."""
    columns = (
        "id",
        "messages",
        "content_hash",
        "source",
        "prompt_language",
        "helpfulness",
        "helpfulness_kind",
        "n_votes",
        "reason",
        "filter",
        "detail",
    )
    listed = records(release, *columns)
    index = release.manifest.get("suite_index")
    used = _ALWAYS | filters(release).keys() | ({"contamination"} if index else set())
    for row in listed:
        reason, step = row.get("reason"), row.get("filter")
        if reason is None and step is None:
            continue
        if reason not in _REASONS.get(str(step), ()) or step not in used:
            yield f"row {row['id']}: {reason!r} is no reason of a filter {step!r} of this release"
            continue
        form = _DETAILS.get(reason)
        fits = form.fullmatch(row["detail"] or "") if form else True
        if not fits:
            yield f"row {row['id']}: detail is none of {reason}"
        elif reason == "suite_leak" and not {*str(fits["tasks"]).split(", ")} <= index["tasks"].keys():  # type: ignore[index]
            yield f"row {row['id']}: detail names a task that is not in the suite index"
        if reason == "unreadable" and (row["messages"] is not None or row["content_hash"] is not None):
            yield f"row {row['id']} was read, and its reason is unreadable"
    yield from _found_anew(release, listed)
    yield from _duplicates(release)


def leaks(release: Release) -> Found:
    """A row that is a leak of the evaluation suite is published without its messages, and no other one is."""
    index = release.manifest.get("suite_index")
    for row in rows(release, "rejected", "id", "reason", "filter", "messages", "content_hash"):
        if row["reason"] == "suite_leak" and row["messages"] is not None:
            yield f"row {row['id']} is a suite leak and has its messages"
        # Whatever was objected to before: a leak's text was there when it was hashed.
        hidden = row["messages"] is None and row["content_hash"] is not None
        late = row["filter"] in ("held_out", overlap.NAME, "duplicates")
        if (hidden and (late or not index)) or (
            row["messages"] is None and not hidden and row["reason"] != "unreadable"
        ):
            yield f"row {row['id']} has no messages, and is neither unreadable nor a leak of a suite"


def _found_anew(release: Release, listed: list[Row]) -> Found:
    settings, sources = filters(release), release.manifest["sources"]
    steps: list[Any] = [Normalise()]
    for kind in _ANEW:
        given = settings.get(kind.name)  # type: ignore[attr-defined]
        # What a later package's threshold means, nobody knows here; nor what another language file's words were.
        if given is None or not given.keys() <= {field.name for field in fields(kind)}:
            continue
        if "language" not in given or _same_language_file(release):
            steps.append(kind(**given))
    chosen = {name: threshold(told) for name, told in release.manifest.get("acceptance", {}).items()}
    allowed = [sources.get(row["source"], {}).get("may_be_unjudged") for row in listed]
    may = [
        row.get("reason") != "unjudged" if one is None else one
        for row, one in zip(listed, allowed, strict=True)
    ]
    table = pa.table(
        {
            "messages": pa.array([row["messages"] for row in listed], schema.MESSAGES),
            "source": pa.array([row["source"] for row in listed], pa.string()),
            "prompt_language": pa.array([row["prompt_language"] for row in listed], pa.string()),
            "helpfulness": pa.array([row["helpfulness"] for row in listed], pa.float64()),
            "helpfulness_kind": pa.array([row["helpfulness_kind"] for row in listed], pa.string()),
            "n_votes": pa.array([row["n_votes"] for row in listed], pa.int32()),
            "may_be_unjudged": pa.array(may, pa.bool_()),
            "accept_from": pa.array([chosen.get(row["source"]) for row in listed], pa.float64()),
        }
    )
    order = schema.FILTER_ORDER
    for step in steps:
        done = step(table)
        marks, details = (done[f"{part}.{step.name}"].to_pylist() for part in ("mark", "detail"))
        for row, mark, detail in zip(listed, marks, details, strict=True):
            at = row.get("filter")
            where = order.index(at) if at in order else len(order)
            here = order.index(step.name)
            unseen = row["messages"] is None  # a leak's text is not there any more
            if where > here and mark is not None:
                yield f"row {row['id']} is {mark}, and {row.get('reason') or 'is published'}"
            elif where == here and not unseen and mark != row["reason"]:
                yield f"row {row['id']}: its reason is {row['reason']}, and {step.name} finds {mark}"
            elif where == here and not unseen and detail != row["detail"]:
                yield f"row {row['id']}: detail is not what {step.name} says of it"


def _same_language_file(release: Release) -> bool:
    told = release.manifest["language"]
    return bool(languages.sha256(told["code"]) == told["sha256"])


def _duplicates(release: Release) -> Found:
    stays = {row["cluster"]: row["id"] for row in rows(release, "default", "id", "cluster")}
    for row in rows(release, "rejected", "id", "reason", "detail", "cluster"):
        if row["reason"] == "duplicate" and row["detail"] != f"of {stays.get(row['cluster'])}":
            yield f"row {row['id']} is a duplicate, and its detail names no published row of its cluster"
