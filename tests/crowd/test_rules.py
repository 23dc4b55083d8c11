"""Each rule on cases worked out by hand, and through `decide` with its reason."""

from __future__ import annotations

from datetime import datetime, timedelta
from typing import Any

import pyarrow as pa
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from lrl_datasets import schema
from lrl_datasets.crowd import rules
from lrl_datasets.crowd.quality import Rules, decide

DAY = datetime(2026, 3, 2)
ANSWERS = pa.table(
    {
        "record": ["r1", "r2"],
        "id": ["a1", "a2"],
        "worker": ["author", "author"],
        "text": ["Ndiyo.", "Hapana."],
    }
)


def row(worker: str, label: str = "yes", record: str | None = "r1", **more: Any) -> dict[str, Any]:
    return dict.fromkeys(schema.JUDGEMENT.names) | {
        "worker": worker, "label": label, "record": record, "question": "helpful", "source": "c", **more,
    }  # fmt: skip


def control(worker: str, results: str, **more: Any) -> list[dict[str, Any]]:
    """Control tasks: `+` right, `-` wrong, given out in this order."""
    return [
        row(worker, "yes" if sign == "+" else "no", None, golden="yes", reason="golden",
            started=DAY + timedelta(minutes=minute), **more)
        for minute, sign in enumerate(results)
    ]  # fmt: skip


def reasons(rows: list[dict[str, Any]], asked: Rules) -> list[str | None]:
    raw = [{**r, "reason": None if r["reason"] == "golden" else r["reason"]} for r in rows]
    return decide(schema.judgements(raw), ANSWERS, {"helpful": asked})["reason"].to_pylist()


def test_training_lets_in_from_its_mark_on_and_nobody_who_did_none() -> None:
    asked = Rules(training_pools=["t.tsv"], training_min_accuracy=0.75)
    done = control("good", "++-+", file="t.tsv") + control("bad", "+--+", file="t.tsv")
    votes = [row(worker, file="m.tsv") for worker in ("good", "bad", "none")]
    assert rules.failed_training([*done, *votes], asked) == {"bad", "none"}
    assert rules.failed_training([*done, *votes], Rules()) == set()
    assert reasons(done + votes, asked)[-3:] == [None, "failed_training", "failed_training"]


def test_an_exam_has_a_pass_mark_and_a_retry_band() -> None:
    asked = Rules(
        exam_pools=["exam-*.tsv"], exam_min_accuracy=0.8, exam_retry_from=0.4, retry_pools=["retry.tsv"]
    )
    rows = [
        *control("passes", "++++-", file="exam-1.tsv"),
        *control("may_retry", "+++--", file="exam-1.tsv"),
        *control("retried", "++---", file="exam-2.tsv"),
        *control("retried", "+++++", file="retry.tsv"),
        *control("failed_twice", "+++--", file="exam-1.tsv"),
        *control("failed_twice", "+++--", file="retry.tsv"),
        *control("too_low_to_retry", "+----", file="exam-1.tsv"),
        *control("too_low_to_retry", "+++++", file="retry.tsv"),
        row("never_came", file="main.tsv"),
    ]
    results = rules.exam_results(rows, asked)
    assert {worker: (r.state, r.right, r.tasks) for worker, r in results.items()} == {
        "passes": ("passed", 4, 5),
        "may_retry": ("retry", 3, 5),
        "retried": ("passed", 5, 5),
        "failed_twice": ("failed", 3, 5),
        "too_low_to_retry": ("failed", 1, 5),
        "never_came": ("missing", 0, 0),
    }
    assert rules.failed_exam(rows, asked) == set(results) - {"passes", "retried"}
    # Neither exam nor retry is a control task of the ordinary pool.
    assert rules.failed_worker(rows, asked) == set()
    assert reasons(rows, asked)[-1] == "failed_exam"


def test_the_first_control_tasks_may_be_the_exam() -> None:
    asked = Rules(exam_tasks=2, exam_min_accuracy=1.0, golden_min_answers=9)
    rows = control("good", "++--") + control("bad", "-+++") + control("short", "+")
    states = {worker: result.state for worker, result in rules.exam_results(rows[::-1], asked).items()}
    assert states == {"good": "passed", "bad": "failed", "short": "missing"}


