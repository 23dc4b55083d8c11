"""Email addresses and phone numbers, masked in the text.

Takes `messages`, gives them masked, and the column `masked` with the kinds found. Phone numbers are found by
Google's libphonenumber (`phonenumbers`), which knows each country's numbering plan; a text without a long
enough run of digits is never handed to it, so most rows cost little: about 20,000 rows of 40 words a second in
one process, against 600 where every row has a number and nine countries are tried.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass
from itertools import pairwise
from typing import ClassVar

import pyarrow as pa

from lrl_datasets.filters.base import add_column, add_mark

EMAIL = "[EMAIL]"
PHONE = "[PHONE]"


@dataclass(frozen=True)
class PersonalData:
    """Mask personal data. It objects to no row."""

    regions: tuple[str, ...]
    """ISO 3166 countries whose national formats are recognised, the likeliest first."""
    cues: tuple[str, ...] = ()
    """Words of the language before a phone number, see `mask_text`."""

    name: ClassVar[str] = "personal_data"
    reasons: ClassVar[tuple[str, ...]] = ()

    def __call__(self, table: pa.Table) -> pa.Table:
        """Return `table` with `messages` masked and `masked` (list<string>, one entry a find) added."""
        changed: list[list[dict[str, str]] | None] = []
        kinds: list[list[str] | None] = []
        for messages in table.column("messages").to_pylist():
            if messages is None:
                changed.append(None)
                kinds.append(None)
                continue
            masked = [mask_text(message["content"] or "", self.regions, self.cues) for message in messages]
            changed.append(
                [{"role": m["role"], "content": text} for m, (text, _) in zip(messages, masked, strict=True)]
            )
            kinds.append([kind for _, found in masked for kind in found])
        table = add_column(table, "messages", changed, table.schema.field("messages").type)
        table = add_column(table, "masked", kinds, pa.list_(pa.string()))
        return add_mark(table, self.name, [None] * table.num_rows)


def mask_text(text: str, regions: Sequence[str], cues: Sequence[str] = ()) -> tuple[str, list[str]]:
    """Put typed placeholders in the place of email addresses and phone numbers.

    The placeholders `[EMAIL]` and `[PHONE]` carry no number: a text must be masked the same way wherever it
    stands (a judged answer in its row and alone in the validation pool). A number counts as a phone number
    if it is valid in one of `regions` and is written with its country code (`+255 …`, `00255 …`,
    `255712…`) or trunk prefix (`0712 …`); without either (`712 345 678`, which is also a price) only after
    a cue word such as "tel", "phone", "WhatsApp" or one of `cues`. Years, dates, prices, decimals, ISBNs,
    list numbers and counting (`0 1 2 3 …`) stay.

    Parameters
    ----------
    text
        Normalised text.
    regions
        ISO 3166 codes; the order does not matter to the result.
    cues
        Words of the language that stand before a phone number, in any case.

    Returns
    -------
    tuple
        The masked text, and one kind (`email`, `phone`) for each thing masked, emails first. Masking the
        result again changes nothing.
    """
    found: list[str] = []
    if "@" in text:
        text, count = _EMAIL.subn(EMAIL, text)
        found += ["email"] * count
    while _DIGITS.search(text):
        spans = _phone_spans(text, regions, cues)
        if not spans:
            break
        for start, end in reversed(spans):
            text = text[:start] + PHONE + text[end:]
        found += ["phone"] * len(spans)
    return text, found


_EMAIL = re.compile(
    r"(?:mailto:)?[^\W_](?:[\w.+%'-]{0,62}[\w+%-])?@(?:[^\W_](?:[\w-]{0,61}[^\W_])?\.){1,8}[^\W\d_]{2,24}"
)
_DIGITS = re.compile(r"\d(?:\D{0,4}\d){6}")
"""Seven digits with little between them: shorter numbers are nobody's (emergency and service numbers)."""

_CUES = ("tel", "telephone", "phone", "mobile", "whatsapp", "call", "sms", "telegram", "m-pesa", "mpesa")
_CUE_REACH = 30
"""How many characters before a number a cue word may stand."""

