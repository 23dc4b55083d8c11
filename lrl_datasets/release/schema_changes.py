"""What changed in what a config is: its columns, their types, its splits; and which part of a version that raises.

What makes code fail that loads the older release is a break: a config, split or column that is gone, or a column of
another type.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

from lrl_datasets import schema
from lrl_datasets.release.locations import Release

Bump = Literal["major", "minor", "patch"]


@dataclass(frozen=True)
class SchemaChange:
    """One change of what a config is."""

    config: str
    change: str
    """`column added`, `column removed`, `column retyped`, and `added` or `removed` of a config or split."""
    name: str
    """Of the column or split; empty for a config."""
    before: str
    after: str
    bump: Bump


def schema_changes(before: Release, after: Release) -> list[SchemaChange]:
    """Compare the configs of two releases."""
    found = []
    for config in (*schema.CONFIGS, *sorted(before.configs.keys() - schema.CONFIGS.keys())):
        old, new = before.configs.get(config, {}), after.configs.get(config, {})
        if not old or not new:
            if old:
                found.append(SchemaChange(config, "removed", "", "there", "", "major"))
            if new:
                found.append(SchemaChange(config, "added", "", "", "there", "minor"))
            continue
        for split in schema.SPLITS:
            if (split in old) != (split in new):
                # load_dataset(…, split="test") fails where there is none.
                found.append(
                    SchemaChange(config, "split removed", split, "there", "", "major")
                    if split in old
                    else SchemaChange(config, "split added", split, "", "there", "minor")
                )
        was, now = next(iter(old.values())).schema, next(iter(new.values())).schema
        for name in [*was.names, *(name for name in now.names if name not in was.names)]:
            old_type = str(was.field(name).type) if name in was.names else ""
            new_type = str(now.field(name).type) if name in now.names else ""
            if not new_type:
                found.append(SchemaChange(config, "column removed", name, old_type, "", "major"))
            elif not old_type:
                found.append(SchemaChange(config, "column added", name, "", new_type, "minor"))
            elif (
                was.field(name).type != now.field(name).type
            ):  # not as strings: Parquet names a list's items anew
                found.append(SchemaChange(config, "column retyped", name, old_type, new_type, "major"))
    return found
