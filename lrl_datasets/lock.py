"""`lrl lock`: what a builder reads from the Hub, fixed to commits and bytes.

A builder may name a branch, and a commit is only as good as the Hub that answers for it. The lock file beside the
builder (`builders/NAME.lock.json`) holds the commit of each Hub source and the SHA-256 of every file that is read
of it; where it exists, a build takes exactly that and nothing else. It is committed with the builder.
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Iterator
from dataclasses import replace
from pathlib import Path
from typing import Annotated, Any, Final, Literal, Protocol, TypeGuard

from pydantic import BaseModel, ConfigDict, Field, ValidationError

from lrl_datasets.errors import LrlError, NoAnswer
from lrl_datasets.release import manifest
from lrl_datasets.sources.base import Source, SourceTables
from lrl_datasets.sources.hub_files import download

FORMAT: Final = "lrl-lock/1"
_Commit = Annotated[str, Field(pattern=r"^[0-9a-f]{40}$")]
_Sha256 = Annotated[str, Field(pattern=r"^[0-9a-f]{64}$")]


class LockedSource(BaseModel):
    """One Hub source: what the builder declares of it, and what that was when it was locked."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    repo: str
    revision: str
    """As the builder declares it; a branch stays a branch here."""
    config: str | None
    split: str
    patterns: tuple[str, ...]
    """The builder's `files`."""
    commit: _Commit
    files: dict[str, _Sha256]
    """Path in the repository → SHA-256, all that is read."""


class Lock(BaseModel):
    """A lock file."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    format: Literal["lrl-lock/1"] = FORMAT
    sources: dict[str, LockedSource]

    def save(self, path: Path) -> None:
        """Write the lock file; equal locks are equal bytes."""
        text = json.dumps(self.model_dump(), ensure_ascii=False, sort_keys=True, indent=2)
        path.write_text(text + "\n", encoding="utf-8")


class HubSource(Protocol):
    """A source that reads a dataset on the Hub."""

    name: str
    repo: str
    revision: str
    config: str | None
    split: str
    files: tuple[str, ...]


def beside(script: Path) -> Path:
    """Return where a builder script's lock file lies: `NAME.lock.json` beside `NAME.py`."""
    return script.with_suffix(".lock.json")


def resolve(sources: Iterable[Source]) -> Lock:
    """Resolve every Hub source to a commit and the hashes of its files, which are downloaded for it.

    Raises
    ------
    LrlError
        The Hub cannot be reached, or lacks a repository, revision, split or file.
    """
    return Lock(sources={source.name: _resolved(source) for source in sources if _is_on_hub(source)})


def load(path: Path) -> Lock:
    """Read a lock file.

    Raises
    ------
    LrlError
        It is missing or no lock file; the message names it and the key.
    """
    try:
        return Lock.model_validate_json(path.read_bytes())
    except FileNotFoundError:
        raise LrlError(f"{path}: there is no lock file; `lrl lock BUILDER` writes one") from None
    except ValidationError as error:
        first = error.errors()[0]
        raise LrlError(
            f"{path}: no {FORMAT}: {'.'.join(map(str, first['loc'])) or 'file'}: {first['msg']}"
        ) from None


def read(source: Source, path: Path | None, lock_file: Path | None) -> SourceTables:
    """Read a source as a build does: from the Hub only what the lock says.

    Parameters
    ----------
    source
        Of the builder.
    path
        Files that replace it, which no lock concerns.
    lock_file
        None where the builder has none: then the Hub's answer is taken as it is.

    Raises
    ------
    LrlError
        The lock does not fit the builder, or a file has other bytes than it says; the message names the file.
    """
    if path is not None or lock_file is None or not _is_on_hub(source):
        return source.read(path)
    locked = _entry(source, load(lock_file), lock_file)
    pinned: Any = replace(source, revision=locked.commit, files=tuple(locked.files))  # type: ignore[type-var]
    tables: SourceTables = pinned.read()
    for problem in _changed(source, locked, {file.name: file.sha256 for file in tables.inputs}):
        raise LrlError(problem)
    return tables


def check(sources: Iterable[Source], lock_file: Path) -> tuple[list[str], list[str]]:
    """Check a lock file against the builder and the Hub, for CI.

    Returns
    -------
    tuple of list of str
        What is wrong: a source that the lock does not have, or has as it was declared before; a file that is
        gone or has other bytes. And what is worth knowing: branches that moved on since.

    Raises
    ------
    LrlError
        There is no lock file, or none that can be read.
    NoAnswer
        The Hub could not be asked, so that nobody knows whether the lock fits.
    """
    lock, wrong, notes = load(lock_file), [], []
    on_hub: list[HubSource] = [source for source in sources if _is_on_hub(source)]
    names = {source.name for source in on_hub}
    wrong += [
        f"{lock_file}: source {name} is not in the builder any more" for name in lock.sources.keys() - names
    ]
    for source in on_hub:
        try:
            locked = _entry(source, lock, lock_file)
        except LrlError as problem:
            wrong.append(str(problem))
            continue
        try:
            _, local = download(locked.repo, locked.commit, split=locked.split, files=tuple(locked.files))
            wrong += _changed(source, locked, {name: _sha256(file) for name, file in local})
            if locked.revision != locked.commit and (now := _resolved(source).commit) != locked.commit:
                notes.append(
                    f"source {source.name}: {source.repo} @ {source.revision} is {now} by now; "
                    f"the lock stays at {locked.commit}"
                )
        except NoAnswer:
            raise
        except LrlError as problem:
            wrong.append(f"source {source.name}: {problem}")
    return sorted(wrong), notes


def _is_on_hub(source: object) -> TypeGuard[HubSource]:
    return all(hasattr(source, name) for name in ("repo", "revision", "config", "split", "files"))


def _resolved(source: HubSource) -> LockedSource:
    commit, files = download(
        source.repo, source.revision, split=source.split, config=source.config, files=source.files
    )
    return LockedSource(
        repo=source.repo,
        revision=source.revision,
        config=source.config,
        split=source.split,
        patterns=source.files,
        commit=commit,
        files={name: _sha256(path) for name, path in files},
    )


def _entry(source: HubSource, lock: Lock, lock_file: Path) -> LockedSource:
    again = "run `lrl lock` again and look at what it changes"
    locked = lock.sources.get(source.name)
    if locked is None:
        raise LrlError(f"{lock_file}: source {source.name} is not locked; {again}")
    declared = (source.repo, source.revision, source.config, source.split, source.files)
    names = ("repo", "revision", "config", "split", "files")
    held = (locked.repo, locked.revision, locked.config, locked.split, locked.patterns)
    for name, now, was in zip(names, declared, held, strict=True):
        if now != was:
            raise LrlError(f"{lock_file}: source {source.name}: {name} was {was!r} and is {now!r}; {again}")
    return locked


def _changed(source: HubSource, locked: LockedSource, found: dict[str, str]) -> Iterator[str]:
    where = f"source {source.name}: {locked.repo} @ {locked.commit}"
    for name in sorted(locked.files.keys() | found.keys()):
        if name not in found:
            yield f"{where}: {name} is locked and was not read"
        elif name not in locked.files:
            yield f"{where}: {name} was read and is not locked"
        elif found[name] != locked.files[name]:
            yield f"{where}: {name} has other bytes than the lock says (SHA-256 {found[name]})"


def _sha256(path: Path) -> str:
    return str(manifest.file_entry(path)["sha256"])
