"""The pseudonym key: made once, private, and never guessed around."""

from __future__ import annotations

import stat
from pathlib import Path

import pytest

from lrl_datasets import pseudonyms
from lrl_datasets.errors import LrlError


@pytest.fixture
def place(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.delenv(pseudonyms.VARIABLE, raising=False)
    monkeypatch.setenv("XDG_CONFIG_HOME", str(tmp_path))
    return tmp_path / "lrl-datasets" / "pseudonym.key"


def test_a_first_build_makes_the_key_and_the_next_reads_it(place: Path) -> None:
    key = pseudonyms.load_key(may_create=True)
    assert stat.S_IMODE(place.stat().st_mode) == 0o600
    assert pseudonyms.load_key(may_create=False) == key
    assert key.decode() not in pseudonyms.fingerprint(key)


def test_no_key_is_made_where_none_may_be(place: Path) -> None:
    with pytest.raises(LrlError, match="no pseudonym key"):
        pseudonyms.load_key(may_create=False)
    assert not place.exists()


def test_a_key_that_others_can_read_is_refused(place: Path) -> None:
    pseudonyms.load_key(may_create=True)
    place.chmod(0o644)
    with pytest.raises(LrlError, match="chmod 600"):
        pseudonyms.load_key(may_create=False)


def test_the_environment_goes_first_and_a_short_key_is_refused(
    place: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv(pseudonyms.VARIABLE, "from the environment")
    assert pseudonyms.load_key(may_create=False) == b"from the environment"
    monkeypatch.setenv(pseudonyms.VARIABLE, "short")
    with pytest.raises(LrlError, match="5 bytes"):
        pseudonyms.load_key(may_create=False)


def test_a_pseudonym_depends_on_key_source_and_worker() -> None:
    names = {pseudonyms.pseudonym(s, w, k) for s in "ab" for w in "xy" for k in (b"key one", b"key two")}
    assert len(names) == 8
    assert pseudonyms.pseudonym("a", "x", b"key one") in names
