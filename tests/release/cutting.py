"""Publishes with the cable cut before and after every request, and again; prints what came of it as JSON.

    python -m tests.release.cutting SCRATCH

One fresh process, so that the client's environment decides how it uploads (LFS or Xet) and hundreds of publications
need no process each. The client and HTTP are the real ones; only the waits between retries are left out.

An outage begins at the cut and lasts until the run has ended; at a blip that one request is lost and the next come
through. After either the release is published again. All along every state of the repository's refs is kept: at no
moment may main hold part of a release, or a tag anything but its own.
"""

from __future__ import annotations

import copy
import itertools
import json
import os
import shutil
import sys
import threading
import time
from collections import Counter
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from functools import partial
from pathlib import Path
from types import SimpleNamespace
from typing import Any

from lrl_datasets import local_hub
from lrl_datasets.errors import LrlError
from lrl_datasets.local_hub import Fault
from lrl_datasets.local_hub.store import Refs
from lrl_datasets.release import manifest, publish_client
from lrl_datasets.release.publish_client import Publication, Published, Request
from tests.release.releases import REPO, release

FIRST = {".gitattributes"}
"""What a new repository holds."""


class Watched:
    """A Hub over a copy of a store, and every state that its refs were in."""

    def __init__(self, base: Path | None, folder: Path, releases: dict[str, Path]) -> None:
        if base is not None:
            shutil.copytree(base, folder)
        self.releases, self.states = releases, list[Refs]()
        self.hub = local_hub.serve(folder)
        write = self.hub.store._write_refs

        def kept(kind: str, refs: Refs) -> None:
            write(kind, refs)
            self.states.append(copy.deepcopy(refs))

        self.hub.store._write_refs = kept  # type: ignore[method-assign]

    def held(self, commit: str) -> str | None:
        """The release that a commit holds, file by file; None: the first commit's files."""
        files = self.hub.store.commit_at("datasets", REPO, commit).files
        if files.keys() == FIRST:
            return None
        for version, folder in self.releases.items():
            entries = json.loads((folder / manifest.NAME).read_text())["files"]
            entries[manifest.NAME] = manifest.file_entry(folder / manifest.NAME)
            if {path: (entry["sha256"], entry["size"]) for path, entry in entries.items()} == {
                path: (entry.sha256, entry.size) for path, entry in files.items() if path not in FIRST
            }:
                return version
        raise AssertionError(f"a part of a release: {sorted(files)}")

    def check(self, *published: str) -> None:
        """One commit a version, a tag at each, and nothing else at any moment before."""
        for state in self.states:
            assert state.branches.keys() == {"main"}, state
            self.held(state.branches["main"])
            for tag, commit in state.tags.items():
                assert self.held(commit) == tag.removeprefix("v"), state
        refs = self.hub.store.refs("datasets", REPO)
        history = [self.held(commit.id) for commit in self.hub.store.history("datasets", REPO, "main")]
        assert history == [*reversed(published), None], history
        assert refs.tags.keys() == {f"v{version}" for version in published}, refs


@contextmanager
def watched(base: Path | None, folder: Path, releases: dict[str, Path]) -> Iterator[Watched]:
    """Serve a copy of a store while the block runs, to a client that has nothing in its cache."""
    shutil.rmtree(Path(os.environ["HF_HOME"]), ignore_errors=True)
    found = Watched(base, folder, releases)
    try:
        yield found
    finally:
        found.hub.close()
        shutil.rmtree(folder)


def publish(folder: Path, hub: local_hub.Server) -> Published:
    """Do what the process of its own does for `lrl publish`."""
    return Publication(Request(str(folder), hub.url)).run()


