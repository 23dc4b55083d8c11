"""What the local Hub assumes of the real one and could not be checked from here, each with a probe.

The protocol was read from the clients (huggingface_hub 2.4, datasets 5.2, hf-xet 1.8), which do not say how the
real Hub answers in every case. `compare` runs each probe on a local Hub and on another one, in a private scratch
dataset that it makes and deletes again, and says where the answers differ: `lrl hub compare`, once, by a
maintainer with a write token. Where they do, mend the module that the probe names and this list stays true.

Known and meant to differ, and therefore no probes: no `lastCommit` by file (the commit asked for stands in), a
merged pull request is a fast-forward here and has no textual diff, squashing main drops the commits of those
merged or closed, what is deleted for good lies on the disk until it is collected, the default `.gitattributes`
leaves out formats nobody uploads here, repositories are not gated, downloads carry no Xet headers,
`https://HUB/ID` shows a plainer page.
"""

from __future__ import annotations

import base64
import hashlib
import json
import secrets
import tempfile
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from lrl_datasets.errors import LrlError
from lrl_datasets.local_hub.objects import GITATTRIBUTES, LFS_FROM, git_blob
from lrl_datasets.local_hub.server import Server

TEXT, OTHER = b"first\n", b"second\n"


@dataclass(frozen=True)
class Answer:
    """One assumption, and what both Hubs answered."""

    assumption: str
    here: object
    there: object

    @property
    def agrees(self) -> bool:
        """Say whether the other Hub answers as this one."""
        return self.here == self.there


class Scratch:
    """A dataset of its own on a Hub, for plain requests; made with one text file and the tag `v1`."""

    def __init__(self, endpoint: str | None, token: str | None) -> None:
        from huggingface_hub import HfApi

        self.api = HfApi(endpoint=endpoint, token=token)
        self.endpoint = str(self.api.endpoint)
        name = f"lrl-scratch-{secrets.token_hex(4)}"
        self.id = str(self.api.create_repo(name, repo_type="dataset", private=True).repo_id)
        self.repo: Any = {"repo_id": self.id, "repo_type": "dataset"}
        self.first = self.api.repo_info(**self.repo).sha
        self.head = self.commit(("file", _file("a.txt", TEXT))).json()["commitOid"]
        self.api.create_tag(**self.repo, tag="v1", revision=self.head)

    def ask(
        self,
        method: str,
        path: str,
        *,
        body: object = None,
        content: bytes | None = None,
        anonymous: bool = False,
    ) -> Any:
        """Send one request; `path` below the dataset's API where it starts with no slash."""
        from huggingface_hub.utils import build_hf_headers, get_session  # type: ignore[attr-defined]

        url = self.endpoint + (path if path.startswith("/") else f"/api/datasets/{self.id}/{path}")
        headers = build_hf_headers(token=False if anonymous else self.api.token)
        given = {"json": body} if content is None else {"content": content}
        return get_session().request(method, url, headers=headers, follow_redirects=False, **given)

    def commit(self, *operations: tuple[str, object], revision: str = "main", **header: object) -> Any:
        """Post one commit as the client does, without its checks."""
        lines: list[dict[str, object]] = [
            {"key": "header", "value": {"summary": "probe", "description": ""} | header}
        ]
        lines += [{"key": key, "value": value} for key, value in operations]
        return self.ask("POST", f"commit/{revision}", content="\n".join(map(json.dumps, lines)).encode())

    def head_now(self) -> str:
        """Return where `main` stands."""
        return str(self.api.repo_info(**self.repo).sha)


def compare(endpoint: str | None = None, token: str | None = None) -> list[Answer]:
    """Run every probe on a local Hub and on another one.

    Parameters
    ----------
    endpoint
        The other Hub; by default `HF_ENDPOINT`, or the real one.
    token
        A token that may write there; by default the one that `hf auth login` stored, or `HF_TOKEN`.

    Raises
    ------
    LrlError
        The scratch dataset cannot be made there.
    """
    own = secrets.token_hex(8)  # so that what is private is private here too
    with tempfile.TemporaryDirectory() as folder, Server(Path(folder), token=own) as server:
        here, there = _run(server.url, own), _run(endpoint, token)
    return [Answer(name, here[name], there[name]) for name in PROBES]


def _run(endpoint: str | None, token: str | None) -> dict[str, object]:
    try:
        scratch = Scratch(endpoint, token)
    except Exception as problem:
        line = (str(problem).strip().splitlines() or [type(problem).__name__])[0]
        raise LrlError(f"no scratch dataset can be made at {endpoint or 'the Hub'}: {line}") from problem
    try:
        return {name: _plain(probe, scratch) for name, probe in PROBES.items()}
    finally:
        scratch.api.delete_repo(**scratch.repo)


