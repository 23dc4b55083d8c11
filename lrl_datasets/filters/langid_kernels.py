"""The two compiled loops of `langid_scores`, in a module of their own: importing it loads numba."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt
from numba import njit

from lrl_datasets.filters.langid_scores import Bytes, Integers, Scores


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
            factor = np.float32(np.log1p(np.float32(counts[number])))
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
    weight: npt.NDArray[np.float64],
) -> npt.NDArray[np.float64]:
    """Return each text's sum of log(1 + count) times one weight a feature."""
    counts = np.zeros(len(weight), np.int32)
    longest = 0
    for text in range(len(offsets) - 1):
        longest = max(longest, offsets[text + 1] - offsets[text])
    seen = np.empty(longest, np.int32)
    sums = np.zeros(len(offsets) - 1, np.float64)
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
            sums[text] += np.log1p(counts[number]) * weight[number]
            counts[number] = 0
    return sums
