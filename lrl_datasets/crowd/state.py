"""Where a campaign stands: everything that `lrl crowd status`, `decide` and `pay` say, from the tables that came in.

One function of the source's tables, the tasks' terms and a given time. Nothing is stored between two calls: the
state after a review is what the platform's next export says.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime
from typing import Any

import pyarrow as pa

from lrl_datasets import schema
from lrl_datasets.crowd import acceptance, answer_rules, decisions, overlap, pairs, payouts, quality
from lrl_datasets.crowd.aggregation import Aggregated
from lrl_datasets.crowd.join import golden_items, helpfulness_stage, weigh
from lrl_datasets.filters.base import add_column
from lrl_datasets.filters.normalise import normalise_text
from lrl_datasets.sources.base import SourceTables

VOTES = pa.schema(
    [
        ("record", pa.string()),
        ("other_record", pa.string()),  # what it is compared with; null where answers are judged one by one
        ("question", pa.string()),
        ("counted", pa.int32()),
        ("given", pa.int32()),
        ("label", pa.string()),  # the leading one, null without a counted vote
        ("confidence", pa.float64()),
        ("missing", pa.int32()),  # votes to ask for now
        ("overlap", pa.int32()),  # votes asked for so far and now
        ("first", pa.int32()),  # of the missing comparisons, those with `record` left
        ("turned", pa.int32()),
        ("unavailable_for", pa.list_(pa.string())),  # of a comparison: authors, and who has compared the two
    ]
)
"""One row an answer that can be judged (or a pair that can be compared) and question: how sure the votes are, and
whether it needs more."""


@dataclass(frozen=True)
class Terms:
    """What `[stage.tasks]` says of a stage: how many do each task, and what a suite pays."""

    overlap: int = 1
    price: float | None = None
    comparisons: int | None = None
    """Pairs of a prompt's answers that are compared at most; all when None."""
    suite: int = 1
    """Tasks that the price is for."""


@dataclass(frozen=True)
class State:
    """A campaign at one moment. Worker ids are raw: none of it leaves the maintainer's computer."""

    judged: pa.Table
    """The judgements with `answer_id` (here the record), `counted` and `reason`."""
    decisions: pa.Table
    reviews: pa.Table
    prompts: pa.Table
    votes: pa.Table
    payouts: pa.Table
    accepted: Mapping[int, dict[str, Any]] = field(default_factory=dict)
    """Answer stage → its threshold, where a precision is wanted (`acceptance.choose`)."""

    def wanted_answers(self, stage: int = 1) -> dict[str, int]:
        """Prompt → answers that it should have on the platform, where only those refused there do not count."""
        return {
            row["prompt"]: row["standing"] + row["missing"]
            for row in self.prompts.to_pylist()
            if row["stage"] == stage
        }

    def keep_out(self, question: str) -> set[str]:
        """Return the workers who are to get no more tasks on a question."""
        rows = self.judged.select(["question", "worker", "reason"]).to_pylist()
        return {
            row["worker"] for row in rows if row["question"] == question and row["reason"] in decisions.BANS
        }

    def keep_out_writers(self, stage: int) -> set[str]:
        """Return the workers who are to write no more answers in a stage."""
        rows = self.decisions.select(["stage", "worker", "reason"]).to_pylist()
        return {row["worker"] for row in rows if row["stage"] == stage and row["reason"] in decisions.BANS}

    def wanted_comparisons(self, question: str) -> list[dict[str, Any]]:
        """Return the pairs that lack comparisons on a question: rows of `votes`."""
        rows: list[dict[str, Any]] = self.votes.to_pylist()
        return [row for row in rows if row["question"] == question and row["missing"]]

    def wanted_votes(self, question: str) -> dict[str, int]:
        """Record → votes on a question that it should have, uncounted ones among them."""
        return {
            row["record"]: row["overlap"] for row in self.votes.to_pylist() if row["question"] == question
        }


_OF_REVIEWS = [
    "file", "row", "record", "other_record", "worker", "assignment", "status", "started", "submitted", "reward",
    "duration_s", "question", "label", "golden", "counted", "reason",
]  # fmt: skip


