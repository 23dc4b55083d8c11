from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from lrl_datasets.errors import LrlError
from lrl_datasets.schema import digest
from lrl_datasets.sources.argilla import read_export
from lrl_datasets.sources.toloka import Export

NESTED: dict[str, Any] = {
    "id": "r1", "fields": {"prompt": "Taja mto."}, "metadata": {"answer_id": "a1"}, "suggestions": {}, "vectors": {},
    "responses": {
        "helpful": [{"value": "yes", "user_id": "u1"}, {"value": "no", "user_id": "u2"}],
        "stars": [{"value": 4, "user_id": "u1"}],
    },
    "_server_id": "s",
}  # fmt: skip
FLAT = {
    "id": "r1", "status": "pending", "_server_id": "s", "prompt": "Taja mto.", "answer_id": "a1",
    "helpful.responses": ["yes", "no"], "helpful.responses.users": ["u1", "u2"],
    "helpful.responses.status": ["submitted", "submitted"], "helpful.suggestion": None,
    "helpful.suggestion.score": None, "helpful.suggestion.agent": None,
    "stars.responses": [4], "stars.responses.users": ["u1"], "stars.responses.status": ["submitted"],
}  # fmt: skip
API = {
    "id": "server", "external_id": "r1", "fields": NESTED["fields"], "metadata": NESTED["metadata"],
    "responses": [
        {"id": "x", "user_id": "u1", "status": "submitted",
         "values": {"helpful": {"value": "yes"}, "stars": {"value": 4}}},
        {"id": "y", "user_id": "u2", "status": "submitted", "values": {"helpful": {"value": "no"}}},
    ],
}  # fmt: skip
NONE = {"type": None, "score": None, "agent": None}
OLD = {
    "prompt": "Taja mto.", "external_id": "r1", "metadata": '{"answer_id": "a1"}',
    "helpful": [{"user_id": "u1", "value": "yes", "status": "submitted"},
                {"user_id": "u2", "value": "no", "status": "submitted"}],
    "helpful-suggestion": None, "helpful-suggestion-metadata": NONE,
    "stars": [{"user_id": "u1", "value": 4, "status": "submitted"}],
    "stars-suggestion": None, "stars-suggestion-metadata": NONE,
}  # fmt: skip
SEQUENCE = OLD | {
    "helpful": {"user_id": ["u1", "u2"], "value": ["yes", "no"], "status": ["submitted", "submitted"]},
    "stars": {"user_id": ["u1"], "value": [4], "status": ["submitted"]},
}


def read(tmp_path: Path, *records: dict[str, Any]) -> Export:
    (tmp_path / "r.json").write_text(json.dumps(records))
    return read_export(tmp_path / "r.json", "r.json")


def test_a_users_responses_are_one_record(tmp_path: Path) -> None:
    export = read(tmp_path, NESTED, NESTED | {"id": "r2", "responses": {}})
    first, second = export.rows
    assert first.cells == {
        "prompt": "Taja mto.", "answer_id": "a1", "helpful.responses": "yes", "stars.responses": "4",
    }  # fmt: skip
    assert (second.cells["helpful.responses"], second.cells["stars.responses"]) == ("no", "")
    assert [one.worker for one in export.rows] == ["u1", "u2"] and export.untouched == 1
    assert first.assignment_id == digest("r1", "u1") and first.record == f"{first.assignment_id}--r1"
    assert {one.status for one in export.rows} == {"submitted"}


@pytest.mark.parametrize("form", [FLAT, API, OLD, SEQUENCE], ids=["flat", "api", "old", "sequence"])
@pytest.mark.parametrize("parquet", [False, True])
def test_all_forms_say_the_same(tmp_path: Path, form: dict[str, Any], parquet: bool) -> None:
    want = read(tmp_path, NESTED)
    if parquet:
        pq.write_table(pa.Table.from_pylist([form]), tmp_path / "r.parquet")
        got = read_export(tmp_path / "r.parquet", "r.json")
    else:
        got = read(tmp_path, form)
    assert got.rows[0].cells == want.rows[0].cells
    assert [(one.record, one.worker, one.cells) for one in got.rows] == [
        (one.record, one.worker, one.cells) for one in want.rows
    ]
    assert got.file.sha256 == want.file.sha256  # the same records, whatever the form


def test_drafts_and_discarded(tmp_path: Path) -> None:
    statuses = ["draft", "discarded"]
    rows = read(
        tmp_path, FLAT | {"helpful.responses.status": statuses, "stars.responses.status": ["draft"]}
    ).rows
    assert [(one.reason, one.status) for one in rows] == [
        ("not_submitted", "active"),
        ("not_submitted", "skipped"),
    ]


def test_what_is_damaged(tmp_path: Path) -> None:
    nobody = FLAT | {"helpful.responses.users": ["u1", None]}
    twice = FLAT | {"id": "r2", "helpful.responses.users": ["u1", "u1"]}
    mixed = FLAT | {"id": "r3", "stars.responses.status": ["draft"]}
    strange = FLAT | {"id": "r4", "helpful.responses.status": ["submitted", "lost"]}
    export = read(tmp_path, nobody, twice, mixed, strange, {"a": 1})
    assert [(one.reason, one.detail) for one in export.rows] == [
        (None, None),
        ("unreadable", "a response to helpful has no user id"),
        ("unreadable", "a user has two responses to helpful"),
        ("unreadable", "the user's responses have different statuses"),
        (None, None),
        (None, None),
        ("unreadable", "a response's status is none of submitted, draft, discarded"),
        ("unreadable", "no record of Argilla"),
    ]


def test_damaged_responses_are_no_crash(tmp_path: Path) -> None:
    export = read(tmp_path, NESTED, NESTED | {"responses": {"helpful": ["yes"]}}, API | {"responses": ["x"]})
    assert [one.reason for one in export.rows] == [None, None, "unreadable", "unreadable"]


def test_in_any_order(tmp_path: Path) -> None:
    other = NESTED | {"id": "r2"}
    turned = NESTED | {
        "responses": {"stars": NESTED["responses"]["stars"], "helpful": NESTED["responses"]["helpful"][::-1]}
    }  # type: ignore[index]
    assert read(tmp_path, NESTED, other).file.sha256 == read(tmp_path, other, turned).file.sha256


def test_not_an_export(tmp_path: Path) -> None:
    with pytest.raises(LrlError, match=r"^r\.json: no records of Argilla.*there are: a"):
        read(tmp_path, {"a": 1})
