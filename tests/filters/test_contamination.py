"""Leaks are found by exact text and by lineage; the index holds no text."""

from __future__ import annotations

from pathlib import Path

import pytest

from lrl_datasets import schema
from lrl_datasets.errors import LrlError
from lrl_datasets.filters.contamination import Contamination, SuiteIndex, SuiteItem, text_keys

STORY = "Asha alipanda mti wa mwembe nyuma ya nyumba. Miaka mitatu baadaye mti huo ulizaa maembe matamu sana."
PREMISE = "Taa ya chumbani ilizimika ghafla"  # five words
INDEX = SuiteIndex.build(
    [
        SuiteItem("sw_story", (STORY, "Alifurahi."), ("story/en/17",)),
        SuiteItem("sw_cause", (PREMISE, "Umeme ulikatika mtaani kote usiku ule wa jana")),
        SuiteItem("sw_cause", ("Nipigie 0712 345 678 kesho saa mbili asubuhi",)),
    ],
    datasets={"sw_cause": ("org/cause", "abc")},
    regions=("TZ",),
)


def leaks(prompt: str, answer: str, lineage: list[str] | None = None) -> str | None:
    messages = [{"role": "user", "content": prompt}, {"role": "assistant", "content": answer}]
    table = Contamination(INDEX)(schema.candidates([{"messages": messages, "lineage": lineage}]))
    detail: str | None = table["detail.contamination"][0].as_py()
    assert table["mark.contamination"][0].as_py() == (None if detail is None else "suite_leak")
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
        ("Asha alipanda mti", "Mti wa mwembe huzaa baada ya miaka mitatu.", None),
        ("Je?", "Alifurahi.", None),  # too short to say anything
    ],
)  # fmt: skip
def test_texts(prompt: str, answer: str, detail: str | None) -> None:
    assert leaks(prompt, answer) == detail


def test_lineage() -> None:
    assert leaks("Habari", "Nzuri", ["dolly/3", "story/en/17"]) == "lineage: an original of sw_story"
    assert leaks("Habari", "Nzuri", ["story/en/18"]) is None


def test_unreadable_rows_are_not_marked() -> None:
    table = Contamination(INDEX)(schema.candidates([{"messages": None, "lineage": ["story/en/17"]}]))
    assert table["mark.contamination"].to_pylist() == [None]


def test_every_part_of_a_text_is_a_key_of_it() -> None:
    assert text_keys("moja mbili tatu nne. tano sita saba nane tisa kumi.") >= text_keys(
        "Tano sita saba nane tisa kumi"
    )
    assert text_keys("moja mbili tatu nne") == set()


def test_saving_gives_the_same_bytes_in_any_order_and_no_text(tmp_path: Path) -> None:
    items = [SuiteItem("b", (STORY,), ("x",)), SuiteItem("a", (STORY, PREMISE))]
    SuiteIndex.build(items).save(tmp_path / "one.json")
    SuiteIndex.build(reversed(items)).save(tmp_path / "two.json")
    text = (tmp_path / "one.json").read_text(encoding="utf-8")
    assert text == (tmp_path / "two.json").read_text(encoding="utf-8")
    assert not any(word in text.lower() for word in ("asha", "mwembe", "taa"))
    loaded = SuiteIndex.load(tmp_path / "one.json")
    assert loaded == SuiteIndex.build(items)
    assert min(loaded.tasks_of_text.values()) == "a" and "a, b" in loaded.tasks_of_text.values()
    assert loaded.summary()["a"] == {
        "dataset": None,
        "revision": None,
        "items": 1,
        "texts": 2,
        "sample": False,
    }
    assert INDEX.summary()["sw_cause"] == {
        "dataset": "org/cause",
        "revision": "abc",
        "items": 2,
        "texts": 3,
        "sample": False,
    }


@pytest.mark.parametrize(
    ("content", "message"),
    [
        ("{", "Invalid JSON"),
        ('{"format": "lrl-suite-index/9", "tasks": {}, "texts": {}, "lineage": {}}', "format"),
        ('{"tasks": {}, "texts": {"a": ["short"]}, "lineage": {}}', "texts.a.0"),
        ('{"tasks": {}, "texts": {}, "lineage": {}, "more": 1}', "more"),
    ],
)
def test_a_wrong_file_is_refused(tmp_path: Path, content: str, message: str) -> None:
    path = tmp_path / "suite.json"
    with pytest.raises(LrlError, match="no such suite index"):
        SuiteIndex.load(path)
    path.write_text(content, encoding="utf-8")
    with pytest.raises(LrlError) as error:
        SuiteIndex.load(path)
    assert str(path) in str(error.value) and message in str(error.value)
