"""How well rows that leak evaluation texts are told from rows that only look like them, and how fast.

    python benchmarks/leaks.py FOLDER [--language CODE] [--other FOLDER] [--items N] [--seed N] [--rows N] [--json FILE]

FOLDER holds texts of one language, with their English originals where there are any, in a layout that is known:
`sib200` (CODE/*.tsv), `ntrex128` (*.CODE.txt, *.eng.txt), `xcopa` (CODE/val.CODE.jsonl, gmt/CODE), `mgsm`
(exemplars.CODE_en.json), `afriqa` (CODE/*.json), `belebele_idm` (human/*.jsonl). Half of the items, drawn by the seed,
are the suite, and the other half are its innocent neighbours. `--other` has texts that nothing is planted from: what
embedded copies are put into.

Planted, each from every item of the suite: copies, light edits (a tenth of the words, one at least, dropped, doubled,
misspelt or replaced; and a fifth), reordered (sentences, or the text cut in two, swapped; words that stand side by side
swapped), each inside 60 to 200 words of other text too, what was made from the English original with its id, and with
its English side lightly edited, and with neither (which no text can show: it stands outside the sums). Innocent: the
neighbours, neighbours behind the suite's own lead-in and with the most frequent phrases of the folder, neighbours with
the rarest words of a suite item put in (the same subject), and suite items whose rarer half of words is that of other
texts (the same template). Half of the suite has a lead-in that all of them share, as reading tasks do.

Prints recall, the share of innocent rows refused, and precision with as many innocent rows as planted ones, each with
its 95 % Wilson interval, rows a second of processor time in one process, and with `--show N` examples of what went
wrong. The filter's constants were chosen on Hausa and Yoruba news and sentences and on Zulu reading tasks. Misses on
Haitian choices and Swahili questions led to the bits of a whole text, whose number was then set on Hausa and Zulu:
on those two folders the figures are not wholly unseen.
"""

from __future__ import annotations

import argparse
import csv
import json
import random
import time
from collections import Counter
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pyarrow as pa
from rich.console import Console
from rich.table import Table

from lrl_datasets import schema
from lrl_datasets.filters.base import add_column
from lrl_datasets.filters.contamination import Contamination
from lrl_datasets.filters.suite_index import WHOLE_WORDS, SuiteIndex, SuiteItem
from lrl_datasets.intervals import wilson

LEAD_IN = "Soma habari hii kwa makini, kisha ujibu swali linalofuata kwa maneno yako mwenyewe"
"""Written for this benchmark; what it says does not matter, only that half of the suite begins with it."""
OUTSIDE = ("translated, no id", "too short")
"""Kinds that no text can show, or that are not looked for."""


@dataclass(frozen=True)
class Item:
    """One text of the folder."""

    text: str
    english: str | None


