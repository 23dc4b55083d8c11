"""Mirroring from one local Hub into another, with the real client on the way and a load from the copy."""

from __future__ import annotations

import dataclasses
import os
import select
import signal
import socket
import socketserver
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from urllib.parse import urlsplit

import pytest

from lrl_datasets import local_hub
from lrl_datasets.errors import LrlError
from lrl_datasets.local_hub import Fault, HubError, Store
from lrl_datasets.local_hub.mirror import mirror
from lrl_datasets.local_hub.store import Changes
from tests.hub import client_environment, run_client
from tests.local_hub.samples import CARD, parquet

DATA = "lrl-align/data"


@pytest.fixture
def far(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[local_hub.Server]:
    """A Hub with a dataset in two tagged versions, a conversion branch, and a model of the same name."""
    monkeypatch.setenv("HF_HUB_DISABLE_PROGRESS_BARS", "1")
    store = Store(tmp_path / "far")
    store.create("datasets", DATA)
    store.create("models", DATA)
    store.create("models", "lrl-align/tiny")
    for version in (1, 2):
        files = {
            "README.md": CARD,
            "default/test.parquet": parquet(2),
            "preference/train.parquet": parquet(3),
        }
        files["default/train.parquet"] = parquet(4 + version)
        entries = {"README.md": store.objects.add_regular(CARD)}
        entries |= {path: store.objects.lfs_entry(*store.objects.add([data])) for path, data in files.items()
                    if path != "README.md"}  # fmt: skip
        made = store.commit("datasets", DATA, "main", Changes(entries), title=f"version {version}")
        store.create_tag("datasets", DATA, f"v{version}", made.id)
    store.create_tag("datasets", DATA, "also-v2", "v2")
    folder = tmp_path / "converted"
    folder.mkdir()
    (folder / "0000.parquet").write_bytes(parquet(9))
    local_hub.put(tmp_path / "far", DATA, folder, revision="refs/convert/parquet")
    weights = store.objects.lfs_entry(*store.objects.add([b"weights" * 1000]))
    store.commit("models", "lrl-align/tiny", "main", Changes({"model.safetensors": weights}), title="weights")
    with local_hub.serve(tmp_path / "far") as server:
        yield server


def fetched(hub: local_hub.Server) -> list[str]:
    return sorted(
        path.rsplit("/", 1)[1] for method, path in hub.requests if method == "GET" and "/resolve/" in path
    )


def test_revisions_keep_their_names_and_load_from_the_copy(far: local_hub.Server, tmp_path: Path) -> None:
    what = [
        f"datasets/{DATA}@v1",
        f"datasets/{DATA}@v2",
        f"datasets/{DATA}@refs/convert/parquet",
        "lrl-align/tiny",
    ]
    found = mirror(tmp_path / "near", what, far.url)
    there = {one: far.store.resolve(one.kind, one.repo_id, one.revision) for one in found}
    assert {one: one.commit for one in found} == there
    assert [(one.files, one.fetched > 0) for one in found] == [(5, True), (5, True), (1, True), (2, True)]
    assert found[1].fetched == len(parquet(6))  # what the two versions share came once
    near = Store(tmp_path / "near")
    v1, v2 = found[0].commit, found[1].commit
    refs = near.refs("datasets", DATA)
    assert (refs.tags, refs.branches) == ({"v1": v1, "v2": v2, "also-v2": v2}, {"main": v1})
    assert near.commit_at("datasets", DATA, v2).files == far.store.commit_at("datasets", DATA, v2).files
    assert near.commit_at("datasets", DATA, v2).title == "version 2"
    assert not (tmp_path / "near/mirror" / v1).exists()
    with local_hub.serve(tmp_path / "near") as hub:
        code = f"""
from datasets import load_dataset
from huggingface_hub import HfApi, hf_hub_download
for revision in ("v1", "v2", {v2!r}):
    print(load_dataset({DATA!r}, revision=revision, split="train").num_rows)
print(load_dataset({DATA!r}, revision="refs/convert/parquet", data_files="0000.parquet", split="train").num_rows)
print(HfApi().dataset_info({DATA!r}, revision="v2").sha, len(HfApi().list_repo_commits({DATA!r}, repo_type="dataset")))
print(open(hf_hub_download("lrl-align/tiny", "model.safetensors"), "rb").read() == b"weights" * 1000)
"""
        assert run_client(code, hub.url, tmp_path).split() == ["5", "6", "6", "9", v2, "1", "True"]
    far.requests.clear()
    assert [one.fetched for one in mirror(tmp_path / "near", what, far.url)] == [0, 0, 0, 0]
    assert fetched(far) == []


def test_main_moves_only_where_it_is_asked_for_and_never_off_what_was_made_here(
    far: local_hub.Server, tmp_path: Path
) -> None:
    what = f"datasets/{DATA}"
    first = mirror(tmp_path / "near", [f"{what}@v1"], far.url)[0].commit
    near = Store(tmp_path / "near")
    mirror(tmp_path / "near", [f"{what}@v2"], far.url)
    assert near.resolve("datasets", DATA, "main") == first
    latest = mirror(tmp_path / "near", [what], far.url)[0].commit
    assert near.resolve("datasets", DATA, "main") == latest == far.store.resolve("datasets", DATA, "v2")
    change = Changes({"own.txt": near.objects.add_regular(b"own")})
    own = near.commit("datasets", DATA, "main", change, title="made here").id
    with pytest.raises(LrlError, match="made here"):
        mirror(tmp_path / "near", [what], far.url)
    assert near.resolve("datasets", DATA, "main") == own
    mirror(tmp_path / "near", [f"{what}@v2"], far.url)  # a tag is none the worse for it
    far.store.delete_tag("datasets", DATA, "v1")
    far.store.create_tag("datasets", DATA, "v1", "v2")
    with pytest.raises(LrlError, match=f"tag v1 stands at {first} here"):
        mirror(tmp_path / "near", [f"{what}@v1"], far.url)


def test_a_broken_run_goes_on_where_it_broke(far: local_hub.Server, tmp_path: Path) -> None:
    far.faults.append(Fault("error:403", "GET", "preference/train.parquet", count=-1))
    with pytest.raises(LrlError, match="run it again"):
        mirror(tmp_path / "near", [f"datasets/{DATA}@v1"], far.url)
    assert Store(tmp_path / "near").repositories("datasets") == []
    far.faults.clear()
    before = set(fetched(far)) - {"preference/train.parquet"}
    far.requests.clear()
    mirror(tmp_path / "near", [f"datasets/{DATA}@v1"], far.url)
    assert {name for name in fetched(far) if name.endswith("parquet")} <= {"train.parquet", "test.parquet"}
    assert len(fetched(far)) < 5 and before


def test_a_killed_run_leaves_nothing_half_and_goes_on(far: local_hub.Server, tmp_path: Path) -> None:
    far.faults.append(Fault("delay:60", "GET", "preference/train.parquet"))
    code = f"from lrl_datasets.cli import app; app(['hub', 'mirror', 'datasets/{DATA}@v1', '--dir', 'near'])"
    run = [sys.executable, "-c", code]
    environment = client_environment(far.url, tmp_path / "home")
    with subprocess.Popen(run, cwd=tmp_path, env=environment) as killed:
        deadline = time.monotonic() + 60
        while len(fetched(far)) < 5 and time.monotonic() < deadline:
            time.sleep(0.02)
        time.sleep(0.3)
        os.kill(killed.pid, signal.SIGKILL)
    assert Store(tmp_path / "near").repositories("datasets") == []
    far.requests.clear()
    far.faults.clear()
    done = subprocess.run(run, cwd=tmp_path, env=environment, capture_output=True, text=True, timeout=120)
    v1 = far.store.resolve("datasets", DATA, "v1")
    assert f"{DATA}@v1 is commit {v1}: 5 files" in done.stdout
    assert fetched(far) == ["train.parquet"]
    assert (
        Store(tmp_path / "near").commit_at("datasets", DATA, "v1").files
        == far.store.commit_at("datasets", DATA, "v1").files
    )


def test_a_run_goes_on_within_a_file(far: local_hub.Server, tmp_path: Path) -> None:
    """Kill it in the middle of a file: the next run asks for the rest only, and the whole has its hash."""
    large = os.urandom(48 << 20)
    entry = far.store.objects.lfs_entry(*far.store.objects.add([large]))
    far.store.commit("models", "lrl-align/tiny", "main", Changes({"large.bin": entry}), title="large")
    code = "import sys; from lrl_datasets.cli import app; "
    code += "app(['hub', 'mirror', 'models/lrl-align/tiny', '--dir', 'near', '--endpoint', sys.argv[1]])"
    environment = client_environment(far.url, tmp_path / "home")
    sent: list[int] = []
    with (
        slowly(far.url, sent) as url,
        subprocess.Popen([sys.executable, "-c", code, url], cwd=tmp_path, env=environment) as killed,
    ):
        deadline = time.monotonic() + 60
        while sum(sent) < 24 << 20 and time.monotonic() < deadline:
            time.sleep(0.01)
        os.kill(killed.pid, signal.SIGKILL)
    parts = list((tmp_path / "near/mirror").glob(f"*/{entry.sha256}"))
    here = parts[0].stat().st_size
    assert 8 << 20 < here < len(large)
    sent.clear()
    with slowly(far.url, sent) as url:
        run = [sys.executable, "-c", code, url]
        done = subprocess.run(run, cwd=tmp_path, env=environment, capture_output=True, text=True, timeout=120)
    assert "lrl-align/tiny@main is commit" in done.stdout, done.stderr
    assert len(large) - here <= sum(sent) < len(large) - here + (2 << 20)
    assert Store(tmp_path / "near").objects.path(entry.sha256).read_bytes() == large
    assert list((tmp_path / "near/mirror").iterdir()) == []


@contextmanager
def slowly(url: str, sent: list[int]) -> Iterator[str]:
    """Pass a Hub's bytes on at some 60 MB/s; `sent` has what went to clients."""
    target = urlsplit(url)

    class Relay(socketserver.BaseRequestHandler):
        def handle(self) -> None:
            with socket.create_connection((target.hostname, target.port)) as behind, suppress(OSError):
                pair = [self.request, behind]
                while True:
                    for one in select.select(pair, [], [])[0]:
                        data = one.recv(1 << 16)
                        if not data:
                            return
                        if one is behind:
                            sent.append(len(data))
                            time.sleep(0.001)
                            self.request.sendall(data)
                        else:
                            behind.sendall(data)

    class Server(socketserver.ThreadingTCPServer):
        daemon_threads = True

    with Server(("127.0.0.1", 0), Relay) as server:
        thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.05}, daemon=True)
        thread.start()
        yield f"http://127.0.0.1:{server.server_address[1]}"
        server.shutdown()