_DECIMAL = re.compile(r"\d+[.,]\d+")
_DATE = re.compile(r"[0-3]?\d[-./][01]?\d[-./](?:1[5-9]|20)\d\d")
_IDENTIFIER = re.compile(
    r"(?:\b(?:ISBN|ISSN|DOI|IP|RFC)(?:-1[03])?:?\s*|\b[^\W_]*\d[^\W_]*-)$", re.IGNORECASE
)
"""Ends the text before a number that is no phone number: what names it, or the rest of a serial number."""
_WITHIN_CODE = re.compile(r"-[^\W_]*[^\W\d_]")
_CURRENCY = re.compile(
    r"(?:[$€£¥₦]|\b(?:TSh|TZS|KSh|KES|USh|UGX|RWF|BIF|USD|EUR|Sh|Tsh|Ksh|Ush)s?\.?)\s*$", re.IGNORECASE
)


def _phone_spans(text: str, regions: Sequence[str], cues: Sequence[str]) -> list[tuple[int, int]]:
    """Find the phone numbers of `text`: disjoint spans in order, the longest where countries disagree."""
    from phonenumbers import Leniency, PhoneNumberMatcher

    spans: set[tuple[int, int]] = set()
    for region in regions or (None,):
        for match in PhoneNumberMatcher(text, region, leniency=Leniency.VALID):
            start, end = match.start, match.end
            if start and text[start - 1] == "+":
                start -= 1
            # Brackets: "(+255) 712 …" belongs to the number, "(0712 …)" stands around it.
            if start and text[start - 1] == "(" and ")" in text[start:end]:
                start -= 1
            elif text[start] == "(" and ")" not in text[start:end]:
                start += 1
            if _is_phone(text, start, end, match.number.country_code or 0, cues):
                spans.add((start, end))
    spans |= _embedded_spans(text, regions)
    chosen: list[tuple[int, int]] = []
    for start, end in sorted(spans, key=lambda span: (span[0], -span[1])):
        if not chosen or start >= chosen[-1][1]:
            chosen.append((start, end))
    return chosen


_RUN = re.compile(r"\+?\d+(?:[ .\-_()/]{1,2}\d+)*")
"""Digit groups with at most two separators between them: what the matcher takes for one number, or for none."""
_MOST_DIGITS = 13


def _embedded_spans(text: str, regions: Sequence[str]) -> set[tuple[int, int]]:
    """Find numbers that have other digits, letters or underscores around them.

    The library's matcher takes `0712 345 678 2` for one number, which is none, and passes over
    `0712345678na` and `0712_345_678`. So within each run of digit groups every stretch is tried that begins
    with a trunk prefix or a country code, the longest first.
    """
    from phonenumbers import NumberParseException, is_valid_number, parse

    spans = set()
    for run in _RUN.finditer(text):
        groups = [(m.start() + run.start(), m.end() + run.start()) for m in re.finditer(r"\+?\d+", run[0])]
        at = 0
        while at < len(groups):
            start = groups[at][0]
            begins = text[start] == "+" or (text[start] == "0" and groups[at][1] - start >= 3)
            ends = [
                end for _, end in groups[at:] if sum(c.isdigit() for c in text[start:end]) <= _MOST_DIGITS
            ]
            for number, end in ((text[start:end], end) for end in reversed(ends) if begins):
                digits = "".join(c for c in number if c.isdigit() or c == "+")
                if (
                    len(digits) < 9
                    or _DATE.match(number)
                    or _is_counting(number)
                    or _IDENTIFIER.search(text[:start])
                ):
                    continue
                try:
                    valid = any(is_valid_number(parse(digits, region)) for region in regions)
                except NumberParseException:
                    continue
                if valid:
                    spans.add((start, end))
                    at = next((i for i, group in enumerate(groups) if group[0] >= end), len(groups)) - 1
                    break
            at += 1
    return spans


def _is_phone(text: str, start: int, end: int, country_code: int, cues: Sequence[str]) -> bool:
    number, before = text[start:end], text[:start]
    if _DECIMAL.fullmatch(number) or _DATE.fullmatch(number) or _is_counting(number):
        return False
    if _IDENTIFIER.search(before) or _CURRENCY.search(before) or _WITHIN_CODE.match(text, end):
        return False
    if number.lstrip("(").startswith(("+", "0")):
        return True
    if number.isdigit() and len(number) > 10 and number.startswith(str(country_code)):
        return True
    near = before[-_CUE_REACH:].casefold()
    return any(re.search(rf"\b{re.escape(cue.casefold())}\b", near) for cue in (*_CUES, *cues))


def _is_counting(number: str) -> bool:
    """Say whether the number is a list of consecutive numbers (`0 1 2 3`, `07 08 09`) or `0123456789`."""
    groups = [int(group) for group in re.findall(r"\d+", number)]
    consecutive = all(after - before == 1 for before, after in pairwise(groups))
    return (len(groups) > 2 and consecutive) or number in "012345678901234567890"
