"""The real harness on a small model; what it must refuse."""

from __future__ import annotations

import json
import math
from collections.abc import Callable
from pathlib import Path

import pytest

from lrl_datasets.errors import LrlError
from lrl_datasets.evaluation.run import _load_model, evaluate, use_endpoint
from lrl_datasets.evaluation.tasks import tasks_dir
from lrl_datasets.local_hub import Server, put

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
import os
os.dup2(1, 2)  # what git says outside a repository is to be seen too
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
    assert results["endpoint"].startswith("http://127.0.0.1:") and results["offline"] is False
    assert xnli["sample"] is xcopa["sample"] is True
    assert "test (SAMPLE)" in shown and f"datasets from {results['endpoint']}" in shown
    assert "not a git repository" not in shown


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
    release = suite.write_release(tmp_path / "release", sample=False)
    before = f'import shutil; shutil.copytree({str(release)!r}, "lrl-align/swahili-instruct")'
    run = f'from lrl_datasets.evaluation.run import evaluate; evaluate({str(tiny_mt5)!r}, ["sw_instruct"])'
    load = LOAD.format(tasks=str(tasks_dir()))
    refused = "shadows the dataset lrl-align/swahili-instruct"
    assert refused in client(REFUSED.format(before=before, what=run))
    # The bare command has the task's own word for it.
    assert "REFUSED the rows were not read from a commit on the Hub" in client(
        REFUSED.format(before=before, what=load)
    )


def test_a_sample_release_is_refused_away_from_loopback(tmp_path: Path, suite_hub: object) -> None:
    """The endpoint is still this computer's, since a test has no other; only its name is another one."""
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
    for sample, expected in ((True, "REFUSED lrl-align/swahili-instruct at"), (False, "LOADED")):
        folder = tmp_path / str(sample)
        suite.fill(folder / "hub", folder / "scratch", sample=sample)
        with running_hub(folder) as hub:
            told = run_client(
                REFUSED.format(before=elsewhere + rename, what=what), hub.url, folder, env=ONE_THREAD
            )
        assert expected in told


def test_a_release_without_a_manifest_is_refused(tmp_path: Path) -> None:
    release = suite.write_release(tmp_path / "release", sample=False)
    (release / "manifest.json").unlink()
    put(tmp_path / "hub", "lrl-align/swahili-instruct", release, tag="v1.0.0")
    with running_hub(tmp_path) as hub:
        told = run_client(
            REFUSED.format(before="", what=LOAD.format(tasks=str(tasks_dir()))), hub.url, tmp_path
        )
    assert "is no release: it has no manifest.json" in told


def test_an_unknown_task_and_a_missing_dataset_are_refused(
    client: Callable[[str], str], tiny_mt5: Path, tmp_path: Path
) -> None:
    with pytest.raises(LrlError, match="there is no task or group sw_xnil; ours are"):
        evaluate(tiny_mt5, ["sw_xnil"])
    with running_hub(tmp_path) as hub:
        told = run_client(
            REFUSED.format(
                before="from lrl_datasets.evaluation.run import evaluate",
                what=f'evaluate({str(tiny_mt5)!r}, ["sw_xcopa"])',
            ),
            hub.url,
            tmp_path,
        )
    assert f"REFUSED dataset cambridgeltl/xcopa@main at {hub.url}: there is no such dataset" in told
    told = client(
        REFUSED.format(
            before="from lrl_datasets.evaluation.run import evaluate",
            what='evaluate("no/where", ["sw_xcopa"])',
        )
    )
    assert "REFUSED model no/where cannot be loaded from http://127.0.0.1" in told


CACHED = """
from lrl_datasets.evaluation.run import evaluate
evaluate({model!r}, ["sw_xcopa"], limit=1)
"""


def test_cached_rows_are_scored_only_where_the_hub_in_use_has_them(
    suite_hub: Server, tiny_mt5: Path, tmp_path: Path
) -> None:
    """One cache after a rehearsal, then a Hub that does not answer, one without the dataset, and none at all."""
    home, code = tmp_path / "home", CACHED.format(model=str(tiny_mt5))
    run_client(code, suite_hub.url, tmp_path, home=home, env=ONE_THREAD)

    def again(endpoint: str, what: str, **env: str) -> str:
        refused = REFUSED.format(before="from rich.console import Console", what=what)
        return run_client(refused, endpoint, tmp_path, home=home, env=ONE_THREAD | env)

    run = code.strip().replace("\n", "; ")
    told = again("http://me:secret@127.0.0.1:9", run)
    assert "REFUSED dataset cambridgeltl/xcopa@main at http://127.0.0.1:9: the Hub does not answer" in told
    with running_hub(tmp_path / "empty") as other:
        told = again(other.url, run)
        assert f"REFUSED dataset cambridgeltl/xcopa@main at {other.url}: there is no such dataset" in told
    shown = run.replace("; evaluate(", "; results = evaluate(")
    shown += "; print(results.offline); Console(width=150).print(results.table())"
    told = again("http://127.0.0.1:9", shown, HF_HUB_OFFLINE="1")
    assert "offline: datasets from the cache, not compared with a Hub" in told and "test (SAMPLE)" in told
    # The bare command has the tasks' own word for it.
    bare = LOAD.replace("sw_instruct", "sw_xcopa").format(tasks=str(tasks_dir()))
    told = again("https://hub.invalid", bare, HF_HUB_OFFLINE="1")
    assert "REFUSED cambridgeltl/xcopa at" in told and "these are SAMPLE rows" in told


def test_encoder_decoders_are_refused_where_a_group_is_for_causal_models(tiny_mt5: Path) -> None:
    for names in (["sw_suite_stock"], ["sw_xcopa", "xnli_sw"]):
        with pytest.raises(LrlError, match=r"_sw_suite_stock.yaml is for causal models only"):
            evaluate(tiny_mt5, names)


def test_what_cannot_be_run_is_refused_in_one_line(tiny_mt5: Path, tmp_path: Path) -> None:
    with pytest.raises(LrlError, match="no task is named; ours are sw_suite, "):
        evaluate(tiny_mt5, [])
    with pytest.raises(LrlError, match=r"there is no model in this folder \(config.json is missing\)"):
        evaluate(tmp_path, ["sw_xcopa"])
    with pytest.raises(LrlError, match="/nope/model: there is no such folder"):
        evaluate("/nope/model", ["sw_xcopa"])
    with pytest.raises(LrlError, match="device tpu9: not here; there are cpu"):
        evaluate(tiny_mt5, ["sw_xcopa"], device="tpu9")
    (tmp_path / "config.json").write_text('{"model_type": "mt5"}')
    (tmp_path / "model.safetensors").write_text("broken")
    with pytest.raises(LrlError, match=f"model {tmp_path} cannot be loaded: "):
        _load_model(tmp_path, None, 1, "cpu")


def test_another_endpoint_is_refused_once_the_client_has_read_one(monkeypatch: pytest.MonkeyPatch) -> None:
    import huggingface_hub.constants

    monkeypatch.setenv("HF_ENDPOINT", huggingface_hub.constants.ENDPOINT)
    use_endpoint(huggingface_hub.constants.ENDPOINT + "/")
    with pytest.raises(LrlError, match="the Hub client already reads"):
        use_endpoint("http://127.0.0.1:1")
