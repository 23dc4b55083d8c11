"""Brings datasets and models from another Hub into a local store, at named revisions: for work without a network.

The revision keeps its names: the commit its id (so a pinned commit loads from here too), the tag or branch that
was asked for, and every tag on the same commit. Each file is checked against the hash in the other Hub's tree
before it counts. The commit is written when all its files are here, refs last; what a broken run has fetched is
found again by the next, which goes on within a file too. Without history: a mirrored commit has no parents. A commit
that is here already stays as it is, and what was damaged of its files comes anew.

Of a repository that is new here, `main` is the first revision that is mirrored, so that `load_dataset(ID)` finds
it; `main` moves again only where it is asked for, and never away from a commit that was made here.
"""

from __future__ import annotations

import shutil
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from filelock import FileLock

from lrl_datasets.errors import LrlError
from lrl_datasets.local_hub.commits import Commit, stamp
from lrl_datasets.local_hub.objects import Entry, HubError, git_blob
from lrl_datasets.local_hub.repositories import KINDS
from lrl_datasets.local_hub.store import Store

WORKERS = 4
"""Files at a time; more help little on the connections that this is for."""


@dataclass(frozen=True)
class Mirrored:
    """One revision that is here now."""

    kind: str
    repo_id: str
    revision: str
    commit: str
    files: int
    fetched: int
    """Bytes that came over the network for it; 0 where all was here."""


def mirror(
    directory: Path,
    what: Sequence[str],
    endpoint: str | None = None,
    progress: Callable[[str], None] = lambda text: None,
) -> list[Mirrored]:
    """Bring revisions of datasets and models into a store; run it again after a break, and it goes on.

    Parameters
    ----------
    directory
        The store's folder; it may be served meanwhile.
    what
        `ID@REVISION`; the revision a tag, branch, commit or `refs/convert/parquet`, `main` where none is given.
        The id as in `load_dataset`; `datasets/ID` or `models/ID` where both exist.
    endpoint
        The other Hub; by default `HF_ENDPOINT`, or the real one.
    progress
        Is told what goes on.

    Raises
    ------
    LrlError
        No such repository or revision, no connection, a file that is not what its hash says, or a name that
        stands elsewhere here already.
    """
    from huggingface_hub import HfApi

    store, api = Store(Path(directory)), HfApi(endpoint=endpoint)
    if _serves(api.endpoint, store):
        raise LrlError(
            f"{api.endpoint} serves {store.root} itself, so there is nothing to mirror: name another Hub "
            "(--endpoint, or HF_ENDPOINT) or another folder (--dir)"
        )
    found = []
    for text in what:
        repo_id, _, revision = text.partition("@")
        try:
            found.append(_one(store, api, repo_id, revision or "main", progress))
        except HubError as refusal:
            raise LrlError(f"{text}: {refusal.message}") from None
        except Exception as problem:
            if isinstance(problem, LrlError):
                raise
            raise LrlError(f"{text}: {_plainly(problem, api.endpoint)}") from problem
    return found


def _one(store: Store, api: Any, given: str, revision: str, progress: Callable[[str], None]) -> Mirrored:
    kind, repo_id, info = _find(api, given, revision)
    repo_type = kind.removesuffix("s")
    progress(f"{repo_id}@{revision}: asking what it holds")
    tree = [
        item
        for item in api.list_repo_tree(repo_id, recursive=True, revision=info.sha, repo_type=repo_type)
        if hasattr(item, "blob_id")
    ]
    refs = api.list_repo_refs(
        repo_id, repo_type=repo_type, include_pull_requests=revision.startswith("refs/pr/")
    )
    tags = {ref.name for ref in refs.tags if info.sha == ref.target_commit or ref.name == revision}
    store.check_adoption(kind, repo_id, info.sha, revision, tags)
    cache = store.root / "mirror" / info.sha
    before = _known(store, kind, repo_id)
    done, fetched = 0, 0

    def fetch(item: Any) -> tuple[str, Entry, int]:
        entry = _here(store, before, item)
        size = 0
        if entry is None:
            entry, size = _fetch(store, api, kind, repo_id, info.sha, item, cache), int(item.size)
        return item.path, entry, size

    files: dict[str, Entry] = {}
    with ThreadPoolExecutor(WORKERS) as pool:
        try:
            for path, entry, size in pool.map(fetch, tree):
                files[path] = entry
                done, fetched = done + 1, fetched + size
                progress(f"{repo_id}@{revision}: {done} of {len(tree)} files")
        except BaseException:
            pool.shutdown(cancel_futures=True)
            raise
    newest = api.list_repo_commits(repo_id, revision=info.sha, repo_type=repo_type)[0]
    commit = Commit(
        info.sha, None, stamp(newest.created_at), newest.title, newest.message or "", files, api.endpoint
    )
    store.adopt(kind, repo_id, commit, revision, tags, private=bool(info.private))
    shutil.rmtree(cache, ignore_errors=True)
    return Mirrored(kind, repo_id, revision, info.sha, len(files), fetched)


