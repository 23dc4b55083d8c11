"""Runs the same functions in one process, in several, and on a cluster: stages of file tasks.

A **task** is a top-level function called with input paths, an output path and settings; it reads Arrow files and
writes one. A **stage** is a list of tasks given to a `concurrent.futures.Executor`: the process pool on this
machine, or Dask's. The data goes through files, not through the executor, and a file is named by what it is made
from (`names`), so it is done when it is there: after Ctrl-C or `kill -9` the same command goes on where it stopped,
and a changed threshold computes anew.

>>> with start(Options(), work="build/.work/mine") as engine:          # doctest: +SKIP
...     inputs = [engine.put("rows", block) for block in blocks]
...     sketches = engine.stage("sketch", sketch, [Task([file]) for file in inputs], settings)
"""

from lrl_datasets.engine.options import ENGINES, MEMORY, Options, Progress, parse_memory
from lrl_datasets.engine.stages import Engine, Task, start

__all__ = ["ENGINES", "MEMORY", "Engine", "Options", "Progress", "Task", "parse_memory", "start"]
