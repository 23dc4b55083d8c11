"""Too few or too many words in prompt or answer.

Takes `messages`, gives marks. Arrow says which texts can be too short or too long at all, and the words of those
alone are counted: about 400,000 rows of 100 words a second, one process.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import ClassVar

import pyarrow as pa
import pyarrow.compute as pc

from lrl_datasets.filters.base import mark_rows, part_texts, true_rows
from lrl_datasets.filters.words import count_words


@dataclass(frozen=True)
class Length:
    """Mark `too_short` and `too_long`; the prompt is looked at first. Bounds are words, and are allowed."""

    min_prompt_words: int = 1
    min_answer_words: int = 1
    max_prompt_words: int = 4000
    max_answer_words: int = 4000
    max_characters: int = 50_000
    """Of either part: a text without spaces is one word, however long it is."""

    name: ClassVar[str] = "length"
    reasons: ClassVar[tuple[str, ...]] = ("too_short", "too_long")

    def __call__(self, table: pa.Table) -> pa.Table:
        """Return `table` with `mark.length` and `detail.length` (which part, how many words) added."""
        return mark_rows(table, self.name, self._found(table))

    def _found(self, table: pa.Table) -> Iterator[tuple[int, str, str]]:
        bounds = {
            "prompt": (self.min_prompt_words, self.max_prompt_words),
            "answer": (self.min_answer_words, self.max_answer_words),
        }
        for part, texts in part_texts(table).items():
            least, most = bounds[part]
            rows = true_rows(self._doubtful(texts, least, most))
            for row, text in zip(rows, texts.take(rows).to_pylist(), strict=True):
                if found := self._judge(part, text, least, most):
                    yield row, *found

    def _doubtful(self, texts: pa.ChunkedArray, least: int, most: int) -> pa.ChunkedArray:
        """Say which texts may be out of bounds: the others have surely enough words, and too few characters to have
        too many."""
        longer = pc.greater(pc.utf8_length(texts), min(most, self.max_characters))
        if least > SURE_WORDS:
            return pc.or_(longer, pc.is_valid(texts))
        return pc.or_(longer, pc.invert(pc.match_substring_regex(texts, _sure(least))))

    def _judge(self, part: str, text: str, least: int, most: int) -> tuple[str, str] | None:
        if len(text) > self.max_characters:
            return "too_long", f"{part}: {len(text)} characters, at most {self.max_characters}"
        count = count_words(text)
        if count < least:
            return "too_short", f"{part}: {count} words, at least {least}"
        if count > most:
            return "too_long", f"{part}: {count} words, at most {most}"
        return None


SURE_WORDS = 16
"""Longest lower bound that is looked for by a regular expression."""


def _sure(words: int) -> str:
    """Return the expression (RE2) of so many ASCII letters or digits, or more, with a space between each two."""
    return r"[A-Za-z0-9]" + r"\S* (?s:.*?)[A-Za-z0-9]" * (words - 1) if words else ""
