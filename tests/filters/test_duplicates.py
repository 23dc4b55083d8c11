"""Clusters, by hand and against the plain definition."""

from __future__ import annotations

import random

import pyarrow as pa
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from lrl_datasets import schema
from lrl_datasets.filters.base import add_column
from lrl_datasets.filters.duplicates import Duplicates, Report

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


def test_the_prompt_has_the_weight_that_the_builder_gives_it() -> None:
    words = [f"w{n}" for n in range(24)]
    near = " ".join([*words[:22], "x", "y"])  # 18 / 22 = .82
    rows = [("a", "Nipandeje?", " ".join(words)), ("b", "nipandeje", near), ("c", "Kwa nini sasa?", near)]
    assert clusters(rows) == {"a": "a", "b": "a", "c": "a"}
    # .75 × .82 + .25 × 1 = .86 with the same prompt; with another .61, and equal answers reach only .75
    assert clusters(rows, prompt_weight=0.25, threshold=0.85) == {"a": "a", "b": "a", "c": "c"}


def test_two_answers_to_one_prompt_never_become_one() -> None:
    template = "Andika hadithi fupi ya watoto kuhusu wanyama wa porini, kwa sentensi tano hivi: "
    rows = [("a", template + "simba", LONG), ("b", template + "simba", " ".join(reversed(LONG.split())))]
    assert clusters(rows) == clusters(rows, prompt_weight=0.5) == {"a": "a", "b": "b"}
    with pytest.raises(ValueError, match="by their prompts alone"):
        Duplicates(threshold=0.8, prompt_weight=0.8)


def test_characters_see_through_misspellings_and_scripts_without_spaces_need_no_words() -> None:
    rows = [("a", "p", LONG), ("b", "q", LONG.replace("masika", "massika").replace("udongo", "udogo"))]
    assert clusters(rows)["b"] == "b"
    assert clusters(rows, characters=True) == {"a": "a", "b": "a"}
    chinese = "玉米种子应在长雨季开始时播下，然后用少量泥土覆盖每一颗种子。"
    assert clusters([("a", "p", chinese), ("b", "q", chinese + "谢谢")])["b"] == "a"


def test_it_says_what_it_did() -> None:
    words = [f"w{n}" for n in range(24)]
    chain = [words, [*words[:22], "x", "y"], ["v", "u", *words[2:22], "x", "y"], words]
    rows = [(name, "p", " ".join(one)) for name, one in zip("abcd", chain, strict=True)]
    found, report = Duplicates(threshold=0.8).search(table(rows))
    assert found["cluster"].to_pylist() == ["a"] * 4
    assert report == Report(exact=1, candidates=report.candidates, near=2, runs_cut=0, chained=0.3333)
    assert 2 <= report.candidates <= 3  # a and c: 16 of 24, through b only
    assert Duplicates().search(table([]))[1] == Report(0, 0, 0, 0, None)


def test_batches_and_threads_change_nothing(monkeypatch: pytest.MonkeyPatch) -> None:
    draw = random.Random(3)
    texts = [" ".join(f"n{draw.randrange(60)}" for _ in range(draw.randrange(8, 40))) for _ in range(300)]
    rows = [
        (f"{n:03d}", "p", draw.choice([text, text + " ß नेपाल", text[:-4]]))
        for n, text in enumerate(texts * 2)
    ]
    whole, report = Duplicates().search(table(rows))
    monkeypatch.setattr("lrl_datasets.filters.near_duplicates.texts.BATCH_ROWS", 7)
    cut = pa.concat_tables([table(rows[:11]), table(rows[11:400]), table(rows[400:])])
    again, same = Duplicates().search(cut)
    assert again["cluster"].to_pylist() == whole["cluster"].to_pylist()
    assert same == report and report.near > 50 and report.exact > 50