def test_time_is_measured_against_the_pools_median_on_a_log_scale() -> None:
    # Logs to base 2: 10 x 4, 10 x 6, one -3, one 13, median 5 and MAD 1, so z = .6745 (x - 5).
    seconds = [16.0] * 10 + [64.0] * 10 + [0.125, 8192.0]
    rows = [row(f"w{n}", duration_s=value) for n, value in enumerate(seconds)]
    assert rules.robust_scores(seconds)[-2:] == pytest.approx([-0.6745 * 8, 0.6745 * 8])
    assert rules.too_fast(rows, Rules(too_fast_z=3.5)) == {20}
    assert rules.too_slow(rows, Rules(too_slow_z=3.5)) == {21}
    assert rules.too_fast(rows, Rules(too_fast_z=5.5)) == rules.too_fast(rows, Rules()) == set()
    assert reasons(rows, Rules(too_fast_z=3.5, too_slow_z=3.5))[-2:] == ["too_fast", "too_slow"]


def test_a_pool_is_measured_by_itself_and_says_nothing_when_small_or_all_alike() -> None:
    slow = [row("s", duration_s=100.0 + n, file="long.tsv") for n in range(20)]
    quick = [row("q", duration_s=2.0 + n / 10, file="short.tsv") for n in range(20)]
    asked = Rules(too_fast_z=3.5, too_slow_z=3.5)
    assert rules.too_fast(slow + quick, asked) == rules.too_slow(slow + quick, asked) == set()
    few = [row("w", duration_s=60.0 + n) for n in range(18)] + [row("w", duration_s=0.1)]
    assert rules.too_fast(few, asked) == set()
    assert rules.too_fast([*few, row("w", duration_s=60.0)], asked) == {18}
    alike = [row("w", duration_s=60.0) for _ in range(20)] + [row("w", duration_s=1.0)]
    assert rules.too_fast(alike, asked) == set()


def test_a_third_of_clickers_does_not_hide_itself() -> None:
    """Mean and standard deviation would: the clickers move them. Here their z lies above -1.5."""
    from statistics import mean, stdev

    people = [40.0, 44, 48, 52, 56, 60, 64, 68, 72, 76, 80, 84, 88, 92]
    seconds = people + [1.0] * 7
    rows = [row("w", duration_s=value) for value in seconds]
    assert (1.0 - mean(seconds)) / stdev(seconds) > -1.5
    assert rules.too_fast(rows, Rules(too_fast_z=3.5)) == set(range(14, 21))


def test_skipping_is_counted_in_the_order_of_the_suites() -> None:
    def suite(worker: str, minute: int, status: str, tasks: int = 2) -> list[dict[str, Any]]:
        reason = "not_submitted" if status == "skipped" else None
        return [
            row(worker, reason=reason, status=status, assignment=f"{worker}{minute}",
                started=DAY + timedelta(minutes=minute))
            for _ in range(tasks)
        ]  # fmt: skip

    def worker(name: str, pattern: str) -> list[dict[str, Any]]:
        return [
            r for n, sign in enumerate(pattern)
            for r in suite(name, n, "skipped" if sign == "s" else "accepted")
        ]  # fmt: skip

    rows = worker("picks", "assa") + worker("three", "asssa") + worker("apart", "sasasasas")
    assert rules.skipped_in_row(rows[::-1], Rules(max_skipped_in_row=2)) == {"three"}
    assert rules.skipped_in_row(rows, Rules(max_skipped_in_row=1)) == {"three", "picks"}
    assert rules.skipped_in_row(rows, Rules()) == set()
    untimed = [{**r, "started": None} for r in rows]
    assert rules.skipped_in_row(untimed, Rules(max_skipped_in_row=0)) == set()


def test_one_answer_to_everything_counts_only_where_the_others_differ() -> None:
    others = [row(f"w{n % 5}", "yes" if n % 2 else "no", f"r{n}") for n in range(100)]
    clicker = [row("clicker", "yes", f"r{n}") for n in range(20)]  # .5 ** 20 is 1e-6
    short = [row("short", "yes", f"r{n}") for n in range(9)]
    asked = Rules(one_answer_share=0.95, one_answer_min_answers=10)
    assert rules.one_answer(others + clicker + short, asked) == {"clicker"}
    assert rules.one_answer(others + clicker + short, Rules()) == set()
    # Where 95 of 100 answers are good, twenty times yes has a chance of .36.
    good = [row(f"w{n % 5}", "no" if n % 20 == 0 else "yes", f"r{n}") for n in range(100)]
    assert "clicker" not in rules.one_answer(good + clicker, asked)
    assert rules.one_answer(clicker, asked) == set()  # nobody to compare with
    nearly = [*clicker[:18], row("clicker", "no", "r18"), row("clicker", "no", "r19")]
    assert rules.one_answer(others + nearly, asked) == set()  # 90 %


