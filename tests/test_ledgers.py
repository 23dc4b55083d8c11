"""Both ledgers of a release, built from exports damaged in every way: each record ends in exactly one place."""

from __future__ import annotations

import tempfile
from collections import Counter
from collections.abc import Iterator
from pathlib import Path

import pyarrow.parquet as pq
import pytest
from hypothesis import given, settings

from lrl_datasets.build import build
from lrl_datasets.errors import LrlError
from lrl_datasets.sources.campaign import Campaign
from tests.sources.exports import campaign
from tests.sources.test_damaged_exports import ANSWERS, VOTES, damaged
from tests.test_build import BUILDER


@pytest.fixture(autouse=True, scope="module")
def _key() -> Iterator[None]:
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("LRL_PSEUDONYM_KEY", "a key for the tests only")
        yield


@settings(max_examples=60, deadline=None)
@given(damaged(ANSWERS), damaged(VOTES))
def test_every_record_of_damaged_exports_ends_in_one_place(
    answers: tuple[bytes, set[int]], votes: tuple[bytes, set[int]]
) -> None:
    with tempfile.TemporaryDirectory() as name:
        folder = campaign(Path(name) / "c", ANSWERS, VOTES)
        (folder / "answers.tsv").write_bytes(answers[0])
        (folder / "votes-1.tsv").write_bytes(votes[0])
        try:
            read = Campaign(path=folder).read()
            built = build(BUILDER, name="mini", out=Path(name) / "build", given={"campaign": folder})
        except LrlError as error:
            assert "answers.tsv" in str(error) or "votes-1.tsv" in str(
                error
            )  # a header that is no header any more
            return
        counts, judged = built.manifest["counts"], built.manifest["judgements"]
        rows: Counter[str] = Counter()
        ids = []
        for config, splits in built.manifest["configs"].items():
            for entry in splits.values():
                table = pq.read_table(built.folder / entry["path"])
                rows[config] += table.num_rows
                if config in ("default", "rejected"):
                    ids += table["id"].to_pylist()
        split_map = pq.read_table(built.folder / "split_map.parquet")["id"].to_pylist()
    assert counts["records"] == read.candidates.num_rows
    assert counts["records"] == counts["published"] + counts["rejected"] + counts["withdrawn"]
    assert (rows["default"], rows["rejected"]) == (counts["published"], counts["rejected"])
    assert len(ids) == len(set(ids)) == counts["records"]
    assert sorted(ids) == sorted(split_map)
    assert judged["judgements"] == read.judgements.num_rows == rows["annotations"]
    assert judged["judgements"] == judged["counted"] + judged["not_counted"] + judged["withdrawn"]
