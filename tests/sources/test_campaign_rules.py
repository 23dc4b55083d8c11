"""`[stage.rules]`: what is off leaves no trace, what is half said is refused."""

from __future__ import annotations

from pathlib import Path

import pytest

from lrl_datasets.crowd.quality import Rules
from lrl_datasets.errors import LrlError
from lrl_datasets.sources import campaign_toml
from lrl_datasets.sources.campaign import Campaign
from lrl_datasets.sources.campaign_rules import JudgeRules

from .exports import ANSWER_TOML, JUDGEMENT_TOML, answer, campaign, vote


def read(folder: Path, judge: str = "", write: str = "") -> list[dict[str, object]]:
    rules = f"[stage.rules]\n{write}\n" if write else ""
    toml = ANSWER_TOML + rules + JUDGEMENT_TOML + judge
    tables = Campaign(path=campaign(folder / "c", [answer()], [vote("a1")], toml)).read()
    stages = tables.facts["stages"]
    assert isinstance(stages, list)
    return stages


def test_what_is_off_leaves_no_trace(tmp_path: Path) -> None:
    answers, votes = read(tmp_path)
    assert "rules" not in answers
    assert votes["rules"] == {
        "aggregation": "dawid-skene", "golden_min_answers": 2, "golden_min_accuracy": 0.5,
    }  # fmt: skip


def test_methods_are_combined_unless_one_is_named(tmp_path: Path) -> None:
    assert campaign_toml.Rules().aggregation == "auto"


def test_what_is_on_arrives_under_the_names_that_crowd_knows(tmp_path: Path) -> None:
    judge = 'too_fast_z = 3.5\nexam_pools = ["votes-*.tsv"]\nexam_min_accuracy = 0.8\nmajority_min_agreement = 0.6\n'
    answers, votes = read(tmp_path, judge, "same_text_min_words = 8\noverlap_limit = 3")
    assert answers["rules"] == {"same_text_min_words": 8, "overlap_limit": 3}
    known = {k: v for k, v in votes["rules"].items() if k in Rules.__dataclass_fields__}  # type: ignore[attr-defined]
    assert known["exam_pools"] == ["votes-*.tsv"] and Rules(**known).too_fast_z == 3.5


def test_every_rule_of_crowd_can_be_asked_for() -> None:
    here = set(JudgeRules.model_fields) | {"golden_min_answers", "golden_min_accuracy"}
    # What a comparison's labels mean stands in [stage.labels].
    assert set(Rules.__dataclass_fields__) - {"left", "right"} <= here
    assert all(field.default is None for field in JudgeRules.model_fields.values())


@pytest.mark.parametrize(
    ("judge", "told"),
    [
        ("too_fast = 3.5", "Extra inputs are not permitted"),
        ("exam_min_accuracy = 0.8", "exam_min_accuracy needs either exam_pools or exam_tasks"),
        ("exam_tasks = 5", "exam_tasks without exam_min_accuracy says nothing"),
        ('exam_pools = ["exam.tsv"]\nexam_min_accuracy = 0.8', "rules name pool 'exam.tsv', which is none"),
        (
            'exam_tasks = 3\nexam_min_accuracy = 0.8\nexam_retry_from = 0.8\nretry_pools = ["votes-*.tsv"]',
            "exam_retry_from must lie below exam_min_accuracy",
        ),
        ("overlap_confidence = 0.5", "greater than 0.5"),
        ("one_answer_min_answers = 5", "one_answer_min_answers without one_answer_share says nothing"),
        ("bonus = 0.1", "bonus without bonus_from says nothing"),
        ("review_days = 60", "less than or equal to 30"),
    ],
)  # fmt: skip
def test_what_is_half_said_is_refused(tmp_path: Path, judge: str, told: str) -> None:
    with pytest.raises(LrlError, match=r"campaign\.toml") as error:
        read(tmp_path, judge)
    assert told in str(error.value)
