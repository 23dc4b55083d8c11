"""Do the judgements fit the rules of their stage, and the rows what they say together."""

from __future__ import annotations

import math
from collections import defaultdict
from collections.abc import Mapping
from importlib.metadata import version as installed
from typing import Any

import pyarrow as pa
import pyarrow.compute as pc

from lrl_datasets import schema
from lrl_datasets.crowd import acceptance, aggregation, join, quality, rules
from lrl_datasets.release.checks.base import Found, Row, filters, judgement_stages, records, rows
from lrl_datasets.release.locations import Release

_DECIMALS = aggregation.DECIMALS
_BEFORE = ("unreadable", "refused_by_requester", "not_submitted")
"""Reasons that are found before anything is compared."""
_GOLDEN_RULES = {"aggregation", "golden_min_answers", "golden_min_accuracy"}
"""The rules by which a worker fails on the control tasks alone."""
_NAMELESS = (*_BEFORE, "golden", "unknown_answer")
"""Reasons of a judgement that need no answer."""


def helpfulness(release: Release) -> Found:
    """`helpfulness`, `n_votes` and `agreement` follow from the published votes and golden tasks."""
    names = ("id", "source", "helpfulness", "n_votes", "agreement", "helpfulness_kind")
    listed = records(release, *names)
    votes = release.rows("annotations")
    expected: dict[str, dict[str, Any]] = {}
    kinds: dict[str, str] = {}
    for name, source in release.manifest["sources"].items():
        stage = join.helpfulness_stage(name, judgement_stages(source))
        if stage is None or votes is None:
            continue
        # A control task that is no candidate names no row, so no source; its worker's pseudonym is the source's.
        of_source = pa.array([row["id"] for row in listed if row["source"] == name], pa.string())
        about = pc.is_in(votes["answer_id"], of_source)
        theirs = pc.is_in(votes["worker"], votes.filter(about)["worker"].combine_chunks())
        golden = _golden(votes)
        told = release.manifest.get("aggregation", {}).get(name, {})
        shown = votes.filter(pc.or_(about, pc.and_(golden, theirs)))
        if "method" in told:
            weighed = join.weigh(shown, stage)
            yield from _report(release, name, told, weighed)
        else:  # earlier releases calibrated with `auto` alone, from the first golden task on
            of_auto = stage["rules"]["aggregation"] == aggregation.AUTO
            weighed = join.weigh(shown if of_auto else shown.filter(pc.invert(_golden(shown))), stage, 1)
        kinds[name] = weighed.kind
        yield from _acceptance(release, name, weighed)
        expected |= {row["answer_id"]: row for row in weighed.table.to_pylist()}
    for row in listed:
        judged = expected.get(row["id"], {})
        # A predicted helpfulness is no function of the shipped votes; their number still is.
        compared = ["n_votes", "agreement"]
        if row["helpfulness_kind"] != "predicted":
            compared.append("helpfulness")
            kind = kinds.get(row["source"]) if judged else None
            if row["helpfulness_kind"] in ("votes", "calibrated") and row["helpfulness_kind"] != kind:
                yield f"row {row['id']}: helpfulness_kind is {row['helpfulness_kind']}, its votes give {kind}"
        for name in compared:
            if _rounded(row[name]) != _rounded(judged.get(name)):
                yield f"row {row['id']}: {name} is {row[name]}, its votes give {judged.get(name)}"


def _report(release: Release, name: str, told: dict[str, Any], weighed: aggregation.Aggregated) -> Found:
    """Compare what the manifest says of an aggregation, with the tools that made it."""
    tools, expected = release.manifest.get("tools", {}), aggregation.report(weighed)
    same = all(tools.get(tool) == installed(tool) for tool in ("lrl-datasets", "numpy", "scipy", "crowd-kit"))
    for what in sorted({*told, *expected} if same else {"method", "kind", "golden_tasks"}):
        if told.get(what) != expected.get(what):
            yield f"source {name}: the manifest says {what} is {told.get(what)}, its votes give {expected.get(what)}"


def _acceptance(release: Release, name: str, weighed: aggregation.Aggregated) -> Found:
    """Compare the threshold that was chosen for a wanted precision."""
    step = filters(release).get("helpfulness") or {}
    told = release.manifest.get("acceptance", {}).get(name)
    expected = None
    if step.get("precision") is not None:
        expected = acceptance.choose(weighed, step["precision"], step["minimum"])
    if told != expected:
        yield f"source {name}: the manifest says acceptance is {told}, its votes give {expected}"


def _golden(votes: pa.Table) -> pa.ChunkedArray:
    return pc.fill_null(pc.equal(votes["reason"], "golden"), False)