def compute(
    tables: SourceTables, now: datetime, terms: Mapping[int, Terms] | None = None, *, weighed: bool = True
) -> State:
    """Compute where a campaign stands.

    Parameters
    ----------
    tables
        Of one campaign.
    now
        UTC, naive; it decides which deadlines have passed.
    terms
        Stage (1-based, as in `campaign.toml`) → its terms; the default where absent.
    weighed
        False: nobody asks what the votes say together, only which votes and comparisons are missing; answers wait
        for them.
    """
    stages: Any = tables.facts.get("stages", [])
    terms = terms or {}
    judging = [(n, stage) for n, stage in enumerate(stages, 1) if stage["kind"] == "judgement"]
    judged = judged_of(tables)
    votes = _votes(tables, judged, judging, terms)
    asked = helpfulness_stage(str(tables.facts.get("name", "campaign")), [stage for _, stage in judging])
    found = weigh_as_built(judged, asked) if asked and weighed else None
    posteriors = {row["answer_id"]: row for row in found.table.to_pylist()} if found else {}
    accepted: dict[int, dict[str, Any]] = {}
    undecided = {
        row["record"] for row in votes if asked and row["question"] == asked["question"] and row["missing"]
    }
    answers, reviews, prompts, paid = [], [], [], []
    done: set[str] = set()
    all_judged = judged.select(_OF_REVIEWS).to_pylist()
    rows = tables.candidates.to_pylist()
    for number, stage in enumerate(stages, 1):
        term = terms.get(number, Terms())
        if stage["kind"] == "answer":
            rules = answer_rules.of_stage(stage)
            if found is not None and rules.accept_precision is not None:
                accepted[number] = acceptance.choose(found, rules.accept_precision, rules.accept_from)
                rules = replace(rules, accept_from=acceptance.threshold(accepted[number]))
            of_stage = [row for row in rows if row["file"] in stage["pools"]]
            decided = decisions.of_answers(number, of_stage, rules, posteriors, undecided)
            suites = decisions.of_suites(decided, rules, now)
            prompts += decisions.of_prompts(
                number, of_stage, decided, suites, term.overlap, rules.overlap_limit
            )
            answers += decided
            good = _shares(
                (row["worker"], row["verdict"] == "accept")
                for row in decided
                if row["verdict"] != "wait" and not row["golden"]
            )
        elif stage["kind"] in schema.JUDGING:
            rules = answer_rules.of_stage(stage)
            # Several questions may be asked in one file (a rubric): its suites are reviewed and paid once.
            of_stage = [
                row for row in all_judged if row["file"] in stage["pools"] and row["file"] not in done
            ]
            done |= set(stage["pools"])
            suites = decisions.of_suites(decisions.of_judgements(number, of_stage), rules, now)
            good = _shares(
                (row["worker"], row["label"] == row["golden"])
                for row in of_stage
                if row["reason"] == "golden"
            )
        else:
            continue
        reviews += suites
        bonus = None
        if rules.bonus is not None and rules.bonus_from is not None:
            bonus = payouts.Bonus(rules.bonus, rules.bonus_from, rules.bonus_min_tasks)
        paid += payouts.of_stage(
            suites, rewards=_rewards(of_stage), seconds=_seconds(of_stage), price=term.price,
            suite=None if _knows_suites(stage) else term.suite, bonus=bonus, quality=good,
        )  # fmt: skip
    refused = {
        row["record"] for row in answers if row["verdict"] == "reject" and row["reason"] != "unhelpful"
    }
    # Where nobody is asked about single answers, none is ever decided upon.
    waiting = {row["record"] for row in answers if row["verdict"] == "wait"} if asked else set()
    if asked and not weighed:  # whatever the votes say, those who have theirs are decided upon
        waiting -= {
            row["record"]
            for row in votes
            if row["question"] == asked["question"] and row["counted"] and not row["missing"]
        }
    # What was compared once stays so, also while a judge's votes on it are replaced: no other pair takes its place.
    waiting -= {row[name] for row in all_judged if row["other_record"] for name in ("record", "other_record")}
    comparable = _comparable(rows, refused | waiting)
    for number, stage in enumerate(stages, 1):
        if stage["kind"] == "preference":
            about = [row for row in all_judged if row["question"] == stage["question"]]
            term = terms.get(number, Terms())
            votes += pairs.wanted(
                comparable, about, stage, quality.rules_of(stage), term.overlap, term.comparisons
            )
    for vote in votes:  # nobody is asked about an answer that is refused whatever the votes say
        if vote["record"] in refused:
            vote |= {"missing": 0, "overlap": vote["given"]}
    return State(
        judged=judged,
        decisions=_table(answers, decisions.DECISIONS),
        reviews=_table(reviews, decisions.REVIEWS),
        prompts=_table(prompts, decisions.PROMPTS),
        votes=_table(votes, VOTES),
        payouts=_table(paid, payouts.PAYOUTS),
        accepted=accepted,
    )


