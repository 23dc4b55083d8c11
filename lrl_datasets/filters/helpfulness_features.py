"""What of a row may say whether its answer helps, whatever the language and the source: lengths, structure, overlap.

Takes `messages` and `lid_score`, gives one column a feature. No feature names a word, so that what is learnt from a
crowd's answers may hold of translated or web rows; the character model (`char_ngrams`) adds what they are written like.
Computed by Arrow's kernels and in whole columns: about 20,000 rows of 40 words a second, one process.
"""

from __future__ import annotations

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
from numpy.typing import NDArray

from lrl_datasets.filters.base import part_texts
from lrl_datasets.filters.repetition import measures

Floats = NDArray[np.float64]

NAMES = (
    "answer words (log)", "prompt words (log)", "answer words / prompt words (log)", "letters a word",
    "words a sentence (log)",
    "lines (log)", "list items / lines", "digits / characters", "punctuation / characters", "capitals / characters",
    "ends a sentence", "prompt words in the answer", "answer words in the prompt", "different words / words",
    "repeated lines", "repeated n-grams", "repeated characters", "language score",
)  # fmt: skip
"""The features in their order; the character model's stands after them."""
NGRAM_BITS = "bits a character"

_STEM = 5
"""Characters of a word by which it is compared: of an inflected one mostly the stem, or its prefix and a part of it."""
_ENDS = r"[.!?…։؟۔।॥።፧。！？][\"'”’»)\]*_]*\s*$"


def features(table: pa.Table) -> Floats:
    """Return (rows × `NAMES`), zeros where there is no text; a `lid_score` that is not there is NaN."""
    texts = part_texts(table)
    answer = pc.fill_null(texts["answer"], "")
    prompt = pc.fill_null(texts["prompt"], "")
    length = _numbers(pc.utf8_length(answer))
    characters = np.maximum(length, 1)
    words, asked = (np.maximum(_count(text, r"\S+"), 1) for text in (answer, prompt))
    sentences = np.maximum(_count(answer, r"[.!?…։؟۔।॥።፧。！？]+(?:\s|$)"), 1)
    lines = _count(answer, r"\n") + 1
    shared, back, different = _overlaps(prompt, answer)
    score = (
        _numbers(pc.fill_null(table["lid_score"], np.nan))
        if "lid_score" in table.column_names
        else np.full(table.num_rows, np.nan)
    )
    columns = [
        np.log(words), np.log(asked), np.log(words / asked), length / words, np.log(words / sentences),
        np.log(lines),
        _count(answer, r"(?m)^\s*(?:[-*•–]|\d+[.)])\s") / lines, _count(answer, r"\pN") / characters,
        _count(answer, r"\pP") / characters, _count(answer, r"\p{Lu}") / characters,
        _numbers(pc.cast(pc.match_substring_regex(answer, _ENDS), pa.int8())), shared, back, different,
        *measures(answer, 1).T, score,
    ]  # fmt: skip
    return np.column_stack(columns)


def answers(table: pa.Table) -> list[str]:
    """Return the answers as the character model takes them: empty where there is none."""
    listed: list[str] = pc.fill_null(part_texts(table)["answer"], "").to_pylist()
    return listed


def _overlaps(prompt: pa.ChunkedArray, answer: pa.ChunkedArray) -> tuple[Floats, Floats, Floats]:
    """Return which share of the prompt's words the answer has, of the answer's the prompt, and how many are different.

    Words are compared by their first letters, and only those of four letters and more.
    """
    rows = len(prompt)
    split = [_stems(text) for text in (prompt, answer)]
    known = pc.unique(pa.chunked_array([stems for _, stems in split]))
    codes = [pc.index_in(stems, value_set=known).to_numpy().astype(np.int64) for _, stems in split]
    pairs = [np.unique(of * max(len(known), 1) + code) for (of, _), code in zip(split, codes, strict=True)]
    both = np.intersect1d(pairs[0], pairs[1], assume_unique=True)
    counts = [np.bincount(found // max(len(known), 1), minlength=rows) for found in (*pairs, both)]
    told = np.bincount(split[1][0], minlength=rows)
    at_least = [np.maximum(count, 1) for count in (*counts, told)]
    return counts[2] / at_least[0], counts[2] / at_least[1], counts[1] / at_least[3]


def _stems(texts: pa.ChunkedArray) -> tuple[NDArray[np.int64], pa.Array]:
    """Return the beginnings of the longer words, and the row of each."""
    plain = pc.replace_substring_regex(pc.utf8_lower(texts), r"[^\pL\pM\pN]+", " ")
    lists = pc.split_pattern(plain, " ").combine_chunks()
    lengths = pc.list_value_length(lists).to_numpy(zero_copy_only=False)
    flat = lists.flatten()
    long = pc.greater_equal(pc.utf8_length(flat), 4).to_numpy(zero_copy_only=False)
    row = np.repeat(np.arange(len(lists)), lengths)[long]
    return row, pc.utf8_slice_codeunits(flat.filter(pa.array(long)), 0, _STEM)


def _count(texts: pa.ChunkedArray, expression: str) -> Floats:
    return _numbers(pc.count_substring_regex(texts, expression))


def _numbers(column: pa.ChunkedArray) -> Floats:
    return np.asarray(column.to_numpy(), np.float64)
