"""What is withdrawn leaves the disk: the maintainer's procedure with the real client, then a collection."""

from __future__ import annotations

import hashlib
import io
import os
import threading
import time
from collections.abc import Iterator
from pathlib import Path

import pyarrow.parquet as pq
import pytest

from lrl_datasets import local_hub
from lrl_datasets.errors import LrlError
from lrl_datasets.local_hub import HubError, Store
from lrl_datasets.local_hub.commits import Changes
from lrl_datasets.local_hub.removal import collect, erase
from lrl_datasets.local_hub.xet_formats import check_xorb, read_chunks
from lrl_datasets.release.publish import publish
from tests.hub import run_client, running_hub
from tests.local_hub.http import request
from tests.local_hub.test_kills import ID, killed_at, upload, whole
from tests.release.releases import REPO, release
from tests.test_cli import lrl

PERSON = "Nzuri, row 3."


@pytest.fixture
def hub(tmp_path: Path) -> Iterator[local_hub.Server]:
    with running_hub(tmp_path) as server:
        yield server


def texts(data: bytes) -> str:
    """Return what can be read in a file's bytes, out of Parquet's compression too."""
    if data.startswith(b"PAR1"):
        return str(pq.read_table(io.BytesIO(data)).to_pylist())
    return data.decode("utf-8", "replace")


def holding(root: Path, words: str) -> set[str]:
    """Return the parts of a store in which some words stand: in files, and in the chunks of xorbs."""
    found = set()
    for path in root.rglob("*"):
        if not path.is_file():
            continue
        parts = [path.read_bytes()]
        if "xet" in path.parts and path.parent.parent.parent.name == "xet":
            with path.open("rb") as file:
                parts = list(read_chunks(file, 0, check_xorb(file)))
        if any(words in texts(part) for part in parts):
            found.add(path.relative_to(root).parts[0])
    return found


@pytest.mark.parametrize("proposed", [False, True])
def test_the_procedure_for_older_tags_leaves_nothing_of_the_withdrawn(
    hub: local_hub.Server, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, proposed: bool
) -> None:
    """`proposed`: the older version came by a pull request, whose ref would hold it too."""
    monkeypatch.setenv("HF_HOME", str(tmp_path / "home"))
    one = release(tmp_path / "one", rows=4)
    if proposed:
        publish(one, hub.url, create_pr=True)
        hub.store.merge("datasets", REPO, "1")
    publish(one, hub.url)
    local_hub.put(tmp_path / "hub", "lrl-align/other", one / "annotations")  # shares a file
    two = release(tmp_path / "two", "2.0.0", rows=3, previous=one)
    publish(two, hub.url)
    root = tmp_path / "hub"
    assert holding(root, PERSON) == {"objects", "xet"}
    assert local_hub.collect(root, 0).contents == 0  # as long as a tag leads to it, it stays
    assert holding(root, PERSON) == {"objects"}

    code = f"""
from huggingface_hub import HfApi
api, repo = HfApi(), dict(repo_id={REPO!r}, repo_type="dataset")
api.super_squash_history(**repo)
for tag in api.list_repo_refs(**repo).tags:
    api.delete_tag(**repo, tag=tag.name)
now = {{file.lfs.sha256 for file in api.list_repo_tree(**repo, recursive=True) if getattr(file, "lfs", None)}}
files = list(api.list_lfs_files(**repo))
left = [file for file in files if file.file_oid not in now]
print(len(files) - len(left) == len(now), sorted(file.filename for file in left))
print(sorted({{(str(file.ref), file.pushed_at.year > 2000, file.size > 0) for file in files}}))
api.permanently_delete_lfs_files(**repo, lfs_files=left)
print({{file.file_oid for file in api.list_lfs_files(**repo)}} == now)
"""
    assert run_client(code, hub.url, tmp_path).splitlines() == [
        "True ['default/train-00000-of-00001.parquet', 'split_map.parquet']",
        "[('None', True, True), ('refs/heads/main', True, True)]",
        "True",
    ]
    published = publish(two, hub.url)
    assert (published.tag, published.uploaded) == ("v2.0.0", 0)
    assert holding(root, PERSON) == set()

    said = lrl("hub", "collect", "--dir", "hub", "--older-than", "0", cwd=tmp_path)
    assert "removed" in said
    store = Store(root)
    named = {
        entry.sha256
        for repo_id in store.repositories("datasets")
        for commit in store.history("datasets", repo_id, "main")
        for entry in commit.files.values()
    }
    assert {path.name for path in (root / "objects").glob("*/*")} == named
    assert not list(root.glob("xet/*/")) and len(list(store.commits("datasets", REPO))) == 1
    whole(root)
    assert publish(two, hub.url).skipped
    publish(release(tmp_path / "three", "2.1.0", rows=5, previous=two), hub.url)  # clients begin anew


