from __future__ import annotations

import pytest

from lrl_datasets.filters.truncated import Truncated
from tests.filters.conversations import conversations, details, marks

STEP = Truncated("swh_Latn")


@pytest.mark.parametrize(
    ("answer", "why"),
    [
        ("Chukua unga,", "ends with U+002C"),
        ("Hatua ni hizi:\n", "ends with U+003A"),
        ("Kuku (au bata (", "ends with U+0028"),
        ("Mtoto alikwenda sokoni kununua maji ya", "ends with a word that nothing ends with"),
        ("He took the bucket and went to the", "ends with a word that nothing ends with"),
        ("Hii hapa:\n```python\nprint(1)", "a code fence is open"),
        # Whole:
        ("Hii hapa:\n```python\nprint(1)\n```", None),
        ("Ndiyo", None),
        ("Sijui :(", None),
        ("Mtoto alikwenda sokoni kununua maji", None),
        ("- maziwa na chai ya moto na", None),
        ("Mtoto alikwenda sokoni.", None),
        ("Alisema: “Njoo!”", None),
        ("Angalia https://example.org/na", None),
        ("Jumla ni sh. 500/-", None),
    ],
)
def test_an_end_that_says_so_by_itself(answer: str, why: str | None) -> None:
    table = conversations([("Eleza.", answer), None], source="s")
    assert details(STEP, table) == [why, None]
    assert marks(STEP, table) == [why and "truncated", None]


def test_what_the_builder_knows_of_a_source() -> None:
    rows = ["Mtoto alikwenda sokoni kununua maji", "Juma wa Kwanza", "1. Chukua maji ya moto sana",
            "# Jinsi ya kupika wali mweupe", "ฉันชอบกินข้าวกับไข่ ทุก วัน ที่ บ้าน", "Mtoto alikwenda sokoni!"]  # fmt: skip
    of = {
        name: conversations([("Eleza.", text) for text in rows], source=name)
        for name in ("whole", "cut", "other")
    }
    step = Truncated("swh_Latn", whole_sentences=("whole",), cut_at=(("cut", 15),))
    assert details(step, of["whole"]) == ["answers of the source end with a full stop", *[None] * 5]
    cut = [f"{n} characters, and the source is cut at 15" if n else None for n in (35, 0, 27, 29, 36, 0)]
    assert details(step, of["cut"]) == cut
    assert details(step, of["other"]) == [None] * 6
