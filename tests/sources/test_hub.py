"""Hub datasets by column map, read from files; `test_real_shapes` reads them through the real clients."""

from __future__ import annotations

import csv
import json
from dataclasses import replace
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from hypothesis import HealthCheck, example, given, settings
from hypothesis import strategies as st

from lrl_datasets import schema
from lrl_datasets.errors import LrlError
from lrl_datasets.sources.hub import HubDataset

TRANSLATED = HubDataset(
    "dolly",
    "someone/translated",
    "main",
    prompt="instruction",
    context="context",
    answer="response",
    record="task_id",
    score="probability",
    worker="user",
    originals=("instruction_en", "context_en"),
    original_dataset="dolly",
    where={"language": "swh"},
    expected={"kind": ("new", "edited")},
    language="swh_Latn",
    prompt_language="eng_Latn",
    license="cc",
    creation_method="machine_translated",
    model_name="some-model",
)


def write(path: Path, *rows: dict[str, str], without: str = "") -> Path:
    whole = {
        "task_id": "t1",
        "instruction": "Taja rangi tatu.",
        "context": "",
        "response": "Nyekundu, kijani, buluu.",
        "probability": "0.93",
        "user": "u1",
        "instruction_en": "Name  three Colours.",
        "context_en": "",
        "language": "swh",
        "kind": "new",
    }
    with path.open("w", newline="") as file:
        writer = csv.DictWriter(file, [name for name in whole if name != without], extrasaction="ignore")
        writer.writeheader()
        writer.writerows([whole | row for row in rows])
    return path


def test_rows_become_candidates(tmp_path: Path) -> None:
    path = write(
        tmp_path / "rows.csv",
        {},
        {"task_id": "t2", "context": "Kuhusu\nbendera.", "probability": "", "user": ""},
        {"language": "hau"},
        {"task_id": "t3", "instruction_en": "name three colours. "},
        {"probability": "juu"},
        {"probability": "nan"},
        {"task_id": " "},
        {"kind": "machine"},
        {"instruction_en": "", "task_id": "t4"},
    )
    tables = TRANSLATED.read(path)
    assert tables.candidates.schema == schema.CANDIDATE
    first, second, third, *bad, last = tables.candidates.to_pylist()
    lineage = ["dolly:" + schema.digest("name three colours.", "")]
    assert first == {
        "file": "rows.csv",
        "file_sha256": tables.inputs[0].sha256,
        "row": 2,
        "record": "t1",
        "worker": "u1",
        **dict.fromkeys(
            ("assignment", "status", "started", "submitted", "reward", "machine_translation", "golden")
        ),
        "may_hold_out": False,
        "may_be_unjudged": False,
        "keyed_id": False,
        "english": [{"role": "user", "content": "Name  three Colours."}],
        "messages": [
            {"role": "user", "content": "Taja rangi tatu."},
            {"role": "assistant", "content": "Nyekundu, kijani, buluu."},
        ],
        "language": "swh_Latn",
        "prompt_language": "eng_Latn",
        "source": "dolly",
        "source_revision": None,
        "source_score": 0.93,
        "license": "cc",
        "creation_method": "machine_translated",
        "lineage": lineage,
        "model_name": "some-model",
        "mark.source": None,
        "detail.source": None,
    }
    assert second["messages"][0]["content"] == "Taja rangi tatu.\n\nKuhusu\nbendera."
    assert (second["source_score"], second["worker"]) == (None, None)
    assert third["lineage"] == lineage and third["row"] == 6  # the second one takes two lines
    assert [(row["mark.source"], row["messages"], row["record"]) for row in bad] == [
        ("unreadable", None, None)
    ] * 4
    assert [row["detail.source"] for row in bad] == [
        "column probability is not a number",
        "column probability is not a number",
        "column task_id is blank",
        "column kind is none of new, edited",
    ]
    assert last["lineage"] == []
    assert tables.left_out == {"language is not swh": 1}
    assert tables.inputs[0].records == 9 == tables.candidates.num_rows + 1
    assert [row for _, row, _ in tables.quarantine] == [row["row"] for row in bad]
    assert b"juu" in tables.quarantine[0][2]


def test_a_folder_of_files(tmp_path: Path) -> None:
    write(tmp_path / "train-2.csv", {"task_id": "t2"})
    write(tmp_path / "train-1.csv", {})
    write(tmp_path / "test-1.csv", {}, {})
    tables = TRANSLATED.read(tmp_path)
    assert tables.candidates["record"].to_pylist() == ["t1", "t2"]
    assert tables.left_out == {"evaluation data: test-1.csv": 2}


