"""What the rule filters cost, and what they object to in a folder of texts: by rows a second, by counts, by example.

Speed: rows of 40 words made here, every filter by itself, as multiples of reading and writing the same rows.
Objections: every `.json`, `.jsonl` and `.tsv` file below the folder; instruction, input and output (or prompt and
answer) where a file has them, else each text as an answer. Texts that people published and read are mostly fine, so
most of what is marked there is a false alarm: read the examples. No threshold is chosen here.

    python benchmarks/rule_filters.py FOLDER [--language swh_Latn] [--rows 100000] [--examples 3] [--json FILE]
"""

from __future__ import annotations

import argparse
import csv
import io
import json
import random
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq
from rich.console import Console
from rich.table import Table

from lrl_datasets import schema
from lrl_datasets.filters.echo import Echo
from lrl_datasets.filters.length_ratio import LengthRatio
from lrl_datasets.filters.markup import Markup
from lrl_datasets.filters.refusals import Refusals
from lrl_datasets.filters.repetition import Repetition
from lrl_datasets.filters.script import Script
from lrl_datasets.filters.truncated import Truncated
from lrl_datasets.filters.untranslated import Untranslated

PROMPTS, ANSWERS = (
    ("instruction", "prompt", "inputs", "question"),
    ("output", "answer", "targets", "response"),
)
MADE = "made here"


def main() -> None:
    """Print both tables."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("folder", type=Path, nargs="*")
    parser.add_argument("--language", default="swh_Latn")
    parser.add_argument("--rows", type=int, default=100_000)
    parser.add_argument("--examples", type=int, default=3)
    parser.add_argument("--json", type=Path)
    given = parser.parse_args()
    out = Console(width=160)
    told: dict[str, Any] = {"speed": speed(given.language, given.rows), "objections": {}}
    table = Table("filter", "rows/s", "times the floor", title=f"{given.rows} rows of 40 words, one process")
    for name, figures in told["speed"].items():
        table.add_row(name, f"{figures['rows_per_second']:,.0f}", f"{figures['times_floor']:.2f}")
    out.print(table)
    for folder in given.folder:
        for file in sorted(folder.rglob("*")):
            pairs = list(read(file))
            if pairs:
                told["objections"][str(file.relative_to(folder))] = objections(pairs, file, given, out)
    if given.json:
        given.json.write_text(json.dumps(told, indent=1, ensure_ascii=False) + "\n", encoding="utf-8")


def steps(language: str, source: str) -> list[Any]:
    """Return the filters with the reference builder's numbers."""
    return [
        Echo(), Repetition(), Script(language), Untranslated(language), LengthRatio(), Refusals(language),
        Truncated(language, whole_sentences=(source,)), Markup(),
    ]  # fmt: skip


def speed(language: str, rows: int) -> dict[str, dict[str, float]]:
    """Time every filter alone, the best of three, beside reading and writing the same rows."""
    draw = random.Random(1)
    words = ["".join(draw.choices("aeioubdghjklmnprstwyz", k=draw.randint(2, 9))) for _ in range(3000)]
    pairs = [(_sentence(draw, words, 12) + "?", _sentence(draw, words, 28) + ".") for _ in range(rows)]
    table = rows_of(pairs, MADE, language)

    def floor() -> None:
        buffer = io.BytesIO()
        pq.write_table(table, buffer)
        pq.read_table(buffer)

    times = {"reading and writing": best(floor)}
    for step in steps(language, MADE):
        step(table.slice(0, 10))  # compiled, loaded
        times[step.name] = best(lambda step=step: step(table))  # type: ignore[misc]
    return {
        name: {"rows_per_second": rows / seconds, "times_floor": seconds / times["reading and writing"]}
        for name, seconds in times.items()
    }


def _sentence(draw: random.Random, words: list[str], n: int) -> str:
    return " ".join(draw.choices(words, k=n)).capitalize()


def best(function: Any) -> float:
    """Return the seconds of the fastest of three runs."""
    found = []
    for _ in range(3):
        start = time.perf_counter()
        function()
        found.append(time.perf_counter() - start)
    return min(found)


def objections(
    pairs: list[tuple[str, str]], file: Path, given: argparse.Namespace, out: Console
) -> dict[str, int]:
    """Print and return the counts of a file's marks, with examples."""
    language = next((part for part in file.parts if len(part) == 8 and part[3] == "_"), given.language)
    table = rows_of(pairs, file.stem, language)
    counts: dict[str, int] = {}
    for step in [
        Script(language),
        *(one for one in steps(given.language, file.stem) if one.name != "script"),
    ]:
        done = step(table)
        marks, details = (done[f"{part}.{step.name}"].to_pylist() for part in ("mark", "detail"))
        for reason in step.reasons:
            rows = [at for at, mark in enumerate(marks) if mark == reason]
            if rows:
                counts[reason] = len(rows)
            for at in rows[: given.examples]:
                prompt, answer = pairs[at]
                out.print(
                    f"  {reason}: {details[at]}: {prompt[-60:]!r} → {answer[:60]!r} … {answer[-40:]!r}",
                    markup=False,
                )
    said = ", ".join(f"{reason} {n}" for reason, n in counts.items()) or "nothing"
    out.print(f"{file.parent.name}/{file.name}, {len(pairs)} rows: {said}", style="bold", markup=False)
    return {"rows": len(pairs), **counts}


def rows_of(pairs: list[tuple[str, str]], source: str, language: str) -> pa.Table:
    """Return the pairs as candidates."""
    same = {
        "source": source,
        "language": language,
        "prompt_language": language,
        "creation_method": "human_translated",
    }
    return schema.candidates(
        {"messages": [{"role": "user", "content": p}, {"role": "assistant", "content": a}], **same}
        for p, a in pairs
    )


def read(file: Path) -> Iterator[tuple[str, str]]:
    """Yield prompt and answer of a file's rows; `-` where it has texts alone."""
    if file.suffix == ".tsv":
        with file.open(encoding="utf-8", newline="") as stream:
            records: list[dict[str, Any]] = list(
                csv.DictReader(stream, delimiter="\t", quoting=csv.QUOTE_NONE)
            )
    elif file.suffix in (".json", ".jsonl"):
        text = file.read_text("utf-8")
        try:
            whole = json.loads(text)
            records = whole if isinstance(whole, list) else []
        except ValueError:
            records = [json.loads(line) for line in text.splitlines() if line.strip()]
    else:
        return
    for record in records:
        if not isinstance(record, dict):
            continue
        asked = "\n\n".join(str(record[name]) for name in (*PROMPTS, "input") if record.get(name))
        said = next((str(record[name]) for name in ANSWERS if record.get(name)), None)
        if said is not None or record.get("text"):
            yield asked or "-", said if said is not None else str(record["text"])
        elif asked:
            yield asked, "-"


if __name__ == "__main__":
    main()
