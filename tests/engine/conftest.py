"""One Dask cluster of two processes for all tests of the engine."""

from __future__ import annotations

import logging
from collections.abc import Iterator

import pytest

from lrl_datasets.engine import Options


@pytest.fixture(scope="session")
def dask() -> Iterator[Options]:
    """A running scheduler, as a cluster has one."""
    from distributed import LocalCluster

    with LocalCluster(
        n_workers=2,
        threads_per_worker=1,
        dashboard_address="127.0.0.1:0",
        host="127.0.0.1",
        silence_logs=logging.CRITICAL,
    ) as cluster:
        yield Options(engine="dask", scheduler=cluster.scheduler_address, block_rows=16)
        assert cluster.status.name == "running", "whose scheduler it is decides when it ends"
