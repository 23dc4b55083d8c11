"""Every check of `lrl verify` on a real release that somebody tampered with.

The tampered release is made good in all that the edit did not mean (hashes in the manifest, sizes on the card), so
that only the one check can find it.
"""

from __future__ import annotations

import json
import shutil
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import jinja2
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
import yaml

from lrl_datasets import local_hub
from lrl_datasets.build import build
from lrl_datasets.errors import LrlError
from lrl_datasets.filters.suite_index import SuiteIndex, SuiteItem
from lrl_datasets.release import card, citation, locations, manifest
from lrl_datasets.release.folder import PARQUET
from lrl_datasets.release.verify import CHECKS, verify
from tests.hub import run_client, running_hub
from tests.sources.exports import campaign
from tests.test_build import ANSWERS, BUILDER, all_yes, answers, judged
from tests.test_cli import lrl


@pytest.fixture(scope="module")
def untouched(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Path]:
    """A release with every config, a leak, a copy, a pair and held-out rows."""
    tmp_path = tmp_path_factory.mktemp("release")
    rows = answers()
    rival = dict(rows[0]) | {
        "ASSIGNMENT:assignment_id": "b0", "ASSIGNMENT:worker_id": "w77",
        "OUTPUT:answer": "Sijui jina la mto wowote ule kwa sasa, samahani sana.",
    }  # fmt: skip
    copy = dict(rows[1]) | {"ASSIGNMENT:assignment_id": "copy", "ASSIGNMENT:worker_id": "copier"}
    index = SuiteIndex.build([SuiteItem(task="t", texts=(ANSWERS[2],))])
    index.save(tmp_path / "index.json")
    rows += [rival, copy]
    votes = all_yes([row for row in rows if row is not rival]) + judged(rival, "no", "no", "yes")
    folder = campaign(tmp_path / "campaign", rows, votes)
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("LRL_PSEUDONYM_KEY", "a key for the tests only")
        made = build(
            BUILDER, name="mini", out=tmp_path / "build", given={"campaign": folder},
            suite_index=tmp_path / "index.json",
        )  # fmt: skip
    assert set(made.manifest["configs"]) == {"default", "preference", "annotations", "rejected"}
    assert set(made.manifest["configs"]["default"]) >= {"train", "test"}
    yield made.folder


@pytest.fixture
def folder(untouched: Path, tmp_path: Path) -> Path:
    return Path(shutil.copytree(untouched, tmp_path / "tampered"))


def found(folder: Path | str) -> dict[str, tuple[str, ...]]:
    """The checks that found something, with what."""
    return {one.name: one.findings for one in verify(folder) if one.findings}


# ---- tampering ------------------------------------------------------------------------------------------


def told(folder: Path) -> dict[str, Any]:
    content: dict[str, Any] = json.loads((folder / manifest.NAME).read_text())
    return content


def mend(folder: Path, content: dict[str, Any] | None = None) -> None:
    """Make the manifest and the card agree with the files again."""
    content = content or told(folder)
    for splits in content["configs"].values():
        for entry in splits.values():
            table = pq.ParquetFile(folder / entry["path"]).read()
            entry.update(rows=table.num_rows, bytes=table.nbytes)
            entry.update(manifest.file_entry(folder / entry["path"]))
    content = {name: value for name, value in content.items() if name != "files"}
    manifest.write(folder, content)
    try:
        release = locations.read(folder)
        facts = card.facts(content, release.configs)
        citing = (facts.title, facts.language.names.english, facts.licenses)
        for name, text in (
            ("README.md", card.render(content, facts)),
            (citation.NAME, citation.render(content, *citing)),
        ):
            (folder / name).write_text(text)
    except (KeyError, jinja2.UndefinedError):
        pass  # nothing can be rendered of what is no manifest any more
    manifest.write(folder, {name: value for name, value in content.items() if name != "files"})


def relist(folder: Path) -> None:
    """Make the manifest agree with the files again."""
    manifest.write(folder, {name: value for name, value in told(folder).items() if name != "files"})


Edit = Callable[[list[dict[str, Any]]], None]


def edit(folder: Path, config: str, change: Edit, split: str = "train") -> None:
    path = folder / told(folder)["configs"][config][split]["path"]
    table = pq.ParquetFile(path).read()
    rows = table.to_pylist()
    change(rows)
    pq.write_table(pa.Table.from_pylist(rows, schema=table.schema), path, **PARQUET)
    mend(folder)


