"""Moves one finished release folder to a Hub: one commit, verified, then a tag.

Takes a folder with its `manifest.json` and gives the commit and the tag. The tag is the point of publication:
before it nothing is released, and running again after a crash at any point ends in the same single commit and
the same tag. `push_to_hub` and `upload_folder` are never used: both split a release into several commits.

The client runs in a process of its own. `huggingface_hub` reads `HF_ENDPOINT` and `HF_HUB_DISABLE_XET` once,
when it is imported, and who calls `publish` may have imported it long before; the child gets the right
environment and ends with its parent.
"""

from __future__ import annotations

import hashlib
import json
import os
import re
import subprocess
import sys
import tempfile
import threading
from collections.abc import Mapping
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, NoReturn, cast

from lrl_datasets import card_validator
from lrl_datasets.endpoints import is_loopback
from lrl_datasets.errors import LrlError
from lrl_datasets.release import manifest

if TYPE_CHECKING:
    from huggingface_hub import HfApi

DEFAULT_ENDPOINT = "https://huggingface.co"
_KEPT = frozenset({".gitattributes"})
"""Files of the repository that are the Hub's, not the release's."""


@dataclass(frozen=True)
class Published:
    """Where a release lies."""

    repo: str
    version: str
    commit: str
    tag: str
    url: str
    uploaded: int
    """Files that the commit added or changed; 0 where none was needed."""
    skipped: bool
    """The tag stood there already, with the same files."""


def publish(
    folder: Path,
    endpoint: str | None = None,
    *,
    repo: str | None = None,
    version: str | None = None,
    token: str | None = None,
    private: bool = False,
) -> Published:
    """Publish a release folder; does nothing where it is published already.

    1. The folder must hold exactly the files of its manifest, byte for byte, and a card the Hub takes.
    2. A tag `vX.Y.Z` that stands already must hold the same files: then all is done.
    3. The large files go up, then one commit on the head that was seen, which also deletes the files of the
       previous version that are no more; if the head holds the files already, there is no commit.
    4. The tree at the commit is compared with the manifest, by hash.
    5. The tag is made, never moved.

    Parameters
    ----------
    folder
        A release folder; `manifest.json` names its repository and version.
    endpoint
        The Hub, e.g. `http://127.0.0.1:8123`; default `HF_ENDPOINT`, else huggingface.co.
    repo, version
        Must agree with the manifest where they are given.
    token
        Default: `HF_TOKEN` or the stored login.
    private
        Makes a new repository private; an existing one stays as it is.

    Raises
    ------
    LrlError
        The folder is not what its manifest says; a sample release or one that was not checked for suite leaks
        would leave this computer; the tag holds other files; somebody else published meanwhile; the Hub
        refuses or cannot be reached.
    """
    folder = Path(folder).absolute()
    content = check_folder(folder)
    for name, given in (("repository", repo), ("version", version)):
        if given is not None and given != content[name]:
            raise LrlError(f"{folder / manifest.NAME}: {name} is {content[name]}, not {given}")
    endpoint = (endpoint or os.environ.get("HF_ENDPOINT") or DEFAULT_ENDPOINT).rstrip("/")
    local = is_loopback(endpoint)
    if not local and content["sample"]:
        raise LrlError(f"{folder}: a SAMPLE release goes to a Hub on this computer only, not to {endpoint}")
    if not local and content["suite_index"] is None:
        raise LrlError(
            f"{folder}: NOT LEAK-CHECKED, so it goes to a Hub on this computer only, not to {endpoint}; "
            "build it with --suite-index"
        )
    environment = dict(os.environ) | {"HF_ENDPOINT": endpoint}
    if local:
        environment["HF_HUB_DISABLE_XET"] = "1"
    if token is not None:
        environment["HF_TOKEN"] = token
    request = {"folder": str(folder), "endpoint": endpoint, "private": private}
    answer = _in_child(request, environment)
    if "error" in answer:
        raise LrlError(answer["error"])
    return Published(**answer)


