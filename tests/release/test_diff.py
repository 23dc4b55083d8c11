"""What changed between two real releases, built from the same small campaign before and after an edit."""

from __future__ import annotations

import json
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from lrl_datasets import local_hub, pseudonyms
from lrl_datasets.errors import LrlError
from lrl_datasets.filters.base import add_column
from lrl_datasets.release.changelog import changelog
from lrl_datasets.release.diff import compare
from lrl_datasets.release.locations import Release, locate, read
from lrl_datasets.release.versions import as_json, minimum_version, required_bump, version_key
from lrl_datasets.release.withdrawal import Asked, hashed
from tests.hub import run_client, running_hub
from tests.sources.exports import Row
from tests.test_build import all_yes, answers, judged, run
from tests.test_cli import lrl

KEY = "a key for the tests only"


@pytest.fixture(autouse=True)
def _key(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("LRL_PSEUDONYM_KEY", KEY)


def built(tmp_path: Path, name: str, rows: list[Row], votes: list[Row] | None = None) -> Release:
    (tmp_path / name).mkdir()
    return read(run(tmp_path / name, rows, votes).folder)


@pytest.fixture
def release(tmp_path: Path) -> Release:
    return built(tmp_path, "one", answers())


def id_of(release: Release, text: str) -> str:
    """The id of the row whose answer is `text`."""
    for config in ("default", "rejected"):
        table = release.rows(config)
        for row in table.to_pylist() if table is not None else ():
            if row["messages"] and row["messages"][-1]["content"] == text:
                return str(row["id"])
    raise KeyError(text)


def edited(
    release: Release, config: str, edit: Callable[[pa.Table], pa.Table], split: str | None = None
) -> Release:
    """The release with a config's tables changed by hand."""
    tables = {
        name: edit(table) if split in (None, name) else table
        for name, table in release.configs[config].items()
    }
    return replace(release, configs={**release.configs, config: tables})


def test_the_same_release_twice_is_no_change(release: Release) -> None:
    found = compare(release, release)
    assert required_bump(found) is None
    assert minimum_version("1.2.3", found) == "1.2.3"
    assert found.errors == [] and found.schema == [] and found.facts == []
    assert {name: (one.before, one.after) for name, one in found.configs.items()} == {
        "default": (10, 10),
        "annotations": (30, 30),
    }
    assert all(
        not (one.added or one.removed or one.content or one.metadata) for one in found.configs.values()
    )


def test_added_removed_edited_and_judged_anew(tmp_path: Path, release: Release) -> None:
    rows = answers()
    new_text = "Mto Rufiji hupita kusini mwa Tanzania, na maji yake huishia katika Bahari ya Hindi."
    new = dict(rows[1]) | {
        "ASSIGNMENT:assignment_id": "new", "INPUT:prompt": "Swali jipya kabisa?", "INPUT:original_id": "p77",
        "OUTPUT:answer": "Jibu jipya kabisa ambalo halijawahi kuonekana katika toleo lililopita.",
    }  # fmt: skip
    after = [dict(rows[0]) | {"OUTPUT:answer": new_text}, *rows[1:9], new]
    votes = [*all_yes(after), *judged(rows[3], *["yes"] * 4)[3:]]  # and one vote more on the fourth
    found = compare(release, built(tmp_path, "two", after, votes))
    default = found.configs["default"]
    texts = [row["OUTPUT:answer"] for row in rows]
    assert list(default.content) == [id_of(release, texts[0])]
    assert {"messages", "content_hash"} <= set(default.content[id_of(release, texts[0])])
    assert default.removed == [id_of(release, texts[9])]
    assert len(default.added) == 1 and default.added[0] not in release.split_map["id"].to_pylist()
    assert "n_votes" in default.metadata[id_of(release, texts[3])]
    assert set(default.metadata) <= {id_of(release, text) for text in texts[1:9]}
    assert found.moved == {} and found.errors == []
    assert found.configs["annotations"].added and found.configs["annotations"].removed
    assert found.counts["campaign"]["swh_Latn"] == {
        "before": 10, "after": 10, "added": 1, "removed": 1, "withdrawn": 0, "content": 1,
        "metadata": len(default.metadata),
    }  # fmt: skip
    assert required_bump(found) == "minor"
    assert minimum_version("1.0.9", found) == "1.1.0"
    assert json.loads(json.dumps(as_json(found)))["minimum_version"] == "1.1.0"


def test_an_export_in_another_order_is_no_change(tmp_path: Path, release: Release) -> None:
    rows = answers()
    found = compare(release, built(tmp_path, "two", rows[::-1], all_yes(rows)[::-1]))
    assert (required_bump(found), found.facts) == (None, [])


def test_a_vote_more_leaves_the_other_votes_of_its_export_unchanged(tmp_path: Path, release: Release) -> None:
    rows = answers()
    found = compare(
        release, built(tmp_path, "two", rows, [*all_yes(rows), *judged(rows[0], *["yes"] * 4)[3:]])
    )
    judgements = found.configs["annotations"]
    assert (len(judgements.added), judgements.removed, judgements.content) == (1, [], {})
    # They come from an export of another hash, which says nothing of them.
    assert (judgements.metadata, judgements.revision_only) == ({}, 30)
    assert (required_bump(found), minimum_version("1.0.9", found)) == ("minor", "1.1.0")


def test_a_source_that_moved_on_is_one_number(release: Release) -> None:
    def moved_on(table: pa.Table) -> pa.Table:
        return add_column(table, "source_revision", ["f" * 40] * table.num_rows, pa.string())

    default = (found := compare(release, edited(release, "default", moved_on))).configs["default"]
    assert (default.revision_only, default.metadata, default.content) == (10, {}, {})
    assert required_bump(found) == "patch"


def test_schema_changes(release: Release) -> None:
    def bump_of(after: Release) -> tuple[str | None, set[str]]:
        found = compare(release, after)
        return required_bump(found), {f"{one.config} {one.change} {one.name}".strip() for one in found.schema}

    def with_column(table: pa.Table) -> pa.Table:
        return table.append_column("new", pa.nulls(table.num_rows, pa.string()))

    assert bump_of(edited(release, "default", with_column)) == ("minor", {"default column added new"})
    without = edited(release, "default", lambda table: table.drop_columns("license"))
    assert bump_of(without) == ("major", {"default column removed license"})
    retyped = edited(
        release,
        "default",
        lambda table: table.set_column(
            table.schema.get_field_index("n_votes"), "n_votes", table["n_votes"].cast("int64")
        ),
    )
    assert bump_of(retyped) == ("major", {"default column retyped n_votes"})
    gone = replace(release, configs={"default": release.configs["default"]})
    assert bump_of(gone) == ("major", {"annotations removed"})
    assert required_bump(compare(gone, release)) == "minor"
    assert minimum_version("1.4.2", compare(release, gone)) == "2.0.0"


def test_a_split_that_is_gone_is_a_break(release: Release) -> None:
    def without(split: str) -> Release:
        tables = {name: table for name, table in release.configs["default"].items() if name != split}
        return replace(release, configs={**release.configs, "default": tables})

    found = compare(release, without("test"))
    assert [(one.change, one.name, one.bump) for one in found.schema] == [("split removed", "test", "major")]
    assert minimum_version("1.4.2", found) == "2.0.0"
    assert required_bump(compare(without("test"), release)) == "minor"


def test_a_row_that_is_refused_now_is_told_with_its_reason(tmp_path: Path, release: Release) -> None:
    rows = answers()
    new_text = "Mto Rufiji hupita kusini mwa Tanzania, na maji yake huishia katika Bahari ya Hindi."
    votes = [*all_yes(rows[2:]), *judged(rows[0], "no", "no", "no"), *judged(rows[1], "no", "no", "no")]
    after = built(
        tmp_path, "two", [rows[0], dict(rows[1]) | {"OUTPUT:answer": new_text}, *rows[2:9]],
        [vote | {"INPUT:answer": new_text} if vote in judged(rows[1], "no", "no", "no") else vote for vote in votes],
    )  # fmt: skip
    found = compare(release, after)
    one, two, gone = (id_of(release, rows[n]["OUTPUT:answer"]) for n in (0, 1, 9))
    assert found.configs["default"].removed == sorted([one, two, gone])
    assert found.crossed.keys() == {one, two}
    assert {(was.before, was.after, was.reason) for was in found.crossed.values()} == {
        ("default", "rejected", "unhelpful")
    }
    assert "content_hash" in found.crossed[two].fields and "content_hash" not in found.crossed[one].fields
    back = compare(after, release).crossed[one]
    assert (back.before, back.after, back.reason) == ("rejected", "default", "unhelpful")
    assert json.loads(json.dumps(as_json(found)))["crossed"][one]["reason"] == "unhelpful"
    said = lrl("diff", release.folder, after.folder, cwd=tmp_path)
    assert f"{one} (refused, before published: unhelpful)" in said
    assert f"{two} (refused, before published: unhelpful; its text changed)" in said
    assert f"{gone} (not read any more)" in said


def test_settings_are_told_with_their_values(release: Release) -> None:
    settings = release.manifest["builder"]["settings"]
    margin = release.manifest | {
        "builder": release.manifest["builder"] | {"settings": settings | {"preference_margin": 0.25}},
        "sources": {"other": {}},
    }
    assert compare(release, replace(release, manifest=margin)).facts == [
        "builder.settings.preference_margin: 0.5 → 0.25", "sources.campaign", "sources.other",
    ]  # fmt: skip


def test_a_row_that_moved_between_splits_is_an_error(release: Release) -> None:
    first = release.split_map.to_pylist()[0]
    other = "test" if first["split"] != "test" else "train"
    splits = [other, *release.split_map["split"].to_pylist()[1:]]
    moved = replace(release, split_map=add_column(release.split_map, "split", splits, pa.string()))
    found = compare(release, moved)
    assert found.moved == {first["id"]: (first["split"], other)}
    assert found.errors == [f"row {first['id']} moved from {first['split']} to {other}"]
    # and where the split map hides it
    tables = dict(release.configs["default"])
    split, table = next(iter(tables.items()))
    tables["test" if split != "test" else "train"] = table
    del tables[split]
    assert compare(release, replace(release, configs={**release.configs, "default": tables})).errors


def test_withdrawn_rows_are_named_by_id_and_what_followed_stands_apart(
    tmp_path: Path, release: Release
) -> None:
    rows = answers()
    texts = [row["OUTPUT:answer"] for row in rows]
    row, judge = id_of(release, texts[0]), pseudonyms.pseudonym("campaign", "judge2", KEY.encode())
    votes = [vote for vote in all_yes(rows[1:]) if vote["ASSIGNMENT:worker_id"] != "judge2"]
    after = built(tmp_path, "two", rows[1:], votes)
    after = replace(
        after, manifest=after.manifest | {"withdrawn": hashed(Asked(frozenset({row}), frozenset({judge})))}
    )
    found = compare(release, after)
    assert found.withdrawn == sorted([row, judge])
    assert (found.configs["default"].withdrawn, found.configs["default"].removed) == ([row], [])
    assert len(found.configs["annotations"].withdrawn) == 3 + 9  # of the row, and by the person
    assert found.configs["annotations"].removed == []
    assert set(found.consequences) == {id_of(release, text) for text in texts[1:]}
    assert all("n_votes" in said for said in found.consequences.values())
    assert required_bump(found) == "minor"
    # What the release before had withdrawn already is no news.
    assert compare(after, after).withdrawn == []

    log = changelog(release.manifest, found, "1.1.0", 9)
    assert [(one["version"], one.get("superseded_by")) for one in log] == [
        ("1.1.0", None),
        ("1.0.0", "1.1.0"),
    ]
    assert (log[0]["withdrawn"], log[0]["rows"], log[1]["added"]) == (1, 9, 10)


def test_with_the_translation_another_key_is_as_if_it_had_stayed(
    tmp_path: Path, release: Release, monkeypatch: pytest.MonkeyPatch
) -> None:
    other = "another key, for the tests too"
    monkeypatch.setenv("LRL_PSEUDONYM_KEY", other)
    rows = answers()
    after = built(tmp_path, "two", rows)
    assert len(compare(release, after).configs["default"].added) == 10
    texts = [row["OUTPUT:answer"] for row in rows]
    renamed = {id_of(release, text): id_of(after, text) for text in texts}
    for worker in ("judge0", "judge1", "judge2", *(f"w{n}" for n in range(10))):
        names = [pseudonyms.pseudonym("campaign", worker, key.encode()) for key in (KEY, other)]
        renamed[names[0]] = names[1]
    found = compare(release, after, renamed)
    assert {name for name, one in found.configs.items() if one.added or one.removed or one.metadata} == set()
    assert "pseudonym_key" in found.facts
    assert found.before["pseudonym_key"] != found.after["pseudonym_key"]


def test_two_datasets_and_bad_versions_are_named(release: Release) -> None:
    other = replace(release, manifest=release.manifest | {"repository": "test/other"})
    assert compare(release, other).errors == ["two datasets: test/mini and test/other"]
    with pytest.raises(LrlError, match=r"v1\.0.*MAJOR\.MINOR\.PATCH"):
        minimum_version("v1.0", compare(release, release))
    assert version_key("1.10.0") > version_key("1.9.0")


def test_a_release_on_the_hub_is_read_at_its_tag(tmp_path: Path, release: Release) -> None:
    assert release.folder is not None
    with running_hub(tmp_path) as hub:
        local_hub.put(tmp_path / "hub", "test/mini", release.folder, tag="v1.0.0")
        said = run_client(
            "from lrl_datasets.release import diff, locations, versions\n"
            f"here, there = locations.read({str(release.folder)!r}), locations.read('test/mini@v1.0.0')\n"
            "print(there.folder != here.folder, versions.required_bump(diff.compare(here, there)))\n"
            "from lrl_datasets.errors import LrlError\n"
            "for name in ('test/mini@v9.9.9', 'test/mini@1.0.0', 'test/nothing@v1.0.0', 'test/mini'):\n"
            "    try: locations.locate(name)\n"
            "    except LrlError as error: print(error)\n",
            hub.url,
            tmp_path,
        )
    same, no_tag, no_v, no_dataset, no_revision = said.splitlines()
    assert same == "True None"
    assert no_tag == f"dataset test/mini@v9.9.9 at {hub.url}: there is no such revision"
    assert no_v.endswith("there is no such revision; a version's tag begins with v: test/mini@v1.0.0")
    assert f"test/nothing@v1.0.0 at {hub.url}: there is no such dataset" in no_dataset
    assert "namespace/name@v1.0.0" in no_revision


def test_a_tag_is_the_one_of_the_hub_that_is_asked_never_the_caches(tmp_path: Path, release: Release) -> None:
    """After a rehearsal the cache holds the tag of another Hub: of one that answers no more, and of one that has it."""
    assert release.folder is not None
    home, show = tmp_path / "home", "import sys; from lrl_datasets.release import locations\n"
    show += "print(locations.locate('test/mini@v1.0.0'))"
    with running_hub(tmp_path) as hub:
        commit = local_hub.put(tmp_path / "hub", "test/mini", release.folder, tag="v1.0.0")
        assert commit in run_client(show, hub.url, tmp_path, home=home)
        url = hub.url
    with pytest.raises(AssertionError, match=r"test/mini@v1\.0\.0 at .*: the Hub does not answer"):
        run_client(show, url, tmp_path, home=home)
    # A commit is the same wherever it lies.
    assert commit in run_client(show.replace("v1.0.0", commit), url, tmp_path, home=home)
    (tmp_path / "elsewhere").mkdir()
    with running_hub(tmp_path / "elsewhere") as other:
        (release.folder / "README.md").write_text("another card")
        published = local_hub.put(tmp_path / "elsewhere" / "hub", "test/mini", release.folder, tag="v1.0.0")
        assert published != commit
        assert published in run_client(show, other.url, tmp_path, home=home)


def test_what_is_no_release_is_named(tmp_path: Path, release: Release) -> None:
    with pytest.raises(LrlError, match="no release folder"):
        read(tmp_path)
    assert release.folder is not None
    assert locate(release.folder) == release.folder
    broken = release.folder / release.manifest["configs"]["annotations"]["train"]["path"]
    broken.write_bytes(b"PAR1")
    with pytest.raises(LrlError, match=r"annotations/train.*cannot be read as Parquet"):
        read(release.folder)
    broken.unlink()
    with pytest.raises(LrlError, match=r"annotations/train.*not there"):
        read(release.folder)
    (release.folder / "manifest.json").write_text("{")
    with pytest.raises(LrlError, match=r"manifest\.json: not JSON"):
        read(release.folder)


def test_the_command_prints_tables_writes_json_and_fails_on_a_moved_row(
    tmp_path: Path, release: Release
) -> None:
    rows = answers()
    (tmp_path / "two").mkdir()
    after = run(tmp_path / "two", rows[1:], all_yes(rows[1:]), version="1.1.0").folder
    assert release.folder is not None
    said = lrl("diff", release.folder, after, "--json", "diff.json", cwd=tmp_path)
    gone = id_of(release, rows[0]["OUTPUT:answer"])
    assert (
        f"default, removed: 1\n  {gone} (not read any more)" in said
        and "calls for 1.1.0 or above (minor)" in said
    )
    written = json.loads((tmp_path / "diff.json").read_text())
    assert written["configs"]["default"]["removed"] == [gone]
    assert (written["bump"], written["minimum_version"], written["errors"]) == ("minor", "1.1.0", [])

    path = after / "split_map.parquet"
    moved = pq.ParquetFile(path).read()
    first = moved["split"][0].as_py()
    splits = ["train" if first != "train" else "test", *moved["split"].to_pylist()[1:]]
    pq.write_table(add_column(moved, "split", splits, pa.string()), path)
    said = lrl("diff", release.folder, after, cwd=tmp_path, code=1)
    assert f"ERROR: row {moved['id'][0].as_py()} moved from {first} to {splits[0]}" in said

    (tmp_path / "names.json").write_text("[]")
    said = lrl("diff", release.folder, after, "--renamed", "names.json", cwd=tmp_path, code=2)
    assert "names.json: not a translation" in said
