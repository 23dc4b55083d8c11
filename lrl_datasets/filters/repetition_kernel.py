"""The counting of `repetition`, compiled: repeated lines, word 5-grams and character runs in Arrow's bytes.

Words stand between bytes up to the space; capitals and punctuation of ASCII are ignored in them. What is equal is found
by 64-bit hashes in one table of open addresses, which is not cleared between texts but stamped.
"""

from __future__ import annotations

from typing import Any

import numpy as np
from numba import njit

NGRAM = 5
LONGEST_UNIT = 8
"""Bytes of the longest unit whose repetition is a run of characters."""
SHORTEST_RUN = 12
JUDGED_BYTES = 50_000
"""How much of a text is looked at, from its beginning."""

_SEED, _PRIME, _MIX = np.uint64(14695981039346656037), np.uint64(1099511628211), np.uint64(0x9E3779B97F4A7C15)


@njit(cache=True)  # type: ignore[untyped-decorator]
def shares(data: Any, starts: Any, ends: Any, min_words: int) -> Any:
    """Return (texts × 3): the share of each text's bytes without spaces in repeated lines, 5-grams, characters."""
    longest = 0
    for text in range(len(starts)):
        longest = max(longest, min(np.int64(ends[text]) - starts[text], JUDGED_BYTES))
    size = 64
    while size < longest + 2:  # at most one word every two bytes, and the table half full
        size *= 2
    keys, stamps = np.zeros(size, np.uint64), np.zeros(size, np.int64)
    words, lengths = np.zeros(longest // 2 + 2, np.uint64), np.zeros(longest // 2 + 2, np.int64)
    run = np.zeros(longest + 1, np.bool_)
    result = np.zeros((len(starts), 3))
    for text in range(len(starts)):
        begin, end = np.int64(starts[text]), np.int64(ends[text])
        end = min(end, begin + JUDGED_BYTES)
        total, lines = 0, 0
        for at in range(begin, end):
            total += data[at] > 32
            lines += data[at] == 10
        if total == 0:
            continue
        n_words = _words(data, begin, end, words, lengths)
        if n_words >= min_words:
            if lines:
                result[text, 0] = _lines(data, begin, end, keys, stamps, 3 * text + 1) / total
            if _may_repeat(words, n_words, keys, stamps, 3 * text + 2):
                result[text, 1] = _ngrams(words, lengths, n_words, keys, stamps, 3 * text + 3) / total
        result[text, 2] = _characters(data, begin, end, run) / total
    return result


@njit(cache=True)  # type: ignore[untyped-decorator]
def _words(data: Any, begin: int, end: int, words: Any, lengths: Any) -> int:
    """Hash the words into `words`, with their bytes in `lengths`; return how many there are."""
    n, value, length, inside = 0, _SEED, 0, 0
    for at in range(begin, end + 1):
        byte = np.uint8(32) if at == end else data[at]
        if byte <= 32:
            if inside:
                words[n], lengths[n] = value, length
                n += 1
            value, length, inside = _SEED, 0, 0
            continue
        length += 1
        if 65 <= byte <= 90:
            byte += np.uint8(32)
        if (97 <= byte <= 122) or (48 <= byte <= 57) or byte >= 128:
            value = (value ^ np.uint64(byte)) * _PRIME
            inside += 1
    return n


@njit(cache=True)  # type: ignore[untyped-decorator]
def _seen(value: Any, keys: Any, stamps: Any, stamp: int) -> bool:
    """Say whether the hash was there before under this stamp, and put it there."""
    mask = np.uint64(len(keys) - 1)
    slot = (value * _MIX) >> np.uint64(20) & mask
    while stamps[slot] == stamp:
        if keys[slot] == value:
            return True
        slot = (slot + np.uint64(1)) & mask
    keys[slot], stamps[slot] = value, stamp
    return False


@njit(cache=True)  # type: ignore[untyped-decorator]
def _lines(data: Any, begin: int, end: int, keys: Any, stamps: Any, stamp: int) -> int:
    """Count the bytes of lines with a letter that stood before."""
    repeated, value, length, letters = 0, _SEED, 0, 0
    for at in range(begin, end + 1):
        byte = np.uint8(10) if at == end else data[at]
        if byte == 10:
            if letters and _seen(value, keys, stamps, stamp):
                repeated += length
            value, length, letters = _SEED, 0, 0
        elif byte > 32:
            value = (value ^ np.uint64(byte)) * _PRIME
            length += 1
            letters += _letter(byte)
    return repeated


@njit(cache=True)  # type: ignore[untyped-decorator]
def _may_repeat(words: Any, n_words: int, keys: Any, stamps: Any, stamp: int) -> bool:
    """Say whether as many words in a row as an n-gram has stood before, in whatever order."""
    row = 0
    for at in range(n_words):
        row = row + 1 if _seen(words[at], keys, stamps, stamp) else 0
        if row == NGRAM:
            return True
    return False


@njit(cache=True)  # type: ignore[untyped-decorator]
def _ngrams(words: Any, lengths: Any, n_words: int, keys: Any, stamps: Any, stamp: int) -> int:
    """Count the bytes of the words in 5-grams that stood before."""
    repeated, covered = 0, 0
    for at in range(n_words - NGRAM + 1):
        value = _SEED
        for word in words[at : at + NGRAM]:
            value = (value ^ word) * _PRIME
            value ^= value >> np.uint64(29)
        if _seen(value, keys, stamps, stamp):
            for word in range(max(covered, at), at + NGRAM):
                repeated += lengths[word]
            covered = at + NGRAM
    return repeated


@njit(cache=True)  # type: ignore[untyped-decorator]
def _characters(data: Any, begin: int, end: int, run: Any) -> int:
    """Count the bytes, spaces not, in runs of one unit with a letter."""
    found = False
    for unit in range(1, LONGEST_UNIT + 1):
        # So many bytes in a row must each equal the one a unit before: every so many steps one of them is met.
        need = max(2 * unit, SHORTEST_RUN - unit)
        at = begin + unit + need - 1
        while at < end:
            if data[at] != data[at - unit]:
                at += need
                continue
            first, last = at, at
            while first > begin + unit and data[first - 1] == data[first - 1 - unit]:
                first -= 1
            while last + 1 < end and data[last + 1] == data[last + 1 - unit]:
                last += 1
            if last - first + 1 >= need:
                letters = 0
                for inner in range(first, last + 1):
                    letters += _letter(data[inner])
                if letters:
                    if not found:
                        run[: end - begin] = False
                        found = True
                    run[first - unit - begin : last + 1 - begin] = True
            at = last + 1 + need
    if not found:
        return 0
    count = 0
    for at in range(begin, end):
        count += run[at - begin] and data[at] > 32
    return count


@njit(cache=True)  # type: ignore[untyped-decorator]
def _letter(byte: Any) -> Any:
    return (65 <= byte <= 90) or (97 <= byte <= 122) or byte >= 128
