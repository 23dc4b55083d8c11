"""What a run gave: figures as JSON, and tables for people."""

from __future__ import annotations

import json
import os
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from lrl_datasets.errors import LrlError
from lrl_datasets.evaluation.results import DETECTABLE, detectable, source_notes

if TYPE_CHECKING:
    from rich.table import Table


@dataclass(frozen=True)
class RunResult:
    """A finished run. Losses are in nats a target token."""

    recipe: str
    output: Path
    plan: dict[str, Any]
    held_out_before: float
    held_out_after: float
    unigram_loss: float
    """The bar: the held-out loss of the training answers' add-one unigram model in the same tokenizer."""
    losses: list[dict[str, float]]
    evaluation_before: dict[str, Any] | None
    evaluation_after: dict[str, Any] | None
    training_seconds: float
    seconds: float
    compared: bool
    """The recipe names expected results, and these were compared with them."""
    unmet: list[str]
    """Where they fall short."""
    notes: list[str]

    @classmethod
    def read(cls, output: Path) -> RunResult:
        """Read a finished run back from its folder."""
        path = output / "results.json"
        try:
            return cls(**{**json.loads(path.read_text("utf-8")), "output": output})
        except (OSError, ValueError, TypeError) as error:
            raise LrlError(f"{path}: no results of a finished run: {error}") from error

    def write(self) -> None:
        """Write `results.txt` (the tables), then `results.json`, in one step: where that is, the run is finished."""
        from rich.console import Console

        with (self.output / "results.txt").open("w", encoding="utf-8") as file:
            for table in self.tables():
                Console(file=file, width=140).print(table)
        value = {name: item for name, item in asdict(self).items() if name != "output"}
        unfinished = self.output / "results.json.part"
        unfinished.write_text(
            json.dumps(value, indent=2, ensure_ascii=False, allow_nan=False) + "\n", "utf-8"
        )
        os.replace(unfinished, self.output / "results.json")

    def tables(self) -> list[Table]:
        """Return the losses, and the scores where tasks were run, as tables for the terminal."""
        tables = [_losses(self)]
        if self.evaluation_before or self.evaluation_after:
            tables.append(_scores(self))
        return tables


def _losses(result: RunResult) -> Table:
    from rich.table import Table

    if not result.compared:
        verdict = "the recipe names no expected results yet"
    else:
        verdict = "; ".join(result.unmet) or "as the recipe expects"
    plan = result.plan
    table = Table(
        title=f"{result.recipe}: held-out loss, {plan['held_out_target_tokens']:,} target tokens of "
        f"{' + '.join(plan['held_out_splits'])}",
        caption="; ".join([verdict, *result.notes]),
    )
    table.add_column("")
    table.add_column("nats a token", justify="right")
    table.add_row("before training", f"{result.held_out_before:.4f}")
    table.add_row("unigram model of the training answers", f"{result.unigram_loss:.4f}")
    table.add_row(f"after {plan['steps']:,} steps", f"{result.held_out_after:.4f}")
    return table


def _scores(result: RunResult) -> Table:
    from rich.table import Table

    before, after = result.evaluation_before or {}, result.evaluation_after or {}
    limit = (after or before)["limit"]
    table = Table(
        title="scores before and after training" + (f", first {limit} items only" if limit else ""),
        caption="\n".join(
            ["95 % confidence intervals; change: after − before", DETECTABLE, *source_notes(after or before)]
        ),
    )
    table.add_column("task", no_wrap=True)
    for name in ("prompts", "split"):
        table.add_column(name, overflow="fold")
    table.add_column("n", justify="right")
    table.add_column("metric", overflow="fold")
    for name in ("before", "after", "change", "detectable"):
        table.add_column(name, justify="right", overflow="fold")
    scores = {name: {(s["task"], s["metric"]): s for s in results.get("scores", [])}
              for name, results in (("before", before), ("after", after))}  # fmt: skip
    for key in {**scores["before"], **scores["after"]}:
        pair = [scores[name].get(key) for name in ("before", "after")]
        told = next(score for score in reversed(pair) if score)
        scale = 100 if told["percent"] else 1
        table.add_row(
            told["task"], told["prompt_family"], told["split"] + (" (SAMPLE)" if told["sample"] else ""),
            str(told["n"]) if told["n"] == told["items"] else f"{told['n']} of {told['items']}",
            f"{told['metric']} %" if told["percent"] else told["metric"],
            *(_with_interval(score, scale) for score in pair),
            _change(pair, scale), detectable(told["detectable"], scale),
        )  # fmt: skip
    return table


def _change(pair: list[dict[str, Any] | None], scale: int) -> str:
    before, after = pair
    return f"{(after['value'] - before['value']) * scale:+.1f}" if before and after else "–"


def _with_interval(score: dict[str, Any] | None, scale: int) -> str:
    if score is None:
        return "–"
    if score["low"] is None:
        return f"{score['value'] * scale:.1f}"
    return f"{score['value'] * scale:.1f} ({score['low'] * scale:.1f}–{score['high'] * scale:.1f})"
