"""What the evaluation suites contain, in the form of `lrl tasks index`: a named input of a build, without their text.

Every text of a task, and every sentence of a longer one, is a *unit*. Of a unit the index keeps its distinct words (16
bits of a hash each, sorted, so that their order is gone), how much each of them says, and the pairs of words that stand
near each other (32 bits each). `contamination` looks for places in a row where much of what a unit says stands
together, so a text is found with some words changed, in another order, or inside a longer one.

**How much a word says** is its surprisal after the words before it: minus log2 of its probability, by the counts of
words, of pairs and of triples in all texts of the suites and in the background (other text, such as a benchmark's
training data), each sentence of a suite counted once and never for itself. A word that often follows the two before it
says little, so a stock phrase ("kulingana na habari hapo juu …") says little however many words it has, and a name or a
rare verb says much. It is worked out when the index is made, so that a build needs no counts of its corpus: what a row
is refused for does not depend on the other rows, and a text that leaked a thousand times is no stock phrase by it.

The ids of originals stand in the index as the rows' `lineage` spells them. No text can be read from it; someone with a
dictionary can guess at words, as with any table of hashed n-grams.
"""

from __future__ import annotations

import base64
import hashlib
import json
from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from functools import cached_property, lru_cache
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

import numpy as np
import pyarrow as pa
from pydantic import BaseModel, ConfigDict, ValidationError

from lrl_datasets.errors import LrlError
from lrl_datasets.filters.normalise import normalise_text
from lrl_datasets.filters.personal_data import mask_text
from lrl_datasets.filters.placeholders import unnumbered
from lrl_datasets.filters.word_hashes import word_hashes
from lrl_datasets.filters.words import count_words, sentences

if TYPE_CHECKING:
    import numpy.typing as npt

FORMAT: Final = "lrl-suite-index/2"

WHOLE_WORDS = 5
"""Shortest suite text that is looked for: below, "Ndiyo, ni kweli" would refuse innocent rows."""
SENTENCE_WORDS = 6
"""Shortest sentence of a longer suite text that is looked for by itself."""
LEAST_BITS = 24
"""A unit that says less is stock from end to end: it is not looked for."""

KINDS = ("text", "english")
"""What a unit is of: the task's own text, or its English original."""

_PRIOR = 13
"""Bits of a word that nothing is known of: about the rank of the 8,000th word. It weighs as one occurrence in 2 ** 13
words, so that an index without background takes no word for common that it has not seen often."""
_SEEN = 4
"""Other sentences that a pair or triple of words must be in before it is a phrase: fewer may be the same item."""
_MOST = 16
"""Bits that one word can say at most: what is rarer is a name, or misspelt."""
_STEP = 8
"""A weight is kept in steps of 1/8 bit."""
_PAIR_BITS = 12
"""Two words that say less together are no way to a unit: they stand together everywhere."""
_BEGIN = np.uint64(0x9E3779B97F4A7C15)
"""Stands before the first word of a sentence, so that how many sentences begin is known too."""
_CROWD = 16
"""Units with a pair in common from which on it leads to none of them."""


@dataclass(frozen=True)
class SuiteItem:
    """One item of a task, as `lrl tasks index` reads it from the task's dataset."""

    task: str
    texts: tuple[str, ...]
    """All that a training row must not repeat: premise, question, choices, story, answer."""
    lineage: tuple[str, ...] = ()
    """Ids of the originals it was made from, spelled as the rows' `lineage` spells them."""
    english: bool = False
    """It is the English original of an item, not one that is scored."""


class Original(BaseModel):
    """The English originals of a task's items, as the index read them."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    dataset: str
    config: str | None = None
    revision: str | None = None
    items: int = 0
    missing: str | None = None
    """Why they could not be read; their ids alone are in the index then."""


class TaskFacts(BaseModel):
    """What the index says of one task."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    dataset: str | None = None
    revision: str | None = None
    items: int
    texts: int
    """Text fields long enough to be looked for."""
    sample: bool = False
    """The dataset held SAMPLE rows, of a rehearsal: who is compared with them is not compared with the suite."""
    english: Original | None = None
    """Where the English originals come from; null where the task names none."""


class _File(BaseModel):
    model_config = ConfigDict(extra="forbid")

    format: str
    tasks: dict[str, TaskFacts]
    lineage: dict[str, list[str]]
    holders: list[list[str]]
    arrays: dict[str, str]
    background: int = 0


