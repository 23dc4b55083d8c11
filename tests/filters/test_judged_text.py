"""What of a text is judged: not its links, code, quotations, numbers and names."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from lrl_datasets.filters.judged_text import JUDGED_CHARACTERS, judged
from lrl_datasets.filters.words import count_words


@pytest.mark.parametrize(
    ("text", "left", "words"),
    [
        ("HABARI ZA ASUBUHI Juma", "habari za asubuhi juma", 4),
        ("Habari ya UKIMWI", "Habari ya", 2),
        ("Tazama https://example.org/a?b au [PHONE]\nsasa", "Tazama au sasa", 3),
        ("ሰላም ABC", "ሰላም", 1),
        ("", "", 0),
        ("Jibu ni Louis Bonaparte.", "Jibu ni .", 2),
        ("Dodoma", "Dodoma", 1),  # the first word of a sentence has a capital anyway
        ("Alizaliwa Moshi. Sasa anaishi Nairobi na Asha.", "Alizaliwa . Sasa anaishi na .", 4),
        # A headline has no names.
        (
            "The Federal Government Says Schools Will Open Next Month",
            "the federal government says schools will open next month",
            9,
        ),
        ("habari za asubuhi", "habari za asubuhi", 3),
        ("ልጆቹ ኳስ ተጫወቱ።", "ልጆቹ ኳስ ተጫወቱ።", 3),
        ("ልጆቹ፡ኳስ፡ተጫወቱ።", "ልጆቹ፡ኳስ፡ተጫወቱ።", 3),
        ("Mwaka 1995 walikuja watu 20,000.", "Mwaka walikuja watu", 3),
        ("Andika `print(x)` au\n```python\nimport this\n```\nkisha endesha", "Andika au kisha endesha", 4),
        ("Sehemu ya pili:\n~~~\nif x: return", "Sehemu ya pili:", 3),  # a fence that is never closed
        (
            "Mama alisema «I do not know what you mean by that» kisha akaondoka nyumbani kwake bila kusema lolote.",
            "Mama alisema kisha akaondoka nyumbani kwake bila kusema lolote.",
            9,
        ),
        (
            '"Sijui la kusema," alisema mama.',
            '"Sijui la kusema," alisema mama.',
            5,
        ),  # too little is left without
        ("Ọmọ Ṣọlá lọ sí Ìbàdàn", "Ọmọ lọ sí", 3),
        ("Дед Мороз пришёл", "Дед пришёл", 2),
    ],
)
def test_what_is_judged(text: str, left: str, words: int) -> None:
    assert judged(text, 8) == (left, words)


@given(st.text())
def test_any_text(text: str) -> None:
    left, words = judged(text, 8)
    assert words == count_words(left)
    assert left == " ".join(left.split())


def test_a_long_text_is_judged_by_its_beginning() -> None:
    assert judged("neno " * JUDGED_CHARACTERS, 8).words == JUDGED_CHARACTERS // 5
