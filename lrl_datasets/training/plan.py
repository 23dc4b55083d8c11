"""The dry run: what a recipe would cost, without training and without the weights.

It loads the dataset and the tokenizer, counts steps and tokens exactly, builds the model on torch's meta
device (which has shapes and no memory), and counts there what the backward pass keeps. Memory is that of
the training step itself; a GPU's context, its allocator's slack and the data loader come on top.
"""

from __future__ import annotations

import math
import random
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from lrl_datasets.evaluation.tasks import read_suites
from lrl_datasets.training.data import Data, load_data
from lrl_datasets.training.model import Origin, device, meta_model, need_packages, origin, precision
from lrl_datasets.training.recipe import Optimisation, Recipe, load_recipe
from lrl_datasets.training.tokens import Encoded, encode, unigram_loss

FLOAT = 4
"""Bytes of an fp32 number: weights, gradients and optimiser state are kept in fp32 in either precision."""


@dataclass(frozen=True)
class Memory:
    """Bytes that a training step holds at its peak, by what holds them."""

    weights: int
    gradients: int
    optimiser: int
    activations: int
    """What the forward pass keeps for the backward pass on the longest batch, in fp32. Under bf16 it is
    less, between this and half of it; gradient checkpointing is not taken off."""

    @property
    def total(self) -> int:
        """All of it."""
        return self.weights + self.gradients + self.optimiser + self.activations


@dataclass(frozen=True)
class Plan:
    """What a recipe would do."""

    recipe: str
    dataset: str
    dataset_commit: str
    model: str
    model_commit: str | None
    train_rows: int
    held_out_rows: int
    held_out_splits: list[str]
    steps: int
    steps_per_epoch: int
    epochs: float
    source_tokens: int
    """Of the training split, once, after cutting."""
    target_tokens: int
    held_out_target_tokens: int
    padded_tokens: int
    """Source and target positions computed in one epoch, padding included, in one shuffled order."""
    cut_sources: int
    cut_targets: int
    vocabulary: int
    parameters: int
    precision: str
    device: str
    """Where it would be trained here, as torch names it."""
    unigram_loss: float
    """The bar: nats per held-out target token under the training answers' unigram model."""
    memory: Memory
    notes: list[str]

    def to_json(self) -> dict[str, Any]:
        """Give the plan as JSON values."""
        return {**asdict(self), "memory": {**asdict(self.memory), "total": self.memory.total}}

    def lines(self) -> list[tuple[str, str]]:
        """Give the plan as pairs of what and how much, for printing."""
        memory, held_out = self.memory, " + ".join(self.held_out_splits)
        parts = " + ".join(f"{name} {_mib(getattr(memory, name))}" for name in asdict(memory))
        return [
            ("dataset", f"{self.dataset} (commit {self.dataset_commit[:12]})"),
            ("model", f"{self.model}, {self.parameters:,} parameters, {self.vocabulary:,} pieces"),
            ("rows", f"{self.train_rows} to train on, {self.held_out_rows} in {held_out}"),
            ("steps", f"{self.steps:,} ({self.steps_per_epoch:,} an epoch, {self.epochs:g} epochs)"),
            ("tokens an epoch", f"{self.source_tokens:,} source, {self.target_tokens:,} target; "
                                f"{self.padded_tokens:,} with padding"),
            ("cut to length", f"{self.cut_sources} sources, {self.cut_targets} targets"),
            ("device", f"{self.device}, {self.precision}"),
            ("memory", f"about {_mib(memory.total)} ({parts})"),
            ("unigram bar", f"{self.unigram_loss:.4f} nats a token, {self.held_out_target_tokens:,} tokens"),
            *[("note", note) for note in self.notes],
        ]  # fmt: skip


def plan(recipe: str | Path | Recipe) -> Plan:
    """Say what a recipe would do, without doing it.

    Raises
    ------
    LrlError
        The recipe, the dataset or the model cannot be used; see `load_recipe`, `load_data` and `origin`; a task
        of its evaluation is for causal models only.
    """
    recipe = recipe if isinstance(recipe, Recipe) else load_recipe(recipe)
    need_packages()
    data = load_data(recipe.dataset)
    source = origin(recipe, data)
    rows, held_out = (
        encode(source.tokenizer, pairs, recipe.lengths) for pairs in (data.train, data.held_out)
    )
    return make_plan(recipe, data, source, rows, held_out)


