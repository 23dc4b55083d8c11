"""The comparison with another Hub finds what differs, and leaves nothing behind."""

from __future__ import annotations

from pathlib import Path

import pytest

from lrl_datasets.errors import LrlError
from lrl_datasets.local_hub import Fault, HubError, api
from lrl_datasets.local_hub.assumptions import PROBES, compare
from lrl_datasets.local_hub.objects import LFS_FROM
from tests.hub import running_hub


def test_a_local_hub_agrees_with_itself_and_what_it_assumes_is_this(tmp_path: Path) -> None:
    with running_hub(tmp_path, token="hf_secret") as hub:
        answers = compare(hub.url, "hf_secret")
        assert hub.store.repositories("datasets") == []
    assert [answer for answer in answers if not answer.agrees] == []
    assert [answer.assumption for answer in answers] == list(PROBES)
    here = [answer.here for answer in answers]
    assert here[0] == []
    assert here[1] == {
        "small.parquet": "lfs", "small.csv": "regular", "large.csv": "regular", "larger.csv": "lfs",
        "largest.csv": "lfs", "small.dat": "lfs", "latin.txt": "regular", "empty.parquet": "regular",
        "README.md": "lfs",
    }  # fmt: skip
    assert here[2:15] == [
        True, (404, True, True), (400, True), 412, True, 404, 400, 400, (400, True), (409, True, 409, 409), 404, 403,
        [(404, "EntryNotFound"), (404, "RevisionNotFound"), (404, "RepoNotFound")],
    ]  # fmt: skip
    assert here[15] == 401
    assert here[16:19] == [(True, True, 200), (1, True), ("1", ["refs/pr/1"], False)]
    assert here[19] == (("open", "refs/heads/main", [], ["commit"]), "merged", True)
    assert here[20:] == [([("x.bin", True, 999)], False, 0), (200, 200)]
    assert LFS_FROM == 10 * 1024 * 1024


def test_a_hub_that_answers_otherwise_is_found_out(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    with running_hub(tmp_path, token="hf_any") as hub:
        hub.faults += [
            Fault("error:500", "POST", "/commit/v1"),
            Fault("error:404", "POST", "/validate-yaml"),
        ]
        answers = compare(hub.url, "hf_any")
        assert hub.store.repositories("datasets") == []
        assert [answer.there for answer in answers if not answer.agrees] == [(500, True, True), (404, False)]

        def refuses(*_: object) -> None:
            raise HubError(403, "no more repositories")

        monkeypatch.setattr(api.Api, "_create_or_delete", refuses)
        with pytest.raises(LrlError, match=r"no scratch dataset can be made at .*"):
            compare(hub.url, "hf_any")
