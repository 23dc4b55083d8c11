"""What a Hub's URL tells: whether it is on this computer, and how it is written where others may read it."""

from __future__ import annotations

import ipaddress
import re
import socket
from urllib.parse import urlsplit

from lrl_datasets.errors import LrlError

_CREDENTIALS = re.compile(r"(?<=://)[^/\s@]*@")


def is_loopback(endpoint: str) -> bool:
    """Say whether an endpoint is on this computer: every address its host resolves to is a loopback one.

    Raises
    ------
    LrlError
        It is no URL with a host.
    """
    host = urlsplit(endpoint).hostname
    if not host:
        raise LrlError(f"{endpoint!r} is no endpoint: write it as http://HOST:PORT or https://HOST")
    try:
        found = {str(item[4][0]).partition("%")[0] for item in socket.getaddrinfo(host, None)}
    except OSError:
        return False
    return bool(found) and all(ipaddress.ip_address(address).is_loopback for address in found)


def without_credentials(text: str) -> str:
    """Return a URL, or a text with URLs in it, without what stands before the `@` of a host."""
    return _CREDENTIALS.sub("", text)
