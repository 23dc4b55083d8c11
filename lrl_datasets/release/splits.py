"""Groups, splits, and the last marks: `held_out_relative`, `held_out_overlap` and `duplicate`.

A group is the transitive closure of near-duplicate cluster, lineage id, English original (`filters/english.py`) and
normalised prompt over every row read, refused or not, and all rows of a group share one split, so that nothing in train
is a relative of what measures it. A new group's split depends on its name, the salt and the shares alone, and a row
that was read before keeps the split it had: rows come and go without moving the others. Where groups merge, test beats
validation beats train, and the rows of the weaker split are refused.

What the previous release published and nobody reads any more still ties its relatives: a text that comes back under
another id, or a copy of one that was held out, goes where the old one was and not into train.
"""

from __future__ import annotations

import hashlib
import hmac
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
from numpy.typing import NDArray

from lrl_datasets import schema
from lrl_datasets.filters.base import add_column, add_mark
from lrl_datasets.filters.identity import prompt_keys
from lrl_datasets.filters.normalise import match_key
from lrl_datasets.release import overlap
from lrl_datasets.release.previous import Previous

Numbers = NDArray[np.int64]


@dataclass(frozen=True)
class Splits:
    """How a builder divides its groups."""

    salt: str
    """A constant of the builder, never changed: with it every new group would be drawn anew."""
    validation: float = 0.1
    """Share of the groups that may be held out which goes to validation."""
    test: float = 0.1
    """Share of the groups that may be held out which goes to test."""
    overlap_share: float = 0.8
    """Share of what a held-out text says from which on a training row that has it is refused, if it comes to
    `overlap_bits` too: near-duplicates, as between rows of one split; answers to like requests share less."""
    overlap_bits: float = 60.0
    """About seven words that are not common: a sentence, not a phrase."""

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
        Every row read, with `id`, `messages`, `lineage` and `cluster`, and `original` where English sides are known.
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
        # What a row was translated from is not published: a row that is gone is tied by its ids and its text.
        columns = [*gone.column_names, *({"original"} & {*table.column_names})]
        tied = pa.concat_tables([table.select(columns), gone], promote_options="default")
        tied = cluster(tied) if cluster else add_column(tied, "cluster", tied["id"], pa.string())
        sets = _codes(groups(tied))
        names = _smallest(table["id"], sets[: table.num_rows])
        named = dict(zip(sets.tolist(), names.to_pylist(), strict=False))
        for name, one in zip(gone["id"].to_pylist(), sets[table.num_rows :].tolist(), strict=True):
            if one in named:
                had = (previous.published[name], inherited.get(named[one], "train"))
                inherited[named[one]] = max(had, key=schema.SPLITS.index)
    table = add_column(table, "group", names, pa.string())
    return add_column(table, "inherited", _looked_up(names, inherited), pa.string())


def assign(table: pa.Table, splits: Splits, previous: Previous | None = None) -> pa.Table:
    """Add `split` to every row, and the marks of `held_out` and `duplicates`.

    Parameters
    ----------
    table
        Rows with `id`, `cluster`, `group`, `inherited`, `creation_method`, `may_hold_out`, `helpfulness`,
        `helpfulness_kind`, `n_votes` and the marks of all earlier filters.
    splits
        The builder's salt and shares.
    previous
        The release before, in the names of this build.

    Returns
    -------
    pa.Table
        The same rows in the same order with `split` (the one it had; of a new row its group's) and
        `mark.held_out`, `mark.overlap`, `mark.duplicates` and their details.
    """
    holdable = pc.and_(
        pc.fill_null(table["may_hold_out"], False),
        pc.is_in(table["creation_method"], value_set=pa.array(schema.HUMAN_ORIGIN)),
    )
    # What is held out measures or steers a training: no model's word stands there in the place of people's.
    holdable = pc.and_(holdable, pc.invert(_predicted(table)))
    of_group = _of_groups(table, np.asarray(holdable), splits, previous)
    kept = _looked_up(table["id"], previous.splits if previous else {})
    split = pc.coalesce(kept, of_group)
    table = add_column(table, "split", split, pa.string())
    stays_in_train = pc.equal(split, "train")
    misplaced = pc.not_equal(split, of_group)
    held_out = pc.or_(misplaced, pc.invert(pc.or_(stays_in_train, holdable)))
    why = pc.binary_join_element_wise("group is in ", of_group, "")
    table = add_mark(
        table, "held_out", _where(held_out, "held_out_relative"), pc.if_else(held_out, why, _NOTHING)
    )
    free = pc.is_null(first_marks(table, schema.FILTER_ORDER)["reason"])
    table = overlap.marked(table, free, splits.overlap_share, splits.overlap_bits)

    free = pc.is_null(first_marks(table, schema.FILTER_ORDER)["reason"])
    stays = _staying(table, np.asarray(free), previous)
    loses = pa.array(np.asarray(free) & (stays != np.arange(table.num_rows)))
    of = pc.binary_join_element_wise("of ", table["id"].take(pa.array(stays)), "")
    return add_mark(table, "duplicates", _where(loses, "duplicate"), pc.if_else(loses, of, _NOTHING))


