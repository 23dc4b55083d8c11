"""The run: ten rows learnt by heart, losses that repeat, a run that goes on where it was cut off."""

from __future__ import annotations

import json
import math
from dataclasses import replace
from importlib import resources
from pathlib import Path
from typing import Any

import pytest
import torch
from rich.console import Console

from lrl_datasets.errors import LrlError
from lrl_datasets.training.data import Data, Pair
from lrl_datasets.training.finetune import run
from lrl_datasets.training.model import origin
from lrl_datasets.training.recipe import Evaluation, Recipe, load_recipe
from lrl_datasets.training.result import RunResult
from lrl_datasets.training.trainer import held_out_loss, row_losses, token_loss

from . import rows


def train(recipe: Recipe, output: Path, **more: Any) -> RunResult:
    data = rows.ten_pairs()
    return run(recipe, data, origin(recipe, data), output, **more)


def test_ten_rows_are_answered_verbatim(tmp_path: Path) -> None:
    from transformers import AutoModelForSeq2SeqLM, AutoTokenizer

    recipe = rows.tiny_recipe(
        dropout=0.0,
        learning_rate=0.01,
        batch_size=10,
        max_steps=200,
        evaluate_every=100,
        save_every=100,
        log_every=20,
    )
    result = train(recipe, tmp_path / "run")
    model = AutoModelForSeq2SeqLM.from_pretrained(tmp_path / "run/model")
    tokenizer = AutoTokenizer.from_pretrained(tmp_path / "run/model")
    asked = tokenizer([question for question, _ in rows.TEN], return_tensors="pt", padding=True)
    answers = model.generate(**asked, max_new_tokens=48, do_sample=False)
    assert tokenizer.batch_decode(answers, skip_special_tokens=True) == [answer for _, answer in rows.TEN]
    # Learnt by heart is not learnt: the two held-out answers must not have been seen.
    assert [line["loss"] for line in result.losses if "loss" in line][-1] < 0.05 < result.held_out_after


def test_two_runs_give_the_same_losses(tmp_path: Path) -> None:
    for name, before in (("a", 1), ("b", 2)):
        torch.manual_seed(before)  # whatever ran before must not matter
        train(rows.tiny_recipe(), tmp_path / name)
    losses = [(tmp_path / name / "losses.jsonl").read_bytes() for name in ("a", "b")]
    assert losses[0] == losses[1]
    assert len(losses[0].splitlines()) == 1 + 12 // 2 + 12 // 4
    other = train(rows.tiny_recipe(seed=4), tmp_path / "c")
    assert (tmp_path / "c/losses.jsonl").read_bytes() != losses[0]
    assert not torch.are_deterministic_algorithms_enabled()  # put back as it was
    assert other.losses[0]["step"] == 0 and other.losses[-1] == {
        "step": 12,
        "held_out_loss": other.held_out_after,
    }


def test_the_demo_recipe_gets_below_the_unigram_model_on_the_sample(tmp_path: Path) -> None:
    """On the sample's good answers, every sixth prompt held out: about what the build makes of them."""
    recipe = load_recipe("demo").model_copy(update={"evaluation": Evaluation()})
    texts = Path(str(resources.files("lrl_datasets.builders"))) / "samples/swahili/texts"
    prompts, answers = (
        [json.loads(line) for line in (texts / name).read_text("utf-8").splitlines()]
        for name in ("prompts.jsonl", "answers.jsonl")
    )
    asked = {prompt["id"]: (at, prompt["prompt"]) for at, prompt in enumerate(prompts)}
    parts: tuple[list[Pair], list[Pair]] = ([], [])
    for answer in answers:
        if answer["kind"] == "good":
            at, text = asked[answer["prompt"]]
            source = recipe.dataset.input.replace("{prompt}", text)
            parts[at % 6 == 0].append(Pair(answer["id"], source, answer["text"]))
    data = Data(*parts, ["validation", "test"], "0" * 40)
    result = run(recipe, data, origin(recipe, data), tmp_path / "run")
    assert result.compared and result.unmet == []
    assert result.held_out_after < result.unigram_loss - 0.2 < result.held_out_before


def interrupt_at(step: int) -> Any:
    from transformers import TrainerCallback

    class Interrupt(TrainerCallback):  # type: ignore[misc]
        def on_step_end(self, args: Any, state: Any, control: Any, **kwargs: Any) -> None:
            if state.global_step == step:
                raise KeyboardInterrupt

    return Interrupt()


