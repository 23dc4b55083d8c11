"""Which judgements count: each reason on a case worked out by hand."""

from __future__ import annotations

import pyarrow as pa

from lrl_datasets import schema
from lrl_datasets.crowd.quality import Rules, decide, failed_workers

ANSWERS = pa.table(
    {
        "record": ["r1", "r2", None],
        "id": ["a1", "a2", "a3"],
        "worker": ["author", "author", None],
        "text": ["Ndiyo.", "Hapana.", None],
    },
    schema=pa.schema([(name, pa.string()) for name in ("record", "id", "worker", "text")]),
)


def judgement(
    record: str | None, worker: str, label: str | None = "yes", **more: object
) -> dict[str, object]:
    return {"record": record, "worker": worker, "label": label, "question": "helpful", "source": "c", **more}


def reasons(*rows: dict[str, object], rules: Rules | None = None) -> list[str | None]:
    decided = decide(schema.judgements(rows), ANSWERS, {"helpful": rules} if rules else {})
    assert decided.num_rows == len(rows)
    counted = decided["counted"].to_pylist()
    assert counted == [reason is None for reason in decided["reason"].to_pylist()]
    return decided["reason"].to_pylist()


def test_a_vote_on_a_known_answer_counts_and_names_it() -> None:
    decided = decide(schema.judgements([judgement("r2", "w")]), ANSWERS, {})
    assert decided["answer_id"].to_pylist() == ["a2"]
    assert decided["reason"].to_pylist() == [None]


def test_what_the_source_says_comes_first() -> None:
    assert reasons(
        judgement("r1", "w", None, reason="unreadable"),
        judgement("r1", "w", reason="not_submitted", golden="yes"),
        judgement("nowhere", "w", reason="refused_by_requester"),
    ) == ["unreadable", "not_submitted", "refused_by_requester"]


def test_golden_unknown_changed_own() -> None:
    assert reasons(
        judgement(None, "w", golden="yes"),
        judgement("nowhere", "w"),
        judgement(None, "w"),
        judgement("r1", "w", text="Ndiyo!"),
        judgement("r1", "w2", text="Ndiyo."),
        judgement("r1", "author"),
    ) == ["golden", "unknown_answer", "unknown_answer", "text_changed", None, "own_answer"]


def test_a_worker_fails_below_60_percent_after_three_control_tasks() -> None:
    right, wrong = ({"golden": "yes", "label": "yes"}, {"golden": "yes", "label": "no"})

    def golden(worker: str, *cases: dict[str, str]) -> list[dict[str, object]]:
        return [judgement(None, worker, **case) for case in cases]

    table = schema.judgements(
        golden("one_of_three", right, wrong, wrong)
        + golden("two_of_three", right, right, wrong)  # 67 %
        + golden("none_of_two", wrong, wrong)  # too few to fail
        + golden("three_of_five", right, right, right, wrong, wrong)  # 60 %, not below
    )
    assert failed_workers(table, {}) == {("helpful", "one_of_three")}
    strict = {"helpful": Rules(golden_min_answers=2, golden_min_accuracy=0.65)}
    assert failed_workers(table, strict) == {
        ("helpful", "one_of_three"), ("helpful", "none_of_two"), ("helpful", "three_of_five"),
    }  # fmt: skip


def test_a_failed_workers_votes_do_not_count_but_his_control_tasks_stay_golden() -> None:
    wrong = [judgement(None, "spam", golden="no") for _ in range(3)]
    assert reasons(*wrong, judgement("r1", "spam"), judgement("r1", "w")) == [
        "golden", "golden", "golden", "failed_worker", None,
    ]  # fmt: skip


def test_of_repeated_votes_one_counts_whatever_the_order_of_the_lines() -> None:
    yes, no = judgement("r1", "w", "yes"), judgement("r1", "w", "no")
    assert reasons(yes, no) == ["repeated_vote", None]
    assert reasons(no, yes) == [None, "repeated_vote"]
    assert reasons(yes, judgement("r2", "w")) == [None, None]
