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
    assert same_text(rows, 8) == {0: "reject"}
    assert same_text(rows, 10) == {}  # nine words are too few to say
    assert same_text(rows, None) == {}


def test_where_nobody_knows_who_was_first_a_person_must_look() -> None:
    assert same_text([answer("a", minute=1), answer("b", minute=1)], 8) == {0: "wait", 1: "wait"}
    assert same_text([answer("a", minute=1), answer("b", minute=None)], 8) == {0: "wait", 1: "wait"}
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
    assert machine_translated([*rows, answer("c", machine)], 0.8) == {0}
    assert machine_translated(rows, None) == set()


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
    assert found[25] == ("reject", "too_fast")
    assert found[29] == ("reject", "skipped_in_row")  # and the same text as `quick`'s
    assert not set(found) & set(range(25))
    assert objections(rows, AnswerRules()) == {}
