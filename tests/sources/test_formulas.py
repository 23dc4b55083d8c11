"""Formula injection: no cell that goes out runs, every text comes back."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from lrl_datasets.sources.formulas import neutralised, restored

SIGNS = "=+-@\t\r\n＝＋－＠"


@pytest.mark.parametrize(
    ("text", "cell"),
    [
        ('=HYPERLINK("http://x","y")', '\'=HYPERLINK("http://x","y")'),
        ("-5 digrii", "'-5 digrii"),
        ("'=1", "''=1"),
        ("'tis", "'tis"),
        ("5 - 3", "5 - 3"),
        ("", ""),
    ],
)
def test_by_hand(text: str, cell: str) -> None:
    assert neutralised(text) == cell and restored(cell) == text


@given(st.text("'=+-@\t\rab＝ ", max_size=6) | st.text(max_size=10))
def test_no_cell_begins_as_a_formula_and_all_come_back(text: str) -> None:
    assert neutralised(text)[:1] not in [*SIGNS]
    assert restored(neutralised(text)) == text
