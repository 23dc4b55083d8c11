"""Ids: keyed where private, stable under an edit, unique, and never from before masking."""

from __future__ import annotations

import pyarrow as pa
import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from lrl_datasets import schema
from lrl_datasets.filters.identity import Identity, content_hash

KEY = b"a key for this test"


def identify(*rows: dict[str, object], key: bytes | None = KEY) -> pa.Table:
    return Identity(key)(schema.candidates({"source": "s", "keyed_id": False} | row for row in rows))


def said(text: str) -> list[dict[str, str]]:
    return [{"role": "user", "content": "Swali"}, {"role": "assistant", "content": text}]


def test_an_id_survives_an_edit_of_the_text_and_the_hash_does_not() -> None:
    before = identify({"record": "train/1", "messages": said("moja")}).to_pylist()[0]
    after = identify({"record": "train/1", "messages": said("mbili")}).to_pylist()[0]
    assert before["id"] == after["id"] == schema.digest("s", "train/1")
    assert before["source_id"] == "train/1"
    assert before["content_hash"] != after["content_hash"]


def test_a_private_id_is_keyed_and_nowhere_else() -> None:
    row = {"record": "assignment--task", "messages": said("x"), "keyed_id": True, "worker": "W1"}
    one, other = identify(row).to_pylist()[0], identify(row, key=b"another key of this test").to_pylist()[0]
    assert one["id"] == one["source_id"] != other["id"]
    assert one["annotator"] != other["annotator"]
    assert one["id"] != schema.digest("s", "assignment--task")
    with pytest.raises(ValueError, match="no pseudonym key"):
        identify(row, key=None)


def test_a_source_without_ids_is_named_by_its_content() -> None:
    rows = identify(
        {"messages": said("x")}, {"messages": said("x")}, {"messages": said("y")}, key=None
    ).to_pylist()
    assert len({row["id"] for row in rows}) == 3
    assert [row["source_id"] for row in rows] == [None] * 3
    assert [row["mark.identity"] for row in rows] == [None] * 3
    turned = identify({"messages": said("y")}, {"messages": said("x")}, {"messages": said("x")}, key=None)
    assert sorted(turned["id"].to_pylist()) == sorted(row["id"] for row in rows)


def test_the_second_record_with_an_id_keeps_its_row_marked() -> None:
    rows = identify(
        {"record": "1", "messages": said("x")}, {"record": "1", "messages": said("y")}
    ).to_pylist()
    assert [row["mark.identity"] for row in rows] == [None, "duplicate_id"]
    assert rows[0]["id"] != rows[1]["id"]


def test_what_could_not_be_read_is_named_by_file_and_row() -> None:
    rows = identify(
        {"file_sha256": "f", "row": 2}, {"file_sha256": "f", "row": 3}, {"file_sha256": "g", "row": 2}
    ).to_pylist()
    assert len({row["id"] for row in rows}) == 3
    assert {row["content_hash"] for row in rows} == {None}


def test_the_content_hash_separates_turns() -> None:
    one = [{"role": "user", "content": "ab"}, {"role": "assistant", "content": "c"}]
    other = [{"role": "user", "content": "a"}, {"role": "assistant", "content": "bc"}]
    assert content_hash(one) != content_hash(other)
    assert content_hash(None) is None


@given(st.lists(st.lists(st.text('ab \n"\\\t\x00\u2028\u00a0é…'), min_size=1, max_size=3), max_size=4))
@example([['a\\n\n"b"\\']])
def test_the_hash_of_many_is_that_of_each(talks: list[list[str]]) -> None:
    turns = [[{"role": "user", "content": text} for text in talk] for talk in talks]
    rows = schema.candidates({"source": "s", "messages": messages} for messages in (*turns, None))
    hashes = Identity(None)(rows)["content_hash"].to_pylist()
    assert hashes == [*(content_hash(messages) for messages in turns), None]


def test_equal_prompts_have_one_key() -> None:
    talks = [("Habari,  yako?", "a"), ("HABARI YAKO", "b"), ("habari zako", "c"), ("?!", "d")]
    rows = [
        {"messages": [{"role": "user", "content": one}, {"role": "assistant", "content": b}]}
        for one, b in talks
    ]
    one, same, other, nothing, unread = identify(*rows, {"file_sha256": "f", "row": 2})[
        "prompt_key"
    ].to_pylist()
    assert one == same != other and one is not None and other is not None
    assert nothing is None is unread  # a prompt of signs alone ties nothing together
