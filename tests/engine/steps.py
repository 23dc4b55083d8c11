"""Functions that the engine's tests run in workers: top-level, so that a worker can import them."""

from __future__ import annotations

import os
import signal
import time
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import pyarrow as pa
import pyarrow.compute as pc

from lrl_datasets.engine import files
from lrl_datasets.filters.length import Length


@dataclass(frozen=True)
class Plus:
    """Adds a number to the column `n`, and notes each batch it is called with in a file."""

    number: int
    log: Path | None = None
    name: str = "plus"
    slow: float = 0.0

    def __call__(self, table: pa.Table) -> pa.Table:
        time.sleep(self.slow)
        if self.log:
            with self.log.open("a") as stream:
                stream.write(f"{os.getpid()} {table.num_rows}\n")
        at = table.schema.get_field_index("n")
        return table.set_column(at, "n", pc.add(table["n"], self.number))


@dataclass(frozen=True)
class FailsAt:
    """Fails where the column `n` holds a number."""

    number: int
    name: str = "fails_at"

    def __call__(self, table: pa.Table) -> pa.Table:
        if self.number in table["n"].to_pylist():
            raise ValueError(f"cannot do {self.number}")
        return table


@dataclass(frozen=True)
class DiesOnce:
    """Kills its own worker with -9 at a row, the first time."""

    number: int
    marker: Path
    name: str = "dies_once"

    def __call__(self, table: pa.Table) -> pa.Table:
        if self.number in table["n"].to_pylist() and not self.marker.exists():
            self.marker.touch()
            os.kill(os.getpid(), signal.SIGKILL)
        return table


@dataclass(frozen=True)
class Takes:
    """Holds some megabytes more for each row it is given."""

    megabytes: int
    name: str = "takes"

    def __call__(self, table: pa.Table) -> pa.Table:
        held = [bytes(1) * (self.megabytes << 20) for _ in range(table.num_rows)]
        for one in held:
            bytearray(one)
        time.sleep(0.3)
        return table


@dataclass(frozen=True)
class Drops:
    """Breaks the promise of a filter."""

    name: str = "drops"

    def __call__(self, table: pa.Table) -> pa.Table:
        return table.slice(1)


def total(inputs: Sequence[str], output: str, settings: None, part: int) -> None:
    """Add up the numbers that leave a remainder of `part` by 3, over all files."""
    numbers = [n for path in inputs for n in files.read(path)["n"].to_pylist() if n % 3 == part]
    files.write(output, pa.table({"total": [sum(numbers)]}))


@dataclass(frozen=True)
class KillsOnce(Length):
    """The filter of this name, whose worker is killed with -9 in the middle of the rows, the first time."""

    marker: Path | None = None

    def __call__(self, table: pa.Table) -> pa.Table:
        if self.marker and not self.marker.exists() and 30 in table["row"].to_pylist():
            self.marker.touch()
            os.kill(os.getpid(), signal.SIGKILL)
        return super().__call__(table)


@dataclass(frozen=True)
class BreaksAt(Length):
    """The filter of this name, with a bug that one text meets."""

    text: str = ""

    def __call__(self, table: pa.Table) -> pa.Table:
        if any(
            self.text in turn["content"] for turns in table["messages"].to_pylist() for turn in turns or ()
        ):
            raise ZeroDivisionError("division by zero")
        return super().__call__(table)
