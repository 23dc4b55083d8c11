"""Accept, refuse, ask again: worked out by hand."""

from __future__ import annotations

from datetime import datetime, timedelta
from typing import Any

from hypothesis import given
from hypothesis import strategies as st

from lrl_datasets import schema
from lrl_datasets.crowd.answer_rules import AnswerRules
from lrl_datasets.crowd.decisions import of_answers, of_judgements, of_prompts, of_suites

DAY = datetime(2026, 3, 2)
RULES = AnswerRules()


def answer(record: str, suite: str = "s1", prompt: str = "p", **more: Any) -> dict[str, Any]:
    return dict.fromkeys(schema.CANDIDATE.names) | {
        "record": record, "assignment": suite, "worker": f"w-{suite}", "status": "submitted", "submitted": DAY,
        "lineage": [f"c:{prompt}"],
        "messages": [{"role": "user", "content": prompt}, {"role": "assistant", "content": f"jibu {record}"}], **more,
    }  # fmt: skip


def posteriors(**helpful: float) -> dict[str, dict[str, Any]]:
    return {record: {"helpfulness": value, "n_votes": 3} for record, value in helpful.items()}


def decided(rows: list[dict[str, Any]], **helpful: float) -> list[dict[str, Any]]:
    return of_answers(1, rows, RULES, posteriors(**helpful))


def verdicts(rows: list[dict[str, Any]]) -> list[tuple[str, str | None]]:
    return [(row["verdict"], row["reason"]) for row in rows]


def test_an_answer_is_accepted_from_its_posterior_on_and_waits_without_one() -> None:
    rows = [answer("a"), answer("b"), answer("c"), answer("d")]
    found = of_answers(1, rows, AnswerRules(accept_from=0.8), posteriors(a=0.8, b=0.79, d=0.9), {"d"})
    assert verdicts(found) == [("accept", None), ("reject", "unhelpful"), ("wait", None), ("wait", None)]


def test_what_the_platform_refused_stays_refused_and_what_was_not_handed_in_is_no_answer() -> None:
    rows = [
        answer("a", status="rejected", **{"mark.source": "refused_by_requester"}),
        answer("b", status="skipped", **{"mark.source": "not_submitted"}),
    ]
    assert verdicts(decided(rows, a=1.0, b=1.0)) == [("reject", "refused_by_requester")]


def review(
    rows: list[dict[str, Any]], rules: AnswerRules = RULES, now: datetime = DAY, **helpful: float
) -> Any:
    return of_suites(decided(rows, **helpful), rules, now)


def test_a_suite_is_accepted_or_rejected_as_a_whole() -> None:
    four = [answer(name) for name in "abcd"]
    (half,) = review(four, a=1, b=1, c=0, d=0)
    assert (half["verdict"], half["reason"], half["accepted"], half["tasks"]) == ("accept", None, 2, 4)
    (bad,) = review(four, a=1, b=0, c=0, d=0)
    assert (bad["verdict"], bad["reason"]) == ("reject", "unhelpful")
    (open_,) = review(four, a=1, b=0, c=0)  # d may still make it half
    assert open_["verdict"] == "wait"
    assert review(four, a=1, b=1)[0]["verdict"] == "accept"  # whatever c and d will be
    assert review(four, b=0, c=0, d=0)[0]["verdict"] == "reject"  # a cannot save it
    (strict,) = review(four, AnswerRules(suite_share=0.75), a=1, b=1, c=0, d=0)
    assert strict["verdict"] == "reject"


def test_a_rejected_suites_reason_is_the_commonest_of_equal_ones_the_first_tried() -> None:
    found = [
        {**row, "verdict": "reject", "reason": reason}
        for row, reason in zip(
            decided([answer(name) for name in "abcd"]),
            ["unhelpful", "too_fast", "unhelpful", "too_fast"], strict=True,
        )
    ]  # fmt: skip
    assert of_suites(found, RULES, DAY)[0]["reason"] == "too_fast"
    found[1]["reason"] = "unhelpful"
    assert of_suites(found, RULES, DAY)[0]["reason"] == "unhelpful"


def test_the_deadline_is_warned_of_and_then_the_platform_has_accepted() -> None:
    rules = AnswerRules(review_days=21, warn_days=3)
    deadline = datetime(2026, 3, 23)

    def at(now: datetime) -> tuple[str, bool]:
        (found,) = review([answer("a")], rules, now, a=0.0)
        assert found["deadline"] == deadline
        return found["verdict"], found["hurry"]

    assert at(deadline - timedelta(days=3, seconds=1)) == ("reject", False)
    assert at(deadline - timedelta(days=3)) == ("reject", True)
    assert at(deadline - timedelta(seconds=1)) == ("reject", True)
    assert at(deadline) == ("accepted", False)


def test_without_a_time_of_handing_in_the_time_of_handing_out_warns_early() -> None:
    row = answer("a", submitted=None, started=DAY - timedelta(hours=1))
    (found,) = review([row], AnswerRules(review_days=1), DAY, a=1.0)
    assert found["deadline"] == DAY + timedelta(hours=23) and found["hurry"]
    (unknown,) = review([answer("a", submitted=None)], AnswerRules(review_days=1), DAY, a=1.0)
    assert unknown["deadline"] is None and not unknown["hurry"]