def _plain(probe: Callable[[Scratch], object], scratch: Scratch) -> object:
    try:
        return probe(scratch)
    except Exception as problem:
        return f"{type(problem).__name__}: {problem}"[:200]


def _file(path: str, content: bytes) -> dict[str, str]:
    return {"path": path, "content": base64.b64encode(content).decode(), "encoding": "base64"}


# ---- probes, in the order in which they run on one scratch dataset; each leaves `main` usable for the next ----


def _gitattributes(hub: Scratch) -> object:
    told = hub.ask("GET", f"/datasets/{hub.id}/resolve/{hub.first}/.gitattributes").text
    return [
        line.split()[0] for line in GITATTRIBUTES.splitlines() if line.split()[0] + " filter=lfs" not in told
    ]


def _upload_modes(hub: Scratch) -> object:
    asked: list[tuple[str, int, bytes]] = [
        ("small.parquet", 4, b"text"), ("small.csv", 3, b"a,b"), ("large.csv", LFS_FROM - 1, b"a,b"),
        ("larger.csv", LFS_FROM, b"a,b"), ("largest.csv", LFS_FROM + 1, b"a,b"), ("small.dat", 2, b"\0\1"),
        ("latin.txt", 2, b"\xe9\xe8"), ("empty.parquet", 0, b""), ("README.md", LFS_FROM + 1, b"text"),
    ]  # fmt: skip
    files = [{"path": p, "size": n, "sample": base64.b64encode(sample).decode()} for p, n, sample in asked]
    told = hub.ask("POST", "preupload/main", body={"files": files}).json()["files"]
    return {file["path"]: file["uploadMode"] for file in told}


def _preupload_oid(hub: Scratch) -> object:
    file = {"path": "a.txt", "size": len(TEXT), "sample": base64.b64encode(TEXT).decode()}
    return hub.ask("POST", "preupload/main", body={"files": [file]}).json()["files"][0].get(
        "oid"
    ) == git_blob(TEXT)


def _commit_to_a_tag(hub: Scratch) -> object:
    status = hub.commit(("file", _file("tag.txt", OTHER)), revision="v1").status_code
    return status, hub.api.repo_info(**hub.repo, revision="v1").sha == hub.head, hub.head_now() == hub.head


def _missing_lfs_object(hub: Scratch) -> object:
    oid = hashlib.sha256(secrets.token_bytes(32)).hexdigest()
    line = {"path": "x.bin", "algo": "sha256", "oid": oid, "size": 100}
    return hub.commit(("lfsFile", line)).status_code, hub.head_now() == hub.head


def _stale_parent(hub: Scratch) -> object:
    return hub.commit(("file", _file("b.txt", OTHER)), parentCommit=hub.first).status_code


def _no_change(hub: Scratch) -> object:
    return hub.commit(("file", _file("a.txt", TEXT))).json()["commitOid"] != hub.head


def _delete_nothing(hub: Scratch) -> object:
    return hub.commit(("deletedFile", {"path": "none.txt"})).status_code


def _file_as_folder(hub: Scratch) -> object:
    return hub.commit(("file", _file("a.txt/b.txt", OTHER))).status_code


def _bad_card(hub: Scratch) -> object:
    return hub.commit(("file", _file("README.md", b"---\nlicense: no-such-licence\n---\n"))).status_code


def _validate_yaml(hub: Scratch) -> object:
    told = hub.ask("POST", "/api/validate-yaml", body={
        "content": "---\nlicense: no-such-licence\n---\n", "repoType": "dataset"})  # fmt: skip
    return told.status_code, bool(told.json().get("errors"))


def _duplicates(hub: Scratch) -> object:
    organisation, _, name = hub.id.rpartition("/")
    body = {"name": name, "organization": organisation, "type": "dataset"}
    repo = hub.ask("POST", "/api/repos/create", body=body)
    tag = hub.ask("POST", "tag/main", body={"tag": "v1"}).status_code
    branch = [hub.ask("POST", "branch/side", body={}).status_code for _ in range(2)][1]
    return repo.status_code, "url" in repo.json(), tag, branch


def _tag_of_nothing(hub: Scratch) -> object:
    return hub.ask("POST", "tag/nowhere", body={"tag": "v2"}).status_code


def _delete_main(hub: Scratch) -> object:
    return hub.ask("DELETE", "branch/main").status_code


def _errors(hub: Scratch) -> object:
    paths = (
        f"/datasets/{hub.id}/resolve/main/none.txt",
        f"/datasets/{hub.id}/resolve/v9/a.txt",
        f"/datasets/{hub.id}-none/resolve/main/a.txt",
    )
    told = [hub.ask("HEAD", path) for path in paths]
    return [(answer.status_code, answer.headers.get("x-error-code")) for answer in told]


