"""Groups, splits and the last two marks: cases small enough to work out by hand, and random sequences of releases."""

from __future__ import annotations

import json
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import pyarrow as pa
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from lrl_datasets import schema
from lrl_datasets.filters.base import add_column
from lrl_datasets.filters.identity import content_hash
from lrl_datasets.filters.union_find import UnionFind
from lrl_datasets.release import splits
from lrl_datasets.release.configs import divide
from lrl_datasets.release.diff import compare
from lrl_datasets.release.locations import Release
from lrl_datasets.release.previous import Previous, split_map
from lrl_datasets.release.splits import Splits, first_marks, with_groups
from lrl_datasets.release.withdrawal import Asked, Left, leave

SALT = Splits(salt="test salt", validation=0.25, test=0.25)


def rows(*given_rows: dict[str, object]) -> pa.Table:
    """Rows with the columns that `assign` reads; what a case does not say is of no concern to it."""
    fields = {
        "id": pa.string(), "cluster": pa.string(), "messages": schema.MESSAGES, "lineage": pa.list_(pa.string()),
        "creation_method": pa.string(), "may_hold_out": pa.bool_(), "helpfulness": pa.float64(),
        "helpfulness_kind": pa.string(), "n_votes": pa.int32(), "mark.source": pa.string(),
        "detail.source": pa.string(),
    }  # fmt: skip
    filled = [
        {"cluster": row["id"], "creation_method": "crowd", "may_hold_out": True} | row for row in given_rows
    ]
    return pa.Table.from_pylist(filled, schema=pa.schema(list(fields.items())))


def assign(table: pa.Table, shares: Splits) -> pa.Table:
    return splits.assign(with_groups(table), shares)


def conversation(prompt: str, answer: str = "x") -> list[dict[str, str]]:
    return [{"role": "user", "content": prompt}, {"role": "assistant", "content": answer}]


def test_a_group_is_closed_over_cluster_lineage_and_prompt() -> None:
    table = assign(rows(
        {"id": "e", "cluster": "c", "messages": conversation("moja")},
        {"id": "d", "cluster": "c", "messages": conversation("mbili"), "lineage": ["copa:1"]},
        {"id": "b", "messages": conversation("tatu"), "lineage": ["copa:1", "other:2"]},
        {"id": "a", "messages": conversation("  TATU! ")},
        {"id": "z", "messages": conversation("nne")},
        {"id": "u", "messages": None},
    ), SALT)  # fmt: skip
    assert table["group"].to_pylist() == ["a", "a", "a", "a", "z", "u"]
    assert len(set(table["split"].to_pylist()[:4])) == 1


def test_an_empty_prompt_links_nothing() -> None:
    table = assign(
        rows({"id": "a", "messages": conversation("…")}, {"id": "b", "messages": conversation(" ")}), SALT
    )
    assert table["group"].to_pylist() == ["a", "b"]


def test_a_group_without_a_row_that_may_be_held_out_is_train() -> None:
    names = [f"{n:03d}" for n in range(60)]
    machine = assign(rows(*({"id": n, "creation_method": "machine_translated"} for n in names)), SALT)
    barred = assign(rows(*({"id": n, "may_hold_out": False} for n in names)), SALT)
    human = assign(rows(*({"id": n} for n in names)), SALT)
    assert set(machine["split"].to_pylist()) == set(barred["split"].to_pylist()) == {"train"}
    assert set(human["split"].to_pylist()) == {"train", "validation", "test"}


def test_what_may_not_be_held_out_is_refused_in_a_held_out_group() -> None:
    held_out = next(name for name in "abcdefghijklmnop" if SALT.draw(name) == "test")
    table = assign(rows(
        {"id": held_out, "cluster": held_out, "lineage": ["o:1"]},
        {"id": held_out + "2", "creation_method": "machine_translated", "lineage": ["o:1"]},
    ), SALT)  # fmt: skip
    assert table["split"].to_pylist() == ["test", "test"]
    assert table["mark.held_out"].to_pylist() == [None, "held_out_relative"]


