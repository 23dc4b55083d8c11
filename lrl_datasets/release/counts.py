"""The two ledgers of a release, as the manifest has them.

`records = published + rejected + withdrawn` and `judgements = counted + not counted + withdrawn`.
"""

from __future__ import annotations

from collections import Counter
from typing import Any

import pyarrow as pa
import pyarrow.compute as pc

from lrl_datasets import schema
from lrl_datasets.release.splits import first_marks


def of_records(rows: pa.Table, withdrawn: Counter[str] | None = None) -> dict[str, Any]:
    """Count the marked rows: the ledger, the funnel by filter and reason, by source, what was flagged and masked.

    `withdrawn` counts, by source, the records that left and are no longer among `rows`.
    """
    withdrawn = withdrawn or Counter()
    marks = first_marks(rows, schema.FILTER_ORDER)
    by_source: dict[str, Counter[str]] = {}
    ends = pa.table({"source": rows["source"], "end": pc.coalesce(marks["reason"], rows["split"])})
    for (source, end), n in _counted(ends).items():
        by_source.setdefault(source, Counter())[end] += n
    for source, n in sorted(withdrawn.items()):
        by_source.setdefault(source, Counter())["withdrawn"] = n
    funnel = _counted(marks.select(["filter", "reason"]).filter(pc.is_valid(marks["reason"])))
    rejected = sum(funnel.values())
    return {
        "records": rows.num_rows + withdrawn.total(),
        "published": rows.num_rows - rejected,
        "rejected": rejected,
        "withdrawn": withdrawn.total(),
        "funnel": [
            {"filter": step, "reason": reason, "rows": funnel[step, reason]}
            for step in schema.FILTER_ORDER
            for reason in schema.REASONS
            if (step, reason) in funnel
        ],
        "by_source": {source: dict(sorted(counter.items())) for source, counter in by_source.items()},
        "flags": dict(sorted(_counted(pa.table({"flag": pc.list_flatten(rows["flags"])})).items())),
        "masked": dict(sorted(_counted(pa.table({"kind": pc.list_flatten(rows["masked"])})).items())),
    }


def _counted(table: pa.Table) -> dict[Any, int]:
    """Count equal rows, in the order in which they first come; a row of one column goes by its value."""
    groups = table.group_by(table.column_names, use_threads=False).aggregate([([], "count_all")])
    *columns, counts = (groups[name].to_pylist() for name in (*table.column_names, "count_all"))
    return dict(zip(columns[0] if len(columns) == 1 else zip(*columns, strict=True), counts, strict=True))


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
