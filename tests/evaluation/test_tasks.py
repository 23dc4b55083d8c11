"""Every task that is registered, and what a broken one says."""

from __future__ import annotations

import json
import re
import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from lrl_datasets.errors import LrlError
from lrl_datasets.evaluation.tasks import read_suites, refuse_shadowed, tasks_dir

from . import suite

pytestmark = pytest.mark.xdist_group("suite")  # one Hub and one cache for all of them

SUITES = read_suites()

RENDER = """
import json
from lm_eval.tasks import TaskManager
from lrl_datasets.evaluation.tasks import read_suites, tasks_dir
manager = TaskManager(include_path=str(tasks_dir()), include_defaults=False)
loaded = manager.load([task for task in read_suites().tasks])["tasks"]
print(json.dumps({
    name: {
        "columns": task.dataset[task.config.test_split or task.config.validation_split].column_names,
        "items": [
            {
                "text": task.doc_to_text(doc),
                "choices": task.doc_to_choice(doc) if task.config.doc_to_choice else None,
                "target": task.doc_to_target(doc),
                "requests": [list(request.args) for request in [task.construct_requests(
                    doc, task.fewshot_context(doc, 0), metadata=(name, 0, 1))] for request in (
                    request if isinstance(request, list) else [request])],
            }
            for doc in task.eval_docs
        ],
    }
    for name, task in loaded.items()
}))
"""


@pytest.fixture(scope="module")
def rendered(client: Callable[[str], str]) -> dict[str, Any]:
    """Every prompt of every task, as the harness itself makes it."""
    found: dict[str, Any] = json.loads(client(RENDER).splitlines()[-1])
    return found


def test_the_harness_finds_every_file() -> None:
    from lm_eval.tasks import TaskManager

    manager = TaskManager(include_path=str(tasks_dir()), include_defaults=False)
    assert set(manager.all_tasks) == set(SUITES.files)


def test_no_name_is_a_stock_one() -> None:
    import lm_eval.tasks

    stock = re.compile(rf"^(?:task|group): ({'|'.join(SUITES.files)})$", re.M)
    folder = Path(lm_eval.tasks.__file__).parent
    taken = [
        path
        for path in folder.rglob("*.yaml")
        if "lrl" not in path.parts and stock.search(path.read_text("utf-8", "ignore"))
    ]
    assert taken == []


def test_members_of_groups_are_tasks_of_ours_or_stock() -> None:
    import lm_eval.tasks

    folder = Path(lm_eval.tasks.__file__).parent
    for group, members in SUITES.groups.items():
        for name in members:
            if name not in SUITES.tasks:
                text = "\n".join(
                    path.read_text("utf-8")
                    for path in folder.rglob("*.yaml")
                    if name.split("_")[0] in str(path.parent)
                )
                assert f"task: {name}\n" in text, f"{group}: {name}"


@pytest.mark.parametrize("name", SUITES.tasks)
def test_every_prompt_is_whole(name: str, rendered: dict[str, Any]) -> None:
    task, found = SUITES.tasks[name], rendered[name]
    assert set(task.metadata.columns) <= set(found["columns"])
    assert len(found["items"]) >= 2
    for item in found["items"]:
        text = item["text"]
        assert text.strip() == text and len(text.split()) >= 5, "an encoder must have something to read"
        assert not re.search(r"\{\{|\}\}|\{%|%\}", text)
        assert text.endswith(":"), "a cue, after which an answer follows"
        if task.doc_to_choice is None:
            assert isinstance(item["target"], str) and item["target"].strip()
            continue
        choices = item["choices"]
        assert len(set(choices)) == len(choices) >= 2
        assert all(choice.strip() == choice != "" for choice in choices)
        assert item["target"] in range(len(choices))
        # What is scored is a choice alone: all else that the model must know stands in the input.
        assert item["requests"] == [[text, f" {choice}"] for choice in choices]


