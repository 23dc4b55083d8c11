"""A commit, the refs of a repository, and what one does to the other; `store.py` keeps them on disk."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path

from lrl_datasets.local_hub.names import check_ref
from lrl_datasets.local_hub.objects import Entry, HubError


@dataclass(frozen=True)
class Commit:
    """One commit with its whole tree, paths in sorted order."""

    id: str
    parent: str | None
    date: str
    title: str
    message: str
    files: dict[str, Entry]
    source: str | None = None
    """The Hub that it was mirrored from; None: it was made here."""


@dataclass
class Refs:
    """The part of a repository that changes."""

    id: str
    private: bool
    created: str
    branches: dict[str, str] = field(default_factory=dict)
    converts: dict[str, str] = field(default_factory=dict)
    tags: dict[str, str] = field(default_factory=dict)
    pulls: dict[str, str] = field(default_factory=dict)
    """The heads of pull requests by number: `refs/pr/1` and so on."""
    requests: dict[str, dict[str, str]] = field(default_factory=dict)
    """What else is known of pull requests, also of those without a head any more: `title`, `created`, `status`
    (open, closed, merged), and of merged ones where main stood `before`."""

    def tables(self) -> tuple[dict[str, str], ...]:
        """Return everything that holds commits: whatever no name here leads to may be collected."""
        return self.branches, self.converts, self.tags, self.pulls


@dataclass
class Changes:
    """What a commit does: files to add (path to entry), files and folders to delete."""

    add: dict[str, Entry] = field(default_factory=dict)
    delete_files: list[str] = field(default_factory=list)
    delete_folders: list[str] = field(default_factory=list)


def next_request(refs: Refs) -> str:
    """Return the number of the next pull request; none is given twice."""
    return str(max(map(int, [*refs.pulls, *refs.requests]), default=0) + 1)


def stamp(when: datetime) -> str:
    """Write a time as the Hub does, and as its clients want it."""
    return when.astimezone(UTC).isoformat(timespec="milliseconds").replace("+00:00", "Z")


def apply(changes: Changes, before: dict[str, Entry]) -> dict[str, Entry]:
    """Return a tree after a commit's changes; 404 where a file to delete is not there."""
    files = dict(before)
    for path in changes.delete_files:
        if files.pop(path, None) is None:
            raise HubError(404, f"A file with this name doesn't exist: {path}", "EntryNotFound")
    for folder in changes.delete_folders:
        inside = [path for path in files if path.startswith(folder.rstrip("/") + "/")]
        if not inside:
            raise HubError(404, f"A folder with this name doesn't exist: {folder}", "EntryNotFound")
        for path in inside:
            del files[path]
    files |= changes.add
    for path in files:
        for above in _folders_above(path):
            if above in files:
                raise HubError(400, f"{above} cannot be a file and a folder that holds {path}")
    return files


def _folders_above(path: str) -> Iterator[str]:
    at = path.find("/")
    while at >= 0:
        yield path[:at]
        at = path.find("/", at + 1)


def heads_of(refs: Refs, name: str) -> tuple[dict[str, str], str]:
    """Return the table that a branch name belongs to, and its key there."""
    tables = {"refs/convert/": refs.converts, "refs/pr/": refs.pulls, "refs/heads/": refs.branches}
    prefix = next((prefix for prefix in tables if name.startswith(prefix)), "refs/heads/")
    short = name.removeprefix(prefix)
    check_ref(short)
    return tables[prefix], short


def commit_json(commit: Commit) -> bytes:
    """Return what is stored of a commit; its id is the file's name."""
    data = {name: value for name, value in vars(commit).items() if name != "id" and value is not None}
    files = {path: [e.oid, e.sha256, e.size, e.lfs] for path, e in sorted(commit.files.items())}
    return json.dumps({"parent": None} | data | {"files": files}, ensure_ascii=False).encode()


def read_commit(path: Path) -> Commit:
    """Read a commit; its id is the file's name. 500 where the file is damaged."""
    try:
        data = json.loads(path.read_bytes())
        files = {name: Entry(*row) for name, row in data.pop("files").items()}
        if not all(
            isinstance(one.sha256, str) and _SHA256.fullmatch(one.sha256) and isinstance(one.size, int)
            for one in files.values()
        ):
            raise ValueError("a file without hash or size")
        return Commit(id=path.stem, files=files, **data)
    except (ValueError, TypeError, LookupError, AttributeError, RecursionError) as problem:
        raise HubError(500, f"commit {path.stem} is damaged in the Hub's store: {problem}") from None


def read_refs(path: Path, kind: str, repo_id: str) -> Refs:
    """Read what changes of a repository; 500 where the file is damaged."""
    try:
        # The folder says which repository it is: somebody may have renamed or copied it.
        refs = Refs(**json.loads(path.read_bytes()) | {"id": repo_id})
        shas = [sha for table in refs.tables() for sha in table.values()]
        numbers = [*refs.pulls, *refs.requests]
        if not all(isinstance(sha, str) and re.fullmatch(r"[0-9a-f]{40}", sha) for sha in shas):
            raise ValueError("a name without a commit")
        if "main" not in refs.branches or not all(
            re.fullmatch(r"[1-9]\d{0,8}", n, re.ASCII) for n in numbers
        ):
            raise ValueError("no main, or a pull request without a number")
        if not all(isinstance(known, dict) for known in refs.requests.values()):
            raise ValueError("a pull request without a status")
        return refs
    except (ValueError, TypeError, LookupError, AttributeError, RecursionError) as problem:
        raise HubError(
            500, f"refs.json of {kind}/{repo_id} is damaged in the Hub's store: {problem}"
        ) from None


_SHA256 = re.compile(r"[0-9a-f]{64}")
