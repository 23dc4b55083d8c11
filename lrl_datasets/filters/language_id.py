"""Prompt and answer must be in the dataset's language.

Takes `messages`, gives `lid_label` and `lid_score` (the answer, by the leading detector), `lid` (every detector
that was asked, on prompt and answer), `lid_prompt` and `lid_answer` (what was decided, one of
`schema.LID_DECISIONS`), `mixed_prompt` and `mixed_answer` (share of the language that people mix in) and marks. The
rule and its thresholds are the language file's. One process: about 15,000 texts a second where py3langid leads and
fastText is asked of doubtful short texts only; langdetect, where a file asks for it, 500.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import ClassVar, NamedTuple

import numpy as np
import pyarrow as pa

from lrl_datasets import languages
from lrl_datasets.filters import code_switching
from lrl_datasets.filters.base import add_column, add_mark, prompts_and_answers
from lrl_datasets.filters.detectors import UNDETERMINED, Verdict, detector
from lrl_datasets.filters.discriminator import LENGTHS, Discriminator, TableFile, signed
from lrl_datasets.filters.judged_text import JUDGED_CHARACTERS, JudgedText, judged
from lrl_datasets.filters.scripts import letters_by_script
from lrl_datasets.filters.words import count_words
from lrl_datasets.schema import LID


@dataclass(frozen=True)
class LanguageId:
    """Mark texts in another language, prompt and answer apart; the prompt is looked at first.

    A prompt or answer that is short, or too short to tell, is judged together with the row's other text as well.
    A prompt whose row says that it is in another language (`prompt_language`, cross-lingual rows) is not held
    against the row.
    """

    language: str
    """Code of the dataset's language."""
    table: TableFile | None = None
    """A table of `lrl lid fit` that tells the language from its neighbours; `discriminator.table_file` names one."""

    name: ClassVar[str] = "language_id"
    reasons: ClassVar[tuple[str, ...]] = ("wrong_language_prompt", "wrong_language_answer")

    def __call__(self, table: pa.Table) -> pa.Table:
        """Return `table` with `lid_label`, `lid_score`, `lid`, the decisions, `mark.language_id` and its detail."""
        code = languages.load(self.language).code
        prompts, answers = prompts_and_answers(table)
        fitted = self.table.load() if self.table else None
        found = iter(judge([text for text in (*prompts, *answers) if text is not None], code, fitted))
        of_prompt = [None if text is None else next(found) for text in prompts]
        of_answer = [None if text is None else next(found) for text in answers]
        facts = languages.load(self.language).language_id.mixed
        of_prompt = [one and _unmixed(one, facts.prompt_at_most, facts.language) for one in of_prompt]
        of_answer = [one and _unmixed(one, facts.answer_at_most, facts.language) for one in of_answer]
        foreign_prompt = [one not in (None, code) for one in table.column("prompt_language").to_pylist()]
        together = iter(
            judge(
                [
                    f"{prompts[at]}\n\n{answers[at]}"
                    for at, (prompt, answer) in enumerate(zip(of_prompt, of_answer, strict=True))
                    if prompt and answer and not foreign_prompt[at] and _both_short(prompt, answer)
                ],
                code,
                fitted,
            )
        )
        marks: list[str | None] = []
        details: list[str | None] = []
        decisions: list[tuple[str | None, str | None]] = []
        for prompt, answer, foreign in zip(of_prompt, of_answer, foreign_prompt, strict=True):
            if prompt is None or answer is None:
                mark, detail, decision = _NOTHING
            elif foreign:
                mark, detail, decision = _of_row(None, answer, None)
            else:
                whole = next(together) if _both_short(prompt, answer) else None
                mark, detail, decision = _of_row(prompt, answer, whole)
            marks.append(mark)
            details.append(detail)
            decisions.append(decision)
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
        table = add_column(table, "lid_prompt", [one for one, _ in decisions], pa.string())
        table = add_column(table, "lid_answer", [one for _, one in decisions], pa.string())
        table = add_column(table, "mixed_prompt", [one and one.mixed for one in of_prompt], pa.float64())
        table = add_column(table, "mixed_answer", [one and one.mixed for one in of_answer], pa.float64())
        return add_mark(table, self.name, marks, details)


class Judgement(NamedTuple):
    """Whether a text passes for the language, and what each detector said."""

    accepted: bool
    decision: str
    """`own`, `short`, `too_short` or `other`, see `schema.LID_DECISIONS`."""
    why: str
    """Which rule decided, with labels and scores."""
    verdicts: list[tuple[str, Verdict]]
    """(detector, verdict), the leading detector first."""
    mixed: float | None
    """Share of the words that are in the language that people mix in; None of what is refused or too short."""