def _anonymous(hub: Scratch) -> object:
    return hub.ask("HEAD", f"/datasets/{hub.id}/resolve/main/a.txt", anonymous=True).status_code


def _headers(hub: Scratch) -> object:
    told = hub.ask("HEAD", f"/datasets/{hub.id}/resolve/v1/a.txt")
    right = told.headers.get("etag"), told.headers.get("x-repo-commit") == hub.head
    return (right[0] == f'"{git_blob(TEXT)}"', right[1], told.status_code)


def _tree_pages(hub: Scratch) -> object:
    told = hub.ask("GET", "tree/main?limit=1")
    return len(told.json()), 'rel="next"' in told.headers.get("link", "")


def _pull_request(hub: Scratch) -> object:
    made = hub.ask("POST", "commit/main?create_pr=1", content=(
        b'{"key": "header", "value": {"summary": "probe"}}\n'
        b'{"key": "file", "value": {"path": "pr.txt", "content": "eA==", "encoding": "base64"}}'))  # fmt: skip
    number = made.json()["pullRequestUrl"].rsplit("/", 1)[1]
    refs = hub.api.list_repo_refs(**hub.repo, include_pull_requests=True).pull_requests or []
    return number, [ref.ref for ref in refs], "pr.txt" in hub.api.list_repo_files(**hub.repo)


def _merge(hub: Scratch) -> object:
    before = hub.api.get_discussion_details(**hub.repo, discussion_num=1)
    hub.api.merge_pull_request(**hub.repo, discussion_num=1)
    after = hub.api.get_discussion_details(**hub.repo, discussion_num=1)
    events = [event.type for event in before.events if event.type != "comment"]
    told = (before.status, before.target_branch, before.conflicting_files, events)
    return told, after.status, "pr.txt" in hub.api.list_repo_files(**hub.repo)


def _delete_for_good(hub: Scratch) -> object:
    content = b"\0" * 999
    hub.api.upload_file(**hub.repo, path_or_fileobj=content, path_in_repo="x.bin")
    files = list(hub.api.list_lfs_files(**hub.repo))
    told = [
        (file.filename, file.file_oid == hashlib.sha256(content).hexdigest(), file.size) for file in files
    ]
    hub.api.permanently_delete_lfs_files(**hub.repo, lfs_files=files)
    return told, "x.bin" in hub.api.list_repo_files(**hub.repo), len(list(hub.api.list_lfs_files(**hub.repo)))


def _after_squash(hub: Scratch) -> object:
    hub.api.super_squash_history(**hub.repo)
    old = hub.ask("HEAD", f"/datasets/{hub.id}/resolve/{hub.first}/.gitattributes").status_code
    return old, hub.ask("HEAD", f"/datasets/{hub.id}/resolve/v1/a.txt").status_code


PROBES: dict[str, Callable[[Scratch], object]] = {
    "a new repository's .gitattributes names all that ours does (objects.py)": _gitattributes,
    "which files go as LFS, by name, size and first bytes (objects.py: is_lfs)": _upload_modes,
    "preupload's oid of a small file is git's SHA-1 (uploads.py)": _preupload_oid,
    "a commit to a tag is refused; tag and main stay (store.py: commit)": _commit_to_a_tag,
    "a commit that names an LFS object nobody uploaded is refused (objects.py: lfs_entry)": _missing_lfs_object,
    "a commit on a parent that is not the head any more (store.py)": _stale_parent,
    "a commit that changes nothing is a new commit all the same (store.py)": _no_change,
    "deleting a file that is not there (store.py)": _delete_nothing,
    "a file below another file (store.py)": _file_as_folder,
    "a card with an unknown licence in a commit (uploads.py)": _bad_card,
    "validate-yaml of an unknown licence: status, any errors (card_validator.py)": _validate_yaml,
    "a duplicate repository: status, url in the body; tag; branch (store.py)": _duplicates,
    "a tag of a revision that is not there (store.py)": _tag_of_nothing,
    "deleting the branch main (store.py)": _delete_main,
    "what is not there: file, revision, repository, each with its code (api.py)": _errors,
    "a private file asked for without a token (api.py)": _anonymous,
    "headers of a small file: ETag is git's SHA-1, the commit, status (api.py)": _headers,
    "a tree with limit=1: items, a link to the next page (api.py)": _tree_pages,
    "a pull request's number, its ref, and that main stays (store.py)": _pull_request,
    "a pull request with its events and target; merged, its status and main (pulls.py)": _merge,
    "large files listed and deleted for good: listed as, still in main, listed after (removal.py)": _delete_for_good,
    "after a squash: the old commit by its id, the tag's file (store.py: squash)": _after_squash,
}
"""Each assumption, with where it is built on, and the probe that asks both Hubs."""
