"""What the library knows of a language: one TOML file each, beside this loader.

A language file holds facts and words, never code: its codes in other inventories, the countries whose phone
numbers are masked, which detector decides whether a text is in the language and with what thresholds, and the
phrasings that turn a question with a short answer into an instruction. The loader takes any of a language's
usual codes and gives a validated `Language`; unknown keys are refused, so that a misspelt threshold is an
error and not a default. The docstring under each field
below says what the key means; `swh.toml` is the worked example.
"""

from __future__ import annotations

import hashlib
import re
import string
import tomllib
from collections.abc import Sequence
from functools import cache
from pathlib import Path
from typing import Annotated, Literal

from pydantic import BaseModel, ConfigDict, Field, ValidationError, field_validator, model_validator

from lrl_datasets.errors import LrlError
from lrl_datasets.languages import harm_lists
from lrl_datasets.languages.crowd import CrowdTexts
from lrl_datasets.schema import digest

FOLDER = Path(__file__).parent

DetectorName = Literal["py3langid", "fasttext", "langdetect"]


def load(code: str) -> Language:
    """Load the language that `code` names.

    Parameters
    ----------
    code
        The FLORES-style code (`swh_Latn`), the ISO 639-3 code (`swh`), the Hub's (`sw`), or a macrolanguage
        (`swa`) where only one registered language belongs to it.

    Raises
    ------
    LrlError
        No file, or more than one, answers to the code; the message lists the known ones.
    """
    languages = all_languages()
    for language in languages:
        if code in (language.code, language.codes.iso639_3, language.codes.hub):
            return language
    in_macrolanguage = [language for language in languages if code == language.codes.macrolanguage]
    if len(in_macrolanguage) == 1:
        return in_macrolanguage[0]
    known = ", ".join(f"{x.code} ({x.names.english})" for x in in_macrolanguage or languages)
    if in_macrolanguage:
        raise LrlError(f"language {code!r} is a macrolanguage with several languages here: {known}")
    raise LrlError(f"unknown language {code!r}; known: {known}; `lrl new language CODE` adds one")


@cache
def all_languages() -> tuple[Language, ...]:
    """Every registered language, by code."""
    return tuple(sorted((load_file(path) for path in FOLDER.glob("*.toml")), key=lambda x: x.code))


def load_file(path: Path) -> Language:
    """Read and validate one language file.

    Raises
    ------
    LrlError
        The file is missing, not TOML, has an unknown or missing key, or a value that is not allowed; the
        message names the file and the key.
    """
    try:
        with path.open("rb") as file:
            language = Language.model_validate(tomllib.load(file))
    except FileNotFoundError as error:
        raise LrlError(f"{path}: no such language file") from error
    except (tomllib.TOMLDecodeError, UnicodeDecodeError) as error:
        raise LrlError(f"{path}: not valid TOML: {error}") from error
    except ValidationError as error:
        what = "; ".join(f"{'.'.join(map(str, e['loc'])) or 'file'}: {e['msg']}" for e in error.errors())
        raise LrlError(f"{path}: {what}") from error
    if path.stem != language.codes.iso639_3:
        raise LrlError(f"{path}: the file of {language.code} is named {language.codes.iso639_3}.toml")
    return language


def sha256(code: str) -> str:
    """Return the SHA-256 of the file of the language that `code` names, as the manifest has it."""
    return hashlib.sha256((FOLDER / f"{load(code).codes.iso639_3}.toml").read_bytes()).hexdigest()


class _Facts(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True, allow_inf_nan=False)


class Names(_Facts):
    """What the language is called."""

    english: str
    own: str


class Codes(_Facts):
    """The language's code in each inventory; absent where the inventory lacks the language."""

    hub: str
    """The Hub's `language` tag in a card (ISO 639-1 where there is one)."""
    iso639_3: Annotated[str, Field(pattern=r"^[a-z]{3}$")]
    macrolanguage: str | None = None
    fasttext: str | None = None
    """Label in fastText's lid.176, without `__label__`."""
    py3langid: str | None = None
    langdetect: str | None = None
    glotlid: str | None = None
    afrobench: str | None = None
    aya: str | None = None
    """`language_code` in CohereLabs/aya_dataset, without its script."""


class PersonalDataFacts(_Facts):
    """Whose phone numbers and ids are to be found in the language's texts."""

    phone_regions: tuple[str, ...] = ()
    """ISO 3166 countries whose national formats (of ids too) are recognised, the likeliest first."""
    phone_cues: tuple[str, ...] = ()
    """Words after which a number without trunk prefix or country code is a phone number too."""
    id_cues: tuple[str, ...] = ()
    """Words after which a number is somebody's id, passport or account; English ones are known."""

    @field_validator("phone_regions")
    @classmethod
    def _known_regions(cls, regions: tuple[str, ...]) -> tuple[str, ...]:
        from phonenumbers import SUPPORTED_REGIONS

        unknown = [region for region in regions if region not in SUPPORTED_REGIONS]
        if unknown:
            raise ValueError(f"no phone numbers are known of {', '.join(unknown)}")
        return regions


