"""Row-local steps over blocks: a table is cut, every block goes through the same chain, the blocks come back in order.

Where a block begins depends on the rows and on the memory that one worker may hold, never on the number of workers.
"""

from __future__ import annotations

import traceback
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from lrl_datasets.engine import files
from lrl_datasets.engine.options import Options
from lrl_datasets.engine.stages import Engine, Task
from lrl_datasets.errors import LrlError

if TYPE_CHECKING:
    import pyarrow as pa

Step = Callable[["pa.Table"], "pa.Table"]
"""A filter, or any function of a table that gives the same rows in the same order."""

SHARE = 128
"""Most bytes of a block: this part of what a worker may hold. Measured, the steps take up to 31 times a block's bytes
(texts of 400 words; language identification), so a quarter of the limit."""


def through(
    engine: Engine | None,
    table: pa.Table,
    steps: Sequence[Step],
    name: str = "rows",
    progress: Callable[[str], None] = lambda step: None,
) -> pa.Table:
    """Return the rows after all steps, in their order.

    Without an engine, or where there is one block, they are done in this process and in memory, block by block; more
    of them are a stage of the engine.

    Parameters
    ----------
    engine
        None: this process.
    table
        The rows. Errors name them by the columns `source`, `file` and `row`, where it has them.
    steps
        Called one after the other on each block.
    name
        The stage's name.
    progress
        Called with a step's name as it begins on a block in this process, or with the stage's.

    Raises
    ------
    LrlError
        A step failed, or did not give its rows back: the step, file and row are named.
    """
    import pyarrow as pa

    options = engine.options if engine is not None else Options()
    blocks = list(cut(table, options.memory // SHARE, options.block_rows)) or [table]
    if engine is None or (len(blocks) == 1 and engine.options.engine == "local"):
        return pa.concat_tables([apply(steps, block, progress) for block in blocks])
    progress(name)
    inputs = [engine.put(f"{name}-in", block) for block in blocks]
    outputs = engine.stage(
        name, block_through, [Task([path]) for path in inputs], tuple(steps), keeps_rows=True
    )
    return pa.concat_tables([files.read(path) for path in outputs])


def cut(table: pa.Table, most_bytes: int, most_rows: int) -> Iterator[pa.Table]:
    """Cut a table into blocks of at most so many rows and bytes; a row that is larger is a block of its own."""
    for start in range(0, table.num_rows, most_rows):
        yield from _halved(table.slice(start, most_rows), most_bytes)


def _halved(block: pa.Table, most_bytes: int) -> Iterator[pa.Table]:
    if block.num_rows <= 1 or block.nbytes <= most_bytes:
        yield block
        return
    half = block.num_rows // 2
    yield from _halved(block.slice(0, half), most_bytes)
    yield from _halved(block.slice(half), most_bytes)


def block_through(inputs: Sequence[str], output: str, steps: Sequence[Step]) -> None:
    """Take one block through all steps: the task of the stage."""
    (path,) = inputs
    files.write(output, apply(steps, files.read(path)).combine_chunks())


def apply(
    steps: Sequence[Step], table: pa.Table, progress: Callable[[str], None] = lambda step: None
) -> pa.Table:
    """Call the steps one after the other; a failure names the step, and the row that it fails on."""
    for step in steps:
        progress(_name(step))
        try:
            after = step(table)
        except Exception as error:
            raise LrlError(f"{_name(step)}: {_where(step, table)}: {_said(error)}") from error
        if after.num_rows != table.num_rows:
            raise LrlError(
                f"{_name(step)}: {table.num_rows} rows went in and {after.num_rows} came out ({_named(table)}); a "
                "filter marks, it never drops"
            )
        table = after
    return table


def _where(step: Step, table: pa.Table) -> str:
    """Find the row that a step fails on by halving; where rows fail only together, the block is named."""
    while table.num_rows > 1:
        half = table.num_rows // 2
        for part in (table.slice(0, half), table.slice(half)):
            try:
                step(part)
            except Exception:
                table = part
                break
        else:
            break
    return _named(table)


def _named(table: pa.Table) -> str:
    """Name a block by its first and last row."""
    columns = [name for name in ("source", "file", "row") if name in table.column_names]
    if not columns or not table.num_rows:
        return f"{table.num_rows} rows"
    ends = [table.select(columns).slice(at, 1).to_pylist()[0] for at in (0, table.num_rows - 1)]
    first, last = (
        " ".join(
            f"row {value}" if name == "row" else str(value)
            for name, value in end.items()
            if value is not None
        )
        for end in ends
    )
    return first if table.num_rows == 1 else f"{first} to {last}"


def _name(step: Step) -> str:
    return str(getattr(step, "name", None) or getattr(step, "__name__", None) or type(step).__name__)


def _said(error: Exception) -> str:
    """Say what went wrong and where in the code, for who mends the step."""
    if isinstance(error, LrlError):
        return str(error)
    frame = traceback.extract_tb(error.__traceback__)[-1]
    return f"{type(error).__name__}: {error} ({Path(frame.filename).name} line {frame.lineno})"
