"""A recipe: everything that decides a fine-tune, in one YAML file that is validated when it is loaded.

A recipe is found by name among the shipped ones (`recipes/`) or by path. A key that no field knows is
refused, so is a key written twice, and so are two settings that contradict each other: a warning would be
read by nobody and the run would follow one of the two.
"""

from __future__ import annotations

import re
from importlib import resources
from pathlib import Path
from typing import Annotated, Any, Literal

import yaml
from pydantic import BaseModel, ConfigDict, Field, ValidationError, model_validator

from lrl_datasets.errors import LrlError

HubId = Annotated[str, Field(pattern=r"^[A-Za-z0-9][\w.-]*/[A-Za-z0-9][\w.-]*$")]
Positive = Annotated[int, Field(gt=0)]
NOT_RUN_YET = "not run yet"


def load_recipe(recipe: str | Path) -> Recipe:
    """Load a recipe by the name of a shipped one, or by path (anything with a `/` or ending in `.yaml`).

    Raises
    ------
    LrlError
        The recipe is not there, is not YAML, has an unknown key, lacks one, or contradicts itself.
    """
    path = _find(recipe)
    try:
        data = yaml.load(path.read_text("utf-8"), Loader=_StrictLoader)  # noqa: S506 (a SafeLoader)
    except (OSError, UnicodeDecodeError, yaml.YAMLError) as error:
        raise LrlError(f"{path}: cannot be read as a recipe: {error}") from error
    if not isinstance(data, dict):
        raise LrlError(f"{path}: a recipe is a mapping of settings, this is {type(data).__name__}")
    try:
        return Recipe.model_validate(data)
    except ValidationError as error:
        raise LrlError(f"{path}: " + "; ".join(_explain(detail) for detail in error.errors())) from error


def recipe_names() -> list[str]:
    """Name the shipped recipes, sorted."""
    return sorted(path.stem for path in _shipped().glob("*.yaml"))


class _Strict(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True, allow_inf_nan=False)


class DatasetChoice(_Strict):
    """The dataset, as its user names it."""

    id: HubId
    config: str = "default"
    revision: str
    """A tag (`v1.0.0`) or a commit. A branch moves, so `main` is refused."""
    held_out: list[Literal["validation", "test"]] = ["validation"]
    """Splits the held-out loss is measured on. Those that the release lacks are left out, with a note."""
    input: str = "{prompt}"
    """What the model reads; `{prompt}` stands for the request. Best as the evaluation puts it, too."""
    weight: Literal["helpfulness"] | None = None
    """What a training row's loss is multiplied with: `helpfulness`, the probability that it helps, on rows where that
    is calibrated, and 1 on all others. A probability that is not calibrated is no weight."""

    @model_validator(mode="after")
    def _pinned(self) -> DatasetChoice:
        if self.revision in ("main", "master") or self.revision.startswith("refs/"):
            raise ValueError(f"revision {self.revision} is a branch and moves: name a tag or a commit")
        if not self.held_out or len(set(self.held_out)) != len(self.held_out):
            raise ValueError("held_out must name validation, test or both, each once")
        if self.input.count("{prompt}") != 1:
            raise ValueError("input must contain {prompt} once")
        return self


class Architecture(_Strict):
    """An mT5 to initialise from scratch; the fields are those of `transformers.MT5Config`.

    Its `num_decoder_layers` is left out: `generate` makes its cache as deep as the encoder, and a deeper decoder
    then fails (transformers 5.23).
    """

    model_type: Literal["mt5"] = "mt5"
    d_model: Positive
    d_kv: Positive
    d_ff: Positive
    num_layers: Positive
    """Of the encoder and, as many again, of the decoder."""
    num_heads: Positive
    relative_attention_num_buckets: Positive = 32
    relative_attention_max_distance: Positive = 128
    dropout_rate: Annotated[float, Field(ge=0, lt=1)] = 0.1
    initializer_factor: Annotated[float, Field(gt=0)] = 1.0
    feed_forward_proj: Literal["gated-gelu", "relu"] = "gated-gelu"


class TokenizerChoice(_Strict):
    """A SentencePiece unigram tokenizer trained on the training split, questions and answers."""

    vocab_size: Annotated[int, Field(ge=32, le=64000)]


class ModelChoice(_Strict):
    """A model of the Hub, or one initialised from scratch; never half of each."""

    id: HubId | None = None
    revision: str | None = None
    """A commit is best. A branch is allowed: the run resolves it to a commit and records that."""
    architecture: Architecture | None = None
    tokenizer: TokenizerChoice | None = None

    @model_validator(mode="after")
    def _one_origin(self) -> ModelChoice:
        hub = self.id is not None or self.revision is not None
        scratch = self.architecture is not None or self.tokenizer is not None
        if hub and scratch:
            raise ValueError("id and revision (a model of the Hub) contradict architecture and tokenizer")
        if hub and (self.id is None or self.revision is None):
            raise ValueError("a model of the Hub needs both id and revision")
        if not hub and (self.architecture is None or self.tokenizer is None):
            raise ValueError("give id and revision, or architecture and tokenizer")
        return self