_NOTHING = pa.nulls(1, pa.string())[0]


def _where(here: pa.Array, text: str) -> pa.Array:
    return pc.if_else(here, pa.scalar(text), _NOTHING)


def _predicted(table: pa.Table) -> pa.ChunkedArray:
    return pc.fill_null(pc.equal(table["helpfulness_kind"], "predicted"), False)


def _of_groups(
    table: pa.Table, holdable: NDArray[np.bool_], splits: Splits, previous: Previous | None
) -> pa.Array:
    """Return the split of each row's group: the strongest that a member had or inherits, else train or drawn."""
    encoded = table["group"].combine_chunks().dictionary_encode()
    group = np.asarray(encoded.indices)
    count = len(encoded.dictionary)
    strength = np.full(count, -1)  # train, validation, test: from weak to strong
    kept = _looked_up(table["id"], previous.splits if previous else {})
    for had in (kept, table["inherited"]):
        known = np.flatnonzero(np.asarray(pc.is_valid(had)))
        stronger = np.asarray(pc.index_in(had.take(pa.array(known)), value_set=pa.array(schema.SPLITS)))
        np.maximum.at(strength, group[known], stronger)
    new = (strength < 0) & (np.bincount(group, weights=holdable, minlength=count) > 0)
    names = dict(
        zip(np.flatnonzero(new).tolist(), encoded.dictionary.filter(pa.array(new)).to_pylist(), strict=True)
    )
    if previous is not None:
        drawn_as: dict[int, str] = {}
        rows = np.flatnonzero(new[group])
        for one, name in zip(group[rows].tolist(), table["id"].take(pa.array(rows)).to_pylist(), strict=True):
            earlier = previous.drawn_as(name)
            drawn_as[one] = min(earlier, drawn_as.get(one, earlier))
        names = drawn_as
    for one, name in names.items():
        strength[one] = schema.SPLITS.index(splits.draw(name))
    return pa.array(schema.SPLITS).take(pa.array(np.maximum(strength, 0)[group]))


def _staying(table: pa.Table, free: NDArray[np.bool_], previous: Previous | None) -> Numbers:
    """Return, for each free row, the free row of its cluster that stays; for the others themselves.

    The first by: held out before, published before; judged, predicted, neither; helpfulness, votes, id.
    """
    cluster = _codes(table["cluster"])
    stays = np.arange(table.num_rows)
    rows = np.flatnonzero(free)
    rows = rows[np.bincount(cluster[rows], minlength=len(stays))[cluster[rows]] > 1]
    some = table.select(["id", "helpfulness", "helpfulness_kind", "n_votes"]).take(pa.array(rows))
    names, before = some["id"], np.full(len(rows), 2)
    if previous is not None:
        listed = names.to_pylist()
        had = [previous.published.get(name) for name in listed]
        before = np.array([2 if split is None else int(split == "train") for split in had], int)
        names = pa.chunked_array([pa.array([previous.drawn_as(name) for name in listed], pa.string())])
    helpfulness = np.asarray(pc.fill_null(some["helpfulness"], -1.0))
    votes = np.asarray(pc.fill_null(some["n_votes"], 0))
    said_by = np.where(helpfulness < 0, 2, np.asarray(_predicted(some)))
    order = np.lexsort((_ranks(names), -votes, -helpfulness, said_by, before, cluster[rows]))
    rows = rows[order]
    _, first, size = np.unique(cluster[rows], return_index=True, return_counts=True)
    stays[rows] = np.repeat(rows[first], size)
    return stays


