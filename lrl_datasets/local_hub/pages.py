"""The pages for people: what a Hub holds, of each repository versions, files and card, and its pull requests.

Plain HTML without scripts, readable on a phone and without a network. A card is rendered from its Markdown with
raw HTML shown as text; links and images lead to the repository's own files or, links only, elsewhere. The
policy in the header (`POLICY`) lets a browser run nothing, even if something slipped through.
"""

from __future__ import annotations

import functools
import re
from pathlib import Path
from typing import Any
from urllib.parse import quote, urlsplit

from jinja2 import Environment, FileSystemLoader
from markdown_it import MarkdownIt
from markdown_it.token import Token
from markupsafe import Markup, escape

from lrl_datasets import card_validator
from lrl_datasets.local_hub.cards import card_data
from lrl_datasets.local_hub.commits import Commit, Refs
from lrl_datasets.local_hub.describe import each_repository
from lrl_datasets.local_hub.pulls import proposal, pull, pulls
from lrl_datasets.local_hub.repositories import KINDS
from lrl_datasets.local_hub.store import Store

POLICY = "default-src 'none'; style-src 'unsafe-inline'; img-src 'self'; base-uri 'none'; form-action 'none'"
MAX_FILES = 500
MAX_CARD = 100_000
"""Characters of a card's text that are rendered; the rest is a click away. Some Markdown takes seconds for more."""


def front_page(store: Store, base: str, may_see: bool) -> str:
    """Return the page `/`: every repository with its versions and sizes; private ones only if `may_see`."""
    kinds: dict[str, list[dict[str, Any]]] = {kind: [] for kind in KINDS}
    for kind in KINDS:

        def facts(repo_id: str, refs: Refs, commit: Commit, kind: str = kind) -> dict[str, Any]:
            title = card_data(store, kind, repo_id, commit).get("pretty_name")
            return {
                "id": repo_id,
                "path": _path(kind, repo_id),
                "private": refs.private,
                "tags": sorted(refs.tags, key=_by_version, reverse=True),
                "date": commit.date[:10],
                "open": sum(one.status == "open" for one in pulls(refs)),
                "size": _size(commit),
                "title": title if isinstance(title, str) else "",
            }

        kinds[kind] = each_repository(store, kind, may_see, facts)
    return _pages.get_template("front.html.j2").render(kinds=kinds, base=base)


def repository_page(store: Store, kind: str, repo_id: str, revision: str, base: str) -> str:
    """Return a repository's page at a revision: how to load it, versions, files, card."""
    refs, commit = store.refs(kind, repo_id), store.commit_at(kind, repo_id, revision)
    path = _path(kind, repo_id)
    versions = [
        {"tag": tag, "sha": sha, "date": at.date[:10], "size": _size(at), "files": len(at.files)}
        for tag, sha in sorted(refs.tags.items(), key=lambda item: _by_version(item[0]), reverse=True)
        for at in [store.commit_at(kind, repo_id, sha)]
    ]
    at = f"{path}/resolve/{quote(revision, safe='')}/"
    files = [(name, at + quote(name), _bytes(entry.size)) for name, entry in commit.files.items()]
    card = _card(store, commit)
    proposed = [(one, path + "/discussions/" + one.number) for one in pulls(refs)]
    shown = {name: value for name, value in card_data(store, kind, repo_id, commit).items() if name in _FACTS}
    return _pages.get_template("repository.html.j2").render(
        kind=kind, id=repo_id, path=path, revision=revision, base=base, commit=commit, size=_size(commit),
        private=refs.private, versions=versions, pulls=proposed, files=files[:MAX_FILES], count=len(files),
        facts={name: _words(value) for name, value in shown.items()},
        card=Markup(_rendered(card, at)) if card else None,  # noqa: S704
    )  # fmt: skip


