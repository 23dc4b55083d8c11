"""Letters by script, worked out by hand."""

from __future__ import annotations

from lrl_datasets.filters.scripts import letters_by_script


def test_letters_are_counted_by_script() -> None:
    texts = ["Habari 5!", "ሰላም ABC", "नेपाल", "Привет", "", "π ≈ 3"]
    # Columns: the script itself, Latin, others. Vowel signs are no letters; Greek letters stand in formulas.
    assert letters_by_script(texts, "Latn").tolist() == [
        [6, 0, 0], [3, 0, 3], [0, 0, 3], [0, 0, 6], [0, 0, 0], [0, 0, 0],
    ]  # fmt: skip
    assert letters_by_script(texts, "Ethi").tolist()[:3] == [[0, 6, 0], [3, 3, 0], [0, 0, 3]]
    assert letters_by_script(["Καλημέρα"], "Grek").tolist() == [[8, 0, 0]]
    assert letters_by_script(["漢字 kana かな"], "Jpan").tolist() == [[4, 4, 0]]
    # A script that is not known: nothing is held against a text.
    assert letters_by_script(["abc", "абв"], "Zzzz").tolist() == [[3, 0, 0], [3, 0, 0]]
