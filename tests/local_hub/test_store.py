"""What the local Hub keeps: commits, refs, names it refuses, writers at the same time."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from pathlib import Path

import pytest

from lrl_datasets import local_hub
from lrl_datasets.errors import LrlError
from lrl_datasets.local_hub.commits import Changes
from lrl_datasets.local_hub.names import check_path, check_repo_id
from lrl_datasets.local_hub.objects import HubError, is_lfs
from lrl_datasets.local_hub.store import Store
from tests.local_hub.samples import parquet


def folder_of(place: Path, files: dict[str, bytes]) -> Path:
    for path, data in files.items():
        (place / path).parent.mkdir(parents=True, exist_ok=True)
        (place / path).write_bytes(data)
    return place


def test_put_makes_a_revision_hold_exactly_the_folder(tmp_path: Path) -> None:
    files = folder_of(tmp_path / "files", {"a.txt": b"1", "b/c.parquet": parquet(1), "d.txt": b""})
    first = local_hub.put(tmp_path / "hub", "lrl-align/x", files, tag="v1")
    assert local_hub.put(tmp_path / "hub", "lrl-align/x", files, tag="v1") == first
    (files / "a.txt").unlink()
    second = local_hub.put(tmp_path / "hub", "lrl-align/x", files)
    store = Store(tmp_path / "hub")
    assert list(store.commit_at("datasets", "lrl-align/x", "main").files) == [
        ".gitattributes", "b/c.parquet", "d.txt",
    ]  # fmt: skip
    lfs = {path: entry.lfs for path, entry in store.commit_at("datasets", "lrl-align/x", "v1").files.items()}
    assert lfs == {".gitattributes": False, "a.txt": False, "b/c.parquet": True, "d.txt": False}
    assert store.commit_at("datasets", "lrl-align/x", "main").id == second != first
    with pytest.raises(HubError, match="already exists"):
        local_hub.put(tmp_path / "hub", "lrl-align/x", files, tag="v1")
    with pytest.raises(LrlError, match="nowhere"):
        local_hub.put(tmp_path / "hub", "lrl-align/x", tmp_path / "nowhere")


def test_writers_at_the_same_time_lose_nothing(tmp_path: Path) -> None:
    store = Store(tmp_path)
    store.create("datasets", "lrl-align/x")

    def write(number: int) -> None:
        own = Store(tmp_path)
        for turn in range(5):
            entry = own.objects.add_regular(f"{number} {turn}".encode())
            change = Changes({f"{number}/{turn}.txt": entry})
            own.commit("datasets", "lrl-align/x", "main", change, title="c")

    threads = [threading.Thread(target=write, args=(number,)) for number in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert len(store.commit_at("datasets", "lrl-align/x", "main").files) == 21
    assert len(list(store.history("datasets", "lrl-align/x", "main"))) == 21


def test_an_interrupted_write_leaves_the_state_before(tmp_path: Path) -> None:
    files = folder_of(tmp_path / "files", {"a.txt": b"1"})
    first = local_hub.put(tmp_path / "hub", "lrl-align/x", files)
    store = Store(tmp_path / "hub")

    def breaks_off() -> Iterator[bytes]:
        yield b"part"
        raise ConnectionResetError

    with pytest.raises(ConnectionResetError):
        store.objects.add(breaks_off())
    assert list(store.objects.tmp.iterdir()) == []
    # A commit whose refs were never written, as after a crash between the two, is not in the history.
    orphan = store.objects.add_regular(b"2")
    store._write_commit("datasets", "lrl-align/x", {"a.txt": orphan}, first, title="lost")
    again = Store(tmp_path / "hub")
    assert again.commit_at("datasets", "lrl-align/x", "main").id == first
    assert len(list(again.history("datasets", "lrl-align/x", "main"))) == 2


@pytest.mark.parametrize(
    "repo_id", ["", "a/b/c", "../x", "a/..", "a--b/c", ".a/b", "a/b.git", "a/b.", "a b/c", "é/b"]
)
def test_odd_repository_names_are_refused(repo_id: str) -> None:
    with pytest.raises(HubError):
        check_repo_id(repo_id)


@pytest.mark.parametrize(
    "path", ["", "/a", "a//b", "a/../b", "./a", "a/.git/config", ".GIT/x", "a\\b", "C:x", "a\nb"]
)
def test_odd_file_names_are_refused(path: str) -> None:
    with pytest.raises(HubError):
        check_path(path)


@pytest.mark.parametrize(
    "name", ["", "..", "a..b", "-a", "a.lock", "refs/pr/1", "a b", "f" * 40, "a/", "a/.b"]
)
def test_odd_reference_names_are_refused(tmp_path: Path, name: str) -> None:
    store = Store(tmp_path)
    store.create("datasets", "lrl-align/x")
    with pytest.raises(HubError):
        store.create_tag("datasets", "lrl-align/x", name, "main")
    with pytest.raises(HubError):
        store.create_branch("datasets", "lrl-align/x", name, None)


@pytest.mark.parametrize(
    ("path", "sample", "size", "expected"),
    [
        ("x.parquet", b"text", 4, True),
        ("deep/er/x.safetensors", b"text", 4, True),
        ("x.csv", b"a,b", 3, False),
        ("x.csv", b"a,b", 10 * 1024 * 1024, True),
        ("x.dat", b"\0\1", 2, True),
        ("x.bin", b"", 0, False),
    ],
)
def test_what_goes_as_lfs(path: str, sample: bytes, size: int, expected: bool) -> None:
    assert (
        is_lfs("*.bin filter=lfs -text\n*.safetensors filter=lfs\n*.csv text\n", path, sample, size)
        is expected
    )
