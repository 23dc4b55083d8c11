"""Groups, splits, and the last two marks: `held_out_relative` and `duplicate`.

A group is the transitive closure of near-duplicate cluster, lineage id and normalised prompt over every row
read, refused or not, and all rows of a group share one split, so that nothing in train is a relative of what
measures it. A new group's split depends on its name, the salt and the shares alone, and a row that was read before
keeps the split it had: rows come and go without moving the others. Where groups merge, test beats validation beats
train, and the rows of the weaker split are refused.

What the previous release published and nobody reads any more still ties its relatives: a text that comes back under
another id, or a copy of one that was held out, goes where the old one was and not into train.
"""

from __future__ import annotations

import hashlib
import hmac
from collections import defaultdict
from collections.abc import Callable, Iterable
from dataclasses import dataclass

import pyarrow as pa

from lrl_datasets import schema
from lrl_datasets.filters.base import add_column, add_mark
from lrl_datasets.filters.normalise import match_key
from lrl_datasets.filters.union_find import UnionFind
from lrl_datasets.release.previous import Previous

Row = dict[str, object]


@dataclass(frozen=True)
class Splits:
    """How a builder divides its groups."""

    salt: str
    """A constant of the builder, never changed: with it every new group would be drawn anew."""
    validation: float = 0.1
    """Share of the groups that may be held out which goes to validation."""
    test: float = 0.1
    """Share of the groups that may be held out which goes to test."""

    def __post_init__(self) -> None:
        if not (self.validation >= 0 and self.test >= 0 and self.validation + self.test < 1):
            raise ValueError(f"shares must leave something to train: {self.validation=}, {self.test=}")

    def draw(self, group: str) -> str:
        """Draw the split of a group: HMAC-SHA256 of its name under the salt, read as a number in [0, 1)."""
        drawn = hmac.new(self.salt.encode(), group.encode(), hashlib.sha256).digest()
        share = int.from_bytes(drawn[:8], "big") / 2**64
        if share < self.test:
            return "test"
        return "validation" if share < self.test + self.validation else "train"


def with_groups(
    table: pa.Table,
    previous: Previous | None = None,
    cluster: Callable[[pa.Table], pa.Table] | None = None,
) -> pa.Table:
    """Add `group`, the smallest id in it, and `inherited`.

    Parameters
    ----------
    table
        Every row read, with `id`, `messages`, `lineage` and `cluster`.
    previous
        The release before, in the names of this build.
    cluster
        The filter that found the clusters, to find those of the rows that are not read any more.

    Returns
    -------
    pa.Table
        The same rows; `inherited` is the strongest split of the rows in the group that the previous release published
        and nobody reads any more, null where there are none.
    """
    names = groups(table)
    inherited: dict[str, str] = {}
    gone = previous.not_read(table["id"]) if previous else None
    if previous is not None and gone is not None and gone.num_rows:
        tied = pa.concat_tables([table.select(gone.column_names), gone])
        tied = (
            cluster(tied)
            if cluster
            else add_column(tied, "cluster", tied["id"].combine_chunks(), pa.string())
        )
        sets = groups(tied)
        smallest: dict[str, str] = {}
        for name, one in zip(table["id"].to_pylist(), sets, strict=False):
            smallest[one] = min(name, smallest.get(one, name))
        names = [smallest[one] for one in sets[: table.num_rows]]
        for name, one in zip(gone["id"].to_pylist(), sets[table.num_rows :], strict=True):
            if one in smallest:
                had = (previous.published[name], inherited.get(smallest[one], "train"))
                inherited[smallest[one]] = max(had, key=schema.SPLITS.index)
    table = add_column(table, "group", names, pa.string())
    return add_column(table, "inherited", [inherited.get(name) for name in names], pa.string())


