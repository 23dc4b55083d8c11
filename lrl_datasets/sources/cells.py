"""Cells of a record as text: what a null, a number or a list in the place of a text means.

Takes a record's values, gives strings, or raises `Unreadable` with the column's name; the source turns that
into an unreadable row.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any


class Unreadable(Exception):
    """A cell that does not parse; the message names the column and repeats nothing of the cell."""


def text(values: Mapping[str, Any], column: str) -> str:
    """Give a cell as text; numbers are written out, null and everything else is `Unreadable`."""
    value = values.get(column)
    if value is None:
        raise Unreadable(f"column {column} is null")
    if isinstance(value, float) and value.is_integer():
        value = int(value)  # an id that a table with gaps has made 17.0
    if not isinstance(value, (str, int, float)) or isinstance(value, bool):
        raise Unreadable(f"column {column} is not text")
    return str(value)


def filled(values: Mapping[str, Any], column: str) -> str:
    """Give a cell as text without the spaces around it; a blank one is `Unreadable`."""
    value = text(values, column).strip()
    if not value:
        raise Unreadable(f"column {column} is blank")
    return value


def optional(values: Mapping[str, Any], column: str | None) -> str:
    """Give a cell as text without the spaces around it; empty where it is null or no column is named."""
    if column is None or values.get(column) is None:
        return ""
    return text(values, column).strip()
