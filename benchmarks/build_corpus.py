"""A made-up corpus of instructions and answers for `build.py`, as Parquet files of 50,000 rows, by seed.

A row has about 100 words (750 bytes): a prompt of 8 to 40, an answer of 20 to 130. Words are drawn by Zipf's law:
the commonest are those of the embedded sample campaign, so that language identification has something to go by, the
others are invented in Swahili's syllables, with its prefixes. Of the answers a fifth are near-copies of earlier ones (a
quarter of these differ in case and punctuation alone, the others in one word of forty); of the prompts 5 % are one of
500 templates. Some rows have an email address (1 %), a phone number (1 %), years and prices (20 %), typographic quotes
(5 %), accents in decomposed form (1 %), spaces and line ends to tidy (4 %), the worker who wrote them (20 %), an
English side (30 %), or a sentence of the suite that the index is made of (1 in 2,000).
"""

from __future__ import annotations

import json
import random
import re
from collections import Counter
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq

from lrl_datasets.filters.suite_index import SuiteIndex, SuiteItem

SAMPLE = Path(__file__).parents[1] / "builders" / "samples" / "swahili"
FILE_ROWS = 50_000
COLUMNS = pa.schema(
    [
        (name, pa.string())
        for name in ("id", "inputs", "targets", "user_id", "english_inputs", "english_targets")
    ]
)

_PREFIXES = ("", "", "wa", "m", "ki", "vi", "ku", "ana", "wali", "ili", "ma", "u", "ha", "nina", "tume", "ya")
_ONSETS = ("b", "ch", "d", "f", "g", "h", "j", "k", "l", "m", "n", "p", "r", "s", "sh", "t", "v", "w", "y", "z", "mb",
           "nd", "ng", "ny", "kw", "mw", "ng'")  # fmt: skip
_ENGLISH = (
    "the of and to in is that for it as was with be by on not he this are or his from at which but have an had they "
    "you were their one all we can her has there been if more when will would who so no out up into them then"
)


def write(folder: Path, rows: int, seed: int = 1) -> SuiteIndex:
    """Write `rows` rows as Parquet files into `folder`; return the index of the suite they were mixed with."""
    folder.mkdir(parents=True, exist_ok=True)
    words, english = _vocabulary(seed), _vocabulary(seed, english=True)
    rng = np.random.default_rng([seed, 2])
    suite = [" ".join(words[at]) + "." for at in _drawn(rng, len(words), np.full(2000, 15))]
    templates = [" ".join(words[at]) + "?" for at in _drawn(rng, len(words), rng.integers(8, 25, 500))]
    for number, start in enumerate(range(0, rows, FILE_ROWS)):
        count = min(FILE_ROWS, rows - start)
        rng = np.random.default_rng([seed, 3, number])
        listed = list(_rows(rng, start, count, words, english, templates, suite))
        pq.write_table(
            pa.Table.from_pylist(listed, COLUMNS), folder / f"part-{number:05}.parquet", compression="zstd"
        )
    return SuiteIndex.build([SuiteItem("made_up", (text,)) for text in suite])


def _vocabulary(seed: int, size: int = 40_000, *, english: bool = False) -> np.ndarray:
    """Words by falling frequency: the real ones, then invented ones."""
    rng = random.Random(f"{seed} {english}")
    known = dict.fromkeys(_ENGLISH.split() if english else _sample_words())
    prefixes = ("", "re", "un", "in") if english else _PREFIXES
    while len(known) < size:
        root = "".join(rng.choice(_ONSETS) + rng.choice("aaaeiou") for _ in range(rng.randint(1, 3)))
        known[rng.choice(prefixes) + root + ("tion" if english and rng.random() < 0.3 else "")] = None
    return np.array(list(known), dtype=object)


def _sample_words() -> list[str]:
    """Words of the embedded campaign's answers, the commonest first."""
    lines = (SAMPLE / "texts" / "answers.jsonl").read_text(encoding="utf-8").splitlines()
    found = Counter(re.findall(r"[a-z][a-z']+", " ".join(json.loads(line)["text"].lower() for line in lines)))
    return [word for word, _ in sorted(found.items(), key=lambda item: (-item[1], item[0]))]


def _drawn(rng: np.random.Generator, size: int, lengths: np.ndarray) -> list[np.ndarray]:
    """Draw a text of each length as positions in a vocabulary, by Zipf's law."""
    chances = 1 / (np.arange(size) + 2.7)
    drawn = np.searchsorted(np.cumsum(chances / chances.sum()), rng.random(int(lengths.sum())))
    return np.split(drawn.clip(0, size - 1), np.cumsum(lengths)[:-1])


def _rows(
    rng: np.random.Generator,
    start: int,
    count: int,
    words: np.ndarray,
    english: np.ndarray,
    templates: list[str],
    suite: list[str],
) -> Iterator[dict[str, Any]]:
    prompts = _drawn(rng, len(words), rng.integers(8, 40, count))
    answers = _drawn(rng, len(words), rng.integers(20, 130, count))
    sides = _drawn(rng, len(english), rng.integers(8, 60, 2 * count))
    chance = rng.random((count, 12))
    for at in range(count):
        is_copy, is_plain, *rare = chance[at]
        copied = at > 0 and is_copy < 0.2
        if copied:
            answers[at] = answers[int(rng.integers(at))].copy()
            if is_plain > 0.25:
                changed = rng.integers(len(answers[at]), size=max(1, len(answers[at]) // 40))
                answers[at][changed] = rng.integers(len(words), size=len(changed))
        answer = _sentences(words[answers[at]])
        prompt = (
            templates[int(rng.integers(len(templates)))] if rare[0] < 0.05 else " ".join(words[prompts[at]])
        )
        if copied and is_plain <= 0.25:
            answer = answer.upper().replace(".", " !")
        answer = _spiced(answer, rng, rare[1:])
        if rare[8] < 1 / 2000:
            answer += " " + suite[int(rng.integers(len(suite)))]
        translated = rare[9] < 0.3
        yield {
            "id": f"row-{start + at}",
            "inputs": prompt[:1].upper() + prompt[1:],
            "targets": answer,
            "user_id": f"worker-{int(rng.integers(300)):04}" if is_plain < 0.2 else None,
            "english_inputs": " ".join(english[sides[2 * at]]) if translated else None,
            "english_targets": " ".join(english[sides[2 * at + 1]]) if translated else None,
        }


def _sentences(words: np.ndarray) -> str:
    """Write words as sentences of twelve."""
    parts = (" ".join(words[at : at + 12]) for at in range(0, len(words), 12))
    return " ".join(f"{part[:1].upper()}{part[1:]}." for part in parts)


def _spiced(text: str, rng: np.random.Generator, chance: Any) -> str:
    """Put in what the filters are there for."""
    number = int(rng.integers(1_000_000))
    if chance[0] < 0.01:
        text += f" Andika kwa jina{number}@example.org."
    if chance[1] < 0.01:
        text += f" Piga simu 0712 {number // 1000:03} {number % 1000:03}."
    if chance[2] < 0.2:
        text += f" Mwaka {1900 + number % 120} bei ilikuwa shilingi {number:,}."
    if chance[3] < 0.05:
        text = f"“{text}”"
    if chance[4] < 0.01:
        text = text.replace("e", "e\u0301", 3)
    if chance[5] < 0.04:
        text = text.replace(". ", ".  \r\n", 1).replace(" ", "\u00a0", 1) + " "
    return text
