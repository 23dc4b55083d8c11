"""How the local Hub describes files, folders and repositories: the JSON that clients read."""

from __future__ import annotations

import logging
from collections.abc import Callable
from hashlib import sha256
from typing import Any

from lrl_datasets.local_hub.cards import card_data
from lrl_datasets.local_hub.commits import Commit, Refs
from lrl_datasets.local_hub.objects import Entry, HubError, lfs_pointer
from lrl_datasets.local_hub.store import Store

log = logging.getLogger("lrl_datasets.local_hub")


def describe_file(path: str, entry: Entry) -> dict[str, Any]:
    """Return a file as `tree` and `paths-info` list it."""
    item: dict[str, Any] = {"type": "file", "oid": entry.oid, "size": entry.size, "path": path}
    if entry.lfs:
        pointer = len(lfs_pointer(entry.sha256, entry.size))
        item["lfs"] = {"oid": entry.sha256, "size": entry.size, "pointerSize": pointer}
    return item


def describe_folder(commit: Commit, path: str) -> dict[str, Any]:
    """Return a folder as `tree` and `paths-info` list it."""
    inside = "".join(f"{n}\0{e.oid}\n" for n, e in commit.files.items() if n.startswith(path + "/"))
    oid = sha256(inside.encode()).hexdigest()[:40]  # names the folder's state; not git's own tree hash
    return {"type": "directory", "oid": oid, "size": 0, "path": path}


def describe_tree(commit: Commit, folder: str, recursive: bool) -> list[dict[str, Any]]:
    """Return what lies in a folder (the root: an empty string), folders too, in sorted order."""
    prefix = folder + "/" if folder else ""
    items: dict[str, dict[str, Any]] = {}
    for path, entry in commit.files.items():
        if not path.startswith(prefix):
            continue
        parts = path[len(prefix) :].split("/")
        for depth in range(1, len(parts) if recursive else min(len(parts), 2)):
            above = prefix + "/".join(parts[:depth])
            if above not in items:
                items[above] = describe_folder(commit, above)
        if recursive or len(parts) == 1:
            items[path] = describe_file(path, entry)
    return [items[path] for path in sorted(items)]


def expand(commit: Commit, item: dict[str, Any]) -> dict[str, Any]:
    """Add what `expand=True` asks for."""
    # The commit that was asked for stands in for the last one that touched the path.
    item = item | {"lastCommit": {"id": commit.id, "title": commit.title, "date": commit.date}}
    if item["type"] == "file":
        item["securityFileStatus"] = {"status": "unscanned", "avScan": None, "pickleImportScan": None}
    return item


def describe_repository(
    store: Store, kind: str, repo_id: str, commit: Commit, *, blobs: bool = False
) -> dict[str, Any]:
    """Return a repository at a commit as `dataset_info` and `model_info` read it."""
    refs = store.refs(kind, repo_id)
    card = card_data(store, kind, repo_id, commit)
    siblings: list[dict[str, Any]] = [{"rfilename": path} for path in commit.files]
    if blobs:
        for sibling, entry in zip(siblings, commit.files.values(), strict=True):
            sibling |= {"size": entry.size, "blobId": entry.oid}
            if entry.lfs:
                pointer = len(lfs_pointer(entry.sha256, entry.size))
                sibling["lfs"] = {"size": entry.size, "sha256": entry.sha256, "pointerSize": pointer}
    info: dict[str, Any] = {
        "_id": sha256(f"{kind}/{repo_id}".encode()).hexdigest()[:24],
        "id": repo_id,
        "author": repo_id.partition("/")[0] if "/" in repo_id else None,
        "sha": commit.id,
        "createdAt": refs.created,
        "lastModified": commit.date,
        "private": refs.private,
        "gated": False,
        "disabled": False,
        "downloads": 0,
        "likes": 0,
        "tags": _tags(card),
        "cardData": card,
        "siblings": siblings,
        "usedStorage": sum(entry.size for entry in commit.files.values()),
    }
    if kind == "models":
        info["modelId"] = repo_id
        info |= {name: card.get(name) for name in ("library_name", "pipeline_tag")}
    return info


def each_repository(
    store: Store,
    kind: str,
    may_see: bool,
    describe: Callable[[str, Refs, Commit], dict[str, Any]],
    wanted: Callable[[str], bool] = lambda repo_id: True,
) -> list[dict[str, Any]]:
    """Describe all repositories of a kind at `main`, private ones if `may_see`.

    One that is damaged is left out with a line of the log: it must not hide the others.
    """
    found = []
    for repo_id in filter(wanted, store.repositories(kind)):
        try:
            refs = store.refs(kind, repo_id)
            if may_see or not refs.private:
                found.append(describe(repo_id, refs, store.commit_at(kind, repo_id, "main")))
        except Exception as problem:
            said = problem.message if isinstance(problem, HubError) else repr(problem)
            log.warning("%s/%s is left out: %s", kind, repo_id, said)
    return found


def _tags(card: dict[str, Any]) -> list[str]:
    tags = []
    for name in ("task_categories", "language", "license", "size_categories"):
        values = card.get(name) or []
        tags += [f"{name}:{value}" for value in (values if isinstance(values, list) else [values])]
    own = card.get("tags")
    return tags + [str(tag) for tag in own] if isinstance(own, list) else tags
