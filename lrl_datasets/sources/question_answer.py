"""Questions with short answers, as instruction rows in the phrasings of the language file.

Takes a question-answering dataset (from the Hub or from files), gives candidates with `creation_method`
`templated`. The phrasing is chosen by a hash of the question, so the same input gives the same row and a
question that was asked twice is phrased alike and found as a duplicate.

The answers stand in a list or in a string that is a Python list (AfriQA): it is parsed as a literal, never
run. An empty list is `no_answer`; what does not parse is `unreadable`. Evaluation data is never read.
"""

from __future__ import annotations

import ast
import warnings
from collections import Counter
from collections.abc import Mapping
from dataclasses import KW_ONLY, dataclass
from pathlib import Path
from typing import Any

from lrl_datasets import languages, schema
from lrl_datasets.errors import LrlError
from lrl_datasets.sources import cells
from lrl_datasets.sources.base import SourceTables
from lrl_datasets.sources.cells import Unreadable
from lrl_datasets.sources.hub_files import read_split
from lrl_datasets.sources.records import Records, is_text
from lrl_datasets.sources.tables import EVALUATION


@dataclass(frozen=True)
class QuestionAnswer:
    """One question-answering dataset as a source of candidates."""

    name: str
    repo: str
    revision: str
    """A commit, or a branch or tag that is resolved to a commit at each build."""
    _: KW_ONLY
    config: str | None = None
    split: str = "train"
    files: tuple[str, ...] = ()
    """Paths in the repository, with `*`; by default what `datasets` takes for config and split."""
    question: str = "question"
    answers: str = "answers"
    english_question: str | None = None
    """Column with the question in English, by which rows are compared with evaluation data and with other
    sources; a file may be without it."""
    record: str = "id"
    """Column with the record's id; ids may restart in every split, so a record is `split/id`."""
    split_column: str | None = "split"
    """Where a file has this column, rows of another split are evaluation data too."""
    language: str
    license: str
    license_note: str | None = None
    may_be_unjudged: bool = False

    def read(self, path: Path | None = None) -> SourceTables:
        """Read the dataset from the Hub, or a file or folder of the same columns at `path`.

        Raises
        ------
        LrlError
            If the Hub or a file cannot be read, `path` is evaluation data, a column is missing, or the
            language file has no phrasings.
        """
        phrasings = languages.load(self.language).templates.question_answer
        if not phrasings.phrasings:
            raise LrlError(f"source {self.name}: the language file of {self.language} has no phrasings")
        found = read_split(
            path, self.repo, self.revision, split=self.split, config=self.config, files=self.files
        )
        left_out = Counter(found.left_out)
        rows: list[dict[str, object]] = []
        quarantine: list[tuple[str, int, bytes]] = []
        for records in found.files:
            records.require(self.record, self.question, self.answers)
            for raw in records.rows:
                split = _split_of(raw.values, self.split_column) or self.split
                if split != self.split and split in EVALUATION:
                    left_out[f"evaluation data: split {split} in {records.file.name}"] += 1
                    continue
                same = self._same(records, found.commit) | {"row": raw.row}
                try:
                    if raw.problem is not None:
                        raise Unreadable(raw.problem)
                    if split != self.split:
                        raise Unreadable(f"column {self.split_column} names no split that is known")
                    rows.append(same | self._row(raw.values, phrasings))
                except Unreadable as error:
                    rows.append(same | {"mark.source": "unreadable", "detail.source": str(error)})
                    quarantine.append((records.file.name, raw.row, raw.for_quarantine()))
        return SourceTables(
            candidates=schema.candidates(rows),
            judgements=schema.judgements([]),
            inputs=[records.file for records in found.files],
            left_out=dict(left_out),
            revision=found.commit,
            quarantine=quarantine,
            facts=self._facts(),
        )

    def _same(self, records: Records, commit: str | None) -> dict[str, object]:
        return {
            "file": records.file.name,
            "file_sha256": records.file.sha256,
            "may_hold_out": False,  # a phrasing of ours is no human's answer
            "may_be_unjudged": self.may_be_unjudged,
            "keyed_id": False,
            "language": self.language,
            "prompt_language": self.language,
            "source": self.name,
            "source_revision": commit,
            "license": self.license,
            "creation_method": "templated",
            "lineage": [],
        }

    def _row(self, values: Mapping[str, Any], phrasings: languages.QuestionAnswer) -> dict[str, object]:
        record = f"{self.split}/{cells.filled(values, self.record)}"
        question = cells.filled(values, self.question)
        answers = parse_answers(values.get(self.answers), self.answers)
        # without an answer the row has its question as it would have been asked, and nothing after it
        prompt, answer = phrasings.render(question, answers or ["-"], key=question)
        english = cells.optional(values, self.english_question)
        return {
            "record": record,
            "messages": [
                {"role": "user", "content": prompt},
                {"role": "assistant", "content": answer if answers else ""},
            ],
            "lineage": [f"{self.repo}:{record}"],
            "english": [{"role": "user", "content": english}] if english else None,
            "mark.source": None if answers else "no_answer",
            "detail.source": None if answers else f"column {self.answers}",
        }

    def _facts(self) -> dict[str, object]:
        return {
            "name": self.name,
            "sample": False,
            "repo": self.repo,
            "config": self.config,
            "split": self.split,
            "license": self.license,
            "license_note": self.license_note,
            "language": self.language,
            "creation_method": "templated",
            "may_hold_out": False,
            "may_be_unjudged": self.may_be_unjudged,
            "columns": {
                "record": self.record,
                "question": self.question,
                "answers": self.answers,
                **({"english_question": self.english_question} if self.english_question else {}),
            },
        }


def parse_answers(cell: object, column: str) -> list[str]:
    """Read a list of accepted answers, blank ones left out.

    Parameters
    ----------
    cell
        A list, or a string with a Python or JSON list of strings and numbers.
    column
        Its name, for the message.

    Raises
    ------
    Unreadable
        If it is anything else.
    """
    if isinstance(cell, str):
        try:
            with warnings.catch_warnings():
                warnings.simplefilter("ignore")  # "\d" in a literal: Python would rather see it doubled
                cell = ast.literal_eval(cell.strip())
        except (ValueError, SyntaxError, TypeError, MemoryError, RecursionError):
            raise Unreadable(f"column {column} is no list that parses") from None
    if cell is None:
        raise Unreadable(f"column {column} is null")
    if not isinstance(cell, (list, tuple)):
        raise Unreadable(f"column {column} is no list")
    answers = []
    for value in cell:
        if not isinstance(value, (str, int, float)) or isinstance(value, bool) or not is_text(str(value)):
            raise Unreadable(f"column {column} holds something that is no text")
        answers.append(str(value).strip())
    return [answer for answer in answers if answer]


def _split_of(values: Mapping[str, Any], column: str | None) -> str:
    """Give the split that a row says it belongs to; empty where it says nothing."""
    value = values.get(column) if column is not None else None
    return value.strip().casefold() if isinstance(value, str) else ""
