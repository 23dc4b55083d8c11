"""Cells that a spreadsheet program would run: neutralised on the way out, restored on the way in.

A cell that begins with one of `= + - @`, a tab or a line end is a formula to Excel, LibreOffice or Google Sheets
(OWASP, "CSV Injection"): an answer that reads `=HYPERLINK(…)` would become a link to wherever its author likes.
An apostrophe before it makes it text. So that every text comes back as it was, a cell that begins with
apostrophes before such a sign gets one more.
"""

from __future__ import annotations

import re

_FORMULA = re.compile("'*[=+\\-@\t\r\n＝＋－＠]")


def neutralised(text: str) -> str:
    """Give a cell that no spreadsheet program runs; `restored` undoes it."""
    return f"'{text}" if _FORMULA.match(text) else text


def restored(cell: str) -> str:
    """Give the text that `neutralised` was given; a cell that it would not have written stays as it is."""
    return cell[1:] if cell.startswith("'") and _FORMULA.match(cell, 1) else cell
