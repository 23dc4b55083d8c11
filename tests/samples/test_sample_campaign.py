"""The embedded sample campaign is what its README says: written text, planted trouble, reproducible exports."""

from __future__ import annotations

import csv
import importlib.util
import io
import json
import re
import statistics
import sys
from collections import Counter, defaultdict
from itertools import pairwise
from pathlib import Path
from types import ModuleType
from typing import Any

import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq
import pytest

from lrl_datasets.crowd.aggregation import aggregate
from lrl_datasets.crowd.answer_rules import marked
from lrl_datasets.crowd.quality import Rules, decide, failed_workers
from lrl_datasets.evaluation.tasks import read_suites
from lrl_datasets.filters.contamination import Contamination
from lrl_datasets.filters.normalise import normalise_text
from lrl_datasets.filters.personal_data import mask_text
from lrl_datasets.filters.suite_index import SuiteIndex, SuiteItem
from lrl_datasets.languages import load
from lrl_datasets.sources.base import SourceTables
from lrl_datasets.sources.campaign import Campaign

FOLDER = Path(__file__).parents[2] / "builders" / "samples" / "swahili"
GOOD = {"good", "leak", "phone"}
KINDS = {
    "good": 240, "leak": 10, "phone": 6, "weak": 62, "off_topic": 16, "english": 12, "mixed": 10,
    "machine_like": 12, "copied": 12, "near_copied": 12, "empty": 8,
}  # fmt: skip
SPAMMER, HASTY, LEFT_HANDED = "b01", "b02", "b25"


def rows(path: str) -> list[dict[str, Any]]:
    return [json.loads(line) for line in (FOLDER / path).read_text("utf-8").split("\n") if line]


PROMPTS = {prompt["id"]: prompt for prompt in rows("texts/prompts.jsonl")}
ANSWERS = rows("texts/answers.jsonl")


def words(text: str) -> list[str]:
    return re.findall(r"\w+(?:'\w+)*", text.lower())


def runs(text: str, length: int) -> set[tuple[str, ...]]:
    found = words(text)
    return {tuple(found[at : at + length]) for at in range(len(found) - length + 1)}


@pytest.fixture(scope="module")
def make_exports() -> ModuleType:
    spec = importlib.util.spec_from_file_location("sample_make_exports", FOLDER / "make_exports.py")
    assert spec and spec.loader
    module = importlib.util.module_from_spec(spec)
    sys.modules[spec.name] = module
    spec.loader.exec_module(module)
    return module


@pytest.fixture(scope="module")
def campaign() -> SourceTables:
    return Campaign(path=FOLDER).read()


@pytest.fixture(scope="module")
def answer_of(make_exports: ModuleType) -> dict[str, dict[str, Any]]:
    """Record id in the export to the answer in `texts/`, found by who answered what."""
    written = {(answer["prompt"], make_exports.worker_id(answer["worker"])): answer for answer in ANSWERS}
    found = {}
    for row in export_rows("answers"):
        key = row["INPUT:prompt_id"], row["ASSIGNMENT:worker_id"]
        if row["ASSIGNMENT:status"] not in ("SKIPPED", "EXPIRED") and not row["GOLDEN:answer"]:
            found[make_exports.record(row)] = written.pop(key)
    assert written == {}
    return found


def export_rows(name: str) -> list[dict[str, str]]:
    with (FOLDER / "exports" / f"{name}-1.tsv").open(encoding="utf-8", newline="") as file:
        return list(csv.DictReader(file, dialect="excel-tab"))


# ---- the texts ------------------------------------------------------------------------------------------


def test_counts() -> None:
    assert len(PROMPTS) == 150
    assert len({prompt["kind"] for prompt in PROMPTS.values()}) == 13
    assert len(ANSWERS) == len({answer["id"] for answer in ANSWERS}) == 400
    assert Counter(answer["kind"] for answer in ANSWERS) == KINDS
    assert len({answer["worker"] for answer in ANSWERS}) == 30
    assert len({(answer["worker"], answer["prompt"]) for answer in ANSWERS}) == 400


