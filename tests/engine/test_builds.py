"""A whole build on both engines: the same release, with workers that die, and rows that are named where they fail."""

from __future__ import annotations

from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from lrl_datasets import engine
from lrl_datasets.build import Built, build, work_folder
from lrl_datasets.builder import Builder
from lrl_datasets.engine import Options
from lrl_datasets.errors import LrlError
from lrl_datasets.filters.contamination import Contamination
from lrl_datasets.filters.duplicates import Duplicates
from lrl_datasets.filters.length import Length
from lrl_datasets.filters.normalise import Normalise
from lrl_datasets.filters.personal_data import PersonalData
from lrl_datasets.filters.suite_index import SuiteIndex, SuiteItem
from lrl_datasets.release.splits import Splits
from lrl_datasets.sources.hub import HubDataset
from tests.engine.steps import BreaksAt, KillsOnce
from tests.test_build import ANSWERS

pytestmark = pytest.mark.xdist_group("engine")

SOURCE = HubDataset(
    "web", "test/web", "main", prompt="inputs", answer="targets", record="id", worker="user",
    language="swh_Latn", creation_method="native", license="cc0-1.0", may_hold_out=True, may_be_unjudged=True,
)  # fmt: skip
ROWS = 64


def builder(length: Length) -> Builder:
    filters = (
        Normalise(), PersonalData(regions=("TZ", "KE")), length, Contamination(),
        Duplicates(),
    )  # fmt: skip
    return Builder(
        repository="test/web", title="Web", language="swh_Latn", sources=(SOURCE,), filters=filters,
        splits=Splits(salt="web", validation=0.2, test=0.2), preference_margin=0.5,
    )  # fmt: skip


@pytest.fixture(scope="module")
def corpus(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Ten answers in many guises: numbered, with a phone number, leaked, too short, the same twice."""
    place = tmp_path_factory.mktemp("corpus")
    rows = [
        {"id": str(n), "inputs": f"Swali la {n}: eleza zaidi?", "targets": f"{ANSWERS[n % 10]} Nambari {n} hapa.",
         "user": f"mtu-{n % 7}00"}
        for n in range(ROWS)
    ]  # fmt: skip
    rows[3]["targets"] = "Hapana."
    rows[20]["targets"] = "Nipigie 0712 345 678 kesho asubuhi ili tuzungumze kuhusu bei ya mahindi sokoni."
    rows[45]["targets"] = rows[15]["targets"]
    rows[50]["targets"] = ANSWERS[0]
    (place / "web").mkdir()
    for at in (0, ROWS // 2):
        pq.write_table(pa.Table.from_pylist(rows[at : at + ROWS // 2]), place / "web" / f"part-{at}.parquet")
    SuiteIndex.build([SuiteItem("t", (ANSWERS[0],))]).save(place / "index.json")
    return place


def built(
    corpus: Path, out: Path, options: Options | None, length: Length, work: str | None = None, **more: str
) -> Built:
    settings = {
        "name": "web", "out": out, "given": {"web": corpus / "web"}, "suite_index": corpus / "index.json", **more,
    }  # fmt: skip
    if options is None:
        return build(builder(length), **settings)
    with engine.start(options, work=work_folder(out, "test/web", work)) as running:
        return build(builder(length), **settings, engine=running)


def contents(folder: Path) -> dict[str, bytes]:
    files = (path for path in sorted(folder.rglob("*")) if path.is_file())
    return {path.relative_to(folder).as_posix(): path.read_bytes() for path in files}


@pytest.fixture(autouse=True)
def _key(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("LRL_PSEUDONYM_KEY", "a key for the tests only")


def test_neither_engine_nor_workers_nor_blocks_change_a_byte_of_the_release(
    corpus: Path, dask: Options, tmp_path: Path
) -> None:
    # The same settings each time, so that the manifests are equal too; only the last build finds no marker.
    marker = tmp_path / "killed"
    marker.touch()
    length = KillsOnce(min_answer_words=2, marker=marker)
    here = built(corpus, tmp_path / "here", None, length)
    refused = {step["reason"]: step["rows"] for step in here.manifest["counts"]["funnel"]}
    assert refused.keys() >= {"too_short", "suite_leak", "duplicate"}
    assert here.manifest["counts"]["masked"]["phone"] == 1

    # Work files lie in a folder of their own, so a folder that the user names keeps what else is in it.
    (tmp_path / "notes.txt").write_text("a user's own file", encoding="utf-8")
    local = built(corpus, tmp_path / "local", Options(workers=2, block_rows=5), length, work=str(tmp_path))
    assert contents(local.folder) == contents(here.folder)
    assert (tmp_path / "notes.txt").read_text(encoding="utf-8") == "a user's own file"
    assert not (tmp_path / ".web.work").exists()

    marker.unlink()
    on_dask = built(corpus, tmp_path / "dask", dask, length)
    assert marker.exists(), "a worker was killed in the middle"
    assert contents(on_dask.folder) == contents(here.folder)
    for place in ("local", "dask"):
        assert sorted(path.name for path in (tmp_path / place / "test").iterdir()) == ["web"], (
            "no work files are left"
        )


def test_a_failing_filter_names_file_and_row_and_nothing_is_released(
    corpus: Path, dask: Options, tmp_path: Path
) -> None:
    for options in (None, dask):
        with pytest.raises(
            LrlError, match=r"length: web part-32.parquet row 16: ZeroDivisionError: division by zero"
        ):
            built(corpus, tmp_path, options, BreaksAt(text="Nambari 47"))
        assert not (tmp_path / "test" / "web").exists()
