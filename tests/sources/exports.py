"""Small Toloka exports and campaign folders for the tests, written here and nowhere else."""

from __future__ import annotations

import csv
import io
from collections.abc import Mapping, Sequence
from pathlib import Path

ANSWER_TOML = """
name = "mini"
language = "swh_Latn"
license = "CC0-1.0"

[[stage]]
kind = "answer"
format = "toloka"
pools = ["answers.tsv"]
[stage.columns]
prompt = "INPUT:prompt"
context = "INPUT:context"
original = "INPUT:prompt_en"
original_id = "INPUT:original_id"
answer = "OUTPUT:answer"
"""
JUDGEMENT_TOML = """
[[stage]]
kind = "judgement"
format = "toloka"
pools = ["votes-*.tsv"]
question = "helpful"
[stage.columns]
answer_id = "INPUT:answer_id"
answer = "INPUT:answer"
label = "OUTPUT:helpful"
[stage.labels]
positive = ["yes"]
negative = ["no"]
[stage.rules]
aggregation = "dawid-skene"
golden_min_answers = 2
golden_min_accuracy = 0.5
"""
MAJORITY_TOML = JUDGEMENT_TOML.replace("dawid-skene", "majority")
"""For tests that run again and again: no EM."""

Row = Mapping[str, str]


def answer(
    assignment: str = "a1", prompt: str = "Taja mito miwili.", text: str = "Rufiji na Tana.", **more: str
) -> Row:
    row = {
        "INPUT:prompt": prompt,
        "INPUT:context": "",
        "INPUT:prompt_en": "Name two rivers.",
        "INPUT:original_id": "p1",
        "OUTPUT:answer": text,
        "ASSIGNMENT:assignment_id": assignment,
        "ASSIGNMENT:worker_id": "w1",
        "ASSIGNMENT:status": "APPROVED",
        "ASSIGNMENT:started": "2024-01-01T10:00:00",
        "ASSIGNMENT:submitted": "2024-01-01T10:01:00.000",
    }
    return row | {_column(name): value for name, value in more.items()}


def vote(answer_id: str, label: str = "yes", assignment: str = "v1", worker: str = "w9", **more: str) -> Row:
    row = {
        "INPUT:answer_id": answer_id,
        "INPUT:answer": "Rufiji na Tana.",
        "OUTPUT:helpful": label,
        "GOLDEN:helpful": "",
        "ASSIGNMENT:assignment_id": assignment,
        "ASSIGNMENT:worker_id": worker,
        "ASSIGNMENT:status": "APPROVED",
    }
    return row | {_column(name): value for name, value in more.items()}


def _column(name: str) -> str:
    return {"verdict": "ACCEPT:verdict", "context": "INPUT:context", "golden": "GOLDEN:helpful"}.get(
        name, f"INPUT:{name}" if name in ("original_id", "prompt_en", "answer") else f"ASSIGNMENT:{name}"
    )


def tsv(rows: Sequence[Row], newline: str = "\n", between: str = "") -> bytes:
    """Write an export; `between` stands between the rows, as Toloka's separators between suites do."""
    columns = list(dict.fromkeys(name for row in rows for name in row))
    lines = []
    for cells in [columns, *([row.get(name, "") for name in columns] for row in rows)]:
        out = io.StringIO(newline="")
        csv.writer(out, delimiter="\t", lineterminator=newline).writerow(cells)
        lines.append(out.getvalue())
    return (between.join([lines[0], *lines[1:]])).encode()


def campaign(folder: Path, answers: Sequence[Row], votes: Sequence[Row] = (), toml: str = "") -> Path:
    """Write a campaign folder with one answer pool and, where there are votes, one judgement pool."""
    folder.mkdir(exist_ok=True)
    (folder / "campaign.toml").write_text(toml or ANSWER_TOML + (JUDGEMENT_TOML if votes else ""))
    (folder / "answers.tsv").write_bytes(tsv(answers))
    if votes:
        (folder / "votes-1.tsv").write_bytes(tsv(votes))
    return folder