def test_a_part_of_another_file_is_fetched_anew(far: local_hub.Server, tmp_path: Path) -> None:
    v1 = far.store.commit_at("datasets", DATA, "v1")
    entry = v1.files["default/train.parquet"]
    for rubbish in (b"x" * (entry.size - 1), b"x" * entry.size, b"x" * (entry.size + 1)):
        place = tmp_path / "near/mirror" / v1.id / entry.sha256
        place.parent.mkdir(parents=True, exist_ok=True)
        place.write_bytes(rubbish)
        if len(rubbish) <= entry.size:
            with pytest.raises(LrlError, match=r"default/train\.parquet is not what its hash says"):
                mirror(tmp_path / "near", [f"datasets/{DATA}@v1"], far.url)
    assert mirror(tmp_path / "near", [f"datasets/{DATA}@v1"], far.url)[0].files == 5


def test_a_hub_is_not_mirrored_onto_itself(far: local_hub.Server, tmp_path: Path) -> None:
    head = far.store.commit_at("datasets", DATA, "main")
    before = {path: path.read_bytes() for path in far.store.root.rglob("*.json")}
    with pytest.raises(LrlError, match=r"serves .*far itself, so there is nothing to mirror"):
        mirror(tmp_path / "far", [f"datasets/{DATA}@v2"], far.url)
    assert {path: path.read_bytes() for path in far.store.root.rglob("*.json")} == before
    # Also where it cannot be told, behind a proxy, say: a commit never changes.
    commit = dataclasses.replace(head, parent=None, title="mirrored", source="https://example.org")
    far.store.adopt("datasets", DATA, commit, "v2", {"v2"}, private=False)
    assert {path: path.read_bytes() for path in far.store.root.rglob("*.json")} == before
    assert len(list(Store(tmp_path / "far").history("datasets", DATA, "main"))) == 3
    with pytest.raises(HubError, match="has other files here"):
        far.store.adopt("datasets", DATA, dataclasses.replace(commit, files={}), "v2", {"v2"}, private=False)


