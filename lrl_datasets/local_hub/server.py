"""HTTP around the local Hub's API: connections, bodies, ranges, one log line a request.

A thread serves each connection. Bodies are streamed both ways, so a file's size is no matter. On loopback a
page in a browser could reach the server too, so a request whose `Host` is another name, or that a foreign
page sends (`Origin`), is refused. A log line is client, method, path, status, bytes and time taken; it holds no
query, where upload signatures stand, and no header. One server at a time serves a store (`presence.py`).
"""

from __future__ import annotations

import errno
import io
import json
import logging
import re
import shutil
import socket
import threading
import time
from contextlib import suppress
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import BinaryIO, cast
from urllib.parse import parse_qs, unquote, urlsplit

from lrl_datasets.endpoints import is_loopback
from lrl_datasets.errors import LrlError
from lrl_datasets.local_hub.addresses import reachable_at
from lrl_datasets.local_hub.api import Api
from lrl_datasets.local_hub.body import Body, BrokenBody, SenselessBody, Slice, byte_range
from lrl_datasets.local_hub.faults import Fault, Faults
from lrl_datasets.local_hub.objects import HubError
from lrl_datasets.local_hub.pages import POLICY, error_page
from lrl_datasets.local_hub.presence import Presence
from lrl_datasets.local_hub.protocol import Request, Response
from lrl_datasets.local_hub.store import Store

log = logging.getLogger("lrl_datasets.local_hub")

_LOCAL_NAMES = {"localhost", "127.0.0.1", "[::1]"}
_FULL = {errno.ENOSPC, errno.EDQUOT, errno.EFBIG, errno.EROFS}
_DRAIN = 1 << 20
"""Bytes of an unread body that are worth reading to keep a connection."""


class Server:
    """A local Hub that serves from a thread of this process until it is closed.

    Parameters
    ----------
    directory
        The store's folder; made if it is not there.
    port
        0 takes a free one.
    host
        The address to bind; one beyond loopback needs a `token`.
    token
        What clients must send (`HF_TOKEN`) to write or to read private repositories.
    faults
        For tests: what goes wrong on purpose; `.faults` may be changed while it runs.

    Raises
    ------
    LrlError
        The port is taken or none, the address is not loopback and there is no token, or another server serves
        the store.
    """

    def __init__(
        self,
        directory: Path,
        port: int = 0,
        host: str = "127.0.0.1",
        token: str | None = None,
        *,
        faults: list[Fault] | None = None,
    ) -> None:
        name = f"[{host}]" if ":" in host else host
        loopback = _checked(host, name, port, token)
        try:
            store = Store(Path(directory))
        except OSError as problem:
            raise LrlError(f"{directory}: cannot hold a store: {problem.strerror or problem}") from None
        self._presence = Presence(store)
        try:
            self._http = _HttpServer(host, port)
        except OSError as problem:
            self._presence.leave()
            raise LrlError(f"cannot serve on {host}:{port}: {problem.strerror or problem}") from None
        self._http.check_host = loopback
        self._http.faults = Faults([] if faults is None else faults)
        self._http.api = Api(store, token)
        bound = self._http.server_address[1]
        self.urls = [f"http://{place}:{bound}" for place in reachable_at(host)]
        """What `HF_ENDPOINT` may be set to, on other machines too where it serves these."""
        self.url = self.urls[0]
        """What `HF_ENDPOINT` is set to."""
        self._presence.tell(self.url)
        self._thread = threading.Thread(
            target=self._http.serve_forever, kwargs={"poll_interval": 0.05}, daemon=True, name="local-hub"
        )
        self._thread.start()

    @property
    def store(self) -> Store:
        """What is served."""
        return self._http.api.store

    @property
    def faults(self) -> list[Fault]:
        """What goes wrong on purpose; append to it or clear it at any time."""
        return self._http.faults.faults

    @faults.setter
    def faults(self, faults: list[Fault]) -> None:
        self._http.faults.faults = faults

    @property
    def requests(self) -> list[tuple[str, str]]:
        """Method and path of the last requests, those that a fault befell too."""
        return self._http.faults.requests

    def wait(self) -> None:
        """Block until the server is closed from elsewhere or the user interrupts."""
        with suppress(KeyboardInterrupt):
            while self._thread.is_alive():
                self._thread.join(1)

    def close(self) -> None:
        """Stop serving, with the connections that are open."""
        self._http.shutdown()
        self._http.server_close()
        self._http.drop_connections()
        self._thread.join()
        self._presence.leave()

    def __enter__(self) -> Server:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()


