"""What a fitted model expects of rows that nobody judged.

Takes `messages`, `lid_score` and `may_be_unjudged`, gives the private columns `predicted_helpfulness` and
`outside_fit`; once the votes are joined, `where_nobody_judged` makes them the row's `helpfulness`, of kind "predicted".
It objects to no row: the filter `helpfulness` does, by a threshold of its own. About 15,000 rows of 40 words a second,
one process.
"""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Any, ClassVar

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from lrl_datasets.errors import LrlError
from lrl_datasets.filters import helpfulness_model
from lrl_datasets.filters.base import add_column, add_mark, true_rows

PREDICTED = "predicted"


@dataclass(frozen=True)
class HelpfulnessPrediction:
    """Predict the helpfulness of rows that their source lets pass without a vote."""

    model: Path
    """File of `lrl helpfulness fit`."""
    sha256: str = ""
    """Of the file, found when it is not given; another file under this path is refused later."""

    name: ClassVar[str] = "helpfulness_prediction"
    reasons: ClassVar[tuple[str, ...]] = ()
    inputs: ClassVar[tuple[str, ...]] = ("model",)

    def __post_init__(self) -> None:
        if not self.sha256:
            object.__setattr__(self, "sha256", helpfulness_model.sha256(self.model))

    def __call__(self, table: pa.Table) -> pa.Table:
        """Return `table` with `predicted_helpfulness` and `outside_fit` added, null where nothing is predicted.

        `outside_fit` says that the row is longer, or otherwise more or less, than any that was judged.
        """
        may_pass = pc.fill_null(table["may_be_unjudged"], False)
        rows = true_rows(pc.and_(pc.is_valid(table["messages"]), may_pass))
        said, outside = self._load().predict(table.take(rows))
        mask = np.zeros(table.num_rows, bool)
        mask[rows] = True
        for name, kind, values in (
            ("predicted_helpfulness", pa.float64(), said),
            ("outside_fit", pa.bool_(), outside),
        ):
            filled = pc.replace_with_mask(
                pa.nulls(table.num_rows, kind), pa.array(mask), pa.array(values, kind)
            )
            table = add_column(table, name, filled, kind)
        return add_mark(table, self.name, pa.nulls(table.num_rows, pa.string()))

    def check(self, language: str) -> None:
        """Refuse a model of another language, or none, before anything is read.

        Raises
        ------
        LrlError
            The file is no model, or its language is not `language`.
        """
        found = self._load().language
        if found != language:
            raise LrlError(
                f"helpfulness model {self.model}: it is of {found}, and the builder's language is {language}"
            )

    def check_sample(self, sample: bool) -> None:
        """Refuse a model that was fitted on SAMPLE data where the release is none.

        Raises
        ------
        LrlError
            It was, and `sample` is false.
        """
        if self._load().sample and not sample:
            raise LrlError(
                f"helpfulness model {self.model}: it was fitted on SAMPLE data, and this release is no SAMPLE; fit one "
                "on a release of your own (lrl helpfulness fit)"
            )

    def told(self, table: pa.Table) -> dict[str, Any]:
        """Return for the manifest what the model is, and of how many rows it spoke."""
        model, predicted = self._load(), pc.fill_null(pc.equal(table["helpfulness_kind"], PREDICTED), False)
        return {
            "sha256": self.sha256,
            "sample": model.sample,
            "fitted_on": model.fitted_on,
            "report": model.report,
            "rows": pc.sum(predicted).as_py() or 0,
            "outside": pc.sum(pc.and_(predicted, pc.fill_null(table["outside_fit"], False))).as_py() or 0,
        }

    def _load(self) -> helpfulness_model.Model:
        return helpfulness_model.load(self.model, self.sha256)


def where_nobody_judged(table: pa.Table) -> pa.Table:
    """Put what was predicted into `helpfulness` and `helpfulness_kind` of the rows without a counted vote."""
    here = pc.and_(pc.is_null(table["helpfulness"]), pc.is_valid(table["predicted_helpfulness"]))
    said = pc.if_else(here, table["predicted_helpfulness"], table["helpfulness"])
    kind = pc.if_else(here, pa.scalar(PREDICTED), table["helpfulness_kind"])
    table = add_column(table, "helpfulness", said, pa.float64())
    return add_column(table, "helpfulness_kind", kind, pa.string())