def test_a_run_that_was_cut_off_goes_on_to_the_same_losses(tmp_path: Path) -> None:
    train(rows.tiny_recipe(), tmp_path / "whole")
    with pytest.raises(KeyboardInterrupt):
        train(rows.tiny_recipe(), tmp_path / "cut", callbacks=[interrupt_at(7)])
    assert not (tmp_path / "cut/results.json").exists()
    # A checkpoint that was being written when the machine went down.
    (tmp_path / "cut/checkpoints/checkpoint-6").mkdir()
    with pytest.raises(LrlError, match="holds something already"):
        train(rows.tiny_recipe(), tmp_path / "cut")
    with pytest.raises(LrlError, match=r"another run .* recipe.training.seed changed"):
        train(rows.tiny_recipe(seed=4), tmp_path / "cut", resume=True)
    resumed = train(rows.tiny_recipe(), tmp_path / "cut", resume=True)
    assert (tmp_path / "cut/losses.jsonl").read_bytes() == (tmp_path / "whole/losses.jsonl").read_bytes()
    # Finished, it is read back and not run again.
    assert train(rows.tiny_recipe(), tmp_path / "cut", resume=True, callbacks=[interrupt_at(1)]) == resumed


def test_a_run_cut_off_before_its_first_checkpoint_starts_anew(tmp_path: Path) -> None:
    with pytest.raises(KeyboardInterrupt):
        train(rows.tiny_recipe(), tmp_path / "cut", callbacks=[interrupt_at(2)])
    resumed = train(rows.tiny_recipe(), tmp_path / "cut", resume=True)
    assert resumed.losses[-1]["step"] == 12


def test_a_folder_that_holds_no_run_is_not_resumed(tmp_path: Path) -> None:
    (tmp_path / "notes.txt").write_text("mine")
    with pytest.raises(LrlError, match="no run that could be resumed"):
        train(rows.tiny_recipe(), tmp_path, resume=True)


