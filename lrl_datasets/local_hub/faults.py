"""Faults on purpose: what a network or a power cut does to a client, at a request that a test chooses.

    server.faults.append(Fault("drop_after", method="POST", pattern="/commit/"))

applies the next commit and closes the connection without a word, as where the response was lost.
"""

from __future__ import annotations

import re
import threading
import time
from dataclasses import dataclass

from lrl_datasets.local_hub.objects import HubError


@dataclass
class Fault:
    """One fault, and the requests it befalls.

    Parameters
    ----------
    action
        `drop_before`: close the connection before the request is read further or handled. `drop_after`:
        handle it and close instead of answering. `error:503`: answer so instead of handling. `delay:2`: wait
        that many seconds and go on as if nothing had been.
    method
        The request's method; empty for all.
    pattern
        A regular expression that is searched in the path (percent-encoded, without the query).
    count
        How many matching requests it befalls; below 0: all.
    skip
        How many matching requests pass first: the n-th request of all is `skip=n`, counted from 0.
    """

    action: str
    method: str = ""
    pattern: str = ""
    count: int = 1
    skip: int = 0

    def __post_init__(self) -> None:
        if not re.fullmatch(r"drop_before|drop_after|error:[45]\d\d|delay:\d+(\.\d+)?", self.action):
            raise ValueError(f"no such fault: {self.action!r}")

    def matches(self, method: str, path: str) -> bool:
        """Say whether a request is one that this fault counts."""
        return self.method in ("", method) and re.search(self.pattern, path) is not None


class Faults:
    """The faults of a server and the list of what it was asked; all its threads share one.

    Parameters
    ----------
    faults
        Looked through in order; the first that is due befalls the request, and is used up by it. The list is
        the caller's, who may change it while the server runs.
    """

    KEPT = 10_000

    def __init__(self, faults: list[Fault]) -> None:
        self.faults = faults
        self.requests: list[tuple[str, str]] = []
        """Method and path of the last requests, in the order in which they came; may be cleared."""
        self._lock = threading.Lock()

    def befall(self, method: str, path: str) -> str:
        """Note a request and return what befalls it: `drop_before`, `drop_after` or nothing (empty).

        A delay is waited for here, an error raised as `HubError`.
        """
        with self._lock:
            self.requests.append((method, path))
            del self.requests[: -self.KEPT]
            action = self._take(method, path)
        name, _, value = action.partition(":")
        if name == "error":
            raise HubError(int(value), "A fault on purpose")
        if name == "delay":
            time.sleep(float(value))
            return ""
        return name

    def _take(self, method: str, path: str) -> str:
        for fault in self.faults:
            if fault.count == 0 or not fault.matches(method, path):
                continue
            if fault.skip > 0:
                fault.skip -= 1
                continue
            fault.count -= 1
            return fault.action
        return ""
