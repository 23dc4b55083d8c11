from __future__ import annotations

import pytest

from lrl_datasets.filters.words import count_words, sentences


@pytest.mark.parametrize(
    ("text", "count"),
    [
        ("", 0),
        ("— … !", 0),
        ("Ng'ombe wawili, mbuzi 3.", 4),
        ("moja\u00a0mbili\ntatu", 3),
        ("ሰላም፡ለዓለም", 2),
        ("नमस्ते दुनिया", 2),
        ("北京是中国的首都", 5),  # 8 letters at 1.5 a word
        ("iPhone 手机", 2),
    ],
)
def test_count(text: str, count: int) -> None:
    assert count_words(text) == count


def test_sentences() -> None:
    text = 'Mvua ilinyesha. "Je, utakuja?" aliuliza. Ni 3.5 tu!\nBasi'
    assert sentences(text) == ["Mvua ilinyesha.", '"Je, utakuja?"', "aliuliza.", "Ni 3.5 tu!", "Basi"]
    assert sentences("ጥያቄ ነው። መልስ") == ["ጥያቄ ነው።", "መልስ"]
    assert sentences("你好。再见！") == ["你好。", "再见！"]
