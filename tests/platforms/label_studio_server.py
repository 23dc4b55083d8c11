"""A real Label Studio for the tests: its own environment, a fresh data folder, people who sign up in it."""

from __future__ import annotations

import os
import re
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import httpx2

VERSION = "1.23.2"
PLACE = Path(__file__).parent.parent.parent / ".cache" / f"label-studio-{VERSION}"
PASSWORD = "a password for the tests only"


def installed() -> Path:
    """The environment's `bin`, made where it is not there or not whole: a gigabyte, some minutes."""
    binaries, ready = PLACE / "bin", PLACE / "whole"
    if not ready.is_file():
        subprocess.run([sys.executable, "-m", "venv", "--clear", PLACE], check=True)
        pip = [binaries / "python", "-m", "pip", "--disable-pip-version-check"]
        subprocess.run([*pip, "install", "--quiet", f"label-studio=={VERSION}"], check=True)
        ready.touch()
    return binaries


@dataclass
class Person:
    """Somebody with an account, logged in as in a browser."""

    client: httpx2.Client
    email: str
    id: int = field(init=False)

    def __post_init__(self) -> None:
        self.client.headers["X-CSRFToken"] = self.client.cookies["csrftoken"]
        self.id = self.ask("GET", "/api/current-user/whoami")["id"]

    def ask(self, method: str, path: str, **what: Any) -> Any:
        answer = self.client.request(method, path, **what)
        assert answer.is_success, f"{method} {path}: {answer.status_code} {answer.text[:500]}"
        return answer.json() if answer.content else None

    def next(self, project: int) -> dict[str, Any] | None:
        """The task that the labelling page shows now; None when there is none for this person."""
        answer = self.client.get(f"/api/projects/{project}/next")
        return None if answer.status_code == 404 else answer.raise_for_status().json()

    def hand_in(self, task: int, *result: dict[str, Any] | None, **more: Any) -> None:
        """Submit, or skip where there is no result."""
        given = {"result": [one for one in result if one], "was_cancelled": result == (None,)}
        self.ask("POST", f"/api/tasks/{task}/annotations/", json={**given, "lead_time": 20.5, **more})


@dataclass
class Running:
    url: str
    admin: Person

    def token(self) -> str:
        """Make the administrator a personal access token."""
        return str(self.admin.ask("POST", "/api/token/", json={})["token"])

    def sign_up(self, email: str) -> Person:
        """Follow the invitation link."""
        link = self.admin.ask("GET", "/api/invite")["invite_url"]
        return _through_form(self.url, link, email)


@contextmanager
def running(place: Path) -> Iterator[Running]:
    """Start the server on a free port with its data in an empty folder; it is gone afterwards."""
    binaries = installed()
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    url, admin = f"http://127.0.0.1:{port}", "admin@example.org"
    command = [
        binaries / "label-studio", "start", "--no-browser", "--internal-host", "127.0.0.1", "--port", str(port),
        "--data-dir", place / "data", "--username", admin, "--password", PASSWORD, "--log-level", "WARNING",
    ]  # fmt: skip
    quiet = {
        "COLLECT_ANALYTICS": "false",
        "LATEST_VERSION_CHECK": "false",
        "SENTRY_DSN": "",
        "FRONTEND_SENTRY_DSN": "",
    }
    clean = {
        name: value for name, value in os.environ.items() if not name.startswith(("LABEL_STUDIO", "DJANGO"))
    }
    with (place / "server.log").open("wb") as log:
        server = subprocess.Popen(
            command,
            cwd=place,
            env=clean | quiet,
            stdout=log,
            stderr=subprocess.STDOUT,
            start_new_session=True,
        )
    try:
        deadline = time.monotonic() + 600
        while not _answers(url):
            assert server.poll() is None and time.monotonic() < deadline, (place / "server.log").read_text()[
                -3000:
            ]
            time.sleep(0.5)
        yield Running(url, _through_form(url, "/user/login/", admin))
    finally:
        os.killpg(server.pid, signal.SIGTERM)
        try:
            server.wait(30)
        except subprocess.TimeoutExpired:
            os.killpg(server.pid, signal.SIGKILL)
            server.wait()


def _answers(url: str) -> bool:
    try:
        return httpx2.get(f"{url}/api/version/", timeout=5).status_code == 200
    except httpx2.HTTPError:
        return False


def _through_form(url: str, path: str, email: str) -> Person:
    client = httpx2.Client(base_url=url, timeout=120, follow_redirects=True, headers={"Referer": url})
    page = client.get(path)
    hidden = re.search(r'name="csrfmiddlewaretoken" value="([^"]+)"', page.text)
    assert hidden is not None, page.text[:500]
    form = {
        "email": email,
        "password": PASSWORD,
        "csrfmiddlewaretoken": hidden[1],
        "allow_newsletters": "false",
    }
    assert client.post(path, data=form | {"persist_session": "on"}).is_success
    return Person(client, email)