def test_a_predicted_row_is_never_held_out() -> None:
    held_out = next(name for name in "abcdefghijklmnop" if SALT.draw(name) == "test")
    alone = assign(rows({"id": held_out, "helpfulness": 0.9, "helpfulness_kind": "predicted"}), SALT)
    assert alone["split"].to_pylist() == ["train"] and alone["mark.held_out"].to_pylist() == [None]
    beside = assign(rows(
        {"id": held_out, "lineage": ["o:1"], "helpfulness": 0.9, "helpfulness_kind": "votes"},
        {"id": held_out + "2", "lineage": ["o:1"], "helpfulness": 0.9, "helpfulness_kind": "predicted"},
    ), SALT)  # fmt: skip
    assert beside["mark.held_out"].to_pylist() == [None, "held_out_relative"]


def test_one_of_a_cluster_stays_by_helpfulness_then_votes_then_id() -> None:
    def marks(*cluster: dict[str, object]) -> list[str | None]:
        return assign(rows(*({"cluster": "a"} | row for row in cluster)), SALT)["mark.duplicates"].to_pylist()

    assert marks({"id": "a", "helpfulness": 0.7}, {"id": "b", "helpfulness": 0.9}) == ["duplicate", None]
    assert marks({"id": "a"}, {"id": "b", "helpfulness": 0.0}) == ["duplicate", None]  # null is last
    assert marks({"id": "b", "helpfulness": 0.9, "n_votes": 3}, {"id": "a", "helpfulness": 0.9, "n_votes": 2}) == [
        None, "duplicate",
    ]  # fmt: skip
    assert marks({"id": "b"}, {"id": "a"}) == ["duplicate", None]
    # A prediction stands between people's word and nothing.
    predicted = {"id": "a", "helpfulness": 0.9, "helpfulness_kind": "predicted", "may_hold_out": False}
    voted = {"id": "b", "helpfulness": 0.6, "helpfulness_kind": "votes", "may_hold_out": False}
    assert marks(predicted, voted) == ["duplicate", None]
    assert marks(predicted, {"id": "0", "may_hold_out": False}) == [None, "duplicate"]
    # A refused row neither stays nor is a duplicate: it has its reason.
    assert marks({"id": "a", "helpfulness": 1.0, "mark.source": "refused_by_requester"}, {"id": "b"}) == [
        None,
        None,
    ]


def test_the_first_mark_in_the_fixed_order_is_the_reason() -> None:
    table = pa.table({
        "mark.length": ["too_short", None, None], "detail.length": ["answer", None, None],
        "mark.source": [None, "no_answer", None], "detail.source": [None, None, None],
        "mark.duplicates": ["duplicate", "duplicate", None], "detail.duplicates": ["of x", "of y", None],
    })  # fmt: skip
    first = first_marks(table, schema.FILTER_ORDER)
    assert first["reason"].to_pylist() == ["too_short", "no_answer", None]
    assert first["filter"].to_pylist() == ["length", "source", None]
    assert first["detail"].to_pylist() == ["answer", None, None]


def test_shares_are_checked_and_kept() -> None:
    with pytest.raises(ValueError, match="train"):
        Splits(salt="s", validation=0.5, test=0.5)
    drawn = [Splits(salt="s", validation=0.1, test=0.2).draw(str(n)) for n in range(4000)]
    # 4,000 draws: three standard deviations are 0.019 and 0.014.
    assert abs(drawn.count("test") / 4000 - 0.2) < 0.019
    assert abs(drawn.count("validation") / 4000 - 0.1) < 0.0143


# ---- after a previous release ---------------------------------------------------------------------------


def after(
    table: pa.Table, split_map: dict[str, str], published: dict[str, str] | None = None
) -> list[tuple[str, str | None, str | None]]:
    """`split`, `mark.held_out` and `mark.duplicates` of each row, after a release with these splits and rows."""
    names = list(split_map)
    in_split = {
        split: pa.table(
            {"id": pa.array([n for n, one in (published or {}).items() if one == split], pa.string())}
        )
        for split in schema.SPLITS
    }
    earlier = Release(
        {}, {"default": in_split}, pa.table({"id": names, "split": [split_map[name] for name in names]})
    )
    found = splits.assign(with_groups(table), SALT, Previous(earlier, ""))
    columns = (found[name].to_pylist() for name in ("split", "mark.held_out", "mark.duplicates"))
    return list(zip(*columns, strict=True))