def judgements(release: Release) -> Found:
    """A judgement's question, label, time and export are its stage's, and its reason is what the rules say."""
    known = {row["id"]: row for row in records(release, "id", "source", "annotator")}
    labels, exports = _labels(release), _exports(release)
    continued = release.manifest.get("previous") is not None
    compared = join.sides(release.manifest["sources"].values())
    listed = rows(release, "annotations", *schema.ANNOTATIONS.names)
    for row in listed:
        what, reason = f"a judgement of {row['answer_id']}", row["reason"]
        if reason not in {None, *schema.JUDGEMENT_REASONS}:
            yield f"{what}: unknown reason {reason!r}"
        if row["counted"] != (reason is None):
            yield f"{what} counts and has a reason why not, or neither"
        named = [row["answer_id"], row["other_id"]] if row.get("other_id") else [row["answer_id"]]
        there = all(name in known for name in named)
        # A vote on an old text stays one in later versions, also in one that does not read the answer.
        away = reason == "unknown_answer" or (continued and reason == "text_changed" and not there)
        if row["answer_id"] is None and reason not in _NAMELESS:
            yield f"{what} is {reason or 'counted'}, and names no answer"
        elif reason not in _NAMELESS and (row["question"] in compared) != (len(named) == 2):
            yield f"{what} is {reason or 'counted'}, and names {len(named)} answers"
        elif len(set(named)) < len(named) and reason in (None, "repeated_vote"):
            yield f"{what} is {reason or 'counted'}, and compares it with itself"
        elif None not in named and there == away:
            yield f"{what} is {reason or 'counted'}, and there is {'such a' if there else 'no such'} row"
        allowed = labels.get(row["question"])
        if allowed is None:
            yield f"{what}: no stage asks {row['question']!r}"
        elif not {row["label"], row["golden"]} <= {*allowed, None}:
            yield f"{what}: label or golden is none of its stage's labels"
        if row["label"] is None and reason not in _BEFORE:
            yield f"{what} has no label, and is {reason or 'counted'}"
        if (row["golden"] is not None and reason not in ("golden", *_BEFORE)) or (
            row["golden"] is None and reason == "golden"
        ):
            yield f"{what} is {reason or 'counted'}, and golden says otherwise"
        if row["duration_s"] is not None and not (
            math.isfinite(row["duration_s"]) and row["duration_s"] >= 0
        ):
            yield f"{what}: duration_s is no time"
        if row["batch"] not in exports:
            yield f"{what}: batch is no input of a judgement stage (12 hex digits)"
        authors = {known.get(name, {}).get("annotator") for name in named}
        asked = None not in authors and reason in (None, "own_answer", "failed_worker", "repeated_vote")
        if asked and (row["worker"] in authors) != (reason == "own_answer"):
            is_author = "its author" if row["worker"] in authors else "not its author"
            yield f"{what} is {reason or 'counted'}, and its worker is {is_author}"
    yield from _repeated(listed, compared)
    yield from _failed(release, listed, {name: row["source"] for name, row in known.items()})


def _labels(release: Release) -> dict[str, set[str]]:
    """Return question → its labels."""
    labels: dict[str, set[str]] = defaultdict(set)
    for source in release.manifest["sources"].values():
        for stage in judgement_stages(source):
            labels[stage["question"]].update(*stage["labels"].values())
    return labels


def _exports(release: Release) -> set[str]:
    return {
        entry["sha256"][:12]
        for source in release.manifest["sources"].values()
        for stage in judgement_stages(source)
        for entry in source["inputs"]
        if entry["name"] in stage["pools"]
    }


def _repeated(listed: list[Row], compared: Mapping[str, quality.Rules]) -> Found:
    """Of a worker's votes on one answer the first by label counts, on two answers the first by what it prefers."""
    votes: dict[tuple[str, tuple[str, ...], str], list[Row]] = defaultdict(list)
    for row in listed:
        if row["reason"] in (None, "repeated_vote") and row["answer_id"] is not None:
            votes[row["question"], rules.judged(row, "answer_id", "other_id"), row["worker"]].append(row)
    for (question, about, worker), given in votes.items():
        rule = compared.get(question, quality.Rules())
        told = [(rules.said(row, rule, "answer_id", "other_id"), str(row["label"])) for row in given]
        counted = [one for one, row in zip(told, given, strict=True) if row["counted"]]
        if len(counted) != 1:
            yield f"{len(counted)} votes of {worker} on {' and '.join(about)} count, not one"
        elif counted[0] != min(told):
            yield f"of the votes of {worker} on {' and '.join(about)} another than the first by label counts"


def _failed(release: Release, listed: list[Row], source_of: dict[str, str]) -> Found:
    """Whoever fails the control tasks by the stage's rules has no vote that counts, and nobody else is failed."""
    by_question: dict[tuple[str, str], quality.Rules] = {}
    for name, source in release.manifest["sources"].items():
        for stage in judgement_stages(source):
            # An exam or training takes some of the control tasks, by when they were done, which is not published.
            if stage["rules"].keys() <= _GOLDEN_RULES:
                by_question[name, stage["question"]] = quality.rules_of(stage)
    at = {row["worker"]: source_of[row["answer_id"]] for row in listed if row["answer_id"] in source_of}
    only = {name for name, _ in by_question}
    done: dict[tuple[str, str], list[bool]] = defaultdict(list)
    for row in listed:
        if row["reason"] == "golden":
            done[row["question"], row["worker"]].append(row["label"] == row["golden"])
    # A control task that showed an answer went with it where that was withdrawn: then nothing is certain here.
    partly = release.manifest["judgements"]["withdrawn"] and any(
        row["reason"] == "golden" and row["answer_id"] is not None for row in listed
    )
    told = {
        (row["question"], row["worker"], row["reason"] == "failed_worker")
        for row in listed
        if row["reason"] in (None, "failed_worker", "repeated_vote")
    }
    for question, worker, failed in sorted(told, key=str) if not partly else ():
        source = at.get(worker) or (min(only) if len(only) == 1 else None)
        rule = by_question.get((source, question)) if source else None
        if rule is None:
            continue
        right = done[question, worker]
        enough = len(right) >= rule.golden_min_answers and len(right) > 0
        fails = enough and sum(right) / len(right) < rule.golden_min_accuracy
        if failed != fails:
            yield (
                f"worker {worker} has {sum(right)} of {len(right)} control tasks right, which "
                f"{'fails' if fails else 'passes'}, and {'votes as failed_worker' if failed else 'votes that count'}"
            )


def _rounded(value: float | None) -> float | None:
    return None if value is None else round(value, _DECIMALS)
