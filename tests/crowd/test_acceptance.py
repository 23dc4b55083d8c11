"""The threshold for a wanted precision: by hand, in a build that verify computes again, and in a campaign."""

from __future__ import annotations

import json
import math
import random
from dataclasses import replace
from datetime import datetime
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from scipy.stats import beta

from lrl_datasets.crowd import acceptance
from lrl_datasets.crowd.aggregation import GOLDEN as GOLDEN_ROWS
from lrl_datasets.crowd.aggregation import POSTERIOR, Aggregated, Control, weigh
from lrl_datasets.crowd.state import compute
from lrl_datasets.filters.helpfulness import Helpfulness
from lrl_datasets.release import manifest
from lrl_datasets.release.verify import verify
from lrl_datasets.sources.campaign import Campaign
from tests.sources.exports import ANSWER_TOML, MAJORITY_TOML, vote
from tests.test_build import BUILDER, all_yes, answers, judged, run

GOLDEN = [
    vote("", truth, assignment=f"g{n}-{m}", worker=f"judge{m}", golden=truth, answer=f"Jibu la {n}.")
    for n in range(16)
    for m in range(3)
    for truth in ("yes" if n % 2 else "no",)
]
PRECISE = replace(BUILDER, filters=(*BUILDER.filters[:3], Helpfulness(0.5, 0.9), *BUILDER.filters[4:]))


def weighed(helpful: list[float], control: Control | None) -> Aggregated:
    rows = [
        {"answer_id": f"a{n}", "helpfulness": p, "n_votes": 3, "agreement": 1.0}
        for n, p in enumerate(helpful)
    ]
    kind = "calibrated" if control else "votes"
    return Aggregated(pa.Table.from_pylist(rows, schema=POSTERIOR), kind, "majority", control=control)


def control(*rows: tuple[float, float, float]) -> Control:
    said, good, share = (np.array(column) for column in zip(*rows, strict=True))
    return Control(said[::-1], said, good, share, np.ones(len(said)))


def test_the_lowest_threshold_that_is_expected_to_be_precise_enough() -> None:
    # Means from the top: .95, .925, .8833, .8375: three answers reach .88. Golden tasks there: one whole and right,
    # one of two parts, one of them above; so 1.5 of the 2 helpful ones, and none of the one that is not, which is
    # at most 1 - .025. The answers' mean is .71.
    found = weighed(
        [0.95, 0.9, 0.8, 0.7, 0.2], control((0.85, 1, 1), (0.9, 1, 0.5), (0.4, 1, 0.5), (0.1, 0, 1))
    )
    told = acceptance.choose(found, 0.88, 0.5)
    assert (told["threshold"], told["accepted"], told["golden_tasks"]) == (0.8, 3, 1.5)
    assert told["expected_precision"] == 0.8833
    low = beta.ppf(0.025, 1.5, 1.5)
    assert told["bound"] == pytest.approx(0.71 * low / (0.71 * low + 0.29 * 0.975), abs=1e-4)
    assert "accepted from helpfulness 0.8 on" in acceptance.words(told)


def test_golden_tasks_that_are_as_probable_as_the_threshold_all_count() -> None:
    """Shares of three votes are tied: calibrated with one of ten folds left out, they would not be."""
    rng = random.Random(3)
    columns = [name for name in GOLDEN_ROWS.names if name != "golden"]
    shown = [(f"a{n}", w, "yes" if n < 40 or w == "2" else "no") for n in range(60) for w in "012"]
    known = [(f"g{n}", w, "yes" if n % 2 or (n % 4 and w == "1") else "no", "yes" if n % 2 else "no")
             for n in range(60) for w in "012"]  # fmt: skip
    rng.shuffle(known)
    votes = pa.table(dict(zip(("answer_id", *columns[1:]), zip(*shown, strict=True), strict=True)))
    golden = pa.Table.from_pylist(
        [dict(zip(GOLDEN_ROWS.names, row, strict=True)) for row in known], GOLDEN_ROWS
    )
    found = weigh(votes, "majority", {"yes"}, golden)
    told = acceptance.choose(found, 0.9, 0.5)
    assert (told["accepted"], told["golden_tasks"]) == (40, 30)


def test_the_minimum_holds_beside_it_and_alone_where_nothing_is_calibrated() -> None:
    found = weighed([0.95, 0.9, 0.4], control((0.85, 1, 1)))
    assert acceptance.choose(found, 0.6, 0.5)["threshold"] == 0.9
    told = acceptance.choose(weighed([0.95, 0.9, 0.4], None), 0.99, 0.5)
    assert told["threshold"] == 0.5 and "not calibrated" in acceptance.words(told)


def test_none_is_accepted_where_none_is_probable_enough() -> None:
    told = acceptance.choose(weighed([0.8, 0.7], control((0.85, 1, 1))), 0.9, 0.5)
    assert told["threshold"] is None and acceptance.threshold(told) == math.inf
    assert "none is accepted" in acceptance.words(told)


def campaign_votes() -> list[dict[str, str]]:
    """Five answers that all three judges like, five that two of three do."""
    rows = answers()
    divided = [one for row in rows[5:] for one in judged(row, "yes", "yes", "no")]
    return [*all_yes(rows[:5]), *divided, *GOLDEN]  # type: ignore[list-item]


def helpfulness(release: Path) -> list[str]:
    checks = {check.name: list(check.findings) for check in verify(release)}
    return [*checks["helpfulness"], *checks["reasons"], *checks["card"]]


def test_a_build_accepts_for_a_precision_and_says_so_and_verify_computes_it_again(tmp_path: Path) -> None:
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("LRL_PSEUDONYM_KEY", "a key for the tests only")
        built = run(tmp_path, answers(), campaign_votes(), PRECISE, ANSWER_TOML + MAJORITY_TOML)
    told = built.manifest["acceptance"]["campaign"]
    assert told["precision"] == 0.9 and 0.5 < told["threshold"] < 1 and told["accepted"] == 5
    assert built.manifest["counts"]["funnel"] == [{"filter": "helpfulness", "reason": "unhelpful", "rows": 5}]
    refused = pq.read_table(built.folder / "rejected" / "train-00000-of-00001.parquet").to_pylist()
    assert all(row["helpfulness"] >= 0.5 and f"< {told['threshold']:g}" in row["detail"] for row in refused)
    card = (built.folder / "README.md").read_text(encoding="utf-8")
    assert "precision 0.9 wanted" in card and helpfulness(built.folder) == []
    content = json.loads((built.folder / manifest.NAME).read_text(encoding="utf-8"))
    content["acceptance"]["campaign"]["threshold"] = 0.5
    (built.folder / manifest.NAME).write_text(json.dumps(content), encoding="utf-8")
    assert any("the manifest says acceptance is" in one for one in helpfulness(built.folder))


@pytest.mark.parametrize(("precision", "good"), [(None, 10), (0.9, 5)])
def test_a_campaign_decides_by_the_same_threshold(tmp_path: Path, precision: float | None, good: int) -> None:
    from tests.sources.exports import campaign

    rules = f"[stage.rules]\naccept_precision = {precision}\n" if precision else ""
    place = campaign(tmp_path / "c", answers(), campaign_votes(), ANSWER_TOML + rules + MAJORITY_TOML)
    found = compute(Campaign(under_way=True).read(place), datetime(2024, 1, 2))
    assert found.decisions["verdict"].to_pylist().count("accept") == good
    assert found.decisions["verdict"].to_pylist().count("reject") == 10 - good
    assert bool(found.accepted) == (precision is not None)
