"""Publishing that converges: whatever breaks off, and whoever else publishes, the same command ends in one commit
and one tag a version, or says why not and leaves nothing."""

from __future__ import annotations

import json
import signal
import subprocess
import sys
import threading
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import pytest

from lrl_datasets import local_hub
from lrl_datasets.errors import LrlError
from lrl_datasets.local_hub import HubError, Store
from lrl_datasets.release.publish import publish
from lrl_datasets.release.publish_client import Published
from tests.hub import client_environment, running_hub
from tests.release.releases import REPO, release

ROOT = Path(__file__).parent.parent.parent


@pytest.mark.timeout(1500)
@pytest.mark.parametrize("mode", ["lfs", "xet"])
def test_cut_before_and_after_every_request_it_converges(tmp_path: Path, mode: str) -> None:
    settings = {
        "HF_HUB_DISABLE_XET": "1" if mode == "lfs" else "0",
        "HF_XET_CLIENT_RETRY_MAX_ATTEMPTS": "1",
        "HF_XET_CLIENT_RETRY_BASE_DELAY": "10ms",
    }
    done = subprocess.run(
        [sys.executable, "-m", "tests.release.cutting", str(tmp_path), "5"],
        cwd=ROOT,
        env=client_environment("http://127.0.0.1:9", tmp_path / "home") | settings,
        capture_output=True,
        text=True,
    )
    assert done.returncode == 0, done.stderr[-5000:]
    report = json.loads(done.stdout)
    print(f"\n{mode}: {json.dumps(report, indent=1)}")
    assert report["cuts"].keys() == {"1.0.0", "1.1.0"}
    for counts in report["cuts"].values():
        for kind in ("outage", "blip"):
            converged = [n for name, n in counts.items() if name.startswith(f"{kind}: converged")]
            # Before and after each; a run may take a request more or less than the one that was counted.
            assert sum(converged) == counts[f"{kind}: tried"] >= 2 * counts["requests"] - 4
        assert counts["blip: converged in one run"] == counts["blip: tried"]
        uploads = {name for name in counts["kinds"] if "/xet/" in name or "/lfs/" in name}
        assert uploads and all((" /xet/" in name) == (mode == "xet") for name in uploads), uploads
    assert report["races"]["published"] == 5
    assert sum(report["races"].values()) == 20


