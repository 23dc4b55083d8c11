"""Clusters, by hand and against the plain definition."""

from __future__ import annotations

import random

import pyarrow as pa
from hypothesis import given, settings
from hypothesis import strategies as st

from lrl_datasets import schema
from lrl_datasets.filters.base import add_column
from lrl_datasets.filters.duplicates import Duplicates

LONG = "Panda mbegu za mahindi mwanzoni mwa mvua za masika na uzifunike kwa udongo kidogo tu kila moja"


def table(rows: list[tuple[str, str, str] | tuple[str, None, None]]) -> pa.Table:
    made = schema.candidates(
        {
            "messages": None
            if prompt is None
            else [{"role": "user", "content": prompt}, {"role": "assistant", "content": answer}]
        }
        for _, prompt, answer in rows
    )
    return add_column(made, "id", [row[0] for row in rows], pa.string())


def clusters(rows: list[tuple[str, str, str] | tuple[str, None, None]], **settings: float) -> dict[str, str]:
    made = Duplicates(**settings)(table(rows))  # type: ignore[arg-type]
    return dict(zip(made["id"].to_pylist(), made["cluster"].to_pylist(), strict=True))


def test_by_hand() -> None:
    assert clusters(
        [
            ("e", "Nipandeje mahindi?", LONG),
            ("b", "Mahindi hupandwa vipi?", LONG.upper() + " !"),  # exact: one answer to two prompts
            ("c", "Nipandeje?", LONG + " vizuri"),  # 13 of 14 shingles
            ("d", "Nipandeje mahindi?", "Subiri mvua za masika, kisha panda mbegu mbili katika kila shimo."),
            ("f", "Je, ni kweli?", "Ndiyo, ni kweli."),
            ("g", "Je, ni kweli?", "ndiyo ni kweli"),  # short: the prompts are equal too
            ("a", "Mvua inanyesha?", "Ndiyo, ni kweli."),  # short: another prompt
            ("h", None, None),
            ("i", None, None),
        ]
    ) == {"e": "b", "b": "b", "c": "b", "d": "d", "f": "f", "g": "f", "a": "a", "h": "h",
        "i": "i"}  # fmt: skip


def test_the_threshold_is_the_exact_jaccard_index() -> None:
    words = [f"w{n}" for n in range(24)]  # 20 shingles of 5
    changed = [*words[:22], "x", "y"]  # 18 of them, and 2 others: 18 / 22
    rows = [("a", "p", " ".join(words)), ("b", "q", " ".join(changed))]
    assert clusters(rows, threshold=18 / 22) == {"a": "a", "b": "a"}
    assert clusters(rows, threshold=18 / 22 + 0.001) == {"a": "a", "b": "b"}


@settings(max_examples=15, deadline=None, derandomize=True)
@given(st.integers(0, 10_000))
def test_equals_the_definition_in_any_order(seed: int) -> None:
    draw = random.Random(seed)
    texts = [[draw.choice("abcdefghij") for _ in range(draw.randint(2, 30))] for _ in range(6)]
    for text in texts[:6]:  # edited copies
        copy = list(text)
        copy[draw.randrange(len(copy))] = draw.choice("xyz")
        texts += [copy, [*text, "mwisho"]]
    rows = [(f"{n:02d}", draw.choice("pq"), " ".join(text)) for n, text in enumerate(texts)]

    def shingles(text: str) -> set[tuple[str, ...]]:
        words = text.split()
        return {tuple(words[at : at + 5]) for at in range(max(1, len(words) - 4))}

    named = {row[0]: row[0] for row in rows}
    for one, left_prompt, left in rows:
        for other, right_prompt, right in rows:
            if min(len(left.split()), len(right.split())) < 8:
                same = (left, left_prompt) == (right, right_prompt)
            else:
                same = len(shingles(left) & shingles(right)) / len(shingles(left) | shingles(right)) >= 0.8
            if same:
                merged = {named[one], named[other]}
                named = {row: min(merged) if name in merged else name for row, name in named.items()}
    assert clusters(rows) == named
    draw.shuffle(rows)
    assert clusters(rows) == named
