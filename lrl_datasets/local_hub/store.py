"""What the local Hub keeps, as plain files: contents by their hash, commits as JSON, one refs file a repository.

    objects/ab/abcd…                      a file's bytes, named by their SHA-256
    datasets/ORG--NAME/commits/0123….json one commit: parent, date, message and the whole tree
    datasets/ORG--NAME/refs.json          branches, tags and converts, each a commit id
    models/…                              the same for models

There is no database. Everything is written to a temporary file, synced and renamed, and the refs file last, so a
crash at any point leaves the previous state and at most an unreferenced object. Objects and commits never
change; writers of one repository take turns through a lock file, also between processes. Names that came from
a client are checked before they become a path, and file paths inside a repository never do.
"""

from __future__ import annotations

import fnmatch
import functools
import hashlib
import json
import os
import re
import shutil
import tempfile
import time
from collections.abc import Iterable, Iterator
from contextlib import suppress
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path

from filelock import FileLock

KINDS = ("datasets", "models")
LFS_FROM = 10 * 1024 * 1024
"""Bytes from which a file is LFS whatever its name, as on the Hub."""

# The patterns that the Hub writes into the first commit of a new repository, less those nobody uploads here.
GITATTRIBUTES = "".join(
    f"*.{extension} filter=lfs diff=lfs merge=lfs -text\n"
    for extension in (
        "7z arrow bin bz2 ckpt ftz gz h5 joblib lz4 model msgpack npy npz onnx parquet pickle pkl pt pth "
        "rar safetensors tar tgz wasm xz zip zst"
    ).split()
)


class HubError(Exception):
    """A refusal in the Hub's terms: an HTTP status, a message and, where clients look for one, an error code."""

    def __init__(self, status: int, message: str, code: str | None = None, **extra: object) -> None:
        super().__init__(message)
        self.status = status
        self.message = message
        self.code = code
        self.extra = extra
        """More keys of the JSON body, e.g. `url`."""
        self.headers: dict[str, str] = {}


@dataclass(frozen=True, slots=True)
class Entry:
    """One file of a tree."""

    oid: str
    """Git's SHA-1 of the blob: of the content, or of the pointer where the file is LFS."""
    sha256: str
    size: int
    lfs: bool

    @property
    def etag(self) -> str:
        """What the Hub sends as the file's ETag: SHA-256 of an LFS file, else git's SHA-1."""
        return self.sha256 if self.lfs else self.oid


@dataclass(frozen=True)
class Commit:
    """One commit with its whole tree, paths in sorted order."""

    id: str
    parent: str | None
    date: str
    title: str
    message: str
    files: dict[str, Entry]


@dataclass
class Refs:
    """The mutable part of a repository."""

    id: str
    private: bool
    created: str
    branches: dict[str, str] = field(default_factory=dict)
    converts: dict[str, str] = field(default_factory=dict)
    tags: dict[str, str] = field(default_factory=dict)


@dataclass
class Changes:
    """What a commit does: files to add (path to entry), files and folders to delete."""

    add: dict[str, Entry] = field(default_factory=dict)
    delete_files: list[str] = field(default_factory=list)
    delete_folders: list[str] = field(default_factory=list)


