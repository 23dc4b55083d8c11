"""Fixtures for all tests: the real data folder, where there is one."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

ROOT = Path(__file__).parent.parent
DATA = Path(os.environ.get("DATA", ROOT.parent / "shared" / "data"))


@pytest.fixture(scope="session")
def data_dir() -> Path:
    """The folder of real data; tests that use it are marked `data` and deselected where it does not exist."""
    return DATA


def pytest_collection_modifyitems(config: pytest.Config, items: list[pytest.Item]) -> None:
    """Deselect the tests on real data where there is none, in one printed line; never when DATA was named."""
    if DATA.is_dir() or "DATA" in os.environ:
        return
    without = [item for item in items if not item.get_closest_marker("data")]
    left_out = [item for item in items if item.get_closest_marker("data")]
    if left_out:
        config.hook.pytest_deselected(items=left_out)
        items[:] = without
        reporter = config.pluginmanager.get_plugin("terminalreporter")
        if reporter is not None:
            reporter.write_line(
                f"{len(left_out)} tests on real data left out: no folder {DATA} (make test DATA=DIR)"
            )


@pytest.fixture(autouse=True, scope="session")
def _data_exists() -> None:
    if "DATA" in os.environ and not DATA.is_dir():
        pytest.exit(f"DATA={DATA} is not a folder", returncode=2)
