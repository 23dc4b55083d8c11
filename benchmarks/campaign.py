"""A whole campaign without people, from `lrl crowd plan` to preference pairs: what was predicted, and what came out.

    python benchmarks/campaign.py [DIR] [--prompts 2000] [--seed 1] [--crowd TYPE=N,…] [--json FILE]

Writes a campaign folder of made-up prompts into DIR (by default one that is thrown away) and goes through it with
the commands of `lrl` as a user does: plan, tasks, simulate (answers, judgements, comparisons), status, decide, pay,
cost; then builds the release. Prints what the commands print, how long each took, and a table with the plan beside
what came out. The texts are words in random order, so the builder here has only the filters that make sense of them;
who is right is the simulator's secret (`simulation.is_good`), and errors are counted against it.
"""

from __future__ import annotations

import argparse
import json
import tempfile
import time
from collections.abc import Callable
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow.compute as pc
from rich.console import Console
from rich.table import Table

from lrl_datasets.build import build
from lrl_datasets.builder import Builder
from lrl_datasets.cli import app
from lrl_datasets.cli.crowd_decisions import terms
from lrl_datasets.cli.crowd_money import planned
from lrl_datasets.cli.crowd_simulate import counts
from lrl_datasets.crowd import cost, plan, simulation
from lrl_datasets.crowd.state import compute
from lrl_datasets.filters.helpfulness import Helpfulness
from lrl_datasets.filters.normalise import Normalise
from lrl_datasets.filters.personal_data import PersonalData
from lrl_datasets.release.splits import Splits
from lrl_datasets.sources import campaign_toml
from lrl_datasets.sources.base import SourceTables
from lrl_datasets.sources.campaign import Campaign

TEXT = """
maji mlima shule mwalimu kitabu soko samaki mkulima mvua jua mti ndege barabara safari chakula mtoto mji kijiji ziwa
bahari daktari nyumba wimbo hadithi kazi biashara ngoma mchezo afya lugha historia sayansi jiko mkate nyuki asali
"""
WORDS = tuple(TEXT.split())
CROWD = "expert=12,average=48,hasty=6,spammer=6,collusive=3"
TOML = """
name = "simulated"
sample = true
language = "swh_Latn"
license = "CC0-1.0"
[money]
currency = "USD"
minimum_hourly_pay = 3.0
platform_fee = 0.3
[[stage]]
kind = "answer"
format = "toloka"
pools = ["exports/answers-*.tsv"]
[stage.columns]
prompt = "INPUT:prompt"
original_id = "INPUT:original_id"
answer = "OUTPUT:answer"
[stage.tasks]
prompts = "texts/prompts.jsonl"
overlap = 2
price = 0.25
[[stage]]
kind = "judgement"
format = "toloka"
pools = ["exports/votes-*.tsv"]
question = "helpful"
[stage.columns]
answer_id = "INPUT:answer_id"
prompt = "INPUT:prompt"
answer = "INPUT:answer"
label = "OUTPUT:helpful"
[stage.labels]
positive = ["yes"]
negative = ["no"]
[stage.tasks]
golden = "texts/golden.jsonl"
golden_share = 0.15
suite = 7
overlap = 5
price = 0.18
[stage.rules]
aggregation = "{aggregation}"
[[stage]]
kind = "preference"
format = "toloka"
pools = ["exports/pairs-*.tsv"]
question = "better"
[stage.columns]
left_id = "INPUT:left_id"
right_id = "INPUT:right_id"
left = "INPUT:left"
right = "INPUT:right"
prompt = "INPUT:prompt"
label = "OUTPUT:better"
[stage.labels]
left = ["left"]
right = ["right"]
[stage.tasks]
golden = "texts/golden-pairs.jsonl"
golden_share = 0.15
suite = 7
overlap = 3
comparisons = 1
price = 0.18
"""


