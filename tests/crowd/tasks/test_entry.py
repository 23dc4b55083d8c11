"""Training, exam and retry: which tasks they have, where they lead, and who gets in."""

from __future__ import annotations

import csv
import io
import json
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any

import pytest

from lrl_datasets import languages, schema
from lrl_datasets.crowd.rules import Rules
from lrl_datasets.crowd.state import compute
from lrl_datasets.crowd.tasks import entry, pages, waiting
from lrl_datasets.errors import LrlError
from lrl_datasets.sources import campaign_toml
from lrl_datasets.sources.campaign import Campaign
from tests.crowd.tasks import platforms
from tests.crowd.tasks.test_commands import PROMPTS, contents, lrl

RULES = Rules(
    training_pools=("training.tsv",), training_min_accuracy=0.5, exam_pools=("exam.tsv",), exam_min_accuracy=0.8,
    exam_retry_from=0.5, retry_pools=("retry.tsv",),
)  # fmt: skip


def control(worker: str, pool: str, *right: bool) -> list[dict[str, Any]]:
    start = datetime(2026, 3, 2, 8)
    return [
        dict.fromkeys([*schema.JUDGEMENT.names])
        | {
            "worker": worker, "file": f"{pool}.tsv", "reason": "golden", "golden": "yes",
            "label": "yes" if one else "no", "started": start + timedelta(minutes=n),
            "assignment": f"{worker}{pool}{n}",
        }
        for n, one in enumerate(right)
    ]  # fmt: skip


def test_a_worker_goes_from_pool_to_pool() -> None:
    trained = control("w", "training", True, False)  # .5 is enough
    assert entry.next_pool("w", [], RULES) == "training"
    assert entry.next_pool("w", control("w", "training", False, False), RULES) == "out"
    assert entry.next_pool("w", trained, RULES) == "exam"
    assert entry.next_pool("w", [*trained, *control("w", "exam", *[True] * 4, False)], RULES) == "work"
    just_missed = [*trained, *control("w", "exam", True, True, False, False)]
    assert entry.next_pool("w", just_missed, RULES) == "retry"
    assert entry.next_pool("w", [*just_missed, *control("w", "retry", True, True)], RULES) == "work"
    assert entry.next_pool("w", [*just_missed, *control("w", "retry", True, False)], RULES) == "out"
    assert entry.next_pool("w", [*trained, *control("w", "exam", True, False, False)], RULES) == "out"
    assert entry.next_pool("w", [], Rules()) == "work"


def test_control_tasks_are_divided_by_their_column_or_about_equally() -> None:
    told = [{"id": "a", "pool": "exam"}, {"id": "b", "pool": ""}, {"id": "c", "pool": "training"}]
    parts = entry.divided(told, entry.POOLS)
    assert {name: [row["id"] for row in rows] for name, rows in parts.items()} == {
        "": ["b"], "training": ["c"], "exam": ["a"], "retry": [],
    }  # fmt: skip
    with pytest.raises(LrlError, match=r"control task 2: pool 'exams' is none .* \(exam\)"):
        entry.divided([{"pool": "exam"}, {"pool": "exams"}], ["exam"])
    many = [{"id": str(n)} for n in range(400)]
    sizes = [len(rows) for rows in entry.divided(many, entry.POOLS).values()]
    assert sum(sizes) == 400 and min(sizes) > 70
    more = entry.divided([*many, {"id": "new"}], entry.POOLS)
    assert all(rows == [*more[name]][: len(rows)] for name, rows in entry.divided(many, entry.POOLS).items())
    assert entry.divided(many, []) == {"": many}


def test_an_exam_has_whole_suites_and_says_where_it_leads() -> None:
    toml = __import__("tomllib").loads(platforms.campaign_toml("toloka"))
    stage = campaign_toml.CampaignFile.model_validate(toml).stage[1]
    page = pages.page("x", stage, languages.load("swh"))
    rows = [{"prompt": f"Swali {n}", "answer": "Jibu", "helpful": "yes"} for n in range(5)]
    tasks = waiting.control_tasks(page, rows)
    exam, training = (entry.pool(name, tasks, 2, RULES) for name in ("exam", "training"))
    assert exam.tasks["suite"].to_pylist() == [1, 1, 2, 2]  # the fifth would never be given out
    assert training.tasks["suite"].to_pylist() == [1, 1, 2, 2, 3]
    assert exam.leads == "leads to the work from 80 % right on, and from 50 % on to the retry"
    assert training.leads == "leads to the exam from 50 % right at the first attempt on"
    with pytest.raises(LrlError, match="the exam needs 9 control tasks for a suite, and 5 are left"):
        entry.pool("exam", tasks, 9, RULES)


