"""The benchmark on texts written here, and its goals on real ones."""

from __future__ import annotations

import csv
import random
from functools import partial
from pathlib import Path

import pytest

from tests.benchmarks import running

run = partial(running.run, "leaks.py", says=("recall", "precision", "rows of 40 words a second"))


def test_every_kind_is_planted_and_counted(tmp_path: Path) -> None:
    draw = random.Random(3)
    syllables = ["ka", "mi", "tu", "so", "le", "nda", "zi", "pwa", "cho", "bo", "re", "fu"]
    names = ["".join(draw.choices(syllables, k=draw.randint(2, 4))) for _ in range(600)]
    for code in ("swh_Latn", "eng_Latn"):
        (tmp_path / "data" / code).mkdir(parents=True)
        with (tmp_path / "data" / code / "dev.tsv").open("w", newline="") as file:
            writer = csv.writer(file, delimiter="\t")
            writer.writerow(["index_id", "category", "text"])
            writer.writerows([n, "x", " ".join(draw.choices(names, k=12)) + "."] for n in range(60))
    figures = run(tmp_path / "data", tmp_path / "out.json", "--rows", "200")
    kinds = {"copy", "light edit, 1 in 10", "light edit, 1 in 5", "parts reordered", "words reordered"}
    assert figures["leaks"].keys() == {
        *kinds, *(f"{kind}, embedded" for kind in kinds), "lineage id", "translated, English side", "translated, no id"
    }  # fmt: skip
    assert {kind: found["of"] for kind, found in figures["leaks"].items()} == dict.fromkeys(
        figures["leaks"], 30
    )
    # Words drawn at random: whatever is not planted shares nothing.
    assert figures["leaks"]["copy"]["n"] == figures["leaks"]["lineage id"]["n"] == 30
    assert figures["leaks"]["translated, no id"]["n"] == figures["innocent"]["neighbour"]["n"] == 0
    assert figures["recall"]["of"] == 12 * 30 and figures["suite"]["items"] == 30


def test_a_folder_without_texts(tmp_path: Path) -> None:
    done = running.process("leaks.py", tmp_path)
    assert done.returncode and "no texts of swh_Latn in a known layout" in done.stderr


@pytest.mark.data
@pytest.mark.parametrize("folder", ["xcopa", "sib200"])
def test_goals(data_dir: Path, tmp_path: Path, folder: str) -> None:
    figures = run(data_dir / folder, tmp_path / "out.json", "--rows", "500")
    assert figures["recall"]["share"] >= 0.95 and figures["precision"]["share"] >= 0.9
    assert figures["leaks"]["lineage id"]["share"] == 1