def cut(scratch: Path) -> dict[str, Any]:
    """Cut at every request of two versions; returns what was tried and what came of it."""
    first = release(scratch / "1.0.0")
    folders = {"1.0.0": first, "1.1.0": release(scratch / "1.1.0", "1.1.0", rows=4, previous=first)}
    base, before, report = None, [], {}
    for version, folder in folders.items():
        with watched(base, scratch / "hub", folders) as there:
            publish(folder, there.hub)
            there.check(*before, version)
            requests = list(there.hub.requests)
            shutil.copytree(scratch / "hub", scratch / f"with {version}")
        outcomes: Counter[str] = Counter()
        for kind in ("outage", "blip"):
            for action in ("drop_before", "drop_after"):
                for at in itertools.count():
                    fault = Fault(action, skip=at)
                    with watched(base, scratch / "hub", folders) as there:
                        there.hub.faults.append(fault)
                        if kind == "outage":
                            there.hub.faults.append(Fault("drop_before", skip=at, count=-1))
                        outcome = "converged in one run"
                        try:
                            publish(folder, there.hub)
                        except Exception as problem:
                            # Either would reach the user as one line; any other is a mistake of ours.
                            assert isinstance(problem, LrlError | OSError | RuntimeError), repr(problem)
                            outcome = "converged by running again"
                        if fault.count:
                            break  # there were fewer requests
                        there.hub.faults.clear()
                        again = publish(folder, there.hub)
                        assert again.skipped or outcome != "converged in one run", again
                        there.check(*before, version)
                    outcomes[f"{kind}: tried"] += 1
                    outcomes[f"{kind}: {outcome}"] += 1
        kinds = sorted({f"{method} {_shape(path)}" for method, path in requests})
        report[version] = {"requests": len(requests), "kinds": kinds, **dict(sorted(outcomes.items()))}
        base, before = scratch / f"with {version}", [*before, version]
    return report


def race(scratch: Path, rounds: int, publishers: int = 4) -> dict[str, int]:
    """Let publishers with releases of their own race for one version; returns how it ended for them."""
    folders = {f"{i}": release(scratch / f"racer {i}", rows=3 + i) for i in range(publishers)}
    outcomes: Counter[str] = Counter()
    for _ in range(rounds):
        with watched(None, scratch / "hub", folders) as there:
            start = threading.Barrier(publishers)
            with ThreadPoolExecutor(publishers) as pool:
                ended = dict(
                    zip(folders, pool.map(partial(_run, there.hub, start), folders.values()), strict=True)
                )
            outcomes.update(ended.values())
            (winner,) = (name for name, outcome in ended.items() if outcome == "published")
            refs = there.hub.store.refs("datasets", REPO)
            assert there.held(refs.tags["v1.0.0"]) == there.held(refs.branches["main"]) == winner
            assert len(list(there.hub.store.history("datasets", REPO, "main"))) == 2
            assert all(there.held(commit) == winner for s in there.states for commit in s.tags.values())
    return dict(sorted(outcomes.items()))


def _run(hub: local_hub.Server, start: threading.Barrier, folder: Path) -> str:
    start.wait()
    try:
        publish(folder, hub)
    except LrlError as refusal:
        known = ("meanwhile", "committed and not tagged", "is published already")
        return "refused: " + next(part for part in known if part in str(refusal))
    return "published"


def _shape(path: str) -> str:
    """A request's kind: its path without what differs from one to the next."""
    parts = path.replace(REPO, "REPO").split("/")
    return "/".join("…" if len(part) >= 40 else part for part in parts)


def main() -> None:
    """Cut, then race."""
    import huggingface_hub.utils._http as http
    from huggingface_hub import file_download

    scratch = Path(sys.argv[1])
    publish_client.WAIT = 0
    os.fsync = lambda _: None  # the cable is cut here, not the power
    for module in (http, file_download):
        module.time = SimpleNamespace(**vars(time) | {"sleep": lambda _: None})  # type: ignore[attr-defined]
    report = {"cuts": cut(scratch), "races": race(scratch, rounds=int(sys.argv[2]))}
    print(json.dumps(report))


if __name__ == "__main__":
    main()
