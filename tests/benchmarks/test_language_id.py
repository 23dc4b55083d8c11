"""The benchmark on a folder small enough to count by hand, and its goals on real sentences."""

from __future__ import annotations

from functools import partial
from pathlib import Path

import pytest

from tests.benchmarks import running
from tests.filters import labelled

run = partial(running.run, "language_id.py", says=("recall", "texts per second"))


def test_by_hand(tmp_path: Path) -> None:
    folder = tmp_path / "data"
    swahili = [
        "Serikali ya Tanzania imesema kwamba shule zote zitafunguliwa mwezi ujao.",
        "Kwa mujibu wa sheria za nchi, kila mwananchi ana haki ya kupata elimu na huduma za afya.",
        "Habari za asubuhi?",
        "The weather in the mountains changes quickly at this time of the year.",  # labelled wrongly
    ]
    english = ["The children played football in the field until the sun went down."] * 2
    for code, texts in (("swh_Latn", swahili), ("eng_Latn", english)):
        (folder / code).mkdir(parents=True)
        rows = "".join(f"{n}\tnews\t{text}\n" for n, text in enumerate(texts))
        (folder / code / "dev.tsv").write_text("index_id\tcategory\ttext\n" + rows, encoding="utf-8")
    figures = run(folder, tmp_path / "out.json")
    assert list(figures) == ["rule", "py3langid label", "fasttext label", "langdetect label"]
    rule = figures["rule"]
    assert (rule["recall"]["texts"], rule["recall"]["share"]) == (4, 0.75)
    # Wilson's interval for 3 of 4 at 95 %, worked out on paper.
    assert rule["recall"]["low"] == pytest.approx(0.3006, abs=1e-4)
    assert rule["recall"]["high"] == pytest.approx(0.9544, abs=1e-4)
    assert (rule["recall_of_1_to_3_words"]["texts"], rule["recall_from_8_words"]["texts"]) == (1, 3)
    assert rule["recall_in_capitals"]["kept"] == rule["recall_with_letters_dropped"]["kept"] == 2
    english_only = rule["let_through"]["eng_Latn"]
    assert (english_only["texts"], english_only["kept"]) == (2, 0)


def test_fitted_on_one_half_and_scored_on_the_other(tmp_path: Path) -> None:
    folder = labelled.folder(tmp_path / "data", swh_Latn=600, kam_Latn=120, eng_Latn=60)
    figures = run(folder, tmp_path / "out.json", "--rule-only", "--fit", str(folder))
    assert list(figures) == ["rule", "fitted", "code_switching"]
    assert figures["code_switching"]["own"]["mean_error_points"] == 0
    assert figures["code_switching"]["halves"]["mean_error_points"] < 6
    assert figures["fitted"]["recall"]["texts"] == 300
    assert figures["fitted"]["let_through"]["kam_Latn"]["texts"] == 60
    assert figures["fitted"]["let_through_pooled"]["kept"] <= figures["rule"]["let_through_pooled"]["kept"]
    assert figures["fitted"]["recall"]["share"] >= 0.98


def test_a_folder_without_sentences(tmp_path: Path) -> None:
    done = running.process("language_id.py", tmp_path)
    assert done.returncode and "no labelled sentences" in done.stderr


@pytest.mark.data
@pytest.mark.parametrize("language", ["swh_Latn", "hau_Latn", "yor_Latn", "amh_Ethi", "npi_Deva"])
def test_a_language_against_56_others(data_dir: Path, tmp_path: Path, language: str) -> None:
    rule = run(data_dir / "sib200", tmp_path / "sib.json", "--rule-only", "--language", language)["rule"]
    assert rule["recall_from_8_words"]["share"] >= 0.99
    assert rule["let_through_pooled"]["share"] <= 0.002
    assert next(iter(rule["let_through"].values()))["share"] <= 0.05


@pytest.mark.data
def test_swahili_questions(data_dir: Path, tmp_path: Path) -> None:
    rule = run(data_dir / "afriqa", tmp_path / "afriqa.json", "--rule-only")["rule"]
    assert rule["recall"]["share"] >= 0.97