class Store:
    """A folder of repositories.

    Parameters
    ----------
    root
        The folder; made if it is not there. Several processes may work on one.
    """

    def __init__(self, root: Path) -> None:
        self.root = Path(root).absolute()
        for name in ("objects", "tmp", "locks", *KINDS):
            (self.root / name).mkdir(parents=True, exist_ok=True)
        self._read_commit = functools.lru_cache(maxsize=64)(_read_commit)
        for left in (self.root / "tmp").iterdir():  # what a killed upload left behind
            with suppress(OSError):
                if left.is_file() and time.time() - left.stat().st_mtime > 24 * 3600:
                    left.unlink()

    # ---- repositories ----

    def repositories(self, kind: str) -> list[str]:
        """Return the ids of all repositories of a kind, sorted."""
        found = (folder.name for folder in (self.root / kind).iterdir() if (folder / "refs.json").exists())
        return sorted(name.replace("--", "/") for name in found)

    def exists(self, kind: str, repo_id: str) -> bool:
        """Say whether there is such a repository."""
        return (self._folder(kind, repo_id) / "refs.json").exists()

    def create(self, kind: str, repo_id: str, private: bool = False) -> None:
        """Make a repository whose first commit holds `.gitattributes`; 409 where there is one already."""
        folder = self._folder(kind, repo_id)
        with self._lock(kind, repo_id):
            if (folder / "refs.json").exists():
                raise HubError(409, "You already created this repo")
            (folder / "commits").mkdir(parents=True, exist_ok=True)
            first = {".gitattributes": self.add_regular(GITATTRIBUTES.encode())}
            commit = self._write_commit(folder, None, "initial commit", "", first)
            refs = Refs(repo_id, private, commit.date, {"main": commit.id})
            self._write_refs(folder, refs)

    def delete(self, kind: str, repo_id: str) -> None:
        """Remove a repository; its contents stay in `objects`, where others may share them."""
        self.refs(kind, repo_id)
        with self._lock(kind, repo_id):
            gone = Path(tempfile.mkdtemp(dir=self.root / "tmp"))
            os.replace(self._folder(kind, repo_id), gone / "repository")
        shutil.rmtree(gone)

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
        heads = refs.branches | {f"refs/heads/{name}": sha for name, sha in refs.branches.items()}
        tags = refs.tags | {f"refs/tags/{name}": sha for name, sha in refs.tags.items()}
        converts = {f"refs/convert/{name}": sha for name, sha in refs.converts.items()}
        found = (tags | heads | converts).get(revision)
        if found is None and re.fullmatch(r"[0-9a-f]{40}", revision):
            found = revision if self._commit_path(self._folder(kind, repo_id), revision).exists() else None
        if found is None:
            raise HubError(404, f"Invalid rev id: {revision}", "RevisionNotFound")
        return found

    def commit_at(self, kind: str, repo_id: str, revision: str) -> Commit:
        """Return the commit that a revision names."""
        sha = self.resolve(kind, repo_id, revision)
        return self._read_commit(self._commit_path(self._folder(kind, repo_id), sha))

    def history(self, kind: str, repo_id: str, revision: str) -> Iterator[Commit]:
        """Yield the commits of a revision, newest first."""
        commit = self.commit_at(kind, repo_id, revision)
        yield commit
        while commit.parent is not None:
            commit = self._read_commit(self._commit_path(self._folder(kind, repo_id), commit.parent))
            yield commit

    # ---- contents ----

    def blob(self, sha256: str) -> Path:
        """Return where a content lies or would lie."""
        if not re.fullmatch(r"[0-9a-f]{64}", sha256):
            raise HubError(400, f"Not a SHA-256: {sha256!r}")
        return self.root / "objects" / sha256[:2] / sha256

    def add_blob(
        self, chunks: Iterable[bytes], sha256: str | None = None, size: int | None = None
    ) -> tuple[str, int]:
        """Stream a content in; with `sha256` and `size` it must have them. Returns both."""
        digest, length = hashlib.sha256(), 0
        handle, temporary = tempfile.mkstemp(dir=self.root / "tmp")
        try:
            with os.fdopen(handle, "wb") as file:
                for chunk in chunks:
                    digest.update(chunk)
                    length += len(chunk)
                    if size is not None and length > size:
                        raise HubError(400, f"More than the {size} bytes that were announced")
                    file.write(chunk)
                found = digest.hexdigest()
                if sha256 not in (None, found) or size not in (None, length):
                    raise HubError(
                        400, f"Received {length} bytes with SHA-256 {found}, expected {size}, {sha256}"
                    )
                file.flush()
                os.fsync(file.fileno())
            os.chmod(temporary, 0o644)
            target = self.blob(found)
            target.parent.mkdir(exist_ok=True)
            os.replace(temporary, target)
            _sync_folder(target.parent)
        except BaseException:
            with suppress(FileNotFoundError):
                os.unlink(temporary)
            raise
        return found, length

    def add_regular(self, content: bytes) -> Entry:
        """Store a content that git itself would keep."""
        sha256 = hashlib.sha256(content).hexdigest()
        if not self.blob(sha256).exists():
            self.add_blob([content])
        return Entry(git_blob(content), sha256, len(content), lfs=False)

    def lfs_entry(self, sha256: str, size: int | None = None) -> Entry:
        """Return the entry of an LFS file whose content is stored already; 400 where it is not."""
        try:
            stored = self.blob(sha256).stat().st_size
        except FileNotFoundError:
            raise HubError(400, f"LFS object {sha256} was not uploaded") from None
        if size not in (None, stored):
            raise HubError(400, f"LFS object {sha256} has {stored} bytes, not {size}")
        return Entry(git_blob(lfs_pointer(sha256, stored)), sha256, stored, lfs=True)

    # ---- writing ----

    def commit(
        self,
        kind: str,
        repo_id: str,
        revision: str,
        changes: Changes,
        title: str,
        message: str = "",
        parent: str | None = None,
    ) -> Commit:
        """Commit to a branch or to `refs/convert/…`; 412 where `parent` is given and is not its head any more."""
        for path in changes.add:
            check_path(path)
        with self._lock(kind, repo_id):
            refs = self.refs(kind, repo_id)
            heads, name = _heads(refs, revision)
            if name not in heads and heads is not refs.converts:
                raise HubError(404, f"Invalid rev id: {revision}", "RevisionNotFound")
            head = heads.get(name)
            if parent is not None and parent != head:
                raise HubError(412, "A commit has happened since. Please refresh and try again.")
            files = dict(self.commit_at(kind, repo_id, head).files) if head else {}
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
            for path in changes.add:
                for above in _folders_above(path):
                    if above in files:
                        raise HubError(400, f"{above} is a file and cannot hold {path}")
            if any(folder in changes.add for path in files for folder in _folders_above(path)):
                raise HubError(400, "A file cannot take the place of a folder that still holds files")
            made = self._write_commit(self._folder(kind, repo_id), head, title, message, files)
            heads[name] = made.id
            self._write_refs(self._folder(kind, repo_id), refs)
            return made

    def create_branch(self, kind: str, repo_id: str, name: str, start: str | None) -> None:
        """Make a branch, or `refs/convert/NAME` (which starts empty unless `start` is given)."""
        with self._lock(kind, repo_id):
            refs = self.refs(kind, repo_id)
            heads, short = _heads(refs, name)
            if short in heads:
                raise HubError(409, f"Reference {name} already exists")
            if heads is refs.converts and start is None:
                heads[short] = self._write_commit(
                    self._folder(kind, repo_id), None, "initial commit", "", {}
                ).id
            else:
                heads[short] = self.resolve(kind, repo_id, start or "main")
            self._write_refs(self._folder(kind, repo_id), refs)

    def delete_branch(self, kind: str, repo_id: str, name: str) -> None:
        """Remove a branch; `main` stays."""
        with self._lock(kind, repo_id):
            refs = self.refs(kind, repo_id)
            heads, short = _heads(refs, name)
            if name == "main":
                raise HubError(403, "Cannot delete the default branch")
            if heads.pop(short, None) is None:
                raise HubError(404, f"Reference {name} does not exist", "RevisionNotFound")
            self._write_refs(self._folder(kind, repo_id), refs)

    def create_tag(self, kind: str, repo_id: str, tag: str, revision: str) -> None:
        """Make a tag; 409 where there is one with that name, whatever it points to."""
        _check_ref(tag)
        with self._lock(kind, repo_id):
            refs = self.refs(kind, repo_id)
            if tag in refs.tags:
                raise HubError(409, f"Tag reference {tag} already exists")
            refs.tags[tag] = self.resolve(kind, repo_id, revision)
            self._write_refs(self._folder(kind, repo_id), refs)

    def delete_tag(self, kind: str, repo_id: str, tag: str) -> None:
        """Remove a tag."""
        with self._lock(kind, repo_id):
            refs = self.refs(kind, repo_id)
            if refs.tags.pop(tag, None) is None:
                raise HubError(404, f"Tag {tag} does not exist", "RevisionNotFound")
            self._write_refs(self._folder(kind, repo_id), refs)

    def upload_mode(self, attributes: str, path: str, sample: bytes, size: int) -> str:
        """Say whether a file goes as `lfs` or `regular`: by `.gitattributes`, by size, and LFS if it is no text."""
        if size == 0:
            return "regular"  # clients cannot upload an empty LFS object
        for line in attributes.splitlines():
            pattern, _, rest = line.strip().partition(" ")
            if "filter=lfs" in rest and (
                fnmatch.fnmatch(path, pattern) or fnmatch.fnmatch(Path(path).name, pattern)
            ):
                return "lfs"
        if path.endswith(".parquet") or size >= LFS_FROM or b"\0" in sample:
            return "lfs"
        return "regular"

    def attributes(self, commit: Commit) -> str:
        """Return the text of a commit's `.gitattributes`, the default one where it has none."""
        entry = commit.files.get(".gitattributes")
        return GITATTRIBUTES if entry is None else self.blob(entry.sha256).read_text("utf-8", "replace")

    # ---- files on disk ----

    def _folder(self, kind: str, repo_id: str) -> Path:
        check_repo_id(repo_id)
        if kind not in KINDS:
            raise HubError(404, f"No repositories of kind {kind!r} here", "RepoNotFound")
        return self.root / kind / repo_id.replace("/", "--")

    def _lock(self, kind: str, repo_id: str) -> FileLock:
        return FileLock(self.root / "locks" / f"{kind}--{self._folder(kind, repo_id).name}.lock", timeout=60)

    def _commit_path(self, folder: Path, sha: str) -> Path:
        return folder / "commits" / f"{sha}.json"

    def _write_commit(
        self, folder: Path, parent: str | None, title: str, message: str, files: dict[str, Entry]
    ) -> Commit:
        date = datetime.now(UTC).isoformat(timespec="milliseconds").replace("+00:00", "Z")
        tree = {
            path: [files[path].oid, files[path].sha256, files[path].size, files[path].lfs]
            for path in sorted(files)
        }
        data = json.dumps(
            {"parent": parent, "date": date, "title": title, "message": message, "files": tree},
            ensure_ascii=False,
        ).encode()
        sha = hashlib.sha1(b"commit %d\0" % len(data) + data, usedforsecurity=False).hexdigest()
        _write(self._commit_path(folder, sha), data)
        return self._read_commit(self._commit_path(folder, sha))

    def _write_refs(self, folder: Path, refs: Refs) -> None:
        _write(folder / "refs.json", json.dumps(vars(refs), indent=1, sort_keys=True).encode())


