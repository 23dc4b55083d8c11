"""What a disk, a power cut or a hand does to a store: noticed, said, kept to one repository, and healed."""

from __future__ import annotations

import base64
import hashlib
import json
import logging
import os
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from lrl_datasets import local_hub
from lrl_datasets.errors import LrlError
from lrl_datasets.local_hub.commits import Changes
from lrl_datasets.local_hub.mirror import mirror
from lrl_datasets.local_hub.store import Store
from tests.hub import client_environment, put_dataset, run_client, running_hub
from tests.local_hub.http import request
from tests.local_hub.samples import CARD, parquet
from tests.test_cli import lrl

ID = "lrl-align/x"
DATA = parquet(500)
SHA = hashlib.sha256(DATA).hexdigest()
WHERE = f"/datasets/{ID}/resolve/main/data/train.parquet"


@pytest.fixture
def hub(tmp_path: Path) -> Iterator[local_hub.Server]:
    with running_hub(tmp_path) as server:
        server.store.create("datasets", ID)
        entries = {
            "data/train.parquet": server.store.objects.lfs_entry(*server.store.objects.add([DATA])),
            "README.md": server.store.objects.add_regular(CARD),
        }
        server.store.commit("datasets", ID, "main", Changes(entries), title="data")
        server.store.create("datasets", "lrl-align/other")
        yield server


def damage(store: Store, content: bytes, how: str) -> Path:
    path = store.objects.path(hashlib.sha256(content).hexdigest())
    path.write_bytes(content[:3] if how == "short" else bytes(len(content)))
    return path


# ---- one bad repository ---------------------------------------------------------------------------------


@pytest.mark.parametrize("text", ["", '{"id": "lrl-', "[]", "{}", '{"id": 1, "x": 2}', "[" * 100_000])
def test_a_damaged_repository_hides_no_other(
    hub: local_hub.Server, caplog: pytest.LogCaptureFixture, text: str
) -> None:
    caplog.set_level(logging.WARNING, "lrl_datasets.local_hub")
    (hub.store.root / "datasets/lrl-align--x/refs.json").write_text(text)
    status, _, page = request(hub, "GET", "/")
    assert status == 200 and b"lrl-align/<wbr>other" in page and b"lrl-align/<wbr>x" not in page
    _, _, told = request(hub, "GET", "/api/datasets")
    assert [one["id"] for one in json.loads(told)] == ["lrl-align/other"]
    left_out = [
        one for one in caplog.records if "datasets/lrl-align/x is left out: refs.json" in one.getMessage()
    ]
    assert len(left_out) == 2 and left_out[0].levelno == logging.WARNING
    for method, path in (
        ("GET", f"/datasets/{ID}"), ("GET", f"/api/datasets/{ID}"), ("GET", WHERE),
        ("POST", f"/api/datasets/{ID}/tag/main"),
    ):  # fmt: skip
        status, _, told = request(hub, method, path, body=b'{"tag": "v1"}' if method == "POST" else None)
        assert status == 500 and "is damaged in the Hub's store" in json.loads(told)["error"]
    assert any(one.levelno == logging.ERROR for one in caplog.records)
    with pytest.raises(LrlError, match=r"refs\.json of datasets/lrl-align/x is damaged"):
        local_hub.collect(hub.store.root, 0)  # who does not know what is held removes nothing
    assert hub.store.objects.path(SHA).exists()


def test_a_folder_that_is_no_repositorys_is_left_out(
    hub: local_hub.Server, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.WARNING, "lrl_datasets.local_hub")
    (hub.store.root / "datasets/a b").mkdir()
    (hub.store.root / "datasets/a b/refs.json").write_text("{}")
    assert request(hub, "GET", "/")[0] == 200
    assert len(json.loads(request(hub, "GET", "/api/datasets")[2])) == 2
    assert "datasets/a b in the Hub's store is named as no repository" in caplog.text
    with pytest.raises(LrlError, match="datasets/a b in the Hub's store is named as no repository"):
        local_hub.collect(hub.store.root, 0)


def test_a_damaged_commit_hides_no_other_repository(hub: local_hub.Server) -> None:
    head = hub.store.resolve("datasets", ID, "main")
    path = hub.store._commit_path("datasets", ID, head)
    path.write_bytes(path.read_bytes()[:50])
    with local_hub.serve(hub.store.root.parent / "unused") as unused:
        assert unused.url != hub.url
    hub.store._read_commit.cache_clear()
    assert b"lrl-align/<wbr>other" in request(hub, "GET", "/")[2]
    status, _, told = request(hub, "GET", f"/api/datasets/{ID}")
    assert status == 500 and f"commit {head} is damaged" in json.loads(told)["error"]


