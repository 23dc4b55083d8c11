"""What passes between the parts of the local Hub: a request, a response, a refusal."""

from __future__ import annotations

import json
import re
from dataclasses import dataclass, field
from email.message import Message
from typing import Any, BinaryIO
from urllib.parse import quote, urlencode

from lrl_datasets.local_hub.objects import Entry, HubError

MAX_JSON = 32 * 1024 * 1024
"""Bytes of a JSON or form body; files never come in one."""


def read_json(data: bytes) -> Any:
    """Read JSON that came from a client; ValueError where it is none, or nested deeper than anybody needs."""

    def refuse(name: str) -> None:
        raise ValueError(f"{name} is no number of JSON")

    try:
        return json.loads(data, parse_constant=refuse)
    except RecursionError:
        raise ValueError("it is nested too deeply") from None


@dataclass
class Request:
    """One request, taken apart."""

    method: str
    segments: list[str]
    """The path's segments, each decoded by itself: `refs%2Fconvert%2Fparquet` is one."""
    query: dict[str, list[str]]
    headers: Message
    body: BinaryIO
    base: str
    """How the client reaches this server, e.g. `http://127.0.0.1:8123`."""

    def flag(self, name: str) -> bool:
        """Say whether a query parameter is set to true."""
        return self.query.get(name, ["false"])[-1].lower() in ("1", "true")

    def number(self, name: str, default: int) -> int:
        """Return a query parameter that is a count."""
        if name not in self.query:
            return default
        given = self.query[name][-1]
        if not re.fullmatch(r"\d{1,18}", given, re.ASCII):
            raise HubError(400, f"{name} must be a count, not {given[:40]!r}")
        return int(given)

    def text(self) -> bytes:
        """Return a body that is no file."""
        data = self.body.read(MAX_JSON + 1)
        if len(data) > MAX_JSON:
            raise HubError(413, "Request body too large")
        return data

    def json(self) -> dict[str, Any]:
        """Return the body as a JSON object."""
        try:
            found = read_json(self.text() or b"{}")
        except ValueError as problem:
            raise HubError(400, f"The body is not JSON: {problem}") from None
        if not isinstance(found, dict):
            raise HubError(400, "The body is not a JSON object")
        return found


@dataclass
class Response:
    """One response: JSON, a page, or a stored content with its ETag."""

    status: int = 200
    data: object = None
    headers: dict[str, str] = field(default_factory=dict)
    content: Entry | None = None
    page: str | None = None


def page(request: Request, items: list[dict[str, Any]], following: int | None) -> Response:
    """Answer with one page of a list, and with the address of the next, which starts at item `following`."""
    headers = {}
    if following is not None:
        query = {name: values[-1] for name, values in request.query.items()} | {"cursor": str(following)}
        path = "/".join(quote(segment, safe="") for segment in request.segments)
        headers["Link"] = f'<{request.base}/{path}?{urlencode(query)}>; rel="next"'
    return Response(data=items, headers=headers)
