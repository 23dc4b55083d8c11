"""Writes the sample campaign's exports from its texts and a seeded model of its workers.

Takes `texts/` (prompts, answers and control tasks, all written by hand), gives `exports/` in the form of Toloka's web
exports: one row a task, an assignment id that names a suite of tasks, an empty line between suites; and `formats/`,
the same campaign as the other platforms export it. Running it again writes the same bytes. Nothing here writes
Swahili; only who answered, judged and compared what, when, and with which verdict is drawn.

    python builders/samples/swahili/make_exports.py [--out DIR]
"""

from __future__ import annotations

import argparse
import csv
import io
import itertools
import json
import math
import random
import sys
import tomllib
from collections import Counter, defaultdict
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any, TypeVar

from lrl_datasets.sources.toloka import record_id

# Beside this file, wherever that is: the folder is no package.
sys.path.insert(0, str(Path(__file__).parent))
from make_formats import formats

HERE = Path(__file__).parent
SEED = 20260302

ANSWER_COLUMNS = (
    "INPUT:prompt_id", "INPUT:original_id", "INPUT:prompt_en", "INPUT:prompt", "INPUT:context",
    "OUTPUT:answer", "GOLDEN:answer",
    "ASSIGNMENT:link", "ASSIGNMENT:assignment_id", "ASSIGNMENT:worker_id", "ASSIGNMENT:status",
    "ASSIGNMENT:started", "ASSIGNMENT:submitted", "ASSIGNMENT:reward", "ACCEPT:verdict", "ACCEPT:comment",
)  # fmt: skip
VALIDATION_COLUMNS = (
    "INPUT:answer_id", "INPUT:prompt", "INPUT:answer", "OUTPUT:helpful", "GOLDEN:helpful",
    "ASSIGNMENT:assignment_id", "ASSIGNMENT:worker_id", "ASSIGNMENT:status",
    "ASSIGNMENT:started", "ASSIGNMENT:submitted", "ASSIGNMENT:reward",
)  # fmt: skip
COMPARISON_COLUMNS = (
    "INPUT:left_id", "INPUT:right_id", "INPUT:prompt", "INPUT:left", "INPUT:right", "OUTPUT:better",
    "GOLDEN:better",
    "ASSIGNMENT:assignment_id", "ASSIGNMENT:worker_id", "ASSIGNMENT:status",
    "ASSIGNMENT:started", "ASSIGNMENT:submitted", "ASSIGNMENT:reward",
)  # fmt: skip

NOT_SUBMITTED = (("w13", "SKIPPED", ("p004", "p022")), ("w02", "EXPIRED", ("p077",)))
"""Suites that were taken and given back without an answer; they stand in the export beside the 400 answers."""

HELPFUL = {
    "good": 0.96, "leak": 0.96, "phone": 0.95, "copied": 0.95, "near_copied": 0.95,
    "machine_like": 0.5, "mixed": 0.25, "weak": 0.22, "english": 0.1, "off_topic": 0.05,
}  # fmt: skip
"""Share of perfectly attentive judges who call an answer of this kind helpful."""

SECONDS_TO_WRITE = 140.0
HURRIED, CARELESS, COPIERS = "w18", "w20", ("w16", "w30")
"""Among the writers: one who needs seconds, one who gets every control task wrong, and two who come late."""

OVERLAP = 4
TASKS_PER_SUITE = 7
"""Six answers and one control task."""
OWN = 2
"""Answers that the author among the judges judged although they are his own."""


@dataclass(frozen=True)
class Judge:
    """One worker of the validation pool."""

    name: str
    attention: float
    """Share of tasks on which the answer decides; on the others chance does."""
    control: float
    """The same on control tasks that are plain, which are easier than any answer."""
    seconds: float
    """Typical time a task."""
    suites: int
    always_yes: bool = False


