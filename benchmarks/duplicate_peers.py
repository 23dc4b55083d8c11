"""One peer of `benchmarks/duplicates.py`, run by the Python that it is installed in.

    PYTHON duplicate_peers.py rensa|datasketch|datatrove CORPUS OUT THRESHOLD

Reads the corpus's Parquet files, finds near-duplicates by MinHash over word 5-shingles, writes the files again with
a column `cluster` (a number; datatrove writes the documents that it keeps, with `minhash_cluster_id`), and prints the
seconds from reading to writing as JSON, imports not counted. Each is used as its documentation shows it, with the
bands nearest to ours (20 of 5) that it allows; candidates are clustered by union-find as they come.
"""

from __future__ import annotations

import json
import sys
import time
from collections.abc import Iterable
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq


def main() -> None:
    """Run one peer."""
    name, corpus, out, threshold = sys.argv[1], Path(sys.argv[2]), Path(sys.argv[3]), float(sys.argv[4])
    files = sorted(corpus.glob("*.parquet"))
    out.mkdir(parents=True, exist_ok=True)
    print(json.dumps({"seconds": PEERS[name](files, out, threshold)}))


def shingles(text: str) -> list[str]:
    """Cut a text into its word 5-shingles."""
    words = text.lower().replace(".", "").split()
    return [" ".join(words[at : at + 5]) for at in range(max(1, len(words) - 4))]


def read(files: list[Path]) -> tuple[list[pa.Table], list[str]]:
    """Read all tables, and the answers in them."""
    tables = [pq.read_table(file) for file in files]
    return tables, [turns[1]["content"] for table in tables for turns in table["messages"].to_pylist()]


def write(tables: list[pa.Table], files: list[Path], out: Path, pairs: Iterable[tuple[int, int]]) -> None:
    """Join the pairs and write the tables with their clusters."""
    parent = list(range(sum(table.num_rows for table in tables)))

    def root(node: int) -> int:
        while parent[node] != node:
            parent[node] = parent[parent[node]]
            node = parent[node]
        return node

    for one, other in pairs:
        least, most = sorted((root(one), root(other)))
        parent[most] = least
    at = 0
    for table, file in zip(tables, files, strict=True):
        clusters = pa.array([root(row) for row in range(at, at + table.num_rows)])
        pq.write_table(
            table.append_column("cluster", clusters),
            out / file.name,
            compression="zstd",
            use_dictionary=False,
        )
        at += table.num_rows


def rensa(files: list[Path], out: Path, threshold: float) -> float:
    """Use R-MinHash with its LSH index, 100 permutations in 20 bands."""
    from rensa import RMinHash, RMinHashLSH

    began = time.perf_counter()
    tables, texts = read(files)
    index = RMinHashLSH(threshold=threshold, num_perm=100, num_bands=20)
    made: list[Any] = []
    for number, text in enumerate(texts):
        one = RMinHash(num_perm=100, seed=1)
        one.update(shingles(text))
        index.insert(number, one)
        made.append(one)
    pairs = (
        (number, other) for number, one in enumerate(made) for other in index.query(one) if other > number
    )
    write(tables, files, out, pairs)
    return time.perf_counter() - began


def datasketch(files: list[Path], out: Path, _: float) -> float:
    """Use MinHash in bulk and MinHashLSH, 20 bands of 5."""
    from datasketch import MinHash, MinHashLSH

    began = time.perf_counter()
    tables, texts = read(files)
    index = MinHashLSH(num_perm=100, params=(20, 5))
    pairs = []
    sets = ([shingle.encode() for shingle in shingles(text)] for text in texts)
    for number, one in enumerate(MinHash.generator(sets, num_perm=100, seed=1)):
        pairs += [(other, number) for other in index.query(one)]
        index.insert(number, one, check_duplication=False)
    write(tables, files, out, pairs)
    return time.perf_counter() - began


def datatrove(files: list[Path], out: Path, _: float) -> float:
    """Run the four stages of its MinHash deduplication in two processes, 20 buckets of 5."""
    from datatrove.executor import LocalPipelineExecutor
    from datatrove.pipeline.dedup import MinhashDedupSignature
    from datatrove.pipeline.dedup.minhash import (
        MinhashConfig,
        MinhashDedupBuckets,
        MinhashDedupCluster,
        MinhashDedupFilter,
    )
    from datatrove.pipeline.readers import ParquetReader
    from datatrove.pipeline.writers import ParquetWriter

    began = time.perf_counter()
    config = MinhashConfig(n_grams=5, num_buckets=20, hashes_per_bucket=5)

    def adapt(_self: object, data: dict[str, Any], path: str, number: int) -> dict[str, Any]:
        return {
            "text": data["messages"][1]["content"],
            "id": data["id"],
            "metadata": {"file": path, "number": number},
        }

    def reader() -> Any:
        return ParquetReader(str(files[0].parent), adapter=adapt)

    work = out / "work"
    steps = [
        ([reader(), MinhashDedupSignature(str(work / "sig"), config=config)], len(files)),
        ([MinhashDedupBuckets(str(work / "sig"), str(work / "buckets"), config=config)], 20),
        (
            [
                MinhashDedupCluster(
                    str(work / "buckets"), str(work / "remove"), config=config, save_cluster_id=True
                )
            ],
            1,
        ),
        (
            [
                reader(),
                MinhashDedupFilter(str(work / "remove"), load_cluster_ids=True),
                ParquetWriter(str(out / "kept"), compression="zstd"),
            ],
            len(files),
        ),
    ]
    for number, (pipeline, tasks) in enumerate(steps):
        LocalPipelineExecutor(pipeline, tasks=tasks, workers=2, logging_dir=str(work / f"logs{number}")).run()
    return time.perf_counter() - began


PEERS = {"rensa": rensa, "datasketch": datasketch, "datatrove": datatrove}

if __name__ == "__main__":
    main()