def test_a_tag_that_stands_elsewhere_is_said_before_anything_is_fetched_or_written(
    far: local_hub.Server, tmp_path: Path
) -> None:
    near = Store(tmp_path / "near")
    near.create("datasets", DATA)
    near.create_tag("datasets", DATA, "v1", "main")
    before = sorted(near.root.rglob("*"))
    far.requests.clear()
    with pytest.raises(LrlError, match="tag v1 stands at"):
        mirror(tmp_path / "near", [f"datasets/{DATA}@v1"], far.url)
    assert fetched(far) == [] and sorted(near.root.rglob("*")) == before


def test_main_is_not_moved_off_a_history_that_was_squashed(far: local_hub.Server, tmp_path: Path) -> None:
    near = Store(tmp_path / "near")
    near.create("datasets", DATA)
    near.commit("datasets", DATA, "main", Changes({"a.txt": near.objects.add_regular(b"a")}), title="own")
    near.squash("datasets", DATA, "main", "own, in one")
    own = near.resolve("datasets", DATA, "main")
    mirror(tmp_path / "near", [f"datasets/{DATA}@v1"], far.url)
    assert near.resolve("datasets", DATA, "main") == own and near.refs("datasets", DATA).tags


def test_a_file_that_is_not_what_its_hash_says_is_refused(far: local_hub.Server, tmp_path: Path) -> None:
    far.store.objects.quick = 0  # or the far Hub would notice itself
    for name, path in (("one", "default/train.parquet"), ("two", "README.md")):
        entry = far.store.commit_at("datasets", DATA, "v1").files[path]
        place = far.store.objects.path(entry.sha256)
        good = place.read_bytes()
        place.write_bytes(good[:-1] + b"?")
        with pytest.raises(LrlError, match=f"{path} is not what its hash says"):
            mirror(tmp_path / name, [f"datasets/{DATA}@v1"], far.url)
        assert Store(tmp_path / name).repositories("datasets") == []
        place.write_bytes(good)
        assert mirror(tmp_path / name, [f"datasets/{DATA}@v1"], far.url)[0].files == 5


@pytest.mark.parametrize(
    ("what", "message"),
    [
        (DATA, "a dataset and a model: write datasets/lrl-align/data or models/lrl-align/data"),
        ("lrl-align/none", "no such dataset or model at http"),
        ("lrl-align/tiny@v9", "no such revision at http"),
        ("models/lrl-align/none@v9", "no such dataset or model at http"),
        ("a/b/c", "no id of a dataset or model"),
    ],
)
def test_what_cannot_be_mirrored_is_said_in_words(
    far: local_hub.Server, tmp_path: Path, what: str, message: str
) -> None:
    with pytest.raises(LrlError, match=message):
        mirror(tmp_path / "near", [what], far.url)


def test_a_hub_that_is_not_there_is_said_to_be(tmp_path: Path) -> None:
    with pytest.raises(LrlError, match="cannot be reached"):
        mirror(tmp_path / "near", ["lrl-align/x"], "http://127.0.0.1:9")
