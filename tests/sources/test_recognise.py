from __future__ import annotations

import json
import tomllib
from pathlib import Path

import pytest

from lrl_datasets.errors import LrlError
from lrl_datasets.sources import campaign_toml
from lrl_datasets.sources.recognise import recognise, suggestion

from .platforms import FORMATS, Said, toml, write

ANSWERS = [Said(f"1{n}", n, {"prompt": f"Swali {n}?", "original_id": "p"}, f"Jibu la {n}.") for n in range(9)]
VOTES = [
    Said(f"2{n}", 50 + n % 3, {"answer_id": f"1{n}", "answer": "Jibu."}, ("yes", "no")[n % 2])
    for n in range(9)
]


def named(format: str) -> str:
    return {"label_studio_min": "label_studio", "argilla_table": "argilla", "table_jsonl": "table"}.get(
        format, format
    )


@pytest.mark.parametrize("format", FORMATS)
def test_a_file_is_known_by_its_structure(tmp_path: Path, format: str) -> None:
    for output, rows in (("written", ANSWERS), ("helpful", VOTES)):
        write(format, tmp_path / "file", output, rows)  # its name says nothing
        assert recognise(tmp_path / "file", "file").format == named(format)


@pytest.mark.parametrize("format", [format for format in FORMATS if not format.startswith("table")])
def test_what_is_suggested_reads_a_platforms_file(tmp_path: Path, format: str) -> None:
    text = 'name = "mini"\nlanguage = "swh_Latn"\nlicense = "CC0-1.0"\n\n'
    for output, rows in (("written", ANSWERS), ("helpful", VOTES)):
        write(format, tmp_path / output, output, rows)
        text += suggestion(recognise(tmp_path / output, output), output) + "\n"
    (tmp_path / "campaign.toml").write_text(text)
    if (
        format == "label_studio_min"
    ):  # data and controls stand side by side: a person has to say which is which
        return
    answer, judgement = campaign_toml.load(tmp_path).stage
    expected = tomllib.loads(toml(format))["stage"]
    assert answer.columns.model_dump(exclude_none=True) == expected[0]["columns"]
    assert judgement.columns.model_dump(exclude_none=True) == expected[1]["columns"]
    assert judgement.kind == "judgement" and (judgement.labels.positive, judgement.labels.negative) == (
        ["yes"],
        ["no"],
    )


@pytest.mark.parametrize("format", [format for format in FORMATS if format != "label_studio_min"])
def test_two_answers_beside_each_other_are_a_comparison(tmp_path: Path, format: str) -> None:
    sides = {"left_id": "10", "right_id": "11", "left": "Jibu.", "right": "Jibu jingine.", "prompt": "Swali?"}
    rows = [Said(f"3{n}", 70 + n % 3, sides, ("left", "right", "tie")[n % 3]) for n in range(9)]
    write(format, tmp_path / "better", "better", rows)
    stage = suggestion(recognise(tmp_path / "better", "better"), "better").replace('"?"', '"who"', 1)
    (tmp_path / "campaign.toml").write_text(
        'name = "mini"\nlanguage = "swh_Latn"\nlicense = "CC0-1.0"\n' + stage
    )
    (one,) = campaign_toml.load(tmp_path).stage
    assert one.kind == "preference" and one.labels.all() == ("left", "tie", "right")
    fields = {"left_id", "right_id", "left", "right", "prompt", "label"}
    assert one.columns.model_dump(exclude_none=True).keys() >= fields
    assert "better" in one.columns.output and "right_id" in str(one.columns.right_id)


def test_what_cannot_be_guessed_is_a_question(tmp_path: Path) -> None:
    (tmp_path / "t.csv").write_text("x,y,worker\n" + "".join(f"a{n},b{n},w\n" for n in range(9)))
    lines = suggestion(recognise(tmp_path / "t.csv", "t.csv"), "exports/t.csv").splitlines()
    assert 'prompt = "?"  # one of: "x", "y"' in lines and 'worker = "worker"' in lines
    assert 'format = "table"' in lines and 'pools = ["exports/t.csv"]' in lines
    tomllib.loads("\n".join(lines))


def test_what_is_too_narrow_is_no_export(tmp_path: Path) -> None:
    (tmp_path / "LICENSE").write_text("Apache License\n\nVersion 2.0\n")
    with pytest.raises(LrlError, match=r"^LICENSE: no export: .* columns are: Apache License"):
        recognise(tmp_path / "LICENSE", "LICENSE")


def test_strange_names_stay_toml(tmp_path: Path) -> None:
    column = 'quo"te \\ newline\u0085 \x7f'
    (tmp_path / "t.json").write_text(
        json.dumps([{column: "1", "x": "", "helpful": label} for label in ("a", "b")] * 9)
    )
    stage = tomllib.loads(suggestion(recognise(tmp_path / "t.json", "t.json"), 'a"b.json'))["stage"][0]
    assert stage["pools"] == ['a"b.json'] and stage["columns"]["label"] == "helpful"


@pytest.mark.data
def test_real_files(data_dir: Path) -> None:
    folder = data_dir / "mturk_cf_formats"
    formats = {path.name: recognise(path, path.name).format for path in sorted(folder.glob("*.csv"))}
    assert {name for name, format in formats.items() if format == "mturk"} == {
        f"platform_amt{n}.csv" for n in range(1, 6)
    }
    assert {format for name, format in formats.items() if "_cf" in name} == {"table"}
    for path in sorted((data_dir / "labelstudio_formats").glob("*.json")):
        assert recognise(path, path.name).format == "label_studio"
    crowdflower = folder / "platform_cf2.csv"
    stage = tomllib.loads(suggestion(recognise(crowdflower, "cf"), "cf.csv"))["stage"][0]
    assert stage["columns"] == {
        "worker": "_worker_id", "answer_id": "?", "label": "Answer.output", "prompt": "input", "assignment_id": "_id",
        "task_id": "_unit_id", "started": "_started_at", "submitted": "_created_at",
    }  # fmt: skip
