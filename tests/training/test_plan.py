"""The dry run: steps, padded tokens, parameters and memory of small cases by hand, and against the real thing."""

from __future__ import annotations

from typing import Any

import pytest
import torch

from lrl_datasets.training.data import Data
from lrl_datasets.training.model import Origin, load_model, meta_model, origin
from lrl_datasets.training.plan import count_steps, estimate_memory, kept_bytes, make_plan, padded_tokens
from lrl_datasets.training.tokens import encode

from . import rows


def test_steps_by_hand() -> None:
    # 10 rows in batches of 4: 3 batches; two batches a step: 2 steps an epoch, the second of one batch.
    how = rows.tiny_recipe(max_steps=None, epochs=1.5, gradient_accumulation=2).training
    assert count_steps(10, how) == (3, 2, 1.5)
    assert count_steps(10, rows.tiny_recipe(max_steps=12).training) == (12, 3, 4.0)


def row(source: int, target: int) -> dict[str, list[int]]:
    return {"input_ids": [5] * source, "labels": [5] * target}


def test_padded_tokens_by_hand() -> None:
    three = [row(2, 7), row(5, 1), row(4, 4)]
    assert padded_tokens(three, 1, 0) == 2 + 7 + 5 + 1 + 4 + 4
    assert padded_tokens(three, 3, 0) == 3 * (5 + 7)
    # Two in a batch and one alone: what it comes to depends on who is alone.
    assert padded_tokens(three, 2, 0) in {2 * (5 + 7) + 8, 2 * (5 + 4) + 9, 2 * (4 + 7) + 6}


def parameters_by_hand() -> int:
    d, inner, ff, vocabulary, buckets, heads = 32, 4 * 8, 64, 96, 32, 4
    attention, gated, norm = 4 * d * inner, 3 * d * ff, d
    encoder = (attention + norm) + (gated + norm) + buckets * heads + norm
    decoder = 2 * (attention + norm) + (gated + norm) + buckets * heads + norm
    return vocabulary * d + encoder + decoder  # one embedding matrix for both sides and the output


def test_the_plan_of_ten_rows() -> None:
    recipe, data = rows.tiny_recipe(), rows.ten_pairs()
    source = origin(recipe, data)
    train, held_out = (
        encode(source.tokenizer, pairs, recipe.lengths) for pairs in (data.train, data.held_out)
    )
    made = make_plan(recipe, data, source, train, held_out)
    assert (made.train_rows, made.held_out_rows, made.steps, made.steps_per_epoch) == (10, 2, 12, 3)
    assert made.source_tokens == sum(len(source.tokenizer(asked).input_ids) for asked, _ in rows.TEN)
    assert made.target_tokens == sum(len(source.tokenizer(answer).input_ids) for _, answer in rows.TEN)
    assert made.parameters == parameters_by_hand()
    assert made.memory.weights == made.memory.gradients == 4 * made.parameters
    assert made.memory.optimiser == 8 * made.parameters  # AdamW
    assert made.to_json()["memory"]["total"] == made.memory.total
    assert any("12" in value for name, value in made.lines() if name == "steps")


def test_untied_embeddings_count_twice() -> None:
    tied = origin(rows.tiny_recipe(), rows.ten_pairs())
    untied = Origin(tied.config, tied.tokenizer, "us/model", "0" * 40, tied=False)
    assert sum(p.numel() for p in meta_model(untied).parameters()) == parameters_by_hand() + 96 * 32


def batch(model: Any, source: int, target: int) -> Any:
    ids, labels = torch.randint(3, 96, (4, source)), torch.randint(3, 96, (4, target))
    mask = torch.ones_like(ids)
    mask[1, -3:] = 0
    logits = model(input_ids=ids, attention_mask=mask, decoder_input_ids=labels, use_cache=False).logits
    return torch.nn.functional.cross_entropy(logits.flatten(0, 1).float(), labels.flatten())


@pytest.mark.parametrize("optimiser", ["adamw", "adafactor"])
def test_memory_is_that_of_a_real_step(optimiser: str) -> None:
    data = rows.ten_pairs()
    recipe = rows.tiny_recipe(optimiser=optimiser)
    source = origin(recipe, data)
    memory = estimate_memory(meta_model(source), [row(20, 30)] * 4, recipe.training)
    model = load_model(source, 1)
    model.train()
    saved: dict[int, Any] = {}
    own = {p.untyped_storage()._cdata for p in model.parameters()}

    def pack(tensor: torch.Tensor) -> torch.Tensor:
        saved[tensor.untyped_storage()._cdata] = tensor.untyped_storage()
        return tensor

    with torch.autograd.graph.saved_tensors_hooks(pack, lambda tensor: tensor):
        loss = batch(model, 20, 30)
    kept = sum(storage.nbytes() for key, storage in saved.items() if key not in own)
    assert memory.activations == pytest.approx(kept, rel=0.15)
    saved.clear()
    loss.backward()
    if optimiser == "adamw":
        optimizer: Any = torch.optim.AdamW(model.parameters())
    else:
        from transformers import Adafactor

        optimizer = Adafactor(model.parameters(), lr=0.1, relative_step=False, scale_parameter=False)
    optimizer.step()
    state = [v for s in optimizer.state.values() for v in s.values() if torch.is_tensor(v) and v.dim() > 0]
    assert memory.optimiser == sum(v.numel() * v.element_size() for v in state)
    assert memory.gradients == sum(p.grad.nbytes for p in model.parameters() if p.grad is not None)


def test_longer_batches_keep_more() -> None:
    model = meta_model(origin(rows.tiny_recipe(), rows.ten_pairs()))
    assert kept_bytes(model, 2, 10, 10) < kept_bytes(model, 2, 10, 20) < kept_bytes(model, 4, 10, 20)


def test_a_cut_held_out_answer_is_told() -> None:
    recipe, data = rows.tiny_recipe(), rows.ten_pairs()
    data = Data(data.train, data.held_out, ["test"], "0" * 40, notes=["the release has no validation split"])
    source = origin(recipe, data)
    short = recipe.lengths.model_copy(update={"target": 5})
    train, held_out = (encode(source.tokenizer, pairs, short) for pairs in (data.train, data.held_out))
    notes = make_plan(recipe, data, source, train, held_out).notes
    assert notes == ["the release has no validation split",
                     "2 held-out answers are cut: their loss is that of their beginning"]  # fmt: skip