def test_what_was_read_keeps_its_split_and_a_newcomer_takes_its_groups() -> None:
    lonely = next(name for name in "abcdefghij" if SALT.draw(name) == "test")
    table = rows({"id": lonely}, {"id": "n1", "lineage": ["o:1"]}, {"id": "n2", "lineage": ["o:1"]})
    assert after(table, {lonely: "train", "n2": "validation"}) == [
        ("train", None, None), ("validation", None, None), ("validation", None, None),
    ]  # fmt: skip


def test_in_a_merged_group_the_weaker_splits_are_refused() -> None:
    table = rows(
        {"id": "a", "lineage": ["o:1"]}, {"id": "b", "lineage": ["o:2"]}, {"id": "c", "lineage": ["o:3"]},
        {"id": "link", "lineage": ["o:1", "o:2", "o:3"]},
        {"id": "machine", "lineage": ["o:3"], "creation_method": "machine_translated"},
    )  # fmt: skip
    assert after(table, {"a": "train", "b": "validation", "c": "test", "machine": "test"}) == [
        ("train", "held_out_relative", None), ("validation", "held_out_relative", None), ("test", None, None),
        ("test", None, None), ("test", "held_out_relative", None),
    ]  # fmt: skip
    # The link is gone again: everybody is where they were.
    assert after(table.take([0, 1, 2]), {"a": "train", "b": "validation", "c": "test"}) == [
        ("train", None, None), ("validation", None, None), ("test", None, None),
    ]  # fmt: skip


def test_what_was_held_out_stays_held_out_also_without_the_row_that_allowed_it() -> None:
    table = rows({"id": "machine", "creation_method": "machine_translated"})
    assert after(table, {"machine": "test"}) == [("test", "held_out_relative", None)]


def test_of_a_cluster_stays_what_was_published() -> None:
    def stays(*cluster: dict[str, object], known: dict[str, str], published: dict[str, str]) -> list[str]:
        marks = after(rows(*({"cluster": "a"} | row for row in cluster)), known, published)
        return [str(row["id"]) for row, mark in zip(cluster, marks, strict=True) if mark[2] is None]

    poor, good = {"id": "b", "helpfulness": 0.6}, {"id": "a", "helpfulness": 0.9}
    both = {"a": "test", "b": "test"}
    assert stays(poor, good, known={"b": "test"}, published={"b": "test"}) == ["b"]
    assert stays(poor, good, known={"b": "train"}, published={"b": "train"}) == ["b"]
    assert stays(poor, good, known=both, published=both) == ["a"]
    assert stays(poor, good, known=both, published={}) == ["a"]


# ---- random sequences of releases -----------------------------------------------------------------------


@dataclass
class Record:
    """One record of a made-up corpus; two with a common sign are near-copies."""

    number: int
    signs: set[int]
    original: int
    method: str
    helpfulness: float
    person: int
    text: str
    refused: bool = False


small = st.integers(0, 7)
records = st.builds(
    lambda signs, original, method, helpfulness, person, refused: Record(
        0, signs, original, method, helpfulness, person, "", refused
    ),
    signs=st.sets(st.integers(0, 40), min_size=1, max_size=2), original=st.integers(0, 30),
    method=st.sampled_from(["crowd", "crowd", "crowd", "machine_translated"]),
    helpfulness=st.sampled_from([0.55, 0.7, 0.7, 0.9]), person=small,
    refused=st.sampled_from([False] * 5 + [True]),
)  # fmt: skip
steps = st.fixed_dictionaries({
    "added": st.lists(records, min_size=1, max_size=5),
    "edited": st.lists(st.tuples(st.integers(0, 30), records), max_size=2),
    "unread": st.sets(small, max_size=2), "withdrawn": st.sets(st.integers(0, 60), max_size=1),
    "people": st.sampled_from([set(), set(), set(), {0}, {3}]), "rekey": st.sampled_from([False, False, False, True]),
    "lost": st.sampled_from([False, False, False, True]),
})  # fmt: skip


