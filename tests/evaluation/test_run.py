"""The real harness on a small model; what it must refuse."""

from __future__ import annotations

import json
import math
from collections.abc import Callable
from pathlib import Path

import pytest

from lrl_datasets.errors import LrlError
from lrl_datasets.evaluation.run import evaluate, use_endpoint
from lrl_datasets.local_hub import put

from ..hub import run_client, running_hub
from . import suite

pytestmark = pytest.mark.xdist_group("suite")  # one Hub and one cache for all of them

ONE_THREAD = {"OMP_NUM_THREADS": "1"}


def test_scores_of_a_task_that_is_scored_whole(
    client: Callable[[str], str], tiny_mt5: Path, tmp_path: Path
) -> None:
    out = tmp_path / "out"
    shown = client(
        f"""
from pathlib import Path
from lrl_datasets.evaluation.run import evaluate
from rich.console import Console
results = evaluate({str(tiny_mt5)!r}, ["sw_xnli", "sw_xcopa"], output=Path({str(out)!r}))
Console(width=150).print(results.table())
"""
    )
    results = json.loads((out / "results.json").read_text("utf-8"))
    assert results["kind"] == "seq2seq"
    xnli, xcopa = results["scores"]
    assert (xnli["task"], xnli["split"], xnli["prompt_family"]) == ("sw_xnli", "test", "lrl-sw")
    assert xnli["n"] == xnli["items"] == len(suite.XNLI) - 1
    assert len(xcopa["commit"]) == 40
    for score in (xnli, xcopa):
        assert score["metric"] == "acc"
        assert score["value"] * score["n"] == pytest.approx(round(score["value"] * score["n"]))
        assert 0 <= score["low"] <= score["value"] <= score["high"] <= 1
        assert math.isfinite(score["detectable"])
    assert "95 % interval" in shown and "sw_xcopa" in shown


@pytest.mark.data
def test_real_xcopa_rows(data_dir: Path, tiny_mt5: Path, tmp_path: Path) -> None:
    """The validation rows, served as both splits; a random model is right on about half."""
    rows = [json.loads(line) for line in (data_dir / "xcopa/sw/val.sw.jsonl").read_text("utf-8").splitlines()]
    assert len(rows) == 100
    sample = suite.write_sample(tmp_path / "sample")
    doubled = [{**row, "split": split} for split in ("validation", "test") for row in rows]
    (sample / "xcopa.jsonl").write_text("\n".join(json.dumps(row) for row in doubled), encoding="utf-8")
    from lrl_datasets.evaluation.sample_suite import serve_sample

    serve_sample(tmp_path / "hub", sample)
    with running_hub(tmp_path) as hub:
        told = run_client(
            f"""
import json
from dataclasses import asdict
from lm_eval.tasks import TaskManager
from lrl_datasets.evaluation.run import evaluate
from lrl_datasets.evaluation.index import build_index
score = asdict(evaluate({str(tiny_mt5)!r}, ["sw_xcopa"]).scores[0])
index = build_index(["sw_xcopa"])
print(json.dumps([score, index.tasks["sw_xcopa"].items, index.lineage["sw_xcopa"]]))
""",
            hub.url,
            tmp_path,
            env=ONE_THREAD,
        )
    score, items, lineage = json.loads(told.splitlines()[-1])
    assert score["n"] == score["items"] == 100
    assert 0.3 < score["value"] < 0.7
    assert score["high"] - score["low"] == pytest.approx(0.19, abs=0.01)
    assert items == 200 and len(lineage) == 200
    assert {f"copa:{row['idx']}" for row in rows} <= set(lineage)


REFUSED = """
import os
from pathlib import Path
from lrl_datasets.errors import LrlError
{before}
try:
    {what}
except LrlError as error:
    print("REFUSED", error)
"""
LOAD = (
    "from lm_eval.tasks import TaskManager; "
    'TaskManager(include_path={tasks!r}, include_defaults=False).load(["sw_instruct"])'
)


