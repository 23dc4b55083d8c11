"""The training itself: `transformers.Seq2SeqTrainer` with a loss that counts every target token once.

It takes encoded rows and a recipe, and gives the losses by step; the checkpoints and the trained model lie in
the run folder. The held-out loss is that of the last step: no checkpoint is chosen by it, so it stays fair.
"""

from __future__ import annotations

import json
import shutil
import time
from collections.abc import Sequence
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any

from lrl_datasets.errors import LrlError
from lrl_datasets.training.model import Origin, load_model
from lrl_datasets.training.plan import Plan
from lrl_datasets.training.recipe import Optimisation, Recipe
from lrl_datasets.training.tokens import Encoded

if TYPE_CHECKING:
    from rich.console import Console


@dataclass(frozen=True)
class Training:
    """What a training gave. Losses are in nats a target token."""

    held_out_before: float
    held_out_after: float
    losses: list[dict[str, float]]
    """One entry a logged step: `step` with `loss` (learning rate, gradient norm) or with `held_out_loss`."""
    seconds: float


def train(
    recipe: Recipe,
    source: Origin,
    rows: Encoded,
    held_out: Encoded,
    *,
    plan: Plan,
    output: Path,
    resume: bool,
    callbacks: Sequence[Any],
    console: Console | None,
) -> Training:
    """Train, and measure the held-out loss before, between and after; saves the model in `output/model`."""
    import datasets
    from transformers import DataCollatorForSeq2Seq, PrinterCallback, Seq2SeqTrainer, set_seed

    how = recipe.training
    model = load_model(source, how.seed)
    arguments = _arguments(how, plan, output)
    if arguments.n_gpu > 1:
        # The Trainer would split batches over them in one process and scale our loss once too often.
        raise LrlError(
            f"{arguments.n_gpu} GPUs are visible and one is used: set CUDA_VISIBLE_DEVICES to one of them"
        )
    # The Trainer drops what no model reads; the weights are for the loss.
    arguments.remove_unused_columns = not any("weight" in row for row in rows.rows)

    class WeighingTrainer(Seq2SeqTrainer):  # type: ignore[misc]
        """Hands the rows' weights to the loss, which the Trainer calls with labels alone."""

        def compute_loss(self, model: Any, inputs: Any, *args: Any, **kwargs: Any) -> Any:
            self.compute_loss_func = partial(token_loss, weight=inputs.pop("weight", None))
            return super().compute_loss(model, inputs, *args, **kwargs)

    trainer = WeighingTrainer(
        model=model,
        args=arguments,
        data_collator=DataCollatorForSeq2Seq(source.tokenizer, model=model),
        train_dataset=datasets.Dataset.from_list(rows.rows),
        eval_dataset=datasets.Dataset.from_list(held_out.rows),
        processing_class=source.tokenizer,
        compute_loss_func=token_loss,
        preprocess_logits_for_metrics=row_losses,
        compute_metrics=held_out_loss,
        callbacks=list(callbacks),
    )
    trainer.remove_callback(PrinterCallback)
    before = trainer.evaluate()["eval_held_out_loss"]
    first = {"step": 0, "held_out_loss": before}
    trainer.add_callback(_loss_file(output / "losses.jsonl", first, console))
    checkpoint = _last_checkpoint(output / "checkpoints") if resume else None
    if console and resume:
        console.print(f"going on from {checkpoint.name}" if checkpoint else "no checkpoint: from the start")
    # What ran before (a task evaluation sets seeds of its own) must not decide the order of the rows.
    set_seed(how.seed)
    started = time.monotonic()
    trainer.train(resume_from_checkpoint=str(checkpoint) if checkpoint else None)
    seconds = time.monotonic() - started
    if "held_out_loss" not in _history(first, trainer.state)[-1]:  # the last step was not one of the cadence
        trainer.evaluate()
    losses = _history(first, trainer.state)
    # Not `trainer.save_model`: it would put its arguments beside the model, as a pickle.
    trainer.accelerator.unwrap_model(trainer.model).save_pretrained(output / "model")
    source.tokenizer.save_pretrained(output / "model")
    return Training(before, losses[-1]["held_out_loss"], losses, seconds)


def token_loss(outputs: Any, labels: Any, num_items_in_batch: Any = None, weight: Any = None) -> Any:
    """Cross-entropy summed over the target tokens, divided by those of the whole accumulated batch.

    With `weight`, one number a row, each row's sum is multiplied by its own; what it is divided by stays, so a row
    of weight 1 counts as much beside doubtful ones as beside sure ones.

    The Trainer believes that a model whose `forward` takes `**kwargs` divides by `num_items_in_batch` itself;
    mT5's does not, and its gradients would grow with gradient accumulation.
    """
    from torch.nn.functional import cross_entropy

    each = cross_entropy(
        outputs.logits.flatten(0, 1).float(),
        labels.flatten(),
        ignore_index=-100,
        reduction="sum" if weight is None else "none",
    )
    total = each if weight is None else (each.view(labels.shape).sum(1) * weight).sum()
    return total / (num_items_in_batch if num_items_in_batch is not None else labels.ne(-100).sum())


