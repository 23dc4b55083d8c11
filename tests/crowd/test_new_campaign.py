"""A first campaign folder: loads, plans and hands out tasks as it is written, and names every key there is."""

from __future__ import annotations

import re
import tomllib
from pathlib import Path
from typing import Any, get_args

import pytest
from pydantic import BaseModel
from typer.testing import CliRunner

from lrl_datasets.cli import app
from lrl_datasets.crowd.new_campaign import write
from lrl_datasets.errors import LrlError
from lrl_datasets.sources import campaign_toml as toml
from lrl_datasets.sources.campaign_rules import AnswerRules
from lrl_datasets.sources.campaign_tasks import Money, Tasks

FORMATS = get_args(toml.Format)
STAGES: list[dict[str, type[BaseModel]]] = [
    {"": toml.AnswerStage, "columns": toml.AnswerColumns, "rules": AnswerRules, "tasks": Tasks},
    {"": toml.JudgementStage, "columns": toml.JudgementColumns, "rules": toml.Rules, "tasks": Tasks,
     "labels": toml.Labels},
    {"": toml.PreferenceStage, "columns": toml.PreferenceColumns, "rules": toml.PreferenceRules, "tasks": Tasks,
     "labels": toml.Sides},
]  # fmt: skip
ELSEWHERE = {
    (0, "tasks"): {"comparisons"},
    (1, "tasks"): {"prompts", "comparisons"},
    (2, "tasks"): {"prompts"},
}
"""What `[stage.tasks]` has for other kinds of stages."""


def lrl(*args: str) -> Any:
    return CliRunner().invoke(app, ["crowd", *args])


def keys(text: str) -> dict[str, Any]:
    """What is written and what a comment shows, with its value."""
    lines = re.findall(r"^(?:# )?([a-z_]+ = .+)$", text, flags=re.M)
    return {name: value for line in lines for name, value in tomllib.loads(line).items()}


@pytest.mark.parametrize("format", FORMATS)
def test_it_works_as_it_is_written(tmp_path: Path, format: str) -> None:
    folder = tmp_path / "maji"
    money = ("--hourly-pay", "2.5", "--currency", "TZS")
    told = lrl("new", str(folder), "--language", "sw", "--format", format, *money)
    assert told.exit_code == 0, told.output
    assert ("price list" in told.output) == (format in ("toloka", "mturk"))
    file = toml.load(folder)
    assert (file.name, file.language, [stage.format for stage in file.stage]) == (
        "maji",
        "swh_Latn",
        [format] * 3,
    )
    assert file.money == Money(currency="TZS", minimum_hourly_pay=2.5, platform_fee=0.0)
    tasks = lrl("tasks", "answer", "--campaign", str(folder))
    assert tasks.exit_code == 0 and "3 tasks and 0 control tasks in 1 suite" in tasks.output
    plan = lrl("plan", "--campaign", str(folder), "--crowd", "expert=8,average=8")
    assert plan.exit_code == 0 and "3 prompts; a suite pays" in plan.output
    before = (folder / "campaign.toml").read_bytes()
    again = lrl("new", str(folder), "--language", "sw", "--format", format, *money)
    assert isinstance(again.exception, LrlError) and "is there already" in str(again.exception)
    assert (folder / "campaign.toml").read_bytes() == before


@pytest.mark.parametrize("format", FORMATS)
def test_every_key_is_named_with_a_value_that_it_may_have(tmp_path: Path, format: toml.Format) -> None:
    write(tmp_path / "c", "swh", format, currency="USD", hourly_pay=2.5)
    text = (tmp_path / "c" / "campaign.toml").read_text()
    head, *stages = re.split(r"^\[\[stage\]\]$", text, flags=re.M)
    top, money = head.split("[money]")
    assert keys(top).keys() == toml.CampaignFile.model_fields.keys() - {"money", "stage"}
    assert keys(money).keys() == Money.model_fields.keys()
    for number, (written, models) in enumerate(zip(stages, STAGES, strict=True)):
        tables = re.split(r"^\[stage\.([a-z]+)\]$", written, flags=re.M)
        parts = {"": tables[0], **dict(zip(tables[1::2], tables[2::2], strict=True))}
        assert parts.keys() == models.keys()
        for name, model in models.items():
            named = keys(parts[name])
            assert named.keys() == (
                model.model_fields.keys() - models.keys() - ELSEWHERE.get((number, name), set())
            ), (number, name)
            if name:
                either = {"exam_tasks", "items", "ranking"}  # each in the place of others
                model.model_validate({key: value for key, value in named.items() if key not in either})


def test_what_cannot_be_written(tmp_path: Path) -> None:
    with pytest.raises(LrlError, match=r"unknown language 'xyz'.*lrl new language"):
        write(tmp_path / "c", "xyz", "toloka", currency="USD", hourly_pay=1)
    with pytest.raises(LrlError, match=r"campaign\.toml: money\.currency"):
        write(tmp_path / "c", "swh", "toloka", currency="shillings", hourly_pay=1)
    with pytest.raises(LrlError, match=r"licence identifier"):
        write(tmp_path / "c", "swh", "toloka", currency="USD", hourly_pay=1, license="mine")
    assert not (tmp_path / "c").exists()
    told = lrl("new", str(tmp_path / "c"), "--language", "swh", "--format", "toloka", "--currency", "USD")
    assert told.exit_code == 2 and "hourly-pay" in told.output  # what is fair has no default


def test_control_tasks_that_measure_nobody_are_told_of(tmp_path: Path) -> None:
    folder = tmp_path / "c"
    write(folder, "swh", "toloka", currency="USD", hourly_pay=2.5)
    plan = ("plan", "--campaign", str(folder), "--crowd", "expert=8,average=8")
    assert "control task of" not in lrl(*plan).output
    golden = folder / "texts" / "golden_judgements.jsonl"
    both = golden.read_text()
    golden.write_text("".join(line for line in both.splitlines(True) if '"helpful": "yes"' in line))
    told = (
        "warning: stage 2 (helpful): every control task of helpful has the label 'yes': who always says that"
    )
    assert lrl(*plan).output.count(told) == 1
    golden.unlink()
    told = "warning: stage 2 (helpful): its control tasks cannot be read: "
    assert told in lrl(*plan).output and "no such file" in lrl(*plan).output
    toml_file = folder / "campaign.toml"
    before = toml_file.read_text()
    toml_file.write_text(
        before.replace('golden = "texts/golden_judgements.jsonl"\ngolden_share = 0.15\n', "")
    )
    assert "warning: stage 2 (helpful): no control tasks (golden in [stage.tasks])" in lrl(*plan).output
