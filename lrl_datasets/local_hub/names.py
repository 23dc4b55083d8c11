"""Names that came from a client, checked before they become a path on disk, an address or a file elsewhere."""

from __future__ import annotations

import re

from lrl_datasets.local_hub.addresses import ACTIONS
from lrl_datasets.local_hub.objects import HubError

# What an address may begin with that is no model's.
_FIRST = {"api", "datasets", "lfs", "models", "spaces", "xet"}


def check_repo_id(repo_id: str) -> None:
    """Refuse an id that the Hub would not take: `name` or `organisation/name`, no `--`, no `..`."""
    parts = repo_id.split("/")
    good = all(re.fullmatch(r"\w(?:[\w.-]{0,94}\w)?", part, re.ASCII) for part in parts)
    if not good or len(parts) > 2 or "--" in repo_id or ".." in repo_id or repo_id.endswith(".git"):
        raise HubError(400, f"Invalid repository id: {repo_id!r}")


def check_new_id(kind: str, repo_id: str) -> None:
    """Refuse a new id whose addresses would be read as something else: `a/tree`, a model `datasets/x`."""
    check_repo_id(repo_id)
    owner, _, name = repo_id.rpartition("/")
    first = owner or name
    if name in ACTIONS or first in ("resolve", "raw") or (kind == "models" and first in _FIRST):
        raise HubError(400, f"Invalid repository id: {repo_id!r} has a name that the Hub's addresses use")


def check_path(path: str) -> None:
    """Refuse a file path that could leave a folder it is downloaded to, or that git would not take."""
    parts = path.split("/")
    if (
        any(part in ("", ".", "..") or part.lower() == ".git" for part in parts)
        or any(ord(character) < 32 or character in "\\\x7f" for character in path)
        or any(len(part.encode("utf-8", "replace")) > 255 for part in parts)
        or re.match(r"[A-Za-z]:", path)
    ):
        raise HubError(400, f"Invalid path in the repository: {path!r}")


def check_ref(name: str) -> None:
    """Refuse a name of a branch or tag that git or an address would not take."""
    if (
        not re.fullmatch(r"\w[\w./-]{0,199}", name, re.ASCII)
        or any(bad in name for bad in ("..", "//", "/."))
        or name.endswith((".", "/", ".lock"))
        or name.startswith("refs/")
        or re.fullmatch(r"[0-9a-f]{40}", name)
    ):
        raise HubError(400, f"Invalid reference: {name!r}")
