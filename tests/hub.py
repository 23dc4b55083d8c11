"""Helpers for tests that need a Hub: a local one, and the real clients in processes of their own."""

from __future__ import annotations

import os
import subprocess
import sys
import tempfile
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path

from lrl_datasets import local_hub


@contextmanager
def running_hub(tmp_path: Path, token: str | None = None) -> Iterator[local_hub.Server]:
    """Serve the store `tmp_path/hub` while the block runs; `.url` is the endpoint."""
    with local_hub.serve(tmp_path / "hub", token=token) as server:
        yield server


def client_environment(endpoint: str, home: Path) -> dict[str, str]:
    """Return the environment of a process that uses the local Hub, its cache under `home`."""
    kept = {
        name: value
        for name, value in os.environ.items()
        if not name.startswith(("HF_", "HUGGING", "TRANSFORMERS_", "XDG_"))
    }
    return kept | {
        "HF_ENDPOINT": endpoint,
        "HF_HOME": str(home),
        "HF_HUB_DISABLE_XET": "1",
        "HF_HUB_DISABLE_TELEMETRY": "1",
        "HF_HUB_DISABLE_PROGRESS_BARS": "1",
        "NO_PROXY": "*",
    }


def run_client(
    code: str,
    endpoint: str,
    tmp_path: Path,
    *,
    home: Path | None = None,
    env: Mapping[str, str] | None = None,
) -> str:
    """Run Python code in a fresh process, in an empty folder, with `HF_ENDPOINT` and an empty cache.

    Returns what it printed; raises with its stderr where it fails. `home` names a cache to use again.
    """
    folder = Path(tempfile.mkdtemp(dir=tmp_path, prefix="empty-"))
    cache = home or Path(tempfile.mkdtemp(dir=tmp_path, prefix="hf-home-"))
    # At the very end of a process the native threads of the clients abort now and then; what it did is done by then.
    ending = "\nimport os as _os, sys as _sys\n_sys.stdout.flush(), _sys.stderr.flush(), _os._exit(0)\n"
    done = subprocess.run(
        [sys.executable, "-c", code + ending],
        cwd=folder,
        env=client_environment(endpoint, cache) | dict(env or {}),
        capture_output=True,
        text=True,
        timeout=300,
        check=False,
    )
    if done.returncode:
        raise AssertionError(
            f"the client's process ended with {done.returncode}\n{done.stdout}\n{done.stderr}"
        )
    return done.stdout


def put_dataset(
    endpoint: str,
    repo_id: str,
    files: Mapping[str, bytes | Path],
    revision: str | None = None,
    tag: str | None = None,
    *,
    repo_type: str = "dataset",
) -> str:
    """Create a repository and commit files with the real client in a process of its own; returns the commit.

    Where the client itself is not what is tested, `local_hub.put(directory, repo_id, folder)` is quicker.
    """
    with tempfile.TemporaryDirectory() as scratch:
        places = {}
        for number, (path, content) in enumerate(files.items()):
            place = content if isinstance(content, Path) else Path(scratch, f"{number}.bytes")
            if isinstance(content, bytes):
                place.write_bytes(content)
            places[path] = str(place.absolute())
        code = f"""
from huggingface_hub import CommitOperationAdd, HfApi
api, where = HfApi(), dict(repo_id={repo_id!r}, repo_type={repo_type!r})
api.create_repo(**where, exist_ok=True)
if {revision!r} not in (None, "main"):
    api.create_branch(**where, branch={revision!r}, exist_ok=True)
add = [CommitOperationAdd(path, place) for path, place in {places!r}.items()]
made = api.create_commit(**where, operations=add, commit_message="Files", revision={revision!r})
if {tag!r} is not None:
    api.create_tag(**where, tag={tag!r}, revision=made.oid)
print(made.oid)
"""
        return run_client(code, endpoint, Path(scratch)).strip()
