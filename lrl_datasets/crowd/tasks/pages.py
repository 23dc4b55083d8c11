"""What a worker sees: which fields are shown under which heading, what is asked, in whose words."""

from __future__ import annotations

import dataclasses
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Literal, NamedTuple

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
    places: Mapping[str, str] = dataclasses.field(default_factory=dict)
    """Role → column, where the campaign names a column that a platform would name itself (`worker`, `status`)."""

    def field(self, role: str) -> str | None:
        """Return the field that shows a role (`prompt`, `context`, `answer`), where the page has one."""
        return next((one.field for one in self.shown if one.role == role), None)

    def place(self, role: str) -> str:
        """Return the column of a role in a plain table: as the campaign names it, or the role's own name."""
        return self.places.get(role, role)

    @property
    def title(self) -> str:
        """The page's title."""
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
    numbered = next((column for column in columns.values() if "{n}" in column), None)
    if numbered is not None:
        raise LrlError(f"tasks are written one a page; {numbered!r} in [stage.columns] names several")
    fields = {role: field_of(column) for role, column in columns.items()}
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
        places=columns,
    )


def field_of(column: str) -> str:
    """Name a column's field without its platform's prefix: `INPUT:prompt`, `Input.prompt`, `$prompt` → `prompt`."""
    for prefix in _PREFIXES:
        if column.startswith(prefix):
            return column[len(prefix) :]
    return column
