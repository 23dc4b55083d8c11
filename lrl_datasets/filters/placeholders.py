r"""What stands in the place of masked data: `[EMAIL]`, `[PHONE]`, `[PHONE_2]` …, known from here alone.

The first thing of a kind in a row is `[PHONE]`, the second, if it is another one, `[PHONE_2]`, and so on in
reading order: the same thing has the same placeholder throughout the row, and different things are told
apart. So a prompt is masked the same way whatever its answer says (rows of one prompt keep one prompt), but
an answer is not: alone in a validation pool its number is `[PHONE]`, after a prompt with another one
`[PHONE_2]`. Who compares texts that were masked apart compares them `unnumbered`.
"""

from __future__ import annotations

import re

PLACEHOLDERS = {
    "email": "[EMAIL]",
    "phone": "[PHONE]",
    "card": "[CARD]",
    "iban": "[IBAN]",
    "id": "[ID]",
    "ip": "[IP]",
    "handle": "[HANDLE]",
    "link": "[LINK]",
    "name": "[NAME]",
}
"""Kind → the placeholder of the first one in a row."""

WORKER = "[WORKER]"
"""A raw worker id, see `worker_ids`."""

_NAMES = "|".join(placeholder[1:-1] for placeholder in (*PLACEHOLDERS.values(), WORKER))
ANY = rf"\[(?:{_NAMES})(?:_[1-9]\d{{0,3}})?\]"
"""Pattern of every placeholder, numbered or not."""

_NUMBERED = re.compile(rf"\[({_NAMES})(_[1-9]\d{{0,3}})\]")


def placeholder(kind: str, number: int) -> str:
    """Return the placeholder of the `number`-th thing of a kind.

    >>> placeholder("phone", 1), placeholder("phone", 2)
    ('[PHONE]', '[PHONE_2]')
    """
    plain = PLACEHOLDERS[kind]
    return plain if number == 1 else f"{plain[:-1]}_{number}]"


def unnumbered(text: str) -> str:
    """Return `text` with every placeholder as the first of its kind.

    >>> unnumbered("[PHONE_2] au [EMAIL]")
    '[PHONE] au [EMAIL]'
    """
    return _NUMBERED.sub(r"[\1]", text) if "_" in text else text


def blanked(text: str) -> str:
    """Return `text`, as long as before, with the numbers of placeholders as letters: no detector reads them.

    >>> blanked("[PHONE_2] 712")
    '[PHONEXX] 712'
    """
    return _NUMBERED.sub(lambda found: f"[{found[1]}{'X' * len(found[2])}]", text) if "_" in text else text


def count(text: str, kind: str) -> int:
    """Count the placeholders of a kind."""
    return unnumbered(text).count(PLACEHOLDERS[kind])
