"""Cards that nobody should write: the one repository has an empty card, the Hub and the others go on."""

from __future__ import annotations

import base64
import json
import logging
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from lrl_datasets import local_hub
from lrl_datasets.local_hub import cards
from lrl_datasets.local_hub.commits import Changes
from lrl_datasets.local_hub.store import Store
from tests.hub import running_hub
from tests.local_hub.http import request

LAUGHS = "a: &a [x,x,x,x,x,x,x,x,x]\n" + "".join(
    f"{name}: &{name} [{','.join(['*' + before] * 9)}]\n"
    for before, name in zip("abcdefgh", "bcdefghi", strict=True)
)
BAD = {
    "laughs": LAUGHS,
    "long": "language:\n" + "- sw\n" * 100_000,
    "large": "a: " + "x" * (5 << 20),
    "deep": "a: " + "[" * 3000 + "]" * 3000,
    "chain": "".join(f"k{n}: &k{n} [{f'*k{n - 1}' if n else 'x'}]\n" for n in range(300)),
    "digits": "a: " + "9" * 5000,
    "recursive": "x: &a {b: *a}",
    "no-date": "a: 2026-13-40",
}
GOOD = "pretty_name: Still there\nlicense: mit\n"


def put(store: Store, repo_id: str, front: str) -> None:
    """Commit a card without any check, as `put` and `mirror` do."""
    store.create("datasets", repo_id)
    entry = store.objects.add_regular(f"---\n{front}\n---\n# A card\n".encode())
    store.commit("datasets", repo_id, "main", Changes({"README.md": entry}), title="card")


@pytest.fixture
def hub(tmp_path: Path) -> Iterator[local_hub.Server]:
    with running_hub(tmp_path) as server:
        yield server


def asked(hub: local_hub.Server, path: str) -> str:
    started = time.monotonic()
    status, _, body = request(hub, "GET", path)
    assert status == 200 and time.monotonic() - started < 10
    return body.decode()


def test_a_card_that_cannot_be_read_is_an_empty_one_and_a_line_of_the_log(
    hub: local_hub.Server, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.WARNING, "lrl_datasets.local_hub")
    put(hub.store, "lrl-align/good", GOOD)
    for name, front in BAD.items():
        put(hub.store, f"lrl-align/{name}", front)
    for _ in range(2):
        assert "Still there" in asked(hub, "/")
        found = {one["id"]: one["cardData"] for one in json.loads(asked(hub, "/api/datasets?full=true"))}
    assert found.pop("lrl-align/good") == {"pretty_name": "Still there", "license": "mit"}
    assert found == {f"lrl-align/{name}": {} for name in BAD}
    for name in BAD:
        assert json.loads(asked(hub, f"/api/datasets/lrl-align/{name}"))["cardData"] == {}
        assert "A card" in asked(hub, f"/datasets/lrl-align/{name}") or name == "large"
    lines = [record.getMessage() for record in caplog.records if "README.md" in record.getMessage()]
    assert sorted(line.split(":")[0] for line in lines) == sorted(
        f"datasets/lrl-align/{name}" for name in BAD
    )


def test_what_a_card_says_is_json(hub: local_hub.Server) -> None:
    put(hub.store, "lrl-align/odd", "a: .nan\nb: [.inf, 1.5, 2026-01-02]\n2026-01-02: x\nc: !!set {y}")

    def refuse(name: str) -> None:
        raise AssertionError(name)

    found = json.loads(asked(hub, "/api/datasets/lrl-align/odd"), parse_constant=refuse)["cardData"]
    assert found == {"a": None, "b": [None, 1.5, "2026-01-02"], "2026-01-02": "x", "c": ["y"]}


def test_aliases_of_a_reasonable_size_are_read(hub: local_hub.Server) -> None:
    put(hub.store, "lrl-align/alias", "a: &a {x: 1}\nb: *a\nc: {<<: *a, y: 2}")
    found = json.loads(asked(hub, "/api/datasets/lrl-align/alias"))["cardData"]
    assert found == {"a": {"x": 1}, "b": {"x": 1}, "c": {"x": 1, "y": 2}}


def test_a_card_is_read_once_and_not_all_are_remembered(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    store, read, known = Store(tmp_path), [], cards._Known()
    monkeypatch.setattr(cards, "_known", known)
    monkeypatch.setattr(cards, "KEPT", 1000)
    real = cards._read
    monkeypatch.setattr(cards, "_read", lambda path: read.append(path.name) or real(path))
    for number in range(10):
        put(store, f"lrl-align/n{number}", f"pretty_name: '{number}'")
    for _ in range(3):
        for number in (0, 1):
            repo_id = f"lrl-align/n{number}"
            head = store.commit_at("datasets", repo_id, "main")
            assert cards.card_data(store, "datasets", repo_id, head) == {"pretty_name": str(number)}
    assert len(read) == 2
    for number in range(10):
        repo_id = f"lrl-align/n{number}"
        cards.card_data(store, "datasets", repo_id, store.commit_at("datasets", repo_id, "main"))
    assert len(read) == 10 and known._size <= 1000 and len(known._cards) == 4


@pytest.mark.parametrize("piece", ["[", "![", "[a](", "*a_ ", "1. a\n", "|"])
def test_no_text_keeps_a_page_for_long(hub: local_hub.Server, piece: str) -> None:
    put(hub.store, "lrl-align/x", "license: mit\n---\n" + piece * (2_000_000 // len(piece)) + "\n---")
    for limit in (30, 5):  # the second is not rendered again
        started = time.monotonic()
        assert request(hub, "GET", "/datasets/lrl-align/x")[0] == 200
        assert time.monotonic() - started < limit


@pytest.mark.parametrize("name", BAD)
def test_such_a_card_is_refused_by_the_commit_within_moments(hub: local_hub.Server, name: str) -> None:
    hub.store.create("datasets", "lrl-align/x")
    head = hub.store.resolve("datasets", "lrl-align/x", "main")
    card = f"---\n{BAD[name]}\n---\n".encode()
    lines = [
        {"key": "header", "value": {"summary": "card"}},
        {"key": "file", "value": {"path": "README.md", "content": base64.b64encode(card).decode(),
                                  "encoding": "base64"}},
    ]  # fmt: skip
    started = time.monotonic()
    body = "\n".join(map(json.dumps, lines)).encode()
    status, _, told = request(hub, "POST", "/api/datasets/lrl-align/x/commit/main", body=body)
    assert (status, time.monotonic() - started < 5) == (400, True)
    assert "Invalid metadata in README.md" in json.loads(told)["error"]
    body = json.dumps({"content": card.decode(), "repoType": "dataset"}).encode()
    assert request(hub, "POST", "/api/validate-yaml", body=body)[0] == 400
    assert hub.store.resolve("datasets", "lrl-align/x", "main") == head
