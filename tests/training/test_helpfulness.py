"""The fit on rows whose truth is known, and the whole way: fit on the sample, build with unjudged rows, verify."""

from __future__ import annotations

import json
import random
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pytest
from lrl_datasets.builders import swahili_instruct

from lrl_datasets import schema
from lrl_datasets.build import Built, build
from lrl_datasets.errors import LrlError
from lrl_datasets.filters import helpfulness_model as models
from lrl_datasets.filters.helpfulness_prediction import HelpfulnessPrediction
from lrl_datasets.release import locations, verify
from lrl_datasets.release.locations import Release
from lrl_datasets.training import helpfulness
from lrl_datasets.training.helpfulness import _auc, fit, folds, judged

WORDS = [
    "jua",
    "mwezi",
    "nyota",
    "mvua",
    "upepo",
    "bahari",
    "ziwa",
    "mto",
    "mlima",
    "bonde",
    "shamba",
    "mji",
    "tunda",
]


def release(n: int = 200, seed: int = 1, shuffled: bool = False, test: int = 0, **changed: Any) -> Release:
    """Judged rows, two answers to a prompt: the helpful ones are long, the others short (or it is all chance)."""
    draw = random.Random(seed)
    rows, split = [], {}
    for at in range(n):
        good = draw.random() < 0.6
        words = draw.choices(WORDS, k=draw.randint(12, 30) if good else draw.randint(3, 14))
        if shuffled:
            good = draw.random() < 0.6
        name = f"{at:024x}"
        messages = [
            {"role": "user", "content": f"Eleza {at // 2}"},
            {"role": "assistant", "content": " ".join(words)},
        ]
        rows.append({
            "id": name, "group": f"{at // 2:024x}", "messages": messages, "helpfulness": 0.9 if good else 0.1,
            "helpfulness_kind": "votes", "lid_score": 0.5, **changed,
        })  # fmt: skip
        split[name] = "test" if at < test else "train"
    draw.shuffle(rows)
    table = pa.Table.from_pylist(rows, schema=schema.REJECTED)
    split_map = pa.table({"id": list(split), "split": list(split.values())})
    content = {
        "language": {"code": "swh_Latn"},
        "repository": "test/test",
        "version": "1.0.0",
        "sample": True,
    }
    return Release(content, {"rejected": {"train": table}}, split_map)


def test_it_learns_what_helps_and_says_how_well() -> None:
    found = fit(release())
    told = found.model.report
    assert told["auc"]["low"] > 0.85 and told["better_than_the_base_rate"]
    assert told["brier"]["model"] < told["brier"]["mean"] - 0.05 and told["brier"]["gain_low"] > 0
    assert told["calibration_error"]["after"] < 0.1
    assert told["notes"] == ["200 judged rows are few: below 300 the figures are rough"]
    weights = {one.name: one.weight for one in found.model.features}
    assert max(weights, key=lambda name: weights[name]) in (
        "answer words (log)",
        "answer words / prompt words (log)",
    )
    assert sum(one.n for one in found.reliability) == 200


def test_chance_is_called_chance() -> None:
    told = fit(release(400, shuffled=True)).model.report
    assert not told["better_than_the_base_rate"] and "no better than the base rate" in told["notes"][-1]


def test_the_order_of_the_rows_changes_no_byte(tmp_path: Path) -> None:
    one = release()
    table = one.configs["rejected"]["train"]
    other = Release(one.manifest, {"rejected": {"train": table.take(np.arange(200)[::-1])}}, one.split_map)
    for name, found in (("a", one), ("b", other)):
        models.write(fit(found).model, tmp_path / name)
    assert (tmp_path / "a").read_bytes() == (tmp_path / "b").read_bytes()


def test_what_is_held_out_or_predicted_is_not_looked_at() -> None:
    assert judged(release(test=50)).num_rows == 150
    assert judged(release(helpfulness_kind="predicted")).num_rows == 0
    with pytest.raises(LrlError, match=r"40 judged rows in train, .* too few to learn from"):
        fit(release(n=40))


def test_a_group_lies_in_one_fold_whatever_else_is_there() -> None:
    groups = [f"g{at % 20}" for at in range(100)]
    fold = folds(groups)
    assert all(len({int(fold[at]) for at in range(100) if groups[at] == name}) == 1 for name in groups)
    assert np.bincount(fold).tolist() == [20] * helpfulness.FOLDS


