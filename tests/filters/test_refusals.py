from __future__ import annotations

import pytest

from lrl_datasets import languages
from lrl_datasets.filters.refusals import Refusals
from tests.filters.conversations import conversations, details, marks

STEP = Refusals("swh_Latn")


@pytest.mark.parametrize(
    ("answer", "reason"),
    [
        ("As an AI language model, I do not have feelings.", "says_model"),
        ("I do not know: I’m just an AI.", "says_model"),
        ("I'm sorry, but I cannot help with that.", "refusal"),
        ("Hello! I’m sorry, I can't do that.", "refusal"),
        ("Unfortunately, I am unable to open links.", "refusal"),
        ("Samahani, siwezi kukusaidia na hilo.", "refusal"),
        ("Mimi ni modeli ya lugha, sina hisia.", "says_model"),
        ("Nikiwa AI, sina\nmaoni.", "says_model"),
        # No refusals:
        ("I'm sorry to hear that. Here is what you can do.", None),
        ("Sorry, I can help you with that.", None),
        ("An AI model learns from data.", None),
        ("Write: 'Dear Sir, I was ill last week, and I'm sorry, but I cannot come.'", None),
        ("Siwezi kuogelea, lakini ninajifunza.", None),
        ("Samahani, siwezi kufika leo kwa sababu ninaumwa. Naomba tukutane kesho.", None),
        ("Samahani sana, lakini sitaweza kukupa maelezo hayo.", "refusal"),
        ("Kama modeli kubwa ya lugha, sina maoni.", "says_model"),
        ("Modeli ya lugha ni programu inayojifunza kutoka kwa matini.", None),
    ],
)
def test_what_declines_and_what_does_not(answer: str, reason: str | None) -> None:
    assert marks(STEP, conversations([("Nisaidie.", answer), None])) == [reason, None]


def test_the_detail_names_the_language_of_the_phrase() -> None:
    table = conversations(
        [("Je?", "As an AI model, no."), ("Je?", "Mimi ni AI."), ("As an AI model, no.", "Ndiyo.")]
    )
    assert details(STEP, table) == ["a phrase of eng_Latn", "a phrase of swh_Latn", None]


@pytest.mark.parametrize("language", languages.all_languages(), ids=lambda language: language.code)
def test_every_phrase_of_a_language_file_is_found(language: languages.Language) -> None:
    step = Refusals(language.code)
    for reason, phrases in (
        ("refusal", language.refusals.declines),
        ("says_model", language.refusals.says_model),
    ):
        table = conversations([("-", f"{phrase.capitalize()} …") for phrase in phrases])
        assert marks(step, table) == [reason] * len(phrases)
