"""The contents of files, each stored once under its SHA-256.

Contents arrive as streams, are hashed on the way to a temporary file, synced, and renamed to their hash; they
never change afterwards. Nothing is removed when a repository goes: another may hold the same content. What none
holds is collected (`removal.py`), unless it is young: an upload comes before the commit that names it. So a content
that a client need not send again, since it is here, counts as new from then on (`has`).

Disks lose bytes. A content of a wrong size never counts as here, nor does one of up to `QUICK` bytes whose hash is
wrong: that is looked at when a client announces it, when a commit or a mirror run names it and before it is served,
once for each process and state of the file. So the next upload or mirror run brings it anew. Of larger ones only
`check.py` reads every byte.
"""

from __future__ import annotations

import fnmatch
import hashlib
import logging
import os
import re
import secrets
import shutil
import tempfile
import time
from collections.abc import Callable, Iterable
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path

log = logging.getLogger("lrl_datasets.local_hub")

QUICK = 64 * 1024 * 1024
"""Bytes up to which a content's hash is looked at on the way."""

LFS_FROM = 10 * 1024 * 1024
"""Bytes from which a file is LFS whatever its name, as on the Hub."""

# What the Hub writes into the first commit of a new repository, less what nobody uploads here.
GITATTRIBUTES = "".join(
    f"*.{extension} filter=lfs diff=lfs merge=lfs -text\n"
    for extension in (
        "7z", "arrow", "bin", "bz2", "ckpt", "ftz", "gz", "h5", "joblib", "lz4", "model", "msgpack", "npy",
        "npz", "onnx", "parquet", "pickle", "pkl", "pt", "pth", "rar", "safetensors", "tar", "tgz", "wasm",
        "xz", "zip", "zst",
    )
)  # fmt: skip


class HubError(Exception):
    """A refusal in the Hub's terms: an HTTP status, a message and, where clients look for one, a code."""

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


class Objects:
    """A folder of contents.

    Parameters
    ----------
    root
        The store's folder; contents lie in `objects/`, what is on its way in `tmp/`.
    """

    def __init__(self, root: Path) -> None:
        self.folder, self.tmp = root / "objects", root / "tmp"
        self.quick = QUICK
        self._sound: dict[str, tuple[int, int, int]] = {}
        for folder in (self.folder, self.tmp):
            folder.mkdir(parents=True, exist_ok=True)
        for left in self.tmp.iterdir():  # what a killed process left behind; another one may still write
            with suppress(OSError):
                if time.time() - left.stat().st_mtime > 24 * 3600:
                    shutil.rmtree(left) if left.is_dir() else left.unlink()

    def path(self, sha256: str) -> Path:
        """Return where a content lies or would lie."""
        if not re.fullmatch(r"[0-9a-f]{64}", sha256):
            raise HubError(400, f"Not a SHA-256: {sha256!r}")
        return self.folder / sha256[:2] / sha256

    def add(
        self, chunks: Iterable[bytes], sha256: str | None = None, size: int | None = None
    ) -> tuple[str, int]:
        """Stream a content in; with `sha256` and `size` it must have them. Returns both."""
        with Incoming(self.tmp) as incoming:
            found, length = measured(chunks, incoming.file.write, sha256, size)
            incoming.keep(self.path(found))
        self._remember(found)
        return found, length

    def has(self, sha256: str, size: int | None = None, quick: int | None = None) -> bool:
        """Say whether a content is here; if so, whoever asked may count on it for as long as on a new one.

        Parameters
        ----------
        sha256, size
            Which; one of another size is not here.
        quick
            Bytes up to which the hash is looked at, less than usual where there is no time.
        """
        if not self.sound(sha256, size, quick):
            return False
        try:
            os.utime(self.path(sha256))
        except FileNotFoundError:
            return False
        except PermissionError:  # another user's, in a shared folder
            return self.path(sha256).exists()
        if sha256 in self._sound:
            self._remember(sha256)  # the touch has not changed it
        return True

    def sound(self, sha256: str, size: int | None = None, quick: int | None = None) -> bool:
        """Say whether a content is here as `has` does, without making it count as new."""
        path = self.path(sha256)
        try:
            with path.open("rb") as file:
                state = _state(os.fstat(file.fileno()))
                if size not in (None, state[1]):
                    log.error("object %s has %d bytes, not %s: it counts as not here", sha256, state[1], size)
                    return False
                if state[1] > (self.quick if quick is None else quick) or self._sound.get(sha256) == state:
                    return True
                good = hashlib.file_digest(file, "sha256").hexdigest() == sha256
        except FileNotFoundError:
            return False
        except OSError as problem:  # a bad sector
            log.error("object %s cannot be read, and counts as not here: %s", sha256, problem)
            return False
        if good:
            self._sound[sha256] = state
        else:
            log.error("object %s is damaged: it counts as not here", sha256)
        return good

    def _remember(self, sha256: str) -> None:
        with suppress(FileNotFoundError):
            self._sound[sha256] = _state(self.path(sha256).stat())

    def add_regular(self, content: bytes) -> Entry:
        """Store a content that git itself would keep."""
        sha256 = hashlib.sha256(content).hexdigest()
        if not self.has(sha256, len(content)):
            self.add([content])
        return Entry(git_blob(content), sha256, len(content), lfs=False)

    def lfs_entry(self, sha256: str, size: int | None = None, quick: int | None = None) -> Entry:
        """Return the entry of an LFS file whose content is stored already; 400 where it is not."""
        stored = None
        with suppress(FileNotFoundError):
            if self.has(sha256, size, quick):
                stored = self.path(sha256).stat().st_size
        if stored is None:
            known = "" if size is None else f" with {size} bytes"
            raise HubError(400, f"LFS object {sha256} was not uploaded{known}")
        return Entry(git_blob(lfs_pointer(sha256, stored)), sha256, stored, lfs=True)