def main() -> None:
    """Plant, look, count."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("directory", type=Path)
    parser.add_argument("--language", default="swh_Latn", help="code in the folder's names")
    parser.add_argument("--other", type=Path, help="texts to embed in; default: the neighbours")
    parser.add_argument("--items", type=int, default=1000, help="at most so many in the suite")
    parser.add_argument("--rows", type=int, default=20_000, help="for the rows a second")
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--show", type=int, default=0, metavar="N", help="examples of each kind gone wrong")
    parser.add_argument("--json", type=Path)
    arguments = parser.parse_args()

    items = read(arguments.directory, arguments.language)
    draw = random.Random(arguments.seed)
    draw.shuffle(items)
    suite, neighbours = items[: len(items) // 2][: arguments.items], items[len(items) // 2 :]
    other = read(arguments.other, arguments.language) if arguments.other else neighbours
    rows = [*planted(suite, other, draw), *innocent(suite, neighbours, draw)]
    index = index_of(suite)
    results, wrong = measure(Contamination(index), rows)
    results["speed"] = speed(Contamination(index), neighbours, arguments.rows, draw)
    results["suite"] = {"items": len(suite), "units": len(index.arrays["holder"])}
    show(results, f"{arguments.directory} {arguments.language}, {len(suite)} items of {len(items)}")
    for kind, listed in wrong.items() if arguments.show else ():
        for row, found in listed[: arguments.show]:
            print(f"\n{kind}: {found}\n  suite: {row.item.text[:300]}\n  row:   {row.text[:300]}")
    if arguments.json:
        arguments.json.write_text(json.dumps(results, indent=1) + "\n", encoding="utf-8")


# ---- planting -------------------------------------------------------------------------------------------


@dataclass(frozen=True)
class Row:
    """One row to be judged: what kind it is, from which item, whether it leaks."""

    kind: str
    leak: bool
    item: Item
    text: str
    lineage: str | None = None
    english: str | None = None


def index_of(suite: list[Item]) -> SuiteIndex:
    """Index the suite as a task with English originals is."""
    items = []
    for number, item in enumerate(suite):
        text = f"{LEAD_IN}: {item.text}" if number % 2 else item.text
        items.append(SuiteItem("suite", (text,), (f"suite:{number}",)))
        if item.english:
            items.append(SuiteItem("suite", (item.english,), english=True))
    return SuiteIndex.build(items)


def planted(suite: list[Item], other: list[Item], draw: random.Random) -> Iterable[Row]:
    """Yield rows that leak."""
    vocabulary = [word for item in other for word in item.text.split()]
    edits: dict[str, Callable[[str], str]] = {
        "copy": lambda text: text,
        "light edit, 1 in 10": lambda text: edited(text, 0.1, vocabulary, draw),
        "light edit, 1 in 5": lambda text: edited(text, 0.2, vocabulary, draw),
        "parts reordered": lambda text: reordered(text, draw),
        "words reordered": lambda text: swapped(text, draw),
    }
    for number, item in enumerate(suite):
        if len(item.text.split()) < WHOLE_WORDS:
            yield Row("too short", True, item, item.text)
            continue
        for kind, change in edits.items():
            yield Row(kind, True, item, change(item.text))
            yield Row(f"{kind}, embedded", True, item, embedded(change(item.text), other, draw))
        neutral = draw.choice(other).text
        yield Row("lineage id", True, item, neutral, lineage=f"suite:{number}")
        if item.english:
            english_words = [word for one in suite if one.english for word in one.english.split()]
            changed = edited(item.english, 0.1, english_words[:5000], draw)
            yield Row("translated, English side", True, item, neutral, english=changed)
            yield Row("translated, no id", True, item, neutral)


def innocent(suite: list[Item], neighbours: list[Item], draw: random.Random) -> Iterable[Row]:
    """Yield rows that only look like a leak."""
    count = Counter(word.lower() for item in (*suite, *neighbours) for word in set(item.text.split()))
    phrases = Counter(
        " ".join(words[at : at + 4])
        for item in (*suite, *neighbours)
        for words in [item.text.split()]
        for at in range(len(words) - 3)
    )
    stock = [phrase for phrase, n in phrases.most_common(30) if n > 2] or [LEAD_IN]
    rare = sorted((word for word, n in count.items() if n <= 2), key=str)
    for item in suite:
        words = item.text.split()
        if len(words) < WHOLE_WORDS:
            continue
        other = draw.choice(neighbours).text
        yield Row("neighbour", False, item, other)
        yield Row("lead-in of the suite", False, item, f"{LEAD_IN}: {other}")
        yield Row("stock phrases", False, item, f"{' '.join(draw.sample(stock, min(4, len(stock))))} {other}")
        subject = sorted(set(words), key=lambda word: (count[word.lower()], word))[: max(1, len(words) // 5)]
        yield Row("same subject", False, item, inserted(other, subject, draw))
        rarer = set(
            sorted(set(words), key=lambda word: (count[word.lower()], word))[: (len(set(words)) + 1) // 2]
        )
        template = " ".join(draw.choice(rare) if word in rarer else word for word in words)
        yield Row("same template", False, item, template)


def edited(text: str, share: float, vocabulary: list[str], draw: random.Random) -> str:
    """Drop, double, misspell or replace a share of the words, one at least."""
    words = text.split()
    for at in draw.sample(range(len(words)), max(1, round(share * len(words)))):
        word, how = words[at], draw.randrange(4)
        middle = draw.randrange(len(word))
        words[at] = (
            "" if how == 0
            else f"{word} {word}" if how == 1
            else word[:middle] + draw.choice("aeioknmw") + word[middle + 1 :] if how == 2
            else draw.choice(vocabulary)
        )  # fmt: skip
    return " ".join(word for word in words if word)


def reordered(text: str, draw: random.Random) -> str:
    """Put the second part first: after a sentence where there are several, else anywhere in the middle third."""
    words = text.split()
    ends = [at + 1 for at, word in enumerate(words[:-1]) if word[-1] in ".?!"]
    at = (
        draw.choice(ends)
        if ends
        else draw.randint(len(words) // 3, max(len(words) // 3, 2 * len(words) // 3))
    )
    return " ".join(words[at:] + words[:at])


def swapped(text: str, draw: random.Random) -> str:
    """Swap a third of the neighbouring words."""
    words = text.split()
    at = 0
    while at < len(words) - 1:
        if draw.random() < 1 / 3:
            words[at], words[at + 1] = words[at + 1], words[at]
            at += 1
        at += 1
    return " ".join(words)


def embedded(text: str, other: list[Item], draw: random.Random) -> str:
    """Put a text into 60 to 200 words of others, at the end of one of them."""
    least = draw.randint(60, 200)
    around: list[str] = []
    while sum(len(one.split()) for one in around) < least:
        around.append(draw.choice(other).text)
    around.insert(draw.randint(0, len(around)), text)
    return " ".join(around)


def inserted(text: str, words: list[str], draw: random.Random) -> str:
    """Put words into a text, apart from each other."""
    found = text.split()
    for word in words:
        found.insert(draw.randint(0, len(found)), word)
    return " ".join(found)


# ---- measuring ------------------------------------------------------------------------------------------


def table_of(rows: list[Row]) -> pa.Table:
    """Make candidates of rows: half of the texts stand in the prompt, half in the answer."""
    listed = []
    for number, row in enumerate(rows):
        turns = ("Endelea.", row.text) if number % 2 else (row.text, "Sawa.")
        messages = [
            {"role": role, "content": text} for role, text in zip(("user", "assistant"), turns, strict=True)
        ]
        listed.append({"messages": messages, "lineage": [row.lineage] if row.lineage else []})
    table = schema.candidates(listed)
    english = [[{"role": "user", "content": row.english}] if row.english else None for row in rows]
    return add_column(table, "english", english, schema.MESSAGES)


def measure(step: Contamination, rows: list[Row]) -> tuple[dict[str, Any], dict[str, list[tuple[Row, Any]]]]:
    """Judge the rows; returns the figures, and what went wrong by kind."""
    marked = step(table_of(rows))
    counts: dict[str, list[int]] = {}
    review: Counter[str] = Counter()
    wrong: dict[str, list[tuple[Row, Any]]] = {}
    for row, mark, leaks in zip(
        rows, marked["mark.contamination"].to_pylist(), marked["leaks"].to_pylist(), strict=True
    ):
        found = counts.setdefault(("leak " if row.leak else "innocent ") + row.kind, [0, 0])
        found[0] += mark is not None
        found[1] += 1
        review[row.kind] += mark is None and leaks is not None
        if (mark is not None) != row.leak:
            wrong.setdefault(row.kind, []).append((row, leaks and leaks[0]))
    figures: dict[str, Any] = {"leaks": {}, "innocent": {}}
    total = {True: [0, 0], False: [0, 0]}
    for name, (n, of) in counts.items():
        what, _, kind = name.partition(" ")
        figures["leaks" if what == "leak" else "innocent"][kind] = {**share(n, of), "review": review[kind]}
        if kind not in OUTSIDE:
            total[what == "leak"][0] += n
            total[what == "leak"][1] += of
    figures["recall"], figures["refused_innocent"] = share(*total[True]), share(*total[False])
    # As many innocent rows as planted ones.
    same = total[True][1] / total[False][1]
    alarms = round(total[False][0] * same)
    figures["precision"] = share(total[True][0], total[True][0] + alarms)
    return figures, wrong


def share(n: int, of: int) -> dict[str, float]:
    """Return a share with its 95 % interval."""
    if not of:
        return {"n": 0, "of": 0}
    low, high = wilson(n, of)
    return {"n": n, "of": of, "share": n / of, "low": low, "high": high}


def speed(step: Contamination, texts: list[Item], n: int, draw: random.Random) -> dict[str, float]:
    """Return rows of 40 words a second of processor time in one process, the index loaded."""
    pool = [word for item in texts for word in item.text.split()]
    rows = []
    for _ in range(n):
        at = draw.randrange(max(1, len(pool) - 40))
        rows.append(Row("speed", False, texts[0], " ".join(pool[at : at + 40])))
    table = table_of(rows)
    step(table.slice(0, 100))
    started = time.process_time()
    step(table)
    return {"rows": n, "rows_per_second": n / (time.process_time() - started)}


def show(results: dict[str, Any], title: str) -> None:
    """Print the figures."""
    table = Table(title=f"{title}: % refused [95 % interval] of n; listed for review")
    table.add_column("")
    table.add_column("refused", justify="right")
    table.add_column("review", justify="right")
    for what, name in (("leaks", "planted"), ("innocent", "innocent")):
        table.add_section()
        for kind, figures in results[what].items():
            outside = " (outside the sums)" if kind in OUTSIDE else ""
            table.add_row(f"{name}: {kind}{outside}", said(figures), str(figures["review"]))
    table.add_section()
    table.add_row("recall", said(results["recall"]), "")
    table.add_row("innocent rows refused", said(results["refused_innocent"]), "")
    table.add_row("precision, as many innocent as planted", said(results["precision"]), "")
    table.add_row("rows of 40 words a second", f"{results['speed']['rows_per_second']:,.0f}", "")
    Console(width=120).print(table)


def said(figures: dict[str, float]) -> str:
    """Write a share as it is printed."""
    if not figures["of"]:
        return "–"
    low, high = 100 * figures["low"], 100 * figures["high"]
    return f"{100 * figures['share']:.1f} [{low:.1f}, {high:.1f}] of {figures['of']}"


# ---- reading --------------------------------------------------------------------------------------------


def read(directory: Path, code: str) -> list[Item]:
    """Read a folder's texts of one language, each once, with their English originals where it has them."""
    codes = (
        code,
        code.partition("_")[0],
        {"swh": "swa"}.get(code[:3], ""),
        {"swh": "sw", "hau": "ha", "yor": "yo"}.get(code[:3], ""),
    )
    pairs: list[tuple[str, str | None]] = []
    for own in filter(None, codes):
        pairs = [*_sib(directory, own), *_ntrex(directory, own), *_xcopa(directory, own), *_mgsm(directory, own),
                 *_afriqa(directory, own)]  # fmt: skip
        if pairs:
            break
    pairs = pairs or list(_belebele(directory))
    if not pairs:
        raise SystemExit(f"{directory}: no texts of {code} in a known layout")
    texts = {text: Item(text, english) for text, english in pairs if text.strip()}
    return [texts[text] for text in sorted(texts)]


