"""Raw worker ids that stand in a text: people sign their answers with them.

Needs to know every worker of the build. Takes `messages`, gives them with `[WORKER]` in the place of each id, so
that no raw worker id leaves a build by this door either.
"""

from __future__ import annotations

import re
from dataclasses import dataclass, field
from typing import ClassVar

import pyarrow as pa

from lrl_datasets.filters.base import add_column, add_mark

WORKER = "[WORKER]"
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
        changed = [
            messages
            and [{"role": turn["role"], "content": _mask(turn["content"], sought)} for turn in messages]
            for messages in table["messages"].to_pylist()
        ]
        table = add_column(table, "messages", changed, table.schema.field("messages").type)
        return add_mark(table, self.name, [None] * table.num_rows)


def _mask(text: str | None, sought: set[str]) -> str | None:
    return text and _TOKEN.sub(lambda found: WORKER if found[0] in sought else found[0], text)