def test_golden_tasks_are_plain_or_of_a_kind_of_the_answers() -> None:
    golden = rows("texts/golden.jsonl")
    assert Counter(task["helpful"] for task in golden) == {"yes": 25, "no": 25}
    assert Counter(task["kind"] for task in golden) == {"plain": 30, "weak": 16, "machine_like": 4}
    assert {task["helpful"] for task in golden if task["kind"] == "weak"} == {"no"}
    assert all(task["hint"] for task in golden)
    assert len({(task["prompt"], task["answer"]) for task in golden}) == 50


def test_prompts_have_answers_to_choose_between() -> None:
    kinds = defaultdict(list)
    for answer in ANSWERS:
        kinds[answer["prompt"]].append(answer["kind"])
    assert set(kinds) == set(PROMPTS)
    assert {len(listed) for listed in kinds.values()} == {1, 2, 3, 4}
    assert sum("good" in listed for listed in kinds.values()) >= 125
    poor = {"weak", "off_topic", "english", "mixed", "machine_like"}
    assert sum("good" in listed and bool(poor & set(listed)) for listed in kinds.values()) >= 80


def test_good_answers_share_no_run_of_eight_words() -> None:
    owner: dict[tuple[str, ...], str] = {}
    shared = []
    for answer in ANSWERS:
        if answer["kind"] not in GOOD:
            continue
        quoted = runs(PROMPTS[answer["prompt"]].get("context", ""), 8)
        for run in runs(answer["text"], 8) - quoted:
            if owner.setdefault(run, answer["id"]) != answer["id"]:
                shared.append((owner[run], answer["id"], " ".join(run)))
    assert shared == []


def test_good_answers_are_of_some_length() -> None:
    lengths = [len(words(answer["text"])) for answer in ANSWERS if answer["kind"] in GOOD]
    assert statistics.median(lengths) >= 25


def test_good_answers_and_prompts_are_swahili() -> None:
    import py3langid

    good = [answer["text"] for answer in ANSWERS if answer["kind"] in GOOD]
    shown = [prompt["prompt"] for prompt in PROMPTS.values()]
    for texts in (good, shown):
        assert sum(py3langid.classify(text)[0] == "sw" for text in texts) >= 0.95 * len(texts)


def test_copies_and_near_copies() -> None:
    by_id = {answer["id"]: answer for answer in ANSWERS}
    for answer in ANSWERS:
        if "of" not in answer:
            continue
        original = by_id[answer["of"]]
        assert original["prompt"] == answer["prompt"] and original["worker"] != answer["worker"]
        one, other = runs(answer["text"], 5), runs(original["text"], 5)
        similarity = len(one & other) / len(one | other)
        assert similarity == 1 if answer["kind"] == "copied" else 0.8 < similarity < 1


def test_personal_data_is_in_the_answers_that_say_so_and_nowhere_else() -> None:
    language = load("swh_Latn").personal_data
    masked = {
        answer["id"]: mask_text(answer["text"], language.phone_regions, language.phone_cues)[1]
        for answer in ANSWERS
    }
    planted = [answer["id"] for answer in ANSWERS if answer["kind"] == "phone"]
    assert {name for name, found in masked.items() if found} == set(planted)
    assert sorted(masked[name][0] for name in planted) == ["email"] * 2 + ["phone"] * 4
    for prompt in PROMPTS.values():
        text = " ".join(value for value in prompt.values())
        assert mask_text(text, language.phone_regions, language.phone_cues)[1] == []


# ---- the exports ----------------------------------------------------------------------------------------


def test_exports_are_what_the_script_writes(make_exports: ModuleType) -> None:
    written = make_exports.exports()
    there = {str(path.relative_to(FOLDER)) for path in FOLDER.glob("**/exports/*")}
    assert there == {name for name in written if not name.endswith(".toml")}
    for name, data in written.items():
        if name.endswith(".parquet"):  # its bytes name the library's version
            assert pq.read_table(FOLDER / name).equals(pq.read_table(io.BytesIO(data))), name
        else:
            assert (FOLDER / name).read_bytes() == data, name