def edit_manifest(folder: Path, change: Callable[[dict[str, Any]], None]) -> None:
    content = told(folder)
    change(content)
    mend(folder, content)


def column(name: str, value: object) -> Edit:
    """Set a column of the first row."""

    def change(rows: list[dict[str, Any]]) -> None:
        rows[0][name] = value

    return change


def test_a_release_as_it_was_built_passes(untouched: Path) -> None:
    checked = verify(untouched)
    assert {one.name: one.findings for one in checked if one.findings} == {}
    assert [one.name for one in checked] == ["files", *CHECKS]
    assert all(one.what for one in checked)


def test_splits(folder: Path) -> None:
    # A held-out row that people did not write.
    edit(folder, "default", column("creation_method", "templated"), "test")
    assert "held out and templated" in found(folder)["splits"][0]
    edit(folder, "default", column("creation_method", "crowd"), "test")
    assert found(folder) == {}
    # A train row in a held-out row's group.
    held_out = pq.ParquetFile(folder / told(folder)["configs"]["default"]["test"]["path"]).read()
    train = pq.ParquetFile(folder / told(folder)["configs"]["default"]["train"]["path"]).read()
    group = held_out["group"][0].as_py()
    before = train["group"][0].as_py()
    edit(folder, "default", column("group", group))
    assert f"group {group} is in test and train" in found(folder)["splits"]
    edit(folder, "default", column("group", before))
    # One cluster in two groups, and twice published.
    edit(folder, "default", column("cluster", held_out["cluster"][0].as_py()))
    said = " ".join(found(folder)["splits"])
    assert "is in 2 groups" in said and "has 2 published rows" in said


def test_a_check_that_stumbles_has_found_something(folder: Path) -> None:
    edit_manifest(folder, lambda content: content.pop("counts"))
    findings = found(folder)
    assert findings["ledgers"] == ("cannot be checked: KeyError: 'counts'",)
    assert "'counts' is missing" in findings["manifest"]
    content = told(folder)
    content["configs"]["default"] = {"train": 3}
    (folder / manifest.NAME).write_text(json.dumps(content))
    with pytest.raises(LrlError, match=r"manifest\.json: config 'default' has no splits with"):
        verify(folder)


def test_files(folder: Path) -> None:
    (folder / "notes.txt").write_text("mine")
    with (folder / "split_map.parquet").open("ab") as stream:
        stream.write(b" ")
    shutil.rmtree(folder / "preference")
    said = found(folder)
    assert set(said) == {"files", "readable"}  # it stops where a file cannot be opened
    assert "notes.txt: not in the manifest" in said["files"]
    assert any("preference/train" in one and "not there" in one for one in said["files"])
    assert any(one.startswith("split_map.parquet: changed") for one in said["files"])


def test_only_the_files_of_a_release_are_in_it(folder: Path) -> None:
    (folder / "raw.tsv").write_text("ASSIGNMENT:worker_id\n5a3b1e00000000000000000000000b0a\n")
    (folder / ".gitattributes").write_text("* text=auto\n")  # the Hub's
    content = told(folder)
    content["files"]["raw.tsv"] = manifest.file_entry(folder / "raw.tsv")
    del content["files"]["README.md"]
    content["configs"]["rejected"]["train"]["path"] = "rejected.parquet"
    (folder / "rejected/train-00000-of-00001.parquet").rename(folder / "rejected.parquet")
    (folder / manifest.NAME).write_text(json.dumps(content))
    assert {
        "raw.tsv: in the manifest, and no file of a release",
        "README.md: not in the manifest's files",
        "manifest: rejected/train lies at rejected.parquet, not at CONFIG/SPLIT-00000-of-00001.parquet",
    } <= {*found(folder)["files"]}


def test_contracts(folder: Path) -> None:
    path = folder / told(folder)["configs"]["rejected"]["train"]["path"]
    table = pq.ParquetFile(path).read()
    mine = table.drop_columns("detail").append_column("mood", pa.nulls(table.num_rows, pa.string()))
    mine = mine.set_column(mine.schema.get_field_index("n_votes"), "n_votes", mine["n_votes"].cast("int64"))
    pq.write_table(mine, path, **PARQUET)
    mend(folder)
    assert found(folder)["contracts"] == (
        "rejected/train: column n_votes is int64, not int32",
        "rejected/train: column mood is outside the contract",
        "rejected/train: column detail is missing",
    )


