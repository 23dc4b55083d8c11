"""The sample campaign as the other platforms export it: the same people, texts, times and votes in other files.

Takes the campaign folder with its Toloka exports, gives `formats/PLATFORM/` for each of the others, a campaign folder
of its own: `lrl build … --source campaign=formats/mturk`. The library's own writers of exports are used, in the order
of a campaign: judges name the answers by ids that a platform gives only once the answers are there.

What a platform does not know is not there: Argilla has no times and no verdicts of the requester, Label Studio no
verdicts, Mechanical Turk nothing of who took a task and did not hand it in. What nobody reads is left out, to keep the
sample small: indentation, the texts that MTurk's template shows a second time, the names of Label Studio's users.
"""

from __future__ import annotations

import csv
import io
import json
import re
import tomllib
from collections.abc import Iterator, Mapping
from datetime import datetime, timedelta
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any, NamedTuple

import pyarrow as pa
import pyarrow.parquet as pq

from lrl_datasets import languages
from lrl_datasets.crowd.simulation import SIMULATED_ONLY
from lrl_datasets.crowd.tasks import argilla, label_studio, mturk, pages, spreadsheet
from lrl_datasets.crowd.tasks.suites import INPUT, tasks_schema
from lrl_datasets.schema import digest
from lrl_datasets.sources import campaign_toml
from lrl_datasets.sources.campaign import Campaign

Row = dict[str, str]


class Format(NamedTuple):
    """How a platform's export is written and its columns called."""

    writer: Any
    inputs: str
    """What stands before the name of an input …"""
    outputs: tuple[str, str]
    """… and before and after the name of what a worker filled in."""
    suffix: str


FORMATS = {
    "mturk": Format(mturk, "Input.", ("Answer.", ""), "csv"),
    "label_studio": Format(label_studio, "$", ("", ""), "json"),
    "argilla": Format(argilla, "", ("", ".responses"), "json"),
    "table": Format(spreadsheet, "", ("", ""), "parquet"),
}
STATUSES = {
    "SUBMITTED": "submitted", "APPROVED": "accepted", "REJECTED": "rejected", "SKIPPED": "skipped",
    "EXPIRED": "expired",
}  # fmt: skip
_OF_A_TABLE = ("worker", "assignment_id", "task_id", "status", "started", "submitted", "reward")


def formats(toml: str, exports: Mapping[str, bytes]) -> dict[str, bytes]:
    """Write the campaign in every other format.

    Parameters
    ----------
    toml
        The `campaign.toml` of the Toloka campaign.
    exports
        Its export of each stage by path, in the order of the stages.

    Returns
    -------
    dict
        Path in the campaign folder to bytes.
    """
    answers = next(iter(exports))
    known = records({campaign_toml.FILE: toml.encode(), answers: exports[answers]})
    return {
        f"formats/{name}/{path}": data
        for name in FORMATS
        for path, data in _campaign(name, toml, exports, known).items()
    }


def records(files: Mapping[str, bytes]) -> dict[str, tuple[str, str]]:
    """Return who answered which prompt, by the answer's record id: what the library reads in a campaign's files."""
    with TemporaryDirectory() as place:
        for path, data in files.items():
            (Path(place) / path).parent.mkdir(exist_ok=True)
            (Path(place) / path).write_bytes(data)
        read = Campaign(under_way=True).read(Path(place)).candidates
    rows = read.select(["record", "worker", "messages"]).to_pylist()
    return {row["record"]: (row["worker"], row["messages"][0]["content"]) for row in rows if row["messages"]}


def toml_of(name: str, toml: str) -> str:
    """Rewrite `campaign.toml`: the format, the pools, and what the columns are called."""
    format = FORMATS[name]
    before, after = format.outputs
    for old, new in (
        (r'"INPUT:(\w+)"', rf'"{format.inputs}\1"'),
        (r'"OUTPUT:(\w+)"', rf'"{before}\1{after}"'),
        (r'"GOLDEN:\w+"', f'"{format.inputs}golden"'),
        (r'format = "toloka"', f'format = "{name}"'),
        (r'-\*\.tsv"', f'-*.{format.suffix}"'),
        (r'"texts/', '"../../texts/'),
    ):
        toml = re.sub(old, new, toml)
    if name == "table":
        named = "".join(f'{role} = "{role}"\n' for role in _OF_A_TABLE)
        toml = toml.replace("[stage.columns]\n", f"[stage.columns]\n{named}")
    return toml