def test_null_cells_of_parquet(tmp_path: Path) -> None:
    import pyarrow as pa
    import pyarrow.parquet as pq

    rows = [
        {"p": "Swali", "a": "Jibu", "n": 1.0},
        {"p": None, "a": "x", "n": None},
        {"p": "x", "a": None, "n": 2.0},
    ]
    pq.write_table(pa.Table.from_pylist(rows), tmp_path / "rows.parquet")
    source = HubDataset(
        "s",
        "a/b",
        "main",
        prompt="p",
        answer="a",
        record="n",
        language="swh_Latn",
        license="x",
        creation_method="native",
    )
    tables = source.read(tmp_path / "rows.parquet")
    assert tables.candidates["record"].to_pylist() == ["1", None, None]
    assert tables.candidates["detail.source"].to_pylist() == [None, "column p is null", "column a is null"]
    assert tables.quarantine[0] == ("rows.parquet", 2, b'{"p": null, "a": "x", "n": null}\n')


def test_a_selection_that_finds_nothing_is_a_mistake(tmp_path: Path) -> None:
    path = write(tmp_path / "rows.csv", {})
    with pytest.raises(LrlError, match=r"source dolly: no row of rows\.csv has language sw or swa"):
        replace(TRANSLATED, where={"language": ("sw", "swa")}).read(path)


@pytest.mark.parametrize(
    "column", ["task_id", "instruction", "probability", "context_en", "language", "kind", "user"]
)
def test_a_missing_column(tmp_path: Path, column: str) -> None:
    with pytest.raises(LrlError, match=rf"^rows\.csv: column '{column}' is missing; there are: "):
        TRANSLATED.read(write(tmp_path / "rows.csv", {}, without=column))


def test_declarations_that_contradict_themselves() -> None:
    with pytest.raises(ValueError, match="creation method"):
        replace(TRANSLATED, creation_method="magic")
    with pytest.raises(ValueError, match="lineage"):
        replace(TRANSLATED, original_dataset=None)


CELL = st.none() | st.sampled_from(["", " ", " a\u00a0", "B. b", "0.5", "nan", "new"])
NUMBER = st.none() | st.sampled_from([0.25, 3.0, -1.5])
COLUMNS = ("instruction", "response", "context", "task_id", "user", "instruction_en", "context_en")


@settings(max_examples=40, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(
    st.lists(st.fixed_dictionaries(dict.fromkeys(COLUMNS, CELL)), min_size=1, max_size=6),
    st.lists(NUMBER, min_size=6, max_size=6), st.booleans(), st.booleans(),
)  # fmt: skip
@example([dict.fromkeys(COLUMNS, "a"), dict.fromkeys(COLUMNS)], [0.5] * 6, True, False)
def test_columns_of_parquet_are_read_as_the_lines_of_a_text_file_are(
    tmp_path: Path, rows: list[dict[str, str | None]], scores: list[float | None], numbers: bool, by_id: bool
) -> None:
    listed = [
        row | {"language": "swh", "kind": "old" if row["user"] == "new" else "new",
               "probability": score if numbers else "0.5"}
        for row, score in zip(rows, scores, strict=False)
    ]  # fmt: skip
    source = replace(TRANSLATED, original_answer="response")
    if by_id:
        source = replace(
            source, originals=(), original_id="context_en", record=None, worker=None, context=None
        )
    kinds = [(name, pa.string()) for name in (*COLUMNS, "kind", "language")]
    columns = pa.schema([*kinds, ("probability", pa.float64() if numbers else pa.string())])
    pq.write_table(pa.Table.from_pylist(listed, columns), tmp_path / "rows.parquet")
    (tmp_path / "rows.jsonl").write_text("".join(json.dumps(row) + "\n" for row in listed), encoding="utf-8")
    by_columns, by_lines = (source.read(tmp_path / f"rows.{end}") for end in ("parquet", "jsonl"))
    compared = [name for name in schema.CANDIDATE.names if not name.startswith("file")]
    assert (
        by_columns.candidates.select(compared).to_pylist() == by_lines.candidates.select(compared).to_pylist()
    )
    assert [row for _, row, _ in by_columns.quarantine] == [row for _, row, _ in by_lines.quarantine]


def test_whole_numbers_of_parquet_are_ids(tmp_path: Path) -> None:
    row = dict.fromkeys(("instruction", "response", "context", "instruction_en", "context_en"), "a")
    row |= {"kind": "new", "language": "swh"}
    table = pa.Table.from_pylist([row | {"task_id": 17, "user": 5, "probability": 1}])
    pq.write_table(table, tmp_path / "rows.parquet")
    (read,) = TRANSLATED.read(tmp_path / "rows.parquet").candidates.to_pylist()
    assert (read["record"], read["worker"], read["source_score"]) == ("17", "5", 1.0)
