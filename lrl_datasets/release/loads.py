"""Proves that a published release loads as it was built: every row of every config and split, as a user gets it.

In a fresh process, with an empty cache, and from an empty folder: in one that holds a folder of the dataset's
name, `load_dataset` reads that folder and ignores the revision without a word. Both sides are reduced to a
number of rows and a hash over all of them in their order, so only these pass between the processes.
The hash costs about 5 s for 100,000 rows a side.
"""

from __future__ import annotations

import hashlib
import json
import os
import subprocess
import sys
import tempfile
from collections.abc import Iterable, Mapping
from dataclasses import asdict, dataclass
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq

from lrl_datasets.errors import LrlError
from lrl_datasets.release import manifest
from lrl_datasets.release.publish import hub_address
from lrl_datasets.release.publish_client import Published

_BATCH = 10_000


@dataclass(frozen=True)
class Content:
    """The rows of one split."""

    rows: int
    digest: str
    """SHA-256 over every row, as JSON, in order."""


Contents = dict[str, dict[str, Content]]
"""By config and split."""


def verify_loads(
    published: Published,
    endpoint: str | None,
    expected: Mapping[str, Mapping[str, Content]],
    *,
    token: str | None = None,
) -> Contents:
    """Load every config at the tag (of a pull request: its commit) and compare it with what was built.

    Parameters
    ----------
    published
        What `publish` returned.
    endpoint, token
        The same as for `publish`.
    expected
        `built(folder)`.

    Returns
    -------
    dict
        What was loaded, by config and split.

    Raises
    ------
    LrlError
        A config does not load, or has other splits, another number of rows, or other rows.
    """
    endpoint = hub_address(endpoint)
    what = f"{published.repo} at {published.revision} from {endpoint}"
    code = "from lrl_datasets.release.loads import main; main()"
    with tempfile.TemporaryDirectory(prefix="lrl-verify-") as scratch:
        empty = Path(scratch, "empty")
        empty.mkdir()
        done = subprocess.run(
            [sys.executable, "-P", "-c", code, published.repo, published.revision, *expected],
            cwd=empty,
            env=_environment(endpoint, token) | {"HF_HOME": str(Path(scratch, "home"))},
            capture_output=True,
            text=True,
            check=False,
        )
    if done.returncode:
        reason = (done.stderr.strip().splitlines() or ["no message"])[-1]
        raise LrlError(f"load_dataset fails for {what}: {reason}")
    answered = json.loads(done.stdout.splitlines()[-1])
    loaded = {c: {s: Content(**content) for s, content in splits.items()} for c, splits in answered.items()}
    for config, splits in expected.items():
        rows = [{split: content.rows for split, content in of[config].items()} for of in (loaded, expected)]
        if rows[0] != rows[1]:
            raise LrlError(f"{what}, config {config}: loaded {rows[0]} rows, built {rows[1]}")
        if other := [split for split in splits if loaded[config][split] != splits[split]]:
            raise LrlError(
                f"{what}, config {config}: rows of {', '.join(other)} are not those that were built"
            )
    return loaded


def built(folder: Path) -> Contents:
    """Read from a release folder what must be loaded, config by config."""
    folder = Path(folder)
    configs = json.loads((folder / manifest.NAME).read_text("utf-8"))["configs"]
    found: Contents = {}
    for config, splits in configs.items():
        for split, facts in splits.items():
            content = digest(pq.ParquetFile(folder / facts["path"]).iter_batches(_BATCH))
            if content.rows != facts["rows"]:
                raise LrlError(
                    f"{folder / facts['path']}: {content.rows} rows, the manifest says {facts['rows']}"
                )
            found.setdefault(config, {})[split] = content
    return found


def digest(batches: Iterable[pa.RecordBatch | pa.Table]) -> Content:
    """Reduce rows to their number and a hash, the same in whatever Arrow types or batches they come."""
    rows, hashed = 0, hashlib.sha256()
    for batch in batches:
        rows += batch.num_rows
        for row in batch.to_pylist():
            hashed.update(json.dumps(row, sort_keys=True, default=str).encode() + b"\n")
    return Content(rows, hashed.hexdigest())


def main() -> None:
    """Load, in the fresh process: `REPO REVISION CONFIG…` on the command line, JSON on stdout."""
    from datasets import load_dataset

    repo, revision, *configs = sys.argv[1:]
    loaded = {}
    for config in configs:
        splits = load_dataset(repo, name=config, revision=revision)
        loaded[config] = {
            split: asdict(digest(dataset.with_format("arrow").iter(_BATCH)))
            for split, dataset in splits.items()
        }
    print(json.dumps(loaded))


def _environment(endpoint: str, token: str | None) -> dict[str, str]:
    """Return a user's environment: nothing of the client's is set but the endpoint and the login."""
    environment = {
        name: value for name, value in os.environ.items() if not name.startswith(("HF_", "HUGGINGFACE_"))
    }
    environment |= {"HF_ENDPOINT": endpoint, "HF_HUB_DISABLE_PROGRESS_BARS": "1"}
    # The cache is new; the login is not.
    if secret := token or os.environ.get("HF_TOKEN"):
        environment["HF_TOKEN"] = secret
    home = os.environ.get("HF_HOME") or Path(os.environ.get("XDG_CACHE_HOME", "~/.cache"), "huggingface")
    environment["HF_TOKEN_PATH"] = os.environ.get("HF_TOKEN_PATH") or str(Path(home, "token").expanduser())
    return environment
