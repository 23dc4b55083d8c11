"""Where rows came from, told by where they lie; asking a Hub is tested with the run."""

from __future__ import annotations

from pathlib import Path

import datasets
import pytest
from datasets.arrow_writer import ArrowWriter

from lrl_datasets.errors import LrlError
from lrl_datasets.evaluation.origin import check_commit, origin

OLD, NEW = "a" * 40, "b" * 40


def rows_at(path: Path) -> datasets.Dataset:
    path.parent.mkdir(parents=True)
    with ArrowWriter(path=str(path)) as writer:
        writer.write({"x": 1})
        writer.finalize()
    return datasets.Dataset.from_file(str(path))


@pytest.mark.parametrize(
    ("folder", "found"),
    [
        (f"org___some_name/sw/0.0.0/{OLD}", ("org/some_name", OLD)),
        (f"org___some_name/sw-0123456789abcdef/1.1.0/{OLD}", ("org/some_name", OLD)),
        (f"glue/mrpc/0.0.0/{OLD}", ("glue", OLD)),
        (f"parquet/default-0123456789abcdef/0.0.0/{'c' * 64}", None),
        ("elsewhere", None),
    ],
)
def test_the_place_in_the_cache_tells(tmp_path: Path, folder: str, found: tuple[str, str] | None) -> None:
    assert origin(rows_at(tmp_path / folder / "x-test.arrow")) == found


def test_rows_of_two_commits_or_of_no_file_have_no_one_origin(tmp_path: Path) -> None:
    both = [rows_at(tmp_path / f"org___name/sw/0.0.0/{commit}/x.arrow") for commit in (OLD, NEW)]
    assert origin(datasets.concatenate_datasets(both)) is None
    assert origin(datasets.Dataset.from_dict({"x": [1]})) is None


def test_rows_of_another_commit_are_refused(tmp_path: Path) -> None:
    rows = rows_at(tmp_path / f"org___name/sw/0.0.0/{OLD}/x.arrow")
    check_commit(rows, "org/name", OLD)
    with pytest.raises(
        LrlError, match=f"dataset org/name: the Hub at .* commit {NEW}, .* those of commit {OLD}"
    ):
        check_commit(rows, "org/name", NEW)
    with pytest.raises(LrlError, match="no commit of a Hub"):
        check_commit(datasets.Dataset.from_dict({"x": [1]}), "org/name", OLD)
