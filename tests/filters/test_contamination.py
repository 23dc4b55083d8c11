"""Leaks are found whole, changed, reordered, inside longer texts, by lineage, and in a row's English side."""

from __future__ import annotations

import pickle
import random

import pyarrow as pa
import pytest

from lrl_datasets import schema
from lrl_datasets.filters.contamination import DETAIL, Contamination
from lrl_datasets.filters.suite_index import SuiteIndex, SuiteItem

STORY = "Asha alipanda mti wa mwembe nyuma ya nyumba. Miaka mitatu baadaye mti huo ulizaa maembe matamu sana."
PREMISE = "Taa ya chumbani ilizimika ghafla"  # five words
STOCK = "Kwa mujibu wa habari iliyo hapo juu, je, kauli ifuatayo ni kweli"
FRUIT = ("pera", "nazi", "embe", "tende", "papai", "zabibu", "fenesi")
INDEX = SuiteIndex.build(
    [
        SuiteItem("sw_story", (STORY, "Alifurahi."), ("story/en/17",)),
        SuiteItem("sw_cause", (PREMISE, "Umeme ulikatika mtaani kote usiku ule wa jana")),
        SuiteItem("sw_cause", ("Nipigie 0712 345 678 kesho saa mbili asubuhi",)),
        SuiteItem("sw_cause", ("The bedroom lamp went out all of a sudden last night",), english=True),
        *(SuiteItem("sw_read", (f"{STOCK}: {word}?",)) for word in FRUIT),
    ],
    datasets={"sw_cause": ("org/cause", "abc")},
    regions=("TZ",),
)  # fmt: skip


def table(prompt: str, answer: str, lineage: list[str] | None = None, **more: object) -> pa.Table:
    messages = [{"role": "user", "content": prompt}, {"role": "assistant", "content": answer}]
    return schema.candidates([{"messages": messages, "lineage": lineage, **more}])


def leaks(rows: pa.Table) -> str | None:
    marked = Contamination(INDEX)(rows)
    detail: str | None = marked["detail.contamination"][0].as_py()
    assert marked["mark.contamination"][0].as_py() == (None if detail is None else "suite_leak")
    if detail is not None:
        assert DETAIL.fullmatch(detail)
        detail = detail.partition(" (")[0]
    return detail


@pytest.mark.parametrize(
    ("prompt", "answer", "detail"),
    [
        (STORY, "Sawa", "text: the prompt has a text of sw_story"),
        ("Niambie hadithi", STORY.upper().replace(".", " !"), "text: the answer has a text of sw_story"),
        ("Endelea. Miaka mitatu baadaye mti huo ulizaa maembe matamu sana", "Sawa",
         "text: the prompt has a text of sw_story"),
        (f"Kwa nini? {PREMISE}. Eleza.", "Sawa", "text: the prompt has a text of sw_cause"),
        (f"Dhana: {PREMISE}.\nEleza.", "Sawa", "text: the prompt has a text of sw_cause"),
        (f"Eleza maana ya “{PREMISE}” kwa kifupi", "Sawa", "text: the prompt has a text of sw_cause"),
        ("Nipigie [PHONE] kesho saa mbili asubuhi", "Sawa", "text: the prompt has a text of sw_cause"),
        # changed: words left out, put in, in another order
        ("Baadaye, miaka mitatu ikipita, mti huo wa Juma ulizaa maembe matamu sana", "Sawa",
         "text: the prompt has a text of sw_story"),
        ("Usiku ule wa jana umeme ulikatika mtaani kwetu kote", "Sawa", "text: the prompt has a text of sw_cause"),
        ("Asha alipanda mti", "Mti wa mwembe huzaa baada ya miaka mitatu.", None),
        ("Juma alichimba shimo kubwa nyuma ya shule.", "Sawa", None),  # another sentence of the same pattern
        ("Je?", "Alifurahi.", None),  # too short to say anything
        (f"{STOCK}: ndizi?", "Ndiyo", None),  # in seven items, and so of none
    ],
)  # fmt: skip
def test_texts(prompt: str, answer: str, detail: str | None) -> None:
    assert leaks(table(prompt, answer)) == detail


