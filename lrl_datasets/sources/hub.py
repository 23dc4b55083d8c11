"""A dataset on the Hub, or files of the same columns, as a source by a map of its columns.

Takes what a builder declares (which columns make prompt and answer, what identifies a row, where it came
from, which rows are wanted), gives candidates. The files are fetched by the real clients (`hub_files`) and
read tolerantly (`tables`): a cell that does not parse is one unreadable record. Parquet is read by columns, 400,000
rows of 100 words a second without lineage; other files and doubtful rows one by one.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import KW_ONLY, dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from lrl_datasets import schema
from lrl_datasets.errors import LrlError
from lrl_datasets.sources import cell_columns, cells
from lrl_datasets.sources.base import SourceTables
from lrl_datasets.sources.cell_columns import Sure
from lrl_datasets.sources.cells import Unreadable
from lrl_datasets.sources.hub_files import read_split
from lrl_datasets.sources.records import RawRecord, Records
from lrl_datasets.sources.tables import Rows


def plain_key(text: str) -> str:
    """Ignore case and spacing: the default form in which two originals are the same."""
    return " ".join(text.casefold().split())


@dataclass(frozen=True)
class HubDataset:
    """One Hub dataset as a source of candidates."""

    name: str
    repo: str
    revision: str
    """A commit, or a branch or tag that is resolved to a commit at each build."""
    _: KW_ONLY
    # which files
    config: str | None = None
    split: str = "train"
    files: tuple[str, ...] = ()
    """Paths in the repository, with `*`; by default what `datasets` takes for config and split."""
    # which column is what
    prompt: str
    answer: str
    context: str | None = None
    """A text the prompt is about; it follows the prompt after a blank line."""
    record: str | None = None
    """The record's own id; without one the id comes from the content."""
    score: str | None = None
    """What the source itself says of the row, a number: `source_score`."""
    worker: str | None = None
    originals: tuple[str, ...] = ()
    """Columns with the texts that the prompt was translated from: their hash names its original."""
    original_answer: str | None = None
    """Column with the text that the answer was translated from."""
    original_id: str | None = None
    """Column with the original's id, in the place of the hash."""
    original_dataset: str | None = None
    """Dataset that the originals belong to: lineage is `dataset:hash` or `dataset:id`."""
    original_key: Callable[[str], str] = plain_key
    """The form of an original that is hashed."""
    # which rows
    where: Mapping[str, str | tuple[str, ...]] = field(default_factory=dict)
    """Column to the value or values of the rows that are wanted; the others are counted, not read."""
    expected: Mapping[str, tuple[str, ...]] = field(default_factory=dict)
    """Column to all values that are known; a row with another one is unreadable."""
    # what they are
    language: str
    prompt_language: str | None = None
    license: str
    license_note: str | None = None
    creation_method: str
    model_name: str | None = None
    """The model that wrote any of it, for instance the translation system."""
    may_hold_out: bool = False
    may_be_unjudged: bool = False

    def __post_init__(self) -> None:
        if self.creation_method not in schema.CREATION_METHODS:
            raise ValueError(f"source {self.name}: unknown creation method {self.creation_method!r}")
        if bool(self.originals or self.original_id) != bool(self.original_dataset):
            raise ValueError(f"source {self.name}: lineage needs a dataset and its columns, both or none")

    def read(self, path: Path | None = None) -> SourceTables:
        """Read the dataset from the Hub, or a file or folder of the same columns at `path`.

        Raises
        ------
        LrlError
            If the Hub or a file cannot be read, a column is missing, or no row has the values in `where`.
        """
        where = {c: (v,) if isinstance(v, str) else tuple(v) for c, v in self.where.items()}
        found = read_split(
            path,
            self.repo,
            self.revision,
            split=self.split,
            config=self.config,
            files=self.files,
            where=where,
        )
        tables = [schema.CANDIDATE.empty_table()]
        quarantine: list[tuple[str, int, bytes]] = []
        for records in found.files:
            records.require(*self._columns().values(), *self.originals, *self.expected)
            tables.append(self._table(records, found.commit, quarantine))
        candidates = pa.concat_tables(tables)
        inputs = [records.file for records in found.files]
        if not candidates.num_rows and where and any(file.records for file in inputs):
            wanted = " and ".join(f"{column} {' or '.join(values)}" for column, values in where.items())
            raise LrlError(f"source {self.name}: no row of {', '.join(f.name for f in inputs)} has {wanted}")
        return SourceTables(
            candidates=candidates,
            judgements=schema.judgements([]),
            inputs=inputs,
            left_out=found.left_out,
            revision=found.commit,
            quarantine=quarantine,
            facts=self._facts(),
        )

    def _table(
        self, records: Records, commit: str | None, quarantine: list[tuple[str, int, bytes]]
    ) -> pa.Table:
        """Read a file's records: as columns those that can surely be read so, the others one by one."""
        same: dict[str, object] = {
            "file": records.file.name,
            "file_sha256": records.file.sha256,
            "may_hold_out": self.may_hold_out,
            "may_be_unjudged": self.may_be_unjudged,
            "keyed_id": False,
            "language": self.language,
            "prompt_language": self.prompt_language or self.language,
            "source": self.name,
            "source_revision": commit,
            "license": self.license,
            "creation_method": self.creation_method,
            "model_name": self.model_name,
        }
        if not isinstance(records.rows, Rows):
            return schema.candidates(self._one_by_one(records, records.rows, same, quarantine))
        sure, columns = self._by_columns(records.rows.table)
        filled = columns | {"row": records.rows.numbers}
        read = cell_columns.table(filled, same, schema.CANDIDATE, len(sure)).filter(pa.array(sure))
        places = np.flatnonzero(~sure)
        if not len(places):
            return read
        others = schema.candidates(
            self._one_by_one(records, records.rows.only(places.tolist()), same, quarantine)
        )
        order = np.argsort(np.concatenate([np.flatnonzero(sure), places]))
        return pa.concat_tables([read, others]).take(order)

    def _one_by_one(
        self,
        records: Records,
        rows: Iterable[RawRecord],
        same: Mapping[str, object],
        quarantine: list[tuple[str, int, bytes]],
    ) -> Iterator[dict[str, object]]:
        for raw in rows:
            read: dict[str, object] = {"lineage": []}
            problem = raw.problem
            if problem is None:
                try:
                    read = self._row(raw.values)
                except Unreadable as error:
                    problem = str(error)
            if problem is not None:
                quarantine.append((records.file.name, raw.row, raw.for_quarantine()))
            marks = {"mark.source": "unreadable" if problem else None, "detail.source": problem}
            yield {**same, "row": raw.row, **read, **marks}

    def _by_columns(self, table: pa.Table) -> tuple[Sure, dict[str, pa.ChunkedArray]]:
        """Give what `_row` gives, for all rows at once, and say for which of them that is sure."""
        prompt, sure = cell_columns.text(table[self.prompt])
        answer, also = cell_columns.text(table[self.answer])
        sure &= also
        for column, known in self.expected.items():
            sure &= cell_columns.one_of(table[column], known)
        if self.context:
            context, also = cell_columns.optional(table[self.context])
            sure &= also
            joined = pc.binary_join_element_wise(prompt, context, "\n\n")
            prompt = pc.if_else(pc.equal(context, ""), prompt, joined)
        found = {"messages": cell_columns.conversations(prompt, answer)}
        if self.record:
            found["record"], also = cell_columns.filled(table[self.record])
            sure &= also
        if self.worker:
            worker, also = cell_columns.optional(table[self.worker])
            found["worker"] = pc.if_else(pc.equal(worker, ""), None, worker)
            sure &= also
        if self.score:
            found["source_score"], also = cell_columns.number(table[self.score])
            sure &= also
        # Where a row comes from is said by texts that are normalised and hashed one by one.
        if self.original_id:
            sure &= cell_columns.filled(table[self.original_id])[1]
        told = np.zeros(table.num_rows, bool)
        named = dict.fromkeys(filter(None, (self.original_id, *self.originals, self.original_answer)))
        for column in named:
            sure &= cell_columns.optional(table[column])[1]
            told |= np.asarray(pc.is_valid(table[column]))
        told &= sure
        lineage: list[list[str]] = [[] for _ in range(table.num_rows)]
        english: list[list[dict[str, str]] | None] = [None] * table.num_rows
        origins = table.select(list(named)).filter(pa.array(told)).to_pylist() if named else []
        for at, values in zip(np.flatnonzero(told), origins, strict=True):
            lineage[at], english[at] = self._lineage(values), self._english(values)
        found["lineage"] = pa.array(lineage, schema.CANDIDATE.field("lineage").type)
        found["english"] = pa.array(english, schema.MESSAGES)
        return sure, found

    def _row(self, values: Mapping[str, Any]) -> dict[str, object]:
        for column, known in self.expected.items():
            if values.get(column) not in known:
                raise Unreadable(f"column {column} is none of {', '.join(known)}")
        prompt, context = cells.text(values, self.prompt), cells.optional(values, self.context)
        answer = cells.text(values, self.answer)
        return {
            "record": cells.filled(values, self.record) if self.record else None,
            "worker": cells.optional(values, self.worker) or None,
            "messages": [
                {"role": "user", "content": f"{prompt}\n\n{context}" if context else prompt},
                {"role": "assistant", "content": answer},
            ],
            "source_score": _score(values, self.score),
            "lineage": self._lineage(values),
            "english": self._english(values),
        }

    def _english(self, values: Mapping[str, Any]) -> list[dict[str, str]] | None:
        prompt = "\n\n".join(filter(None, (cells.optional(values, column) for column in self.originals)))
        turns = (("user", prompt), ("assistant", cells.optional(values, self.original_answer)))
        return [{"role": role, "content": text} for role, text in turns if text] or None

    def _lineage(self, values: Mapping[str, Any]) -> list[str]:
        if self.original_id:
            return [f"{self.original_dataset}:{cells.filled(values, self.original_id)}"]
        texts = [self.original_key(cells.optional(values, column)) for column in self.originals]
        return [f"{self.original_dataset}:{schema.digest(*texts)}"] if any(texts) else []

    def _columns(self) -> dict[str, str]:
        roles = ("prompt", "context", "answer", "record", "score", "worker", "original_id", "original_answer")
        return {role: column for role in roles if (column := getattr(self, role)) is not None}

    def _facts(self) -> dict[str, object]:
        facts: dict[str, object] = {
            key: getattr(self, key)
            for key in ("name", "repo", "config", "split", "license", "license_note", "language")
        }
        facts |= {key: getattr(self, key) for key in ("creation_method", "may_hold_out", "may_be_unjudged")}
        facts |= {
            "prompt_language": self.prompt_language,
            "model_name": self.model_name,
            "files": list(self.files),
        }
        facts |= {"sample": False, "columns": self._columns()}
        facts["expected"] = {column: list(known) for column, known in self.expected.items()}
        facts["originals"] = {
            "dataset": self.original_dataset,
            "columns": list(self.originals),
            "key": self.original_key.__qualname__,
        }
        facts["where"] = {c: [v] if isinstance(v, str) else list(v) for c, v in self.where.items()}
        return facts


def _score(values: Mapping[str, Any], column: str | None) -> float | None:
    """Read a number; blank is none given, anything else that is no finite number is `Unreadable`."""
    value = cells.optional(values, column)
    if not value:
        return None
    try:
        score = float(value)
    except ValueError:
        score = math.nan
    if not math.isfinite(score):
        raise Unreadable(f"column {column} is not a number")
    return score
