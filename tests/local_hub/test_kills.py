"""Kill -9 at any point leaves a store that is whole: real kills, of writers at each step and of the server."""

from __future__ import annotations

import base64
import hashlib
import http.client
import json
import os
import random
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Callable
from pathlib import Path

import pytest

from lrl_datasets.local_hub.commits import Changes
from lrl_datasets.local_hub.objects import HubError, Incoming
from lrl_datasets.local_hub.store import Store
from tests.hub import client_environment
from tests.local_hub.http import request

ID = ("datasets", "lrl-align/x")


def whole(root: Path) -> dict[str, object]:
    """Read a store as after a restart, every file with its hash, and return what its refs say."""
    store = Store(root)
    seen: dict[str, object] = {}
    for repo_id in store.repositories("datasets"):
        refs = store.refs("datasets", repo_id)
        for name in (*refs.branches, *refs.tags, *(f"refs/convert/{name}" for name in refs.converts)):
            for commit in store.history("datasets", repo_id, name):
                for entry in commit.files.values():
                    content = store.objects.path(entry.sha256).read_bytes()
                    assert (hashlib.sha256(content).hexdigest(), len(content)) == (entry.sha256, entry.size)
            seen[f"{repo_id}@{name}"] = sorted(store.commit_at("datasets", repo_id, name).files)
    return seen


def killed_at(step: int, act: Callable[[], object]) -> bool:
    """Do something in a process that is killed before its `step`-th change on disk; False: it came through."""
    child = os.fork()
    if child == 0:
        left = step

        def watch(event: str, args: tuple[object, ...]) -> None:
            nonlocal left
            opens = event == "open" and isinstance(args[2], int) and args[2] & (os.O_WRONLY | os.O_RDWR)
            if opens or event in ("os.rename", "os.link", "os.remove", "os.mkdir", "os.chmod", "os.rmdir"):
                left -= 1
                if left < 0:
                    os.kill(os.getpid(), signal.SIGKILL)

        sys.addaudithook(watch)
        try:
            act()
        finally:
            os._exit(0)
    return os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]) == -signal.SIGKILL


def create(root: Path) -> None:
    Store(root).create(*ID)


def commit(root: Path) -> None:
    store = Store(root)
    large = store.objects.lfs_entry(*store.objects.add([b"large" * 1000]))
    store.commit(*ID, "main", Changes({"a.bin": large, "b.txt": store.objects.add_regular(b"b")}), title="c")


ACTS: dict[str, Callable[[Path], object]] = {
    "create": create,
    "commit": commit,
    "convert": lambda root: Store(root).create_branch(*ID, "refs/convert/parquet", None),
    "tag": lambda root: Store(root).create_tag(*ID, "v1", "main"),
    "squash": lambda root: Store(root).squash(*ID, "main", "one"),
    "delete": lambda root: Store(root).delete(*ID),
}


def test_a_writer_that_is_killed_at_any_step_did_all_or_nothing(tmp_path: Path) -> None:
    kills, root = 0, tmp_path / "hub"
    states = [whole(root)]
    for name, act in ACTS.items():
        before, step = whole(root), 0
        while killed_at(step, lambda act=act: act(root)):  # type: ignore[misc]
            after = whole(root)
            step += 1
            if after != before:
                break
        else:
            after = whole(root)
        assert step >= 2, name
        if name == "squash":
            assert after == before
        else:
            assert after != before, name
        assert after not in states[:-1] or name == "delete"
        states.append(after)
        kills += step
    assert kills >= 30
    assert states[-1] == states[0] == {}
    assert states[2] == {"lrl-align/x@main": [".gitattributes", "a.bin", "b.txt"]}


