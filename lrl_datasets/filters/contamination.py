"""Rows that share a text or an original with the evaluation suite.

Takes `messages` and `lineage`, gives marks. The suite is known by its index alone: hashes of its texts and
the ids of its originals, made by `lrl tasks index` with `SuiteIndex.build`; no evaluation text is in it. Both
sides go through the same `text_keys`, so a suite text is found whole, as a line, as a sentence, after a label
("Swali: …") or in quotation marks. Exact only, up to case, punctuation and spacing. About 4,000
rows of 40 words a second, one process.
"""

from __future__ import annotations

import json
import re
from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from functools import cached_property
from pathlib import Path
from typing import Annotated, ClassVar, Final, Literal

import pyarrow as pa
from pydantic import BaseModel, ConfigDict, Field, ValidationError

from lrl_datasets.errors import LrlError
from lrl_datasets.filters.base import add_mark
from lrl_datasets.filters.normalise import match_key, normalise_text
from lrl_datasets.filters.personal_data import mask_text
from lrl_datasets.filters.words import count_words, sentences
from lrl_datasets.schema import digest

FORMAT: Final = "lrl-suite-index/1"

WHOLE_WORDS = 5
"""Shortest suite text that is looked for: below, "Ndiyo, ni kweli" would refuse innocent rows."""
SENTENCE_WORDS = 6
"""Shortest sentence of a longer suite text that is looked for by itself."""


@dataclass(frozen=True)
class Contamination:
    """Mark `suite_leak` where a text or an original of the row is in the index."""

    index: SuiteIndex = field(repr=False)

    name: ClassVar[str] = "contamination"
    reasons: ClassVar[tuple[str, ...]] = ("suite_leak",)

    def __call__(self, table: pa.Table) -> pa.Table:
        """Return `table` with `mark.contamination` and `detail.contamination` (which task, what) added."""
        details = [
            None if messages is None else self._leak(messages, lineage or ())
            for messages, lineage in zip(
                table.column("messages").to_pylist(), table.column("lineage").to_pylist(), strict=True
            )
        ]
        marks = [None if detail is None else "suite_leak" for detail in details]
        return add_mark(table, self.name, marks, details)

    def _leak(self, messages: Sequence[Mapping[str, str | None]], lineage: Sequence[str]) -> str | None:
        for original in lineage:
            if tasks := self.index.tasks_of_lineage.get(original):
                return f"lineage: an original of {tasks}"
        for message in messages:
            keys = text_keys(message["content"] or "", shortest_sentence=WHOLE_WORDS)
            if found := min((t for key in keys if (t := self.index.tasks_of_text.get(key))), default=None):
                part = "answer" if message["role"] == "assistant" else "prompt"
                return f"text: the {part} has a text of {found}"
        return None


def text_keys(text: str, shortest_sentence: int = SENTENCE_WORDS) -> set[str]:
    """Hash `text` and its parts, so that two texts with a common key say the same thing somewhere.

    Parameters
    ----------
    text
        Any text; it is normalised here.
    shortest_sentence
        Words that a part must have. The whole needs `WHOLE_WORDS`. On the side of the rows it is
        `WHOLE_WORDS` too, since a whole suite text may stand there as a sentence.

    Returns
    -------
    set of str
        24 hex digits for the whole, each line, each sentence, the rest of each line after a colon, and what
        stands in quotation marks.
    """
    text = normalise_text(text)
    parts = {*text.split("\n"), *sentences(text)}
    parts |= {rest for line in text.split("\n") for rest in _after_label(line)}
    parts |= {quoted for groups in _QUOTED.findall(text) for quoted in groups if quoted}
    keys = {match_key(part) for part in parts if count_words(part) >= shortest_sentence}
    if count_words(text) >= WHOLE_WORDS:
        keys.add(match_key(text))
    return {digest(key) for key in keys}


_QUOTED = re.compile(r'"([^"\n]{8,})"|“([^”]{8,})”|«([^»]{8,})»|‘([^’\n]{8,})’(?!\w)')
_LABEL = re.compile(r"[^:：]{1,40}[:：]\s*")


def _after_label(line: str) -> list[str]:
    label = _LABEL.match(line)
    return [line[label.end() :], *sentences(line[label.end() :])] if label else []


# ---- the index ------------------------------------------------------------------------------------------


