"""The pseudonym key: annotators are people, and no raw worker id leaves a build.

Worker ids and the ids of a campaign's records are published as keyed hashes (HMAC-SHA256), so that who holds an
export can not be matched to a release without the maintainer's secret. The key is `LRL_PSEUDONYM_KEY`, or a
file of mode 0600 in the user's configuration folder which a first build makes.
"""

from __future__ import annotations

import os
import secrets
import stat
from pathlib import Path

import platformdirs

from lrl_datasets import private, schema
from lrl_datasets.errors import LrlError

VARIABLE = "LRL_PSEUDONYM_KEY"
SAMPLE_KEY = b"lrl-datasets sample: this key is public"
MINIMUM_LENGTH = 16


def key_file() -> Path:
    """Return where the key lies when the environment does not give it."""
    return platformdirs.user_config_path("lrl-datasets") / "pseudonym.key"


def load_key(may_create: bool) -> bytes:
    """Return the maintainer's key.

    Parameters
    ----------
    may_create
        Make a key file where there is none: only on a first build, since another key than the last release's
        would give every person and every answer a new name.

    Raises
    ------
    LrlError
        There is no key and none may be made, it is shorter than 16 bytes, or others may read its file.
    """
    if (given := os.environ.get(VARIABLE)) is not None:
        return _checked(given.strip().encode(), VARIABLE)
    path = key_file()
    if not path.exists():
        if not may_create:
            raise LrlError(
                f"no pseudonym key: set {VARIABLE} or put the key of the previous release at {path}"
            )
        private.write(path, secrets.token_hex(32) + "\n")
    return read_key(path)


def read_key(path: Path) -> bytes:
    """Return the key in a file.

    Raises
    ------
    LrlError
        There is no such file, others may read it, or the key is shorter than 16 bytes.
    """
    if not path.is_file():
        raise LrlError(f"{path}: there is no such key file")
    if stat.S_IMODE(path.stat().st_mode) & 0o077:
        raise LrlError(f"{path}: others may read the pseudonym key; run: chmod 600 {path}")
    return _checked(path.read_bytes().strip(), str(path))


def fingerprint(key: bytes) -> str:
    """Return what the manifest says of the key: enough to recognise it, nothing to guess it by."""
    return schema.digest("fingerprint", key=key, length=16)


def pseudonym(source: str, worker: str, key: bytes) -> str:
    """Return the published name of a source's worker: 16 hex digits, the same in all stages of a campaign."""
    return schema.digest("worker", source, worker, key=key, length=16)


def _checked(key: bytes, where: str) -> bytes:
    if len(key) < MINIMUM_LENGTH:
        raise LrlError(
            f"{where}: the pseudonym key has {len(key)} bytes, at least {MINIMUM_LENGTH} are needed"
        )
    return key