def main() -> None:
    """Make the campaign, go through it, print the tables."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("directory", type=Path, nargs="?")
    parser.add_argument("--prompts", type=int, default=2000)
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--crowd", default=CROWD)
    parser.add_argument("--aggregation", default="dawid-skene", help="`auto` takes many times as long")
    parser.add_argument("--json", type=Path)
    given = parser.parse_args()
    with tempfile.TemporaryDirectory() as scratch:
        folder = given.directory or Path(scratch)
        make(folder, given.prompts, given.seed, given.aggregation)
        results = run(folder, given.crowd, given.seed)
    show(results)
    if given.json:
        given.json.write_text(json.dumps(results, indent=1) + "\n", encoding="utf-8")


def make(folder: Path, prompts: int, seed: int, aggregation: str = "dawid-skene") -> None:
    """Write a campaign folder: `campaign.toml`, made-up prompts, control tasks of both kinds of judging."""
    random = np.random.default_rng([seed, 10])

    def text(length: int) -> str:
        return " ".join(WORDS[place] for place in random.integers(len(WORDS), size=length))

    def lines(name: str, rows: list[dict[str, str]]) -> None:
        (folder / "texts").mkdir(parents=True, exist_ok=True)
        written = "".join(json.dumps(row, ensure_ascii=False) + "\n" for row in rows)
        (folder / "texts" / name).write_text(written, encoding="utf-8")

    (folder / "campaign.toml").parent.mkdir(parents=True, exist_ok=True)
    (folder / "campaign.toml").write_text(TOML.lstrip().format(aggregation=aggregation), encoding="utf-8")
    lines(
        "prompts.jsonl",
        [{"prompt": f"Swali {n}: eleza {text(4)}.", "original_id": f"made:{n}"} for n in range(prompts)],
    )
    lines(
        "golden.jsonl",
        [{"id": f"g{n}", "prompt": f"Eleza {text(3)}.", "answer": f"{text(9)}.", "helpful": ("yes", "no")[n % 2]}
         for n in range(40)],
    )  # fmt: skip
    lines(
        "golden-pairs.jsonl",
        [{"id": f"p{n}", "left_id": f"p{n}l", "right_id": f"p{n}r", "prompt": f"Eleza {text(3)}.",
          "left": f"{text(9)}.", "right": f"{text(8)}.", "better": ("left", "right")[n % 2]} for n in range(40)],
    )  # fmt: skip


def run(folder: Path, crowd: str, seed: int) -> dict[str, Any]:
    """Go through a campaign by the commands of `lrl`; returns plan and outcome by quantity, and the seconds."""
    seconds: dict[str, float] = {}

    def timed(name: str, do: Callable[[], Any]) -> Any:
        print(f"\n$ {name}", flush=True)
        started = time.perf_counter()
        found = do()
        seconds[name] = round(time.perf_counter() - started, 1)
        print(f"({seconds[name]} s)", flush=True)
        return found

    def lrl(command: str, *options: str) -> None:
        arguments = ["crowd", *command.split(), "--campaign", str(folder), *options]
        timed(f"lrl crowd {command}", lambda: app(arguments, standalone_mode=False))

    lrl("plan", "--crowd", crowd)
    lrl("tasks answer")
    lrl("simulate", "--crowd", crowd, "--seed", str(seed), "--rounds", "50")
    for command in ("decide", "pay", "cost"):
        lrl(command)
    file = campaign_toml.load(folder)
    told = plan.predict(planned(folder, file, crowd=counts(crowd)))
    simulated = Builder(
        repository="simulated/campaign", title="Simulated campaign", language=file.language, sources=(),
        filters=(Normalise(), PersonalData(regions=(), cues=()), Helpfulness(minimum=0.5)),
        splits=Splits(salt="simulated", validation=0.1, test=0.1), preference_margin=0.5, sample=folder,
    )  # fmt: skip
    with tempfile.TemporaryDirectory() as out:
        built = timed(
            "build", lambda: build(simulated, name="simulated", out=Path(out), sample=True)
        ).manifest
    return {
        "prompts": sum(1 for _ in (folder / "texts" / "prompts.jsonl").open(encoding="utf-8")),
        "crowd": crowd,
        "seed": seed,
        "level": told.level,
        "plan": {name: [one.mean, one.low, one.high] for name, one in told.quantities.items()},
        "came out": outcome(folder, counts(crowd), seed),
        "release": {config: facts for config, facts in built["configs"].items()},
        "seconds": seconds,
    }


def outcome(folder: Path, crowd: dict[str, int], seed: int) -> dict[str, float]:
    """Count what a simulated campaign came to, by the names of `plan.QUANTITIES`."""
    file = campaign_toml.load(folder)
    came = Campaign(under_way=True).read(folder)
    state = compute(came, datetime.now(UTC).replace(tzinfo=None), terms(file))
    decided = state.decisions.to_pylist()
    money = file.money
    accepted = [row for row in decided if row["verdict"] == "accept"]
    known = {worker.name: worker for worker in simulation.recruit(crowd, seed)}
    good = {row["record"]: simulation.is_good(known, row["worker"], row["prompt"]) for row in decided}
    said = [row for row in decided if row["verdict"] == "accept" or row["reason"] == "unhelpful"]
    wrong = sum((row["verdict"] == "accept") != good[row["record"]] for row in said)
    bill = cost.report(
        state.payouts, len(accepted), fee=money.platform_fee if money else 0.0,
        floor=money.minimum_hourly_pay if money else None,
    )  # fmt: skip
    kinds = {stage.kind: number for number, stage in enumerate(file.stage, 1)}
    hourly = {stage.stage: stage.median_per_hour for stage in bill.stages}
    asked = state.judged["question"].to_pylist()
    found: dict[str, float | None] = {
        "cost": float(bill.total),
        "paid to workers": float(sum(stage.paid for stage in bill.stages)),
        "answers written": len(decided),
        "judgements": asked.count("helpful"),
        "comparisons": asked.count("better"),
        "days": days(came),
        "accepted rows": len(accepted),
        "cost per accepted row": bill.per_accepted,
        "label error": wrong / max(len(said), 1),
        "bad among accepted": sum(not good[row["record"]] for row in accepted) / max(len(accepted), 1),
        "hourly pay, answers": hourly.get(kinds["answer"]),
        "hourly pay, judgements": hourly.get(kinds["judgement"]),
        "hourly pay, comparisons": hourly.get(kinds.get("preference", 0)),
    }
    return {name: value for name, value in found.items() if value is not None}


def days(came: SourceTables) -> float:
    """Count from the first task that was begun to the last that was handed in."""
    tables = (came.candidates, came.judgements)
    first = min(pc.min(table["started"]).as_py() for table in tables)
    last = max(pc.max(table["submitted"]).as_py() for table in tables)
    return float((last - first).total_seconds()) / 86400


def show(results: dict[str, Any]) -> None:
    """Print the plan beside what came out."""
    table = Table(title=f"{results['prompts']} prompts, {results['crowd']}, seed {results['seed']}")
    for column in ("", "planned", f"{results['level']:.0%} of campaigns", "came out", ""):
        table.add_column(column, justify="left" if column == "" else "right")
    for name, (mean, low, high) in results["plan"].items():
        happened = results["came out"].get(name)
        if happened is None:
            continue
        within = "" if low - 1e-6 <= happened <= high + 1e-6 else "outside"
        table.add_row(name, f"{mean:,.3f}", f"{low:,.3f} to {high:,.3f}", f"{happened:,.3f}", within)
    console = Console(width=120)
    console.print(table)
    console.print("release:", json.dumps(results["release"]))


if __name__ == "__main__":
    main()
