"""py3langid's scores for many texts at a time: its own tables, walked by a compiled function.

py3langid (naive Bayes over byte n-grams that a finite automaton finds; Lui & Baldwin 2012) judges one text at
a time in Python. Here the same automaton is walked in one compiled loop over the bytes of all texts, so that
the labels equal those of its own `classify` (a test holds them to it) at about 60,000 sentences a second, one
process. The layout of the tables is known of one version; with another one its own functions are asked.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from functools import cache
from importlib.metadata import version
from typing import Any, NamedTuple

import numpy as np
import numpy.typing as npt

VERSION = "0.4.0"

Bytes = npt.NDArray[np.uint8]
Integers = npt.NDArray[np.int64]
Scores = npt.NDArray[np.float32]


def scores(texts: Sequence[str]) -> tuple[Scores, npt.NDArray[np.bool_]]:
    """Score each text for each of `tables().labels`: log posteriors up to a constant.

    Returns
    -------
    scores
        One row a text, as py3langid's `rank` gives them but for the last digits of a float32.
    found
        Whether the text has a feature at all; py3langid calls the ones without Afrikaans.
    """
    if version("py3langid") != VERSION:
        return _scores_one_by_one(texts)
    from lrl_datasets.filters.langid_kernels import score

    of = tables()
    data, offsets = _joined(texts)
    found = np.zeros((len(texts), len(of.prior)), np.float32)
    seen = score(data, offsets, of.next_state, of.row_base, of.feature, of.weights, found)
    found += of.prior
    for first, alias in of.aliases:
        found[:, first] = np.maximum(found[:, first], found[:, alias])
    return found[:, of.columns], seen


def encoded_size(texts: Sequence[str]) -> Integers:
    """Return the bytes of each text as py3langid sees it, at least one."""
    return np.maximum(1, np.diff(_joined(texts)[1]))


def differences(texts: Sequence[str], one: str, other: str) -> npt.NDArray[np.float64]:
    """Return by how much `one` is likelier than `other`: py3langid restricted to these two labels.

    Without the prior, which at two or three words would weigh more than they do; 0 where nothing is found.
    """
    of = tables()
    columns = of.labels.index(one), of.labels.index(other)
    if version("py3langid") != VERSION:
        found, _ = _scores_one_by_one(texts)
        prior = of.prior[[of.columns[at] for at in columns]]
        return np.asarray((found[:, columns[0]] - prior[0]) - (found[:, columns[1]] - prior[1]), np.float64)
    from lrl_datasets.filters.langid_kernels import difference

    data, offsets = _joined(texts)
    return np.asarray(
        difference(data, offsets, of.next_state, of.row_base, of.feature, _weight_difference(*columns)),
        np.float64,
    )


def shares(texts: Sequence[str], own: str, other: str, window: int) -> npt.NDArray[np.float64]:
    """Return the share of each text's words that are `other`'s: where the windows that hold a word say so together.

    Parameters
    ----------
    texts
        Words are apart by single spaces.
    own, other
        Labels; `differences` decides between them.
    window
        Words of a window.

    Returns
    -------
    numpy.ndarray
        Not a number for a text without words.
    """
    of = tables()
    if version("py3langid") == VERSION:
        from lrl_datasets.filters.langid_kernels import other_words

        weight = _weight_difference(of.labels.index(own), of.labels.index(other))
        data, offsets = _joined(texts)
        counted = other_words(data, offsets, of.next_state, of.row_base, of.feature, weight, window)
    else:
        counted = np.array([_other_words(text, own, other, window) for text in texts], np.int64)
        counted = counted.reshape(len(texts), 2)
    with np.errstate(invalid="ignore"):
        return np.asarray(counted[:, 1] / counted[:, 0])


def _is_letter(one: str) -> bool:
    return one.isalpha() if one.isascii() else ord(one) >= 0xC0 and not 0x2000 <= ord(one) < 0x2C00


def _other_words(text: str, own: str, other: str, window: int) -> tuple[int, int]:
    """Count words, and those of the other language, as the compiled loop does."""
    words = [found.span() for found in re.finditer("[^ ]+", text) if any(map(_is_letter, found[0]))]
    sums = np.zeros(len(words))
    starts = range(max(1, len(words) - window + 1) if words else 0)
    windows = [text[words[at][0] : words[at : at + window][-1][1]] for at in starts]
    values = differences(windows, own, other)
    for at, value in zip(starts, values, strict=True):
        sums[at : at + window] += value
    return len(words), int((sums < 0).sum())


@cache
def _weight_difference(one: int, other: int) -> Scores:
    of = tables()
    return np.ascontiguousarray(of.weights[:, of.columns[one]] - of.weights[:, of.columns[other]])


def _joined(texts: Sequence[str]) -> tuple[Bytes, Integers]:
    encode = tables().identifier._encode
    encoded = [encode(text) for text in texts]
    offsets = np.zeros(len(encoded) + 1, np.int64)
    np.cumsum(np.fromiter(map(len, encoded), np.int64, len(encoded)), out=offsets[1:])
    return np.frombuffer(b"".join(encoded), np.uint8), offsets


def _scores_one_by_one(texts: Sequence[str]) -> tuple[Scores, npt.NDArray[np.bool_]]:
    of = tables()
    ranked = [dict(of.identifier.rank(text)) for text in texts]
    found = np.array([[one[label] for label in of.labels] for one in ranked], np.float32)
    found = found.reshape(len(texts), len(of.labels))
    seen = found.max(1, initial=-np.inf) > found.min(1, initial=np.inf)
    return found, np.asarray(seen)


class Tables(NamedTuple):
    """py3langid's model as arrays."""

    identifier: Any
    labels: list[str]
    columns: list[int]
    """Column of each label in the scores: its first one."""
    aliases: list[tuple[int, int]]
    next_state: npt.NDArray[np.uint32]
    row_base: Integers
    feature: npt.NDArray[np.int32]
    weights: Scores
    prior: Scores


@cache
def tables() -> Tables:
    """Load py3langid's model."""
    from py3langid.langid import MODEL_FILE, LanguageIdentifier

    identifier = LanguageIdentifier.from_model_file(MODEL_FILE)
    labels = identifier.labels
    return Tables(
        identifier=identifier,
        labels=labels,
        columns=[identifier.nb_classes.index(label) for label in labels],
        aliases=identifier._alias_pairs,
        next_state=np.array(identifier.tk_nextmove, np.uint32),
        row_base=np.array(identifier.tk_row, np.int64) << 8,
        feature=np.array(identifier.tk_output, np.int32),
        weights=np.ascontiguousarray(identifier.nb_ptc, np.float32),
        prior=np.asarray(identifier.nb_pc, np.float32),
    )