def row_losses(logits: Any, labels: Any) -> Any:
    """Reduce logits (rows, tokens, vocabulary) to (rows, 2): summed loss and number of target tokens."""
    import torch

    scores = logits[0] if isinstance(logits, tuple) else logits
    losses = torch.nn.functional.cross_entropy(
        scores.transpose(1, 2).float(), labels, ignore_index=-100, reduction="none"
    )
    return torch.stack([losses.double().sum(1), labels.ne(-100).double().sum(1)], 1)


def held_out_loss(predictions: Any) -> dict[str, float]:
    """Divide the summed loss by the number of tokens: every token counts once, whatever batch it was in."""
    total, tokens = predictions.predictions.sum(0)
    return {"held_out_loss": float(total / tokens)}


def _arguments(how: Optimisation, plan: Plan, output: Path) -> Any:
    from transformers import Seq2SeqTrainingArguments

    return Seq2SeqTrainingArguments(
        output_dir=str(output / "checkpoints"),
        optim={"adafactor": "adafactor", "adamw": "adamw_torch"}[how.optimiser],
        learning_rate=how.learning_rate,
        lr_scheduler_type=how.schedule,
        warmup_steps=how.warmup_steps,
        weight_decay=how.weight_decay,
        max_grad_norm=how.max_grad_norm,
        per_device_train_batch_size=how.batch_size,
        per_device_eval_batch_size=how.batch_size,
        gradient_accumulation_steps=how.gradient_accumulation,
        max_steps=plan.steps,
        bf16=plan.precision == "bf16",
        activation_checkpointing=how.gradient_checkpointing,
        seed=how.seed,
        data_seed=how.seed,
        full_determinism=how.deterministic,
        logging_strategy="steps",
        logging_steps=how.log_every,
        eval_strategy="steps",
        eval_steps=how.evaluate_every,
        save_strategy="steps",
        save_steps=how.save_every,
        save_total_limit=1,
        report_to="none",
        dataloader_pin_memory=plan.device.startswith("cuda"),
        disable_tqdm=True,
        log_level="error",
    )


def _loss_file(path: Path, first: dict[str, float], console: Console | None) -> Any:
    """Make the callback that writes `losses.jsonl`, from the restored history when a run goes on."""
    from transformers import TrainerCallback

    class LossFile(TrainerCallback):  # type: ignore[misc]
        def _write(self, state: Any) -> None:
            lines = [json.dumps(line) for line in _history(first, state)]
            path.write_text("".join(line + "\n" for line in lines), "utf-8")

        def on_train_begin(self, args: Any, state: Any, control: Any, **kwargs: Any) -> None:
            self._write(state)

        def on_log(self, args: Any, state: Any, control: Any, **kwargs: Any) -> None:
            self._write(state)
            # The Trainer's last log is a summary: it adds no loss, and the one before was told already.
            if console and state.log_history[-1].keys() & {"loss", "eval_held_out_loss"}:
                line = _history(first, state)[-1]
                told = ", ".join(
                    f"{key.replace('_', ' ')} {value:.4f}" for key, value in line.items() if "loss" in key
                )
                console.print(f"step {line['step']:>6} of {state.max_steps}: {told}")

    return LossFile()


def _history(first: dict[str, float], state: Any) -> list[dict[str, float]]:
    """Take the losses by step from the Trainer's state, without its times, which differ from run to run."""
    lines = [first]
    for entry in state.log_history:
        if "loss" in entry:
            names = ("epoch", "loss", "learning_rate", "grad_norm")
            lines.append({"step": entry["step"], **{name: entry[name] for name in names if name in entry}})
        elif "eval_held_out_loss" in entry:
            lines.append({"step": entry["step"], "held_out_loss": entry["eval_held_out_loss"]})
    return lines


def _last_checkpoint(folder: Path) -> Path | None:
    """Find the newest checkpoint that is whole: the Trainer writes `trainer_state.json` last."""
    found = sorted(folder.glob("checkpoint-*"), key=lambda path: int(path.name.split("-")[1]), reverse=True)
    for path in found:
        try:
            json.loads((path / "trainer_state.json").read_text("utf-8"))
        except (OSError, ValueError):
            shutil.rmtree(path)  # cut off while it was written
        else:
            return path
    return None