def check_folder(folder: Path) -> dict[str, Any]:
    """Compare a release folder with its manifest, file by file, and check its card; returns the manifest.

    Raises
    ------
    LrlError
        Naming the file that is missing, changed or not in the manifest, or what is wrong with the card.
    """
    path = folder / manifest.NAME
    try:
        content = json.loads(path.read_text("utf-8"))
    except FileNotFoundError:
        raise LrlError(f"{path}: not there, so {folder} is no release folder") from None
    except ValueError as problem:
        raise LrlError(f"{path}: not JSON: {problem}") from None
    if not isinstance(content, dict):
        raise LrlError(f"{path}: not a JSON object")
    kinds = (("repository", str), ("version", str), ("sample", bool), ("files", dict))
    for name, kind in kinds:
        if not isinstance(content.get(name), kind):
            raise LrlError(f"{path}: {name!r} is missing or no {kind.__name__}")
    if "suite_index" not in content:
        raise LrlError(f"{path}: 'suite_index' is missing (null: not leak-checked)")
    if not re.fullmatch(r"[\w.-]+/[\w.-]+", content["repository"]):
        raise LrlError(f"{path}: repository {content['repository']!r} is not `organisation/name`")
    if not re.fullmatch(r"(0|[1-9]\d*)\.(0|[1-9]\d*)\.(0|[1-9]\d*)", content["version"]):
        raise LrlError(f"{path}: version {content['version']!r} is not `X.Y.Z`")
    if "default" not in content.get("configs", {}):
        raise LrlError(f"{path}: no row was published, so there is nothing to load; `rejected` says why")
    there = {file.relative_to(folder).as_posix() for file in folder.rglob("*") if file.is_file()} - {
        manifest.NAME
    }
    for name in sorted(there ^ content["files"].keys()):
        raise LrlError(
            f"{folder / name}: " + ("not in the manifest" if name in there else "in the manifest, not there")
        )
    for name, entry in sorted(content["files"].items()):
        if manifest.file_entry(folder / name) != {"sha256": entry.get("sha256"), "size": entry.get("size")}:
            raise LrlError(f"{folder / name}: changed since the build (SHA-256 differs from the manifest)")
    card = folder / "README.md"
    if not card.is_file():
        raise LrlError(f"{card}: a release needs a card")
    if found := card_validator.problems(card.read_text("utf-8")):
        raise LrlError(f"{card}: " + "; ".join(found))
    return content


def expected_rows(folder: Path) -> dict[str, dict[str, int]]:
    """Return the rows of every config and split, as the folder's manifest has them."""
    configs = json.loads((Path(folder) / manifest.NAME).read_text("utf-8"))["configs"]
    return {
        config: {split: int(facts["rows"]) for split, facts in splits.items()}
        for config, splits in configs.items()
    }