def _campaign(
    name: str, toml: str, exports: Mapping[str, bytes], known: Mapping[str, tuple[str, str]]
) -> dict[str, bytes]:
    files = {campaign_toml.FILE: toml_of(name, toml).encode()}
    file = campaign_toml.CampaignFile.model_validate(tomllib.loads(files[campaign_toml.FILE].decode()))
    ids: dict[str, str] = {}
    for number, (stage, (path, data)) in enumerate(zip(file.stage, exports.items(), strict=True), 1):
        page = pages.page(f"{file.name} {number}", stage, languages.load(file.language))
        schema = pa.schema([*tasks_schema(page.inputs), *SIMULATED_ONLY])
        responses = pa.Table.from_pylist(list(_responses(page, data, ids)), schema=schema)
        files[str(Path(path).with_suffix(f".{FORMATS[name].suffix}"))] = _exported(name, page, responses)
        if number == 1:
            there = {who: record for record, who in records(files).items()}
            for record, (worker, prompt) in known.items():
                ids[record] = there.get((user(name, worker), prompt), record)
    return files


def _exported(name: str, page: pages.Page, responses: pa.Table) -> bytes:
    """Write an export, without what makes it large and says nothing."""
    if name == "table":
        out = io.BytesIO()
        rows = [json.loads(line) for line in spreadsheet.export(page, responses, jsonl=True).splitlines()]
        pq.write_table(pa.Table.from_pylist(rows), out, compression="zstd")
        return out.getvalue()
    data: bytes = FORMATS[name].writer.export(page, responses)
    if name == "mturk":
        header, *lines = csv.reader(io.StringIO(data.decode("utf-8"), newline=""))
        kept = [at for at, column in enumerate(header) if not column.endswith("_html")]
        text = io.StringIO(newline="")
        csv.writer(text, lineterminator="\n").writerows(
            [line[at] for at in kept] for line in (header, *lines)
        )
        return text.getvalue().encode("utf-8")
    listed = json.loads(data)
    for task in listed if name == "label_studio" else ():
        for annotation in task["annotations"]:
            annotation["completed_by"] = annotation["completed_by"]["id"]
            annotation["lead_time"] = round(annotation["lead_time"], 3)
    lines = (json.dumps(one, ensure_ascii=False, separators=(",", ":")) for one in listed)
    return ("[\n" + ",\n".join(lines) + "\n]\n").encode("utf-8")


def user(name: str, worker: str) -> str:
    """Name a worker as the platform does: Label Studio has numbers."""
    return str(int(digest(worker, length=8), 16)) if name == "label_studio" else worker


def _responses(page: pages.Page, data: bytes, ids: Mapping[str, str]) -> Iterator[dict[str, Any]]:
    for row in csv.DictReader(io.StringIO(data.decode("utf-8"), newline=""), dialect="excel-tab"):
        inputs = {field: row.get(f"INPUT:{field}", "") for field in page.inputs}
        inputs |= {field: ids.get(cell, cell) for field, cell in inputs.items() if field.endswith("_id")}
        verdict = {"+": "APPROVED", "-": "REJECTED"}.get(row.get("ACCEPT:verdict", ""))
        started = datetime.fromisoformat(row["ASSIGNMENT:started"])
        ended = row["ASSIGNMENT:submitted"]
        reward = row["ASSIGNMENT:reward"]
        yield {
            "suite": 0,
            "task": digest(*(part for pair in sorted(inputs.items()) for part in pair), length=16),
            "golden": row[f"GOLDEN:{page.output}"] or None,
            "hint": None,
            "overlap": 1,
            "unavailable_for": [],
            **{INPUT + field: cell for field, cell in inputs.items()},
            "assignment": row["ASSIGNMENT:assignment_id"],
            "worker": row["ASSIGNMENT:worker_id"],
            "status": STATUSES[verdict or row["ASSIGNMENT:status"]],
            "started": started,
            "submitted": datetime.fromisoformat(ended) if ended else started + timedelta(minutes=1),
            "reward": float(reward) if reward else None,
            "output": row[f"OUTPUT:{page.output}"],
        }
