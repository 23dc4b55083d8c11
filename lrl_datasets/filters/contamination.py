"""Rows that share a text or an original with the evaluation suite.

Takes `messages`, `lineage` and, where a row carries them, its English side (`english`) and a machine's translation of
the English answer (`machine_translation`); gives marks, and in the private column `leaks` every match, also those that
are too weak to refuse a row. The suite is known by its index alone (`suite_index`), which says of each text how much
each of its words says; a match is a place in a row where much of that stands together, whatever stands between and in
whatever order. Two numbers decide: which share of what the text says was found, and what that comes to in bits.
A stock phrase comes to few bits, a sentence on the same subject to a small share.

The filter looks at one row at a time and at nothing else, so a table may be cut anywhere and what a row is
refused for does not depend on other rows. About 60,000 rows of 40 words a second, one process, in an index of 10,000
texts (benchmarks/leaks.py).
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, ClassVar

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from lrl_datasets.filters.base import add_column, add_mark
from lrl_datasets.filters.suite_index import KINDS, SuiteIndex

LEAKS = pa.list_(
    pa.struct(
        [
            ("task", pa.string()),  # the tasks that have it, joined by commas
            ("part", pa.string()),  # of the row: prompt, answer, English prompt, English answer, …, lineage
            ("kind", pa.string()),  # of what is in the index: text, english (original), lineage
            ("share", pa.float64()),  # share of what the text says that was found; null of lineage
            ("bits", pa.float64()),  # and what that comes to
            ("pairs", pa.float64()),  # share of its pairs of neighbouring words that are in the row
            ("decision", pa.string()),  # refused, review
        ]
    )
)
"""Matches of a row: one for each of its parts and set of tasks, the strongest."""

NUMBERS = ("share", "bits", "pairs")
PARTS = ("prompt", "answer", "English prompt", "English answer", "machine translation")
DETAIL = re.compile(
    rf"(?:lineage: an original of|text: the (?:{'|'.join(PARTS)}) has (?:a text|an English original) of) "
    r"(?P<tasks>.+?)(?: \(\d+ % of it, \d+ bits\))?"
)
"""The form of a mark's detail."""


@dataclass(frozen=True)
class Contamination:
    """Mark `suite_leak` where a text or an original of the row is in the index."""

    index: SuiteIndex | None = field(default=None, repr=False)
    """What is looked for. A builder that sets thresholds leaves it out: the index is an input of the build."""
    share: float = 0.65
    """Least share of what a text says. Below, a sentence on the same subject or from the same template would do."""
    bits: float = 40.0
    """What the words found must come to where the text is found whole. A random place of a corpus of 10^9 words says 40
    bits of a given text once in a thousand such corpora; stock phrases say less."""
    bits_changed: float = 50.0
    """The same where no more than `share` was found; between the two it rises with what is missing, since there are
    many ways to leave words out."""
    bits_whole: float = 30.0
    """The same where all of the text and all of its pairs of neighbours are there, so in its order and without gaps:
    nothing was left to choose, and a short text of common words is known by it."""
    review_share: float = 0.5
    review_bits: float = 30.0
    """From here on a match is listed for review; it refuses nothing."""
    pairs: float = 0.0
    """Least share of the text's pairs of neighbouring words."""

    name: ClassVar[str] = "contamination"
    reasons: ClassVar[tuple[str, ...]] = ("suite_leak",)
    inputs: ClassVar[tuple[str, ...]] = ("index",)

    def __call__(self, table: pa.Table) -> pa.Table:
        """Return `table` with `mark.contamination`, `detail.contamination` (which task, what) and `leaks` added."""
        readable = pc.is_valid(table["messages"])
        matches = self.matches(table)
        marks: list[str | None] = [None] * table.num_rows
        details: list[str | None] = [None] * table.num_rows
        found: list[list[dict[str, Any]] | None] = [None] * table.num_rows
        for row, listed in matches.items():
            if not readable[row].as_py():
                continue
            found[row] = listed
            if listed[0]["decision"] == "refused":
                marks[row], details[row] = "suite_leak", _said(listed[0])
        table = add_mark(table, self.name, marks, details)
        return add_column(table, "leaks", found, LEAKS)

    def matches(self, table: pa.Table) -> dict[int, list[dict[str, Any]]]:
        """Return the matches of each row that has any: what refuses it first, then by bits."""
        if self.index is None:
            raise ValueError("without a suite index nothing can be looked for")
        found: dict[int, dict[tuple[str, str, str], dict[str, Any]]] = {}
        for row, task in _by_lineage(table, self.index.tasks_of_lineage):
            match = {"task": task, "part": "lineage", "kind": "lineage", **dict.fromkeys(NUMBERS)}
            found.setdefault(row, {})["lineage", task, "lineage"] = match | {"decision": "refused"}
        for parts, rows, texts in _texts(table):
            hits = self.index.search(texts, self.review_share, self.review_bits)
            # Rounded as they are reported, so that who reads the report decides as it was decided.
            for at, unit, *numbers in zip(
                *(hits[name].tolist() for name in ("text", "unit")),
                *(hits[name].round(4).tolist() for name in ("share", "bits", "pairs")),
                strict=True,
            ):
                kind, task = KINDS[int(self.index.arrays["kind"][unit])], self.index.names(unit)
                match = {
                    "task": task, "part": parts[at], "kind": kind, **dict(zip(NUMBERS, numbers, strict=True)),
                    "decision": "refused" if self.refuses(*numbers) else "review",
                }  # fmt: skip
                of_row = found.setdefault(int(rows[at]), {})
                before = of_row.get((parts[at], task, kind))
                if before is None or _strength(match) < _strength(before):
                    of_row[parts[at], task, kind] = match
        return {row: sorted(of_row.values(), key=_strength) for row, of_row in sorted(found.items())}

    def refuses(self, share: float, bits: float, pairs: float = 0.0) -> bool:
        """Say whether a match refuses a row; `pairs` is the share of the text's pairs of neighbours that is there."""
        if share < self.share or pairs < self.pairs:
            return False
        if share == pairs == 1.0:
            return bits >= self.bits_whole
        missing = (1 - share) / (1 - self.share) if self.share < 1 else 0.0
        return bits >= self.bits + missing * (self.bits_changed - self.bits)

    def settings(self) -> dict[str, float]:
        """Return the thresholds, for the manifest."""
        names = ("share", "bits", "bits_changed", "bits_whole", "review_share", "review_bits", "pairs")
        return {name: getattr(self, name) for name in names}


