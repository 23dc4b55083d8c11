"""One test over every registered language, and what the loader refuses."""

from __future__ import annotations

from pathlib import Path

import pytest

from lrl_datasets import languages
from lrl_datasets.errors import LrlError
from lrl_datasets.languages import Language, QuestionAnswer

SWAHILI = languages.FOLDER / "swh.toml"


@pytest.mark.parametrize("language", languages.all_languages(), ids=lambda language: language.code)
def test_every_language(language: Language) -> None:
    for code in (language.code, language.codes.iso639_3, language.codes.hub):
        assert languages.load(code) is language
    assert language.names.english and language.names.own
    assert language.personal_data.phone_regions
    assert language.code in language.labels(language.language_id.leading).values()
    template = language.templates.question_answer
    if not template.phrasings:  # a language straight from the scaffold: the builder has no templated source
        return
    prompts = set()
    for key in map(str, range(40 * len(template.phrasings))):
        prompt, answer = template.render("Q,w?", ["x", "y.", "x"], key)
        assert "Q, w?" in prompt and "{" not in prompt + answer and not answer.endswith("..")
        assert f"x {template.answer_or} y" in answer
        prompts.add(prompt)
    assert len(prompts) == len(template.phrasings) >= 5


def test_macrolanguage_and_unknown_code() -> None:
    assert languages.load("swa").code == "swh_Latn"
    with pytest.raises(LrlError, match=r"unknown language 'xx'; known: .*swh_Latn \(Swahili\)"):
        languages.load("xx")


@pytest.mark.parametrize(
    ("old", "new", "message"),
    [
        ('own = "Kiswahili"', 'own = "Kiswahili"\nnickname = "x"', "names.nickname: Extra inputs"),
        ("threshold = 0.4\n", "treshold = 0.4\n", "language_id.leading.treshold"),
        ("threshold = 0.4\n", "threshold = nan\n", "threshold: Input should be a finite number"),
        ("words = 20", "words = 12", "words must rise"),
        ('"kin_Latn"', '"rw"', "language_id.neighbours.0: String should match"),
        ('"TZ"', '"XX"', "no phone numbers are known of XX"),
        ('py3langid = "sw"\n', "", "py3langid has no label for swh_Latn"),
        ("{question} Nijibu", "{qestion} Nijibu", "must contain {question} exactly once"),
        ('answer = "{answer}"', 'answer = "{answer!r}"', "must contain {answer} exactly once"),
        ('iso639_3 = "swh"', 'iso639_3 = "hau"', "name two languages"),
        ('code = "swh_Latn"', 'code = "swh"', "code: String should match"),
        ('answer_or = "au"', "", "answer_or is missing"),
        ("min_words = 8", "min_words = ", "not valid TOML"),
    ],
)
def test_a_wrong_file_is_refused_by_name_and_key(tmp_path: Path, old: str, new: str, message: str) -> None:
    text = SWAHILI.read_text(encoding="utf-8")
    assert old in text
    path = tmp_path / "swh.toml"
    path.write_text(text.replace(old, new), encoding="utf-8")
    with pytest.raises(LrlError) as error:
        languages.load_file(path)
    assert str(path) in str(error.value) and message in str(error.value)


def test_a_file_under_another_name_is_refused(tmp_path: Path) -> None:
    path = tmp_path / "sw.toml"
    path.write_text(SWAHILI.read_text(encoding="utf-8"), encoding="utf-8")
    with pytest.raises(LrlError, match=r"is named swh\.toml"):
        languages.load_file(path)


@pytest.mark.parametrize(
    ("question", "mended"),
    [
        ("Je,rais   ni nani ?", "Je, rais ni nani?"),
        ("mji mkuu ni upi", "Mji mkuu ni upi?"),
        ("Watu 10,000 walikuja lini??", "Watu 10,000 walikuja lini?"),
        ("Je,4 jumlisha 4 ni ngapi?", "Je, 4 jumlisha 4 ni ngapi?"),
        ("Jina lake ni nani.", "Jina lake ni nani?"),
        ("Iko nchini U.S.?", "Iko nchini U.S.?"),
    ],
)
def test_questions_are_mended(question: str, mended: str) -> None:
    assert QuestionAnswer().mend(question) == mended


def test_the_row_chooses_the_phrasing() -> None:
    template = languages.load("sw").templates.question_answer
    assert template.render("Swali?", ["jibu"], "train/7") == template.render("Swali?", ["jibu"], "train/7")
    with pytest.raises(ValueError, match="no answer"):
        template.render("Swali?", [" "], "train/7")
