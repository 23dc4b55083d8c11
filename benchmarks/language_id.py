"""How well and how fast the language files' rule tells a language from others, beside each detector alone.

    python benchmarks/language_id.py DIR [--language swh_Latn] [--rule-only] [--json FILE]

DIR holds labelled sentences in one of three layouts: `sib200` (CODE/*.tsv with a column `text`), `ntrex128`
(`*.CODE.txt`, one sentence a line) or `afriqa` (CODE/*.json, JSON Lines with `question`). Texts whose CODE is
one of the language's (FLORES, ISO 639-3, macrolanguage, Hub) are the ones to keep. Prints the share kept with
its 95 % Wilson interval, by length, and of every other language the share let through; texts a second in one
process, detectors loaded. Nothing is fitted on the folder under test.
"""

from __future__ import annotations

import argparse
import csv
import json
import math
import time
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

from rich.console import Console
from rich.table import Table

from lrl_datasets import languages
from lrl_datasets.filters.detectors import detector
from lrl_datasets.filters.judged_text import judged
from lrl_datasets.filters.language_id import judge
from lrl_datasets.filters.words import count_words

Rule = Callable[[Sequence[str]], list[bool]]


def main() -> None:
    """Read the folder, apply every rule, print the table."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("directory", type=Path)
    parser.add_argument("--language", default="swh_Latn")
    parser.add_argument("--rule-only", action="store_true", help="leave out the detectors alone")
    parser.add_argument("--json", type=Path)
    arguments = parser.parse_args()

    language = languages.load(arguments.language)
    texts = read(arguments.directory)
    own = {language.code, language.codes.iso639_3, language.codes.macrolanguage, language.codes.hub}
    results = {
        name: measure(rule, texts, own, language.language_id.min_words)
        for name, rule in rules(language, arguments.rule_only).items()
    }
    show(results, str(arguments.directory), language)
    if arguments.json:
        arguments.json.write_text(json.dumps(results, indent=1, ensure_ascii=False) + "\n", encoding="utf-8")


def rules(language: languages.Language, rule_only: bool) -> dict[str, Rule]:
    """The language file's rule and, by name, each of its detectors' first label alone."""

    def by_label(facts: languages.Detector) -> Rule:
        ready = detector(language, facts)
        return lambda texts: [
            v.label == language.code for v in ready([judged(text, 8).text for text in texts])
        ]

    found: dict[str, Rule] = {"rule": lambda texts: [j.accepted for j in judge(texts, language)]}
    if not rule_only:
        for facts in (language.language_id.leading, *language.language_id.opinions):
            found[f"{facts.detector} label"] = by_label(facts)
    return found


def read(directory: Path) -> dict[str, list[str]]:
    """Read the labelled sentences: code → texts."""
    texts: dict[str, list[str]] = {}
    for path in sorted(directory.rglob("*")):
        if path.suffix == ".tsv" and path.parent != directory:
            with path.open(encoding="utf-8", newline="") as file:
                for row in csv.DictReader(file, delimiter="\t", quoting=csv.QUOTE_NONE):
                    texts.setdefault(path.parent.name, []).append(row["text"])
        elif path.suffix == ".txt" and path.stem.count(".") == 1:
            texts.setdefault(path.stem.split(".")[1], []).extend(
                path.read_text(encoding="utf-8").splitlines()
            )
        elif path.suffix == ".json" and path.parent != directory:
            lines = path.read_text(encoding="utf-8").splitlines()
            texts.setdefault(path.parent.name, []).extend(json.loads(line)["question"] for line in lines)
    if not texts:
        raise SystemExit(
            f"{directory}: no labelled sentences in a known layout (CODE/*.tsv, *.CODE.txt, CODE/*.json)"
        )
    return texts


def measure(rule: Rule, texts: dict[str, list[str]], own: set[str | None], min_words: int) -> dict[str, Any]:
    """Apply one rule to all texts."""
    rule([text for listed in texts.values() for text in listed[:1]])  # load what it needs
    flat = [text for listed in texts.values() for text in listed]
    started = time.perf_counter()
    kept = iter(rule(flat))
    seconds = time.perf_counter() - started
    of_own: list[tuple[str, bool]] = []
    let_through: dict[str, dict[str, float]] = {}
    for code, listed in texts.items():
        judged = [(text, next(kept)) for text in listed]
        if code in own:
            of_own += judged
        else:
            count = sum(passed for _, passed in judged)
            let_through[code] = {"texts": len(judged), "kept": count, "share": count / len(judged)}
    short = [passed for text, passed in of_own if count_words(text) < min_words]
    long = [passed for text, passed in of_own if count_words(text) >= min_words]
    return {
        "recall": interval([passed for _, passed in of_own]),
        f"recall_under_{min_words}_words": interval(short),
        f"recall_from_{min_words}_words": interval(long),
        "let_through": dict(sorted(let_through.items(), key=lambda item: (-item[1]["share"], item[0]))),
        "let_through_pooled": interval_of(
            int(sum(x["kept"] for x in let_through.values())),
            int(sum(x["texts"] for x in let_through.values())),
        ),
        "texts_per_second": len(flat) / seconds,
    }


def interval(passed: Sequence[bool]) -> dict[str, float]:
    """Share of the true ones, see `interval_of`."""
    return interval_of(sum(passed), len(passed))


def interval_of(count: int, total: int, z: float = 1.96) -> dict[str, float]:
    """Share with its Wilson score interval (Wilson 1927)."""
    if not total:
        return {"texts": 0}
    share = count / total
    middle = share + z * z / (2 * total)
    half = z * math.sqrt(share * (1 - share) / total + z * z / (4 * total * total))
    scale = 1 + z * z / total
    return {"texts": total, "share": share, "low": (middle - half) / scale, "high": (middle + half) / scale}


def show(results: dict[str, dict[str, Any]], directory: str, language: languages.Language) -> None:
    """Print the figures, a column a rule, the languages most let through below."""
    table = Table(title=f"{language.code} in {directory}: % kept [95 % interval] of n, % let through")
    table.add_column("")
    for name in results:
        table.add_column(name, justify="right")
    first = next(iter(results.values()))
    for key in (key for key in first if key.startswith("recall")):
        table.add_row(key.replace("_", " "), *(_share(result[key]) for result in results.values()))
    table.add_row(
        "let through, all others", *(_share(result["let_through_pooled"]) for result in results.values())
    )
    worst = {code for result in results.values() for code in list(result["let_through"])[:6]}
    order = sorted(
        worst, key=lambda code: -max(result["let_through"][code]["share"] for result in results.values())
    )
    for code in order:
        table.add_row(
            code, *(f"{100 * result['let_through'][code]['share']:.1f}" for result in results.values())
        )
    table.add_row("texts a second", *(f"{result['texts_per_second']:,.0f}" for result in results.values()))
    Console(width=160).print(table)


def _share(figures: dict[str, float]) -> str:
    if not figures["texts"]:
        return "–"
    low, high = 100 * figures["low"], 100 * figures["high"]
    return f"{100 * figures['share']:.1f} [{low:.1f}, {high:.1f}] of {figures['texts']}"


if __name__ == "__main__":
    main()
