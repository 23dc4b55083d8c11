"""What a commit's card says, read once for each content and kept as JSON, whatever somebody wrote into it.

Cards come here unchecked too, by `mirror` and `put`. One that cannot be read, or that is larger than the Hub's rules
allow (`card_validator.read`), is an empty card and a line of the log: it is one repository's trouble.
"""

from __future__ import annotations

import json
import logging
import math
import threading
from collections import OrderedDict
from datetime import date
from pathlib import Path
from typing import Any

from lrl_datasets import card_validator
from lrl_datasets.local_hub.commits import Commit
from lrl_datasets.local_hub.store import Store

log = logging.getLogger("lrl_datasets.local_hub")

KEPT = 32 << 20
"""Bytes of JSON that are remembered, of all cards together."""


def card_data(store: Store, kind: str, repo_id: str, commit: Commit) -> dict[str, Any]:
    """Return the front matter of a commit's card, as JSON has it; empty where it cannot be read."""
    entry = commit.files.get("README.md")
    if entry is None:
        return {}
    text = _known.get(entry.sha256)
    if text is None:
        if not store.objects.sound(entry.sha256, entry.size):
            log.warning("%s/%s: README.md of commit %s is damaged in the store", kind, repo_id, commit.id)
            return {}  # not remembered: it may come back
        try:
            text = _read(store.objects.path(entry.sha256))
        except (OSError, ValueError) as problem:
            log.warning("%s/%s: README.md of commit %s is not read: %s", kind, repo_id, commit.id, problem)
            text = "{}"
        _known.put(entry.sha256, text)
    found: dict[str, Any] = json.loads(text)
    return found


def _read(path: Path) -> str:
    with path.open("rb") as file:
        start = file.read(4 * card_validator.MAX_FRONT).decode("utf-8", "replace")
        more = file.read(1)
    front = card_validator.front_matter(start)
    if front is None and more and start.lstrip("\ufeff \r\n\t").startswith("---"):
        raise ValueError("its metadata is too large")
    found = plain(card_validator.read(front or ""))
    return json.dumps(found if isinstance(found, dict) else {}, allow_nan=False)


def plain(value: object) -> object:
    """Return a value of YAML as JSON can hold it: dates become strings, what is no number becomes null."""
    match value:
        case None | bool() | int():
            return value
        case float():
            return value if math.isfinite(value) else None
        case str():
            return value.encode("utf-8", "replace").decode()
        case dict():
            return {str(plain(_key(name))): plain(inside) for name, inside in value.items()}
        case list() | tuple() | set():
            return [plain(inside) for inside in value]
        case bytes():
            return value.decode("utf-8", "replace")
        case date():
            return str(value)
    raise ValueError(f"no value of a card: {type(value).__name__}")


def _key(name: object) -> object:
    """Write a key as JSON would."""
    return json.dumps(name) if name is None or isinstance(name, bool) else name


class _Known:
    """The last cards that were read, by the hash of their content, up to a number of bytes."""

    def __init__(self) -> None:
        self._cards: OrderedDict[str, str] = OrderedDict()
        self._size = 0
        self._lock = threading.Lock()

    def get(self, sha256: str) -> str | None:
        with self._lock:
            if sha256 in self._cards:
                self._cards.move_to_end(sha256)
            return self._cards.get(sha256)

    def put(self, sha256: str, text: str) -> None:
        with self._lock:
            if sha256 not in self._cards:
                self._size += len(text) + 200  # what keeping it costs
            self._cards[sha256] = text
            while self._size > KEPT:
                self._size -= len(self._cards.popitem(last=False)[1]) + 200


_known = _Known()
