"""What filters look at and change, made by Arrow's kernels: the same as row by row, however the table is cut."""

from __future__ import annotations

import pyarrow as pa
import pyarrow.compute as pc
from hypothesis import given
from hypothesis import strategies as st

from lrl_datasets import schema
from lrl_datasets.filters.base import map_contents, mark_rows, part_texts, prompts_and_answers, true_rows

TURN = st.fixed_dictionaries(
    {
        "role": st.sampled_from(["system", "user", "assistant"]),
        "content": st.none() | st.text("ab \n", max_size=4),
    }
)
ROWS = st.lists(st.none() | st.lists(TURN, max_size=4), max_size=6)


def cut(rows: list[list[dict[str, str | None]] | None], at: int) -> pa.Table:
    """A table of two chunks, the second one a slice that does not begin at its buffers' beginning."""
    whole = schema.candidates({"messages": messages} for messages in rows)
    return pa.concat_tables([whole.slice(0, at), whole.slice(at)])


@given(ROWS, st.integers(0, 6))
def test_parts(rows: list[list[dict[str, str | None]] | None], at: int) -> None:
    table = cut(rows, at)

    def joined(answer: bool) -> list[str | None]:
        return [
            None if row is None
            else "\n\n".join(turn["content"] or "" for turn in row if (turn["role"] == "assistant") == answer)
            for row in rows
        ]  # fmt: skip

    assert prompts_and_answers(table) == (joined(False), joined(True))
    assert part_texts(table)["answer"].to_pylist() == joined(True)


@given(ROWS, st.integers(0, 6))
def test_contents_are_changed_where_needed(rows: list[list[dict[str, str | None]] | None], at: int) -> None:
    expected = [
        row and [turn | {"content": (turn["content"] or "").replace("a", "xyz")} for turn in row]
        for row in rows
    ]
    table = cut(rows, at)
    for needed in (None, lambda contents: pc.match_substring(contents, "a")):
        changed = map_contents(table, lambda text: text.replace("a", "xyz"), needed)
        assert changed["messages"].to_pylist() == expected
        assert changed.schema == table.schema


def test_marks_of_the_rows_found() -> None:
    table = mark_rows(
        pa.table({"x": [1, 2, 3]}), "length", [(1, "too_long", "b"), (1, "too_short", "c"), (2, "r", None)]
    )
    assert table["mark.length"].to_pylist() == [None, "too_long", "r"]
    assert table["detail.length"].to_pylist() == [None, "b", None]
    assert true_rows(pa.chunked_array([[True, None], [False, True]])).tolist() == [0, 3]
