"""Groups, splits and the last two marks, on cases small enough to work out by hand."""

from __future__ import annotations

import pyarrow as pa
import pytest

from lrl_datasets import schema
from lrl_datasets.release import splits
from lrl_datasets.release.splits import Splits, first_marks, with_groups

SALT = Splits(salt="test salt", validation=0.25, test=0.25)


def rows(*given_rows: dict[str, object]) -> pa.Table:
    """Rows with the columns that `assign` reads; what a case does not say is of no concern to it."""
    fields = {
        "id": pa.string(), "cluster": pa.string(), "messages": schema.MESSAGES, "lineage": pa.list_(pa.string()),
        "creation_method": pa.string(), "may_hold_out": pa.bool_(), "helpfulness": pa.float64(),
        "n_votes": pa.int32(), "mark.source": pa.string(), "detail.source": pa.string(),
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


def test_one_of_a_cluster_stays_by_helpfulness_then_votes_then_id() -> None:
    def marks(*cluster: dict[str, object]) -> list[str | None]:
        return assign(rows(*({"cluster": "a"} | row for row in cluster)), SALT)["mark.duplicates"].to_pylist()

    assert marks({"id": "a", "helpfulness": 0.7}, {"id": "b", "helpfulness": 0.9}) == ["duplicate", None]
    assert marks({"id": "a"}, {"id": "b", "helpfulness": 0.0}) == ["duplicate", None]  # null is last
    assert marks({"id": "b", "helpfulness": 0.9, "n_votes": 3}, {"id": "a", "helpfulness": 0.9, "n_votes": 2}) == [
        None, "duplicate",
    ]  # fmt: skip
    assert marks({"id": "b"}, {"id": "a"}) == ["duplicate", None]
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
