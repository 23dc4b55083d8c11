"""The stages over files find what the search in memory finds, however the rows are cut, row by row report and all."""

from __future__ import annotations

import random
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from lrl_datasets.engine import Options, executors, start
from lrl_datasets.filters.duplicates import Duplicates
from lrl_datasets.filters.near_duplicates import arrays, kernels, stages
from lrl_datasets.schema import MESSAGES


def corpus(seed: int, rows: int) -> pa.Table:
    """Rows with copies, chains of edits, short answers, other scripts, unreadable ones, and a common ending."""
    draw = random.Random(seed)
    ending = " ".join(f"taarifa{n}" for n in range(25))
    answers: list[str] = []
    for _ in range(rows):
        own = [f"neno{draw.randrange(500)}" for _ in range(draw.choice([5, 30, 50, 70]))]
        if answers and draw.random() < 0.4:
            own = draw.choice(answers).split(" ")
            own = [word if draw.random() > 0.015 else draw.choice(["ß", "नेपाल", "jipya"]) for word in own]
        elif draw.random() < 0.3:
            own.append(ending)
        answers.append(" ".join(own))
    ids = [f"{n:03d}" for n in range(rows)]
    draw.shuffle(ids)
    said = [
        None
        if draw.random() < 0.02
        else [
            {"role": "user", "content": draw.choice(["Habari?", f"Je, {n}?"])},
            {"role": "assistant", "content": text},
        ]
        for n, text in enumerate(answers)
    ]
    return pa.table({"id": ids, "messages": pa.array(said, MESSAGES)})


def staged(
    table: pa.Table, search: Duplicates, folder: Path, sizes: list[int], workers: int = 0
) -> tuple[list[str], object]:
    """Without workers in this process, which is quicker."""
    folder.mkdir()
    inputs, at = [], 0
    for number, size in enumerate([*sizes, table.num_rows - sum(sizes)]):
        path = folder / f"{number}.parquet"
        pq.write_table(table.slice(at, size), path)
        inputs.append(str(path))
        at += size
    with start(Options(workers=workers or 1), work=str(folder / "work")) as engine:
        engine._executor = None if workers else executors.Here()
        outputs, report = stages.cluster(engine, inputs, search, table.num_rows)
        found = [cluster for path in outputs for cluster in stages.files.read(path)["cluster"].to_pylist()]
    return found, report


@pytest.mark.parametrize(
    "search",
    [Duplicates(), Duplicates(threshold=0.6, prompt_weight=0.3), Duplicates(characters=True, shingle=7)],
)
def test_stages_are_the_search_in_memory(
    search: Duplicates, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(stages, "ENTRIES", 4000)  # several ranges
    monkeypatch.setattr("lrl_datasets.filters.near_duplicates.stages.EDGES", 100)  # and rounds of stars
    monkeypatch.setattr("lrl_datasets.filters.near_duplicates.stages.RUN", 8)  # runs are cut
    monkeypatch.setattr("lrl_datasets.filters.near_duplicates.search.RUN", 8)
    table = corpus(1, 500)
    clusters, report = search.search(table)
    wanted = clusters["cluster"].to_pylist()
    assert len(set(wanted)) < 450 and report.near > 20 and report.chained
    assert staged(table, search, tmp_path / "a", [100, 0, 250]) == (wanted, report)
    order = np.random.Generator(np.random.PCG64(5)).permutation(500)
    workers = 2 if search == Duplicates() else 0
    found, same = staged(table.take(pa.array(order)), search, tmp_path / "b", [1, 400], workers)
    assert (found, same) == ([wanted[n] for n in order], report)
    assert report.runs_cut > 0


def test_files_without_rows_or_copies(tmp_path: Path) -> None:
    table = pa.table({"id": ["b", "a"], "messages": pa.array([None, None], MESSAGES)})
    found, report = staged(table, Duplicates(), tmp_path / "a", [0])
    assert found == ["b", "a"] and report == Duplicates().search(table)[1]
    assert staged(table.slice(0, 0), Duplicates(), tmp_path / "b", [])[0] == []


def test_stars_are_the_components(tmp_path: Path) -> None:
    draw = np.random.Generator(np.random.PCG64(2))
    nodes = draw.integers(0, 1 << 63, 400, np.uint64) * np.uint64(2)
    one, other = nodes[draw.integers(0, 400, 330)], nodes[draw.integers(0, 400, 330)]
    chain = np.sort(nodes)[:60]  # a long one, which labels alone would take 60 rounds to cross
    one, other = np.r_[one, chain[:-1]], np.r_[other, chain[1:]]
    path = str(tmp_path / "links.arrow")
    both = stages._both_ways(one, other)
    arrays.write(path, {"one": both[0], "other": both[1], "counts": np.zeros(2, np.int64)})
    texts, place = np.unique(np.r_[one, other], return_inverse=True)
    relative = texts[kernels.components(len(texts), place[: len(one)], place[len(one) :])]
    wanted = {int(a): int(b) for a, b in zip(texts, relative, strict=True) if a != b}
    for edges in (10_000, 150):
        with start(work=str(tmp_path / f"work{edges}")) as engine:
            engine._executor = executors.Here()
            stages.EDGES, before = edges, stages.EDGES
            try:
                labels = stages._components(engine, [path])
            finally:
                stages.EDGES = before
            found = {
                int(a): int(b)
                for file in labels
                for a, b in zip(*(arrays.read(file)[name] for name in ("one", "other")), strict=True)
                if b < a
            }
        assert found == wanted


def test_a_table_goes_through_the_stages_where_it_is_too_large(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(stages, "FILE_ROWS", 30)
    table = pa.concat_tables([corpus(3, 50), corpus(3, 50).slice(10)])
    table = table.set_column(0, "id", pa.array([f"{n:03d}" for n in range(90)]))
    wanted = Duplicates().search(table)
    with start(work=str(tmp_path / "work")) as engine:
        engine._executor = executors.Here()
        assert Duplicates().search(table, engine) == wanted
        assert not (tmp_path / "work").exists()  # it fits
        engine.memory = table.nbytes
        found = Duplicates().search(table, engine)
        assert len(list((tmp_path / "work" / "near-rows").iterdir())) == 3
    assert found == wanted and found[1].exact >= 40
