"""The Hub's HTTP API over a store: one request in, one response out, no sockets.

Written against what huggingface_hub 2.4 and datasets 5.2 send and read: repositories, refs, tags, branches,
info, tree, paths, history, `resolve`, and the uploads of `uploads.py` (LFS) and `xet.py`. Pull requests (`pulls.py`)
are commits that may be merged or closed, without the discussion. Spaces are refused with a sentence that says so.
"""

from __future__ import annotations

import hmac
import mimetypes
from datetime import UTC, datetime
from itertools import islice
from typing import Any
from urllib.parse import parse_qs, quote

from lrl_datasets import card_validator
from lrl_datasets.local_hub import pages, pulls, removal
from lrl_datasets.local_hub.addresses import kind_and_id, revision_and_path, split_id
from lrl_datasets.local_hub.commits import stamp
from lrl_datasets.local_hub.describe import (
    describe_file,
    describe_folder,
    describe_repository,
    describe_tree,
    each_repository,
    expand,
)
from lrl_datasets.local_hub.objects import HubError
from lrl_datasets.local_hub.protocol import Request, Response, page
from lrl_datasets.local_hub.repositories import KINDS
from lrl_datasets.local_hub.store import Store
from lrl_datasets.local_hub.uploads import Uploads
from lrl_datasets.local_hub.xet import Xet

