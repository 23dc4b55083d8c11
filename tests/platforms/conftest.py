"""One Label Studio for all tests that need it, and `lrl` with that server's address and token."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from typer.testing import CliRunner

from lrl_datasets.cli import app
from lrl_datasets.errors import LrlError

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
def lrl(server: Running, token: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Callable[..., str]:
    """The command, on the campaign in `tmp_path`."""
    monkeypatch.setenv("LABEL_STUDIO_TOKEN", token)
    monkeypatch.setenv("LRL_PSEUDONYM_KEY", "a key for the tests only")
    monkeypatch.chdir(tmp_path)

    def run(*arguments: str | Path, code: int = 0) -> str:
        if arguments[:2] in (("crowd", "push"), ("crowd", "pull")):
            arguments = (*arguments, "--label-studio", server.url)
        if arguments[0] == "crowd":
            arguments = (*arguments, "--campaign", tmp_path / "campaign")
        done = CliRunner().invoke(app, [str(argument) for argument in arguments])
        said = done.output
        if isinstance(done.exception, LrlError):
            said += str(done.exception)
        elif done.exception is not None and not isinstance(done.exception, SystemExit):
            raise done.exception
        assert (2 if isinstance(done.exception, LrlError) else done.exit_code) == code, said
        assert token not in said and token.split(".")[2] not in said
        return said

    return run