def settle(tables: SourceTables, now: datetime, terms: Mapping[int, Terms] | None = None) -> State:
    """Compute who is paid what; as `compute`, but the votes are weighed only where a payment hangs on them.

    That is so where a suite of answers is decided by neither the platform nor a rule, or good answers bring a bonus;
    elsewhere the answers' own decisions wait.
    """
    stages: Any = tables.facts.get("stages", [])
    writing = {n: stage for n, stage in enumerate(stages, 1) if stage["kind"] == "answer"}
    found = compute(tables, now, terms, weighed=False)
    bonus = any(stage.get("rules", {}).get("bonus") for stage in writing.values())
    open_ = any(row["stage"] in writing and row["verdict"] == "wait" for row in found.reviews.to_pylist())
    return compute(tables, now, terms) if bonus or open_ else found


def judged_of(tables: SourceTables) -> pa.Table:
    """Say which judgements count, by the rules of the build; texts are compared as they are published, unmasked."""
    told: Any = tables.facts.get("stages", [])
    stages = [stage for stage in told if stage["kind"] in schema.JUDGING]
    rows = tables.candidates.select(["record", "worker", "messages"]).to_pylist()
    answers = pa.table(
        {
            "record": tables.candidates["record"],
            "id": tables.candidates["record"],
            "worker": tables.candidates["worker"],
            "text": pa.array(
                [_text(row["messages"][-1]["content"]) if row["messages"] else None for row in rows]
            ),
        }
    )
    judgements = tables.judgements
    for name in ("text", "other_text"):
        texts = judgements[name].to_pylist()
        normal = {text: _text(text) for text in set(texts)}  # an answer is shown to many
        judgements = add_column(judgements, name, [normal[text] for text in texts], pa.string())
    return quality.decide(
        judgements, answers, {stage["question"]: quality.rules_of(stage) for stage in stages}
    )


def weigh_as_built(judged: pa.Table, stage: Mapping[str, Any]) -> Aggregated:
    """Weigh the votes as the build does; the control tasks need names that no release has."""
    named = add_column(judged, "golden_item", golden_items(judged, b"a name within this table"), pa.string())
    return weigh(named, stage)


_OF_VOTES = ["record", "worker", "question", "label", "golden", "counted", "reason"]


