"""Joins judgements to the answers they judge, and what they say together to the candidates.

Takes every source's tables and the normalised, masked rows; the rules of each question stand in the source's
facts, as its `campaign.toml` has them.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import asdict
from typing import Any

import pyarrow as pa
import pyarrow.compute as pc

from lrl_datasets import schema
from lrl_datasets.crowd import aggregation, preferences, quality, rubric
from lrl_datasets.errors import LrlError
from lrl_datasets.filters.base import Filter, add_column
from lrl_datasets.filters.placeholders import unnumbered
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
        of_source = rows.select(["record", "id", "worker", "messages"])
        # A source that nobody judged has no use for its answers here, however many they are.
        of_source = (
            of_source.filter(pc.equal(rows["source"], name)) if judgements.num_rows else of_source.slice(0, 0)
        )
        answers = pa.table(
            {
                "record": of_source["record"],
                "id": of_source["id"],
                "worker": of_source["worker"],
                "text": pa.array(
                    [_compared(messages) for messages in of_source["messages"].to_pylist()], pa.string()
                ),
            }
        )
        rules = {stage["question"]: quality.rules_of(stage) for stage in _stages(tables, *schema.JUDGING)}
        judged = quality.decide(judgements, answers, rules)
        judged = add_column(judged, "golden_item", golden_items(judged, key), pa.string())
        workers = judged["worker"].to_pylist()
        named = [pseudonym(name, worker, key) if key and worker else None for worker in workers]
        judged = add_column(judged, "worker", named, pa.string())
        for column, record in (("answer_id", "record"), ("other_id", "other_record")):
            judged = add_column(judged, column, _answer_ids(judged, name, key, column, record), pa.string())
        decided.append(judged)
    return pa.concat_tables(decided)


def weighed(judged: pa.Table, read: Mapping[str, SourceTables]) -> dict[str, aggregation.Aggregated]:
    """Weigh what was said of helpfulness, source by source; a source without such a stage is left out."""
    found = {}
    for name, tables in read.items():
        stage = helpfulness_stage(name, _stages(tables, "judgement"))
        if stage is not None:
            found[name] = weigh(judged.filter(pc.equal(judged["source"], name)), stage)
    return found


_JOINED = {
    "helpfulness": pa.float64(), "helpfulness_kind": pa.string(), "n_votes": pa.int32(), "agreement": pa.float64(),
}  # fmt: skip
_KNOWN = pa.schema([("answer_id", pa.string()), *_JOINED.items()])


def with_helpfulness(
    rows: pa.Table,
    weights: Mapping[str, aggregation.Aggregated],
    accept_from: Mapping[str, float] | None = None,
) -> pa.Table:
    """Join posterior, votes and agreement (`weighed`) onto the candidates; `accept_from` by source, where given."""
    known = _KNOWN.empty_table()
    for one in weights.values():
        kinds = pa.repeat(one.kind, one.table.num_rows)
        told = one.table.append_column("helpfulness_kind", kinds)
        known = pa.concat_tables([known, told.select(_KNOWN.names).cast(_KNOWN)])
    at = pc.index_in(rows["id"], value_set=known["answer_id"].combine_chunks())
    for name, kind in _JOINED.items():
        rows = add_column(rows, name, known[name].take(at), kind)
    if accept_from is None:
        return rows
    return add_column(
        rows, "accept_from", [accept_from.get(s) for s in rows["source"].to_pylist()], pa.float64()
    )


def weigh(
    judged: pa.Table, stage: Mapping[str, Any], calibrated_from: int = aggregation.CALIBRATED_FROM
) -> aggregation.Aggregated:
    """Aggregate the votes on a stage's question, with what its golden tasks say.

    Parameters
    ----------
    judged
        Judgements of one source, on any questions, as they are shipped: `schema.ANNOTATIONS` or more.
    stage
        The stage as the source's facts and the manifest have it.
    calibrated_from
        Golden tasks needed to calibrate.
    """
    judged = rubric.effective(judged)
    about = judged.filter(pc.equal(judged["question"], stage["question"]))
    golden = None
    if "golden_item" in about.column_names:  # releases of earlier versions are without
        golden = about.filter(pc.equal(about["reason"], "golden")).select(aggregation.GOLDEN.names)
    votes = about.filter(about["counted"]).select(["answer_id", "worker", "label"])
    rules, positive = stage["rules"], stage["labels"]["positive"]
    return aggregation.weigh(votes, rules["aggregation"], positive, golden, calibrated_from)


def sides(sources: Iterable[Mapping[str, Any]]) -> dict[str, quality.Rules]:
    """Return the rules of every question on which answers are compared, from the sources' facts."""
    return {
        stage["question"]: quality.rules_of(stage)
        for facts in sources
        for stage in facts.get("stages", [])
        if stage["kind"] == "preference"
    }