def test_prompts_by_hand(rendered: dict[str, Any]) -> None:
    first = {name: found["items"][0] for name, found in rendered.items()}
    # The first row of each file is in the other splits.
    premise, hypothesis, label = suite.XNLI[1]
    assert first["sw_xnli"]["text"] == (
        f"Maelezo: {premise}\nDai: {hypothesis}\nSwali: Kwa kuzingatia maelezo hayo, je, dai hilo ni kweli? "
        "Jibu kwa neno moja: Ndiyo, Labda au Hapana.\nJibu:"
    )
    assert first["sw_xnli"]["choices"][label] == "Labda"
    effect, cause = suite.XCOPA[1], suite.XCOPA[0]
    assert (effect[3], cause[3]) == ("effect", "cause")
    assert "Ni nini kilichotokea kutokana na tukio hilo?" in first["sw_xcopa"]["text"]
    assert first["sw_xcopa"]["choices"] == list(effect[1:3])
    story = suite.STORY[1]
    assert first["sw_xstory_cloze"]["text"].startswith("Hadithi: " + " ".join(story[1:5]))
    assert first["sw_xstory_cloze"]["target"] == story[-1] - 1
    question, answer = suite.INSTRUCT[0]
    assert first["sw_instruct"]["text"] == f"{question}\nJibu:"
    assert first["sw_instruct"]["target"] == answer


# ---- refused --------------------------------------------------------------------------------------------


@pytest.fixture
def copy(tmp_path: Path) -> Path:
    shutil.copytree(tasks_dir(), tmp_path / "tasks", ignore=shutil.ignore_patterns("__pycache__"))
    return tmp_path / "tasks"


@pytest.mark.parametrize(
    ("old", "new", "message"),
    [
        ("{{premise|trim}}\n  Dai", "{premise}\n  Dai", "a brace would reach the model literally"),
        ("{{premise|trim}}", "{{premize|trim}}", "doc_to_text: reads premize, no column"),
        ("{{premise|trim}}", "{{premise|trim}", "doc_to_text: "),
        ("doc_to_target: label", "doc_to_target: lable", "doc_to_target: reads no column"),
        ("test_split: test", "test_spilt: test", "test_spilt: Extra inputs are not permitted"),
        ("  license: cc-by-nc-4.0\n", "", "metadata.license: Field required"),
        ("  language: swh_Latn\n", "", "metadata.language: Field required"),
        ('lineage: "xnli:{split}/{row}"', 'lineage: "xnli:{id}"', "reads id, no column"),
        ('texts: ["{premise}", "{hypothesis}"]', "texts: [premise]", "reads no column"),
        ("doc_to_choice:", "# doc_to_choice:", "goes with output_type multiple_choice"),
        ("include: _choice_yaml", "include: _chioce_yaml", "there is no file"),
        ("task: sw_xnli", "task: sw_xcopa", "has the name sw_xcopa"),
        ("task: sw_xnli", "task: [sw_xnli", "cannot be read as YAML"),
        ("task: sw_xnli", "tusk: sw_xnli", "key task or group is missing"),
    ],
)
def test_a_broken_task_is_refused_by_file_and_key(copy: Path, old: str, new: str, message: str) -> None:
    path = copy / "sw_suite/sw_xnli.yaml"
    text = path.read_text("utf-8")
    assert old in text
    path.write_text(text.replace(old, new, 1), encoding="utf-8")
    with pytest.raises(LrlError, match=re.escape(message)) as caught:
        read_suites(copy)
    assert "sw_x" in str(caught.value)


def test_a_helper_that_is_not_there_is_refused(copy: Path) -> None:
    path = copy / "sw_suite/sw_instruct.yaml"
    path.write_text(path.read_text("utf-8").replace("utils.held_out", "utils.held_in"), encoding="utf-8")
    with pytest.raises(LrlError, match=r"sw_instruct\.yaml: process_docs: !function utils\.held_in"):
        read_suites(copy)


def test_a_file_that_includes_itself_is_refused(copy: Path) -> None:
    path = copy / "sw_suite/_choice_yaml"
    path.write_text("include: _choice_yaml\n", encoding="utf-8")
    with pytest.raises(LrlError, match="includes itself"):
        read_suites(copy)


def test_a_group_with_an_unknown_key_is_refused(copy: Path) -> None:
    path = copy / "sw_suite/_sw_suite.yaml"
    path.write_text(path.read_text("utf-8") + "tasks: []\n", encoding="utf-8")
    with pytest.raises(LrlError, match="unknown keys tasks"):
        read_suites(copy)


def test_a_folder_that_shadows_a_dataset_is_refused(tmp_path: Path) -> None:
    refuse_shadowed(["org/name"], tmp_path)
    (tmp_path / "org/name").mkdir(parents=True)
    with pytest.raises(LrlError, match="shadows the dataset org/name"):
        refuse_shadowed(["org/name"], tmp_path)