def _votes(
    tables: SourceTables,
    judged: pa.Table,
    judging: Sequence[tuple[int, Mapping[str, Any]]],
    terms: Mapping[int, Terms],
) -> list[dict[str, Any]]:
    """Say of every answer that can be judged how many votes it lacks, question by question."""
    records = {
        row["record"]: row["worker"]
        for row in tables.candidates.select(["record", "worker", "mark.source"]).to_pylist()
        if row["mark.source"] is None and row["record"] is not None
    }
    rows = judged.select(_OF_VOTES).to_pylist()
    first: dict[str, tuple[int, Mapping[str, Any]]] = {}
    for number, stage in judging:
        first.setdefault(stage["question"], (number, stage))
    found = []
    for question, (number, stage) in first.items():
        of_question = [row for row in rows if row["question"] == question]
        control: dict[str, list[bool]] = defaultdict(list)
        counted: dict[str, list[tuple[str, float]]] = defaultdict(list)
        given: dict[str, set[str]] = defaultdict(set)
        for row in of_question:
            if row["reason"] == "golden":
                control[row["worker"]].append(row["label"] == row["golden"])
        accuracy = overlap.skills(control)
        for row in of_question:
            if row["reason"] in ("golden", "not_submitted", "unreadable") or row["record"] not in records:
                continue
            if row["reason"] != "refused_by_requester":
                given[row["record"]].add(row["worker"])
            if row["counted"]:
                counted[row["record"]].append(
                    (row["label"], accuracy.get(row["worker"], overlap.skill(0, 0)))
                )
        labels = [*stage["labels"]["positive"], *stage["labels"]["negative"]]
        rules, wished = stage["rules"], terms.get(number, Terms()).overlap
        for record in sorted(records):
            votes = sorted(counted[record])
            label, sure = overlap.confidence(votes, labels) if votes else (None, None)
            missing = overlap.wanted(
                len(votes), len(given[record]), sure or 0.0, overlap=wished,
                confidence_from=rules.get("overlap_confidence"), limit=rules.get("overlap_limit", 2 * wished + 1),
            )  # fmt: skip
            found.append(
                {
                    "record": record,
                    "question": question,
                    "counted": len(votes),
                    "given": len(given[record]),
                    "label": label,
                    "confidence": None if sure is None else round(sure, 4),
                    "missing": missing,
                    "overlap": len(given[record]) + missing,
                }
            )
    return found


def _comparable(rows: Sequence[Mapping[str, Any]], out: set[str]) -> list[dict[str, Any]]:
    """Return the answers that may be compared: those decided upon, accepted or found unhelpful."""
    return [
        {
            "record": row["record"],
            "worker": row["worker"],
            "prompt": row["messages"][0]["content"],
            "text": _text(row["messages"][-1]["content"]),
        }
        for row in rows
        if row["mark.source"] is None and row["record"] is not None and row["record"] not in out
    ]


def _knows_suites(stage: Mapping[str, Any]) -> bool:
    """Say whether a stage's exports tell what was handed in at once; elsewhere each record is an assignment alone."""
    columns = stage["columns"]
    return bool(
        stage["format"] == "toloka"
        or (stage["format"] == "table" and columns.get("assignment_id"))
        or any("{n}" in column for column in columns.values())  # a record is a page with several tasks
    )


def _shares(results: Any) -> dict[str, tuple[int, int]]:
    right: dict[str, list[bool]] = defaultdict(list)
    for worker, good in results:
        right[worker].append(good)
    return {worker: (sum(done), len(done)) for worker, done in right.items()}


def _rewards(rows: Sequence[Mapping[str, Any]]) -> dict[str, float]:
    return {row["assignment"]: row["reward"] for row in rows if row["reward"] is not None}


def _seconds(rows: Sequence[Mapping[str, Any]]) -> dict[str, float]:
    """Give each suite's time, where it is known: from its times, or from what the export says of its tasks."""
    seconds: dict[str, float] = {}
    for row in rows:
        if row["assignment"] and row["started"] and row["submitted"] and row["submitted"] >= row["started"]:
            seconds[row["assignment"]] = (row["submitted"] - row["started"]).total_seconds()
    summed: dict[str, dict[object, float]] = defaultdict(dict)
    for row in rows:
        if row["assignment"] and row.get("duration_s") is not None:
            task = (row["file"], row["row"], row["record"], row.get("other_record"))
            summed[row["assignment"]][task] = row["duration_s"]
    return {name: sum(tasks.values()) for name, tasks in summed.items()} | seconds


def _text(text: str | None) -> str | None:
    return None if text is None else normalise_text(text)


def _table(rows: Sequence[Mapping[str, Any]], contract: pa.Schema) -> pa.Table:
    return pa.Table.from_pylist(
        [{name: row.get(name) for name in contract.names} for row in rows], schema=contract
    )
