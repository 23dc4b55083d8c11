"""What the masking of personal data finds and what it takes for it, by kind, on a labelled set; and how fast it is.

    python benchmarks/personal_data.py [FILE] [--rows N] [--missed] [--json FILE]

FILE is JSON Lines as `tests/filters/personal_data.jsonl`, which is read when none is named: a first line with
`regions` (language → countries, or the code of a language file), then lines with `half`, `language`, `text` and
`spans` ([start, end, kind]). Prints precision and recall by kind with 95 % Wilson intervals, for each half: a find
is right if its kind and both its ends are. `--missed` prints the texts that went wrong. Then rows a second in one
process: clean ones of 40 words, ones of which a tenth has a number, ones of which each has one; beside them the
rows a second that only write a changed column of the same size (the floor).
"""

from __future__ import annotations

import argparse
import json
import time
from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pyarrow as pa
from rich.console import Console
from rich.table import Table

from lrl_datasets import intervals, languages, schema
from lrl_datasets.filters.base import map_contents
from lrl_datasets.filters.personal_data import PersonalData
from lrl_datasets.filters.placeholders import PLACEHOLDERS

SET = Path(__file__).parent.parent / "tests" / "filters" / "personal_data.jsonl"


@dataclass(frozen=True)
class Line:
    """One labelled text."""

    half: str
    text: str
    spans: frozenset[tuple[int, int, str]]
    filter: PersonalData
    """As it is for the text's language."""