def test_what_no_name_leads_to_is_collected_and_nothing_else(tmp_path: Path) -> None:
    store = Store(tmp_path / "hub")

    def commit(repo_id: str, name: str, revision: str = "main", **kw: bool) -> str:
        content = store.objects.lfs_entry(*store.objects.add([name.encode()]))
        return store.commit(
            "datasets", repo_id, revision, Changes({f"{name}.bin": content}), title="c", **kw
        ).id

    for repo_id in ("lrl-align/kept", "lrl-align/deleted"):
        store.create("datasets", repo_id)
        commit(repo_id, "in both")
    commit("lrl-align/deleted", "only there")
    store.create_branch(*KEPT, "side", None)
    for name in ("side", "tagged", "refs/convert/parquet"):
        commit("lrl-align/kept", name.split("/")[-1], "main" if name == "tagged" else name)
    store.create_tag(*KEPT, "v1", "main")
    commit("lrl-align/kept", "proposed", create_pr=True)
    store.create_branch(*KEPT, "gone", None)
    lost = commit("lrl-align/kept", "gone", "gone")
    store.delete_branch(*KEPT, "gone")
    store.delete("datasets", "lrl-align/deleted")
    store.squash(*KEPT, "main", "one")
    store.objects.add([b"never committed"])

    before = contents(store)
    young = collect(store, 3600)
    assert (young.contents, young.commits) == (0, 1) and contents(store) == before
    with pytest.raises(HubError, match=lost):
        store.commit_at(*KEPT, lost)
    found = collect(store, 0)
    assert before - contents(store) == {b"only there", b"gone", b"never committed"}
    assert (found.contents, found.size) == (3, sum(map(len, before - contents(store))))
    assert contents(store) >= {b"in both", b"side", b"tagged", b"parquet", b"proposed"}
    whole(store.root)


KEPT = ("datasets", "lrl-align/kept")


def contents(store: Store) -> set[bytes]:
    return {path.read_bytes() for path in store.objects.folder.glob("*/*")}


def test_what_a_client_need_not_send_again_is_not_collected_from_under_it(
    hub: local_hub.Server, tmp_path: Path
) -> None:
    """An upload that was never committed is old; a client comes with the same file by LFS, by Xet or small."""
    store = hub.store
    store.create(*ID)
    for number, env in enumerate(({}, {"HF_HUB_DISABLE_XET": "0"})):
        sha, _ = store.objects.add([b"\0" * 5000 + bytes([number])])
        small = store.objects.add_regular(b"small %d" % number)
        for name in (sha, small.sha256):
            os.utime(store.objects.path(name), (1, 1))
        code = f"""
from huggingface_hub import CommitOperationAdd, HfApi
import sys
api, repo = HfApi(), dict(repo_id={ID[1]!r}, repo_type="dataset")
add = CommitOperationAdd("x.bin", b"\\0" * 5000 + bytes([{number}]))
api.preupload_lfs_files(**repo, additions=[add])
print(flush=True)
input()
operations = [add, CommitOperationAdd("small.txt", b"small {number}")]
api.create_commit(**repo, operations=operations, commit_message="c")
"""
        code = code.replace(
            "input()", f"import lrl_datasets.local_hub as h; h.collect({str(store.root)!r}, 3600)"
        )
        code = code.replace("print(flush=True)\n", "")
        if number == 0:
            os.utime(store.objects.path(small.sha256))
        else:
            code = code.replace(f'CommitOperationAdd("small.txt", b"small {number}")', "")
        run_client(code, hub.url, tmp_path, env=env)
        assert store.commit_at(*ID, "main").files["x.bin"].sha256 == sha
    whole(store.root)


def test_collecting_all_the_time_beside_uploads_leaves_refs_whole(
    hub: local_hub.Server, tmp_path: Path
) -> None:
    """Nothing fails while what is young stays; where nothing does, an upload may fail, and no ref breaks."""
    hub.store.create(*ID)
    for older_than in (60.0, 0.0):
        told: list[str] = []
        stop = threading.Event()

        def write(writer: str, told: list[str] = told, stop: threading.Event = stop) -> None:
            turn = 0
            while not stop.is_set():
                name, turn = f"{writer}-{turn}", turn + 1
                try:
                    taken = upload(hub.url, name, os.urandom(20_000))
                    told.append(name if taken else "refused 503")  # collected while it was on its way
                except HubError as refusal:
                    told.append(f"refused {refusal.status}")

        writers = [
            threading.Thread(target=write, args=(f"{number}-{older_than:.0f}",)) for number in range(3)
        ]
        for writer in writers:
            writer.start()
        runs, until = 0, time.monotonic() + 1.5
        while time.monotonic() < until:
            collect(Store(tmp_path / "hub"), older_than)
            runs += 1
        stop.set()
        for writer in writers:
            writer.join()
        again = Store(tmp_path / "hub")
        head, *older = again.history(*ID, "main")
        assert all(commit.files.items() <= head.files.items() for commit in older)
        for entry in head.files.values():
            assert hashlib.sha256(again.objects.path(entry.sha256).read_bytes()).hexdigest() == entry.sha256
        made = [name for name in told if not name.startswith("refused")]
        assert runs > 5 and len(made) > 5
        assert made == told or older_than == 0
        assert {name for name in told if name not in made} <= {"refused 400", "refused 503"}
        assert all(f"v{name}" in again.refs(*ID).tags for name in made)


