"""Accept or refuse, before anyone is paid: answers, the suites they were handed in with, and what is asked for again.

Takes the answers with what the crowd said of them, gives tables: `DECISIONS` (each answer), `REVIEWS` (each suite:
what the platform is to be told, by when) and `PROMPTS` (what needs another answer). Everything is computed from the
tables that came in and a given time; nothing is remembered.
"""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Mapping, Sequence
from datetime import datetime, timedelta
from typing import Any

import pyarrow as pa

from lrl_datasets.crowd import answer_rules
from lrl_datasets.crowd.answer_rules import AnswerRules, objections

ANSWER_REASONS = (
    "refused_by_requester", *answer_rules.REASONS, "unhelpful",
)  # fmt: skip
"""The closed set of reasons for which an answer is refused, in the order in which they are tried."""
CONTROL = "golden"
"""The reason that an accepted control task carries: nobody judges it, and it is no answer to its prompt."""
JUDGE_FAULTS = ("failed_worker", "skipped_in_row", "too_fast", "one_answer")
"""Reasons of uncounted judgements for which a suite may be refused. To be in the minority is none: who judges
honestly is paid. Neither is a failed exam: the platform should not have let the worker in."""
BANS = ("failed_worker", "skipped_in_row", "one_answer", "against_majority")
"""Reasons for which a worker gets no more tasks on the question; the platform is told so with the tasks."""
SETTLED = {"accepted": "accepted", "rejected": "rejected"}

DECISIONS = pa.schema(
    [
        ("stage", pa.int32()),  # 1-based, as in campaign.toml
        ("assignment", pa.string()),
        ("record", pa.string()),
        ("worker", pa.string()),
        ("prompt", pa.string()),
        ("lineage", pa.list_(pa.string())),
        ("status", pa.string()),
        ("verdict", pa.string()),  # accept, reject, wait: on its own merits
        ("reason", pa.string()),
        ("helpfulness", pa.float64()),
        ("n_votes", pa.int32()),
    ]
)
"""One row an answer that was handed in."""

REVIEWS = pa.schema(
    [
        ("stage", pa.int32()),
        ("assignment", pa.string()),
        ("worker", pa.string()),
        ("status", pa.string()),
        ("verdict", pa.string()),  # accept, reject, wait; accepted, rejected: said already
        ("reason", pa.string()),
        ("tasks", pa.int32()),
        ("accepted", pa.int32()),  # tasks of it that are accepted on their own merits
        ("deadline", pa.timestamp("us")),  # UTC; from then on the platform has accepted it by itself
        ("hurry", pa.bool_()),  # undecided or unsaid, and the deadline is near
    ]
)
"""One row a suite that was handed in."""

PROMPTS = pa.schema(
    [
        ("stage", pa.int32()),
        ("prompt", pa.string()),
        ("lineage", pa.list_(pa.string())),
        ("usable", pa.int32()),
        ("waiting", pa.int32()),  # not decided yet, or being written
        ("refused", pa.int32()),
        ("standing", pa.int32()),  # handed in, and not refused on the platform: what it counts as the overlap
        ("missing", pa.int32()),  # answers to ask for now
        ("overlap", pa.int32()),  # answers asked for so far and now, refused ones among them
        ("exhausted", pa.bool_()),  # the limit is reached, and it still lacks one
        ("unavailable_for", pa.list_(pa.string())),  # raw ids of those who have answered it
    ]
)
"""One row a prompt that somebody has answered."""