_ARRAYS = {"holder": "<u4", "kind": "|u1", "n_words": "<u2", "words": "<u2", "weights": "|u1", "n_pairs": "<u2",
           "pairs": "<u4"}  # fmt: skip


@dataclass(frozen=True, eq=False)
class SuiteIndex:
    """The suites' units and the ids of their originals."""

    tasks: dict[str, TaskFacts]
    lineage: dict[str, list[str]]
    """Task → ids of its originals, sorted."""
    holders: list[list[str]]
    """Sets of tasks; a unit belongs to one of them."""
    arrays: Mapping[str, npt.NDArray[Any]] = field(repr=False)
    """`holder`, `kind`, `n_words` and `n_pairs` of each unit; all `words` with their `weights`, all `pairs`."""
    background: int = 0
    """Words of other text that were counted to know which are common."""
    origin: tuple[str, str] | None = field(default=None, repr=False)
    """The file and its SHA-256, where it came from one: another process reads it there."""

    @classmethod
    def build(
        cls,
        items: Iterable[SuiteItem],
        datasets: Mapping[str, tuple[str, str | None]] | None = None,
        samples: Collection[str] = (),
        regions: Sequence[str] = (),
        cues: Sequence[str] = (),
        id_cues: Sequence[str] = (),
        background: Iterable[pa.Array] = (),
        english: Mapping[str, Original] | None = None,
        masked: bool = False,
    ) -> SuiteIndex:
        """Make the index of a suite.

        Parameters
        ----------
        items
            Every item of every task, in any order.
        datasets
            Task → its dataset's id and revision, for the manifest.
        samples
            Tasks whose dataset holds SAMPLE rows.
        regions, cues, id_cues
            Of the rows' `PersonalData`: what is masked in the rows is masked here too.
        background
            Texts, in batches, of the suites' languages and kinds, that tell common words from rare ones.
        english
            Task → where its English originals were read.
        masked
            The texts are normalised and masked already.
        """
        counts: dict[str, list[int]] = {}
        lineage: dict[str, set[str]] = {}
        holders: dict[str, set[str]] = {}  # unit → tasks
        english_only: dict[str, bool] = {}
        for item in items:
            count = counts.setdefault(item.task, [0, 0])
            count[0] += not item.english
            lineage.setdefault(item.task, set()).update(item.lineage)
            for text in item.texts:
                done = (
                    text if masked else unnumbered(mask_text(normalise_text(text), regions, cues, id_cues)[0])
                )
                count[1] += not item.english and count_words(done) >= WHOLE_WORDS
                for unit in dict.fromkeys((done, *sentences(done))):
                    holders.setdefault(unit, set()).add(item.task)
                    english_only[unit] = english_only.get(unit, True) and item.english
        tasks_of = {unit: sorted(names) for unit, names in holders.items()}
        arrays, sets, counted = _units(tasks_of, english_only, background)
        facts = {}
        for item_task in sorted(counts):
            dataset, revision = (datasets or {}).get(item_task, (None, None))
            facts[item_task] = TaskFacts(
                dataset=dataset, revision=revision, items=counts[item_task][0], texts=counts[item_task][1],
                sample=item_task in samples, english=(english or {}).get(item_task),
            )  # fmt: skip
        named = {task: sorted(lineage[task]) for task in facts}
        return cls(facts, named, sets, arrays, counted)

    @classmethod
    def load(cls, path: Path) -> SuiteIndex:
        """Read an index; a process reads one file once.

        Raises
        ------
        LrlError
            The file is missing or no suite index; the message names it and the key.
        """
        try:
            content = path.read_bytes()
        except FileNotFoundError as error:
            raise LrlError(f"{path}: no such suite index; `lrl tasks index --out FILE` makes one") from error
        except OSError as error:
            raise LrlError(f"{path}: cannot be read ({error.strerror or error})") from error
        return _loaded(str(path), hashlib.sha256(content).hexdigest())

    @classmethod
    def parse(cls, content: bytes, path: str = "suite index") -> SuiteIndex:
        """Read the bytes of an index; `path` is for messages."""
        try:
            form = json.loads(content)
        except ValueError as error:
            raise LrlError(f"{path}: no {FORMAT}: file: Invalid JSON: {error}") from error
        found = form.get("format") if isinstance(form, dict) else None
        if found == "lrl-suite-index/1":
            raise LrlError(
                f"{path}: format: {found} has hashes of whole texts only, which this version does not read; "
                "`lrl tasks index --out FILE` makes it anew"
            )
        if found != FORMAT:
            raise LrlError(f"{path}: no {FORMAT}: format: {found!r}; `lrl tasks index --out FILE` makes one")
        try:
            file = _File.model_validate(form)
        except ValidationError as error:
            first = error.errors()[0]
            where = ".".join(map(str, first["loc"])) or "file"
            raise LrlError(f"{path}: no {FORMAT}: {where}: {first['msg']}") from error
        arrays = _decoded(file, path)
        return cls(file.tasks, file.lineage, file.holders, arrays, file.background)

    def save(self, path: Path) -> None:
        """Write the index; equal indices are equal bytes."""
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(self._text(), encoding="utf-8")

    def _text(self) -> str:
        encoded = {
            name: base64.b64encode(np.ascontiguousarray(self.arrays[name], kind).tobytes()).decode()
            for name, kind in _ARRAYS.items()
        }
        content = {
            "format": FORMAT,
            "tasks": {task: facts.model_dump() for task, facts in self.tasks.items()},
            "lineage": self.lineage,
            "holders": self.holders,
            "arrays": encoded,
            "background": self.background,
        }
        return json.dumps(content, ensure_ascii=False, sort_keys=True, indent=1) + "\n"

    def __eq__(self, other: object) -> bool:
        return isinstance(other, SuiteIndex) and self._text() == other._text()

    def __hash__(self) -> int:
        return hash(self._text())

    def __reduce__(self) -> tuple[Any, ...]:
        """Travel to another process as the name of the file, where there is one."""
        if self.origin is not None:
            return _loaded, self.origin
        return SuiteIndex, (self.tasks, self.lineage, self.holders, dict(self.arrays), self.background)

    def summary(self) -> dict[str, dict[str, object]]:
        """Return dataset, revision, items and texts of each task, and whether they are SAMPLE, for the manifest."""
        return {task: facts.model_dump() for task, facts in sorted(self.tasks.items())}

    def names(self, unit: int) -> str:
        """Return the tasks that have a unit, joined by commas."""
        return ", ".join(self.holders[int(self.arrays["holder"][unit])])

    @cached_property
    def tasks_of_lineage(self) -> dict[str, str]:
        """Id of an original → the tasks that have it, joined by commas."""
        tasks: dict[str, list[str]] = {}
        for task in sorted(self.lineage):
            for key in self.lineage[task]:
                tasks.setdefault(key, []).append(task)
        return {key: ", ".join(names) for key, names in tasks.items()}

    def search(self, texts: pa.Array, least_share: float, least_bits: float) -> dict[str, npt.NDArray[Any]]:
        """Find the units that stand in texts.

        Parameters
        ----------
        texts
            Strings.
        least_share
            Share of what a unit says that must stand together.
        least_bits
            What that must come to.

        Returns
        -------
        dict
            `text` (its position), `unit`, `bits` and `share` found in one window, `pairs` (share of the unit's pairs
            that were met); by text, then unit.
        """
        from lrl_datasets.filters.leak_kernels import search

        offsets, hashes = word_hashes(texts)
        text, unit, bits, share, pairs = search(
            offsets, hashes, *self._tables, _HITS, least_share, least_bits
        )
        order = np.lexsort((unit, text))
        found = {"text": text, "unit": unit, "bits": bits, "share": share, "pairs": pairs}
        return {name: values[order] for name, values in found.items()}

    @cached_property
    def _tables(self) -> tuple[Any, ...]:
        """What the kernel looks things up in; made once a process."""
        n_words = self.arrays["n_words"].astype(np.int64)
        n_pairs = self.arrays["n_pairs"].astype(np.int64)
        word_starts = np.concatenate([[0], np.cumsum(n_words)])
        weights = self.arrays["weights"].astype(np.float64) / _STEP
        totals = np.add.reduceat(np.append(weights, 0.0), word_starts[:-1]) if len(n_words) else np.zeros(0)
        pairs = self.arrays["pairs"].astype(np.uint32)
        unit = np.repeat(np.arange(len(n_pairs)), n_pairs)
        order = np.lexsort((unit, pairs))
        pairs, unit = pairs[order], unit[order]
        keys, starts, sizes = np.unique(pairs, return_index=True, return_counts=True)
        usual = sizes <= _CROWD
        kept = np.repeat(usual, sizes)
        usable = np.bincount(unit[kept], minlength=len(n_pairs)).astype(np.int64)
        keys, sizes, unit = keys[usual], sizes[usual], unit[kept]
        starts = np.concatenate([[0], np.cumsum(sizes)])
        bits = max(4, int(np.ceil(np.log2(len(keys) + 1))))
        shift = np.uint32(32 - bits)
        buckets = np.searchsorted(keys >> shift, np.arange((1 << bits) + 1))
        return (
            buckets, shift, keys, starts, unit, word_starts, self.arrays["words"].astype(np.uint16), weights, totals,
            usable,
        )  # fmt: skip


