"""Near-duplicate pairs between two lists of texts, and shingles to compare others by.

>>> import pyarrow as pa
>>> one = "Panda mbegu za mahindi mwanzoni mwa mvua za masika, kisha uzifunike kwa udongo."
>>> near_pairs(pa.array([one, "Ndiyo."]), pa.array([one + " Asante!"]), 0.8)
(array([0]), array([0]), array([0.9]))
"""

from __future__ import annotations

from typing import TypeAlias

import numpy as np
import pyarrow as pa

from lrl_datasets.filters.near_duplicates import kernels
from lrl_datasets.filters.near_duplicates.search import Bands, candidates, jaccard
from lrl_datasets.filters.near_duplicates.texts import Array, Rule, Texts

Strings: TypeAlias = pa.Array | pa.ChunkedArray

WORDS = Rule()


def near_pairs(
    texts: Strings, others: Strings, threshold: float = 0.8, rule: Rule = WORDS, seed: int = 1
) -> tuple[Array, Array, Array]:
    """Return every pair of a text and one of the others whose shingles have a Jaccard index of `threshold` or more.

    Texts are compared as `match_key` sees them. A pair at the threshold is missed once in 2,500 times, one well
    above it never in practice; none is returned that is below. Nulls are in no pair.

    Parameters
    ----------
    texts, others
        Two lists of strings.
    threshold
        Least Jaccard index, above 0 to 1.
    rule
        What a shingle is.

    Returns
    -------
    tuple of arrays
        Place in `texts`, place in `others`, Jaccard index; sorted by the first two.
    """
    both = Texts.of_strings(pa.chunked_array([*_chunks(texts), *_chunks(others)], pa.large_string()))
    border = len(texts)
    bands = Bands.at(threshold)
    sketch = both.sketch(rule, bands.bands, bands.factors(seed))
    near = np.flatnonzero(sketch.kind == kernels.NEAR)
    inside = int(np.searchsorted(near, border))
    if not 0 < inside < len(near):
        empty = np.empty(0, np.int64)
        return empty, empty.copy(), np.empty(0, np.float64)
    left, right, _ = candidates([band[near] for band in sketch.keys], both, inside)
    left, right = near[left], near[right]
    found = jaccard(both, left, right, rule, threshold)
    keep = found >= threshold
    return left[keep], right[keep] - border, found[keep]


def shingle_sets(texts: Strings, rule: Rule = WORDS) -> tuple[Array, Array]:
    """Return the different shingles (64-bit hashes) of every text behind one another, and where each one's begin.

    For containment and the like: `hashes[starts[i]:starts[i + 1]]` are text i's; a null or wordless text has none of
    its words, but one shingle of nothing.
    """
    whole = Texts.of_strings(texts)
    whole.sketch(rule, 0, np.empty(0, np.uint32))  # finds the rows that need their key worked out
    return whole.shingle_sets(np.arange(whole.rows), rule)


def _chunks(texts: Strings) -> list[pa.Array]:
    listed = texts.chunks if isinstance(texts, pa.ChunkedArray) else [texts]
    return [chunk.cast(pa.large_string()) for chunk in listed]
