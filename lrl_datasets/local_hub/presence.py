"""Who serves a store: one server at a time, so that a folder has one address, one token and one log.

The server holds a lock on `locks/server.lock`, which the operating system releases with the process, also by
kill -9, and says in `locks/server.json` who it is. Other writers (`put`, `mirror`, `collect`) do not need it: what
keeps them apart is the lock of `store.py`.
"""

from __future__ import annotations

import json
import os
from contextlib import suppress
from http.client import HTTPConnection, HTTPException
from urllib.parse import urlsplit

from filelock import FileLock, Timeout

from lrl_datasets.errors import LrlError
from lrl_datasets.local_hub.objects import write_file
from lrl_datasets.local_hub.store import Store

PATIENCE = 10.0
"""Seconds to wait for a server that holds the store and does not answer."""


class Presence:
    """Holds a store for a server of this process.

    Raises
    ------
    LrlError
        Another server holds it; says its process and address.
    """

    def __init__(self, store: Store) -> None:
        self._tmp, folder = store.objects.tmp, store.root / "locks"
        self._id = store.id
        self._told = folder / "server.json"
        # Not by thread: a server may be closed by another one than made it.
        self._lock = FileLock(folder / "server.lock", thread_local=False)
        try:
            # A large server that was killed holds the lock until its memory is given back: some seconds.
            self._lock.acquire(timeout=0 if self._answers() else PATIENCE, poll_interval=0.1)
        except Timeout:
            raise LrlError(f"{store.root} is served already, {self._by_whom()}") from None
        self._told.unlink(missing_ok=True)  # what a killed server said of itself

    def tell(self, url: str) -> None:
        """Say where this server answers."""
        write_file(self._told, json.dumps({"pid": os.getpid(), "url": url}).encode(), self._tmp)

    def leave(self) -> None:
        """Let others serve the store."""
        self._told.unlink(missing_ok=True)
        self._lock.release()

    def _answers(self) -> bool:
        """Say whether the server that left its address is one of this store, and alive."""
        with suppress(OSError, ValueError, LookupError, TypeError):
            url = urlsplit(json.loads(self._told.read_text("utf-8"))["url"])
            connection = HTTPConnection(url.hostname or "", url.port, timeout=1)
            try:
                connection.request("GET", "/api/local-hub")
                return bool(json.loads(connection.getresponse().read()) == {"store": self._id})
            except HTTPException:
                return False
            finally:
                connection.close()
        return False

    def _by_whom(self) -> str:
        try:
            told = json.loads(self._told.read_text("utf-8"))
            return f"by process {told['pid']} at {told['url']}"
        except (OSError, ValueError, KeyError):
            return "by a process that is just starting"