@pytest.fixture(autouse=True)
def empty_cache(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("HF_HOME", str(tmp_path / "home"))


@pytest.fixture
def hub(tmp_path: Path) -> Iterator[local_hub.Server]:
    with running_hub(tmp_path) as server:
        yield server


def history(store: Store) -> list[str]:
    """The commits of the dataset's main, newest first."""
    return [commit.id for commit in store.history("datasets", REPO, "main")]


def gather_before_commit(monkeypatch: pytest.MonkeyPatch, publishers: int) -> None:
    """Have the Hub hold every commit until all publishers sent theirs."""
    commit, everybody = Store.commit, threading.Barrier(publishers)

    def together(self: Store, *args: Any, **kw: Any) -> Any:
        everybody.wait(60)
        return commit(self, *args, **kw)

    monkeypatch.setattr(Store, "commit", together)


def all_at_once(folders: list[Path], url: str) -> list[Published | LrlError]:
    """Publish every folder at the same time, each in a process of its own."""

    def run(folder: Path) -> Published | LrlError:
        try:
            return publish(folder, url)
        except LrlError as refusal:
            return refusal

    with ThreadPoolExecutor(len(folders)) as pool:
        return list(pool.map(run, folders))


def test_of_four_who_publish_one_version_one_wins_and_the_others_say_so(
    hub: local_hub.Server, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    folders = [release(tmp_path / f"racer {i}", rows=3 + i) for i in range(4)]
    gather_before_commit(monkeypatch, 4)
    ended = all_at_once(folders, hub.url)
    (winner,) = (end for end in ended if isinstance(end, Published))
    refusals = [str(end) for end in ended if isinstance(end, LrlError)]
    print("", *refusals, sep="\n")
    assert len(refusals) == 3
    for refusal in refusals:
        assert "is published already" in refusal or "committed and not tagged" in refusal
    assert history(hub.store)[0] == winner.commit and len(history(hub.store)) == 2
    refs = hub.store.refs("datasets", REPO)
    assert (refs.branches, refs.tags) == ({"main": winner.commit}, {"v1.0.0": winner.commit})


def test_four_who_publish_the_same_release_all_find_it_published(
    hub: local_hub.Server, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    folder = release(tmp_path / "release")
    gather_before_commit(monkeypatch, 4)
    ended = all_at_once([folder] * 4, hub.url)
    assert {end.commit for end in ended if isinstance(end, Published)} == {history(hub.store)[0]}, ended
    assert len([end for end in ended if isinstance(end, Published)]) == 4
    assert len(history(hub.store)) == 2
    assert hub.store.refs("datasets", REPO).tags == {"v1.0.0": history(hub.store)[0]}


STEPS = ["create", "commit", "create_tag"]


@pytest.mark.parametrize("when", ["before", "after"])
@pytest.mark.parametrize("step", STEPS)
def test_a_publisher_killed_at_any_step_is_made_good_by_running_again(
    hub: local_hub.Server, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, step: str, when: str
) -> None:
    folder = release(tmp_path / "release")
    reached, killed = threading.Event(), threading.Event()
    original = getattr(Store, step)

    def stands_still(self: Store, *args: Any, **kw: Any) -> None:
        if when == "after":
            original(self, *args, **kw)
        reached.set()
        killed.wait(60)
        raise HubError(503, "the request was lost")

    monkeypatch.setattr(Store, step, stands_still)
    code = f"from lrl_datasets.release.publish import publish; publish({str(folder)!r}, {hub.url!r})"
    publisher = subprocess.Popen(
        [sys.executable, "-c", code],
        env=client_environment(hub.url, tmp_path / "home"),
        stderr=subprocess.DEVNULL,
    )
    assert reached.wait(60)
    children = Path(f"/proc/{publisher.pid}/task/{publisher.pid}/children")
    child = int(children.read_text().split()[0]) if children.exists() else None
    publisher.send_signal(signal.SIGKILL)
    publisher.wait()
    if child is not None:
        for _ in range(200):  # the client ends with the process that started it
            if not runs(child):
                break
            threading.Event().wait(0.05)
        assert not runs(child)
    killed.set()
    monkeypatch.undo()
    published = publish(folder, hub.url)
    assert len(history(hub.store)) == 2
    assert hub.store.refs("datasets", REPO).tags == {"v1.0.0": published.commit}
    there = STEPS.index(step) + (when == "after")  # how many of the three writes the first one did
    assert published.uploaded == (8 if there < 2 else 0)
    assert published.skipped == (there == 3)


def runs(process: int) -> bool:
    try:
        return Path(f"/proc/{process}/stat").read_text().rsplit(")", 1)[1].split()[0] != "Z"
    except FileNotFoundError:
        return False


SERVER = """
import sys, time
from lrl_datasets import local_hub
folder, port, step, when = sys.argv[1:]
Store, original = local_hub.Store, getattr(local_hub.Store, step, None)

def stands_still(self, *args, **kw):
    if when == "after":
        original(self, *args, **kw)
    print("reached", flush=True)
    time.sleep(600)

if original:
    setattr(Store, step, stands_still)
with local_hub.serve(folder, int(port)) as server:
    print(server.url, flush=True)
    server.wait()
"""


def serving(folder: Path, port: int, step: str = "", when: str = "") -> tuple[subprocess.Popen[str], str]:
    """Serve from a process of its own, which stands still before or after a step; returns its address too."""
    server = subprocess.Popen(
        [sys.executable, "-c", SERVER, str(folder), str(port), step, when], stdout=subprocess.PIPE, text=True
    )
    assert server.stdout is not None
    return server, server.stdout.readline().strip()


@pytest.mark.parametrize("when", ["before", "after"])
@pytest.mark.parametrize("step", ["commit", "create_tag"])
def test_a_hub_killed_at_any_step_and_started_again_is_published_to(
    tmp_path: Path, step: str, when: str
) -> None:
    folder = release(tmp_path / "release")
    server, url = serving(tmp_path / "hub", 0, step, when)
    with ThreadPoolExecutor(1) as pool:
        running = pool.submit(all_at_once, [folder], url)
        assert server.stdout is not None and server.stdout.readline() == "reached\n"
        server.kill()
        server.wait()
        server, url = serving(tmp_path / "hub", int(url.rsplit(":", 1)[1]))
        (ended,) = running.result()
    try:
        # The Hub may have come back before the publisher gave up, or later.
        assert isinstance(ended, Published) or "run it again" in str(ended)
        published = publish(folder, url)
    finally:
        server.kill()
        server.wait()
    store = Store(tmp_path / "hub")
    assert len(history(store)) == 2
    assert store.refs("datasets", REPO).tags == {"v1.0.0": published.commit}
    assert published.skipped == (isinstance(ended, Published) or (step, when) == ("create_tag", "after"))
