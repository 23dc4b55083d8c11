"""What the crowd says of a row, made a decision.

Takes the crowd's columns `helpfulness` and `n_votes` (joined before) and `may_be_unjudged`, gives marks.
Costs nothing.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar

import pyarrow as pa

from lrl_datasets.filters.base import add_mark


@dataclass(frozen=True)
class Helpfulness:
    """Mark `unjudged` where no vote counted and the source may not pass so, `unhelpful` below the minimum."""

    minimum: float = 0.5
    """Least posterior probability that the answer is helpful; a row at the minimum passes."""

    name: ClassVar[str] = "helpfulness"
    reasons: ClassVar[tuple[str, ...]] = ("unjudged", "unhelpful")

    def __call__(self, table: pa.Table) -> pa.Table:
        """Return `table` with `mark.helpfulness` and `detail.helpfulness` added."""
        columns = ("messages", "helpfulness", "n_votes", "may_be_unjudged")
        marks: list[str | None] = []
        details: list[str | None] = []
        for messages, helpfulness, votes, may_be_unjudged in zip(
            *(table.column(name).to_pylist() for name in columns), strict=True
        ):
            mark = detail = None
            if messages is None:
                pass
            elif helpfulness is None or not votes:
                mark = None if may_be_unjudged else "unjudged"
            elif helpfulness < self.minimum:
                mark, detail = "unhelpful", f"{helpfulness:.4f} < {self.minimum:g}, {votes} votes"
            marks.append(mark)
            details.append(detail)
        return add_mark(table, self.name, marks, details)
