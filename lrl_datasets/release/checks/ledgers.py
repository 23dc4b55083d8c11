"""Are the manifest's counts those of the rows, and of the inputs that it names."""

from __future__ import annotations

from collections import Counter, defaultdict
from importlib.metadata import version as installed
from typing import Any

from lrl_datasets.crowd import agreement as crowd_agreement
from lrl_datasets.crowd import join, rubric
from lrl_datasets.filters.placeholders import PLACEHOLDERS, count
from lrl_datasets.release.checks.base import Found, judgement_stages, records, rows
from lrl_datasets.release.locations import Release


def ledgers(release: Release) -> Found:
    """The manifest's counts are those of the rows."""
    counts, judged = release.manifest["counts"], release.manifest["judgements"]
    default, rejected = (list(rows(release, name, "source", "split")) for name in ("default", "rejected"))
    refused = list(rows(release, "rejected", "source", "filter", "reason"))
    by_source: dict[str, Counter[str]] = defaultdict(Counter)
    for row in default:
        by_source[row["source"]][row["split"]] += 1
    for row in refused:
        by_source[row["source"]][row["reason"]] += 1
    told = {
        name: {what: n for what, n in counter.items() if what != "withdrawn"}
        for name, counter in counts["by_source"].items()
    }
    withdrawn = sum(counter.get("withdrawn", 0) for counter in counts["by_source"].values())
    votes = list(rows(release, "annotations", "counted", "reason", "worker"))
    reasons = Counter(row["reason"] for row in votes if row["reason"] is not None)
    total = counts["published"] + counts["rejected"] + counts["withdrawn"]
    of_votes = judged["counted"] + judged["not_counted"] + judged["withdrawn"]
    for what, said, found in (
        ("records", counts["records"], total),
        ("published", counts["published"], len(default)),
        ("rejected", counts["rejected"], len(rejected)),
        ("withdrawn", counts["withdrawn"], withdrawn),
        (
            "funnel",
            {(step["filter"], step["reason"]): step["rows"] for step in counts["funnel"]},
            dict(Counter((row["filter"], row["reason"]) for row in refused)),
        ),
        ("by_source", {k: v for k, v in told.items() if v}, {k: dict(v) for k, v in by_source.items()}),
        ("judgements", judged["judgements"], of_votes),
        ("judgements counted", judged["counted"], sum(row["counted"] for row in votes)),
        ("judgements not counted", judged["not_counted"], sum(not row["counted"] for row in votes)),
        ("reasons of judgements", judged["reasons"], dict(reasons)),
        ("workers", judged["workers"], len({row["worker"] for row in votes} - {None})),
    ):
        if said != found:
            yield f"{what}: the manifest says {said}, the rows {found}"
    yield from _masked(release, counts["masked"])
    yield from _left(release, counts["withdrawn"], judged["withdrawn"])


def _masked(release: Release, masked: dict[str, int]) -> Found:
    # A source's text may hold a placeholder itself, and a leak's text is not there: so they are bounds.
    listed = records(release, "messages", "content_hash")
    whole = not any(row["messages"] is None and row["content_hash"] for row in listed)
    texts = [turn["content"] or "" for row in listed for turn in row["messages"] or ()]
    for kind, n in masked.items():
        there = sum(count(text, kind) for text in texts) if kind in PLACEHOLDERS else 0
        if kind not in PLACEHOLDERS or n < 1 or (whole and n > there):
            yield f"masked: the manifest says {n} {kind}, the texts have {there}"


def _left(release: Release, records_left: int, judgements_left: int) -> Found:
    hashes = release.manifest.get("withdrawn") or {}
    names, people = hashes.get("rows", []), hashes.get("annotators", [])
    log = release.manifest.get("changelog") or []
    most = max([records_left, *(one["withdrawn"] for one in log)])
    if len(names) < most:
        yield f"withdrawn: {most} rows left, the manifest has the hashes of {len(names)}"
    if judgements_left and not names and not people:
        yield f"withdrawn: {judgements_left} judgements left, and the manifest has no hash of anybody"


def inputs(release: Release) -> Found:
    """Every record of the inputs is in the ledgers: of each source's records, and of all judgements."""
    counts, judged = release.manifest["counts"], release.manifest["judgements"]
    of_votes = 0
    for name, source in release.manifest["sources"].items():
        if "inputs" not in source:
            yield f"source {name} names no inputs"
            continue
        held = {entry["name"]: entry["records"] for entry in source["inputs"]}
        if source.get("stages"):
            read = _of_pools(held, [one for one in source["stages"] if one["kind"] == "answer"])
            of_votes += _of_pools(held, judgement_stages(source))
        else:
            read = sum(held.values()) - _outside(source.get("left_out", {}), held)
        told = sum(counts["by_source"].get(name, {}).values())
        if read != told:
            yield f"source {name}: its inputs have {read} records, the counts {told}"
    if of_votes != judged["judgements"]:
        yield f"judgements: the inputs have {of_votes}, the counts {judged['judgements']}"
    for name in sorted(counts["by_source"].keys() - release.manifest["sources"].keys()):
        yield f"source {name} is counted and not described"


def _of_pools(held: dict[str, int], stages: list[dict[str, Any]]) -> int:
    return sum(held.get(pool, 0) for stage in stages for pool in stage["pools"])


def _outside(left_out: dict[str, int], held: dict[str, int]) -> int:
    """Count what was left out of the inputs; a whole file of evaluation data is counted, and no input."""
    whole = "evaluation data: "
    return sum(
        n
        for what, n in left_out.items()
        if not what.startswith(whole) or any(what.endswith(f" in {name}") for name in held)
    )


def agreement(release: Release) -> Found:
    """The manifest's agreement on each question, and the marks of a rubric, are those of the counted judgements."""
    votes, said = release.rows("annotations"), release.manifest.get("agreement") or {}
    sides = join.sides(release.manifest["sources"].values())
    found = crowd_agreement.of_questions(votes, sides) if votes is not None else {}
    # Random numbers are the same with the same numpy only; earlier releases have alpha alone.
    same = release.manifest.get("tools", {}).get("numpy") == installed("numpy")
    for name in sorted(said.keys() | found.keys()):
        one, other = said.get(name), found.get(name)
        if isinstance(one, dict) and other is not None:
            drawn = () if same else ("low", "high")
            one, other = ({k: v for k, v in each.items() if k not in drawn} for each in (one, other))
        elif name in said and other is not None:
            other = other["alpha"]
        if one != other:
            yield f"{name}: the manifest says {one}, the judgements give {other}"
    marks = rubric.means(votes) if votes is not None else {}
    if "rubric" in release.manifest and release.manifest["rubric"] != marks:
        yield f"rubric: the manifest says {release.manifest['rubric']}, the judgements give {marks}"