def make_plan(recipe: Recipe, data: Data, source: Origin, train: Encoded, held_out: Encoded) -> Plan:
    """Work the plan out from what was loaded."""
    read_suites().refuse_encoders(recipe.evaluation.tasks)  # only such models are trained here
    how = recipe.training
    steps, per_epoch, epochs = count_steps(len(train.rows), how)
    model = meta_model(source)
    notes = list(data.notes)
    if held_out.cut_targets:
        notes.append(
            f"{held_out.cut_targets} held-out answers are cut: their loss is that of their beginning"
        )
    if how.gradient_checkpointing:
        notes.append("gradient checkpointing is on: activations take less than said")
    return Plan(
        recipe=recipe.name,
        dataset=f"{recipe.dataset.id}@{recipe.dataset.revision}",
        dataset_commit=data.commit,
        model=source.id or "from scratch",
        model_commit=source.commit,
        train_rows=len(train.rows),
        held_out_rows=len(held_out.rows),
        held_out_splits=data.held_out_splits,
        steps=steps,
        steps_per_epoch=per_epoch,
        epochs=epochs,
        source_tokens=sum(len(row["input_ids"]) for row in train.rows),
        target_tokens=sum(len(row["labels"]) for row in train.rows),
        held_out_target_tokens=sum(len(ids) for ids in held_out.targets),
        padded_tokens=padded_tokens(train.rows, how.batch_size, how.seed),
        cut_sources=train.cut_sources,
        cut_targets=train.cut_targets,
        vocabulary=source.config.vocab_size,
        parameters=sum(parameter.numel() for parameter in model.parameters()),
        precision=precision(how.precision),
        device=device(),
        unigram_loss=unigram_loss(train.targets, held_out.targets, source.config.vocab_size),
        memory=estimate_memory(model, train.rows, how),
        notes=notes,
    )


def count_steps(rows: int, how: Optimisation) -> tuple[int, int, float]:
    """Count optimiser steps, steps an epoch, and epochs, as the Trainer does: the last batch may be short."""
    per_epoch = math.ceil(math.ceil(rows / how.batch_size) / how.gradient_accumulation)
    if how.max_steps is not None:
        return how.max_steps, per_epoch, how.max_steps / per_epoch
    epochs = how.epochs or 0.0
    return math.ceil(epochs * per_epoch), per_epoch, epochs


def padded_tokens(rows: Sequence[dict[str, list[int]]], batch_size: int, seed: int) -> int:
    """Count the positions of one epoch: in each batch every source and target is as long as the longest."""
    order = list(rows)
    random.Random(seed).shuffle(order)  # noqa: S311 (an example of an order)
    total = 0
    for start in range(0, len(order), batch_size):
        batch = order[start : start + batch_size]
        total += len(batch) * sum(max(len(row[part]) for row in batch) for part in ("input_ids", "labels"))
    return total


def estimate_memory(model: Any, rows: Sequence[dict[str, list[int]]], how: Optimisation) -> Memory:
    """Estimate what a step of a meta-device model holds; activations on a batch of the longest rows.

    AdamW keeps two numbers a parameter; Adafactor one a row and one a column of a matrix, and one a number of
    a vector (Shazeer and Stern 2018, https://arxiv.org/abs/1804.04235).
    """
    parameters = list(model.parameters())
    count = sum(parameter.numel() for parameter in parameters)
    if how.optimiser == "adamw":
        state = 2 * count
    else:
        state = sum(
            math.prod(p.shape[:-1]) + math.prod((*p.shape[:-2], p.shape[-1])) if p.dim() >= 2 else p.numel()
            for p in parameters
        )
    longest = [max(len(row[part]) for row in rows) for part in ("input_ids", "labels")]
    kept = kept_bytes(model, min(how.batch_size, len(rows)), *longest)
    return Memory(FLOAT * count, FLOAT * count, FLOAT * state, kept)


def kept_bytes(model: Any, batch: int, source: int, target: int) -> int:
    """Count the bytes that a forward pass in fp32 keeps for the backward pass, parameters left out.

    The pass runs on the meta device under autograd's hook for saved tensors, so nothing is computed and no
    formula of one architecture is needed.
    """
    import torch

    own = {parameter.untyped_storage()._cdata for parameter in model.parameters()}
    storages: dict[
        int, Any
    ] = {}  # kept alive, so that no storage is freed and its address counted as another's

    def pack(tensor: Any) -> Any:
        storage = tensor.untyped_storage()
        if storage._cdata not in own:
            storages[storage._cdata] = storage
        return tensor

    ids, labels = (torch.zeros(batch, size, dtype=torch.long, device="meta") for size in (source, target))
    model.train()
    with torch.autograd.graph.saved_tensors_hooks(pack, lambda tensor: tensor):
        # No attention mask: transformers asks whether it is all ones, which a meta tensor cannot answer.
        logits = model(input_ids=ids, decoder_input_ids=labels, use_cache=False).logits
        loss = torch.nn.functional.cross_entropy(logits.flatten(0, 1).float(), labels.flatten())
    del loss
    return sum(int(storage.nbytes()) for storage in storages.values())


def _mib(size: int) -> str:
    return f"{size / 2**30:.2f} GiB" if size >= 2**30 else f"{size / 2**20:.1f} MiB"
