r"""Answers that end in the middle.

Takes `messages` and `source`, gives marks. That a text lacks its full stop alone says little: people leave it out. So
an answer is cut where its end says so by itself (an open code fence, a comma, a colon, an open bracket, a word of the
language file that nothing ends with), or where the builder knows more of the source: that its answers are whole
sentences, or were cut at a length. Headings, list items, table rows and links need no full stop; Thai and Lao
have none. Only answers that end in a letter or an opening sign are looked at one by one: 900,000 rows of 40 words a
second, one process.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass
from typing import ClassVar

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from lrl_datasets import languages
from lrl_datasets.filters.base import mark_rows, part_texts, true_rows
from lrl_datasets.filters.words import words

UNFINISHED = (
    "the",
    "a",
    "an",
    "and",
    "or",
    "of",
    "to",
    "from",
    "which",
    "but",
    "because",
    "is",
    "are",
    "was",
)
"""English words that no sentence ends with."""

_FENCE = r"(?m)^[ \t]*```"
_OPEN_END = r"(?:[\pL\pM,:(\[{«“‘–—]|[^!-~\pL]-)$"
_FACE = re.compile(r"[:;=]-?[(\[{]$")
_NO_SENTENCE = re.compile(
    r"\s*(?:[-*•–+>#|]|\(?(?:\d+|[a-zA-Z]|[ivxIVX]+)[.)]\s)|.*(?:https?://|www\.|\|)\S*$|\s{4}"
)
"""Begins list items, headings, quotations and table rows, or is a line that ends in a link."""
_UNSTOPPED = re.compile(r"[\u0e00-\u0eff]$")


@dataclass(frozen=True)
class Truncated:
    """Mark `truncated`."""

    language: str
    """Code of the language whose unfinished words are added to the English ones."""
    whole_sentences: tuple[str, ...] = ()
    """Sources whose answers end with a full stop or the like: there a missing one says that the answer is cut."""
    cut_at: tuple[tuple[str, int], ...] = ()
    """(source, characters): its answers were cut at so many characters, so one of that length without an end is."""
    min_words: int = 5
    """A last line with fewer words is no sentence: a signature, a name, a short answer."""

    name: ClassVar[str] = "truncated"
    reasons: ClassVar[tuple[str, ...]] = ("truncated",)

    def __call__(self, table: pa.Table) -> pa.Table:
        """Return `table` with `mark.truncated` and `detail.truncated` (what says so) added."""
        return mark_rows(
            table, self.name, ((row, "truncated", why) for row, why in sorted(self._found(table)))
        )

    def _found(self, table: pa.Table) -> Iterator[tuple[int, str]]:
        answers = pc.utf8_rtrim_whitespace(part_texts(table)["answer"])
        fenced = pc.bit_wise_and(pc.count_substring_regex(answers, _FENCE), 1)
        open_fences = true_rows(pc.equal(fenced, 1))
        yield from ((row, "a code fence is open") for row in open_fences)
        rows = np.setdiff1d(true_rows(pc.match_substring_regex(answers, _OPEN_END)), open_fences)
        unfinished = frozenset(UNFINISHED) | frozenset(languages.load(self.language).truncation.unfinished)
        sources = table.column("source").take(rows).to_pylist()
        for row, source, answer in zip(rows, sources, answers.take(rows).to_pylist(), strict=True):
            if why := self._why(answer, source, unfinished):
                yield row, why

    def _why(self, answer: str, source: str | None, unfinished: frozenset[str]) -> str | None:
        line = answer.rpartition("\n")[2]
        if _FACE.search(line):
            return None
        if not (last := answer[-1]).isalpha() and not _mark(last):
            return f"ends with U+{ord(last):04X}"
        least = {name: characters for name, characters in self.cut_at}.get(source or "")
        if least is not None and len(answer) >= least:
            return f"{len(answer)} characters, and the source is cut at {least}"
        told = words(line)
        if len(told) < self.min_words or _NO_SENTENCE.match(line):
            return None
        if told[-1] in unfinished:
            return "ends with a word that nothing ends with"
        if source in self.whole_sentences and not _UNSTOPPED.search(line):
            return "answers of the source end with a full stop"
        return None


def _mark(char: str) -> bool:
    import unicodedata

    return unicodedata.category(char)[0] == "M"
