"""The pages for people, read with a parser: what stands on them, and that nothing on them can run."""

from __future__ import annotations

from collections.abc import Iterator
from html.parser import HTMLParser

import pytest
from hypothesis import given
from hypothesis import strategies as st

from lrl_datasets import local_hub
from lrl_datasets.local_hub.commits import Changes
from lrl_datasets.local_hub.pages import render_card
from lrl_datasets.local_hub.store import Store
from tests.hub import running_hub
from tests.local_hub.http import request

CARD = """---
license: cc0-1.0
language:
- sw
pretty_name: Written for <the> tests
---
# A card

| config | rows |
|---|---:|
| `default` | 5 |

[the file](data/train.parquet), [elsewhere](https://example.org/), ![a plot](./plot.png), [above](#a-card)

<script>alert(1)</script> <img src=x onerror=alert(1)>
[run](javascript:alert(1)) ![leak](https://example.org/pixel.png) <https://example.org/>

---

The end.
"""


class Page(HTMLParser):
    """Tags with their attributes, and the text."""

    def __init__(self, page: str) -> None:
        super().__init__()
        self.tags: list[tuple[str, dict[str, str | None]]] = []
        self.text = ""
        self.feed(page)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.append((tag, dict(attrs)))

    def handle_data(self, data: str) -> None:
        self.text += data

    def links(self) -> list[str]:
        return [attributes.get("href") or "" for tag, attributes in self.tags if tag == "a"]


@pytest.fixture(scope="module")
def hub(tmp_path_factory: pytest.TempPathFactory) -> Iterator[local_hub.Server]:
    place = tmp_path_factory.mktemp("pages")
    with running_hub(place, token="hf_secret") as server:
        store = Store(place / "hub")
        for kind, repo_id in (("datasets", "lrl-align/x"), ("models", "lrl-align/tiny")):
            store.create(kind, repo_id)
        store.create("datasets", "lrl-align/hidden", private=True)
        for version in ("v1.0.0", "v1.9.0", "v1.10.0"):
            files = {
                "README.md": store.objects.add_regular(CARD.encode()),
                "data/train.parquet": store.objects.lfs_entry(*store.objects.add([version.encode() * 500])),
            }
            made = store.commit("datasets", "lrl-align/x", "main", Changes(files), title=version)
            store.create_tag("datasets", "lrl-align/x", version, made.id)
        yield server


def page(hub: local_hub.Server, path: str, headers: dict[str, str] | None = None) -> Page:
    status, told, body = request(hub, "GET", path, headers)
    assert (status, told["content-type"]) == (200, "text/html; charset=utf-8")
    assert told["content-security-policy"].startswith("default-src 'none'")
    assert "script" not in told["content-security-policy"]
    return Page(body.decode())


def test_the_front_page_lists_what_is_here_with_versions_and_sizes(hub: local_hub.Server) -> None:
    seen = page(hub, "/")
    where = "/datasets/lrl-align/x"
    versions = [f"{where}/tree/{tag}" for tag in ("v1.10.0", "v1.9.0", "v1.0.0")]
    assert seen.links() == [where, *versions, "/lrl-align/tiny"]
    for text in ("Datasets", "Models", "Written for <the> tests", "5.1 kB", f"HF_ENDPOINT={hub.url}"):
        assert text in seen.text
    assert "hidden" not in seen.text
    authorised = {"Authorization": "Bearer hf_secret"}
    assert "lrl-align/hidden" in page(hub, "/", authorised).text
    assert request(hub, "GET", "/datasets/lrl-align/hidden")[0] == 401
    assert request(hub, "HEAD", "/")[2] == b""


def test_a_repositorys_page_shows_versions_files_and_card(hub: local_hub.Server) -> None:
    seen = page(hub, "/datasets/lrl-align/x")
    assert 'load_dataset("lrl-align/x", revision="v1.10.0")' in seen.text
    for text in ("cc0-1.0", "sw", "v1.9.0", "data/train.parquet", "3.5 kB", "A card", "The end."):
        assert text in seen.text
    assert "pretty_name" not in seen.text
    old = page(hub, "/datasets/lrl-align/x/tree/v1.0.0")
    assert (
        'revision="v1.0.0"' in old.text
        and "3.0 kB" in old.text
        and "3.5 kB" not in old.text.split("Files")[1]
    )
    link = next(link for link in old.links() if link.endswith("train.parquet"))
    assert request(hub, "GET", link)[2] == b"v1.0.0" * 500
    sha = hub.store.resolve("datasets", "lrl-align/x", "v1.0.0")
    assert sha[:12] in page(hub, f"/datasets/lrl-align/x/commit/{sha}").text
    assert "It has no card." in page(hub, "/lrl-align/tiny").text
    for path in (
        "/lrl-align",
        "/datasets/lrl-align/none",
        "/datasets/lrl-align/x/tree/v9",
        "/datasets",
        "/x/y/z",
    ):
        assert request(hub, "GET", path)[0] == 404


def test_a_cards_links_lead_to_its_files_and_nothing_in_it_runs(hub: local_hub.Server) -> None:
    seen = page(hub, "/datasets/lrl-align/x/tree/v1.0.0")
    at = "/datasets/lrl-align/x/resolve/v1.0.0/"
    for link in (at + "data/train.parquet", "https://example.org/", "#a-card"):
        assert link in seen.links()
    assert ("h1", {"id": "a-card"}) in seen.tags
    images = [attributes["src"] for tag, attributes in seen.tags if tag == "img"]
    assert images == [at + "plot.png", ""]
    assert "<script>alert(1)</script>" in seen.text and "[run](javascript:alert(1))" in seen.text
    safe(seen)


def safe(seen: Page) -> None:
    for tag, attributes in seen.tags:
        assert tag not in {"script", "iframe", "object", "embed", "form", "svg", "link", "base"}
        assert not any(name.startswith("on") for name in attributes)
        assert (attributes.get("style") or "text-align:").startswith("text-align:")
        for name in ("href", "src"):
            target = (attributes.get(name) or "").strip().lower()
            assert not target.startswith(("javascript:", "data:", "vbscript:", "file:", "//"))


PIECES = [
    "[a](", "![a](", ")", "<", ">", "javascript:", "JaVa\tScRiPt:", "data:text/html,", "//example.org", "&#106;", "\n",
    "\n\n", "`", "```", "[a]: ", "<b onclick=x>", "<script>", "</article>", "\"", "'", "x", " ", "\\", "&lt;", "|",
    "\u202e", "\0", "https://example.org",
]  # fmt: skip


@given(st.lists(st.sampled_from(PIECES), max_size=20).map("".join))
def test_no_card_runs_anything(text: str) -> None:
    seen = Page(render_card(text, "/datasets/a/b/resolve/main/"))
    safe(seen)
    for tag, attributes in seen.tags:
        if tag == "img" and attributes["src"]:
            assert attributes["src"].startswith("/")
