"""Training, exam and retry of a stage, for `lrl crowd tasks` and `simulate`: which pools, and who goes where."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from datetime import datetime
from pathlib import Path
from typing import TYPE_CHECKING, Any

from lrl_datasets.cli.console import counted, say
from lrl_datasets.errors import LrlError

if TYPE_CHECKING:
    import pyarrow as pa

    from lrl_datasets.crowd.rules import Rules
    from lrl_datasets.crowd.simulation import Terms, Worker
    from lrl_datasets.crowd.tasks.entry import Entry
    from lrl_datasets.crowd.tasks.pages import Page
    from lrl_datasets.sources.campaign_toml import CampaignFile, Judging
    from lrl_datasets.sources.pools import Stage
    from lrl_datasets.sources.toloka import Export


def entries(
    folder: Path, file: CampaignFile, number: int, page: Page, golden: Sequence[Mapping[str, Any]]
) -> list[Entry]:
    """Give the pools before the work of a stage, from the rows of its control tasks' file."""
    from lrl_datasets.crowd.tasks import entry, waiting

    stage = file.stage[min(file.together(number)) - 1]
    asked = asked_for(stage)
    if not asked or stage.kind == "answer":
        return []
    tasks = file.tasks_of(number)
    suite = tasks.suite if tasks else 1
    try:
        parts = entry.divided(golden, list(asked))
        return [
            entry.pool(name, waiting.control_tasks(page, parts[name]), suite, _rules(stage)) for name in asked
        ]
    except LrlError as error:
        raise LrlError(f"{folder / 'campaign.toml'}: stage {number}: {error}") from None


def asked_for(stage: Stage) -> dict[str, Sequence[str]]:
    """Return the pools that a stage's rules ask for, with their files."""
    from lrl_datasets.crowd.tasks import entry

    return {} if stage.kind == "answer" else entry.asked_for(_rules(stage))


def work_pools(stage: Stage) -> list[str]:
    """Return a stage's pools without those before the work."""
    before = {file for files in asked_for(stage).values() for file in files}
    return [pool for pool in stage.pools if pool not in before] or list(stage.pools)


def told(pools: Sequence[Entry], platform: str) -> list[str]:
    """Say of each pool where it leads and where its export belongs."""
    lines = [
        f"{one.name}: {counted(one.tasks.num_rows, 'control task')} in "
        f"{counted(max(one.tasks['suite'].to_pylist()), 'suite')}, {one.leads}; "
        f"its export belongs to {one.files[0]}"
        for one in pools
    ]
    if platform != "toloka" and pools[0].name == "training":
        lines.append("training: only Toloka shows the hint of a task that was answered wrongly")
    return lines


def let_in(
    folder: Path, file: CampaignFile, number: int, page: Page, pools: Sequence[Entry], workers: list[Worker],
    terms: Terms, seed: int, begin: datetime, known: dict[str, Export],
    free: Callable[[Path, str, int], Path], exported: Callable[[str, Page, pa.Table, Path], bytes],
) -> list[Worker]:  # fmt: skip
    """Send simulated workers through training, exam and retry, and write the exports; gives those who may work.

    Whoever went through a pool before does not do so again: it stands in the exports.
    """
    import pyarrow as pa

    from lrl_datasets.crowd import simulation

    for one in pools:
        there = _places(folder, file, number, workers, known)
        takers = [worker for worker in workers if there[worker.name] == one.name]
        if not takers:
            continue
        at = one.tasks.schema.get_field_index("overlap")
        overlap = pa.array([len(takers)] * one.tasks.num_rows, pa.int32())
        table = one.tasks.set_column(at, one.tasks.schema.field(at), overlap)
        paid = replace(terms, price=0.0 if one.name == "training" else terms.price, ban_after=0, exam=0)
        labels = {ask.output: ask.labels for ask in page.rubric} or page.labels
        responses = simulation.judge(table, {}, labels, takers, paid, seed, begin=begin)
        path = free(folder, one.files[0], number)
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(exported(file.stage[number - 1].format, page, responses, path))
        say(f"stage {number}: {counted(len(takers), 'worker')} took the {one.name}: {path}")
    examined = pools or getattr(file.stage[number - 1].rules, "exam_tasks", None)
    there = _places(folder, file, number, workers, known) if examined else {}
    return [worker for worker in workers if there.get(worker.name, "work") == "work"]


def have_worked(stage: Stage, judgements: pa.Table) -> set[str]:
    """Return the workers who have judged on a stage: their exam, where it is their first control tasks, is over."""
    if stage.kind == "answer":
        return set()
    from lrl_datasets.crowd.rules import in_pools

    rows = judgements.select(["question", "worker", "file"]).to_pylist()
    pools = work_pools(stage)
    return {row["worker"] for row in rows if row["question"] == stage.question and in_pools(row, pools)}


def _places(
    folder: Path, file: CampaignFile, number: int, workers: Sequence[Worker], known: dict[str, Export]
) -> dict[str, str]:
    """Say where each worker goes now; of a rubric's questions the strictest decides."""
    from lrl_datasets.crowd.simulation import START
    from lrl_datasets.crowd.state import compute
    from lrl_datasets.crowd.tasks import entry
    from lrl_datasets.sources.campaign import Campaign

    order = ["out", *entry.POOLS, "work"]
    together = [one for n in file.together(number) if (one := file.stage[n - 1]).kind != "answer"]
    came = Campaign(under_way=True).read(folder, known)
    judged = compute(came, START, weighed=False).judged.to_pylist()
    places: dict[str, str] = {}
    for one in together:
        rows = [row for row in judged if row["question"] == one.question]
        for worker in workers:
            place = entry.next_pool(worker.name, rows, _rules(one))
            places[worker.name] = min(place, places.get(worker.name, place), key=order.index)
    return places


def _rules(stage: Judging) -> Rules:
    from lrl_datasets.crowd.rules import Rules

    given = stage.rules.model_dump(exclude_none=True)
    return Rules(**{name: given[name] for name in given if name in Rules.__dataclass_fields__})
