"""One Label Studio for all tests that need it, and `lrl` as a user of it starts it."""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from . import label_studio_server
from .label_studio_server import Running


@pytest.fixture(scope="session")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Running]:
    with label_studio_server.running(tmp_path_factory.mktemp("label-studio")) as server:
        yield server


@pytest.fixture(scope="session")
def token(server: Running) -> str:
    return server.token()


@pytest.fixture
def lrl(server: Running, token: str, tmp_path: Path) -> Callable[..., str]:
    """The command as a user starts it, on the campaign in `tmp_path`."""

    def run(*arguments: str | Path, code: int = 0) -> str:
        if arguments[:2] in (("crowd", "push"), ("crowd", "pull")):
            arguments = (*arguments, "--label-studio", server.url)
        if arguments[0] == "crowd":
            arguments = (*arguments, "--campaign", tmp_path / "campaign")
        done = subprocess.run(
            [sys.executable, "-c", "from lrl_datasets.cli import main; main()", *arguments],
            cwd=tmp_path, capture_output=True, text=True,
            env=os.environ | {"LABEL_STUDIO_TOKEN": token, "LRL_PSEUDONYM_KEY": "a key for the tests only"},
        )  # fmt: skip
        said = done.stdout + done.stderr
        assert done.returncode == code and "Traceback" not in said, said
        assert token not in said and token.split(".")[2] not in said
        return said

    return run
