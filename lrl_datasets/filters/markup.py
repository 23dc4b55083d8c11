r"""Markup that does not close: HTML tags, LaTeX, Markdown's bold and fences, brackets.

Takes `messages`, gives marks. What opens and has no partner is counted, in prompt and answer apart; a text about tags
("the <div> tag"), a list of a) and b), a face :) and an interval [0, 1) are none of it, or are within the builder's
tolerance. Only texts with a sign of markup or whose brackets do not come in pairs are looked at one by one: 600,000
rows of 40 words a second, one process.
"""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass
from typing import ClassVar

import pyarrow as pa
import pyarrow.compute as pc

from lrl_datasets.filters.base import mark_rows, part_texts, true_rows

PAIRED = (
    "a", "b", "big", "blockquote", "body", "button", "center", "code", "div", "em", "font", "form", "h1", "h2", "h3",
    "h4", "h5", "h6", "head", "html", "i", "ol", "pre", "script", "section", "small", "span", "strong", "style",
    "sub", "sup", "table", "title", "u", "ul",
)  # fmt: skip
"""Tags that HTML wants closed (`p`, `li`, `td` and their like may stay open)."""

_SIGNS = r"[<\\$*`(\[{)\]}]"
_MARKS = r"</?[A-Za-z]|\\(?:begin|end)\{|\\[(\[\])]|\$\$|\*\*|```"
_FENCED = re.compile(r"^[ \t]*```.*?^[ \t]*```", re.DOTALL | re.MULTILINE)
_CODE = re.compile(r"`[^`\n]*`")
_TAG = re.compile(rf"<(/?)({'|'.join(PAIRED)})(?:\s[^<>]*)?>", re.IGNORECASE)
_ENVIRONMENT = re.compile(r"\\(begin|end)\{(\w+\*?)\}")
_NO_BRACKET = re.compile(
    r"[:;=]['’]?-?[()\[\]{}]+"  # faces
    r"|(?:(?<=\s)|^)[^\s()\[\]{}]{1,4}\)"  # a) 1) iv)
    r"|[\[\](][^\s()\[\]]{1,12}[,;]\s?[^\s()\[\]]{1,12}[\])\[]"  # intervals
    r"|\\[(\[\])]",
    re.MULTILINE,
)
_PARTNER = {")": "(", "]": "[", "}": "{"}


@dataclass(frozen=True)
class Markup:
    """Mark `unbalanced_markup` where more than `max_unpaired` opening or closing signs have no partner."""

    max_unpaired: int = 2
    """Most tags, environments, signs and brackets without partner in one part; a code fence of a prompt that stays open
    counts for itself (that of an answer is `truncated`)."""

    name: ClassVar[str] = "markup"
    reasons: ClassVar[tuple[str, ...]] = ("unbalanced_markup",)

    def __call__(self, table: pa.Table) -> pa.Table:
        """Return `table` with `mark.markup` and `detail.markup` (which part, how many of what) added."""
        return mark_rows(table, self.name, self._found(table))

    def _found(self, table: pa.Table) -> Iterator[tuple[int, str, str]]:
        for part, texts in part_texts(table).items():
            rows = true_rows(pc.match_substring_regex(texts, _SIGNS))
            some = texts.take(rows)
            closer = pc.match_substring_regex(some, _MARKS)
            for closing, opening in _PARTNER.items():
                pair = [pc.count_substring(some, sign) for sign in (opening, closing)]
                closer = pc.or_(closer, pc.greater(pc.abs(pc.subtract(*pair)), self.max_unpaired))
            rows = rows[true_rows(closer)]
            for row, text in zip(rows, texts.take(rows).to_pylist(), strict=True):
                found = unpaired(text)
                fence = part == "prompt" and found["code fence"]
                if fence or found.total() - found["code fence"] > self.max_unpaired:
                    told = ", ".join(f"{n} {what}" for what, n in sorted(found.items()) if n)
                    yield row, "unbalanced_markup", f"{part}: without partner {told}"


def unpaired(text: str) -> Counter[str]:
    """Count what has no partner, by kind.

    >>> unpaired("<b>Jina (la kwanza</b> **ni")
    Counter({'bracket': 1, 'bold': 1})
    """
    found: Counter[str] = Counter()
    text = _FENCED.sub("", text)
    if len(re.findall(r"(?m)^[ \t]*```", text)) % 2:
        found["code fence"] = 1
        text = text.partition("```")[0]
    text = _CODE.sub("", text)
    tags = ((close, tag.lower()) for close, tag in _TAG.findall(text))
    found["tag"] = _without_partner(tags)
    found["environment"] = _without_partner(
        ("/" if what == "end" else "", name) for what, name in _ENVIRONMENT.findall(text)
    )
    found["formula"] = text.count("$$") % 2 + sum(
        abs(text.count(opening) - text.count(closing))
        for opening, closing in ((r"\(", r"\)"), (r"\[", r"\]"))
    )
    found["bold"] = len(re.findall(r"(?<![\w*])\*\*(?=\S)|(?<=\S)\*\*(?![\w*])", text)) % 2
    brackets = (char for char in _NO_BRACKET.sub("", text) if char in "()[]{}")
    found["bracket"] = _without_partner(
        ("/" if char in _PARTNER else "", _PARTNER.get(char, char)) for char in brackets
    )
    return +found


def _without_partner(signs: Iterator[tuple[str, str]]) -> int:
    """Count what is left over: each closing sign takes the latest open one of its name."""
    opened: Counter[str] = Counter()
    lonely = 0
    for close, name in signs:
        if not close:
            opened[name] += 1
        elif opened[name]:
            opened[name] -= 1
        else:
            lonely += 1
    return lonely + opened.total()