def verify_loads(
    published: Published,
    endpoint: str | None,
    expected: Mapping[str, Mapping[str, int]],
    *,
    token: str | None = None,
) -> dict[str, dict[str, int]]:
    """Load every config at the tag as a user would and compare the numbers of rows.

    In a fresh process, an empty folder (a folder named like the dataset would be loaded instead of it) and
    with an empty cache.

    Parameters
    ----------
    published
        What `publish` returned.
    endpoint
        The same as for `publish`.
    expected
        Rows by config and split: `expected_rows(folder)`.

    Returns
    -------
    dict
        The rows that were loaded, by config and split.

    Raises
    ------
    LrlError
        A config does not load, or has other rows.
    """
    endpoint = (endpoint or os.environ.get("HF_ENDPOINT") or DEFAULT_ENDPOINT).rstrip("/")
    code = (
        "import json, sys; from datasets import load_dataset; repo, tag, *configs = sys.argv[1:]; "
        "load = lambda config: load_dataset(repo, name=config, revision=tag); "
        "print(json.dumps({c: {s: d.num_rows for s, d in load(c).items()} for c in configs}))"
    )
    environment = {
        name: value for name, value in os.environ.items() if not name.startswith(("HF_", "HUGGINGFACE_"))
    }
    environment |= {"HF_ENDPOINT": endpoint, "HF_HUB_DISABLE_PROGRESS_BARS": "1"}
    if is_loopback(endpoint):
        environment["HF_HUB_DISABLE_XET"] = "1"
    # The cache is new; the login is not.
    if secret := token or os.environ.get("HF_TOKEN"):
        environment["HF_TOKEN"] = secret
    home = os.environ.get("HF_HOME") or Path(os.environ.get("XDG_CACHE_HOME", "~/.cache"), "huggingface")
    environment["HF_TOKEN_PATH"] = os.environ.get("HF_TOKEN_PATH") or str(Path(home, "token").expanduser())
    with tempfile.TemporaryDirectory(prefix="lrl-verify-") as scratch:
        empty = Path(scratch, "empty")
        empty.mkdir()
        done = subprocess.run(
            [sys.executable, "-P", "-c", code, published.repo, published.tag, *expected],
            cwd=empty,
            env=environment | {"HF_HOME": str(Path(scratch, "home"))},
            capture_output=True,
            text=True,
            check=False,
        )
    what = f"{published.repo} at {published.tag} from {endpoint}"
    if done.returncode:
        reason = (done.stderr.strip().splitlines() or ["no message"])[-1]
        raise LrlError(f"load_dataset fails for {what}: {reason}")
    loaded = cast("dict[str, dict[str, int]]", json.loads(done.stdout.splitlines()[-1]))
    for config, splits in expected.items():
        if loaded[config] != dict(splits):
            raise LrlError(f"{what}, config {config}: loaded {loaded[config]} rows, built {dict(splits)}")
    return loaded


# ---- in the child process -------------------------------------------------------------------------------


def _in_child(request: dict[str, Any], environment: dict[str, str]) -> dict[str, Any]:
    code = "from lrl_datasets.release.publish import _child; _child()"
    with subprocess.Popen(
        [sys.executable, "-P", "-c", code],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        env=environment,
        text=True,
    ) as child:
        assert child.stdin is not None and child.stdout is not None  # noqa: S101 — for the type checker
        try:
            child.stdin.write(json.dumps(request) + "\n")
            child.stdin.flush()
            answer = child.stdout.read()  # stdin stays open: its end tells the child that its parent is gone
        except BaseException:
            child.kill()
            raise
    if not answer:
        raise LrlError(f"publishing broke off (process ended with {child.returncode}); run it again")
    return cast("dict[str, Any]", json.loads(answer))


def _child() -> NoReturn:
    """Answer the one request on stdin; the client's progress bars and warnings go to stderr."""
    out = os.fdopen(os.dup(1), "w")
    os.dup2(2, 1)
    request = json.loads(sys.stdin.readline())

    def end_with_parent() -> None:
        sys.stdin.read()
        os._exit(1)

    threading.Thread(target=end_with_parent, daemon=True).start()
    try:
        answer: dict[str, Any] = asdict(
            _publish(Path(request["folder"]), request["endpoint"], request["private"])
        )
    except LrlError as refusal:
        answer = {"error": str(refusal)}
    except Exception as problem:
        # The client's messages carry the request's address and the Hub's answer, never a header.
        answer = {"error": f"{request['endpoint']}: {type(problem).__name__}: {str(problem).strip()}"}
    out.write(json.dumps(answer))
    out.close()
    sys.stderr.flush()
    os._exit(0)


