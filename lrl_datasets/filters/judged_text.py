"""What of a text says which language it is in.

Left out are links, placeholders of masked data, code (fenced or in backticks), numbers, quotations, and names:
words with a capital inside a sentence. They are in any language or in none, and a question with an English
name in it is no less Swahili. Quotations are left out only where enough words remain, and a headline (nearly
every word with a capital) has no names; both it and a text in capitals are lowercased, since no detector has
learnt such text. One process: about 100,000 sentences a second.
"""

from __future__ import annotations

import re
from operator import itemgetter
from typing import NamedTuple

from lrl_datasets.filters import placeholders
from lrl_datasets.filters.words import count_words

JUDGED_CHARACTERS = 10_000
"""How much of a text is judged, from its beginning: its language shows long before this, and a cell of
megabytes would hold up a build."""

_HEADLINE_WORDS = 8


class JudgedText(NamedTuple):
    """The part of a text that is judged."""

    text: str
    words: int
    """Words that tell a language: those of `text`."""


def judged(text: str, min_words: int) -> JudgedText:
    """Return what of a text is judged, and how many words that is.

    Parameters
    ----------
    text
        Normalised.
    min_words
        Quotations are left out where at least as many words remain without them.

    >>> judged("Jibu ni Louis Bonaparte.", 8)
    JudgedText(text='Jibu ni .', words=2)
    """
    text = text[:JUDGED_CHARACTERS]
    if any(map(text.__contains__, _MARKS)):
        text = _PLACEHOLDER.sub(" ", _CODE.sub(" ", text))
        text = _LINK.sub(" ", text)
        if _QUOTE.search(text):
            outside = _judged(_QUOTATION.sub(" ", text))
            if outside.words >= min_words:
                return outside
    return _judged(text)


_MARKS = ('"', "“", "«", "„", "`", "~~~", "[", "://", "www.")
_CODE = re.compile(r"(```|~~~).*?(?:\1|\Z)|`[^`\n]+`", re.DOTALL)
_LINK = re.compile(r"https?://\S+|www\.\S+")
_PLACEHOLDER = re.compile(placeholders.ANY)
_QUOTE = re.compile(r"[\"“„«]")
# A quotation of a word or two is one of a name or a term as well. It ends within its paragraph.
_QUOTATION = re.compile(r"\"[^\"\n]+\"|“[^“”\n]+”|„[^„“”\n]+[“”]|«[^«»\n]+»")
_NUMBER = re.compile(r"[0-9]\S*")
_CAPITALS = "".join(
    filter(str.isupper, map(chr, (*range(0x250), *range(0x370, 0x590), *range(0x1E00, 0x2000))))
)
# A capital after a letter and a space, with a comma or bracket between them: inside a sentence. The capital
# stands first in the pattern and what is before it behind, so that the search skips from capital to capital.
_NAME = re.compile(rf"[{_CAPITALS}](?:(?<=[^\W\d_] .)|(?<=[^\W\d_][,;:)’'] .))[\w’'-]*")
_LEFT_OUT = re.compile(rf"{_NAME.pattern}|{_NUMBER.pattern}")


_FIRST = itemgetter(0)


def _judged(text: str) -> JudgedText:
    without, found = _LEFT_OUT.subn(" ", text)
    if found and _is_title(text, found):
        without = _NUMBER.sub(" ", text.lower())
    elif without.isupper():
        without = without.lower()
    tokens = without.split()
    without = " ".join(tokens)
    if not without.isascii() and _OTHER_WORDS.search(without):
        return JudgedText(without, count_words(without))
    words = sum(map(str.isalnum, map(_FIRST, tokens)))
    if words < len(tokens):  # quotation marks and dashes stand first
        words += sum(any(map(str.isalnum, token)) for token in tokens if not token[0].isalnum())
    return JudgedText(without, words)


_OTHER_WORDS = re.compile(
    "[\u0e00-\u0fff\u1000-\u109f\u1361\u1780-\u17ff\u200b\u3040-\u30ff\u3400-\u9fff\U00020000-\U0003134f]"
)
"""Scripts without spaces between words, and other word separators than spaces."""


def _is_title(text: str, found: int) -> bool:
    """Say whether a text's capitals mean nothing: a headline, or most of it in capitals."""
    words = text.count(" ") + 1
    if found * 3 < words:
        return False
    if words >= _HEADLINE_WORDS and len(_NAME.findall(text)) + 1 > words * 2 / 3:
        return True
    return sum(map(str.isupper, text)) * 2 > sum(map(str.isalpha, text))