def with_entry(folder: Path, suffix: str, rubric: bool) -> Path:
    pools = {name: f"{name}-*.{suffix}" for name in entry.POOLS}
    toml = (folder / "campaign.toml").read_text()
    toml = toml.replace(
        f'pools = ["votes-*.{suffix}"]', f"pools = {json.dumps([*pools.values(), f'votes-*.{suffix}'])}"
    )
    rules = f"""aggregation = "majority"
training_pools = ["{pools["training"]}"]
training_min_accuracy = 0.5
exam_pools = ["{pools["exam"]}"]
exam_min_accuracy = 0.8
exam_retry_from = 0.5
retry_pools = ["{pools["retry"]}"]
"""
    (folder / "campaign.toml").write_text(toml.replace('aggregation = "majority"\n', rules))
    yes, no = ("2", "0") if rubric else ("yes", "no")
    known = [
        {"id": f"{pool}{n}", "prompt": f"Swali {pool} {n}?", "answer": f"Jibu {pool} {n}.", "pool": pool,
         "helpful": (yes, no)[n % 2], "fluency": (yes, no)[n % 2], "hint": "Soma tena swali."}
        for pool in ("", *entry.POOLS) for n in range(6)
    ]  # fmt: skip
    (folder / "golden.jsonl").write_text("".join(json.dumps(row) + "\n" for row in known))
    return folder


@pytest.mark.parametrize(("format", "rubric"), [("toloka", False), ("label_studio", True)])
def test_a_crowd_is_trained_examined_and_let_in(tmp_path: Path, format: str, rubric: bool) -> None:
    suffix = platforms.PREFIXES[format][2]
    folder = with_entry(platforms.folder(tmp_path / "c", format, PROMPTS, [], rubric=rubric), suffix, rubric)
    crowd = ("--crowd", "expert=5,average=4,adversarial=2,spammer=2", "--seed", "4")
    said = lrl("simulate", "--campaign", folder, *crowd)
    assert "13 workers took the training" in said and "workers took the exam" in said
    came = Campaign(under_way=True).read(folder)
    judged = compute(came, datetime(2026, 6, 1)).judged.to_pylist()
    work = {row["worker"] for row in judged if row["file"].startswith("votes")}
    examined = {row["worker"] for row in judged if row["file"].startswith("exam")}
    assert work < examined and len(examined) < 13  # some failed at each step
    assert {row["reason"] for row in judged if row["file"].startswith("votes")} <= {
        None,
        "golden",
        "failed_worker",
    }
    before = contents(folder)
    lrl("simulate", "--campaign", folder, *crowd)
    assert contents(folder) == before  # nobody is examined twice


def test_an_exam_at_work_is_taken_once(tmp_path: Path) -> None:
    golden = [{"id": f"g{n}", "prompt": f"Swali {n}?", "answer": "Jibu.", "helpful": ("yes", "no")[n % 2]}
              for n in range(8)]  # fmt: skip
    folder = platforms.folder(tmp_path / "c", "toloka", PROMPTS, golden)
    toml = (folder / "campaign.toml").read_text()
    rules = 'aggregation = "majority"\nexam_tasks = 4\nexam_min_accuracy = 0.75\n'
    (folder / "campaign.toml").write_text(toml.replace('aggregation = "majority"\n', rules))
    lrl("simulate", "--campaign", folder, "--crowd", "hasty=6,average=6", "--seed", "4")
    judged = compute(Campaign(under_way=True).read(folder), datetime(2026, 6, 1)).judged.to_pylist()
    suites: dict[tuple[str, str], list[dict[str, object]]] = {}
    for row in judged:
        suites.setdefault((row["worker"], row["assignment"]), []).append(row)
    exams = {
        key: rows for key, rows in suites.items() if all(row["golden"] for row in rows) and len(rows) == 4
    }
    assert len(list(folder.glob("votes-*"))) > 1  # several rounds …
    assert sorted(worker for worker, _ in exams) == sorted(
        {worker for worker, _ in suites}
    )  # … and one exam each
    # Four tasks at 0.15 for three.
    assert {row["reward"] for rows in exams.values() for row in rows} == {0.2}
    failed = {
        worker for (worker, _), rows in exams.items() if sum(r["label"] == r["golden"] for r in rows) < 3
    }
    assert failed and not failed & {worker for worker, suite in suites if (worker, suite) not in exams}


def test_toloka_gets_hints_in_the_training_alone_and_pools_say_where_they_lead(tmp_path: Path) -> None:
    folder = with_entry(platforms.folder(tmp_path / "c", "toloka", PROMPTS, []), "tsv", False)
    lrl("simulate", "--campaign", folder, "--rounds", "1", "--crowd", "expert=9")
    for path in folder.glob("votes-*"):
        path.unlink()
    said = lrl("tasks", "helpful", "--campaign", folder)
    outbox = folder / "outbox" / "2-helpful"
    assert "exam: 6 control tasks in 2 suites, leads to the work from 80 % right on" in said
    assert (outbox / "pools.txt").read_text().count("leads to") == 3
    headers = {
        name: next(csv.reader(io.StringIO((outbox / name / "pool.tsv").read_text()), delimiter="\t"))
        for name in (".", *entry.POOLS)
    }
    assert [name for name, header in headers.items() if "HINT:text" in header] == ["training"]
    assert [name for name, header in headers.items() if "TASK:overlap" in header] == ["."]
    suites = json.loads((outbox / "exam" / "task_suites.json").read_text())
    assert [len(suite["tasks"]) for suite in suites] == [3, 3]
    assert all(suite["infinite_overlap"] and "overlap" not in suite for suite in suites)
    shown = {task["input_values"]["prompt"] for suite in json.loads((outbox / "task_suites.json").read_text())
             for task in suite["tasks"] if "known_solutions" in task}  # fmt: skip
    assert shown and all(prompt.startswith("Swali  ") for prompt in shown)  # those of no pool
