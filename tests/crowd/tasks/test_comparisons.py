"""Comparisons handed out, done by the simulated crowd in each platform's own format, read back and built."""

from __future__ import annotations

import json
from collections import Counter, defaultdict
from dataclasses import replace
from datetime import datetime
from pathlib import Path

import pyarrow as pa
import pyarrow.compute as pc
import pytest

from lrl_datasets.build import build
from lrl_datasets.cli.crowd_decisions import terms
from lrl_datasets.crowd.state import State, compute
from lrl_datasets.release import locations
from lrl_datasets.sources import campaign_toml
from lrl_datasets.sources.base import SourceTables
from lrl_datasets.sources.campaign import Campaign
from tests.crowd.tasks import platforms
from tests.crowd.tasks.test_commands import GOLDEN, PROMPTS, contents, lrl
from tests.release.tampering import found
from tests.test_build import BUILDER

FORMATS = ("toloka", "mturk", "label_studio", "argilla", "table", "table-jsonl")
CROWD = ("--crowd", "expert=10,average=8", "--seed", "4")


def stage(format: str, overlap: int = 3, comparisons: str = "") -> str:
    shown, given, suffix = platforms.PREFIXES[format]
    roles = "".join(
        f'{role} = "{shown}{role}"\n' for role in ("left_id", "right_id", "prompt", "left", "right")
    )
    return f"""
[[stage]]
kind = "preference"
format = "{format.partition("-")[0]}"
pools = ["better-*.{suffix}"]
question = "better"
[stage.columns]
{roles}label = "{given}better{platforms.RESPONSES.get(format, "")}"
{platforms._TABLE if format.startswith("table") else ""}
[stage.labels]
left = ["left"]
right = ["right"]
tie = ["tie"]
[stage.tasks]
golden = "pairs.jsonl"
golden_share = 0.25
suite = 4
overlap = {overlap}
price = 0.1
{comparisons}
"""


def folder(place: Path, format: str, overlap: int = 3, comparisons: str = "") -> Path:
    made = platforms.folder(place, format, PROMPTS, GOLDEN)
    toml = made / "campaign.toml"
    three = toml.read_text(encoding="utf-8").replace("overlap = 2", "overlap = 3", 1)
    toml.write_text(three + stage(format, overlap, comparisons), encoding="utf-8")
    pairs = [
        {"prompt": "Taja mto wa Tanzania.", "left": "Rufiji.", "right": "Ndizi.", "better": "left"},
        {"prompt": "Taja tunda tamu.", "left": "Jiwe.", "right": "Embe bivu.", "better": "right"},
    ]
    lines = "".join(json.dumps(pair) + "\n" for pair in pairs)
    (made / "pairs.jsonl").write_text(lines, encoding="utf-8")
    return made


def state(place: Path) -> tuple[SourceTables, State]:
    tables = Campaign(under_way=True).read(place)
    return tables, compute(tables, datetime(2030, 1, 1), terms(campaign_toml.load(place)))


def test_a_pair_stays_while_a_vote_on_one_of_the_two_is_replaced(tmp_path: Path) -> None:
    place = folder(tmp_path / "c", "toloka", comparisons="comparisons = 1")
    lrl("simulate", "--campaign", place, *CROWD)
    tables, now = state(place)
    pairs = [row for row in now.votes.to_pylist() if row["question"] == "better"]
    assert len(pairs) == len(PROMPTS)  # of at least three answers each
    compared = pairs[0]["record"]
    rows = tables.judgements.to_pylist()
    lost = next(n for n, row in enumerate(rows) if row["question"] == "helpful" and row["record"] == compared)
    kept = tables.judgements.filter(pa.array([n != lost for n in range(len(rows))]))
    later = compute(
        replace(tables, judgements=kept), datetime(2030, 1, 1), terms(campaign_toml.load(place))
    )  # fmt: skip
    verdicts = {row["record"]: row["verdict"] for row in later.decisions.to_pylist()}
    assert verdicts[compared] == "wait"
    again = [row for row in later.votes.to_pylist() if row["question"] == "better"]
    assert again == pairs and not any(row["missing"] for row in again)
    # Which comparisons are missing does not depend on what the votes say together.
    begun = replace(tables, judgements=kept.filter(pc.not_equal(kept["question"], "better")))
    weighed, not_weighed = (
        compute(begun, datetime(2030, 1, 1), terms(campaign_toml.load(place)), weighed=both)
        for both in (True, False)
    )
    wanted = not_weighed.wanted_comparisons("better")
    assert wanted and wanted == weighed.wanted_comparisons("better")
    assert compared not in {row[name] for row in wanted for name in ("record", "other_record")}


