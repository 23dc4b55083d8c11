"""Rows of one English original are linked by what they were translated from, where their ids do not say it."""

from __future__ import annotations

import pyarrow as pa

from lrl_datasets import schema
from lrl_datasets.filters.base import add_column
from lrl_datasets.filters.english import with_originals
from lrl_datasets.release.splits import groups

RIVERS = "Name two rivers of East Africa and say in one sentence where each of them ends"
LIST = "Write a list of five things that one should take along on a long journey by bus"


def rows(*listed: tuple[str, str | None, list[str]]) -> pa.Table:
    """(id, English prompt, lineage) of rows that share nothing else."""
    answer = {"role": "assistant", "content": "The same answer to all of them."}
    table = schema.candidates(
        {
            "messages": [{"role": "user", "content": f"Swali {name}"}],
            "english": english and [{"role": "user", "content": english}, answer],
            "lineage": lineage,
        }
        for name, english, lineage in listed
    )
    names = [name for name, _, _ in listed]
    for column in ("id", "cluster"):
        table = add_column(table, column, names, pa.string())
    return with_originals(table)


def test_one_prompt_of_several_sources_is_one_group() -> None:
    found = rows(
        ("a", RIVERS, ["dolly:1"]),
        ("b", f"{RIVERS.lower()}!", []),  # no id
        ("c", f"{RIVERS}, please", ["bactrian:77"]),  # in another id space
        ("d", LIST, ["dolly:2"]),
        ("e", None, []),
        ("f", LIST, ["alpaca:9"]),
        ("g", "Name two rivers", []),
    )
    assert found["original"].to_pylist() == ["a", "a", "a", "d", None, "d", "g"]
    assert groups(found).to_pylist() == ["a", "a", "a", "d", "e", "d", "g"]


def test_where_ids_of_one_space_differ_they_know_better() -> None:
    found = rows(("a", RIVERS, ["dolly:1"]), ("b", RIVERS, ["dolly:2"]), ("c", RIVERS, ["dolly:1"]))
    assert found["original"].to_pylist() == [None, None, None]
    assert groups(found).to_pylist() == ["a", "b", "a"]


def test_the_order_of_the_rows_plays_no_part() -> None:
    listed = [(f"r{n}", (RIVERS, LIST, None)[n % 3], [f"s{n % 2}:{n}"]) for n in range(12)]
    there = dict(zip(*(rows(*listed)[name].to_pylist() for name in ("id", "original")), strict=True))
    back = dict(zip(*(rows(*reversed(listed))[name].to_pylist() for name in ("id", "original")), strict=True))
    assert there == back and set(there.values()) == {"r0", "r1", None}


def test_without_english_there_is_nothing_to_link() -> None:
    assert rows(("a", None, []), ("b", None, []))["original"].to_pylist() == [None, None]
