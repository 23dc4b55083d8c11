"""The Swahili builder with all its sources at once, read by the real clients from a local Hub.

The rows are written for this test, in the columns of the real datasets.
"""

from __future__ import annotations

import csv
import io
import json
import subprocess
import sys
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq

from lrl_datasets import local_hub
from tests.hub import client_environment, running_hub
from tests.sources.exports import answer, campaign
from tests.test_build import ANSWERS, judged

DOLLY = [
    {
        "task_id": "7",
        "INPUT:instruction_src": "Why does bread rise?",
        "INPUT:context_src": "",
        "INPUT:response_src": "Because yeast makes gas.",
        "INPUT:instruction_tr": "Kwa nini mkate huumuka unapookwa jikoni?",
        "INPUT:context_tr": "",
        "INPUT:response_tr": "Mkate huumuka kwa sababu hamira hutoa gesi ndani ya unga na kuufanya uwe laini.",
        "toloka probabilities": "0.93",
    },
    {
        "task_id": "8",
        "INPUT:instruction_src": "Name a fruit.",
        "INPUT:context_src": "",
        "INPUT:response_src": "Mango.",
        "INPUT:instruction_tr": "Taja tunda moja linalopatikana pwani.",
        "INPUT:context_tr": "",
        "INPUT:response_tr": "Embe.",
        "toloka probabilities": "high",
    },
]
SHADE = "Miti hutoa kivuli ambapo wanafunzi wanaweza kusoma wakati wa jua kali la mchana."
AYA = [
    ("Eleza faida moja ya kupanda miti shuleni.", SHADE, "Swahili", "swh", "original-annotations", "u1"),
    ("Explain one use of trees.", "They give shade.", "English", "eng", "original-annotations", "u2"),
]
AFRIQA = [
    {
        "id": 0,
        "question": "Je,ziwa kubwa kuliko yote Afrika ni lipi?",
        "answers": "['Viktoria']",
        "split": "train",
    },
    {"id": 1, "question": "Nani aliandika kitabu hicho?", "answers": "[]", "split": "train"},
]
BUILDER = """
import dataclasses
from lrl_datasets.builders import find
_, real = find("swahili-instruct")
here = {"dolly-toloka", "aya"}  # what is pinned to a commit of the real Hub
sources = (dataclasses.replace(s, revision="main") if s.name in here else s for s in real.sources)
BUILDER = dataclasses.replace(real, sources=tuple(sources))
"""


def folders(root: Path) -> None:
    dolly, aya, afriqa = root / "dolly", root / "aya" / "data", root / "afriqa" / "swa" / "train"
    for folder in (dolly, aya, afriqa):
        folder.mkdir(parents=True)
    out = io.StringIO()
    writer = csv.DictWriter(out, fieldnames=list(DOLLY[0]))
    writer.writeheader()
    writer.writerows(DOLLY)
    (dolly / "translated_ds.csv").write_text(out.getvalue())
    columns = ("inputs", "targets", "language", "language_code", "annotation_type", "user_id")
    rows = [dict(zip(columns, row, strict=True)) for row in AYA]
    pq.write_table(pa.Table.from_pylist(rows), aya / "train-00000-of-00001.parquet")
    pq.write_table(pa.Table.from_pylist(AFRIQA), afriqa / "0000.parquet")


def test_all_sources_from_a_hub_in_one_build(tmp_path: Path) -> None:
    folders(tmp_path)
    with running_hub(tmp_path) as server:
        store = tmp_path / "hub"
        local_hub.put(store, "ortofasfat/AAAI_Swahili_dataset", tmp_path / "dolly")
        local_hub.put(store, "CohereLabs/aya_dataset", tmp_path / "aya")
        converted = local_hub.put(
            store, "masakhane/afriqa", tmp_path / "afriqa", revision="refs/convert/parquet"
        )
        own = answer("a1", prompt="Mto Rufiji uko wapi?", text=ANSWERS[0])
        votes = [vote for vote in judged(own, "yes", "yes", "yes")]
        given = campaign(tmp_path / "campaign", [own], votes)
        (tmp_path / "mine.py").write_text(BUILDER)
        done = subprocess.run(
            [sys.executable, "-c", "from lrl_datasets.cli import main; main()", "build", "mine.py",
             "--source", f"campaign={given}"],
            cwd=tmp_path, capture_output=True, text=True,
            env=client_environment(server.url, tmp_path / "home") | {"LRL_PSEUDONYM_KEY": "a key for the tests only"},
        )  # fmt: skip
    assert done.returncode == 0, done.stderr
    folder = tmp_path / "build" / "lrl-align" / "swahili-instruct"
    manifest = json.loads((folder / "manifest.json").read_text())
    by_source = {name: sum(counts.values()) for name, counts in manifest["counts"]["by_source"].items()}
    assert by_source == {"campaign": 1, "dolly-toloka": 2, "aya": 1, "afriqa": 2}
    assert sum(manifest["sources"]["aya"]["left_out"].values()) == 1
    assert manifest["sources"]["afriqa"]["revision"] == converted
    funnel = {step["reason"]: step["rows"] for step in manifest["counts"]["funnel"]}
    assert funnel["unreadable"] == 1 and funnel["no_answer"] == 1

    rows = {
        row["source"]: row
        for row in pq.read_table(folder / "default" / "train-00000-of-00001.parquet").to_pylist()
    }
    dolly = rows["dolly-toloka"]
    assert (dolly["source_score"], dolly["helpfulness"], dolly["license"]) == (0.93, None, "cc")
    assert dolly["creation_method"] == "machine_translated"
    assert dolly["lineage"][0].startswith("databricks/databricks-dolly-15k:")
    assert rows["aya"]["creation_method"] == "native"
    assert rows["aya"]["annotator"] not in (None, "u1")
    assert rows["afriqa"]["creation_method"] == "templated"
    assert "Viktoria" in rows["afriqa"]["messages"][-1]["content"]
    assert rows["afriqa"]["source_revision"] == converted
    card = (folder / "README.md").read_text()
    assert "Unclear" in card and "cc-by-sa-4.0" in card