def test_a_removal_that_is_killed_at_any_step_leaves_a_whole_store(tmp_path: Path) -> None:
    root = tmp_path / "hub"
    store = Store(root)
    store.create(*ID)
    shas = []
    for number in range(3):
        sha, size = store.objects.add([b"%d" % number * 100])
        shas.append(sha)
        change = Changes({f"{number}.bin": store.objects.lfs_entry(sha, size)})
        store.commit(*ID, "main", change, title="c")
        store.create_tag(*ID, f"v{number}", "main")
    (root / "xet").mkdir()
    (root / "xet/id").write_text("a" * 32)
    (root / "xet" / ("a" * 32) / "00").mkdir(parents=True)
    (root / "xet" / ("a" * 32) / "00" / "0").write_text("a xorb")
    states = [whole(root)]
    for act in (
        lambda: erase(Store(root), *ID, {shas[1]}, rewrite=True),
        lambda: Store(root).delete_tag(*ID, "v2"),
        lambda: Store(root).squash(*ID, "main", "one"),
        lambda: collect(Store(root), 0),
    ):
        step = 0
        while killed_at(step, act):
            after = whole(root)
            assert after in (states[-1], after) and after["lrl-align/x@v0"] == [".gitattributes", "0.bin"]
            step += 1
        assert step >= 2
        states.append(whole(root))
    assert states[0]["lrl-align/x@v1"] == [".gitattributes", "0.bin", "1.bin"]
    assert states[1]["lrl-align/x@v1"] == [".gitattributes", "0.bin"]
    assert states[1]["lrl-align/x@main"] == [".gitattributes", "0.bin", "2.bin"]
    assert not store.objects.path(shas[1]).exists() and store.objects.path(shas[2]).exists()
    assert not list((root / "xet").glob("*/")) and list((root / "tmp").iterdir()) == []


def test_large_files_are_deleted_from_one_repository_only(tmp_path: Path) -> None:
    with running_hub(tmp_path, token="hf_secret") as hub:
        store = hub.store
        sha, size = store.objects.add([b"shared"])
        own, _ = store.objects.add([b"own"])
        for name in ("a", "b"):
            store.create("datasets", f"lrl-align/{name}")
            entries = {"x.bin": store.objects.lfs_entry(sha, size)}
            if name == "a":
                entries["own.bin"] = store.objects.lfs_entry(own)
            store.commit("datasets", f"lrl-align/{name}", "main", Changes(entries), title="c")
        strange, _ = store.objects.add([b"of nobody"])
        body = (
            f'{{"deletions": {{"sha": ["{sha}", "{own}", "{strange}"], "rewriteHistory": false}}}}'.encode()
        )
        where = "/api/datasets/lrl-align/a/lfs-files"
        assert request(hub, "POST", f"{where}/batch", body=body)[0] == 401
        assert request(hub, "GET", where)[0] == 401
        authorised = {"Authorization": "Bearer hf_secret"}
        assert request(hub, "POST", f"{where}/batch", authorised, body)[0] == 200
        assert [store.objects.path(one).exists() for one in (sha, own, strange)] == [True, False, True]
        head = store.commit_at("datasets", "lrl-align/a", "main")
        assert sorted(head.files) == [".gitattributes", "own.bin", "x.bin"]  # the history was not rewritten
        erase(store, "datasets", "lrl-align/a", {sha, own}, rewrite=True)
        assert list(store.commit_at("datasets", "lrl-align/a", "main").files) == [".gitattributes"]
        assert hashlib.sha256(store.objects.path(sha).read_bytes()).hexdigest() == sha
        whole(store.root)


def test_what_broken_runs_left_goes_when_it_is_old(tmp_path: Path) -> None:
    store = Store(tmp_path / "hub")
    places = [store.objects.tmp / "file", store.root / "mirror/0/cache/file", store.root / "xet/xorbs/00/0"]
    for place in places:
        place.parent.mkdir(parents=True, exist_ok=True)
        place.write_bytes(b"12345")
    assert collect(store, 3600).waiting == 5
    assert all(place.exists() for place in places)
    for place in places:
        for old in (place, *place.parents):
            if store.root in old.parents and old != store.objects.tmp:
                os.utime(old, (1, 1))
    assert (collect(store, 3600).size, *map(Path.exists, places)) == (15, False, False, False)


def test_a_folder_that_is_no_store_is_left_alone(tmp_path: Path) -> None:
    with pytest.raises(LrlError, match="no store of a local Hub"):
        local_hub.collect(tmp_path, 0)
    assert list(tmp_path.iterdir()) == []
    assert "no store of a local Hub" in lrl("hub", "collect", "--dir", "none", cwd=tmp_path, code=2)
