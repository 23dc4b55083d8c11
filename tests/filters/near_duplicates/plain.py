"""The same hashes and searches in plain Python, without a table or an array: what the kernels are held against."""

from __future__ import annotations

import re
from collections import Counter, defaultdict
from collections.abc import Sequence

from lrl_datasets.filters.normalise import match_key
from lrl_datasets.filters.words import UNSPACED

BITS = (1 << 64) - 1
LETTERS = "|".join(pattern.pattern for pattern in UNSPACED.values())


def mix(value: int) -> int:
    value = (value ^ value >> 33) * 0xFF51AFD7ED558CCD & BITS
    value = (value ^ value >> 33) * 0xC4CEB9FE1A85EC53 & BITS
    return value ^ value >> 33


def rotated(value: int, bits: int) -> int:
    return (value << bits | value >> (64 - bits)) & BITS if bits else value


def words(text: str, characters: bool = False) -> list[str]:
    """What a text is compared by."""
    key = match_key(text)
    return list(key) if characters else re.findall(f"{LETTERS}|(?:(?!{LETTERS})[^ ])+", key)


def hashed(word: str) -> int:
    value = 0
    for char in word:
        value = rotated(value, 5) ^ mix((ord(char) + 0x9E3779B97F4A7C15) & BITS)
    return mix(value)


def total(text: str, characters: bool = False) -> int:
    listed = words(text, characters)
    value = len(listed)
    for word in listed:
        value = (rotated(value, 23) * 0xD6E8FEB86659FD93 + hashed(word)) & BITS
    return mix(value)


def shingles(text: str, size: int = 5, characters: bool = False) -> set[tuple[str, ...]]:
    listed = words(text, characters)
    return {tuple(listed[at : at + size]) for at in range(max(1, len(listed) - size + 1))}


def hashed_shingles(text: str, size: int = 5, characters: bool = False) -> set[int]:
    made = set()
    for shingle in shingles(text, size, characters):
        value = 0
        for place, word in enumerate(shingle):
            value ^= rotated(hashed(word), 13 * place % 64)
        made.add(value)
    return made


def near(texts: Sequence[str], threshold: float, size: int = 5) -> dict[tuple[int, int], float]:
    """Every pair of texts with a Jaccard index of `threshold` and more, by an inverted index."""
    sets = [shingles(text, size) for text in texts]
    index: dict[tuple[str, ...], list[int]] = defaultdict(list)
    found = {}
    for number, own in enumerate(sets):
        shared = Counter(other for shingle in own for other in index[shingle])
        for other, count in shared.items():
            if count >= threshold * (len(own) + len(sets[other]) - count):
                found[other, number] = count / (len(own) + len(sets[other]) - count)
        for shingle in own:
            index[shingle].append(number)
    return found
