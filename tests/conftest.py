"""Fixtures for all tests: the real data folder, where there is one."""

from __future__ import annotations

import os
from pathlib import Path

import pytest
from hypothesis import settings

# A busy machine takes longer than hypothesis expects of an example; what must not take long has a timeout.
settings.register_profile("lrl", deadline=None)
settings.load_profile("lrl")

ROOT = Path(__file__).parent.parent
DATA = Path(os.environ.get("DATA") or ROOT.parent / "shared" / "data")


@pytest.fixture(scope="session")
def data_dir() -> Path:
    """The folder of real data; tests that use it are marked `data` and left out where it does not exist."""
    return DATA


def pytest_configure(config: pytest.Config) -> None:
    """Refuse a named folder that is not there: who names it wants the tests on real data to run."""
    if os.environ.get("DATA") and not DATA.is_dir():
        raise pytest.UsageError(f"DATA={DATA} is not a folder")


def pytest_report_header() -> str:
    """Say in one line whether the tests on real data run."""
    if DATA.is_dir():
        return f"real data: {DATA}"
    return f"real data: no folder {DATA}, so the tests on it are left out (make test DATA=DIR)"


def pytest_collection_modifyitems(config: pytest.Config, items: list[pytest.Item]) -> None:
    """Leave the tests on real data out where there is none."""
    if not DATA.is_dir():
        config.hook.pytest_deselected(items=[item for item in items if item.get_closest_marker("data")])
        items[:] = [item for item in items if not item.get_closest_marker("data")]