def assign(table: pa.Table, splits: Splits, previous: Previous | None = None) -> pa.Table:
    """Add `split` to every row, and the marks of `held_out` and `duplicates`.

    Parameters
    ----------
    table
        Rows with `id`, `cluster`, `group`, `inherited`, `creation_method`, `may_hold_out`, `helpfulness`, `n_votes`
        and the marks of all earlier filters.
    splits
        The builder's salt and shares.
    previous
        The release before, in the names of this build.

    Returns
    -------
    pa.Table
        The same rows in the same order with `split` (the one it had; of a new row its group's) and
        `mark.held_out`, `mark.duplicates` and their details.
    """
    columns = (
        "id", "group", "inherited", "cluster", "creation_method", "may_hold_out", "helpfulness", "n_votes",
    )  # fmt: skip
    rows = table.select(columns).to_pylist()
    group_split = _of_groups(rows, splits, previous)
    kept = previous.splits if previous else {}
    row_split = [kept.get(row["id"], group_split[row["group"]]) for row in rows]
    table = add_column(table, "split", row_split, pa.string())
    held_out = [
        "held_out_relative"
        if split != group_split[row["group"]] or (split != "train" and not _may_be_held_out(row))
        else None
        for row, split in zip(rows, row_split, strict=True)
    ]
    held_out_details = [
        f"group is in {group_split[row['group']]}" if m else None
        for row, m in zip(rows, held_out, strict=True)
    ]
    table = add_mark(table, "held_out", held_out, held_out_details)

    stays: dict[str, Row] = {}
    unmarked = [reason is None for reason in first_marks(table, schema.FILTER_ORDER)["reason"].to_pylist()]
    for row, free in zip(rows, unmarked, strict=True):
        best = stays.get(row["cluster"])
        if free and (best is None or _preference(row, previous) < _preference(best, previous)):
            stays[row["cluster"]] = row
    marks, details = [], []
    for row, free in zip(rows, unmarked, strict=True):
        loses = free and stays[row["cluster"]] is not row
        marks.append("duplicate" if loses else None)
        details.append(f"of {stays[row['cluster']]['id']}" if loses else None)
    return add_mark(table, "duplicates", marks, details)


def _of_groups(rows: list[Row], splits: Splits, previous: Previous | None) -> dict[str, str]:
    """Return each group's split: the strongest that a member had or inherits, else train or drawn."""
    members: dict[str, list[Row]] = defaultdict(list)
    for row in rows:
        members[str(row["group"])].append(row)
    found = {}
    for group, listed in members.items():
        ids = [str(row["id"]) for row in listed]
        had = [previous.splits[name] for name in ids if name in previous.splits] if previous else []
        had += [str(row["inherited"]) for row in listed if row["inherited"] is not None]
        if had:
            found[group] = max(had, key=schema.SPLITS.index)  # train, validation, test: from weak to strong
        elif any(_may_be_held_out(row) for row in listed):
            found[group] = splits.draw(min(previous.drawn_as(name) for name in ids) if previous else group)
        else:
            found[group] = "train"
    return found


def groups(table: pa.Table) -> list[str]:
    """Return each row's group: the smallest id in the closure of cluster, lineage and normalised prompt."""
    links: dict[tuple[str, str], list[str]] = defaultdict(list)
    for row in table.select(["id", "cluster", "lineage", "messages"]).to_pylist():
        links["cluster", row["cluster"]].append(row["id"])
        for original in row["lineage"] or ():
            links["lineage", original].append(row["id"])
        prompt = prompt_key(row["messages"])
        if prompt:
            links["prompt", prompt].append(row["id"])
    ids = table["id"].to_pylist()
    sets = UnionFind(ids)
    for linked in links.values():
        for other in linked[1:]:
            sets.join(linked[0], other)
    return [sets.of(identity) for identity in ids]


def prompt_key(messages: list[dict[str, str]] | None) -> str:
    """Return what comes before the last answer, normalised for comparison; empty for an unreadable row."""
    return match_key("\n".join(turn["content"] or "" for turn in messages[:-1])) if messages else ""


def first_marks(table: pa.Table, order: Iterable[str]) -> pa.Table:
    """Return `reason`, `filter` and `detail` of each row: its first mark in the order given, nulls without one."""
    names = [name for name in order if f"mark.{name}" in table.column_names]
    marks = [table[f"mark.{name}"].to_pylist() for name in names]
    details = [table[f"detail.{name}"].to_pylist() for name in names]
    reasons: list[str | None] = [None] * table.num_rows
    filters: list[str | None] = [None] * table.num_rows
    chosen: list[str | None] = [None] * table.num_rows
    for name, mark, detail in zip(names, marks, details, strict=True):
        for at, reason in enumerate(mark):
            if reason is not None and reasons[at] is None:
                reasons[at], filters[at], chosen[at] = reason, name, detail[at]
    text = pa.string()
    return pa.table(
        {
            "reason": pa.array(reasons, text),
            "filter": pa.array(filters, text),
            "detail": pa.array(chosen, text),
        }
    )


def _may_be_held_out(row: Row) -> bool:
    return bool(row["may_hold_out"]) and row["creation_method"] in schema.HUMAN_ORIGIN


def _preference(row: Row, previous: Previous | None) -> tuple[int, float, int, str]:
    """Order the rows of a cluster: held out before, published before, helpfulness (null last), votes, id."""
    helpfulness, votes, name = row["helpfulness"], row["n_votes"], str(row["id"])
    before = previous.published.get(name) if previous else None
    return (
        2 if before is None else 1 if before == "train" else 0,
        -helpfulness if isinstance(helpfulness, float) else 1.0,  # null last: no helpfulness is below 0
        -votes if isinstance(votes, int) else 0,
        previous.drawn_as(name) if previous else name,
    )
