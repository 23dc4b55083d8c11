"""Worker ids in texts."""

from __future__ import annotations

import sys

from lrl_datasets import schema
from lrl_datasets.filters.worker_ids import WorkerIds


def said(text: str) -> str:
    rows = schema.candidates([{"messages": [{"role": "user", "content": text}]}, {"messages": None}])
    first, second = WorkerIds(frozenset({"a3f9c0de", "juma", "A-17-b"}))(rows)["messages"].to_pylist()
    assert second is None
    content: str = first[0]["content"]
    return content


def test_an_id_in_a_text_is_masked_and_words_are_not() -> None:
    assert said("Mimi ni a3f9c0de, asante. (A-17-b)") == "Mimi ni [WORKER], asante. ([WORKER])"
    assert said("Jina langu ni juma; xa3f9c0dex si langu.") == "Jina langu ni juma; xa3f9c0dex si langu."


def test_every_digit_that_an_id_may_have_is_looked_for() -> None:
    digits = [chr(code) for code in range(sys.maxunicode) if chr(code).isdigit()]
    ids = [f"worker{digit}" for digit in digits]
    rows = schema.candidates({"messages": [{"role": "user", "content": f"Mimi ni {one}."}]} for one in ids)
    done = WorkerIds(frozenset(ids))(rows)["messages"].to_pylist()
    assert {messages[0]["content"] for messages in done} == {"Mimi ni [WORKER]."}
