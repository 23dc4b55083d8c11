"""One server a store, and other writers beside it."""

from __future__ import annotations

import subprocess
import sys
import threading
from pathlib import Path

import pytest

from lrl_datasets import local_hub
from lrl_datasets.errors import LrlError
from lrl_datasets.local_hub import Store, presence
from lrl_datasets.local_hub.mirror import mirror
from tests.hub import client_environment
from tests.test_cli import lrl

SERVE = "import sys; from lrl_datasets.local_hub import serve_forever; serve_forever(sys.argv[1], 0)"


def serving(folder: Path) -> tuple[subprocess.Popen[str], str]:
    server = subprocess.Popen(
        [sys.executable, "-c", SERVE, str(folder)], stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True,
        env=client_environment("", folder.parent / "home"),
    )  # fmt: skip
    assert server.stdout is not None
    return server, server.stdout.readline().split()[2]


def test_a_second_server_of_a_store_is_told_of_the_first_until_that_is_gone(tmp_path: Path) -> None:
    first, url = serving(tmp_path / "hub")
    try:
        said = lrl("hub", "serve", "--port", "0", "--dir", "hub", cwd=tmp_path, code=2)
        assert f"{tmp_path / 'hub'} is served already, by process {first.pid} at {url}" in said
        (tmp_path / "link").symlink_to("hub")
        with pytest.raises(LrlError, match="is served already"):
            local_hub.serve(tmp_path / "link")
        with local_hub.serve(tmp_path / "other"):
            pass
    finally:
        first.kill()
        first.wait()
    with local_hub.serve(tmp_path / "hub") as third, pytest.raises(LrlError, match=f"at {third.url}"):
        local_hub.serve(tmp_path / "hub")
    assert not (tmp_path / "hub/locks/server.json").exists()
    fourth = local_hub.serve(tmp_path / "hub")
    closing = threading.Thread(target=fourth.close)  # by another thread than it was made in
    closing.start()
    closing.join()
    local_hub.serve(tmp_path / "hub").close()


def test_a_server_that_is_just_dying_is_waited_for(tmp_path: Path) -> None:
    """As after kill -9 of a large one: it answers no more, and still holds the store for a moment."""
    code = "import sys, time; from filelock import FileLock; FileLock(sys.argv[1]).acquire(); print(flush=True)\n"
    code += "time.sleep(float(sys.argv[2]))"
    local_hub.Store(tmp_path / "hub")
    for port in ("", 9):
        if port:
            (tmp_path / "hub/locks/server.json").write_text('{"pid": 1, "url": "http://127.0.0.1:9"}')
        lock = str(tmp_path / "hub/locks/server.lock")
        with subprocess.Popen([sys.executable, "-c", code, lock, "1.5"], stdout=subprocess.PIPE) as dying:
            assert dying.stdout is not None
            dying.stdout.readline()
            local_hub.serve(tmp_path / "hub").close()


def test_who_is_just_starting_has_no_address_yet(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(presence, "PATIENCE", 0.3)
    with local_hub.serve(tmp_path / "hub"):
        (tmp_path / "hub/locks/server.json").unlink()
        with pytest.raises(LrlError, match="by a process that is just starting"):
            local_hub.serve(tmp_path / "hub")


def test_others_write_to_a_store_that_is_served(tmp_path: Path) -> None:
    """`put`, `mirror` and the command, all at once with each other and with the server of another process."""
    files = tmp_path / "files"
    files.mkdir()
    (files / "a.txt").write_text("1")
    local_hub.put(tmp_path / "far", "lrl-align/mirrored", files, tag="v1")
    local_hub.put(tmp_path / "hub", "lrl-align/put", files)
    server, url = serving(tmp_path / "hub")
    try:
        with local_hub.serve(tmp_path / "far") as far:
            code = "import sys; from pathlib import Path; from lrl_datasets.local_hub import put\n"
            code += "for n in range(10): put('hub', 'lrl-align/put', Path('files'), tag=sys.argv[1] + str(n))"
            running = [
                subprocess.Popen([sys.executable, "-c", code, tag], cwd=tmp_path) for tag in ("a", "b", "c")
            ]
            assert mirror(tmp_path / "hub", ["datasets/lrl-align/mirrored@v1"], far.url)[0].files == 2
            assert [one.wait() for one in running] == [0, 0, 0]
        store = Store(tmp_path / "hub")
        assert len(store.refs("datasets", "lrl-align/put").tags) == 30
        code = """
from huggingface_hub import HfApi
api = HfApi()
for name in ("put", "mirrored"):
    print(len(api.list_repo_refs(f"lrl-align/{name}", repo_type="dataset").tags))
"""
        done = subprocess.run(
            [sys.executable, "-c", code], env=client_environment(url, tmp_path / "h2"), capture_output=True,
            text=True, check=True,
        )  # fmt: skip
        assert done.stdout.split() == ["30", "1"]
    finally:
        server.kill()
        server.wait()
