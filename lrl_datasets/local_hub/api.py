"""The Hub's HTTP API over a store: one request in, one response out, no sockets.

Written against what huggingface_hub 2.4 and datasets 5.2 send and read: repositories, `preupload`, LFS batch
and basic upload, NDJSON commits, refs, tags, branches, info, tree, paths, history and `resolve`. Left out are
pull requests, spaces and Xet; a request for one of them is refused with a sentence that says so.
"""

from __future__ import annotations

import base64
import binascii
import hmac
import io
import json
import mimetypes
import secrets
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from hashlib import sha256
from itertools import islice
from typing import Any, BinaryIO
from urllib.parse import parse_qs, quote, urlencode

import yaml

from lrl_datasets import card_validator
from lrl_datasets.local_hub.store import Changes, Commit, Entry, HubError, Store, lfs_pointer

PAGE = {"tree": 1000, "tree expanded": 50, "commits": 50, "repositories": 1000}
MAX_JSON = 32 * 1024 * 1024
MAX_COMMIT_LINE = 64 * 1024 * 1024
"""Bytes: a regular file is below 10 MiB, a third more in base64."""

_SINGULAR = {"datasets": "dataset", "models": "model"}
_ACTIONS = {
    "revision", "tree", "paths-info", "refs", "commits", "commit", "preupload", "branch", "tag",
    "xet-write-token", "xet-read-token", "parquet", "settings", "discussions", "resolve", "raw",
}  # fmt: skip


@dataclass
class Request:
    """One request, taken apart."""

    method: str
    segments: list[str]
    """The path's segments, each decoded by itself: `refs%2Fconvert%2Fparquet` is one."""
    query: dict[str, list[str]]
    headers: Any
    body: BinaryIO
    base: str
    """How the client reaches this server, e.g. `http://127.0.0.1:8123`."""

    def flag(self, name: str) -> bool:
        """Say whether a query parameter is set to true."""
        return self.query.get(name, ["false"])[-1].lower() in ("1", "true")

    def json(self) -> dict[str, Any]:
        """Return the body as a JSON object."""
        data = self.body.read(MAX_JSON + 1)
        if len(data) > MAX_JSON:
            raise HubError(413, "Request body too large")
        try:
            found = json.loads(data or b"{}")
        except ValueError as problem:
            raise HubError(400, f"The body is not JSON: {problem}") from None
        if not isinstance(found, dict):
            raise HubError(400, "The body is not a JSON object")
        return found


@dataclass
class Response:
    """One response: JSON, or a stored content with its ETag."""

    status: int = 200
    data: object = None
    headers: dict[str, str] = field(default_factory=dict)
    content: Entry | None = None


