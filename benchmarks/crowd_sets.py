"""Reads sets of real votes: files of votes and of truth, in the layouts in which such sets are published.

A set is two files of one folder: votes in `label.csv`, `labels.txt`, `answer.csv` or `crowd_labels.csv` and truth
in `truth.csv`, `evaluation.txt` or `gt.csv` (crowd-kit's own), any with `.csv`, `.tsv` or `.txt`. A folder may hold
several as `NAME_label.csv` and `NAME_truth.csv` (or `NAME.label.csv`, `NAME-label.csv`). Cells are parted by comma,
tab or semicolon. With a line of column names, in any order; without, votes are worker, item, label and truth is
item, label (the layout of Get-Another-Label, whose `costs.txt` says what a wrong label costs: true, given, cost).
Ids and labels are text; 7 and 7.0 are the same, since tables with gaps turn integers into floats.
"""

from __future__ import annotations

import csv
import re
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path

from lrl_datasets.errors import LrlError

Votes = list[tuple[str, str, str]]
LAYOUTS = "no label.csv with truth.csv, labels.txt with evaluation.txt, or crowd_labels.csv with gt.csv"

_VOTES = re.compile(r"(?:(.+?)[._-])??(?:crowd_)?(?:labels?|answers?)\.(?:csv|tsv|txt)")
_TRUTH = re.compile(r"(?:(.+?)[._-])??(?:truths?|evaluation|gt)\.(?:csv|tsv|txt)")
_ITEM = ("item", "task", "question", "itemid", "taskid", "questionid", "object", "example")
_WORKER = ("worker", "workerid", "annotator", "annotatorid", "performer", "user", "userid", "rater")
_LABEL = ("label", "answer", "response", "vote", "judgment", "judgement", "labelid", "value")
_TRUE = ("truth", "truelabel", "gold", "gt", "groundtruth", *_LABEL)
_WHOLE = re.compile(r"(-?\d+)\.0+")


@dataclass
class LabelledSet:
    """Votes as (item, worker, label), truth by item; and what is to be said of how they were read."""

    votes: Votes
    truth: dict[str, str]
    costs: dict[tuple[str, str], float] | None = None
    """What it costs to give the second label where the first is true; None where the set does not say."""
    notes: list[str] = field(default_factory=list)


def read(directory: Path) -> tuple[dict[str, LabelledSet], dict[str, str]]:
    """Read every set below a folder; returns them by name, and by name why one cannot be read."""
    sets, unread = {}, {}
    for name, votes, truth in _pairs(directory):
        try:
            if truth is None:
                raise LrlError(f"{votes}: no truth.csv, evaluation.txt or gt.csv beside these votes")
            sets[name] = read_set(votes, truth)
        except LrlError as error:
            unread[name] = str(error)
    return sets, unread


def read_set(votes_file: Path, truth_file: Path) -> LabelledSet:
    """Read one set. Votes that cannot count are left out and said; what makes no sense is an `LrlError`."""
    notes, votes, no_worker, no_label, seen = [], [], [], [], set()
    again = 0
    for row, (item, worker, label) in _table(votes_file, (_ITEM, _WORKER, _LABEL), (1, 0, 2)):
        if not item:
            raise LrlError(f"{votes_file}, row {row}: the vote has no item")
        if not worker or not label:
            (no_label if worker else no_worker).append(row)
            continue
        again += (item, worker) in seen
        seen.add((item, worker))
        votes.append((item, worker, label))
    if not votes:
        raise LrlError(f"{votes_file}: no vote in it has item, worker and label")
    for rows, what in ((no_worker, "worker"), (no_label, "label")):
        if rows:
            notes.append(
                f"{len(rows)} votes without a {what} left out (first: {votes_file.name}, row {rows[0]})"
            )
    if again:
        notes.append(f"{again} votes of a worker on an item that he had voted on; all count")
    truth: dict[str, str] = {}
    for row, (item, label) in _table(truth_file, (_ITEM, _TRUE), (0, 1)):
        if not item:
            raise LrlError(f"{truth_file}, row {row}: the truth has no item")
        if label and truth.setdefault(item, label) != label:
            above = truth[item]
            raise LrlError(f"{truth_file}, row {row}: item {item!r} is {label!r} here and {above!r} above")
    items = {item for item, _, _ in votes}
    if not items & set(truth):
        raise LrlError(
            f"{truth_file}: none of its {len(truth)} items has a vote in {votes_file.name}; it has "
            f"{min(truth, default='nothing')!r} where the votes have {min(items)!r}"
        )
    if without := len(set(truth) - items):
        notes.append(f"{without} items with a truth have no vote: not scored")
    if unknown := len(items - set(truth)):
        notes.append(f"{unknown} items have votes and no truth: their votes count, they are not scored")
    costs_file = votes_file.with_name("costs.txt")
    return LabelledSet(votes, truth, _costs(costs_file) if costs_file.exists() else None, notes)


