"""Uploads by Xet: the real client's, and xorbs and shards made by hand after the formats."""

from __future__ import annotations

import hashlib
import io
import json
import struct
from collections.abc import Iterator
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import lz4.frame
import pytest
from hypothesis import given
from hypothesis import strategies as st

from lrl_datasets import local_hub
from lrl_datasets.local_hub import HubError, Store
from lrl_datasets.local_hub.objects import Incoming
from lrl_datasets.local_hub.xet_formats import MAX_CHUNK, check_xorb, files_of_shard, read_chunks
from tests.hub import run_client, running_hub
from tests.local_hub.http import request

XET = {"HF_HUB_DISABLE_XET": "0"}


@pytest.fixture
def hub(tmp_path: Path) -> Iterator[local_hub.Server]:
    with running_hub(tmp_path) as server:
        yield server


def asked(hub: local_hub.Server, part: str) -> int:
    return sum(part in path for _, path in hub.requests)


# ---- the real client ------------------------------------------------------------------------------------

UPLOAD = """
import array, os, random
from huggingface_hub import CommitOperationAdd, HfApi, constants, hf_hub_download
from huggingface_hub.utils._runtime import is_xet_available
assert is_xet_available() and not constants.HF_HUB_DISABLE_XET
api, repo = HfApi(), dict(repo_id="lrl-align/x", repo_type="dataset")
api.create_repo(**repo, exist_ok=True)
noise = random.Random(1).randbytes(1_500_000)
"""


def test_files_that_went_up_by_xet_come_down_as_they_were(hub: local_hub.Server, tmp_path: Path) -> None:
    code = """
files = {
    "noise.bin": noise,
    "words.bin": b"habari ya leo " * 90_000,
    "numbers.bin": array.array("f", [i / 7 for i in range(150_001)]).tobytes() + b"end",
    "both.bin": noise[:900_000] + b"edited" + noise[900_000:],
    "small.parquet": b"PAR1",
    "empty.bin": b"",
    "README.md": b"# A card",
}
open("noise.bin", "wb").write(noise)
adds = [CommitOperationAdd(path, data if path != "noise.bin" else path) for path, data in files.items()]
made = api.create_commit(**repo, operations=adds, commit_message="by Xet")
for path, data in files.items():
    assert open(hf_hub_download(**repo, filename=path, revision=made.oid), "rb").read() == data, path
again = [CommitOperationAdd(path, data) for path, data in files.items()]
print(made.oid == api.create_commit(**repo, operations=again, commit_message="again").oid)
"""
    assert run_client(UPLOAD + code, hub.url, tmp_path, env=XET) == "True\n"
    assert asked(hub, "/v2/shards") and not asked(hub, "/lfs/")
    assert list(hub.store.objects.tmp.iterdir()) == []


def test_what_a_client_sent_before_is_known_and_a_new_store_is_told_from_the_old(tmp_path: Path) -> None:
    code = """
made = api.create_commit(**repo, operations=[CommitOperationAdd("x.bin", noise + TAIL)], commit_message="c")
print(made.oid)
"""
    home, sent = tmp_path / "home", []
    port = 0
    for store, tail in (("one", b"first"), ("one", b"second"), ("two", b"second")):
        with local_hub.serve(tmp_path / store, port) as hub:
            port = urlsplit(hub.url).port or 0
            run = UPLOAD + code.replace("TAIL", repr(tail))
            made = run_client(run, hub.url, tmp_path, home=home, env=XET).strip()
            sent.append(sum(path.stat().st_size for path in xorbs(hub)))
            entry = hub.store.commit_at("datasets", "lrl-align/x", made).files["x.bin"]
            assert entry.size == 1_500_000 + len(tail)
    assert sent[0] > 1_400_000 and sent[1] - sent[0] < 200_000 and sent[2] > 1_400_000


SEND = """
import sys
for tail in TAILS:
    try:
        add = [CommitOperationAdd("x.bin", noise + tail)]
        made = api.create_commit(**repo, operations=add, commit_message="c").oid
        print(open(hf_hub_download(**repo, filename="x.bin", revision=made), "rb").read() == noise + tail)
    except Exception as problem:
        print("Run the upload again" in str(problem))
        print("refused")
"""