class Lengths(_Strict):
    """Longest source and target in tokens, the end token included; what is cut is counted and reported."""

    source: Annotated[int, Field(ge=2)]
    target: Annotated[int, Field(ge=2)]


class Optimisation(_Strict):
    """How it is trained. Steps are optimiser steps."""

    optimiser: Literal["adafactor", "adamw"]
    learning_rate: Annotated[float, Field(gt=0)]
    schedule: Literal["constant", "constant_with_warmup", "linear", "cosine"]
    warmup_steps: Annotated[int, Field(ge=0)] = 0
    weight_decay: Annotated[float, Field(ge=0)] = 0.0
    max_grad_norm: Annotated[float, Field(ge=0)]
    """Gradients are clipped to this norm; 0 turns clipping off."""
    batch_size: Positive
    gradient_accumulation: Positive = 1
    epochs: Annotated[float, Field(gt=0)] | None = None
    max_steps: Positive | None = None
    precision: Literal["auto", "bf16", "fp32"] = "auto"
    """`auto`: bf16 on a GPU that computes in it, else fp32. mT5 overflows in fp16, so that is not offered."""
    gradient_checkpointing: bool = False
    seed: Annotated[int, Field(ge=0, lt=2**32)]
    deterministic: bool = False
    """Only deterministic kernels: the same losses on the same machine and versions."""
    threads: Positive | None = None
    """CPU threads of torch; the sums of a matrix product are split by it, so it decides the last bits."""
    log_every: Positive
    evaluate_every: Positive
    save_every: Positive

    @model_validator(mode="after")
    def _consistent(self) -> Optimisation:
        if (self.epochs is None) == (self.max_steps is None):
            raise ValueError("give either epochs or max_steps, not both and not neither")
        if self.schedule == "constant" and self.warmup_steps:
            raise ValueError("schedule constant ignores warmup_steps: use constant_with_warmup or drop them")
        if self.schedule == "constant_with_warmup" and not self.warmup_steps:
            raise ValueError("schedule constant_with_warmup needs warmup_steps")
        if self.max_steps is not None:
            for name in ("warmup_steps", "log_every", "evaluate_every", "save_every"):
                if getattr(self, name) > self.max_steps:
                    raise ValueError(f"{name} is beyond max_steps ({self.max_steps})")
        if self.save_every % self.log_every:
            # A checkpoint between two log lines loses the part of the loss that was not yet written.
            raise ValueError("save_every must be a multiple of log_every")
        return self


class Evaluation(_Strict):
    """Tasks that are run on the model before and after training."""

    tasks: list[str] = []
    limit: Positive | None = None
    """Items per task, null for all."""
    before: bool = True
    after: bool = True

    @model_validator(mode="after")
    def _something_to_do(self) -> Evaluation:
        if not self.tasks and self.limit is not None:
            raise ValueError("limit is set, but there are no tasks")
        if self.tasks and not (self.before or self.after):
            raise ValueError("tasks are named, but before and after are both off")
        return self


class Expected(_Strict):
    """What the run must show; a run that does not is reported as such."""

    held_out_below_unigram: Literal[True] = True
    """The held-out loss ends below that of the training answers' unigram model in the same tokenizer."""
    held_out_loss_at_most: Annotated[float, Field(gt=0)] | None = None
    """Nats per target token."""


class Recipe(_Strict):
    """One reference fine-tune."""

    name: Annotated[str, Field(pattern=r"^[a-z0-9][a-z0-9-]*$")]
    about: str
    dataset: DatasetChoice
    model: ModelChoice
    lengths: Lengths
    training: Optimisation
    evaluation: Evaluation = Evaluation()
    expected: Literal["not run yet"] | Expected


class _StrictLoader(yaml.SafeLoader):
    """Safe YAML that refuses a key written twice (plain YAML keeps the last and says nothing)."""

    def construct_mapping(self, node: yaml.MappingNode, deep: bool = False) -> dict[Any, Any]:
        seen: set[Any] = set()
        for key_node, _ in node.value:
            key = self.construct_object(key_node, deep=True)
            if key in seen:
                line = key_node.start_mark.line + 1
                raise yaml.YAMLError(f"line {line}: the key {key!r} is written twice")
            seen.add(key)
        return super().construct_mapping(node, deep)


def _shipped() -> Path:
    return Path(str(resources.files("lrl_datasets.recipes")))


def _find(recipe: str | Path) -> Path:
    text = str(recipe)
    if isinstance(recipe, Path) or "/" in text or re.search(r"\.ya?ml$", text):
        path = Path(recipe)
        if not path.is_file():
            raise LrlError(f"{path}: there is no such recipe file")
        return path
    path = _shipped() / f"{text}.yaml"
    if text not in recipe_names():
        raise LrlError(f"there is no recipe {text!r}; there are: {', '.join(recipe_names())}, or give a path")
    return path


def _explain(detail: Any) -> str:
    where = ".".join(str(part) for part in detail["loc"]) or "recipe"
    message = str(detail["msg"]).removeprefix("Value error, ")
    if detail["type"] == "extra_forbidden":
        message = "unknown key"
    elif detail["type"] == "missing":
        message = "is missing"
    return f"{where}: {message}"
