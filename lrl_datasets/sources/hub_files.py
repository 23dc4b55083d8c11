"""The files of a dataset: from the Hub by the real clients, or a user's own of the same columns.

Takes a repository and a revision, or a path, gives the records of one split and the commit they come from.
Which files a split has on the Hub, `datasets` says (from the card or the file names) unless a source names
them. They are then read like local files, so a damaged line is one record here too.
"""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from fnmatch import fnmatchcase
from pathlib import Path

from lrl_datasets.errors import LrlError, NoAnswer, NotOnHub
from lrl_datasets.sources.records import Records
from lrl_datasets.sources.tables import Where, find_files, read_table

CONVERSION = "refs/convert/parquet"
"""The branch on which the Hub keeps a dataset as Parquet, also one whose loading script no one runs now."""


@dataclass(frozen=True)
class SplitFiles:
    """The records of one split."""

    commit: str | None
    """On the Hub; None for local files."""
    files: list[Records]
    left_out: dict[str, int]
    """Records outside the selection and evaluation data, counted."""


def read_split(
    path: Path | None,
    repo: str,
    revision: str,
    *,
    split: str,
    config: str | None = None,
    files: Sequence[str] = (),
    where: Where | None = None,
) -> SplitFiles:
    """Read one split: of the Hub's dataset, or of a file or folder where there is a `path`.

    Parameters
    ----------
    repo, revision, split, config, files
        As in `download`.
    where
        Column to the values of the records that are wanted.

    Raises
    ------
    LrlError
        If the Hub or a file cannot be read, or `path` is evaluation data.
    """
    commit: str | None = None
    left_out: Counter[str] = Counter()
    if path is None:
        commit, found = download(repo, revision, split=split, config=config, files=files)
    else:
        found, evaluation = find_files(path, split)
        for name, file in evaluation:
            left_out[f"evaluation data: {name}"] += read_table(file, name).file.records
    read = [read_table(file, name, where) for name, file in found]
    for records in read:
        left_out.update(records.left_out)
    return SplitFiles(commit, read, dict(left_out))


def download(
    repo: str,
    revision: str,
    *,
    split: str,
    config: str | None = None,
    files: Sequence[str] = (),
) -> tuple[str, list[tuple[str, Path]]]:
    """Download the files of one split.

    Parameters
    ----------
    repo, revision
        Dataset id; a commit, or a branch or tag (`refs/convert/parquet`) to be resolved to a commit first.
    split, config
        For `datasets` to find the files by; not used where `files` is given.
    files
        Paths in the repository, `*` standing for anything within one name. By default the Hub's own layout
        on its conversion branch (`CONFIG/SPLIT/0000.parquet`), elsewhere what `datasets` finds.

    Returns
    -------
    tuple
        The commit, and (path in the repository, local path) of each file, sorted by path.

    Raises
    ------
    LrlError
        If the Hub lacks the repository, revision, config, split or files.
    NoAnswer
        If it cannot be reached, or is out of order.
    """
    from datasets.exceptions import DatasetsError
    from httpx2 import HTTPError
    from huggingface_hub import HfApi, hf_hub_download
    from huggingface_hub.errors import EntryNotFoundError

    if revision == CONVERSION and not files:
        files = (f"{config or 'default'}/{split}/*.parquet",)
    try:
        commit = revision
        if not re.fullmatch(r"[0-9a-f]{40}", revision):
            commit = HfApi().dataset_info(repo, revision=revision).sha or revision
        names = _matching(repo, commit, files) if files else _of_split(repo, commit, config, split)
        local = [
            (name, Path(hf_hub_download(repo, name, repo_type="dataset", revision=commit)))
            for name in sorted(names)
        ]
    except (OSError, ValueError, HTTPError, DatasetsError, EntryNotFoundError) as error:
        kind, said = _plainly(error, files)
        raise kind(f"{repo} @ {revision}: {said}") from None
    return commit, local


def _matching(repo: str, commit: str, patterns: Sequence[str]) -> list[str]:
    from huggingface_hub import HfApi

    if not any("*" in pattern for pattern in patterns):
        return list(patterns)  # nothing to ask, so this works from the cache when offline
    there = HfApi().list_repo_files(repo, repo_type="dataset", revision=commit)
    found = []
    for pattern in patterns:
        matching = [n for n in there if n.count("/") == pattern.count("/") and fnmatchcase(n, pattern)]
        if not matching:
            raise LrlError(f"{repo} @ {commit}: no file matches {pattern!r}; there are: {', '.join(there)}")
        found += matching
    return sorted(set(found))


def _of_split(repo: str, commit: str, config: str | None, split: str) -> list[str]:
    from datasets import load_dataset_builder

    files = load_dataset_builder(repo, name=config, revision=commit).config.data_files or {}
    if split not in files:
        there = ", ".join(map(str, files)) or "none"
        raise LrlError(
            f"{repo} @ {commit}: no split {split!r} in config {config or 'default'}; there are: {there}"
        )
    prefix = f"hf://datasets/{repo}@{commit}/"
    for url in files[split]:
        if not str(url).startswith(prefix):
            raise LrlError(
                f"{repo} @ {commit}: a folder of that name here hides the Hub's dataset "
                "(datasets reads it and ignores the revision); run in another directory"
            )
    return [str(url).removeprefix(prefix) for url in files[split]]


def _plainly(error: Exception, asked: Sequence[str]) -> tuple[type[LrlError], str]:
    """Say what went wrong in a line, with what to do about it, and whether the Hub answered at all."""
    from datasets.exceptions import DatasetNotFoundError
    from httpx2 import HTTPError
    from huggingface_hub import errors

    chain: list[BaseException] = [error]
    while (cause := chain[-1].__cause__ or chain[-1].__context__) is not None and cause not in chain:
        chain.append(cause)
    told: tuple[tuple[type[LrlError], tuple[type[BaseException], ...], str], ...] = (
        (NotOnHub, (errors.GatedRepoError,), "access to the dataset must be asked for on the Hub first"),
        (NotOnHub, (errors.RevisionNotFoundError,), "no such revision on the Hub"),
        (
            NotOnHub,
            (errors.RepositoryNotFoundError, DatasetNotFoundError),
            "no such dataset on the Hub, or no access",
        ),
        (
            NotOnHub,
            (errors.RemoteEntryNotFoundError,),
            f"the dataset has no file {' or '.join(asked)}".rstrip(),
        ),
        (NoAnswer, (errors.OfflineModeIsEnabled,), "the Hub is switched off (HF_HUB_OFFLINE)"),
        (NoAnswer, (errors.HfHubHTTPError,), f"the Hub answers with HTTP {_status(chain)}"),
        (
            NoAnswer,
            (HTTPError, ConnectionError, errors.LocalEntryNotFoundError),
            "the Hub cannot be reached",
        ),
    )
    for raised, kinds, said in told:
        if any(isinstance(link, kinds) for link in chain):
            return raised, said
    return LrlError, (str(error).strip().splitlines() or [type(error).__name__])[0]


def _status(chain: list[BaseException]) -> int | None:
    codes = (getattr(getattr(link, "response", None), "status_code", None) for link in chain)
    return next((code for code in codes if code is not None), None)
