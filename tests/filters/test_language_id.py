"""The rule of the language file on prompt and answer; sentences written for this project."""

from __future__ import annotations

import pytest

from lrl_datasets import languages, schema
from lrl_datasets.filters import language_id
from lrl_datasets.filters.detectors import Verdict
from lrl_datasets.filters.language_id import LanguageId, judge
from lrl_datasets.languages import LanguageIdFacts

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


def decided(*pairs: tuple[str, str]) -> list[tuple[str | None, str | None, str | None]]:
    """(what of the prompt, what of the answer, mark) of each row."""
    table = LanguageId("swh_Latn")(
        schema.candidates(
            {"messages": [{"role": "user", "content": prompt}, {"role": "assistant", "content": answer}]}
            for prompt, answer in pairs
        )
    )
    columns = (table[name].to_pylist() for name in ("lid_prompt", "lid_answer", "mark.language_id"))
    return list(zip(*columns, strict=True))


def test_short_texts_are_judged_with_the_row_and_too_short_is_an_answer() -> None:
    assert decided(
        (SWAHILI, "Ndiyo, ni kweli kabisa."),
        (SWAHILI, "Dodoma"),
        ("Je, mji mkuu wa Tanzania ni upi?", "Ni mji wa Dodoma tangu zamani."),
        ("Ni ngapi?", "42"),
        # Kamba: neither text is long enough to be refused by itself, both together are.
        ("Mundu usu aumie va indii?", "Kaendie sukulu vamwe na ana angi."),
    ) == [
        ("own", "with_row", None),
        ("own", "too_short", None),
        ("with_row", "with_row", None),
        ("too_short", "too_short", None),
        ("other", "other", "wrong_language_answer"),
    ]


def test_another_script_is_refused_before_anything_else() -> None:
    assert decided(
        (SWAHILI, "ጸሐይ"), (SWAHILI, "北京"), ("मौसम कैसा है?", SWAHILI), (SWAHILI, "Jibu ni Δ tu.")
    ) == [
        ("own", "other", "wrong_language_answer"),
        ("own", "other", "wrong_language_answer"),
        ("other", "own", "wrong_language_prompt"),
        ("own", "too_short", None),
    ]
    # In a script of its own a language still has Latin names and terms, but no Latin sentences.
    texts = ["GPS", "የአዲስ አበባ ሕዝብ ብዛት ከጊዜ ወደ ጊዜ እየጨመረ ነው።", "Addis Ababa is the capital of Ethiopia"]
    assert [one.decision for one in judge(texts, "amh")] == ["too_short", "own", "other"]


def test_quotations_code_and_links_are_not_held_against_a_text() -> None:
    quoting = f'{SWAHILI} Msemo wake ni "to be or not to be, that is the question of all questions in life".'
    coding = f"{SWAHILI}\n```python\nfor number in range(10): print(number, end=' ')\nimport this\n```"
    linking = f"{SWAHILI} https://example.org/how-to-store-rain-water-in-a-clean-barrel-under-the-roof"
    assert [one.decision for one in judge([quoting, coding, linking], "sw")] == ["own"] * 3


def test_code_switching_is_measured_and_not_punished() -> None:
    teacher = (
        "Photosynthesis ni process ambayo mimea hutumia light energy kutengeneza chakula chake kila siku."
    )
    mostly_english = (
        "Please make sure that you save your work before closing the program, kisha bonyeza kitufe hiki hapa chini "
        "because all of your changes will be lost otherwise and nobody can bring them back to you again."
    )
    table = LanguageId("sw")(
        schema.candidates(
            {"messages": [{"role": "user", "content": prompt}, {"role": "assistant", "content": answer}]}
            for prompt, answer in (
                (teacher, SWAHILI),
                (SWAHILI, teacher),
                (SWAHILI, mostly_english),
                (SWAHILI, "42"),
            )
        )
    )
    marks, prompts, answers = (
        table[name].to_pylist() for name in ("mark.language_id", "mixed_prompt", "mixed_answer")
    )
    assert marks == [None, None, "wrong_language_answer", None]
    assert 0.1 < prompts[0] == answers[1] < 0.4
    assert (answers[0], prompts[1:], answers[3]) == (0.0, [0.0, 0.0, 0.0], None)


def test_more_of_another_language_than_the_file_allows() -> None:
    judgement = judge([SWAHILI], "sw")[0]._replace(mixed=0.55)
    assert language_id._unmixed(judgement, 0.6, "eng_Latn") is judgement
    refused = language_id._unmixed(judgement, 0.5, "eng_Latn")
    assert (refused.accepted, refused.decision) == (False, "other")
    assert refused.why.endswith("55% of its words are eng_Latn, at most 50%")


def test_words_that_only_the_neighbours_have() -> None:
    amharic = "ልጆቹ ፀሐይ እስክትጠልቅ ድረስ በሜዳው ላይ ኳስ ሲጫወቱ ዋሉ።"
    tigrinya = "እቶም ቆልዑ ፀሓይ ክሳብ ትዓርብ ኣብቲ ሜዳ ኩዕሶ ክፃወቱ ውዒሎም እዮም።"
    kept, refused = judge([amharic, tigrinya], "amh_Ethi")
    assert kept.accepted and not refused.accepted and "neighbours'" in refused.why
    assert kept.verdicts[0][1].label == refused.verdicts[0][1].label == "amh_Ethi"


