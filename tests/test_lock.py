"""A builder's Hub sources fixed to commits and bytes: through a local Hub, with the real clients in fresh processes."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import pytest

from lrl_datasets import local_hub, lock
from lrl_datasets.errors import LrlError
from lrl_datasets.sources.campaign import Campaign
from lrl_datasets.sources.hub import HubDataset
from tests.hub import client_environment, running_hub

BUILDER = """
from lrl_datasets.builder import Builder
from lrl_datasets.filters.normalise import Normalise
from lrl_datasets.filters.personal_data import PersonalData
from lrl_datasets.release.splits import Splits
from lrl_datasets.sources.hub import HubDataset
from lrl_datasets.sources.question_answer import QuestionAnswer

BUILDER = Builder(
    repository="test/locked", title="Locked", language="swh_Latn",
    sources=(
        HubDataset(
            "rows", "someone/rows", {revision!r}, files=("rows-*.csv",), prompt="prompt", answer="answer",
            language="swh_Latn", license="mit", creation_method="native", may_be_unjudged=True,
        ),
        QuestionAnswer(
            "questions", "someone/questions", "refs/convert/parquet", config="swa", language="swh_Latn",
            license="mit", may_be_unjudged=True, files=("swa/train/*.csv",),
        ),
    ),
    filters=(Normalise(), PersonalData(regions=("TZ",))), splits=Splits(salt="locked"), preference_margin=0.5,
)
"""
QUESTIONS = b"id,question,answers\n0,Mji mkuu wa Kenya ni upi?,['Nairobi']\n"


def write(folder: Path, files: dict[str, bytes]) -> Path:
    for name, content in files.items():
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        (folder / name).write_bytes(content)
    return folder


class Place:
    """A folder with a builder, a Hub with its sources, and a cache that stays between commands."""

    def __init__(self, tmp_path: Path, hub: local_hub.Server) -> None:
        self.root, self.hub, self.home = tmp_path, hub, tmp_path / "home"
        self.script = tmp_path / "mine.py"
        self.lock_file = tmp_path / "mine.lock.json"
        self.declare("main")
        self.first = self.put(b"prompt,answer\nTaja rangi.,Nyekundu.\n")
        store, folder = tmp_path / "hub", write(tmp_path / "questions", {"swa/train/0.csv": QUESTIONS})
        local_hub.put(store, "someone/questions", folder, revision="refs/convert/parquet")

    def declare(self, revision: str) -> None:
        self.script.write_text(BUILDER.replace("{revision!r}", repr(revision)))

    def put(self, rows: bytes) -> str:
        files = {"rows-1.csv": rows, "notes.md": b"not read"}
        return local_hub.put(self.root / "hub", "someone/rows", write(self.root / "rows", files))

    def lrl(
        self,
        *arguments: str | Path,
        code: int = 0,
        home: Path | None = None,
        env: dict[str, str] | None = None,
    ) -> str:
        done = subprocess.run(
            [sys.executable, "-c", "from lrl_datasets.cli import main; main()", *arguments],
            cwd=self.root, capture_output=True, text=True,
            env=client_environment(self.hub.url, home or self.home) | {"COLUMNS": "200"} | (env or {}),
        )  # fmt: skip
        assert done.returncode == code, done.stdout + done.stderr
        assert "Traceback" not in done.stderr, done.stderr
        return done.stdout + done.stderr

    def answers(self) -> set[str]:
        """What a build publishes of the source `rows`."""
        self.lrl("build", self.script)
        import pyarrow.parquet as pq

        found = pq.ParquetFile(
            self.root / "build" / "test" / "locked" / "default" / "train-00000-of-00001.parquet"
        )
        rows = found.read(["messages", "source"]).to_pylist()
        return {row["messages"][-1]["content"] for row in rows if row["source"] == "rows"}


@pytest.fixture
def place(tmp_path: Path) -> Iterator[Place]:
    with running_hub(tmp_path) as hub:
        yield Place(tmp_path, hub)


def test_a_build_takes_what_the_lock_says_and_a_changed_byte_is_named(place: Place) -> None:
    said = place.lrl("lock", place.script)
    assert place.first in said and "mine.lock.json" in said
    written = json.loads(place.lock_file.read_text())["sources"]
    assert written["rows"]["commit"] == place.first
    assert list(written["rows"]["files"]) == ["rows-1.csv"]
    assert (written["rows"]["revision"], written["questions"]["revision"]) == ("main", "refs/convert/parquet")

    # The branch moves on, the build does not; --check is content and says so.
    second = place.put(b"prompt,answer\nTaja rangi.,Kijani.\n")
    assert place.answers() == {"Nyekundu."}
    said = place.lrl("lock", place.script, "--check")
    assert second in said and f"stays at {place.first}" in said
    place.lrl("lock", place.script)
    assert place.answers() == {"Kijani."}

    # One byte in what was downloaded.
    cached = next(path for path in place.home.rglob("rows-1.csv") if second in str(path))
    cached.resolve().chmod(0o644)
    cached.resolve().write_bytes(cached.read_bytes().replace(b"Kijani", b"Kijano"))
    for command, code in ((["build", place.script], 2), (["lock", place.script, "--check"], 1)):
        said = place.lrl(*command, code=code)
        assert "rows-1.csv has other bytes than the lock says" in said
        assert said.count(second) == 1
    # And in what the Hub has: CI starts with an empty cache.
    assert "fits" in place.lrl("lock", place.script, "--check", home=place.root / "empty")


def test_a_lock_that_does_not_fit_the_builder_is_refused(place: Place) -> None:
    assert "no lock file" in place.lrl("lock", place.script, "--check", code=2)
    place.lrl("lock", place.script)
    place.declare(place.first)
    for command, code in ((["build", place.script], 2), (["lock", place.script, "--check"], 1)):
        said = place.lrl(*command, code=code)
        assert "source rows: revision was 'main' and is" in said and "lrl lock" in said
    # What is locked and gone is a finding; a Hub that cannot be asked is none, but an error.
    content = json.loads(place.lock_file.read_text())
    content["sources"]["rows"].update(revision=place.first, commit="0" * 40)
    place.lock_file.write_text(json.dumps(content))
    said = place.lrl("lock", place.script, "--check", code=1)
    assert "source rows: someone/rows" in said and "does not fit" in said
    content["sources"]["rows"].update(commit=place.first)
    place.lock_file.write_text(json.dumps(content))
    place.hub.faults.append(local_hub.Fault("error:503", "", "someone", count=-1))
    said = place.lrl("lock", place.script, "--check", code=2, home=place.root / "another")
    assert "error:" in said and "503" in said and "does not fit" not in said
    place.hub.faults.clear()
    place.lrl("lock", place.script)
    # Files of one's own are no concern of the lock.
    own = [f"--source={name}={place.root / name}" for name in ("rows", "questions")]
    write(place.root, {"questions/0.csv": QUESTIONS})
    place.lrl("build", place.script, *own)


def test_a_build_reads_the_hub_that_it_is_given(place: Place) -> None:
    nowhere = {"HF_ENDPOINT": "http://127.0.0.1:9"}
    said = place.lrl("build", place.script, code=2, env=nowhere)
    assert "the Hub cannot be reached" in said
    assert "2 published" in place.lrl("build", place.script, "--endpoint", place.hub.url, env=nowhere)


SOURCE = HubDataset(
    "rows", "someone/rows", "main", prompt="prompt", answer="answer", language="swh_Latn", license="mit",
    creation_method="native",
)  # fmt: skip
LOCKED = lock.LockedSource(
    repo="someone/rows", revision="main", config=None, split="train", patterns=(), commit="a" * 40,
    files={"rows.csv": "b" * 64},
)  # fmt: skip


def test_what_a_lock_does_not_have_is_named(tmp_path: Path) -> None:
    path = tmp_path / "mine.lock.json"
    lock.Lock(sources={"rows": LOCKED}).save(path)
    assert lock.load(path).sources == {"rows": LOCKED}
    with pytest.raises(LrlError, match=r"mine\.lock\.json: source other is not locked"):
        lock.read(replace(SOURCE, name="other"), None, path)
    for field, value in (("repo", "a/b"), ("config", "c"), ("split", "dev"), ("files", ("x.csv",))):
        with pytest.raises(LrlError, match=f"source rows: {field} was .* and is "):
            lock.read(replace(SOURCE, **{field: value}), None, path)
    wrong, _ = lock.check([Campaign()], path)
    assert wrong == [f"{path}: source rows is not in the builder any more"]


def test_a_broken_lock_file_is_named(tmp_path: Path) -> None:
    path = tmp_path / "mine.lock.json"
    assert lock.beside(tmp_path / "mine.py") == path
    lock.Lock(sources={"rows": LOCKED}).save(path)
    content = json.loads(path.read_text())
    content["sources"]["rows"]["commit"] = "main"
    path.write_text(json.dumps(content))
    with pytest.raises(LrlError, match=r"mine\.lock\.json: no lrl-lock/1: sources\.rows\.commit"):
        lock.load(path)
    path.write_text("{")
    with pytest.raises(LrlError, match=r"mine\.lock\.json: no lrl-lock/1"):
        lock.load(path)


def test_a_source_of_files_is_not_locked(tmp_path: Path) -> None:
    (tmp_path / "rows.csv").write_text("prompt,answer\nTaja rangi.,Nyekundu.\n")
    path = tmp_path / "none.lock.json"
    assert lock.read(SOURCE, tmp_path / "rows.csv", path).candidates.num_rows == 1
    assert lock.resolve([Campaign()]) == lock.Lock(sources={})
    assert not os.path.exists(path)
