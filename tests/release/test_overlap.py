"""Training rows that say what a held-out row says are marked, and nothing else is."""

from __future__ import annotations

import random

import pyarrow as pa

from lrl_datasets import schema
from lrl_datasets.release.overlap import marked

HELD = "Mto Rufiji unapita kusini mwa Tanzania na kuingia katika Bahari ya Hindi karibu na Mafia."
PROMPT = "Eleza kwa sentensi moja mto mrefu kuliko yote nchini Tanzania unaishia wapi"


def table(*rows: tuple[str, str, str]) -> pa.Table:
    """(split, prompt, answer) of rows named r0, r1, …"""
    return pa.table(
        {
            "id": [f"r{n}" for n in range(len(rows))],
            "split": [split for split, _, _ in rows],
            "messages": pa.array(
                [
                    [{"role": "user", "content": prompt}, {"role": "assistant", "content": answer}]
                    for _, prompt, answer in rows
                ],
                schema.MESSAGES,
            ),
        }
    )


ROWS = table(
    ("test", PROMPT, HELD),
    ("train", "Niambie jambo", f"Naam. {HELD} Ndivyo ilivyo, na watu wengi hawajui."),  # inside a longer text
    ("train", f"{PROMPT.upper()}, tafadhali?", "Sijui."),  # the prompt
    (
        "train",
        "Jambo gani?",
        "Unapita kusini mwa Tanzania mto Rufiji, na kuingia Bahari ya Hindi karibu na Mafia.",
    ),
    (
        "train",
        "Mto gani?",
        "Mto Ruvuma unapita kusini mwa nchi na kuingia katika bahari hiyo karibu na mpaka.",
    ),
    ("validation", "Habari za leo", HELD),
    ("train", "Habari za leo", "Mto Rufiji."),
)


def marks(rows: pa.Table, free: list[bool] | None = None) -> list[str | None]:
    done = marked(rows, pa.array(free or [True] * rows.num_rows), 0.8, 60.0)
    found: list[str | None] = done["mark.overlap"].to_pylist()
    assert [detail is not None for detail in done["detail.overlap"].to_pylist()] == [
        one is not None for one in found
    ]
    return found


def test_rows_with_a_held_out_text() -> None:
    bad = "held_out_overlap"
    assert marks(ROWS) == [None, bad, bad, bad, None, None, None]
    detail = marked(ROWS, pa.array([True] * 7), 0.8, 60.0)["detail.overlap"][1].as_py()
    assert detail.startswith("the answer has a text of test, validation (100 % of it, ")


def test_refused_rows_neither_give_nor_take() -> None:
    assert (
        marks(ROWS, [False, True, True, True, True, False, True]) == [None] * 7
    )  # nothing is held out any more
    assert marks(ROWS, [True, False, True, True, True, True, True])[1] is None


def test_a_text_that_many_rows_have_is_no_overlap() -> None:
    frame = "Soma kifungu kifuatacho kwa makini halafu utoe maoni yako kwa ufupi kuhusu mada ya"
    rows = table(*[("test" if n == 0 else "train", f"{frame} {n}", f"Jibu {n}") for n in range(30)])
    assert marks(rows) == [None] * 30


def test_the_order_plays_no_part() -> None:
    order = [3, 5, 0, 6, 2, 4, 1]
    assert marks(ROWS.take(pa.array(order))) == [marks(ROWS)[at] for at in order]


def test_long_texts_of_the_same_few_words_are_no_copies() -> None:
    # Drawn from thirty words: nearly all words in common, and by chance some pairs of neighbours.
    words = ["samaki", "ziwa", "ndege", "kitabu", "mti", "mkulima", "jiko", "mvua", "afya", "soko", "ngoma"]
    words += [
        "historia",
        "mtoto",
        "shule",
        "daktari",
        "safari",
        "chakula",
        "mkate",
        "swali",
        "eleza",
        "nyumba",
    ]
    words += ["mlango", "gari", "kiti", "meza", "simu", "wimbo", "jua", "mwezi", "nyota"]
    draw = random.Random(3)
    texts = [" ".join(draw.choices(words, k=60)) for _ in range(12)]
    rows = table(*[("train" if n else "test", f"Swali {n}", text) for n, text in enumerate(texts)])
    assert marks(rows) == [None] * 12
    changed = texts[0].replace("samaki", "paka")
    assert marks(table(("test", "Moja", texts[0]), ("train", "Mbili", changed)))[1] is not None
