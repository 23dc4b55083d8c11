from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from lrl_datasets.filters.char_ngrams import CharNgrams


def test_bits_by_hand() -> None:
    # "aa": the alphabet is a, beside it "other" and "edge"; trigrams: (edge, edge, a) and (edge, a, a).
    model = CharNgrams.fit(["aa"])
    assert (model.alphabet, model.counts) == ("a", (1, 1))
    # Unigrams: a twice, one kind: (2 + 1/3) / 3 = 7/9. After an edge, a once: (1 + 7/9) / 2 = 8/9; after a too.
    # After (edge, edge) a once: (1 + 8/9) / 2 = 17/18; after (edge, a) the same.
    assert model.bits(["a"])[0] == pytest.approx(-np.log2(17 / 18), abs=1e-3)
    assert model.bits(["aa"])[0] == pytest.approx(-np.log2(17 / 18), abs=1e-3)
    # An unknown character: unigram (0 + 1/3) / 3 = 1/9, after an edge 1/18, after two 1/36.
    assert model.bits(["x"])[0] == pytest.approx(np.log2(36), abs=1e-3)
    assert model.bits(["", "A"]).tolist() == [0.0, model.bits(["a"])[0]]


TEXTS = [
    "Mvua hunyesha wakati wa masika.",
    "Jua huchomoza mashariki na kuzama magharibi.",
    "Watoto wanacheza mpira uwanjani.",
]


def test_text_of_the_same_kind_takes_fewer_bits() -> None:
    alike, other = CharNgrams.fit(TEXTS).bits(
        ["Watoto huchomoza magharibi wakati wa mvua.", "xq zzv wpk ghtr bnmkl"]
    )
    assert alike < 4 and other > 6


@settings(max_examples=50, deadline=None)
@given(st.lists(st.text(alphabet="abū ሰ\n𝒳", max_size=20), min_size=1, max_size=6), st.integers(0, 6))
def test_neighbours_change_nothing(texts: list[str], at: int) -> None:
    model = CharNgrams.fit(TEXTS)
    whole = model.bits(texts)
    assert np.concatenate([model.bits(texts[:at]), model.bits(texts[at:])]).tolist() == whole.tolist()
    assert CharNgrams.fit(texts) == CharNgrams.fit(texts[::-1])


def test_a_large_alphabet_is_cut() -> None:
    model = CharNgrams.fit(["".join(chr(0x1200 + at) for at in range(300))])
    assert len(model.alphabet) == 126 and np.isfinite(model.bits(["ሰላም"])).all()