def test_auc_by_hand() -> None:
    truth = np.array([1.0, 1.0, 0.0, 0.0])
    # Of four pairs of a helpful and an unhelpful row two and a half are in the right order.
    assert _auc(np.array([0.9, 0.4, 0.4, 0.5]), truth, np.ones(4)) == 2.5 / 4
    assert _auc(np.array([0.9, 0.4, 0.4, 0.5]), truth, np.array([1.0, 0.0, 1.0, 1.0])) == 1.0
    assert _auc(np.array([0.9, 0.4, 0.4, 0.5]), truth, np.array([1.0, 1.0, 0.0, 0.0])) is None


# ---- from the sample to a release with predicted rows -----------------------------------------------------

UNJUDGED = [
    ("Ni faida gani za kupanda miti karibu na nyumba?", "Miti huleta kivuli na hewa safi karibu na nyumba. Mizizi yake "
     "huzuia mmomonyoko wa udongo wakati wa mvua kubwa, na matunda yake huwa chakula kwa familia nzima mwaka mzima."),
    ("Nifanyeje ili niamke mapema kila siku asubuhi?", "Lala mapema kila siku, na uweke kengele mbali na kitanda ili "
     "ulazimike kuamka. Epuka simu kabla ya kulala, na baada ya wiki mbili mwili wako utazoea wakati huo mpya."),
    ("Kwa nini tunapaswa kunywa maji mengi kila siku?", "Ni vizuri."),
]  # fmt: skip


def built(folder: Path, model: Path | None, table: Path) -> Built:
    """The sample campaign beside a dataset that nobody judged."""
    builder = swahili_instruct.BUILDER
    if model is not None:
        builder = builder.with_filter(HelpfulnessPrediction(model))
    given = {"campaign": builder.sample, "aya": table}
    return build(builder, name="swahili-instruct", out=folder, given=given, only=list(given))  # type: ignore[arg-type]


@pytest.fixture(scope="module")
def made(tmp_path_factory: pytest.TempPathFactory) -> tuple[Built, Path]:
    folder = tmp_path_factory.mktemp("made")
    table = folder / "aya.jsonl"
    rows = [
        {"inputs": prompt, "targets": answer, "language_code": "swh", "annotation_type": "original-annotations",
         "user_id": f"person {at}"}
        for at, (prompt, answer) in enumerate(UNJUDGED)
    ]  # fmt: skip
    table.write_text("".join(json.dumps(row) + "\n" for row in rows), encoding="utf-8")
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("LRL_PSEUDONYM_KEY", "a key for the tests only")
        first = built(folder / "first", None, table)
        found = fit(locations.read(first.folder))
        models.write(found.model, folder / "model.json")
        assert found.model.report["better_than_the_base_rate"] and found.model.sample
        return built(folder / "second", folder / "model.json", table), folder / "model.json"


def test_unjudged_rows_are_scored_and_the_bad_one_is_refused(made: tuple[Built, Path]) -> None:
    found, model = made
    read = locations.read(found.folder)
    published, refused = read.rows("default"), read.rows("rejected")
    assert published is not None and refused is not None
    kept = {row["messages"][0]["content"]: row for row in published.to_pylist() if row["source"] == "aya"}
    assert {row["helpfulness_kind"] for row in kept.values()} == {"predicted"}
    assert {row["split"] for row in kept.values()} == {"train"} and kept.keys() == {
        UNJUDGED[0][0],
        UNJUDGED[1][0],
    }
    assert min(row["helpfulness"] for row in kept.values()) > 0.5
    (bad,) = (row for row in refused.to_pylist() if row["source"] == "aya")
    assert (bad["reason"], bad["helpfulness_kind"]) == ("predicted_unhelpful", "predicted")
    told = found.manifest["prediction"]
    assert told["sha256"] == models.sha256(model) and told["rows"] == 3
    assert found.manifest["builder"]["settings"]["filters"]["helpfulness_prediction"] == {
        "sha256": told["sha256"]
    }
    assert "**Predicted**: 3 rows" in (found.folder / "README.md").read_text("utf-8")
    pairs = read.rows("preference")
    assert pairs is not None and {row["source"] for row in pairs.to_pylist()} == {"campaign"}


def test_the_release_with_predictions_verifies(made: tuple[Built, Path]) -> None:
    assert [one for one in verify.verify(made[0].folder) if one.findings] == []