class Api:
    """Answers requests.

    Parameters
    ----------
    store
        Where the repositories lie.
    token
        What a client must send to write, or to read a private repository; None: anybody may.
    """

    def __init__(self, store: Store, token: str | None = None) -> None:
        self.store = store
        self.token = token
        self._secret = secrets.token_bytes(32)

    def answer(self, request: Request) -> Response:
        """Answer one request; a refusal is raised as `HubError`."""
        match request.segments:
            case ["api", ("datasets" | "models") as kind]:
                return self._repositories(request, kind)
            case ["api", ("datasets" | "models") as kind, *rest]:
                return self._repository(request, kind, *_split_id(rest))
            case ["api", "repos", ("create" | "delete") as action]:
                return self._create_or_delete(request, action)
            case ["api", "validate-yaml"] if request.method == "POST":
                return _validate_yaml(request.json())
            case ["api", "whoami-v2"]:
                return self._whoami(request)
            case ["api", "telemetry", *_]:
                return Response()
            case ["lfs", oid] if request.method == "PUT":
                return self._lfs_upload(request, oid)
            case [*repo, "info", "lfs", "objects", ("batch" | "verify") as action] if (
                request.method == "POST"
            ):
                return self._lfs(request, *_kind_and_id(repo), action)
            case [*repo, ("resolve" | "raw"), _revision, _path] if request.method in ("GET", "HEAD"):
                return self._file(request, *_kind_and_id(repo), *request.segments[len(repo) + 1 :])
            case segments if request.method in ("GET", "HEAD"):
                at = next((i for i in (1, 2, 3) if segments[i : i + 1] in (["resolve"], ["raw"])), None)
                if at is not None and len(segments) > at + 2:
                    return self._file(
                        request, *_kind_and_id(segments[:at]), *_revision_and_path(segments[at + 1 :])
                    )
        raise HubError(404, f"Nothing here answers {request.method} /{'/'.join(request.segments)}")

    # ---- who may ----

    def _authorised(self, request: Request) -> bool:
        given = request.headers.get("Authorization", "").removeprefix("Bearer ").strip()
        return self.token is None or hmac.compare_digest(given.encode(), self.token.encode())

    def _may_write(self, request: Request) -> None:
        if not self._authorised(request):
            raise HubError(401, "Invalid username or password: this Hub wants its token for writing")

    def _may_read(self, request: Request, kind: str, repo_id: str) -> None:
        if self.store.refs(kind, repo_id).private and not self._authorised(request):
            raise HubError(401, f"Repository not found: {kind}/{repo_id}", "RepoNotFound")

    def _whoami(self, request: Request) -> Response:
        if not self._authorised(request):
            raise HubError(401, "Invalid user token")
        return Response(
            data={
                "type": "user", "id": "local", "name": "local", "fullname": "Local Hub", "isPro": False, "orgs": [],
                "auth": {"type": "access_token", "accessToken": {"displayName": "local", "role": "write"}},
            }
        )  # fmt: skip

    # ---- repositories ----

    def _repositories(self, request: Request, kind: str) -> Response:
        wanted = request.query.get("search", [""])[-1].lower()
        author = request.query.get("author", [""])[-1]
        found = [
            _info(self.store, kind, self.store.commit_at(kind, repo_id, "main"), repo_id, request)
            for repo_id in self.store.repositories(kind)
            if wanted in repo_id.lower()
            and (not author or repo_id.startswith(author + "/"))
            and (self._authorised(request) or not self.store.refs(kind, repo_id).private)
        ]
        return Response(data=found[: int(request.query.get("limit", [str(PAGE["repositories"])])[-1])])

    def _create_or_delete(self, request: Request, action: str) -> Response:
        self._may_write(request)
        asked = request.json()
        name, organisation = asked.get("name"), asked.get("organization")
        kind = f"{asked.get('type') or 'model'}s"
        if not isinstance(name, str) or (organisation is not None and not isinstance(organisation, str)):
            raise HubError(400, "A repository needs a name")
        # Clients cannot parse an address without an organisation, so a bare name gets whoami's.
        repo_id = name if "/" in name else f"{organisation or 'local'}/{name}"
        url = f"{request.base}/{'' if kind == 'models' else kind + '/'}{repo_id}"
        if action == "delete":
            self.store.delete(kind, repo_id)
            return Response()
        if kind not in _SINGULAR:
            raise HubError(400, f"This Hub keeps datasets and models, no {kind}")
        private = asked.get("private") is True or asked.get("visibility") == "private"
        try:
            self.store.create(kind, repo_id, private)
        except HubError as refusal:
            refusal.extra["url"] = url
            raise
        return Response(data={"url": url, "name": repo_id, "id": repo_id})

    def _repository(self, request: Request, kind: str, repo_id: str, rest: list[str]) -> Response:
        self._may_read(request, kind, repo_id)
        store = self.store
        if request.method in ("GET", "HEAD"):
            match rest:
                case []:
                    return Response(
                        data=_info(store, kind, store.commit_at(kind, repo_id, "main"), repo_id, request)
                    )
                case ["revision", revision]:
                    commit = store.commit_at(kind, repo_id, revision)
                    return Response(data=_info(store, kind, commit, repo_id, request))
                case ["refs"]:
                    return self._refs(request, kind, repo_id)
                case ["tree", revision, *path]:
                    return self._tree(request, kind, repo_id, revision, "/".join(path))
                case ["commits", revision]:
                    return self._commits(request, kind, repo_id, revision)
                case ["resolve" | "raw", revision, *path] if path:
                    return self._file(request, kind, repo_id, revision, "/".join(path))
                case ["xet-write-token" | "xet-read-token", *_]:
                    raise HubError(404, "This Hub speaks no Xet: set HF_HUB_DISABLE_XET=1")
            raise HubError(404, f"Nothing here answers {request.method} /{'/'.join(request.segments)}")
        if request.method == "POST" and rest[:1] == ["paths-info"] and len(rest) == 2:
            return self._paths_info(request, kind, repo_id, rest[1])
        self._may_write(request)
        match request.method, rest:
            case "POST", ["preupload", revision]:
                return self._preupload(request, kind, repo_id, revision)
            case "POST", ["commit", revision]:
                return self._commit(request, kind, repo_id, revision)
            case "POST", ["branch", *name] if name:
                start = request.json().get("startingPoint")
                store.create_branch(kind, repo_id, "/".join(name), None if start is None else str(start))
                return Response()
            case "DELETE", ["branch", *name] if name:
                store.delete_branch(kind, repo_id, "/".join(name))
                return Response()
            case "POST", ["tag", revision]:
                store.create_tag(kind, repo_id, str(request.json().get("tag", "")), revision)
                return Response()
            case "DELETE", ["tag", *name] if name:
                store.delete_tag(kind, repo_id, "/".join(name))
                return Response()
        raise HubError(404, f"Nothing here answers {request.method} /{'/'.join(request.segments)}")

    # ---- reading ----

    def _refs(self, request: Request, kind: str, repo_id: str) -> Response:
        refs = self.store.refs(kind, repo_id)

        def listed(table: dict[str, str], prefix: str) -> list[dict[str, str]]:
            return [{"name": n, "ref": prefix + n, "targetCommit": sha} for n, sha in sorted(table.items())]

        data = {
            "branches": listed(refs.branches, "refs/heads/"),
            "converts": listed(refs.converts, "refs/convert/"),
            "tags": listed(refs.tags, "refs/tags/"),
        }
        return Response(data=data | ({"pullRequests": []} if request.query.get("include_prs") else {}))

    def _tree(self, request: Request, kind: str, repo_id: str, revision: str, folder: str) -> Response:
        commit = self.store.commit_at(kind, repo_id, revision)
        found = _list_tree(commit, folder.strip("/"), request.flag("recursive"))
        if not found and folder:
            raise HubError(404, f"{folder} does not exist on {revision!r}", "EntryNotFound")
        expand = request.flag("expand")
        limit = int(request.query.get("limit", [str(PAGE["tree expanded" if expand else "tree"])])[-1])
        return _page(request, [_expand(commit, item) if expand else item for item in found], limit)

    def _paths_info(self, request: Request, kind: str, repo_id: str, revision: str) -> Response:
        commit = self.store.commit_at(kind, repo_id, revision)
        if "json" in request.headers.get("Content-Type", ""):
            asked = request.json()
            paths, expand = asked.get("paths", []), bool(asked.get("expand"))
        else:
            form = parse_qs(request.body.read(MAX_JSON).decode("utf-8", "replace"), keep_blank_values=True)
            paths, expand = form.get("paths", []), form.get("expand", [""])[-1].lower() == "true"
        found = []
        for path in [paths] if isinstance(paths, str) else paths:
            name = str(path).strip("/")
            if name in commit.files:
                found.append(_describe(name, commit.files[name]))
            elif any(other.startswith(name + "/") for other in commit.files):
                found.append(_describe_folder(commit, name))
        return Response(data=[_expand(commit, item) if expand else item for item in found])

    def _commits(self, request: Request, kind: str, repo_id: str, revision: str) -> Response:
        page = int(request.query.get("p", ["0"])[-1])
        start = page * PAGE["commits"]
        found = list(islice(self.store.history(kind, repo_id, revision), start, start + PAGE["commits"] + 1))
        data = [
            {
                "id": commit.id, "title": commit.title, "message": commit.message, "date": commit.date,
                "authors": [{"user": "local"}], "formatted": {"title": commit.title, "message": commit.message},
            }
            for commit in found[: PAGE["commits"]]
        ]  # fmt: skip
        following = {"p": str(page + 1)} if len(found) > PAGE["commits"] else None
        return Response(data=data, headers=_next_page(request, following))

    def _file(self, request: Request, kind: str, repo_id: str, revision: str, path: str) -> Response:
        self._may_read(request, kind, repo_id)
        commit = self.store.commit_at(kind, repo_id, revision)
        entry = commit.files.get(path)
        headers = {"X-Repo-Commit": commit.id}
        if entry is None:
            refusal = HubError(404, f"Entry not found: {path}", "EntryNotFound")
            refusal.headers = headers  # clients cache that the file is not in this commit
            raise refusal
        headers["ETag"] = f'"{entry.etag}"'
        if entry.lfs:
            headers |= {"X-Linked-ETag": f'"{entry.etag}"', "X-Linked-Size": str(entry.size)}
        name = path.rsplit("/", 1)[-1]
        headers["Content-Disposition"] = (
            f"inline; filename*=UTF-8''{quote(name)}; filename=\"{quote(name)}\";"
        )
        kind_of_text = (mimetypes.guess_type(name)[0] or "").startswith("text/") or name.endswith(
            (".json", ".md")
        )
        headers["Content-Type"] = "text/plain; charset=utf-8" if kind_of_text else "application/octet-stream"
        return Response(content=entry, headers=headers)

    # ---- writing ----

    def _preupload(self, request: Request, kind: str, repo_id: str, revision: str) -> Response:
        files = request.json().get("files")
        if not isinstance(files, list):
            raise HubError(400, "`files` is missing")
        new = revision.startswith("refs/convert/")
        commit = self.store.commit_at(kind, repo_id, "main" if new else revision)
        attributes = self.store.attributes(commit)
        answer = []
        for file in files:
            path, size = str(file["path"]), int(file["size"])
            sample = base64.b64decode(file.get("sample", ""))
            mode = self.store.upload_mode(attributes, path, sample, size)
            told = {"path": path, "uploadMode": mode, "shouldIgnore": False}
            there = None if new else commit.files.get(path)
            # Clients leave a file out of the commit if this is its hash: compare like with like only.
            answer.append(told | ({"oid": there.etag} if there and there.lfs == (mode == "lfs") else {}))
        return Response(data={"files": answer})

    def _lfs(self, request: Request, kind: str, repo_id: str, action: str) -> Response:
        self._may_write(request)
        self.store.refs(kind, repo_id)
        asked = request.json()
        if action == "verify":
            self.store.lfs_entry(str(asked.get("oid")), int(asked.get("size", -1)))
            return Response()
        if asked.get("operation") != "upload":
            raise HubError(400, "Only LFS uploads go through the batch; downloads go through `resolve`")
        repo = f"{'' if kind == 'models' else kind + '/'}{repo_id}"
        objects = []
        for wanted in asked.get("objects", []):
            oid, size = str(wanted["oid"]), int(wanted["size"])
            known = {"oid": oid, "size": size}
            if not self.store.blob(oid).exists():
                # The upload itself comes without a token, so its address is signed.
                query = urlencode({"size": size, "sig": self._signature(oid, size)})
                known["actions"] = {  # type: ignore[assignment]
                    "upload": {"href": f"{request.base}/lfs/{oid}?{query}"},
                    "verify": {"href": f"{request.base}/{repo}.git/info/lfs/objects/verify"},
                }
            objects.append(known)
        return Response(data={"transfer": "basic", "objects": objects})

    def _lfs_upload(self, request: Request, oid: str) -> Response:
        size = int(request.query.get("size", ["-1"])[-1])
        given = request.query.get("sig", [""])[-1]
        if not hmac.compare_digest(given.encode(), self._signature(oid, size).encode()):
            raise HubError(403, "This upload was not agreed on")
        chunks: Callable[[], bytes] = lambda: request.body.read(1 << 20)  # noqa: E731
        self.store.add_blob(iter(chunks, b""), oid, size)
        return Response()

    def _signature(self, oid: str, size: int) -> str:
        return hmac.new(self._secret, f"{oid} {size}".encode(), sha256).hexdigest()

    def _commit(self, request: Request, kind: str, repo_id: str, revision: str) -> Response:
        if request.flag("create_pr"):
            raise HubError(400, "This Hub keeps no pull requests")
        changes, header = Changes(), {}
        for key, value in _commit_lines(request.body):
            match key:
                case "header":
                    header = value
                case "file":
                    content = _decode(value)
                    if value["path"] == "README.md":
                        _refuse_bad_card(content, kind)
                    changes.add[value["path"]] = self.store.add_regular(content)
                case "lfsFile":
                    changes.add[value["path"]] = self.store.lfs_entry(
                        str(value.get("oid")), value.get("size")
                    )
                case "deletedFile":
                    changes.delete_files.append(value["path"])
                case "deletedFolder":
                    changes.delete_folders.append(value["path"])
                case _:
                    raise HubError(400, f"Unknown operation in a commit: {key!r}")
        title = header.get("summary")
        if not isinstance(title, str) or not title:
            raise HubError(400, "A commit needs a summary")
        made = self.store.commit(
            kind,
            repo_id,
            revision,
            changes,
            title,
            str(header.get("description", "")),
            header.get("parentCommit"),
        )
        prefix = "" if kind == "models" else kind + "/"
        url = f"{request.base}/{prefix}{repo_id}/commit/{made.id}"
        return Response(data={"success": True, "commitUrl": url, "commitOid": made.id, "hookOutput": ""})