def test_exports_look_like_tolokas(make_exports: ModuleType) -> None:
    sizes = {}
    for name in ("answers", "validation", "comparisons"):
        text = (FOLDER / "exports" / f"{name}-1.tsv").read_text("utf-8")
        listed = export_rows(name)
        suites = [row["ASSIGNMENT:assignment_id"] for row in listed]
        changes = sum(one != other for one, other in pairwise(suites))
        assert changes == len(set(suites)) - 1, "an assignment's rows stand together"
        records = csv.reader(text.splitlines(keepends=True), dialect="excel-tab")
        assert sum(record == [] for record in records) == changes, "one empty line between suites"
        sizes[name] = max(Counter(suites).values())
    assert sizes == {"answers": 6, "validation": make_exports.TASKS_PER_SUITE, "comparisons": 6}
    statuses = Counter(row["ASSIGNMENT:status"] for row in export_rows("answers"))
    taken = Counter((row["INPUT:prompt_id"], row["ASSIGNMENT:worker_id"]) for row in export_rows("answers"))
    assert max(taken.values()) == 1, "nobody gets a prompt twice"
    assert statuses["APPROVED"] > 300
    assert {"SUBMITTED", "REJECTED", "SKIPPED", "EXPIRED"} < set(statuses)


def test_campaign_is_read_without_loss(campaign: SourceTables) -> None:
    assert campaign.quarantine == []
    marks = Counter(campaign.candidates["mark.source"].to_pylist())
    assert marks == {None: 393, "golden": 75, "refused_by_requester": 7, "not_submitted": 3}
    assert Counter(campaign.judgements["question"].to_pylist()) == {"helpful": 2000, "better": 485}
    assert campaign.judgements["reason"].null_count == 2485
    # A verdict overrides the status, both ways.
    verdicts = {
        row["ACCEPT:verdict"]: row["ASSIGNMENT:status"]
        for row in export_rows("answers")
        if row["ACCEPT:verdict"]
    }
    assert verdicts == {"+": "REJECTED", "-": "APPROVED"}


def test_every_answer_is_judged_four_times_or_more(
    campaign: SourceTables, answer_of: dict[str, dict[str, Any]]
) -> None:
    judgements = [row for row in campaign.judgements.to_pylist() if row["question"] == "helpful"]
    votes = Counter(row["record"] for row in judgements if row["golden"] is None)
    judged = {record for record, answer in answer_of.items() if answer["text"].strip()}
    assert set(votes) == judged and len(judged) == 392
    assert min(votes.values()) == 4
    seen = Counter((row["record"], row["worker"]) for row in judgements if row["golden"] is None)
    assert max(seen.values()) == 1
    golden = len(judgements) - votes.total()
    assert 0.10 <= golden / 2000 <= 0.15


def test_who_fails_and_who_judged_himself(
    campaign: SourceTables, make_exports: ModuleType, answer_of: dict[str, dict[str, Any]]
) -> None:
    rules = {"helpful": Rules(golden_min_answers=3, golden_min_accuracy=0.6)}
    failed = failed_workers(campaign.judgements, rules | {"better": rules["helpful"]})
    assert failed == {
        ("helpful", make_exports.worker_id(SPAMMER)),
        ("helpful", make_exports.worker_id(HASTY)),
        ("better", make_exports.worker_id(LEFT_HANDED)),
    }
    durations = defaultdict(list)
    labels = defaultdict(set)
    own = Counter()
    for row in campaign.judgements.to_pylist():
        if row["question"] != "helpful":
            continue
        durations[row["worker"]].append(row["duration_s"])
        labels[row["worker"]].add(row["label"])
        author = None if row["golden"] else answer_of[row["record"]]["worker"]
        if author and make_exports.worker_id(author) == row["worker"]:
            own[row["worker"]] += 1
    assert len(durations) == 25
    assert labels[make_exports.worker_id(SPAMMER)] == {"yes"}
    quickest = min(durations, key=lambda worker: statistics.median(durations[worker]))
    assert quickest == make_exports.worker_id(HASTY)
    assert own == {make_exports.worker_id(make_exports.AUTHOR): 2}