def test_a_shadowing_folder_is_refused_by_evaluate_and_by_the_task(
    client: Callable[[str], str], tiny_mt5: Path, tmp_path: Path
) -> None:
    from lrl_datasets.evaluation.tasks import tasks_dir

    release = suite.write_release(tmp_path / "release", sample=False)
    before = f'import shutil; shutil.copytree({str(release)!r}, "lrl-align/swahili-instruct")'
    run = f'from lrl_datasets.evaluation.run import evaluate; evaluate({str(tiny_mt5)!r}, ["sw_instruct"])'
    load = LOAD.format(tasks=str(tasks_dir()))
    refused = "shadows the dataset lrl-align/swahili-instruct"
    assert refused in client(REFUSED.format(before=before, what=run))
    # The bare command has the task's own word for it.
    assert "REFUSED sw_instruct: its rows were not read from a commit on the Hub" in client(
        REFUSED.format(before=before, what=load)
    )


def test_a_sample_release_is_refused_away_from_loopback(tmp_path: Path, suite_hub: object) -> None:
    """The endpoint is still this computer's, since a test has no other; only its name is another one."""
    from lrl_datasets.evaluation.tasks import tasks_dir

    what = LOAD.format(tasks=str(tasks_dir())) + '; print("LOADED")'
    elsewhere = "import huggingface_hub.constants as c; real = c.ENDPOINT; import datasets, huggingface_hub"
    rename = """
from huggingface_hub import hf_hub_download as download
import functools
huggingface_hub.hf_hub_download = functools.partial(download, endpoint=real)
datasets_load = datasets.load_dataset
def load(*args, **kwargs):
    c.ENDPOINT = real
    try:
        return datasets_load(*args, **kwargs)
    finally:
        c.ENDPOINT = "https://hub.example.org"
datasets.load_dataset = load
"""
    for sample, expected in ((True, "REFUSED sw_instruct: lrl-align/swahili-instruct at"), (False, "LOADED")):
        folder = tmp_path / str(sample)
        suite.fill(folder / "hub", folder / "scratch", sample=sample)
        with running_hub(folder) as hub:
            told = run_client(
                REFUSED.format(before=elsewhere + rename, what=what), hub.url, folder, env=ONE_THREAD
            )
        assert expected in told


def test_a_release_without_a_manifest_is_refused(tmp_path: Path) -> None:
    from lrl_datasets.evaluation.tasks import tasks_dir

    release = suite.write_release(tmp_path / "release", sample=False)
    (release / "manifest.json").unlink()
    put(tmp_path / "hub", "lrl-align/swahili-instruct", release, tag="v1.0.0")
    with running_hub(tmp_path) as hub:
        told = run_client(
            REFUSED.format(before="", what=LOAD.format(tasks=str(tasks_dir()))), hub.url, tmp_path
        )
    assert "is no release: it has no manifest.json" in told


def test_an_unknown_task_and_a_missing_dataset_are_refused(
    client: Callable[[str], str], tmp_path: Path
) -> None:
    with pytest.raises(LrlError, match="there is no task or group sw_xnil; ours are"):
        evaluate(tmp_path, ["sw_xnil"])
    with running_hub(tmp_path) as hub:
        told = run_client(
            REFUSED.format(
                before="from lrl_datasets.evaluation.run import evaluate",
                what='evaluate("nowhere", ["sw_xcopa"])',
            ),
            hub.url,
            tmp_path,
        )
    assert "REFUSED tasks sw_xcopa cannot be loaded" in told
    told = client(
        REFUSED.format(
            before="from lrl_datasets.evaluation.run import evaluate",
            what='evaluate("./nowhere", ["sw_xcopa"])',
        )
    )
    assert "REFUSED model ./nowhere cannot be loaded" in told


def test_another_endpoint_is_refused_once_the_client_has_read_one(monkeypatch: pytest.MonkeyPatch) -> None:
    import huggingface_hub.constants

    monkeypatch.setenv("HF_ENDPOINT", huggingface_hub.constants.ENDPOINT)
    use_endpoint(huggingface_hub.constants.ENDPOINT + "/")
    with pytest.raises(LrlError, match="the Hub client already reads"):
        use_endpoint("http://127.0.0.1:1")
