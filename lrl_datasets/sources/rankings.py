"""Rankings of several answers, broken into all their pairs.

Takes the records of a preference stage that names `items` and `ranking`, gives one record a pair: what was shown
first is left. Breaking a ranking into all its pairs, and into no selection of them, keeps estimates of the answers'
strengths consistent (Azari Soufiani, Parkes and Xia, "Computing parametric ranking models via rank-breaking", ICML
2014). The pairs of one ranking are no independent votes: bootstrap intervals resample workers for that reason.
"""

from __future__ import annotations

import json
import re
from dataclasses import replace
from itertools import combinations
from typing import Any, NamedTuple

from lrl_datasets.sources.campaign_toml import PreferenceStage
from lrl_datasets.sources.toloka import Assignment, Export

LEFT, RIGHT, LABEL, GOLDEN = "pair:left_id", "pair:right_id", "pair:label", "pair:golden"
"""The columns that a pair of a ranking has beside those of its record."""


class Comparison(NamedTuple):
    """What one record of a preference stage says, as text; empty where it says nothing."""

    left: str
    right: str
    label: str
    golden: str


def comparison(stage: PreferenceStage, row: Assignment) -> Comparison:
    """Return a record's two answers (their record ids as the file has them), its label and its true label."""
    if stage.columns.ranking:
        return Comparison(*(row.cells.get(column, "") for column in (LEFT, RIGHT, LABEL, GOLDEN)))
    columns = stage.columns
    golden = next(
        (cell for column in stage.golden_columns if (cell := row.cells.get(column, "").strip())), ""
    )
    named = [columns.left_id, columns.right_id, columns.label]
    left, right, label = (row.cells.get(column or "", "").strip() for column in named)
    return Comparison(left, right, label, golden)


def broken(stage: PreferenceStage, export: Export) -> Export:
    """Replace every ranking of an export by its pairs; one that cannot be read is one unreadable record."""
    rows = [pair for row in export.rows for pair in _pairs(stage, row)]
    return replace(export, rows=rows, file=replace(export.file, records=len(rows)))


def _pairs(stage: PreferenceStage, row: Assignment) -> list[Assignment]:
    columns = stage.columns
    said = row.cells.get(columns.ranking or "", "").strip()
    if row.reason in ("unreadable", "not_submitted") or (row.reason and not said):
        return [row]
    try:
        items = names(row.cells.get(columns.items or "", ""))
        if len(items) < 2 or len(set(items)) < len(items):
            raise ValueError(f"column {columns.items} does not name two or more items, each once")
        places = ranks(said, items, columns.ranking or "")
        column, truth = next(
            ((c, cell) for c in stage.golden_columns if (cell := row.cells.get(c, "").strip())), ("", "")
        )
        golden = ranks(truth, items, column) if truth else None
        if not stage.labels.tie and len(set(places)) < len(places):
            raise ValueError(f"column {columns.ranking} has equals, and [stage.labels] no `tie`")
        if golden and not stage.labels.tie and len(set(golden)) < len(golden):
            raise ValueError(f"column {column} has equals, and [stage.labels] no `tie`")
    except ValueError as problem:
        return [replace(row, reason="unreadable", detail=str(problem), cells={})]
    pairs = list(combinations(range(len(items)), 2))
    share = row.duration_s / len(pairs) if row.duration_s is not None else None
    return [
        replace(
            row,
            duration_s=share,
            cells={
                **row.cells, LEFT: items[one], RIGHT: items[other], LABEL: _label(stage, places, one, other),
                GOLDEN: _label(stage, golden, one, other) if golden else "",
            },
        )
        for one, other in pairs
    ]  # fmt: skip


def _label(stage: PreferenceStage, places: list[int], one: int, other: int) -> str:
    labels = stage.labels
    if places[one] == places[other]:
        return labels.tie[0]
    return (labels.left if places[one] < places[other] else labels.right)[0]


def names(cell: str) -> list[str]:
    """Read a list of names: JSON (strings, numbers or objects with `id`), or split by commas, semicolons or spaces."""
    cell = cell.strip()
    if cell.startswith("["):
        try:
            listed = json.loads(cell)
        except ValueError:
            listed = None
        if isinstance(listed, list):
            return [_name(one) for one in listed]
    return [part for part in re.split(r"[\s,;]+", cell) if part]


def ranks(said: str, items: list[str], column: str) -> list[int]:
    """Return each item's place in a ranking, equals with the same one.

    Raises
    ------
    ValueError
        It does not name every item once.
    """
    groups = _groups(said)
    places: dict[str, int] = {}
    for place, group in enumerate(groups):
        for name in group:
            item = name if name in items else _at(name, items)
            if item is None:
                raise ValueError(f"column {column} names something that is none of the items shown")
            if item in places:
                raise ValueError(f"column {column} names an item twice")
            places[item] = place
    if len(places) < len(items):
        raise ValueError(f"column {column} leaves out items that were shown")
    return [places[item] for item in items]


def _groups(said: str) -> list[list[str]]:
    said = said.strip()
    if said.startswith(("[", "{")):
        try:
            listed: Any = json.loads(said)
        except ValueError:
            listed = None
        if isinstance(listed, dict) and len(listed) == 1:  # Label Studio's ranker: one list, by its bucket
            listed = next(iter(listed.values()))
        if isinstance(listed, list):
            if listed and all(isinstance(one, dict) and "rank" in one for one in listed):  # Argilla's ranking
                order = sorted({one["rank"] for one in listed})
                return [[_name(one) for one in listed if one["rank"] == rank] for rank in order]
            return [
                [_name(inner) for inner in one] if isinstance(one, list) else [_name(one)] for one in listed
            ]
    if ">" in said or "=" in said:
        return [[name.strip() for name in group.split("=")] for group in said.split(">")]
    return [[name] for name in names(said)]


def _name(value: object) -> str:
    if isinstance(value, dict):
        value = value.get("id", value.get("value", ""))
    return str(value).strip()


def _at(name: str, items: list[str]) -> str | None:
    """Take a letter or a number for the item at that place: `b` and `2` are the second."""
    if len(name) == 1 and name.isascii() and name.isalpha():
        place = ord(name.lower()) - ord("a")
    elif name.isascii() and name.isdigit():
        place = int(name) - 1
    else:
        return None
    return items[place] if 0 <= place < len(items) else None