_HITS = 0.14
"""Share of a unit's pairs from which on its words are compared: a shuffled text of 40 words keeps 15 % of its own."""


@lru_cache(maxsize=4)
def _loaded(path: str, sha256: str) -> SuiteIndex:
    content = Path(path).read_bytes()
    if hashlib.sha256(content).hexdigest() != sha256:
        raise LrlError(f"{path}: the suite index changed while it was in use")
    index = SuiteIndex.parse(content, path)
    object.__setattr__(index, "origin", (path, sha256))
    return index


def _decoded(file: _File, path: str) -> dict[str, npt.NDArray[Any]]:
    """Read the arrays and see that they fit each other."""
    arrays: dict[str, npt.NDArray[Any]] = {}
    for name, kind in _ARRAYS.items():
        try:
            arrays[name] = np.frombuffer(base64.b64decode(file.arrays[name], validate=True), kind)
        except (KeyError, ValueError) as error:
            raise LrlError(f"{path}: no {FORMAT}: arrays.{name}: {error}") from error
    n = len(arrays["holder"])
    fits = (
        all(len(arrays[name]) == n for name in ("kind", "n_words", "n_pairs"))
        and arrays["n_words"].sum(dtype=np.int64) == len(arrays["words"]) == len(arrays["weights"])
        and arrays["n_pairs"].sum(dtype=np.int64) == len(arrays["pairs"])
        and (n == 0 or (arrays["holder"].max() < len(file.holders) and arrays["kind"].max() < len(KINDS)))
        and (n == 0 or arrays["n_words"].min() > 0)
        and all(set(names) <= file.tasks.keys() for names in file.holders)
    )
    if not fits:
        raise LrlError(f"{path}: no {FORMAT}: arrays: they do not fit each other; the file is damaged")
    return arrays