def test_what_was_said_is_not_said_again() -> None:
    late = DAY + timedelta(days=99)
    (paid,) = review([answer("a", status="accepted")], AnswerRules(review_days=1), late, a=0.0)
    assert (paid["verdict"], paid["deadline"]) == ("accepted", None)
    # A review file names the verdict on a suite's first line only.
    (refused,) = review([answer("a", status="rejected"), answer("b")], a=0.0, b=1.0)
    assert refused["verdict"] == "rejected"


def prompts(rows: list[dict[str, Any]], overlap: int = 1, limit: int | None = None, **helpful: float) -> Any:
    found = decided(rows, **helpful)
    return of_prompts(1, rows, found, of_suites(found, RULES, DAY), overlap, limit)


def test_a_refused_answer_reopens_its_prompt_up_to_the_limit() -> None:
    one = [answer("a", "s1")]
    (open_,) = prompts(one, a=0.0)
    assert (open_["refused"], open_["missing"], open_["overlap"], open_["exhausted"]) == (1, 1, 2, False)
    assert open_["unavailable_for"] == ["w-s1"]
    (full,) = prompts(one, a=1.0)
    assert (full["usable"], full["missing"], full["overlap"]) == (1, 0, 1)
    three = [answer("a", "s1"), answer("b", "s2"), answer("c", "s3")]
    (last,) = prompts(three, a=0.0, b=0.0, c=0.0)  # 2 · 1 + 1 is the limit when none is named
    assert (last["missing"], last["overlap"], last["exhausted"]) == (0, 3, True)
    assert prompts(three, limit=4, a=0.0, b=0.0, c=0.0)[0]["missing"] == 1
    assert prompts(three, limit=4, a=0.0, b=0.0)[0]["missing"] == 0  # c may be good


def test_overlap_of_three_with_one_refused_asks_for_a_fourth() -> None:
    rows = [answer(name, f"s{name}") for name in "abc"]
    (found,) = prompts(rows, 3, a=1.0, b=0.0, c=1.0)
    assert (found["usable"], found["refused"], found["missing"], found["overlap"]) == (2, 1, 1, 4)


def test_work_that_is_not_paid_is_not_used_and_paid_work_is_not_good_for_that() -> None:
    rejected = [answer("a", "s", "p1"), answer("b", "s", "p2"), answer("c", "s", "p3")]
    assert [row["missing"] for row in prompts(rejected, a=1.0, b=0.0, c=0.0)] == [1, 1, 1]
    accepted = [answer("a", "s", "p1"), answer("b", "s", "p2"), answer("c", "s", "p3")]
    assert [row["missing"] for row in prompts(accepted, a=1.0, b=1.0, c=0.0)] == [0, 0, 1]


def test_a_suite_being_worked_on_is_waited_for() -> None:
    rows = [answer("a", "s1"), answer("b", "s2", status="active", **{"mark.source": "not_submitted"})]
    (found,) = prompts(rows, a=0.0)
    assert (found["waiting"], found["missing"], found["unavailable_for"]) == (1, 0, ["w-s1", "w-s2"])


def test_a_judge_is_refused_for_faults_and_never_for_an_opinion() -> None:
    reasons = [None, "golden", "against_majority", "failed_worker", "too_fast", "one_answer", "not_submitted"]
    rows = [
        {"assignment": "s", "record": f"r{n}", "worker": "w", "status": "submitted", "reason": reason,
         "submitted": DAY, "started": None, "file": "v", "row": n}
        for n, reason in enumerate(reasons)
    ]  # fmt: skip
    found = of_judgements(2, rows)
    assert [row["verdict"] for row in found] == ["accept"] * 3 + ["reject"] * 3
    (suite,) = of_suites(found, RULES, DAY)
    assert (suite["verdict"], suite["tasks"]) == ("accept", 6)


any_answer = st.builds(
    answer,
    record=st.uuids().map(str),
    suite=st.sampled_from(["s1", "s2", "s3", "s4"]),
    prompt=st.sampled_from(["p", "q"]),
    status=st.sampled_from(["submitted", "accepted", "rejected", None]),
)


@given(
    st.lists(st.tuples(any_answer, st.sampled_from([None, 0.0, 1.0])), max_size=12),
    st.integers(1, 3),
    st.integers(1, 6),
)
def test_nothing_is_lost_and_the_limit_holds(rows: list[Any], overlap: int, limit: int) -> None:
    answers = [row for row, _ in rows]
    said = {row["record"]: {"helpfulness": value, "n_votes": 1} for row, value in rows if value is not None}
    found = of_answers(1, answers, RULES, said)
    suites = of_suites(found, RULES, DAY)
    assert len(found) == len(answers) == sum(row["tasks"] for row in suites)
    assert all((row["reason"] is not None) == (row["verdict"] == "reject") for row in [*found, *suites])
    asked = of_prompts(1, answers, found, suites, overlap, limit)
    assert sum(row["usable"] + row["waiting"] + row["refused"] for row in asked) == len(answers)
    for row in asked:
        given_ = row["usable"] + row["waiting"] + row["refused"]
        assert row["overlap"] == given_ + row["missing"] <= max(limit, given_)
        assert row["exhausted"] or row["usable"] + row["waiting"] + row["missing"] >= overlap
