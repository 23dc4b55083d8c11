"""How much of another language a text holds: measured, since people mix, and not punished.

The share of a text's words that are the other language's rather than its own, by windows of three words that
py3langid judges between these two alone; a word goes where the windows that hold it go together. Names, numbers,
quotations and code are not looked at (`judged_text`). One process: about 50,000 sentences a second.
"""

from __future__ import annotations

import re
from collections.abc import Sequence

import numpy as np

from lrl_datasets import languages
from lrl_datasets.filters import langid_scores

WINDOW = 3
"""Words: of two, names and loans decide; of five, a term of one or two words is lost."""


def shares(texts: Sequence[str], language: languages.Language) -> list[float | None]:
    """Return the share of each text's words that are in the language that people mix in.

    Parameters
    ----------
    texts
        As `judged_text` leaves them.
    language
        Its file names the other language (`language_id.mixed`).

    Returns
    -------
    list
        Rounded to 4 decimals; None of a text without words, and of all where py3langid does not know both.
    """
    own, other = language.codes.py3langid, language.language_id.mixed.label
    labels = langid_scores.tables().labels
    if own not in labels or other not in labels or own == other or not texts:
        return [None] * len(texts)
    scripts = {code.partition("_")[2] for code in (language.code, language.language_id.mixed.language)}
    if len(scripts) > 1 and "Latn" in scripts:
        return [_by_script(text, language.code.endswith("Latn")) for text in texts]
    found = np.round(langid_scores.shares(texts, str(own), other, WINDOW), 4)
    return [None if np.isnan(one) else one for one in found.tolist()]


_LATIN = re.compile(r"[A-Za-zÀ-ÖØ-öø-ɏ]")


def _by_script(text: str, own_is_latin: bool) -> float | None:
    """Between Latin and another script every word shows by itself, also those too short for any detector."""
    words = [word for word in text.split() if any(map(str.isalpha, word))]
    if not words:
        return None
    latin = sum(bool(_LATIN.search(word)) for word in words) if _LATIN.search(text) else 0
    return round((len(words) - latin if own_is_latin else latin) / len(words), 4)
