"""A build from a small campaign: both ledgers, the contracts, the same bytes twice, and what loading it gives."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from collections import Counter
from dataclasses import replace
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from lrl_datasets import card_validator, schema
from lrl_datasets.build import Built, build
from lrl_datasets.builder import Builder
from lrl_datasets.errors import LrlError
from lrl_datasets.filters.duplicates import Duplicates
from lrl_datasets.filters.helpfulness import Helpfulness
from lrl_datasets.filters.length import Length
from lrl_datasets.filters.normalise import Normalise
from lrl_datasets.filters.personal_data import PersonalData
from lrl_datasets.filters.suite_index import SuiteIndex, SuiteItem
from lrl_datasets.release.splits import Splits
from lrl_datasets.sources.campaign import Campaign
from lrl_datasets.sources.toloka import record_id
from tests.sources.exports import ANSWER_TOML, MAJORITY_TOML, Row, answer, campaign, vote

BUILDER = Builder(
    repository="test/mini",
    title="Mini",
    language="swh_Latn",
    sources=(Campaign(name="campaign"),),
    filters=(
        Normalise(),
        PersonalData(regions=("TZ", "KE")),
        Length(min_answer_words=2),
        Helpfulness(minimum=0.5),
        Duplicates(),
    ),
    splits=Splits(salt="mini", validation=0.2, test=0.2),
    preference_margin=0.5,
)

# Ten prompts, each with an answer of its own; written for this test.
ANSWERS = (
    "Mto Rufiji unapita kusini mwa Tanzania na kuingia katika Bahari ya Hindi karibu na Mafia.",
    "Chemsha maji kwanza, kisha ongeza majani ya chai, maziwa na sukari kidogo kabla ya kunywa.",
    "Wakulima wengi hupanda mahindi mwanzoni mwa masika ili mvua ianze kuyanyeshea mapema.",
    "Nyuki hukusanya chavua kutoka maua mbalimbali na kutengeneza asali ndani ya mzinga wao.",
    "Ili kuokoa umeme, zima taa unapotoka chumbani na tumia balbu zenye matumizi madogo.",
    "Mwalimu aliwaeleza wanafunzi kwamba jua ni nyota iliyo karibu zaidi na sayari yetu.",
    "Barua rasmi huanza kwa anwani ya mwandishi, tarehe, kisha anwani ya anayeandikiwa.",
    "Kabla ya kusafiri kwa basi, hakikisha tiketi yako ina jina sahihi na muda wa kuondoka.",
    "Samaki wabichi hudumu muda mrefu zaidi wakihifadhiwa kwenye barafu safi mara tu wanapovuliwa.",
    "Methali hii hutufundisha kwamba mambo makubwa hupatikana kwa subira wala si kwa haraka.",
)


def answers() -> list[Row]:
    return [
        answer(
            f"a{n}",
            prompt=f"Swali la {n}: {text.split()[0]}?",
            text=text,
            original_id=f"p{n}",
            worker_id=f"w{n}",
        )
        for n, text in enumerate(ANSWERS)
    ]


def judged(row: Row, *labels: str) -> list[Row]:
    inputs = {name: value for name, value in row.items() if name.startswith("INPUT:")}
    identity = record_id(row["ASSIGNMENT:assignment_id"], None, inputs)
    return [
        vote(identity, label, assignment=f"{identity}{n}", worker=f"judge{n}", answer=row["OUTPUT:answer"])
        for n, label in enumerate(labels)
    ]


def run(
    tmp_path: Path,
    rows: list[Row],
    votes: list[Row] | None = None,
    builder: Builder = BUILDER,
    toml: str = "",
    **options: Any,
) -> Built:
    tmp_path.mkdir(exist_ok=True)
    folder = campaign(tmp_path / "campaign", rows, votes if votes is not None else all_yes(rows), toml)
    return build(builder, name="mini", out=tmp_path / "build", given={"campaign": folder}, **options)


def all_yes(rows: list[Row]) -> list[Row]:
    return [vote for row in rows for vote in judged(row, "yes", "yes", "yes")]


def table(built: Built, config: str) -> pa.Table:
    files = [entry["path"] for entry in built.manifest["configs"][config].values()]
    return pa.concat_tables([pq.read_table(built.folder / path) for path in files])


@pytest.fixture(autouse=True)
def _key(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("LRL_PSEUDONYM_KEY", "a key for the tests only")


def test_a_judged_answer_is_known_again_whose_number_is_the_second_of_its_row(tmp_path: Path) -> None:
    """Shown alone it has `[PHONE]`, after a prompt with another number `[PHONE_2]`: it is the same text."""
    rows = answers()
    said = "Piga simu 0712 345 678 ukihitaji msaada wa kilimo, nitakujibu jioni."
    rows[4] |= {"INPUT:prompt": "Nani anajibu 0755 123 456 jioni hii?", "OUTPUT:answer": said}
    built = run(tmp_path, rows)
    texts = [turn["content"] for row in table(built, "default")["messages"].to_pylist() for turn in row]
    assert "Nani anajibu [PHONE] jioni hii?" in texts
    assert "Piga simu [PHONE_2] ukihitaji msaada wa kilimo, nitakujibu jioni." in texts
    assert "text_changed" not in built.manifest["judgements"]["reasons"]


def test_ledgers_contracts_and_no_raw_worker(tmp_path: Path) -> None:
    rows = answers()
    rows[1] |= {"ASSIGNMENT:status": "REJECTED"}
    rows[2] |= {"ASSIGNMENT:status": "nonsense"}
    rows[3] |= {"OUTPUT:answer": " "}
    rows[4] |= {"OUTPUT:answer": "Piga simu 0712 345 678 ukihitaji msaada wa kilimo, nitakujibu jioni."}
    votes = [vote for row in rows for vote in judged(row, "yes", "yes")]
    votes += judged(rows[5], "no", "no", "no")[2:]  # yes, yes, no
    votes += [vote("nowhere", "yes", assignment="x", worker="judge9")]
    built = run(tmp_path, rows, votes)
    counts = built.manifest["counts"]
    assert counts["records"] == len(rows) == counts["published"] + counts["rejected"] + counts["withdrawn"]
    assert {(step["reason"], step["rows"]) for step in counts["funnel"]} == {
        ("refused_by_requester", 1), ("unreadable", 1), ("empty", 1),
    }  # fmt: skip
    assert counts["masked"] == {"phone": 1}
    for config, splits in built.manifest["configs"].items():
        for entry in splits.values():
            read = pq.read_table(built.folder / entry["path"])
            assert read.schema.equals(schema.CONFIGS[config])
            assert read.num_rows == entry["rows"] > 0
    published = sum(entry["rows"] for entry in built.manifest["configs"]["default"].values())
    assert published == counts["published"]
    ids = table(built, "default")["id"].to_pylist() + table(built, "rejected")["id"].to_pylist()
    assert len(set(ids)) == len(rows)
    annotations = table(built, "annotations")
    ledger = built.manifest["judgements"]
    assert (
        annotations.num_rows
        == len(votes)
        == ledger["judgements"]
        == ledger["counted"] + ledger["not_counted"]
    )
    assert ledger["reasons"] == {"unknown_answer": 1 + 2}  # the unreadable answer's two votes have no answer
    cells = "\n".join(json.dumps(table(built, config).to_pylist()) for config in built.manifest["configs"])
    for raw in ("judge0", "judge9", "0712 345", "nonsense"):
        assert raw not in cells
    for name in ("README.md", "manifest.json"):
        assert "judge0" not in (built.folder / name).read_text()
    split_map = pq.read_table(built.folder / "split_map.parquet")
    assert sorted(split_map["id"].to_pylist()) == sorted(ids)
    unreadable = next(row for row in table(built, "rejected").to_pylist() if row["reason"] == "unreadable")
    export = next(
        entry for entry in built.manifest["sources"]["campaign"]["inputs"] if entry["name"] == "answers.tsv"
    )
    assert unreadable["detail"].startswith(f"file {export['sha256'][:12]} row 4: ")
    assert "ASSIGNMENT:status" in unreadable["detail"] and "nonsense" not in unreadable["detail"]
    assert built.quarantine.stat().st_mode & 0o077 == 0
    kept = [json.loads(line) for line in built.quarantine.read_text().splitlines()]
    assert [(line["file"], line["row"]) for line in kept] == [("answers.tsv", 4)]
    assert built.unreadable == [f"answers.tsv row 4: {kept[0]['detail']}"]


def test_helpfulness_comes_from_the_votes_and_makes_preferences(tmp_path: Path) -> None:
    rows = answers()
    rival = dict(rows[0]) | {
        "ASSIGNMENT:assignment_id": "b0", "ASSIGNMENT:worker_id": "w77",
        "OUTPUT:answer": "Sijui jina la mto wowote ule kwa sasa, samahani sana.",
    }  # fmt: skip
    votes = all_yes(rows) + judged(rival, "no", "no", "no")
    built = run(tmp_path, [*rows, rival], votes)
    assert built.manifest["counts"]["funnel"] == [{"filter": "helpfulness", "reason": "unhelpful", "rows": 1}]
    default = table(built, "default").to_pylist()
    assert {(row["n_votes"], row["agreement"], row["helpfulness_kind"]) for row in default} == {
        (3, 1.0, "votes")
    }
    pairs = table(built, "preference").to_pylist()
    assert len(pairs) == 1
    assert pairs[0]["chosen"][-1]["content"] == ANSWERS[0]
    assert pairs[0]["rejected"][-1]["content"].startswith("Sijui")
    assert pairs[0]["chosen"][0] == pairs[0]["rejected"][0]
    assert 0.5 <= pairs[0]["margin"] <= 1


def rival(of: Row, text: str, assignment: str = "b0", **more: str) -> Row:
    return dict(of) | {
        "ASSIGNMENT:assignment_id": assignment, "ASSIGNMENT:worker_id": "w77", "OUTPUT:answer": text,
    } | more  # fmt: skip


def pairs_of(tmp_path: Path, *rivals: Row, **options: Any) -> list[dict[str, Any]]:
    """The preference pairs of a campaign in which the crowd refuses the rivals and likes all else."""
    rows = answers()
    votes = all_yes(rows) + [v for row in rivals for v in judged(row, "no", "no", "no")]
    built = run(tmp_path, [*rows, *rivals], votes, **options)
    found: list[dict[str, Any]] = (
        table(built, "preference").to_pylist() if "preference" in built.manifest["configs"] else []
    )
    return found


WORSE = "Sijui jina la mto wowote ule kwa sasa, samahani sana."


def test_a_pair_has_the_chosen_rows_provenance(tmp_path: Path) -> None:
    (pair,) = pairs_of(tmp_path, rival(answers()[0], WORSE))
    assert (pair["source"], pair["license"], pair["n_votes"]) == ("campaign", "CC0-1.0", 3)
    assert pair["content_hash"] and pair["cluster"] and pair["annotator"]
    assert 0.5 <= pair["margin"] <= pair["helpfulness"] <= 1


def test_no_pair_of_prompts_that_differ_by_a_letter(tmp_path: Path) -> None:
    first = answers()[0]
    assert pairs_of(tmp_path, rival(first, WORSE, **{"INPUT:prompt": first["INPUT:prompt"].upper()})) == []


def test_no_pair_with_a_leaked_answer(tmp_path: Path) -> None:
    SuiteIndex.build([SuiteItem(task="t", texts=(WORSE,))]).save(tmp_path / "index.json")
    assert pairs_of(tmp_path, rival(answers()[0], WORSE), suite_index=tmp_path / "index.json") == []


def test_no_pair_of_near_copies(tmp_path: Path) -> None:
    assert (
        pairs_of(tmp_path, rival(answers()[0], ANSWERS[0].replace("karibu na", "karibu na kisiwa cha"))) != []
    )
    copy = ANSWERS[0] + " Kweli."  # one 5-word shingle more of eleven
    assert pairs_of(tmp_path / "again", rival(answers()[0], copy)) == []


def test_a_refused_answer_is_never_the_chosen_one(tmp_path: Path) -> None:
    # Two answers to one prompt, one liked by half of the judges and one by none; both are below the minimum.
    rows = answers()
    halfway, worst = rival(rows[0], WORSE), rival(rows[0], "Mto huo uko mbali sana na hapa nilipo leo.", "b1")
    votes = (
        all_yes(rows[1:]) + judged(halfway, "yes", "no", "yes", "no") + judged(worst, "no", "no", "no", "no")
    )
    toml = ANSWER_TOML + MAJORITY_TOML
    builder = replace(
        BUILDER, preference_margin=0.1, filters=(*BUILDER.filters[:3], Helpfulness(0.8), Duplicates())
    )
    built = run(tmp_path, [*rows[1:], halfway, worst], votes, builder, toml)
    assert {step["reason"]: step["rows"] for step in built.manifest["counts"]["funnel"]} == {"unhelpful": 2}
    assert "preference" not in built.manifest["configs"]


def test_what_is_empty_is_named(tmp_path: Path) -> None:
    built = run(tmp_path, answers())
    named = set(built.manifest["left_out_as_empty"])
    there = {f"{config}/{split}" for config, splits in built.manifest["configs"].items() for split in splits}
    assert {"preference/train", "rejected/train"} <= named
    assert not named & there


def test_the_campaigns_own_rules_hold(tmp_path: Path) -> None:
    # The small campaign fails a worker below 50 % after 2 control tasks; the defaults would need 3.
    rows = answers()
    golden = [vote("", "no", assignment=f"g{n}", worker="spam", golden="yes") for n in range(2)]
    votes = all_yes(rows) + golden + [v | {"ASSIGNMENT:worker_id": "spam"} for v in judged(rows[0], "no")]
    built = run(tmp_path, rows, votes)
    assert built.manifest["judgements"]["reasons"] == {"golden": 2, "failed_worker": 1}


def test_a_campaign_in_another_language_is_refused(tmp_path: Path) -> None:
    folder = campaign(tmp_path / "campaign", answers())
    toml = (folder / "campaign.toml").read_text()
    (folder / "campaign.toml").write_text(toml.replace("swh_Latn", "yor_Latn"))
    with pytest.raises(LrlError, match=r"campaign.*yor_Latn.*swh_Latn"):
        build(BUILDER, name="mini", out=tmp_path / "build", given={"campaign": folder})


def test_no_records_are_no_release(tmp_path: Path) -> None:
    folder = campaign(tmp_path / "campaign", answers()[:1])
    header = (folder / "answers.tsv").read_text().splitlines()[0]
    (folder / "answers.tsv").write_text(header + "\n")
    with pytest.raises(LrlError, match="no records"):
        build(BUILDER, name="mini", out=tmp_path / "build", given={"campaign": folder})


def test_unjudged_answers_are_refused(tmp_path: Path) -> None:
    rows = answers()
    built = run(tmp_path, rows, all_yes(rows[:8]))
    assert built.manifest["counts"]["funnel"] == [{"filter": "helpfulness", "reason": "unjudged", "rows": 2}]


def test_two_answers_with_one_id(tmp_path: Path) -> None:
    rows = answers()
    twice = dict(rows[0]) | {"OUTPUT:answer": "Jibu lingine kabisa lenye kitambulisho kilekile cha kazi."}
    built = run(tmp_path, [*rows, twice], all_yes(rows))
    assert {step["reason"] for step in built.manifest["counts"]["funnel"]} == {"duplicate_id"}
    assert built.manifest["counts"]["records"] == 11


def test_copies_share_a_split_and_one_stays(tmp_path: Path) -> None:
    rows = answers()
    copies = [
        dict(rows[n]) | {"ASSIGNMENT:assignment_id": f"copy{n}", "ASSIGNMENT:worker_id": "copier"}
        for n in range(5)
    ]
    built = run(tmp_path, [*rows, *copies])
    assert built.manifest["counts"]["funnel"] == [{"filter": "duplicates", "reason": "duplicate", "rows": 5}]
    splits = {
        row["id"]: row["split"] for row in pq.read_table(built.folder / "split_map.parquet").to_pylist()
    }
    clusters: dict[str, set[str]] = {}
    for config in ("default", "rejected"):
        for row in table(built, config).to_pylist():
            clusters.setdefault(row["cluster"], set()).add(splits[row["id"]])
    assert all(len(found) == 1 for found in clusters.values())


def test_a_leak_is_refused_without_its_text_whatever_came_first(tmp_path: Path) -> None:
    rows = answers()
    index = SuiteIndex.build([
        SuiteItem(task="t", texts=[ANSWERS[0]], lineage=[]), SuiteItem(task="t", texts=[ANSWERS[1]], lineage=[]),
        SuiteItem(task="t", texts=["Maneno mengine kabisa yasiyo na uhusiano wowote."], lineage=["mini:p2"]),
    ])  # fmt: skip
    index.save(tmp_path / "index.json")
    votes = all_yes(rows[:1] + rows[2:]) + judged(rows[1], "no", "no", "no")
    built = run(tmp_path, rows, votes, suite_index=tmp_path / "index.json")
    refused = table(built, "rejected").to_pylist()
    assert Counter(row["reason"] for row in refused) == {"suite_leak": 2, "unhelpful": 1}
    assert [row["messages"] for row in refused] == [None] * 3
    text = json.dumps([table(built, config).to_pylist() for config in built.manifest["configs"]])
    assert "Rufiji" not in text
    assert built.manifest["suite_index"]["tasks"]
    assert "NOT LEAK-CHECKED" not in (built.folder / "README.md").read_text()


def test_twice_the_same_bytes_whatever_the_order_of_lines_and_the_hash_seed(tmp_path: Path) -> None:
    rows = answers()
    votes = [
        v
        for n, row in enumerate(rows)
        for v in judged(row, *(["yes", "no", "yes"] if n % 3 else ["yes"] * 3))
    ]
    (tmp_path / "1").mkdir()
    one = run(tmp_path / "1", rows, votes)
    first = {path.name: path.read_bytes() for path in one.folder.rglob("*") if path.is_file()}
    code = (
        "import sys; from pathlib import Path\n"
        "from tests.test_build import BUILDER; from lrl_datasets.build import build\n"
        "build(BUILDER, name='mini', out=Path(sys.argv[2]), given={'campaign': Path(sys.argv[1])})"
    )
    root = Path(__file__).parent.parent
    subprocess.run(
        [sys.executable, "-c", code, tmp_path / "1" / "campaign", tmp_path / "2"], check=True, cwd=root,
        env=os.environ | {"PYTHONHASHSEED": "7", "PYTHONPATH": str(root)},
    )  # fmt: skip
    second = {
        path.name: path.read_bytes()
        for path in (tmp_path / "2" / "test" / "mini").rglob("*")
        if path.is_file()
    }
    assert first == second
    # Other lines first: the exports have other hashes, the rows are the same but for the batch they came in.
    (tmp_path / "3").mkdir()
    turned = run(tmp_path / "3", rows[::-1], votes[::-1])
    for config in ("default", "rejected"):
        if config in one.manifest["configs"]:
            assert table(turned, config).equals(table(one, config))
    assert (
        table(turned, "annotations")
        .drop_columns("batch")
        .equals(table(one, "annotations").drop_columns("batch"))
    )


def test_the_card_is_valid_and_says_what_it_must(tmp_path: Path) -> None:
    built = run(tmp_path, answers())
    text = (built.folder / "README.md").read_text(encoding="utf-8")
    assert card_validator.problems(text) == []
    assert "NOT LEAK-CHECKED" in text
    assert 'revision="v1.0.0"' in text
    assert "cc0-1.0" in text


def load(folder: Path, home: Path) -> dict[str, int]:
    code = (
        "import json, sys; from datasets import load_dataset\n"
        "print(json.dumps({s: d.num_rows for s, d in load_dataset(sys.argv[1]).items()}))"
    )
    env = os.environ | {"HF_HOME": str(home), "HF_HUB_OFFLINE": "1"}
    done = subprocess.run(
        [sys.executable, "-c", code, folder], capture_output=True, text=True, check=True, env=env
    )
    counts: dict[str, int] = json.loads(done.stdout)
    return counts


def test_a_rebuilt_folder_does_not_load_its_old_rows(tmp_path: Path) -> None:
    rows = answers()
    three = run(tmp_path, rows[:3])
    assert sum(load(three.folder, tmp_path / "home").values()) == 3
    nine = run(tmp_path, rows[:9])
    assert nine.folder == three.folder
    assert sum(load(nine.folder, tmp_path / "home").values()) == 9


def test_a_folder_that_is_no_release_is_not_touched(tmp_path: Path) -> None:
    precious = tmp_path / "build" / "test" / "mini" / "thesis.txt"
    precious.parent.mkdir(parents=True)
    precious.write_text("precious")
    with pytest.raises(LrlError, match="no release folder"):
        run(tmp_path, answers())
    assert precious.read_text() == "precious"


def test_bad_requests_are_named(tmp_path: Path) -> None:
    with pytest.raises(LrlError, match=r"1\.0.*MAJOR\.MINOR\.PATCH"):
        build(BUILDER, name="mini", out=tmp_path, version="1.0")
    with pytest.raises(LrlError, match="no embedded sample"):
        build(BUILDER, name="mini", out=tmp_path, sample=True)
    with pytest.raises(LrlError, match="nosuch"):
        build(BUILDER, name="mini", out=tmp_path, only=["nosuch"])
    with pytest.raises(LrlError, match="no such file or folder"):
        build(BUILDER, name="mini", out=tmp_path, given={"campaign": tmp_path / "gone"})
    with pytest.raises(LrlError, match="declares no source"):
        build(BUILDER, name="mini", out=tmp_path, given={"other": tmp_path})
    assert not list(tmp_path.iterdir())


def test_filters_out_of_order_are_refused() -> None:
    with pytest.raises(ValueError, match="order"):
        replace(BUILDER, filters=BUILDER.filters[::-1])