Pairs = Iterable[tuple[str, str | None]]


def _sib(directory: Path, code: str) -> Pairs:
    def rows(path: Path) -> dict[str, str]:
        with path.open(encoding="utf-8", newline="") as file:
            return {
                row["index_id"]: row["text"]
                for row in csv.DictReader(file, delimiter="\t", quoting=csv.QUOTE_NONE)
            }

    for path in sorted((directory / code).glob("*.tsv")):
        english = directory / "eng_Latn" / path.name
        originals = rows(english) if english.is_file() else {}
        for name, text in rows(path).items():
            yield text, originals.get(name)


def _ntrex(directory: Path, code: str) -> Pairs:
    for path in sorted(directory.glob(f"*.{code}.txt")):
        (english,) = directory.glob("*.eng.txt")
        yield from zip(
            path.read_text("utf-8").splitlines(), english.read_text("utf-8").splitlines(), strict=True
        )


def _xcopa(directory: Path, code: str) -> Pairs:
    for path in sorted((directory / code).glob("val*.jsonl")):
        originals = {
            row["idx"]: row for other in (directory / "gmt" / code).glob("*.jsonl") for row in _lines(other)
        }
        for row in _lines(path):
            for field in ("premise", "choice1", "choice2"):
                yield row[field], originals.get(row["idx"], {}).get(field)


def _mgsm(directory: Path, code: str) -> Pairs:
    path = directory / f"exemplars.{code}_en.json"
    if path.is_file():
        content = json.loads(path.read_text("utf-8"))
        for name, row in content[code].items():
            for field in ("q", "a"):
                yield row[field], content["en"][name][field]


def _afriqa(directory: Path, code: str) -> Pairs:
    for path in sorted((directory / code).glob("*.json")):
        for row in _lines(path):
            yield row["question"], row["translated_question"]


def _belebele(directory: Path) -> Pairs:
    for path in sorted((directory / "human").glob("*.jsonl")) if (directory / "human").is_dir() else ():
        originals = {
            (row["link"], row["question_number"]): row
            for row in _lines(next(iter(directory.glob("belebele_en.jsonl"))))
        }
        for row in _lines(path):
            original = originals.get((row["link"], row["question_number"]), {})
            for field in ("flores_passage", "question"):
                yield row[field], original.get(field)


def _lines(path: Path) -> list[dict[str, Any]]:
    return [json.loads(line) for line in path.read_text("utf-8").splitlines()]


if __name__ == "__main__":
    main()
