"""The builder's declarations of real datasets, read by the real clients from a local Hub.

The rows are written here, in the columns and the layout of the real repositories; nothing of theirs is copied.
Only the revision differs: a commit of the local Hub in the place of the pinned one.
"""

from __future__ import annotations

import base64
import csv
import io
import json
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from lrl_datasets import local_hub, schema
from tests.hub import run_client, running_hub

AYA_CARD = """---
configs:
- config_name: default
  data_files:
  - split: train
    path: data/train-*
  - split: test
    path: data/test-*
- config_name: demographics
  data_files:
  - split: train
    path: demographics/train-*
---
"""

CLIENT = """
import base64, dataclasses, json
from lrl_datasets.builders.swahili_instruct import SOURCES
from lrl_datasets.errors import LrlError

commits = {commits!r}
found = {{}}
for source in SOURCES:
    if source.name in commits:
        revision = source.revision if source.revision.startswith("refs/") else commits[source.name]
        tables = dataclasses.replace(source, revision=revision).read()
        found[source.name] = dict(
            rows=tables.candidates.to_pylist(), left_out=tables.left_out, revision=tables.revision,
            inputs=[dataclasses.asdict(file) for file in tables.inputs], facts=tables.facts,
            quarantine=[(file, row, base64.b64encode(raw).decode()) for file, row, raw in tables.quarantine],
        )
print(json.dumps(found))
"""

FAILING = """
import dataclasses, os
from lrl_datasets.builders.swahili_instruct import SOURCES
from lrl_datasets.errors import LrlError
dolly, aya, afriqa = (source for source in SOURCES if source.name != "campaign")

def fails(source):
    try:
        source.read()
    except LrlError as error:
        print(error)

fails(dolly)  # the pinned commit is not on the local Hub
fails(dataclasses.replace(dolly, repo="someone/nothing", revision="main"))
fails(dataclasses.replace(dolly, revision="main", files=("gone.csv",)))
fails(dataclasses.replace(dolly, revision="main", files=("gone/*.csv",)))
fails(dataclasses.replace(aya, revision="main", split="dev"))
fails(dataclasses.replace(aya, revision="main", config="nothing"))
fails(dataclasses.replace(aya, revision={aya!r}, where={{"language_code": "sw"}}))
os.makedirs("CohereLabs/aya_dataset")
open("CohereLabs/aya_dataset/train.csv", "w").write("inputs,targets\\n1,2\\n")
fails(dataclasses.replace(aya, revision="main"))
"""


def parquet(path: Path, rows: list[dict[str, Any]]) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    pq.write_table(pa.Table.from_pylist(rows), path)


def dolly_csv() -> bytes:
    """The real file's columns: task, texts in both languages, probability; the last line is damaged."""
    parts = ("context", "response", "instruction")
    columns = ["task_id", *(f"INPUT:{part}_{side}" for part in parts for side in ("tr", "src"))]
    columns.append("toloka probabilities")
    out = io.StringIO(newline="")
    writer = csv.writer(out, lineterminator="\n")
    writer.writerow(columns)
    bees = ["Nyuki huishi\nkwenye mzinga.", "Bees live\nin a hive.", "Kwenye mzinga.", "In a hive."]
    writer.writerow(["00-1", *bees, "Nyuki huishi wapi?", "Where do bees live?", "0.91"])
    writer.writerow(["00-2", "", "", 'Mbili, "tatu".', "Two, three.", "Taja namba.", "Name numbers.", "0.4"])
    writer.writerow(["00-3", "", "", "Moja.", "One.", "Taja namba.", "Name numbers.", "high"])
    return out.getvalue().encode() + b"00-4,,,\xff,x,Swali,Question,0.5\n"


def aya_rows() -> list[dict[str, Any]]:
    row = {"inputs": "Andika methali moja.", "targets": "Haraka haraka haina baraka.", "language": "Swahili"}
    row |= {"language_code": "swh", "annotation_type": "original-annotations", "user_id": "u-1"}
    return [
        row,
        row | {"language_code": "hau", "language": "Hausa"},
        row | {"annotation_type": "re-annotations", "targets": "Subira huvuta heri."},
        row | {"targets": None},
        row | {"annotation_type": "machine"},
    ]


def afriqa_rows(split: str) -> list[dict[str, Any]]:
    row = {
        "id": 0,
        "question": "Ziwa kubwa Afrika ni lipi?",
        "translated_question": "Which is the largest lake?",
    }
    row |= {
        "answers": "['Viktoria', 'Victoria']",
        "lang": "swa",
        "split": split,
        "translated_answer": "['Victoria']",
    }
    row |= {"translation_type": "human_translation"}
    return [row, row | {"id": 1, "answers": "[]"}, row | {"id": 2, "answers": "['a'b']"}]


@pytest.fixture(scope="module")
def hub(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, dict[str, str]]:
    """A store with the three datasets in their real layouts, and the commit of each."""
    root = tmp_path_factory.mktemp("hub-sources")
    (root / "dolly").mkdir()
    (root / "dolly" / "translated_ds.csv").write_bytes(dolly_csv())
    parquet(root / "aya" / "data" / "train-00000-of-00001.parquet", aya_rows())
    parquet(root / "aya" / "data" / "test-00000-of-00001.parquet", aya_rows())
    parquet(
        root / "aya" / "demographics" / "train-00000-of-00001.parquet", [{"user_id": "u-1", "gender": "x"}]
    )
    (root / "aya" / "README.md").write_text(AYA_CARD)
    for language in ("swa", "hau"):
        for split in ("train", "test", "validation"):
            parquet(root / "afriqa" / language / split / "0000.parquet", afriqa_rows(split))
    store = root / "hub"
    return root, {
        "dolly-toloka": local_hub.put(store, "ortofasfat/AAAI_Swahili_dataset", root / "dolly"),
        "aya": local_hub.put(store, "CohereLabs/aya_dataset", root / "aya"),
        "afriqa": local_hub.put(store, "masakhane/afriqa", root / "afriqa", revision="refs/convert/parquet"),
    }


