"""`CITATION.cff` of a dataset: how to cite this version, in the Citation File Format 1.2.0.

The authors are the namespace's contributors: people who wrote and judged the rows appear under pseudonyms and are
named nowhere. Without a date, since a release is a function of its inputs.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

import yaml

NAME = "CITATION.cff"

_KEYS = frozenset(
    """
    abstract authors cff-version commit contact date-released doi identifiers keywords license license-url
    message preferred-citation references repository repository-artifact repository-code title type url version
    """.split()  # noqa: SIM905 — readable as a list of words
)
"""The keys that the format's schema allows at the root; there are no others."""
_REQUIRED = ("authors", "cff-version", "message", "title")
_LICENCES = frozenset(
    """
    AFL-3.0 Apache-2.0 Artistic-2.0 BSD-2-Clause BSD-3-Clause BSL-1.0 CC-BY-2.0 CC-BY-2.5 CC-BY-3.0 CC-BY-4.0
    CC-BY-NC-2.0 CC-BY-NC-3.0 CC-BY-NC-4.0 CC-BY-NC-ND-3.0 CC-BY-NC-ND-4.0 CC-BY-NC-SA-2.0 CC-BY-NC-SA-3.0
    CC-BY-NC-SA-4.0 CC-BY-ND-4.0 CC-BY-SA-3.0 CC-BY-SA-4.0 CC0-1.0 CDLA-Permissive-1.0 CDLA-Sharing-1.0 MIT
    MPL-2.0 ODbL-1.0 OFL-1.1 PDDL-1.0 Unlicense
    """.split()  # noqa: SIM905 — readable as a list of words
)
"""SPDX identifiers that sources name and the format's list of licences has; it knows no others."""


def render(content: Mapping[str, Any], title: str, language: str, licenses: list[str]) -> str:
    """Return the file's text.

    Parameters
    ----------
    content
        The manifest, with `repository` and `version`.
    title, language
        The dataset's title, and its language in English.
    licenses
        Of the published rows.
    """
    return yaml.safe_dump(entries(content, title, language, licenses), sort_keys=False, allow_unicode=True)


def entries(content: Mapping[str, Any], title: str, language: str, licenses: list[str]) -> dict[str, Any]:
    """Return the file as a dictionary, in the order in which it is written."""
    namespace, _, _ = content["repository"].partition("/")
    known = {name.lower(): name for name in _LICENCES}
    spdx = [known[name.lower()] for name in licenses if name.lower() in known]
    message = "If you use this dataset, please cite it with its version."
    if len(licenses) > 1:
        # The format reads a list as a choice, and has no key for a licence that SPDX does not know.
        message += (
            f" Its rows are under {len(licenses)} licences, and each names its own: {', '.join(licenses)}."
        )
    elif licenses and not spdx:
        message += f" The licence of its rows: {licenses[0]}."
    given: dict[str, Any] = {}
    if spdx and len(spdx) == len(licenses):
        given["license"] = spdx[0] if len(spdx) == 1 else spdx
    return {
        "cff-version": "1.2.0",
        "message": message,
        "type": "dataset",
        "title": title,
        "authors": [
            {"name": f"The {namespace} contributors", "website": f"https://huggingface.co/{namespace}"}
        ],
        "version": content["version"],
        "url": f"https://huggingface.co/datasets/{content['repository']}",
        "keywords": [language, "instruction tuning", "low-resource languages"],
        **given,
    }


def bibtex(content: Mapping[str, Any], title: str) -> str:
    """Return the same as a BibTeX entry, for the card."""
    namespace, _, name = content["repository"].partition("/")
    return (
        f"@misc{{{name.replace('-', '_')}_{content['version']},\n"
        f"  title        = {{{title}}},\n"
        f"  author       = {{{{The {namespace} contributors}}}},\n"
        f"  version      = {{{content['version']}}},\n"
        f"  howpublished = {{\\url{{https://huggingface.co/datasets/{content['repository']}}}}},\n"
        "}"
    )


def problems(text: str, content: Mapping[str, Any]) -> Iterator[str]:
    """Say what is wrong with a file: keys that the format does not have or asks for, another version."""
    try:
        data = yaml.safe_load(text)
    except yaml.YAMLError as problem:
        yield f"no YAML: {problem}"
        return
    if not isinstance(data, dict):
        yield "not a mapping of keys to values"
        return
    yield from (f"key {name!r} is not in the format" for name in data if name not in _KEYS)
    yield from (f"key {name!r} is missing" for name in _REQUIRED if not data.get(name))
    if data.get("cff-version") != "1.2.0":
        yield f"cff-version, the format's own, is {data.get('cff-version')!r}, not '1.2.0'"
    if data.get("type", "software") not in ("dataset", "software"):
        yield f"type {data['type']!r} is neither dataset nor software"
    if data.get("version") != content["version"]:
        yield f"version is {data.get('version')!r}, the manifest says {content['version']}"
    if not str(data.get("url", "")).endswith(content["repository"]):
        yield f"url {data.get('url')!r} is not that of {content['repository']}"
