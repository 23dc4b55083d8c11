"""The kernels' view of a text is `match_key` and `count_words`, in any script, however the table is cut."""

from __future__ import annotations

import unicodedata

import numpy as np
import pyarrow as pa
import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from lrl_datasets.filters.near_duplicates import code_points, kernels
from lrl_datasets.filters.near_duplicates.texts import Rule, Texts
from lrl_datasets.filters.words import count_words
from lrl_datasets.schema import MESSAGES
from tests.filters.near_duplicates import plain

NONE = np.empty(0, np.uint32)

# Letters whose key needs care: compositions, joiners, folding, wide forms, Hangul, Indic marks, controls, numbers.
CAREFUL = (
    "aAzZeEoO'-_. \n\t\x00\x1c\x7f\xa0\xadßſİıŉǰΐς½²№ﬁ…™´=≠éÉẹ́ọ̀\u0301\u0323\u0338\u0345\u200b\u200c\u200d\ufeff"
    "नेपालीर्‍र्‌क्षा\u093cक़বোকো\u09c7\u09beไทยภาษากำ中文かガｶﾞ한국어ᄒ\u1161\u11ab😀👩‍🔬\ufe0fሰላም፡،؟ـﷺ٣"
)
TEXTS = st.one_of(
    st.text(st.sampled_from(CAREFUL), max_size=30),
    st.text(st.characters(exclude_categories=["Cs"]), max_size=20),
    st.lists(st.sampled_from(["ng'ombe", "Wa-le", "3.5", "mti", "—", "ọ̀rẹ́", "नेपाल", "ข้าว"]), max_size=12).map(
        " ".join
    ),
)


def identities(texts: list[str], rule: Rule) -> list[int]:
    return Texts.of_strings(pa.array(texts, pa.string())).sketch(rule, 0, NONE).identity.tolist()  # type: ignore[no-any-return]


@settings(max_examples=150, deadline=None, derandomize=True)
@given(st.lists(TEXTS, min_size=1, max_size=8), st.booleans())
@example(["E\u0301", "e\u0301", "\u00e9", "=\u0338", "\u1ecd\u0301", "क\u200dष", "कष", "a\x00b", "ab"], False)
def test_a_text_is_its_match_key(texts: list[str], characters: bool) -> None:
    rule = Rule(characters=characters)
    assert identities(texts, rule) == [plain.total(text, characters) for text in texts]


@settings(max_examples=60, deadline=None, derandomize=True)
@given(st.lists(TEXTS, min_size=1, max_size=8), st.booleans())
def test_its_shingles_are_those_of_its_words(texts: list[str], characters: bool) -> None:
    rule = Rule(3, characters)
    whole = Texts.of_strings(pa.array(texts, pa.string()))
    whole.sketch(rule, 0, NONE)
    hashes, starts = whole.shingle_sets(np.arange(len(texts)), rule)
    for number, text in enumerate(texts):
        own = hashes[starts[number] : starts[number + 1]].tolist()
        assert len(own) == len(set(own))
        assert set(own) == plain.hashed_shingles(text, 3, characters)


@settings(max_examples=100, deadline=None, derandomize=True)
@given(st.lists(st.lists(TEXTS, min_size=1, max_size=3), min_size=1, max_size=6), st.integers(1, 9))
def test_what_is_short_is_counted_as_words_are(rows: list[list[str]], least: int) -> None:
    """Of an answer in several turns too."""
    said = pa.array([[{"role": "assistant", "content": turn} for turn in turns] for turns in rows], MESSAGES)
    kinds = Texts.of_messages(said).sketch(Rule(short_words=least), 0, NONE).kind
    counted = [count_words("\n\n".join(turns)) for turns in rows]
    assert kinds.tolist() == [kernels.NEAR if count >= least else kernels.SHORT for count in counted]


def test_every_composition_of_unicode_is_seen() -> None:
    """Written in two characters or in one, a letter is the same letter."""
    one = [
        char
        for char in map(chr, range(0xC0, 0x30000))
        if len(parts := unicodedata.decomposition(char).split()) == 2 and parts[0][0] != "<"
    ]
    two = ["".join(chr(int(part, 16)) for part in unicodedata.decomposition(char).split()) for char in one]
    assert len(one) > 1000
    found = identities([f"x{text}x" for text in one + two], Rule())
    assert found[: len(one)] == found[len(one) :] == [plain.total(f"x{char}x") for char in one]


def test_a_text_in_common_scripts_needs_no_second_look() -> None:
    """Composed Latin, Indic marks and joiners, Arabic, Ethiopic, Thai and Chinese are read by the table itself."""
    texts = [
        "Ọ̀rẹ́ mi ń lọ sí ọjà ní òwúrọ̀", "नेपालमा वर्षाको समयमा र्‍याल", "मैले विद्यालय गएँ।", "مرحبا بكم في می‌خواهم",
        "ሰላም ለዓለም፡ እንዴት ነህ?", "สวัสดีครับ น้ำแข็ง", "中文的句子。", "Kinyarwanda — “ng’ombe” … ½ ™ ß",
    ]  # fmt: skip
    whole = Texts.of_strings(pa.array([unicodedata.normalize("NFC", text) for text in texts]))
    whole.sketch(Rule(), 0, NONE)
    assert len(whole.batches) == 1
    assert identities(texts, Rule()) == [plain.total(text) for text in texts]


@pytest.mark.parametrize("char", ["ᄒ", "´", "㎯", "\ufdfa"])
def test_what_the_table_cannot_say_is_left_to_match_key(char: str) -> None:
    assert code_points._code_point(char)[0] == kernels.ASK
    assert identities([f"x{char}x", "x"], Rule()) == [plain.total(f"x{char}x"), plain.total("x")]


def test_slices_large_strings_nulls_and_several_chunks_are_the_same_rows() -> None:
    texts = ["Habari za asubuhi", None, "", "Ng'ombe wa नेपाल", "mwisho"]
    whole = pa.array(texts)
    wanted = [None if text is None else plain.total(text) for text in texts]
    chunked = pa.chunked_array([whole.slice(0, 2), whole.slice(2, 0), whole.slice(2)])
    for column in (whole, whole.cast(pa.large_string()), chunked):
        sketch = Texts.of_strings(column).sketch(Rule(), 0, NONE)
        identity, kind = sketch.identity, sketch.kind
        assert kind.tolist() == [kernels.NOTHING if text is None else kernels.NEAR for text in texts]
        assert [None if text is None else int(i) for text, i in zip(texts, identity, strict=True)] == wanted
    part = Texts.of_strings(whole.slice(3, 2)).sketch(Rule(), 0, NONE).identity
    assert part.tolist() == wanted[3:]


def test_prompts_and_turns_are_told_apart() -> None:
    turns = [
        [{"role": "user", "content": "Habari?"}, {"role": "assistant", "content": "Nzuri"},
         {"role": "user", "content": None}, {"role": "assistant", "content": "sana"}],
        None,
        [{"role": "system", "content": "Wewe"}, {"role": "assistant", "content": "Nzuri sana"}],
    ]  # fmt: skip
    said = pa.array(turns, MESSAGES)
    sketch = Texts.of_messages(said).sketch(Rule(), 0, NONE)
    identity, kind = sketch.identity, sketch.kind
    assert kind.tolist() == [kernels.NEAR, kernels.NOTHING, kernels.NEAR]
    assert identity[0] == identity[2] == plain.total("nzuri sana")
    both = Texts.of_messages(said.slice(2)).sketch(Rule(prompts_too=True), 0, NONE).identity
    assert both[0] != identity[2]
