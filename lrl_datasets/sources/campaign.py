"""A campaign folder: `campaign.toml`, the exports that came in, and what they say together.

Takes the folder, gives its answers as candidates and its judgements, one row for every record of every pool
file. The judged answer is named by its record id, so answers and judgements may lie in any number of files.
"""

from __future__ import annotations

import re
from collections import defaultdict
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path

from lrl_datasets import schema
from lrl_datasets.errors import LrlError
from lrl_datasets.sources import campaign_toml
from lrl_datasets.sources.base import InputFile, SourceTables
from lrl_datasets.sources.campaign_toml import AnswerStage, CampaignFile, JudgementStage, Judging
from lrl_datasets.sources.pools import Stage, golden_label, read_pools, wrong_cell
from lrl_datasets.sources.rankings import comparison
from lrl_datasets.sources.records import input_file
from lrl_datasets.sources.toloka import Assignment, Export

Row = dict[str, object]
_ID = re.compile(r"[\w.:/#-]{1,200}")


@dataclass(frozen=True)
class Campaign:
    """A campaign of one's own as a source.

    Language and licence stand in `campaign.toml`; the fields here are what a builder decides.
    """

    name: str = "campaign"
    path: Path | None = None
    """The folder; `read(path)` names another."""
    may_hold_out: bool = True
    may_be_unjudged: bool = False
    under_way: bool = False
    """Pools of which no file has come yet are empty; a build refuses them."""

    def read(self, path: Path | None = None, seen: dict[str, Export] | None = None) -> SourceTables:
        """Read the campaign folder (or the `campaign.toml` in it); `seen` is `known` of `pools.read_pools`.

        Raises
        ------
        LrlError
            If the folder, `campaign.toml`, a pool file or a column named there is missing or wrong.
        """
        folder = path or self.path
        if folder is None:
            raise LrlError(f"source {self.name}: no campaign folder given (--source {self.name}=DIR)")
        if folder.name == campaign_toml.FILE:
            folder = folder.parent
        campaign = campaign_toml.load(folder)
        pools = read_pools(campaign, folder, self.under_way, seen)

        inputs = {campaign_toml.FILE: _toml(folder)}
        quarantine: dict[tuple[str, int], bytes] = {}
        for _stage, exports in pools:
            for export in exports:
                inputs[export.file.name] = export.file
                for row in export.rows:
                    if row.reason == "unreadable":
                        quarantine[export.file.name, row.row] = row.raw

        answers: list[Row] = []
        judgements: list[Row] = []
        for stage, exports in pools:
            if isinstance(stage, AnswerStage):
                for export in exports:
                    answers += self._candidates(campaign, stage, export)
        known = _KnownAnswers(pools)
        for stage, exports in pools:
            if not isinstance(stage, AnswerStage):
                for export in exports:
                    for row, judgement in self._judgements(stage, export, known):
                        judgements.append(judgement)
                        if judgement["reason"] == "unreadable":
                            quarantine[export.file.name, row.row] = row.raw
        return SourceTables(
            candidates=schema.candidates(answers),
            judgements=schema.judgements(judgements),
            inputs=list(inputs.values()),
            left_out=_untouched(pools),
            quarantine=[(file, row, raw) for (file, row), raw in quarantine.items()],
            facts={
                **_facts(campaign, pools),
                "may_hold_out": self.may_hold_out,
                "may_be_unjudged": self.may_be_unjudged,
            },
        )

    def _candidates(self, campaign: CampaignFile, stage: AnswerStage, export: Export) -> Iterator[Row]:
        for row in export.rows:
            cells = row.cells
            reason, detail = row.reason, row.detail
            model = _cell(cells, stage.columns.model_name)
            if wrong := wrong_cell(stage, row):
                reason, detail = "unreadable", wrong
            read = reason != "unreadable"
            _, golden = golden_label(stage, row)
            yield {
                **_private(export, row),
                "record": row.record if read else None,
                "may_hold_out": self.may_hold_out,
                "may_be_unjudged": self.may_be_unjudged,
                "keyed_id": True,
                "messages": _messages(stage, cells) if read else None,
                "machine_translation": _cell(cells, stage.columns.machine_translation) or None,
                "english": _english(stage, cells),
                "golden": golden if read and golden else None,
                "language": campaign.language,
                "prompt_language": campaign.prompt_language or campaign.language,
                "source": self.name,
                "license": campaign.license,
                "creation_method": "crowd",
                "lineage": _lineage(campaign.name, stage, cells),
                "model_name": model if read and model else None,
                "mark.source": "golden" if reason is None and golden else reason,
                "detail.source": detail,
            }

    def _judgements(
        self, stage: Judging, export: Export, known: _KnownAnswers
    ) -> Iterator[tuple[Assignment, Row]]:
        labels = stage.labels.all()
        for row in export.rows:
            reason, detail = row.reason, row.detail
            label, golden, shown = _said(stage, row)
            if wrong := wrong_cell(stage, row):
                reason, detail = "unreadable", wrong
            read = reason != "unreadable"
            yield (
                row,
                {
                    **_private(export, row),
                    "source": self.name,
                    **(_shown(row, shown, known) if read else {}),
                    "question": stage.question,
                    "label": label if read and label in labels else None,
                    "golden": golden if read and golden in labels else None,
                    "duration_s": row.duration_s,
                    "batch": export.file.sha256[:12],
                    "reason": reason,
                    "detail": detail,
                },
            )


