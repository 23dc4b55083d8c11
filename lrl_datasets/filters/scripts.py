"""Which script a text is written in, counted in one pass over the code points of many texts."""

from __future__ import annotations

import unicodedata
from collections.abc import Sequence
from functools import cache

import numpy as np
import numpy.typing as npt

_NAMES = {
    "Arab": ("ARABIC",), "Armn": ("ARMENIAN",), "Beng": ("BENGALI",), "Cans": ("CANADIAN",), "Cher": ("CHEROKEE",),
    "Cyrl": ("CYRILLIC",), "Deva": ("DEVANAGARI",), "Ethi": ("ETHIOPIC",), "Geor": ("GEORGIAN",), "Grek": ("GREEK",),
    "Gujr": ("GUJARATI",), "Guru": ("GURMUKHI",), "Hang": ("HANGUL",), "Hans": ("CJK",), "Hant": ("CJK",),
    "Hani": ("CJK",), "Hebr": ("HEBREW",), "Jpan": ("HIRAGANA", "KATAKANA", "CJK", "KATAKANA-HIRAGANA"),
    "Khmr": ("KHMER",), "Knda": ("KANNADA",), "Kore": ("HANGUL", "CJK"), "Laoo": ("LAO",), "Latn": ("LATIN",),
    "Mlym": ("MALAYALAM",), "Mong": ("MONGOLIAN",), "Mtei": ("MEETEI",), "Mymr": ("MYANMAR",), "Nkoo": ("NKO",),
    "Olck": ("OL",), "Orya": ("ORIYA",), "Sinh": ("SINHALA",), "Syrc": ("SYRIAC",), "Taml": ("TAMIL",),
    "Telu": ("TELUGU",), "Tfng": ("TIFINAGH",), "Thaa": ("THAANA",), "Thai": ("THAI",), "Tibt": ("TIBETAN",),
    "Vaii": ("VAI",), "Yiii": ("YI",), "Adlm": ("ADLAM",),
}  # fmt: skip
"""ISO 15924 code → first words of the Unicode names of the script's letters."""

_OTHER, _OWN, _LATIN = 1, 2, 3


def letters_by_script(texts: Sequence[str], script: str) -> npt.NDArray[np.int64]:
    """Count each text's letters: of `script`, of Latin where that is another one, of any other script.

    Parameters
    ----------
    script
        ISO 15924 code, as in `swh_Latn`. Of a script that is not known here every letter counts as its own.

    Returns
    -------
    numpy.ndarray
        One row a text, three columns. Greek letters, the signs of mathematics, are not counted in other texts.
    """
    codes = np.frombuffer("".join(texts).encode("utf-32-le", "surrogatepass"), np.uint32)
    offsets = np.zeros(len(texts) + 1, np.int64)
    np.cumsum(np.fromiter(map(len, texts), np.int64, len(texts)), out=offsets[1:])
    kinds = _kinds(script)[codes]
    counts = np.empty((len(texts), 3), np.int64)
    for column, kind in enumerate((_OWN, _LATIN, _OTHER)):
        before = np.concatenate(([0], np.cumsum(kinds == kind)))
        counts[:, column] = before[offsets[1:]] - before[offsets[:-1]]
    return counts


@cache
def _kinds(script: str) -> npt.NDArray[np.uint8]:
    """Return a table from code point to `_OWN`, `_LATIN`, `_OTHER`, or 0 for what is no letter."""
    kinds = np.zeros(0x110000, np.uint8)
    for code in (*range(0x20, 0x30000), *range(0x30000, 0x32000)):
        letter = chr(code)
        if not letter.isalpha():
            continue
        name = unicodedata.name(letter, "").partition(" ")[0]
        if script not in _NAMES or name in _NAMES[script]:
            kinds[code] = _OWN
        elif name == "LATIN":
            kinds[code] = _LATIN
        elif name not in ("GREEK", "MODIFIER", ""):
            kinds[code] = _OTHER
    return kinds
