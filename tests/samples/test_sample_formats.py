"""The sample campaign in each platform's format publishes the same rows as its Toloka exports."""

from __future__ import annotations

import json
from collections import Counter
from pathlib import Path
from typing import Any, NamedTuple

import pytest

from lrl_datasets.build import build
from tests.test_build import BUILDER, table

FOLDER = Path(__file__).parents[2] / "builders" / "samples" / "swahili"
FORMATS = sorted(path.name for path in (FOLDER / "formats").iterdir())
KEPT_BACK = {
    "argilla": {"refused_by_requester", "not_submitted", "too_fast", "same_text"},
    "label_studio": {"refused_by_requester", "too_fast"},
    "mturk": {"not_submitted"},
    "table": set(),
}
"""What a release cannot say because the platform's export does not."""
CLOSE = 0.005
"""Posteriors are sums in the order of the platform's ids, and EM stops near its end."""


class Published(NamedTuple):
    rows: dict[str, dict[str, Any]]
    pairs: Counter[str]
    reasons: dict[str, int]
    manifest: dict[str, Any]


def published(folder: Path, out: Path) -> Published:
    built = build(BUILDER, name="mini", out=out, given={"campaign": folder})
    rows = {json.dumps(row["messages"]): row for row in table(built, "default").to_pylist()}
    assert len(rows) == built.manifest["counts"]["published"]
    pairs = Counter(
        json.dumps([row["chosen"], row["rejected"]]) for row in table(built, "preference").to_pylist()
    )
    reasons = {step["reason"]: step["rows"] for step in built.manifest["counts"]["funnel"]}
    return Published(rows, pairs, reasons, built.manifest)


@pytest.fixture(scope="module", autouse=True)
def _key() -> Any:
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("LRL_PSEUDONYM_KEY", "a key for the tests only")
        yield


@pytest.fixture(scope="module")
def toloka(tmp_path_factory: pytest.TempPathFactory) -> Published:
    return published(FOLDER, tmp_path_factory.mktemp("toloka"))


def test_golden_tasks_are_hard_enough_to_calibrate_by(toloka: Published) -> None:
    told = next(one for one in toloka.manifest["aggregation"].values() if one["method"] == "auto")
    assert told["kind"] == "calibrated" and told["golden_tasks"] == 50
    # If every method got all of them right, as with plain ones alone, there would be nothing to learn from them.
    assert all(35 < right < 50 for right in told["right_of_golden"].values())
    assert len(told["reliability"]) >= 4
    error = told["calibration_error"]
    assert error["after"] < error["before"]


def test_divided_votes_are_not_called_surely_helpful(toloka: Published) -> None:
    # Half of the control tasks are helpful and seven in ten answers are: for that the posterior is corrected, upwards.
    halved = [row["helpfulness"] for row in toloka.rows.values() if row["agreement"] == 0.5]
    assert len(halved) <= 8 and all(helpful < 0.75 for helpful in halved)


def test_every_other_format_is_there() -> None:
    assert set(FORMATS) == set(KEPT_BACK)


@pytest.mark.parametrize("format", FORMATS)
def test_the_same_rows_are_published(format: str, toloka: Published, tmp_path: Path) -> None:
    other = published(FOLDER / "formats" / format, tmp_path)
    assert other.rows.keys() == toloka.rows.keys()
    assert other.manifest["judgements"] == toloka.manifest["judgements"]
    assert set(toloka.reasons) - set(other.reasons) == KEPT_BACK[format]
    copied = {answer["text"] for answer in answers() if answer["kind"] == "copied"}
    for text, row in other.rows.items():
        # Where nobody knows who came first, of two equal texts the better judged one stays.
        if "same_text" not in KEPT_BACK[format] or row["messages"][-1]["content"] not in copied:
            same = toloka.rows[text]
            assert row["helpfulness"] == pytest.approx(same["helpfulness"], abs=CLOSE)
            assert (row["n_votes"], row["agreement"]) == (same["n_votes"], same["agreement"])
    # What is refused whatever the votes say is in no pair; where that is not known, it may be the worse one.
    if KEPT_BACK[format] <= {"not_submitted"}:
        assert other.pairs == toloka.pairs
    elif "same_text" not in KEPT_BACK[format]:
        assert other.pairs > toloka.pairs


def answers() -> list[dict[str, Any]]:
    return [
        json.loads(line) for line in (FOLDER / "texts/answers.jsonl").read_text("utf-8").split("\n") if line
    ]
