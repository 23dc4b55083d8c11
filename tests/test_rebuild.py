"""A release is a pure function of its inputs: the same bytes elsewhere, later, and whatever the process is like."""

from __future__ import annotations

import json
import os
import random
import re
import shutil
import subprocess
import sys
from datetime import date
from pathlib import Path

import pyarrow.parquet as pq
import pytest
from lrl_datasets.builders import swahili_instruct

CODE = """
import sys, time
ahead = {ahead} * 86400
clock = time.time
time.time = lambda: clock() + ahead
from lrl_datasets.cli import main
main()
"""


def built(place: Path, campaign: Path, ahead: int = 0, **environment: str) -> Path:
    """Build the sample campaign in a process of its own, with the clock some days ahead."""
    place.mkdir(parents=True)
    inherited = {
        name: value
        for name, value in os.environ.items()
        if not name.startswith(("LC_", "LANG", "TZ", "PYTHON"))
    }
    if "PYTHONPATH" in os.environ:
        inherited["PYTHONPATH"] = os.environ["PYTHONPATH"]
    subprocess.run(
        [sys.executable, "-c", CODE.format(ahead=ahead), "build", "swahili-instruct", "--only=campaign",
         f"--source=campaign={campaign}"],
        cwd=place, check=True, stdout=subprocess.DEVNULL,
        env=inherited | {"LRL_PSEUDONYM_KEY": "a key for the tests only"} | environment,
    )  # fmt: skip
    return place / "build" / "lrl-align" / "swahili-instruct"


def contents(folder: Path) -> dict[str, bytes]:
    return {
        path.relative_to(folder).as_posix(): path.read_bytes()
        for path in sorted(folder.rglob("*"))
        if path.is_file()
    }


@pytest.fixture(scope="module")
def first(tmp_path_factory: pytest.TempPathFactory) -> Path:
    assert swahili_instruct.BUILDER.sample is not None
    place = tmp_path_factory.mktemp("first")
    return built(
        place / "here", swahili_instruct.BUILDER.sample, TZ="UTC", LC_ALL="C.UTF-8", PYTHONHASHSEED="0",
        OMP_NUM_THREADS="1", OPENBLAS_NUM_THREADS="1",
    )  # fmt: skip


def test_another_path_day_hash_seed_locale_time_zone_and_number_of_cores(first: Path, tmp_path: Path) -> None:
    assert swahili_instruct.BUILDER.sample is not None
    campaign = tmp_path / "a place with spaces" / "kampeni ya pili"
    shutil.copytree(swahili_instruct.BUILDER.sample, campaign)
    for path in campaign.rglob("*"):
        os.utime(path, (0, 0))
    again = built(
        tmp_path / "somewhere" / "else", campaign, ahead=400, TZ="Pacific/Kiritimati", PYTHONHASHSEED="4242",
        LC_ALL="C", PYTHONUTF8="0", PYTHONCOERCECLOCALE="0",  # texts are not opened as the locale has it
        OMP_NUM_THREADS="7", OPENBLAS_NUM_THREADS="7",  # Arrow, OpenMP and BLAS divide their work otherwise
    )  # fmt: skip
    one, two = contents(first), contents(again)
    assert one.keys() == two.keys()
    assert [name for name in one if one[name] != two[name]] == []


def test_votes_and_answers_in_another_order(first: Path, tmp_path: Path) -> None:
    assert swahili_instruct.BUILDER.sample is not None
    campaign = Path(shutil.copytree(swahili_instruct.BUILDER.sample, tmp_path / "campaign"))
    for export in (campaign / "exports").glob("*.tsv"):
        header, *lines = export.read_text("utf-8").splitlines(keepends=True)
        assert lines[-1].endswith("\n") and '"' not in header
        # Toloka's blank lines stand between suites; a record of several lines would be torn apart.
        records: list[str] = []
        for line in lines:
            if records and records[-1].count('"') % 2:
                records[-1] += line
            else:
                records.append(line)
        random.Random(1).shuffle(records)
        export.write_text(header + "".join(records), "utf-8")
    turned = built(tmp_path / "turned", campaign)
    one, two = contents(first), contents(turned)
    assert one.keys() == two.keys()
    assert [name for name in one if one[name] != two[name]] == []


def test_no_output_holds_a_date_or_a_path(first: Path) -> None:
    texts = {name: data.decode() for name, data in contents(first).items() if not name.endswith(".parquet")}
    assert texts.keys() == {"README.md", "manifest.json", "CITATION.cff"}
    today = date.today()
    for name, text in texts.items():
        assert re.findall(r"\b20[2-9]\d-[01]\d-[0-3]\d\b", text) == [], name
        assert f"{today:%d %B %Y}" not in text and str(first.parent) not in text, name
        assert not re.search(r"(^|[\s\"'(])/(tmp|home|root|Users)/", text), name
    json.loads(texts["manifest.json"])
    for path in first.rglob("*.parquet"):
        metadata = pq.ParquetFile(path).metadata
        assert set(metadata.metadata or {}) == {b"ARROW:schema"}, path.name
        assert "parquet-cpp" in metadata.created_by


def test_parquet_is_written_for_the_hubs_viewer(first: Path) -> None:
    for path in first.rglob("*.parquet"):
        metadata = pq.ParquetFile(path).metadata
        column = metadata.row_group(0).column(0)
        assert column.has_offset_index and column.has_column_index, path.name  # page indexes
        assert column.compression == "ZSTD"
        assert all(metadata.row_group(n).num_rows <= 10_000 for n in range(metadata.num_row_groups))
