"""Where loaded rows truly came from.

`load_dataset("org/name", revision=…)` reads a folder of that name in the Hub's place without a word. What was
read is told by the cache that the rows lie in: `datasets` keeps rows of a Hub under
`org___name/CONFIG/VERSION/COMMIT/` and rows of a folder elsewhere.
"""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from datasets import Dataset

_HUB_CACHE = re.compile(r"/(?P<org>[^/]+)___(?P<name>[^/]+)/[^/]+/[^/]+/(?P<commit>[0-9a-f]{40})/[^/]+$")


def origin(rows: Dataset) -> tuple[str, str] | None:
    """Return the dataset's id and the commit that rows were read from; None if not from a Hub."""
    found = {_HUB_CACHE.search(file["filename"].replace("\\", "/")) for file in rows.cache_files}
    read = {(f"{match['org']}/{match['name']}", match["commit"]) if match else None for match in found}
    return read.pop() if len(read) == 1 else None
