"""From band keys to the pairs of texts that are near: candidates, then the exact Jaccard index of each."""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np

from lrl_datasets.filters.near_duplicates import kernels
from lrl_datasets.filters.near_duplicates.texts import Array, Rule, Texts

MISSED = 4e-4
"""Of the pairs whose Jaccard index is just the threshold, the share that meets in no band; above it far fewer."""
RUN = 64
"""Texts with one key in one band that are all compared; of more, the first with each, and neighbours."""
KEY_STARTS = 24
"""The lowest bits of a key are left out: there stands which text it is. So long as these hold all texts, the pairs are
the same here and in stages over files."""
BLOCK = 1 << 22
"""Shingles held at once while pairs are verified, by thread."""


@dataclass(frozen=True)
class Bands:
    """How many MinHash values make a band's key, and how many bands there are (Leskovec et al., ch. 3.4)."""

    rows: int
    bands: int

    @classmethod
    def at(cls, threshold: float) -> Bands:
        """Choose them for a threshold: 5 rows in 20 bands at .8.

        >>> [Bands.at(threshold) for threshold in (0.9, 0.8, 0.7)]
        [Bands(rows=5, bands=9), Bands(rows=5, bands=20), Bands(rows=5, bands=43)]
        """
        rows = 5 if threshold >= 0.65 else 4 if threshold >= 0.55 else 3 if threshold >= 0.4 else 2
        meets = max(threshold, 0.05) ** rows
        return cls(rows, max(4, math.ceil(math.log(MISSED) / math.log1p(-meets) - 0.1)) if meets < 1 else 4)

    def factors(self, seed: int) -> Array:
        """Draw MinHash's multipliers: odd numbers of 32 bits."""
        drawn = np.random.Generator(np.random.PCG64(seed)).integers(
            0, 1 << 31, self.rows * self.bands, np.uint32
        )
        return drawn * np.uint32(2) + np.uint32(1)


def candidates(keys: list[Array], texts: Texts, border: int = 0) -> tuple[Array, Array, int]:
    """Return the pairs of texts that share a key in a band, once, sorted; and how many runs were cut.

    Parameters
    ----------
    keys
        For each band its keys, by text.
    texts
        Whose threads do it.
    border
        Above 0: only pairs of a text below it with one at it or above.
    """
    n = len(keys[0]) if keys else 0
    mask = np.uint64((1 << max(KEY_STARTS, int(n - 1).bit_length())) - 1)
    numbers = np.arange(n, dtype=np.uint64)

    def one(band: Array) -> tuple[Array, int]:
        entries = np.sort((band & ~mask) | numbers)
        none = np.empty(0, np.uint64)
        if border:
            many, cut = kernels.pairs_between(entries, mask, np.uint64(border), RUN, none)
            out = np.empty(many, np.uint64)
            kernels.pairs_between(entries, mask, np.uint64(border), RUN, out)
        else:
            many, cut = kernels.pairs_of_runs(entries, mask, RUN, none)
            out = np.empty(many, np.uint64)
            kernels.pairs_of_runs(entries, mask, RUN, out)
        out.sort()
        return out, int(cut)

    found = texts.each(one, keys)
    pairs = np.concatenate([pairs for pairs, _ in found]) if found else np.empty(0, np.uint64)
    pairs.sort()
    pairs = pairs[np.r_[True, pairs[1:] != pairs[:-1]]] if len(pairs) else pairs
    left = (pairs >> np.uint64(32)).astype(np.int64)
    return left, (pairs & np.uint64(0xFFFFFFFF)).astype(np.int64), sum(cut for _, cut in found)


def jaccard(texts: Texts, left: Array, right: Array, rule: Rule, least: float, answer: bool = True) -> Array:
    """Return the exact Jaccard index of each pair of rows, `left` sorted; 0 where it cannot reach `least`.

    Pairs are taken in blocks, so that the shingles of a few thousand texts are held at a time.
    """
    out = np.empty(len(left), np.float64)
    shingles = max(1, texts.bytes // max(1, texts.rows) // 5)  # in a text, about
    size = max(256, min(len(left) // (2 * texts.threads) + 1, BLOCK // (2 * shingles)))

    def one(at: int) -> None:
        block = slice(at, at + size)
        rows, place = np.unique(np.concatenate([left[block], right[block]]), return_inverse=True)
        hashes, starts = texts.shingle_sets(rows, rule, answer)
        n = len(place) // 2
        kernels.jaccard(place[:n], place[n:], starts[:-1], starts[1:], hashes, least, out[block])

    texts.each(one, range(0, len(left), size))
    return out
