"""What Xet clients upload: xorbs (chunks of files, compressed) and shards (which chunks make which file).

Read after the formats that huggingface/xet-core documents and hf-xet 1.8 writes. All numbers are little-endian.

    xorb    chunk, chunk, …, and perhaps a footer that starts with XETBLOB, which nobody needs to read it
    chunk   version 0, compressed length (3 bytes), scheme, length (3 bytes), then the compressed bytes
    shard   48 bytes of header, then entries of 48 bytes: of each file a head (hash, flags, number of terms),
            its terms (xorb, flags, length, first chunk, chunk after the last), as many hashes of ranges where
            flag 31 is set, and its SHA-256 where flag 30 is set; a head of hash 0xff… ends the files

A hash is printed as four 64-bit numbers, so the bytes of each eighth stand in reverse; SHA-256 too.
"""

from __future__ import annotations

import struct
from collections.abc import Iterator
from dataclasses import dataclass
from typing import BinaryIO

import lz4.frame

from lrl_datasets.local_hub.objects import HubError

MAX_CHUNK = 128 * 1024
"""Bytes of a chunk before compression: the format's own limit."""

_SHARD_TAG = b"HFRepoMetaData\0UigEj{\x81W\x83\xa5\xbd\xd9\\\xcd\xd1J\xa9"
_FOOTER = b"XETBLOB"
_ENTRY = 48
_STORED, _LZ4, _GROUPED_LZ4 = 0, 1, 2


@dataclass(frozen=True)
class Term:
    """A run of chunks of one xorb."""

    xorb: str
    length: int
    first: int
    stop: int


@dataclass(frozen=True)
class ShardFile:
    """A file as a shard describes it."""

    sha256: str | None
    terms: list[Term]

    @property
    def size(self) -> int:
        """Return the file's length in bytes."""
        return sum(term.length for term in self.terms)


def files_of_shard(data: bytes) -> list[ShardFile]:
    """Return the files of a shard; 400 where the bytes are no shard."""
    if data[:32] != _SHARD_TAG:
        raise HubError(400, "Not a shard")
    files: list[ShardFile] = []
    at = _ENTRY
    while True:
        name, (flags, count) = _hash(data, at), _numbers(data, at, 2)
        if name == "f" * 64:
            return files
        terms = []
        for number in range(1, count + 1):
            length, first, stop = _numbers(data, at + number * _ENTRY, 4)[1:]
            terms.append(Term(_hash(data, at + number * _ENTRY), length, first, stop))
        at += _ENTRY * (1 + count * (2 if flags >> 31 else 1))
        sha256 = None
        if flags >> 30 & 1:
            sha256 = _hash(data, at)
            at += _ENTRY
        files.append(ShardFile(sha256, terms))


def check_xorb(file: BinaryIO) -> int:
    """Return how many chunks a xorb holds; 400 where its headers make no sense."""
    count, file_end = 0, file.seek(0, 2)
    file.seek(0)
    while (header := _chunk_header(file)) is not None:
        if file.seek(header[0], 1) > file_end:
            raise HubError(400, "The xorb ends within a chunk")
        count += 1
    return count


def read_chunks(file: BinaryIO, first: int, stop: int) -> Iterator[bytes]:
    """Yield the chunks `first` to `stop` (without it) of a xorb, decompressed."""
    file.seek(0)
    for number in range(stop):
        header = _chunk_header(file)
        if header is None:
            raise HubError(400, f"The xorb has {number} chunks, not {stop}")
        compressed, scheme, length = header
        if number < first:
            file.seek(compressed, 1)
        else:
            yield _decompress(file.read(compressed), scheme, length)


def _decompress(data: bytes, scheme: int, length: int) -> bytes:
    if scheme != _STORED:
        try:
            data = lz4.frame.LZ4FrameDecompressor().decompress(data, max_length=length + 1)
        except (RuntimeError, EOFError) as problem:
            raise HubError(400, f"A chunk cannot be decompressed: {problem}") from None
    if len(data) != length:
        raise HubError(400, f"A chunk has not the {length} bytes that its header says")
    if scheme == _GROUPED_LZ4:  # every fourth byte together: first those at 0, 4, 8 …
        whole, at = bytearray(length), 0
        for lane in range(4):
            size = len(range(lane, length, 4))
            whole[lane::4] = data[at : at + size]
            at += size
        data = bytes(whole)
    return data


def _chunk_header(file: BinaryIO) -> tuple[int, int, int] | None:
    """Read a chunk's header: compressed length, scheme, length; None at the end of the chunks."""
    header = file.read(8)
    if not header or header[:7] == _FOOTER:
        return None
    if len(header) < 8:
        raise HubError(400, "The xorb ends within a chunk's header")
    compressed, scheme = int.from_bytes(header[1:4], "little"), header[4]
    length = int.from_bytes(header[5:8], "little")
    if header[0] != 0 or scheme > _GROUPED_LZ4 or length > MAX_CHUNK or compressed > 2 * MAX_CHUNK:
        raise HubError(400, f"Not a chunk of a xorb: {header.hex()}")
    return compressed, scheme, length


def _hash(data: bytes, at: int) -> str:
    try:
        return "".join(f"{part:016x}" for part in struct.unpack_from("<4Q", data, at))
    except struct.error:
        raise HubError(400, "The shard breaks off") from None


def _numbers(data: bytes, at: int, count: int) -> tuple[int, ...]:
    try:
        return struct.unpack_from(f"<{count}I", data, at + 32)
    except struct.error:
        raise HubError(400, "The shard breaks off") from None