# ---- making the units -----------------------------------------------------------------------------------


def _units(
    tasks_of: Mapping[str, list[str]], english_only: Mapping[str, bool], background: Iterable[pa.Array]
) -> tuple[dict[str, npt.NDArray[Any]], list[list[str]], int]:
    from lrl_datasets.filters.leak_kernels import pairs_of

    texts = sorted(tasks_of)
    offsets, hashes = word_hashes(pa.array(texts, pa.large_string()))
    # One unit for texts of the same words in the same order, whatever their case and punctuation.
    merged: dict[bytes, tuple[int, set[str], bool]] = {}
    for at, text in enumerate(texts):
        own = hashes[offsets[at] : offsets[at + 1]]
        if len(own) == 0:
            continue
        first, names, only = merged.get(own.tobytes(), (at, set(), True))
        merged[own.tobytes()] = (first, names | set(tasks_of[text]), only and english_only[text])
    known = [hashes[offsets[at] : offsets[at + 1]] for at, _, _ in merged.values()]
    counts = _Counts(texts, background)
    units = []
    for own, (_, names, only) in zip(known, merged.values(), strict=True):
        if len(own) < WHOLE_WORDS:
            continue
        weights = counts.surprisal(own)
        words, pairs = _sketch(own, weights, pairs_of)
        if words["weights"].sum() >= LEAST_BITS * _STEP:
            units.append((hashlib.sha256(own.tobytes()).digest(), tuple(sorted(names)), only, words, pairs))
    units.sort(key=lambda unit: unit[0])
    sets = sorted({names for _, names, _, _, _ in units})
    place = {names: at for at, names in enumerate(sets)}
    arrays: dict[str, npt.NDArray[Any]] = {
        "holder": np.array([place[names] for _, names, _, _, _ in units], np.uint32),
        "kind": np.array([only for _, _, only, _, _ in units], np.uint8),
        "n_words": np.array([len(words["words"]) for _, _, _, words, _ in units], np.uint16),
        "words": np.concatenate([np.zeros(0, np.uint16), *(words["words"] for _, _, _, words, _ in units)]),
        "weights": np.concatenate(
            [np.zeros(0, np.uint8), *(words["weights"] for _, _, _, words, _ in units)]
        ),
        "n_pairs": np.array([len(pairs) for _, _, _, _, pairs in units], np.uint16),
        "pairs": np.concatenate([np.zeros(0, np.uint32), *(pairs for _, _, _, _, pairs in units)]),
    }
    return arrays, [list(names) for names in sets], counts.background


