"""What a worker sees: which fields are shown under which heading, what is asked, in whose words.

Several `[[stage]]` of kind `judgement` over the same pools are a rubric (`crowd/rubric.py`), and one page: the texts
once, and every criterion below them. A task's true labels and a worker's answers are then several, `Page.given`;
where a table has one column for them (`golden`, `output`) they are one text, `Page.joined`.
"""

from __future__ import annotations

import dataclasses
import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Literal, NamedTuple

from lrl_datasets.crowd.rubric import MARKS
from lrl_datasets.errors import LrlError
from lrl_datasets.languages import Language
from lrl_datasets.languages.crowd import ENGLISH, CrowdTexts
from lrl_datasets.sources.campaign_toml import AnswerStage, JudgementStage
from lrl_datasets.sources.pools import Stage

_PREFIXES = ("INPUT:", "OUTPUT:", "GOLDEN:", "Input.", "Answer.", "ground_truth:", "$")


class Shown(NamedTuple):
    """One text on the page."""

    role: str
    """`prompt`, `context`, `answer`, or `left` and `right`."""
    heading: str
    field: str


@dataclass(frozen=True)
class Ask:
    """One question on the page."""

    output: str
    """The field that the worker fills."""
    golden: str
    """The field with the true label, where a platform has no place of its own for it."""
    labels: tuple[str, ...]
    """What can be chosen, in the order of the buttons; empty where the worker writes."""
    text: str
    words: tuple[str, ...]
    """What stands on each label's button."""


@dataclass(frozen=True)
class Page:
    """One stage's page, the same on every platform."""

    name: str
    """The campaign and the stage."""
    kind: Literal["answer", "judgement", "preference"]
    inputs: tuple[str, ...]
    """Every field that a task carries, shown or not, without a platform's prefix."""
    shown: tuple[Shown, ...]
    """The texts on the page, in order."""
    output: str
    """The field that the worker fills."""
    golden: str
    """The field with the true label, where a platform has no place of its own for it."""
    labels: tuple[str, ...]
    """What a judge can choose; empty where the worker writes."""
    question: str
    texts: CrowdTexts
    english: CrowdTexts
    language: str
    """BCP 47, for the page's `lang`."""
    rubric: tuple[Ask, ...] = ()
    """Every question, where there are several; the fields above are those of the first."""
    numbered: Mapping[str, str] = dataclasses.field(default_factory=dict)
    """Field → its column with `{n}`, where several tasks stand on a page and their columns are numbered."""
    places: Mapping[str, str] = dataclasses.field(default_factory=dict)
    """Role → column, where the campaign names a column that a platform would name itself (`worker`, `status`)."""

    def field(self, role: str) -> str | None:
        """Return the field that shows a role (`prompt`, `context`, `answer`), where the page has one."""
        return next((one.field for one in self.shown if one.role == role), None)

    def place(self, role: str) -> str:
        """Return the column of a role in a plain table: as the campaign names it, or the role's own name."""
        return self.places.get(role, role)

    def numbered_as(self, field: str, number: int | None) -> str:
        """Return the column of a field of the page's n-th task."""
        if not self.numbered:
            return field
        return self.numbered.get(field, f"{field}_{{n}}").replace("{n}", str(number))

    @property
    def asks(self) -> tuple[Ask, ...]:
        """Every question on the page."""
        words = tuple(self.texts.label(label) for label in self.labels)
        return self.rubric or (Ask(self.output, self.golden, self.labels, self.question, words),)

    @property
    def marks(self) -> bool:
        """Whether every question of a rubric is answered with the marks 0, 1 and 2."""
        return bool(self.rubric) and all({*ask.labels} <= {*MARKS} for ask in self.rubric)

    def given(self, cell: str | None) -> dict[str, str]:
        """Return the labels (or the text) in a `golden` or `output` cell, by the field of their question."""
        if not self.rubric:
            return {self.output: cell or ""}
        found: dict[str, str] = json.loads(cell) if cell else {}
        return {ask.output: found.get(ask.output, "") for ask in self.asks}

    def joined(self, given: Mapping[str, str]) -> str | None:
        """Return the cell that `given` reads; None where no question has a label."""
        if not self.rubric:
            return given[self.output] or None
        found = {ask.output: given[ask.output] for ask in self.asks if given.get(ask.output)}
        return json.dumps(found, ensure_ascii=False) if found else None

    @property
    def title(self) -> str:
        """The page's title."""
        if self.marks:
            return self.texts.rubric_title
        titles = {"answer": self.texts.answer_title, "judgement": self.texts.judgement_title}
        return titles.get(self.kind, self.texts.preference_title)

    @property
    def instructions(self) -> tuple[str, ...]:
        """What the worker reads first."""
        return self._instructions(self.texts)

    @property
    def english_instructions(self) -> tuple[str, ...]:
        """The same in English; empty where the page is in English already."""
        return () if self.texts == self.english else self._instructions(self.english)

    def _instructions(self, texts: CrowdTexts) -> tuple[str, ...]:
        if self.marks:
            return texts.rubric_instructions
        known = {"answer": texts.answer_instructions, "judgement": texts.judgement_instructions}
        return known.get(self.kind, texts.preference_instructions)