def judge(
    texts: Sequence[str], language: languages.Language | str, table: Discriminator | None = None
) -> list[Judgement]:
    """Judge texts by the rule of the language's file.

    1. A text whose letters are mostly of another script than the language's is refused, at any length; in
       Latin letters, which names, signs and terms have everywhere, from `least_words` on.
    2. A text of fewer than `least_words` words is too short to tell, and passes as that.
    3. A shorter text than `min_words` passes unless the leading detector and an opinion that may condemn short
       texts agree that it is not in the language: the leading one names another language and is at least as
       sure of it as the threshold asks it to be of this one (where the opinion does not know this language, the
       threshold of long texts), or the opinion names the same language.
       This is of texts that are short as they are. Where only few words remain without names and quotations,
       the leading detector must name the language with half its threshold.
    4. A longer text passes if the leading detector names the language with at least the threshold for its
       length, or with less and an opinion that may confirm names it too, with at least its own; unless too many
       of its words are `foreign`, or a fitted table refuses it.

    What is left out of a text before it is judged, `judged_text` says.

    Parameters
    ----------
    texts
        Normalised texts.
    language
        A language, or any code that the loader knows.
    table
        Of `lrl lid fit`, for this language.
    """
    known = languages.load(language) if isinstance(language, str) else language
    rule = known.language_id
    distinct = list(dict.fromkeys(texts))
    prepared = [judged(text, rule.min_words) for text in distinct]
    given = [one.text for one in prepared]
    leading = detector(known, rule.leading)(given)
    scripts = letters_by_script(given, known.code.partition("_")[2]).tolist()
    foreign = _foreign(rule.foreign)
    decided: list[tuple[str, str] | None] = []
    for whole, (text, words), verdict, (own, latin, other) in zip(
        distinct, prepared, leading, scripts, strict=True
    ):
        said = f"{words} words; {rule.leading.detector}: {verdict.label} {verdict.score:g}"
        if other * 2 > own + latin + other or (latin > own + other and words >= rule.least_words):
            decided.append(("other", f"{said}; another script than {known.code}"))
        elif words < rule.least_words:
            decided.append(("too_short", f"{said}; too short to tell"))
        elif words < rule.min_words and count_words(whole[:JUDGED_CHARACTERS]) < rule.min_words:
            doubtful = verdict.label not in (known.code, UNDETERMINED)
            decided.append(None if doubtful else ("short", f"{said}; short"))
        elif verdict.label != known.code:
            decided.append(("other", said))
        elif words < rule.min_words:
            sure = verdict.score >= rule.leading.threshold / 2
            decided.append(("own", said) if sure else ("other", f"{said} < {rule.leading.threshold / 2:g}"))
        elif verdict.score < rule.leading.threshold_at(words):
            decided.append(None)
        elif foreign and (share := foreign(text) / words) >= rule.foreign.share:
            decided.append(("other", f"{said}; {share:.0%} of its words are its neighbours'"))
        else:
            decided.append(("own", said))
    name = str(rule.leading.detector)
    verdicts = [[(name, one)] for one in leading]
    heard = _opinions(known, given, decided, verdicts)
    settled = [
        _doubtful(known, prepared[at].words, leading[at], heard[at]) if one is None else one
        for at, one in enumerate(decided)
    ]
    if foreign:
        for at, one in enumerate(decided):
            if (
                one is None
                and settled[at][0] == "own"
                and foreign(given[at]) >= rule.foreign.share * prepared[at].words
            ):
                settled[at] = ("other", f"{settled[at][1]}; too many words of its neighbours")
    if table is not None:
        _ask_table(table, known, prepared, leading, settled, verdicts)
    measured = [at for at, (decision, _) in enumerate(settled) if decision in ("own", "short")]
    mixed = dict(zip(measured, code_switching.shares([given[at] for at in measured], known), strict=True))
    result = {
        text: Judgement(done[0] != "other", *done, verdicts[at], mixed.get(at))
        for at, (text, done) in enumerate(zip(distinct, settled, strict=True))
    }
    return [result[text] for text in texts]


def _opinions(
    language: languages.Language,
    texts: Sequence[str],
    decided: Sequence[tuple[str, str] | None],
    verdicts: Sequence[list[tuple[str, Verdict]]],
) -> list[list[tuple[languages.Opinion, Verdict]]]:
    """Ask each opinion where nothing is decided yet, or everywhere if it wants that, and note what it says."""
    heard: list[list[tuple[languages.Opinion, Verdict]]] = [[] for _ in texts]
    for opinion in language.language_id.opinions:
        decides = opinion.confirms is not None or opinion.condemns_short
        asked = [at for at, one in enumerate(decided) if opinion.always or (decides and one is None)]
        if not asked:
            continue
        for at, verdict in zip(asked, detector(language, opinion)([texts[at] for at in asked]), strict=True):
            heard[at].append((opinion, verdict))
            verdicts[at].append((opinion.detector, verdict))
    return heard


