"""The compiled loops of `langid_scores`, in a module of their own: importing it loads numba."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt
from numba import njit

from lrl_datasets.filters.langid_scores import Bytes, Integers, Scores

_LOGARITHMS = np.log1p(np.arange(64))


@njit(cache=True)  # type: ignore[untyped-decorator, unused-ignore]
def score(
    data: Bytes,
    offsets: Integers,
    next_state: npt.NDArray[np.uint32],
    row_base: Integers,
    feature: npt.NDArray[np.int32],
    weights: Scores,
    out: Scores,
) -> npt.NDArray[np.bool_]:
    """Add each text's features into its row of `out`: log(1 + count) times the feature's weights.

    The features are added in the order in which the text has them, so the sums do not depend on the batch.
    """
    counts = np.zeros(len(weights), np.int32)
    longest = 0
    for text in range(len(offsets) - 1):
        longest = max(longest, offsets[text + 1] - offsets[text])
    seen = np.empty(longest, np.int32)
    found = np.zeros(len(offsets) - 1, np.bool_)
    for text in range(len(offsets) - 1):
        state = np.int64(0)
        distinct = 0
        for at in range(offsets[text], offsets[text + 1]):
            state = np.int64(next_state[row_base[state] + data[at]])
            number = feature[state]
            if number >= 0:
                if counts[number] == 0:
                    seen[distinct] = number
                    distinct += 1
                counts[number] += 1
        for at in range(distinct):
            number = seen[at]
            count = counts[number]
            factor = np.float32(_LOGARITHMS[count] if count < 64 else np.log1p(np.float64(count)))
            counts[number] = 0
            for column in range(weights.shape[1]):
                out[text, column] += factor * weights[number, column]
        found[text] = distinct > 0
    return found


@njit(cache=True)  # type: ignore[untyped-decorator, unused-ignore]
def difference(
    data: Bytes,
    offsets: Integers,
    next_state: npt.NDArray[np.uint32],
    row_base: Integers,
    feature: npt.NDArray[np.int32],
    weight: Scores,
) -> npt.NDArray[np.float64]:
    """Return each text's sum of log(1 + count) times one weight a feature."""
    counts = np.zeros(len(weight), np.int32)
    seen = np.empty(_longest(offsets), np.int32)
    sums = np.zeros(len(offsets) - 1, np.float64)
    for text in range(len(offsets) - 1):
        sums[text] = _sum(
            data[offsets[text] : offsets[text + 1]], next_state, row_base, feature, weight, counts, seen
        )
    return sums


@njit(cache=True)  # type: ignore[untyped-decorator, unused-ignore]
def other_words(
    data: Bytes,
    offsets: Integers,
    next_state: npt.NDArray[np.uint32],
    row_base: Integers,
    feature: npt.NDArray[np.int32],
    weight: Scores,
    window: int,
) -> Integers:
    """Return (words, words for which the sums of the windows that hold them are below 0) of each text.

    Words stand between spaces and have a letter: one of ASCII, or from U+00C0 on, punctuation (U+2000) and the
    signs after it left out.
    """
    counts = np.zeros(len(weight), np.int32)
    longest = _longest(offsets)
    seen = np.empty(longest, np.int32)
    first = np.empty(longest, np.int64)
    last = np.empty(longest, np.int64)
    sums = np.empty(longest, np.float64)
    found = np.zeros((len(offsets) - 1, 2), np.int64)
    for text in range(len(offsets) - 1):
        words = 0
        start, letter = offsets[text], False
        for at in range(offsets[text], offsets[text + 1] + 1):
            if at == offsets[text + 1] or data[at] == 32:
                if letter:
                    first[words], last[words], sums[words] = start, at, 0.0
                    words += 1
                start, letter = at + 1, False
            elif 65 <= data[at] <= 90 or 97 <= data[at] <= 122:
                letter = True
            elif data[at] >= 0xC3:  # the first byte of U+00C0 and more
                letter |= data[at] != 0xE2 or data[at + 1] >= 0xB0
        for word in range(max(1, words - window + 1) if words else 0):
            end = min(word + window, words)
            value = _sum(
                data[first[word] : last[end - 1]], next_state, row_base, feature, weight, counts, seen
            )
            for inside in range(word, end):
                sums[inside] += value
        found[text, 0] = words
        for word in range(words):
            found[text, 1] += sums[word] < 0
    return found


@njit(cache=True)  # type: ignore[untyped-decorator, unused-ignore]
def _sum(
    data: Bytes,
    next_state: npt.NDArray[np.uint32],
    row_base: Integers,
    feature: npt.NDArray[np.int32],
    weight: Scores,
    counts: npt.NDArray[np.int32],
    seen: npt.NDArray[np.int32],
) -> float:
    state = np.int64(0)
    distinct = 0
    for byte in data:
        state = np.int64(next_state[row_base[state] + byte])
        number = feature[state]
        if number >= 0:
            if counts[number] == 0:
                seen[distinct] = number
                distinct += 1
            counts[number] += 1
    total = 0.0
    for at in range(distinct):
        number = seen[at]
        count = counts[number]
        total += (_LOGARITHMS[count] if count < 64 else np.log1p(np.float64(count))) * weight[number]
        counts[number] = 0
    return total


@njit(cache=True)  # type: ignore[untyped-decorator, unused-ignore]
def _longest(offsets: Integers) -> int:
    longest = 1
    for text in range(len(offsets) - 1):
        longest = max(longest, offsets[text + 1] - offsets[text])
    return longest
