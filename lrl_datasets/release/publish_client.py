"""The client's half of publishing: does what the plan says, and looks again where an answer was lost.

A publication is three writes: the repository, one commit, one tag. huggingface_hub repeats none of them when an
answer is lost, and rightly: the Hub may have done what was asked. Here a lost answer is followed by a new look,
which is safe because each write can be done only once: a repository or a tag that is there is refused (409), and
the commit is made on the head that was seen or not at all (`parent_commit`, 412). So a round that breaks off
anywhere is followed by another, a process that dies anywhere by another process, and all end in the same commit
and the same tag. (A pull request alone may come twice, where the Hub is still busy with the first.)

Of two publishers the second finds the first one's commit, with its tag or still without, and stops. What it has
uploaded and not committed stays in the Hub's storage, where nobody sees it.
"""

from __future__ import annotations

import itertools
import json
import os
import sys
import threading
import time
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any, NoReturn

from lrl_datasets.errors import LrlError
from lrl_datasets.release.plan import Comparison, Plan, some

ROUNDS = 3
"""How often one run looks at the Hub before it gives up."""
WAIT = 2.0
"""Seconds until it looks again: a write whose answer was lost may still be going on."""
BATCH = 64
"""Files a batch of uploads; what was uploaded in a batch that was finished is not sent again."""


@dataclass(frozen=True)
class Request:
    """What the process of its own is asked to do."""

    folder: str
    endpoint: str
    private: bool = False
    create_pr: bool = False
    replace_unfinished: bool = False
    renamed: str | None = None
    dry_run: bool = False


@dataclass(frozen=True)
class Published:
    """Where a release lies."""

    repo: str
    version: str
    commit: str
    tag: str | None
    """`vX.Y.Z`; None for a pull request, which is published when it is merged and tagged."""
    url: str
    uploaded: int
    """Files that the commit of this run added or changed; 0 where none was needed."""
    skipped: bool
    """It was there already, with the same files."""
    pull_request: str | None = None
    """`refs/pr/N`."""

    @property
    def revision(self) -> str:
        """What to load: the tag, or the pull request's commit."""
        return self.tag or self.commit