def candidate(record: Record, key: bytes) -> dict[str, object]:
    messages = conversation(f"swali {record.number}", f"jibu {record.text}")
    return {
        "id": schema.digest(str(record.number), key=key), "messages": messages,
        "content_hash": content_hash(messages), "lineage": [f"o:{record.original}"],
        "creation_method": record.method, "may_hold_out": record.method == "crowd", "source": "s", "license": "cc0-1.0",
        "annotator": schema.digest("person", str(record.person), key=key, length=16), "n_votes": 1,
        "helpfulness": record.helpfulness, "helpfulness_kind": "votes",
        "mark.helpfulness": "unhelpful" if record.refused else None,
    }  # fmt: skip


def released(
    corpus: list[Record],
    key: bytes,
    asked: Asked,
    previous: Previous | None,
    signs: dict[str, set[int]],
) -> tuple[Release, Left]:
    """One release of a corpus, by the steps that `build` takes after the votes; `signs` of every answer there was."""

    def cluster(table: pa.Table) -> pa.Table:
        sets = UnionFind(table["id"].to_pylist())
        by_sign: dict[int, str] = {}
        for row in table.select(["id", "messages"]).to_pylist():
            for sign in signs[row["messages"][-1]["content"]]:
                sets.join(by_sign.setdefault(sign, row["id"]), row["id"])
        return add_column(table, "cluster", [sets.of(name) for name in table["id"].to_pylist()], pa.string())

    extra = (
        ("may_hold_out", pa.bool_()),
        ("mark.helpfulness", pa.string()),
        ("detail.helpfulness", pa.string()),
    )
    fields = pa.schema([("messages", schema.MESSAGES), *schema.PROVENANCE, *extra])
    table = cluster(pa.Table.from_pylist([candidate(record, key) for record in corpus], schema=fields))
    votes = add_column(schema.ANNOTATIONS.empty_table(), "source", pa.nulls(0, pa.string()), pa.string())
    table = with_groups(table, previous, cluster)
    left = leave(table, votes, asked, previous, {"s": Path("withdrawn.txt")})
    table = splits.assign(left.rows, SALT, previous)
    configs = divide(table, left.judged.select(schema.ANNOTATIONS.names), minimum_margin=0.1)
    manifest = {"repository": "a/b", "version": "1.0.0", "withdrawn": left.hashes}
    return Release(manifest, configs, split_map(table, previous, left.asked.rows)), left