def _split_id(segments: list[str]) -> tuple[str, list[str]]:
    """Take the repository's id off the front: `org/name`, or `name` alone."""
    if len(segments) > 1 and segments[1] not in _ACTIONS:
        return "/".join(segments[:2]), segments[2:]
    return segments[0], segments[1:]


def _kind_and_id(segments: list[str]) -> tuple[str, str]:
    kind, rest = (segments[0], segments[1:]) if segments[:1] == ["datasets"] else ("models", segments)
    return kind, "/".join(rest).removesuffix(".git")


def _revision_and_path(segments: list[str]) -> tuple[str, str]:
    """Tell revision and path apart where a client left the slashes of `refs/convert/parquet` as they are."""
    width = 3 if segments[0] == "refs" and len(segments) > 3 else 1
    return "/".join(segments[:width]), "/".join(segments[width:])


def _page(request: Request, items: list[dict[str, Any]], limit: int) -> Response:
    start, limit = int(request.query.get("cursor", ["0"])[-1]), max(1, min(limit, PAGE["tree"]))
    following = {"cursor": str(start + limit)} if start + limit < len(items) else None
    return Response(data=items[start : start + limit], headers=_next_page(request, following))


def _next_page(request: Request, change: dict[str, str] | None) -> dict[str, str]:
    if change is None:
        return {}
    query = urlencode({name: values[-1] for name, values in request.query.items()} | change)
    path = "/".join(quote(segment, safe="") for segment in request.segments)
    return {"Link": f'<{request.base}/{path}?{query}>; rel="next"'}


