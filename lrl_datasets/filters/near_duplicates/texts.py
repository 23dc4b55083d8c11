"""Rows of prompts and answers as Arrow has them in memory, cut into batches for the kernels; nothing is copied."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterable, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, replace
from typing import Any, TypeVar

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
from numpy.typing import NDArray

from lrl_datasets.filters.near_duplicates import code_points, kernels
from lrl_datasets.filters.normalise import match_key
from lrl_datasets.filters.words import count_words

Array = NDArray[Any]
One = TypeVar("One")
Made = TypeVar("Made")

BATCH_ROWS = 8192


@dataclass(frozen=True)
class Rule:
    """What a shingle is, and which texts have any. It says what the Jaccard index of two texts is."""

    shingle: int = 5
    """Words in a shingle (characters with `characters`); a text with fewer is one shingle."""
    characters: bool = False
    """Shingles of characters; of scripts without spaces each letter counts as a word in any case."""
    short_words: int = 0
    """A text with fewer words is the same as another only if it is equal."""
    prompts_too: bool = False
    """Two rows are the same only if their prompts are the same too."""

    def __post_init__(self) -> None:
        if not 1 <= self.shingle <= 32:
            raise ValueError(f"a shingle has 1 to 32 words: {self.shingle=}")

    def packed(self) -> tuple[int, bool, int, bool]:
        """Return it as the kernels take it."""
        return self.shingle, self.characters, self.short_words, self.prompts_too


@dataclass(frozen=True)
class Batch:
    """Some rows, as arrays over Arrow's buffers."""

    arrays: tuple[Any, ...]
    """Bytes, message ends, is it an answer, each row's messages, is it readable, are the texts keys already."""
    counts: Array
    """Words by row, where the texts are keys."""
    rows: int
    room: int
    """An upper bound of the words in one row's prompt or answer."""


@dataclass(frozen=True)
class Sketch:
    """What rows are found by, by row number."""

    identity: Array
    """Hash of the text."""
    kind: Array
    """`kernels.NEAR`, `SHORT` or `NOTHING`."""
    keys: Array
    """The key in each band, where the row is `NEAR`."""
    shingles: Array
    """Where they were asked for: of all answers, one behind the other, with repetitions."""
    begins: Array
    ends: Array


class Texts:
    """All rows of a table column, by number."""

    def __init__(self, batches: list[Batch], threads: int | None = None) -> None:
        self.batches = batches
        self.starts = np.cumsum([0, *(batch.rows for batch in batches)])
        self.rows = int(self.starts[-1])
        self.batch = np.repeat(np.arange(len(batches)), [batch.rows for batch in batches])
        self.local = np.arange(self.rows) - self.starts[self.batch]
        self.threads = threads or len(os.sched_getaffinity(0))
        self.bytes = sum(int(batch.arrays[1][-1] - batch.arrays[1][0]) for batch in batches)
        used = np.zeros(0x110000 >> 8, np.uint8)
        for batch in batches:
            data, ends = batch.arrays[:2]
            begin, end = int(ends[0]), int(ends[-1])
            if end > begin and int(data[begin:end].max()) >= 0x80:
                kernels.mark_pages(data, begin, end, used)
        self.table = code_points.table(code_points.pages_with_targets(used) if used.any() else used)

    @classmethod
    def of_messages(cls, messages: pa.ChunkedArray | pa.Array) -> Texts:
        """Take conversations (`list<{role, content}>`): what the assistant says is the answer, all else the prompt."""
        return cls([_of_messages(part) for part in _parts(messages)])

    @classmethod
    def of_strings(cls, texts: pa.ChunkedArray | pa.Array) -> Texts:
        """Take plain texts: each is an answer without a prompt."""
        return cls([_of_strings(part) for part in _parts(texts)])

    def each(self, do: Callable[[One], Made], what: Iterable[One]) -> list[Made]:
        """Do something for each in threads; the kernels let go of the interpreter's lock."""
        listed = list(what)
        if self.threads == 1 or len(listed) < 2:
            return [do(one) for one in listed]
        with ThreadPoolExecutor(self.threads) as pool:
            return list(pool.map(do, listed))

    def sketch(self, rule: Rule, bands: int, factors: Array, keep: bool = False) -> Sketch:
        """Return what each row is found by; `keep`: the answers' shingles too."""
        made = Sketch(
            np.zeros(self.rows, np.uint64),
            np.zeros(self.rows, np.uint8),
            np.empty((bands, self.rows), np.uint64),
            np.zeros(0, np.uint64),
            np.zeros(self.rows, np.int64),
            np.zeros(self.rows, np.int64),
        )

        def one(number: int) -> Array:
            batch, place = self.batches[number], slice(self.starts[number], self.starts[number + 1])
            kept = np.empty((_bytes(batch, np.arange(batch.rows)) + batch.rows) * keep, np.uint64)
            kernels.sketch(
                batch.arrays, rule.packed(), batch.counts, self.table, factors, batch.room,
                made.identity[place], made.kind[place], made.keys[:, place], kept, made.ends[place],
            )  # fmt: skip
            ends = made.ends[place]
            made.begins[place] = np.r_[0, ends[:-1]]
            return kept[: ends[-1]] if keep else kept

        kept = self.each(one, range(len(self.batches)))
        if keep:
            before = np.cumsum([0, *map(len, kept)])[self.batch]
            made.begins[:] += before
            made.ends[:] += before
        slow = np.flatnonzero(made.kind == kernels.SLOW)
        if len(slow):
            keyed = self._as_keys(slow)
            again = Texts([keyed], 1)
            found = again.sketch(rule, bands, factors, keep)
            made.identity[slow], made.kind[slow], made.keys[:, slow] = found.identity, found.kind, found.keys
            made.begins[slow] = found.begins + sum(map(len, kept))
            made.ends[slow] = found.ends + sum(map(len, kept))
            kept.append(found.shingles)
            self.batches.append(keyed)
            self.batch[slow], self.local[slow] = len(self.batches) - 1, np.arange(len(slow))
            self.table = code_points.table(
                np.maximum(np.asarray(self.table[1] > 0, np.uint8), np.asarray(again.table[1] > 0, np.uint8))
            )
        return replace(made, shingles=np.concatenate(kept)) if keep and kept else made

    def shingle_sets(self, rows: Array, rule: Rule, answer: bool = True) -> tuple[Array, Array]:
        """Return the different shingles of some rows behind one another, and where each row's begin (and the end)."""
        ends = np.zeros(len(rows) + 1, np.int64)
        made: list[tuple[Array, Array, Array]] = []
        batches = self.batch[rows]
        for number in np.unique(batches):
            batch, places = self.batches[number], np.flatnonzero(batches == number)
            wanted = self.local[rows[places]]
            room = _bytes(batch, wanted)
            out, stops = np.empty(room + len(wanted), np.uint64), np.empty(len(wanted), np.int64)
            n = kernels.shingle_sets(
                batch.arrays, wanted, answer, rule.packed(), self.table, batch.room, out, stops
            )
            made.append((places, out[:n], stops))
        for places, _, stops in made:
            ends[places + 1] = np.diff(stops, prepend=0)
        ends = np.cumsum(ends)
        if len(made) == 1:
            return made[0][1], ends
        hashes = np.empty(int(ends[-1]), np.uint64)
        for places, out, stops in made:
            sizes = np.diff(stops, prepend=0)
            into = np.repeat(ends[places] - (stops - sizes), sizes) + np.arange(len(out))
            hashes[into] = out
        return hashes, ends

    def _as_keys(self, rows: Array) -> Batch:
        """Put the rows that the table cannot read through `match_key`."""
        texts: list[str] = []
        counts = []
        for row in rows:
            prompt, answer = _said(self.batches[self.batch[row]], int(self.local[row]))
            texts += [match_key(prompt), match_key(answer)]
            counts.append(count_words(answer))
        batch = _of_strings(pa.array(texts, pa.large_string()))
        data, ends, *_ = batch.arrays
        turns = np.tile(np.array([0, 1], np.uint8), len(rows))
        pairs = np.arange(0, len(texts) + 1, 2)
        valid = np.ones(len(rows), np.uint8)
        return Batch(
            (data, ends, turns, pairs, valid, True), np.array(counts, np.int64), len(rows), batch.room
        )