def test_lineage() -> None:
    assert leaks(table("Habari", "Nzuri", ["dolly/3", "story/en/17"])) == "lineage: an original of sw_story"
    assert leaks(table("Habari", "Nzuri", ["story/en/18"])) is None


def test_what_a_row_was_made_from_is_looked_at_too() -> None:
    english = [{"role": "user", "content": "Why? The bedroom lamp all of a sudden went out yesterday night."}]
    rows = table("Kwa nini chumba kina giza?", "Sijui", english=english)
    assert leaks(rows) == "text: the English prompt has an English original of sw_cause"
    rows = table("Kwa nini?", "Sijui", machine_translation=f"Jana {PREMISE.lower()}.")
    assert leaks(rows) == "text: the machine translation has a text of sw_cause"


def test_every_match_is_listed_and_the_weak_ones_refuse_nothing() -> None:
    half = "Taa ya chumbani kwetu iliwaka"
    rows = pa.concat_tables(
        [table(STORY, PREMISE, ["story/en/17"]), table(half, "Sawa"), table("Habari", "Nzuri")]
    )
    marked = Contamination(INDEX, review_bits=20)(rows)
    first, second, third = marked["leaks"].to_pylist()
    assert [(one["part"], one["kind"], one["task"], one["decision"]) for one in first] == [
        ("lineage", "lineage", "sw_story", "refused"),
        ("prompt", "text", "sw_story", "refused"),
        ("answer", "text", "sw_cause", "refused"),
    ]
    assert first[1]["share"] == 1.0 and first[1]["bits"] > first[2]["bits"] > 40
    assert [(one["task"], one["decision"]) for one in second] == [("sw_cause", "review")]
    assert 0.5 <= second[0]["share"] < 1 and third is None
    assert marked["mark.contamination"].to_pylist() == ["suite_leak", None, None]


def test_the_more_is_missing_the_more_the_rest_must_say() -> None:
    step = Contamination(share=0.6, bits=40, bits_changed=60)
    assert step.refuses(1.0, 40) and not step.refuses(1.0, 39.9)
    assert step.refuses(0.8, 50) and not step.refuses(0.8, 49)
    assert step.refuses(0.6, 60) and not step.refuses(0.59, 500)
    assert step.refuses(1.0, 30, 1.0) and not step.refuses(1.0, 29.9, 1.0)  # whole, and in its order
    assert not step.refuses(1.0, 39.9, 0.99) and not step.refuses(0.99, 39.9, 1.0)


def test_rows_do_not_depend_on_each_other() -> None:
    words = f"{STORY} {PREMISE} {STOCK} embe juma chai maji leo".replace(".", "").split()
    draw = random.Random(7)
    rows = pa.concat_tables(
        [table(" ".join(draw.choices(words, k=12)), STORY if n % 9 == 0 else "Sawa") for n in range(200)]
    )
    step = Contamination(INDEX)
    whole = step(rows)
    assert whole["mark.contamination"].null_count < 200
    parts = pa.concat_tables([step(rows.slice(at, 7)) for at in range(0, 200, 7)])
    assert parts.equals(whole)
    order = pa.array(draw.sample(range(200), 200))
    assert step(rows.take(order)).equals(whole.take(order))
    assert pickle.loads(pickle.dumps(step))(rows).equals(whole)


def test_unreadable_rows_are_not_marked() -> None:
    unread = schema.candidates([{"messages": None, "lineage": ["story/en/17"]}])
    marked = Contamination(INDEX)(pa.concat_tables([unread, table(STORY, "Sawa")]))
    assert marked["mark.contamination"].to_pylist() == [None, "suite_leak"]
    assert marked["leaks"][0].as_py() is None
    assert Contamination(INDEX)(unread.slice(0, 0)).num_rows == 0


def test_without_an_index_nothing_can_be_looked_for() -> None:
    with pytest.raises(ValueError, match="suite index"):
        Contamination()(table("Habari", "Nzuri"))