AUTHOR = "w05"
JUDGES = (
    Judge("b01", 0.0, 0.0, 4.0, 8, always_yes=True),  # the spammer
    Judge("b02", 0.05, 0.05, 2.5, 7),  # the hasty one
    Judge(AUTHOR, 0.92, 0.96, 38.0, 11),
    *(Judge(f"b{n:02d}", 0.94, 0.97, 30.0 + 2 * n, 14) for n in range(3, 13)),
    *(Judge(f"b{n:02d}", 0.78, 0.9, 10.0 + 2 * n, 10) for n in range(13, 25)),
)
LAST_SUITE = 5
"""Tasks of the one suite that is not full, so that the pool has 2,000 judgements."""

WORTH = {"good": 1.4, "phone": 1.4, "machine_like": 0.6, "weak": 0.0}
"""What an answer of a kind is worth to who compares it, before its own share of up to 1."""
PAIRS = 100
PROMPTS_WITH_THREE = 20
JUDGES_A_PAIR = 4
"""Two of them are shown the pair in one order, two in the other: 200 comparisons, each by two judges."""
COMPARISONS_PER_SUITE = 5
LEFT_HANDED = "b25"
COMPARING = (*(f"b{n:02d}" for n in range(3, 18)), LEFT_HANDED)

Row = dict[str, str]
Suite = list[Row]
T = TypeVar("T")


def main() -> None:
    """Write the exports."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--out", type=Path, default=HERE)
    out: Path = parser.parse_args().out
    out.mkdir(parents=True, exist_ok=True)
    for name, data in exports().items():
        (out / name).parent.mkdir(parents=True, exist_ok=True)
        (out / name).write_bytes(data)
        print(f"{out / name}: {len(data):,} bytes")


def exports() -> dict[str, bytes]:
    """Make the exports.

    Returns
    -------
    dict
        Path in the campaign folder to bytes.
    """
    draw = random.Random(SEED)  # noqa: S311 -- a reproducible model of workers, no secret
    prompts = {prompt["id"]: prompt for prompt in read("prompts")}
    answers = read("answers")
    suites, records = answer_suites(prompts, answers, draw)
    judged = [answer for answer in answers if answer["text"].strip()]
    judgements = judgement_suites(prompts, judged, records, draw)
    compared = comparison_suites(prompts, answers, records, draw)
    made = {
        "exports/answers-1.tsv": export(ANSWER_COLUMNS, suites),
        "exports/validation-1.tsv": export(VALIDATION_COLUMNS, judgements),
        "exports/comparisons-1.tsv": export(COMPARISON_COLUMNS, compared),
    }
    return made | formats((HERE / "campaign.toml").read_text(encoding="utf-8"), made)


def read(name: str) -> list[dict[str, Any]]:
    """Read one JSON Lines file of `texts/`."""
    lines = (HERE / "texts" / f"{name}.jsonl").read_text(encoding="utf-8").split("\n")
    return [json.loads(line) for line in lines if line]


def price(stage: int) -> float:
    """Give what `campaign.toml` pays for a suite of a stage, counted from 0."""
    told = tomllib.loads((HERE / "campaign.toml").read_text(encoding="utf-8"))
    return float(told["stage"][stage]["tasks"]["price"])


def worker_id(name: str) -> str:
    """Give a worker's id on the platform: like a real one in form, and plainly made up."""
    return f"5a3b1e{int(name[1:]) + {'w': 0xA00, 'b': 0xB00}[name[0]]:026x}"


def export(columns: Sequence[str], suites: list[Suite]) -> bytes:
    """Write suites in the order in which they were started, an empty line after each but the last."""
    text = io.StringIO()
    writer = csv.writer(text, dialect="excel-tab", lineterminator="\n")
    writer.writerow(columns)
    ordered = sorted(suites, key=lambda suite: suite[0]["ASSIGNMENT:started"])
    for number, suite in enumerate(ordered):
        if number:
            text.write("\n")
        for row in suite:
            writer.writerow([row.get(column, "") for column in columns])
    return text.getvalue().encode("utf-8")


# ---- the answer pool ------------------------------------------------------------------------------------