_Shown = tuple[tuple[str, str | None], ...]
"""What was judged: the id as the file has it, and the column with its text; left before right."""


def _said(stage: Judging, row: Assignment) -> tuple[str, str, _Shown]:
    """Return a record's label, the true label of a control task, and what was judged."""
    columns = stage.columns
    if isinstance(stage, JudgementStage):
        shown: _Shown = ((_cell(row.cells, stage.columns.answer_id), stage.columns.answer),)
        return _cell(row.cells, columns.label), golden_label(stage, row)[1], shown
    said = comparison(stage, row)
    return said.label, said.golden, ((said.left, stage.columns.left), (said.right, stage.columns.right))


def _shown(row: Assignment, shown: _Shown, known: _KnownAnswers) -> Row:
    named: Row = {}
    names = (("record", "text"), ("other_record", "other_text"))
    for (cell, column), (record, text) in zip(shown, names, strict=False):
        named |= {record: known.resolve(cell), text: row.cells.get(column, "") if column else None}
    return named


class _KnownAnswers:
    """The record ids of all answers, to resolve what a judgement pool calls them."""

    def __init__(self, pools: list[tuple[Stage, list[Export]]]) -> None:
        self._by_assignment: defaultdict[str, set[str]] = defaultdict(set)
        for stage, exports in pools:
            if isinstance(stage, AnswerStage):
                for export in exports:
                    for row in export.rows:
                        if row.assignment_id and row.record:
                            self._by_assignment[row.assignment_id].add(row.record)
        self._records = {record for records in self._by_assignment.values() for record in records}

    def resolve(self, cell: str) -> str | None:
        """Give the record id; an assignment id is one where it names exactly one record; blank is None."""
        if cell not in self._records and len(self._by_assignment.get(cell, ())) == 1:
            return next(iter(self._by_assignment[cell]))
        return cell or None


def _untouched(pools: list[tuple[Stage, list[Export]]]) -> dict[str, int]:
    """Count the tasks that exports list and nobody has begun: they are no records."""
    files = {export.file.name: export.untouched for _stage, exports in pools for export in exports}
    return {"a task that nobody has begun": sum(files.values())} if any(files.values()) else {}


def _private(export: Export, row: Assignment) -> Row:
    return {
        "file": export.file.name,
        "file_sha256": export.file.sha256,
        "row": row.row,
        "worker": row.worker,
        "assignment": row.assignment_id,
        "status": row.status,
        "started": row.started,
        "submitted": row.submitted,
        "reward": row.reward,
    }


def _messages(stage: AnswerStage, cells: Mapping[str, str]) -> list[dict[str, str]]:
    prompt, context = cells.get(stage.columns.prompt, ""), _cell(cells, stage.columns.context)
    return [
        {"role": "user", "content": f"{prompt}\n\n{context}" if context else prompt},
        {"role": "assistant", "content": cells.get(stage.columns.answer, "")},
    ]


def _english(stage: AnswerStage, cells: Mapping[str, str]) -> list[dict[str, str]] | None:
    """Return the prompt that was translated, where the campaign shows it."""
    text = _cell(cells, stage.columns.original)
    return [{"role": "user", "content": text}] if text else None


def _lineage(campaign: str, stage: AnswerStage, cells: Mapping[str, str]) -> list[str]:
    """Name the original that the prompt came from, by its id or else by a hash of its text."""
    name = _cell(cells, stage.columns.original_id)
    if _ID.fullmatch(name):
        return [name if ":" in name else f"{campaign}:{name}"]
    # What is no id may be anything, an address too: only its hash is public.
    text = name or _cell(cells, stage.columns.original)
    return [f"{campaign}:{schema.digest(text)}"] if text else []


def _cell(cells: Mapping[str, str], column: str | None) -> str:
    return cells.get(column, "").strip() if column is not None else ""


def _toml(folder: Path) -> InputFile:
    return input_file(campaign_toml.FILE, (folder / campaign_toml.FILE).read_bytes(), 0)


def _facts(campaign: CampaignFile, pools: list[tuple[Stage, list[Export]]]) -> dict[str, object]:
    """Everything `campaign.toml` says, in plain JSON types, with the pool files that its globs found."""
    facts: dict[str, object] = campaign.model_dump(exclude={"stage", "money"})
    facts["prompt_language"] = campaign.prompt_language or campaign.language
    facts["stages"] = [
        {
            **stage.model_dump(exclude_none=True, exclude={"tasks"}),
            "pools": [export.file.name for export in exports],
        }
        for stage, exports in pools
    ]
    return facts
