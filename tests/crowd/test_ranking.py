"""Systems ranked by what people prefer: small truths by hand, and the command on a table and a campaign."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pyarrow as pa
import pytest
from typer.testing import CliRunner

from lrl_datasets.cli import app
from lrl_datasets.crowd.ranking import rank
from lrl_datasets.crowd.rules import Rules

RULES = Rules(left=("left",), right=("right",))
RUNNER = CliRunner()


def votes(*rows: tuple[str, str, str, str]) -> pa.Table:
    names = ("answer_id", "other_id", "worker", "label")
    return pa.Table.from_pylist([dict(zip(names, row, strict=True)) for row in rows])


def often(left: str, right: str, label: str, n: int, worker: str = "w") -> list[tuple[str, str, str, str]]:
    return [(left, right, f"{worker}{at}", label) for at in range(n)]


def test_two_systems() -> None:
    rows = (
        often("good", "bad", "left", 20) + often("bad", "good", "right", 19) + often("bad", "good", "left", 6)
    )
    rows += often("good", "bad", "tie", 2)
    found = rank(votes(*rows), RULES)
    first, second = found.systems
    # 39 wins, 6 lost, two ties and the prior: 40.5 to 7.5; the strengths lie around 0.
    assert first.name == "good" and first.strength == -second.strength == round(np.log(40.5 / 7.5) / 2, 4)
    assert (first.win_rate, first.comparisons) == (round(40 / 47, 4), 47)
    assert first.low < first.strength < first.high and first.apart is True and second.apart is None
    assert found.resampled == "worker" and found.workers == 20
    assert (found.sides.ties, found.sides.left) == (2, round(26 / 45, 4))


def test_neighbours_that_cannot_be_told_apart_and_sets_that_never_met() -> None:
    rows = often("a", "b", "left", 6) + often("b", "a", "left", 6)
    rows += often("a", "c", "left", 9) + often("c", "a", "right", 9)
    rows += often("x", "y", "left", 3)
    found = rank(votes(*rows), RULES)
    assert [(one.set, one.rank, one.name) for one in found.systems] == [
        (1, 1, "a"), (1, 2, "b"), (1, 3, "c"), (2, 1, "x"), (2, 2, "y"),
    ]  # fmt: skip
    assert [one.apart for one in found.systems[:3]] == [False, True, None]
    assert found.resampled == "comparison"  # nine workers are too few


def test_intervals_hold_the_truth_about_as_often_as_they_say() -> None:
    rng, strength = np.random.default_rng(5), np.array([-1.0, 0.0, 1.0])
    held = 0
    for _ in range(60):
        rows = []
        for at in range(90):
            i, j = rng.choice(3, 2, replace=False)
            label = "left" if rng.random() < 1 / (1 + np.exp(strength[j] - strength[i])) else "right"
            rows.append((f"s{i}", f"s{j}", f"w{at % 30}", label))
        found = {one.name: one for one in rank(votes(*rows), RULES, draws=200).systems}
        held += sum(found[f"s{n}"].low <= strength[n] <= found[f"s{n}"].high for n in range(3))
    assert held / 180 > 0.88


TABLE = """model_a,model_b,who,said
mt5,aya,u1,aya
aya,mt5,u2,left
mt5,aya,u3,tie
aya,mt5,u4,B
"""


def test_of_a_table(tmp_path: Path) -> None:
    path, told = tmp_path / "votes.csv", tmp_path / "ranking.json"
    path.write_text(TABLE)
    columns = ["--left", "model_a", "--right", "model_b", "--worker", "who", "--winner", "said"]
    result = RUNNER.invoke(app, ["crowd", "rank", str(path), *columns, "--json", str(told)])
    assert result.exit_code == 0, result.output
    assert "not told apart by these comparisons: aya and mt5" in result.output
    figures = json.loads(told.read_text())
    first = figures["systems"][0]
    assert (first["name"], first["win_rate"], first["comparisons"]) == ("aya", 0.625, 4)
    assert figures["sides"] | {"left_low": 0, "left_high": 0} == {
        "votes": 4, "ties": 1, "left": 0.3333, "left_low": 0, "left_high": 0,
    }  # fmt: skip


@pytest.mark.parametrize(
    ("row", "said"),
    [
        ("mt5,mt5,u,left", "row 6: model_a and model_b are the same system"),
        ("mt5,,u,left", "row 6: column model_b is empty"),
        ("mt5,aya,,left", "row 6: column who is empty"),
        ("mt5,aya,u,gpt", "row 6: column said is 'gpt'"),
    ],
)
def test_a_row_that_says_nothing_is_named(tmp_path: Path, row: str, said: str) -> None:
    path = tmp_path / "votes.csv"
    path.write_text(TABLE + row + "\n")
    columns = ["--left", "model_a", "--right", "model_b", "--worker", "who", "--winner", "said"]
    result = RUNNER.invoke(app, ["crowd", "rank", str(path), *columns])
    assert result.exit_code != 0 and said in " ".join(str(result.exception).split())


def test_one_side_that_wins_is_said(tmp_path: Path) -> None:
    path = tmp_path / "votes.csv"
    rows = [f"{x},{y},u{n},left" for n in range(30) for x, y in (("p", "q"), ("q", "p"))]
    path.write_text("left,right,worker,winner\n" + "\n".join(rows) + "\n")
    result = RUNNER.invoke(app, ["crowd", "rank", str(path)])
    assert result.exit_code == 0 and "the answer on the left was preferred in 100%" in result.output


def test_of_a_campaign(tmp_path: Path) -> None:
    from tests.release.test_compared import COMPARED, ROWS, TOML
    from tests.sources.exports import campaign, tsv
    from tests.test_build import judged

    # Answers 0, 3 and 6 are a model's.
    rows = [{**row, "INPUT:model": "test/model" if n in (0, 3, 6) else ""} for n, row in enumerate(ROWS)]
    toml = TOML.replace('answer = "OUTPUT:answer"', 'answer = "OUTPUT:answer"\nmodel_name = "INPUT:model"')
    from tests.sources.test_campaign import record

    names = {record(dict(old)): record(new) for old, new in zip(ROWS, rows, strict=True)}
    folder = campaign(tmp_path / "c", rows, judged(rows[0], "yes"), toml)
    better = [
        row | {f"INPUT:{side}_id": names[row[f"INPUT:{side}_id"]] for side in ("left", "right")}
        for row in COMPARED
    ]
    (folder / "better.tsv").write_bytes(tsv(better))
    result = RUNNER.invoke(app, ["crowd", "rank", str(folder)])
    assert result.exit_code == 0, result.output
    assert "left out: 4 both answers are one system's" in result.output  # the ties of 1 and 2
    # 0 wins 4 of 4 and 3 of 4, 3 loses 4 of 4, 6 wins 4 of 4: 11 of 16.
    assert "test/model" in result.output and "68.8%" in result.output and "31.2%" in result.output
    told = (folder / "campaign.toml").read_text().replace('model_name = "INPUT:model"', "")
    (folder / "campaign.toml").write_text(told)
    result = RUNNER.invoke(app, ["crowd", "rank", str(folder)])
    assert "as columns.model_name of the answer stage" in str(result.exception)
    assert str(result.exception).endswith("a table with the header left,right,winner,worker")
