"""The one place where bytes of a file become records.

Takes files, gives `RawRecord`s: the line on which each starts, its bytes, and either its values or the
problem that kept it from being read. Formats differ (`delimited`, `jsonl`, `tables`), the promise is the
same: every non-blank physical line of a file belongs to exactly one record, and a damaged record condemns
only itself.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

from lrl_datasets.errors import LrlError
from lrl_datasets.sources.base import InputFile


@dataclass(frozen=True)
class RawRecord:
    """One record of a file, readable or not."""

    row: int
    """1-based line on which it starts (header = 1); 1-based index in Parquet and JSON arrays."""
    raw: bytes
    """Its bytes as they stand in the file; empty where the file is binary or one JSON array."""
    values: Mapping[str, Any] = field(default_factory=dict)
    """Column to value; empty where `problem` is set."""
    problem: str | None = None
    """Why it could not be read, in words that repeat nothing of it."""

    def for_quarantine(self) -> bytes:
        """Give its bytes, or a line of JSON with its values where the file has no lines."""
        if self.raw:
            return self.raw
        return (json.dumps(self.values, ensure_ascii=True, default=repr) + "\n").encode("ascii")


@dataclass(frozen=True)
class Records:
    """The records of one file and the columns it names (the union of keys for JSON)."""

    file: InputFile
    columns: tuple[str, ...]
    rows: Sequence[RawRecord]
    left_out: dict[str, int] = field(default_factory=dict)
    """Records outside the selection that was asked for, counted by what they are not."""

    def require(self, *columns: str | None) -> None:
        """Check that the file has the columns.

        Raises
        ------
        LrlError
            Naming the file, the first column that is missing and the columns there are.
        """
        for column in columns:
            if column is not None and column not in self.columns:
                there = ", ".join(self.columns) or "none"
                raise LrlError(f"{self.file.name}: column {column!r} is missing; there are: {there}")


def read_bytes(path: Path, name: str) -> bytes:
    """Read a whole file; a missing, unreadable or empty one is an `LrlError` that names it as `name`."""
    try:
        data = path.read_bytes()
    except FileNotFoundError:
        raise LrlError(f"{name}: no such file ({path})") from None
    except OSError as error:
        raise LrlError(f"{name}: cannot be read ({error.strerror or error})") from None
    if not data.strip(b"\xef\xbb\xbf \t\r\n"):
        raise LrlError(f"{name}: the file is empty")
    return data


def input_file(name: str, data: bytes, records: int) -> InputFile:
    """Name a file for the manifest."""
    return InputFile(name, hashlib.sha256(data).hexdigest(), len(data), records)


def in_any_order(records: Records) -> InputFile:
    """Name a file by what it records: the hash is over its columns and its records, sorted.

    A platform exports the same pool in whatever order; the same records are the same input and give the same release.
    Each record is hashed by itself, so that no text can be taken for the end of one.
    """
    raw = (row.for_quarantine().rstrip(b"\r\n") for row in records.rows)
    return replace(records.file, sha256=unordered_hash(records.columns, raw))


def unordered_hash(columns: Sequence[str], records: Iterable[bytes]) -> str:
    """Return the SHA-256 of columns and records, whatever order the records come in."""
    hashes = sorted(hashlib.sha256(record).hexdigest() for record in records)
    told = json.dumps([columns, hashes], ensure_ascii=True)
    return hashlib.sha256(told.encode("ascii")).hexdigest()


def text_of(data: bytes, name: str) -> bytes:
    """Check that the bytes can be lines of UTF-8 text and return them without a byte order mark.

    Only the first line is looked at closely: what is wrong further down condemns single records.

    Raises
    ------
    LrlError
        For UTF-16 and UTF-32 (Excel's "Unicode text") and for binary files.
    """
    if data[:2] in (b"\xff\xfe", b"\xfe\xff"):
        raise LrlError(f"{name}: the file is UTF-16; save it as UTF-8")
    data = data.removeprefix(b"\xef\xbb\xbf")
    if b"\0" in data.split(b"\n", 1)[0]:
        raise LrlError(f"{name}: the file is not text (row 1 holds NUL bytes)")
    if b"\n" not in data and b"\r" in data:
        data = data.replace(b"\r", b"\n")  # line ends of the classic Mac
    return data


def decode(raw: bytes) -> tuple[str, str | None]:
    """Decode one record: its text, or the problem with it (byte position counted within the record)."""
    try:
        text = raw.decode("utf-8")
    except UnicodeDecodeError as error:
        return "", f"not UTF-8 at byte {error.start + 1} of the record"
    if "\0" in text:
        return "", f"a NUL character at position {text.index(chr(0)) + 1} of the record"
    return text, None


def is_text(value: str) -> bool:
    """Whether a string can be stored as UTF-8: JSON and Python literals can smuggle in lone surrogates."""
    try:
        value.encode("utf-8")
    except UnicodeEncodeError:
        return False
    return "\0" not in value
