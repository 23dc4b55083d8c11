"""`lrl crowd rank`: which system people prefer."""

from __future__ import annotations

import json
from collections import Counter
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from lrl_datasets.cli.console import counted, err, out, say
from lrl_datasets.errors import LrlError

if TYPE_CHECKING:
    import pyarrow as pa

    from lrl_datasets.crowd.ranking import Ranking
    from lrl_datasets.crowd.rules import Rules

commands = typer.Typer()

PEOPLE = "(people)"
"""The system of answers that no model wrote."""
_LEFT, _RIGHT, _TIE = (
    ("left", "a", "1"),
    ("right", "b", "2"),
    ("tie", "both", "neither", "draw", "equal", "="),
)


@commands.command()
def rank(
    where: Annotated[
        Path,
        typer.Argument(
            metavar="TABLE|CAMPAIGN",
            help="A table (CSV, JSON Lines, Parquet) with one comparison a row, or a campaign folder with a preference "
            "stage, whose answers name their model (`model_name` among the stage's columns).",
        ),
    ],
    left: Annotated[
        str, typer.Option(help="Column of a table: the system whose answer stood left.")
    ] = "left",
    right: Annotated[str, typer.Option(help="The system on the right.")] = "right",
    winner: Annotated[
        str, typer.Option(help="The system preferred; or left, right, tie (a, b; both, neither, draw).")
    ] = "winner",
    worker: Annotated[
        str, typer.Option(help="Who compared; without such a column every row is somebody else's.")
    ] = "worker",
    question: Annotated[
        str | None, typer.Option(help="Of a campaign: the preference stage's question, where it has several.")
    ] = None,
    method: Annotated[
        str | None,
        typer.Option(
            help="bradley-terry, or noisy-bradley-terry, which weighs workers by their skill. Default: the stage's; "
            "of a table bradley-terry."
        ),
    ] = None,
    resample: Annotated[
        str | None,
        typer.Option(
            help="What the bootstrap resamples: worker or comparison. Default: workers, from 10 on."
        ),
    ] = None,
    json_file: Annotated[
        Path | None, typer.Option("--json", metavar="FILE", help="Write the figures there too.")
    ] = None,
) -> None:
    """Rank systems by human comparisons of their answers: Bradley-Terry strengths with 95 % bootstrap intervals."""
    from lrl_datasets.crowd import preferences, ranking

    if resample not in (None, "worker", "comparison"):
        raise LrlError(f"--resample {resample}: worker or comparison")
    if where.is_dir() or where.name == "campaign.toml":
        votes, rules, asked = _of_campaign(where, question)
    else:
        votes, rules = _of_table(where, left, right, winner, worker)
        asked = "bradley-terry"
    chosen = method or asked
    if chosen not in preferences.METHODS:
        raise LrlError(f"--method {chosen}: one of {', '.join(preferences.METHODS)}")
    if not votes.num_rows:
        to_do = (
            "name the column that says which model wrote an answer as columns.model_name of the answer stage, or give "
            f"a table with the header {left},{right},{winner},{worker}"
            if where.is_dir() or where.name == "campaign.toml"
            else "it has no rows"
        )
        raise LrlError(f"{where}: no comparison of two systems, so there is nothing to rank: {to_do}")
    found = ranking.rank(votes, rules, chosen, resample)  # type: ignore[arg-type]  # looked at above
    _print(found)
    if json_file is not None:
        json_file.write_text(
            json.dumps(found.as_json(), indent=1, ensure_ascii=False) + "\n", encoding="utf-8"
        )
        say(f"wrote {json_file}")


def _print(found: Ranking) -> None:
    from rich.markup import escape
    from rich.table import Table

    several = found.systems[-1].set > 1
    shown = Table(
        *(["set"] if several else []),
        "",
        "system",
        "strength",
        "95 %",
        "win rate",
        "comparisons",
        "apart from the next",
    )
    for system in found.systems:
        shown.add_row(
            *([str(system.set)] if several else []), str(system.rank), escape(system.name), f"{system.strength:+.2f}",
            f"{system.low:+.2f} to {system.high:+.2f}", f"{system.win_rate:.1%}", str(system.comparisons),
            {True: "yes", False: "no", None: ""}[system.apart],
        )  # fmt: skip
    out.print(shown)
    sides = found.sides
    say(
        f"{counted(sides.votes, 'comparison')} by {counted(found.workers, 'worker')}, "
        f"{sides.ties} of them ties; intervals over "
        f"{found.resampled}s, {found.method}"
    )
    close = [
        f"{one.name} and {other.name}"
        for one, other in zip(found.systems, found.systems[1:], strict=False)
        if one.apart is False
    ]
    if close:
        say(f"not told apart by these comparisons: {'; '.join(close)}")
    if several:
        told = "no chain of comparisons connects the sets: a strength says nothing of the other set's"
        err.print(f"warning: {told}", style="yellow")
    warn_of_sides(sides)


