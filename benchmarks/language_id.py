"""How well and how fast a language is told from others: each detector alone, the language file's rule, a fitted table.

    python benchmarks/language_id.py DIR [--language swh_Latn] [--fit DIR ...] [--rule-only] [--json FILE]

DIR holds labelled sentences: `sib200` (CODE/*.tsv with a column `text`), `ntrex128` (`*.CODE.txt`, one sentence a
line), `afriqa` (CODE/*.json, JSON Lines with `question`), CODE/*.txt or CODE.txt. Those whose CODE is one of the
language's are the ones to keep. Prints the share kept with its 95 % Wilson interval, by length, in capitals and with
every 20th letter dropped; of every other language the count let through, of sentences of 8 words and more; texts a
second in one process, detectors loaded. Where DIR has the language that people mix in too, spliced halves and spans
of known shares show how well code-switching is measured. Nothing is fitted on what is scored: with `--fit` (given
once for each domain, DIR may be one of them) a table is fitted on every second sentence of these folders, and all
rules are scored on the other sentences of DIR, so that no translation of a scored sentence was seen.
"""

from __future__ import annotations

import argparse
import dataclasses
import json
import time
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any, get_args

from rich.console import Console
from rich.table import Table

from lrl_datasets import languages
from lrl_datasets.errors import LrlError
from lrl_datasets.filters import code_switching, discriminator_fit
from lrl_datasets.filters.detectors import detector
from lrl_datasets.filters.judged_text import judged
from lrl_datasets.filters.labelled_text import LabelledText, iso639_3, own_codes, read_folder
from lrl_datasets.filters.language_id import judge
from lrl_datasets.filters.words import count_words
from lrl_datasets.intervals import wilson

Rule = Callable[[Sequence[str]], list[bool]]

LENGTHS = ((1, 3), (4, 7), (8, 11), (12, 19), (20, None))
"""Words, ends included."""
SHOWN = 8
"""Languages of each rule that are printed, the worst ones."""


