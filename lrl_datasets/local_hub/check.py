"""Reads all that a store keeps, and puts aside what is damaged, so that the next upload or mirror run brings it anew.

The server looks at sizes, and at the hashes of contents up to 64 MiB, on its way (`objects.py`). Only here is every
byte read. It may run while the store is served, and takes as long as the disk.
"""

from __future__ import annotations

import hashlib
import os
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass, field
from pathlib import Path

from lrl_datasets.local_hub.commits import read_commit
from lrl_datasets.local_hub.objects import HubError, sync_folder
from lrl_datasets.local_hub.repositories import KINDS
from lrl_datasets.local_hub.store import Store


@dataclass
class Checked:
    """What a check found."""

    contents: int = 0
    size: int = 0
    """Bytes that were read."""
    commits: int = 0
    damaged: list[str] = field(default_factory=list)
    """One sentence each, with the repositories and paths that it concerns."""


def check(store: Store, progress: Callable[[str], None] = lambda text: None) -> Checked:
    """Read every content, commit and refs file of a store; a damaged content is moved to `damaged/`.

    Commits and refs that are damaged stay where they are, for a backup to replace.
    """
    found = Checked()
    used: dict[str, tuple[int, str]] = {}
    for kind in KINDS:
        for repo_id in store.repositories(kind):
            try:
                store.refs(kind, repo_id)
            except HubError as problem:
                found.damaged.append(problem.message)
            for path in sorted(store.commits(kind, repo_id)):
                try:
                    commit = read_commit(path)
                except FileNotFoundError:
                    continue  # collected meanwhile
                except HubError as problem:
                    found.damaged.append(f"{kind}/{repo_id}: {problem.message}")
                    continue
                found.commits += 1
                for name, entry in commit.files.items():
                    used.setdefault(
                        entry.sha256, (entry.size, f"{name} of {kind}/{repo_id}@{commit.id[:12]}")
                    )
    for path in sorted(store.objects.folder.glob("??/*")):
        found.contents += 1
        progress(f"{found.contents} contents read, {len(found.damaged)} damaged")
        size, where = used.pop(path.name, (None, "no commit"))
        said, length = _damage(store, path, size)
        found.size += length
        if said:
            found.damaged.append(f"{path.name} ({where}) {said}; put aside, upload or mirror it anew")
    for sha256, (_, where) in used.items():
        if not store.objects.path(sha256).exists():
            found.damaged.append(f"{sha256} ({where}) is missing; upload or mirror it anew")
    return found


def _damage(store: Store, path: Path, size: int | None) -> tuple[str, int]:
    """Say what is wrong with a content, empty if nothing, and how many bytes it has."""
    try:
        with path.open("rb") as file:
            state = os.fstat(file.fileno())
            try:
                good = hashlib.file_digest(file, "sha256").hexdigest() == path.name
                said = "has another hash"
            except OSError as problem:
                good, said = False, f"cannot be read: {problem.strerror}"
    except FileNotFoundError:
        return "", 0  # collected meanwhile
    if good:
        return "", state.st_size
    if size not in (None, state.st_size):
        said = f"has {state.st_size} bytes, not {size}"
    aside = store.root / "damaged" / path.name
    aside.parent.mkdir(exist_ok=True)
    with suppress(FileNotFoundError):
        os.replace(path, aside)
        if aside.stat().st_ino != state.st_ino:  # it came anew just now
            os.replace(aside, path)
            return "", state.st_size
        sync_folder(path.parent)
    return said, state.st_size