class _HttpServer(ThreadingHTTPServer):
    daemon_threads = True
    request_queue_size = 128
    api: Api
    faults: Faults
    check_host: bool

    def __init__(self, host: str, port: int) -> None:
        self.address_family = socket.AF_INET6 if ":" in host else socket.AF_INET
        self._open: set[socket.socket] = set()
        self._open_lock = threading.Lock()
        super().__init__((host, port), _Handler)

    def server_bind(self) -> None:
        # Without HTTPServer's look-up of the host's name, which can take seconds where there is no DNS.
        self.socket.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        if self.address_family == socket.AF_INET6 and self.server_address[0] == "::":
            with suppress(OSError):  # IPv4 too, as it is without asking on most systems
                self.socket.setsockopt(socket.IPPROTO_IPV6, socket.IPV6_V6ONLY, 0)
        self.socket.bind(self.server_address)
        self.server_address = self.socket.getsockname()
        self.server_name, self.server_port = str(self.server_address[0]), self.server_address[1]

    def process_request(self, request: socket.socket, client_address: object) -> None:  # type: ignore[override]
        with self._open_lock:
            self._open.add(request)
        super().process_request(request, client_address)

    def shutdown_request(self, request: socket.socket) -> None:  # type: ignore[override]
        with self._open_lock:
            self._open.discard(request)
        super().shutdown_request(request)

    def handle_error(self, request: object, client_address: object) -> None:
        log.debug("connection broke off", exc_info=True)

    def drop_connections(self) -> None:
        with self._open_lock:
            left = list(self._open)
        for connection in left:
            with suppress(OSError):
                connection.shutdown(socket.SHUT_RDWR)