def _state(stat: os.stat_result) -> tuple[int, int, int]:
    """Return what changes when somebody writes to a file."""
    return stat.st_ino, stat.st_size, stat.st_mtime_ns


def measured(
    chunks: Iterable[bytes], write: Callable[[bytes], object], sha256: str | None, size: int | None
) -> tuple[str, int]:
    """Pass a content on and return its SHA-256 and size; 400 where it has not those that were announced."""
    digest, length = hashlib.sha256(), 0
    for chunk in chunks:
        digest.update(chunk)
        length += len(chunk)
        if size is not None and length > size:
            raise HubError(400, f"More than the {size} bytes that were announced")
        write(chunk)
    found = digest.hexdigest()
    if sha256 not in (None, found) or size not in (None, length):
        raise HubError(400, f"Received {length} bytes with SHA-256 {found}, not {size}, {sha256}")
    return found, length


def is_lfs(attributes: str, path: str, sample: bytes, size: int) -> bool:
    """Say whether a file goes as LFS: Parquet, what `.gitattributes` names, what is large, or no text."""
    if size == 0:
        return False  # clients cannot upload an empty LFS object
    for line in attributes.splitlines():
        pattern, _, rest = line.strip().partition(" ")
        named = fnmatch.fnmatch(path, pattern) or fnmatch.fnmatch(path.rsplit("/", 1)[-1], pattern)
        if named and "filter=lfs" in rest:
            return True
    return path.endswith(".parquet") or size >= LFS_FROM or b"\0" in sample


def git_blob(content: bytes) -> str:
    """Return git's SHA-1 of a blob."""
    return hashlib.sha1(b"blob %d\0" % len(content) + content, usedforsecurity=False).hexdigest()


def lfs_pointer(sha256: str, size: int) -> bytes:
    """Return the text that git keeps in the place of an LFS file."""
    return f"version https://git-lfs.github.com/spec/v1\noid sha256:{sha256}\nsize {size}\n".encode()


class Incoming:
    """A file on its way: it has a temporary name until `keep`, and is gone where that is not reached.

    Parameters
    ----------
    folder
        Where it lies meanwhile, on the same file system as where it goes.
    """

    def __init__(self, folder: Path) -> None:
        handle, self._temporary = tempfile.mkstemp(dir=folder)
        self.file = os.fdopen(handle, "w+b")

    def keep(self, target: Path, *, replace: bool = True, mode: int = 0o644) -> None:
        """Sync it and give it its name; without `replace` a file that has the name already stays."""
        self.file.flush()
        os.fsync(self.file.fileno())
        self.file.close()
        with suppress(FileNotFoundError):
            os.chmod(self._temporary, mode)
        if not target.parent.exists():
            target.parent.mkdir(parents=True, exist_ok=True)
            sync_folder(target.parent.parent)
        if replace:
            try:
                os.replace(self._temporary, target)
            except FileNotFoundError:
                raise HubError(503, "What was on its way was collected meanwhile: send it again") from None
        else:
            try:
                os.link(self._temporary, target)
            except FileExistsError:
                pass
            except OSError:  # a file system without links, such as a memory stick's
                if not target.exists():
                    os.replace(self._temporary, target)
        sync_folder(target.parent)

    def __enter__(self) -> Incoming:
        return self

    def __exit__(self, *_: object) -> None:
        with suppress(OSError):  # what a full disk did not take
            self.file.close()
        with suppress(FileNotFoundError):
            os.unlink(self._temporary)


def write_file(path: Path, data: bytes, tmp: Path) -> None:
    """Write a small file whole or not at all."""
    with Incoming(tmp) as incoming:
        incoming.file.write(data)
        incoming.keep(path)


def made_once(path: Path, tmp: Path) -> str:
    """Return the random name that a file holds; made where it is not there, by whoever comes first."""
    if not path.exists():
        with Incoming(tmp) as incoming:
            incoming.file.write(secrets.token_hex(16).encode())
            incoming.keep(path, replace=False, mode=0o600)
    return path.read_text("ascii")


def sync_folder(folder: Path) -> None:
    """Make sure that a name in a folder survives a power cut."""
    with suppress(PermissionError):  # Windows opens no folder
        handle = os.open(folder, os.O_RDONLY)
        try:
            os.fsync(handle)
        finally:
            os.close(handle)
