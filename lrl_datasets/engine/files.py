"""Arrow files of the work folder: written to a temporary name and then renamed, so a file that is there is whole.

A path is a local one or an fsspec URL (`s3://bucket/work`); on a cluster it lies on storage that every worker sees.
"""

from __future__ import annotations

import contextlib
import os
import shutil
import socket
import uuid
from collections.abc import Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    import pyarrow as pa

PART = ".part"
"""Ends the name of a file that is being written."""


def read(path: str, columns: list[str] | None = None) -> pa.Table:
    """Read an Arrow file; a local one is mapped into memory, so it costs what is looked at."""
    import pyarrow as pa

    options = None
    with open_input(path) as source:
        if columns is not None:
            schema = pa.ipc.open_file(source).schema
            options = pa.ipc.IpcReadOptions(
                included_fields=[schema.get_field_index(name) for name in columns]
            )
            source.seek(0)
        table = pa.ipc.open_file(source, options=options).read_all()
    return table if columns is None else table.select(columns)


@contextmanager
def open_input(path: str) -> Iterator[Any]:
    """Open a file for reading with random access; a local one is mapped."""
    import pyarrow as pa

    if is_local(path):
        with pa.memory_map(path) as source:
            yield source
    else:
        with filesystem(path).open(path, "rb") as stream, pa.PythonFile(stream, mode="r") as source:
            yield source


def write(path: str, table: pa.Table) -> None:
    """Write a table to a path that a task was given."""
    with open_output(path, table.schema) as writer:
        writer.write_table(table)


@contextmanager
def open_output(path: str, schema: pa.Schema) -> Iterator[Any]:
    """Open a writer of record batches (`pyarrow.ipc.RecordBatchFileWriter`), for a task that writes many."""
    import pyarrow as pa

    if is_local(path):
        with pa.OSFile(path, "wb") as sink, pa.ipc.new_file(sink, schema) as writer:
            yield writer
    else:
        with filesystem(path).open(path, "wb") as stream, pa.ipc.new_file(stream, schema) as writer:
            yield writer


def count_rows(path: str) -> int:
    """Count a file's rows by its metadata alone."""
    import pyarrow.dataset as ds

    if is_local(path):
        return int(ds.dataset(path, format="ipc").count_rows())
    storage = filesystem(path)
    stripped = storage._strip_protocol(path)
    return int(ds.dataset(stripped, format="ipc", filesystem=storage).count_rows())


def temporary(path: str) -> str:
    """Return a name beside `path` that no other process uses."""
    return f"{path}.{socket.gethostname()}-{os.getpid()}-{uuid.uuid4().hex[:8]}{PART}"


def rename(temporary_path: str, path: str) -> None:
    """Give a finished file its name; who else made the same file meanwhile made the same bytes."""
    if is_local(path):
        os.replace(temporary_path, path)
    else:
        filesystem(path).mv(temporary_path, path)


def finished(folder: str) -> set[str]:
    """Return the names of the whole files in a folder; one that a power cut left torn is none."""
    if not is_local(folder):
        storage = filesystem(folder)
        if not storage.exists(folder):
            return set()
        return {str(name).rpartition("/")[2] for name in storage.ls(folder, detail=False)}
    if not os.path.isdir(folder):
        return set()
    return {
        entry.name for entry in os.scandir(folder) if not entry.name.endswith(PART) and _whole(entry.path)
    }


def _whole(path: str) -> bool:
    """Say whether an Arrow file has its end."""
    with open(path, "rb") as stream:
        stream.seek(0, os.SEEK_END)
        if stream.tell() < 12:
            return False
        stream.seek(-6, os.SEEK_END)
        return stream.read() == b"ARROW1"


def make_folder(path: str) -> None:
    """Make a folder that only its owner may read: work files hold what was not masked yet."""
    if is_local(path):
        os.makedirs(os.path.dirname(path), exist_ok=True)
        with contextlib.suppress(FileExistsError):
            os.mkdir(path, mode=0o700)
    else:
        filesystem(path).makedirs(path, exist_ok=True)


def exists(path: str) -> bool:
    """Say whether a file or folder is there."""
    return os.path.exists(path) if is_local(path) else bool(filesystem(path).exists(path))


def remove(path: str) -> None:
    """Remove a folder with all that is in it, or a file; it need not be there."""
    if not is_local(path):
        storage = filesystem(path)
        if storage.exists(path):
            storage.rm(path, recursive=True)
    elif os.path.isdir(path):
        shutil.rmtree(path, ignore_errors=True)
    elif os.path.exists(path):
        os.unlink(path)


def is_local(path: str) -> bool:
    """Say whether a path is one of this machine's file system, and no URL."""
    return "://" not in path


def filesystem(path: str) -> Any:
    """Return the fsspec file system of a URL."""
    from fsspec.core import url_to_fs

    return url_to_fs(path)[0]
