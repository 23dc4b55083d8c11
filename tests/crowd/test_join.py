"""From a campaign to helpfulness by `auto`: a real build whose posteriors anyone can compute from what it ships."""

from __future__ import annotations

import json
import shutil
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from lrl_datasets.build import build
from lrl_datasets.release import manifest
from lrl_datasets.release.verify import verify
from tests.sources.exports import ANSWER_TOML, MAJORITY_TOML, vote
from tests.test_build import BUILDER, all_yes, answers, judged, run

TURNED = {"yes": "no", "no": "yes", "left": "right", "right": "left", "tie": "tie"}
SAMPLE = Path(__file__).parents[2] / "builders" / "samples" / "swahili"


@pytest.fixture(scope="module")
def released(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("auto")
    campaign = shutil.copytree(SAMPLE, folder / "campaign")
    assert 'aggregation = "auto"' in (campaign / "campaign.toml").read_text(encoding="utf-8")
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("LRL_PSEUDONYM_KEY", "a key for the tests only")
        made = build(BUILDER, name="mini", out=folder / "out", given={"campaign": campaign})
    return made.folder


def helpfulness(release: Path) -> list[str]:
    return next(list(check.findings) for check in verify(release) if check.name == "helpfulness")


def test_helpfulness_is_calibrated_and_follows_from_what_is_shipped(released: Path) -> None:
    rows = pq.read_table(released / "default" / "train-00000-of-00001.parquet")
    assert set(rows["helpfulness_kind"].to_pylist()) == {"calibrated"}
    told = next(iter(manifest.read(released)["aggregation"].values()))
    assert told["kind"] == "calibrated" and told["golden_tasks"] > 0
    assert sum(told["weights"].values()) == pytest.approx(1, abs=0.01)
    assert helpfulness(released) == []


def test_golden_judgements_name_their_task_and_ordinary_ones_none(released: Path) -> None:
    votes = pq.read_table(released / "annotations" / "train-00000-of-00001.parquet").to_pylist()
    for row in votes:
        assert (row["golden_item"] is not None) == (row["reason"] == "golden")
    golden = [row for row in votes if row["golden_item"]]
    truths = {(row["golden_item"], row["golden"]) for row in golden}
    assert len(truths) == len({row["golden_item"] for row in golden}) < len(golden)


def test_a_changed_golden_judgement_is_found(released: Path, tmp_path: Path) -> None:
    folder = shutil.copytree(released, tmp_path / "changed")
    path = folder / "annotations" / "train-00000-of-00001.parquet"
    table = pq.read_table(path)
    turned = [
        TURNED[row["label"]] if row["reason"] == "golden" else row["label"] for row in table.to_pylist()
    ]
    at = table.schema.get_field_index("label")
    pq.write_table(table.set_column(at, "label", pa.array(turned, pa.string())), path)
    assert any("helpfulness is" in finding for finding in helpfulness(folder))


@pytest.fixture(scope="module")
def by_majority(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Ten answers by one named method, with sixteen golden tasks that three judges did."""
    rows = answers()
    votes = all_yes(rows[:5]) + [vote for row in rows[5:] for vote in judged(row, "yes", "no", "no")]
    for n in range(16):
        truth = "yes" if n % 2 else "no"
        votes += [
            vote("", truth, assignment=f"g{n}-{m}", worker=f"judge{m}", golden=truth, answer=f"Jibu la {n}.")
            for m in range(3)
        ]
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("LRL_PSEUDONYM_KEY", "a key for the tests only")
        built = run(tmp_path_factory.mktemp("majority"), rows, votes, toml=ANSWER_TOML + MAJORITY_TOML)
    return built.folder


def test_a_named_method_is_calibrated_too_and_verify_computes_it_again(by_majority: Path) -> None:
    told = manifest.read(by_majority)["aggregation"]["campaign"]
    assert (told["method"], told["kind"], told["golden_tasks"]) == ("majority", "calibrated", 16)
    assert helpfulness(by_majority) == []
    card = (by_majority / "README.md").read_text(encoding="utf-8")
    assert "**Calibrated**" in card and "not calibrated" not in card


def test_an_earlier_release_calibrated_with_auto_alone(by_majority: Path, tmp_path: Path) -> None:
    folder = shutil.copytree(by_majority, tmp_path / "earlier")
    path = folder / manifest.NAME
    content = json.loads(path.read_text(encoding="utf-8"))
    path.write_text(json.dumps(content | {"aggregation": {}}), encoding="utf-8")
    assert any("helpfulness_kind is calibrated, its votes give votes" in one for one in helpfulness(folder))
