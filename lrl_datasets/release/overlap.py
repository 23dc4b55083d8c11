"""Rows of train that say what a held-out row says: the mark `held_out_overlap`.

Groups keep near-duplicates, answers to one prompt and rows of one original together, but a held-out text may still
stand changed, or inside a longer one, in a row of another group. The held-out rows' texts are looked for in train as
the evaluation suites' are (`filters/suite_index.py`, `filters/contamination.py`); what is common is known from the
release's own texts. Everything that decides is in a release, so `lrl verify` finds it anew.
"""

from __future__ import annotations

import pyarrow as pa
import pyarrow.compute as pc

from lrl_datasets.filters.base import add_mark
from lrl_datasets.filters.contamination import Contamination
from lrl_datasets.filters.suite_index import SuiteIndex, SuiteItem

NAME = "overlap"
REASONS = ("held_out_overlap",)
LEAST_PAIRS = 0.5
"""Share of a held-out text's pairs of neighbouring words that must be there too: a text that keeps four fifths of its
words keeps some two thirds of its pairs. Without, two long texts of few different words (a small campaign's, on one
subject) pass for each other."""
BACKGROUND_ROWS = 50_000
"""Rows whose texts say what is common: those with the smallest ids, which are hashes and so as good as drawn."""


def marked(table: pa.Table, free: pa.Array, share: float, bits: float) -> pa.Table:
    """Add `mark.overlap` and `detail.overlap`.

    Parameters
    ----------
    table
        Every row, with `id`, `messages`, `split` and, where there was a suite index, `mark.contamination`.
    free
        Whether no earlier filter objects to the row.
    share, bits
        Of `Contamination`: what of a held-out text must be found, and what that must come to.
    """
    marks: list[str | None] = [None] * table.num_rows
    details: list[str | None] = [None] * table.num_rows
    held = pc.and_(free, pc.not_equal(table["split"], "train"))
    train = pc.and_(free, pc.equal(table["split"], "train"))
    if pc.any(held).as_py() and pc.any(train).as_py():
        rows = pc.indices_nonzero(train).to_pylist()
        looked_in = table.select(["messages"]).filter(train)
        looked_in = looked_in.append_column("lineage", pa.nulls(len(rows), pa.list_(pa.string())))
        step = Contamination(_index(table, held), share, bits, bits, bits, share, bits, LEAST_PAIRS)
        for at, found in step.matches(looked_in).items():
            best = found[0]
            if best["decision"] != "refused":
                continue
            marks[rows[at]] = REASONS[0]
            details[rows[at]] = (
                f"the {best['part']} has a text of {best['task']} "
                f"({100 * best['share']:.0f} % of it, {best['bits']:.0f} bits)"
            )
    return add_mark(table, NAME, marks, details)


def _index(table: pa.Table, held: pa.Array) -> SuiteIndex:
    """Index the held-out rows as if each split were a task; the other texts tell what is common."""
    items = [
        SuiteItem(row["split"], tuple(turn["content"] for turn in row["messages"] or ()))
        for row in table.select(["split", "messages"]).filter(held).to_pylist()
    ]
    # Not the text of a leak, which is not in the release.
    there = pc.is_valid(table["messages"])
    if "mark.contamination" in table.column_names:
        there = pc.and_(there, pc.is_null(table["mark.contamination"]))
    some = table.select(["id", "messages"]).filter(there).sort_by("id").slice(0, BACKGROUND_ROWS)
    texts = pc.struct_field(pc.list_flatten(some["messages"].combine_chunks()), "content")
    return SuiteIndex.build(items, background=[pc.unique(texts)], masked=True)
