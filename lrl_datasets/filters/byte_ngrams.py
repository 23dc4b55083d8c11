"""Byte n-grams hashed into a table's places, for many texts at a time, with numpy alone."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

import numpy as np
import numpy.typing as npt

LONGEST = 5
"""Bytes of the longest n-gram."""
BITS = 18
"""A table has 2**BITS places."""

Integers = npt.NDArray[np.int64]

_MULTIPLIER = np.uint32(0x01000193)
_SPREAD = np.uint32(0x9E3779B1)
_BATCH = 4096


def encoded(texts: Sequence[str]) -> tuple[npt.NDArray[np.uint8], Integers]:
    """Return the bytes of all texts, in lower case and between two spaces each, and where each text begins."""
    given = [f" {text.lower()} ".encode("utf-8", "surrogatepass") for text in texts]
    starts = np.zeros(len(given) + 1, np.int64)
    np.cumsum(np.fromiter(map(len, given), np.int64, len(given)), out=starts[1:])
    return np.frombuffer(b"".join(given), np.uint8), starts


def places(
    data: npt.NDArray[np.uint8], starts: Integers
) -> Iterator[tuple[npt.NDArray[np.uint32], npt.NDArray[np.bool_]]]:
    """For each length of n-gram, return the place of the one that begins at each byte, and whether its text has it."""
    left = np.repeat(starts[1:], np.diff(starts)) - np.arange(len(data))  # bytes from here to the text's end
    hashed = np.zeros(len(data), np.uint32)
    for length in range(1, LONGEST + 1):
        hashed = hashed * _MULTIPLIER
        hashed[: max(0, len(data) - length + 1)] += data[length - 1 :]
        hashed += np.uint32(1)
        mixed = (hashed ^ np.uint32(length * 0x85EBCA6B & 0xFFFFFFFF)) * _SPREAD
        yield mixed >> np.uint32(32 - BITS), left >= length


def numbers(starts: Integers) -> Integers:
    """Return how many n-grams each text has."""
    sizes = np.diff(starts)
    found = np.zeros(len(sizes), np.int64)
    for length in range(1, LONGEST + 1):
        found += np.maximum(0, sizes - length + 1)
    return found


def sums(texts: Sequence[str], table: npt.NDArray[np.int16]) -> npt.NDArray[np.float64]:
    """Return each text's sum of `table` at its n-grams, over the square root of their number."""
    found = np.zeros(len(texts), np.float64)
    for at in range(0, len(texts), _BATCH):
        data, starts = encoded(texts[at : at + _BATCH])
        total = np.zeros(len(starts) - 1, np.int64)  # integers: the sum is exact in any order
        for place, there in places(data, starts):
            total += np.add.reduceat(np.where(there, table[place], 0), starts[:-1], dtype=np.int64)
        found[at : at + _BATCH] = total / np.sqrt(numbers(starts))
    return found