def test_judges_err_on_hard_golden_tasks_as_on_such_answers(
    answer_of: dict[str, dict[str, Any]], make_exports: ModuleType
) -> None:
    kind_of = {task["id"]: task["kind"] for task in rows("texts/golden.jsonl")}
    skewed = {make_exports.worker_id(name) for name in (SPAMMER, HASTY)}
    said_yes, right = defaultdict(list), defaultdict(list)
    for row in export_rows("validation"):
        if row["ASSIGNMENT:worker_id"] in skewed:
            continue
        name, yes = row["INPUT:answer_id"], row["OUTPUT:helpful"] == "yes"
        kind = kind_of.get(name) or answer_of[name]["kind"]
        said_yes[name in kind_of, kind].append(yes)
        if name in kind_of:
            right[kind].append(row["OUTPUT:helpful"] == row["GOLDEN:helpful"])
    assert statistics.mean(right["plain"]) > 0.9
    assert statistics.mean(right["weak"]) < 0.85
    assert statistics.mean(right["machine_like"]) < 0.75
    votes = said_yes[True, "weak"]
    share = statistics.mean(said_yes[False, "weak"])
    # Three standard errors of the share among so few control tasks.
    assert abs(statistics.mean(votes) - share) < 3 * (share * (1 - share) / len(votes)) ** 0.5


def test_crowd_accepts_the_good_and_refuses_the_rest(
    campaign: SourceTables, answer_of: dict[str, dict[str, Any]]
) -> None:
    language = load("swh_Latn").personal_data

    def clean(text: str) -> str:
        return mask_text(normalise_text(text), language.phone_regions, language.phone_cues)[0]

    answers = pa.table(
        {
            "record": campaign.candidates["record"],
            "id": campaign.candidates["record"],
            "worker": campaign.candidates["worker"],
            "text": [
                clean(messages[-1]["content"]) for messages in campaign.candidates["messages"].to_pylist()
            ],
        }
    )
    shown = [text if text is None else clean(text) for text in campaign.judgements["text"].to_pylist()]
    at = campaign.judgements.schema.get_field_index("text")
    judgements = campaign.judgements.set_column(at, "text", pa.array(shown, pa.string()))
    judgements = judgements.filter(pc.equal(judgements["question"], "helpful"))
    decided = decide(judgements, answers, {"helpful": Rules()})
    assert set(decided["reason"].to_pylist()) == {None, "golden", "failed_worker", "own_answer"}
    votes = decided.filter(decided["counted"]).select(["answer_id", "worker", "label"])
    accepted = defaultdict(list)
    for row in aggregate(votes, "dawid-skene", ["yes"]).to_pylist():
        accepted[answer_of[row["answer_id"]]["kind"]].append(row["helpfulness"] >= 0.7)
    good = [one for kind in GOOD for one in accepted[kind]]
    assert len(good) == 256 and sum(good) >= 0.95 * len(good)
    assert sum(accepted["weak"]) <= 0.2 * len(accepted["weak"])
    assert sum(accepted["english"] + accepted["off_topic"]) <= 2


def test_comparisons_are_balanced_and_nobody_compares_his_own(
    campaign: SourceTables, answer_of: dict[str, dict[str, Any]], make_exports: ModuleType
) -> None:
    judges = defaultdict(list)
    for row in campaign.judgements.to_pylist():
        if row["question"] == "better" and row["golden"] is None:
            judges[row["record"], row["other_record"]].append(row["worker"])
    assert len(judges) == 200 and {len(workers) for workers in judges.values()} == {2}
    for (left, right), workers in judges.items():
        assert answer_of[left]["prompt"] == answer_of[right]["prompt"]
        everybody = [*workers, *judges[right, left]]
        authors = {make_exports.worker_id(answer_of[record]["worker"]) for record in (left, right)}
        assert len(set(everybody)) == 4 and not authors & set(everybody)


