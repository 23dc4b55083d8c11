"""Stages of file tasks: what is not there yet is given to the executor, and what is there is not done again."""

from __future__ import annotations

import hashlib
import os
import pickle
import socket
import tempfile
import traceback
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import FIRST_COMPLETED, CancelledError, Executor, Future, wait
from concurrent.futures.process import BrokenProcessPool
from contextlib import ExitStack, contextmanager, nullcontext
from dataclasses import dataclass
from functools import lru_cache
from typing import TYPE_CHECKING, Any, NamedTuple

from lrl_datasets.engine import executors, files, names
from lrl_datasets.engine.options import Options, Progress
from lrl_datasets.errors import LrlError

if TYPE_CHECKING:
    import pyarrow as pa

AGAIN = "What is finished is kept: the same command goes on where it stopped."


class Task(NamedTuple):
    """One task of a stage: the files it reads, and what is its own beside the stage's settings (a key range)."""

    inputs: Sequence[str]
    part: Any = None


class Engine:
    """Runs stages in a work folder; made by `start`.

    Folder and executor are made when the first stage needs them, so a build that fits one block pays for neither.
    """

    def __init__(self, options: Options, work: str, progress: Progress) -> None:
        self.options = options
        self.work = work
        self.memory = options.memory
        """Bytes that one worker may hold."""
        self._progress = progress
        self._alone = ExitStack()
        self._workers = ExitStack()
        self._opened = False
        self._executor: Executor | None = None

    def put(self, name: str, table: pa.Table) -> str:
        """Write a table as an input of stages and return its path; it is named by its content."""
        folder = self._folder(name)
        scratch = files.temporary(f"{folder}/table")
        files.write(scratch, table)
        path = f"{folder}/{names.of_file(scratch)}.arrow"
        files.rename(scratch, path)
        return path

    def stage(
        self,
        name: str,
        function: Callable[..., None],
        tasks: Sequence[Task],
        settings: Any = None,
        *,
        keeps_rows: bool = False,
    ) -> list[str]:
        """Do the tasks that are not done and return every task's output path, in the tasks' order.

        Parameters
        ----------
        name
            The stage's name: of its folder, on the progress bar, in errors.
        function
            A top-level function, called in a worker with (inputs: list of str, output: str, settings), and with
            the task's `part` as a fourth argument where it has one. It writes `output` (`files.write`,
            `files.open_output`) and returns nothing. Run twice, it writes the same bytes.
        tasks
            What to do. Two equal tasks are done once.
        settings
            Picklable, and known to `names.of_settings`; it travels once a process.
        keeps_rows
            Every output has as many rows as its task's inputs: it is compared.

        Raises
        ------
        LrlError
            A task failed: the stage, its files, and what the function said. Finished tasks stay finished.
        """
        folder = self._folder(name)
        base = names.digest(names.code_version(), names.of_function(function), names.of_settings(settings))
        outputs = [f"{folder}/{names.digest(base, *self._named(task))}.arrow" for task in tasks]
        there = files.finished(folder)
        undone = {
            output: task
            for output, task in zip(outputs, tasks, strict=True)
            if output.rpartition("/")[2] not in there
        }
        total = len(set(outputs))
        self._progress(name, total - len(undone), total)
        if undone:
            self._run(name, function, undone, settings, total)
        if keeps_rows:
            _compare_rows(name, outputs, tasks)
        return outputs

    def _folder(self, name: str) -> str:
        self._open()
        folder = f"{self.work}/{name}"
        files.make_folder(folder)
        return folder

    def _open(self) -> None:
        if not self._opened:
            self._alone.enter_context(_alone(self.work))
            files.make_folder(self.work)
            self._opened = True

    def _named(self, task: Task) -> list[Any]:
        """Return what a task's output is named by: a file of the work folder is named by its content already."""
        inputs = [
            path.removeprefix(self.work) if path.startswith(f"{self.work}/") else names.of_file(path)
            for path in task.inputs
        ]
        return [inputs, names.of_settings(task.part)]

    def _run(
        self, name: str, function: Callable[..., None], undone: dict[str, Task], settings: Any, total: int
    ) -> None:
        with _shared(settings, name, self.work) as reference:
            executor = self._executor_for(len(undone))
            code = names.code_version()
            shelter = (
                nullcontext() if isinstance(executor, executors.Here) else executors.interrupts_are_ours()
            )
            with shelter:
                running: dict[Future[_Failed | None], str] = {
                    executor.submit(
                        _task, code, name, function, list(task.inputs), output, reference, task.part
                    ): output
                    for output, task in undone.items()
                }
            done = total - len(undone)
            try:
                waiting = set(running)
                while waiting:
                    ended, waiting = wait(waiting, return_when=FIRST_COMPLETED)
                    for future in ended:
                        if failed := future.result():
                            raise LrlError(_told(name, failed, self.work))
                        done += 1
                    self._progress(name, done, total)
            except (BrokenProcessPool, CancelledError) as error:
                raise LrlError(self._died(name, running, undone)) from error
            except executors.worker_died() as error:
                raise LrlError(f"{self._died(name, running, undone)} ({error})") from error
            finally:
                for future in running:
                    future.cancel()

    def _executor_for(self, tasks: int) -> Executor:
        """Start the executor if none is running."""
        if self._executor is None:
            with executors.interrupts_are_ours():
                executor = self._workers.enter_context(executors.opened(self.options, self.work, tasks))
            if isinstance(executor, executors.Here):
                return executor
            self._executor = executor
        return self._executor

    def _died(self, name: str, running: dict[Future[Any], str], undone: dict[str, Task]) -> str:
        """Say that a worker died, and why where it said so."""
        why = executors.over_memory(self.work) or (
            "a worker process died: it was killed, or this machine ran out of memory (then --memory or --workers "
            "smaller)"
        )
        left = sum(os.path.basename(output) not in files.finished(self._folder(name)) for output in undone)
        return f"{name}: {why}. {left} of its tasks are left. {AGAIN}"