def _describe(path: str, entry: Entry) -> dict[str, Any]:
    item: dict[str, Any] = {"type": "file", "oid": entry.oid, "size": entry.size, "path": path}
    if entry.lfs:
        pointer = len(lfs_pointer(entry.sha256, entry.size))
        item["lfs"] = {"oid": entry.sha256, "size": entry.size, "pointerSize": pointer}
    return item


def _describe_folder(commit: Commit, path: str) -> dict[str, Any]:
    inside = "".join(f"{n}\0{e.oid}\n" for n, e in commit.files.items() if n.startswith(path + "/"))
    oid = sha256(inside.encode()).hexdigest()[:40]  # names the folder's state; not git's own tree hash
    return {"type": "directory", "oid": oid, "size": 0, "path": path}


def _list_tree(commit: Commit, folder: str, recursive: bool) -> list[dict[str, Any]]:
    prefix = folder + "/" if folder else ""
    items: dict[str, dict[str, Any]] = {}
    for path, entry in commit.files.items():
        if not path.startswith(prefix):
            continue
        parts = path[len(prefix) :].split("/")
        for depth in range(1, len(parts) if recursive else min(len(parts), 2)):
            above = prefix + "/".join(parts[:depth])
            if above not in items:
                items[above] = _describe_folder(commit, above)
        if recursive or len(parts) == 1:
            items[path] = _describe(path, entry)
    return [items[path] for path in sorted(items)]