def of_answers(
    stage: int,
    rows: Sequence[Mapping[str, Any]],
    rules: AnswerRules,
    posteriors: Mapping[str, Mapping[str, Any]],
    undecided: frozenset[str] | set[str] = frozenset(),
) -> list[dict[str, Any]]:
    """Decide on the answers of one stage.

    Parameters
    ----------
    rows
        Columns of `schema.CANDIDATE`, all of the stage: skipped suites too, since they are counted.
    posteriors
        Record → `helpfulness`, `n_votes`; absent where no vote counted.
    undecided
        Records for which more votes are asked: they wait, whatever the votes say so far.
    """
    against = objections(rows, rules)
    decided = []
    for at, row in enumerate(rows):
        if row["mark.source"] in ("not_submitted", "unreadable") or row["messages"] is None:
            continue
        found = posteriors.get(row["record"], {})
        helpful = found.get("helpfulness")
        if row["mark.source"] not in (None, CONTROL) or row["status"] == "rejected":
            verdict, reason = "reject", "refused_by_requester"
        elif at in against:
            verdict, reason, _ = against[at]
        elif row["golden"] is not None:
            verdict, reason = "accept", CONTROL
        elif helpful is None or row["record"] in undecided:
            verdict, reason = "wait", None
        elif helpful >= rules.accept_from:
            verdict, reason = "accept", None
        else:
            verdict, reason = "reject", "unhelpful"
        decided.append(
            {
                "stage": stage,
                "task": at,
                "golden": row["golden"] is not None,
                **{name: row[name] for name in ("assignment", "record", "worker", "lineage", "status")},
                "prompt": row["messages"][0]["content"],
                "verdict": verdict,
                "reason": reason,
                "helpfulness": helpful,
                "n_votes": found.get("n_votes", 0),
                "submitted": row["submitted"] or row["started"],
            }
        )
    return decided


def of_suites(
    decided: Sequence[Mapping[str, Any]], rules: AnswerRules, now: datetime
) -> list[dict[str, Any]]:
    """Decide on whole suites, since a platform accepts or rejects all of a page.

    Toloka's guide, "Manual review": only the entire page can be rejected; reject it if the result is largely
    inconsistent with the instructions; what nobody reviewed within the period (1 to 21 days) is accepted and
    paid by itself. So a suite is accepted from `suite_share` of its tasks on, rejected once it cannot reach that
    any more, and waits in between. Where the time of handing in is unknown, that of handing out counts: it
    warns too early rather than too late.

    Parameters
    ----------
    decided
        `of_answers`, or for judges `of_judgements`.
    now
        UTC, naive.
    """
    suites: dict[str, list[Mapping[str, Any]]] = defaultdict(list)
    for row in decided:
        suites[row["assignment"] or row["record"]].append(row)
    reviews = []
    for name, tasks in suites.items():
        # Control tasks are not what is bought; a page of nothing else is an exam, and work like any other.
        bought = [row for row in tasks if not row.get("golden")] or tasks
        verdicts = Counter(row["verdict"] for row in bought)
        needed = rules.suite_share * len(bought) - 1e-9
        # A reviewed file may say it on the suite's first line only.
        status = (
            min((row["status"] or "" for row in tasks), key=lambda said: (said not in SETTLED, said)) or None
        )
        if status in SETTLED:
            verdict = SETTLED[status]
        elif verdicts["accept"] >= needed:
            verdict = "accept"
        elif verdicts["accept"] + verdicts["wait"] < needed:
            verdict = "reject"
        else:
            verdict = "wait"
        handed_in = [row["submitted"] for row in tasks if row["submitted"]]
        deadline = (
            max(handed_in) + timedelta(days=rules.review_days) if handed_in and rules.review_days else None
        )
        open_ = status not in SETTLED and deadline is not None
        if open_ and deadline and now >= deadline:
            verdict = "accepted"
        reviews.append(
            {
                "stage": tasks[0]["stage"],
                "assignment": name,
                "worker": tasks[0]["worker"],
                "status": status,
                "verdict": verdict,
                "reason": _commonest(tasks) if verdict == "reject" else None,
                "tasks": len({row["task"] for row in tasks}),
                "accepted": len({row["task"] for row in tasks if row["verdict"] == "accept"}),
                "deadline": deadline if open_ else None,
                "hurry": bool(
                    open_ and deadline and deadline - timedelta(days=rules.warn_days) <= now < deadline
                ),
            }
        )
    return sorted(reviews, key=lambda row: (row["stage"], row["assignment"]))