def test_rules_refuse_the_writers_who_were_planted(
    campaign: SourceTables, answer_of: dict[str, dict[str, Any]], make_exports: ModuleType
) -> None:
    refused = defaultdict(set)
    for row in marked(campaign).select(["record", "mark.answer_rules"]).to_pylist():
        if row["mark.answer_rules"] and row["record"] in answer_of:
            refused[row["mark.answer_rules"]].add(answer_of[row["record"]]["id"])
    of_worker = defaultdict(set)
    for answer in ANSWERS:
        of_worker[answer["worker"]].add(answer["id"])
    assert set(refused) == {"failed_worker", "too_fast", "same_text"}
    assert refused["failed_worker"] == of_worker[make_exports.CARELESS]
    assert refused["too_fast"] == of_worker[make_exports.HURRIED]
    assert refused["same_text"] == {answer["id"] for answer in ANSWERS if answer["kind"] == "copied"}


# ---- the suite's rows -----------------------------------------------------------------------------------


def suite_items() -> list[SuiteItem]:
    """What the task files say is a text or an original, of the sample's rows."""
    items = []
    for task in read_suites().tasks.values():
        name = task.dataset_path.rpartition("/")[2]
        if task.metadata.index is None or not (FOLDER / "suite" / f"{name}.jsonl").is_file():
            continue
        position: Counter[str] = Counter()
        for row in rows(f"suite/{name}.jsonl"):
            split = row["split"]
            if split in task.metadata.index.splits:
                values = {**row, "row": position[split]}
                texts = tuple(template.format(**values) for template in task.metadata.index.texts)
                lineage = task.metadata.index.lineage_of(split).format(**values)
                items.append(SuiteItem(task.task, texts, (lineage,)))
            position[split] += 1
    return items


def test_the_build_finds_the_planted_leaks_and_no_other(
    campaign: SourceTables, answer_of: dict[str, dict[str, Any]]
) -> None:
    marked = Contamination(SuiteIndex.build(suite_items()))(campaign.candidates)
    found = {
        answer_of[row["record"]]["id"]: row["detail.contamination"].split(":")[0]
        for row in marked.select(["record", "mark.contamination", "detail.contamination"]).to_pylist()
        if row["mark.contamination"]
    }
    planted = {answer["id"]: answer["prompt"] for answer in ANSWERS if answer["kind"] == "leak"}
    assert found == {
        name: "lineage" if not PROMPTS[prompt]["original_id"].startswith("lrl-sample-sw:") else "text"
        for name, prompt in planted.items()
    }
    assert Counter(found.values()) == {"text": 6, "lineage": 4}


def test_readme_names_the_leaks_where_they_are(answer_of: dict[str, dict[str, Any]]) -> None:
    table = re.findall(r"^\| `(a\d{3})` \| (\d+) \|", (FOLDER / "README.md").read_text("utf-8"), re.MULTILINE)
    candidates = Campaign(path=FOLDER).read().candidates.select(["record", "row"]).to_pylist()
    lines = {answer_of[row["record"]]["id"]: row["row"] for row in candidates if row["record"] in answer_of}
    planted = [answer["id"] for answer in ANSWERS if answer["kind"] == "leak"]
    assert [(name, int(line)) for name, line in table] == [(name, lines[name]) for name in planted]


def test_suite_rows_have_the_real_columns() -> None:
    tasks = {task.dataset_path: task for task in read_suites().tasks.values()}
    for dataset, count in (("facebook/xnli", 24), ("cambridgeltl/xcopa", 20), ("juletxara/xstory_cloze", 20)):
        listed = rows(f"suite/{dataset.rpartition('/')[2]}.jsonl")
        assert len(listed) == count
        for row in listed:
            assert set(row) == {*tasks[dataset].metadata.columns, "split"}
    assert Counter(row["label"] for row in rows("suite/xnli.jsonl")) == {0: 8, 1: 8, 2: 8}
    assert abs(sum(row["label"] for row in rows("suite/xcopa.jsonl")) - 10) <= 1
    assert abs(sum(row["answer_right_ending"] for row in rows("suite/xstory_cloze.jsonl")) - 30) <= 1
