"""What the local Hub keeps of a repository: commits and refs, as plain files.

    objects/ab/abcd…                        a file's bytes (`objects.py`)
    datasets/ORG--NAME/commits/0123….json   one commit: parent, date, message and the whole tree
    datasets/ORG--NAME/refs.json            branches, tags and converts, each a commit id
    models/…                                the same for models
    secret                                  what upload addresses are signed with; mode 0600
    xet/                                    what Xet clients sent (`xet.py`); may be removed
    damaged/                                contents that `check.py` found wrong, put aside; may be removed
    mirror/                                 what broken mirror runs have fetched (`mirror.py`); may be removed
    locks/ tmp/                             writers take turns; files on their way

There is no database. Everything is written to a temporary file, synced and renamed, and the refs file last:
a crash at any point leaves the previous state and at most an unreferenced file. Commits never change. Names that
came from a client are checked before they become a path on disk, and paths inside a repository never become one.

Several processes may write: a server, `put`, `mirror`, `collect`. Contents need no lock, since they are named by
their hash and appear whole. Whoever reads refs in order to write them holds `locks/writers.lock` meanwhile, a lock
of the operating system that a killed process leaves open; never during an upload, so for milliseconds. In it a
commit makes sure that its contents are still here, so nothing is collected from under it. Only servers are
one at a time (`presence.py`): two would answer at two addresses, each with its own token and log.
"""

from __future__ import annotations

import functools
import hashlib
import hmac
import json
import logging
import re
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from datetime import UTC, datetime
from pathlib import Path

from filelock import FileLock, Timeout

from lrl_datasets.local_hub.commits import Commit, Refs, commit_json, read_commit, read_refs, stamp
from lrl_datasets.local_hub.names import check_repo_id
from lrl_datasets.local_hub.objects import GITATTRIBUTES, Entry, HubError, Objects, made_once, write_file

log = logging.getLogger("lrl_datasets.local_hub")

KINDS = ("datasets", "models")


