"""A revision on a Hub, resolved to its commit where it is asked, never from the cache.

A tag in the cache may be another Hub's of the same name (of a rehearsal, say), or one from before the Hub was
reachable. So whatever must be one certain release asks for the commit first, and then loads by commit.
"""

from __future__ import annotations

import re

from lrl_datasets.endpoints import without_credentials
from lrl_datasets.errors import LrlError


def resolve(name: str, revision: str, kind: str, endpoint: str | None = None) -> str:
    """Resolve a revision of a Hub `dataset` or `model` to its commit.

    Parameters
    ----------
    name
        `namespace/name`.
    revision
        A tag, branch, or commit.
    kind
        `dataset` or `model`.
    endpoint
        The Hub's URL; default the client's.

    Raises
    ------
    LrlError
        The Hub cannot be reached or does not know the repository or the revision.
    """
    import httpx2
    from huggingface_hub import HfApi, constants
    from huggingface_hub.errors import RepositoryNotFoundError, RevisionNotFoundError

    where = f"{kind} {name}@{revision} at {without_credentials(endpoint or constants.ENDPOINT)}"
    try:
        info = HfApi(endpoint=endpoint).repo_info(name, revision=revision, repo_type=kind)
    except RevisionNotFoundError as error:
        bare = re.fullmatch(r"\d+(\.\d+)*", revision)
        hint = f"; a version's tag begins with v: {name}@v{revision}" if bare else ""
        raise LrlError(f"{where}: there is no such revision{hint}") from error
    except RepositoryNotFoundError as error:
        raise LrlError(f"{where}: there is no such {kind}, or it is private") from error
    except (OSError, ValueError, httpx2.HTTPError, httpx2.InvalidURL) as error:
        raise LrlError(f"{where}: the Hub does not answer: {without_credentials(str(error))}") from error
    if not info.sha:
        raise LrlError(f"{where}: the Hub names no commit")
    return str(info.sha)
