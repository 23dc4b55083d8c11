from __future__ import annotations

import pyarrow as pa

from lrl_datasets import schema
from lrl_datasets.filters.base import add_column
from lrl_datasets.filters.length_ratio import LengthRatio
from lrl_datasets.filters.untranslated import Untranslated, english_share, overlap
from tests.filters.conversations import conversations, details, marks

ENGLISH = (
    "Explain how the rain is made.",
    "The sun warms the water of the sea, and it rises. Then it falls as rain.",
)
SWAHILI = (
    "Eleza jinsi mvua inavyotokea.",
    "Jua hupasha maji ya bahari joto, nayo hupanda. Kisha hushuka kama mvua.",
)
STEP = Untranslated("swh_Latn")


def test_overlap_with_the_english_side() -> None:
    pairs = [SWAHILI, ENGLISH, (SWAHILI[0], ENGLISH[1]), (SWAHILI[0], f"{SWAHILI[1]} {ENGLISH[1]}"), None]
    table = conversations(pairs, english=[ENGLISH] * 5)
    assert marks(STEP, table) == [None, "untranslated_prompt", *["untranslated_answer"] * 2, None]
    # All 14 3-grams of the 16 words; of the 12 + 16 words of both answers 14 of 26.
    assert details(STEP, table)[2] == "answer: 1.0000 of its 3-grams stand in the English side, at most 0.5"
    assert details(STEP, table)[3] == "answer: 0.5385 of its 3-grams stand in the English side, at most 0.5"
    assert marks(Untranslated("swh_Latn", max_share=0.6), table)[3] is None
    assert overlap(SWAHILI[1], ENGLISH[1]) == 0.0


def test_without_an_english_side_only_translated_rows_are_looked_at() -> None:
    pairs = [SWAHILI, ENGLISH, (SWAHILI[0], ENGLISH[1])]
    translated = conversations(pairs, creation_method="machine_translated")
    assert marks(STEP, translated) == [None, "untranslated_prompt", "untranslated_answer"]
    assert marks(STEP, conversations(pairs, creation_method="crowd")) == [None] * 3
    # A cross-lingual row's prompt is English on purpose.
    crossed = conversations(pairs, creation_method="cross_lingual", prompt_language="eng_Latn")
    assert marks(STEP, crossed) == [None, "untranslated_answer", "untranslated_answer"]


def test_code_names_and_titles_stay_as_they_are() -> None:
    rows = [
        "Andika hivi: `print the sum of the list and return it to the caller`.",
        "The Lord of the Rings", "Is it of the",
    ]  # fmt: skip
    table = conversations(
        [(SWAHILI[0], text) for text in rows], english=[(ENGLISH[0], text) for text in rows]
    )
    assert marks(STEP, table) == [None] * 3


def test_english_sentences_are_counted_by_words() -> None:
    assert english_share(f"{SWAHILI[1]} {ENGLISH[1]}") == 16 / 28
    assert english_share(SWAHILI[1]) == 0.0 and english_share(ENGLISH[1]) == 1.0


def test_what_a_crowd_wrote_is_no_translation_though_its_prompt_is_one() -> None:
    prompts = schema.candidates([{
        "messages": [{"role": "user", "content": p}, {"role": "assistant", "content": a}], "creation_method": "crowd",
        "english": [{"role": "user", "content": ENGLISH[0]}],
    } for p, a in (ENGLISH, (SWAHILI[0], ENGLISH[1]))])  # fmt: skip
    assert marks(STEP, prompts) == ["untranslated_prompt", None]


def test_a_phrased_question_may_be_longer_than_it_was() -> None:
    table = conversations([("a" * 90, "b")], english=[("c" * 10, "b")])
    assert marks(LengthRatio(), table) == ["translation_too_long"]
    assert marks(LengthRatio(), add_column(table, "creation_method", ["templated"], pa.string())) == [None]


def test_lengths_by_hand() -> None:
    step = LengthRatio(expected=1.5, factor=2.0, slack=10)
    # Of 100 characters 150 are expected: 65 (150 / 2 - 10) to 310 (150 * 2 + 10) are allowed.
    lengths = [65, 64, 310, 311]
    table = conversations([("Tafsiri.", "a" * n) for n in lengths], english=[("Translate.", "b" * 100)] * 4)
    assert marks(step, table) == [None, "translation_too_short", None, "translation_too_long"]
    assert details(step, table)[1] == "answer: 64 characters for 100 of English, at least 65"
    assert details(step, table)[3] == "answer: 311 characters for 100 of English, at most 310"
    assert marks(step, conversations([("Tafsiri.", "a")])) == [None]
    assert marks(step, conversations([("Tafsiri.", "a"), None], english=[None, ("b", "b" * 900)])) == [
        None,
        None,
    ]
