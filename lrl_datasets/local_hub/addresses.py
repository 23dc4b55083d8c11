"""Which part of an address names what: ids have one segment or two, revisions may have slashes. And where a Hub is."""

from __future__ import annotations

import ipaddress
import socket
from contextlib import suppress

# What may follow a repository's id: `api/models/gpt2/tree/main` names `gpt2`, not `gpt2/tree`.
ACTIONS = {
    "revision", "tree", "paths-info", "refs", "commits", "commit", "preupload", "branch", "tag",
    "xet-write-token", "xet-read-token", "parquet", "settings", "discussions", "super-squash", "resolve", "raw",
    "lfs-files",
}  # fmt: skip


def split_id(segments: list[str]) -> tuple[str, list[str]]:
    """Take the repository's id off the front: `org/name`, or `name` alone."""
    if len(segments) > 1 and segments[1] not in ACTIONS:
        return "/".join(segments[:2]), segments[2:]
    return segments[0], segments[1:]


def kind_and_id(segments: list[str]) -> tuple[str, str]:
    """Read the repository of an address as a browser or git has it: models have no prefix."""
    kind, rest = (segments[0], segments[1:]) if segments[:1] == ["datasets"] else ("models", segments)
    return kind, "/".join(rest).removesuffix(".git")


def revision_and_path(segments: list[str]) -> tuple[str, str]:
    """Tell revision and path apart where a client left the slashes of `refs/convert/parquet` as they are."""
    width = 3 if segments[0] == "refs" and len(segments) > 3 else 1
    return "/".join(segments[:width]), "/".join(segments[width:])


def reachable_at(host: str) -> list[str]:
    """Return the hosts at which a server that binds `host` is found, the best first, as a URL has them.

    For `0.0.0.0` and `::`, which no other machine can ask for, these are this machine's addresses and its name.
    """
    if host not in ("0.0.0.0", "::"):  # noqa: S104 — compared, not bound
        return [f"[{host}]" if ":" in host else host]
    found: list[str] = []
    # Which address leads out: connecting UDP sends nothing. The targets are reserved for documentation.
    for family, target in ((socket.AF_INET, "192.0.2.1"), (socket.AF_INET6, "2001:db8::1")):
        if family == socket.AF_INET or host == "::":
            with suppress(OSError), socket.socket(family, socket.SOCK_DGRAM) as probe:
                probe.connect((target, 9))
                found.append(probe.getsockname()[0])
    name = socket.gethostname()
    with suppress(OSError, UnicodeError):
        found += [str(info[4][0]) for info in socket.getaddrinfo(name, None, type=socket.SOCK_STREAM)]
    good = []
    for text in found:
        address = ipaddress.ip_address(text.partition("%")[0])
        if not (address.is_loopback or address.is_unspecified or address.is_link_local):
            if address.version == 4:
                good.append(text)
            elif host == "::":
                good.append(f"[{text}]")
    return list(dict.fromkeys([*good, name]))