def _pairs(directory: Path) -> Iterator[tuple[str, Path, Path | None]]:
    if not directory.is_dir():
        raise LrlError(f"{directory}: not a folder")
    for folder in sorted({path.parent for path in directory.rglob("*") if path.is_file()}):
        found: dict[str, dict[str, Path]] = {}
        for path in sorted(folder.iterdir()):
            for kind, pattern in (("truth", _TRUTH), ("votes", _VOTES)):
                match = pattern.fullmatch(path.name)
                if not match:
                    continue
                of = found.setdefault(match[1] or "", {})
                of.setdefault(kind, path)
                break
        base = str(folder.relative_to(directory)) if folder != directory else folder.resolve().name
        for name, files in found.items():
            if "votes" in files:
                yield (f"{base}/{name}" if name else base), files["votes"], files.get("truth")


def _table(
    file: Path, wanted: tuple[tuple[str, ...], ...], otherwise: tuple[int, ...]
) -> Iterator[tuple[int, list[str]]]:
    """Row numbers and the wanted cells of each row; `otherwise` are their places in a file without column names."""
    try:
        with file.open(newline="", encoding="utf-8-sig") as opened:
            first = opened.readline()
            opened.seek(0)
            parted = next((mark for mark in "\t;" if mark in first), ",")
            rows = csv.reader(opened, delimiter=parted)
            places, n = list(otherwise), 0
            for cells in rows:
                row = rows.line_num
                if not any(cell.strip() for cell in cells):
                    continue
                if not n:
                    n = len(cells)
                    named = _places(file, cells, wanted)
                    if named:
                        places = named
                        continue
                    if n != len(otherwise):
                        needed = ", ".join(names[0] for names in wanted)
                        raise LrlError(
                            f"{file}, row {row}: needs columns named like {needed}, or {len(otherwise)} columns "
                            f"without names; it has {', '.join(map(repr, cells))}"
                        )
                if len(cells) != n:
                    raise LrlError(f"{file}, row {row}: {len(cells)} cells where the first row has {n}")
                yield row, [_plain(cells[place]) for place in places]
    except (OSError, UnicodeDecodeError, csv.Error) as error:
        raise LrlError(f"{file}: cannot be read as a table in UTF-8: {error}") from None


def _places(file: Path, cells: list[str], wanted: tuple[tuple[str, ...], ...]) -> list[int] | None:
    """Where the wanted columns are; None where the row names none of them."""
    names = [re.sub(r"[^a-z0-9]", "", cell.lower()) for cell in cells]
    places = [next((names.index(name) for name in known if name in names), None) for known in wanted]
    if all(place is None for place in places):
        return None
    missing = [known[0] for known, place in zip(wanted, places, strict=True) if place is None]
    if missing:
        has = ", ".join(map(repr, cells))
        raise LrlError(f"{file}, row 1: no column named like {', '.join(missing)}; the columns are {has}")
    return [place for place in places if place is not None]


def _costs(file: Path) -> dict[tuple[str, str], float]:
    costs = {}
    for row, (true, given, cost) in _table(file, (("true",), ("given",), ("cost",)), (0, 1, 2)):
        try:
            costs[true, given] = float(cost)
        except ValueError:
            raise LrlError(f"{file}, row {row}, column 3: {cost!r} is not a cost") from None
    return costs


def _plain(cell: str) -> str:
    whole = _WHOLE.fullmatch(cell.strip())
    return whole[1] if whole else cell.strip()
