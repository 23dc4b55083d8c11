"""What `campaign.toml` says of tasks that go out and of money: `[stage.tasks]` and `[money]`.

Takes the parsed tables, gives validated models; `campaign_toml` puts them in their places. All of it is
optional: a campaign whose exports are all there is built without it.
"""

from __future__ import annotations

from typing import Annotated

from pydantic import BaseModel, ConfigDict, Field, model_validator


class _Strict(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True, strict=True, allow_inf_nan=False)


class Tasks(_Strict):
    """What a stage's workers are given (`[stage.tasks]`)."""

    prompts: Annotated[str, Field(min_length=1)] | None = None
    """Of an answer stage: the file in the folder with what is to be answered (JSON Lines, CSV, Parquet), its
    columns named as the stage's INPUT columns without their prefix. A judgement stage's tasks are the answers."""
    golden: Annotated[str, Field(min_length=1)] | None = None
    """The file with the control tasks: the same columns, the true label in the label's field, `hint` beside it."""
    golden_share: Annotated[float, Field(ge=0, lt=1)] = 0.0
    """Share of control tasks among all that a worker sees."""
    suite: Annotated[int, Field(ge=1, le=100)] = 1
    """Tasks on one page, control tasks among them: what a worker takes, hands in and is paid for at once."""
    overlap: Annotated[int, Field(ge=1)] = 1
    """Workers who do each task."""
    comparisons: Annotated[int, Field(ge=1)] | None = None
    """Of a preference stage: pairs of a prompt's answers that are compared at most; all of them when left out."""
    price: Annotated[float, Field(ge=0)] | None = None
    """What a worker is paid for one suite, in the campaign's currency, before the platform's fee; where an export
    knows no suites (Label Studio, Argilla), each task brings its share of it."""

    @model_validator(mode="after")
    def _golden_has_a_file(self) -> Tasks:
        if self.golden_share > 0 and self.golden is None:
            raise ValueError('golden_share needs the file of control tasks: golden = "FILE"')
        return self


class Money(_Strict):
    """What the campaign pays (`[money]`)."""

    currency: Annotated[str, Field(pattern=r"^[A-Z]{3}$")]
    """ISO 4217: USD, TZS."""
    minimum_hourly_pay: Annotated[float, Field(gt=0)]
    """Floor for an hour of a worker's time. It has no default: what is fair where the workers live, the
    campaign's owner must say."""
    platform_fee: Annotated[float, Field(ge=0)]
    """Share that the platform takes on top of what workers are paid: Toloka's or MTurk's price list has it."""
