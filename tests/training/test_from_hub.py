"""The fine-tune as its user runs it: by ids and revisions, from a Hub, in a process and a folder of its own."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path

import pytest
import yaml

from lrl_datasets.local_hub import Server, put

from ..evaluation import suite
from ..hub import run_client, running_hub
from . import rows


@pytest.fixture(scope="module")
def hub(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Server]:
    """A Hub with the suite's sample, the ten rows, once with a validation split and once without, and a model."""
    from lrl_datasets.training.model import load_model, origin

    folder = tmp_path_factory.mktemp("training")
    suite.fill(folder / "hub", folder / "scratch")
    put(folder / "hub", "us/ten", rows.write_release(folder / "ten"), tag="v1.0.0")
    put(folder / "hub", "us/test-only", rows.write_release(folder / "test-only", "test"), tag="v1.0.0")
    source = origin(rows.tiny_recipe(), rows.ten_pairs())
    for name, weights in (("us/model", True), ("us/no-weights", False)):
        model = folder / name
        source.tokenizer.save_pretrained(model)
        source.config.save_pretrained(model)
        if weights:
            load_model(source, 7).save_pretrained(model)
        put(folder / "hub", name, model, repo_type="model", tag="v1")
    with running_hub(folder) as server:
        yield server


def write_recipe(path: Path, **changes: object) -> Path:
    path.write_text(
        yaml.safe_dump(rows.tiny_recipe().model_dump(mode="json", exclude_none=True) | changes), "utf-8"
    )
    return path


def client(hub: Server, folder: Path, code: str) -> str:
    start = "from pathlib import Path\nfrom lrl_datasets.training.finetune import finetune\n"
    start += "from lrl_datasets.training.plan import plan\nfrom lrl_datasets.errors import LrlError\n"
    return run_client(start + code, hub.url, folder, env={"OMP_NUM_THREADS": "1"})


def test_from_the_tag_to_the_scores(hub: Server, tmp_path: Path) -> None:
    recipe = write_recipe(
        tmp_path / "mine.yaml",
        evaluation={"tasks": ["sw_suite"], "limit": 1},
        expected={"held_out_below_unigram": True, "held_out_loss_at_most": 1.0},
    )
    code = (
        "from rich.console import Console\n"
        f"result = finetune({str(recipe)!r}, Path({str(tmp_path / 'run')!r}), console=Console())\n"
        "for table in result.tables(): Console(width=150).print(table)\n"
        "print(result.unmet)"
    )
    printed = client(hub, tmp_path, code)
    result = json.loads((tmp_path / "run/results.json").read_text())
    commit = json.loads((tmp_path / "run/recipe.json").read_text())["dataset_commit"]
    assert result["plan"]["dataset_commit"] == commit and len(commit) == 40
    assert result["plan"]["held_out_splits"] == ["validation"]
    # Twelve steps cannot reach one nat a token, and the run says so.
    assert "is above 1" in printed
    for when in ("before", "after"):
        scores = {(score["task"], score["metric"]) for score in result[f"evaluation_{when}"]["scores"]}
        assert {"sw_xnli", "sw_xcopa", "sw_xstory_cloze", "sw_instruct"} <= {task for task, _ in scores}
        assert ("sw_instruct", "chrf") in scores
    assert "after − before" in printed and "(SAMPLE)" in printed and f"datasets from {hub.url}" in printed
    assert "sw_instruct" in printed and "step     12 of 12: held out loss" in printed


def test_a_model_of_the_hub_is_trained_at_the_commit_it_was_resolved_to(hub: Server, tmp_path: Path) -> None:
    model = {"id": "us/model", "revision": "v1"}
    recipe = write_recipe(tmp_path / "mine.yaml", model=model)
    lacking = write_recipe(tmp_path / "lacking.yaml", model=model | {"id": "us/no-weights"})
    code = (
        f"print(plan({str(lacking)!r}).parameters)\n"  # the dry run fetches no weights: there are none
        f"result = finetune({str(recipe)!r}, Path({str(tmp_path / 'run')!r}))\n"
        "print(result.plan['parameters'], result.plan['model_commit'])"
    )
    lines = client(hub, tmp_path, code).split()
    assert lines[0] == lines[1]
    assert len(lines[2]) == 40
    there = json.loads((tmp_path / "run/recipe.json").read_text())
    assert there["model_commit"] == lines[2]


def test_without_a_validation_split_the_test_split_is_used_and_that_is_said(
    hub: Server, tmp_path: Path
) -> None:
    recipe = write_recipe(tmp_path / "mine.yaml", dataset={"id": "us/test-only", "revision": "v1.0.0"})
    wrong = {
        "tag": {"id": "us/ten", "revision": "v9.9.9"},
        "name": {"id": "us/nothing", "revision": "v1.0.0"},
        "config": {"id": "us/ten", "config": "preference", "revision": "v1.0.0"},
    }
    paths = {name: str(write_recipe(tmp_path / f"{name}.yaml", dataset=data)) for name, data in wrong.items()}
    code = (
        "import os\n"
        f"print(plan({str(recipe)!r}).notes)\n"
        f"for name, path in {paths!r}.items():\n"
        "    try: plan(path)\n"
        "    except LrlError as error: print(name, '|', error)\n"
        "os.makedirs('us/model')\n"
        f"try: plan({str(write_recipe(tmp_path / 'm.yaml', model={'id': 'us/model', 'revision': 'v1'}))!r})\n"
        "except LrlError as error: print('shadow |', error)\n"
    )
    printed = client(hub, tmp_path, code)
    assert "['the release has no validation split', 'the held-out loss is measured on test']" in printed
    assert "us/ten@v9.9.9" in printed and "there is no such revision" in printed
    assert "us/nothing@v1.0.0" in printed and "there is no such dataset" in printed
    assert "config preference cannot be loaded" in printed
    assert "this folder shadows the model us/model" in printed


def test_a_hub_that_does_not_answer_is_named(tmp_path: Path) -> None:
    recipe = write_recipe(tmp_path / "mine.yaml")
    code = (
        "from lrl_datasets.training.plan import plan\nfrom lrl_datasets.errors import LrlError\n"
        f"try: plan({str(recipe)!r})\nexcept LrlError as error: print(error)"
    )
    printed = run_client(code, "http://127.0.0.1:9", tmp_path)
    assert "us/ten@v1.0.0 at http://127.0.0.1:9: the Hub does not answer" in printed
