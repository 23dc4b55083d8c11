"""A small character model: how many bits a character of a text takes, by what accepted answers are written like.

Trigrams of lowercased characters with Witten-Bell interpolation (Witten and Bell 1991) down to the uniform
distribution, kept as their counts. Scored by one gather from a dense table over all characters of all texts: about
150,000 texts of 40 words a second. Bits are counted in thousandths, as integers, so that a text's score does not depend
on its neighbours.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import Any

import numpy as np
from numpy.typing import NDArray

LARGEST_ALPHABET = 126
"""More characters than this count as one: the table has the third power of their number."""
_OTHER, _EDGE = 0, 1


@dataclass(frozen=True)
class CharNgrams:
    """The counts of a fitted model."""

    alphabet: str
    """Its characters, by frequency."""
    trigrams: tuple[int, ...]
    """Places of the trigrams seen in the dense table, rising."""
    counts: tuple[int, ...]
    """How often each was seen."""

    @classmethod
    def fit(cls, texts: Sequence[str]) -> CharNgrams:
        """Count the trigrams of texts."""
        lowered = [text.lower() for text in texts]
        seen = Counter(char for text in lowered for char in text)
        alphabet = "".join(sorted(seen, key=lambda char: (-seen[char], char))[:LARGEST_ALPHABET])
        empty = cls(alphabet, (), ())
        places, counts = np.unique(empty._places(lowered)[0], return_counts=True)
        return cls(alphabet, tuple(places.tolist()), tuple(counts.tolist()))

    def bits(self, texts: Sequence[str]) -> NDArray[np.float64]:
        """Return each text's bits a character; 0 of an empty text."""
        places, lengths = self._places([text.lower() for text in texts])
        total = np.concatenate([[0], np.cumsum(self._costs[places])])
        ends = np.cumsum(lengths)
        return np.asarray((total[ends] - total[ends - lengths]) / np.maximum(lengths, 1) / 1000, np.float64)

    def _places(self, texts: Sequence[str]) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
        """Return the trigrams that end at each character of all texts, and how many each text has."""
        lengths = np.fromiter(map(len, texts), np.int64, len(texts))
        # Two edges before each text, so that its first trigram knows nothing of the text before.
        joined = "".join(f"\n\n{text}" for text in texts).encode("utf-32-le", "surrogatepass")
        codes = self._codes[np.frombuffer(joined, np.uint32)].astype(np.int64)
        starts = np.concatenate([[0], np.cumsum(lengths + 2)])[:-1]
        codes[starts], codes[starts + 1] = _EDGE, _EDGE
        keep = np.ones(len(codes), bool)
        keep[starts], keep[starts + 1] = False, False
        size = len(self.alphabet) + 2
        at = np.flatnonzero(keep)
        return (codes[at - 2] * size + codes[at - 1]) * size + codes[at], lengths

    @cached_property
    def _codes(self) -> NDArray[np.uint8]:
        codes = np.full(0x110000, _OTHER, np.uint8)
        for number, char in enumerate(self.alphabet):
            codes[ord(char)] = number + 2
        return codes

    @cached_property
    def _costs(self) -> NDArray[np.int64]:
        """Return the cost of every trigram in thousandths of a bit."""
        size = len(self.alphabet) + 2
        flat = np.zeros(size**3)
        flat[np.array(self.trigrams, np.int64)] = self.counts
        seen: NDArray[Any] = flat.reshape(size, size, size)
        probability: NDArray[Any] = np.full(size, 1 / size)
        for order in (seen.sum(axis=(0, 1)), seen.sum(axis=0), seen):
            total, kinds = order.sum(axis=-1, keepdims=True), (order > 0).sum(axis=-1, keepdims=True)
            weight = np.maximum(total + kinds, 1)
            mixed = (order + kinds * probability) / weight
            probability = np.where(total > 0, mixed, np.broadcast_to(probability, order.shape))
        return np.asarray(np.rint(-1000 * np.log2(probability.reshape(-1))), np.int64)
