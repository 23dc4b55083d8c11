from __future__ import annotations

import math

import numpy as np
import pyarrow as pa
from hypothesis import given, settings
from hypothesis import strategies as st

from lrl_datasets.filters.base import add_column
from lrl_datasets.filters.helpfulness_features import NAMES, features
from tests.filters.conversations import conversations


def one(prompt: str, answer: str) -> dict[str, float]:
    return dict(zip(NAMES, features(conversations([(prompt, answer)]))[0].tolist(), strict=True))


def test_features_by_hand() -> None:
    told = one("Eleza mvua ya masika ni nini", "Mvua ya masika, yaani mvua kubwa.\n- Hunyesha Machi")
    assert told["answer words (log)"] == math.log(9) and told["prompt words (log)"] == math.log(6)
    assert told["answer words / prompt words (log)"] == math.log(9 / 6)
    assert told["lines (log)"] == math.log(2) and told["list items / lines"] == 0.5
    assert told["ends a sentence"] == 0 and told["words a sentence (log)"] == math.log(9)
    # Of the prompt's long words eleza, mvua, masik(a), nini two stand in the answer, which has mvua, masik, yaani,
    # mvua, kubwa, hunye(sha), machi: six different of seven.
    assert told["prompt words in the answer"] == 2 / 4
    assert told["answer words in the prompt"] == 2 / 6
    assert told["different words / words"] == 6 / 7
    assert math.isnan(told["language score"])
    capitals = "Mvua ya masika, yaani mvua kubwa.\n- Hunyesha Machi"
    assert told["capitals / characters"] == 3 / len(capitals) and told["punctuation / characters"] == 3 / len(
        capitals
    )
    assert one("Je?", "Ndiyo!")["ends a sentence"] == 1


def test_no_text_is_zeros_and_the_language_score_is_taken() -> None:
    table = add_column(conversations([None, ("Je?", "")]), "lid_score", [0.5, None], pa.float64())
    found = features(table)
    assert found[:, :-1].max() == 0.0 and found[0, -1] == 0.5 and np.isnan(found[1, -1])


PAIRS = st.lists(
    st.tuples(st.text("ab ,.\n1ū", max_size=30), st.text("ab ,.\n1ū", max_size=30)), min_size=1, max_size=6
)


@settings(max_examples=50, deadline=None)
@given(PAIRS, st.integers(0, 6))
def test_cuts_change_nothing(pairs: list[tuple[str, str]], at: int) -> None:
    table = conversations(pairs)
    parts = [part for part in (table.slice(0, at), table.slice(at)) if part.num_rows]
    assert np.array_equal(np.concatenate([features(part) for part in parts]), features(table), equal_nan=True)