def test_a_prompt_that_says_it_is_in_another_language_is_not_held_against_the_row() -> None:
    assert rows((ENGLISH, SWAHILI), (ENGLISH, ENGLISH), prompt_language="eng_Latn") == [
        None,
        "wrong_language_answer",
    ]
    assert rows((ENGLISH, SWAHILI), prompt_language="swh_Latn") == ["wrong_language_prompt"]


def test_every_detector_that_was_asked_is_kept_on_the_row() -> None:
    messages = [
        {"role": "user", "content": "What is the capital city of Kenya?"},
        {"role": "assistant", "content": SWAHILI},
    ]
    table = LanguageId("sw")(schema.candidates([{"messages": messages}, {"messages": None}]))
    row, unreadable = table.to_pylist()
    assert table.schema.field("lid").type == schema.LID
    assert row["lid_label"] == "swh_Latn" and row["lid_score"] > 0.536
    # fastText is asked of the short prompt, of which py3langid alone does not decide.
    assert [(x["part"], x["detector"], x["label"]) for x in row["lid"]] == [
        ("prompt", "py3langid", "eng_Latn"), ("prompt", "fasttext", "eng_Latn"), ("answer", "py3langid", "swh_Latn"),
    ]  # fmt: skip
    assert row["lid"][2]["score"] == row["lid_score"]
    assert row["detail.language_id"].startswith("6 words; py3langid: eng_Latn ")
    for name in ("lid", "lid_label", "lid_prompt", "lid_answer", "mark.language_id"):
        assert unreadable[name] is None


RULE = LanguageIdFacts.model_validate(
    {
        "leading": {
            "detector": "py3langid",
            "threshold": 0.4,
            "longer": [{"words": 12, "threshold": 0.5}, {"words": 20, "threshold": 0.6}],
        },
        "opinions": [{"detector": "fasttext", "confirms": 0.5, "condemns_short": True}],
    }
)
SWAHILI_BY_RULE = languages.load("swh_Latn").model_copy(update={"language_id": RULE})
HAUSA_BY_RULE = languages.load("hau_Latn").model_copy(update={"language_id": RULE})


def test_the_threshold_rises_with_the_length() -> None:
    assert [RULE.leading.threshold_at(words) for words in (1, 11, 12, 19, 20, 500)] == [
        0.4,
        0.4,
        0.5,
        0.5,
        0.6,
        0.6,
    ]


@pytest.mark.parametrize(
    ("words", "leading", "fasttext", "decision"),
    [
        (8, ("swh_Latn", 0.39), ("swh_Latn", 0.5), "own"),  # confirmed
        (8, ("swh_Latn", 0.39), ("swh_Latn", 0.49), "other"),
        (8, ("swh_Latn", 0.39), ("eng_Latn", 0.9), "other"),
        (7, ("kin_Latn", 0.4), ("eng_Latn", 0.2), "other"),  # both: not Swahili, and surely
        (7, ("kin_Latn", 0.39), ("eng_Latn", 0.2), "short"),
        (7, ("kin_Latn", 0.9), ("swh_Latn", 0.2), "short"),  # not on one detector's word
        (7, ("eng_Latn", 0.01), ("eng_Latn", 0.2), "other"),  # the same language
        (7, ("kin_Latn", 0.9), ("und", 0.0), "short"),
    ],
)
def test_what_opinions_decide(
    words: int, leading: tuple[str, float], fasttext: tuple[str, float], decision: str
) -> None:
    heard = [(RULE.opinions[0], Verdict(*fasttext))]
    assert language_id._doubtful(SWAHILI_BY_RULE, words, Verdict(*leading), heard)[0] == decision


def test_an_opinion_that_does_not_know_the_language_condemns_only_beside_a_sure_detector() -> None:
    heard = [(RULE.opinions[0], Verdict("fra_Latn", 0.9))]  # lid.176 knows no Hausa
    assert language_id._doubtful(HAUSA_BY_RULE, 7, Verdict("zul_Latn", 0.59), heard)[0] == "short"
    assert language_id._doubtful(HAUSA_BY_RULE, 7, Verdict("zul_Latn", 0.6), heard)[0] == "other"


def test_an_opinion_that_is_always_asked() -> None:
    facts = {**RULE.model_dump(), "opinions": [{"detector": "langdetect", "always": True}]}
    swahili = SWAHILI_BY_RULE.model_copy(update={"language_id": LanguageIdFacts.model_validate(facts)})
    for one in judge([SWAHILI, ENGLISH, "Ndiyo"], swahili):
        assert [name for name, _ in one.verdicts] == ["py3langid", "langdetect"]


def test_a_table_may_be_cut_anywhere() -> None:
    texts = [SWAHILI, ENGLISH, MIXED, FRENCH, "Ndiyo", SWAHILI]
    assert judge(texts, "sw") == [judge([text], "sw")[0] for text in texts]