def warn_of_sides(sides: Any) -> None:
    """Say so where one side wins far more often than the other."""
    if sides.biased:
        side = "left" if sides.left > 0.5 else "right"
        share = max(sides.left, 1 - sides.left)
        err.print(
            f"warning: the answer on the {side} was preferred in {share:.0%} of the comparisons that decide "
            f"(95 % interval of the left one's share {sides.left_low:.0%} to {sides.left_high:.0%}). Where both orders "
            "were shown equally often that cancels, and costs precision; else it shifts the ranking. "
            "noisy-bradley-terry takes those out who only click on one side",
            style="yellow", markup=False,
        )  # fmt: skip


# ---- reading --------------------------------------------------------------------------------------------


def _of_table(path: Path, left: str, right: str, winner: str, worker: str) -> tuple[pa.Table, Rules]:
    import pyarrow as pa

    from lrl_datasets.crowd.rules import Rules
    from lrl_datasets.sources.formulas import restored
    from lrl_datasets.sources.tables import read_table

    table = read_table(path, str(path))
    table.require(left, right, winner)
    named = worker in table.columns
    votes: dict[str, list[str]] = {name: [] for name in ("answer_id", "other_id", "worker", "label")}
    for row in table.rows:
        if row.problem is not None:
            raise LrlError(f"{path}: row {row.row}: {row.problem}")
        one, other, said = (
            restored(str(row.values.get(name) or "")).strip() for name in (left, right, winner)
        )
        for column, cell in ((left, one), (right, other)):
            if not cell:
                raise LrlError(f"{path}: row {row.row}: column {column} is empty")
        if one == other:
            raise LrlError(f"{path}: row {row.row}: {left} and {right} are the same system, {one!r}")
        who = restored(str(row.values.get(worker) or "")).strip() if named else str(row.row)
        if not who:
            raise LrlError(f"{path}: row {row.row}: column {worker} is empty")
        label = _label(said, one, other)
        if label is None:
            raise LrlError(
                f"{path}: row {row.row}: column {winner} is {said!r}; it must be {one!r}, {other!r}, left, right or tie"
            )
        for name, value in zip(votes, (one, other, who, label), strict=True):
            votes[name].append(value)
    return pa.table(votes), Rules(left=("left",), right=("right",))


def _label(said: str, left: str, right: str) -> str | None:
    if said in (left, right):
        return "left" if said == left else "right"
    told = said.lower()
    for label, words in (("left", _LEFT), ("right", _RIGHT), ("tie", _TIE)):
        if told in words:
            return label
    return None


def _of_campaign(where: Path, question: str | None) -> tuple[pa.Table, Rules, str]:
    import pyarrow as pa

    from lrl_datasets.crowd.quality import rules_of
    from lrl_datasets.crowd.state import judged_of
    from lrl_datasets.sources import campaign_toml
    from lrl_datasets.sources.campaign import Campaign

    folder = where.parent if where.name == campaign_toml.FILE else where
    tables = Campaign(under_way=True).read(folder)
    all_stages: Any = tables.facts["stages"]
    stages = {stage["question"]: stage for stage in all_stages if stage["kind"] == "preference"}
    if not stages:
        raise LrlError(f'{folder / campaign_toml.FILE}: no stage with kind = "preference"')
    asked = question or ("better" if "better" in stages else next(iter(stages)))
    if asked not in stages or (question is None and len(stages) > 1 and "better" not in stages):
        raise LrlError(f"--question: one of {', '.join(stages)}")
    system = {
        row["record"]: row["model_name"] or PEOPLE
        for row in tables.candidates.select(["record", "model_name"]).to_pylist()
        if row["record"]
    }
    judged = judged_of(tables).to_pylist()
    about = [row for row in judged if row["question"] == asked]
    left_out = Counter(row["reason"] for row in about if row["reason"] is not None)
    votes: dict[str, list[str]] = {name: [] for name in ("answer_id", "other_id", "worker", "label")}
    for row in about:
        if row["reason"] is not None:
            continue
        pair = system[row["record"]], system[row["other_record"]]
        if pair[0] == pair[1]:
            left_out["both answers are one system's"] += 1
            continue
        for name, value in zip(votes, (*pair, row["worker"], row["label"]), strict=True):
            votes[name].append(value)
    if left_out:
        say("left out: " + ", ".join(f"{n} {reason}" for reason, n in left_out.most_common()))
    return pa.table(votes), rules_of(stages[asked]), str(stages[asked]["rules"]["aggregation"])