@pytest.mark.parametrize(
    ("old", "new", "said"),
    [
        ("license:\n- cc0-1.0", "license:\n- cc-zero", "must be an identifier of the Hub's list"),
        ("license:\n- cc0-1.0", "license:\n- mit", "the rows have ['cc0-1.0']"),
        ("num_examples: 30", "num_examples: 31", "num_examples is {'train': 31}"),
        ("path: rejected/", "path: refused/", "data_files is "),
        ("- name: margin\n    dtype: float64", "- name: margin\n    dtype: int64", "features is "),
        ("| `annotations` | train |", "| `annotations` | train | about", "lacks annotations/train"),
        ('revision="v1.0.0"', 'revision="main"', 'does not show revision="v1.0.0"'),
        ("# Mini", "# Mini\n> **SAMPLE.**", "stands on the card and should not"),
    ],
)
def test_the_card(folder: Path, old: str, new: str, said: str) -> None:
    card = folder / "README.md"
    if "num_examples" in old:  # the annotations' number of rows
        rows = told(folder)["configs"]["annotations"]["train"]["rows"]
        old, new, said = (
            text.replace("30", str(rows)).replace("31", str(rows + 1)) for text in (old, new, said)
        )
    assert old in card.read_text()
    card.write_text(card.read_text().replace(old, new))
    relist(folder)
    assert set(findings := found(folder)) == {"card"}
    assert any(said in finding for finding in findings["card"]), findings


def test_the_citation(folder: Path) -> None:
    path = folder / citation.NAME
    data = yaml.safe_load(path.read_text())
    assert list(citation.problems(path.read_text(), told(folder))) == []
    assert data["authors"] == [{"name": "The test contributors", "website": "https://huggingface.co/test"}]
    assert (data["version"], data["license"], data["type"]) == ("1.0.0", "CC0-1.0", "dataset")
    path.write_text(yaml.safe_dump({**data, "version": "2.0.0", "mood": "good", "title": ""}))
    relist(folder)
    assert set(findings := found(folder)) == {"citation"}
    assert findings["citation"] == (
        "key 'mood' is not in the format",
        "key 'title' is missing",
        "version is '2.0.0', the manifest says 1.0.0",
        "CITATION.cff is not what the manifest and the rows make: they differ from line 1 on",
    )


def test_a_file_that_is_not_there_is_a_finding_in_words(folder: Path) -> None:
    (folder / "README.md").unlink()
    (folder / citation.NAME).write_bytes(b"\xff\xfe")
    assert found(folder) == {
        "files": (
            "README.md: in the manifest, not there",
            "CITATION.cff: changed since the build (SHA-256 differs from the manifest)",
        ),
        "card": ("README.md is not there",),
        "citation": ("CITATION.cff is not text in UTF-8",),
        "personal data": ("README.md is not there",),
        "withdrawn": ("README.md is not there",),
    }


def test_what_was_found_before_a_check_stumbled_is_told(folder: Path) -> None:
    card = folder / "README.md"
    card.write_text(card.read_text().replace("configs:\n", "configs:\n- 7\n", 1))
    relist(folder)
    *rest, last = found(folder)["card"]
    assert rest and "cannot be checked" in last and "\n" not in last


def test_a_published_release_is_verified_at_its_tag(untouched: Path, tmp_path: Path) -> None:
    with running_hub(tmp_path) as hub:
        local_hub.put(tmp_path / "hub", "test/mini", untouched, tag="v1.0.0")
        said = run_client(
            "from lrl_datasets.release.verify import verify\n"
            "checked = verify('test/mini@v1.0.0')\n"
            "print(len(checked), [one for one in checked if one.findings])",
            hub.url,
            tmp_path,
        )
    assert said.strip() == f"{len(CHECKS) + 1} []"


def test_the_command_prints_a_table_and_fails_with_findings(folder: Path, tmp_path: Path) -> None:
    said = lrl("verify", folder, cwd=tmp_path)
    assert all(name in said for name in ("files", *CHECKS)) and f"all {len(CHECKS) + 1} checks passed" in said
    edit(folder, "default", column("helpfulness", 0.9371))
    said = lrl("verify", folder, cwd=tmp_path, code=1)
    assert "findings: 1" in said and "helpfulness is 0.9371, its votes give 1.0" in said
    assert said.splitlines()[-1].endswith("checks failed")
    assert "no release folder" in lrl("verify", tmp_path, cwd=tmp_path, code=2)
    assert "no such folder" in lrl("verify", "nowhere", cwd=tmp_path, code=2)