def answer_suites(
    prompts: dict[str, dict[str, Any]], answers: list[dict[str, Any]], draw: random.Random
) -> tuple[list[Suite], dict[str, str]]:
    """Give the answer pool's suites, and the record id of every answer by its id in `texts/`."""
    by_worker = defaultdict(list)
    for answer in answers:
        by_worker[answer["worker"]].append(answer)
    suites: list[Suite] = []
    records: dict[str, str] = {}
    control, turn = read("golden_answers"), itertools.count()
    for worker in sorted(by_worker):
        alone = [answer for answer in by_worker[worker] if "status" in answer or "verdict" in answer]
        others = shuffled([answer for answer in by_worker[worker] if answer not in alone], draw)
        groups = [[answer] for answer in alone]
        while others:
            size = 2 + int(3 * draw.random())
            size = len(others) if len(others) - size < 2 else size
            groups.append([others.pop() for _ in range(min(size, len(others)))])
        for number, group in enumerate(groups):
            status = group[0].get("status") or ("SUBMITTED" if draw.random() < 0.1 else "APPROVED")
            rows = [{**inputs(prompts[one["prompt"]]), "OUTPUT:answer": one["text"]} for one in group]
            # Beside what he writes, every second suite but those that were looked at has a control task.
            if number >= len(alone) and (number - len(alone)) % 2 == 0:
                rows.append(controlled(control[next(turn) % len(control)], worker, draw))
            pace = 4.0 if worker == HURRIED else SECONDS_TO_WRITE
            seconds = sum(pace * (0.5 + draw.random() + draw.random() ** 4) for _ in group)
            # Who copies comes when there is something to copy.
            week = 1 if worker in COPIERS else 0
            frame = assignment("answers", worker, status, moment(week, draw), draw, seconds)
            frame |= {
                "ACCEPT:verdict": group[0].get("verdict", ""),
                "ACCEPT:comment": group[0].get("comment", ""),
                "ASSIGNMENT:reward": f"{price(0):.4f}",
            }
            suite = [row | frame for row in rows]
            suites.append(suite)
            records |= {answer["id"]: record(row) for answer, row in zip(group, suite, strict=False)}
    for worker, status, names in NOT_SUBMITTED:
        frame = assignment("answers", worker, status, moment(0, draw), draw)
        suites.append([{**inputs(prompts[name]), **frame} for name in names])
    return suites, records


def controlled(task: dict[str, Any], worker: str, draw: random.Random) -> Row:
    """Give the cells of a control task, answered."""
    right = worker != CARELESS and draw.random() < 0.97
    said = {"OUTPUT:answer": task["answer" if right else "wrong"]}
    return inputs(task) | said | {"GOLDEN:answer": task["answer"]}


def inputs(prompt: dict[str, Any]) -> Row:
    """Give the INPUT cells of a prompt, as the pool's task file had them."""
    return {
        "INPUT:prompt_id": prompt["id"],
        "INPUT:original_id": prompt.get("original_id", ""),
        "INPUT:prompt_en": prompt["prompt_en"],
        "INPUT:prompt": prompt["prompt"],
        "INPUT:context": prompt.get("context", ""),
    }


def record(row: Row) -> str:
    """Give the record id that the row has for whoever reads the export."""
    cells = {column: row[column] for column in ANSWER_COLUMNS if column.startswith("INPUT:")}
    return record_id(row["ASSIGNMENT:assignment_id"], None, cells)


def assignment(
    pool: str, worker: str, status: str, started: datetime, draw: random.Random, seconds: float = 0.0
) -> Row:
    """Give the ASSIGNMENT cells of one suite."""
    name = "00005a3b1e--" + "".join("0123456789abcdef"[int(16 * draw.random())] for _ in range(24))
    cells = {
        "ASSIGNMENT:link": f"https://tasks.example.com/task/{pool}/{name}",
        "ASSIGNMENT:assignment_id": name,
        "ASSIGNMENT:worker_id": worker_id(worker),
        "ASSIGNMENT:status": status,
        "ASSIGNMENT:started": started.isoformat(timespec="milliseconds"),
    }
    if seconds:
        cells["ASSIGNMENT:submitted"] = (started + timedelta(seconds=seconds)).isoformat(
            timespec="milliseconds"
        )
    return cells


