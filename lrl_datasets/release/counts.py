"""The two ledgers of a release, as the manifest has them.

`records = published + rejected + withdrawn` and `judgements = counted + not counted + withdrawn`.
"""

from __future__ import annotations

from collections import Counter
from typing import Any

import pyarrow as pa

from lrl_datasets import schema
from lrl_datasets.release.splits import first_marks


def of_records(rows: pa.Table, withdrawn: Counter[str] | None = None) -> dict[str, Any]:
    """Count the marked rows: the ledger, the funnel by filter and reason, by source, and what was masked.

    `withdrawn` counts, by source, the records that left and are no longer among `rows`.
    """
    withdrawn = withdrawn or Counter()
    marks = first_marks(rows, schema.FILTER_ORDER)
    reasons, filters = marks["reason"].to_pylist(), marks["filter"].to_pylist()
    by_source: dict[str, Counter[str]] = {}
    for source, split, reason in zip(
        rows["source"].to_pylist(), rows["split"].to_pylist(), reasons, strict=True
    ):
        by_source.setdefault(source, Counter())[reason or split] += 1
    for source, n in sorted(withdrawn.items()):
        by_source.setdefault(source, Counter())["withdrawn"] = n
    rejected = [(step, reason) for step, reason in zip(filters, reasons, strict=True) if reason is not None]
    funnel = Counter(rejected)
    return {
        "records": rows.num_rows + withdrawn.total(),
        "published": rows.num_rows - len(rejected),
        "rejected": len(rejected),
        "withdrawn": withdrawn.total(),
        "funnel": [
            {"filter": step, "reason": reason, "rows": funnel[step, reason]}
            for step in schema.FILTER_ORDER
            for reason in schema.REASONS
            if (step, reason) in funnel
        ],
        "by_source": {source: dict(sorted(counter.items())) for source, counter in by_source.items()},
        "masked": dict(
            sorted(Counter(kind for kinds in rows["masked"].to_pylist() for kind in kinds or ()).items())
        ),
    }


def of_judgements(judged: pa.Table, withdrawn: int = 0) -> dict[str, Any]:
    """Count the judgements: their ledger, the reasons of those that do not count, the workers.

    `withdrawn` is the number of those that left and are no longer in `judged`.
    """
    reasons = Counter(reason for reason in judged["reason"].to_pylist() if reason is not None)
    return {
        "judgements": judged.num_rows + withdrawn,
        "counted": judged.num_rows - sum(reasons.values()),
        "not_counted": sum(reasons.values()),
        "withdrawn": withdrawn,
        "reasons": {name: reasons[name] for name in schema.JUDGEMENT_REASONS if reasons[name]},
        "workers": len(set(judged["worker"].to_pylist()) - {None}),
    }
