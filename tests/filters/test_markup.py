from __future__ import annotations

import pytest

from lrl_datasets.filters.markup import Markup, unpaired
from tests.filters.conversations import conversations, details, marks


@pytest.mark.parametrize(
    ("text", "found"),
    [
        ("<b>Jina</b> <br> <p>Aya", {}),
        ("<b>Jina <i>la</b> kwanza", {"tag": 1}),
        ("Tagi ya `<div>` na <div> moja", {"tag": 1}),
        ("x < 5 na y > 3", {}),
        (r"\begin{align} x \end{align} \begin{matrix}", {"environment": 1}),
        (r"\(x\) na \[y na $$z$$ na $$", {"formula": 2}),
        ("**moja** na **mbili", {"bold": 1}),
        ("2**3 na 3 ** 4", {}),
        ("a) moja b) mbili :) (tatu) 1) nne", {}),
        ("[0, 1) na (2, 3]", {}),
        ("(moja [mbili) tatu", {"bracket": 1}),
        ("}}}", {"bracket": 3}),
        ("```\n(((\n```\n:-(", {}),
        ("```\n(((", {"code fence": 1}),
    ],
)
def test_what_has_no_partner(text: str, found: dict[str, int]) -> None:
    assert dict(unpaired(text)) == found


def test_the_builder_says_how_many() -> None:
    table = conversations([
        ("Eleza.", "<div><b>ndiyo"), ("Eleza.", "<div><b>(ndiyo"), ("<a><b><i>", "Ndiyo."), ("```\nkodi", "Ndiyo."),
        ("Eleza.", "((("), ("Eleza.", "(1) ndiyo (2) hapana"), None,
    ])  # fmt: skip
    assert marks(Markup(max_unpaired=2), table) == [
        None, "unbalanced_markup", "unbalanced_markup", "unbalanced_markup", "unbalanced_markup", None, None
    ]  # fmt: skip
    assert details(Markup(max_unpaired=2), table)[1:4] == [
        "answer: without partner 1 bracket, 2 tag", "prompt: without partner 3 tag",
        "prompt: without partner 1 code fence",
    ]  # fmt: skip
    assert marks(Markup(max_unpaired=3), table)[1] is None
