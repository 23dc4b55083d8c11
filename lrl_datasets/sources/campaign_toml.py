"""The format of `campaign.toml`: what a campaign folder says of itself.

Takes the file, gives a validated `CampaignFile`. Rules about workers stand here, rules about rows in the
builder; `lrl build` and `lrl crowd` read the same ones. Unknown keys are refused, since a misspelt rule that
is ignored is a rule that does not hold.
"""

from __future__ import annotations

import tomllib
from functools import cached_property
from pathlib import Path
from typing import Annotated, Literal, Self

from pydantic import BaseModel, ConfigDict, Field, ValidationError, field_validator, model_validator

from lrl_datasets.card_validator import LICENSES
from lrl_datasets.errors import LrlError
from lrl_datasets.sources.campaign_rules import AnswerRules, JudgeRules
from lrl_datasets.sources.campaign_tasks import Money, Tasks

FILE = "campaign.toml"
_LANGUAGE = r"^[a-z]{3}_[A-Z][a-z]{3}$"
_Name = Annotated[str, Field(min_length=1)]


class _Strict(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True, strict=True, allow_inf_nan=False)


Format = Literal["toloka", "mturk", "label_studio", "argilla", "table"]
"""The formats of exports; the module of that name in `sources/` says how its columns are called."""


class _Columns(_Strict):
    """Roles that the platforms' exports name themselves: only a table says here where they stand."""

    worker: _Name | None = None
    assignment_id: _Name | None = None
    """What the worker handed in at once; without it a record is named by its worker and its inputs."""
    task_id: _Name | None = None
    status: _Name | None = None
    started: _Name | None = None
    submitted: _Name | None = None
    duration_s: _Name | None = None
    """Seconds that the record took."""
    reward: _Name | None = None


class AnswerColumns(_Columns):
    """Which column of an answer pool plays which role. `{n}` in a name stands for 1, 2, 3 …: items of one page."""

    prompt: _Name
    answer: _Name
    context: _Name | None = None
    """A text the prompt is about; it follows the prompt after a blank line."""
    original: _Name | None = None
    """The English (or other) text that the prompt was translated from."""
    original_id: _Name | None = None
    """Its id; without a colon it is the campaign's own, with one it is `dataset:id`."""
    model_name: _Name | None = None
    machine_translation: _Name | None = None
    """A machine's translation of an English answer to the prompt: who hands that in has not written."""
    golden: _Name | None = None
    """The expected answer of control tasks; by default, where the pool has it: `GOLDEN:` and the answer's field
    (Toloka), `Input.golden`, `$golden`, `golden`."""

    @property
    def output(self) -> str:
        """The column that the worker fills."""
        return self.answer


class JudgementColumns(_Columns):
    """Which column of a judgement pool plays which role. `{n}` in a name stands for 1, 2, 3 …: items of one page."""

    answer_id: _Name
    """The input column with the judged answer's record id (or assignment id, where that names one record)."""
    label: _Name
    answer: _Name | None = None
    """The answer as it was shown."""
    prompt: _Name | None = None
    """The prompt as it was shown; tasks for judges need it."""
    context: _Name | None = None
    golden: _Name | None = None
    """The true label of control tasks; by default, where the pool has it: `GOLDEN:` and the label's field (Toloka),
    `Input.golden`, `$golden` and the ground truth (Label Studio), `golden`."""

    @property
    def output(self) -> str:
        """The column that the worker fills."""
        return self.label


class PreferenceColumns(_Columns):
    """Which column of a preference pool plays which role: two answers beside each other, or several in order.

    Two: `left_id`, `right_id` and `label`. Several: `items` and `ranking`; every ranking is broken into all its pairs.
    """

    left_id: _Name | None = None
    """The record id of the answer that was shown left (above, first)."""
    right_id: _Name | None = None
    label: _Name | None = None
    left: _Name | None = None
    """The answer as it was shown left."""
    right: _Name | None = None
    items: _Name | None = None
    """The record ids as they were shown, in order: a JSON list (of ids, or of objects with `id`), or split by
    commas, semicolons or spaces."""
    ranking: _Name | None = None
    """The best first: `b>a>c` (`=` between equals), a JSON list, or split by commas; a letter or number stands for
    the item at that place."""
    prompt: _Name | None = None
    """The prompt as it was shown; tasks for judges need it."""
    context: _Name | None = None
    golden: _Name | None = None
    """The true label (or ranking) of control tasks; the default is as for judgements."""

    @property
    def output(self) -> str:
        """The column that the worker fills."""
        return self.label or self.ranking or ""

    @model_validator(mode="after")
    def _pairs_or_rankings(self) -> Self:
        pairs = [self.left_id, self.right_id, self.label]
        ranked = [self.items, self.ranking]
        whole = (all(pairs), all(ranked))
        if any(whole) == all(whole) or (any(pairs) and any(ranked)):
            raise ValueError("name either left_id, right_id and label, or items and ranking")
        if self.ranking and (self.left or self.right):
            raise ValueError("left and right are of two answers, not of a ranking")
        return self


