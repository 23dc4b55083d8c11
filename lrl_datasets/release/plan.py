"""Compares a release folder with the repository it goes to: what is there already, what is missing, what forbids it.

Only reads. `publish_client.py` does what the plan says, `lrl publish --dry-run` prints it. Files are compared by
hash, so neither takes a commit's message or a client's word for what it holds.
"""

from __future__ import annotations

import hashlib
import json
import re
import tempfile
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING, Any

from lrl_datasets.errors import LrlError
from lrl_datasets.release import locations, manifest, renamed
from lrl_datasets.release.diff import compare
from lrl_datasets.release.versions import minimum_version

if TYPE_CHECKING:
    from huggingface_hub import HfApi
    from huggingface_hub.hf_api import GitRefInfo, GitRefs, RepoFile


@dataclass(frozen=True)
class Plan:
    """What publishing does to a repository; sizes and rows stand in pairs, before and after, None: not there."""

    repo: str
    tag: str
    head: str | None
    """The commit that main is at; None: there is no repository yet."""
    before: str | None
    """Version of the release that main holds."""
    stands: str | None
    """The commit that holds this release already, so that none is needed."""
    tagged: bool
    """The tag stands there too: the release is published."""
    pull_request: str | None
    """The ref of a pull request that holds this release already, where one was asked for."""
    files: dict[str, list[int | None]]
    """Bytes of every file that is added, changed or deleted."""
    rows: dict[str, list[int | None]]
    """Rows by `config/split`, also where they stay the same."""