def test_content_is_on_disk_before_it_has_its_name(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    store, order = Store(tmp_path), []
    fsync, replace = os.fsync, os.replace
    monkeypatch.setattr(
        os, "fsync", lambda handle: (order.append(os.readlink(f"/proc/self/fd/{handle}")), fsync(handle))
    )
    monkeypatch.setattr(
        os, "replace", lambda old, new: (order.append((str(old), str(new))), replace(old, new))
    )
    create(tmp_path)
    commit(tmp_path)
    renames = [step for step in order if isinstance(step, tuple)]
    for old, new in renames:
        at = order.index((old, new))
        assert old in order[:at] and str(Path(new).parent) in order[at:]
    names = [Path(new).name for _, new in renames]
    assert names[-1] == "refs.json" and names.count("refs.json") == 2
    assert list(store.objects.tmp.iterdir()) == []


def test_what_killed_processes_left_is_cleared_after_a_day(tmp_path: Path) -> None:
    store = Store(tmp_path)
    for name in ("old", "new"):
        incoming = Incoming(store.objects.tmp)
        Path(incoming._temporary).rename(store.objects.tmp / name)
    (store.objects.tmp / "gone").mkdir()
    (store.objects.tmp / "gone" / "refs.json").write_text("{}")
    for name in ("old", "gone"):
        os.utime(store.objects.tmp / name, (time.time() - 90_000,) * 2)
    Store(tmp_path)
    assert [path.name for path in store.objects.tmp.iterdir()] == ["new"]


def test_the_server_may_be_killed_while_clients_write(tmp_path: Path) -> None:
    """Commits and tags that were acknowledged are there, the others whole or not at all; it goes on."""
    root, rng = tmp_path / "hub", random.Random(8)
    create(root)
    server, url = serve(root, 0)
    told: dict[int, list[str]] = {writer: [] for writer in range(3)}
    sent: dict[str, bytes] = {}
    stop = threading.Event()

    def write(writer: int) -> None:
        turn = 0
        while not stop.is_set():
            name = f"{writer}-{turn}"
            content = sent[name] = os.urandom(200_000)
            turn += 1
            try:
                if upload(url, name, content):
                    told[writer].append(name)
            except (OSError, http.client.HTTPException):
                time.sleep(0.05)

    writers = [threading.Thread(target=write, args=(writer,)) for writer in told]
    for writer in writers:
        writer.start()
    kills = 0
    try:
        for _ in range(8):
            goal = sum(map(len, told.values())) + 2
            deadline = time.monotonic() + 30
            while sum(map(len, told.values())) < goal and time.monotonic() < deadline:
                time.sleep(0.01)
            time.sleep(rng.random() * 0.05)
            server.kill()
            server.wait()
            kills += 1
            whole(root)
            server, url = serve(root, int(url.rsplit(":", 1)[1]))
    finally:
        stop.set()
        for writer in writers:
            writer.join()
        server.kill()
        server.wait()
    whole(root)
    store = Store(root)
    head, tags = store.commit_at(*ID, "main").files, store.refs(*ID).tags
    acknowledged = [name for names in told.values() for name in names]
    assert kills == 8 and len(acknowledged) >= 16
    for name in acknowledged:
        assert head[f"{name}.bin"].sha256 == hashlib.sha256(sent[name]).hexdigest()
        assert f"{name}.txt" in head and tags[f"v{name}"]
    for name in {path.split(".")[0] for path in head} - {""}:  # also where the answer was lost: both files
        assert {f"{name}.bin", f"{name}.txt"} <= set(head)


def serve(root: Path, port: int) -> tuple[subprocess.Popen[str], str]:
    code = f"from lrl_datasets import local_hub; local_hub.serve_forever({str(root)!r}, {port})"
    server = subprocess.Popen(
        [sys.executable, "-c", code], stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True,
        env=client_environment("", root),
    )  # fmt: skip
    assert server.stdout is not None
    return server, server.stdout.readline().split()[2]


def upload(url: str, name: str, content: bytes) -> bool:
    """Upload one LFS file, commit it with a small one, tag the commit; says whether all was acknowledged."""
    oid, where = hashlib.sha256(content).hexdigest(), "/datasets/lrl-align/x.git/info/lfs/objects/batch"
    batch = {"operation": "upload", "objects": [{"oid": oid, "size": len(content)}]}
    _, _, told = request(url, "POST", where, body=json.dumps(batch).encode())
    actions = json.loads(told)["objects"][0].get("actions")
    if actions and request(url, "PUT", actions["upload"]["href"].removeprefix(url), body=content)[0] != 200:
        return False
    lines = [
        {"key": "header", "value": {"summary": name}},
        {"key": "lfsFile", "value": {"path": f"{name}.bin", "oid": oid, "size": len(content)}},
        {"key": "file", "value": {"path": f"{name}.txt", "content": base64.b64encode(name.encode()).decode(),
                                  "encoding": "base64"}},
    ]  # fmt: skip
    body = "\n".join(map(json.dumps, lines)).encode()
    status, _, told = request(url, "POST", "/api/datasets/lrl-align/x/commit/main", body=body)
    if status != 200:
        raise HubError(status, told.decode())
    made = json.loads(told)["commitOid"]
    tag = json.dumps({"tag": f"v{name}"}).encode()
    return request(url, "POST", f"/api/datasets/lrl-align/x/tag/{made}", body=tag)[0] == 200