@dataclass(frozen=True)
class SuiteItem:
    """One item of a task, as `lrl tasks index` reads it from the task's dataset."""

    task: str
    texts: tuple[str, ...]
    """All that a training row must not repeat: premise, question, choices, story, answer."""
    lineage: tuple[str, ...] = ()
    """Ids of the originals it was made from, spelled as the rows' `lineage` spells them."""


class TaskFacts(BaseModel):
    """What the index says of one task."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    dataset: str | None = None
    revision: str | None = None
    items: int
    texts: int
    """Text fields long enough to be looked for."""
    sample: bool = False
    """The dataset held SAMPLE rows, of a rehearsal: who is compared with them is not compared with the suite."""


_Key = Annotated[str, Field(pattern=r"^[0-9a-f]{24}$")]


class SuiteIndex(BaseModel):
    """What the suite contains, as hashes: a named input of a build."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    format: Literal["lrl-suite-index/1"] = FORMAT
    tasks: dict[str, TaskFacts]
    texts: dict[str, list[_Key]]
    """Task → its text keys, sorted."""
    lineage: dict[str, list[str]]
    """Task → ids of its originals, sorted."""

    @classmethod
    def build(
        cls,
        items: Iterable[SuiteItem],
        datasets: Mapping[str, tuple[str, str | None]] | None = None,
        samples: Collection[str] = (),
        regions: Sequence[str] = (),
        cues: Sequence[str] = (),
    ) -> SuiteIndex:
        """Make the index of a suite.

        Parameters
        ----------
        items
            Every item of every task, in any order.
        datasets
            Task → its dataset's id and revision, for the manifest.
        samples
            Tasks whose dataset holds SAMPLE rows.
        regions, cues
            Of the rows' `PersonalData`: what is masked in the rows is masked here too.
        """
        counts: dict[str, list[int]] = {}
        keys: dict[str, set[str]] = {}
        lineage: dict[str, set[str]] = {}
        for item in items:
            count = counts.setdefault(item.task, [0, 0])
            count[0] += 1
            lineage.setdefault(item.task, set()).update(item.lineage)
            for text in item.texts:
                found = text_keys(mask_text(normalise_text(text), regions, cues)[0])
                keys.setdefault(item.task, set()).update(found)
                count[1] += bool(found)
        tasks = {}
        for task in sorted(counts):
            dataset, revision = (datasets or {}).get(task, (None, None))
            tasks[task] = TaskFacts(
                dataset=dataset, revision=revision, items=counts[task][0], texts=counts[task][1],
                sample=task in samples,
            )  # fmt: skip
        return cls(
            tasks=tasks,
            texts={task: sorted(keys.get(task, ())) for task in tasks},
            lineage={task: sorted(lineage[task]) for task in tasks},
        )

    @classmethod
    def load(cls, path: Path) -> SuiteIndex:
        """Read an index.

        Raises
        ------
        LrlError
            The file is missing or no suite index; the message names it and the key.
        """
        try:
            return cls.model_validate_json(path.read_bytes())
        except FileNotFoundError as error:
            raise LrlError(f"{path}: no such suite index; `lrl tasks index --out FILE` makes one") from error
        except ValidationError as error:
            first = error.errors()[0]
            where = ".".join(map(str, first["loc"])) or "file"
            raise LrlError(f"{path}: no {FORMAT}: {where}: {first['msg']}") from error

    def save(self, path: Path) -> None:
        """Write the index; equal indices are equal bytes."""
        text = json.dumps(self.model_dump(), ensure_ascii=False, sort_keys=True, indent=1)
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text + "\n", encoding="utf-8")

    def summary(self) -> dict[str, dict[str, object]]:
        """Return dataset, revision, items and texts of each task, and whether they are SAMPLE, for the manifest."""
        return {task: facts.model_dump() for task, facts in sorted(self.tasks.items())}

    @cached_property
    def tasks_of_text(self) -> dict[str, str]:
        """Text key → the tasks that have it, joined by commas."""
        return _inverted(self.texts)

    @cached_property
    def tasks_of_lineage(self) -> dict[str, str]:
        """Id of an original → the tasks that have it, joined by commas."""
        return _inverted(self.lineage)


def _inverted(by_task: Mapping[str, Sequence[str]]) -> dict[str, str]:
    tasks: dict[str, list[str]] = {}
    for task in sorted(by_task):
        for key in by_task[task]:
            tasks.setdefault(key, []).append(task)
    return {key: ", ".join(names) for key, names in tasks.items()}