def _ask_table(
    table: Discriminator,
    language: languages.Language,
    prepared: Sequence[JudgedText],
    leading: Sequence[Verdict],
    settled: list[tuple[str, str]],
    verdicts: Sequence[list[tuple[str, Verdict]]],
) -> None:
    """Refuse what the fitted table does, of the texts that pass so far and are long enough for it."""
    asked = [
        at
        for at, (decision, _) in enumerate(settled)
        if decision == "own" and prepared[at].words >= LENGTHS[0]
    ]
    scores = table.scores(
        [prepared[at].text for at in asked], signed([leading[at] for at in asked], language.code)
    )
    for at, score in zip(asked, np.round(scores, 4).tolist(), strict=True):
        least = table.threshold_at(prepared[at].words)
        passed = score >= least
        verdicts[at].append(("table", Verdict(language.code if passed else UNDETERMINED, score)))
        if not passed:
            settled[at] = ("other", f"{settled[at][1]}; table: {score:g} < {least:g}")


def _doubtful(
    language: languages.Language,
    length: int,
    leading: Verdict,
    opinions: Sequence[tuple[languages.Opinion, Verdict]],
) -> tuple[str, str]:
    """Decide of a text of which the leading detector alone does not: decision and why."""
    rule = language.language_id
    said = f"{length} words; {rule.leading.detector}: {leading.label} {leading.score:g}"
    threshold = rule.leading.threshold_at(length)
    if length < rule.min_words:
        for opinion, verdict in opinions:
            if not opinion.condemns_short or verdict.label in (language.code, UNDETERMINED):
                continue
            knows = language.code in language.labels(opinion).values()
            least = threshold if knows else rule.leading.threshold_at(_LONG)
            if verdict.label == leading.label or leading.score >= least:
                return "other", f"{said}, {opinion.detector}: {verdict.label}"
        return "short", f"{said}; short"
    for opinion, verdict in opinions:
        sure = opinion.confirms is not None and verdict.score >= opinion.confirms
        if sure and verdict.label == language.code:
            return "own", f"{said}, {opinion.detector} confirms with {verdict.score:g}"
    return "other", f"{said} < {threshold:g}"


def _foreign(facts: languages.Foreign) -> Callable[[str], int] | None:
    """Return a count of the words that the language does not have."""
    if not (facts.letters or facts.words):
        return None
    letters, words = frozenset(facts.letters), frozenset(facts.words)
    # Splitting costs more than all else, so only texts that have one of the letters or words are split.
    import re

    alone = "|".join(map(re.escape, sorted(words)))
    any_of = "|".join(
        part
        for part in (f"[{re.escape(facts.letters)}]" if letters else "", rf"\b(?:{alone})\b" if words else "")
        if part
    )
    search = re.compile(any_of, re.IGNORECASE).search

    def count(text: str) -> int:
        if not search(text):
            return 0
        tokens = [token.strip(".,;:!?()") for token in text.lower().split()]
        return sum(token in words or not letters.isdisjoint(token) for token in tokens)

    return count


_LONG = 1000


def _unmixed(judgement: Judgement, at_most: float, other: str) -> Judgement:
    """Refuse a text with more of the other language than the language file allows there."""
    if judgement.mixed is None or judgement.mixed <= at_most:
        return judgement
    why = f"{judgement.why}; {judgement.mixed:.0%} of its words are {other}, at most {at_most:.0%}"
    return judgement._replace(accepted=False, decision="other", why=why)


def _both_short(prompt: Judgement, answer: Judgement) -> bool:
    """Say whether neither text is long enough to be judged alone, and neither is refused already."""
    return prompt.decision in ("short", "too_short") and answer.decision in ("short", "too_short")


_Row = tuple[str | None, str | None, tuple[str | None, str | None]]
_NOTHING: _Row = (None, None, (None, None))


def _of_row(prompt: Judgement | None, answer: Judgement, whole: Judgement | None) -> _Row:
    """Return the row's mark, its detail, and what was decided of prompt and answer."""
    decisions = (prompt and prompt.decision, answer.decision)
    if prompt is not None and not prompt.accepted:
        return "wrong_language_prompt", prompt.why, decisions
    if not answer.accepted:
        return "wrong_language_answer", answer.why, decisions
    if prompt is None:
        return None, None, decisions
    if whole is not None:
        if not whole.accepted:
            return "wrong_language_answer", f"prompt and answer together: {whole.why}", ("other", "other")
        if whole.decision == "own":
            return None, None, ("with_row", "with_row")
        return None, None, decisions
    beside = tuple("with_row" if one == "short" else one for one in decisions)
    return None, None, (beside[0], beside[1])
