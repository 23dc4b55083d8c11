"""What a campaign's votes are worth: agreement, workers, and how far the posterior means what it says.

One function of a source's tables, as `state.compute`; it is what `lrl crowd quality` shows. Worker ids are raw.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import pyarrow as pa
import pyarrow.compute as pc

from lrl_datasets import schema
from lrl_datasets.crowd import advice, aggregation, agreement, calibration, rubric, skill, state
from lrl_datasets.crowd.advice import Advice
from lrl_datasets.crowd.agreement import Agreement
from lrl_datasets.crowd.join import sides
from lrl_datasets.crowd.pairs import undirected
from lrl_datasets.sources.base import SourceTables


@dataclass(frozen=True)
class Worth:
    """The votes on one question."""

    question: str
    agreement: Agreement
    stages: dict[int, Agreement]
    """Stage (1-based, as in `campaign.toml`) → agreement of its votes alone."""
    workers: pa.Table
    """`skill.WORKERS`."""
    advice: Sequence[Advice]
    aggregation: dict[str, Any] | None
    """As the manifest has it; None of comparisons."""
    reliability: Sequence[calibration.Bin]
    """Of the golden tasks, each seen without itself: what was said of them, and what is true."""


@dataclass(frozen=True)
class CampaignWorth:
    """All questions of a campaign, in the order in which they are asked."""

    questions: Sequence[Worth]
    marks: dict[str, dict[str, Any]]
    """Mean marks of a rubric (`rubric.means`)."""


def of_campaign(tables: SourceTables) -> CampaignWorth:
    """Measure the votes of one campaign, by the rules of the build."""
    stages: Any = tables.facts.get("stages", [])
    judging = [(n, stage) for n, stage in enumerate(stages, 1) if stage["kind"] in schema.JUDGING]
    judged = state.judged_of(tables)
    # Control tasks stay as they were given: their true label says left or right as they were shown.
    control_tasks = pc.fill_null(pc.equal(judged["reason"], "golden"), False)
    compared = pa.concat_tables(
        [
            undirected(judged.filter(pc.invert(control_tasks)), sides([tables.facts])),
            judged.filter(control_tasks),
        ]
    )
    asked: dict[str, list[tuple[int, dict[str, Any]]]] = {}
    for number, stage in judging:
        asked.setdefault(stage["question"], []).append((number, stage))
    questions = []
    for question, of_question in asked.items():
        about = compared.filter(pc.equal(compared["question"], question))
        votes = about.filter(about["counted"])
        found, workers = agreement.agreement(votes), skill.of_workers(about)
        weighed = (
            state.weigh_as_built(judged, of_question[0][1])
            if of_question[0][1]["kind"] == "judgement"
            else None
        )
        control = weighed.control if weighed else None
        questions.append(
            Worth(
                question=question,
                agreement=found,
                stages={
                    number: agreement.agreement(
                        votes.filter(pc.is_in(votes["file"], pa.array(stage["pools"], pa.string())))
                    )
                    for number, stage in of_question
                },
                workers=workers,
                advice=advice.advise(votes, workers, found),
                aggregation=aggregation.report(weighed) if weighed else None,
                reliability=calibration.reliability(
                    control.said, control.good, control.share * control.weight
                )
                if control
                else (),
            )
        )
    return CampaignWorth(questions, rubric.means(judged))
