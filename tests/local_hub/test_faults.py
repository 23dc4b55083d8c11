"""Faults on purpose befall the requests that they name, and no others."""

from __future__ import annotations

import http.client
import time
from collections.abc import Iterator
from pathlib import Path
from urllib.parse import urlsplit

import pytest

from lrl_datasets import local_hub
from lrl_datasets.local_hub import Fault
from tests.hub import run_client, running_hub


@pytest.fixture
def hub(tmp_path: Path) -> Iterator[local_hub.Server]:
    with running_hub(tmp_path) as server:
        yield server


def ask(hub: local_hub.Server, method: str, path: str, body: bytes | None = None) -> int | str:
    """Send one request on a connection of its own; returns its status, or the name of what cut it."""
    connection = http.client.HTTPConnection(urlsplit(hub.url).netloc, timeout=30)
    try:
        connection.request(method, path, body)
        return connection.getresponse().status
    except ConnectionError as problem:
        return type(problem).__name__
    finally:
        connection.close()


CREATE = ("POST", "/api/repos/create", b'{"name": "x", "organization": "lrl-align", "type": "dataset"}')


def test_a_request_that_is_dropped_before_is_not_handled(hub: local_hub.Server) -> None:
    hub.faults.append(Fault("drop_before", method="POST", pattern="/create$"))
    assert ask(hub, *CREATE) in ("RemoteDisconnected", "ConnectionResetError")
    assert hub.store.repositories("datasets") == []
    assert ask(hub, *CREATE) == 200


def test_a_request_that_is_dropped_after_is_handled_without_an_answer(hub: local_hub.Server) -> None:
    hub.faults.append(Fault("drop_after", pattern="/create"))
    assert ask(hub, *CREATE) in ("RemoteDisconnected", "ConnectionResetError")
    assert hub.store.repositories("datasets") == ["lrl-align/x"]
    hub.faults.append(Fault("drop_after", pattern="/create"))  # also where the answer is a refusal
    assert ask(hub, *CREATE) in ("RemoteDisconnected", "ConnectionResetError")
    assert ask(hub, *CREATE) == 409


def test_errors_and_delays_befall_as_many_as_they_say(hub: local_hub.Server) -> None:
    hub.faults += [Fault("error:503", "GET", "/api/datasets", count=2, skip=1), Fault("delay:0.3", "HEAD")]
    assert [ask(hub, "GET", "/api/datasets") for _ in range(4)] == [200, 503, 503, 200]
    started = time.monotonic()
    assert ask(hub, "HEAD", "/api/datasets") == 200
    assert time.monotonic() - started >= 0.3
    hub.faults[:] = [Fault("error:500", count=-1)]
    assert [ask(hub, "GET", "/api/models") for _ in range(2)] == [500, 500]
    hub.faults.clear()
    assert ask(hub, "GET", "/api/models") == 200
    assert (
        hub.requests
        == [("GET", "/api/datasets")] * 4 + [("HEAD", "/api/datasets")] + [("GET", "/api/models")] * 3
    )


@pytest.mark.parametrize("action", ["drop", "error", "error:200", "delay:x", "delay", ""])
def test_no_other_faults_are_known(action: str) -> None:
    with pytest.raises(ValueError, match="no such fault"):
        Fault(action)


def test_a_commit_whose_answer_was_lost_is_there(hub: local_hub.Server, tmp_path: Path) -> None:
    code = """
from huggingface_hub import HfApi, CommitOperationAdd
api, repo = HfApi(), dict(repo_id="lrl-align/x", repo_type="dataset")
head = api.repo_info(**repo).sha
for _ in range(3):
    add = [CommitOperationAdd("a.txt", b"1")]
    try:
        made = api.create_commit(**repo, operations=add, commit_message="c", parent_commit=head)
        print(made.oid == api.repo_info(**repo).sha)
    except Exception as problem:
        print(type(problem).__name__)
"""
    ask(hub, *CREATE)
    hub.faults += [
        Fault("drop_before", "POST", "/commit/main"),
        Fault("drop_after", "POST", "/commit/main"),
    ]
    seen = run_client(code, hub.url, tmp_path).splitlines()
    # The third try is the client's no-op: the branch holds the file already.
    assert seen == ["RemoteProtocolError", "RemoteProtocolError", "True"]
    assert len(list(hub.store.history("datasets", "lrl-align/x", "main"))) == 2
