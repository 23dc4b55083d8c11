"""Answers in which a model declines, or says that it is a model.

Takes `messages`, gives marks. The phrases are the language file's (`[refusals]`) and the English ones below, since what
is left in English or was translated from it says them too. They are looked for by one regular expression over Arrow's
columns: 400,000 rows of 40 words a second, one process. What declines in words that are not listed is not found.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import ClassVar

import pyarrow as pa
import pyarrow.compute as pc

from lrl_datasets import languages
from lrl_datasets.filters.base import mark_rows, part_texts, true_rows

_SORRY = (
    r"(?:(?:I'm|I am) (?:very |truly |really |so )?(?:sorry|afraid)|sorry|apologies|I apologi[sz]e|unfortunately|"
    r"I regret)"
)
_UNABLE = (
    r"I (?:can't|cannot|can not|could not|couldn't|won't|will not|am unable|am not able|do not have|don't have|"
    r"am not allowed|am not programmed)|I'm (?:unable|not able|not allowed|not programmed)"
)
DECLINES = (
    rf"{_SORRY}[,.;]?(?: but| that|,)* (?:{_UNABLE}|it is not possible for me|it's not possible for me)",
    r"I (?:can't|cannot|can not|am unable to|am not able to|won't be able to|will not be able to|won't|will not) "
    r"(?:assist|help|provide|fulfil|fulfill|answer|comply|create|generate|write|share|offer|give|do that|complete)",
    r"I'm (?:unable|not able) to (?:assist|help|provide|fulfil|fulfill|answer|comply|create|generate|write|share|"
    r"complete)",
)
"""What an English answer that declines begins with, as expressions."""

SAYS_MODEL = (
    "as an AI language model", "as an AI model", "as an AI assistant", "as an AI chatbot", "as an AI system",
    "as an AI, I", "as an artificial intelligence, I", "as an artificial intelligence language model",
    "as a large language model", "as a language model", "I am an AI", "I'm an AI", "I am just an AI", "I'm just an AI",
    "I am only an AI", "I am a language model",
    "I'm a language model", "I am a large language model", "I was trained by OpenAI", "trained by OpenAI",
    "my knowledge cutoff", "my training data",
)  # fmt: skip
"""By which an English answer says, anywhere, that a model wrote it."""

_LEAD = 40
"""How many characters may stand before what declines: a greeting, a name, an interjection."""


@dataclass(frozen=True)
class Refusals:
    """Mark `says_model` and `refusal`, in this order: who says "as a language model, I cannot" says both."""

    language: str
    """Code of the language whose phrases are added to the English ones."""

    name: ClassVar[str] = "refusals"
    reasons: ClassVar[tuple[str, ...]] = ("says_model", "refusal")

    def __call__(self, table: pa.Table) -> pa.Table:
        """Return `table` with `mark.refusals` and `detail.refusals` (in which language) added."""
        return mark_rows(table, self.name, self._found(table))

    def _found(self, table: pa.Table) -> Iterator[tuple[int, str, str]]:
        answers = part_texts(table)["answer"]
        facts, code = languages.load(self.language).refusals, languages.load(self.language).code
        lead = rf"(?is)^.{{0,{_LEAD}}}?"
        for reason, start, phrases in (
            ("says_model", "(?i)", {"eng_Latn": _escaped(SAYS_MODEL), code: _escaped(facts.says_model)}),
            ("refusal", lead, {"eng_Latn": DECLINES, code: _escaped(facts.declines)}),
        ):
            for of_language, listed in phrases.items():
                if listed:
                    for row in true_rows(pc.match_substring_regex(answers, start + _any_of(listed))):
                        yield row, reason, f"a phrase of {of_language}"


def _escaped(phrases: Sequence[str]) -> list[str]:
    return [re.escape(phrase).replace(r"\ ", " ") for phrase in phrases]


def _any_of(expressions: Sequence[str]) -> str:
    """Return an RE2 expression of any of the expressions as whole words, with any apostrophe and spacing."""
    joined = "|".join(expressions).replace("'", "['’]").replace(" ", r"\s+")
    return rf"(?:^|[^\pL\pN])(?:{joined})(?:[^\pL\pN]|$)"
