"""Uploads as Xet clients make them (hf-xet 1.8, the default of huggingface_hub): token, xorbs, shards.

The client cuts files into chunks, sends the chunks that it has not sent before in xorbs, then a shard that says
which chunks make which file. When a shard comes, its files are put together, hashed and stored like any LFS
file, so a commit finds them, and downloads (plain HTTP: no answer carries a Xet header) need no Xet at all.

Clients remember the chunks that an address took in a shard, and leave them out the next time. So xorbs stay, in
`xet/ID/`, and the address holds that id: a new store on an old port is not taken for the old one. `retire` gives
out another id from then on, and clients begin anew; uploads that are on their way go on at the old one.

A xorb's name is a hash of its chunks, which is not computed here: what counts is the file. A shard is accepted only
if the chunks in it make a file of its SHA-256, be that file here already or not, so a client never remembers a xorb
that was damaged on its way; it sends it again, and what was sent last is kept. What was damaged or lost later, on
the disk, shows at the first shard that needs it: that upload is refused, and its id retired, or the clients that
remember the xorb could never send it again. `xet/` may be removed while nothing runs, for the space.
"""

from __future__ import annotations

import hmac
import re
import secrets
import time
from collections.abc import Iterator
from pathlib import Path

from lrl_datasets.local_hub.objects import HubError, Incoming, made_once, measured, write_file
from lrl_datasets.local_hub.protocol import Request, Response
from lrl_datasets.local_hub.store import Store
from lrl_datasets.local_hub.xet_formats import ShardFile, check_xorb, files_of_shard, read_chunks

MAX_XORB = 96 * 1024 * 1024
"""Bytes; a xorb holds at most 64 MiB of chunks, and headers."""

MAX_SHARD = 80 * 1024 * 1024
"""Bytes; clients begin a new shard at 64 MiB."""

RETIRED = "retired"
"""A file beside the xorbs of an id that is given out no more, from the moment that it was not."""

_TOKEN_SECONDS = 3600


class Xet:
    """Answers the requests of Xet clients.

    Parameters
    ----------
    store
        Where the files go; xorbs lie in its `xet/`.
    """

    def __init__(self, store: Store) -> None:
        self.store = store
        self.folder = store.root / "xet"

    def token(self, request: Request) -> Response:
        """Tell a client that may write where to send chunks, and the token it shows there."""
        expires = int(time.time()) + _TOKEN_SECONDS
        headers = {
            "X-Xet-Cas-Url": f"{request.base}/xet/{self.id()}",
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
        known = re.fullmatch(r"[0-9a-f]{32}", store_id) and (self.folder / store_id).is_dir()
        if not known and store_id != self.id():
            raise HubError(400, "The store at this address has changed: run the upload again")
        xorbs = self.folder / store_id
        match request.method, rest:
            case "POST", ["v1", "xorbs", "default", name]:
                return self._take_xorb(request, _xorb(xorbs, name))
            case "POST", ["v1", "shards"]:
                self._take_shard(request, xorbs)
                return Response(data={"result": 1})
            case "POST", ["v2", "shards"]:
                try:
                    self._take_shard(request, xorbs)
                except HubError as refusal:  # only so do the words reach the user
                    return Response(data={"type": "error", "message": refusal.message, "retryable": False})
                return Response(data={"type": "result"})
        raise HubError(404, f"Nothing here answers {request.method} /{'/'.join(request.segments)}")

    def id(self) -> str:
        """Return the id that uploads which begin now go to."""
        return made_once(self.folder / "id", self.store.objects.tmp)

    def retire(self) -> None:
        """Let uploads that begin from now on go to another id, where nothing was sent yet."""
        if (old := self.folder / self.id()).is_dir():
            write_file(old / RETIRED, b"", self.store.objects.tmp)  # its time counts, see `removal.py`
            write_file(self.folder / "id", secrets.token_hex(16).encode(), self.store.objects.tmp)

    def _take_xorb(self, request: Request, target: Path) -> Response:
        size = 0
        with Incoming(self.store.objects.tmp) as incoming:
            while part := request.body.read(1 << 20):
                size += len(part)
                if size > MAX_XORB:
                    raise HubError(413, f"A xorb of more than {MAX_XORB} bytes")
                incoming.file.write(part)
            check_xorb(incoming.file)
            incoming.keep(target)
        return Response(data={"was_inserted": True})

    def _take_shard(self, request: Request, xorbs: Path) -> None:
        data = request.body.read(MAX_SHARD + 1)
        if len(data) > MAX_SHARD:
            raise HubError(413, f"A shard of more than {MAX_SHARD} bytes")
        for file in files_of_shard(data):
            try:
                if file.sha256 is not None and self.store.objects.has(file.sha256, file.size):
                    measured(_content(file, xorbs), len, file.sha256, file.size)
                else:
                    self.store.objects.add(_content(file, xorbs), file.sha256, file.size)
            except HubError as refusal:
                if xorbs.name == self.id():
                    self.retire()
                message = f"{refusal.message}. Run the upload again, in a new process: all is sent anew"
                raise HubError(refusal.status, message) from None

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


def _content(file: ShardFile, xorbs: Path) -> Iterator[bytes]:
    for term in file.terms:
        length = 0
        try:
            xorb = open(_xorb(xorbs, term.xorb), "rb")  # noqa: SIM115
        except FileNotFoundError:
            raise HubError(400, f"Xorb {term.xorb} is not here") from None
        with xorb:
            for chunk in read_chunks(xorb, term.first, term.stop):
                length += len(chunk)
                yield chunk
        if length != term.length:
            raise HubError(400, f"A part of a file has {length} bytes, not {term.length}")


def _xorb(xorbs: Path, name: str) -> Path:
    if not re.fullmatch(r"[0-9a-f]{64}", name):
        raise HubError(400, f"Not the hash of a xorb: {name!r}")
    return xorbs / name[:2] / name