def xorbs(hub: local_hub.Server) -> list[Path]:
    return [path for path in (hub.store.root / "xet").glob("*/??/*") if path.is_file()]


def damage(path: Path) -> None:
    data = bytearray(path.read_bytes())
    data[1000] ^= 1  # in the bytes of a chunk that is stored as it is: the headers make sense
    path.write_bytes(data)


@pytest.mark.parametrize("known", [False, True])
def test_a_xorb_that_is_damaged_on_its_way_is_sent_again(
    hub: local_hub.Server, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, known: bool
) -> None:
    """`known`: the Hub has the file, so it would not need the chunks, but a client would remember them."""
    if known:
        code = UPLOAD.replace("assert is_xet", "# assert is_xet") + SEND.replace("TAILS", "[b'']")
        assert run_client(code, hub.url, tmp_path).split() == ["True"]
        assert xorbs(hub) == []
    keep, left = Incoming.keep, [1]

    def damaged(self: Incoming, target: Path, **kw: Any) -> None:
        keep(self, target, **kw)
        if target.parent.parent.parent.name == "xet" and left:
            left.pop()
            damage(target)

    monkeypatch.setattr(Incoming, "keep", damaged)
    home = tmp_path / "home"
    first = UPLOAD + SEND.replace("TAILS", "[b'']")
    assert run_client(first, hub.url, tmp_path, home=home, env=XET).split() == ["True", "refused"]
    second = UPLOAD + SEND.replace("TAILS", "[b'', b'more']")
    assert run_client(second, hub.url, tmp_path, home=home, env=XET).split() == ["True", "True"]


@pytest.mark.parametrize("lost", [False, True])
def test_a_xorb_that_is_damaged_on_the_disk_is_not_for_ever(
    hub: local_hub.Server, tmp_path: Path, lost: bool
) -> None:
    home, seen = tmp_path / "home", []
    for tail in (b"", b"one", b"two", b"three"):
        code = UPLOAD + SEND.replace("TAILS", repr([tail]))
        seen.append(run_client(code, hub.url, tmp_path, home=home, env=XET).split())
        if not tail:
            for path in xorbs(hub):
                path.unlink() if lost else damage(path)
    assert seen == [["True"], ["True", "refused"], ["True"], ["True"]]


def test_a_damaged_xorb_of_somebody_elses_is_in_nobodys_way(hub: local_hub.Server, tmp_path: Path) -> None:
    code = UPLOAD + SEND.replace("TAILS", "[b'']")
    with running_hub(tmp_path / "elsewhere") as other:
        assert run_client(code, other.url, tmp_path, env=XET).split() == ["True"]
        named = {path.name: path.read_bytes() for path in xorbs(other)}
    for name, data in named.items():
        assert xet(hub, f"v1/xorbs/default/{name}", data[:1000] + b"?" + data[1001:])[0] == 200
    assert run_client(code, hub.url, tmp_path, env=XET).split() == ["True"]
    assert {path.name: path.read_bytes() for path in xorbs(hub)} == named


def test_a_token_for_xet_needs_the_hubs_own(tmp_path: Path) -> None:
    code = """
from huggingface_hub.errors import HfHubHTTPError
for token in ("hf_wrong", "hf_secret"):
    api = HfApi(token=token)
    try:
        api.create_repo(**repo, exist_ok=True)
        add = CommitOperationAdd("x.bin", noise)
        api.preupload_lfs_files(**repo, additions=[add])
        print(api.create_commit(**repo, operations=[add], commit_message="c").oid)
    except HfHubHTTPError as problem:
        print(problem.response.status_code)
"""
    with running_hub(tmp_path, token="hf_secret") as hub:
        code = UPLOAD.replace("api.create_repo", "# api.create_repo") + code
        refused, made = run_client(code, hub.url, tmp_path, env=XET).split()
        assert refused == "401"
        assert hub.store.resolve("datasets", "lrl-align/x", "main") == made
        assert request(hub, "GET", "/api/datasets/lrl-align/x/xet-write-token/main")[0] == 401


# ---- by hand --------------------------------------------------------------------------------------------


def grouped(data: bytes) -> bytes:
    return b"".join(data[lane::4] for lane in range(4))


