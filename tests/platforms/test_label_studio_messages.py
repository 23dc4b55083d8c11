"""What the client of Label Studio says of servers and addresses that are not as they should be."""

from __future__ import annotations

import json
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from threading import Thread

import pytest
from typer.testing import CliRunner

from lrl_datasets.cli import app
from lrl_datasets.errors import LrlError
from lrl_datasets.platforms.label_studio import Server
from tests.crowd.tasks import platforms

PERSONAL, LEGACY = "a.personal.token", "0123456789" * 4
PAGE = {
    "count": 3,
    "results": [{"id": 4, "title": "c 1"}, {"id": 7, "title": "c 2"}, {"id": 9, "title": "c 1"}],
}


class Answers(BaseHTTPRequestHandler):
    """`/moved` sends on, `/html` shows a page, `/twice` has two projects of one name, elsewhere there is nothing."""

    seen: list[str]

    def do_GET(self) -> None:
        type(self).seen.append(self.headers.get("Authorization", ""))
        self.rfile.read(int(self.headers.get("Content-Length", 0)))
        place = self.path.split("/")[1]
        if place == "moved":
            return self._give(301, b"", ("Location", "https://labels.example.org/api/"))
        if place == "html":
            return self._give(200, b"<html><h1>Welcome</h1></html>")
        if place == "twice":
            bearer = self.path.endswith("/refresh/")
            return self._give(200, json.dumps({"access": "bearer"} if bearer else PAGE).encode())
        return self._give(404, b"<html><h1>Not <b>here</b></h1></html>")

    do_POST = do_GET

    def _give(self, status: int, body: bytes, *headers: tuple[str, str]) -> None:
        self.send_response(status)
        for name, value in (*headers, ("Content-Length", str(len(body)))):
            self.send_header(name, value)
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, format: str, *args: object) -> None:
        pass


@pytest.fixture
def url() -> Iterator[str]:
    Answers.seen = []
    with ThreadingHTTPServer(("127.0.0.1", 0), Answers) as server:
        Thread(target=server.serve_forever, daemon=True).start()
        yield f"http://127.0.0.1:{server.server_port}"
        server.shutdown()


@pytest.mark.parametrize(
    ("path", "token", "said"),
    [
        ("/moved", PERSONAL, r"sends on to https://labels\.example\.org/api/: give that server's address"),
        ("/moved", LEGACY, r"sends on to https://labels\.example\.org/api/: give that server's address"),
        ("/html", PERSONAL, "gives no bearer for a token: is this a Label Studio"),
        ("/html", LEGACY, "answers with no JSON: is this a Label Studio"),
        (
            "/projects/3/data",
            PERSONAL,
            r"not where a Label Studio answers \(404\): .* without the path of a page",
        ),
        ("/projects/3/data", LEGACY, "/api/projects/ answers 404: Not here"),
        ("/twice", PERSONAL, r"several projects 'c 1' \(4, 9\): rename all but one"),
        ("/twice/", LEGACY, r"several projects 'c 1' \(4, 9\): rename all but one"),
    ],
)
def test_what_a_server_says(url: str, path: str, token: str, said: str) -> None:
    with Server(url + path, token) as server, pytest.raises(LrlError, match=said) as wrong:
        server.find("c 1")
    assert url in str(wrong.value) and token not in str(wrong.value)


def test_a_redirect_is_not_followed_with_the_token(url: str) -> None:
    with Server(f"{url}/moved", LEGACY) as server, pytest.raises(LrlError):
        server.find("c 1")
    assert Answers.seen == [f"Token {LEGACY}"]


@pytest.mark.parametrize(
    "address",
    ["localhost:8080", "labels.example.org", "ftp://labels.example.org", "https://", "http://x/projects/3/data?labeling=1"],
)  # fmt: skip
def test_what_is_no_address(address: str) -> None:
    with pytest.raises(LrlError, match="is no address of a server: write http://HOST:PORT"):
        Server(address, LEGACY)


def test_a_password_in_the_address_is_not_shown() -> None:
    with pytest.raises(LrlError) as wrong:
        Server("ftp://somebody:secret@labels.example.org", LEGACY)
    assert "secret" not in str(wrong.value) and "labels.example.org" in str(wrong.value)


@pytest.mark.parametrize("command", [("push", "helpful"), ("pull", "helpful")])
def test_a_stage_of_another_platform(url: str, tmp_path: Path, command: tuple[str, str]) -> None:
    folder = platforms.folder(tmp_path, "toloka", [{"prompt": "Taja mto mmoja."}], [])
    arguments = ["crowd", *command, "--campaign", str(folder), "--label-studio", url]
    done = CliRunner().invoke(app, arguments, env={"LABEL_STUDIO_TOKEN": LEGACY})
    assert isinstance(done.exception, LrlError)
    assert 'stage 2 has format = "toloka"; push and pull are for "label_studio"' in str(done.exception)
    assert "lrl crowd tasks, lrl crowd import" in str(done.exception) and not Answers.seen


def test_without_a_token(url: str, tmp_path: Path) -> None:
    platforms.folder(tmp_path, "label_studio", [{"prompt": "Taja mto mmoja."}], [])
    empty = tmp_path / "token"
    empty.write_text("\n")
    for extra, said in (
        ([], "LABEL_STUDIO_TOKEN is not set"),
        (["--token-file", str(empty)], "token is empty"),
    ):
        arguments = ["crowd", "pull", "--campaign", str(tmp_path), "--label-studio", url, *extra]
        done = CliRunner().invoke(app, arguments, env={"LABEL_STUDIO_TOKEN": None})
        assert isinstance(done.exception, LrlError) and said in str(done.exception)
        assert "Account & Settings" in str(done.exception) and not Answers.seen
