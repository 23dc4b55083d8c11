"""The rule of the language file on prompt and answer; sentences written for this project."""

from __future__ import annotations

import pytest

from lrl_datasets import languages, schema
from lrl_datasets.filters import language_id
from lrl_datasets.filters.detectors import Verdict
from lrl_datasets.filters.language_id import LanguageId, judge

SWAHILI = "Kwa mujibu wa sheria za nchi, kila mwananchi ana haki ya kupata elimu na huduma za afya."
ENGLISH = "To store rain water, put a clean barrel under the roof pipe and cover it well."
FRENCH = "Pour garder l'eau de pluie, placez un tonneau propre sous la gouttière et couvrez-le."
MIXED = (
    "Ukitaka kutuma email, fungua app ya Gmail kwenye simu yako, kisha bonyeza kitufe cha compose "
    "na uandike ujumbe wako."
)


def rows(*pairs: tuple[str, str] | None, prompt_language: str | None = None) -> list[str | None]:
    table = LanguageId("swh_Latn")(
        schema.candidates(
            {
                "messages": pair
                and [{"role": "user", "content": pair[0]}, {"role": "assistant", "content": pair[1]}],
                "prompt_language": prompt_language,
            }
            for pair in pairs
        )
    )
    marks: list[str | None] = table["mark.language_id"].to_pylist()
    return marks


def test_prompt_and_answer_are_judged_apart() -> None:
    assert rows(
        (SWAHILI, SWAHILI), (ENGLISH, SWAHILI), (SWAHILI, FRENCH), (ENGLISH, FRENCH), (SWAHILI, MIXED), None
    ) == [None, "wrong_language_prompt", "wrong_language_answer", "wrong_language_prompt", None, None]


def test_capitals_are_no_other_language() -> None:
    assert rows((SWAHILI.upper(), SWAHILI.upper()), (SWAHILI, ENGLISH.upper())) == [
        None,
        "wrong_language_answer",
    ]


def test_short_texts() -> None:
    assert rows(
        ("Je, mji mkuu ni upi?", "Dodoma"),  # a name alone is no language
        ("Ni ngapi?", "42"),
        ("Nani alishinda?", "Barack Obama na Joe Biden"),
        ("Nani alikuwa wa kwanza?", "Jibu ni: Louis-Napoléon Bonaparte."),
        (SWAHILI, "I do not know the answer"),
        ("What is the capital city of Kenya?", SWAHILI),
    ) == [None, None, None, None, "wrong_language_answer", "wrong_language_prompt"]


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("Jibu ni Louis Bonaparte.", 2),
        ("Dodoma", 1),  # the first word of a sentence has a capital anyway
        ("Alizaliwa Moshi. Sasa anaishi Nairobi na Asha.", 4),
        ("The Federal Government Says Schools Will Open Next Month", 9),  # a headline
        ("habari za asubuhi", 3),
        ("ልጆቹ ኳስ ተጫወቱ።", 3),
    ],
)
def test_names_are_not_counted(text: str, words: int) -> None:
    assert language_id.count_without_names(text) == words


def test_a_prompt_that_says_it_is_in_another_language_is_not_held_against_the_row() -> None:
    assert rows((ENGLISH, SWAHILI), (ENGLISH, ENGLISH), prompt_language="eng_Latn") == [
        None,
        "wrong_language_answer",
    ]
    assert rows((ENGLISH, SWAHILI), prompt_language="swh_Latn") == ["wrong_language_prompt"]


def test_every_detector_is_kept_on_the_row() -> None:
    messages = [{"role": "user", "content": ENGLISH}, {"role": "assistant", "content": SWAHILI}]
    table = LanguageId("sw")(schema.candidates([{"messages": messages}, {"messages": None}]))
    row, unreadable = table.to_pylist()
    assert table.schema.field("lid").type == schema.LID
    assert row["lid_label"] == "swh_Latn" and row["lid_score"] > 0.536
    assert [(x["part"], x["detector"], x["label"]) for x in row["lid"]] == [
        (part, name, label)
        for part, label in (("prompt", "eng_Latn"), ("answer", "swh_Latn"))
        for name in ("py3langid", "fasttext", "langdetect")
    ]
    assert row["lid"][3]["score"] == row["lid_score"]
    assert row["detail.language_id"].startswith("16 words; py3langid: eng_Latn ")
    assert unreadable["lid"] is unreadable["lid_label"] is unreadable["mark.language_id"] is None


@pytest.mark.parametrize(
    ("words", "leading", "fasttext", "accepted"),
    [
        (8, ("swh_Latn", 0.536), ("eng_Latn", 1.0), True),  # the leading detector is sure
        (8, ("swh_Latn", 0.535), ("swh_Latn", 0.5), True),  # confirmed
        (8, ("swh_Latn", 0.535), ("swh_Latn", 0.49), False),
        (8, ("swh_Latn", 0.535), ("eng_Latn", 0.9), False),
        (8, ("kin_Latn", 0.01), ("swh_Latn", 0.9), False),  # nobody overrules its label
        (7, ("swh_Latn", 0.01), ("eng_Latn", 0.9), True),
        (7, ("kin_Latn", 0.536), ("eng_Latn", 0.2), False),  # both: not Swahili, and surely
        (7, ("kin_Latn", 0.535), ("eng_Latn", 0.2), True),
        (7, ("kin_Latn", 0.9), ("swh_Latn", 0.2), True),  # not on one detector's word
        (7, ("eng_Latn", 0.01), ("eng_Latn", 0.2), False),  # the same language
        (7, ("kin_Latn", 0.9), ("und", 0.0), True),
        (7, ("und", 0.0), ("eng_Latn", 0.2), True),
        (4, ("eng_Latn", 0.9), ("eng_Latn", 0.9), False),
        (3, ("eng_Latn", 0.9), ("eng_Latn", 0.9), True),  # too short to tell
        (8, ("und", 0.0), ("und", 0.0), False),
    ],
)
def test_the_rule(
    words: int, leading: tuple[str, float], fasttext: tuple[str, float], accepted: bool
) -> None:
    swahili = languages.load("swh_Latn")
    opinion = swahili.language_id.opinions[0]
    assert (opinion.detector, opinion.confirms, swahili.language_id.leading.threshold) == (
        "fasttext",
        0.5,
        0.536,
    )
    decided, _ = language_id._decide(swahili, words, Verdict(*leading), [(opinion, Verdict(*fasttext))])
    assert decided is accepted


def test_langdetect_decides_nothing_for_swahili() -> None:
    texts = [SWAHILI, ENGLISH, MIXED, "Ndiyo"]
    for full, deciding in zip(judge(texts, "sw"), judge(texts, "sw", all_opinions=False), strict=True):
        assert (full.accepted, full.why) == (deciding.accepted, deciding.why)
        assert [name for name, _ in full.verdicts] == ["py3langid", "fasttext", "langdetect"]
        assert [name for name, _ in deciding.verdicts] == ["py3langid", "fasttext"]


def test_a_table_may_be_cut_anywhere() -> None:
    texts = [SWAHILI, ENGLISH, MIXED, FRENCH, "Ndiyo", SWAHILI]
    assert judge(texts, "sw") == [judge([text], "sw")[0] for text in texts]
