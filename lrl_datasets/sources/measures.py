"""Cells that are no texts: times, durations, sums of money, as the platforms write them.

All of them are extras: a record whose time cannot be read still counts, and the value is None.
"""

from __future__ import annotations

import math
import re
from datetime import UTC, datetime, timedelta, timezone

_ZONES = {"UTC": 0, "GMT": 0, "PST": -8, "PDT": -7, "EST": -5, "EDT": -4}
"""What Mechanical Turk writes; it lives in Seattle."""


def moment(cell: object) -> datetime | None:
    """Read a time: ISO 8601, Mechanical Turk's `Wed Jan 24 09:48:10 PST 2018`, CrowdFlower's `7/12/2014 01:55:25`.

    A time without a zone is taken as UTC, and all are given in UTC, naive.
    """
    text = str(cell or "").strip()
    if not text:
        return None
    try:
        if text[:4].isdigit():  # no other form begins so, and most times are of this one
            time = datetime.fromisoformat(text)
        elif found := re.fullmatch(r"(\w{3} \w{3} +\d+ [\d:]{8}) ([A-Z]{3}) (\d{4})", text):
            offset = _ZONES.get(found[2])
            if offset is None:
                return None
            time = datetime.strptime(f"{found[1]} {found[3]}", "%a %b %d %H:%M:%S %Y")
            time = time.replace(tzinfo=timezone(timedelta(hours=offset)))
        elif re.fullmatch(r"\d+/\d+/\d{4} [\d:]{7,8}", text):
            time = datetime.strptime(text, "%m/%d/%Y %H:%M:%S")
        else:
            time = datetime.fromisoformat(text)
        return time.astimezone(UTC).replace(tzinfo=None) if time.tzinfo else time
    except (ValueError, OverflowError):  # OverflowError: the year 1 in a zone east of Greenwich
        return None


def between(started: datetime | None, submitted: datetime | None) -> float | None:
    """Give the seconds from one time to another; None where one is unknown or they run backwards."""
    if started is None or submitted is None or submitted < started:
        return None
    return (submitted - started).total_seconds()


def amount(cell: object) -> float | None:
    """Read a number that is not negative, a sum of money also with its sign (`$0.05`)."""
    if isinstance(cell, bool):
        return None
    try:
        value = float(str(cell if cell is not None else "").strip().lstrip("$€£").strip())
    except ValueError:
        return None
    return value if math.isfinite(value) and value >= 0 else None
