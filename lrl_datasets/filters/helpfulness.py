"""What the crowd says of a row, made a decision.

Takes the crowd's columns `helpfulness`, `n_votes` and, where a precision is wanted, `accept_from` (joined before), and
`may_be_unjudged`, gives marks.
Costs nothing.
"""

from __future__ import annotations

import math
from collections.abc import Iterator
from dataclasses import dataclass
from typing import ClassVar

import pyarrow as pa
import pyarrow.compute as pc

from lrl_datasets.filters.base import mark_rows, true_rows


@dataclass(frozen=True)
class Helpfulness:
    """Mark `unjudged` where no vote counted and the source may not pass so, and what is below the minimum.

    That is `unhelpful` where people said it and `predicted_unhelpful` where a model did.
    """

    minimum: float = 0.5
    """Least posterior probability that the answer is helpful; a row at the minimum passes."""
    precision: float | None = None
    """Wanted share of helpful answers among the accepted. Where a source's posterior is calibrated, its threshold
    (`accept_from`) is the lowest from the minimum on at which that is expected; where it is not, the minimum holds."""

    minimum_predicted: float = 0.5
    """Least predicted helpfulness of a row that nobody judged (`helpfulness_prediction`)."""

    name: ClassVar[str] = "helpfulness"
    reasons: ClassVar[tuple[str, ...]] = ("unjudged", "unhelpful", "predicted_unhelpful")

    def __call__(self, table: pa.Table) -> pa.Table:
        """Return `table` with `mark.helpfulness` and `detail.helpfulness` added."""
        return mark_rows(table, self.name, self._found(table))

    def _found(self, table: pa.Table) -> Iterator[tuple[int, str, str | None]]:
        readable = pc.is_valid(table["messages"])
        judged = pc.and_(pc.is_valid(table["helpfulness"]), pc.greater(pc.fill_null(table["n_votes"], 0), 0))
        refused = pc.and_(readable, pc.invert(pc.or_(judged, pc.fill_null(table["may_be_unjudged"], False))))
        for row in true_rows(refused):
            yield row, "unjudged", None
        minima = pa.chunked_array([pa.repeat(self.minimum, table.num_rows)])
        if self.precision is not None and "accept_from" in table.column_names:
            minima = pc.fill_null(table["accept_from"], self.minimum)
        below = pc.and_(pc.and_(readable, judged), pc.less(table["helpfulness"], minima))
        rows = true_rows(below)
        told = (column.take(rows).to_pylist() for column in (table["helpfulness"], table["n_votes"], minima))
        for row, helpfulness, votes, minimum in zip(rows, *told, strict=True):
            if math.isinf(minimum):
                yield row, "unhelpful", f"{helpfulness:.4f}, {votes} votes: no answer reaches the precision"
            else:
                yield row, "unhelpful", f"{helpfulness:.4f} < {minimum:g}, {votes} votes"
        if "helpfulness_kind" in table.column_names:
            predicted = pc.and_(readable, pc.equal(table["helpfulness_kind"], "predicted"))
            below = true_rows(pc.and_(predicted, pc.less(table["helpfulness"], self.minimum_predicted)))
            for row, helpfulness in zip(below, table["helpfulness"].take(below).to_pylist(), strict=True):
                yield row, "predicted_unhelpful", f"{helpfulness:.4f} < {self.minimum_predicted:g}, predicted"
