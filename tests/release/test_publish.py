"""Publishing to a local Hub: the real client, the real protocol, and what a crash or a second hand leaves behind."""

from __future__ import annotations

import json
import os
import shutil
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from typer.testing import CliRunner

from lrl_datasets import cli, local_hub
from lrl_datasets.errors import LrlError
from lrl_datasets.local_hub import HubError, Store
from lrl_datasets.local_hub.store import Changes
from lrl_datasets.release import manifest
from lrl_datasets.release.loads import built, digest, verify_loads
from lrl_datasets.release.publish import check_folder, preview, publish
from tests.hub import run_client, running_hub
from tests.release.releases import REPO, release
from tests.test_cli import lrl


@pytest.fixture(autouse=True)
def empty_cache(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("HF_HOME", str(tmp_path / "home"))


@pytest.fixture
def hub(tmp_path: Path) -> Iterator[local_hub.Server]:
    with running_hub(tmp_path) as server:
        yield server


def commits(hub: local_hub.Server) -> list[str]:
    """The commits of the dataset's main, newest first."""
    return [commit.id for commit in hub.store.history("datasets", REPO, "main")]


def test_a_release_is_one_commit_and_a_tag_and_loads_as_built(hub: local_hub.Server, tmp_path: Path) -> None:
    folder = release(tmp_path / "release")
    published = publish(folder, hub.url)
    files = json.loads((folder / manifest.NAME).read_text())["files"]
    assert published.commit == commits(hub)[0]
    assert len(commits(hub)) == 2  # the Hub's own first commit, and the release
    assert hub.store.refs("datasets", REPO).tags == {"v1.0.0": published.commit}
    tree = hub.store.commit_at("datasets", REPO, "v1.0.0").files
    assert {path: entry.sha256 for path, entry in tree.items() if path in files} == {
        path: entry["sha256"] for path, entry in files.items()
    }
    assert tree.keys() - files.keys() == {".gitattributes", manifest.NAME}
    assert (published.tag, published.uploaded, published.skipped) == ("v1.0.0", len(files) + 1, False)
    assert published.url == f"{hub.url}/datasets/{REPO}/tree/v1.0.0"


def test_what_loads_is_compared_row_by_row_with_what_was_built(hub: local_hub.Server, tmp_path: Path) -> None:
    folder = release(tmp_path / "release")
    published, expected = publish(folder, hub.url), built(folder)
    rows = {config: {split: content.rows for split, content in of.items()} for config, of in expected.items()}
    assert rows == {"default": {"train": 3, "test": 2}, "annotations": {"train": 2}, "rejected": {"train": 1}}
    assert verify_loads(published, hub.url, expected) == expected

    longer = built(release(tmp_path / "longer", rows=4))
    with pytest.raises(LrlError, match=r"config default: loaded .*3.* built .*4"):
        verify_loads(published, hub.url, {"default": longer["default"]})
    path = folder / "default/train-00000-of-00001.parquet"
    table = pq.read_table(path)
    pq.write_table(table.take(pa.array([0, 2, 1])), path)
    with pytest.raises(LrlError, match="config default: rows of train are not those that were built"):
        verify_loads(published, hub.url, {"default": built(folder)["default"]})


def test_the_hash_of_rows_is_the_same_in_any_batches_and_arrow_types() -> None:
    table = pa.table({"id": ["a", "b"], "x": [1.5, None], "l": [[{"k": "v"}], []]})
    large = table.cast(pa.schema([("id", pa.large_string()), ("x", pa.float64()), table.schema.field("l")]))
    assert digest([table]) == digest(large.to_batches(1)) == digest([table.slice(0, 1), table.slice(1)])
    assert digest([table]).rows == 2
    other = pa.table({"id": ["a", "b"], "x": [1.5, None], "l": [[{"k": "w"}], []]})
    assert digest([table]) != digest([other])


def test_running_again_changes_nothing(hub: local_hub.Server, tmp_path: Path) -> None:
    folder = release(tmp_path / "release")
    first, state = publish(folder, hub.url), commits(hub)
    again = publish(folder, hub.url, repo=REPO, version="1.0.0")
    assert (again.commit, again.uploaded, again.skipped) == (first.commit, 0, True)
    assert commits(hub) == state


def test_the_next_version_is_one_commit_more_without_the_files_that_are_gone(
    hub: local_hub.Server, tmp_path: Path
) -> None:
    first = publish(release(tmp_path / "one"), hub.url)
    two = release(tmp_path / "two", "2.0.0", rows=4, extra=False, previous=tmp_path / "one")
    (two / "notes.txt").unlink()
    manifest.write(
        two, {k: v for k, v in json.loads((two / manifest.NAME).read_text()).items() if k != "files"}
    )
    second = publish(two, hub.url)
    assert len(commits(hub)) == 3
    assert hub.store.refs("datasets", REPO).tags == {"v1.0.0": first.commit, "v2.0.0": second.commit}
    assert list(hub.store.commit_at("datasets", REPO, "main").files) == [
        ".gitattributes",
        "README.md",
        "annotations/train-00000-of-00001.parquet",
        "default/test-00000-of-00001.parquet",
        "default/train-00000-of-00001.parquet",
        manifest.NAME,
        "split_map.parquet",
    ]
    assert second.uploaded == 4  # card, manifest, train, split map; the others are as they were
    old = publish(tmp_path / "one", hub.url)
    assert (old.skipped, old.commit) == (True, first.commit)


def test_a_tag_never_moves(hub: local_hub.Server, tmp_path: Path) -> None:
    first = publish(release(tmp_path / "one"), hub.url)
    with pytest.raises(
        LrlError, match=r"v1\.0\.0 is published already.*default/train.* changed.*new version"
    ):
        publish(release(tmp_path / "two", rows=4), hub.url)
    assert hub.store.refs("datasets", REPO).tags == {"v1.0.0": first.commit}
    assert len(commits(hub)) == 2


def test_who_publishes_at_the_same_time_is_told(
    hub: local_hub.Server, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    publish(release(tmp_path / "one"), hub.url)
    (tmp_path / "other").mkdir()
    (tmp_path / "other" / "x.txt").write_text("somebody else's")
    commit = Store.commit

    def somebody_first(self: Store, *args: Any, **kw: Any) -> Any:
        monkeypatch.setattr(Store, "commit", commit)
        local_hub.put(tmp_path / "hub", REPO, tmp_path / "other")
        return commit(self, *args, **kw)

    monkeypatch.setattr(Store, "commit", somebody_first)
    two = release(tmp_path / "two", "1.1.0", rows=4, previous=tmp_path / "one")
    with pytest.raises(LrlError, match="meanwhile"):
        publish(two, hub.url)
    assert list(hub.store.refs("datasets", REPO).tags) == ["v1.0.0"]
    assert "x.txt" in hub.store.commit_at("datasets", REPO, "main").files
    published = publish(two, hub.url)
    assert published.commit == commits(hub)[0]
    assert "x.txt" not in hub.store.commit_at("datasets", REPO, "v1.1.0").files


def test_a_dry_run_says_what_would_change_and_changes_nothing(hub: local_hub.Server, tmp_path: Path) -> None:
    one = release(tmp_path / "one")
    plan = preview(one, hub.url)
    assert (plan.head, plan.before, plan.stands, plan.tagged) == (None, None, None, False)
    assert plan.files["notes.txt"] == [None, len("a regular file")]
    assert len(plan.files) == 8
    assert plan.rows["default/train"] == [None, 3]
    assert hub.store.repositories("datasets") == []

    first = publish(one, hub.url)
    assert preview(one, hub.url).tagged
    two = release(tmp_path / "two", "2.0.0", rows=4, extra=False, previous=tmp_path / "one")
    plan = preview(two, hub.url)
    assert (plan.head, plan.before, plan.stands) == (first.commit, "1.0.0", None)
    size = (one / "rejected/train-00000-of-00001.parquet").stat().st_size
    assert plan.files["rejected/train-00000-of-00001.parquet"] == [size, None]
    changed = {"README.md", "default/train-00000-of-00001.parquet", manifest.NAME, "split_map.parquet"}
    assert {path for path, (before, after) in plan.files.items() if before and after} == changed
    assert plan.rows == {
        "default/train": [3, 4], "default/test": [2, 2], "annotations/train": [2, 2], "rejected/train": [1, None]
    }  # fmt: skip
    shown = CliRunner().invoke(cli.app, ["publish", str(two), "--endpoint", hub.url, "--dry-run"])
    assert shown.exit_code == 0, shown.output
    assert "notes.txt" not in shown.output
    lines = [line.replace("│", " ").split() for line in shown.output.splitlines()]
    assert ["~", "default/train", "3", "4"] in lines
    assert ["-", "rejected/train", "1"] in lines
    assert ["=", "default/test", "2", "2"] in lines
    assert ["-", "rejected/train-00000-of-00001.parquet", str(size)] in lines
    arguments = ["publish", str(two), "--endpoint", hub.url, "--dry-run", "--create-pr"]
    shown = CliRunner().invoke(cli.app, arguments)
    assert shown.exit_code == 0, shown.output
    assert "a pull request on release 1.0.0" in shown.output
    assert len(commits(hub)) == 2
    refs = hub.store.refs("datasets", REPO)
    assert (list(refs.tags), refs.pulls) == (["v1.0.0"], {})


def test_the_command_says_what_it_did_and_what_comes_next(hub: local_hub.Server, tmp_path: Path) -> None:
    one = release(tmp_path / "one")
    said = lrl("publish", one, "--endpoint", hub.url, cwd=tmp_path)
    assert f"{REPO} v1.0.0 published: 8 files uploaded" in said
    assert f"load_dataset({REPO!r}, revision='v1.0.0')  (with HF_ENDPOINT={hub.url})" in said
    bars = ("%|", "it/s", "New Data Upload")  # stderr is no terminal here
    assert not any(bar in said for bar in bars), said

    two = release(tmp_path / "two", "1.1.0", rows=4, previous=one)
    shown = {"HF_HUB_DISABLE_PROGRESS_BARS": "0"}
    said = lrl("publish", two, "--endpoint", hub.url, "--create-pr", cwd=tmp_path, env=shown)
    assert f"{REPO} v1.1.0 proposed in refs/pr/1" in said and "once it is merged" in said
    assert any(bar in said for bar in bars), said  # as the user has set it


def test_versions_go_up_and_far_enough(hub: local_hub.Server, tmp_path: Path) -> None:
    publish(release(tmp_path / "one", "1.1.0"), hub.url)
    state = commits(hub)
    for version, rows, message in (
        ("1.0.9", 3, r"v1\.0\.9 is lower than v1\.1\.0"),
        ("1.1.1", 4, r"what changed since v1\.1\.0 calls for version 1\.2\.0 at least, not 1\.1\.1"),
    ):
        folder = release(tmp_path / version, version, rows=rows, previous=tmp_path / "one")
        for act in (publish, preview):
            with pytest.raises(LrlError, match=message):
                act(folder, hub.url)
    assert commits(hub) == state
    same_rows = release(tmp_path / "same rows", "1.1.1", previous=tmp_path / "one")
    assert publish(same_rows, hub.url).tag == "v1.1.1"


def test_a_release_continues_the_latest_one(hub: local_hub.Server, tmp_path: Path) -> None:
    one = release(tmp_path / "one")
    publish(one, hub.url)
    two = release(tmp_path / "two", "1.1.0", rows=4, previous=one)
    publish(two, hub.url)
    state = commits(hub)
    for name, previous, how in (
        ("alone", None, "without a previous release"),
        ("on the first", one, r"on another release, 1\.0\.0"),
        ("on another", release(tmp_path / "other", "1.1.0", rows=9), r"on another release, 1\.1\.0"),
    ):
        folder = release(tmp_path / name, "1.2.0", rows=5, previous=previous)
        for act in (publish, preview):
            with pytest.raises(LrlError, match=rf"v1\.1\.0 is published, and v1\.2\.0 was built {how}; build it "
                                               rf"with --previous {REPO}@v1\.1\.0"):  # fmt: skip
                act(folder, hub.url)
    assert commits(hub) == state
    assert publish(release(tmp_path / "three", "1.2.0", rows=5, previous=two), hub.url).tag == "v1.2.0"


def without_a_tag(hub: local_hub.Server, folder: Path, monkeypatch: pytest.MonkeyPatch) -> str:
    """Publish as far as the commit; returns it."""

    def refused(*_: object, **__: object) -> None:
        raise HubError(403, "no tags today")

    with monkeypatch.context() as patched, pytest.raises(LrlError, match="no tags today"):
        patched.setattr(Store, "create_tag", refused)
        publish(folder, hub.url)
    return commits(hub)[0]


def test_nobody_commits_over_a_release_that_is_not_tagged_yet(
    hub: local_hub.Server, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    commit = without_a_tag(hub, release(tmp_path / "one"), monkeypatch)
    for version in ("1.0.0", "1.1.0"):
        with pytest.raises(LrlError, match=r"main holds release 1\.0\.0, committed and not tagged"):
            publish(release(tmp_path / f"other {version}", version, rows=4), hub.url)
    assert commits(hub)[0] == commit
    assert hub.store.refs("datasets", REPO).tags == {}
    other = publish(tmp_path / "other 1.0.0", hub.url, replace_unfinished=True)
    assert commits(hub)[:2] == [other.commit, commit]
    assert hub.store.refs("datasets", REPO).tags == {"v1.0.0": other.commit}


def test_a_commit_below_the_head_is_tagged_and_not_made_again(
    hub: local_hub.Server, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    commit = without_a_tag(hub, release(tmp_path / "one"), monkeypatch)
    edited = hub.store.objects.add_regular(b"edited on the Hub's page")
    hub.store.commit("datasets", REPO, "main", Changes({"README.md": edited}), title="Update README.md")
    published = publish(tmp_path / "one", hub.url)
    assert (published.commit, published.uploaded, published.skipped) == (commit, 0, False)
    assert hub.store.refs("datasets", REPO).tags == {"v1.0.0": commit}
    assert len(commits(hub)) == 3


def test_private_makes_a_private_repository_and_refuses_a_public_one(
    hub: local_hub.Server, tmp_path: Path
) -> None:
    folder = release(tmp_path / "release")
    publish(folder, hub.url, private=True)
    assert hub.store.refs("datasets", REPO).private
    assert publish(folder, hub.url, private=True).skipped
    hub.store.delete("datasets", REPO)
    hub.store.create("datasets", REPO)
    with pytest.raises(LrlError, match=f"{REPO} is public"):
        publish(folder, hub.url, private=True)
    assert len(commits(hub)) == 1
    publish(folder, hub.url)
    for act in (publish, preview):  # also where the tag stands and there would be nothing to do
        with pytest.raises(LrlError, match=f"{REPO} is public"):
            act(folder, hub.url, private=True)


def test_a_pull_request_is_published_once_it_is_merged(hub: local_hub.Server, tmp_path: Path) -> None:
    first = publish(release(tmp_path / "one"), hub.url)
    two = release(tmp_path / "two", "1.1.0", rows=4, previous=tmp_path / "one")
    hub.faults.append(
        local_hub.Fault("drop_after", "POST", "/commit/main")
    )  # its answer is lost: no second one
    proposed = publish(two, hub.url, create_pr=True)
    refs = hub.store.refs("datasets", REPO)
    assert (refs.branches, refs.tags) == ({"main": first.commit}, {"v1.0.0": first.commit})
    assert refs.pulls == {"1": proposed.commit}
    assert (proposed.tag, proposed.pull_request, proposed.uploaded) == (None, "refs/pr/1", 3)
    assert proposed.url == f"{hub.url}/datasets/{REPO}/discussions/1"
    assert verify_loads(proposed, hub.url, built(two))["default"]["train"].rows == 4
    again = publish(two, hub.url, create_pr=True)
    assert (again.commit, again.uploaded, again.skipped) == (proposed.commit, 0, True)
    assert preview(two, hub.url, create_pr=True).pull_request == "refs/pr/1"
    assert preview(two, hub.url).stands is None

    hub.store.merge("datasets", REPO, "1")
    with pytest.raises(LrlError, match="main holds this release already"):
        publish(two, hub.url, create_pr=True)
    published = publish(two, hub.url)
    assert (published.tag, published.uploaded, published.skipped) == ("v1.1.0", 0, False)
    assert hub.store.refs("datasets", REPO).tags["v1.1.0"] == proposed.commit == commits(hub)[0]
    assert publish(two, hub.url, create_pr=True).skipped


def test_a_hub_that_keeps_something_else_is_not_tagged(
    hub: local_hub.Server, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    commit = Store.commit

    def loses_a_file(self: Store, kind: str, repo: str, revision: str, changes: Any, **kw: Any) -> Any:
        changes.add.pop("notes.txt", None)
        return commit(self, kind, repo, revision, changes, **kw)

    monkeypatch.setattr(Store, "commit", loses_a_file)
    with pytest.raises(LrlError, match=r"not what was built \(notes.txt missing\); not tagged"):
        publish(release(tmp_path / "one"), hub.url)
    assert hub.store.refs("datasets", REPO).tags == {}
    monkeypatch.undo()
    assert publish(tmp_path / "one", hub.url).uploaded == 1
    assert list(hub.store.refs("datasets", REPO).tags) == ["v1.0.0"]


@pytest.mark.parametrize("off", ["0", "1"])
def test_files_go_up_as_the_user_has_set_it_though_the_client_was_imported_before(
    hub: local_hub.Server, tmp_path: Path, off: str
) -> None:
    folder = release(tmp_path / "release")
    code = f"""
import os, huggingface_hub
from lrl_datasets.release.publish import publish
os.environ["HF_HUB_DISABLE_XET"] = {off!r}
print(publish({str(folder)!r}, {hub.url!r}).tag)
"""
    assert run_client(code, hub.url, tmp_path).strip() == "v1.0.0"
    assert any(path.startswith("/xet/") for _, path in hub.requests) == (off == "0")
    assert any(path.startswith("/lfs/") for _, path in hub.requests) == (off == "1")


def test_what_is_not_ready_stays_on_this_computer(tmp_path: Path) -> None:
    sample = release(tmp_path / "sample")
    with pytest.raises(LrlError, match="SAMPLE"):
        publish(sample, "https://hub.example.org")
    with pytest.raises(LrlError, match="SAMPLE"):
        publish(sample, "http://192.0.2.1:8123")
    unchecked = release(tmp_path / "unchecked", sample=False)
    with pytest.raises(LrlError, match="NOT LEAK-CHECKED"):
        publish(unchecked, "https://hub.example.org")
    index = {"sha256": "0" * 64, "tasks": {"real": {"sample": False}, "rehearsed": {"sample": True}}}
    rehearsed = release(tmp_path / "rehearsed", sample=False, suite_index=index)
    with pytest.raises(LrlError, match="NOT LEAK-CHECKED"):
        publish(rehearsed, "https://hub.example.org")


def damaged(folder: Path, what: str) -> None:
    """Break a release folder in one way."""
    path = folder / manifest.NAME
    content = json.loads(path.read_text())
    match what:
        case "changed file":
            data = bytearray((folder / "notes.txt").read_bytes())
            data[0] ^= 1
            (folder / "notes.txt").write_bytes(data)
        case "missing file":
            (folder / "notes.txt").unlink()
        case "file too many":
            (folder / "private.csv").write_text("worker,phone")
        case "no manifest":
            path.unlink()
        case "broken manifest":
            path.write_text("{")
        case "odd version":
            path.write_text(json.dumps(content | {"version": "1.0"}))
        case "odd repository":
            path.write_text(json.dumps(content | {"repository": "../x"}))
        case "no leak check stated":
            del content["suite_index"]
            path.write_text(json.dumps(content))
        case "sample not stated":
            path.write_text(json.dumps(content | {"sample": "no"}))
        case "bad card":
            card = (folder / "README.md").read_text().replace("- sw", "- swh_Latn")
            (folder / "README.md").write_text(card)
            manifest.write(folder, {k: v for k, v in content.items() if k != "files"})


@pytest.mark.parametrize(
    ("what", "message"),
    [
        ("changed file", r"notes\.txt: changed since the build"),
        ("missing file", r"notes\.txt: in the manifest, not there"),
        ("file too many", r"private\.csv: not in the manifest"),
        ("no manifest", r"no release folder"),
        ("broken manifest", r"manifest\.json: not JSON"),
        ("odd version", r"'1\.0'"),
        ("odd repository", r"'\.\./x'"),
        ("no leak check stated", "suite_index"),
        ("sample not stated", "'sample'"),
        ("bad card", r"README\.md: .*swh_Latn"),
    ],
)
def test_a_folder_that_is_not_as_built_is_refused(
    hub: local_hub.Server, tmp_path: Path, what: str, message: str
) -> None:
    folder = release(tmp_path / "release")
    check_folder(folder)
    damaged(folder, what)
    with pytest.raises(LrlError, match=message):
        publish(folder, hub.url)
    assert hub.store.repositories("datasets") == []


def test_repository_and_version_given_must_be_the_manifests(hub: local_hub.Server, tmp_path: Path) -> None:
    folder = release(tmp_path / "release")
    with pytest.raises(LrlError, match="repository is lrl-align/test-instruct, not lrl-align/other"):
        publish(folder, hub.url, repo="lrl-align/other")
    with pytest.raises(LrlError, match=r"version is 1\.0\.0, not 2\.0\.0"):
        publish(folder, hub.url, version="2.0.0")
    assert hub.store.repositories("datasets") == []


def test_a_hub_with_a_token_is_written_with_it_and_the_token_is_never_shown(
    tmp_path: Path, capfd: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    folder = release(tmp_path / "release")
    monkeypatch.delenv("HF_TOKEN", raising=False)
    with running_hub(tmp_path, token="hf_secretsecret") as hub:
        for token in (None, "hf_wrongwrong"):
            with pytest.raises(LrlError, match="401") as refusal:
                publish(folder, hub.url, token=token)
            assert "hf_" not in str(refusal.value)
        published = publish(folder, hub.url, token="hf_secretsecret", private=True)
        with pytest.raises(LrlError, match="load_dataset fails"):
            verify_loads(published, hub.url, built(folder))
        verify_loads(published, hub.url, built(folder), token="hf_secretsecret")
    out, err = capfd.readouterr()
    assert "hf_secretsecret" not in out + err


def test_a_hub_that_is_not_there_is_said_in_one_line(tmp_path: Path) -> None:
    with local_hub.serve(tmp_path / "hub") as hub:
        url = hub.url
    folder = release(tmp_path / "release")
    for act in (publish, preview):
        with pytest.raises(LrlError) as refusal:
            act(folder, url)
        said = str(refusal.value)
        assert said.startswith(f"the Hub at {url} does not answer") and "run it again" not in said
        assert said.endswith("nothing was changed") == (act is publish)


def test_who_is_cut_off_while_writing_is_told_to_go_on(hub: local_hub.Server, tmp_path: Path) -> None:
    hub.faults.append(local_hub.Fault("drop_before", "POST", "/commit/", count=-1))
    with pytest.raises(LrlError, match=r"does not answer .*; run it again, it goes on where it stopped"):
        publish(release(tmp_path / "release"), hub.url)


def test_a_folder_in_the_way_does_not_stand_in_for_the_hub(
    hub: local_hub.Server, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    folder = release(tmp_path / "build" / REPO)
    published, expected = publish(folder, hub.url), built(folder)
    shutil.rmtree(folder / "rejected")
    monkeypatch.chdir(tmp_path / "build")
    assert os.path.isdir(REPO)
    assert verify_loads(published, hub.url, {"rejected": expected["rejected"]})["rejected"]["train"].rows == 1
