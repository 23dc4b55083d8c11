"""A Hub on this computer, for rehearsal, air-gapped use and tests.

Takes a folder and serves it over HTTP to the real, unmodified clients (huggingface_hub, datasets,
transformers, lm-eval) that have its address in `HF_ENDPOINT`. It knows nothing of releases: it keeps
repositories, commits, branches and tags of any dataset or model. Clients upload by LFS or by Xet, whichever they
choose, and download by plain HTTP.

`objects.py`, `repositories.py` and `store.py` are what is kept, `removal.py` what leaves, `check.py` whether all is
whole. `api.py`, `uploads.py`, `xet.py`, `pulls.py` and `describe.py` are what is answered, `server.py` and `body.py`
how it is carried, `faults.py` how it goes wrong on purpose. `pages.py` is what a browser is shown, `cards.py` what is
read of cards, `mirror.py` brings repositories here from another Hub.
"""

from __future__ import annotations

import logging
import sys
from collections.abc import Callable
from datetime import datetime
from pathlib import Path

from lrl_datasets.errors import LrlError
from lrl_datasets.local_hub.check import Checked
from lrl_datasets.local_hub.check import check as _check
from lrl_datasets.local_hub.commits import Changes
from lrl_datasets.local_hub.faults import Fault
from lrl_datasets.local_hub.objects import Entry, HubError, is_lfs
from lrl_datasets.local_hub.removal import Collected
from lrl_datasets.local_hub.removal import collect as _collect
from lrl_datasets.local_hub.server import Server
from lrl_datasets.local_hub.store import Store

__all__ = [
    "Checked", "Collected", "Fault", "HubError", "Server", "Store", "check", "collect", "put", "serve", "serve_forever",
]  # fmt: skip


def serve(
    directory: Path,
    port: int = 0,
    host: str = "127.0.0.1",
    token: str | None = None,
    *,
    faults: list[Fault] | None = None,
) -> Server:
    """Serve a store's folder from a thread of this process.

    Use it as a context manager, or call `.close()`. `.url` is what `HF_ENDPOINT` must be set to in the
    processes that load from it; most clients read it once, when they are imported. `.faults` and `.requests`
    are for tests of what uses it.

    Raises
    ------
    LrlError
        The port is taken or none, the address is not loopback and there is no token, or another server serves
        the folder.
    """
    return Server(directory, port, host, token, faults=faults)


def serve_forever(
    directory: Path, port: int = 8123, host: str = "127.0.0.1", token: str | None = None
) -> None:
    """Serve until interrupted: prints the endpoint and the line that points clients to it, logs to stderr."""
    logger = logging.getLogger("lrl_datasets.local_hub")
    handler = logging.StreamHandler(sys.stderr)
    handler.setFormatter(_Dated("%(asctime)s %(message)s"))
    logger.addHandler(handler)
    logger.setLevel(logging.INFO)
    try:
        with serve(directory, port, host, token) as server:
            print(f"local Hub: {server.url}  (store: {Path(directory).resolve()})")
            print(f"export HF_ENDPOINT={server.url}", flush=True)
            for url in server.urls[1:]:
                print(f"# or: export HF_ENDPOINT={url}", flush=True)
            server.wait()
    finally:
        logger.removeHandler(handler)


def put(
    directory: Path,
    repo_id: str,
    folder: Path,
    repo_type: str = "dataset",
    tag: str | None = None,
    *,
    revision: str = "main",
) -> str:
    """Commit a folder straight into a store, without HTTP, so that the revision holds exactly its files.

    Makes the repository where there is none; a commit that would change nothing is left out. Works while a
    server serves the same folder.

    Parameters
    ----------
    directory
        The store's folder, as for `serve`.
    folder
        The files, at the paths they have in it.
    repo_type
        `dataset` or `model`.
    tag
        A tag to make; one that stands elsewhere already is an error.
    revision
        A branch, or `refs/convert/parquet` and the like, which is made where it is not there.

    Returns
    -------
    str
        The commit's id.

    Raises
    ------
    LrlError
        `folder` is no folder, or holds no file.
    HubError
        The store refuses, for instance because the tag exists.
    """
    folder, kind = Path(folder), f"{repo_type}s"
    paths = sorted(path for path in folder.rglob("*") if path.is_file())
    if not paths:
        raise LrlError(f"{folder}: no folder with files in it")
    store = Store(directory)
    if not store.exists(kind, repo_id):
        store.create(kind, repo_id)
    refs = store.refs(kind, repo_id)
    if revision.startswith("refs/convert/") and revision.removeprefix("refs/convert/") not in refs.converts:
        store.create_branch(kind, repo_id, revision, None)
    head = store.commit_at(kind, repo_id, revision)
    attributes = store.attributes(head)
    wanted = {path.relative_to(folder).as_posix(): _entry(store, attributes, folder, path) for path in paths}
    gone = [name for name in head.files if name not in wanted and name != ".gitattributes"]
    changed = {name: entry for name, entry in wanted.items() if head.files.get(name) != entry}
    if gone or changed:
        title = f"Files of {folder.name}"
        head = store.commit(kind, repo_id, revision, Changes(changed, gone), title=title, parent=head.id)
    if tag is not None and store.refs(kind, repo_id).tags.get(tag) != head.id:
        store.create_tag(kind, repo_id, tag, head.id)
    return head.id


def collect(directory: Path, older_than: float) -> Collected:
    """Remove from a store what no branch, tag or open pull request leads to; see `removal.collect`.

    Raises
    ------
    LrlError
        `directory` is no store.
    """
    try:
        return _collect(_existing(directory), older_than)
    except HubError as refusal:
        raise LrlError(f"{directory}: {refusal.message}") from None


def check(directory: Path, progress: Callable[[str], None] = lambda text: None) -> Checked:
    """Read every byte of a store, and put aside what is damaged; see `check.check`.

    Raises
    ------
    LrlError
        `directory` is no store.
    """
    return _check(_existing(directory), progress)


def _existing(directory: Path) -> Store:
    if not (Path(directory) / "objects").is_dir():
        raise LrlError(f"{directory}: no store of a local Hub")
    return Store(directory)


class _Dated(logging.Formatter):
    def formatTime(self, record: logging.LogRecord, datefmt: str | None = None) -> str:
        """Return an ISO time with its offset from UTC."""
        return datetime.fromtimestamp(record.created).astimezone().isoformat(timespec="milliseconds")


def _entry(store: Store, attributes: str, folder: Path, path: Path) -> Entry:
    with path.open("rb") as file:
        sample = file.read(512)
        file.seek(0)
        if not is_lfs(attributes, path.relative_to(folder).as_posix(), sample, path.stat().st_size):
            return store.objects.add_regular(file.read())
        return store.objects.lfs_entry(*store.objects.add(iter(lambda: file.read(1 << 20), b"")))