def check_repo_id(repo_id: str) -> None:
    """Refuse an id that the Hub would not take: `name` or `organisation/name`, no `--`, no `..`."""
    good = re.fullmatch(r"(?:[A-Za-z0-9][\w.-]{0,95}/)?[A-Za-z0-9][\w.-]{0,95}", repo_id, re.ASCII)
    if not good or "--" in repo_id or ".." in repo_id or repo_id.endswith((".git", ".", "-")):
        raise HubError(400, f"Invalid repository id: {repo_id!r}")


def check_path(path: str) -> None:
    """Refuse a file path that could leave a folder it is downloaded to, or that git would not take."""
    parts = path.split("/")
    if (
        any(part in ("", ".", "..") or part.lower() == ".git" for part in parts)
        or any(ord(character) < 32 or character in "\\\x7f" for character in path)
        or any(len(part.encode("utf-8", "replace")) > 255 for part in parts)
        or re.match(r"[A-Za-z]:", path)
    ):
        raise HubError(400, f"Invalid path in the repository: {path!r}")


def git_blob(content: bytes) -> str:
    """Return git's SHA-1 of a blob."""
    return hashlib.sha1(b"blob %d\0" % len(content) + content, usedforsecurity=False).hexdigest()


def lfs_pointer(sha256: str, size: int) -> bytes:
    """Return the text that git keeps in the place of an LFS file."""
    return f"version https://git-lfs.github.com/spec/v1\noid sha256:{sha256}\nsize {size}\n".encode()