def _find(api: Any, given: str, revision: str) -> tuple[str, str, Any]:
    """Say of an id what kind of repository it is there, and what the revision stands for."""
    from huggingface_hub import errors

    named, _, short = given.partition("/")
    kinds, repo_id = ((named,), short) if named in KINDS and "/" in short else (KINDS, given)
    there: list[tuple[str, str, Any]] = []
    missing: Exception | None = None
    for kind in kinds:
        try:
            info = api.repo_info(repo_id, revision=revision, repo_type=kind.removesuffix("s"))
            there.append((kind, repo_id, info))
        except errors.RevisionNotFoundError as problem:
            missing = problem
        except errors.RepositoryNotFoundError as problem:
            missing = missing or problem
    if len(there) > 1:
        either = " or ".join(f"{kind}/{repo_id}" for kind in kinds)
        raise LrlError(f"{given}@{revision}: there is a dataset and a model: write {either}")
    if not there:
        raise missing or LrlError(f"{given}: no such repository")
    return there[0]


def _known(store: Store, kind: str, repo_id: str) -> dict[str, Entry]:
    """Return the small files that are here already, by git's hash: the commits of the refs hold them."""
    if not store.exists(kind, repo_id):
        return {}
    refs = store.refs(kind, repo_id)
    heads = {*refs.branches.values(), *refs.tags.values(), *refs.converts.values()}
    commits = []
    for sha in heads:
        with suppress(HubError):  # one that is damaged comes anew
            commits.append(store.commit_at(kind, repo_id, sha))
    return {
        entry.oid: entry
        for commit in commits
        for entry in commit.files.values()
        if not entry.lfs and store.objects.sound(entry.sha256, entry.size)
    }


def _serves(endpoint: str, store: Store) -> bool:
    """Say whether a Hub is this store's own server; the commits of both are the same ones."""
    from httpx2 import HTTPError
    from huggingface_hub import get_session

    try:
        answer = get_session().get(f"{endpoint}/api/local-hub", timeout=10)
        return answer.status_code == 200 and answer.json() == {"store": store.id}
    except (HTTPError, OSError, ValueError):
        return False  # what is wrong with it shows at the next request


def _here(store: Store, before: dict[str, Entry], item: Any) -> Entry | None:
    if item.lfs is None:
        return before.get(item.blob_id)
    try:
        return store.objects.lfs_entry(item.lfs.sha256, item.lfs.size)
    except HubError:
        return None


def _fetch(store: Store, api: Any, kind: str, repo_id: str, sha: str, item: Any, cache: Path) -> Entry:
    """Fetch a file, on from where a broken run was, and store it if its hash is right."""
    name = f"{repo_id}@{sha[:12]}: {item.path}"
    place = cache / (item.lfs.sha256 if item.lfs else item.blob_id)
    cache.mkdir(parents=True, exist_ok=True)
    with FileLock(f"{place}.lock"):  # two runs, or two paths with one content
        if item.lfs and (entry := _here(store, {}, item)) is not None:
            return entry
        _download(api, kind, repo_id, sha, item, place)
        try:
            if item.lfs is None:
                content = place.read_bytes()
                if git_blob(content) != item.blob_id:
                    raise LrlError("it has another hash than the tree says")
                return store.objects.add_regular(content)
            with place.open("rb") as file:
                store.objects.add(iter(lambda: file.read(1 << 20), b""), item.lfs.sha256, item.lfs.size)
            place.unlink()
            return store.objects.lfs_entry(item.lfs.sha256, item.lfs.size)
        except (HubError, LrlError) as problem:
            place.unlink()  # the next run fetches it anew
            raise LrlError(f"{name} is not what its hash says: {problem}") from None


def _download(api: Any, kind: str, repo_id: str, sha: str, item: Any, place: Path) -> None:
    """Bring a file to the length that it has there; what has come before stays, by a range request."""
    from huggingface_hub import hf_hub_url
    from huggingface_hub.file_download import http_get
    from huggingface_hub.utils._headers import build_hf_headers

    with place.open("ab") as file:
        if file.tell() > item.size:
            file.truncate(0)
            file.seek(0)
        if file.tell() < item.size:
            url = hf_hub_url(
                repo_id, item.path, revision=sha, repo_type=kind.removesuffix("s"), endpoint=api.endpoint
            )
            # The hash is of the bytes as they are, and a range counts these.
            headers = build_hf_headers() | {"Accept-Encoding": "identity"}
            http_get(url, file, resume_size=file.tell(), headers=headers, expected_size=item.size)


def _plainly(problem: Exception, endpoint: str) -> str:
    from httpx2 import HTTPError
    from huggingface_hub import errors

    chain: list[BaseException] = [problem]
    while (cause := chain[-1].__cause__ or chain[-1].__context__) is not None and cause not in chain:
        chain.append(cause)
    for kinds, said in (
        ((errors.GatedRepoError,), f"access must be asked for at {endpoint} first"),
        ((errors.RevisionNotFoundError,), f"no such revision at {endpoint}"),
        ((errors.RepositoryNotFoundError,), f"no such dataset or model at {endpoint}, or no access"),
        ((errors.HFValidationError,), "no id of a dataset or model"),
        ((errors.OfflineModeIsEnabled,), "the Hub is switched off (HF_HUB_OFFLINE)"),
        ((errors.HfHubHTTPError, HTTPError, ConnectionError, errors.LocalEntryNotFoundError),
         f"{endpoint} cannot be reached or broke off; what has come so far is kept, run it again"),
    ):  # fmt: skip
        if any(isinstance(link, kinds) for link in chain):
            return said
    return (str(problem).strip().splitlines() or [type(problem).__name__])[0]
