"""Do the leak report and the manifest say what happened to the rows, and do train and held-out rows keep apart."""

from __future__ import annotations

import pyarrow as pa
import pyarrow.compute as pc

from lrl_datasets import schema
from lrl_datasets.filters.contamination import Contamination
from lrl_datasets.filters.suite_index import KINDS
from lrl_datasets.release import leak_report
from lrl_datasets.release import overlap as overlaps
from lrl_datasets.release.checks.base import Found, records, text
from lrl_datasets.release.checks.splits import split_of
from lrl_datasets.release.locations import Release


def report(release: Release) -> Found:
    """The leak report decides by the thresholds, its refused rows are those without messages, and its counts fit."""
    told = release.manifest.get("leaks")
    if told is None:
        return
    listed = leak_report.parse(text(release, leak_report.NAME))
    rows = {row["id"]: row for row in records(release, "id", "messages", "content_hash", "reason", "detail")}
    index = release.manifest.get("suite_index") or {}
    if "thresholds" not in index or not index.get("tasks"):
        yield "there is a leak report, and the manifest names no suite index with tasks and thresholds"
        return
    step = Contamination(**index["thresholds"])
    refused: set[str] = set()
    for one in listed:
        row = rows.get(one["id"])
        if set(one) != {*leak_report.KEYS} or one["kind"] not in (*KINDS, "lineage"):
            yield f"{leak_report.NAME}: row {one.get('id')}: no line of a leak report"
            continue
        if row is None or one["reason"] != row.get("reason"):
            yield f"{leak_report.NAME}: row {one['id']} is no record of this release with the reason {one['reason']}"
        if not {*one["task"].split(", ")} <= index["tasks"].keys():
            yield f"{leak_report.NAME}: row {one['id']}: {one['task']} is not in the suite index"
        strong = one["kind"] == "lineage" or step.refuses(one["share"], one["bits"], one["pairs"])
        if one["decision"] != ("refused" if strong else "review"):
            yield f"{leak_report.NAME}: row {one['id']}: {one['decision']} is not what the thresholds say"
        if one["decision"] == "refused":
            refused.add(one["id"])
    hidden = {
        name for name, row in rows.items() if row["messages"] is None and row["content_hash"] is not None
    }
    for name in sorted(refused ^ hidden):
        what = (
            "refused, and has its messages"
            if name in refused
            else "without messages, and in no line as refused"
        )
        yield f"{leak_report.NAME}: row {name} is {what}"
    if leak_report.summary(listed) != told:
        yield "the manifest's leaks are not what the leak report counts to"


def overlap(release: Release) -> Found:
    """No training row has a text of a held-out row, whole or nearly, but those that were refused for it."""
    given = release.manifest["builder"]["settings"]["splits"]
    if "overlap_share" not in given:
        return  # an earlier release: nobody looked
    where = split_of(release)
    rows = records(release, "id", "messages", "reason")
    # What came to this step: published, refused here, or refused after it.
    here = [row.get("reason") in (None, "duplicate", *overlaps.REASONS) for row in rows]
    table = pa.table(
        {
            "id": pa.array([row["id"] for row in rows], pa.string()),
            "messages": pa.array([row["messages"] for row in rows], schema.MESSAGES),
            "split": pa.array([where.get(row["id"]) for row in rows], pa.string()),
        }
    )
    done = overlaps.marked(table, pa.array(here, pa.bool_()), given["overlap_share"], given["overlap_bits"])
    wrong = pc.not_equal(
        pc.fill_null(done["mark.overlap"], ""),
        pa.array(
            [row["reason"] if row.get("reason") in overlaps.REASONS else "" for row in rows], pa.string()
        ),
    )
    for name, mark in zip(
        done["id"].filter(wrong).to_pylist(), done["mark.overlap"].filter(wrong).to_pylist(), strict=True
    ):
        yield f"row {name} " + (
            "has a text of a held-out row" if mark else "was refused for a text it has not"
        )
