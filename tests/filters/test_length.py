from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from lrl_datasets import schema
from lrl_datasets.filters.length import Length
from lrl_datasets.filters.words import count_words


def test_bounds_are_allowed_and_the_detail_names_the_part() -> None:
    rows = [("moja mbili", "moja mbili tatu"), ("moja", "moja mbili tatu"), ("moja mbili", "moja"),
            ("moja mbili", "a b c d e f"), None]  # fmt: skip
    table = Length(min_prompt_words=2, min_answer_words=2, max_answer_words=5)(
        schema.candidates(
            {
                "messages": row
                and [{"role": "user", "content": row[0]}, {"role": "assistant", "content": row[1]}]
            }
            for row in rows
        )
    )
    assert table["mark.length"].to_pylist() == [None, "too_short", "too_short", "too_long", None]
    assert table["detail.length"].to_pylist() == [
        None, "prompt: 1 words, at least 2", "answer: 1 words, at least 2", "answer: 6 words, at most 5",
        None,
    ]  # fmt: skip


def test_one_endless_word_is_too_long() -> None:
    rows = [{"messages": [{"role": "user", "content": "Eleza."}, {"role": "assistant", "content": "a" * 60}]}]
    table = Length(max_characters=59)(schema.candidates(rows))
    assert table["mark.length"].to_pylist() == ["too_long"]
    assert table["detail.length"].to_pylist() == ["answer: 60 characters, at most 59"]


@given(
    st.lists(st.text("ab1. -é一カ\n") | st.text(st.characters(codec="utf-8")), min_size=1, max_size=4),
    st.integers(0, 20), st.integers(1, 8),
)  # fmt: skip
def test_every_text_is_judged_by_its_words(texts: list[str], least: int, most: int) -> None:
    rows = [
        {"messages": [{"role": "user", "content": text}, {"role": "assistant", "content": "b"}]}
        for text in texts
    ]
    table = Length(min_prompt_words=least, max_prompt_words=most, max_characters=9)(schema.candidates(rows))
    expected = [
        "too_long" if len(text) > 9 else "too_short" if count_words(text) < least
        else "too_long" if count_words(text) > most else None
        for text in texts
    ]  # fmt: skip
    assert table["mark.length"].to_pylist() == expected
