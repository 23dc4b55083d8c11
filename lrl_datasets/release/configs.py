"""From marked rows to the release's configs: rows without a reason to the splits, the others to `rejected`.

Every table comes out in the columns of its contract, sorted by id, so that the same rows are the same bytes.
"""

from __future__ import annotations

import json
from collections import defaultdict
from dataclasses import dataclass
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from lrl_datasets import schema
from lrl_datasets.filters.base import add_column, true_rows
from lrl_datasets.release.splits import first_marks

Configs = dict[str, dict[str, pa.Table]]
"""Config → split → table, without the empty ones."""


def divide(
    rows: pa.Table, annotations: pa.Table, minimum_margin: float, compared: Compared | None = None
) -> Configs:
    """Divide the marked rows into configs and splits.

    Parameters
    ----------
    rows
        Every record read, with its provenance, marks and `split` (after `splits.assign`).
    annotations
        Every judgement, with the columns of `schema.ANNOTATIONS`; the workers are pseudonyms.
    minimum_margin
        Smallest difference of helpfulness between two answers that makes a preference pair.
    compared
        What people who saw both said of two answers.
    """
    reasons = first_marks(rows, schema.FILTER_ORDER)
    for name in reasons.column_names:
        rows = rows.append_column(name, reasons[name])
    published = pc.is_null(rows["reason"])
    refused = _without_leaked_text(rows.filter(pc.is_valid(rows["reason"])))
    configs: Configs = {
        "default": _by_split(rows, schema.SFT, published),
        "preference": _by_split(preferences(rows, minimum_margin, compared), schema.PREFERENCE),
        "annotations": {"train": _sorted(annotations, schema.ANNOTATIONS)},
        "rejected": {"train": _sorted(refused, schema.REJECTED)},
    }
    present = {name: {s: t for s, t in splits.items() if t.num_rows} for name, splits in configs.items()}
    return {name: splits for name, splits in present.items() if splits}


@dataclass(frozen=True)
class Compared:
    """Margins of the pairs that were compared directly."""

    pairs: pa.Table
    """`crowd.preferences.PAIRS`."""
    minimum: float
    """Smallest margin that makes a preference pair."""

    def of(self) -> dict[tuple[str, str], dict[str, Any]]:
        """Return the margin columns by (chosen, rejected), both ways round."""
        found = {}
        for row in self.pairs.to_pylist():
            margin, low, high = (row[name] for name in ("margin", "margin_low", "margin_high"))
            told = {"margin_kind": "comparisons", "n_comparisons": row["n_votes"]}
            one, other = row["answer_id"], row["other_id"]
            found[one, other] = {"margin": margin, "margin_low": low, "margin_high": high, **told}
            found[other, one] = {"margin": -margin, "margin_low": -high, "margin_high": -low, **told}
        return found


def preferences(rows: pa.Table, minimum_margin: float, compared: Compared | None = None) -> pa.Table:
    """Pair answers to one prompt that the crowd judged differently: a published one, and a worse one.

    The worse one is published too, or refused as `unhelpful` and for nothing else. `margin` is the difference
    of their helpfulness, so both are of one source: another crowd's probability is on another scale, and so is what a
    model predicts: it makes no pair. Both have
    the same prompt to the letter, which TRL takes for granted, and so the same split.

    Where people compared the two, what they said is the margin, and the difference of helpfulness says nothing: the
    pair may turn round, or be none. Answers that nobody judged one by one can be chosen where the builder publishes
    them, and be the worse ones too.
    """
    direct, smallest = (compared.of(), compared.minimum) if compared else ({}, 0.0)
    among = {name for pair in direct for name in pair}
    marks = [name for name in rows.column_names if name.startswith("mark.") and name != "mark.helpfulness"]
    asked = pc.or_(
        pc.is_valid(rows["helpfulness"]), pc.is_in(rows["id"], pa.array(sorted(among), pa.string()))
    )
    for mark in marks:
        asked = pc.and_(asked, pc.is_null(rows[mark]))
    judged: dict[str, list[dict[str, Any]]] = defaultdict(list)
    for row in rows.filter(asked).to_pylist():
        judged[json.dumps([row["source"], row["license"], row["messages"][:-1]])].append(row)
    pairs = []
    for answers in judged.values():
        for chosen in answers:
            for rejected in answers:
                told = direct.get((chosen["id"], rejected["id"]))
                least = smallest if told else minimum_margin
                told = told or _by_helpfulness(chosen, rejected)
                copies = chosen["cluster"] == rejected["cluster"]
                if (
                    told
                    and chosen["reason"] is None
                    and told["margin"] >= least
                    and told["margin"] > 0
                    and not copies
                ):
                    pairs.append(_pair(chosen, rejected, told))
    table = pa.Table.from_pylist(pairs, schema=schema.PREFERENCE)
    return table.append_column("split", pa.array([pair["split"] for pair in pairs], pa.string()))


def _by_helpfulness(chosen: dict[str, Any], rejected: dict[str, Any]) -> dict[str, Any] | None:
    both = (chosen, rejected)
    if any(row["helpfulness"] is None or row["helpfulness_kind"] == "predicted" for row in both):
        return None
    margin = round(chosen["helpfulness"] - rejected["helpfulness"], 4)
    return {"margin": margin, "margin_kind": "helpfulness"}


def _pair(chosen: dict[str, Any], rejected: dict[str, Any], told: dict[str, Any]) -> dict[str, object]:
    shared = {name: chosen[name] for name in schema.PREFERENCE.names if name in chosen}
    return shared | {
        "id": schema.digest("preference", chosen["id"], rejected["id"]),
        "chosen": chosen["messages"],
        "rejected": rejected["messages"],
        **told,
        "chosen_id": chosen["id"],
        "rejected_id": rejected["id"],
        "split": chosen["split"],
    }


def _by_split(rows: pa.Table, contract: pa.Schema, chosen: pa.Array | None = None) -> dict[str, pa.Table]:
    found = {}
    for split in schema.SPLITS:
        here = pc.equal(rows["split"], split)
        found[split] = _sorted(rows, contract, here if chosen is None else pc.and_(here, chosen))
    return found


def _sorted(rows: pa.Table, contract: pa.Schema, chosen: pa.Array | None = None) -> pa.Table:
    """Return the chosen rows in the columns of a contract, sorted by all that are no lists; copied once."""
    rows = rows.select(contract.names)
    flat = [name for name in contract.names if not pa.types.is_nested(contract.field(name).type)]
    places = pa.array(np.arange(rows.num_rows)) if chosen is None else pa.array(true_rows(chosen))
    first = rows[flat[0]].take(places)
    if pc.count_distinct(first).as_py() < len(first):
        order = pc.sort_indices(rows.select(flat).take(places), [(name, "ascending") for name in flat])
    else:
        order = pc.sort_indices(first)  # nothing is left for the other columns to decide
    return rows.take(places.take(order)).cast(contract).combine_chunks()


def _without_leaked_text(rejected: pa.Table) -> pa.Table:
    # Whatever reason came first: text of the evaluation suite is never published again.
    if "mark.contamination" not in rejected.column_names:
        return rejected
    leaked = np.asarray(pc.is_valid(rejected["mark.contamination"]))
    places = pa.array(np.arange(rejected.num_rows), mask=leaked)
    return add_column(rejected, "messages", rejected["messages"].take(places), schema.MESSAGES)