class HarmFacts(_Facts):
    """Where harmful words of the language's texts are listed; see `filters/harm.py`."""

    lists: tuple[str, ...] = ()
    """Files of the folder `harm/`: the language's own, and those of the languages that its texts mix in."""

    @field_validator("lists")
    @classmethod
    def _known_lists(cls, lists: tuple[str, ...]) -> tuple[str, ...]:
        known = harm_lists.names()
        if unknown := [name for name in lists if name not in known]:
            raise ValueError(f"no file harm/{unknown[0]}.toml; there are {', '.join(known)}")
        return lists


class HubModel(_Facts):
    """A fastText model on the Hub, pinned."""

    repo_id: Annotated[str, Field(pattern=r"^[\w.-]+/[\w.-]+$")]
    revision: Annotated[str, Field(pattern=r"^[0-9a-f]{40}$")]
    """The full commit, so that the same file decides in every build."""
    filename: str


class Detector(_Facts):
    """One language detector and how its labels are to be read."""

    detector: DetectorName
    model: HubModel | None = None
    """Another fastText model than the embedded lid.176."""
    labels: dict[str, str] = {}
    """Label of the detector → our code, for labels that the standard codes would not lead to: the
    language's own one first of all. Left out, `codes.<detector>` is the language's label."""

    @model_validator(mode="after")
    def _model_is_fasttext(self) -> Detector:
        if self.model is not None and self.detector != "fasttext":
            raise ValueError("only a fasttext detector takes a model")
        if self.model is not None and not self.labels:
            raise ValueError("a model from the Hub needs `labels`: which of its labels are this language")
        return self


class Longer(_Facts):
    """Another threshold for longer texts."""

    words: Annotated[int, Field(ge=1)]
    threshold: float


class LeadingDetector(Detector):
    """The detector whose label decides, with the score that it must have."""

    threshold: float = 0.0
    """Least score of the language's label; of a short text's label, if that is another one. py3langid: margin
    of log posterior per byte over the best competitor; fastText and langdetect: probability."""
    longer: tuple[Longer, ...] = ()
    """Thresholds for texts of so many words and more: the more words, the surer a detector is of its own
    language, and not of one that it takes for it."""
    competitors: tuple[str, ...] = ()
    """Labels that count in the margin, for py3langid: those that texts mistaken for this language have next.
    Empty: all labels."""

    @model_validator(mode="after")
    def _consistent(self) -> LeadingDetector:
        if self.competitors and self.detector != "py3langid":
            raise ValueError("only py3langid has a margin over competitors")
        words = [one.words for one in self.longer]
        if words != sorted(set(words)):
            raise ValueError("longer: words must rise from entry to entry")
        return self

    def threshold_at(self, words: int) -> float:
        """Return the least score of a text of so many words."""
        return next((one.threshold for one in reversed(self.longer) if words >= one.words), self.threshold)


class Opinion(Detector):
    """A second detector; it is asked where it can decide, and decides only what is stated here."""

    confirms: float | None = None
    """Least score from which on it keeps a text that the leading detector calls the language's below its
    threshold. Null: never."""
    condemns_short: bool = False
    """A short text is refused if the leading detector surely calls it another language's, and this one
    does not call it this language's either; see `filters/language_id.py`."""
    always: bool = False
    """Ask it of every text, for the record on the row."""


class Foreign(_Facts):
    """What the language's neighbours write and it does not; by knowledge of the languages, where no detector knows
    them."""

    letters: str = ""
    """A word with one of these is foreign."""
    words: tuple[str, ...] = ()
    """Frequent words of the neighbours, in lower case, that are none in this language."""
    share: Annotated[float, Field(gt=0, le=1)] = 0.1
    """From this share of its words on, a text of `min_words` is refused."""


class Mixed(_Facts):
    """Code-switching: how much of another language a text in this one may hold."""

    language: str = "eng_Latn"
    """The language that people mix in."""
    label: str = "en"
    """py3langid's label of it."""
    prompt_at_most: Annotated[float, Field(gt=0, le=1)] = 0.6
    answer_at_most: Annotated[float, Field(gt=0, le=1)] = 0.5
    """Share of the words above which a prompt or answer is refused as another language's. People ask with more terms
    than a model should answer with; either way it is still the language that carries the sentence."""


class LanguageIdFacts(_Facts):
    """The rule of `filters/language_id.py`."""

    leading: LeadingDetector
    opinions: tuple[Opinion, ...] = ()
    min_words: Annotated[int, Field(ge=1)] = 8
    """Texts with fewer words are short: no detector condemns them alone. Names are not counted."""
    least_words: Annotated[int, Field(ge=1)] = 4
    """Texts with fewer words are too short to tell, and pass. Names are not counted."""
    neighbours: tuple[Annotated[str, Field(pattern=r"^[a-z]{3}_[A-Z][a-z]{3}$")], ...] = ()
    """The languages mistaken for this one, FLORES style: `lrl lid fit` wants text of them."""
    foreign: Foreign = Foreign()
    mixed: Mixed = Mixed()