def moment(week: int, draw: random.Random) -> datetime:
    """Draw a time between 6 and 20 o'clock on one of the five working days of a week of the campaign."""
    day = datetime(2026, 3, 2, 6) + timedelta(weeks=week, days=int(5 * draw.random()))
    return day + timedelta(milliseconds=int(14 * 3_600_000 * draw.random()))


# ---- the validation pool --------------------------------------------------------------------------------


def judgement_suites(
    prompts: dict[str, dict[str, Any]],
    answers: list[dict[str, Any]],
    records: dict[str, str],
    draw: random.Random,
) -> list[Suite]:
    """Give the validation pool's suites: each judge's answers in sixes, with a control task among them."""
    # A wrong one and a right one in turn: who always says yes is right in half of them at most.
    wrong, right = (
        spread(shuffled([task for task in read("golden") if task["helpful"] == label], draw))
        for label in ("no", "yes")
    )
    control = itertools.cycle(itertools.chain.from_iterable(zip(wrong, right, strict=True)))
    suites: list[Suite] = []
    for judge, votes in zip(JUDGES, votes_by_judge(answers, draw), strict=True):
        for start in range(0, len(votes), TASKS_PER_SUITE - 1):
            rows = [
                {
                    "INPUT:answer_id": records[answer["id"]],
                    "INPUT:prompt": shown(prompts[answer["prompt"]]),
                    "INPUT:answer": answer["text"],
                    "OUTPUT:helpful": label,
                }
                for answer, label in votes[start : start + TASKS_PER_SUITE - 1]
            ]
            task = next(control)
            label = control_vote(judge, task, draw)
            rows.insert(
                int((len(rows) + 1) * draw.random()),
                {
                    "INPUT:answer_id": task["id"],
                    "INPUT:prompt": task["prompt"],
                    "INPUT:answer": task["answer"],
                    "OUTPUT:helpful": label,
                    "GOLDEN:helpful": task["helpful"],
                },
            )
            seconds = sum(judge.seconds * (0.5 + draw.random() + draw.random() ** 4) for _ in rows)
            status = "SUBMITTED" if draw.random() < 0.03 else "APPROVED"
            frame = assignment("validation", judge.name, status, moment(2, draw), draw, seconds)
            frame["ASSIGNMENT:reward"] = f"{price(1):.4f}"
            suites.append([row | frame for row in rows])
    return suites


def spread(tasks: list[dict[str, Any]]) -> list[dict[str, Any]]:
    """Order control tasks so that every stretch has its share of each kind: no judge gets the hard ones alone."""
    sizes = Counter(task["kind"] for task in tasks)
    seen: Counter[str] = Counter()
    places = []
    for task in tasks:
        places.append((seen[task["kind"]] + 0.5) / sizes[task["kind"]])
        seen[task["kind"]] += 1
    return [tasks[at] for at in sorted(range(len(tasks)), key=places.__getitem__)]


def votes_by_judge(
    answers: list[dict[str, Any]], draw: random.Random
) -> list[list[tuple[dict[str, Any], str]]]:
    """Deal the answers to the judges and let them vote; one list of (answer, label) for each of `JUDGES`.

    What is left of the judges' places after `OVERLAP` votes an answer goes, two by two, to the answers with
    the closest votes, as a pool with dynamic overlap gives them.
    """
    room = [judge.suites * (TASKS_PER_SUITE - 1) for judge in JUDGES]
    room[-1] -= TASKS_PER_SUITE - LAST_SUITE
    kept = reserve(sum(room) - OVERLAP * len(answers))
    dealt = deal(answers, [size - back for size, back in zip(room, kept, strict=True)], draw)
    votes: list[list[tuple[dict[str, Any], str]]] = [[] for _ in JUDGES]
    counts: list[Counter[str]] = [Counter() for _ in answers]

    def cast(at: int, who: int) -> None:
        label = vote(JUDGES[who], JUDGES[who].attention, HELPFUL[answers[at]["kind"]], draw)
        votes[who].append((answers[at], label))
        counts[at][label] += 1

    for at, group in enumerate(dealt):
        for who in group:
            cast(at, who)
    closest = sorted(range(len(answers)), key=lambda at: (abs(counts[at]["yes"] - OVERLAP / 2), at))
    for at in closest:
        able = [w for w, back in enumerate(kept) if back and may_judge(w, answers[at], dealt[at])]
        if len(able) < 2:
            continue
        for who in sorted(able, key=lambda w: (-kept[w], w))[:2]:
            kept[who] -= 1
            cast(at, who)
    return [shuffled(cast_by, draw) for cast_by in votes]


