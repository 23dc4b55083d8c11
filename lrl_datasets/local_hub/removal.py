"""What leaves a store for good: files that somebody asked to delete, and what no ref leads to any more.

Removing a repository, a tag or the history of a branch only removes names; the contents stay, for another name
may lead to them. `erase` takes large files out of a repository with its history, as the Hub does for
`permanently_delete_lfs_files`; `collect` removes all that nothing leads to. A kill at any point leaves a whole store:
refs never lead to what is removed, and running again goes on.
"""

from __future__ import annotations

import os
import shutil
import tempfile
import time
from collections.abc import Iterable
from contextlib import suppress
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from lrl_datasets.local_hub.commits import Commit, Refs, read_commit
from lrl_datasets.local_hub.objects import HubError, sync_folder
from lrl_datasets.local_hub.repositories import KINDS
from lrl_datasets.local_hub.store import Store
from lrl_datasets.local_hub.xet import Xet


@dataclass(frozen=True)
class Collected:
    """What a collection removed."""

    contents: int
    size: int
    """Bytes of all that was removed, also of what uploads had left."""
    commits: int
    waiting: int
    """Bytes of uploads that are put aside and go when they are old enough."""


def collect(store: Store, older_than: float) -> Collected:
    """Remove commits and contents that no ref leads to, and what uploads and broken runs have left.

    May run beside a server, uploads and mirror runs, whose contents no commit names yet, as long as none of them
    takes longer than `older_than`; one that does is refused in words and can be run again. Refs stay right even
    at 0: a commit looks for its contents while it holds the writers' lock, and here they go while it is held.

    Parameters
    ----------
    store
        The store; it may be served meanwhile.
    older_than
        Seconds since a content was written, or a client was told that it need not send it. At 0 everything goes:
        for when nothing is uploading.
    """
    until = time.time() - older_than
    known: dict[Path, Commit] = {}
    with suppress(FileNotFoundError, HubError):  # somebody removes at the same time
        _reached(store, known)  # reads all commits before others have to wait
    old = [path for path in store.objects.folder.glob("??/*") if _newest(path) <= until]
    with store.writing():
        reached = _reached(store, known)
        left = [
            path
            for kind in KINDS
            for repo_id in store.repositories(kind, every=True)
            for path in store.commits(kind, repo_id)
            if path not in reached
        ]  # fmt: skip
        held = {entry.sha256 for commit in reached.values() for entry in commit.files.values()}
        gone = [path for path in old if path.name not in held and _newest(path) <= until]
        size = sum(map(_size, gone))
        _unlink([*left, *gone])
        size += _remove(store, store.objects.tmp.iterdir(), until)  # no half-written refs are among them now
    xet = Xet(store)
    xet.retire()
    uploads = [path for path in xet.folder.glob("*/") if path.name != xet.id()]
    until = time.time() - older_than  # what was put aside just now is older than nothing, too
    size += _remove(store, [*uploads, *(store.root / "mirror").glob("*")], until)
    return Collected(len(gone), size, len(left), sum(_size(path) for path in uploads))


def erase(store: Store, kind: str, repo_id: str, shas: set[str], *, rewrite: bool) -> None:
    """Take large files out of a repository for good, and the commits that no ref leads to.

    With `rewrite` all commits that hold the files are written anew without them, and refs and tags follow.
    Without it, commits keep names whose content is gone. What another repository holds too stays there.
    """
    with store.writing():
        refs = store.refs(kind, repo_id)
        every = {path: read_commit(path) for path in store.commits(kind, repo_id)}
        there = {e.sha256 for commit in every.values() for e in commit.files.values() if e.lfs}
        if rewrite:
            _rewrite(store, kind, refs, shas)
        reached: dict[Path, Commit] = {}
        own = _reached_of(store, kind, repo_id, reached)
        _unlink(path for path in store.commits(kind, repo_id) if path not in own)
        elsewhere = {
            entry.sha256
            for path, commit in _reached(store, reached).items() if rewrite or path not in own
            for entry in commit.files.values()
        }  # fmt: skip
        _unlink(store.objects.path(sha) for sha in shas & there - elsewhere)