@pytest.mark.parametrize("format", FORMATS)
def test_a_campaign_with_comparisons_without_people(
    tmp_path: Path, format: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    place = folder(tmp_path / "c", format)
    lrl("simulate", "--campaign", place, *CROWD)
    came = contents(place)
    assert "every task has its workers" in lrl("simulate", "--campaign", place, *CROWD)
    assert contents(place) == came
    tables, now = state(place)
    assert set(tables.judgements["reason"].to_pylist()) == {None}
    about = [row for row in now.judged.to_pylist() if row["question"] == "better"]
    counted = [row for row in about if row["counted"]]
    assert {row["reason"] for row in about} >= {None, "golden"}
    writers = {row["record"]: row["worker"] for row in tables.candidates.to_pylist()}
    if format == "toloka":  # its API keeps authors out
        assert "own_answer" not in {row["reason"] for row in about}
    orders: dict[frozenset[str], Counter[str]] = defaultdict(Counter)
    for row in counted:
        assert row["worker"] not in (writers[row["record"]], writers[row["other_record"]])
        orders[frozenset((row["record"], row["other_record"]))][row["record"]] += 1
    assert orders and all(sum(shown.values()) == 3 for shown in orders.values())
    assert all(max(shown.values()) - min(shown.values()) == 1 for shown in orders.values())
    assert {row["worker"] for row in now.payouts.to_pylist() if row["stage"] == 3} == {
        row["worker"] for row in about
    }
    assert not now.wanted_comparisons("better")

    monkeypatch.setenv("LRL_PSEUDONYM_KEY", "a key for the tests only")
    made = build(BUILDER, name="mini", out=tmp_path / "build", given={"campaign": place})
    release = locations.read(made.folder)
    assert made.manifest["comparisons"]["campaign"]["pairs"] == len(orders)
    assert made.manifest["comparisons"]["campaign"]["votes"] == len(counted)
    assert found(release) == {}


@pytest.mark.parametrize("format", ["toloka", "mturk", "label_studio", "table"])
def test_the_page_is_in_the_language_and_shows_both(tmp_path: Path, format: str) -> None:
    place = folder(tmp_path / "c", format, comparisons="comparisons = 1")
    lrl("simulate", "--campaign", place, *CROWD)
    for path in place.glob("better-*"):
        path.unlink()
    lrl("tasks", "better", "--campaign", place)
    outbox = place / "outbox" / "3-better"
    first = contents(outbox)
    lrl("tasks", "better", "--campaign", place)
    assert contents(outbox) == first
    text = b"\n".join(first.values()).decode()
    assert ("Linganisha majibu mawili" in text and "Jibu A" in text) or format == "toloka"
    assert "Soma swali pamoja na majibu yake mawili." in text and "Read the question and both answers" in text
    if format != "toloka":  # whose labels stand in the project's interface
        assert "Yote mawili ni sawa" in text
    told = lrl("status", "--campaign", place)
    prompts = {row["input.prompt"] if "input.prompt" in row else row["prompt"] for row in PROMPTS}
    assert f"{3 * len(prompts)} more comparisons to ask for, of {len(prompts)} pairs" in told


def test_both_orders_of_a_pair_are_in_different_suites(tmp_path: Path) -> None:
    place = folder(tmp_path / "c", "toloka", overlap=4)
    lrl("simulate", "--campaign", place, *CROWD)
    for path in place.glob("better-*"):
        path.unlink()
    lrl("tasks", "better", "--campaign", place)
    suites = json.loads((place / "outbox" / "3-better" / "task_suites.json").read_text(encoding="utf-8"))
    left: Counter[str] = Counter()
    for suite in suites:
        real = [task["input_values"] for task in suite["tasks"] if "known_solutions" not in task]
        assert len({frozenset((task["left_id"], task["right_id"])) for task in real}) == len(real)
        left.update(task["left_id"] for task in real for _ in range(suite["overlap"]))
    shown: Counter[str] = Counter()
    for suite in suites:
        for task in suite["tasks"]:
            if "known_solutions" not in task:
                for side in ("left_id", "right_id"):
                    shown[task["input_values"][side]] += suite["overlap"]
    assert shown and all(2 * left[record] == n for record, n in shown.items())


def test_control_pairs_are_known_by_nothing_but_their_label(tmp_path: Path) -> None:
    place = folder(tmp_path / "c", "toloka")
    lrl("simulate", "--campaign", place, *CROWD)
    rows = [
        row
        for row in Campaign(under_way=True).read(place).judgements.to_pylist()
        if row["question"] == "better"
    ]
    golden = [row for row in rows if row["golden"]]
    assert golden and all(row["record"] and row["other_record"] for row in golden)
    assert {(row["text"], row["golden"]) for row in golden} == {("Rufiji.", "left"), ("Jiwe.", "right")}
