"""Numbers that name a person or an account: payment cards, IBANs, national ids.

Cards have an issuer's prefix and length (ISO/IEC 7812) and pass Luhn's check, IBANs their country's structure
and check digits (`python-stdnum`). A national id is found by its form where the form says enough (a date and a
length, a check digit, letters in fixed places), for the language's countries; any other number of six to twenty
digits only after a cue such as "passport no.", "NIN", "kitambulisho". Text without such a run of digits costs
nothing.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from functools import cache

Span = tuple[int, int]

NEEDED = r"\d(?:\D{0,4}\d){6}|[A-Z]{1,3} ?\d{5}"
"""A text without this has nothing that is found here."""

_GROUPED = r"\d{4}([ -])\d{4}\1\d{4}\1\d{4}(?:\1\d{3})?|\d{4}([ -])\d{6}\2\d{4,5}|\d{13,19}"
_CARD = re.compile(rf"(?<![\w.,+-])(?:{_GROUPED})(?![\w]|[.,-]\d)")
_ISSUERS = (
    (re.compile(r"4"), (13, 16, 19)),  # Visa
    (re.compile(r"5[1-5]|222[1-9]|22[3-9]|2[3-6]|27[01]|2720"), (16,)),  # Mastercard
    (re.compile(r"3[47]"), (15,)),  # American Express
    (re.compile(r"6011|64[4-9]|65"), (16, 19)),  # Discover, Verve
    (re.compile(r"506[01]|507[89]"), (16, 18, 19)),  # Verve
    (re.compile(r"62"), (16, 17, 18, 19)),  # UnionPay
    (re.compile(r"352[89]|35[3-8]"), (16,)),  # JCB
    (re.compile(r"3(?:0[0-5]|[689])"), (14,)),  # Diners Club
)

# Countries with IBANs of their banks' own that the registry of ISO 13616, and so the library, does not have.
_UNREGISTERED = frozenset(
    "AO BF BJ CF CG CI CM CV DZ GA GQ GW IR KM MA MG ML MZ NE SN TD TG".split()  # noqa: SIM905
)
_IBAN = re.compile(r"(?<![A-Za-z0-9])[A-Z]{2}\d{2}(?: ?[A-Z0-9]{4}){2,7}(?: ?[A-Z0-9]{1,4})?(?![A-Za-z0-9])")


def cards(text: str) -> Iterator[Span]:
    """Yield where payment cards' numbers stand."""
    from stdnum import luhn

    for found in _CARD.finditer(text):
        digits = re.sub(r"\D", "", found[0])
        issued = any(prefix.match(digits) and len(digits) in lengths for prefix, lengths in _ISSUERS)
        if issued and len(set(digits[1:])) > 1 and luhn.is_valid(digits):
            yield found.span()


def ibans(text: str) -> Iterator[Span]:
    """Yield where international bank account numbers stand; capitals after one are tried without."""
    for found in _IBAN.finditer(text):
        number = found[0]
        while len(number) >= 15:
            if _is_iban(number):
                yield found.start(), found.start() + len(number)
                break
            number = number.rpartition(" ")[0]


def _is_iban(number: str) -> bool:
    from stdnum import iban
    from stdnum.iso7064 import mod_97_10

    if number[:2] in _UNREGISTERED:
        plain = number.replace(" ", "")
        return len(plain) >= 24 and mod_97_10.is_valid(plain[4:] + plain[:4])
    return bool(iban.is_valid(number, check_country=False))


# ---- national ids ---------------------------------------------------------------------------------------

_DATE8 = r"(?:19|20)\d\d(?:0[1-9]|1[0-2])(?:0[1-9]|[12]\d|3[01])"
_OF_COUNTRY = {
    # NIDA: date of birth, post code, serial number; written with hyphens, spaces or in one.
    "TZ": rf"{_DATE8}[ -]?\d{{5}}[ -]?\d{{5}}[ -]?\d\d|(?:19|20)\d\d[ -]\d{{4}}(?:[ -]\d{{4}}){{3}}",
    "KE": r"[AP]\d{9}[A-Z]",  # the tax authority's PIN; an id card's number has no form of its own
    "UG": r"[CA][MF]\d{5}[A-Z0-9]{7}",  # NIN
    "RW": r"[1-3] ?(?:19|20)\d\d ?[78] ?\d{7} ?\d ?\d\d",
    "MZ": r"\d{12}[A-Z]",  # bilhete de identidade
    "NP": r"\d\d-\d\d-\d\d-\d{5}",  # citizenship certificate
    "PK": r"\d{5}-\d{7}-\d",  # CNIC
}
_WITH_CHECK_DIGIT = r"\d{13}|[2-9]\d{3}[ -]\d{4}[ -]\d{4}"
"""Of any country: South Africa's (a date and Luhn's check digit), India's Aadhaar (Verhoeff's)."""