def _sketch(
    own: npt.NDArray[np.uint64], surprisal: npt.NDArray[np.float64], pairs_of: Any
) -> tuple[Any, Any]:
    """Return the distinct words with what the rarest use of each says, and the pairs that say enough."""
    short = (own & np.uint64(0xFFFF)).astype(np.uint16)
    order = np.lexsort((-surprisal, short))
    words, at = np.unique(short[order], return_index=True)
    weights = np.clip(np.round(surprisal[order][at] * _STEP), 1, 255).astype(np.uint8)
    keys, ones, others = pairs_of(own)
    says = surprisal[ones] + surprisal[others] >= _PAIR_BITS
    pairs = np.unique(keys[says])
    return {"words": words, "weights": weights}, pairs


class _Counts:
    """How often words, pairs and triples of words stand in all that is known, each sentence once."""

    def __init__(self, texts: Sequence[str], background: Iterable[pa.Array]) -> None:
        lines = [sentence for text in texts for sentence in sentences(text)]
        offsets, hashes = word_hashes(pa.array(lines, pa.large_string()))
        seen: dict[bytes, npt.NDArray[np.uint64]] = {}
        for at in range(len(lines)):
            own = hashes[offsets[at] : offsets[at + 1]]
            seen.setdefault(own.tobytes(), own)
        parts: list[list[npt.NDArray[np.uint64]]] = [[], [], []]
        for own in seen.values():
            for size, grams in enumerate(_grams(np.append(_BEGIN, own))):
                parts[size].append(grams)
        self.background = 0
        for batch in background:
            offsets, hashes = word_hashes(batch)
            self.background += len(hashes)
            inside = np.ones(len(hashes), bool)
            inside[offsets[1:-1][offsets[1:-1] < len(hashes)]] = (
                False  # the first word of a text follows none
            )
            for size, grams in enumerate(_grams(hashes)):
                joined = (
                    inside[size:].copy() if size == 1 else inside[1:-1] & inside[2:] if size == 2 else None
                )
                parts[size].append(grams if joined is None else grams[joined])
        self._tables = [np.unique(_joined(part), return_counts=True) for part in parts]
        self._words = int(self._tables[0][1].sum())

    def surprisal(self, own: npt.NDArray[np.uint64]) -> npt.NDArray[np.float64]:
        """Return what each word of a text says after those before it; the text itself is not counted."""
        one, two, three = (
            np.maximum(self._count(size, grams) - 1, 0)
            for size, grams in enumerate(_grams(np.append(_BEGIN, own)))
        )
        share = (one + 1) / (self._words + 2**_PRIOR)
        share[1:] = np.maximum(share[1:], np.maximum(two - _SEEN, 0) / np.maximum(one[:-1], 1))
        share[2:] = np.maximum(share[2:], np.maximum(three - _SEEN, 0) / np.maximum(two[:-1], 1))
        bits: npt.NDArray[np.float64] = np.clip(-np.log2(np.minimum(share[1:], 1.0)), 1 / _STEP, _MOST)
        return bits

    def _count(self, size: int, grams: npt.NDArray[np.uint64]) -> npt.NDArray[np.int64]:
        keys, counts = self._tables[size]
        if not len(keys):
            return np.zeros(len(grams), np.int64)
        at = np.minimum(np.searchsorted(keys, grams), len(keys) - 1)
        return np.where(keys[at] == grams, counts[at], 0)


def _grams(words: npt.NDArray[np.uint64]) -> tuple[npt.NDArray[np.uint64], ...]:
    """Return the words, the ordered pairs and the ordered triples of neighbours, hashed."""
    factor = np.uint64(0x9E3779B97F4A7C15)
    two = words[:-1] * factor + words[1:]
    three = two[:-1] * factor + words[2:]
    return words, two, three


def _joined(parts: list[npt.NDArray[np.uint64]]) -> npt.NDArray[np.uint64]:
    return np.concatenate([np.zeros(0, np.uint64), *parts])