class Phrasing(_Facts):
    """One way to ask a question as an instruction."""

    prompt: str
    answer: str

    @model_validator(mode="after")
    def _fields(self) -> Phrasing:
        for pattern, wanted in ((self.prompt, "question"), (self.answer, "answer")):
            try:
                parsed = [(name, spec, conv) for _, name, spec, conv in string.Formatter().parse(pattern)]
            except ValueError as error:
                raise ValueError(f"{pattern!r}: {error}") from error
            if [field for field in parsed if field[0] is not None] != [(wanted, "", None)]:
                raise ValueError(f"{pattern!r} must contain {{{wanted}}} exactly once and no other field")
        return self


class QuestionAnswer(_Facts):
    """Phrasings for a question with a short answer, in the language."""

    phrasings: tuple[Phrasing, ...] = ()
    answer_or: str = ""
    """The word between the last two of several accepted answers (`au`, `or`)."""
    question_mark: str = "?"

    @model_validator(mode="after")
    def _joiner(self) -> QuestionAnswer:
        if self.phrasings and not self.answer_or:
            raise ValueError("answer_or is missing: the word between two accepted answers")
        return self

    def render(self, question: str, answers: Sequence[str], key: str) -> tuple[str, str]:
        """Phrase a question and its accepted answers as an instruction row.

        The question's punctuation is mended (a space after a comma, one question mark at its end), the
        accepted answers are joined as the language does, an answer's final full stop is not doubled.

        Parameters
        ----------
        question, answers
            As the source has them; at least one answer, repeated ones count once.
        key
            Names the row, e.g. its id: its hash chooses the phrasing, so the same row is always phrased
            the same way.

        Returns
        -------
        tuple of str
            Prompt and answer.
        """
        if not self.phrasings:
            raise LrlError("the language file has no [templates.question_answer] phrasings yet")
        chosen = self.phrasings[int(digest("phrasing", key), 16) % len(self.phrasings)]
        answer = self._join(answers)
        completed = chosen.answer.format(answer=answer)
        if completed.endswith("..") and not completed.endswith("..."):
            completed = completed[:-1]
        return chosen.prompt.format(question=self.mend(question)), completed

    def mend(self, question: str) -> str:
        """Return the question with ordinary spacing, a capital at its start and one question mark."""
        text = re.sub(r"\s+", " ", question).strip()
        text = re.sub(r"\s+([,?!;])", r"\1", text)
        text = re.sub(r",(?=[^\s\d])|(?<=\D),(?=\d)", ", ", text)
        marked = text.endswith(("?", self.question_mark))
        text = text.rstrip(" ?" + self.question_mark + ("" if marked else ".!;:")) + self.question_mark
        return text[:1].upper() + text[1:]

    def _join(self, answers: Sequence[str]) -> str:
        tidy = [re.sub(r"\s+", " ", answer).strip() for answer in answers]
        distinct = list(dict.fromkeys(answer for answer in tidy if answer))
        if not distinct:
            raise ValueError("no answer to phrase")
        if len(distinct) == 1:
            return distinct[0]
        return f"{', '.join(distinct[:-1])} {self.answer_or} {distinct[-1]}"


class Templates(_Facts):
    """Texts that turn other formats into instruction rows."""

    question_answer: QuestionAnswer = QuestionAnswer()


class Refusals(_Facts):
    """How a model that declines, or says what it is, says so in the language; see `filters/refusals.py`."""

    declines: tuple[str, ...] = ()
    """What the answer begins with: "I am sorry, but I cannot"."""
    says_model: tuple[str, ...] = ()
    """What stands anywhere in it: "as a language model"."""


class Truncation(_Facts):
    """What says that a text ends in the middle; see `filters/truncated.py`."""

    unfinished: tuple[str, ...] = ()
    """Words that no sentence ends with, in small letters: "and", "of", "which"."""


class Language(_Facts):
    """One language file."""

    code: Annotated[str, Field(pattern=r"^[a-z]{3}_[A-Z][a-z]{3}$")]
    """FLORES style: ISO 639-3 and script."""
    names: Names
    codes: Codes
    personal_data: PersonalDataFacts = PersonalDataFacts()
    language_id: LanguageIdFacts
    harm: HarmFacts = HarmFacts()
    refusals: Refusals = Refusals()
    truncation: Truncation = Truncation()
    templates: Templates = Templates()
    crowd: CrowdTexts = CrowdTexts()

    @model_validator(mode="after")
    def _consistent(self) -> Language:
        if self.code.partition("_")[0] != self.codes.iso639_3:
            raise ValueError(f"code {self.code} and codes.iso639_3 {self.codes.iso639_3} name two languages")
        leading = self.language_id.leading
        if self.code not in self.labels(leading).values():
            raise ValueError(
                f"language_id.leading: {leading.detector} has no label for {self.code}: give "
                f"codes.{leading.detector} or language_id.leading.labels"
            )
        return self

    def labels(self, detector: Detector) -> dict[str, str]:
        """Label of the detector → our code, the language's own label at least where the detector has one."""
        if detector.labels:
            return detector.labels
        own: str | None = getattr(self.codes, detector.detector)
        return {} if own is None else {own: self.code}
