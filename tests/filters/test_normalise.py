"""Texts as they are published, and the key by which they are compared."""

from __future__ import annotations

import unicodedata

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from lrl_datasets import schema
from lrl_datasets.filters.normalise import Normalise, match_key, normalise_text


@pytest.mark.parametrize(
    ("raw", "published"),
    [
        ("  Habari   ya\tasubuhi  ", "Habari ya asubuhi"),
        ("moja\r\nmbili\rtatu\u2028nne", "moja\nmbili\ntatu\nnne"),
        ("moja  \n\n\n\n mbili", "moja\n\n mbili"),  # indentation means something in lists and code
        ("cafe\u0301", "caf\u00e9"),
        ("ng\u200bombe\ufeff \u00adsoft\x07", "ngombe soft"),
        ("a\u00a0\u2009b", "a b"),
        ("\u0915\u094d\u200d\u0937", "\u0915\u094d\u200d\u0937"),  # the joiner shapes Devanagari
        (
            "\u0645\u06cc\u200c\u062e\u0648\u0627\u0647\u0645",
            "\u0645\u06cc\u200c\u062e\u0648\u0627\u0647\u0645",
        ),
        ("a\u200db", "ab"),  # and means nothing in Latin
        ("\U0001f468\u200d\U0001f33e", "\U0001f468\u200d\U0001f33e"),  # a farmer is one sign
        ("x\ud800y", "xy"),
        (" \n ", ""),
    ],
)
def test_published_form(raw: str, published: str) -> None:
    assert normalise_text(raw) == published


@given(st.text(st.characters()) | st.text("a \n\t\r\u00a0\u0301\u200d\u0915\u200c\u1680e"))
@example("e\u200d\u0301")
@example("\u0915\u200d\u200d\u0301")
def test_normalising_twice_changes_nothing(text: str) -> None:
    once = normalise_text(text)
    assert normalise_text(once) == once
    assert unicodedata.is_normalized("NFC", once)
    assert "\n\n\n" not in once and "\r" not in once and " \n" not in once and once == once.strip(" \n")


@pytest.mark.parametrize(
    ("one", "other"),
    [
        ("Je,ng'ombe ni nini?", "JE, NG’OMBE NI NINI"),
        ("\ufb01rst", "First"),
        ("Stra\u00dfe", "STRASSE"),
        ("a\u00a0b\nc", "A b  C."),
        ("cafe\u0301", "CAF\u00c9"),
    ],
)
def test_key_ignores_case_punctuation_and_spacing(one: str, other: str) -> None:
    assert match_key(one) == match_key(other)


def test_key_keeps_what_tells_texts_apart() -> None:
    assert match_key("moja") != match_key("mbili")
    assert match_key("ki\u0304tabu") != match_key("kitabu")
    assert match_key("\u0915\u093e") != match_key("\u0915\u0940")  # vowel signs are marks, not punctuation


@given(st.text())
def test_key_of_a_key_and_of_the_published_form(text: str) -> None:
    key = match_key(text)
    assert match_key(key) == key == match_key(normalise_text(text))


@given(
    st.lists(
        st.text(st.characters(codec="utf-8")) | st.text("aé \n\t\r\u00a0\u00ad\u0301\u2013\u2028"), max_size=5
    )
)
@example([" a", "a ", "\na", "a\n", "a  b", "a \nb", "a\n\n\nb", "\u212b", "a\u0301", "\u0340"])
def test_the_filter_gives_what_the_function_gives_for_each_text(texts: list[str]) -> None:
    rows = schema.candidates({"messages": [{"role": "user", "content": text}]} for text in texts)
    done = [messages[0]["content"] for messages in Normalise()(rows)["messages"].to_pylist()]
    assert done == [normalise_text(text) for text in texts]


def test_filter_normalises_messages_and_marks_what_is_left_empty() -> None:
    table = Normalise()(
        schema.candidates(
            {"messages": messages}
            for messages in (
                [{"role": "user", "content": " Habari  "}, {"role": "assistant", "content": "Nzuri\r\n"}],
                [{"role": "user", "content": "Habari"}, {"role": "assistant", "content": "\u200b "}],
                [{"role": "user", "content": None}, {"role": "assistant", "content": ""}],
                None,
            )
        )
    )
    assert table["messages"][0].as_py() == [
        {"role": "user", "content": "Habari"},
        {"role": "assistant", "content": "Nzuri"},
    ]
    assert table["messages"][3].as_py() is None
    assert table["mark.normalise"].to_pylist() == [None, "empty", "empty", None]
    assert table["detail.normalise"].to_pylist() == [None, "answer", "prompt and answer", None]
