"""Translations that are far shorter or longer than what they translate.

Takes `messages` and, where a row carries it, its English side (`english`, the same turns), gives marks. The lengths of
a sentence and its translation in characters go together (Gale and Church 1993, A Program for Aligning Sentences in
Bilingual Corpora); that a translation is half of its original or its double means that something was left out or made
up. Costs nothing.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import ClassVar

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from lrl_datasets.filters.base import mark_rows, part_texts


@dataclass(frozen=True)
class LengthRatio:
    """Mark `translation_too_short` and `translation_too_long`; the prompt is looked at first. Bounds are allowed."""

    expected: float = 1.0
    """Characters of the language for one of English."""
    factor: float = 2.0
    """How many times shorter or longer than expected a translation may be."""
    slack: int = 30
    """Characters on top, for short texts, whose ratio says little."""

    name: ClassVar[str] = "length_ratio"
    reasons: ClassVar[tuple[str, ...]] = ("translation_too_short", "translation_too_long")

    def __call__(self, table: pa.Table) -> pa.Table:
        """Return `table` with `mark.length_ratio` and `detail.length_ratio` (which part, both lengths) added."""
        return mark_rows(table, self.name, self._found(table))

    def _found(self, table: pa.Table) -> Iterator[tuple[int | np.int64, str, str]]:
        if "english" not in table.column_names:
            return
        sides, texts = part_texts(table, "english"), part_texts(table)
        # A question put into a phrasing is longer than the question was.
        framed = pc.fill_null(pc.equal(table["creation_method"], "templated"), False).to_numpy()
        for part in texts:
            length, side = (
                np.nan_to_num(pc.utf8_length(one[part]).to_numpy().astype(np.float64))
                for one in (texts, sides)
            )
            least = side * self.expected / self.factor - self.slack
            most = side * self.expected * self.factor + self.slack
            read = pc.is_valid(texts[part]).to_numpy() & ~framed
            for row in np.flatnonzero(read & (side > 0) & ((length < least) | (length > most))):
                short = length[row] < least[row]
                bound = f"at least {least[row]:.0f}" if short else f"at most {most[row]:.0f}"
                yield (
                    row,
                    "translation_too_short" if short else "translation_too_long",
                    f"{part}: {length[row]:.0f} characters for {side[row]:.0f} of English, {bound}",
                )
