"""How a build is run: which engine, how many workers, how much memory. None of it changes what comes out."""

from __future__ import annotations

import os
import re
from collections.abc import Callable
from dataclasses import dataclass

from lrl_datasets.errors import LrlError

ENGINES = ("local", "dask")

MEMORY = 2 * 2**30
"""What one worker may hold, by default."""
LEAST_MEMORY = 2**30
"""A worker that has loaded the detectors and tables holds about 330 MB before it reads a row, and the suite index."""

Progress = Callable[[str, int, int], None]
"""Called with a stage's name, its finished tasks and all its tasks."""


@dataclass(frozen=True)
class Options:
    """What `lrl build` was asked for."""

    engine: str = "local"
    """`local`: processes of this machine. `dask`: a cluster (extra `cluster`)."""
    workers: int | None = None
    """Processes; by default as many as this process may use cores. A running scheduler has its own."""
    memory: int = MEMORY
    """Bytes that one worker may hold of its own (mapped files are the kernel's to drop). Blocks and key ranges are cut
    by it, and never by the number of workers, so that a worker stays below it; one that does not is stopped, here by
    this package (Linux; looked at every 50 ms), under Dask by its nanny, and the error says so. It is no limit of the
    process that was started: that holds what the sources yield and what the release is made of."""
    scheduler: str | None = None
    """Address of a running Dask scheduler (`tcp://host:8786`); without it one is started for the run."""
    block_rows: int = 10_000
    """Most rows of a block: a second or a few of work, so that little is lost with a worker."""

    def __post_init__(self) -> None:
        if self.engine not in ENGINES:
            raise LrlError(f"--engine {self.engine}: there are {' and '.join(ENGINES)}")
        if self.workers is not None and self.workers < 1:
            raise LrlError(f"--workers {self.workers}: at least 1")
        if self.memory < LEAST_MEMORY:
            raise LrlError(
                f"--memory: {self.memory / 2**20:.0f} MB for a worker; at least {LEAST_MEMORY / 2**30:.0f}GB, "
                "since the detectors, their tables and the suite index are in each"
            )
        if self.scheduler is not None and self.engine != "dask":
            raise LrlError("--scheduler is the address of a Dask scheduler: add --engine dask")
        if self.scheduler is not None and self.workers is not None:
            raise LrlError(
                "--workers starts workers on this machine, and the scheduler has its own: leave it out"
            )

    def processes(self) -> int:
        """Return how many workers there are to be."""
        if self.workers is not None:
            return self.workers
        return len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1


def parse_memory(text: str) -> int:
    """Read `4GB`, `512MB`, `1.5 GiB` or a number of bytes; a thousand is 1024, as the kernel counts.

    Raises
    ------
    LrlError
        It is no such size.
    """
    found = re.fullmatch(r"\s*(\d+(?:\.\d+)?)\s*(?:([kmgt])?i?b?)\s*", text, re.IGNORECASE)
    if not found:
        raise LrlError(f"--memory {text!r}: write a size such as 4GB or 1500MB")
    return int(float(found[1]) * 1024 ** " kmgt".index((found[2] or " ").lower()))
