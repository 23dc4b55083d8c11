"""The form in which texts are published, and the key by which they are compared.

Takes `messages`, gives them normalised and marks `empty` where prompt or answer has nothing left. One regular
expression over Arrow's strings says which texts may change at all, and only those are looked at in Python: about
300,000 rows of 100 words a second in one process, 60,000 where all change.
"""

from __future__ import annotations

import re
import unicodedata
from dataclasses import dataclass
from typing import ClassVar

import pyarrow as pa
import pyarrow.compute as pc

from lrl_datasets.filters.base import map_contents, mark_rows, part_texts, true_rows


@dataclass(frozen=True)
class Normalise:
    """Replace each message's content by `normalise_text` of it; mark `empty`."""

    name: ClassVar[str] = "normalise"
    reasons: ClassVar[tuple[str, ...]] = ("empty",)

    def __call__(self, table: pa.Table) -> pa.Table:
        """Return `table` with `messages` normalised and `mark.normalise`, `detail.normalise` added."""
        table = map_contents(table, normalise_text, needed=_may_change)
        empty: dict[int, list[str]] = {}
        for part, texts in part_texts(table).items():
            for row in true_rows(pc.equal(pc.ascii_trim_whitespace(texts), "")):
                empty.setdefault(row, []).append(part)
        found = ((row, "empty", " and ".join(parts)) for row, parts in empty.items())
        return mark_rows(table, self.name, found)


def _may_change(contents: pa.StringArray) -> pa.BooleanArray:
    """Say which texts `normalise_text` may change; it leaves all others as they are."""
    return pc.match_substring_regex(contents, _UNUSUAL)


def normalise_text(text: str) -> str:
    r"""Return `text` as it is published.

    Unicode NFC; every kind of line break is `\n`; control and format characters are gone, except joiners
    where the script or an emoji needs them; a run of spaces (of any kind) is one space, but the indentation
    of a line stays (lists and code mean something by it); no spaces at the end of a line, at most one empty
    line, none at the ends. Applying it twice changes nothing more.
    """
    if not text.isascii() or _CONTROL.search(text):
        text = unicodedata.normalize("NFC", _drop_invisible(_LINE_BREAKS.sub("\n", text)))
    text = _SPACE_KINDS.sub(_as_spaces, text)
    if "  " in text:  # asked first, since the expressions are slow to find nothing
        text = _INNER_SPACES.sub(" ", text)
    if " \n" in text:
        text = _LINE_END_SPACES.sub("\n", text)
    return _BLANK_LINES.sub("\n\n", text).strip(" \n")


def match_key(text: str) -> str:
    """Return the form in which two texts are the same text: case, punctuation and spacing are ignored.

    NFKC and casefold, everything that is no letter, mark or number becomes a space, spaces are collapsed.
    Applying it twice changes nothing more.

    >>> match_key("Je,  “NG'OMBE” ni nini?")
    'je ng ombe ni nini'
    """
    key = text if text.isascii() and text.isprintable() else normalise_text(text)
    if key.isascii():
        return " ".join(key.translate(_ASCII_KEY).split())
    for _ in range(4):  # case folding and compatibility forms feed each other; two rounds nearly always do
        folded = unicodedata.normalize("NFKC", unicodedata.normalize("NFKC", key).casefold())
        folded = "".join(char if unicodedata.category(char)[0] in "LMN" else " " for char in folded)
        folded = " ".join(folded.split())
        if folded == key:
            break
        key = folded
    return key


_LINE_BREAKS = re.compile("\r\n|[\r\v\f\x1c-\x1e\x85\u2028\u2029]")
_SPACE_KINDS = re.compile("[\t\xa0\u1680\u2000-\u200a\u202f\u205f\u3000]")
_CONTROL = re.compile(r"[\x00-\x08\x0b-\x1f\x7f]")
_INNER_SPACES = re.compile(r"(?<=[^ \n]) {2,}")
_LINE_END_SPACES = re.compile(r" +\n")
_BLANK_LINES = re.compile(r"\n{3,}")
_ASCII_KEY = {code: chr(code).lower() if chr(code).isalnum() else " " for code in range(128)}
_UNUSUAL = (
    # All but printable ASCII, line breaks, and what is NFC whatever stands beside it: Latin letters with their
    # accents, and signs such as typographic quotes and dashes.
    r"[^\n\x20-\x7e\x{a1}-\x{ac}\x{ae}-\x{2ff}\x{2010}-\x{2027}\x{2030}-\x{205e}]"
    r"|  | \n|\n\n\n|\A[ \n]|[ \n]\z"
)
"""In RE2's syntax: a text without a match is normalised already."""

JOINERS = "\u200b\u200c\u200d"  # zero-width space (Khmer, Thai, Burmese), non-joiner, joiner
_VISIBLE_FORMAT = frozenset(
    "\u0600\u0601\u0602\u0603\u0604\u0605\u06dd\u070f\u0890\u0891\u08e2\U000110bd\U000110cd"
)
"""Format characters by category that are written signs (Arabic number signs, end of ayah and the like)."""


def _as_spaces(match: re.Match[str]) -> str:
    return "    " if match[0] == "\t" else " "


def _drop_invisible(text: str) -> str:
    if text.replace("\n", "").isprintable():
        return text
    kept: list[str] = []
    for char in text:
        category = unicodedata.category(char)
        if category == "Cs" or (category == "Cc" and char not in "\n\t"):
            continue
        if (
            category == "Cf"
            and char not in _VISIBLE_FORMAT
            and not (char in JOINERS and kept and takes_joiner(kept[-1]))
        ):
            continue
        kept.append(char)
    return "".join(kept)


def takes_joiner(char: str) -> bool:
    """Say whether a joiner after `char` means something: Arabic and Indic letters and marks, emoji."""
    return ord(char) >= 0x0600 and unicodedata.category(char) in ("Lo", "Mn", "Mc", "So", "Sk")
