"""Uploads as Xet clients make them (hf-xet 1.8, the default of huggingface_hub): token, xorbs, shards.

The client cuts files into chunks, sends the chunks that it has not sent before in xorbs, then a shard that says
which chunks make which file. When a shard comes, its files are put together, hashed and stored like any LFS
file, so a commit finds them, and downloads (plain HTTP: no answer carries a Xet header) need no Xet at all.

Clients remember the chunks that they sent to an address and leave them out the next time. So xorbs stay, and
the address holds the store's own id: a new store on an old port is not taken for the old one. `xet/` may be
removed while nothing runs, for the space; clients then begin anew.
"""

from __future__ import annotations

import hmac
import re
import time
from collections.abc import Iterator
from pathlib import Path

from lrl_datasets.local_hub.objects import HubError, Incoming, made_once
from lrl_datasets.local_hub.protocol import Request, Response
from lrl_datasets.local_hub.store import Store
from lrl_datasets.local_hub.xet_formats import ShardFile, check_xorb, files_of_shard, read_chunks

MAX_XORB = 96 * 1024 * 1024
"""Bytes; a xorb holds at most 64 MiB of chunks, and headers."""

MAX_SHARD = 80 * 1024 * 1024
"""Bytes; clients begin a new shard at 64 MiB."""

_TOKEN_SECONDS = 3600


class Xet:
    """Answers the requests of Xet clients.

    Parameters
    ----------
    store
        Where the files go; xorbs lie in its `xet/xorbs/`.
    """

    def __init__(self, store: Store) -> None:
        self.store = store
        self.folder = store.root / "xet"
        self.xorbs = self.folder / "xorbs"

    def token(self, request: Request) -> Response:
        """Tell a client that may write where to send chunks, and the token it shows there."""
        expires = int(time.time()) + _TOKEN_SECONDS
        headers = {
            "X-Xet-Cas-Url": f"{request.base}/xet/{self._id()}",
            "X-Xet-Access-Token": f"{expires}.{self._signature(expires)}",
            "X-Xet-Token-Expiration": str(expires),
        }
        return Response(
            data={
                "casUrl": headers["X-Xet-Cas-Url"],
                "accessToken": headers["X-Xet-Access-Token"],
                "exp": expires,
            },
            headers=headers,
        )

    def answer(self, request: Request, store_id: str, rest: list[str]) -> Response:
        """Answer a request below `/xet/ID`."""
        match request.method, rest:
            case "GET", ["v1", "chunks", *_]:
                raise HubError(404, "This Hub does not tell which chunks it has")
            case "POST", ["v1", "telemetry"]:
                return Response()
        self._check_token(request)
        if store_id != self._id():
            raise HubError(400, "The store at this address has changed: run the upload again")
        match request.method, rest:
            case "POST", ["v1", "xorbs", "default", name]:
                return self._take_xorb(request, name)
            case "POST", ["v1", "shards"]:
                self._take_shard(request)
                return Response(data={"result": 1})
            case "POST", ["v2", "shards"]:
                try:
                    self._take_shard(request)
                except HubError as refusal:  # only so do the words reach the user
                    return Response(data={"type": "error", "message": refusal.message, "retryable": False})
                return Response(data={"type": "result"})
        raise HubError(404, f"Nothing here answers {request.method} /{'/'.join(request.segments)}")

    def _take_xorb(self, request: Request, name: str) -> Response:
        target, size = self._xorb(name), 0
        with Incoming(self.store.objects.tmp) as incoming:
            while part := request.body.read(1 << 20):
                size += len(part)
                if size > MAX_XORB:
                    raise HubError(413, f"A xorb of more than {MAX_XORB} bytes")
                incoming.file.write(part)
            check_xorb(incoming.file)
            incoming.keep(target)
        return Response(data={"was_inserted": True})

    def _take_shard(self, request: Request) -> None:
        data = request.body.read(MAX_SHARD + 1)
        if len(data) > MAX_SHARD:
            raise HubError(413, f"A shard of more than {MAX_SHARD} bytes")
        for file in files_of_shard(data):
            if file.sha256 is None or not self.store.objects.path(file.sha256).exists():
                self.store.objects.add(self._content(file), file.sha256, file.size)

    def _content(self, file: ShardFile) -> Iterator[bytes]:
        for term in file.terms:
            length = 0
            try:
                xorb = open(self._xorb(term.xorb), "rb")  # noqa: SIM115
            except FileNotFoundError:
                raise HubError(400, f"Xorb {term.xorb} was not uploaded") from None
            with xorb:
                for chunk in read_chunks(xorb, term.first, term.stop):
                    length += len(chunk)
                    yield chunk
            if length != term.length:
                raise HubError(400, f"A part of a file has {length} bytes, not {term.length}")

    def _xorb(self, name: str) -> Path:
        if not re.fullmatch(r"[0-9a-f]{64}", name):
            raise HubError(400, f"Not the hash of a xorb: {name!r}")
        return self.xorbs / name[:2] / name

    def _id(self) -> str:
        """Return the id of this store's xorbs, made anew where they were removed."""
        return made_once(self.folder / "id", self.store.objects.tmp)

    def _check_token(self, request: Request) -> None:
        given = str(request.headers.get("Authorization", "")).removeprefix("Bearer ").strip()
        expires, _, signature = given.partition(".")
        good = expires.isdecimal() and hmac.compare_digest(
            signature.encode(), self._signature(int(expires)).encode()
        )
        if not good or int(expires) < time.time():
            raise HubError(401, "This Xet token was not given here, or has expired")

    def _signature(self, expires: int) -> str:
        return hmac.new(self.store.secret, f"xet {expires}".encode(), "sha256").hexdigest()
