"""What `match_key` makes of each code point, in pages of 256, so that compiled loops need not ask for each text.

A page is worked out from `match_key` itself when a text first has a letter of it (about 2 ms). Code points whose key
depends on their neighbours in ways that the kernels do not follow (Hangul letters that are no syllables, signs that
become marks or more than three letters) are marked so: a text with one goes through `match_key` as a whole.
"""

from __future__ import annotations

import unicodedata
from functools import cache
from threading import Lock
from typing import Any

import numpy as np
from numpy.typing import NDArray

from lrl_datasets.filters.near_duplicates import kernels
from lrl_datasets.filters.normalise import JOINERS, match_key, takes_joiner
from lrl_datasets.filters.words import SPACES, UNSPACED

_PAGES = 0x110000 >> 8
_KINDS = {
    "ideograph": kernels.IDEOGRAPH,
    "kana": kernels.KANA,
    "southeast_asian": kernels.SOUTHEAST_ASIAN,
}

Table = tuple[NDArray[Any], ...]
"""Letters by byte, page by code point >> 8, and of its pages what each becomes and is; the pairs that compose."""


class _Known:
    """The pages worked out so far; page 0 of the arrays is empty."""

    def __init__(self) -> None:
        self.place = np.zeros(_PAGES, np.int64)
        self.becomes = [np.full(256, kernels.ASK, np.int64)]
        self.kinds = [np.zeros(256, np.uint8)]


_known, _lock = _Known(), Lock()


def table(used: NDArray[Any]) -> Table:
    """Return the table with at least the pages that are set in `used`."""
    with _lock:
        for number in np.flatnonzero(used.astype(bool) & (_known.place == 0)):
            becomes, kinds = _page(int(number))
            _known.place[number] = len(_known.becomes)
            _known.becomes.append(becomes)
            _known.kinds.append(kinds)
        return (
            kernels.ascii_letters(),
            _known.place.copy(),
            np.concatenate(_known.becomes),
            np.concatenate(_known.kinds),
            _composed() if used[1:].any() else np.empty(0, np.int64),
        )


def pages_with_targets(used: NDArray[Any]) -> NDArray[Any]:
    """Set also the pages of what the code points of these pages become: their kinds are looked up too."""
    more = used.copy()
    more[0] = 1
    ready = table(more)
    targets = np.concatenate([ready[2][p * 256 : p * 256 + 256] for p in ready[1][np.flatnonzero(more)]])
    for place in (0, 21, 42):
        more[np.unique((targets[targets > 0] >> place & 0x1FFFFF) >> 8)] = 1
    return more


def _page(number: int) -> tuple[NDArray[Any], NDArray[Any]]:
    becomes, kinds = np.empty(256, np.int64), np.zeros(256, np.uint8)
    for at, code in enumerate(range(number << 8, (number + 1) << 8)):
        becomes[at], kinds[at] = _code_point(chr(code))
    return becomes, kinds


def _code_point(char: str) -> tuple[int, int]:
    kind = sum(_KINDS[script] for script, pattern in UNSPACED.items() if pattern.match(char))
    kind |= kernels.SPACE * bool(SPACES.match(char)) | kernels.ALNUM * char.isalnum()
    kind |= kernels.TAKES_JOINER * takes_joiner(char)
    if char in JOINERS:
        return kernels.JOINER, kind
    category = unicodedata.category(char)
    if category == "Cs" or 0x1100 <= ord(char) < 0x1200:  # no text has one; Hangul letters compose by a rule
        return kernels.ASK, kind
    key = match_key(f"一{char}一")[1:-1]  # between letters that compose with nothing
    if not key:
        return kernels.DROP, kind
    moves = any(unicodedata.combining(one) or ord(one) in _seconds() for one in char + key)
    if len(key) > 3 or (len(key) > 1 and moves):
        return kernels.ASK, kind
    becomes = sum(ord(one) << 21 * place for place, one in enumerate(key))
    return (kernels.BREAK if key == " " else becomes), kind | kernels.MARK * moves


@cache
def _composed() -> NDArray[Any]:
    """Return the pairs that NFC makes one character of, sorted, first << 21 | second."""
    pairs = []
    for code in range(0xC0, 0x30000):
        parts = unicodedata.decomposition(chr(code)).split()
        if len(parts) == 2 and parts[0][0] != "<":
            first, second = (int(part, 16) for part in parts)
            if unicodedata.normalize("NFC", chr(first) + chr(second)) == chr(code):
                pairs.append(first << 21 | second)
    return np.array(sorted(pairs), np.int64)


@cache
def _seconds() -> frozenset[int]:
    return frozenset((_composed() & 0x1FFFFF).tolist())
