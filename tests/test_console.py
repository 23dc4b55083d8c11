"""What all commands print with."""

from __future__ import annotations

import pytest

from lrl_datasets.cli.console import counted


@pytest.mark.parametrize(
    ("number", "words", "said"),
    [
        (0, ("suite",), "0 suites"),
        (1, ("suite",), "1 suite"),
        (2, ("suite",), "2 suites"),
        (1, ("suite waits", "suites wait"), "1 suite waits"),
        (3, ("suite waits", "suites wait"), "3 suites wait"),
    ],
)
def test_one_is_no_plural(number: int, words: tuple[str, ...], said: str) -> None:
    assert counted(number, *words) == said