class _Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    server_version = "lrl-local-hub"
    sys_version = ""
    disable_nagle_algorithm = True
    wbufsize = 1 << 16
    timeout = 600
    _answering = False
    server: _HttpServer

    def do_GET(self) -> None:
        started = time.perf_counter()
        # Nothing that a client sends makes a second line of the log, or moves a terminal's cursor.
        path = re.sub(r"[^\x21-\x7e]", "?", self._target()[0])
        status, sent, body = 0, 0, None
        try:
            encoding = self.headers.get("Transfer-Encoding")
            body = Body(cast("BinaryIO", self.rfile), self.headers.get("Content-Length"), encoding)
            response = self._befallen(io.BufferedReader(body, 1 << 16))
            if response is not None:
                status, sent = self._send(response)
        except HubError as refusal:
            if refusal.status in (500, 507):
                log.error("%s %s failed: %s", self.command, path, refusal.message)
            status, sent = self._refuse(refusal)
        except SenselessBody:
            self.close_connection = True
            status, sent = self._refuse(HubError(400, "The chunks of the request's body make no sense"))
        except (ConnectionError, TimeoutError, BrokenBody):
            self.close_connection = True
        except Exception as problem:
            if isinstance(problem, OSError) and problem.errno in _FULL:
                log.error("%s %s failed: %s", self.command, path, problem.strerror)
                told = HubError(507, f"The Hub cannot store this: {problem.strerror}")
            else:
                log.exception("%s %s %s failed", self.client_address[0], self.command, path)
                told = HubError(500, "Internal error; the Hub's log says more")
            status, sent = self._refuse(told)
        # Of a full disk the client hears only when it has sent all.
        if status and (body is None or not body.drain(_DRAIN << 10 if status == 507 else _DRAIN)):
            self.close_connection = True
        milliseconds = (time.perf_counter() - started) * 1000
        client, said = self.client_address[0], status or "broken off"
        log.info("%s %s %s %s %d B %.0f ms", client, self.command, path, said, sent, milliseconds)

    do_HEAD = do_POST = do_PUT = do_DELETE = do_GET

    def _befallen(self, body: io.BufferedReader) -> Response | None:
        """Answer, unless a fault on purpose cuts the connection before or after."""
        fault = self.server.faults.befall(self.command, self._target()[0])
        if fault == "drop_after":
            with suppress(HubError):
                self._answer(body)
        if fault:
            self.close_connection = True
            return None
        return self._answer(body)

    def _answer(self, body: io.BufferedReader) -> Response:
        host = str(self.headers.get("Host", ""))
        name = re.sub(r":\d+$", "", host)
        if self.server.check_host and name not in _LOCAL_NAMES | {self.server.server_name}:
            raise HubError(403, f"This Hub is not called {name!r}")
        base = f"http://{host}"
        if self.headers.get("Origin", base) != base:
            raise HubError(403, "Pages of other sites may not use this Hub")
        path, asked = self._target()
        try:
            segments = [unquote(part, errors="strict") for part in path.strip("/").split("/")]
        except UnicodeDecodeError:
            raise HubError(400, "The path is not UTF-8") from None
        if any("\0" in segment for segment in segments):
            raise HubError(400, "The path holds a NUL")
        query = parse_qs(asked, keep_blank_values=True)
        request = Request(self.command, segments, query, self.headers, body, base)
        try:
            return self.server.api.answer(request)
        except (KeyError, TypeError, ValueError, OverflowError) as problem:
            if self.command in ("GET", "HEAD"):
                raise  # such a request has nothing that is not checked where it is read: it is the Hub's own fault
            log.warning("malformed request: %s %s: %s", self.command, ascii(path), ascii(problem)[:300])
            log.debug("malformed request", exc_info=True)
            raise HubError(400, f"Malformed request: {type(problem).__name__}: {problem}") from None

    def _target(self) -> tuple[str, str]:
        """Return path and query of the address, as they were sent."""
        try:
            target = urlsplit(self.path)
        except ValueError:  # http://[
            return "/", ""
        return target.path, target.query

    def _refuse(self, refusal: HubError) -> tuple[int, int]:
        """Answer with a refusal: in the API's own shape, as a page where a browser asks for one."""
        if self._answering:
            self.close_connection = True  # the answer has begun: all that is left is to break it off
            return 0, 0
        response = _refusal(refusal)
        if "text/html" in self.headers.get("Accept", "") and self.command in ("GET", "HEAD"):
            response.page = error_page(refusal.status, refusal.message)
        return self._send(response)

    def _send(self, response: Response) -> tuple[int, int]:
        """Write a response; returns its status and the bytes of its body."""
        if response.page is not None:
            data = response.page.encode("utf-8", "replace")
            headers = {
                "Content-Type": "text/html; charset=utf-8",
                "Content-Security-Policy": POLICY,
                "X-Content-Type-Options": "nosniff",
                "Referrer-Policy": "no-referrer",
            }
            return self._write(response.status, headers | response.headers, io.BytesIO(data), len(data))
        if response.content is None:
            data = json.dumps(
                {} if response.data is None else response.data, ensure_ascii=False, allow_nan=False
            ).encode("utf-8", "replace")
            headers = {"Content-Type": "application/json; charset=utf-8"} | response.headers
            return self._write(response.status, headers, io.BytesIO(data), len(data))
        size, etag = response.content.size, response.headers["ETag"]
        headers = {
            **response.headers,
            "Accept-Ranges": "bytes",
            # A stored file is data: a browser that opens one must not run it as a page of this origin.
            "X-Content-Type-Options": "nosniff",
            "Content-Security-Policy": "default-src 'none'; sandbox",
        }
        if etag in self.headers.get("If-None-Match", ""):
            return self._write(304, headers, io.BytesIO(), None)
        fresh = self.headers.get("If-Range", etag) == etag
        asked = byte_range(self.headers.get("Range"), size) if fresh else None
        start, stop = asked or (0, size)
        if asked is not None and start >= stop:
            headers["Content-Range"] = f"bytes */{size}"
            return self._write(416, headers, io.BytesIO(), 0)
        if asked is not None:
            headers["Content-Range"] = f"bytes {start}-{stop - 1}/{size}"
        objects, sha256 = self.server.api.store.objects, response.content.sha256
        damaged = HubError(
            500, f"Object {sha256} is damaged or missing in the Hub's store: upload or mirror it anew"
        )
        if not objects.sound(sha256, size):
            raise damaged
        try:
            file = objects.path(sha256).open("rb")
        except FileNotFoundError:
            raise damaged from None
        with file:
            file.seek(start)
            return self._write(200 if asked is None else 206, headers, file, stop - start)

    def _write(
        self, status: int, headers: dict[str, str], body: BinaryIO, length: int | None
    ) -> tuple[int, int]:
        self._answering = True
        self.send_response(status)
        for name, value in headers.items():
            self.send_header(name, value)
        if length is not None:
            self.send_header("Content-Length", str(length))
        self.end_headers()
        sent = 0 if self.command == "HEAD" or length is None else length
        part = Slice(body, sent)
        if sent:
            shutil.copyfileobj(part, self.wfile, 1 << 18)
        self.wfile.flush()
        if part.left:  # cut short while it was read: the client must not wait for the rest
            log.error("%s: what is stored broke off %d bytes early", self._target()[0], part.left)
            self.close_connection = True
        self._answering = False
        return status, sent - part.left

    def send_error(self, code: int, message: str | None = None, explain: str | None = None) -> None:
        """Answer what is no HTTP, or a method that nobody answers, in the API's own shape."""
        self.close_connection = True
        self.command = self.command or "?"
        data = json.dumps({"error": message or "refused"}).encode()
        with suppress(OSError):
            self._write(code, {"Content-Type": "application/json"}, io.BytesIO(data), len(data))
        log.info(
            "%s %s refused: %s", self.client_address[0], re.sub(r"[^\x21-\x7e]", "?", self.command), code
        )

    def log_message(self, format: str, *args: object) -> None:
        """Keep http.server's own lines, which hold whole addresses, out of the log."""


def _refusal(refusal: HubError) -> Response:
    # A header is one line of Latin-1; the body says it in full.
    headers = refusal.headers | {"X-Error-Message": re.sub(r"[^\x20-\x7e]", "?", refusal.message[:1000])}
    if refusal.code:
        headers["X-Error-Code"] = refusal.code
    return Response(refusal.status, {"error": refusal.message, **refusal.extra}, headers)


def _checked(host: str, name: str, port: int, token: str | None) -> bool:
    """Refuse where nobody can serve, or should; says whether only this computer reaches the address."""
    if not 0 <= port <= 65535:
        raise LrlError(f"{port} is no port: name one from 1 to 65535, or 0 for a free one")
    try:
        socket.getaddrinfo(host or "?", port)
    except (OSError, UnicodeError):
        raise LrlError(f"unknown host {host!r}") from None
    loopback = is_loopback(f"http://{name}")
    if not loopback and not token:
        raise LrlError(
            f"{host} can be reached from other machines, so writing there needs a token: set the environment "
            "variable LRL_HUB_TOKEN to a secret of your own, for instance\n"
            '  export LRL_HUB_TOKEN="hf_$(openssl rand -hex 16)"\n'
            "and give it to those who write, as their HF_TOKEN"
        )
    return loopback