def test_a_file_in_the_place_of_the_run_folder_is_refused(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("mine")
    with pytest.raises(LrlError, match="file: is not a folder and cannot be made one"):
        train(rows.tiny_recipe(), tmp_path / "file")


def test_tasks_for_causal_models_are_refused_before_anything_is_trained(tmp_path: Path) -> None:
    recipe = rows.tiny_recipe().model_copy(
        update={"evaluation": Evaluation(tasks=["sw_suite_stock"], before=False)}
    )
    with pytest.raises(LrlError, match="is for causal models only"):
        train(recipe, tmp_path / "run")
    assert not (tmp_path / "run").exists()


def test_the_table_has_the_change_beside_what_could_be_detected(tmp_path: Path) -> None:
    result = train(rows.tiny_recipe(), tmp_path / "run")
    score = {
        "task": "t", "prompt_family": "ours", "dataset": "a/b/sw", "commit": "c" * 40, "sample": True, "split": "test",
        "n": 9, "items": 9, "metric": "acc", "value": 0.5, "low": 0.1, "high": 0.9, "detectable": 0.25, "percent": True,
    }  # fmt: skip
    facts = {"limit": None, "endpoint": "http://hub", "offline": False}
    before = facts | {"scores": [score, score | {"task": "before only"}]}
    after = facts | {"scores": [score | {"value": 0.375}]}
    table = replace(result, evaluation_before=before, evaluation_after=after).tables()[1]
    console = Console(width=140, record=True)
    console.print(table)
    shown = console.export_text()
    assert [str(column.header) for column in table.columns][-4:] == [
        "before",
        "after",
        "change",
        "detectable",
    ]
    assert [list(column.cells) for column in table.columns][-2:] == [["-12.5", "–"], ["25.0", "25.0"]]
    assert "test (SAMPLE)" in shown and "datasets from http://hub" in shown


def test_accumulated_batches_train_as_one_batch_does(tmp_path: Path) -> None:
    whole = train(rows.tiny_recipe(dropout=0.0, batch_size=10), tmp_path / "whole")
    parts = train(rows.tiny_recipe(dropout=0.0, batch_size=2, gradient_accumulation=5), tmp_path / "parts")
    for one, other in zip(whole.losses, parts.losses, strict=True):
        assert one.keys() == other.keys()
        for name in one.keys() & {"loss", "grad_norm", "held_out_loss"}:
            assert one[name] == pytest.approx(other[name], rel=1e-3)


def test_the_run_folder_says_what_was_run_and_where(tmp_path: Path) -> None:
    result = train(rows.tiny_recipe(), tmp_path / "run")
    there = json.loads((tmp_path / "run/recipe.json").read_text())
    assert Recipe.model_validate(there["recipe"]) == rows.tiny_recipe()
    assert there["dataset_commit"] == "0" * 40
    where = json.loads((tmp_path / "run/environment.json").read_text())
    assert where["threads"] == 1 and where["precision"] == "fp32" and where["packages"]["torch"]
    assert RunResult.read(tmp_path / "run") == result
    assert f"{result.held_out_after:.4f}" in (tmp_path / "run/results.txt").read_text()
    assert not list((tmp_path / "run/model").glob("*.bin"))  # no pickle beside the model
    assert result.evaluation_before is None and not result.compared


def test_a_run_that_stays_above_its_bar_says_so(tmp_path: Path) -> None:
    recipe = rows.tiny_recipe(max_steps=1, learning_rate=1e-9, log_every=1, evaluate_every=1, save_every=1)
    recipe = Recipe.model_validate(recipe.model_dump() | {"expected": {"held_out_below_unigram": True}})
    result = train(recipe, tmp_path / "run")
    assert result.held_out_after > result.unigram_loss
    assert len(result.unmet) == 1 and "is not below the unigram loss" in result.unmet[0]


def test_every_target_token_counts_once() -> None:
    # Two rows over two pieces; the second ends after one token. p of the right piece: 1/2 and 1/4; 3/4.
    logits = torch.log(torch.tensor([[[0.5, 0.5], [0.25, 0.75]], [[0.25, 0.75], [0.9, 0.1]]]))
    labels = torch.tensor([[0, 0], [1, -100]])
    first, second = math.log(2) + math.log(4), math.log(4 / 3)
    sums = row_losses((logits, None), labels)
    assert sums.tolist() == [pytest.approx([first, 2]), pytest.approx([second, 1])]

    class Predictions:
        predictions = sums.numpy()

    assert held_out_loss(Predictions)["held_out_loss"] == pytest.approx((first + second) / 3)

    class Outputs:
        pass

    Outputs.logits = logits  # type: ignore[attr-defined]
    assert float(token_loss(Outputs, labels)) == pytest.approx((first + second) / 3)
    # One of two accumulated batches with 6 tokens together.
    assert float(token_loss(Outputs, labels, torch.tensor(6))) == pytest.approx((first + second) / 6)


def test_a_rows_weight_multiplies_its_loss() -> None:
    logits = torch.log(torch.tensor([[[0.5, 0.5], [0.25, 0.75]], [[0.25, 0.75], [0.9, 0.1]]]))
    labels = torch.tensor([[0, 0], [1, -100]])
    first, second = math.log(2) + math.log(4), math.log(4 / 3)

    class Outputs:
        pass

    Outputs.logits = logits  # type: ignore[attr-defined]
    assert float(token_loss(Outputs, labels, weight=torch.tensor([0.5, 1.0]))) == pytest.approx(
        (0.5 * first + second) / 3
    )


def test_weights_reach_the_training_and_not_the_held_out_loss(tmp_path: Path) -> None:
    recipe = rows.tiny_recipe(
        dropout=0.0, batch_size=10, log_every=1, max_steps=4, evaluate_every=4, save_every=4
    )
    data = rows.ten_pairs()
    plain = run(recipe, data, origin(recipe, data), tmp_path / "plain")
    lone = [replace(pair, weight=0.25) for pair in data.train]
    found = run(recipe, replace(data, train=lone), origin(recipe, data), tmp_path / "quarter")
    # The same batch before the first step: every row weighs a quarter, and so does the loss.
    losses = [[line["loss"] for line in one.losses if "loss" in line] for one in (plain, found)]
    assert losses[1][0] == pytest.approx(losses[0][0] / 4, rel=1e-3)
    assert found.held_out_before == plain.held_out_before
    # Rows of weight 0 are not learnt.
    half = [replace(pair, weight=float(at >= 5)) for at, pair in enumerate(data.train)]
    without = run(recipe, replace(data, train=half), origin(recipe, data), tmp_path / "half")
    first = next(line["loss"] for line in without.losses if "loss" in line)
    assert 0 < first < losses[0][0]


def test_bf16_is_refused_where_no_gpu_computes_in_it(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(torch.cuda, "is_available", lambda: False)
    with pytest.raises(LrlError, match="precision is bf16"):
        train(rows.tiny_recipe(precision="bf16"), tmp_path / "run")
    assert not (tmp_path / "run").exists()