def _publish(folder: Path, endpoint: str, private: bool) -> Published:
    from huggingface_hub import CommitOperationAdd, CommitOperationDelete, HfApi
    from huggingface_hub.errors import HfHubHTTPError, RepositoryNotFoundError

    content = json.loads((folder / manifest.NAME).read_text("utf-8"))
    repo, tag = content["repository"], f"v{content['version']}"
    files: dict[str, dict[str, Any]] = content["files"] | {
        manifest.NAME: manifest.file_entry(folder / manifest.NAME)
    }
    api = HfApi(endpoint=endpoint, library_name="lrl-datasets")
    where: dict[str, Any] = {"repo_id": repo, "repo_type": "dataset"}

    def done(commit: str, uploaded: int, skipped: bool) -> Published:
        url = f"{endpoint}/datasets/{repo}/tree/{tag}"
        return Published(repo, content["version"], commit, tag, url, uploaded, skipped)

    try:
        refs = api.list_repo_refs(**where)
    except RepositoryNotFoundError:
        api.create_repo(**where, private=private)
        refs = api.list_repo_refs(**where)

    tagged = {ref.name: ref.target_commit for ref in refs.tags}.get(tag)
    if tagged is not None:
        if wrong := _differences(api, repo, tagged, folder, files):
            raise LrlError(
                f"{repo} {tag} is published already, with other files ({_some(wrong)}); "
                "a tag never moves: give this release a new version"
            )
        return done(tagged, 0, skipped=True)

    head = next(ref.target_commit for ref in refs.branches if ref.name == "main")
    wrong = _differences(api, repo, head, folder, files)
    commit, changed = head, sorted(wrong.keys() & files.keys())
    if wrong:
        additions = [CommitOperationAdd(name, folder / name) for name in changed]
        deletions = [
            CommitOperationDelete(name, is_folder=False) for name in sorted(wrong.keys() - files.keys())
        ]
        api.preupload_lfs_files(**where, additions=additions)
        try:
            commit = api.create_commit(
                **where,
                operations=[*additions, *deletions],
                commit_message=f"Release {content['version']}",
                parent_commit=head,
            ).oid
        except HfHubHTTPError as refusal:
            if refusal.response.status_code == 412:
                raise LrlError(f"somebody published to {repo} meanwhile; look at it and run again") from None
            raise
        if wrong := _differences(api, repo, commit, folder, files):
            raise LrlError(f"{repo} at {commit} is not what was built ({_some(wrong)}); not tagged")
    try:
        api.create_tag(**where, tag=tag, revision=commit)
    except HfHubHTTPError as refusal:
        if refusal.response.status_code == 409:
            raise LrlError(f"somebody tagged {repo} {tag} meanwhile; look at it and run again") from None
        raise
    return done(commit, len(changed), skipped=False)


def _differences(
    api: HfApi, repo: str, commit: str, folder: Path, files: Mapping[str, dict[str, Any]]
) -> dict[str, str]:
    """Compare the tree at a commit with the release by hash: path to what is wrong with it there."""
    from huggingface_hub.hf_api import RepoFile

    tree = api.list_repo_tree(repo, repo_type="dataset", recursive=True, revision=commit)
    there = {item.path: item for item in tree if isinstance(item, RepoFile)}
    wrong = {path: "not of this release" for path in there if path not in files and path not in _KEPT}
    for path, entry in files.items():
        item = there.get(path)
        if item is None:
            wrong[path] = "missing"
        elif item.size != entry["size"] or (
            item.lfs.sha256 != entry["sha256"] if item.lfs else item.blob_id != _git_blob(folder / path)
        ):
            wrong[path] = "changed"
    return wrong


def _git_blob(path: Path) -> str:
    """Return git's SHA-1 of a file that the Hub keeps as a regular one, so below 10 MB."""
    content = path.read_bytes()
    return hashlib.sha1(b"blob %d\0" % len(content) + content, usedforsecurity=False).hexdigest()


def _some(wrong: Mapping[str, str]) -> str:
    named = [f"{path} {what}" for path, what in sorted(wrong.items())]
    return ", ".join(named[:5]) + (f" and {len(named) - 5} more" if len(named) > 5 else "")
