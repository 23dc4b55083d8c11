"""Moves one finished release folder to a Hub: one commit, verified, then a tag.

Takes a folder with its `manifest.json` and gives the commit and the tag. The tag is the point of publication:
before it nothing is released, and running again after a crash at any point ends in the same single commit and
the same tag. `push_to_hub` and `upload_folder` are never used: both split a release into several commits.

`plan.py` compares folder and Hub, `publish_client.py` writes, `loads.py` proves that it loads. The client runs
in a process of its own: `huggingface_hub` reads its environment once, when it is imported, and who calls
`publish` may have imported it long before; the child gets the right endpoint and ends with its parent.
"""

from __future__ import annotations

import json
import os
import re
import subprocess
import sys
from dataclasses import asdict
from pathlib import Path
from typing import Any, cast

from lrl_datasets import card_validator
from lrl_datasets.endpoints import is_loopback
from lrl_datasets.errors import LrlError
from lrl_datasets.release import manifest
from lrl_datasets.release.plan import Plan
from lrl_datasets.release.publish_client import Published, Request

DEFAULT_ENDPOINT = "https://huggingface.co"


def publish(
    folder: Path,
    endpoint: str | None = None,
    *,
    repo: str | None = None,
    version: str | None = None,
    token: str | None = None,
    private: bool = False,
    create_pr: bool = False,
    replace_unfinished: bool = False,
    renamed: Path | None = None,
) -> Published:
    """Publish a release folder; does nothing where it is published already.

    1. The folder must hold exactly the files of its manifest, byte for byte, and a card the Hub takes.
    2. A tag `vX.Y.Z` that stands already must hold the same files: then all is done.
    3. The large files go up, then one commit on the head that was seen, which also deletes the files of the
       previous version that are no more; if a commit holds the files already, there is no other.
    4. The tree at the commit is compared with the manifest, by hash.
    5. The tag is made, never moved.

    Where an answer is lost, it looks again, a few times. When it raises, run it again: whatever was done stays
    done and is not done twice.

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
        Makes a new repository private; one that is there and public is refused.
    create_pr
        Opens a pull request instead of committing to main; it is tagged once it is merged, by publishing again.
    replace_unfinished
        Commits over a release of other content that was committed and never tagged.
    renamed
        After `--rekey`: the file of old and new names; default: the one that the build left beside the folder.

    Raises
    ------
    LrlError
        The folder is not what its manifest says; a sample release or one that was not checked for suite leaks
        would leave this computer; the tag holds other files or a later version is published; it was not built
        on the latest release; somebody else published meanwhile, or is about to; the Hub refuses or cannot be
        reached.
    """
    checked, endpoint, environment = _checked(folder, endpoint, repo, version, token)
    names = str(renamed.absolute()) if renamed else None
    request = Request(str(checked), endpoint, private, create_pr, replace_unfinished, names)
    return Published(**_in_child(request, environment))


def preview(
    folder: Path,
    endpoint: str | None = None,
    *,
    repo: str | None = None,
    version: str | None = None,
    token: str | None = None,
    private: bool = False,
    create_pr: bool = False,
    replace_unfinished: bool = False,
    renamed: Path | None = None,
) -> Plan:
    """Say what `publish` would do, with the same checks and refusals, and do nothing."""
    checked, endpoint, environment = _checked(folder, endpoint, repo, version, token)
    names = str(renamed.absolute()) if renamed else None
    request = Request(str(checked), endpoint, private, create_pr, replace_unfinished, names, dry_run=True)
    return Plan(**_in_child(request, environment))


def _checked(
    folder: Path, endpoint: str | None, repo: str | None, version: str | None, token: str | None
) -> tuple[Path, str, dict[str, str]]:
    """Check what can be checked without the Hub; returns folder, endpoint and the child's environment."""
    folder = Path(folder).absolute()
    content = check_folder(folder)
    for name, given in (("repository", repo), ("version", version)):
        if given is not None and given != content[name]:
            raise LrlError(f"{folder / manifest.NAME}: {name} is {content[name]}, not {given}")
    endpoint = hub_address(endpoint)
    local = is_loopback(endpoint)
    if not local and content["sample"]:
        raise LrlError(f"{folder}: a SAMPLE release goes to a Hub on this computer only, not to {endpoint}")
    if not local and not manifest.leak_checked(content):
        raise LrlError(
            f"{folder}: NOT LEAK-CHECKED, so it goes to a Hub on this computer only, not to {endpoint}; "
            "build it with --suite-index, an index of the real suite and not of SAMPLE rows"
        )
    environment = dict(os.environ) | {"HF_ENDPOINT": endpoint}
    if token is not None:
        environment["HF_TOKEN"] = token
    return folder, endpoint, environment


def check_folder(folder: Path) -> dict[str, Any]:
    """Compare a release folder with its manifest, file by file, and check its card; returns the manifest.

    Raises
    ------
    LrlError
        Naming the file that is missing, changed or not in the manifest, or what is wrong with the card.
    """
    path, content = folder / manifest.NAME, manifest.read(folder)
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
        if manifest.file_entry(folder / name) != entry:
            raise LrlError(f"{folder / name}: changed since the build (SHA-256 differs from the manifest)")
    card = folder / "README.md"
    if not card.is_file():
        raise LrlError(f"{card}: a release needs a card")
    if found := card_validator.problems(card.read_text("utf-8")):
        raise LrlError(f"{card}: " + "; ".join(found))
    return content


def hub_address(endpoint: str | None) -> str:
    """Return the Hub's address: the one given, else `HF_ENDPOINT`, else huggingface.co."""
    return (endpoint or os.environ.get("HF_ENDPOINT") or DEFAULT_ENDPOINT).rstrip("/")


def _in_child(request: Request, environment: dict[str, str]) -> dict[str, Any]:
    """Have `publish_client.main` answer one request in a process of its own."""
    code = "from lrl_datasets.release.publish_client import main; main()"
    with subprocess.Popen(
        [sys.executable, "-P", "-c", code],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        env=environment,
        text=True,
    ) as child:
        assert child.stdin is not None and child.stdout is not None  # noqa: S101 — for the type checker
        try:
            child.stdin.write(json.dumps(asdict(request)) + "\n")
            child.stdin.flush()
            answer = child.stdout.read()  # stdin stays open: its end tells the child that its parent is gone
        except BaseException:
            child.kill()
            raise
    if not answer:
        raise LrlError(f"publishing broke off (process ended with {child.returncode}); run it again")
    answered = cast("dict[str, Any]", json.loads(answer))
    if "error" in answered:
        raise LrlError(answered["error"])
    return answered
