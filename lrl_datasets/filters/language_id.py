"""Prompt and answer must be in the dataset's language.

Takes `messages`, gives `lid_label` and `lid_score` (the answer, by the leading detector), `lid` (every
detector on prompt and answer) and marks. The rule and its thresholds are the language file's; it costs what
the file's detectors cost (see `detectors`): langdetect, which for Swahili is only kept for the record, takes
ten times as long as the others together.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import ClassVar, NamedTuple

import pyarrow as pa

from lrl_datasets import languages
from lrl_datasets.filters.base import add_column, add_mark, prompts_and_answers
from lrl_datasets.filters.detectors import UNDETERMINED, Verdict, detector, prepare
from lrl_datasets.filters.words import count_words, sentences, words
from lrl_datasets.schema import LID

JUDGED_CHARACTERS = 10_000
"""How much of a text is judged, from its beginning."""


@dataclass(frozen=True)
class LanguageId:
    """Mark texts in another language, prompt and answer apart; the prompt is looked at first.

    A prompt whose row says that it is in another language (`prompt_language`, cross-lingual rows) is not held
    against the row.
    """

    language: str
    """Code of the dataset's language."""

    name: ClassVar[str] = "language_id"
    reasons: ClassVar[tuple[str, ...]] = ("wrong_language_prompt", "wrong_language_answer")

    def __call__(self, table: pa.Table) -> pa.Table:
        """Return `table` with `lid_label`, `lid_score`, `lid`, `mark.language_id` and its detail added."""
        code = languages.load(self.language).code
        prompts, answers = prompts_and_answers(table)
        judged = judge([text for text in (*prompts, *answers) if text is not None], code)
        found = iter(judged)
        of_prompt = [None if text is None else next(found) for text in prompts]
        of_answer = [None if text is None else next(found) for text in answers]

        marks: list[str | None] = []
        details: list[str | None] = []
        for prompt, answer, prompt_language in zip(
            of_prompt, of_answer, table.column("prompt_language").to_pylist(), strict=True
        ):
            mark = detail = None
            if prompt and not prompt.accepted and prompt_language in (None, code):
                mark, detail = "wrong_language_prompt", prompt.why
            elif answer and not answer.accepted:
                mark, detail = "wrong_language_answer", answer.why
            marks.append(mark)
            details.append(detail)
        opinions = [
            None
            if prompt is None or answer is None
            else [
                {"part": part, "detector": name, "label": verdict.label, "score": verdict.score}
                for part, judgement in (("prompt", prompt), ("answer", answer))
                for name, verdict in judgement.verdicts
            ]
            for prompt, answer in zip(of_prompt, of_answer, strict=True)
        ]
        leading = [answer.verdicts[0][1] if answer else None for answer in of_answer]
        table = add_column(table, "lid_label", [v.label if v else None for v in leading], pa.string())
        table = add_column(table, "lid_score", [v.score if v else None for v in leading], pa.float64())
        table = add_column(table, "lid", opinions, LID)
        return add_mark(table, self.name, marks, details)


class Judgement(NamedTuple):
    """Whether a text passes for the language, and what each detector said."""

    accepted: bool
    why: str
    """Which rule decided, with labels and scores."""
    verdicts: list[tuple[str, Verdict]]
    """(detector, verdict), the leading detector first."""


def judge(
    texts: Sequence[str], language: languages.Language | str, *, all_opinions: bool = True
) -> list[Judgement]:
    """Judge texts by the rule of the language's file.

    1. A text of `min_words` words or more passes if the leading detector names the language with at least its
       threshold, or with less and an opinion that may confirm names it too, with at least its own.
    2. A shorter text passes unless the leading detector and an opinion that may condemn short texts agree
       that it is not in the language: the leading one names another language and is at least as sure of it as
       the threshold asks it to be of this one, or the opinion names the same language. (Of an opinion that
       does not know this language only the latter means something.)
    3. A text of fewer than `least_words` words passes: it is too short to tell.

    Names are no words here: inside a sentence, words with a capital are not counted, so that "Jibu ni Louis
    Bonaparte" is too short to tell and not French. Links and masked data are not looked at.

    Parameters
    ----------
    texts
        Normalised texts.
    language
        A language, or any code that the loader knows.
    all_opinions
        Ask also the detectors that decide nothing, for the record.
    """
    known = languages.load(language) if isinstance(language, str) else language
    rule = known.language_id
    asked = [opinion for opinion in rule.opinions if all_opinions or _decides(opinion)]
    # The language of a text shows long before this; a cell of megabytes would hold up the build.
    texts = [text[:JUDGED_CHARACTERS] for text in texts]
    distinct = list(dict.fromkeys(texts))
    prepared = [prepare(text) for text in distinct]
    leading = detector(known, rule.leading)(prepared)
    opinions = [(opinion, detector(known, opinion)(prepared)) for opinion in asked]
    judged = {}
    for at, text in enumerate(distinct):
        verdicts = [(opinion, given[at]) for opinion, given in opinions]
        accepted, why = _decide(known, count_without_names(prepared[at]), leading[at], verdicts)
        names = [(rule.leading.detector, leading[at]), *((o.detector, verdict) for o, verdict in verdicts)]
        judged[text] = Judgement(accepted, why, [(str(name), verdict) for name, verdict in names])
    return [judged[text] for text in texts]


def count_without_names(text: str) -> int:
    """Count the words that tell a language: all but those with a capital inside a sentence.

    Where more than two thirds of 8 words and more have a capital, that is a headline and all count.

    >>> count_without_names("Jibu ni Louis Bonaparte.")
    2
    """
    tokens = [(token, at > 0) for part in sentences(text) for at, token in enumerate(words(part))]
    capitalised = [inside for token, inside in tokens if next(filter(str.isalpha, token), "").isupper()]
    if len(tokens) >= 8 and len(capitalised) > len(tokens) * 2 / 3:
        return len(tokens)
    return count_words(text) - sum(capitalised)


def _decides(opinion: languages.Opinion) -> bool:
    return opinion.confirms is not None or opinion.condemns_short


def _decide(
    language: languages.Language,
    length: int,
    leading: Verdict,
    opinions: Sequence[tuple[languages.Opinion, Verdict]],
) -> tuple[bool, str]:
    rule = language.language_id
    said = f"{length} words; {rule.leading.detector}: {leading.label} {leading.score:g}"
    if length < rule.least_words:
        return True, f"{said}; too short to tell"
    if length < rule.min_words:
        nothing = (language.code, UNDETERMINED)
        for opinion, verdict in opinions:
            if not opinion.condemns_short or leading.label in nothing or verdict.label in nothing:
                continue
            knows = language.code in language.labels(opinion).values()
            if verdict.label == leading.label or (knows and leading.score >= rule.leading.threshold):
                return False, f"{said}, {opinion.detector}: {verdict.label}"
        return True, f"{said}; short"
    if leading.label != language.code:
        return False, said
    if leading.score >= rule.leading.threshold:
        return True, said
    for opinion, verdict in opinions:
        if (
            opinion.confirms is not None
            and verdict.label == language.code
            and verdict.score >= opinion.confirms
        ):
            return True, f"{said}, {opinion.detector} confirms with {verdict.score:g}"
    return False, f"{said} < {rule.leading.threshold:g} and not confirmed"
