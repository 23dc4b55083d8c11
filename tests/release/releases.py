"""Small release folders for the tests of publishing: by the row contracts, written in no time."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq

from lrl_datasets import schema
from lrl_datasets.release import manifest

REPO = "lrl-align/test-instruct"


def release(
    folder: Path,
    version: str = "1.0.0",
    rows: int = 3,
    *,
    extra: bool = True,
    previous: Path | None = None,
    **content: object,
) -> Path:
    """Write a release of `rows` training rows, with its card, split map and manifest; `extra`: `rejected` too.

    `previous` is the folder of the release that it continues.
    """
    sft = {"train": [_row(f"row {i}") for i in range(rows)], "test": [_row("held out 1"), _row("held out 2")]}
    votes = [{"answer_id": "row 0", "worker": f"w{i}", "label": "yes", "counted": True} for i in range(2)]
    configs: dict[str, dict[str, list[dict[str, Any]]]] = {"default": sft, "annotations": {"train": votes}}
    if extra:
        configs["rejected"] = {"train": [_row("refused") | {"reason": "empty", "filter": "length"}]}
    described: dict[str, dict[str, Any]] = {}
    lines = ["---", "license: apache-2.0", "language:", "- sw", "configs:"]
    for config, splits in configs.items():
        lines += [f"- config_name: {config}", "  data_files:"]
        for split, listed in splits.items():
            path = folder / config / f"{split}-00000-of-00001.parquet"
            path.parent.mkdir(parents=True, exist_ok=True)
            pq.write_table(pa.Table.from_pylist(listed, schema=schema.CONFIGS[config]), path)
            name = path.relative_to(folder).as_posix()
            described.setdefault(config, {})[split] = {
                "rows": len(listed), "path": name, **manifest.file_entry(path)
            }  # fmt: skip
            lines += [f"  - split: {split}", f"    path: {name}"]
    where = [(row["id"], split) for split, listed in sft.items() for row in listed]
    split_map = {"id": [name for name, _ in where], "split": [split for _, split in where]}
    pq.write_table(pa.table(split_map), folder / "split_map.parquet")
    (folder / "README.md").write_text("\n".join([*lines, "---", "# Written for the tests"]))
    (folder / "notes.txt").write_text("a regular file")
    told = {
        "repository": REPO, "version": version, "sample": True, "suite_index": None, "sources": {},
        "configs": described, "previous": previous and continued(previous),
    }  # fmt: skip
    manifest.write(folder, told | content)
    return folder


def continued(previous: Path) -> dict[str, Any]:
    """What a manifest says of the release before."""
    path = previous / manifest.NAME
    return {
        "version": manifest.read(previous)["version"],
        "manifest_sha256": manifest.file_entry(path)["sha256"],
    }


def _row(name: str) -> dict[str, Any]:
    messages = [{"role": "user", "content": "Habari?"}, {"role": "assistant", "content": f"Nzuri, {name}."}]
    return {
        "id": name,
        "messages": messages,
        "content_hash": f"hash of {name}",
        "source": "tests",
        "language": "swh_Latn",
    }