def _by_lineage(table: pa.Table, tasks: Mapping[str, str]) -> list[tuple[int, str]]:
    """Return the rows with an original that tasks have, and the tasks."""
    column = table["lineage"].combine_chunks()
    flat, rows = pc.list_flatten(column), pc.list_parent_indices(column)
    known = pc.is_in(flat, pa.array(sorted(tasks), pa.string()))
    flat, rows = flat.filter(known).to_pylist(), rows.filter(known).to_pylist()
    return [(row, tasks[original]) for row, original in zip(rows, flat, strict=True)]


def _texts(table: pa.Table) -> list[tuple[list[str], np.ndarray[Any, Any], pa.Array]]:
    """Return the texts of a table: what part of its row each is, its row, and the texts."""
    found = []
    for name, prefix in (("messages", ""), ("english", "English ")):
        if name not in table.column_names:
            continue
        column = table[name].combine_chunks()
        flat, rows = pc.list_flatten(column), pc.list_parent_indices(column)
        answers = pc.equal(pc.struct_field(flat, "role"), "assistant")
        parts = pc.if_else(pc.fill_null(answers, False), f"{prefix}answer", f"{prefix}prompt")
        found.append((parts, rows.to_numpy(), pc.struct_field(flat, "content")))
    if "machine_translation" in table.column_names:
        column = table["machine_translation"].combine_chunks()
        rows = np.flatnonzero(pc.is_valid(column).to_numpy(zero_copy_only=False))
        parts = pa.repeat("machine translation", len(rows))
        found.append((parts, rows, column.take(pa.array(rows))))
    return [(parts.to_pylist(), rows, texts) for parts, rows, texts in found if len(texts)]


def _strength(match: Mapping[str, Any]) -> tuple[Any, ...]:
    """Order matches: those that refuse, of them lineage, then by bits; ties by name."""
    return (
        match["decision"] != "refused",
        match["kind"] != "lineage",
        -(match["bits"] or 0.0),
        -(match["share"] or 0.0),
        match["task"],
        match["part"],
        match["kind"],
    )


def _said(match: Mapping[str, Any]) -> str:
    if match["kind"] == "lineage":
        return f"lineage: an original of {match['task']}"
    what = "an English original" if match["kind"] == "english" else "a text"
    return (
        f"text: the {match['part']} has {what} of {match['task']} "
        f"({100 * match['share']:.0f} % of it, {match['bits']:.0f} bits)"
    )