class Publication:
    """One release on its way to one Hub, from the first look to the tag.

    Parameters
    ----------
    request
        Its folder was checked against the manifest.
    """

    def __init__(self, request: Request) -> None:
        from huggingface_hub import HfApi

        self.request = request
        self.api = HfApi(endpoint=request.endpoint, library_name="lrl-datasets")
        names = Path(request.renamed) if request.renamed else None
        self.release = Comparison(self.api, Path(request.folder), names)
        self._based_on: str | None = None  # the head this run saw first; a later one is somebody else's
        self._sent = 0  # files in this run's commit, whether its answer came or not
        self._wrote = False  # something was asked of the Hub that it may have done

    def run(self) -> Published:
        """Publish, in as many rounds as it takes and at most `ROUNDS`."""
        for left in itertools.count(ROUNDS - 1, -1):
            try:
                return self._round()
            except Exception as problem:
                if not _may_pass(problem):
                    raise
                if left == 0:
                    told = _told(self.request.endpoint, problem)
                    what = (
                        "run it again, it goes on where it stopped" if self._wrote else "nothing was changed"
                    )
                    raise LrlError(f"{told}; {what}") from None
            time.sleep(WAIT)
        raise AssertionError

    def plan(self) -> Plan:
        """Look at the Hub; changes nothing there."""
        plan = self.release.plan(
            create_pr=self.request.create_pr, replace_unfinished=self.request.replace_unfinished
        )
        if self.request.private and plan.head is not None:
            self._refuse_public()
        return plan

    def _round(self) -> Published:
        plan, repo = self.plan(), self.release.repo
        if plan.head is None:
            self._wrote = True
            self.api.create_repo(**self.release.where, private=self.request.private)
            plan = self.plan()
            if plan.head is None:
                raise LrlError(f"{repo} was made and cannot be seen yet; run it again")
        self._based_on = self._based_on or plan.head
        commit, pull_request = plan.stands, plan.pull_request
        if commit is None:
            if plan.head != self._based_on:
                raise LrlError(f"somebody published to {repo} meanwhile; look at it and run again")
            commit, pull_request = self._commit(plan)
            if wrong := self.release.differences(commit):
                raise LrlError(f"{repo} at {commit} is not what was built ({some(wrong)}); not tagged")
        if not plan.tagged and pull_request is None:
            self._wrote = True
            self.api.create_tag(**self.release.where, tag=plan.tag, revision=commit)
        page = f"{self.request.endpoint}/datasets/{repo}"
        return Published(
            repo=repo,
            version=self.release.version,
            commit=commit,
            tag=plan.tag if pull_request is None else None,
            url=f"{page}/discussions/{pull_request[8:]}" if pull_request else f"{page}/tree/{plan.tag}",
            uploaded=self._sent,
            skipped=self._sent == 0 and (plan.tagged or plan.pull_request is not None),
            pull_request=pull_request,
        )

    def _commit(self, plan: Plan) -> tuple[str, str | None]:
        """Upload what is missing and make the one commit; returns it, and the ref of its pull request."""
        from huggingface_hub import CommitOperationAdd, CommitOperationDelete
        from huggingface_hub.errors import HfHubHTTPError

        files, folder, create_pr = self.release.files, self.release.folder, self.request.create_pr
        additions = [CommitOperationAdd(path, folder / path) for path in plan.files if path in files]
        deletions = [CommitOperationDelete(path, is_folder=False) for path in plan.files if path not in files]
        self._wrote = True
        for start in range(0, len(additions), BATCH):
            self.api.preupload_lfs_files(
                **self.release.where, additions=additions[start : start + BATCH], create_pr=create_pr
            )
        for addition in additions:
            if addition.upload_info.sha256.hex() != files[addition.path_in_repo]["sha256"]:
                raise LrlError(
                    f"{folder / addition.path_in_repo}: changed while it was published; nothing is"
                )
        try:
            self._sent = len(additions)
            made = self.api.create_commit(
                **self.release.where,
                operations=[*additions, *deletions],
                commit_message=self.release.title,
                parent_commit=plan.head,
                create_pr=create_pr,
            )
        except HfHubHTTPError as refusal:
            if refusal.response.status_code < 500:
                self._sent = 0
            raise
        return made.oid, made.pr_revision

    def _refuse_public(self) -> None:
        if self.api.dataset_info(self.release.repo, expand=["private"]).private is False:
            raise LrlError(
                f"{self.release.repo} is public, and --private makes new repositories only: "
                "leave it out, or make the repository private on the Hub first"
            )


def main() -> NoReturn:
    """Answer the one request on stdin; the client's progress bars and warnings go to stderr."""
    out = os.fdopen(os.dup(1), "w")
    os.dup2(2, 1)
    request = Request(**json.loads(sys.stdin.readline()))

    def end_with_parent() -> None:
        sys.stdin.read()
        os._exit(1)

    threading.Thread(target=end_with_parent, daemon=True).start()
    answer: dict[str, Any]
    try:
        publication = Publication(request)
        answer = asdict(publication.plan() if request.dry_run else publication.run())
    except Exception as problem:
        answer = {"error": _told(request.endpoint, problem)}
    out.write(json.dumps(answer))
    out.close()
    sys.stderr.flush()
    os._exit(0)


def _may_pass(problem: BaseException | None) -> bool:
    """Say whether another look may show something else: no answer, a busy Hub, somebody who was quicker.

    Also of what such a thing led to, as long as it is in the chain of exceptions.
    """
    from httpx2 import HTTPError
    from huggingface_hub.errors import HfHubHTTPError

    while problem is not None:
        if isinstance(problem, HfHubHTTPError):
            return problem.response.status_code in (408, 409, 412, 429) or problem.response.status_code >= 500
        if isinstance(problem, HTTPError | ConnectionError | TimeoutError):
            return True
        problem = problem.__cause__ or problem.__context__
    return False


def _told(endpoint: str, problem: BaseException) -> str:
    from httpx2 import TransportError

    if isinstance(problem, LrlError):
        return str(problem)
    if isinstance(problem, TransportError | ConnectionError | TimeoutError):
        said = str(problem).strip() or type(problem).__name__
        return f"the Hub at {endpoint} does not answer ({said})"
    # The client's messages carry the request's address and the Hub's answer, never a header.
    return f"{endpoint}: {type(problem).__name__}: {str(problem).strip()}"
