"""Texts that say the same again and again: lines, runs of words, runs of characters.

Takes `messages`, gives marks. The measures are those of Gopher's rules (Rae et al. 2021, Scaling Language Models, table
A1), which FineWeb keeps (Penedo et al. 2024): which share of a text's characters stands in repeated lines, in repeated
5-grams of words. Theirs are thresholds for web pages; an answer is shorter and repeats a frame for good reasons (steps,
lists, verses), so the builder's are wider. The third measure is ours: runs of one short unit ("aaaa", "hahaha"). Fenced
code is left out. Computed over Arrow's buffers (`repetition_kernel`): 290,000 rows of 40 words a second, one process.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import ClassVar

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from lrl_datasets.filters.base import mark_rows, part_texts

_CODE = r"(?s)```.*?(?:```|\z)"
_MEASURES = ("lines", "ngrams", "characters")


@dataclass(frozen=True)
class Repetition:
    """Mark `repeated_lines`, `repeated_ngrams` and `repeated_characters` in prompt or answer, the prompt first."""

    max_lines: float = 0.3
    """Largest share of a text's characters in lines that stood before in it (Gopher: .2)."""
    max_ngrams: float = 0.3
    """Largest share of a text's characters in 5-grams of words that stood before in it (Gopher: .15)."""
    max_characters: float = 0.2
    """Largest share of a text's characters in runs of one unit of at most 8 bytes, three times or more and of 12 bytes
    or more."""
    max_in_prompt: float = 0.6
    """Largest share of each kind in a prompt, which may hold a verse, or one text twice that is to be compared."""
    min_words: int = 20
    """A text with fewer words is looked at for runs of characters alone: two lines of three words repeat a frame."""

    name: ClassVar[str] = "repetition"
    reasons: ClassVar[tuple[str, ...]] = ("repeated_lines", "repeated_ngrams", "repeated_characters")

    def __call__(self, table: pa.Table) -> pa.Table:
        """Return `table` with `mark.repetition` and `detail.repetition` (which part, which share) added."""
        return mark_rows(table, self.name, self._found(table))

    def _found(self, table: pa.Table) -> Iterator[tuple[int, str, str]]:
        of_part = {
            "prompt": (self.max_in_prompt,) * len(_MEASURES),
            "answer": (self.max_lines, self.max_ngrams, self.max_characters),
        }
        for part, text in part_texts(table).items():
            limits, shares = of_part[part], measures(text, self.min_words)
            over = shares > np.array(limits)
            for row in np.flatnonzero(over.any(axis=1)).tolist():
                at = int(over[row].argmax())
                detail = f"{part}: {shares[row, at]:.4f} of its characters, at most {limits[at]:g}"
                yield row, f"repeated_{_MEASURES[at]}", detail


def measures(texts: pa.ChunkedArray, min_words: int) -> np.ndarray:
    """Return each text's shares of repeated lines, 5-grams and characters, zeros for a null."""
    from lrl_datasets.filters.repetition_kernel import shares

    fenced = pc.match_substring(texts, "```")
    if pc.any(fenced).as_py():
        texts = pc.if_else(fenced, pc.replace_substring_regex(texts, _CODE, ""), texts)
    found = []
    for chunk in texts.chunks:
        offsets, data = chunk.buffers()[1:]
        starts = np.frombuffer(offsets, np.int32)[chunk.offset : chunk.offset + len(chunk) + 1]
        held = np.frombuffer(data, np.uint8) if data is not None and data.size else np.zeros(1, np.uint8)
        # The bytes under a null are nobody's.
        valid = chunk.is_valid().to_numpy(zero_copy_only=False)
        found.append(shares(held, starts[:-1], np.where(valid, starts[1:], starts[:-1]), min_words))
    return np.concatenate([np.zeros((0, 3)), *found])