def _expand(commit: Commit, item: dict[str, Any]) -> dict[str, Any]:
    # The commit that was asked for stands in for the last one that touched the path.
    item = item | {"lastCommit": {"id": commit.id, "title": commit.title, "date": commit.date}}
    if item["type"] == "file":
        item["securityFileStatus"] = {"status": "unscanned", "avScan": None, "pickleImportScan": None}
    return item


def _info(store: Store, kind: str, commit: Commit, repo_id: str, request: Request) -> dict[str, Any]:
    refs = store.refs(kind, repo_id)
    card = _card_data(store, commit)
    siblings: list[dict[str, Any]] = [{"rfilename": path} for path in commit.files]
    if request.flag("blobs"):
        for sibling, entry in zip(siblings, commit.files.values(), strict=True):
            sibling |= {"size": entry.size, "blobId": entry.oid}
            if entry.lfs:
                pointer = len(lfs_pointer(entry.sha256, entry.size))
                sibling["lfs"] = {"size": entry.size, "sha256": entry.sha256, "pointerSize": pointer}
    info: dict[str, Any] = {
        "_id": sha256(f"{kind}/{repo_id}".encode()).hexdigest()[:24],
        "id": repo_id, "author": repo_id.split("/")[0] if "/" in repo_id else None, "sha": commit.id,
        "createdAt": refs.created, "lastModified": commit.date, "private": refs.private, "gated": False,
        "disabled": False, "downloads": 0, "likes": 0, "tags": _card_tags(card), "cardData": card,
        "siblings": siblings, "usedStorage": sum(entry.size for entry in commit.files.values()),
    }  # fmt: skip
    if kind == "models":
        info |= {"modelId": repo_id, "library_name": card.get("library_name")}
        info["pipeline_tag"] = card.get("pipeline_tag")
    wanted = set(request.query.get("expand", []) + request.query.get("expand[]", []))
    return {name: info[name] for name in info if name in wanted | {"_id", "id"}} if wanted else info