def reserve(size: int) -> list[int]:
    """Spread the places that are kept for contested answers over all judges but the first two."""
    regular = len(JUDGES) - 2
    return [0, 0] + [size // regular + (n < size % regular) for n in range(regular)]


def deal(answers: list[dict[str, Any]], room: list[int], draw: random.Random) -> list[list[int]]:
    """Give every answer `OVERLAP` different judges, none its author, but for the author's `OWN` own answers."""
    places = shuffled([who for who, size in enumerate(room) for _ in range(size)], draw)
    author = next(who for who, judge in enumerate(JUDGES) if judge.name == AUTHOR)
    own = [at for at, answer in enumerate(answers) if answer["worker"] == AUTHOR][:OWN]

    def group(place: int) -> list[int]:
        start = place // OVERLAP * OVERLAP
        return [places[other] for other in range(start, start + OVERLAP) if other != place]

    def fits(place: int, who: int) -> bool:
        at = place // OVERLAP
        if who == author and at in own:
            return who not in group(place)
        return may_judge(who, answers[at], group(place))

    def swap(place: int, able: Sequence[int]) -> None:
        for other in shuffled(able, draw):
            far = other // OVERLAP != place // OVERLAP
            if far and fits(place, places[other]) and fits(other, places[place]):
                places[place], places[other] = places[other], places[place]
                return
        raise RuntimeError(f"no judge can be found for {answers[place // OVERLAP]['id']}")

    everywhere = range(len(places))
    for place in everywhere:
        if not fits(place, places[place]):
            swap(place, everywhere)
    for at in own:
        if author not in places[at * OVERLAP : (at + 1) * OVERLAP]:
            held = [p for p in everywhere if places[p] == author and p // OVERLAP not in own]
            swap(at * OVERLAP, held)
    return [places[start : start + OVERLAP] for start in range(0, len(places), OVERLAP)]


def may_judge(who: int, answer: dict[str, Any], already: Sequence[int]) -> bool:
    """Say whether a judge can get an answer: not twice, and not his own."""
    return who not in already and answer["worker"] != JUDGES[who].name


def vote(judge: Judge, attention: float, helpful: float, draw: random.Random) -> str:
    """Let one judge vote on an answer that a share `helpful` of attentive judges call helpful."""
    if judge.always_yes:
        return "yes"
    chance = attention * helpful + (1 - attention) * 0.5
    return "yes" if draw.random() < chance else "no"


def control_vote(judge: Judge, task: dict[str, Any], draw: random.Random) -> str:
    """Let one judge vote on a control task.

    What is not plain is as hard as an answer of its kind: only from such tasks can be learned what divided votes on
    an answer mean.
    """
    if task["kind"] == "plain":
        return vote(judge, judge.control, 1.0 if task["helpful"] == "yes" else 0.0, draw)
    return vote(judge, judge.attention, HELPFUL[task["kind"]], draw)


# ---- the comparisons ------------------------------------------------------------------------------------


def comparison_suites(
    prompts: dict[str, dict[str, Any]],
    answers: list[dict[str, Any]],
    records: dict[str, str],
    draw: random.Random,
) -> list[Suite]:
    """Give the preference pool's suites: pairs in both orders, five in a suite, with a control task among them."""
    worth = {
        answer["id"]: WORTH[answer["kind"]] + draw.random() for answer in answers if answer["kind"] in WORTH
    }
    tasks = [
        (pair[::step], judge)
        for pair in pairs_of([answer for answer in answers if answer["id"] in worth])
        for step, judge in zip((1, -1) * (JUDGES_A_PAIR // 2), comparing(pair, draw), strict=True)
    ]
    control = read("golden_comparisons")
    suites: list[Suite] = []
    for judge in COMPARING:
        theirs = shuffled([pair for pair, name in tasks if name == judge], draw)
        golden = shuffled(control, draw)
        for number, start in enumerate(range(0, len(theirs), COMPARISONS_PER_SUITE)):
            rows = [
                {
                    "INPUT:left_id": records[left["id"]],
                    "INPUT:right_id": records[right["id"]],
                    "INPUT:prompt": shown(prompts[left["prompt"]]),
                    "INPUT:left": left["text"],
                    "INPUT:right": right["text"],
                    "OUTPUT:better": side(judge, worth[left["id"]] - worth[right["id"]], draw),
                }
                for left, right in theirs[start : start + COMPARISONS_PER_SUITE]
            ]
            task = golden[number % len(golden)]
            row = {f"INPUT:{name}": task[name] for name in ("prompt", "left", "right")}
            row |= {f"INPUT:{name}_id": f"{task['id']}-{at}" for at, name in enumerate(("left", "right"), 1)}
            label = side(judge, {"left": 3.0, "right": -3.0}[task["better"]], draw)
            row |= {"OUTPUT:better": label, "GOLDEN:better": task["better"]}
            rows.insert(int((len(rows) + 1) * draw.random()), row)
            seconds = sum(40.0 * (0.5 + draw.random() + draw.random() ** 4) for _ in rows)
            frame = assignment("comparisons", judge, "APPROVED", moment(3, draw), draw, seconds)
            suites.append([row | frame | {"ASSIGNMENT:reward": f"{price(2):.4f}"} for row in rows])
    return suites


def pairs_of(answers: list[dict[str, Any]]) -> list[tuple[dict[str, Any], dict[str, Any]]]:
    """Choose the pairs: every pair of three answers to the first prompts that have so many, then one a prompt."""
    by_prompt = defaultdict(list)
    for answer in answers:
        by_prompt[answer["prompt"]].append(answer)
    several = [group for group in by_prompt.values() if len(group) > 2][:PROMPTS_WITH_THREE]
    once = [group[:2] for group in by_prompt.values() if len(group) > 1 and group not in several]
    pairs = [pair for group in several for pair in itertools.combinations(group[:3], 2)]
    return [*pairs, *((one, other) for one, other in once)][:PAIRS]


def comparing(pair: Sequence[dict[str, Any]], draw: random.Random) -> list[str]:
    """Draw the judges of a pair: different ones, none an author."""
    able = [name for name in COMPARING if name not in {answer["worker"] for answer in pair}]
    return shuffled(able, draw)[:JUDGES_A_PAIR]


def side(judge: str, better: float, draw: random.Random) -> str:
    """Let a judge choose, the left one being so much better."""
    chance, close = draw.random(), draw.random()
    if judge == LEFT_HANDED:
        return "left"
    if abs(better) < 0.25 and close < 0.4:
        return "tie"
    return "left" if chance < 1 / (1 + math.exp(-2.5 * better)) else "right"


def shown(prompt: dict[str, Any]) -> str:
    """Give a prompt as the judges saw it, its given text after a blank line."""
    return "\n\n".join(filter(None, [prompt["prompt"], prompt.get("context")]))


def shuffled(items: Sequence[T], draw: random.Random) -> list[T]:
    """Give the items in a drawn order; by `random()` alone, whose sequence Python promises to keep."""
    order = [draw.random() for _ in items]
    return [items[at] for at in sorted(range(len(items)), key=order.__getitem__)]


if __name__ == "__main__":
    main()
