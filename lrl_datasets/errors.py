"""The one exception a user is meant to read."""

from __future__ import annotations


class LrlError(Exception):
    """Something the user can mend: bad input, a missing file, a refused action.

    The message names the file, and where there is one the row (1-based line) and column. The command line
    prints it without a traceback and exits with 2.
    """


class NoAnswer(LrlError):
    """The Hub could not be asked, so nothing is known of what it holds."""


class NotOnHub(LrlError):
    """The Hub was asked, and does not have it or does not show it."""