def of_judgements(stage: int, judged: Sequence[Mapping[str, Any]]) -> list[dict[str, Any]]:
    """Say of each judgement whether its worker did the task honestly: everything but `JUDGE_FAULTS` is accepted."""
    return [
        {
            "stage": stage,
            # A rubric's criteria are one task; what is compared is one with what it is compared to.
            "task": (row["file"], row["row"], row["record"], row.get("other_record")),
            **{name: row[name] for name in ("assignment", "record", "worker", "status")},
            "verdict": "reject" if row["reason"] in JUDGE_FAULTS else "accept",
            "reason": row["reason"] if row["reason"] in JUDGE_FAULTS else None,
            "submitted": row["submitted"] or row["started"],
        }
        for row in judged
        if row["reason"] not in ("not_submitted", "unreadable")
    ]


def of_prompts(
    stage: int,
    rows: Sequence[Mapping[str, Any]],
    decided: Sequence[Mapping[str, Any]],
    reviews: Sequence[Mapping[str, Any]],
    overlap: int,
    limit: int | None = None,
) -> list[dict[str, Any]]:
    """Say which prompts need another answer: each refused one raises the prompt's overlap by one, up to a limit.

    An answer is usable if it was accepted on its own merits and its suite was not rejected: work that is not
    paid is not used, however good, and an answer that is paid because most of its suite was good is not used for
    that.

    Parameters
    ----------
    rows
        As for `of_answers`; suites being worked on are waited for.
    overlap
        Usable answers that each prompt shall have.
    limit
        Answers that are asked for at most; twice the overlap plus one when None.
    """
    limit = 2 * overlap + 1 if limit is None else limit
    said = {row["assignment"]: row["verdict"] for row in reviews}
    counts: dict[str, Counter[str]] = defaultdict(Counter)
    workers: dict[str, set[str]] = defaultdict(set)
    lineage: dict[str, list[str]] = {}
    for row in decided:
        if row["golden"]:
            continue
        prompt, suite = row["prompt"], said[row["assignment"] or row["record"]]
        lineage.setdefault(prompt, row["lineage"] or [])
        workers[prompt].add(row["worker"])
        counts[prompt]["standing"] += row["reason"] != "refused_by_requester"
        if suite in ("reject", "rejected") or row["verdict"] == "reject":
            counts[prompt]["refused"] += 1
        else:
            counts[prompt]["usable" if row["verdict"] == "accept" and suite != "wait" else "waiting"] += 1
    for row in rows:
        if row["status"] == "active" and row["messages"] and row["golden"] is None:
            prompt = row["messages"][0]["content"]
            counts[prompt]["waiting"] += 1
            workers[prompt].add(row["worker"])
            lineage.setdefault(prompt, row["lineage"] or [])
    prompts = []
    for prompt, found in sorted(counts.items()):
        lacking = max(overlap - found["usable"] - found["waiting"], 0)
        given = found["usable"] + found["waiting"] + found["refused"]
        missing = min(lacking, max(limit - given, 0))
        prompts.append(
            {
                "stage": stage,
                "prompt": prompt,
                "lineage": lineage[prompt],
                **{name: found[name] for name in ("usable", "waiting", "refused", "standing")},
                "missing": missing,
                "overlap": given + missing,
                "exhausted": lacking > missing,
                "unavailable_for": sorted(workers[prompt]),
            }
        )
    return prompts


def _commonest(tasks: Sequence[Mapping[str, Any]]) -> str:
    """Return the reason most tasks were refused for; of equal ones the first that is tried."""
    order = [*ANSWER_REASONS, *JUDGE_FAULTS]
    reasons = Counter(row["reason"] for row in tasks if row["verdict"] == "reject")
    return str(max(reasons, key=lambda reason: (reasons[reason], -order.index(reason))))
