"""Comparisons and rankings as records: what a preference stage reads, worked out by hand."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from lrl_datasets.crowd.quality import decide, rules_of
from lrl_datasets.errors import LrlError
from lrl_datasets.sources import rankings
from lrl_datasets.sources.base import SourceTables
from lrl_datasets.sources.campaign import Campaign

from .exports import ANSWER_TOML, answer, tsv
from .test_campaign import record

STAGE = """
[[stage]]
kind = "preference"
question = "better"
format = "{format}"
pools = ["{pool}"]
[stage.columns]
{columns}
[stage.labels]
left = ["left"]
right = ["right"]
tie = ["same"]
[stage.rules]
golden_min_answers = 1
golden_min_accuracy = 0.5
"""
PAIRS = 'left_id = "INPUT:left_id"\nright_id = "INPUT:right_id"\nleft = "INPUT:left"\nlabel = "OUTPUT:better"'
RANKED = 'worker = "who"\nitems = "shown"\nranking = "order"'

TEXTS = {"a1": "Rufiji na Tana.", "a2": "Ruvuma na Mara.", "a3": "Nile."}
ANSWERS = [answer(name, text=text, worker_id=f"by {name}") for name, text in TEXTS.items()]
RECORDS = {name: record(dict(row)) for name, row in zip(TEXTS, ANSWERS, strict=True)}


def read(folder: Path, pool: str, data: bytes, columns: str, format: str = "toloka") -> SourceTables:
    folder.mkdir(exist_ok=True)
    (folder / "answers.tsv").write_bytes(tsv(ANSWERS))
    (folder / pool).write_bytes(data)
    (folder / "campaign.toml").write_text(
        ANSWER_TOML + STAGE.format(format=format, pool=pool, columns=columns)
    )
    return Campaign(path=folder).read()


def compared(left: str, right: str, label: str, worker: str = "w", **more: str) -> dict[str, str]:
    return {
        "INPUT:left_id": RECORDS.get(left, left), "INPUT:right_id": RECORDS.get(right, right),
        "INPUT:left": TEXTS.get(left, ""), "OUTPUT:better": label, "GOLDEN:better": more.get("golden", ""),
        "ASSIGNMENT:assignment_id": more.get("assignment", f"s{left}{right}{worker}"), "ASSIGNMENT:worker_id": worker,
        "ASSIGNMENT:status": "APPROVED",
    }  # fmt: skip


def reasons(tables: SourceTables) -> list[dict[str, Any]]:
    answers = tables.candidates.select(["record", "worker"])
    answers = answers.append_column("id", answers["record"])
    texts = [messages[-1]["content"] for messages in tables.candidates["messages"].to_pylist()]
    answers = answers.append_column("text", [texts])
    stages: Any = tables.facts["stages"]
    return decide(tables.judgements, answers, {"better": rules_of(stages[1])}).to_pylist()  # type: ignore[no-any-return]


def test_a_comparison_names_both_answers_in_the_order_shown(tmp_path: Path) -> None:
    rows = [
        compared("a1", "a2", "left"),
        compared("a2", "a1", "same", "w2"),
        compared("a1", "a1", "left", "w3"),  # nothing to compare
        compared("a1", "a2", "both", "w4"),
    ]
    tables = read(tmp_path, "votes.tsv", tsv(rows), PAIRS)
    first, second, itself, foreign = tables.judgements.to_pylist()
    assert (first["record"], first["other_record"]) == (RECORDS["a1"], RECORDS["a2"])
    assert (first["text"], first["other_text"], first["label"]) == (TEXTS["a1"], None, "left")
    assert (second["record"], second["other_record"], second["label"]) == (
        RECORDS["a2"],
        RECORDS["a1"],
        "same",
    )
    assert itself["reason"] == "unreadable" and "two answers" in itself["detail"]
    assert (
        foreign["reason"] == "unreadable"
        and foreign["detail"] == "column OUTPUT:better is none of the stage's labels"
    )


def test_the_rules_look_at_both_answers(tmp_path: Path) -> None:
    rows = [
        compared("a1", "a2", "left", "w1"),
        compared("a2", "a1", "left", "w1"),  # the same pair again, and the opposite of it
        compared("a1", "a2", "right", "by a2"),
        compared("a2", "a1", "right", "by a2"),
        compared("a1", "nowhere", "left", "w2"),
        {**compared("a3", "a1", "left", "w3"), "INPUT:left": "Another text."},
        compared("g1", "g2", "right", "w4", golden="left"),
        compared("a1", "a3", "left", "w4"),
        compared("g1", "g2", "left", "w5", golden="left"),
        compared("a1", "a3", "left", "w5"),
    ]
    decided = reasons(read(tmp_path, "votes.tsv", tsv(rows), PAIRS))
    preferred = min(RECORDS["a1"], RECORDS["a2"])  # of two opposite ones the first by what it prefers counts
    kept = 0 if preferred == RECORDS["a1"] else 1
    assert [row["reason"] for row in decided[:2]] == [
        None if at == kept else "repeated_vote" for at in range(2)
    ]
    assert [row["reason"] for row in decided[2:]] == [
        "own_answer", "own_answer", "unknown_answer", "text_changed", "golden", "failed_worker", "golden", None,
    ]  # fmt: skip
    assert (decided[-1]["answer_id"], decided[-1]["other_id"]) == (RECORDS["a1"], RECORDS["a3"])


def test_who_is_against_the_majority_whichever_side_it_stood_on(tmp_path: Path) -> None:
    rows = [
        compared("a1", "a2", "left", "w1"),
        compared("a2", "a1", "right", "w2"),
        compared("a1", "a2", "left", "w3"),
    ]
    rows += [compared("a2", "a1", "left", "w4")]
    tables = read(tmp_path, "votes.tsv", tsv(rows), PAIRS)
    stages: Any = tables.facts["stages"]
    stages[1]["rules"] |= {"majority_min_agreement": 0.5, "majority_min_answers": 1, "majority_votes": 3}
    assert [row["reason"] for row in reasons(tables)] == [None, None, None, "against_majority"]


def test_always_left_is_one_answer(tmp_path: Path) -> None:
    names = [("a1", "a2"), ("a2", "a1"), ("a1", "a3"), ("a3", "a1"), ("a2", "a3"), ("a3", "a2")]
    rows = []
    for n in range(4):  # four honest workers know that a1 is better than a2, and a2 than a3
        rows += [compared(x, y, "left" if x < y else "right", f"w{n}") for x, y in names]
    rows += [compared("g1", "g2", "left", "clicker", golden="left", assignment=f"g{n}") for n in range(9)]
    rows += [compared(x, y, "left", "clicker") for x, y in names]
    tables = read(tmp_path, "votes.tsv", tsv(rows), PAIRS)
    stages: Any = tables.facts["stages"]
    stages[1]["rules"] |= {"one_answer_share": 0.9, "one_answer_min_answers": 10}
    of_clicker = [row["reason"] for row in reasons(tables) if row["worker"] == "clicker"]
    # 15 of 15 left, where the others say it in 12 of 24: .5 ** 15 is no chance.
    assert of_clicker == ["golden"] * 9 + ["one_answer"] * 6


@pytest.mark.parametrize(
    ("order", "labels"),
    [
        ("b>a>c", ["right", "left", "left"]),
        ("b > a = c", ["right", "same", "left"]),
        ("2,1,3", ["right", "left", "left"]),
        ('["{a2}", "{a1}", "{a3}"]', ["right", "left", "left"]),
        ('[["{a3}"], ["{a1}", "{a2}"]]', ["same", "right", "right"]),
        ('{"best": ["{a1}", "{a2}", "{a3}"]}', ["left", "left", "left"]),
        ('[{"value": "{a1}", "rank": 2}, {"value": "{a2}", "rank": 1}, {"value": "{a3}", "rank": 2}]',
         ["right", "same", "left"]),
    ],
)  # fmt: skip
def test_a_ranking_is_all_its_pairs(tmp_path: Path, order: str, labels: list[str]) -> None:
    for name, id in RECORDS.items():
        order = order.replace(f"{{{name}}}", id)
    shown = ",".join(RECORDS.values())
    data = ("who\tshown\torder\n" + f"w1\t{shown}\t{order}\n").replace('"', '""')
    data = "\n".join("\t".join(f'"{cell}"' for cell in line.split("\t")) for line in data.splitlines()) + "\n"
    tables = read(tmp_path, "ranked.tsv", data.encode(), RANKED, "table")
    rows = tables.judgements.to_pylist()
    ids = list(RECORDS.values())
    assert [(row["record"], row["other_record"]) for row in rows] == [
        (ids[0], ids[1]), (ids[0], ids[2]), (ids[1], ids[2]),
    ]  # fmt: skip
    assert [row["label"] for row in rows] == labels
    assert {row["row"] for row in rows} == {2}
    held = {entry.name: entry.records for entry in tables.inputs}
    assert held["ranked.tsv"] == 3  # the ledger of judgements counts what a ranking says, pair by pair


@pytest.mark.parametrize(
    ("order", "told"),
    [
        ("b>a", "leaves out"),
        ("b>a>a>c", "twice"),
        ("b>a>z", "none of the items"),
    ],
)
def test_a_ranking_that_is_none_is_one_unreadable_record(tmp_path: Path, order: str, told: str) -> None:
    data = "who\tshown\torder\n" + f"w1\t{','.join(RECORDS.values())}\t{order}\n"
    tables = read(tmp_path, "ranked.tsv", data.encode(), RANKED, "table")
    (row,) = tables.judgements.to_pylist()
    assert row["reason"] == "unreadable" and told in row["detail"] and row["label"] is None


def test_columns_are_of_pairs_or_of_rankings(tmp_path: Path) -> None:
    with pytest.raises(LrlError, match="name either left_id, right_id and label, or items and ranking"):
        read(tmp_path, "x.tsv", b"", 'left_id = "INPUT:left_id"\nlabel = "OUTPUT:better"')
    with pytest.raises(LrlError, match="name either"):
        read(tmp_path, "x.tsv", b"", PAIRS + '\nitems = "INPUT:items"\nranking = "OUTPUT:r"')


def test_names_of_items() -> None:
    assert rankings.names('[{"id": 7}, {"id": "x"}]') == ["7", "x"]
    assert rankings.names(" a, b;c d") == ["a", "b", "c", "d"]