def test_a_folder_that_was_renamed_is_the_repository_of_its_new_name(hub: local_hub.Server) -> None:
    folder = hub.store.root / "datasets"
    (folder / "lrl-align--other").rename(folder / "lrl-align--new")
    hub.store.create_tag("datasets", "lrl-align/new", "v1", "main")
    assert hub.store.refs("datasets", "lrl-align/new").tags and not (folder / "lrl-align--other").exists()


# ---- damaged contents -----------------------------------------------------------------------------------


@pytest.mark.parametrize("how", ["short", "zeros"])
def test_a_damaged_content_is_not_served(
    hub: local_hub.Server, caplog: pytest.LogCaptureFixture, how: str
) -> None:
    assert request(hub, "GET", WHERE)[2] == DATA
    damage(hub.store, DATA, how)
    for headers in ({}, {"Range": "bytes=0-1"}):
        status, _, told = request(hub, "GET", WHERE, headers)
        assert status == 500 and f"Object {SHA} is damaged" in json.loads(told)["error"]
    assert any(one.levelno == logging.ERROR and SHA in one.getMessage() for one in caplog.records)
    assert request(hub, "GET", f"/api/datasets/{ID}")[0] == 200


def test_an_answer_that_breaks_off_on_the_disk_ends_the_connection(
    hub: local_hub.Server, caplog: pytest.LogCaptureFixture, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The file is cut after it was looked at: the client must not wait for the rest."""
    sound = hub.store.objects.sound

    def cut(sha256: str, size: int | None = None, quick: int | None = None) -> bool:
        found = sound(sha256, size, quick)
        if sha256 == SHA:
            damage(hub.store, DATA, "short")
        return found

    monkeypatch.setattr(hub.store.objects, "sound", cut)
    code = f"import sys, urllib.request as u\ntry: u.urlopen(sys.argv[1] + {WHERE!r}, timeout=20).read()\n"
    code += "except Exception as problem: print(type(problem).__name__)"
    done = subprocess.run([sys.executable, "-c", code, hub.url], capture_output=True, text=True, timeout=60)
    assert done.stdout.strip() == "IncompleteRead"
    assert f"broke off {len(DATA) - 3} bytes early" in caplog.text


@pytest.mark.parametrize("how", ["short", "zeros", "gone"])
@pytest.mark.parametrize("xet", ["", "1"])
def test_the_next_upload_heals_what_is_damaged(tmp_path: Path, how: str, xet: str) -> None:
    files: dict[str, bytes | Path] = {"README.md": CARD, "data/train.parquet": DATA}
    with running_hub(tmp_path) as hub:
        put_dataset(hub.url, ID, files)
        for content in (CARD, DATA):
            path = damage(hub.store, content, how)
            if how == "gone":
                path.unlink()
        (tmp_path / "train.parquet").write_bytes(DATA)
        (tmp_path / "README.md").write_bytes(CARD)
        code = f"""
from huggingface_hub import CommitOperationAdd as Add, HfApi
add = [Add(path, f"{tmp_path}/" + path.split("/")[-1]) for path in ("README.md", "data/train.parquet")]
HfApi().create_commit({ID!r}, add, commit_message="again", repo_type="dataset")
"""
        run_client(code, hub.url, tmp_path, env={"HF_HUB_DISABLE_XET": "" if xet else "1"})
        assert request(hub, "GET", WHERE)[2] == DATA
        assert request(hub, "GET", f"/datasets/{ID}/resolve/main/README.md")[2] == CARD


def test_a_damaged_gitattributes_stops_no_upload(hub: local_hub.Server) -> None:
    head = hub.store.commit_at("datasets", ID, "main").files[".gitattributes"]
    hub.store.objects.path(head.sha256).unlink()
    body = json.dumps(
        {"files": [{"path": "x.parquet", "sample": base64.b64encode(b"x").decode(), "size": 1}]}
    )
    status, _, told = request(hub, "POST", f"/api/datasets/{ID}/preupload/main", body=body.encode())
    assert (status, json.loads(told)["files"][0]["uploadMode"]) == (200, "lfs")


# ---- lrl hub check --------------------------------------------------------------------------------------


def test_check_names_what_is_damaged_and_puts_it_aside(hub: local_hub.Server, tmp_path: Path) -> None:
    hub.store.objects.quick = 0  # as if it were large: the server looks at its size only
    said = lrl("hub", "check", "--dir", "hub", cwd=tmp_path)
    assert "3 contents and 3 commits" in said
    path = damage(hub.store, DATA, "zeros")
    assert request(hub, "GET", WHERE)[2] == bytes(len(DATA))
    hub.store.objects.path(hashlib.sha256(CARD).hexdigest()).unlink()
    said = " ".join(lrl("hub", "check", "--dir", "hub", cwd=tmp_path, code=2).split())
    assert "2 damaged or missing" in said and f"data/train.parquet of datasets/{ID}@" in said
    assert "has another hash; put aside" in said and f"(README.md of datasets/{ID}@" in said
    assert not path.exists() and (hub.store.root / "damaged" / SHA).read_bytes() == bytes(len(DATA))
    assert request(hub, "GET", WHERE)[0] == 500
    batch = json.dumps({"operation": "upload", "objects": [{"oid": SHA, "size": len(DATA)}]}).encode()
    _, _, told = request(hub, "POST", f"/datasets/{ID}.git/info/lfs/objects/batch", body=batch)
    href = json.loads(told)["objects"][0]["actions"]["upload"]["href"]
    assert request(hub, "PUT", href.removeprefix(hub.url), body=DATA)[0] == 200
    assert request(hub, "GET", WHERE)[2] == DATA
    (hub.store.root / "datasets/lrl-align--other/refs.json").write_text("")
    said = " ".join(lrl("hub", "check", "--dir", "hub", cwd=tmp_path, code=2).split())
    assert "refs.json of datasets/lrl-align/other is damaged" in said and "README.md" in said
    with pytest.raises(LrlError, match="no store"):
        local_hub.check(tmp_path / "nowhere")


def test_a_mirror_run_heals_what_is_damaged(hub: local_hub.Server, tmp_path: Path) -> None:
    what = [f"datasets/{ID}"]
    commit = mirror(tmp_path / "near", what, hub.url)[0].commit
    near = Store(tmp_path / "near")
    assert mirror(tmp_path / "near", what, hub.url)[0].fetched == 0
    for how in ("short", "zeros"):
        damage(near, DATA, how)
        damage(near, CARD, how)
        assert mirror(tmp_path / "near", what, hub.url)[0].fetched == len(DATA) + len(CARD)
        assert near.objects.path(SHA).read_bytes() == DATA
    path = near._commit_path("datasets", ID, commit)
    good = path.read_bytes()
    path.write_bytes(b"")
    near = Store(tmp_path / "near")
    mirror(tmp_path / "near", [f"datasets/{ID}@{commit}"], hub.url)
    assert path.read_bytes() == good


# ---- a full disk ----------------------------------------------------------------------------------------


def test_a_full_disk_is_said_to_be_and_leaves_nothing(tmp_path: Path) -> None:
    """A limit on the size of files stands in for the end of the disk: the write fails in the same place."""
    code = "import resource, sys; from lrl_datasets.local_hub import serve_forever\n"
    code += "resource.setrlimit(resource.RLIMIT_FSIZE, (1 << 20, 1 << 20)); serve_forever(sys.argv[1], 0)"
    Store(tmp_path / "hub").create("datasets", ID)
    with subprocess.Popen(
        [sys.executable, "-c", code, str(tmp_path / "hub")], stdout=subprocess.PIPE, stderr=subprocess.PIPE,
        text=True, env=client_environment("", tmp_path / "home"),
    ) as server:  # fmt: skip
        try:
            assert server.stdout is not None and server.stderr is not None
            url = server.stdout.readline().split()[2]
            content = os.urandom(3 << 20)
            oid = hashlib.sha256(content).hexdigest()
            batch = json.dumps(
                {"operation": "upload", "objects": [{"oid": oid, "size": len(content)}]}
            ).encode()
            _, _, told = request(url, "POST", f"/datasets/{ID}.git/info/lfs/objects/batch", body=batch)
            href = json.loads(told)["objects"][0]["actions"]["upload"]["href"].removeprefix(url)
            status, _, told = request(url, "PUT", href, body=content)
            assert (status, json.loads(told)["error"]) == (507, "The Hub cannot store this: File too large")
            assert list((tmp_path / "hub/tmp").iterdir()) == []
            assert request(url, "GET", f"/api/datasets/{ID}")[0] == 200
        finally:
            server.kill()
        assert "PUT /lfs/" in (log := server.stderr.read()) and "Traceback" not in log