def chunk(data: bytes, scheme: int = 0) -> bytes:
    packed = [data, lz4.frame.compress(data), lz4.frame.compress(grouped(data))][scheme]
    sizes = len(packed).to_bytes(3, "little") + bytes([scheme]) + len(data).to_bytes(3, "little")
    return b"\0" + sizes + packed


def hash_bytes(name: str) -> bytes:
    return struct.pack("<4Q", *(int(name[at : at + 16], 16) for at in range(0, 64, 16)))


def shard(sha256: str | None, terms: list[tuple[str, int, int, int]], verified: bool = True) -> bytes:
    head = b"HFRepoMetaData\0UigEj{\x81W\x83\xa5\xbd\xd9\\\xcd\xd1J\xa9" + struct.pack("<QQ", 2, 0)
    flags = verified << 31 | (sha256 is not None) << 30
    entries = [hash_bytes("ab" * 32) + struct.pack("<IIQ", flags, len(terms), 0)]
    entries += [hash_bytes(term[0]) + struct.pack("<4I", 0, *term[1:]) for term in terms]
    entries += [bytes(48)] * (len(terms) if verified else 0)
    entries += [hash_bytes(sha256) + bytes(16)] if sha256 else []
    return head + b"".join(entries) + b"\xff" * 32 + bytes(16) + b"the xorbs' part, which nobody reads"


ONE, TWO = "1" * 64, "2" * 64
DATA = b"abc" * 100, b"0123456" * 99, b"last"


@pytest.mark.parametrize(
    ("sha256", "verified"), [(hashlib.sha256(b"".join(DATA)).hexdigest(), True), (None, False)]
)
@pytest.mark.parametrize("version", ["v1", "v2"])
def test_a_file_is_put_together_from_its_chunks(
    hub: local_hub.Server, sha256: str | None, verified: bool, version: str
) -> None:
    bodies = {
        ONE: chunk(b"not asked for") + chunk(DATA[0], 1) + chunk(DATA[1], 2) + b"XETBLOB and a footer",
        TWO: chunk(DATA[2]) + chunk(b"neither"),
    }
    for name, body in bodies.items():
        assert xet(hub, f"v1/xorbs/default/{name}", body) == (200, {"was_inserted": True})
    terms = [(ONE, len(DATA[0]) + len(DATA[1]), 1, 3), (TWO, len(DATA[2]), 0, 1)]
    status, told = xet(hub, f"{version}/shards", shard(sha256, terms, verified))
    assert (status, told) == (200, {"result": 1} if version == "v1" else {"type": "result"})
    stored = hub.store.objects.path(hashlib.sha256(b"".join(DATA)).hexdigest())
    assert stored.read_bytes() == b"".join(DATA)


@pytest.mark.parametrize(
    ("sha256", "terms", "message"),
    [
        ("0" * 64, [(ONE, 300, 0, 1)], "SHA-256"),
        (None, [(ONE, 299, 0, 1)], "bytes"),
        (None, [(ONE, 300, 0, 2)], "has 1 chunks, not 2"),
        (None, [(TWO, 300, 0, 1)], f"Xorb {TWO} is not here"),
    ],
)
def test_a_file_that_is_not_as_announced_is_refused_in_words(
    hub: local_hub.Server, sha256: str | None, terms: list[tuple[str, int, int, int]], message: str
) -> None:
    xet(hub, f"v1/xorbs/default/{ONE}", chunk(DATA[0]))
    before = list(hub.store.objects.folder.rglob("*"))
    status, told = xet(hub, "v2/shards", shard(sha256, terms))
    assert (status, told["type"], told["retryable"]) == (200, "error", False)
    assert message in str(told["message"])
    xet(hub, f"v1/xorbs/default/{ONE}", chunk(DATA[0]))  # to a new address
    status, told = xet(hub, "v1/shards", shard(sha256, terms))
    assert status == 400 and message in str(told["error"])
    assert list(hub.store.objects.folder.rglob("*")) == before
    assert list(hub.store.objects.tmp.iterdir()) == []