def compared(
    judged: pa.Table, sources: Mapping[str, Mapping[str, Any]]
) -> tuple[pa.Table, dict[str, dict[str, Any]]]:
    """Return what the comparisons say of each pair (`preferences.PAIRS`), and for the manifest what they are.

    Parameters
    ----------
    judged
        Judgements as they are shipped, and `source`.
    sources
        The sources' facts, as they and the manifest have them.
    """
    tables, told = [preferences.PAIRS.empty_table()], {}
    for name, facts in sorted(sources.items()):
        stage = preference_stage(name, facts.get("stages", []))
        if stage is None:
            continue
        asked = pc.and_(pc.equal(judged["question"], stage["question"]), pc.equal(judged["source"], name))
        votes, rules = judged.filter(pc.and_(asked, judged["counted"])), quality.rules_of(stage)
        method = stage["rules"]["aggregation"]
        tables.append(preferences.margins(votes, rules, method))
        sides = asdict(preferences.sides(votes, rules))
        pairs = tables[-1]
        # Both signs are possible: who wants sure pairs alone leaves those out, by `margin_low`.
        open_ = pc.and_(pc.less(pairs["margin_low"], 0), pc.greater(pairs["margin_high"], 0))
        told[name] = {
            "question": stage["question"], "method": method, "pairs": pairs.num_rows,
            "undecided": pc.sum(open_).as_py() or 0, **sides,
        }  # fmt: skip
    return pa.concat_tables(tables), told


def preference_stage(source: str, stages: list[dict[str, Any]]) -> dict[str, Any] | None:
    """Return the stage whose question makes preferences: the one named `better`, or the only one; None without any.

    Raises
    ------
    LrlError
        There are several questions and none is named so.
    """
    problem = "answers are compared on {questions}, and none is named `better`: which is it?"
    return _asking(source, stages, "preference", "better", problem)


def _asking(
    source: str, stages: list[dict[str, Any]], kind: str, question: str, problem: str
) -> dict[str, Any] | None:
    """Return the stage of a kind that asks a question, or the only question of its kind."""
    stages = [stage for stage in stages if stage["kind"] == kind]
    named = [stage for stage in stages if stage["question"] == question] or stages
    if len({stage["question"] for stage in named}) > 1:
        questions = ", ".join(stage["question"] for stage in named)
        raise LrlError(f"{source}: {problem.format(questions=questions)}")
    return named[0] if named else None


def _answer_ids(
    judged: pa.Table, source: str, key: bytes | None, column: str, record: str
) -> list[str | None]:
    """Name the answers that are not there too: their votes are recognised when they come back, or are withdrawn."""
    return [
        schema.digest(source, row[record], key=key)
        if row[column] is None and row["reason"] == "unknown_answer" and row[record] is not None
        else row[column]
        for row in judged.select([column, "reason", record]).to_pylist()
    ]


def helpfulness_stage(source: str, stages: list[dict[str, Any]]) -> dict[str, Any] | None:
    """Return the stage whose question is helpfulness: the one named `helpful`, or the only one; None without any.

    Raises
    ------
    LrlError
        There are several questions and none is named so.
    """
    problem = "several questions ({questions}) and none is named `helpful`: which is helpfulness?"
    return _asking(source, stages, "judgement", "helpful", problem)


def golden_items(judged: pa.Table, key: bytes | None) -> list[str | None]:
    """Name the control task of each judgement of one: by the judged record, else by the text that was shown."""
    names = []
    columns = ["source", "question", "record", "text", "golden", "reason", "other_record", "other_text"]
    for row in judged.select(columns).to_pylist():
        shown = ("record", row["record"]) if row["record"] is not None else ("text", row["text"])
        # The same two answers in the other order are another task, with another true label.
        beside = [row[f"other_{shown[0]}"]] if row["other_record"] or row["other_text"] else []
        named = row["reason"] == "golden" and key is not None and None not in (*shown, *beside)
        names.append(
            schema.digest("golden", row["source"], row["question"], *shown, *beside, key=key)
            if named
            else None
        )
    return names


def _as_published(judgements: pa.Table, text_steps: Sequence[Filter]) -> pa.Table:
    """Pass the shown texts through the steps that the answers passed, so that equal texts stay equal."""
    for column in ("text", "other_text"):
        texts = judgements[column].to_pylist()
        messages = [
            None
            if text is None
            else [{"role": "user", "content": "-"}, {"role": "assistant", "content": text}]
            for text in texts
        ]
        shown = pa.table({"messages": pa.array(messages, schema.MESSAGES)})
        for step in text_steps:
            shown = step(shown)
        texts = [_compared(messages) for messages in shown["messages"].to_pylist()]
        judgements = add_column(judgements, column, texts, pa.string())
    return judgements


def _compared(messages: Sequence[Mapping[str, str]] | None) -> str | None:
    """Return the answer as it is compared: what was masked in it is numbered by the whole row, shown or not."""
    return unnumbered(messages[-1]["content"]) if messages else None


def _stages(tables: SourceTables, *kinds: str) -> list[dict[str, Any]]:
    stages: Any = tables.facts.get("stages", [])
    return [stage for stage in stages if stage["kind"] in kinds]
