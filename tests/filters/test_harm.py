"""Harmful words are flagged, whole and in any case, and no row is refused; sentences written for this project."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from lrl_datasets import languages, schema
from lrl_datasets.builder import _settings
from lrl_datasets.errors import LrlError
from lrl_datasets.filters import harm
from lrl_datasets.filters.harm import Harm
from lrl_datasets.languages import harm_lists

BOTH = Harm(("swh", "eng"))


def flags(*texts: str | None, step: Harm = BOTH) -> list[list[str] | None]:
    turns = [text and [{"role": "user", "content": text}] for text in texts]
    found: list[list[str] | None] = step(schema.candidates([{"messages": one} for one in turns]))[
        "flags"
    ].to_pylist()
    return found


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("Acha maneno yako, MPUMBAVU!", ["harm:insult:2"]),
        ("Wewe ni mjinga na huna… akili.", ["harm:insult:1"]),
        ("nyang’au yule, nyang'au", ["harm:insult:2"]),
        ("Nitakuua, we mbwa\nwewe", ["harm:insult:2", "harm:threat:3"]),
        ("amekutombana", ["harm:profanity:3"]),
        ("You son — of a bitch", ["harm:insult:2"]),
        ("I'll kill you. I’LL KILL YOU", ["harm:threat:3"]),
        ("Nipigie simu, mbwa wangu amepotea.", []),
        ("Mpumbavuu", []),
        ("Mtoto wa kike aliwaua mbu wote.", []),
        ("Bwana Katomba alifika Scunthorpe.", []),
        ("", []),
    ],
)
def test_by_hand(text: str, expected: list[str]) -> None:
    assert flags(text) == [expected]


def test_nobody_looked_is_not_nothing_found() -> None:
    assert flags("Habari", None) == [[], None]
    assert flags("Wewe ni mjinga", None, step=Harm()) == [None, None]


def test_every_text_of_a_row_counts_and_flags_of_others_stay() -> None:
    turns = [
        {"role": "user", "content": "Habari, fala?"},
        {"role": "assistant", "content": "Nitakuua. Mshenzi!"},
    ]
    table = schema.candidates([{"messages": turns}, {"messages": turns[:1]}, {"messages": None}])
    for had in (None, ["other:thing:1"]):
        before = table if had is None else harm.add_column(table, "flags", [had, None, had], harm.FLAGS)
        expected = [sorted([*(had or []), "harm:insult:2", "harm:threat:3"]), ["harm:insult:2"], had]
        assert BOTH(before)["flags"].to_pylist() == expected
        assert BOTH(before)["mark.harm"].null_count == 3


TERMS = [
    (harm.flag(one.category, one.severity), term.replace("*", ""))
    for name in harm_lists.names()
    for one in harm_lists.load(name)
    for term in one.terms
]


def test_every_term_of_every_list_is_found() -> None:
    for (flag, term), found in zip(
        TERMS, flags(*(f"Eti, {term.upper()}? Basi." for _, term in TERMS)), strict=True
    ):
        assert found and flag in found, term


@settings(max_examples=100, deadline=None)
@given(
    st.lists(st.sampled_from([term for _, term in TERMS]) | st.text(max_size=5), max_size=4),
    st.sampled_from([" ", ", ", "\n", "!!", "a"]),
)
def test_the_first_look_loses_nothing(pieces: list[str], between: str) -> None:
    """What the second expression finds in a text, the first one finds too."""
    import pyarrow as pa

    text = between.join(pieces)
    words = harm._words(pa.array([text]))
    exact = {
        flag
        for flag, terms in harm._terms(BOTH.lists).items()
        if harm._matches(words, [f" (?:{harm._exact(term)}) " for term in terms])[0].as_py()
    }
    assert {flag for _, flag in BOTH.flags(pa.array([text]))} == exact


def test_the_manifest_names_the_lists_by_hash() -> None:
    assert json.loads(json.dumps(_settings(BOTH)))["sha256"] == [harm_lists.sha256(one) for one in BOTH.lists]


def test_every_language_names_lists_there_are() -> None:
    for language in languages.all_languages():
        assert set(language.harm.lists) <= set(harm_lists.names())


@pytest.mark.parametrize(
    ("content", "said"),
    [
        ("[rude]\n1 = ['x']", "[rude] is no category"),
        ("[insult]\n4 = ['x']", "[insult] 4: a severity is"),
        ("[insult]\n1 = 'x'", "a list of terms"),
        ("[insult]\n1 = ['  ']", "no word"),
        ("[insult]\n1 = ['*']", "no word"),
        ("[insult]\n1 = ['(a|b)']", "no word"),
        ("[insult", "rude.toml"),
    ],
)
def test_a_broken_list_is_refused_by_name(content: str, said: str, tmp_path: Path) -> None:
    path = tmp_path / "rude.toml"
    path.write_text(content, encoding="utf-8")
    with pytest.raises(LrlError, match=r"rude\.toml") as caught:
        harm_lists.load_file(path)
    assert said in str(caught.value)


def test_a_list_that_is_not_there() -> None:
    with pytest.raises(LrlError, match="there are eng, swh"):
        Harm(("xyz",))