def groups(table: pa.Table) -> pa.ChunkedArray:
    """Return each row's group: the smallest id in the closure of cluster, lineage, English original and prompt."""
    from scipy.sparse import coo_array
    from scipy.sparse.csgraph import connected_components

    prompts = table["prompt_key"] if "prompt_key" in table.column_names else prompt_keys(table)
    lineage = table["lineage"].combine_chunks()
    everyone = np.arange(table.num_rows)
    # Rows and what ties them are the nodes of a graph, and a group is what hangs together in it.
    rows, ties, nodes = [], [], table.num_rows
    for at, values in (
        (everyone, table["cluster"]),
        (everyone, prompts),
        (np.asarray(pc.list_parent_indices(lineage)), lineage.flatten()),
        *([(everyone, table["original"])] if "original" in table.column_names else []),
    ):
        tied = np.asarray(pc.is_valid(values))
        codes = _codes(values)[tied]
        rows.append(at[tied])
        ties.append(codes + nodes)
        nodes += int(codes.max(initial=-1)) + 1
    one, other = np.concatenate(rows), np.concatenate(ties)
    graph = coo_array((np.ones(len(one), np.int8), (one, other)), shape=(nodes, nodes))
    _, sets = connected_components(graph, directed=False)
    return _smallest(table["id"], sets[: table.num_rows].astype(np.int64))


def _smallest(ids: pa.ChunkedArray, sets: Numbers) -> pa.ChunkedArray:
    """Return the smallest id of each row's set."""
    order = np.asarray(pc.sort_indices(ids))
    first = np.full(int(sets.max(initial=-1)) + 1, -1)
    first[sets[order[::-1]]] = order[::-1]  # the smallest is written last
    return ids.take(pa.array(first[sets]))


def _codes(values: pa.ChunkedArray | pa.Array) -> Numbers:
    """Number the values: equal ones have equal numbers (nulls one of their own)."""
    whole = values.combine_chunks() if isinstance(values, pa.ChunkedArray) else values
    return np.asarray(whole.dictionary_encode(null_encoding="encode").indices).astype(np.int64)


def _ranks(values: pa.ChunkedArray) -> Numbers:
    ranks = np.empty(len(values), np.int64)
    ranks[np.asarray(pc.sort_indices(values))] = np.arange(len(values))
    return ranks


def _looked_up(names: pa.ChunkedArray, values: Mapping[str, str]) -> pa.ChunkedArray:
    """Return what each name stands for, null where it is not there."""
    if not values:
        return pa.chunked_array([pa.nulls(len(names), pa.string())])
    at = pc.index_in(names, value_set=pa.array(values.keys(), pa.string()))
    return pa.chunked_array([pa.array(values.values(), pa.string())]).take(at)


def prompt_key(messages: list[dict[str, str]] | None) -> str:
    """Return what comes before the last answer, normalised for comparison; empty for an unreadable row."""
    return match_key("\n".join(turn["content"] or "" for turn in messages[:-1])) if messages else ""


def first_marks(table: pa.Table, order: Iterable[str]) -> pa.Table:
    """Return `reason`, `filter` and `detail` of each row: its first mark in the order given, nulls without one."""
    nothing = pa.chunked_array([pa.nulls(table.num_rows, pa.string())])
    reason, by, detail = nothing, nothing, nothing
    for name in order:
        if f"mark.{name}" not in table.column_names or table[f"mark.{name}"].null_count == table.num_rows:
            continue
        mark = table[f"mark.{name}"]
        here = pc.and_(pc.is_valid(mark), pc.is_null(reason))
        reason = pc.if_else(here, mark, reason)
        by = pc.if_else(here, pa.scalar(name), by)
        detail = pc.if_else(here, table[f"detail.{name}"], detail)
    return pa.table({"reason": reason, "filter": by, "detail": detail})
