from __future__ import annotations

import json
import shutil
from collections.abc import Callable
from pathlib import Path

import datasets
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from lrl_datasets.errors import LrlError
from lrl_datasets.evaluation.index import build_index, items_of
from lrl_datasets.evaluation.tasks import IndexRule, read_suites
from lrl_datasets.filters.suite_index import SuiteIndex
from lrl_datasets.local_hub import put

from ..hub import run_client, running_hub
from . import suite

pytestmark = pytest.mark.xdist_group("suite")  # one Hub and one cache for all of them

BUILD = """
from pathlib import Path
from lrl_datasets.evaluation.index import build_index
build_index().save(Path({path!r}))
"""


@pytest.fixture(scope="module")
def index_file(client: Callable[[str], str], tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("index") / "index.json"
    client(BUILD.format(path=str(path)))
    return path


def test_every_item_of_the_scored_splits_is_in(index_file: Path) -> None:
    index = SuiteIndex.load(index_file)
    assert set(index.tasks) == {"sw_xnli", "sw_xcopa", "sw_xstory_cloze"}  # not our own held-out split
    # One row in each split that is not scored, the others in the one that is.
    assert index.tasks["sw_xnli"].items == 1 + (len(suite.XNLI) - 1)  # validation, test; not train
    assert index.tasks["sw_xcopa"].items == len(suite.XCOPA)
    assert index.tasks["sw_xstory_cloze"].items == len(suite.STORY)
    for premise, hypothesis, _ in suite.XNLI:
        for text in (premise, hypothesis):
            if len(text.split()) < 5:
                continue  # too short to say anything
            assert "sw_xnli" in holders(index, text)
    for row in suite.STORY:
        assert "sw_xstory_cloze" in holders(index, " ".join(row[1:5]))
    assert holders(index, "Mtu huyu hajawahi kuonekana hapa mjini kwetu") == set()


def holders(index: SuiteIndex, text: str) -> set[str]:
    """Tasks that have all of `text`."""
    return {index.names(unit) for unit in index.search(pa.array([text]), 1.0, 24)["unit"]}


def test_originals_are_spelled_as_training_rows_spell_them(index_file: Path) -> None:
    index = SuiteIndex.load(index_file)
    assert index.lineage["sw_xcopa"] == ["copa:0", "copa:test/1", "copa:test/2"]
    assert index.lineage["sw_xstory_cloze"] == ["story_cloze:a1", "story_cloze:a2", "story_cloze:a3"]
    assert index.lineage["sw_xnli"] == ["xnli:test/0", "xnli:test/1", "xnli:test/2", "xnli:validation/0"]


def test_no_text_is_in_it_and_it_names_its_commits(index_file: Path) -> None:
    text = index_file.read_text("utf-8")
    for row in [*suite.XNLI, *suite.XCOPA, *suite.STORY]:
        for cell in row:
            assert not (isinstance(cell, str) and " " in cell and cell in text)
    for name, facts in json.loads(text)["tasks"].items():
        assert facts["dataset"] == read_suites().tasks[name].dataset_path
        assert len(facts["revision"]) == 40


def test_sample_rows_are_marked_and_others_are_not(index_file: Path, tmp_path: Path) -> None:
    assert {facts.sample for facts in SuiteIndex.load(index_file).tasks.values()} == {True}
    # The same rows under a card that does not call them so.
    repo = read_suites().tasks["sw_xcopa"].dataset_path
    with running_hub(tmp_path) as hub:
        suite.fill(tmp_path / "hub", tmp_path / "scratch")
        copy = (
            f"from huggingface_hub import snapshot_download as d; d({repo!r}, repo_type='dataset', local_dir="
        )
        run_client(f"{copy}{str(tmp_path / 'copy')!r})", hub.url, tmp_path)
        shutil.rmtree(tmp_path / "copy" / ".cache")
        card = tmp_path / "copy" / "README.md"
        card.write_text(card.read_text("utf-8").replace("- sample\n", ""), encoding="utf-8")
        put(tmp_path / "hub", repo, tmp_path / "copy")
        run_client(BUILD.format(path=str(tmp_path / "real.json")), hub.url, tmp_path)
    real = SuiteIndex.load(tmp_path / "real.json").tasks
    assert {name for name, facts in real.items() if not facts.sample} == {"sw_xcopa"}


def test_the_same_hub_gives_the_same_bytes(
    index_file: Path, client: Callable[[str], str], tmp_path: Path
) -> None:
    client(BUILD.format(path=str(tmp_path / "again.json")))
    assert (tmp_path / "again.json").read_bytes() == index_file.read_bytes()


def test_templates_by_hand() -> None:
    rule = IndexRule(
        splits=["validation", "test"],
        texts=["{a} {b}", "{b}"],
        lineage={"validation": "o:{n}", "test": "o:{split}/{row}"},
    )
    rows = datasets.Dataset.from_list([{"a": "x", "b": "y", "n": 7}, {"a": "u", "b": "v", "n": 8}])
    (first, second) = items_of(rows, "t", rule, "validation")
    assert (first.task, first.texts, first.lineage) == ("t", ("x y", "y"), ("o:7",))
    assert second.lineage == ("o:8",)
    assert [item.lineage for item in items_of(rows, "t", rule, "test")] == [("o:test/0",), ("o:test/1",)]


def test_what_is_not_there_is_refused(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    with pytest.raises(LrlError, match="there is no suite sw_suit; ours are sw_suite, sw_suite_stock"):
        build_index(["sw_suit"])
    with pytest.raises(LrlError, match="no task of it says what is to be indexed"):
        build_index(["sw_suite_stock"])
    (tmp_path / "cambridgeltl/xcopa").mkdir(parents=True)
    monkeypatch.chdir(tmp_path)
    with pytest.raises(LrlError, match="shadows the dataset cambridgeltl/xcopa"):
        build_index(["sw_suite"])


def test_english_originals_are_looked_for_and_said_where_missing(index_file: Path, tmp_path: Path) -> None:
    told = SuiteIndex.load(index_file).tasks
    assert told["sw_xcopa"].english and "no such dataset" in str(told["sw_xcopa"].english.missing)
    assert told["sw_xnli"].english and "no config en" in str(told["sw_xnli"].english.missing)
    with running_hub(tmp_path) as hub:
        suite.fill(tmp_path / "hub", tmp_path / "scratch")
        folder = tmp_path / "copa" / "copa"
        folder.mkdir(parents=True)
        text = "The lamp in the bedroom suddenly went out"
        row = {"premise": text, "choice1": "The power failed.", "choice2": "It was noon.", "idx": 0}
        splits = ("validation", "test")
        for split in splits:
            pq.write_table(pa.Table.from_pylist([row]), folder / f"{split}-00000-of-00001.parquet")
        paths = "".join(f"  - split: {split}\n    path: copa/{split}-*\n" for split in splits)
        card = f"---\nconfigs:\n- config_name: copa\n  data_files:\n{paths}---\n"
        (tmp_path / "copa" / "README.md").write_text(card, encoding="utf-8")
        put(tmp_path / "hub", "aps/super_glue", tmp_path / "copa")
        run_client(BUILD.format(path=str(tmp_path / "index.json")), hub.url, tmp_path)
    index = SuiteIndex.load(tmp_path / "index.json")
    english = index.tasks["sw_xcopa"].english
    assert english and (english.dataset, english.items, english.missing) == ("aps/super_glue", 2, None)
    assert index.tasks["sw_xcopa"].items == len(suite.XCOPA)  # those that are scored
    assert holders(index, f"Why? {text}.") == {"sw_xcopa"}
    assert index.background > 0  # the training split of XNLI