@contextmanager
def start(
    options: Options | None = None, *, work: str, progress: Progress = lambda stage, done, total: None
) -> Iterator[Engine]:
    """Open an engine with its work folder, which is cleared when the block ends well and kept when it does not.

    Parameters
    ----------
    options
        Which engine, and its limits.
    work
        Folder or fsspec URL of the work files. One run at a time uses it.
    progress
        Called as tasks finish.

    Raises
    ------
    LrlError
        Another run uses the folder.
    """
    options = options or Options()
    work = os.path.abspath(work) if files.is_local(work) else work.rstrip("/")
    engine = Engine(options, work, progress)
    with engine._alone:
        with engine._workers:
            yield engine
        if files.exists(work):
            engine._open()
            files.remove(work)


@contextmanager
def _alone(work: str) -> Iterator[None]:
    """Keep another run out of the folder: it would clear it. A killed run's lock is free again."""
    if not files.is_local(work):
        yield
        return
    from filelock import FileLock, Timeout

    lock = FileLock(f"{work}.lock", timeout=0)
    try:
        os.makedirs(os.path.dirname(work), exist_ok=True)
        os.makedirs(work, mode=0o700, exist_ok=True)
        lock.acquire()
    except OSError as error:
        if not isinstance(error, Timeout):
            raise LrlError(
                f"{work}: work files cannot be written there ({error.strerror or error})"
            ) from None
        raise LrlError(
            f"{work}: another build is at work here; wait for it, or give another --out or --work"
        ) from None
    try:
        yield
    finally:
        files.remove(f"{work}.lock")
        lock.release()


# ---- in the worker --------------------------------------------------------------------------------------


@dataclass(frozen=True)
class _Failed:
    """What went wrong in a task; it comes back as a value, so that no exception has to travel."""

    inputs: list[str]
    said: str
    trace: str


def _task(
    code: str,
    stage: str,
    function: Callable[..., None],
    inputs: list[str],
    output: str,
    settings: _Reference,
    part: Any,
) -> _Failed | None:
    """Make one output file, unless another worker made it already."""
    scratch = files.temporary(output)
    try:
        if code != names.code_version():
            raise LrlError(
                "this worker has another version of lrl-datasets, of Python or of a package than the process that "
                "started the build; install the same on both"
            )
        arguments = (inputs, scratch, _loaded(settings))
        if part is None:
            function(*arguments)
        else:
            function(*arguments, part)
        files.rename(scratch, output)
    except Exception as error:
        files.remove(scratch)
        said = str(error) if isinstance(error, LrlError) else f"{type(error).__name__}: {error}"
        if isinstance(error, FileNotFoundError):
            said += f" (on {socket.gethostname()}; work files must lie where every worker sees them: --work FOLDER)"
        return _Failed(inputs, said, traceback.format_exc())
    return None


class _Reference(NamedTuple):
    """Where the stage's settings lie, and the hash by which a worker knows that this run wrote them."""

    path: str
    sha256: str


@contextmanager
def _shared(settings: Any, stage: str, work: str) -> Iterator[_Reference]:
    """Write a stage's settings where the workers read them, for as long as it runs."""
    try:
        data = pickle.dumps(settings)
    except Exception as error:
        raise LrlError(
            f"{stage}: its settings cannot be given to another process ({type(error).__name__}: {error}); a filter "
            "must be a class of an installed module with plain fields, not of a builder's script"
        ) from error
    path = files.temporary(f"{work}/settings-{stage}")
    if files.is_local(path):
        handle = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
        with os.fdopen(handle, "wb") as stream:
            stream.write(data)
    else:
        with files.filesystem(path).open(path, "wb") as stream:
            stream.write(data)
    try:
        yield _Reference(path, hashlib.sha256(data).hexdigest())
    finally:
        files.remove(path)


@lru_cache(maxsize=4)
def _loaded(reference: _Reference) -> Any:
    """Read a stage's settings, once a process."""
    with files.open_input(reference.path) as source:
        data = source.read()
    if hashlib.sha256(data).hexdigest() != reference.sha256:
        raise LrlError(f"{reference.path}: is not what this run wrote")
    return pickle.loads(data)  # noqa: S301 — by its hash it is this run's


def _told(stage: str, failed: _Failed, work: str) -> str:
    """Say what failed; the traceback is for who mends the function, and goes to a file that only the owner reads."""
    where = ""
    if files.is_local(work):
        handle, path = tempfile.mkstemp(prefix="failed-", suffix=".txt", dir=work)
        with os.fdopen(handle, "w", encoding="utf-8") as stream:
            stream.write(failed.trace)
        where = f" The traceback is in {path}."
    return f"{stage}: {failed.said}.{where} {AGAIN}"


def _compare_rows(stage: str, outputs: Sequence[str], tasks: Sequence[Task]) -> None:
    counted: dict[str, int] = {}
    for output, task in zip(outputs, tasks, strict=True):
        for path in (output, *task.inputs):
            if path not in counted:
                counted[path] = files.count_rows(path)
        before, after = sum(counted[path] for path in task.inputs), counted[output]
        if before != after:
            raise LrlError(
                f"{stage}: {before} rows went in and {after} came out, from {', '.join(task.inputs)}"
            )
