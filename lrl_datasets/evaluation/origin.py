"""Where loaded rows truly came from.

`load_dataset("org/name", revision=…)` reads a folder of that name in the Hub's place without a word, and where
the Hub does not answer or does not have the dataset, whatever lies in the cache: rows of another revision, or
of another Hub. What was read is told by the cache that the rows lie in: `datasets` keeps rows of a Hub under
`org___name/CONFIG/VERSION/COMMIT/` and rows of a folder elsewhere.
"""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

from lrl_datasets.endpoints import without_credentials
from lrl_datasets.errors import LrlError

if TYPE_CHECKING:
    from datasets import Dataset

_HUB_CACHE = re.compile(r"/(?:(?P<org>[^/]+)___)?(?P<name>[^/]+)/[^/]+/[^/]+/(?P<commit>[0-9a-f]{40})/[^/]+$")
SAMPLE_TAGS = ("lrl-datasets", "sample")
"""Both stand in the card of a dataset whose rows were written for a rehearsal."""


def origin(rows: Dataset) -> tuple[str, str] | None:
    """Return the dataset's id (in lower case) and the commit that rows were read from; None if not from a Hub."""
    files = [file["filename"].replace("\\", "/") for file in getattr(rows, "cache_files", [])]
    read = set()
    for match in map(_HUB_CACHE.search, files):
        name = match and "/".join(part for part in (match["org"], match["name"]) if part)
        read.add((name, match["commit"]) if match and name else None)
    return read.pop() if len(read) == 1 else None


def check_commit(rows: Dataset, name: str, commit: str) -> None:
    """Refuse rows that are not those of the commit which the endpoint in use named for them.

    Raises
    ------
    LrlError
        They are rows of another commit: of another revision, or of another Hub's dataset of the same name.
    """
    found = origin(rows)
    if found is None or found[1] != commit:
        read = f"commit {found[1]}" if found else "no commit of a Hub"
        raise LrlError(
            f"dataset {name}: the Hub at {endpoint()} has it at commit {commit}, but the rows that were read are "
            f"those of {read}, from the cache: run again, or with an empty HF_HOME"
        )


def is_sample(name: str, commit: str) -> bool | None:
    """Say whether a dataset's card calls its rows a SAMPLE; None where the card cannot be read.

    `load_dataset` has read the card and left it in the cache, so nothing is asked of the Hub again.
    """
    import httpx2
    from huggingface_hub import DatasetCard, hf_hub_download
    from huggingface_hub.errors import LocalEntryNotFoundError, RemoteEntryNotFoundError

    try:
        path = hf_hub_download(name, "README.md", repo_type="dataset", revision=commit)
        tags = DatasetCard.load(path, ignore_metadata_errors=True).data.get("tags") or []
    except RemoteEntryNotFoundError:
        return False  # no card
    except (LocalEntryNotFoundError, OSError, ValueError, httpx2.HTTPError):
        return None
    return set(SAMPLE_TAGS) <= set(tags)


def endpoint() -> str:
    """Return the endpoint in use, without credentials."""
    from huggingface_hub import constants

    return without_credentials(constants.ENDPOINT)


def is_offline() -> bool:
    """Say whether the Hub client is told to use its cache alone (`HF_HUB_OFFLINE=1`)."""
    from huggingface_hub import constants

    return bool(constants.is_offline_mode())
