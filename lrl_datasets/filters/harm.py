"""Harmful language, flagged: no row is refused for it, whoever uses the data decides.

Takes `messages`, adds to `flags` what it finds in any of the row's texts: `harm:insult:2`, category and severity (1
to 3) by the lists of words in `lrl_datasets/languages/harm`. Empty where nothing was found, null where nobody looked.
A list finds what is in it: no irony, no coded words, no spelling in disguise; and what it finds may be quoted or
condemned. About 180,000 rows of 40 words a second, one process.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from functools import cache
from typing import ClassVar

import pyarrow as pa
import pyarrow.compute as pc

from lrl_datasets.filters.base import add_column, add_mark, true_rows
from lrl_datasets.filters.hub_models import HarmModel
from lrl_datasets.languages import harm_lists

FLAGS = pa.list_(pa.string())
PREFIX = "harm:"

_APOSTROPHE = re.compile("['’ʼ]")
_AT_ONCE = 300
"""Terms in one regular expression: RE2 keeps its automaton small."""


@dataclass(frozen=True)
class Harm:
    """Flag rows with harmful language. It objects to no row."""

    lists: tuple[str, ...] = ()
    """Names of lists of words, ISO 639-3: the language's own, and those of the languages that are mixed in."""
    model: HarmModel | None = None
    """A classifier that looks at every text too."""
    sha256: tuple[str, ...] = field(init=False, default=())
    """Of the lists' files, in the same order."""

    name: ClassVar[str] = "harm"
    reasons: ClassVar[tuple[str, ...]] = ()

    def __post_init__(self) -> None:
        object.__setattr__(self, "sha256", tuple(map(harm_lists.sha256, self.lists)))

    def __call__(self, table: pa.Table) -> pa.Table:
        """Return `table` with `flags` (list<string>) added, or added to."""
        found: dict[int, set[str]] = {}
        start = 0
        for chunk in table["messages"].chunks:
            contents = pc.struct_field(chunk.flatten(), "content")
            rows = pc.list_parent_indices(chunk)
            for place, told in (*self.flags(contents), *self._by_model(contents)):
                found.setdefault(start + rows[place].as_py(), set()).add(told)
            start += len(chunk)
        table = add_column(table, "flags", _with(table, found, looked=bool(self.lists or self.model)), FLAGS)
        return add_mark(table, self.name, pa.nulls(table.num_rows, pa.string()))

    def _by_model(self, texts: pa.Array) -> Iterator[tuple[int, str]]:
        if self.model is not None:
            for place, text in enumerate(texts.to_pylist()):
                for category, severity in sorted(self.model.found(text or "")):
                    yield place, flag(category, severity)

    def flags(self, texts: pa.Array) -> Iterator[tuple[int, str]]:
        """Yield the position of each text with something harmful in it, and what that is."""
        terms = _terms(self.lists)
        rough = [_rough(one) for listed in terms.values() for one in listed]
        hits = true_rows(_matches(pc.utf8_lower(texts), rough))
        words = _words(texts.take(pa.array(hits)))
        for told, listed in terms.items():
            for at in true_rows(_matches(words, [f" (?:{one}) " for one in map(_exact, listed)])):
                yield int(hits[at]), told


def flag(category: str, severity: int) -> str:
    """Return what stands in `flags`.

    >>> flag("insult", 2)
    'harm:insult:2'
    """
    return f"{PREFIX}{category}:{severity}"


@cache
def _terms(lists: tuple[str, ...]) -> dict[str, tuple[str, ...]]:
    """Return flag → its terms, as `_words` leaves a text."""
    terms: dict[str, set[str]] = {}
    for name in lists:
        for listed in harm_lists.load(name):
            told = [_APOSTROPHE.sub("", term.lower()).replace("-", " ") for term in listed.terms]
            terms.setdefault(flag(listed.category, listed.severity), set()).update(told)
    return {one: tuple(sorted(listed)) for one, listed in sorted(terms.items())}


def _words(texts: pa.Array) -> pa.Array:
    """Return texts as words: in small letters, without apostrophes, one space around each."""
    plain = pc.replace_substring_regex(pc.utf8_lower(texts), _APOSTROPHE.pattern, "")
    spaced = pc.replace_substring_regex(plain, r"[^\p{L}\p{M}\p{N}]+", " ")
    return pc.binary_join_element_wise(" ", spaced, " ", "")


# Two expressions a term. The first runs over every text as it is, and finds too much: between words, and where an
# apostrophe may stand, anything but a letter of ASCII (a class of Unicode's letters makes RE2 200 times slower). The
# second runs over the words of what the first found.


def _rough(term: str) -> str:
    words = (
        "[^a-z]?".join(map(re.escape, part)) for word in term.split() for part in word.split("*") if part
    )
    return r"[^\n]*?".join(words) if "*" in term.strip("*") else "[^a-z]+".join(words)


def _exact(term: str) -> str:
    return "".join("[^ ]*" if char == "*" else re.escape(char) for char in term)


def _matches(texts: pa.Array, terms: Sequence[str]) -> pa.Array:
    found = pa.array([False] * len(texts), pa.bool_())
    for at in range(0, len(terms), _AT_ONCE):
        pattern = "|".join(terms[at : at + _AT_ONCE])
        found = pc.or_(found, pc.fill_null(pc.match_substring_regex(texts, pattern), False))
    return found


def _with(table: pa.Table, found: Mapping[int, set[str]], looked: bool) -> list[list[str] | None]:
    """Return every row's flags, those that it has already among them."""
    readable = pc.is_valid(table["messages"]).to_pylist()
    flags: list[list[str] | None] = [[] if looked and there else None for there in readable]
    if "flags" in table.column_names:
        flags = [
            one if had is None else sorted({*had, *(one or ())})
            for one, had in zip(flags, table["flags"].to_pylist(), strict=True)
        ]
    for row, more in found.items():
        flags[row] = sorted({*(flags[row] or ()), *more})
    return flags