def main() -> None:
    """Read the set, score it, time rows, print the tables."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("file", type=Path, nargs="?", default=SET)
    parser.add_argument("--rows", type=int, default=20_000, help="rows to time (default 20,000; 0: none)")
    parser.add_argument("--missed", action="store_true", help="print the texts that went wrong")
    parser.add_argument("--json", type=Path)
    arguments = parser.parse_args()

    lines = read(arguments.file)
    results: dict[str, Any] = {half: score(lines, half) for half in sorted({line.half for line in lines})}
    show(results, arguments.file.name)
    if arguments.missed:
        show_missed(lines)
    if arguments.rows:
        results["rows_per_second"] = speed(arguments.rows, lines[0].filter)
        show_speed(results["rows_per_second"])
    if arguments.json:
        arguments.json.write_text(json.dumps(results, indent=1) + "\n", encoding="utf-8")


def read(path: Path) -> list[Line]:
    """Read a labelled set."""
    header, *rows = map(json.loads, path.read_text(encoding="utf-8").splitlines())
    filters = {language: _filter(regions) for language, regions in header["regions"].items()}
    return [
        Line(row["half"], row["text"], frozenset(map(tuple, row["spans"])), filters[row["language"]])
        for row in rows
    ]


def _filter(regions: str | Sequence[str]) -> PersonalData:
    if not isinstance(regions, str):
        return PersonalData(tuple(regions))
    facts = languages.load(regions).personal_data
    return PersonalData(facts.phone_regions, facts.phone_cues, facts.id_cues)


def found(line: Line) -> set[tuple[int, int, str]]:
    """Return the spans that the filter finds in a text."""
    return {(one.start, one.end, one.kind) for one in line.filter.find(line.text)}


def score(lines: Sequence[Line], half: str) -> dict[str, dict[str, Any]]:
    """Precision and recall of one half by kind, and of `all`."""
    right: Counter[str] = Counter()
    labelled: Counter[str] = Counter()
    said: Counter[str] = Counter()
    for line in (line for line in lines if line.half == half):
        spans = found(line)
        for counter, those in ((right, spans & line.spans), (labelled, line.spans), (said, spans)):
            counter.update(kind for *_, kind in those)
            counter["all"] += len(those)
    kinds = [kind for kind in (*PLACEHOLDERS, "all") if labelled[kind] or said[kind]]
    return {
        kind: {
            "labelled": labelled[kind], "found": said[kind], "right": right[kind],
            "precision": _share(right[kind], said[kind]), "recall": _share(right[kind], labelled[kind]),
        }
        for kind in kinds
    }  # fmt: skip


def _share(successes: int, n: int) -> list[float] | None:
    return [successes / n, *intervals.wilson(successes, n)] if n else None


# ---- speed ----------------------------------------------------------------------------------------------

_WORDS = """
kabla ya kusafiri kwa basi hakikisha tiketi yako ina jina sahihi na muda wa kuondoka kisha fika kituoni mapema
ukiwa na mzigo mdogo maji ya kunywa na chakula kidogo kwa sababu safari ni ndefu na barabara ina vumbi jingi sana
""".split()  # noqa: SIM905


def speed(rows: int, step: PersonalData) -> dict[str, float]:
    """Rows a second in one process, the floor and each kind of rows in turn, the median of three rounds."""
    tables = {
        "clean rows": _rows(rows, every=0),
        "a tenth with a number": _rows(rows, every=10),
        "each with a number": _rows(rows // 10, every=1),
    }
    work: dict[str, tuple[int, Callable[[], object]]] = {
        "floor: write the changed column": (
            rows, lambda: map_contents(tables["clean rows"], lambda text: text)
        ),
        **{name: (table.num_rows, lambda table=table: step(table)) for name, table in tables.items()},
    }  # fmt: skip
    seconds: dict[str, list[float]] = {name: [] for name in work}
    for _ in range(3):
        for name, (_, run) in work.items():
            started = time.perf_counter()
            run()
            seconds[name].append(time.perf_counter() - started)
    return {name: work[name][0] / sorted(taken)[1] for name, taken in seconds.items()}


def _rows(n: int, every: int) -> pa.Table:
    """Rows of 40 words, the words turned about; one of `every` has a phone number."""
    listed = []
    for row in range(n):
        words = [_WORDS[(row * 7 + at) % len(_WORDS)] for at in range(40)]
        if every and row % every == 0:
            words[20] = f"0712 {100 + row % 900} {100 + row // 900 % 900}"
        turns = [("user", " ".join(words[:8])), ("assistant", " ".join(words[8:]))]
        listed.append({"messages": [{"role": role, "content": content} for role, content in turns]})
    return schema.candidates(listed)


# ---- tables ---------------------------------------------------------------------------------------------


def show(results: Mapping[str, Mapping[str, Any]], name: str) -> None:
    """Print precision and recall by kind, the halves side by side."""
    table = Table(title=f"{name}: % [95 % interval]")
    table.add_column("kind")
    for half in results:
        for what in ("labelled", "precision", "recall"):
            table.add_column(f"{half}: {what}", justify="right")
    for kind in (*PLACEHOLDERS, "all"):
        if any(kind in figures for figures in results.values()):
            cells = [
                cell
                for figures in results.values()
                for one in [figures.get(kind, {"labelled": 0, "precision": None, "recall": None})]
                for cell in (str(one["labelled"]), _percent(one["precision"]), _percent(one["recall"]))
            ]
            table.add_row(kind, *cells, end_section=kind == "name")
    Console(width=130).print(table)


def _percent(share: Sequence[float] | None) -> str:
    return "–" if share is None else f"{100 * share[0]:.0f} [{100 * share[1]:.0f}, {100 * share[2]:.0f}]"


def show_missed(lines: Sequence[Line]) -> None:
    """Print what was not found, and what was taken for personal data."""
    console = Console(width=130, highlight=False, markup=False)
    for line in lines:
        spans = found(line)
        for what, those in (("missed", line.spans - spans), ("wrong", spans - line.spans)):
            for start, end, kind in sorted(those):
                console.print(f"{line.half} {what} {kind}: {line.text[start:end]!r} in {line.text!r}")


def show_speed(rates: Mapping[str, float]) -> None:
    """Print rows a second, and each as a share of the floor."""
    table = Table(title="rows a second, one process, 40 words a row")
    for column in ("", "rows/s", "of the floor"):
        table.add_column(column, justify="left" if not column else "right")
    floor = next(iter(rates.values()))
    for name, rate in rates.items():
        table.add_row(name, f"{rate:,.0f}", f"{rate / floor:.2f}")
    Console(width=100).print(table)


if __name__ == "__main__":
    main()
