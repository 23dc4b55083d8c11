"""Words and sentences, counted in one place so that every filter means the same by "under 8 words".

A word is what stands between spaces and contains a letter or digit. Scripts that write no spaces between
words (Chinese, Japanese, Thai, Lao, Khmer, Burmese) are counted by letters, `LETTERS_PER_WORD` to a word.
"""

from __future__ import annotations

import re

LETTERS_PER_WORD = {"ideograph": 1.5, "kana": 2.5, "southeast_asian": 4.5}
"""Rough mean word lengths; only thresholds of length rest on them."""

SPACES = re.compile(r"[\s\u1361\u0f0b\u200b]+")  # with the Ethiopic and Tibetan word separators
UNSPACED = {
    "ideograph": re.compile(r"[\u3400-\u4dbf\u4e00-\u9fff\U00020000-\U0003134f]"),
    "kana": re.compile(r"[\u3040-\u30ff]"),
    "southeast_asian": re.compile(
        r"[\u0e01-\u0e30\u0e40-\u0e44\u0e81-\u0eb0\u0ec0-\u0ec4\u1780-\u17b3\u1000-\u102a]"
    ),
}
_ANY_UNSPACED = re.compile("|".join(pattern.pattern for pattern in UNSPACED.values()))
_SENTENCE_END = re.compile(r"([.!?…։؟۔।॥።፧]+[\"'”’»)\]]*)\s+|([。！？]+[”’」』）]*)")


def count_words(text: str) -> int:
    """Count the words of `text`; punctuation alone is none.

    >>> count_words("Ng'ombe 3 walikula, kisha — wakalala.")
    5
    """
    if text.isascii() or not _ANY_UNSPACED.search(text):
        return len(words(text))
    letters = {script: len(pattern.findall(text)) for script, pattern in UNSPACED.items()}
    unspaced = sum(count / LETTERS_PER_WORD[script] for script, count in letters.items())
    return len(words(_ANY_UNSPACED.sub(" ", text))) + round(unspaced)


def words(text: str) -> list[str]:
    """Split at spaces; tokens without a letter or digit are left out."""
    tokens = text.split() if text.isascii() else SPACES.split(text)
    return [token for token in tokens if token.isalnum() or any(map(str.isalnum, token))]


def sentences(text: str) -> list[str]:
    """Split into lines, and lines after a full stop, question or exclamation mark that a space follows.

    Abbreviations are not known: "Dr. Juma" is cut in two, on both sides of a comparison alike.
    """
    lines = _SENTENCE_END.sub(lambda match: (match[1] or match[2]) + "\n", text).split("\n")
    return [line.strip() for line in lines if line.strip()]
