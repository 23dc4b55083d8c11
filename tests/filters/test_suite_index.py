"""The index holds no text, is the same bytes in any order, and knows what is common from what is rare."""

from __future__ import annotations

import json
import pickle
from pathlib import Path

import pyarrow as pa
import pytest

from lrl_datasets.errors import LrlError
from lrl_datasets.filters.suite_index import Original, SuiteIndex, SuiteItem

STORY = "Asha alipanda mti wa mwembe nyuma ya nyumba. Miaka mitatu baadaye mti huo ulizaa maembe matamu sana."
PREMISE = "Taa ya chumbani ilizimika ghafla"  # five words


def found(index: SuiteIndex, text: str, share: float = 0.6) -> dict[str, float]:
    """Tasks that `text` is found to have a text of, with the most bits."""
    hits = index.search(pa.array([text]), share, 20)
    told: dict[str, float] = {}
    for unit, bits in zip(hits["unit"], hits["bits"], strict=True):
        told[index.names(unit)] = max(float(bits), told.get(index.names(unit), 0))
    return told


def test_saving_gives_the_same_bytes_in_any_order_and_no_text(tmp_path: Path) -> None:
    items = [SuiteItem("b", (STORY,), ("x",)), SuiteItem("a", (STORY, PREMISE, "Ndiyo"))]
    SuiteIndex.build(items).save(tmp_path / "one.json")
    SuiteIndex.build(reversed(items)).save(tmp_path / "two.json")
    text = (tmp_path / "one.json").read_text(encoding="utf-8")
    assert text == (tmp_path / "two.json").read_text(encoding="utf-8")
    assert not any(word in text.lower() for word in ("asha", "mwembe", "ghafla"))
    loaded = SuiteIndex.load(tmp_path / "one.json")
    assert loaded == SuiteIndex.build(items)
    assert found(loaded, STORY).keys() == {"a, b"} and found(loaded, PREMISE).keys() == {"a"}
    expected = {"dataset": None, "revision": None, "items": 1, "texts": 2, "sample": False, "english": None}
    assert loaded.summary()["a"] == expected


def test_another_process_reads_the_file_where_it_lies(tmp_path: Path) -> None:
    SuiteIndex.build([SuiteItem("a", (STORY,))]).save(tmp_path / "one.json")
    index = SuiteIndex.load(tmp_path / "one.json")
    sent = pickle.dumps(index)
    assert len(sent) < 500 and pickle.loads(sent) is index is SuiteIndex.load(tmp_path / "one.json")
    SuiteIndex.build([SuiteItem("a", (PREMISE,))]).save(tmp_path / "one.json")
    assert found(SuiteIndex.load(tmp_path / "one.json"), PREMISE)  # another file is read anew


def test_what_is_masked_in_rows_is_masked_here() -> None:
    index = SuiteIndex.build(
        [SuiteItem("a", ("Nipigie 0712 345 678 kesho saa mbili asubuhi",))], regions=("TZ",)
    )
    assert found(index, "Nipigie [PHONE] kesho saa mbili asubuhi", 1.0)


def test_units_are_texts_and_sentences_of_enough_words() -> None:
    index = SuiteIndex.build([SuiteItem("a", (f"{STORY} Je, unajua?", "Moja mbili tatu nne"))])
    sizes = sorted(index.arrays["n_words"].tolist())
    # The whole (its distinct words), and its two sentences; "mti" is twice in the whole.
    assert sizes == [8, 9, 18]
    assert found(index, "Moja mbili tatu nne") == {}
    assert index.tasks["a"].texts == 1 and index.tasks["a"].items == 1


def test_common_words_say_little_and_phrases_nothing() -> None:
    text = "Ndege wa mtoni alijenga kiota kipya"
    common = [f"habari {n} wa leo ni ya {n} na kesho" for n in range(500)]
    phrase = [f"ndege wa mtoni alijenga {n}" for n in range(40)]
    bits = {}
    for name, lines in {"none": ["x"], "common": common, "phrase": common + phrase}.items():
        index = SuiteIndex.build([SuiteItem("a", (text,))], background=[pa.array(lines)])
        (bits[name],) = found(index, text).values()
    assert 0 < bits["phrase"] < bits["common"] - 20
    # By hand, without background: six words, each seen nowhere else, 6 (log2(6 + 2^13 + 1) - log2(1)) in eighths.
    assert bits["none"] == pytest.approx(6 * 13, abs=0.1)


def test_an_item_that_is_in_three_suites_is_not_common_by_it() -> None:
    alone = SuiteIndex.build([SuiteItem("a", (STORY,))])
    thrice = SuiteIndex.build([SuiteItem(task, (STORY,)) for task in "abc"])
    assert list(found(alone, STORY).values()) == list(found(thrice, STORY).values())


def test_letters_are_words_where_no_spaces_are_written() -> None:
    index = SuiteIndex.build([SuiteItem("a", ("เขาเดินไปตลาดทุกเช้าเพื่อซื้อผัก",))])
    assert found(index, "เมื่อวาน เขาเดินไปตลาดทุกเช้าเพื่อซื้อผัก ครับ")


@pytest.mark.parametrize(
    ("content", "message"),
    [
        ("{", "Invalid JSON"),
        ("[]", "format"),
        ('{"format": "lrl-suite-index/9", "tasks": {}, "texts": {}, "lineage": {}}', "format"),
        ('{"format": "lrl-suite-index/1", "tasks": {}, "texts": {}, "lineage": {}}', "makes it anew"),
        ('{"format": "lrl-suite-index/2", "tasks": {}, "holders": [], "arrays": {}}', "lineage"),
        ('{"format": "lrl-suite-index/2", "tasks": {}, "lineage": {}, "holders": [], "arrays": {}, "more": 1}', "more"),
        ('{"format": "lrl-suite-index/2", "tasks": {}, "lineage": {}, "holders": [], "arrays": {}}', "arrays.holder"),
    ],
)  # fmt: skip
def test_a_wrong_file_is_refused(tmp_path: Path, content: str, message: str) -> None:
    path = tmp_path / "suite.json"
    with pytest.raises(LrlError, match="no such suite index"):
        SuiteIndex.load(path)
    path.write_text(content, encoding="utf-8")
    with pytest.raises(LrlError) as error:
        SuiteIndex.load(path)
    assert str(path) in str(error.value) and message in str(error.value)


@pytest.mark.parametrize("name", ["words", "pairs", "n_words", "holder"])
def test_damage_is_found(tmp_path: Path, name: str) -> None:
    SuiteIndex.build([SuiteItem("a", (STORY,))]).save(tmp_path / "one.json")
    content = json.loads((tmp_path / "one.json").read_text())
    content["arrays"][name] = (
        content["arrays"][name][:-8] + "////////"[: 0 if name in ("words", "pairs") else 8]
    )
    (tmp_path / "one.json").write_text(json.dumps(content))
    with pytest.raises(LrlError, match=r"arrays"):
        SuiteIndex.load(tmp_path / "one.json")


def test_where_english_originals_come_from_is_told() -> None:
    read = Original(dataset="org/english", config="en", revision="abc", items=1)
    items = [
        SuiteItem("a", (STORY,)),
        SuiteItem("a", ("Asha planted a mango tree behind the house",), english=True),
    ]
    told = SuiteIndex.build(items, english={"a": read}).tasks["a"]
    assert (told.items, told.texts, told.english) == (1, 1, read)
