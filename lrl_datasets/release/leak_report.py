"""`leak_report.jsonl`: every match of a row with the evaluation suite, for review; no text of either.

One line a match: the row's `id`, the tasks, which part of the row, what of the suite (`text`, `english` original,
`lineage`), the share of what the text says that was found, what it comes to in bits, and the share of the text's pairs
of neighbouring words (null for `lineage`), the decision by the manifest's thresholds, and the reason for which the row
was refused, if it was.
"""

from __future__ import annotations

import json
from collections import Counter
from pathlib import Path
from typing import Any

import pyarrow as pa

from lrl_datasets import schema
from lrl_datasets.release.splits import first_marks

NAME = "leak_report.jsonl"
KEYS = ("id", "task", "part", "kind", "share", "bits", "pairs", "decision", "reason")


def of(rows: pa.Table) -> list[dict[str, Any]]:
    """List the matches of the rows: for review first, then refused; the strongest first."""
    reasons = first_marks(rows, schema.FILTER_ORDER)["reason"].to_pylist()
    listed = [
        {"id": name, **match, "reason": reason}
        for name, leaks, reason in zip(
            rows["id"].to_pylist(), rows["leaks"].to_pylist(), reasons, strict=True
        )
        for match in leaks or ()
    ]
    return sorted(listed, key=_order)


def write(path: Path, listed: list[dict[str, Any]]) -> None:
    """Write the report."""
    lines = [json.dumps({key: one[key] for key in KEYS}, ensure_ascii=False) + "\n" for one in listed]
    path.write_text("".join(lines), encoding="utf-8")


def parse(text: str) -> list[dict[str, Any]]:
    """Read the lines of a report."""
    return [json.loads(line) for line in text.splitlines()]


def summary(listed: list[dict[str, Any]]) -> dict[str, Any]:
    """Count the report for the manifest: rows refused, rows for review alone, matches by tasks and kind."""
    refused = {one["id"] for one in listed if one["decision"] == "refused"}
    matches = Counter((one["task"], one["kind"], one["decision"]) for one in listed)
    return {
        "rows_refused": len(refused),
        "rows_for_review": len({one["id"] for one in listed} - refused),
        "matches": [
            {"task": task, "kind": kind, "decision": decision, "matches": n}
            for (task, kind, decision), n in sorted(matches.items())
        ],
    }


def _order(one: dict[str, Any]) -> tuple[Any, ...]:
    names = (one["id"], one["task"], one["part"], one["kind"])
    return (one["decision"] != "review", -(one["bits"] or 0.0), *names)
