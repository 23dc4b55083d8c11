"""Raw worker ids that stand in a text: people sign their answers with them.

Needs to know every worker of the build. Takes `messages`, gives them with `[WORKER]` in the place of each id, so
that no raw worker id leaves a build by this door either.
"""

from __future__ import annotations

import re
from dataclasses import dataclass, field
from typing import ClassVar

import pyarrow as pa
import pyarrow.compute as pc

from lrl_datasets.filters.base import add_mark, map_contents
from lrl_datasets.filters.placeholders import WORKER

_TOKEN = re.compile(r"[\w-]{6,}")


@dataclass(frozen=True)
class WorkerIds:
    """Mask worker ids. It objects to no row.

    Only ids of six characters and more with a digit in them are looked for: a worker called `juma` is a name, and
    a word that everybody uses.
    """

    workers: frozenset[str] = field(repr=False)

    name: ClassVar[str] = "worker_ids"
    reasons: ClassVar[tuple[str, ...]] = ()

    def __call__(self, table: pa.Table) -> pa.Table:
        """Return `table` with `messages` masked."""
        sought = {w for w in self.workers if _TOKEN.fullmatch(w) and any(c.isdigit() for c in w)}
        if sought:
            table = map_contents(table, lambda text: _mask(text, sought), needed=_has_digit)
        return add_mark(table, self.name, pa.nulls(table.num_rows, pa.string()))


def _has_digit(contents: pa.StringArray) -> pa.BooleanArray:
    return pc.match_substring_regex(
        contents, r"\p{N}"
    )  # more than `str.isdigit` says: all of it, and fractions


def _mask(text: str, sought: set[str]) -> str:
    if sought.isdisjoint(_TOKEN.findall(text)):
        return text
    return _TOKEN.sub(lambda found: WORKER if found[0] in sought else found[0], text)