def lfs_files(store: Store, kind: str, repo_id: str) -> list[dict[str, Any]]:
    """Return every large file of a repository, as `list_lfs_files` reads it, also those of the past."""
    refs = store.refs(kind, repo_id)
    names = ("refs/heads/", "refs/convert/", "refs/tags/", "refs/pr/")
    heads = {
        sha: prefix + name
        for prefix, table in zip(names, refs.tables(), strict=True) for name, sha in table.items()
    }  # fmt: skip
    found: dict[str, dict[str, Any]] = {}
    commits = [read_commit(path) for path in store.commits(kind, repo_id)]
    for commit in sorted(commits, key=lambda commit: (commit.date, commit.id)):
        for path, entry in commit.files.items():
            if entry.lfs:
                one = found.setdefault(entry.sha256, {
                    "fileOid": entry.sha256, "oid": entry.sha256, "filename": path, "size": entry.size,
                    "pushedAt": commit.date, "ref": None,
                })  # fmt: skip
                one["ref"] = one["ref"] or heads.get(commit.id)
    return list(found.values())


def _rewrite(store: Store, kind: str, refs: Refs, shas: set[str]) -> None:
    """Write the commits that hold a content, and those that follow on them, anew without it; refs follow."""
    new: dict[str, str] = {}
    for sha in {sha for table in refs.tables() for sha in table.values()}:
        for commit in reversed(list(store.history(kind, refs.id, sha))):
            if commit.id in new:
                continue
            files = {path: entry for path, entry in commit.files.items() if entry.sha256 not in shas}
            parent = new.get(commit.parent, commit.parent) if commit.parent else None
            same = (parent, len(files)) == (commit.parent, len(commit.files))
            made = commit if same else store._keep(kind, refs.id, replace(commit, parent=parent, files=files))
            new[commit.id] = made.id
    for table in refs.tables():
        table.update({name: new[sha] for name, sha in table.items()})
    for request in refs.requests.values():
        if "before" in request:
            request["before"] = new.get(request["before"], request["before"])
    store._write_refs(kind, refs)


def _reached(store: Store, known: dict[Path, Commit]) -> dict[Path, Commit]:
    """Return every commit that a ref leads to; reads only those that are not `known`, and adds them there."""
    found: dict[Path, Commit] = {}
    for kind in KINDS:
        for repo_id in store.repositories(kind, every=True):
            found |= _reached_of(store, kind, repo_id, known)
    return found


def _reached_of(store: Store, kind: str, repo_id: str, known: dict[Path, Commit]) -> dict[Path, Commit]:
    found: dict[Path, Commit] = {}
    for sha in {sha for table in store.refs(kind, repo_id).tables() for sha in table.values()}:
        at: str | None = sha
        while at is not None and (path := store._commit_path(kind, repo_id, at)) not in found:
            if path not in known:
                known[path] = read_commit(path)
            found[path] = known[path]
            at = known[path].parent
    return found


def _newest(path: Path) -> float:
    """Return when a file, or the last file in a folder, was written; now, where it is just gone."""
    files = [path, *path.rglob("*")] if path.is_dir() else [path]
    times = []
    for file in files:
        with suppress(FileNotFoundError):
            times.append(file.lstat().st_mtime)
    return max(times, default=time.time())


def _size(path: Path) -> int:
    size = 0
    for file in [path, *path.rglob("*")] if path.is_dir() else [path]:
        with suppress(FileNotFoundError):
            size += 0 if file.is_dir() else file.lstat().st_size
    return size


def _unlink(paths: Iterable[Path]) -> None:
    folders = set()
    for path in paths:
        path.unlink(missing_ok=True)
        folders.add(path.parent)
    for folder in folders:
        sync_folder(folder)  # what is gone is gone also after a power cut


def _remove(store: Store, paths: Iterable[Path], until: float) -> int:
    """Remove files and folders that were last written until then; returns their bytes.

    A folder first loses its name, so that nobody takes a half for the whole.
    """
    size = 0
    for path in list(paths):
        if _newest(path) > until:
            continue
        size += _size(path)
        if not path.is_dir():
            path.unlink(missing_ok=True)
            continue
        gone = Path(tempfile.mkdtemp(dir=store.objects.tmp)) / "gone"
        with suppress(FileNotFoundError):
            os.replace(path, gone)
        shutil.rmtree(gone.parent, ignore_errors=True)
    return size
