"""What the checks share: rows as dictionaries, the files' texts, and the forms of names and hashes."""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import Any

from lrl_datasets import schema
from lrl_datasets.errors import LrlError
from lrl_datasets.release.locations import Release

Found = Iterator[str]
Row = dict[str, Any]

ID = re.compile(r"[0-9a-f]{24}")
PSEUDONYM = re.compile(r"[0-9a-f]{16}")
SHA256 = re.compile(r"[0-9a-f]{64}")
COMMIT = re.compile(r"[0-9a-f]{40}")


def rows(release: Release, config: str, *names: str) -> list[Row]:
    """Return a config's rows, with those of the columns (and `split`) that it has."""
    table = release.rows(config)
    if table is None:
        return []
    return table.select([name for name in names if name in table.column_names]).to_pylist()  # type: ignore[no-any-return]


def records(release: Release, *names: str) -> list[Row]:
    """Return every record read, published or refused."""
    return rows(release, "default", *names) + rows(release, "rejected", *names)


def text(release: Release, name: str) -> str:
    """Return the text of one of the release's files.

    Raises
    ------
    LrlError
        It is not there, or is no text.
    """
    if release.folder is None:
        raise LrlError(f"{name}: this release was never written")
    try:
        return (release.folder / name).read_text("utf-8")
    except FileNotFoundError:
        raise LrlError(f"{name} is not there") from None
    except UnicodeDecodeError:
        raise LrlError(f"{name} is not text in UTF-8") from None


def filters(release: Release) -> dict[str, Any]:
    """Return the thresholds of the builder's filters, by filter."""
    found: dict[str, Any] = release.manifest.get("builder", {}).get("settings", {}).get("filters", {})
    return found


def judgement_stages(source: dict[str, Any]) -> list[dict[str, Any]]:
    """Return the stages of a source in which answers were judged, one by one or against each other."""
    return [stage for stage in source.get("stages", []) if stage["kind"] in schema.JUDGING]


def strings(value: object) -> Iterator[str]:
    """Yield every string of a JSON value, keys too."""
    if isinstance(value, str):
        yield value
    elif isinstance(value, dict):
        for name, inner in value.items():
            yield from strings(name)
            yield from strings(inner)
    elif isinstance(value, list):
        for inner in value:
            yield from strings(inner)