@settings(max_examples=150, deadline=None)
@given(st.lists(steps, min_size=2, max_size=6))
def test_over_any_sequence_of_releases_nothing_crosses_leaks_or_comes_back(
    sequence: list[dict[str, Any]],
) -> None:
    corpus: list[Record] = []
    key, number = b"key 0", 0
    previous: Previous | None = None
    file: set[tuple[str, str]] = set()  # the lines of `withdrawn.txt`, which gets lost now and then
    lines: set[tuple[str, str]] = set()  # all that ever stood there
    gone: set[int] = set()
    history: dict[int, str] = {}  # record → the split in which it was published
    signs: dict[str, set[int]] = {}  # answer → its signs
    before: dict[int, tuple[str, Record]] = {}  # what the previous release published, as it was then

    for step in sequence:
        for position, record in step["edited"] if corpus else ():
            at = position % len(corpus)
            was = corpus[at]
            corpus[at] = replace(
                record, number=was.number, person=was.person, method=was.method, text=f"{number}e{at}"
            )
        for record in step["added"]:
            corpus.append(replace(record, number=number, text=str(number)))
            number += 1
        signs |= {f"jibu {record.text}": record.signs for record in corpus}
        # With a new key the withdrawn must be read once more, or nobody could recognise them: `build` insists.
        unread = step["unread"] - (gone if step["rekey"] else set())
        read = [record for record in corpus if record.number not in unread]
        if step["lost"]:
            file = set()
        file |= {("row", schema.digest(str(n), key=key)) for n in step["withdrawn"]}
        file |= {("annotator", schema.digest("person", str(p), key=key, length=16)) for p in step["people"]}
        names: dict[str, str] = {}
        if step["rekey"] and previous is not None:
            new_key = key + b"+"
            for record in read:
                old, now = candidate(record, key), candidate(record, new_key)
                names |= {str(old["id"]): str(now["id"]), str(old["annotator"]): str(now["annotator"])}
            stayed, _ = released(read, key, asked_of(file, {}), previous, signs)
            old_names, previous, key = number_of(corpus, key), previous.renamed(names), new_key
            # A record that a build with a new key does not read is lost to it: nobody can say its new name.
            history = {n: split for n, split in history.items() if n in {record.number for record in read}}
        asked = asked_of(file, names)
        release, left = released(read, key, asked, previous, signs)
        numbers = number_of(corpus, key)
        published = {
            numbers[name]: split
            for split, table in release.configs.get("default", {}).items()
            for name in table["id"].to_pylist()
        }
        if names:  # as if the key had stayed
            assert published == {
                old_names[name]: split
                for split, table in stayed.configs.get("default", {}).items()
                for name in table["id"].to_pylist()
            }
        pairs = {
            numbers[name]: split
            for split, table in release.configs.get("preference", {}).items()
            for column in ("chosen_id", "rejected_id")
            for name in table[column].to_pylist()
        }

        # The withdrawn are nowhere, neither by name nor by text, and both ledgers add up.
        gone |= {numbers[name] for name in left.asked.rows if name in numbers}
        file |= {tuple(line.split()[:2]) for added in left.to_record.values() for line in added}  # type: ignore[misc]
        lines |= file
        tables = [table for config in release.configs.values() for table in config.values()]
        everything = json.dumps([table.to_pylist() for table in [*tables, release.split_map]])
        assert not gone & (published | pairs).keys()
        for record in (record for record in read if record.number in gone):
            assert f'jibu {record.text}"' not in everything
            assert schema.digest(str(record.number), key=key) not in everything
        for kind, name in lines:
            assert name not in everything, kind
        refused = release.rows("rejected")
        assert len(read) == len(published) + (refused.num_rows if refused else 0) + left.records.total()

        # Nobody who stays crosses, in any config, ever.
        for n, split in (published | pairs).items():
            assert history.setdefault(n, split) == split, n
        # What was published in test leaves only if it is withdrawn, not read, refused for itself, or a near-copy of
        # something else that was published in test.
        now = {record.number: record for record in read}
        cluster = dict(zip(left.rows["id"].to_pylist(), left.rows["cluster"].to_pylist(), strict=True))
        for name, split in (previous.published if previous else {}).items():
            n = numbers.get(name)
            if split == "test" and n in now and n not in gone and not now[n].refused and n not in published:
                rivals = [
                    m for m in published if previous.published.get(schema.digest(str(m), key=key)) == "test"
                ]
                assert [m for m in rivals if cluster[schema.digest(str(m), key=key)] == cluster[name]]
        # No relative of what is held out is in train: merged groups do not leak.
        held = {n for n, split in (published | pairs).items() if split != "train"}
        for n in held:
            assert now[n].method == "crowd" or n not in published
            for m in (published | pairs).keys() - held:
                assert now[n].original != now[m].original and not now[n].signs & now[m].signs
        # Nor a relative of what was held out in the previous release and is not read any more.
        for n, (split, was) in before.items():
            if n not in now and split != "train":
                for m, its_split in published.items():
                    related = now[m].original == was.original or now[m].signs & was.signs
                    assert not related or its_split != "train"
        before = {n: (split, now[n]) for n, split in published.items()}
        # Each group lies in one split, and at most one row of a cluster is published.
        where = dict(zip(left.rows["id"].to_pylist(), left.rows["group"].to_pylist(), strict=True))
        group_splits = {
            (where[schema.digest(str(n), key=key)], split) for n, split in (published | pairs).items()
        }
        assert len({group for group, _ in group_splits}) == len(group_splits)
        stay = [cluster[schema.digest(str(n), key=key)] for n in published]
        assert len(stay) == len(set(stay))
        if previous is not None:
            assert compare(previous.release, release).errors == []
        previous = Previous(release, "")


def asked_of(lines: set[tuple[str, str]], names: dict[str, str]) -> Asked:
    rows, people = (
        {names.get(name, name) for kind, name in lines if kind == one} for one in ("row", "annotator")
    )
    kinds = {names[name]: kind for kind, name in lines if name in names}
    return Asked(
        frozenset(rows), frozenset(people), dict.fromkeys(rows | people, Path("withdrawn.txt")), kinds
    )


def number_of(corpus: list[Record], key: bytes) -> dict[str, int]:
    return {schema.digest(str(record.number), key=key): record.number for record in corpus}