def _card_data(store: Store, commit: Commit) -> dict[str, Any]:
    entry = commit.files.get("README.md")
    if entry is None or entry.size > MAX_JSON:
        return {}
    try:
        front = card_validator.front_matter(store.blob(entry.sha256).read_text("utf-8"))
        data = yaml.safe_load(front or "")
    except (OSError, UnicodeDecodeError, yaml.YAMLError):
        return {}
    found = json.loads(json.dumps(data, default=str))  # dates become strings
    return found if isinstance(found, dict) else {}


def _card_tags(card: dict[str, Any]) -> list[str]:
    tags = []
    for name in ("task_categories", "language", "license", "size_categories"):
        values = card.get(name) or []
        tags += [f"{name}:{value}" for value in (values if isinstance(values, list) else [values])]
    own = card.get("tags")
    return tags + [str(tag) for tag in own] if isinstance(own, list) else tags


def _validate_yaml(asked: dict[str, Any]) -> Response:
    found = card_validator.check(str(asked.get("content", "")), str(asked.get("repoType", "model")))
    data = {name: [{"message": text} for text in texts] for name, texts in vars(found).items()}
    return Response(400 if found.errors else 200, data=data)


def _refuse_bad_card(content: bytes, kind: str) -> None:
    found = card_validator.check(content.decode("utf-8", "replace"), _SINGULAR[kind])
    if found.errors:
        raise HubError(400, "Invalid metadata in README.md: " + "; ".join(found.errors))


def _commit_lines(body: BinaryIO) -> Iterator[tuple[str, dict[str, Any]]]:
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
            item = json.load(io.BytesIO(line))
            key, value = item["key"], item["value"]
            if key != "header" and not isinstance(value["path"], str):
                raise TypeError
        except (ValueError, KeyError, TypeError):
            raise HubError(400, f"Line {number} of the commit is not an operation") from None
        yield str(key), value


def _decode(value: dict[str, Any]) -> bytes:
    content = str(value.get("content", ""))
    if value.get("encoding", "utf-8") != "base64":
        return content.encode()
    try:
        return base64.b64decode(content, validate=True)
    except binascii.Error:
        raise HubError(400, f"The content of {value['path']} is not base64") from None
