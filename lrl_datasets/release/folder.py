"""Writes a release folder: Parquet, split map, card and manifest, whole or not at all.

The folder is made beside its place and renamed into it at the end: whatever breaks off before leaves the last
release as it was, and there is never half a release.
"""

from __future__ import annotations

import shutil
import tempfile
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq

from lrl_datasets import schema
from lrl_datasets.errors import LrlError
from lrl_datasets.release import card, citation, leak_report, manifest
from lrl_datasets.release.changelog import changelog
from lrl_datasets.release.configs import Configs

# Hub-friendly: pages small enough for the viewer, with indexes; the options are part of the bytes.
PARQUET: dict[str, Any] = {
    "compression": "zstd",
    "compression_level": 9,
    "row_group_size": 10_000,
    "data_page_size": 1 << 20,
    "write_page_index": True,
    "version": "2.6",
    "store_schema": True,
}


def write(
    place: Path,
    rows: pa.Table,
    configs: Configs,
    content: dict[str, Any],
    leaks: list[dict[str, Any]] | None = None,
) -> Path:
    """Write the release folder at `place`, in the place of an earlier release.

    Parameters
    ----------
    place
        `<out>/<namespace>/<name>`.
    rows
        Every record read, with `id` and `split`: they make the split map.
    configs
        The tables, by config and split.
    content
        The manifest without configs and files, with `title`.
    leaks
        Every match with the evaluation suite; None where nobody looked.

    Raises
    ------
    LrlError
        `place` holds something that is no release (no manifest); it is not touched.
    """
    if place.exists() and any(place.iterdir()) and not (place / manifest.NAME).is_file():
        raise LrlError(f"{place} exists and is no release folder (no {manifest.NAME}): not touched")
    place.parent.mkdir(parents=True, exist_ok=True)
    new = Path(tempfile.mkdtemp(prefix=f".{place.name}-", dir=place.parent))
    try:
        new.chmod(0o755)
        pq.write_table(
            rows.select(schema.SPLIT_MAP.names).sort_by("id").combine_chunks(),
            new / "split_map.parquet",
            **PARQUET,
        )
        if leaks is not None:
            leak_report.write(new / leak_report.NAME, leaks)
        described: dict[str, dict[str, dict[str, Any]]] = {}
        for config, splits in configs.items():
            for split, table in splits.items():
                path = new / config / f"{split}-00000-of-00001.parquet"
                path.parent.mkdir(exist_ok=True)
                pq.write_table(table, path, **PARQUET)
                described.setdefault(config, {})[split] = {
                    "rows": table.num_rows,
                    "bytes": in_memory(table),
                    "path": path.relative_to(new).as_posix(),
                    **manifest.file_entry(path),
                }
        published = sum(split["rows"] for split in described.get("default", {}).values())
        content = {"changelog": changelog(None, None, content["version"], published)} | content
        content |= {
            "renderer": card.renderer(),
            "configs": described,
            "left_out_as_empty": [
                f"{config}/{split}"
                for config in schema.CONFIGS
                for split in (schema.SPLITS if config in ("default", "preference") else ("train",))
                if split not in described.get(config, {})
            ],
        }
        facts = card.facts(content, configs)
        (new / "README.md").write_text(card.render(content, facts), encoding="utf-8")
        (new / citation.NAME).write_text(
            citation.render(content, facts.title, facts.language.names.english, facts.licenses), "utf-8"
        )
        manifest.write(new, content)
        _swap(new, place)
    except BaseException:
        shutil.rmtree(new, ignore_errors=True)
        raise
    return place


def in_memory(table: pa.Table) -> int:
    """Return the bytes of a table in Arrow's memory, whatever buffers its making left: the same for the same rows."""
    return sum(map(_in_memory, table.columns))


def _in_memory(values: pa.ChunkedArray) -> int:
    rows, kind = len(values), values.type
    nulls = (rows + 7) // 8 if values.null_count else 0
    if pa.types.is_list(kind):
        return nulls + 4 * (rows + 1) + _in_memory(pc.list_flatten(values))
    if pa.types.is_struct(kind):
        return nulls + sum(_in_memory(pc.struct_field(values, [at])) for at in range(kind.num_fields))
    if pa.types.is_string(kind):
        return nulls + 4 * (rows + 1) + int(pc.sum(pc.binary_length(values)).as_py() or 0)
    return nulls + int(rows * kind.bit_width + 7) // 8


def _swap(new: Path, place: Path) -> None:
    if not place.exists():
        new.rename(place)
        return
    aside = Path(tempfile.mkdtemp(prefix=f".{place.name}-old-", dir=place.parent))
    old = place.rename(aside / place.name)
    try:
        new.rename(place)
    except BaseException:
        old.rename(place)
        raise
    finally:
        shutil.rmtree(aside)