def _parts(column: pa.ChunkedArray | pa.Array) -> Iterable[pa.Array]:
    chunks: Sequence[pa.Array] = column.chunks if isinstance(column, pa.ChunkedArray) else [column]
    for chunk in chunks:
        for at in range(0, len(chunk), BATCH_ROWS):
            yield chunk.slice(at, BATCH_ROWS)


def _of_messages(messages: pa.Array) -> Batch:
    valid = np.asarray(messages.is_valid().to_numpy(zero_copy_only=False), np.uint8)
    rows = messages.offsets.to_numpy().astype(np.int64)
    turns = messages.values.slice(rows[0], rows[-1] - rows[0])
    data, ends = buffers(turns.field("content"))
    said = pc.fill_null(pc.equal(turns.field("role"), "assistant"), False)
    answers = np.asarray(said.to_numpy(zero_copy_only=False), np.uint8)
    return _batch(data, ends, answers, rows - rows[0], valid)


def _of_strings(texts: pa.Array) -> Batch:
    data, ends = buffers(texts)
    valid = np.asarray(texts.is_valid().to_numpy(zero_copy_only=False), np.uint8)
    return _batch(data, ends, np.ones(len(texts), np.uint8), np.arange(len(texts) + 1), valid)


def _batch(data: Array, ends: Array, answers: Array, rows: Array, valid: Array) -> Batch:
    sizes = ends[rows[1:]] - ends[rows[:-1]] + np.diff(rows)
    room = int(sizes.max(initial=0)) + 1
    return Batch((data, ends, answers, rows, valid, False), np.zeros(0, np.int64), len(valid), room)


def buffers(texts: pa.Array) -> tuple[Array, Array]:
    """Return the bytes of a string array and where each string begins (and the last ends)."""
    if texts.null_count:
        texts = texts.fill_null("")
    if not pa.types.is_string(texts.type) and not pa.types.is_large_string(texts.type):
        texts = texts.cast(pa.large_string())
    _, ends, data = texts.buffers()
    width = np.int64 if pa.types.is_large_string(texts.type) else np.int32
    if ends is None or len(texts) == 0:
        return np.zeros(0, np.uint8), np.zeros(1, np.int64)
    places = np.frombuffer(ends, width, len(texts) + 1, texts.offset * np.dtype(width).itemsize)
    raw = np.zeros(0, np.uint8) if data is None else np.frombuffer(data, np.uint8)
    return raw, places.astype(np.int64)


def _bytes(batch: Batch, rows: Array) -> int:
    ends, starts = batch.arrays[1], batch.arrays[3]
    return int((ends[starts[rows + 1]] - ends[starts[rows]] + starts[rows + 1] - starts[rows]).sum())


def _said(batch: Batch, row: int) -> tuple[str, str]:
    data, ends, answers, rows, *_ = batch.arrays
    parts: tuple[list[str], list[str]] = ([], [])
    for turn in range(rows[row], rows[row + 1]):
        parts[int(answers[turn])].append(data[ends[turn] : ends[turn + 1]].tobytes().decode())
    return "\n\n".join(parts[0]), "\n\n".join(parts[1])
