"""What the local Hub keeps of a repository: commits and refs, as plain files.

    objects/ab/abcd…                        a file's bytes (`objects.py`)
    datasets/ORG--NAME/commits/0123….json   one commit: parent, date, message and the whole tree
    datasets/ORG--NAME/refs.json            branches, tags and converts, each a commit id
    models/…                                the same for models
    secret                                  what upload addresses are signed with; mode 0600
    xet/                                    what Xet clients sent (`xet.py`); may be removed
    mirror/                                 what broken mirror runs have fetched (`mirror.py`); may be removed
    locks/ tmp/                             writers take turns; files on their way

There is no database. Everything is written to a temporary file, synced and renamed, and the refs file last:
a crash at any point leaves the previous state and at most an unreferenced file. Commits never change. Writers
of one repository take turns through a lock file, also between processes. Names that came from a client are
checked before they become a path on disk, and paths inside a repository never become one.
"""

from __future__ import annotations

import functools
import hashlib
import json
import os
import re
import shutil
import tempfile
from collections.abc import Iterator
from contextlib import suppress
from datetime import UTC, datetime
from pathlib import Path

from filelock import FileLock

from lrl_datasets.local_hub.commits import (
    Changes,
    Commit,
    Refs,
    apply,
    commit_json,
    heads_of,
    read_commit,
    stamp,
)
from lrl_datasets.local_hub.names import check_path, check_ref, check_repo_id
from lrl_datasets.local_hub.objects import (
    GITATTRIBUTES,
    Entry,
    HubError,
    Objects,
    made_once,
    sync_folder,
    write_file,
)

KINDS = ("datasets", "models")


