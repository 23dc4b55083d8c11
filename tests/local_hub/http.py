"""Plain HTTP for tests that look at single requests."""

from __future__ import annotations

import http.client
from urllib.parse import urlsplit

from lrl_datasets import local_hub


def request(
    hub: local_hub.Server | str,
    method: str,
    path: str,
    headers: dict[str, str] | None = None,
    body: bytes | None = None,
) -> tuple[int, dict[str, str], bytes]:
    """Send one plain HTTP request; returns status, headers (lower case) and body."""
    url = hub if isinstance(hub, str) else hub.url
    connection = http.client.HTTPConnection(urlsplit(url).netloc, timeout=30)
    try:
        connection.putrequest(method, path, skip_host="Host" in (headers or {}), skip_accept_encoding=True)
        for name, value in (headers or {}).items():
            connection.putheader(name, value)
        if body is not None:
            connection.putheader("Content-Length", str(len(body)))
        connection.endheaders(body)
        response = connection.getresponse()
        return response.status, {k.lower(): v for k, v in response.getheaders()}, response.read()
    finally:
        connection.close()
