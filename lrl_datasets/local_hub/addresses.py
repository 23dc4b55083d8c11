"""Which part of an address names what: ids have one segment or two, revisions may have slashes."""

from __future__ import annotations

# What may follow a repository's id: `api/models/gpt2/tree/main` names `gpt2`, not `gpt2/tree`.
_ACTIONS = {
    "revision", "tree", "paths-info", "refs", "commits", "commit", "preupload", "branch", "tag",
    "xet-write-token", "xet-read-token", "parquet", "settings", "discussions", "super-squash", "resolve", "raw",
    "lfs-files",
}  # fmt: skip


def split_id(segments: list[str]) -> tuple[str, list[str]]:
    """Take the repository's id off the front: `org/name`, or `name` alone."""
    if len(segments) > 1 and segments[1] not in _ACTIONS:
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