def main() -> None:
    """Read the folder, apply every rule, print the table."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("directory", type=Path)
    parser.add_argument("--language", default="swh_Latn")
    parser.add_argument("--fit", type=Path, nargs="+", action="extend", default=[])
    parser.add_argument("--rule-only", action="store_true", help="leave out the detectors alone")
    parser.add_argument("--json", type=Path)
    arguments = parser.parse_args()

    language = languages.load(arguments.language)
    try:
        text = read_folder(arguments.directory)
        table = fitted(language, arguments.fit)
    except LrlError as error:
        raise SystemExit(str(error)) from error
    if table is not None:
        text = half(text, 1)
    own = own_codes(language)
    mine = [one for code, listed in text.sentences.items() if iso639_3(code) in own for one in listed]
    others = {code: listed for code, listed in text.sentences.items() if iso639_3(code) not in own}
    least = language.language_id.min_words
    results = {
        name: measure(rule, mine, others, least)
        for name, rule in rules(language, table, arguments.rule_only).items()
    }
    spliced = switching(language, text)
    show(results, str(arguments.directory), language)
    if spliced:
        show_switching(spliced, language)
        results["code_switching"] = spliced
    if arguments.json:
        arguments.json.write_text(json.dumps(results, indent=1, ensure_ascii=False) + "\n", encoding="utf-8")


def half(text: LabelledText, which: int) -> LabelledText:
    """Return every second sentence of each language, the even (0) or the odd (1) ones."""
    return dataclasses.replace(
        text, sentences={code: listed[which::2] for code, listed in text.sentences.items()}
    )


def fitted(language: languages.Language, folders: Sequence[Path]) -> discriminator_fit.Discriminator | None:
    """Fit a table on the even sentences of the folders, if there are any."""
    if not folders:
        return None
    return discriminator_fit.fit(language, [half(read_folder(one), 0) for one in folders], report=False)


def rules(
    language: languages.Language, table: discriminator_fit.Discriminator | None, rule_only: bool
) -> dict[str, Rule]:
    """The language file's rule, with the fitted table if there is one, and each detector's first label alone."""

    def by_label(facts: languages.Detector) -> Rule:
        ready = detector(language, facts)
        return lambda texts: [
            v.label == language.code for v in ready([judged(text, 8).text for text in texts])
        ]

    found: dict[str, Rule] = {"rule": lambda texts: [j.accepted for j in judge(texts, language)]}
    if table is not None:
        found["fitted"] = lambda texts: [j.accepted for j in judge(texts, language, table)]
    if not rule_only:
        for name in get_args(languages.DetectorName):
            if getattr(language.codes, name) is not None:
                found[f"{name} label"] = by_label(languages.Detector(detector=name))
    return found


def measure(rule: Rule, own: Sequence[str], others: dict[str, list[str]], min_words: int) -> dict[str, Any]:
    """Apply one rule to all texts."""
    flat = [text for listed in others.values() for text in listed]
    rule([*own[:1], *flat[:1]])  # load what it needs
    kept, own_speed = timed(rule, own)
    passed, speed = timed(rule, [*own, *flat])
    lengths = [count_words(text) for text in own]
    long = [text for text, words in zip(own, lengths, strict=True) if words >= min_words]

    let_through: dict[str, dict[str, float]] = {}
    at = len(own)
    for code, listed in others.items():
        of_code = [
            one
            for text, one in zip(listed, passed[at : at + len(listed)], strict=True)
            if count_words(text) >= min_words
        ]
        at += len(listed)
        let_through[code] = share(of_code)
    worst = sorted(let_through.items(), key=lambda item: (-item[1].get("share", 0), item[0]))
    return {
        "recall": share(kept),
        f"recall_from_{min_words}_words": share(
            [one for one, words in zip(kept, lengths, strict=True) if words >= min_words]
        ),
        **{
            f"recall_of_{low}_to_{high}_words" if high else f"recall_from_{low}_words": share(
                [
                    one
                    for one, words in zip(kept, lengths, strict=True)
                    if low <= words and (high is None or words <= high)
                ]
            )
            for low, high in LENGTHS
        },
        "recall_in_capitals": share(rule([text.upper() for text in long])),
        "recall_with_letters_dropped": share(rule([without_letters(text) for text in long])),
        "let_through": dict(worst),
        "let_through_pooled": share_of(
            int(sum(x.get("kept", 0) for x in let_through.values())),
            int(sum(x["texts"] for x in let_through.values())),
        ),
        "texts_per_second": own_speed,
        "texts_per_second_mixed": speed,
    }


def switching(language: languages.Language, text: LabelledText) -> dict[str, dict[str, float]]:
    """Measure the share of the other language in texts where it is known: pure, halves, spans of 3 to 6 words."""
    by_code = {iso639_3(code): listed for code, listed in sorted(text.sentences.items())}
    own = next((by_code[code] for code in sorted(own_codes(language)) if code in by_code), [])[:2000]
    other = by_code.get(iso639_3(language.language_id.mixed.language), [])
    if len(other) < 20 or not own:
        return {}
    made: dict[str, list[tuple[str, float]]] = {"own": [], "other": [], "halves": [], "spans": []}
    for at, sentence in enumerate(own):
        mine = judged(sentence, 1000).text.split()
        theirs = judged(other[(at + 7) % len(other)], 1000).text.split()
        made["own"].append((" ".join(mine), 0.0))
        made["other"].append((" ".join(theirs), 1.0))
        first, last = mine[: len(mine) // 2], theirs[len(theirs) // 2 :]
        span = theirs[2 : 5 + at % 4]
        for kind, parts in (("halves", (first, last, [])), ("spans", (first, span, mine[len(mine) // 2 :]))):
            words = [word for part in parts for word in part]
            if parts[0] and parts[1]:
                made[kind].append((" ".join(words), len(parts[1]) / len(words)))
    found = {}
    for kind, listed in made.items():
        told = code_switching.shares([text for text, _ in listed], language)
        errors = [one - true for one, (_, true) in zip(told, listed, strict=True) if one is not None]
        found[kind] = {
            "texts": len(errors),
            "known_share": sum(true for _, true in listed) / len(listed),
            "mean_error_points": 100 * sum(map(abs, errors)) / len(errors),
            "bias_points": 100 * sum(errors) / len(errors),
        }
    return found


def show_switching(found: dict[str, dict[str, float]], language: languages.Language) -> None:
    """Print how well the share of the other language is measured."""
    other = language.language_id.mixed.language
    table = Table(title=f"share of {other} in {language.code}, in points")
    for name in ("", "texts", "known share", "mean error", "bias"):
        table.add_column(name, justify="left" if not name else "right")
    for kind, one in found.items():
        table.add_row(
            kind, str(one["texts"]), f"{100 * one['known_share']:.1f}",
            f"{one['mean_error_points']:.1f}", f"{one['bias_points']:+.1f}",
        )  # fmt: skip
    Console(width=160).print(table)


def timed(rule: Rule, texts: Sequence[str]) -> tuple[list[bool], float]:
    """Apply a rule; also return texts a second of this process's time, other processes' load aside."""
    started = time.process_time()
    passed = rule(texts)
    return passed, len(texts) / max(1e-9, time.process_time() - started)


def without_letters(text: str) -> str:
    """Drop every 20th letter."""
    letters = 0
    left = []
    for letter in text:
        letters += letter.isalpha()
        if not (letter.isalpha() and letters % 20 == 0):
            left.append(letter)
    return "".join(left)


def share(passed: Sequence[bool]) -> dict[str, float]:
    """Share of the true ones, see `share_of`."""
    return share_of(sum(passed), len(passed))


def share_of(count: int, total: int) -> dict[str, float]:
    """Share with its 95 % interval."""
    if not total:
        return {"texts": 0}
    low, high = wilson(count, total)
    return {"texts": total, "kept": count, "share": count / total, "low": low, "high": high}


def show(results: dict[str, dict[str, Any]], directory: str, language: languages.Language) -> None:
    """Print the figures, a column a rule, the languages most let through below."""
    table = Table(
        title=f"{language.code} in {directory}: % kept [95 % interval] of n; let through: count of n"
    )
    table.add_column("")
    for name in results:
        table.add_column(name, justify="right")
    first = next(iter(results.values()))
    for key in (key for key in first if key.startswith("recall")):
        table.add_row(key.replace("_", " "), *(_share(result[key]) for result in results.values()))
    table.add_section()
    table.add_row(
        f"let through, all others, {language.language_id.min_words} words and more",
        *(_share(result["let_through_pooled"]) for result in results.values()),
    )
    shown = {
        code
        for result in results.values()
        for code, one in list(result["let_through"].items())[:SHOWN]
        if one.get("kept")
    }
    order = sorted(
        shown, key=lambda code: [-result["let_through"][code]["share"] for result in results.values()]
    )
    for code in order:
        table.add_row(
            code,
            *(
                f"{result['let_through'][code]['kept']} of {result['let_through'][code]['texts']}"
                for result in results.values()
            ),
        )
    table.add_section()
    for key in ("texts_per_second", "texts_per_second_mixed"):
        table.add_row(key.replace("_", " "), *(f"{result[key]:,.0f}" for result in results.values()))
    Console(width=160).print(table)


def _share(figures: dict[str, float]) -> str:
    if not figures["texts"]:
        return "–"
    low, high = 100 * figures["low"], 100 * figures["high"]
    return f"{100 * figures['share']:.1f} [{low:.1f}, {high:.1f}] of {figures['texts']}"


if __name__ == "__main__":
    main()