class Labels(_Strict):
    """The labels a worker can give, in their raw form."""

    positive: Annotated[list[_Name], Field(min_length=1)]
    negative: Annotated[list[_Name], Field(min_length=1)]

    @model_validator(mode="after")
    def _apart(self) -> Labels:
        _no_label_twice(self)
        return self

    def all(self) -> tuple[str, ...]:
        """Return every label, in the order in which a worker sees them."""
        return (*self.positive, *self.negative)


class Sides(_Strict):
    """The labels of a comparison, in their raw form."""

    left: Annotated[list[_Name], Field(min_length=1)]
    right: Annotated[list[_Name], Field(min_length=1)]
    tie: list[_Name] = []
    """Neither is better; empty where a worker has to choose."""

    @model_validator(mode="after")
    def _apart(self) -> Sides:
        _no_label_twice(self)
        return self

    def all(self) -> tuple[str, ...]:
        """Return every label, in the order in which a worker sees them."""
        return (*self.left, *self.tie, *self.right)


def _no_label_twice(labels: BaseModel) -> None:
    seen: dict[str, str] = {}
    for side, given in labels:
        for label in given:
            if seen.setdefault(label, side) != side:
                raise ValueError(f"{label!r} is {seen[label]} and {side}")


Aggregation = Literal[
    "auto", "majority", "wawa", "zero-based-skill", "dawid-skene", "one-coin-dawid-skene", "glad", "mace",
    "hierarchical-dawid-skene", "ebcc",
]  # fmt: skip
"""What `crowd.aggregation` knows by these names."""


class _Counting(JudgeRules):
    golden_min_answers: Annotated[int, Field(ge=0)] = 3
    """A worker is measured once he has done this many control tasks."""
    golden_min_accuracy: Annotated[float, Field(ge=0, le=1)] = 0.6
    """Below this share of right control tasks none of his votes count."""


class Rules(_Counting):
    """Which votes of a judgement stage count, and how they become a posterior."""

    aggregation: Aggregation = "auto"


class PreferenceRules(_Counting):
    """Which comparisons of a preference stage count, and how they become a margin (`crowd.preferences`)."""

    aggregation: Literal["bradley-terry", "noisy-bradley-terry"] = "bradley-terry"


class _Stage(_Strict):
    format: Format
    pools: Annotated[list[_Name], Field(min_length=1)]
    columns: _Columns
    tasks: Tasks | None = None

    @model_validator(mode="after")
    def _a_table_says_who(self) -> Self:
        if self.format == "table" and self.columns.worker is None:
            raise ValueError('format = "table" needs columns.worker, the column with the worker\'s id')
        named = [role for role in _Columns.model_fields if getattr(self.columns, role) is not None]
        if self.format != "table" and named:
            raise ValueError(f"columns.{named[0]} is for tables: exports of {self.format} name it themselves")
        return self


class AnswerStage(_Stage):
    """Workers wrote answers to prompts."""

    kind: Literal["answer"]
    columns: AnswerColumns
    rules: AnswerRules | None = None

    @cached_property
    def golden_columns(self) -> list[str]:
        """The column that can hold a control task's expected answer."""
        # Label Studio's ground truth is no default here: of answers it often marks the best one.
        return _golden_columns(self.format, self.columns.output, self.columns.golden)[:1]


class _Asking(_Stage):
    """Workers were asked something about answers."""

    columns: JudgementColumns | PreferenceColumns
    question: _Name

    @cached_property
    def golden_columns(self) -> list[str]:
        """The columns that can hold a control task's true label or ranking; the first one filled says it."""
        return _golden_columns(self.format, self.columns.output, self.columns.golden)


class JudgementStage(_Asking):
    """Workers judged answers."""

    kind: Literal["judgement"]
    columns: JudgementColumns
    labels: Labels
    rules: Rules = Rules()


class PreferenceStage(_Asking):
    """Workers compared answers to one prompt."""

    kind: Literal["preference"]
    columns: PreferenceColumns
    labels: Sides
    rules: PreferenceRules = PreferenceRules()


def _golden_columns(format: str, label: str, named: str | None) -> list[str]:
    # Where several questions share a page, and a platform has one place for all true labels, each has its own.
    sign = {"mturk": "Input.", "label_studio": "$"}.get(format, "")
    own = (
        []
        if format == "toloka"
        else [f"{sign}golden_{label.removeprefix('Answer.').removesuffix('.responses')}"]
    )
    default = {
        "toloka": f"GOLDEN:{label.partition(':')[2]}",
        "mturk": "Input.golden_{n}" if "{n}" in label else "Input.golden",
        "label_studio": "$golden",
    }
    truth = [f"ground_truth:{label}"] if format == "label_studio" else []
    return [*([named] if named else [default.get(format, "golden"), *own]), *truth]


