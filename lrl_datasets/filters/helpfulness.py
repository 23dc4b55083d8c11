"""What the crowd says of a row, made a decision.

Takes the crowd's columns `helpfulness`, `n_votes` and, where a precision is wanted, `accept_from` (joined before), and
`may_be_unjudged`, gives marks.
Costs nothing.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import ClassVar

import pyarrow as pa

from lrl_datasets.filters.base import add_mark


@dataclass(frozen=True)
class Helpfulness:
    """Mark `unjudged` where no vote counted and the source may not pass so, `unhelpful` below the minimum."""

    minimum: float = 0.5
    """Least posterior probability that the answer is helpful; a row at the minimum passes."""
    precision: float | None = None
    """Wanted share of helpful answers among the accepted. Where a source's posterior is calibrated, its threshold
    (`accept_from`) is the lowest from the minimum on at which that is expected; where it is not, the minimum holds."""

    name: ClassVar[str] = "helpfulness"
    reasons: ClassVar[tuple[str, ...]] = ("unjudged", "unhelpful")

    def __call__(self, table: pa.Table) -> pa.Table:
        """Return `table` with `mark.helpfulness` and `detail.helpfulness` added."""
        columns = ("messages", "helpfulness", "n_votes", "may_be_unjudged")
        marks: list[str | None] = []
        details: list[str | None] = []
        chosen = [None] * table.num_rows
        if self.precision is not None and "accept_from" in table.column_names:
            chosen = table.column("accept_from").to_pylist()
        for messages, helpfulness, votes, may_be_unjudged, accept_from in zip(
            *(table.column(name).to_pylist() for name in columns), chosen, strict=True
        ):
            minimum = self.minimum if accept_from is None else accept_from
            mark = detail = None
            if messages is None:
                pass
            elif helpfulness is None or not votes:
                mark = None if may_be_unjudged else "unjudged"
            elif math.isinf(minimum):
                mark, detail = (
                    "unhelpful",
                    f"{helpfulness:.4f}, {votes} votes: no answer reaches the precision",
                )
            elif helpfulness < minimum:
                mark, detail = "unhelpful", f"{helpfulness:.4f} < {minimum:g}, {votes} votes"
            marks.append(mark)
            details.append(detail)
        return add_mark(table, self.name, marks, details)
