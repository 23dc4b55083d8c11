"""From a campaign that asked about answers and compared them to the config `preference`, and `verify` of it."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import pyarrow as pa
import pytest
from scipy.stats import beta

from lrl_datasets import schema
from lrl_datasets.build import Built, build
from lrl_datasets.release import locations
from lrl_datasets.release.diff import compare
from lrl_datasets.release.locations import Release
from lrl_datasets.release.previous import Previous
from tests.release.tampering import Tampered, found
from tests.sources.exports import ANSWER_TOML, JUDGEMENT_TOML, Row, answer, campaign, tsv
from tests.sources.test_campaign import record
from tests.test_build import ANSWERS, BUILDER, judged

STAGE = """
[[stage]]
kind = "preference"
question = "better"
format = "toloka"
pools = ["better.tsv"]
[stage.columns]
left_id = "INPUT:left_id"
right_id = "INPUT:right_id"
left = "INPUT:left"
right = "INPUT:right"
label = "OUTPUT:better"
[stage.labels]
left = ["left"]
right = ["right"]
tie = ["tie"]
"""
TOML = ANSWER_TOML + JUDGEMENT_TOML.replace("dawid-skene", "majority") + STAGE


def rows() -> list[Row]:
    """Three prompts: three answers, two, two."""
    return [
        answer(
            f"a{n}",
            prompt=f"Swali la {prompt}?",
            text=ANSWERS[n],
            original_id=f"p{prompt}",
            worker_id=f"w{n}",
        )
        for n, prompt in enumerate((1, 1, 1, 2, 2, 3, 3))
    ]


ROWS = rows()
HELPFUL = {n: ("yes", "yes", "yes") for n in range(7)} | {4: ("no", "no", "no"), 6: ("yes", "yes", "no")}


def prefer(better: int, worse: int, n: int, label: str | None = None, first: int = 0) -> list[Row]:
    """`n` workers prefer one answer, every second one with it on the right."""
    out = []
    for at in range(first, first + n):
        left, right = (better, worse) if at % 2 else (worse, better)
        out.append(
            {
                "INPUT:left_id": record(dict(ROWS[left])), "INPUT:right_id": record(dict(ROWS[right])),
                "INPUT:left": ANSWERS[left], "INPUT:right": ANSWERS[right], "GOLDEN:better": "",
                "OUTPUT:better": label or ("left" if at % 2 else "right"),
                "ASSIGNMENT:assignment_id": f"c{better}{worse}{at}", "ASSIGNMENT:worker_id": f"judge{at}",
                "ASSIGNMENT:status": "APPROVED",
            }
        )  # fmt: skip
    return out


COMPARED = [
    *prefer(0, 1, 4), *prefer(0, 2, 3), *prefer(2, 0, 1, first=3), *prefer(1, 2, 4, "tie"),
    *prefer(4, 3, 4),  # the unhelpful one: it is not published, so there is no pair
    *prefer(6, 5, 4),  # helpfulness says the opposite
]  # fmt: skip


def folder(scratch: Path, comparisons: list[Row]) -> Path:
    votes = [vote for n, labels in HELPFUL.items() for vote in judged(ROWS[n], *labels)]
    made = campaign(scratch / "campaign", ROWS, votes, TOML)
    (made / "better.tsv").write_bytes(tsv(comparisons))
    return made


def make(scratch: Path, comparisons: list[Row], **options: Any) -> Built:
    scratch.mkdir(exist_ok=True)
    given = {"campaign": folder(scratch, comparisons)}
    return build(BUILDER, name="mini", out=scratch / "build", given=given, **options)


@pytest.fixture(scope="module")
def built(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Built]:
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("LRL_PSEUDONYM_KEY", "a key for the tests only")
        yield make(tmp_path_factory.mktemp("compared"), COMPARED)


def pairs(release: Release) -> dict[tuple[int, int], dict[str, Any]]:
    """(chosen, rejected), by their place in `ANSWERS` → the row."""
    table = release.rows("preference")
    return {
        tuple(ANSWERS.index(row[side][-1]["content"]) for side in ("chosen", "rejected")): row
        for row in (table.to_pylist() if table is not None else [])
    }  # type: ignore[misc]


def test_what_people_compared_decides(built: Built) -> None:
    told = pairs(locations.read(built.folder))
    assert told.keys() == {(0, 1), (0, 2), (6, 5)}
    clear = told[6, 5]
    low, high = (round(2 * float(beta.ppf(q, 4.5, 0.5)) - 1, 4) for q in (0.025, 0.975))
    assert (clear["margin"], clear["margin_low"], clear["margin_high"]) == (0.8, low, high)
    assert (clear["margin_kind"], clear["n_comparisons"]) == ("comparisons", 4)
    assert clear["helpfulness"] == 0.6667 and clear["chosen"][:-1] == clear["rejected"][:-1]
    assert told[0, 1]["margin"] > told[0, 2]["margin"] > 0.2
    for row in told.values():
        assert row["margin_low"] < row["margin"] < row["margin_high"]


def test_ledger_card_and_verify(built: Built) -> None:
    judgements = built.manifest["judgements"]
    assert judgements["judgements"] == 21 + 20 and judgements["counted"] == 41
    # The pair of ties alone is not sure, and makes no row; four of four are sure (above).
    unsure = 1 + sum(row["margin_low"] < 0 for row in pairs(locations.read(built.folder)).values())
    assert built.manifest["comparisons"] == {
        "campaign": {
            "question": "better", "method": "bradley-terry", "pairs": 5, "undecided": unsure, "votes": 20, "ties": 4,
            "left": 0.5, "left_low": 0.28, "left_high": 0.72,
        }
    }  # fmt: skip
    card = (built.folder / "README.md").read_text()
    assert "5 pairs of answers to one prompt" in card and "20 counted comparisons, 4 of them ties" in card
    assert f"Of\n{unsure} of the pairs that interval holds 0" in card
    assert found(locations.read(built.folder)) == {}


def test_the_same_again_in_another_order_is_the_same_release(
    built: Built, tmp_path: Path, monkeypatch: Any
) -> None:
    monkeypatch.setenv("LRL_PSEUDONYM_KEY", "a key for the tests only")
    again = make(tmp_path / "again", COMPARED[::-1])
    assert again.manifest["files"] == built.manifest["files"]


def test_a_margin_that_the_votes_do_not_give_is_found(built: Built, tmp_path: Path) -> None:
    for column, value in (("margin", 0.9), ("margin_kind", "helpfulness"), ("n_comparisons", 7)):
        tampered = Tampered(locations.read(built.folder), tmp_path)
        tampered.one("preference", margin=0.8)[column] = value
        assert found(tampered.release()).keys() == {"pairs"}
    turned = Tampered(locations.read(built.folder), tmp_path)
    turned.manifest["comparisons"]["campaign"]["left"] = 0.9
    assert found(turned.release()).keys() == {"comparisons"}


def test_least_margin_is_the_builders(tmp_path: Path, monkeypatch: Any) -> None:
    monkeypatch.setenv("LRL_PSEUDONYM_KEY", "a key for the tests only")
    strict = replace(BUILDER, comparison_margin=0.79)
    made = build(strict, name="mini", out=tmp_path / "build", given={"campaign": folder(tmp_path, COMPARED)})
    assert pairs(locations.read(made.folder)).keys() == {(6, 5)}


def test_who_withdraws_takes_comparisons_along(built: Built, tmp_path: Path, monkeypatch: Any) -> None:
    monkeypatch.setenv("LRL_PSEUDONYM_KEY", "a key for the tests only")
    release = locations.read(built.folder)
    gone = pairs(release)[0, 2]["rejected_id"]
    there = folder(tmp_path, COMPARED)
    (there / "withdrawn.txt").write_text(f"row {gone}\n")
    made = build(
        BUILDER, name="mini", out=tmp_path / "build", given={"campaign": there}, previous=built.folder
    )
    votes = locations.read(made.folder).rows("annotations")
    assert votes is not None
    assert gone not in votes["answer_id"].to_pylist() + votes["other_id"].to_pylist()
    # Eight comparisons with it, and three votes on it.
    assert made.manifest["judgements"]["withdrawn"] == 11
    assert pairs(locations.read(made.folder)).keys() == {(0, 1), (6, 5)}
    assert found(locations.read(made.folder)) == {}


def test_an_earlier_release_without_the_columns_is_still_read(built: Built) -> None:
    release = locations.read(built.folder)
    new = {
        "annotations": ["other_id"],
        "preference": ["margin_kind", "margin_low", "margin_high", "n_comparisons"],
    }
    old = Release(
        release.manifest,
        {
            config: {split: table.drop_columns(new.get(config, [])) for split, table in splits.items()}
            for config, splits in release.configs.items()
        },
        release.split_map,
        release.folder,
    )
    changes = compare(old, release)
    assert {change.name for change in changes.schema} == {name for names in new.values() for name in names}
    assert {change.bump for change in changes.schema} == {"minor"}
    judgements = pa.Table.from_pylist(
        [], schema=pa.schema([*schema.ANNOTATIONS, ("text", pa.string()), ("other_text", pa.string())])
    )
    records = release.rows("default")
    assert records is not None
    assert Previous(old, "").without_votes_on_old_texts(judgements, records).num_rows == 0
