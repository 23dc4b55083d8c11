"""Pull requests, as clients and pages see them: a commit beside main, open, closed or merged.

There is no discussion here: a pull request has its commits and its status. Merging moves main to its head, so the
commit that was verified before is the one that is on main after.
"""

from __future__ import annotations

from dataclasses import dataclass
from hashlib import sha256
from typing import Any

from lrl_datasets.local_hub.commits import Commit, Refs
from lrl_datasets.local_hub.objects import HubError
from lrl_datasets.local_hub.protocol import Request
from lrl_datasets.local_hub.store import Store

PAGE = 50
"""Pull requests a page of the list, counted from page 0."""


@dataclass(frozen=True)
class Pull:
    """One pull request."""

    number: str
    title: str
    created: str
    status: str
    head: str | None
    """Its newest commit; None: its commits are gone with the history of main."""
    before: str | None
    """Of a merged one, the commit that main was at."""

    @property
    def ref(self) -> str:
        """Return the revision that names its newest commit."""
        return f"refs/pr/{self.number}"


@dataclass(frozen=True)
class Changed:
    """A file that a pull request adds, changes or deletes; sizes before and after."""

    path: str
    what: str
    before: int | None
    after: int | None


@dataclass(frozen=True)
class Proposal:
    """What a pull request would do, or did, to main."""

    commits: list[Commit]
    """Newest first."""
    base: Commit
    """The commit of main that it was made on."""
    behind: bool
    """Main has moved on since, so it cannot be merged."""
    files: list[Changed]


def pulls(refs: Refs) -> list[Pull]:
    """Return all pull requests of a repository, newest first."""
    numbers = sorted({*refs.pulls, *refs.requests}, key=int, reverse=True)
    return [_pull(refs, number) for number in numbers]


def pull(refs: Refs, number: str) -> Pull:
    """Return one pull request; 404 where there is none of that number."""
    if number not in {*refs.pulls, *refs.requests}:
        raise HubError(404, f"There is no pull request {number}")
    return _pull(refs, number)


def proposal(store: Store, kind: str, repo_id: str, one: Pull) -> Proposal | None:
    """Compare a pull request with main: as it was before, where it is merged; None where its commits are gone."""
    if one.head is None:
        return None
    main = store.commit_at(kind, repo_id, "main")
    past = {one.before} if one.before else {commit.id for commit in store.history(kind, repo_id, main.id)}
    commits: list[Commit] = []
    base = main
    for commit in store.history(kind, repo_id, one.head):
        if commit.id in past:
            base = commit
            break
        commits.append(commit)
    return Proposal(commits, base, base.id not in (main.id, one.before), _changed(base, commits))


def listed(store: Store, kind: str, repo_id: str, request: Request) -> dict[str, Any]:
    """Answer `get_repo_discussions`."""
    wanted = {name: request.query.get(name, ["all"])[-1] for name in ("type", "status", "author")}
    found = [] if wanted["type"] == "discussion" or wanted["author"] not in ("all", "local") else [
        one for one in pulls(store.refs(kind, repo_id))
        # As on the Hub, what is merged is not open any more.
        if wanted["status"] in ("all", one.status) or (wanted["status"], one.status) == ("closed", "merged")
    ]  # fmt: skip
    start = request.number("p", 0) * PAGE
    shown = [_told(kind, repo_id, one) for one in found[start : start + PAGE]]
    return {"discussions": shown, "count": len(found), "start": start}


def detailed(store: Store, kind: str, repo_id: str, number: str) -> dict[str, Any]:
    """Answer `get_discussion_details`; the commits are its events, there are no others and no textual diff."""
    one = pull(store.refs(kind, repo_id), number)
    found = proposal(store, kind, repo_id, one)
    changes = {"base": "refs/heads/main"}
    if one.status == "merged" and one.head:
        changes["mergeCommitId"] = one.head
    events = [
        _event("commit", commit.date, {"subject": commit.title, "oid": commit.id})
        for commit in reversed(found.commits if found else [])
    ]
    conflicts: bool | list[str] = True if found and found.behind else []
    return _told(kind, repo_id, one) | {"events": events, "changes": changes, "filesWithConflicts": conflicts}


def status_event(pull: Pull, when: str) -> dict[str, Any]:
    """Tell a client that closed or reopened a pull request what became of it."""
    return _event("status-change", when, {"status": pull.status})


def _pull(refs: Refs, number: str) -> Pull:
    known = refs.requests.get(number, {})
    return Pull(
        number=number,
        title=known.get("title", ""),
        created=known.get("created", refs.created),
        status=known.get("status", "open"),
        head=refs.pulls.get(number),
        before=known.get("before"),
    )


def _changed(base: Commit, commits: list[Commit]) -> list[Changed]:
    before, after = base.files, commits[0].files if commits else base.files
    found = []
    for path in sorted({*before, *after}):
        old, new = before.get(path), after.get(path)
        if old != new:
            what = "added" if old is None else "deleted" if new is None else "changed"
            found.append(Changed(path, what, old.size if old else None, new.size if new else None))
    return found


def _told(kind: str, repo_id: str, one: Pull) -> dict[str, Any]:
    return {
        "num": int(one.number),
        "title": one.title,
        "status": one.status,
        "isPullRequest": True,
        "createdAt": one.created,
        "author": {"name": "local"},
        "repo": {"name": repo_id, "type": kind.removesuffix("s")},
    }


def _event(kind: str, when: str, data: dict[str, str]) -> dict[str, Any]:
    return {
        "id": sha256("\0".join([kind, when, *data.values()]).encode()).hexdigest()[:24],
        "type": kind,
        "createdAt": when,
        "author": {"name": "local"},
        "data": data,
    }
