"""The bytes of a request's body and of a stored file, as streams that end where they should."""

from __future__ import annotations

import io
import re
from contextlib import suppress
from typing import BinaryIO, cast

from lrl_datasets.local_hub.objects import HubError


class BrokenBody(Exception):
    """The client broke off."""


class SenselessBody(BrokenBody):
    """The client's chunks make no sense, so nobody knows where its next request begins."""


class Body(io.RawIOBase):
    """A request's body, by length or in chunks (as httpx sends a file), and never more of the connection.

    Parameters
    ----------
    stream
        The connection.
    length, encoding
        The headers `Content-Length` and `Transfer-Encoding`.
    """

    def __init__(self, stream: BinaryIO, length: str | None, encoding: str | None) -> None:
        self._stream = stream
        self._chunked = encoding is not None and encoding.lower() == "chunked"
        self._left = 0
        if not self._chunked and length is not None:
            if not re.fullmatch(r"\d{1,18}", length.strip(), re.ASCII):
                raise HubError(400, "The Content-Length is no length")
            self._left = int(length)
        self._done = not self._chunked and self._left == 0
        self._first = True

    def readable(self) -> bool:
        """Say that it is."""
        return True

    def readinto(self, buffer: object) -> int:
        """Fill a buffer; 0 at the end of the body."""
        view = memoryview(cast("bytearray", buffer))
        if self._left == 0 and not self._done:
            self._next_chunk()
        if self._done or not view:
            return 0
        data = self._stream.read(min(len(view), self._left))
        if not data:
            raise BrokenBody
        view[: len(data)] = data
        self._left -= len(data)
        self._done = not self._chunked and self._left == 0
        return len(data)

    def drain(self, at_most: int) -> bool:
        """Read what is left, so that the connection can go on; False where that is too much."""
        with suppress(BrokenBody, OSError):
            while not self._done and at_most > 0:
                at_most -= len(self.read(1 << 16) or b"")
        return self._done

    def _next_chunk(self) -> None:
        if not self._first:
            self._stream.readline(4)
        self._first = False
        size = self._stream.readline(64).split(b";")[0].strip()
        if not re.fullmatch(rb"[0-9a-fA-F]{1,15}", size):
            self._done = True  # there is nothing more that could be read
            raise SenselessBody if size else BrokenBody
        self._left = int(size, 16)
        if self._left == 0:
            while self._stream.readline(8192).strip():
                pass
            self._done = True


class Slice(io.RawIOBase):
    """The next `left` bytes of a file."""

    def __init__(self, stream: BinaryIO, left: int) -> None:
        self._stream, self.left = stream, left

    def read(self, size: int = -1) -> bytes:
        """Return up to `size` bytes."""
        data = self._stream.read(min(self.left, size if size >= 0 else self.left))
        self.left -= len(data)
        return data


def byte_range(header: str | None, size: int) -> tuple[int, int] | None:
    """Return the half-open range a `Range` header asks for, empty where it lies outside the file.

    None stands for the whole file: there is no header, or it is one that a server may ignore, such as several
    ranges at once.
    """
    found = re.fullmatch(r"bytes=(\d*)-(\d*)", header.strip(), re.ASCII) if header else None
    if found is None or found.groups() == ("", ""):
        return None
    first, last = (digits and (digits.lstrip("0") or "0") for digits in found.groups())
    if max(len(first), len(last)) > 18:  # beyond every file
        first, last = (digits if len(digits) <= 18 else "9" * 18 for digits in (first, last))
    if not first:
        return max(0, size - int(last)), size
    if last and int(last) < int(first):
        return None
    return min(int(first), size), min(int(last) + 1, size) if last else size
