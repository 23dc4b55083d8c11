"""Shares of English in texts with a known share; sentences written for this project."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from lrl_datasets import languages
from lrl_datasets.filters import code_switching, langid_scores

SWAHILI = languages.load("sw")
OWN = "watoto wanacheza mpira uwanjani kila siku baada ya shule na wazazi wao hupika chakula cha jioni"
ENGLISH = (
    "the children play football in the field every day after school and their parents cook supper together"
)


def test_pure_texts_and_halves() -> None:
    own, english = OWN.split(), ENGLISH.split()
    texts = [OWN, ENGLISH, " ".join(own[:8] + english[:8]), " ".join(english[:4] + own[:12]), "", "— 5 !"]
    found = code_switching.shares(texts, SWAHILI)
    assert found[:2] == [0.0, 1.0]
    assert found[2] == pytest.approx(8 / 16, abs=1 / 16 + 1e-4)
    assert found[3] == pytest.approx(4 / 16, abs=1 / 16 + 1e-4)
    assert found[4:] == [None, None]


def test_between_two_scripts_every_word_counts_alone() -> None:
    amharic = languages.load("amh")
    found = code_switching.shares(["ልጆቹ በሜዳው football ላይ computer ኳስ ሲጫወቱ ዋሉ"], amharic)
    assert found == [0.25]


def test_a_language_that_py3langid_does_not_know() -> None:
    codes = SWAHILI.codes.model_copy(update={"py3langid": None})
    assert code_switching.shares([OWN], SWAHILI.model_copy(update={"codes": codes})) == [None]
    assert code_switching.shares([], SWAHILI) == []


@settings(max_examples=30, deadline=None)
@given(st.lists(st.lists(st.sampled_from([*OWN.split(), *ENGLISH.split(), "5", "—", "ñandú"])), max_size=4))
def test_the_compiled_loop_counts_as_the_plain_one(listed: list[list[str]]) -> None:
    texts = [" ".join(words) for words in listed]
    fast = langid_scores.shares(texts, "sw", "en", 3)
    for text, share in zip(texts, fast, strict=True):
        words, others = langid_scores._other_words(text, "sw", "en", 3)
        assert np.isnan(share) if words == 0 else share == others / words