class Store:
    """A folder of repositories.

    Parameters
    ----------
    root
        The folder; made if it is not there. Several processes may work on one.
    """

    def __init__(self, root: Path) -> None:
        self.root = Path(root).absolute()
        for name in ("locks", *KINDS):
            (self.root / name).mkdir(parents=True, exist_ok=True)
        self.objects = Objects(self.root)
        self.secret = made_once(self.root / "secret", self.objects.tmp).encode()
        """What the addresses and tokens of uploads are signed with, also after a restart."""
        self._read_commit = functools.lru_cache(maxsize=64)(read_commit)

    # ---- reading ----

    def repositories(self, kind: str) -> list[str]:
        """Return the ids of all repositories of a kind, sorted."""
        found = (folder.name for folder in (self.root / kind).iterdir() if (folder / "refs.json").exists())
        return sorted(name.replace("--", "/") for name in found)

    def exists(self, kind: str, repo_id: str) -> bool:
        """Say whether there is such a repository."""
        return (self._folder(kind, repo_id) / "refs.json").exists()

    def refs(self, kind: str, repo_id: str) -> Refs:
        """Return branches, tags and converts."""
        try:
            text = (self._folder(kind, repo_id) / "refs.json").read_text("utf-8")
        except FileNotFoundError:
            raise HubError(404, f"Repository not found: {kind}/{repo_id}", "RepoNotFound") from None
        return Refs(**json.loads(text))

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
        return self._read_commit(self._commit_path(kind, repo_id, self.resolve(kind, repo_id, revision)))

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
        return (
            GITATTRIBUTES if entry is None else self.objects.path(entry.sha256).read_text("utf-8", "replace")
        )

    # ---- writing ----

    def create(self, kind: str, repo_id: str, private: bool = False) -> None:
        """Make a repository whose first commit holds `.gitattributes`; 409 where there is one already."""
        folder = self._folder(kind, repo_id)
        with self._lock(kind, repo_id):
            if (folder / "refs.json").exists():
                raise HubError(409, "You already created this repo")
            (folder / "commits").mkdir(parents=True, exist_ok=True)
            first = {".gitattributes": self.objects.add_regular(GITATTRIBUTES.encode())}
            commit = self._write_commit(kind, repo_id, first, None)
            self._write_refs(kind, Refs(repo_id, private, commit.date, {"main": commit.id}))

    def delete(self, kind: str, repo_id: str) -> None:
        """Remove a repository; its contents stay in `objects`, where others may share them."""
        with self._lock(kind, repo_id):
            self.refs(kind, repo_id)
            gone = Path(tempfile.mkdtemp(dir=self.objects.tmp))
            os.replace(self._folder(kind, repo_id), gone / "repository")
            sync_folder(self.root / kind)
        shutil.rmtree(gone)

    def commit(
        self,
        kind: str,
        repo_id: str,
        revision: str,
        changes: Changes,
        *,
        title: str,
        message: str = "",
        parent: str | None = None,
        create_pr: bool = False,
    ) -> Commit:
        """Commit to a branch, to `refs/pr/N` or to `refs/convert/…`, which is made where it is not there.

        With `create_pr` the branch stays, and the commit becomes the next `refs/pr/N`.

        Raises
        ------
        HubError
            412: `parent` is given and is not the head any more. 404: no such branch, or a file to delete is
            not there. 400: a path that no folder can hold.
        """
        for path in changes.add:
            check_path(path)
        with self._lock(kind, repo_id):
            refs = self.refs(kind, repo_id)
            heads, name = heads_of(refs, revision)
            if name not in heads and (create_pr or heads is not refs.converts):
                raise HubError(404, f"Invalid rev id: {revision}", "RevisionNotFound")
            head = heads.get(name)
            if parent is not None and parent != head:
                raise HubError(412, "A commit has happened since. Please refresh and try again.")
            before = self.commit_at(kind, repo_id, head).files if head else {}
            made = self._write_commit(
                kind, repo_id, apply(changes, before), head, title=title, message=message
            )
            if create_pr:
                heads, name = refs.pulls, str(len(refs.pulls) + 1)
            heads[name] = made.id
            self._write_refs(kind, refs)
            return made

    def merge(self, kind: str, repo_id: str, number: str) -> None:
        """Move `main` to a pull request's commit; 409 where `main` has moved on since that was made."""
        with self._lock(kind, repo_id):
            refs = self.refs(kind, repo_id)
            history = [commit.id for commit in self.history(kind, repo_id, f"refs/pr/{number}")]
            if refs.branches["main"] not in history:
                raise HubError(409, "main has changed since this pull request was opened: open it anew")
            refs.branches["main"] = refs.pulls[number]
            self._write_refs(kind, refs)

    def adopt(
        self, kind: str, repo_id: str, commit: Commit, revision: str, tags: set[str], *, private: bool
    ) -> None:
        """Take a commit from another Hub, under the id and the names that it has there.

        Raises
        ------
        HubError
            409: a tag stands elsewhere here, or the branch holds commits that were made here.
        """
        for path in commit.files:
            check_path(path)
        if not re.fullmatch(r"[0-9a-f]{40}", commit.id):
            raise HubError(400, f"Not the id of a commit: {commit.id!r}")
        if not self.exists(kind, repo_id):
            with suppress(HubError):
                self.create(kind, repo_id, private)
        with self._lock(kind, repo_id):
            refs = self.refs(kind, repo_id)
            write_file(self._commit_path(kind, repo_id, commit.id), commit_json(commit), self.objects.tmp)
            main = self.commit_at(kind, repo_id, refs.branches["main"])
            if not main.parent and not main.source and not revision.startswith("refs/"):
                refs.branches["main"] = commit.id  # nobody has committed here yet
            for tag in tags:
                check_ref(tag)
                if refs.tags.setdefault(tag, commit.id) != commit.id:
                    raise HubError(409, f"tag {tag} stands at {refs.tags[tag]} here, at {commit.id} there")
            if revision != commit.id and revision not in tags:
                heads, name = heads_of(refs, revision)
                if name in heads and (at := self.commit_at(kind, repo_id, heads[name])).source is None:
                    raise HubError(409, f"{revision} holds commits that were made here, such as {at.id}")
                heads[name] = commit.id
            self._write_refs(kind, refs)

    def squash(self, kind: str, repo_id: str, branch: str, title: str) -> None:
        """Make one commit without a past of all commits of a branch; tags keep what they point to."""
        with self._lock(kind, repo_id):
            refs = self.refs(kind, repo_id)
            heads, name = heads_of(refs, branch)
            files = self.commit_at(kind, repo_id, heads.get(name, branch)).files
            heads[name] = self._write_commit(kind, repo_id, files, None, title=title).id
            self._write_refs(kind, refs)

    def set_private(self, kind: str, repo_id: str, private: bool) -> None:
        """Hide a repository from those without the token, or show it."""
        with self._lock(kind, repo_id):
            refs = self.refs(kind, repo_id)
            refs.private = private
            self._write_refs(kind, refs)

    def create_branch(self, kind: str, repo_id: str, name: str, start: str | None) -> None:
        """Make a branch, or `refs/convert/NAME` (which starts empty unless `start` is given)."""
        with self._lock(kind, repo_id):
            refs = self.refs(kind, repo_id)
            heads, short = heads_of(refs, name)
            if heads is refs.pulls:
                raise HubError(400, f"Invalid reference: {name!r}")
            if short in heads:
                raise HubError(409, f"Reference {name} already exists")
            if heads is refs.converts and start is None:
                heads[short] = self._write_commit(kind, repo_id, {}, None).id
            else:
                heads[short] = self.resolve(kind, repo_id, start or "main")
            self._write_refs(kind, refs)

    def delete_branch(self, kind: str, repo_id: str, name: str) -> None:
        """Remove a branch; `main` stays."""
        with self._lock(kind, repo_id):
            refs = self.refs(kind, repo_id)
            heads, short = heads_of(refs, name)
            if heads is refs.branches and short == "main":
                raise HubError(403, "Cannot delete the default branch")
            if heads.pop(short, None) is None:
                raise HubError(404, f"Reference {name} does not exist", "RevisionNotFound")
            self._write_refs(kind, refs)

    def create_tag(self, kind: str, repo_id: str, tag: str, revision: str) -> None:
        """Make a tag; 409 where there is one with that name, whatever it points to."""
        check_ref(tag)
        with self._lock(kind, repo_id):
            refs = self.refs(kind, repo_id)
            if tag in refs.tags:
                raise HubError(409, f"Tag reference {tag} already exists")
            refs.tags[tag] = self.resolve(kind, repo_id, revision)
            self._write_refs(kind, refs)

    def delete_tag(self, kind: str, repo_id: str, tag: str) -> None:
        """Remove a tag."""
        with self._lock(kind, repo_id):
            refs = self.refs(kind, repo_id)
            if refs.tags.pop(tag, None) is None:
                raise HubError(404, f"Tag {tag} does not exist", "RevisionNotFound")
            self._write_refs(kind, refs)

    # ---- files on disk ----

    def _folder(self, kind: str, repo_id: str) -> Path:
        check_repo_id(repo_id)
        if kind not in KINDS:
            raise HubError(404, f"No repositories of kind {kind!r} here", "RepoNotFound")
        return self.root / kind / repo_id.replace("/", "--")

    def _lock(self, kind: str, repo_id: str) -> FileLock:
        return FileLock(self.root / "locks" / f"{kind}--{self._folder(kind, repo_id).name}.lock", timeout=60)

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
        data = commit_json(Commit("", parent, date, title, message, files))
        sha = hashlib.sha1(b"commit %d\0" % len(data) + data, usedforsecurity=False).hexdigest()
        path = self._commit_path(kind, repo_id, sha)
        write_file(path, data, self.objects.tmp)
        return self._read_commit(path)

    def _write_refs(self, kind: str, refs: Refs) -> None:
        data = json.dumps(vars(refs), indent=1, sort_keys=True).encode()
        write_file(self._folder(kind, refs.id) / "refs.json", data, self.objects.tmp)
