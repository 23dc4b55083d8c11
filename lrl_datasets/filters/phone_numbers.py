"""Phone numbers, by Google's libphonenumber (`phonenumbers`), which knows each country's numbering plan.

A number counts if it is valid in one of the regions and is written with its country code (`+255 …`,
`00255 …`, `255712…`) or trunk prefix (`0712 …`); without either (`712 345 678`, which is also a price) only
after a cue word such as "tel", "phone", "WhatsApp" or one of the language's. Years, dates, prices, decimals,
ISBNs, list numbers and counting (`0 1 2 3 …`) are none. About 600 texts a second that have a number, with nine
countries; a text without seven digits close together costs nothing.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from itertools import pairwise

Span = tuple[int, int]

NEEDED = r"\d(?:\D{0,4}\d){6}"
_DIGITS = re.compile(NEEDED)
"""Seven digits with little between them: shorter numbers are nobody's (emergency and service numbers)."""

_LEAST_DIGITS = 7
_RUN_OF_DIGITS = re.compile(r"\d(?:\D{0,4}\d)*")

_CUES = ("tel", "telephone", "phone", "mobile", "whatsapp", "call", "sms", "telegram", "m-pesa", "mpesa")
_CUE_REACH = 30
"""How many characters before a number a cue word may stand."""

_DECIMAL = re.compile(r"\d+[.,]\d+")
_DATE = re.compile(r"[0-3]?\d[-./][01]?\d[-./](?:1[5-9]|20)\d\d")
_IDENTIFIER = re.compile(
    r"(?:\b(?:ISBN|ISSN|DOI|IP|RFC)(?:-1[03])?:?\s*|\b[^\W_]*\d[^\W_]*-)$", re.IGNORECASE
)
"""Ends the text before a number that is no phone number: what names it, or the rest of a serial number."""
_BEFORE = 60
"""How many characters before a number are looked at for that."""
_WITHIN_CODE = re.compile(r"-[^\W_]*[^\W\d_]")
_CURRENCY = re.compile(
    r"(?:[$€£¥₦]|\b(?:TSh|TZS|KSh|KES|USh|UGX|RWF|BIF|USD|EUR|Sh|Tsh|Ksh|Ush)s?\.?)\s*$", re.IGNORECASE
)


def phone_spans(text: str, regions: Sequence[str], cues: Sequence[str]) -> tuple[list[Span], list[Span]]:
    """Find the phone numbers of `text`.

    Returns
    -------
    tuple of list
        Those by their form, and those after a cue word alone: disjoint spans in order, the longest where
        countries disagree.
    """
    if not _DIGITS.search(text):
        return [], []
    from phonenumbers import Leniency, PhoneNumberMatcher

    spans: dict[Span, bool] = {}
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
            by_form = _by_form(text, start, end, match.number.country_code or 0)
            if by_form or (by_form is not None and _after_cue(text, start, cues)):
                spans[start, end] = by_form or spans.get((start, end), False)
        if _all_found(text, spans):
            break
    spans |= dict.fromkeys(_embedded_spans(text, regions), True)
    by_form_found: list[Span] = []
    after_cue: list[Span] = []
    last = 0
    for (start, end), by_form in sorted(spans.items(), key=lambda one: (one[0][0], -one[0][1])):
        if start >= last:
            (by_form_found if by_form else after_cue).append((start, end))
            last = end
    return by_form_found, after_cue


def _all_found(text: str, spans: dict[Span, bool]) -> bool:
    """Say whether the numbers by their form are all that the text can have: another country would find no more."""
    whole = [span for span, by_form in spans.items() if by_form]
    return all(
        sum(map(str.isdigit, run[0])) < _LEAST_DIGITS
        or any(a <= run.start() and run.end() <= b for a, b in whole)
        for run in _RUN_OF_DIGITS.finditer(text)
    )


def number_of(text: str, regions: Sequence[str]) -> str:
    """Return one name for a number however it is written: `0712 345 678` and `+255712345678` are the same."""
    from phonenumbers import NumberParseException, is_valid_number, parse

    for region in regions or (None,):
        try:
            number = parse("".join(c for c in text if c.isdigit() or c == "+"), region)
        except NumberParseException:
            continue
        if is_valid_number(number):
            return f"+{number.country_code} {number.national_number}"
    return "".join(c for c in text if c.isdigit())


_RUN = re.compile(r"\+?\d+(?:[ .\-_()/]{1,2}\d+)*")
"""Digit groups with at most two separators between them: what the matcher takes for one number, or for none."""
_MOST_DIGITS = 13


def _embedded_spans(text: str, regions: Sequence[str]) -> set[Span]:
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
            # Each group has a digit at least, so no stretch has more groups than digits.
            ends = [
                end
                for _, end in (groups[at : at + _MOST_DIGITS] if begins else ())
                if sum(map(str.isdigit, text[start:end])) <= _MOST_DIGITS
            ]
            for number, end in ((text[start:end], end) for end in reversed(ends)):
                digits = "".join(c for c in number if c.isdigit() or c == "+")
                if (
                    len(digits) < 9
                    or _DATE.match(number)
                    or _is_counting(number)
                    or _IDENTIFIER.search(text[max(0, start - _BEFORE) : start])
                ):
                    continue
                try:
                    valid = any(is_valid_number(parse(digits, region)) for region in regions)
                except NumberParseException:
                    continue
                if valid:
                    spans.add((start, end))
                    at = next((i for i in range(at, len(groups)) if groups[i][0] >= end), len(groups)) - 1
                    break
            at += 1
    return spans


def _by_form(text: str, start: int, end: int, country_code: int) -> bool | None:
    """Say whether the form alone makes it a phone number; None where nothing could."""
    number, before = text[start:end], text[max(0, start - _BEFORE) : start]
    if _DECIMAL.fullmatch(number) or _DATE.fullmatch(number) or _is_counting(number):
        return None
    if sum(map(str.isdigit, number)) < _LEAST_DIGITS:
        return None
    if _IDENTIFIER.search(before) or _CURRENCY.search(before) or _WITHIN_CODE.match(text, end):
        return None
    if number.lstrip("(").startswith(("+", "0")):
        return True
    return number.isdigit() and len(number) > 10 and number.startswith(str(country_code))


def _after_cue(text: str, start: int, cues: Sequence[str]) -> bool:
    near = text[max(0, start - _CUE_REACH) : start].casefold()
    return any(re.search(rf"\b{re.escape(cue.casefold())}\b", near) for cue in (*_CUES, *cues))


def _is_counting(number: str) -> bool:
    """Say whether the number is a list of consecutive numbers (`0 1 2 3`, `07 08 09`) or `0123456789`."""
    groups = [int(group) for group in re.findall(r"\d+", number)]
    consecutive = all(after - before == 1 for before, after in pairwise(groups))
    return (len(groups) > 2 and consecutive) or number in "012345678901234567890"