@pytest.mark.parametrize(
    "body",
    [
        b"not a xorb",
        chunk(b"x" * 50)[:-1],
        chunk(b"x")[:5],
        b"\x01" + chunk(b"x")[1:],
        b"\0" + b"\1\0\0" + b"\3" + b"\1\0\0" + b"x",
        chunk(bytes(MAX_CHUNK + 1), 1),
    ],
)
def test_what_is_no_xorb_is_refused(hub: local_hub.Server, body: bytes) -> None:
    assert xet(hub, f"v1/xorbs/default/{ONE}", body)[0] == 400
    assert xorbs(hub) == []


@pytest.mark.parametrize("cut", [0, 31, 40, 50, 100, 190])
def test_what_is_no_shard_is_refused(hub: local_hub.Server, cut: int) -> None:
    with pytest.raises(HubError):
        files_of_shard(shard(ONE, [(ONE, 300, 0, 1)])[:cut])
    assert xet(hub, "v1/shards", shard(ONE, [(ONE, 300, 0, 1)])[:cut])[0] == 400


def test_a_chunk_that_lies_about_its_length_is_refused() -> None:
    bomb = lz4.frame.compress(bytes(50_000_000))
    for body, length in ((bomb, 100), (lz4.frame.compress(b"short"), 100), (b"no lz4", 100)):
        header = b"\0" + len(body).to_bytes(3, "little") + b"\1" + length.to_bytes(3, "little")
        with pytest.raises(HubError):
            list(read_chunks(io.BytesIO(header + body), 0, 1))


@given(st.lists(st.tuples(st.binary(max_size=300), st.integers(0, 2)), max_size=6), st.data())
def test_any_run_of_chunks_is_read_back(parts: list[tuple[bytes, int]], data: st.DataObject) -> None:
    xorb = io.BytesIO(b"".join(chunk(*part) for part in parts))
    assert check_xorb(xorb) == len(parts)
    stop = data.draw(st.integers(0, len(parts)))
    first = data.draw(st.integers(0, stop))
    assert list(read_chunks(xorb, first, stop)) == [part for part, _ in parts[first:stop]]


def test_xet_addresses_are_the_stores_own_and_tokens_expire(
    hub: local_hub.Server, monkeypatch: pytest.MonkeyPatch
) -> None:
    where, token = token_for(hub)
    assert request(hub, "POST", f"{where}/v1/xorbs/default/{ONE}", body=b"")[0] == 401
    late = {"Authorization": f"Bearer 1{token}"}  # a later hour under the same signature
    assert request(hub, "POST", f"{where}/v1/xorbs/default/{ONE}", late, b"")[0] == 401
    good = {"Authorization": f"Bearer {token}"}
    assert request(hub, "POST", f"/xet/{'0' * 32}/v1/xorbs/default/{ONE}", good, b"")[0] == 400
    assert request(hub, "POST", f"{where}/v1/xorbs/default/..%2F..%2Fx", good, b"")[0] == 400
    assert request(hub, "GET", f"{where}/v1/chunks/default/{ONE}")[0] == 404
    assert request(hub, "GET", "/api/datasets/lrl-align/x/xet-read-token/main")[0] == 404
    monkeypatch.setattr("time.time", lambda: 10_000_000_000.0)
    assert request(hub, "POST", f"{where}/v1/xorbs/default/{ONE}", good, b"")[0] == 401
    again = Store(hub.store.root)
    assert again.secret == hub.store.secret and (hub.store.root / "secret").stat().st_mode & 0o777 == 0o600


def token_for(hub: local_hub.Server) -> tuple[str, str]:
    """Ask for a token as a client does; returns the path that xorbs go below, and the token."""
    if not hub.store.exists("datasets", "lrl-align/x"):
        hub.store.create("datasets", "lrl-align/x")
    _, headers, _ = request(hub, "GET", "/api/datasets/lrl-align/x/xet-write-token/main")
    return urlsplit(headers["x-xet-cas-url"]).path, headers["x-xet-access-token"]


def xet(hub: local_hub.Server, path: str, body: bytes) -> tuple[int, dict[str, object]]:
    where, token = token_for(hub)
    status, _, told = request(hub, "POST", f"{where}/{path}", {"Authorization": f"Bearer {token}"}, body)
    return status, json.loads(told)
