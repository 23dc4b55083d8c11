"""The compiled inner loops of the search for evaluation texts: words to hashes, pairs of words, windows over a text.

Everything here takes and gives numpy arrays and knows nothing of tables; `word_hashes`, `suite_index` and
`contamination` call it. Compiled once and kept beside the module.
"""

from __future__ import annotations

import numpy as np
from numba import njit

REACH = 3
"""Two words are a pair if they stand at most so many words apart, in either order."""

_PRIME = np.uint64(0x100000001B3)
_BASIS = np.uint64(0xCBF29CE484222325)
_MIX = np.uint64(0xFF51AFD7ED558CCD)
_MIX2 = np.uint64(0xC4CEB9FE1A85EC53)
_33 = np.uint64(33)


@njit(cache=True)
def _mixed(value):  # type: ignore[no-untyped-def]  # the finaliser of MurmurHash3
    value ^= value >> _33
    value *= _MIX
    value ^= value >> _33
    value *= _MIX2
    value ^= value >> _33
    return value


@njit(cache=True)
def hash_words(data, bounds, letters):  # type: ignore[no-untyped-def]
    """Return where each text's words begin, and every word's hash (FNV-1a, mixed)."""
    texts = len(bounds) - 1
    offsets = np.zeros(texts + 1, np.int64)
    hashes = np.empty((bounds[texts] - bounds[0]) // 2 + texts + 1, np.uint64)
    n = 0
    for text in range(texts):
        value, inside = _BASIS, False
        for at in range(bounds[text], bounds[text + 1]):
            letter = letters[data[at]]
            if letter:
                value = (value ^ np.uint64(letter)) * _PRIME
                inside = True
            elif inside:
                hashes[n] = _mixed(value)
                n += 1
                value, inside = _BASIS, False
        if inside:
            hashes[n] = _mixed(value)
            n += 1
        offsets[text + 1] = n
    return offsets, hashes[:n].copy()


@njit(cache=True)
def pair_key(one, other):  # type: ignore[no-untyped-def]
    """Return 32 bits of two words in either order."""
    return np.uint32(_mixed((one + other) * _PRIME ^ (one ^ other)) >> np.uint64(32))


@njit(cache=True)
def pairs_of(words):  # type: ignore[no-untyped-def]
    """Return the pairs of one text as (key, first position, second position)."""
    n = len(words)
    keys = np.empty(n * REACH, np.uint32)
    ones = np.empty(n * REACH, np.int64)
    others = np.empty(n * REACH, np.int64)
    at = 0
    for one in range(n):
        for other in range(one + 1, min(n, one + REACH + 1)):
            keys[at] = pair_key(words[one], words[other])
            ones[at], others[at] = one, other
            at += 1
    return keys[:at].copy(), ones[:at].copy(), others[:at].copy()


@njit(cache=True)
def search(  # type: ignore[no-untyped-def]
    offsets, hashes, buckets, shift, keys, starts, postings, word_starts, words, weights, totals, n_pairs,
    least_hits, least_share, least_bits,
):  # fmt: skip
    """Find the units whose words stand together somewhere in a text.

    Parameters
    ----------
    offsets, hashes
        The texts, as `hash_words` gives them.
    buckets, shift, keys, starts, postings
        The pairs: those whose key begins with the bits `key >> shift` are `keys[buckets[b]:buckets[b + 1]]`; the
        units with `keys[k]` are `postings[starts[k]:starts[k + 1]]`.
    word_starts, words, weights, totals
        The units' distinct words, 16 bits each, sorted; what each says, and their sums.
    n_pairs
        How many pairs each unit has in the table.
    least_hits
        Share of a unit's pairs that must be hit before its words are compared.
    least_share, least_bits
        What is reported.

    Returns
    -------
    tuple of arrays
        For each report: text, unit, weight of the unit's words found in one window, share of its weight, share of
        its pairs.
    """
    units = len(totals)
    count = np.zeros(units, np.int32)
    first = np.zeros(units, np.int64)
    last = np.zeros(units, np.int64)
    touched = np.empty(units, np.int64)
    longest = 1
    for unit in range(units):
        longest = max(longest, word_starts[unit + 1] - word_starts[unit])
    inside = np.zeros(longest, np.int32)
    size, found = 1024, 0
    out_text, out_unit = np.empty(size, np.int64), np.empty(size, np.int64)
    out_bits, out_share, out_pairs = np.empty(size), np.empty(size), np.empty(size)
    for text in range(len(offsets) - 1):
        begin, end = offsets[text], offsets[text + 1]
        n_touched = 0
        for one in range(begin, end):
            for other in range(one + 1, min(end, one + REACH + 1)):
                key = pair_key(hashes[one], hashes[other])
                bucket = np.int64(key >> shift)
                for k in range(buckets[bucket], buckets[bucket + 1]):
                    if keys[k] == key:
                        for p in range(starts[k], starts[k + 1]):
                            unit = postings[p]
                            if count[unit] == 0:
                                touched[n_touched] = unit
                                n_touched += 1
                                first[unit] = one
                            count[unit] += 1
                            last[unit] = other
                        break
        for t in range(n_touched):
            unit = touched[t]
            hits = count[unit]
            count[unit] = 0
            if (hits < 2 and n_pairs[unit] > 1) or hits < least_hits * n_pairs[unit]:
                continue
            low, n = word_starts[unit], word_starts[unit + 1] - word_starts[unit]
            width = n + n // 2 + 2
            inside[:n] = 0
            bits, best = 0.0, 0.0
            left = max(begin, first[unit] - width)
            stop = min(end, last[unit] + width + 1)
            for at in range(left, stop):
                w = _find(words, low, n, np.uint16(hashes[at] & np.uint64(0xFFFF)))
                if w >= 0:
                    inside[w] += 1
                    if inside[w] == 1:
                        bits += weights[low + w]
                if at - left >= width:
                    w = _find(words, low, n, np.uint16(hashes[at - width] & np.uint64(0xFFFF)))
                    if w >= 0:
                        inside[w] -= 1
                        if inside[w] == 0:
                            bits -= weights[low + w]
                best = max(best, bits)
            if best >= least_share * totals[unit] and best >= least_bits:
                if found == size:
                    size *= 2
                    out_text, out_unit = _grown_int(out_text, size), _grown_int(out_unit, size)
                    out_bits, out_share = _grown(out_bits, size), _grown(out_share, size)
                    out_pairs = _grown(out_pairs, size)
                out_text[found], out_unit[found] = text, unit
                out_bits[found], out_share[found] = best, best / totals[unit]
                out_pairs[found] = min(1.0, hits / n_pairs[unit])
                found += 1
    return out_text[:found], out_unit[:found], out_bits[:found], out_share[:found], out_pairs[:found]


@njit(cache=True)
def _find(words, low, n, word):  # type: ignore[no-untyped-def]
    """Return where a word stands among a unit's sorted ones, else -1."""
    a, b = 0, n
    while a < b:
        middle = (a + b) // 2
        if words[low + middle] < word:
            a = middle + 1
        else:
            b = middle
    return a if a < n and words[low + a] == word else -1


@njit(cache=True)
def _grown(array, size):  # type: ignore[no-untyped-def]
    new = np.empty(size)
    new[: len(array)] = array
    return new


@njit(cache=True)
def _grown_int(array, size):  # type: ignore[no-untyped-def]
    new = np.empty(size, np.int64)
    new[: len(array)] = array
    return new