def pull_page(store: Store, kind: str, repo_id: str, number: str, base: str) -> str:
    """Return a pull request's page: its status, what it changes against main, and how to merge it."""
    one, path = pull(store.refs(kind, repo_id), number), _path(kind, repo_id)
    found = proposal(store, kind, repo_id, one)
    at = f"{path}/resolve/{quote(one.ref, safe='')}/"
    files = [] if found is None else [
        (file, at + quote(file.path), [_bytes(n) for n in (file.before, file.after) if n is not None])
        for file in found.files
    ]  # fmt: skip
    return _pages.get_template("pull.html.j2").render(
        kind=kind, id=repo_id, path=path, base=base, pull=one, found=found, files=files[:MAX_FILES],
        count=len(files),
    )  # fmt: skip


def error_page(status: int, message: str) -> str:
    """Return a page that says why there is none."""
    return _pages.get_template("error.html.j2").render(status=status, message=message)


def render_card(text: str, at: str) -> str:
    """Render a card's Markdown, less its front matter, as HTML that runs nothing.

    Parameters
    ----------
    text
        README.md.
    at
        What a relative link in it is relative to.
    """
    front = card_validator.front_matter(text)
    body = text if front is None else re.split(r"^---[ \t]*\r?$", text, maxsplit=2, flags=re.MULTILINE)[-1]
    markdown = MarkdownIt("commonmark", {"html": False}).enable(["table", "strikethrough"])
    tokens = markdown.parse(body[:MAX_CARD])
    for number, token in enumerate(tokens):
        if token.type == "heading_open":
            words = re.findall(r"\w+", tokens[number + 1].content.lower())
            token.attrs["id"] = "-".join(words)
        for inside in token.children or []:
            _lead(inside, at)
    return str(markdown.renderer.render(tokens, markdown.options, {}))


def _lead(token: Token, at: str) -> None:
    """Point a link to a file of the repository or elsewhere, an image to a file of the repository or nowhere."""
    name = {"link_open": "href", "image": "src"}.get(token.type)
    if name is None:
        return
    target = str(token.attrs.get(name, ""))
    try:
        parts = urlsplit(target)
    except ValueError:
        token.attrs[name] = ""
        return
    if parts.scheme or parts.netloc:
        if name == "src" or parts.scheme not in ("http", "https", "mailto"):
            token.attrs[name] = ""
    elif target and not target.startswith(("#", "/")):
        token.attrs[name] = at + target.removeprefix("./")


def _card(store: Store, commit: Commit) -> str:
    entry = commit.files.get("README.md")
    if entry is None or not store.objects.sound(entry.sha256, entry.size):
        return ""
    with store.objects.path(entry.sha256).open("rb") as file:
        return file.read(card_validator.MAX_FRONT + 4 * MAX_CARD).decode("utf-8", "replace")


def _path(kind: str, repo_id: str) -> str:
    return "/" + ("" if kind == "models" else kind + "/") + quote(repo_id)


def _size(commit: Commit) -> str:
    return _bytes(sum(entry.size for entry in commit.files.values()))


def _bytes(count: float) -> str:
    units = ["B", "kB", "MB", "GB", "TB"]
    while count >= 1000 and len(units) > 1:
        count /= 1000
        del units[0]
    return f"{count:.0f} {units[0]}" if units[0] == "B" or count >= 100 else f"{count:.1f} {units[0]}"


def _words(value: object) -> str:
    values = [str(one)[:200] for one in (value if isinstance(value, list) else [value])]
    return ", ".join(values[:50]) + (f" and {len(values) - 50} more" if len(values) > 50 else "")


def _by_version(tag: str) -> list[tuple[int, str]]:
    """Sort v1.10.0 after v1.9.0."""
    return [(int(part), "") if part.isdecimal() else (-1, part) for part in re.split(r"(\d+)", tag) if part]


_rendered = functools.lru_cache(maxsize=16)(render_card)

_FACTS = ("license", "language", "task_categories", "annotations_creators", "pipeline_tag", "tags")

_pages = Environment(
    loader=FileSystemLoader(Path(__file__).parent), autoescape=True, trim_blocks=True, lstrip_blocks=True
)
_pages.filters |= {
    "quoted": lambda text: quote(text, safe=""),
    "breakable": lambda text: escape(text).replace("/", Markup("/<wbr>")),  # rather there than within a word
}
