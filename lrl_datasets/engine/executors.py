"""The executors: this process, a pool of processes on this machine, Dask's on a cluster."""

from __future__ import annotations

import logging
import multiprocessing
import os
import signal
import sys
import threading
from collections.abc import Callable, Iterator
from concurrent.futures import Executor, Future, ProcessPoolExecutor
from contextlib import AbstractContextManager, contextmanager, nullcontext
from multiprocessing import resource_tracker
from multiprocessing.connection import wait
from pathlib import Path
from typing import Any

from lrl_datasets.engine.files import is_local
from lrl_datasets.engine.options import Options
from lrl_datasets.errors import LrlError

WATCHED_EVERY = 0.05
"""Seconds between two looks at a worker's memory."""
CONNECTS_WITHIN = 10.0
"""Seconds in which a running scheduler must answer."""
OVER = "over-memory-"
ONE_THREAD = ("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS", "NUMBA_NUM_THREADS")


class Here(Executor):
    """Runs each task in this process, when it is submitted."""

    def submit(self, fn: Callable[..., Any], /, *args: Any, **kwargs: Any) -> Future[Any]:
        """Call the function and return its result as a future."""
        future: Future[Any] = Future()
        try:
            future.set_result(fn(*args, **kwargs))
        except Exception as error:
            future.set_exception(error)
        return future


def opened(options: Options, work: str, tasks: int) -> AbstractContextManager[Executor]:
    """Return the context manager of the executor for so many tasks: a pool would cost more than a single one."""
    if options.engine == "dask":
        return _dask(options, work)
    return nullcontext(Here()) if tasks == 1 else _pool(options, work)


@contextmanager
def interrupts_are_ours() -> Iterator[None]:
    """Keep Ctrl-C from the processes and threads that start in this block: it is the main process's to handle.

    They inherit the mask, also across exec; here it is lifted at the end, and a Ctrl-C from meanwhile arrives then.
    """
    if not hasattr(signal, "pthread_sigmask"):
        yield
        return
    resource_tracker.ensure_running()  # when it starts it lifts the mask
    before = signal.pthread_sigmask(signal.SIG_BLOCK, {signal.SIGINT})
    try:
        yield
    finally:
        signal.pthread_sigmask(signal.SIG_SETMASK, before)


# ---- the process pool -----------------------------------------------------------------------------------


@contextmanager
def _pool(options: Options, work: str) -> Iterator[Executor]:
    """Start a pool of fresh processes (spawn): no lock or thread of this one is copied into them."""
    for marker in _markers(work):
        marker.unlink(missing_ok=True)
    pool = ProcessPoolExecutor(
        options.processes(),
        mp_context=multiprocessing.get_context("spawn"),
        initializer=_begin,
        initargs=(options.memory, work),
    )
    try:
        yield pool
    except BaseException:
        # Their files are renamed when they are whole, so nothing is lost with a worker that is cut off.
        for process in list((getattr(pool, "_processes", None) or {}).values()):
            process.kill()
        raise
    finally:
        pool.shutdown(wait=True, cancel_futures=True)


def _begin(memory: int, work: str) -> None:
    """Prepare a worker: the cores are shared, and it is watched."""
    for name in ONE_THREAD:
        os.environ.setdefault(name, "1")
    import pyarrow as pa

    pa.set_cpu_count(1)
    pa.set_io_thread_count(1)
    threading.Thread(target=_watch, args=(memory, work), daemon=True).start()


def _watch(memory: int, work: str) -> None:
    """End this worker when it holds more than it may, or when who started it is gone."""
    parent = multiprocessing.parent_process()
    sentinel = [parent.sentinel] if parent else []
    while not wait(sentinel, WATCHED_EVERY):
        if (held := _held()) > memory:
            if is_local(work):
                Path(work, f"{OVER}{os.getpid()}").write_text(
                    f"{held / 2**20:.0f} MB of {memory / 2**20:.0f} MB"
                )
            break
    os._exit(1)


def _held() -> int:
    """Return the bytes that are this process's own, so without mapped files; 0 where the system does not say."""
    if sys.platform != "linux":
        return 0
    with open("/proc/self/status", encoding="ascii") as lines:
        return next((int(line.split()[1]) * 1024 for line in lines if line.startswith("RssAnon:")), 0)


def over_memory(work: str) -> str | None:
    """Say that a worker was ended since it held more than it may, if one was."""
    for marker in _markers(work):
        told = marker.read_text()
        return (
            f"a worker was stopped since it held more than --memory allows ({told}). Give it more: blocks are cut so "
            "that this does not happen with texts of ordinary length"
        )
    return None


def _markers(work: str) -> list[Path]:
    return sorted(Path(work).glob(f"{OVER}*")) if is_local(work) else []


# ---- Dask -----------------------------------------------------------------------------------------------


@contextmanager
def _dask(options: Options, work: str) -> Iterator[Executor]:
    """Connect to a running scheduler, or start one with its workers for this run."""
    try:
        from distributed import Client, LocalCluster
    except ImportError:
        raise LrlError(
            "--engine dask needs the extra `cluster`: pip install 'lrl-datasets[cluster]'"
        ) from None
    if options.scheduler is not None:
        try:
            client = Client(options.scheduler, timeout=CONNECTS_WITHIN)
        except (OSError, ValueError) as error:
            raise LrlError(
                f"--scheduler {options.scheduler}: no Dask scheduler answers there ({error})"
            ) from None
        with client:
            yield from _executing(client)
        return
    with (
        LocalCluster(
            n_workers=options.processes(), threads_per_worker=1, processes=True, memory_limit=options.memory,
            dashboard_address="127.0.0.1:0", silence_logs=logging.CRITICAL, host="127.0.0.1",
        ) as cluster,
        Client(cluster) as client,
    ):  # fmt: skip
        yield from _executing(client)


def _executing(client: Any) -> Iterator[Executor]:
    # Results are None and files are named by what is in them: the same task twice is no harm, so `pure` is not needed.
    executor: Executor = client.get_executor(pure=False)
    try:
        yield executor
    except BaseException:
        executor.shutdown(wait=False)
        raise
    executor.shutdown(wait=True)


def worker_died() -> type[BaseException] | tuple[type[BaseException], ...]:
    """Return what Dask raises when a task took several workers with it, or the scheduler is gone."""
    if "distributed" not in sys.modules:
        return ()
    from distributed import KilledWorker
    from distributed.comm import CommClosedError

    return (KilledWorker, CommClosedError)
