"""Rows said to be in the language whose text is still English, whole or for a good part.

Takes `messages`, `creation_method` and, where a row carries it, its English side (`english`, the same turns), gives
marks. With an English side the measure is which share of the text's 3-grams of words stands in it: a translation
shares names, numbers and code. Without one the sentences of a translated row are judged one by one by fastText's
lid.176. A text by somebody who wrote it in English is not untranslated: it is in the wrong language, which
`language_id` says. Only texts with the commonest English words are looked at one by one: 170,000 rows of 40 words a
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

from lrl_datasets.filters.base import mark_rows, part_texts, true_rows
from lrl_datasets.filters.detectors import embedded_model, load_fasttext
from lrl_datasets.filters.normalise import match_key
from lrl_datasets.filters.words import sentences, words

TRANSLATED = ("human_translated", "machine_translated", "cross_lingual")
"""Creation methods whose rows were English before, with an English side or not."""

_SOME = r"(?i)\b(?:the|of|and|to|is)\b"
_ENGLISH = r"(?i)\b(?:the|of|and|that|with|this|are|from|was|which|have|is|to|for)\b"
_LEAST = 0.008
"""English prose has about five of these words in a hundred characters. Most texts in other languages have none."""
_SURE = 0.5
"""Least probability of English, by lid.176, of a sentence."""
_CODE = re.compile(r"```.*?(?:```|\Z)|`[^`\n]*`", re.DOTALL)


@dataclass(frozen=True)
class Untranslated:
    """Mark `untranslated_prompt` and `untranslated_answer`, the prompt first."""

    language: str
    """Code of the dataset's language; a prompt that is in another one by its row is not looked at."""
    max_share: float = 0.5
    """Largest share of a text that may be English."""
    min_words: int = 6
    """A text with fewer words may be a name or a title, which stays as it is."""

    name: ClassVar[str] = "untranslated"
    reasons: ClassVar[tuple[str, ...]] = ("untranslated_prompt", "untranslated_answer")

    def __call__(self, table: pa.Table) -> pa.Table:
        """Return `table` with `mark.untranslated` and `detail.untranslated` (which share, found how) added."""
        return mark_rows(table, self.name, self._found(table))

    def _found(self, table: pa.Table) -> Iterator[tuple[int | np.int64, str, str]]:
        has_side = "english" in table.column_names
        sides = part_texts(table, "english") if has_side else {}
        by_method = pc.is_in(table["creation_method"], pa.array(TRANSLATED))
        expected = pc.fill_null(pc.equal(table["prompt_language"], self.language), True)
        for part, texts in part_texts(table).items():
            # A prompt may have an English side where the answer, by somebody who wrote it, has none.
            translated = by_method
            if has_side:
                translated = pc.or_(by_method, pc.greater(pc.fill_null(pc.utf8_length(sides[part]), 0), 0))
            rows = true_rows(pc.and_(translated, expected) if part == "prompt" else translated)
            rows = rows[true_rows(pc.match_substring_regex(texts.take(rows), _SOME))]
            some = texts.take(rows)
            found = pc.count_substring_regex(some, _ENGLISH)
            rows = rows[true_rows(pc.greater(found, pc.multiply(pc.utf8_length(some), _LEAST)))]
            of_side = sides[part].take(rows).to_pylist() if has_side else [None] * len(rows)
            for row, whole, side in zip(rows, texts.take(rows).to_pylist(), of_side, strict=True):
                text = _CODE.sub(" ", whole)
                if len(words(text)) < self.min_words:
                    continue
                found = overlap(text, side) if side else english_share(text)
                if found > self.max_share:
                    how = "of its 3-grams stand in the English side" if side else "of its words are English"
                    yield (
                        row,
                        f"untranslated_{part}",
                        f"{part}: {found:.4f} {how}, at most {self.max_share:g}",
                    )


def overlap(text: str, side: str) -> float:
    """Return which share of the text's 3-grams of words stands in the English side, too.

    >>> overlap("The cat sat on the mat", "Yesterday the cat sat there, on the mat.")
    0.5
    """
    grams = _trigrams(text)
    there = set(_trigrams(side))
    return sum(gram in there for gram in grams) / max(1, len(grams))


def english_share(text: str) -> float:
    """Return which share of the text's words stands in sentences that lid.176 calls English."""
    model = load_fasttext(embedded_model())
    english = total = 0
    for sentence in sentences(text):
        n = len(words(sentence))
        total += n
        labels, scores = model.predict(sentence)
        if labels and labels[0] == "__label__en" and scores[0] >= _SURE:
            english += n
    return english / max(1, total)


def _trigrams(text: str) -> list[tuple[str, ...]]:
    key = match_key(text).split()
    return list(zip(key, key[1:], key[2:], strict=False))
