"""What is done to the local Hub's repositories, each in one step that is done or not, whatever breaks off.

`repositories.py` says how they lie on disk and what keeps writers apart; `removal.py` is what leaves for good.
"""

from __future__ import annotations

import os
import re
import shutil
import tempfile
from contextlib import suppress
from pathlib import Path

from lrl_datasets.local_hub.commits import (
    Changes,
    Commit,
    Refs,
    apply,
    commit_json,
    heads_of,
    next_request,
    read_commit,
)
from lrl_datasets.local_hub.names import check_new_id, check_path, check_ref
from lrl_datasets.local_hub.objects import GITATTRIBUTES, HubError, sync_folder, write_file
from lrl_datasets.local_hub.repositories import Repositories


class Store(Repositories):
    """A folder of repositories; several processes may work on one.

    Parameters
    ----------
    root
        The folder; made if it is not there.
    """

    def create(self, kind: str, repo_id: str, private: bool = False) -> None:
        """Make a repository whose first commit holds `.gitattributes`; 409 where there is one already."""
        folder = self._folder(kind, repo_id)
        check_new_id(kind, repo_id)
        with self.writing():
            if (folder / "refs.json").exists():
                raise HubError(409, "You already created this repo")
            (folder / "commits").mkdir(parents=True, exist_ok=True)
            first = {".gitattributes": self.objects.add_regular(GITATTRIBUTES.encode())}
            commit = self._write_commit(kind, repo_id, first, None)
            self._write_refs(kind, Refs(repo_id, private, commit.date, {"main": commit.id}))

    def delete(self, kind: str, repo_id: str) -> None:
        """Remove a repository; its contents stay in `objects`, where others may share them."""
        with self.writing():
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
        with self.writing():
            refs = self.refs(kind, repo_id)
            heads, name = heads_of(refs, revision)
            if name not in heads and (create_pr or heads is not refs.converts):
                raise HubError(404, f"Invalid rev id: {revision}", "RevisionNotFound")
            head = heads.get(name)
            if parent is not None and parent != head:
                raise HubError(412, "A commit has happened since. Please refresh and try again.")
            before = self.commit_at(kind, repo_id, head).files if head else {}
            if heads is refs.pulls and refs.requests.get(name, {}).get("status") == "merged":
                raise HubError(403, "This pull request is merged already: open another one")
            self._refuse_collected(changes.add)
            made = self._write_commit(
                kind, repo_id, apply(changes, before), head, title=title, message=message
            )
            if create_pr:
                heads, name = refs.pulls, next_request(refs)
                refs.requests[name] = {"title": title, "created": made.date, "status": "open"}
            heads[name] = made.id
            self._write_refs(kind, refs)
            return made

    def merge(self, kind: str, repo_id: str, number: str) -> None:
        """Move `main` to a pull request's commit; 409 where `main` has moved on since that was made."""
        with self.writing():
            refs = self.refs(kind, repo_id)
            request = self._unmerged(refs, number)
            if request["status"] == "closed":
                raise HubError(409, "This pull request is closed: open it again first")
            main, history = refs.branches["main"], self.history(kind, repo_id, f"refs/pr/{number}")
            if main not in (commit.id for commit in history):
                raise HubError(409, "main has changed since this pull request was opened: open it anew")
            refs.branches["main"] = refs.pulls[number]
            refs.requests[number] = request | {"status": "merged", "before": main}
            self._write_refs(kind, refs)

    def close(self, kind: str, repo_id: str, number: str, *, reopen: bool = False) -> None:
        """Close a pull request that is not merged, or open it again."""
        with self.writing():
            refs = self.refs(kind, repo_id)
            request = self._unmerged(refs, number)
            refs.requests[number] = request | {"status": "open" if reopen else "closed"}
            self._write_refs(kind, refs)

    def _unmerged(self, refs: Refs, number: str) -> dict[str, str]:
        if number not in refs.pulls:
            raise HubError(404, f"There is no pull request {number}, or its commits are gone")
        request = refs.requests.get(number, {"title": "", "created": refs.created, "status": "open"})
        if request["status"] == "merged":
            raise HubError(409, "This pull request is merged already")
        return request

    def adopt(
        self, kind: str, repo_id: str, commit: Commit, revision: str, tags: set[str], *, private: bool
    ) -> None:
        """Take a commit from another Hub, under the id and the names that it has there.

        Raises
        ------
        HubError
            409: a tag stands elsewhere here, the branch holds commits that were made here, or a commit of that id
            has other files here. Nothing is written then.
        """
        for path in commit.files:
            check_path(path)
        self.check_adoption(kind, repo_id, commit.id, revision, tags)
        if not self.exists(kind, repo_id):
            with suppress(HubError):
                self.create(kind, repo_id, private)
        with self.writing():
            refs = self.refs(kind, repo_id)
            self.check_adoption(kind, repo_id, commit.id, revision, tags)
            self._refuse_collected(commit.files)
            place = self._commit_path(kind, repo_id, commit.id)
            if (here := self._undamaged(place)) is None:
                write_file(place, commit_json(commit), self.objects.tmp)
            elif here.files != commit.files:
                raise HubError(409, f"commit {commit.id} has other files here")
            main = self.commit_at(kind, repo_id, refs.branches["main"])
            if _untouched(main) and not revision.startswith("refs/"):
                refs.branches["main"] = commit.id
            refs.tags |= dict.fromkeys(tags, commit.id)
            if revision != commit.id and revision not in tags:
                heads, name = heads_of(refs, revision)
                heads[name] = commit.id
            self._write_refs(kind, refs)

    def check_adoption(self, kind: str, repo_id: str, sha: str, revision: str, tags: set[str]) -> None:
        """Refuse what `adopt` would, before anything is fetched or written."""
        if not re.fullmatch(r"[0-9a-f]{40}", sha):
            raise HubError(400, f"Not the id of a commit: {sha!r}")
        refs = self.refs(kind, repo_id) if self.exists(kind, repo_id) else Refs(repo_id, False, "")
        for tag in tags:
            check_ref(tag)
            if refs.tags.get(tag, sha) != sha:
                raise HubError(409, f"tag {tag} stands at {refs.tags[tag]} here, at {sha} there")
        if revision != sha and revision not in tags:
            heads, name = heads_of(refs, revision)
            if heads.get(name, sha) != sha:
                at = self.commit_at(kind, repo_id, heads[name])
                if at.source is None and not _untouched(at):
                    raise HubError(409, f"{revision} holds commits that were made here, such as {at.id}")

    @staticmethod
    def _undamaged(path: Path) -> Commit | None:
        """Return a commit that is here and can be read."""
        with suppress(FileNotFoundError, HubError):
            return read_commit(path)
        return None

    def squash(self, kind: str, repo_id: str, branch: str, title: str) -> None:
        """Make one commit without a past of all commits of a branch; tags keep what they point to.

        Pull requests that are merged or closed belong to the past of `main`: with it their commits go.
        """
        with self.writing():
            refs = self.refs(kind, repo_id)
            heads, name = heads_of(refs, branch)
            files = self.commit_at(kind, repo_id, heads.get(name, branch)).files
            heads[name] = self._write_commit(kind, repo_id, files, None, title=title).id
            if heads is refs.branches and name == "main":
                for number in [n for n, known in refs.requests.items() if known["status"] != "open"]:
                    refs.pulls.pop(number, None)
            self._write_refs(kind, refs)

    def set_private(self, kind: str, repo_id: str, private: bool) -> None:
        """Hide a repository from those without the token, or show it."""
        with self.writing():
            refs = self.refs(kind, repo_id)
            refs.private = private
            self._write_refs(kind, refs)

    def create_branch(self, kind: str, repo_id: str, name: str, start: str | None) -> None:
        """Make a branch, or `refs/convert/NAME` (which starts empty unless `start` is given)."""
        with self.writing():
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
        with self.writing():
            refs = self.refs(kind, repo_id)
            heads, short = heads_of(refs, name)
            if heads is refs.branches and short == "main":
                raise HubError(403, "Cannot delete the default branch")
            if heads.pop(short, None) is None:
                raise HubError(404, f"Reference {name} does not exist", "RevisionNotFound")
            if heads is refs.pulls and refs.requests.get(short, {}).get("status") == "open":
                refs.requests[short]["status"] = "closed"
            self._write_refs(kind, refs)

    def create_tag(self, kind: str, repo_id: str, tag: str, revision: str) -> None:
        """Make a tag; 409 where there is one with that name, whatever it points to."""
        check_ref(tag)
        with self.writing():
            refs = self.refs(kind, repo_id)
            if tag in refs.tags:
                raise HubError(409, f"Tag reference {tag} already exists")
            refs.tags[tag] = self.resolve(kind, repo_id, revision)
            self._write_refs(kind, refs)

    def delete_tag(self, kind: str, repo_id: str, tag: str) -> None:
        """Remove a tag."""
        with self.writing():
            refs = self.refs(kind, repo_id)
            if refs.tags.pop(tag, None) is None:
                raise HubError(404, f"Tag {tag} does not exist", "RevisionNotFound")
            self._write_refs(kind, refs)


def _untouched(commit: Commit) -> bool:
    """Say whether it is what `create` makes: nobody has committed yet."""
    return not commit.parent and not commit.source and set(commit.files) == {".gitattributes"}