class Comparison:
    """One release folder against one Hub.

    Parameters
    ----------
    api
        The client, with the Hub's endpoint.
    folder
        A release folder that was checked against its manifest.
    names
        File with the old and new names of a build with `--rekey`; default: the file that it left beside the folder.
    """

    def __init__(self, api: HfApi, folder: Path, names: Path | None = None) -> None:
        self.api = api
        self.folder = folder
        self.names = names
        self.content: dict[str, Any] = json.loads((folder / manifest.NAME).read_text("utf-8"))
        self.repo: str = self.content["repository"]
        self.version: str = self.content["version"]
        self.tag = f"v{self.version}"
        self.title = f"Release {self.version}"
        """First line of the commit."""
        self.where: dict[str, Any] = {"repo_id": self.repo, "repo_type": "dataset"}

    @cached_property
    def files(self) -> dict[str, dict[str, Any]]:
        """SHA-256 and size of every file of the release, the manifest among them."""
        files: dict[str, dict[str, Any]] = self.content["files"]
        return files | {manifest.NAME: manifest.file_entry(self.folder / manifest.NAME)}

    def plan(self, *, create_pr: bool = False, replace_unfinished: bool = False) -> Plan:
        """Look at the Hub and say what is missing there.

        Raises
        ------
        LrlError
            The release cannot go there: its tag holds other files, a later version is published, main holds a
            release that was committed and never tagged, the latest release is not the one that it was built on,
            or the changes call for a higher version.
        """
        refs = self._refs(create_pr)
        if refs is None:
            return self._plan(None, {}, None)
        tags = {ref.name: ref.target_commit for ref in refs.tags}
        head = next(ref.target_commit for ref in refs.branches if ref.name == "main")
        if (tagged := tags.get(self.tag)) is not None:
            if wrong := self.differences(tagged):
                raise LrlError(
                    f"{self.repo} {self.tag} is published already, with other files ({some(wrong)}); "
                    "a tag never moves: give this release a new version"
                )
            return self._plan(head, {}, self.content, stands=tagged, tagged=True)
        latest = max((tag for tag in tags if _number(tag) != NO_VERSION), key=_number, default=None)
        if latest is not None and _number(latest) > _number(self.tag):
            raise LrlError(f"{self.repo}: {self.tag} is lower than {latest}, which is published")
        tree = self._tree(head)
        wrong = self._wrong(tree)
        if create_pr:
            if not wrong:
                raise LrlError(f"{self.repo}: main holds this release already; tag it without a pull request")
            stands, pull_request = self._in_pull_request(refs.pull_requests or [])
        else:
            stands, pull_request = (self._committed_before(tags) if wrong else head), None
        if stands is not None:
            return self._plan(head, {}, self.content, stands=stands, pull_request=pull_request)
        before = self._manifest_at(head) if manifest.NAME in tree else None
        unfinished = before and manifest.NAME in wrong and f"v{before['version']}" not in tags
        if before and unfinished and not (create_pr or replace_unfinished):
            raise LrlError(
                f"{self.repo}: main holds release {before['version']}, committed and not tagged: somebody is "
                "publishing it now, or broke off and can run it again; --replace-unfinished commits over it"
            )
        if latest is not None:
            self._refuse_what_does_not_follow(latest, tags[latest])
        sizes = {path: [_size(tree, path), self.files.get(path, {}).get("size")] for path in sorted(wrong)}
        return self._plan(head, sizes, before)

    def differences(self, commit: str) -> dict[str, str]:
        """Compare the tree at a commit with the release by hash: path to what is wrong with it there."""
        return self._wrong(self._tree(commit))

    def _wrong(self, tree: Mapping[str, RepoFile]) -> dict[str, str]:
        wrong = {
            path: "not of this release"
            for path in tree
            if path not in self.files and path not in locations.HUBS_OWN
        }
        for path, entry in self.files.items():
            item = tree.get(path)
            if item is None:
                wrong[path] = "missing"
            elif item.size != entry["size"] or (
                item.lfs.sha256 != entry["sha256"]
                if item.lfs
                else item.blob_id != _git_blob(self.folder / path)
            ):
                wrong[path] = "changed"
        return wrong

    def _refs(self, pull_requests: bool) -> GitRefs | None:
        from huggingface_hub.errors import RepositoryNotFoundError

        try:
            return self.api.list_repo_refs(**self.where, include_pull_requests=pull_requests)
        except RepositoryNotFoundError:
            return None

    def _tree(self, commit: str) -> dict[str, RepoFile]:
        from huggingface_hub.hf_api import RepoFile

        tree = self.api.list_repo_tree(**self.where, recursive=True, revision=commit)
        return {item.path: item for item in tree if isinstance(item, RepoFile)}

    def _committed_before(self, tags: Mapping[str, str]) -> str | None:
        """Find the release below the head: after it was committed, the card was edited on the Hub's page, say."""
        for commit in self.api.list_repo_commits(**self.where):
            if commit.commit_id in tags.values():
                return None
            if commit.title == self.title and not self.differences(commit.commit_id):
                return commit.commit_id
        return None

    def _in_pull_request(self, pulls: Iterable[GitRefInfo]) -> tuple[str, str] | tuple[None, None]:
        for pull in pulls:
            if not self.differences(pull.target_commit):
                return pull.target_commit, pull.ref
        return None, None

    def _manifest_at(self, commit: str) -> dict[str, Any] | None:
        """Read the manifest of the release at a commit; None where the file there is none of ours."""
        with tempfile.TemporaryDirectory(prefix="lrl-publish-") as scratch:
            path = self.api.hf_hub_download(
                **self.where, filename=manifest.NAME, revision=commit, cache_dir=scratch
            )
            try:
                found = json.loads(Path(path).read_text("utf-8"))
            except ValueError:
                return None
        ours = isinstance(found, dict) and {"repository", "version", "files", "configs"} <= found.keys()
        return found if ours and _number(f"v{found['version']}") != NO_VERSION else None

    def _refuse_what_does_not_follow(self, latest: str, commit: str) -> None:
        """Refuse a release that was not built on the latest one, or whose version is below what the changes call for.

        Only a build on the latest release keeps its splits, its withdrawn out and its changelog.
        """
        # By commit: a cached tag may be the same tag on another Hub, the one of the rehearsal.
        before, after = (
            locations.read(f"{self.repo}@{commit}", self.api.endpoint),
            locations.read(self.folder),
        )
        previous = self.content.get("previous") or {}
        assert before.folder is not None  # noqa: S101 — for the type checker
        if previous.get("manifest_sha256") != manifest.file_entry(before.folder / manifest.NAME)["sha256"]:
            built_on = previous.get("version")
            how = f"on another release, {built_on}" if built_on else "without a previous release"
            raise LrlError(
                f"{self.repo}: {latest} is published, and {self.tag} was built {how}; "
                f"build it with --previous {self.repo}@{latest}"
            )
        diff = compare(before, after, self._names(before, after))
        if diff.errors:
            raise LrlError(f"{self.repo}: {self.tag} cannot follow {latest}: {'; '.join(diff.errors[:5])}")
        smallest = minimum_version(latest[1:], diff)
        if _number(f"v{smallest}") > _number(self.tag):
            raise LrlError(
                f"{self.repo}: what changed since {latest} calls for version {smallest} at least, not {self.version}"
            )

    def _names(self, before: locations.Release, after: locations.Release) -> dict[str, str] | None:
        """Return old → new names where the pseudonym key changed."""
        if not renamed.keys_differ(before, after):
            return None
        path = self.names or renamed.beside(self.folder)
        if not path.is_file():
            raise LrlError(
                f"{path}: not there. This release has another pseudonym key than the one before, and the file of old "
                "and new names, which the build with --rekey left beside it, is needed to compare the two "
                "(--renamed FILE)"
            )
        return renamed.read_names(path)

    def _plan(
        self,
        head: str | None,
        files: dict[str, list[int | None]],
        before: Mapping[str, Any] | None,
        *,
        stands: str | None = None,
        tagged: bool = False,
        pull_request: str | None = None,
    ) -> Plan:
        if head is None:
            files = {path: [None, entry["size"]] for path, entry in sorted(self.files.items())}
        old, new = _rows(before or {}), _rows(self.content)
        return Plan(
            repo=self.repo,
            tag=self.tag,
            head=head,
            before=before["version"] if before else None,
            stands=stands,
            tagged=tagged,
            pull_request=pull_request,
            files=files,
            rows={name: [old.get(name), new.get(name)] for name in {**new, **old}},
        )


def some(wrong: Mapping[str, str]) -> str:
    """Name the first few of what `Comparison.differences` found."""
    named = [f"{path} {what}" for path, what in sorted(wrong.items())]
    return ", ".join(named[:5]) + (f" and {len(named) - 5} more" if len(named) > 5 else "")


NO_VERSION = (-1, -1, -1)


def _number(tag: str) -> tuple[int, int, int]:
    """Return the parts of a release's tag, below all others where it is no release's."""
    found = re.fullmatch(r"v(0|[1-9]\d*)\.(0|[1-9]\d*)\.(0|[1-9]\d*)", tag)
    return (int(found[1]), int(found[2]), int(found[3])) if found else NO_VERSION


def _rows(content: Mapping[str, Any]) -> dict[str, int]:
    return {
        f"{config}/{split}": facts["rows"]
        for config, splits in content.get("configs", {}).items()
        for split, facts in splits.items()
    }


def _size(tree: Mapping[str, RepoFile], path: str) -> int | None:
    return tree[path].size if path in tree else None


def _git_blob(path: Path) -> str:
    """Return git's SHA-1 of a file that the Hub keeps as a regular one, so below 10 MB."""
    content = path.read_bytes()
    return hashlib.sha1(b"blob %d\0" % len(content) + content, usedforsecurity=False).hexdigest()
