"""What `lrl crowd quality` and a build print of the votes, over a small campaign, and the plot that it draws."""

from __future__ import annotations

import io
from pathlib import Path
from xml.etree import ElementTree

import pytest
from rich.console import Console
from typer.testing import CliRunner

from lrl_datasets.cli import app
from lrl_datasets.cli.console import out
from lrl_datasets.crowd import aggregation
from lrl_datasets.crowd.calibration import Bin
from lrl_datasets.crowd.rubric import CRITERIA
from lrl_datasets.crowd.worth import of_campaign
from lrl_datasets.report import reliability, votes
from lrl_datasets.sources.campaign import Campaign
from tests.sources.exports import ANSWER_TOML, MAJORITY_TOML, Row, answer, campaign, vote


def judged(golden: int) -> list[Row]:
    """Ten answers by three judges, of whom judge2 is against the others in every second; golden tasks by all."""
    rows = [
        vote(
            f"a{n}",
            "no" if judge == 2 and n % 2 else "yes",
            f"v{n}-{judge}",
            f"judge{judge}",
            answer=f"Jibu {n}.",
        )
        for n in range(10)
        for judge in range(3)
    ]
    for n in range(golden):
        truth = "yes" if n % 2 else "no"
        rows += [
            vote("", truth, f"g{n}-{judge}", f"judge{judge}", answer=f"Dhahabu {n}.", golden=truth)
            for judge in range(3)
        ]
    return rows


def folder(tmp_path: Path, golden: int) -> Path:
    answers = [answer(f"a{n}", prompt=f"Swali {n}?", text=f"Jibu {n}.", worker_id=f"w{n}") for n in range(10)]
    return campaign(tmp_path / "c", answers, judged(golden), ANSWER_TOML + MAJORITY_TOML)


def lrl(*arguments: str, code: int = 0) -> str:
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(out, "width", 160)  # whatever the terminal is that the console was made for
        done = CliRunner().invoke(app, ["crowd", "quality", *arguments])
    assert done.exit_code == code, done.output
    return done.output


def shown(*parts: object) -> str:
    console = Console(width=160, file=io.StringIO())
    for part in parts:
        console.print(part)
    return console.file.getvalue()  # type: ignore[attr-defined, no-any-return]


def test_what_the_votes_are_worth(tmp_path: Path) -> None:
    place = folder(tmp_path, golden=16)
    plot = tmp_path / "plot.svg"
    said = lrl("--campaign", str(place), "--plot", str(plot))
    # 5 of 10 answers have one vote against two: 20 of 30 pairs are alike; 25 yes of 30.
    assert "-0.16" in said and "67%" in said and "yes 83%, no 17%" in said and "weak" in said
    assert "judge2" in said and "16 of 16" in said
    assert "CALIBRATED on 16 golden tasks (majority)" in said and "NOT CALIBRATED" not in said
    assert "34 more golden tasks would pay off" in said
    assert "helpful, hard answers:" in said  # golden tasks are all right, answers divide them
    assert ElementTree.parse(plot).getroot().tag.endswith("svg")
    assert "judge" not in plot.read_text()


def test_without_enough_golden_tasks_it_says_so_and_draws_nothing(tmp_path: Path) -> None:
    place = folder(tmp_path, golden=2)
    said = lrl("--campaign", str(place), "--workers", "1")
    assert "NOT CALIBRATED (majority): 2 golden tasks, 15 are needed" in said
    assert "and 2 more (--workers 0)" in said
    assert "not calibrated, so there is nothing to draw" in str(
        CliRunner().invoke(app, ["crowd", "quality", "--campaign", str(place), "--plot", "p.svg"]).exception
    )
    wrong = CliRunner().invoke(app, ["crowd", "quality", "--campaign", str(place), "--question", "nice"])
    assert "no stage asks it; there are: helpful" in str(wrong.exception)


def test_a_rubric_is_measured_criterion_by_criterion(tmp_path: Path) -> None:
    stages = "".join(
        MAJORITY_TOML.replace('"helpful"', f'"{name}"').replace("OUTPUT:helpful", f"OUTPUT:{name}")
        .replace('["yes"]', '["1", "2"]').replace('["no"]', '["0"]')
        for name in CRITERIA
    )  # fmt: skip
    given = {"judge1": "202222", "judge2": "202212", "judge3": "222222"}
    rows = [
        {
            key: cell
            for key, cell in vote("a1", worker=judge, assignment=judge).items()
            if "helpful" not in key
        }
        | {f"OUTPUT:{name}": mark for name, mark in zip(CRITERIA, marks, strict=True)}
        for judge, marks in given.items()
    ]
    found = of_campaign(Campaign().read(campaign(tmp_path / "c", [answer()], rows, ANSWER_TOML + stages)))
    assert [one.question for one in found.questions] == list(CRITERIA)
    levels = {one.question: (one.agreement.level, one.agreement.labels) for one in found.questions}
    assert levels["fluency"] == ("ordinal", {"0": 2, "2": 1})
    assert found.marks["fluency"]["mean"] == pytest.approx(0.6667)
    assert found.marks["helpful"]["mean"] == pytest.approx(0.6667)  # who did not understand it says 0
    assert "0.67" in shown(votes.marks(found)) and "harmless" in shown(votes.agreement(found))


def test_auto_says_who_weighs_how_much_and_what_golden_tasks_did() -> None:
    told = {
        "method": "auto", "kind": "calibrated", "golden_tasks": 50, "weights": {"mace": 0.9, "wawa": 0.1},
        "left_out": {"glad": "too large"}, "right_of_golden": {"mace": 48.0, "wawa": 44.5}, "right_combined": 47.5,
        "right_without_golden": 45.0, "calibration_error": {"before": 0.13, "after": 0.05, "perfect": 0.04},
        "more_golden_tasks": 12, "why_more": "which is best is not settled",
    }  # fmt: skip
    said = shown(*votes.aggregation("campaign", told))
    for words in ("0.900", "48.0", "left out: glad, too large", "without golden tasks it would be 45.0",
                  "0.130 before, 0.050 after; a perfect one would show 0.040", "12 more golden tasks"):  # fmt: skip
        assert words in said
    bare = {"method": "auto", "kind": "votes", "golden_tasks": 0, "weights": {"mace": 0.5, "wawa": 0.5},
            "left_out": {}, "note": aggregation.uncalibrated(0)}  # fmt: skip
    said = shown(*votes.aggregation("campaign", bare))
    assert "NOT CALIBRATED (auto): no golden tasks" in said and "what experience gives it" in said
    assert votes.aggregation("campaign", {"kind": "calibrated"}) == []  # an earlier release


def test_a_dot_stands_where_its_share_is() -> None:
    told = {
        "method": "a<b",
        "golden_tasks": 3,
        "calibration_error": {"before": 0.1, "after": 0.2, "perfect": 0.3},
    }
    drawn = ElementTree.fromstring(reliability.svg("q", [Bin(0.5, 0.6, 3.0, 0.5, 1.0)], told))
    dots = [one for one in drawn if one.tag.endswith("circle")]
    lines = [one for one in drawn if one.tag.endswith("line") and one.get("stroke-dasharray")]
    assert len(dots) == len(lines) == 1
    # Half way along the diagonal's width, and at its top.
    assert (
        float(dots[0].get("cx") or 0) == (float(lines[0].get("x1") or 0) + float(lines[0].get("x2") or 0)) / 2
    )
    assert dots[0].get("cy") == lines[0].get("y2")
    assert any("a<b" in (one.text or "") for one in drawn)