def test_tolokas_own_example_of_the_majority_vote() -> None:
    """The table of the guide's page: overlap 5, three equal responses; tasks 2 and 4 have no majority."""
    table = [
        "OK BAD OK BAD OK",
        "BAD OK OK BAD 404",
        "404 OK 404 OK OK",
        "OK BAD OK 404 404",
        "OK BAD OK 404 OK",
    ]
    rows = [
        row(f"toloker {n + 1}", label, f"task {task}")
        for task, line in enumerate(table)
        for n, label in enumerate(line.split())
    ]
    agreed = rules.agreement_with_majority(rows, 3)
    assert {worker: (sum(done), len(done)) for worker, done in agreed.items()} == {
        "toloker 1": (2, 3), "toloker 2": (1, 3), "toloker 3": (2, 3), "toloker 4": (1, 3), "toloker 5": (3, 3),
    }  # fmt: skip
    asked = Rules(majority_min_agreement=0.65, majority_min_answers=3, majority_votes=3)
    assert rules.against_majority(rows, asked) == {"toloker 2", "toloker 4"}
    assert rules.against_majority(rows, Rules(majority_min_agreement=0.65, majority_min_answers=4)) == set()
    assert rules.against_majority(rows, Rules()) == set()


def test_who_already_failed_has_no_say_in_the_majority() -> None:
    spam = [r for name in ("s1", "s2", "s3") for r in control(name, "---")]
    votes = [row("s1", "no"), row("s2", "no"), row("s3", "no"), row("w1"), row("w2")]
    asked = Rules(majority_min_agreement=0.5, majority_min_answers=1, majority_votes=2)
    assert reasons(spam + votes, asked)[9:] == ["failed_worker", "failed_worker", "failed_worker", None, None]


def test_two_labels_with_as_many_votes_are_no_majority() -> None:
    rows = [row("a"), row("b"), row("c", "no"), row("d", "no")]
    assert rules.agreement_with_majority(rows, 2) == {}


STRICT = Rules(
    training_pools=["t"], training_min_accuracy=0.5, exam_pools=["e"], exam_min_accuracy=0.5, golden_min_answers=1,
    too_fast_z=1.0, too_slow_z=1.0, max_skipped_in_row=0, one_answer_share=0.5, one_answer_min_answers=1,
    majority_min_agreement=0.9, majority_min_answers=1, majority_votes=2,
)  # fmt: skip
any_row = st.builds(
    row,
    worker=st.sampled_from("abcde"),
    label=st.sampled_from(["yes", "no"]),
    record=st.sampled_from(["r1", "r2", "r9", None]),
    golden=st.sampled_from([None, None, "yes", "no"]),
    file=st.sampled_from(["m", "t", "e"]),
    duration_s=st.sampled_from([None, 1.0, 20.0, 30.0, 40.0, 900.0]),
    assignment=st.sampled_from(["s1", "s2"]),
    status=st.sampled_from(["accepted", "skipped", None]),
    started=st.sampled_from([None, DAY, DAY + timedelta(hours=1)]),
    reason=st.sampled_from([None, None, None, "not_submitted", "unreadable"]),
)


@settings(max_examples=60, deadline=None)
@given(st.lists(any_row, max_size=40), st.randoms(use_true_random=False), st.sampled_from([STRICT, Rules()]))
def test_every_judgement_keeps_one_reason_of_the_closed_set_in_any_order(
    rows: list[dict[str, Any]], random: Any, asked: Rules
) -> None:
    decided = decide(schema.judgements(rows), ANSWERS, {"helpful": asked})
    assert decided.num_rows == len(rows)
    assert set(decided["reason"].to_pylist()) <= {None, *schema.JUDGEMENT_REASONS}
    assert decided["counted"].to_pylist() == [reason is None for reason in decided["reason"].to_pylist()]
    order = list(range(len(rows)))
    random.shuffle(order)
    again = decide(schema.judgements([rows[at] for at in order]), ANSWERS, {"helpful": asked})

    def seen(table: pa.Table) -> list[str]:
        # Which of two equal votes is the repeated one is a matter of lines; that one of them is, is not.
        keys = ["worker", "record", "golden", "label", "reason"]
        rows = [r for r in table.to_pylist() if r["reason"] in (None, "repeated_vote")]
        return sorted(repr([r[key] for key in keys]) for r in rows) + sorted(
            repr(tuple(r.values())) for r in table.to_pylist() if r not in rows
        )

    assert seen(again) == seen(decided)


def test_every_rule_has_its_place_in_the_closed_set_after_what_is_wrong_with_the_task() -> None:
    from lrl_datasets.crowd.quality import ABOUT_VOTES, ABOUT_WORKERS

    order = list(schema.JUDGEMENT_REASONS)
    of_rules = [reason for reason in order if reason in ABOUT_WORKERS or reason in ABOUT_VOTES]
    assert set(of_rules) == set(ABOUT_WORKERS) | set(ABOUT_VOTES)
    assert order[order.index("own_answer") + 1 : order.index("repeated_vote")] == of_rules
