"""Makes the corpora of `benchmarks/duplicates.py`: rows in made-up words, with planted copies.

Words are syllables drawn at random, their frequencies follow Zipf's law (exponent 1, rank shifted by 2.7, after
Mandelbrot), answers have a lognormal number of them (median 66). One row in five is a copy of an earlier one: a
tenth exact, the others with up to a fifth of the words replaced, dropped or doubled, or a sentence added. With
`boilerplate` 15 % of the rows also end in one of three notices of 40 words. Nothing in them is from real data.
"""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
from numpy.typing import NDArray

from lrl_datasets.schema import MESSAGES

Array = NDArray[Any]
VOCABULARY = 50_000
COPIES = 0.2
BOILERPLATE = 0.15
FILE_ROWS = 25_000


def make(folder: Path, rows: int, boilerplate: bool, options: dict[str, Any], seed: int = 1) -> list[Path]:
    """Write a corpus as Parquet files of `FILE_ROWS` rows with `id` and `messages`; a folder that is there is kept."""
    files = [folder / f"part-{number:04d}.parquet" for number in range(-(-rows // FILE_ROWS))]
    if all(file.is_file() for file in files):
        return files
    folder.mkdir(parents=True, exist_ok=True)
    draw = np.random.Generator(np.random.PCG64([seed, rows, boilerplate]))
    words = vocabulary(draw)
    weights = 1 / (np.arange(VOCABULARY) + 2.7)
    edges = np.cumsum(weights / weights.sum())
    notices = [np.searchsorted(edges, draw.random(40)) for _ in range(3)]
    answers: list[Array] = []
    for file in files:
        texts, prompts = [], []
        for _ in range(min(FILE_ROWS, rows - len(answers))):
            if answers and draw.random() < COPIES:
                own = edited(answers[draw.integers(len(answers))], draw, edges)
            else:
                own = np.searchsorted(edges, draw.random(max(8, int(draw.lognormal(np.log(66), 0.6)))))
                own = own.astype(np.uint16)
                if boilerplate and draw.random() < BOILERPLATE / (1 - COPIES * 0.5):
                    own = np.concatenate([own, notices[draw.integers(3)]]).astype(np.uint16)
            answers.append(own)
            texts.append(written(words[own]))
            prompts.append(written(words[np.searchsorted(edges, draw.random(draw.integers(5, 20)))]) + "?")
        first = len(answers) - len(texts)
        ids = [f"{number * 0x9E3779B97F4A7C15 % 2**64:016x}" for number in range(first, len(answers))]
        messages = [
            [{"role": "user", "content": prompt}, {"role": "assistant", "content": text}]
            for prompt, text in zip(prompts, texts, strict=True)
        ]
        table = pa.table({"id": ids, "messages": pa.array(messages, MESSAGES)})
        pq.write_table(table, file, **options)
    return files


def vocabulary(draw: np.random.Generator) -> Array:
    """Make up words of one to five syllables, frequent ones short."""
    syllables = np.array([a + b for a in "bdfghjklmnprstvwyz" for b in "aeiou"])
    made: dict[str, None] = {}
    while len(made) < VOCABULARY:
        size = min(5, 1 + int(np.log10(len(made) + 1)) + int(draw.integers(0, 2)))
        made["".join(draw.choice(syllables, size))] = None
    return np.array(list(made), dtype=object)


def edited(answer: Array, draw: np.random.Generator, edges: Array) -> Array:
    """Copy an answer: exactly, or with words replaced, dropped or doubled, or a sentence more."""
    if draw.random() < 0.1:
        return answer
    copy = answer.copy()
    touched = draw.random(len(copy)) < draw.uniform(0, 0.03 if draw.random() < 0.8 else 0.2)
    kind = draw.integers(4)
    if kind < 2:
        copy[touched] = np.searchsorted(edges, draw.random(int(touched.sum())))
    elif kind == 2:
        copy = np.repeat(copy, np.where(touched, draw.integers(0, 2) * 2, 1))
    else:
        copy = np.concatenate([copy, np.searchsorted(edges, draw.random(draw.integers(1, 20)))])
    return copy.astype(np.uint16) if len(copy) >= 8 else answer


def written(words: Array) -> str:
    """Join words to sentences of about twelve, with capitals and stops."""
    listed = list(words)
    for at in range(0, len(listed), 12):
        listed[at] = listed[at].capitalize()
        if at:
            listed[at - 1] += "."
    return " ".join(listed) + "."