_CUES = (
    "national id", "national identity", "identity card", "id card", "id no", "id number", "identification number",
    "nida", "nin", "bvn", "ssn", "social security", "passport", "taxpayer", "tin no", "tin number", "aadhaar",
    "voter id", "voter's card", "driving licence", "driver's licence", "driver's license", "nagarikta",
    "account no", "account number", "a/c no", "acc no",
)  # fmt: skip
_NUMBER = re.compile(
    r"(?<!\w)(?:(?P<letters>[A-Z]{1,3}) ?(?=\d{5,9}(?!\w)))?"
    r"(?P<digits>\d(?:[ /-]?\d){6,19}[A-Z]{0,2}|(?<=[A-Z ])\d{5,6})(?![\w]|[.,:]\d)"
)
_CUE_REACH = 60
_AMOUNT = re.compile(
    r"[$€£¥₦]|\b(?:tsh|tzs|ksh|kes|ush|ugx|rwf|usd|shs?|shilingi|naira|dola|dollars?|birr|milioni|years?|mwaka)\b",
    re.IGNORECASE,
)
_NO_ID = re.compile(
    r"(?:1[89]|20)\d\d[ /-](?:1[89]|20)\d\d"  # years
    r"|[0-3]?\d[-/][01]?\d[-/](?:1[89]|20)\d\d|(?:1[89]|20)\d\d[-/][01]?\d[-/][0-3]?\d"  # dates
    r"|\d+0000"  # an amount
)


def ids(text: str, regions: Sequence[str]) -> Iterator[Span]:
    """Yield where ids stand that their form gives away."""
    from stdnum.in_ import aadhaar
    from stdnum.za import idnr

    pattern, has_countries = _forms(tuple(regions))
    for found in pattern.finditer(text):
        of_country = has_countries and found["country"]
        if of_country or idnr.is_valid(found[0]) or aadhaar.is_valid(found[0]):
            yield found.span()


def ids_after_cue(text: str, cues: Sequence[str]) -> Iterator[Span]:
    """Yield where numbers stand that a word before them says to be somebody's id or account."""
    cue = _cue((*_CUES, *cues))
    for found in _NUMBER.finditer(text):
        if _NO_ID.fullmatch(found["digits"]) or (not found["letters"] and len(found["digits"]) < 7):
            continue
        # "pasipoti AB 1234567", and "NIN 1234567", where the letters are the cue.
        for start in (found.start(), found.start("digits")):
            before = cue.search(text[max(0, start - _CUE_REACH) : start])
            if before and not _AMOUNT.search(before["between"]):
                yield start, found.end()
                break


@cache
def _forms(regions: tuple[str, ...]) -> tuple[re.Pattern[str], bool]:
    forms = [_OF_COUNTRY[region] for region in regions if region in _OF_COUNTRY]
    country = f"(?P<country>{'|'.join(forms)})|" if forms else ""
    return re.compile(rf"(?<![\w+.,-])(?:{country}{_WITH_CHECK_DIGIT})(?![\w]|[.,-]\d)"), bool(forms)


@cache
def _cue(cues: tuple[str, ...]) -> re.Pattern[str]:
    words = "|".join(
        re.escape(cue).replace(r"\ ", r"\s+") for cue in sorted(cues, key=lambda cue: (-len(cue), cue))
    )
    number = r"(?:\W{0,3}\b(?:no|nr|num|number|namba|nambari)\b)?\.?"
    return re.compile(rf"\b(?:{words})\b{number}(?P<between>[^\d\n.;!?]{{0,25}})$", re.IGNORECASE)