def page(name: str, stage: Stage, language: Language) -> Page:
    """Say what a stage's workers see.

    Raises
    ------
    LrlError
        A judgement stage does not say in which columns the prompt and the answer are shown, a preference stage
        not in which the two answers.
    """
    texts, columns = language.crowd, stage.columns.model_dump(exclude_none=True)
    numbered = _numbered(stage)
    fields = {role: numbered.get(field_of(column), field_of(column)) for role, column in columns.items()}
    if isinstance(stage, AnswerStage):
        carried = ["prompt", "context", "original", "original_id", "machine_translation"]
        shown = {"prompt": texts.prompt, "context": texts.context}
        output, question = fields["answer"], texts.write_answer
        labels: tuple[str, ...] = ()
    else:
        judged = ["answer"] if isinstance(stage, JudgementStage) else ["left", "right"]
        if "ranking" in fields:
            raise LrlError("tasks are written for two answers beside each other; this stage reads rankings")
        for role in ("prompt", *judged):
            if role not in fields:
                raise LrlError(f"judges must see the {role}: name its column as `{role}` in [stage.columns]")
        carried = [*(f"{role}_id" for role in judged), "prompt", "context", *judged]
        shown = {"prompt": texts.prompt, "context": texts.context}
        shown |= {role: {"answer": texts.answer}.get(role) or texts.label(role) for role in judged}
        output, labels = fields["label"], stage.labels.all()
        question = texts.question(stage.question)
    return Page(
        name=name,
        kind=stage.kind,
        inputs=tuple(dict.fromkeys(fields[role] for role in carried if role in fields)),
        shown=tuple(Shown(role, heading, fields[role]) for role, heading in shown.items() if role in fields),
        output=output,
        golden=fields.get("golden", "golden"),
        labels=labels,
        question=question,
        texts=texts,
        english=ENGLISH,
        language=language.codes.hub,
        numbered={field: pattern for pattern, field in numbered.items()},
        places=columns,
    )


def of_stages(name: str, stages: Sequence[Stage], language: Language) -> Page:
    """Say what the workers of stages that share a page see: a rubric where there are several, or marks are given."""
    judging = [stage for stage in stages if isinstance(stage, JudgementStage)]
    marks = all({*stage.labels.positive, *stage.labels.negative} <= {*MARKS} for stage in judging)
    if judging and (len(judging) > 1 or marks):
        return rubric_page(name, judging, language)
    return page(name, stages[0], language)


def rubric_page(name: str, stages: Sequence[JudgementStage], language: Language) -> Page:
    """Say what the workers of a rubric see: its criteria are stages over the same pools, in their order.

    Raises
    ------
    LrlError
        The stages show different texts, or give their labels in one column.
    """
    first, texts = page(name, stages[0], language), language.crowd
    asks = []
    for stage in stages:
        one = page(name, stage, language)
        if (one.inputs, one.shown) != (first.inputs, first.shown):
            raise LrlError(
                f"{stage.question!r} and {stages[0].question!r} share their pools, and show other columns"
            )
        golden = one.golden if stage.columns.golden else f"golden_{one.output}"
        marks = set(one.labels) <= set(MARKS)
        labels = tuple(sorted(one.labels)) if marks else one.labels
        words = [texts.mark(stage.question, label) if marks else texts.label(label) for label in labels]
        text = texts.criterion(stage.question) if marks else one.question
        asks.append(Ask(one.output, golden, labels, text, tuple(words)))
    for names in ([ask.output for ask in asks], [ask.golden for ask in asks]):
        if len(set(names)) < len(names):
            raise LrlError(f"the questions over one pool share a column: {', '.join(names)}")
    numbered = {field: pattern for stage in stages for pattern, field in _numbered(stage).items()}
    return dataclasses.replace(first, rubric=tuple(asks), numbered=numbered)


def _numbered(stage: Stage) -> dict[str, str]:
    """Return `FIELD_{n}` → `FIELD` of a stage whose records hold several tasks; empty for all others."""
    columns = stage.columns.model_dump(exclude_none=True)
    own = {role: field_of(column) for role, column in columns.items()}
    if not any("{n}" in column for column in columns.values()):
        return {}
    if stage.format != "mturk":
        raise LrlError(
            "pages with several numbered tasks (`{n}` in [stage.columns]) are written for MTurk alone"
        )
    plain = next((column for column in columns.values() if "{n}" not in column), None)
    if plain is not None:
        raise LrlError(f"several tasks on a page need a number in every column, and {plain!r} has no {{n}}")
    return {pattern: pattern.replace("{n}", "").rstrip("_.-") for pattern in own.values()}


def field_of(column: str) -> str:
    """Name a column's field without what its platform adds: `INPUT:prompt`, `Input.prompt`, `$prompt` → `prompt`."""
    for prefix in _PREFIXES:
        if column.startswith(prefix):
            return column[len(prefix) :]
    return column.removesuffix(".responses")
