"""What `campaign.toml` asks of workers and decides about their work: `[stage.rules]`.

Takes the parsed tables, gives validated models; `campaign_toml` puts them in their places and `crowd` reads them
by the same names. Every rule is off unless the campaign asks for it (control tasks apart, which every platform
has), and what is off leaves no trace in a release.
"""

from __future__ import annotations

from typing import Annotated, Self

from pydantic import BaseModel, ConfigDict, Field, model_validator

_Share = Annotated[float, Field(gt=0, le=1)]
_Count = Annotated[int, Field(ge=1)]
_Pools = Annotated[list[Annotated[str, Field(min_length=1)]], Field(min_length=1)]


class _Strict(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True, strict=True, allow_inf_nan=False)


class _Decisions(_Strict):
    """What both kinds of stages may say of time, behaviour, review and bonus."""

    too_fast_z: Annotated[float, Field(gt=0)] | None = None
    """A task's time may lie so many robust standard deviations under its pool's median (log scale; 3.5 is usual)."""
    too_slow_z: Annotated[float, Field(gt=0)] | None = None
    max_skipped_in_row: Annotated[int, Field(ge=0)] | None = None
    """Nothing counts of a worker who skipped more suites in a row."""
    review_days: Annotated[int, Field(ge=1, le=30)] | None = None
    """Days after which the platform accepts by itself what nobody reviewed (Toloka: at most 21, MTurk: 30)."""
    warn_days: _Count | None = None
    """Days before that from which on `lrl crowd` warns; 3 when left out."""
    suite_share: _Share | None = None
    """A suite is accepted as a whole if this share of it is; .5 when left out."""
    bonus: Annotated[float, Field(gt=0)] | None = None
    """Share of what a worker earned in the stage that is paid on top …"""
    bonus_from: _Share | None = None
    """… from this share of accepted answers, or of right control tasks, on …"""
    bonus_min_tasks: _Count | None = None
    """… over so many; 10 when left out."""

    @model_validator(mode="after")
    def _bonus_is_whole(self) -> Self:
        _both(self, "bonus", "bonus_from")
        _needs(self, "bonus_min_tasks", "bonus")
        _needs(self, "warn_days", "review_days")
        return self


class AnswerRules(_Decisions):
    """How it is decided whether an answer is accepted (`[stage.rules]` of an answer stage)."""

    accept_from: _Share | None = None
    """Least posterior of helpfulness; .5 when left out. What is published is the builder's threshold."""
    accept_precision: Annotated[float, Field(gt=0, lt=1)] | None = None
    """Wanted share of helpful answers among the accepted: where golden tasks calibrate the posterior, the threshold
    is the lowest from `accept_from` on at which that is expected."""
    overlap_limit: _Count | None = None
    """Answers that are asked for at most, when refused ones are replaced; twice `tasks.overlap` plus one when
    left out."""
    same_text_min_words: _Count | None = None
    """An answer of so many words that another worker has handed in before is refused."""
    machine_translation_from: _Share | None = None
    """Similarity with the column `machine_translation` from which on an answer is refused."""
    golden_min_answers: Annotated[int, Field(ge=0)] | None = None
    """A worker is measured once he has done this many control tasks; 3 when left out."""
    golden_min_accuracy: Annotated[float, Field(ge=0, le=1)] | None = None
    """Below this share of right control tasks none of his answers is accepted; .6 when left out."""


class JudgeRules(_Decisions):
    """Which judgements count (`[stage.rules]` of a judgement stage)."""

    training_pools: _Pools | None = None
    """Those of the stage's pools that are training; written as in `pools`."""
    training_min_accuracy: _Share | None = None
    exam_pools: _Pools | None = None
    exam_tasks: _Count | None = None
    """Where the exam is no pool of its own: a worker's first so many control tasks."""
    exam_min_accuracy: _Share | None = None
    """Pass mark."""
    exam_retry_from: Annotated[float, Field(ge=0, lt=1)] | None = None
    """From here to the pass mark a worker may try once more, in `retry_pools`."""
    retry_pools: _Pools | None = None
    one_answer_share: _Share | None = None
    """Share of one label from which on a worker is held against what the others gave."""
    one_answer_min_answers: _Count | None = None
    majority_min_agreement: _Share | None = None
    majority_min_answers: _Count | None = None
    majority_votes: Annotated[int, Field(ge=2)] | None = None
    """Equal votes that make a majority."""
    overlap_confidence: Annotated[float, Field(gt=0.5, lt=1)] | None = None
    """Dynamic overlap: more votes are asked for until the confidence in the leading label reaches this …"""
    overlap_limit: _Count | None = None
    """… or so many votes were given; twice `tasks.overlap` plus one when left out."""

    @model_validator(mode="after")
    def _whole(self) -> Self:
        _both(self, "training_pools", "training_min_accuracy")
        _both(self, "exam_retry_from", "retry_pools")
        for name in ("exam_pools", "exam_tasks", "exam_retry_from"):
            _needs(self, name, "exam_min_accuracy")
        if self.exam_min_accuracy is not None and (self.exam_pools is None) == (self.exam_tasks is None):
            raise ValueError("exam_min_accuracy needs either exam_pools or exam_tasks")
        if self.exam_retry_from is not None and self.exam_retry_from >= (self.exam_min_accuracy or 0):
            raise ValueError("exam_retry_from must lie below exam_min_accuracy")
        _needs(self, "one_answer_min_answers", "one_answer_share")
        for name in ("majority_min_answers", "majority_votes"):
            _needs(self, name, "majority_min_agreement")
        return self

    def pools(self) -> list[str]:
        """Return the pools that the rules name: all of them must be the stage's."""
        return [*(self.training_pools or []), *(self.exam_pools or []), *(self.retry_pools or [])]


def _both(rules: BaseModel, one: str, other: str) -> None:
    _needs(rules, one, other)
    _needs(rules, other, one)


def _needs(rules: BaseModel, name: str, other: str) -> None:
    if getattr(rules, name) is not None and getattr(rules, other) is None:
        raise ValueError(f"{name} without {other} says nothing")
