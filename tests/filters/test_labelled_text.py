"""Folders and Hub datasets of labelled sentences."""

from __future__ import annotations

from pathlib import Path

import pytest

from lrl_datasets import languages
from lrl_datasets.errors import LrlError
from lrl_datasets.filters.labelled_text import iso639_3, own_codes, read_folder, read_hub
from tests.hub import put_dataset, run_client, running_hub


def test_every_layout(tmp_path: Path) -> None:
    for name, content in {
        "swh_Latn/dev.tsv": 'index_id\tcategory\ttext\n1\tnews\tHabari "zenu.\n',
        "swh_Latn/train.txt": "Nyingine.\nTena.\n",
        "news.en.txt": "One line.\n",
        "hau.txt": "Wata jumla.\n",
        "yor/queries.json": '{"question": "Ki ni?"}\n',
        "LICENSE.txt": "no code\n",
        "notes/swa.md": "no layout",
    }.items():
        (tmp_path / name).parent.mkdir(exist_ok=True)
        (tmp_path / name).write_text(content, encoding="utf-8")
    found = read_folder(tmp_path)
    assert found.sentences == {
        "hau": ["Wata jumla."], "en": ["One line."], "yor": ["Ki ni?"],
        "swh_Latn": ['Habari "zenu.', "Nyingine.", "Tena."],
    }  # fmt: skip
    assert found.name == tmp_path.name and len(found.digest) == 64


def test_what_cannot_be_read(tmp_path: Path) -> None:
    with pytest.raises(LrlError, match="no labelled sentences in a known layout"):
        read_folder(tmp_path)
    (tmp_path / "swh").mkdir()
    (tmp_path / "swh" / "dev.tsv").write_text("a\tb\n1\t2\n")
    with pytest.raises(LrlError, match=r"dev\.tsv: not labelled sentences"):
        read_folder(tmp_path)
    (tmp_path / "swh" / "dev.tsv").write_text("id\ttext\n1\tHabari\n2\n")
    with pytest.raises(LrlError, match=r"dev\.tsv line 3: column text is missing"):
        read_folder(tmp_path)
    with pytest.raises(LrlError, match="with the full commit"):
        read_hub("example/lid@main")


def test_codes() -> None:
    assert [iso639_3(code) for code in ("swh_Latn", "swh", "ha", "xx")] == ["swh", "swh", "hau", "xx"]
    assert own_codes(languages.load("sw")) == {"swh", "swa"}
    assert own_codes(languages.load("npi")) == {"npi", "nep"}


def test_a_dataset_on_the_hub(tmp_path: Path) -> None:
    card = """---
configs:
- config_name: swh_Latn
  data_files: swh.csv
- config_name: kam_Latn
  data_files: kam.csv
- config_name: all
  data_files: swh.csv
---
"""
    files = {}
    for name, content in {
        "README.md": card, "swh.csv": "id,sentence\n1,Habari zenu.\n", "kam.csv": "id,sentence\n1,Mwailye.\n2,Nesa.\n",
    }.items():  # fmt: skip
        files[name] = tmp_path / name
        files[name].write_text(content, encoding="utf-8")
    with running_hub(tmp_path) as hub:
        commit = put_dataset(hub.url, "example/lid", files)
        code = f"""
from lrl_datasets.errors import LrlError
from lrl_datasets.filters.labelled_text import read_hub
found = read_hub("example/lid@{commit}")
print(found.name == "example/lid@{commit}", found.sentences)
for given in ({{"column": "text_sw"}}, {{"only": {{"yor"}}}}):
    try:
        print(read_hub("example/lid@{commit}", **given).sentences)
    except LrlError as error:
        print(str(error).split(": ")[1])
"""
        assert run_client(code, hub.url, tmp_path).splitlines() == [
            "True {'swh_Latn': ['Habari zenu.'], 'kam_Latn': ['Mwailye.', 'Nesa.']}",
            "{'swh_Latn': ['Habari zenu.'], 'kam_Latn': ['Mwailye.', 'Nesa.']}",
            "no config is named by a language code such as swh_Latn",
        ]
