"""Joins judgements to the answers they judge, and what they say together to the candidates.

Takes every source's tables and the normalised, masked rows; the rules of each question stand in the source's
facts, as its `campaign.toml` has them.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import pyarrow as pa
import pyarrow.compute as pc

from lrl_datasets import schema
from lrl_datasets.crowd import aggregation, quality, rubric
from lrl_datasets.errors import LrlError
from lrl_datasets.filters.base import Filter, add_column
from lrl_datasets.pseudonyms import pseudonym
from lrl_datasets.sources.base import SourceTables


def judge(
    rows: pa.Table, read: Mapping[str, SourceTables], text_steps: Sequence[Filter], key: bytes | None
) -> pa.Table:
    """Decide which judgements count, source by source; the workers leave under their pseudonyms.

    From here on pseudonyms alone are used, so that the posteriors can be computed from the shipped votes.
    """
    decided = []
    for name, tables in read.items():
        judgements = _as_published(tables.judgements, text_steps)
        of_source = rows.filter(pc.equal(rows["source"], name)).select(["record", "id", "worker", "messages"])
        answers = pa.table(
            {
                "record": of_source["record"],
                "id": of_source["id"],
                "worker": of_source["worker"],
                "text": pa.array(
                    [m[-1]["content"] if m else None for m in of_source["messages"].to_pylist()], pa.string()
                ),
            }
        )
        rules = {stage["question"]: _rules(stage) for stage in _judgement_stages(tables)}
        judged = quality.decide(judgements, answers, rules)
        judged = add_column(judged, "golden_item", golden_items(judged, key), pa.string())
        workers = judged["worker"].to_pylist()
        named = [pseudonym(name, worker, key) if key and worker else None for worker in workers]
        judged = add_column(judged, "worker", named, pa.string())
        decided.append(add_column(judged, "answer_id", _answer_ids(judged, name, key), pa.string()))
    return pa.concat_tables(decided)


def weighed(judged: pa.Table, read: Mapping[str, SourceTables]) -> dict[str, aggregation.Aggregated]:
    """Weigh what was said of helpfulness, source by source; a source without such a stage is left out."""
    found = {}
    for name, tables in read.items():
        stage = helpfulness_stage(name, _judgement_stages(tables))
        if stage is not None:
            found[name] = weigh(judged.filter(pc.equal(judged["source"], name)), stage)
    return found


def with_helpfulness(rows: pa.Table, weights: Mapping[str, aggregation.Aggregated]) -> pa.Table:
    """Join posterior, votes and agreement (`weighed`) onto the candidates."""
    posteriors: dict[str, dict[str, Any]] = {}
    for one in weights.values():
        posteriors.update({row["answer_id"]: row | {"kind": one.kind} for row in one.table.to_pylist()})
    found = [posteriors.get(identity, {}) for identity in rows["id"].to_pylist()]
    rows = add_column(rows, "helpfulness", [row.get("helpfulness") for row in found], pa.float64())
    rows = add_column(rows, "helpfulness_kind", [row.get("kind") for row in found], pa.string())
    rows = add_column(rows, "n_votes", [row.get("n_votes") for row in found], pa.int32())
    return add_column(rows, "agreement", [row.get("agreement") for row in found], pa.float64())


def weigh(judged: pa.Table, stage: Mapping[str, Any]) -> aggregation.Aggregated:
    """Aggregate the votes on a stage's question, with what its golden tasks say.

    Parameters
    ----------
    judged
        Judgements of one source, on any questions, as they are shipped: `schema.ANNOTATIONS` or more.
    stage
        The stage as the source's facts and the manifest have it.
    """
    judged = rubric.effective(judged)
    about = judged.filter(pc.equal(judged["question"], stage["question"]))
    golden = None
    if "golden_item" in about.column_names:  # releases of earlier versions are without
        golden = about.filter(pc.equal(about["reason"], "golden")).select(aggregation.GOLDEN.names)
    votes = about.filter(about["counted"]).select(["answer_id", "worker", "label"])
    return aggregation.weigh(votes, stage["rules"]["aggregation"], stage["labels"]["positive"], golden)


def reports(
    weights: Mapping[str, aggregation.Aggregated], read: Mapping[str, SourceTables]
) -> dict[str, dict[str, Any]]:
    """Return, for the manifest, what each source's `auto` is made of and what its golden tasks say of it."""
    told = {}
    for name, one in weights.items():
        stage = helpfulness_stage(name, _judgement_stages(read[name]))
        if stage is not None and stage["rules"]["aggregation"] == aggregation.AUTO:
            told[name] = aggregation.report(one)
    return told


def _answer_ids(judged: pa.Table, source: str, key: bytes | None) -> list[str | None]:
    """Name the answers that are not there too: their votes are recognised when they come back, or are withdrawn."""
    columns = ["answer_id", "reason", "record"]
    return [
        schema.digest(source, row["record"], key=key)
        if row["answer_id"] is None and row["reason"] == "unknown_answer" and row["record"] is not None
        else row["answer_id"]
        for row in judged.select(columns).to_pylist()
    ]


def helpfulness_stage(source: str, stages: list[dict[str, Any]]) -> dict[str, Any] | None:
    """Return the stage whose question is helpfulness: the one named `helpful`, or the only one; None without any.

    Raises
    ------
    LrlError
        There are several questions and none is named so.
    """
    named = [stage for stage in stages if stage["question"] == "helpful"] or stages
    if len({stage["question"] for stage in named}) > 1:
        questions = ", ".join(stage["question"] for stage in named)
        raise LrlError(
            f"{source}: several questions ({questions}) and none is named `helpful`: which is helpfulness?"
        )
    return named[0] if named else None


def golden_items(judged: pa.Table, key: bytes | None) -> list[str | None]:
    """Name the control task of each judgement of one: by the judged record, else by the text that was shown."""
    names = []
    for row in judged.select(["source", "question", "record", "text", "golden", "reason"]).to_pylist():
        shown = ("record", row["record"]) if row["record"] is not None else ("text", row["text"])
        named = row["reason"] == "golden" and key is not None and shown[1] is not None
        names.append(
            schema.digest("golden", row["source"], row["question"], *shown, key=key) if named else None
        )
    return names


def _as_published(judgements: pa.Table, text_steps: Sequence[Filter]) -> pa.Table:
    """Pass the shown texts through the steps that the answers passed, so that equal texts stay equal."""
    texts = judgements["text"].to_pylist()
    messages = [
        None if text is None else [{"role": "user", "content": "-"}, {"role": "assistant", "content": text}]
        for text in texts
    ]
    shown = pa.table({"messages": pa.array(messages, schema.MESSAGES)})
    for step in text_steps:
        shown = step(shown)
    texts = [m[-1]["content"] if m else None for m in shown["messages"].to_pylist()]
    return add_column(judgements, "text", texts, pa.string())


def _judgement_stages(tables: SourceTables) -> list[dict[str, Any]]:
    stages: Any = tables.facts.get("stages", [])
    return [stage for stage in stages if stage["kind"] == "judgement"]


def _rules(stage: Mapping[str, Any]) -> quality.Rules:
    known = {
        name: value for name, value in stage["rules"].items() if name in quality.Rules.__dataclass_fields__
    }
    return quality.Rules(**known)