def _heads(refs: Refs, name: str) -> tuple[dict[str, str], str]:
    """Return the table that a branch name belongs to, and its key there."""
    if name.startswith("refs/convert/"):
        short = name.removeprefix("refs/convert/")
        _check_ref(short)
        return refs.converts, short
    name = name.removeprefix("refs/heads/")
    _check_ref(name)
    return refs.branches, name


def _check_ref(name: str) -> None:
    if (
        not re.fullmatch(r"\w[\w./-]{0,199}", name, re.ASCII)
        or any(bad in name for bad in ("..", "//", "/."))
        or name.endswith((".", "/", ".lock"))
        or name.startswith("refs/")
        or re.fullmatch(r"[0-9a-f]{40}", name)
    ):
        raise HubError(400, f"Invalid reference: {name!r}")


def _folders_above(path: str) -> Iterator[str]:
    at = path.find("/")
    while at >= 0:
        yield path[:at]
        at = path.find("/", at + 1)


def _read_commit(path: Path) -> Commit:
    data = json.loads(path.read_bytes())
    files = {name: Entry(*row) for name, row in data.pop("files").items()}
    return Commit(id=path.stem, files=files, **data)


def _write(path: Path, data: bytes) -> None:
    handle, temporary = tempfile.mkstemp(dir=path.parent, prefix=".tmp")
    try:
        with os.fdopen(handle, "wb") as file:
            file.write(data)
            file.flush()
            os.fsync(file.fileno())
        os.chmod(temporary, 0o644)
        os.replace(temporary, path)
    except BaseException:
        with suppress(FileNotFoundError):
            os.unlink(temporary)
        raise
    _sync_folder(path.parent)


def _sync_folder(folder: Path) -> None:
    handle = os.open(folder, os.O_RDONLY)
    try:
        os.fsync(handle)
    finally:
        os.close(handle)
