"""Judgements whose answers the campaign does not have: mostly a wrong column, or answers that did not come in yet.

Takes what a campaign's source read, gives a sentence a stage; one judgement that goes astray is no reason for it.
"""

from __future__ import annotations

from typing import Any

from lrl_datasets import schema
from lrl_datasets.sources.base import SourceTables

_MOST = 0.5
"""From this share of unknown answers on something is wrong with the stage, and not with single judgements."""


def words(tables: SourceTables) -> dict[int, str]:
    """Say of each judging stage (1-based) if most of the answers that were judged there are not in the campaign.

    Control tasks are about no answer and are left out, and so are judgements that say nothing.
    """
    known = set(tables.candidates["record"].to_pylist()) - {None}
    columns = ["file", "question", "record", "other_record", "golden", "reason"]
    rows = tables.judgements.select(columns).to_pylist()
    stages: Any = tables.facts.get("stages", [])
    told = {}
    for number, stage in enumerate(stages, 1):
        if stage["kind"] not in schema.JUDGING:
            continue
        named = [
            [row["record"], *([row["other_record"]] if row["other_record"] else [])]
            for row in rows
            if row["file"] in stage["pools"] and row["question"] == stage["question"]
            if row["golden"] is None and row["reason"] is None
        ]
        unknown = [
            [name for name in names if name not in known] for names in named if not known.issuperset(names)
        ]
        if not named or len(unknown) < _MOST * len(named):
            continue
        role, column = next(
            (role, stage["columns"][role])
            for role in ("answer_id", "left_id", "items")
            if role in stage["columns"]
        )
        example = next((repr(name) for names in unknown for name in names if name), "a blank cell")
        told[number] = (
            f"stage {number} {stage['question']}: {len(unknown)} of {len(named)} judgements are of answers that the "
            f"campaign does not have, such as {example}: import the answers, or see that columns.{role} "
            f"({column}) is the column with their record ids"
        )
    return told