class Repositories:
    """A folder of repositories.

    Parameters
    ----------
    root
        The folder; made if it is not there.
    """

    def __init__(self, root: Path) -> None:
        self.root = Path(root).absolute()
        for name in ("locks", *KINDS):
            (self.root / name).mkdir(parents=True, exist_ok=True)
        self.objects = Objects(self.root)
        self.secret = made_once(self.root / "secret", self.objects.tmp).encode()
        """What the addresses and tokens of uploads are signed with, also after a restart."""
        self.id = hmac.new(self.secret, b"store", "sha256").hexdigest()
        """What a server answers to those who ask which store it serves."""
        self._read_commit = functools.lru_cache(maxsize=64)(read_commit)

    # ---- reading ----

    def repositories(self, kind: str, *, every: bool = False) -> list[str]:
        """Return the ids of all repositories of a kind, sorted.

        What is in a folder that is named as none is left out; with `every` it is an error, for those who must
        miss nothing.
        """
        found = []
        for folder in (self.root / kind).iterdir():
            if (folder / "refs.json").exists():
                repo_id = folder.name.replace("--", "/")
                try:
                    check_repo_id(repo_id)
                except HubError:
                    said = f"{kind}/{folder.name} in the Hub's store is named as no repository: move it elsewhere"
                    if every:
                        raise HubError(500, said) from None
                    log.warning("%s; it is left out", said)
                    continue
                found.append(repo_id)
        return sorted(found)

    def exists(self, kind: str, repo_id: str) -> bool:
        """Say whether there is such a repository."""
        return (self._folder(kind, repo_id) / "refs.json").exists()

    def refs(self, kind: str, repo_id: str) -> Refs:
        """Return branches, tags and converts."""
        try:
            return read_refs(self._folder(kind, repo_id) / "refs.json", kind, repo_id)
        except FileNotFoundError:
            raise HubError(404, f"Repository not found: {kind}/{repo_id}", "RepoNotFound") from None

    def resolve(self, kind: str, repo_id: str, revision: str) -> str:
        """Return the commit id of a branch, tag, `refs/…` name or full commit id."""
        refs = self.refs(kind, repo_id)
        named = refs.tags | refs.branches
        tables = {"heads": refs.branches, "tags": refs.tags, "convert": refs.converts, "pr": refs.pulls}
        for prefix, table in tables.items():
            named |= {f"refs/{prefix}/{name}": sha for name, sha in table.items()}
        if revision in named:
            return named[revision]
        if re.fullmatch(r"[0-9a-f]{40}", revision) and self._commit_path(kind, repo_id, revision).exists():
            return revision
        raise HubError(404, f"Invalid rev id: {revision}", "RevisionNotFound")

    def commit_at(self, kind: str, repo_id: str, revision: str) -> Commit:
        """Return the commit that a revision names."""
        for _ in range(2):  # the refs may have left a commit, which is then removed, after they were read
            with suppress(FileNotFoundError):
                return self._read_commit(
                    self._commit_path(kind, repo_id, self.resolve(kind, repo_id, revision))
                )
        raise HubError(404, f"Invalid rev id: {revision}", "RevisionNotFound")

    def history(self, kind: str, repo_id: str, revision: str) -> Iterator[Commit]:
        """Yield the commits of a revision, newest first."""
        commit = self.commit_at(kind, repo_id, revision)
        yield commit
        while commit.parent is not None:
            commit = self._read_commit(self._commit_path(kind, repo_id, commit.parent))
            yield commit

    def attributes(self, commit: Commit) -> str:
        """Return the text of a commit's `.gitattributes`, the default one where it has none."""
        entry = commit.files.get(".gitattributes")
        if entry is None or not self.objects.sound(entry.sha256, entry.size):
            return GITATTRIBUTES
        with self.objects.path(entry.sha256).open("rb") as file:
            return file.read(1 << 20).decode("utf-8", "replace")

    # ---- files on disk ----

    @contextmanager
    def writing(self) -> Iterator[None]:
        """Let nobody else change refs or collect contents meanwhile, in this process or another."""
        lock = FileLock(self.root / "locks" / "writers.lock")
        try:
            lock.acquire(timeout=60, poll_interval=0.01)
        except Timeout:
            raise HubError(503, "The store is busy; try again") from None
        try:
            yield
        finally:
            lock.release()

    def commits(self, kind: str, repo_id: str) -> Iterator[Path]:
        """Yield the files of all commits of a repository, those too that nothing leads to."""
        return (self._folder(kind, repo_id) / "commits").glob("*.json")

    def _folder(self, kind: str, repo_id: str) -> Path:
        check_repo_id(repo_id)
        if kind not in KINDS:
            raise HubError(404, f"No repositories of kind {kind!r} here", "RepoNotFound")
        return self.root / kind / repo_id.replace("/", "--")

    def _commit_path(self, kind: str, repo_id: str, sha: str) -> Path:
        return self._folder(kind, repo_id) / "commits" / f"{sha}.json"

    def _write_commit(
        self,
        kind: str,
        repo_id: str,
        files: dict[str, Entry],
        parent: str | None,
        *,
        title: str = "initial commit",
        message: str = "",
    ) -> Commit:
        date = stamp(datetime.now(UTC))
        return self._keep(kind, repo_id, Commit("", parent, date, title, message, files))

    def _keep(self, kind: str, repo_id: str, commit: Commit) -> Commit:
        """Write a commit under the id that its content gives it, and return it with that."""
        data = commit_json(commit)
        sha = hashlib.sha1(b"commit %d\0" % len(data) + data, usedforsecurity=False).hexdigest()
        path = self._commit_path(kind, repo_id, sha)
        write_file(path, data, self.objects.tmp)
        return self._read_commit(path)

    def _refuse_collected(self, files: dict[str, Entry]) -> None:
        """Refuse what was collected since the caller saw it here; to be asked while `writing`."""
        for path, entry in files.items():
            if not self.objects.path(entry.sha256).exists():
                raise HubError(503, f"The content of {path} was collected meanwhile: send it again")

    def _write_refs(self, kind: str, refs: Refs) -> None:
        data = json.dumps(vars(refs), indent=1, sort_keys=True).encode()
        write_file(self._folder(kind, refs.id) / "refs.json", data, self.objects.tmp)
