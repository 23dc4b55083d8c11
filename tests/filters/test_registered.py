"""What `filters/base.py` promises, kept by every filter there is; a new one is found by its class."""

from __future__ import annotations

import dataclasses
import importlib
import inspect
import json
import pickle
import pkgutil
from typing import Any

import pyarrow as pa
import pytest
from lrl_datasets.builders import swahili_instruct

from lrl_datasets import filters, schema
from lrl_datasets.engine import names
from lrl_datasets.filters.base import add_column
from lrl_datasets.filters.contamination import Contamination
from lrl_datasets.filters.helpfulness_prediction import HelpfulnessPrediction
from lrl_datasets.filters.identity import Identity
from lrl_datasets.filters.suite_index import SuiteIndex, SuiteItem
from lrl_datasets.filters.worker_ids import WorkerIds
from tests.filters.models import model, written

# Marks that are no filter's: the sources' own, what campaigns hold against answers, what is made with the splits.
OTHERS = {"source", "answer_rules", "held_out", "overlap"}


def classes() -> dict[str, type]:
    """Every filter in `lrl_datasets/filters/`, by name."""
    found = {}
    for module in pkgutil.iter_modules(filters.__path__):
        content = vars(importlib.import_module(f"lrl_datasets.filters.{module.name}"))
        own = [
            one for one in content.values() if inspect.isclass(one) and one.__module__.endswith(module.name)
        ]
        found |= {one.name: one for one in own if isinstance(getattr(one, "reasons", None), tuple)}
    return found


# As the reference builder sets them, and what a build adds.
INDEX = SuiteIndex.build([SuiteItem("suite", ("Kifaranga huanguliwa baada ya siku ishirini na moja",))])
SET: dict[str, Any] = {
    **{step.name: step for step in swahili_instruct.FILTERS},
    "helpfulness_prediction": HelpfulnessPrediction(written(model({}))),
    "worker_ids": WorkerIds(frozenset({"worker-17"})),
    "identity": Identity(b"a key for the tests only"),
    "contamination": Contamination(INDEX),
}


def rows() -> pa.Table:
    """One row that nothing objects to, one that could not be read, and one for every kind of objection."""
    fine = "Kabla ya kusafiri kwa basi, hakikisha tiketi yako ina jina sahihi na muda wa kuondoka."
    texts: list[tuple[str, str] | None] = [
        ("Nisafiri vipi kwa basi?", fine), None, ("Nisafiri vipi kwa basi?", "   "), ("Eh", fine),
        ("How do I travel by bus tomorrow morning?", "Please make sure that your ticket has the right name on it."),
        ("Nisafiri vipi kwa basi?", fine + " Asante."),
        ("Kuku hutaga vipi?", "Kifaranga huanguliwa baada ya siku ishirini na moja"),
        ("Nikupigie wapi?", "Nipigie 0712 345 678 au uandike kwa worker-17, mtu@example.org kesho asubuhi."),
        (fine, fine), ("Nisafiri vipi kwa basi?", "Ndiyooooooooooooooo"),
        ("Tafsiri neno hili.", "Слово о полку Игореве, сына Святославля."),
        ("Wewe ni nani?", "Mimi ni modeli ya lugha, sina jina."), ("Nisafiri vipi kwa basi?", fine + " Kisha,"),
        ("Nisafiri vipi kwa basi?", f"<div><span><b>{fine}"),
        ("Nisafiri vipi kwa basi?", "Travel with the bus of this morning."),
    ]  # fmt: skip
    listed = [
        {
            "source": "tests", "record": str(number), "worker": "worker-17", "keyed_id": True,
            "file": "f", "row": number, "creation_method": "machine_translated" if number == 14 else "crowd",
            "messages": text and [{"role": "user", "content": text[0]}, {"role": "assistant", "content": text[1]}],
            "mark.source": None if text else "unreadable",
        }
        for number, text in enumerate(texts)
    ]  # fmt: skip
    table = schema.candidates(listed)
    nulls = (("helpfulness", pa.float64()), ("n_votes", pa.int32()))  # as the crowd joins them
    for name, kind in nulls:
        if name not in table.column_names:
            table = table.append_column(name, pa.nulls(table.num_rows, kind))
    english = [
        [{"role": "assistant", "content": "First. " * 200}] if at == 13 else None for at in range(len(texts))
    ]
    return add_column(table, "english", english, schema.MESSAGES)


def before(name: str) -> pa.Table:
    """The rows as they come to a filter."""
    table = rows()
    for earlier in schema.FILTER_ORDER[: schema.FILTER_ORDER.index(name)]:
        table = SET[earlier](table) if earlier in SET else table
    return table


def test_every_filter_has_its_place_and_every_place_its_filter() -> None:
    assert classes().keys() == set(schema.FILTER_ORDER) - OTHERS == SET.keys()
    reasons = [reason for one in classes().values() for reason in one.reasons]  # type: ignore[attr-defined]
    assert set(reasons) <= schema.REASONS.keys()
    assert len(reasons) == len(set(reasons)), (
        "two filters share a reason, so that the funnel cannot tell them apart"
    )


@pytest.mark.parametrize("name", sorted(SET))
def test_a_filter_marks_and_never_drops(name: str) -> None:
    step, table = SET[name], before(name)
    assert dataclasses.is_dataclass(step) and type(step).__dataclass_params__.frozen  # type: ignore[attr-defined]
    done = step(table)
    assert done["record"].to_pylist() == table["record"].to_pylist()
    assert set(table.column_names) <= set(done.column_names)
    if name == "duplicates":
        assert (
            "mark.duplicates" not in done.column_names
        )  # it finds the clusters; the release marks, after the splits
    elif step.reasons:
        marks = done[f"mark.{name}"].to_pylist()
        assert set(marks) <= {None, *step.reasons}
        unread = [messages is None for messages in done["messages"].to_pylist()]
        assert [mark for mark, null in zip(marks, unread, strict=True) if null] == [None]
        assert marks[0] is None or name == "helpfulness"
    assert step(table).equals(done), "a filter keeps no state"


@pytest.mark.parametrize(
    "name",
    [name for name in ("normalise", *schema.ROW_RULES, "contamination", "helpfulness") if SET[name].reasons],
)
def test_a_filter_that_is_local_to_a_row_finds_something_here(name: str) -> None:
    marks = SET[name](before(name))[f"mark.{name}"].to_pylist()
    assert [mark for mark in marks if mark is not None] != []


@pytest.mark.parametrize("name", sorted(SET.keys() - {"duplicates"}))
def test_a_table_may_be_cut_into_batches_anywhere(name: str) -> None:
    table = before(name)
    whole = SET[name](table)
    for at in (1, 4):
        parts = pa.concat_tables([SET[name](table.slice(0, at)), SET[name](table.slice(at))])
        assert parts.to_pylist() == whole.to_pylist()


@pytest.mark.parametrize("name", sorted(SET))
def test_a_filter_goes_to_another_process_and_files_are_named_by_it(name: str) -> None:
    step = SET[name]
    assert names.of_settings(pickle.loads(pickle.dumps(step))) == names.of_settings(step)
    assert json.dumps(names.of_settings(step))