def test_three_real_datasets(hub: tuple[Path, dict[str, str]], tmp_path: Path) -> None:
    root, commits = hub
    home = tmp_path / "home"
    with running_hub(root) as server:
        printed = run_client(CLIENT.format(commits=commits), server.url, tmp_path, home=home)
        # a second time without the Hub: a commit in the cache needs none
        again = {name: commit for name, commit in commits.items() if name == "dolly-toloka"}
        offline = run_client(
            CLIENT.format(commits=again), server.url, tmp_path, home=home, env={"HF_HUB_OFFLINE": "1"}
        )
    found = json.loads(printed.splitlines()[-1])
    assert json.loads(offline.splitlines()[-1])["dolly-toloka"] == found["dolly-toloka"]
    assert {name: tables["revision"] for name, tables in found.items()} == commits
    for name, tables in found.items():
        read = [row for row in tables["rows"] if row["mark.source"] != "unreadable"]
        assert {row["source_revision"] for row in tables["rows"]} == {commits[name]}
        assert {row["may_hold_out"] for row in tables["rows"]} == {False}
        assert all(row["messages"] and row["file_sha256"] == tables["inputs"][0]["sha256"] for row in read)

    dolly = found["dolly-toloka"]["rows"]
    assert [row["record"] for row in dolly] == ["00-1", "00-2", None, None]
    assert dolly[0]["messages"] == [
        {"role": "user", "content": "Nyuki huishi wapi?\n\nNyuki huishi\nkwenye mzinga."},
        {"role": "assistant", "content": "Kwenye mzinga."},
    ]
    assert [row["source_score"] for row in dolly] == [0.91, 0.4, None, None]
    assert dolly[0]["lineage"] == [
        "databricks/databricks-dolly-15k:" + schema.digest("where do bees live", "bees live in a hive")
    ]
    assert {row["creation_method"] for row in dolly} == {"machine_translated"}
    assert [row["detail.source"] for row in dolly] == [
        None,
        None,
        "column toloka probabilities is not a number",
        "not UTF-8 at byte 8 of the record",
    ]
    assert [(row, base64.b64decode(raw)) for _, row, raw in found["dolly-toloka"]["quarantine"]][-1] == (
        7,  # the first record takes three lines
        b"00-4,,,\xff,x,Swali,Question,0.5\n",
    )

    aya = found["aya"]["rows"]
    assert [file["name"] for file in found["aya"]["inputs"]] == ["data/train-00000-of-00001.parquet"]
    assert [(row["row"], row["mark.source"], row["detail.source"]) for row in aya] == [
        (1, None, None),
        (3, None, None),
        (4, "unreadable", "column targets is null"),
        (5, "unreadable", "column annotation_type is none of original-annotations, re-annotations"),
    ]
    assert found["aya"]["left_out"] == {"language_code is not swh": 1}
    assert (aya[0]["worker"], aya[0]["record"], aya[0]["creation_method"]) == ("u-1", None, "native")

    afriqa = found["afriqa"]["rows"]
    assert [file["name"] for file in found["afriqa"]["inputs"]] == ["swa/train/0000.parquet"]
    assert [(row["record"], row["mark.source"]) for row in afriqa] == [
        ("train/0", None),
        ("train/1", "no_answer"),
        (None, "unreadable"),
    ]
    assert "Viktoria au Victoria" in afriqa[0]["messages"][1]["content"]


def test_errors_name_repository_and_revision(hub: tuple[Path, dict[str, str]], tmp_path: Path) -> None:
    root, commits = hub
    code = FAILING.format(aya=commits["aya"])
    with running_hub(root) as server:
        said = run_client(code, server.url, tmp_path).splitlines()
        off = run_client(code, server.url, tmp_path, env={"HF_HUB_OFFLINE": "1"}).splitlines()
    gone = run_client(code.partition("fails(dolly)")[0] + "fails(afriqa)", server.url, tmp_path).splitlines()
    dolly, aya = "ortofasfat/AAAI_Swahili_dataset", "CohereLabs/aya_dataset"
    dolly_at, aya_at = f"{dolly} @ {commits['dolly-toloka']}", f"{aya} @ {commits['aya']}"
    assert said == [
        f"{dolly} @ dd0746638c9d01a33a2340ee3c97648c9f96b16b: no such revision on the Hub",
        "someone/nothing @ main: no such dataset on the Hub, or no access",
        f"{dolly} @ main: the dataset has no file gone.csv",
        f"{dolly_at}: no file matches 'gone/*.csv'; there are: .gitattributes, translated_ds.csv",
        f"{aya_at}: no split 'dev' in config default; there are: train, test",
        f"{aya} @ main: BuilderConfig 'nothing' not found. Available: ['default', 'demographics']",
        "source aya: no row of data/train-00000-of-00001.parquet has language_code sw",
        f"{aya_at}: a folder of that name here hides the Hub's dataset (datasets reads it and ignores the "
        "revision); run in another directory",
    ]
    assert off[1] == "someone/nothing @ main: the Hub is switched off (HF_HUB_OFFLINE)"
    assert gone == ["masakhane/afriqa @ refs/convert/parquet: the Hub cannot be reached"]
