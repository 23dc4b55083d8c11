"""What a work file is named by: the hash of its inputs, the stage's settings and the code that makes it."""

from __future__ import annotations

import dataclasses
import hashlib
import inspect
import json
import re
import sys
from collections.abc import Callable, Mapping, Set
from contextlib import suppress
from functools import cache
from importlib.metadata import PackageNotFoundError, requires, version
from pathlib import Path, PurePath
from typing import Any

PACKAGE = Path(__file__).parent.parent


def digest(*parts: object) -> str:
    """Hash plain values to 32 hex digits."""
    data = json.dumps(parts, ensure_ascii=False, sort_keys=True, separators=(",", ":"))
    return hashlib.sha256(data.encode("utf-8", "surrogatepass")).hexdigest()[:32]


@cache
def code_version() -> str:
    """Hash this package's files, Python's version and those of the packages that it requires.

    The files and not the package's version, so that who mends a filter after a failure and gives the command again
    gets nothing of what the broken one made.
    """
    files = sorted(
        path
        for path in PACKAGE.rglob("*")
        if path.suffix in (".py", ".toml", ".json", ".txt") and "__pycache__" not in path.parts
    )
    versions: dict[str, str] = {}
    hashes = [
        [path.relative_to(PACKAGE).as_posix(), hashlib.sha256(path.read_bytes()).hexdigest()]
        for path in files
    ]
    with suppress(PackageNotFoundError):  # a checkout on the path that was not installed
        needed = (one for one in requires("lrl-datasets") or () if "extra ==" not in one)
        tools = [re.match(r"[\w.-]+", one) for one in needed]
        versions = {name[0]: version(name[0]) for name in tools if name}
    return digest(hashes, versions, sys.version)


def of_settings(value: object) -> Any:
    """Return settings as plain JSON that is the same in every process.

    Dataclasses go by class and fields, pydantic models by their JSON, sets sorted, arrays by their bytes. What is
    too big for that, or nothing of these, says what it is by an attribute `fingerprint` (a string).

    Raises
    ------
    TypeError
        A value is none of these: a file named without it would be taken for done when it is not.
    """
    if value is None or isinstance(value, (bool, int, float, str)):
        return value
    if isinstance(value, type):
        return _of_class(value)
    if isinstance(told := getattr(value, "fingerprint", None), str):
        return [_of_class(type(value)), told]
    if isinstance(value, bytes):
        return ["bytes", hashlib.sha256(value).hexdigest()]
    if isinstance(value, PurePath):
        return ["path", str(value)]
    if dataclasses.is_dataclass(value):
        fields = {field.name: of_settings(getattr(value, field.name)) for field in dataclasses.fields(value)}
        return [_of_class(type(value)), fields]
    if hasattr(value, "model_dump_json"):
        return [_of_class(type(value)), hashlib.sha256(value.model_dump_json().encode()).hexdigest()]
    if isinstance(value, Mapping):
        pairs = [[of_settings(key), of_settings(one)] for key, one in value.items()]
        return ["mapping", sorted(pairs, key=json.dumps)]
    if isinstance(value, Set):
        return ["set", sorted((of_settings(one) for one in value), key=json.dumps)]
    if isinstance(value, (list, tuple)):
        return [of_settings(one) for one in value]
    if hasattr(value, "dtype") and hasattr(value, "shape") and hasattr(value, "tobytes"):
        return [str(value.dtype), list(value.shape), hashlib.sha256(value.tobytes()).hexdigest()]
    if inspect.isfunction(value):
        return of_function(value)
    raise TypeError(
        f"{type(value).__qualname__}: give it an attribute `fingerprint`, so that files can be named by it"
    )


def of_function(function: Callable[..., object]) -> list[str]:
    """Return what names a function: module, name, and its file where that is none of the package's."""
    return [f"{function.__module__}.{function.__qualname__}", _source(function.__module__)]


def of_file(path: str) -> str:
    """Hash the content of a file that is none of the work folder's."""
    from lrl_datasets.engine.files import is_local, open_input

    if is_local(path):
        with open(path, "rb") as stream:
            return hashlib.file_digest(stream, "sha256").hexdigest()[:32]
    found = hashlib.sha256()
    with open_input(path) as source:
        while part := source.read(1 << 20):
            found.update(part)
    return found.hexdigest()[:32]


def _of_class(one: type) -> list[str]:
    return [f"{one.__module__}.{one.__qualname__}", _source(one.__module__)]


@cache
def _source(module: str) -> str:
    """Hash the file of a module outside this package (a builder's script); installed ones are in `code_version`."""
    file = getattr(sys.modules.get(module), "__file__", None)
    if file is None or Path(file).is_relative_to(PACKAGE) or "site-packages" in Path(file).parts:
        return ""
    return hashlib.sha256(Path(file).read_bytes()).hexdigest()[:32]