TREE_PAGE, EXPANDED_PAGE, COMMITS_PAGE = 1000, 50, 50


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
        self.uploads = Uploads(store)
        self.xet = Xet(store)

    def answer(self, request: Request) -> Response:
        """Answer one request; a refusal is raised as `HubError`."""
        reads = request.method in ("GET", "HEAD")
        match request.segments:
            case ["api", ("datasets" | "models") as kind] if reads:
                return self._repositories(request, kind)
            case ["api", ("datasets" | "models") as kind, *rest]:
                return self._repository(request, kind, *split_id(rest))
            case ["api", "repos", ("create" | "delete") as action]:
                return self._create_or_delete(request, action)
            case ["api", "validate-yaml"] if request.method == "POST":
                return _validate_yaml(request.json())
            case ["api", "whoami-v2"] if reads:
                return self._whoami(request)
            case ["api", "local-hub"] if reads:
                return Response(data={"store": self.store.id})
            case ["api", "telemetry", *_]:
                return Response()
            case ["xet", store_id, *rest]:
                return self.xet.answer(request, store_id, rest)
            case ["lfs", oid] if request.method == "PUT":
                return self.uploads.lfs_put(request, oid)
            case [*repo, "info", "lfs", "objects", "batch"] if request.method == "POST":
                self._may_write(request)
                return self.uploads.lfs_batch(request, *kind_and_id(repo))
            case [*_, "info", "lfs", "objects", "verify"] if request.method == "POST":
                self._may_write(request)
                return self.uploads.lfs_verify(request)
            case segments if reads:
                for at in (1, 2, 3):  # NAME, ORG/NAME, datasets/ORG/NAME
                    if segments[at : at + 1] in (["resolve"], ["raw"]) and len(segments) > at + 2:
                        where = kind_and_id(segments[:at])
                        return self._file(request, *where, *revision_and_path(segments[at + 1 :]))
                return self._page(request)
        raise _nothing_here(request)

    def _page(self, request: Request) -> Response:
        """Answer a browser: `/`, or a repository's address as the real Hub has it."""
        segments = request.segments
        if segments == [""]:
            return Response(page=pages.front_page(self.store, request.base, self._authorised(request)))
        at = 3 if segments[0] == "datasets" else 2
        match segments[at:]:
            case []:
                revision = "main"
            case ["tree" | "commit", revision]:
                pass
            case ["discussions", number]:
                revision = ""
            case _:
                raise _nothing_here(request)
        kind, repo_id = kind_and_id(segments[:at])
        if len(segments) < at or not self.store.exists(kind, repo_id):
            what = kind.removesuffix("s")
            raise HubError(
                404, f"There is no {what} {repo_id} here" if repo_id else "There is no such page here"
            )
        self._may_read(request, kind, repo_id)
        if not revision:
            return Response(page=pages.pull_page(self.store, kind, repo_id, number, request.base))
        return Response(page=pages.repository_page(self.store, kind, repo_id, revision, request.base))

    # ---- who may ----

    def _authorised(self, request: Request) -> bool:
        given = str(request.headers.get("Authorization", "")).removeprefix("Bearer ").strip()
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
        user = {"type": "user", "id": "local", "name": "local", "fullname": "Local Hub", "isPro": False}
        token = {"type": "access_token", "accessToken": {"displayName": "local", "role": "write"}}
        return Response(data=user | {"orgs": [], "auth": token})

    # ---- repositories ----

    def _repositories(self, request: Request, kind: str) -> Response:
        wanted = request.query.get("search", [""])[-1].lower()
        author = request.query.get("author", [""])[-1]
        found = each_repository(
            self.store,
            kind,
            self._authorised(request),
            lambda repo_id, refs, commit: describe_repository(self.store, kind, repo_id, commit),
            lambda repo_id: wanted in repo_id.lower() and (not author or repo_id.startswith(author + "/")),
        )
        if not request.flag("full"):
            found = [{k: v for k, v in item.items() if k not in ("siblings", "cardData")} for item in found]
        return Response(data=found[: request.number("limit", len(found))])

    def _create_or_delete(self, request: Request, action: str) -> Response:
        self._may_write(request)
        asked = request.json()
        name, organisation, kind = (
            asked.get("name"),
            asked.get("organization"),
            f"{asked.get('type') or 'model'}s",
        )
        if not isinstance(name, str) or not isinstance(organisation, str | None):
            raise HubError(400, "A repository needs a name")
        # Clients cannot parse an address without an organisation, so a bare name gets whoami's.
        repo_id = name if "/" in name else f"{organisation or 'local'}/{name}"
        if request.method == "DELETE" and action == "delete":
            self.store.delete(kind, repo_id)
            return Response()
        if request.method != "POST" or action != "create":
            raise _nothing_here(request)
        if kind not in KINDS:
            raise HubError(400, f"This Hub keeps datasets and models, no {kind}")
        url = f"{request.base}/{'' if kind == 'models' else kind + '/'}{repo_id}"
        try:
            self.store.create(
                kind, repo_id, asked.get("private") is True or asked.get("visibility") == "private"
            )
        except HubError as refusal:
            refusal.extra["url"] = url  # clients read it also from a 409
            raise
        return Response(data={"url": url, "name": repo_id, "id": repo_id})

    def _repository(self, request: Request, kind: str, repo_id: str, rest: list[str]) -> Response:
        self._may_read(request, kind, repo_id)
        match request.method, rest:
            case (("GET" | "HEAD"), ["refs"]):
                return self._refs(request, kind, repo_id)
            case (("GET" | "HEAD"), ["tree", revision, *path]):
                return self._tree(request, kind, repo_id, revision, "/".join(path))
            case (("GET" | "HEAD"), ["commits", revision]):
                return self._commits(request, kind, repo_id, revision)
            case (("GET" | "HEAD"), ["resolve" | "raw", revision, *path]) if path:
                return self._file(request, kind, repo_id, revision, "/".join(path))
            case (("GET" | "HEAD"), [] | ["revision", _]):
                return self._info(request, kind, repo_id, rest[1] if rest else "main")
            case "GET", ["discussions"]:
                return Response(data=pulls.listed(self.store, kind, repo_id, request))
            case "GET", ["discussions", number]:
                return Response(data=pulls.detailed(self.store, kind, repo_id, number))
            case _, ["xet-read-token", *_]:
                raise HubError(404, "Downloads from this Hub are plain HTTP")
            case "GET", ["xet-write-token", *_]:
                self._may_write(request)
                return self.xet.token(request)
            case "POST", ["paths-info", revision]:
                return self._paths_info(request, kind, repo_id, revision)
        self._may_write(request)
        match request.method, rest:
            case "POST", ["preupload", revision]:
                return self.uploads.preupload(request, kind, repo_id, revision)
            case "POST", ["commit", revision]:
                return self.uploads.commit(request, kind, repo_id, revision)
            case "POST", ["discussions", number, "merge"]:
                self.store.merge(kind, repo_id, number)
                return Response()
            case "POST", ["discussions", number, "status"]:
                return self._close(request, kind, repo_id, number)
            case "GET", ["lfs-files"]:
                return self._lfs_files(request, kind, repo_id)
            case "POST", ["lfs-files", "batch"]:
                asked = request.json()["deletions"]
                shas, rewrite = set(map(str, asked["sha"])), asked.get("rewriteHistory") is not False
                removal.erase(self.store, kind, repo_id, shas, rewrite=rewrite)
                self.xet.retire()  # what was sent is in there too
                return Response()
            case "POST", ["super-squash", branch]:
                title = str(request.json().get("message") or f"Squash {branch}")
                self.store.squash(kind, repo_id, branch, title)
                return Response()
            case "PUT", ["settings"]:
                return self._settings(request, kind, repo_id)
            case "POST", ["branch", *name] if name:
                start = request.json().get("startingPoint")
                self.store.create_branch(kind, repo_id, "/".join(name), None if start is None else str(start))
                return Response()
            case "DELETE", ["branch", *name] if name:
                self.store.delete_branch(kind, repo_id, "/".join(name))
                return Response()
            case "POST", ["tag", revision]:
                self.store.create_tag(kind, repo_id, str(request.json().get("tag", "")), revision)
                return Response()
            case "DELETE", ["tag", *name] if name:
                self.store.delete_tag(kind, repo_id, "/".join(name))
                return Response()
        raise _nothing_here(request)

    def _close(self, request: Request, kind: str, repo_id: str, number: str) -> Response:
        status = request.json().get("status")
        if status not in ("open", "closed"):
            raise HubError(400, "A pull request may be set open or closed")
        self.store.close(kind, repo_id, number, reopen=status == "open")
        event = pulls.status_event(
            pulls.pull(self.store.refs(kind, repo_id), number), stamp(datetime.now(UTC))
        )
        return Response(data={"newStatus": event})

    def _lfs_files(self, request: Request, kind: str, repo_id: str) -> Response:
        found, start = removal.lfs_files(self.store, kind, repo_id), request.number("cursor", 0)
        following = start + TREE_PAGE if start + TREE_PAGE < len(found) else None
        return page(request, found[start : start + TREE_PAGE], following)

    def _settings(self, request: Request, kind: str, repo_id: str) -> Response:
        asked = request.json()
        if asked.pop("gated", False):
            raise HubError(400, "This Hub gates no repositories; make it private")
        visibility = asked.pop("visibility", None)
        private = asked.pop(
            "private", visibility == "private" if visibility in ("public", "private") else None
        )
        if not isinstance(private, bool) or asked:
            raise HubError(400, "This Hub knows one setting, visibility: public or private")
        self.store.set_private(kind, repo_id, private)
        return Response()

    # ---- reading ----

    def _info(self, request: Request, kind: str, repo_id: str, revision: str) -> Response:
        commit = self.store.commit_at(kind, repo_id, revision)
        info = describe_repository(self.store, kind, repo_id, commit, blobs=request.flag("blobs"))
        wanted = set(request.query.get("expand", []) + request.query.get("expand[]", []))
        if wanted:
            info = {name: info[name] for name in info if name in wanted | {"_id", "id"}}
        return Response(data=info)

    def _refs(self, request: Request, kind: str, repo_id: str) -> Response:
        refs = self.store.refs(kind, repo_id)

        def listed(table: dict[str, str], prefix: str) -> list[dict[str, str]]:
            return [{"name": n, "ref": prefix + n, "targetCommit": sha} for n, sha in sorted(table.items())]

        data = {
            "branches": listed(refs.branches, "refs/heads/"),
            "converts": listed(refs.converts, "refs/convert/"),
            "tags": listed(refs.tags, "refs/tags/"),
        }
        if request.query.get("include_prs"):
            data["pullRequests"] = listed(refs.pulls, "refs/pr/")
        return Response(data=data)

    def _tree(self, request: Request, kind: str, repo_id: str, revision: str, folder: str) -> Response:
        commit = self.store.commit_at(kind, repo_id, revision)
        found = describe_tree(commit, folder.strip("/"), request.flag("recursive"))
        if not found and folder:
            raise HubError(404, f"{folder} does not exist on {revision!r}", "EntryNotFound")
        largest = EXPANDED_PAGE if request.flag("expand") else TREE_PAGE
        limit = min(max(1, request.number("limit", largest)), largest)
        start = request.number("cursor", 0)
        shown = found[start : start + limit]
        if request.flag("expand"):
            shown = [expand(commit, item) for item in shown]
        return page(request, shown, start + limit if start + limit < len(found) else None)

    def _paths_info(self, request: Request, kind: str, repo_id: str, revision: str) -> Response:
        commit = self.store.commit_at(kind, repo_id, revision)
        if "json" in str(request.headers.get("Content-Type", "")):
            asked = request.json()
            paths, expanded = asked.get("paths", []), bool(asked.get("expand"))
        else:
            form = parse_qs(request.text().decode("utf-8", "replace"), keep_blank_values=True)
            paths, expanded = form.get("paths", []), form.get("expand", [""])[-1].lower() == "true"
        found = []
        for path in [paths] if isinstance(paths, str) else paths:
            name = str(path).strip("/")
            if name in commit.files:
                found.append(describe_file(name, commit.files[name]))
            elif any(other.startswith(name + "/") for other in commit.files):
                found.append(describe_folder(commit, name))
        return Response(data=[expand(commit, item) for item in found] if expanded else found)

    def _commits(self, request: Request, kind: str, repo_id: str, revision: str) -> Response:
        start = request.number("cursor", 0)
        found = list(islice(self.store.history(kind, repo_id, revision), start, start + COMMITS_PAGE + 1))
        items: list[dict[str, Any]] = [
            {
                "id": commit.id,
                "title": commit.title,
                "message": commit.message,
                "date": commit.date,
                "authors": [{"user": "local"}],
                "formatted": {"title": commit.title, "message": commit.message},
            }
            for commit in found[:COMMITS_PAGE]
        ]
        return page(request, items, start + COMMITS_PAGE if len(found) > COMMITS_PAGE else None)

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
        known = mimetypes.guess_type(name)[0] or ""
        text = known.startswith("text/") or name.endswith((".json", ".md"))
        other = known if known.startswith("image/") else "application/octet-stream"
        headers["Content-Type"] = "text/plain; charset=utf-8" if text else other
        return Response(content=entry, headers=headers)


def _validate_yaml(asked: dict[str, Any]) -> Response:
    found = card_validator.check(str(asked.get("content", "")), str(asked.get("repoType", "model")))
    data = {name: [{"message": text} for text in texts] for name, texts in vars(found).items()}
    return Response(400 if found.errors else 200, data=data)


def _nothing_here(request: Request) -> HubError:
    return HubError(404, f"Nothing here answers {request.method} /{'/'.join(request.segments)}")
