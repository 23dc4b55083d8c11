"""How files get into the local Hub: `preupload`, LFS batch with basic transfer, and the NDJSON commit."""

from __future__ import annotations

import base64
import binascii
import hmac
import time
from collections.abc import Iterator
from hashlib import sha256
from typing import Any, BinaryIO
from urllib.parse import urlencode

from lrl_datasets import card_validator
from lrl_datasets.local_hub.commits import Changes
from lrl_datasets.local_hub.objects import HubError, is_lfs
from lrl_datasets.local_hub.protocol import Request, Response, read_json
from lrl_datasets.local_hub.store import Store

MAX_COMMIT_LINE = 64 * 1024 * 1024
"""Bytes: a regular file is below 10 MiB, a third more in base64."""


PATIENCE = 5.0
"""Seconds of one request that go into the hashes of what is here already; clients wait ten."""


class Uploads:
    """Answers the requests that carry files; who may write is checked before.

    Parameters
    ----------
    store
        Where the repositories lie.
    """

    def __init__(self, store: Store) -> None:
        self.store = store

    def preupload(self, request: Request, kind: str, repo_id: str, revision: str) -> Response:
        """Say of every file whether it comes as LFS or inside the commit, and what the branch holds of it."""
        new = revision.startswith("refs/convert/")
        commit = self.store.commit_at(kind, repo_id, "main" if new else revision)
        attributes, started = self.store.attributes(commit), time.monotonic()
        answer: list[dict[str, object]] = []
        for file in request.json()["files"]:
            path, sample = str(file["path"]), base64.b64decode(file.get("sample", ""))
            lfs = is_lfs(attributes, path, sample, int(file["size"]))
            told: dict[str, object] = {"path": path, "uploadMode": "lfs" if lfs else "regular"}
            there = None if new else commit.files.get(path)
            if there is not None and not self.store.objects.sound(there.sha256, there.size, quick(started)):
                there = None  # damaged: let it come anew
            # Clients leave a file out of the commit if `oid` is its hash: compare like with like only.
            if there is not None and there.lfs == lfs:
                told["oid"] = there.etag
            answer.append(told | {"shouldIgnore": False})
        return Response(data={"files": answer})

    def lfs_batch(self, request: Request, kind: str, repo_id: str) -> Response:
        """Say of every object where to put it, or that it is here."""
        self.store.refs(kind, repo_id)
        asked = request.json()
        if asked.get("operation") != "upload":
            raise HubError(400, "Only LFS uploads go through the batch; downloads go through `resolve`")
        repo = repo_id if kind == "models" else f"{kind}/{repo_id}"
        objects: list[dict[str, object]] = []
        started = time.monotonic()
        for wanted in asked["objects"]:
            oid, size = str(wanted["oid"]), int(wanted["size"])
            known: dict[str, object] = {"oid": oid, "size": size}
            if not self.store.objects.has(oid, size, quick(started)):
                # The upload itself comes without a token, so its address is signed.
                query = urlencode({"size": size, "sig": self._signature(oid, size)})
                known["actions"] = {
                    "upload": {"href": f"{request.base}/lfs/{oid}?{query}"},
                    "verify": {"href": f"{request.base}/{repo}.git/info/lfs/objects/verify"},
                }
            objects.append(known)
        return Response(data={"transfer": "basic", "objects": objects})

    def lfs_verify(self, request: Request) -> Response:
        """Confirm that an object is here in the size that was announced."""
        asked = request.json()
        self.store.objects.lfs_entry(str(asked["oid"]), int(asked["size"]))
        return Response()

    def lfs_put(self, request: Request, oid: str) -> Response:
        """Take one object, under an address that `lfs_batch` gave out."""
        size = request.number("size", -1)
        given = request.query.get("sig", [""])[-1]
        if not hmac.compare_digest(given.encode(), self._signature(oid, size).encode()):
            raise HubError(403, "This upload was not agreed on")
        self.store.objects.add(iter(lambda: request.body.read(1 << 20), b""), oid, size)
        return Response()

    def commit(self, request: Request, kind: str, repo_id: str, revision: str) -> Response:
        """Make one commit of the operations in the body, one JSON line each; the header is the first."""
        changes, header, started = Changes(), {}, time.monotonic()
        for key, value in _lines(request.body):
            match key:
                case "header":
                    header = value
                case "file":
                    content = _content(value)
                    if value["path"] == "README.md":
                        _check_card(content, kind)
                    changes.add[value["path"]] = self.store.objects.add_regular(content)
                case "lfsFile":
                    entry = self.store.objects.lfs_entry(
                        str(value.get("oid")), value.get("size"), quick(started)
                    )
                    changes.add[value["path"]] = entry
                case "deletedFile":
                    changes.delete_files.append(value["path"])
                case "deletedFolder":
                    changes.delete_folders.append(value["path"])
                case _:
                    raise HubError(400, f"Unknown operation in a commit: {key!r}")
        title, message = header.get("summary"), str(header.get("description", ""))
        if not isinstance(title, str) or not title:
            raise HubError(400, "A commit needs a summary")
        create_pr, parent = request.flag("create_pr"), header.get("parentCommit")
        made = self.store.commit(
            kind, repo_id, revision, changes, title=title, message=message, parent=parent, create_pr=create_pr
        )
        repo = repo_id if kind == "models" else f"{kind}/{repo_id}"
        told = {"success": True, "commitUrl": f"{request.base}/{repo}/commit/{made.id}", "commitOid": made.id}
        if create_pr:
            pulls = self.store.refs(kind, repo_id).pulls
            number = max(int(number) for number, sha in pulls.items() if sha == made.id)
            told["pullRequestUrl"] = f"{request.base}/{repo}/discussions/{number}"
        return Response(data=told | {"hookOutput": ""})

    def _signature(self, oid: str, size: int) -> str:
        return hmac.new(self.store.secret, f"lfs {oid} {size}".encode(), sha256).hexdigest()


def quick(started: float) -> int | None:
    """Return up to which size hashes are looked at by a request that began then."""
    return None if time.monotonic() - started < PATIENCE else 0


def _lines(body: BinaryIO) -> Iterator[tuple[str, dict[str, Any]]]:
    number = 0
    while line := body.readline(MAX_COMMIT_LINE + 1):
        number += 1
        if len(line) > MAX_COMMIT_LINE:
            raise HubError(
                413, f"Line {number} of the commit is longer than {MAX_COMMIT_LINE} bytes: use LFS"
            )
        if not line.strip():
            continue
        try:
            item = read_json(line)
            key, value = item["key"], item["value"]
            if not isinstance(value, dict) or (key != "header" and not isinstance(value["path"], str)):
                raise TypeError
        except (ValueError, KeyError, TypeError):
            raise HubError(400, f"Line {number} of the commit is not an operation") from None
        yield str(key), value


def _content(value: dict[str, Any]) -> bytes:
    content = str(value.get("content", ""))
    if value.get("encoding", "utf-8") != "base64":
        return content.encode()
    try:
        return base64.b64decode(content, validate=True)
    except binascii.Error:
        raise HubError(400, f"The content of {value['path']} is not base64") from None


def _check_card(content: bytes, kind: str) -> None:
    found = card_validator.check(content.decode("utf-8", "replace"), kind.removesuffix("s"))
    if found.errors:
        more = f"; and {len(found.errors) - 10} more" if len(found.errors) > 10 else ""
        raise HubError(400, "Invalid metadata in README.md: " + "; ".join(found.errors[:10]) + more)
