"""The local Hub against the real clients, each in a process of its own with an empty cache."""

from __future__ import annotations

import hashlib
import http.client
import io
import json
import logging
import os
import re
import socket
import subprocess
import sys
from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path
from urllib.parse import urlsplit

import pytest
from hypothesis import given
from hypothesis import strategies as st

from lrl_datasets import local_hub
from lrl_datasets.errors import LrlError
from lrl_datasets.local_hub.body import Body, BrokenBody, byte_range
from lrl_datasets.local_hub.commits import Changes
from lrl_datasets.local_hub.objects import git_blob
from lrl_datasets.local_hub.store import Store
from tests.hub import put_dataset, run_client, running_hub
from tests.local_hub.http import request
from tests.local_hub.samples import CARD, parquet
from tests.test_cli import lrl

FILES = {
    "README.md": CARD,
    "default/train.parquet": parquet(5),
    "default/test.parquet": parquet(2),
    "preference/train.parquet": parquet(7, "chosen"),
}


@pytest.fixture(scope="module")
def place(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("hub")


@pytest.fixture(scope="module")
def hub(place: Path) -> Iterator[local_hub.Server]:
    with running_hub(place) as server:
        yield server


@pytest.fixture(scope="module")
def commit(hub: local_hub.Server) -> str:
    """A dataset of two configs, put there by the real client and tagged; its commit."""
    return put_dataset(hub.url, "lrl-align/two-configs", dict(FILES), tag="v1.0.0")


# ---- datasets -------------------------------------------------------------------------------------------


def test_load_dataset_gives_every_config_with_and_without_a_revision(
    hub: local_hub.Server, commit: str, tmp_path: Path
) -> None:
    code = """
import json
from datasets import load_dataset
repo, seen = "lrl-align/two-configs", {}
seen["main"] = {s: d.num_rows for s, d in load_dataset(repo).items()}
seen["tag"] = {s: d["text"] for s, d in load_dataset(repo, revision="v1.0.0").items()}
seen["preference"] = load_dataset(repo, "preference", revision="v1.0.0")["train"]["chosen"]
seen["commit"] = load_dataset(repo, revision=COMMIT, split="test").num_rows
stream = load_dataset(repo, "preference", revision="v1.0.0", streaming=True)
seen["streamed"] = [row["chosen"] for row in stream["train"]]
print(json.dumps({k: v if not hasattr(v, "to_pylist") else list(v) for k, v in seen.items()}, default=list))
"""
    seen = json.loads(run_client(code.replace("COMMIT", repr(commit)), hub.url, tmp_path))
    assert seen == {
        "main": {"train": 5, "test": 2},
        "tag": {"train": ["0", "1", "2", "3", "4"], "test": ["0", "1"]},
        "preference": ["0", "1", "2", "3", "4", "5", "6"],
        "commit": 2,
        "streamed": ["0", "1", "2", "3", "4", "5", "6"],
    }


def test_an_unknown_revision_config_or_dataset_is_said_to_be_unknown(
    hub: local_hub.Server, commit: str, tmp_path: Path
) -> None:
    code = """
from datasets import load_dataset
for args, kw in [(("lrl-align/two-configs",), {"revision": "v9.9.9"}), (("lrl-align/nothing-here",), {})]:
    try:
        load_dataset(*args, **kw)
    except Exception as problem:
        print(type(problem).__name__, "|", problem)
"""
    lines = run_client(code, hub.url, tmp_path).splitlines()
    assert lines[0].startswith("DatasetNotFoundError") and "v9.9.9" in lines[0]
    assert lines[1].startswith("DatasetNotFoundError") and "lrl-align/nothing-here" in lines[1]


def test_the_parquet_conversion_branch_is_a_revision_of_its_own(place: Path, tmp_path: Path) -> None:
    files = tmp_path / "files"
    (files / "swa" / "train").mkdir(parents=True)
    (files / "swa" / "train" / "0000.parquet").write_bytes(parquet(3, "question"))
    with local_hub.serve(place / "convert") as hub:
        made = local_hub.put(place / "convert", "masakhane/copy", files, revision="refs/convert/parquet")
        code = """
from datasets import load_dataset
from huggingface_hub import HfApi
api = HfApi()
refs = api.list_repo_refs("masakhane/copy", repo_type="dataset")
print(refs.converts[0].ref, refs.converts[0].target_commit)
print(api.dataset_info("masakhane/copy", revision="refs/convert/parquet").sha)
kw = dict(data_files={"train": "swa/train/*.parquet"}, revision="refs/convert/parquet")
print(load_dataset("masakhane/copy", **kw)["train"]["question"][:])
print(api.list_repo_files("masakhane/copy", repo_type="dataset"))
"""
        lines = run_client(code, hub.url, tmp_path).splitlines()
    assert lines == [f"refs/convert/parquet {made}", made, "['0', '1', '2']", "['.gitattributes']"]


# ---- the client's own operations ------------------------------------------------------------------------


def test_refs_tree_info_and_paths_as_the_client_reads_them(
    hub: local_hub.Server, commit: str, tmp_path: Path
) -> None:
    code = """
import json
from huggingface_hub import HfApi
from huggingface_hub.hf_api import RepoFile
api, repo = HfApi(), dict(repo_id="lrl-align/two-configs", repo_type="dataset")
refs = api.list_repo_refs(**repo)
tree = list(api.list_repo_tree(**repo, recursive=True, revision="v1.0.0"))
info = api.dataset_info("lrl-align/two-configs", files_metadata=True)
paths = api.get_paths_info(**repo, paths=["README.md", "default", "not there"], expand=True)
print(json.dumps({
    "refs": [[r.name, r.ref, r.target_commit] for r in refs.branches + refs.tags],
    "files": {f.path: [f.lfs.sha256 if f.lfs else f.blob_id, f.size]
              for f in tree if isinstance(f, RepoFile)},
    "folders": [f.path for f in tree if not isinstance(f, RepoFile)],
    "top": sorted(f.path for f in api.list_repo_tree(**repo)),
    "sha": info.sha, "license": info.card_data.license, "tags": info.tags,
    "siblings": {s.rfilename: [s.lfs.sha256 if s.lfs else s.blob_id, s.size] for s in info.siblings},
    "expanded": api.dataset_info("lrl-align/two-configs", expand=["sha", "private"]).private,
    "paths": [[p.path, p.last_commit.oid] for p in paths],
    "history": [[c.commit_id, c.title] for c in api.list_repo_commits(**repo)],
    "exists": [api.repo_exists(**repo), api.revision_exists(**repo, revision="v2"),
               api.file_exists(**repo, filename="README.md"), api.file_exists(**repo, filename="x")],
    "listed": [d.id for d in api.list_datasets(author="lrl-align")],
    "me": api.whoami(token="hf_any")["name"],
}))
"""
    seen = json.loads(run_client(code, hub.url, tmp_path))
    expected = {
        path: [git_blob(data) if path == "README.md" else hashlib.sha256(data).hexdigest(), len(data)]
        for path, data in FILES.items()
    }
    del seen["files"][".gitattributes"], seen["siblings"][".gitattributes"]
    assert seen["refs"] == [["main", "refs/heads/main", commit], ["v1.0.0", "refs/tags/v1.0.0", commit]]
    assert seen["files"] == seen["siblings"] == expected
    assert seen["folders"] == ["default", "preference"]
    assert seen["top"] == [".gitattributes", "README.md", "default", "preference"]
    assert (seen["sha"], seen["license"]) == (commit, "apache-2.0")
    assert seen["tags"] == ["language:sw", "license:apache-2.0"]
    assert seen["expanded"] is False
    assert seen["paths"] == [["README.md", commit], ["default", commit]]
    assert [title for _, title in seen["history"]] == ["Files", "initial commit"]
    assert seen["history"][0][0] == commit
    assert seen["exists"] == [True, False, True, False]
    assert seen["listed"] == ["lrl-align/two-configs"]
    assert seen["me"] == "local"


def test_what_the_hub_refuses_reaches_the_client_with_its_status(
    hub: local_hub.Server, tmp_path: Path
) -> None:
    code = """
from huggingface_hub import CommitOperationAdd as Add, CommitOperationDelete as Delete, HfApi
from huggingface_hub.errors import HfHubHTTPError
api, repo = HfApi(), dict(repo_id="lrl-align/refusals", repo_type="dataset")

def refused(what, call):
    try:
        call()
        print(what, "was done")
    except (HfHubHTTPError, ValueError) as problem:
        response = getattr(problem, "response", None)
        print(what, type(problem).__name__, getattr(response, "status_code", ""))

first = api.create_repo(**repo)
print(first.repo_id, api.create_repo(**repo, exist_ok=True) == first)
refused("duplicate repo", lambda: api.create_repo(**repo))
head = api.repo_info(**repo).sha
commit = lambda ops, **kw: api.create_commit(**repo, operations=ops, commit_message="c", **kw)
one = commit([Add("a/x.txt", b"1"), Add("b.txt", b"2")], parent_commit=head).oid
refused("stale parent", lambda: commit([Add("a/x.txt", b"3")], parent_commit=head))
refused("missing branch", lambda: commit([Add("a/x.txt", b"3")], revision="nowhere"))
refused("missing file", lambda: commit([Delete("nowhere.txt")]))
refused("file as folder", lambda: commit([Add("b.txt/c", b"3")]))
refused("pull request of nowhere", lambda: commit([Add("a/x.txt", b"3")], create_pr=True, revision="nowhere"))
refused("bad card", lambda: commit([Add("README.md", b"---\\nlicense: mine\\n---\\n")]))
print("unchanged", api.repo_info(**repo).sha == one)
print("nothing new", commit([Add("b.txt", b"2")]).oid == one)
api.create_tag(**repo, tag="v1", revision=one)
refused("duplicate tag", lambda: api.create_tag(**repo, tag="v1", revision=head))
refused("tag of nothing", lambda: api.create_tag(**repo, tag="v2", revision="nowhere"))
api.create_branch(**repo, branch="side", revision="v1")
refused("duplicate branch", lambda: api.create_branch(**repo, branch="side"))
two = commit([Delete("a/"), Add("c.txt", b"4")], revision="side").oid
print(api.list_repo_files(**repo, revision="side"), api.list_repo_files(**repo, revision="v1"))
refused("delete main", lambda: api.delete_branch(**repo, branch="main"))
api.delete_branch(**repo, branch="side")
api.delete_tag(**repo, tag="v1")
refused("deleted tag", lambda: api.repo_info(**repo, revision="v1"))
api.delete_file("b.txt", **repo)
print(api.list_repo_files(**repo))
api.delete_repo(**repo)
refused("deleted repo", lambda: api.repo_info(**repo))
refused("space", lambda: api.create_repo("lrl-align/app", repo_type="space", space_sdk="static"))
"""
    assert run_client(code, hub.url, tmp_path).splitlines() == [
        "lrl-align/refusals True",
        "duplicate repo HfHubHTTPError 409",
        "stale parent HfHubHTTPError 412",
        "missing branch RevisionNotFoundError 404",
        "missing file RemoteEntryNotFoundError 404",
        "file as folder BadRequestError 400",
        "pull request of nowhere RevisionNotFoundError 404",
        "bad card ValueError ",
        "unchanged True",
        "nothing new True",
        "duplicate tag HfHubHTTPError 409",
        "tag of nothing RevisionNotFoundError 404",
        "duplicate branch HfHubHTTPError 409",
        "['.gitattributes', 'b.txt', 'c.txt'] ['.gitattributes', 'a/x.txt', 'b.txt']",
        "delete main HfHubHTTPError 403",
        "deleted tag RevisionNotFoundError 404",
        "['.gitattributes', 'a/x.txt']",
        "deleted repo RepositoryNotFoundError 404",
        "space BadRequestError 400",
    ]


def test_a_model_goes_up_and_comes_back(hub: local_hub.Server, tmp_path: Path) -> None:
    weights = os.urandom(300_000)
    files: dict[str, bytes | Path] = {"config.json": b'{"model_type": "none"}', "model.safetensors": weights}
    made = put_dataset(hub.url, "lrl-align/tiny", files, tag="v1", repo_type="model")
    code = """
import hashlib
from pathlib import Path
from huggingface_hub import HfApi, hf_hub_download, snapshot_download
path = hf_hub_download("lrl-align/tiny", "model.safetensors", revision="v1")
print(hashlib.sha256(Path(path).read_bytes()).hexdigest(), Path(path).parent.name)
print(sorted(p.name for p in Path(snapshot_download("lrl-align/tiny")).iterdir()))
print(HfApi().model_info("lrl-align/tiny").id)
"""
    assert run_client(code, hub.url, tmp_path).splitlines() == [
        f"{hashlib.sha256(weights).hexdigest()} {made}",
        "['.gitattributes', 'config.json', 'model.safetensors']",
        "lrl-align/tiny",
    ]


def test_a_second_download_comes_from_the_cache(
    hub: local_hub.Server, commit: str, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.INFO, "lrl_datasets.local_hub")
    code = """
from huggingface_hub import hf_hub_download
hf_hub_download("lrl-align/two-configs", "default/train.parquet", repo_type="dataset")
"""
    for _ in range(2):
        run_client(code, hub.url, tmp_path, home=tmp_path / "home")
    asked = [record.getMessage().split()[1:4] for record in caplog.records]
    where = "/datasets/lrl-align/two-configs/resolve/main/default/train.parquet"
    assert asked == [["HEAD", where, "200"], ["GET", where, "200"], ["HEAD", where, "200"]]


def test_a_long_tree_comes_in_pages(place: Path, tmp_path: Path) -> None:
    store = Store(place / "pages")
    store.create("datasets", "lrl-align/many")
    entry = store.objects.add_regular(b"the same text")
    names = [f"{number:04}.txt" for number in range(1100)]
    for number in range(55):
        change = Changes(dict.fromkeys(names[number * 20 : number * 20 + 20], entry))
        store.commit("datasets", "lrl-align/many", "main", change, title=f"part {number}")
    with local_hub.serve(place / "pages") as hub:
        code = """
from huggingface_hub import HfApi
api, repo = HfApi(), dict(repo_id="lrl-align/many", repo_type="dataset")
print(len(set(api.list_repo_files(**repo))), len(set(c.commit_id for c in api.list_repo_commits(**repo))))
print(len(list(api.list_repo_tree(**repo, expand=True))))
"""
        assert run_client(code, hub.url, tmp_path).split() == ["1101", "56", "1101"]


def test_a_token_is_needed_to_write_and_to_read_what_is_private(tmp_path: Path) -> None:
    with running_hub(tmp_path, token="hf_secret") as hub:
        code = """
from huggingface_hub import HfApi
from huggingface_hub.errors import HfHubHTTPError
for token in (False, "hf_wrong", "hf_secret"):
    api = HfApi(token=token)
    try:
        api.create_repo("lrl-align/secret", repo_type="dataset", private=True)
        api.upload_file(path_or_fileobj=b"\\0" * 20, path_in_repo="x.bin", repo_id="lrl-align/secret",
                        repo_type="dataset")
    except HfHubHTTPError as problem:
        print(problem.response.status_code)
for token in (False, "hf_secret"):
    api = HfApi(token=token)
    print(api.repo_exists("lrl-align/secret", repo_type="dataset"), len(list(api.list_datasets())),
          api.file_exists("lrl-align/secret", "x.bin", repo_type="dataset"))
"""
        seen = run_client(code, hub.url, tmp_path).splitlines()
    assert seen == ["401", "401", "False 0 False", "True 1 True"]


# ---- the protocol, byte by byte -------------------------------------------------------------------------

RESOLVE = "/datasets/lrl-align/two-configs/resolve"


def test_resolve_carries_the_headers_that_clients_build_their_cache_on(
    hub: local_hub.Server, commit: str
) -> None:
    data = FILES["default/train.parquet"]
    sha256 = hashlib.sha256(data).hexdigest()
    for method, body in (("GET", data), ("HEAD", b"")):
        status, headers, got = request(hub, method, f"{RESOLVE}/main/default/train.parquet")
        assert (status, got) == (200, body)
        assert headers["x-repo-commit"] == commit
        assert headers["etag"] == headers["x-linked-etag"] == f'"{sha256}"'
        assert headers["content-length"] == headers["x-linked-size"] == str(len(data))
    _, headers, got = request(hub, "GET", f"{RESOLVE}/{commit}/README.md")
    assert (headers["etag"], got) == (f'"{git_blob(CARD)}"', CARD)
    assert "x-linked-etag" not in headers
    status, headers, got = request(
        hub, "GET", f"{RESOLVE}/main/README.md", {"If-None-Match": headers["etag"]}
    )
    assert (status, got) == (304, b"")


@pytest.mark.parametrize(
    ("header", "start", "stop"),
    [("bytes=0-3", 0, 4), ("bytes=5-", 5, None), ("bytes=-4", -4, None), ("bytes=2-999999", 2, None)],
)
def test_a_range_is_answered_with_that_part(
    hub: local_hub.Server, commit: str, header: str, start: int, stop: int | None
) -> None:
    data = FILES["default/train.parquet"]
    status, headers, got = request(hub, "GET", f"{RESOLVE}/v1.0.0/default/train.parquet", {"Range": header})
    assert (status, got) == (206, data[start:stop])
    first = start % len(data)
    assert headers["content-range"] == f"bytes {first}-{first + len(got) - 1}/{len(data)}"
    assert headers["content-length"] == str(len(got))


def test_a_range_beyond_the_file_is_416_and_an_odd_one_the_whole_file(
    hub: local_hub.Server, commit: str
) -> None:
    where, size = f"{RESOLVE}/v1.0.0/default/train.parquet", len(FILES["default/train.parquet"])
    status, headers, _ = request(hub, "GET", where, {"Range": f"bytes={size}-"})
    assert (status, headers["content-range"]) == (416, f"bytes */{size}")
    for header in ("bytes=0-1,5-6", "lines=1-2", "bytes=9-2"):
        status, _, got = request(hub, "GET", where, {"Range": header})
        assert (status, len(got)) == (200, size)
    status, _, got = request(hub, "GET", where, {"Range": "bytes=0-1", "If-Range": '"older"'})
    assert (status, len(got)) == (200, size)


@pytest.mark.parametrize(
    ("path", "code"),
    [
        ("/datasets/lrl-align/nothing/resolve/main/README.md", "RepoNotFound"),
        (f"{RESOLVE}/v2/README.md", "RevisionNotFound"),
        (f"{RESOLVE}/main/nothing.txt", "EntryNotFound"),
        (f"{RESOLVE}/main/default", "EntryNotFound"),
        ("/api/datasets/lrl-align/nothing", "RepoNotFound"),
        ("/api/models/lrl-align/two-configs", "RepoNotFound"),
        ("/api/datasets/lrl-align/two-configs/revision/v2", "RevisionNotFound"),
        ("/api/datasets/lrl-align/two-configs/tree/main/nothing", "EntryNotFound"),
        ("/api/datasets/lrl-align/two-configs/parquet", None),
        ("/api/no-such-thing", None),
    ],
)
def test_what_is_not_there_is_404_with_the_code_that_clients_read(
    hub: local_hub.Server, commit: str, path: str, code: str | None
) -> None:
    status, headers, body = request(hub, "GET", path)
    assert (status, headers.get("x-error-code")) == (404, code)
    assert json.loads(body)["error"]


@pytest.mark.parametrize(
    "path",
    [
        "/../../etc/passwd",
        f"{RESOLVE}/main/../../../refs.json",
        f"{RESOLVE}/main/..%2F..%2Frefs.json",
        f"{RESOLVE}/..%2F..%2Frefs.json/README.md",
        "/api/datasets/..%2F..%2Fetc/passwd",
        "/api/datasets/../locks",
        "/datasets/lrl-align%2F..%2F../x/resolve/main/README.md",
        f"{RESOLVE}/main/README.md%00.txt",
        f"{RESOLVE}/main/%ff",
        "/lfs/..%2F..%2Frefs.json",
        "/datasets/..",
        "/datasets/../tree/main",
    ],
)
def test_no_path_leaves_the_store(hub: local_hub.Server, commit: str, path: str) -> None:
    for method in ("GET", "PUT", "POST", "DELETE"):
        status, _, body = request(hub, method, path, body=None if method == "GET" else b"{}")
        assert status in (400, 403, 404), (method, status, body)
    assert request(hub, "GET", f"{RESOLVE}/main/README.md")[0] == 200


def test_pages_of_other_sites_cannot_use_the_hub(hub: local_hub.Server, commit: str) -> None:
    body = json.dumps({"name": "x", "organization": "evil"}).encode()
    status, _, _ = request(hub, "POST", "/api/repos/create", {"Origin": "https://example.org"}, body)
    assert status == 403
    status, _, _ = request(hub, "GET", "/api/datasets", {"Host": "example.org:80"})
    assert status == 403
    assert request(hub, "GET", "/api/models/evil/x")[0] == 404


def test_an_upload_must_be_what_was_announced_and_agreed_on(hub: local_hub.Server, commit: str) -> None:
    content = b"\0 some bytes"
    oid = hashlib.sha256(content).hexdigest()
    batch = json.dumps({"operation": "upload", "objects": [{"oid": oid, "size": len(content)}]}).encode()
    where = "/datasets/lrl-align/two-configs.git/info/lfs/objects/batch"
    _, _, told = request(hub, "POST", where, body=batch)
    href = urlsplit(json.loads(told)["objects"][0]["actions"]["upload"]["href"])
    good = f"{href.path}?{href.query}"
    assert request(hub, "PUT", f"/lfs/{oid}?size={len(content)}&sig=00", body=content)[0] == 403
    assert request(hub, "PUT", f"{href.path}?{href.query}0", body=content)[0] == 403
    assert request(hub, "PUT", good, body=b"\0 other data")[0] == 400
    assert request(hub, "PUT", good, body=content + b"more")[0] == 400
    assert request(hub, "PUT", good, body=content[:-1])[0] == 400
    line = {"path": "x.bin", "algo": "sha256", "oid": oid, "size": len(content)}
    commit_body = "\n".join(
        json.dumps({"key": key, "value": value})
        for key, value in (("header", {"summary": "s"}), ("lfsFile", line))
    ).encode()
    assert request(hub, "POST", "/api/datasets/lrl-align/two-configs/commit/main", body=commit_body)[0] == 400
    assert list(hub.store.objects.tmp.iterdir()) == []
    assert request(hub, "PUT", good, body=content)[0] == 200
    _, _, told = request(hub, "POST", where, body=batch)
    assert "actions" not in json.loads(told)["objects"][0]


@pytest.mark.parametrize(
    "body",
    [
        b"not json\n",
        b"[]\n",
        b'{"key": "file"}\n',
        b'{"key": "header", "value": {}}\n',
        b'{"key": "header", "value": {"summary": "s"}}\n{"key": "file", "value": {"path": 7}}\n',
        b'{"key": "header", "value": {"summary": "s"}}\n{"key": "rename", "value": {"path": "x"}}\n',
        b'{"key": "header", "value": {"summary": "s"}}\n'
        b'{"key": "file", "value": {"path": "../x", "content": "", "encoding": "base64"}}\n',
        b'{"key": "header", "value": {"summary": "s"}}\n'
        b'{"key": "file", "value": {"path": "x", "content": "%%%", "encoding": "base64"}}\n',
    ],
)
def test_a_commit_that_makes_no_sense_changes_nothing(
    hub: local_hub.Server, commit: str, body: bytes
) -> None:
    status, _, told = request(hub, "POST", "/api/datasets/lrl-align/two-configs/commit/main", body=body)
    assert (status, bool(json.loads(told)["error"])) == (400, True)
    assert hub.store.resolve("datasets", "lrl-align/two-configs", "main") == commit


def test_a_connection_goes_on_after_a_refusal(hub: local_hub.Server, commit: str) -> None:
    connection = http.client.HTTPConnection(urlsplit(hub.url).netloc, timeout=30)
    for _ in range(2):
        connection.request("POST", "/api/nothing", body=b"x" * 10_000)
        assert connection.getresponse().read()
        connection.request("GET", f"{RESOLVE}/main/README.md")
        assert connection.getresponse().read() == CARD
    connection.close()


def test_the_log_names_every_request_and_no_secret(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.DEBUG, "lrl_datasets.local_hub")
    with running_hub(tmp_path, token="hf_secret") as hub:
        request(hub, "GET", "/api/whoami-v2?x=hf_secret", {"Authorization": "Bearer hf_secret"})
        request(hub, "GET", "/a%0Ab")
        with socket.create_connection((urlsplit(hub.url).hostname, urlsplit(hub.url).port)) as connection:
            connection.sendall(b"\x1b[31m /x?hf_secret HTTP/1.1\r\n\r\n")
            assert connection.recv(20) == b"HTTP/1.1 501 Not Imp"
    lines = [record.getMessage() for record in caplog.records]
    lines = [line for line in lines if "two-configs" not in line]  # the other server may still be at its last
    assert [line.split()[:4] for line in lines] == [
        ["127.0.0.1", "GET", "/api/whoami-v2", "200"],
        ["127.0.0.1", "GET", "/a%0Ab", "404"],
        ["127.0.0.1", "?[31m", "refused:", "501"],
    ]
    assert "hf_secret" not in "".join(lines) and "\x1b" not in "".join(lines)


def test_a_line_of_the_log_says_when_who_what_and_how_it_went(tmp_path: Path) -> None:
    command = [sys.executable, "-c", "from lrl_datasets.cli import main; main()"]
    with subprocess.Popen(
        [*command, "hub", "serve", "--port", "0", "--dir", "hub"], cwd=tmp_path, text=True,
        stdout=subprocess.PIPE, stderr=subprocess.PIPE, env=os.environ | {"LRL_HUB_TOKEN": "hf_secret"},
    ) as server:  # fmt: skip
        assert server.stdout is not None
        url = server.stdout.readline().split()[2]
        request(url, "GET", "/api/datasets?search=hf_query", {"Authorization": "Bearer hf_secret"})
        assert server.stderr is not None
        log = server.stderr.readline()
        server.terminate()
    found = re.fullmatch(r"(\S+) 127\.0\.0\.1 GET /api/datasets 200 2 B \d+ ms\n", log)
    assert found is not None, log
    when = datetime.fromisoformat(found[1])
    assert when.tzinfo is not None and abs((datetime.now(UTC) - when).total_seconds()) < 120


def test_numbers_and_nesting_beyond_reason_are_answered_in_a_sentence(
    hub: local_hub.Server, commit: str, caplog: pytest.LogCaptureFixture
) -> None:
    size, digits = len(FILES["default/train.parquet"]), "9" * 5000
    where = f"{RESOLVE}/main/default/train.parquet"
    assert request(hub, "GET", where, {"Range": f"bytes={digits}-"})[0] == 416
    assert len(request(hub, "GET", where, {"Range": f"bytes=1-{digits}"})[2]) == size - 1
    assert len(request(hub, "GET", where, {"Range": f"bytes=-{digits}"})[2]) == size
    api = "/api/datasets/lrl-align/two-configs"
    deep = b"[" * 100_000
    bodies = (
        deep,
        b'{"tag": NaN}',
        b'{"tag": ' + b"9" * 5000 + b"}",
        b'{"files": [{"path": "x", "size": 1e999}]}',
    )
    for body in bodies:
        for path in (f"{api}/tag/main", f"{api}/preupload/main", f"{api}/commit/main", "/api/validate-yaml"):
            status, _, told = request(hub, "POST", path, body=body)
            assert status == 400 or (path.endswith("yaml") and b"1e999" in body), (path, body[:20], told)
    for query in ("cursor=-1", "cursor=x", f"cursor={digits}", "limit=-1"):
        status, _, told = request(hub, "GET", f"{api}/tree/main?{query}")
        assert status == 400 and "must be a count" in json.loads(told)["error"]
    status, _, told = request(hub, "POST", f"{api}/tag/main", {"Content-Length": digits})
    assert status == 400 and "Content-Length" in json.loads(told)["error"]
    address = (urlsplit(hub.url).hostname, urlsplit(hub.url).port)
    with socket.create_connection(address, timeout=10) as connection:
        connection.sendall(b"POST %s/tag/main HTTP/1.1\r\nHost: 127.0.0.1\r\n" % api.encode())
        connection.sendall(b"Transfer-Encoding: chunked\r\n\r\n-5\r\nabcde\r\n")
        told = b"".join(iter(lambda: connection.recv(1000), b""))  # and the connection ends
        assert told.startswith(b"HTTP/1.1 400 ") and b"chunks of the request's body make no sense" in told
    with socket.create_connection(address, timeout=10) as connection:
        connection.sendall(b"GET http://[ HTTP/1.1\r\nHost: 127.0.0.1\r\n\r\n")
        assert connection.recv(20).startswith(b"HTTP/1.1 ")
    assert not [record for record in caplog.records if record.exc_info and record.levelno >= logging.WARNING]


@pytest.mark.parametrize(
    ("kind", "repo_id"),
    [("dataset", "a/tree"), ("model", "a/resolve"), ("dataset", "local/commit"), ("model", "datasets/x"),
     ("model", "api/x"), ("dataset", "resolve/x"), ("model", "raw/x"), ("model", "lfs/x")],
)  # fmt: skip
def test_no_name_makes_an_address_that_means_something_else(
    hub: local_hub.Server, kind: str, repo_id: str
) -> None:
    organisation, name = repo_id.split("/")
    body = json.dumps({"name": name, "organization": organisation, "type": kind}).encode()
    status, _, told = request(hub, "POST", "/api/repos/create", body=body)
    assert status == 400 and "Invalid repository id" in json.loads(told)["error"]
    assert not hub.store.exists(f"{kind}s", repo_id)


def test_a_browser_is_told_on_a_page_what_is_not_there(hub: local_hub.Server, commit: str) -> None:
    accept = {"Accept": "text/html,application/xhtml+xml,*/*;q=0.8"}
    for path in ("/nothing/here/<b>", f"{RESOLVE}/main/nothing.txt", "/datasets/lrl-align/none"):
        status, headers, body = request(hub, "GET", path.replace("<", "%3C").replace(">", "%3E"), accept)
        assert (status, headers["content-type"]) == (404, "text/html; charset=utf-8")
        assert headers["content-security-policy"].startswith("default-src 'none'")
        assert b"Not found" in body and b'<a href="/">' in body and b"<b>" not in body
    status, headers, body = request(hub, "GET", "/datasets/lrl-align/none", {"Accept": "*/*"})
    assert (status, bool(json.loads(body)["error"])) == (404, True)


def test_the_endpoint_of_a_network_is_one_that_other_machines_reach(tmp_path: Path) -> None:
    command = [sys.executable, "-c", "from lrl_datasets.cli import main; main()"]
    arguments = ["hub", "serve", "--port", "0", "--dir", "hub", "--host", "0.0.0.0"]
    with subprocess.Popen(
        [*command, *arguments], cwd=tmp_path, text=True, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL,
        env=os.environ | {"LRL_HUB_TOKEN": "hf_secret"},
    ) as server:  # fmt: skip
        assert server.stdout is not None
        server.stdout.readline()
        url = server.stdout.readline().removeprefix("export HF_ENDPOINT=").strip()
        assert urlsplit(url).hostname not in ("0.0.0.0", "127.0.0.1", None)
        assert json.loads(request(url, "GET", "/api/datasets")[2]) == []
        server.terminate()


@given(
    st.binary(max_size=40),
    st.integers(0, 60),
    st.integers(0, 60),
    st.sampled_from(["{0}-{1}", "{0}-", "-{1}"]),
)
def test_a_range_is_what_slicing_gives(data: bytes, first: int, last: int, form: str) -> None:
    found = byte_range("bytes=" + form.format(first, last), len(data))
    if form == "-{1}":
        assert found is not None
        assert data[found[0] : found[1]] == (data[-last:] if last else b"")
    elif form == "{0}-{1}" and last < first:
        assert found is None
    else:
        assert found is not None
        assert data[found[0] : found[1]] == data[first : last + 1 if form == "{0}-{1}" else None]


@given(st.lists(st.binary(min_size=1, max_size=50), max_size=5), st.integers(1, 30))
def test_a_body_ends_where_it_ends_by_length_and_in_chunks(parts: list[bytes], step: int) -> None:
    whole = b"".join(parts)
    chunked = b"".join(b"%x\r\n%s\r\n" % (len(part), part) for part in parts) + b"0\r\n\r\n"
    for stream, length, encoding in ((whole, str(len(whole)), None), (chunked, None, "chunked")):
        connection = io.BytesIO(stream + b"GET / next")
        body = io.BufferedReader(Body(connection, length, encoding))
        assert b"".join(iter(lambda: body.read(step), b"")) == whole  # noqa: B023
        assert connection.read() == b"GET / next"


@pytest.mark.parametrize(
    "stream",
    [
        b"",
        b"5\r\nab",
        b"zz\r\nab\r\n",
        b"-1\r\n",
        b"-5\r\nabcde\r\n",
        b"+2\r\nab\r\n",
        b"0x2\r\nab\r\n",
        b"f" * 99,
    ],
)
def test_a_body_that_breaks_off_is_noticed(stream: bytes) -> None:
    with pytest.raises(BrokenBody):
        io.BufferedReader(Body(io.BytesIO(stream), None, "chunked")).read()


@pytest.mark.parametrize("port", [-1, 65536, 99999])
def test_a_port_that_is_none_is_said_to_be(tmp_path: Path, port: int) -> None:
    said = lrl("hub", "serve", "--port", str(port), "--dir", "hub", cwd=tmp_path, code=2)
    assert f"{port} is no port" in said and len(said.splitlines()) == 1
    assert not (tmp_path / "hub").exists()


def test_who_serves_a_network_without_a_token_is_told_how_to_set_one(tmp_path: Path) -> None:
    said = lrl("hub", "serve", "--host", "0.0.0.0", cwd=tmp_path, code=2, env={"LRL_HUB_TOKEN": ""})
    assert "environment variable LRL_HUB_TOKEN" in said and 'export LRL_HUB_TOKEN="hf_$(' in said
    assert not (tmp_path / "hub").exists()


def test_the_server_is_this_computers_own_unless_it_has_a_token(tmp_path: Path) -> None:
    for host in ("0.0.0.0", "::", "192.0.2.1"):
        with pytest.raises(LrlError, match="LRL_HUB_TOKEN"):
            local_hub.serve(tmp_path, host=host)
    for host in ("127.0.0.1", "127.0.0.2", "localhost"):
        local_hub.serve(tmp_path, host=host).close()
    with pytest.raises(LrlError, match="unknown host ''"):
        local_hub.serve(tmp_path, host="", token="x")
    with local_hub.serve(tmp_path, host="0.0.0.0", token="hf_secret") as server:
        port = server.url.rsplit(":", 1)[1]
        with pytest.raises(LrlError, match=f"cannot serve on 127.0.0.1:{port}: "):
            local_hub.serve(tmp_path / "other", port=int(port))
    local_hub.serve(tmp_path / "other").close()  # what could not be served is free again
    with pytest.raises(LrlError, match="unknown host"):
        local_hub.serve(tmp_path, host="no.such.host.invalid", token="x")
    (tmp_path / "file").write_text("")
    with pytest.raises(LrlError, match="cannot hold a store"):
        local_hub.serve(tmp_path / "file")
