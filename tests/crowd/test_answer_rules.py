"""What stands against an answer before anybody judges it."""

from __future__ import annotations

from datetime import datetime, timedelta
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from lrl_datasets import schema
from lrl_datasets.crowd.answer_rules import (
    AnswerRules,
    failed_workers,
    machine_translated,
    objections,
    same_text,
    similarity,
    task_seconds,
)

DAY = datetime(2026, 3, 2, 8)
LONG = "Maji huchemka kwa nyuzi mia moja usawa wa bahari."  # nine words


def answer(worker: str, text: str = LONG, minute: float | None = 0, **more: Any) -> dict[str, Any]:
    submitted = None if minute is None else DAY + timedelta(minutes=minute)
    return dict.fromkeys(schema.CANDIDATE.names) | {
        "worker": worker, "submitted": submitted, "assignment": f"{worker}-{minute}", "status": "submitted",
        "messages": [{"role": "user", "content": "Eleza."}, {"role": "assistant", "content": text}], **more,
    }  # fmt: skip


def test_who_handed_a_text_in_first_wrote_it() -> None:
    rows = [
        answer("copies", LONG.upper().replace(" ", "  "), 5),
        answer("wrote", minute=1),
        answer("wrote", minute=9),  # his own, once more
        answer("other", "Kitu kingine kabisa ambacho hakifanani na hayo mengine yote.", 2),
    ]
    assert same_text(rows, 8) == {0: 1}
    assert same_text(rows, 10) == {}  # nine words are too few to say
    assert same_text(rows, None) == {}


def test_where_nobody_knows_who_was_first_a_person_must_look() -> None:
    assert same_text([answer("a", minute=1), answer("b", minute=1)], 8) == {0: None, 1: None}
    assert same_text([answer("a", minute=1), answer("b", minute=None)], 8) == {0: None, 1: None}
    assert same_text([answer("a", minute=1), answer("a", minute=2)], 8) == {}


def test_a_machines_translation_touched_up_stays_one() -> None:
    machine = (
        "Ili kupika wali, osha mchele mara mbili, weka maji na chumvi, kisha chemsha kwa dakika ishirini."
    )
    touched = (
        "Ili kupika wali osha mchele mara mbili, weka maji na chumvi, halafu chemsha kwa dakika ishirini!"
    )
    own = "Mimi huosha mchele kwanza. Naweka maji kidogo zaidi ya mchele na kuacha uive polepole."
    # 16 words each, 15 of them in common and in order: 30 / 32.
    assert similarity(touched, machine) == pytest.approx(30 / 32)
    rows = [answer("a", touched, machine_translation=machine), answer("b", own, machine_translation=machine)]
    assert machine_translated([*rows, answer("c", machine)], 0.8) == {0: pytest.approx(30 / 32)}
    assert machine_translated(rows, None) == {}


@given(st.text(max_size=60), st.text(max_size=60))
def test_similarity_lies_between_none_and_all(one: str, other: str) -> None:
    assert 0 <= similarity(one, other) <= 1
    assert similarity(one, one) == 1


def test_a_suites_time_is_divided_by_its_answers() -> None:
    started = DAY - timedelta(minutes=10)
    rows = [answer("a", assignment="s", started=started), answer("a", assignment="s", started=started)]
    late = answer("b", started=DAY + timedelta(hours=1))  # ends before it begins
    assert task_seconds([*rows, answer("c"), late]) == [300, 300, None, None]


def test_time_and_skipping_stand_before_the_text() -> None:
    steady = [
        answer(
            f"w{n}", f"Jibu la {n}.", minute=20, assignment=f"s{n}", started=DAY - timedelta(seconds=40 * n)
        )
        for n in range(25)
    ]
    quick = answer("quick", LONG, minute=20, started=DAY + timedelta(minutes=20) - timedelta(seconds=1))
    skips = [
        answer("skips", minute=None, started=DAY + timedelta(minutes=n), assignment=f"k{n}", status="skipped",
               **{"mark.source": "not_submitted"})
        for n in range(3)
    ]  # fmt: skip
    picked = answer("skips", minute=30)
    rows = [*steady, quick, *skips, picked]
    asked = AnswerRules(too_fast_z=3.5, max_skipped_in_row=2, same_text_min_words=8)
    found = objections(rows, asked)
    assert found[25] == ("reject", "too_fast", None)
    assert found[29] == ("reject", "skipped_in_row", None)  # and the same text as `quick`'s
    assert not set(found) & set(range(25))
    assert objections(rows, AnswerRules()) == {}


def control(worker: str, text: str, at: int, golden: str = "Dodoma ni mji.") -> dict[str, Any]:
    return answer(worker, text, at, golden=golden, **{"mark.source": "golden"})


def test_control_answers_are_compared_as_words_and_a_worker_fails_on_his_share() -> None:
    right = [
        control("good", text, n)
        for n, text in enumerate(["DODOMA ni  mji", "«Dodoma» ni mji!", "dodoma. Ni mji"])
    ]
    wrong = [
        control("bad", text, n) for n, text in enumerate(["Dodoma ni mji", "Ni Dodoma mji", "Dodomani mji"])
    ]
    few = [control("new", "Sijui", n) for n in range(2)]
    rows = [*right, *wrong, *few, answer("bad", "Jibu la kawaida."), answer("good", LONG)]
    # One of three is under .6; two wrong ones are not yet three.
    assert failed_workers(rows, AnswerRules()) == {"bad": (1, 3)}
    assert failed_workers(rows, AnswerRules(golden_min_accuracy=1 / 3)) == {}
    assert failed_workers(rows, AnswerRules(golden_min_answers=2)) == {"bad": (1, 3), "new": (0, 2)}
    found = objections(rows, AnswerRules())
    told = ("reject", "failed_worker", "1 of 3 control tasks right")
    assert found == {3: told, 4: told, 5: told, 8: told}


def test_a_control_answer_that_was_refused_or_not_handed_in_measures_nobody() -> None:
    rows = [control("w", "Sijui", n) for n in range(3)]
    for reason in ("refused_by_requester", "not_submitted"):
        assert failed_workers([*rows[:2], rows[2] | {"mark.source": reason}], AnswerRules()) == {}


def test_everybody_gives_the_same_answer_to_a_control_task() -> None:
    rows = [control(worker, LONG, n, LONG) for n, worker in enumerate("abc")]
    assert objections(rows, AnswerRules(same_text_min_words=3)) == {}