Judging = JudgementStage | PreferenceStage
"""The stages whose records are judgements."""
Columns = AnswerColumns | JudgementColumns | PreferenceColumns
Stage = Annotated[AnswerStage | JudgementStage | PreferenceStage, Field(discriminator="kind")]


class CampaignFile(_Strict):
    """One campaign."""

    name: _Name
    language: Annotated[str, Field(pattern=_LANGUAGE)]
    license: _Name
    sample: bool = False
    """Written to try things out; never passes for real data."""
    prompt_language: Annotated[str, Field(pattern=_LANGUAGE)] | None = None
    """Language of the prompts where it is not the answers'."""
    money: Money | None = None
    stage: Annotated[list[Stage], Field(min_length=1)]

    def together(self, number: int) -> list[int]:
        """Return the numbers of the stages that are asked on one page: a rubric's share all their pools."""
        asked = self.stage[number - 1]
        if not isinstance(asked, JudgementStage):
            return [number]
        return [
            n
            for n, stage in enumerate(self.stage, 1)
            if isinstance(stage, JudgementStage)
            and stage.pools == asked.pools
            and stage.format == asked.format
        ]

    def tasks_of(self, number: int) -> Tasks | None:
        """Return `[stage.tasks]` of a stage's page; the criteria of a rubric need not repeat it."""
        return next((one.tasks for n in self.together(number) if (one := self.stage[n - 1]).tasks), None)

    @field_validator("license")
    @classmethod
    def _known_license(cls, license: str) -> str:
        if license.lower() not in LICENSES or license.lower() == "other":
            raise ValueError(
                f"{license!r} is no licence identifier of the Hub's list, such as cc-by-4.0 or cc0-1.0"
            )
        return license

    @model_validator(mode="after")
    def _one_page_goes_out_once(self) -> CampaignFile:
        for number, stage in enumerate(self.stage, 1):
            if stage.tasks and stage.tasks != self.tasks_of(number):
                page = [self.stage[n - 1] for n in self.together(number)]
                names = " and ".join(one.question for one in page if one.kind == "judgement")
                raise ValueError(f"{names} are one page, and their [stage.tasks] differ")
        return self

    @model_validator(mode="after")
    def _one_question_one_meaning(self) -> CampaignFile:
        # Votes on one question are aggregated together, so they must mean the same under the same rules.
        judging: dict[str, Judging] = {}
        for stage in self.stage:
            if isinstance(stage, Judging):
                first = judging.setdefault(stage.question, stage)
                if (first.labels, first.rules) != (stage.labels, stage.rules):
                    raise ValueError(f"two stages ask {stage.question!r} with other labels or other rules")
        for question, first in judging.items():
            stages = [s for s in self.stage if isinstance(s, Judging) and s.question == question]
            for pool in first.rules.pools():
                if not any(pool in stage.pools for stage in stages):
                    raise ValueError(f"rules name pool {pool!r}, which is none of the pools of {question!r}")
        return self


def load(folder: Path) -> CampaignFile:
    """Read and validate a campaign folder's `campaign.toml`.

    Raises
    ------
    LrlError
        If it is missing, is no TOML, or has a missing, unknown or wrong key (named with its stage, 1-based).
    """
    path = folder / FILE
    try:
        text = path.read_bytes().decode("utf-8-sig")
    except FileNotFoundError:
        raise LrlError(f"{path}: no such file; a campaign is a folder with {FILE}") from None
    except OSError as error:
        raise LrlError(f"{path}: cannot be read ({error.strerror or error})") from None
    except UnicodeDecodeError as error:
        raise LrlError(f"{path}: not UTF-8 at byte {error.start + 1}") from None
    return parsed(text, path)


def parsed(text: str, path: Path) -> CampaignFile:
    """Validate the text of a `campaign.toml`; `path` is what errors call it."""
    try:
        values = tomllib.loads(text)
    except tomllib.TOMLDecodeError as error:
        raise LrlError(f"{path}: not valid TOML: {error}") from None
    try:
        return CampaignFile.model_validate(values)
    except ValidationError as error:
        problems = "; ".join(_problem(item["loc"], item["msg"]) for item in error.errors())
        raise LrlError(f"{path}: {problems}") from None


def _problem(loc: tuple[int | str, ...], message: str) -> str:
    """Name a key as its author wrote it: `stage 2: columns.label: Field required`."""
    if len(loc) > 1 and loc[0] == "stage":
        keys = loc[3:] if loc[2:3] in (("answer",), ("judgement",), ("preference",)) else loc[2:]
        where = ".".join(map(str, keys))
        return ": ".join(part for part in (f"stage {int(loc[1]) + 1}", where, message) if part)
    return f"{'.'.join(map(str, loc))}: {message}"
