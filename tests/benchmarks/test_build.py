"""The build's benchmark on a few rows: its corpus is what it says it is, and every row of it is accounted for."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

import pyarrow.parquet as pq

from tests.benchmarks import running


def test_every_row_of_the_corpus_is_built(tmp_path: Path) -> None:
    command = [
        sys.executable, str(running.FOLDER / "build.py"), "--rows", "100", "--without", "language_id", "--workers", "1",
        "--dir", str(tmp_path / "kept"), "--json", str(tmp_path / "out.json"),
    ]  # fmt: skip
    done = subprocess.run(command, capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
    assert "× floor" in done.stdout and "duplicates" in done.stdout
    (figures,) = json.loads((tmp_path / "out.json").read_text(encoding="utf-8"))
    assert figures["rows"] == 100 == figures["published"] + sum(figures["refused"].values())
    assert figures["refused"]["duplicate"] > 0
    assert figures["floor"] > 0 and sum(figures["steps"].values()) <= figures["seconds"] * 1.001
    assert (tmp_path / "kept" / "100-1" / "out" / "made-up" / "web" / "manifest.json").is_file()


def test_the_corpus_is_a_function_of_its_seed(tmp_path: Path) -> None:
    corpus = running.module("build_corpus")
    first, again = (corpus.write(tmp_path / name, 80, seed=7) for name in ("first", "again"))
    assert first == again
    one, other = ((tmp_path / name / "part-00000.parquet").read_bytes() for name in ("first", "again"))
    assert one == other
    rows = pq.read_table(tmp_path / "first").to_pylist()
    assert len({row["id"] for row in rows}) == 80
    assert 60 < sum(len(f"{row['inputs']} {row['targets']}".split()) for row in rows) / 80 < 140
    copies = sum(row["targets"].isupper() for row in rows)
    assert 0 < copies < 20 and any(row["english_inputs"] for row in rows)
