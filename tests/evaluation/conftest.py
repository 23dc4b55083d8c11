"""One local Hub with the suite's datasets and two small models, for all tests of a worker."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from lrl_datasets.local_hub import Server

from ..hub import run_client, running_hub
from . import models, suite


@pytest.fixture(scope="session")
def suite_hub(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Server]:
    """A Hub with XNLI, XCOPA and XStoryCloze in rows of our own, and a SAMPLE release of the instructions."""
    folder = tmp_path_factory.mktemp("suite")
    suite.fill(folder / "hub", folder / "scratch")
    with running_hub(folder) as server:
        yield server


@pytest.fixture(scope="session")
def client(suite_hub: Server, tmp_path_factory: pytest.TempPathFactory) -> Callable[[str], str]:
    """Runs code in a fresh process in an empty folder, against the suite's Hub; the cache is shared."""
    folder = tmp_path_factory.mktemp("client")

    # Threads of a small model only wait for each other.
    def run(code: str) -> str:
        return run_client(code, suite_hub.url, folder, home=folder / "home", env={"OMP_NUM_THREADS": "1"})

    return run


@pytest.fixture(scope="session")
def tiny_mt5(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return models.mt5(tmp_path_factory.mktemp("mt5"))


@pytest.fixture(scope="session")
def tiny_llama(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return models.llama(tmp_path_factory.mktemp("llama"))
