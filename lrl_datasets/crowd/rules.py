"""The rules by which judgements do not count: one function a rule, each off unless the campaign asks for it.

Each takes the judgements of one question as dictionaries with the columns of `schema.JUDGEMENT`, in any order,
and gives the workers (or the positions of the judgements) it objects to. `reason` holds what earlier rules said:
null for a vote that still counts, `golden` for a control task. What the platforms do is cited beside each rule;
`quality.decide` tries them in the order of `schema.JUDGEMENT_REASONS`.
"""

from __future__ import annotations

import math
from collections import Counter, defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from fnmatch import fnmatchcase
from statistics import median
from typing import Any

Judgement = Mapping[str, Any]

CONTROL = "golden"
"""The reason that a readable control task carries."""
TIMES_NEEDED = 20
"""Timed tasks that a pool must have before its distribution says anything of one of them."""
ONE_ANSWER_CHANCE = 0.001
"""Chance, over all workers of a question together, that one who answers as the others do is called a clicker."""


@dataclass(frozen=True)
class Rules:
    """What a campaign's stage asks of its workers (`[stage.rules]` in `campaign.toml`); null is off."""

    golden_min_answers: int = 3
    """Control tasks after which a worker can fail; below it nobody is judged on chance."""
    golden_min_accuracy: float = 0.6
    """Share of control tasks a worker must get right."""
    training_pools: Sequence[str] = ()
    """Pool files (or patterns) with training tasks; their hints make them no measure of anything else."""
    training_min_accuracy: float | None = None
    exam_pools: Sequence[str] = ()
    exam_tasks: int | None = None
    """In the place of exam pools: a worker's first so many control tasks are the exam."""
    exam_min_accuracy: float | None = None
    """Pass mark."""
    exam_retry_from: float | None = None
    """From here to the pass mark a worker may try again, once, in the retry pools."""
    retry_pools: Sequence[str] = ()
    too_fast_z: float | None = None
    """How many robust standard deviations under its pool's median a task's time may lie."""
    too_slow_z: float | None = None
    max_skipped_in_row: int | None = None
    one_answer_share: float | None = None
    """From this share of one label on, a worker is held against the others."""
    one_answer_min_answers: int = 10
    majority_min_agreement: float | None = None
    majority_min_answers: int = 3
    majority_votes: int = 3
    """Equal votes that make a majority."""
    left: Sequence[str] = ()
    """Of a comparison: the labels that prefer what was shown left …"""
    right: Sequence[str] = ()
    """… and right; any other label prefers neither."""


# ---- training, exam, control tasks ----------------------------------------------------------------------


def failed_training(rows: Sequence[Judgement], rules: Rules) -> set[str]:
    """Workers who got too few training tasks right at the first attempt, or did none."""
    if rules.training_min_accuracy is None:
        return set()
    right = _control_tasks(row for row in rows if in_pools(row, rules.training_pools))
    return {
        worker for worker in _workers(rows) if _share(right.get(worker, [])) < rules.training_min_accuracy
    }


@dataclass(frozen=True)
class ExamResult:
    """How a worker stands with the exam."""

    state: str
    """`passed`, `retry` (may try again), `failed`, or `missing`."""
    right: int
    tasks: int


def exam_results(rows: Sequence[Judgement], rules: Rules) -> dict[str, ExamResult]:
    """Say of every worker how the exam went; a retry, where allowed and taken, replaces the first attempt.

    Toloka's guide, "Using exams": an exam is a pool of control tasks, the skill its share of right answers, and
    a band of skills below the pass mark leads to a retry pool.
    """
    mark = rules.exam_min_accuracy
    if mark is None:
        return {}
    if rules.exam_tasks is None:
        first = _control_tasks(row for row in rows if in_pools(row, rules.exam_pools))
    else:
        mixed = [row for row in rows if not in_pools(row, [*rules.training_pools, *rules.retry_pools])]
        first = {worker: done[: rules.exam_tasks] for worker, done in _control_tasks(mixed).items()}
        first = {worker: done for worker, done in first.items() if len(done) == rules.exam_tasks}
    second = _control_tasks(row for row in rows if in_pools(row, rules.retry_pools))
    results = {}
    for worker in _workers(rows):
        done = first.get(worker, [])
        again = rules.exam_retry_from is not None and rules.exam_retry_from <= _share(done) < mark
        if again and worker in second:
            done, again = second[worker], False
        state = (
            "missing" if not done else "passed" if _share(done) >= mark else "retry" if again else "failed"
        )
        results[worker] = ExamResult(state, sum(done), len(done))
    return results


def failed_exam(rows: Sequence[Judgement], rules: Rules) -> set[str]:
    """Workers who have not passed the exam: failed, may try again, or never took it."""
    return {worker for worker, result in exam_results(rows, rules).items() if result.state != "passed"}


def failed_worker(rows: Sequence[Judgement], rules: Rules) -> set[str]:
    """Workers who got too few of the control tasks among their ordinary ones right.

    A control task answered twice by the same worker counts twice, as it does on the platforms (Toloka's guide,
    "Control tasks": 3 answers and less than 60 % right lose access). Training, exam and retry are no part of it.
    """
    apart = [*rules.training_pools, *rules.exam_pools, *rules.retry_pools]
    right = _control_tasks(row for row in rows if not in_pools(row, apart))
    return {
        worker
        for worker, done in right.items()
        if len(done) >= rules.golden_min_answers and _share(done) < rules.golden_min_accuracy
    }


# ---- time and behaviour ---------------------------------------------------------------------------------


def too_fast(rows: Sequence[Judgement], rules: Rules) -> set[int]:
    """Positions of judgements given in far less time than their pool takes."""
    if rules.too_fast_z is None:
        return set()
    return {at for at, z in _time_scores(rows).items() if z < -rules.too_fast_z}


def too_slow(rows: Sequence[Judgement], rules: Rules) -> set[int]:
    """Positions of judgements that took far longer than their pool takes."""
    if rules.too_slow_z is None:
        return set()
    return {at for at, z in _time_scores(rows).items() if z > rules.too_slow_z}


def skipped_in_row(rows: Sequence[Judgement], rules: Rules) -> set[str]:
    """Workers who skipped more suites in a row than allowed, in the order in which they were given them.

    Toloka's collector `SkippedInRowAssignments`: who skips picks the easy tasks. A suite without a starting time
    has no place in the row and is passed over.
    """
    limit = rules.max_skipped_in_row
    if limit is None:
        return set()
    suites: dict[str, dict[str, tuple[datetime, bool]]] = defaultdict(dict)
    for row in rows:
        if row["worker"] and row["assignment"] and row["started"] and row["status"]:
            seen = (row["started"], row["status"] == "skipped")
            of_worker = suites[row["worker"]]
            of_worker[row["assignment"]] = max(of_worker.get(row["assignment"], seen), seen)
    found = set()
    for worker, given in suites.items():
        run = 0
        for _, (_, skipped) in sorted(given.items(), key=lambda item: (item[1][0], item[0])):
            run = run + 1 if skipped else 0
            if run > limit:
                found.add(worker)
                break
    return found


def one_answer(rows: Sequence[Judgement], rules: Rules) -> set[str]:
    """Workers who give (nearly) one label to everything where the others do not.

    A share alone would condemn honest workers wherever most answers are good. So a worker must reach the share,
    and reaching it must be unlikely for one who gives the label as often as the others did: a binomial tail
    below `ONE_ANSWER_CHANCE`, divided by the number of workers (Bonferroni). Control tasks count here too.
    """
    if rules.one_answer_share is None:
        return set()
    from scipy.stats import binom

    given: dict[str, Counter[str]] = defaultdict(Counter)
    for row in rows:
        if row["reason"] in (None, CONTROL) and row["label"] is not None:
            given[row["worker"]][row["label"]] += 1
    total: Counter[str] = Counter()
    for labels in given.values():
        total += labels
    found = set()
    for worker, labels in given.items():
        label, often = max(labels.items(), key=lambda item: (item[1], item[0]))
        n, others = labels.total(), total.total() - labels.total()
        if n < rules.one_answer_min_answers or often / n < rules.one_answer_share or not others:
            continue
        rate = (total[label] - often + 1) / (others + 2)  # Laplace: nobody's 0 or 1 is certain
        if binom.sf(often - 1, n, rate) < ONE_ANSWER_CHANCE / len(given):
            found.add(worker)
    return found


def against_majority(rows: Sequence[Judgement], rules: Rules) -> set[str]:
    """Workers who agree with the majority too seldom, over the tasks that have one.

    Toloka's guide, "Majority vote": only ordinary tasks, a majority is so many equal votes, one's own among
    them; a task without one says nothing of anybody. Two labels with as many votes each are no majority.
    """
    if rules.majority_min_agreement is None:
        return set()
    agreed = agreement_with_majority(rows, rules.majority_votes, rules)
    return {
        worker
        for worker, done in agreed.items()
        if len(done) >= rules.majority_min_answers and _share(done) < rules.majority_min_agreement
    }


def agreement_with_majority(
    rows: Sequence[Judgement], votes: int, rules: Rules = Rules()
) -> dict[str, list[bool]]:
    """Give each worker's tasks that have a majority: whether the worker is in it."""
    tasks: dict[tuple[str, ...], dict[str, str]] = defaultdict(dict)
    for row in sorted(
        (row for row in rows if row["reason"] is None and row["record"] and row["label"] is not None),
        key=lambda row: said(row, rules),
    ):
        # Of repeated votes the first by what they say.
        tasks[judged(row)].setdefault(row["worker"], said(row, rules))
    agreed: dict[str, list[bool]] = defaultdict(list)
    for given in tasks.values():
        leading = Counter(given.values()).most_common(2)
        if leading[0][1] < votes or (len(leading) > 1 and leading[0][1] == leading[1][1]):
            continue
        for worker, label in given.items():
            agreed[worker].append(label == leading[0][0])
    return agreed


# ---- comparisons ----------------------------------------------------------------------------------------


def judged(row: Judgement, one: str = "record", other: str = "other_record") -> tuple[str, ...]:
    """Return what a judgement is about: an answer, or a pair of them whichever of the two was shown left."""
    if row.get(other) is None:
        return (row[one],)
    return tuple(sorted((row[one], row[other])))


def said(row: Judgement, rules: Rules, one: str = "record", other: str = "other_record") -> str:
    """Return what a judgement says of it: the label, or of two answers the preferred one's name.

    A tie keeps its label behind a space, so that it comes before every name and is none.
    """
    if row.get(other) is None:
        return str(row["label"])
    if row["label"] in rules.left:
        return str(row[one])
    return str(row[other]) if row["label"] in rules.right else f" {row['label']}"


# ---- helpers --------------------------------------------------------------------------------------------


def robust_scores(seconds: Sequence[float]) -> list[float]:
    """Say how many robust standard deviations each time lies above the median of all, on a log scale.

    Times on tasks are close to log-normal (van der Linden, J. Educ. Behav. Stat. 31(2), 2006), so it is their
    logarithms that are compared. Mean and standard deviation would be moved by the very clickers they are to
    find; median and median absolute deviation stand until half of the tasks are such (breakdown point .5). The
    score is Iglewicz and Hoaglin's modified z, .6745 (x - median) / MAD; they call 3.5 an outlier. Where more
    than half of the times are equal, the MAD is 0 and nothing can be said: all scores are 0.
    """
    logs = [math.log(max(value, 0.1)) for value in seconds]  # a tenth of a second: clocks are no finer
    middle = median(logs)
    spread = median(abs(value - middle) for value in logs)
    return [0.6745 * (value - middle) / spread if spread > 1e-9 else 0.0 for value in logs]


def _time_scores(rows: Sequence[Judgement]) -> dict[int, float]:
    pools: dict[str | None, list[int]] = defaultdict(list)
    for at, row in enumerate(rows):
        if row["reason"] != "not_submitted" and row["duration_s"] is not None:
            pools[row["file"]].append(at)
    scores: dict[int, float] = {}
    for positions in pools.values():
        if len(positions) >= TIMES_NEEDED:
            scores |= zip(positions, robust_scores([rows[at]["duration_s"] for at in positions]), strict=True)
    return scores


def _control_tasks(rows: Any) -> dict[str, list[bool]]:
    """Give each worker's control tasks, right or wrong, in the order in which they were given out."""
    done: dict[str, list[tuple[tuple[bool, datetime, str, str, str], bool]]] = defaultdict(list)
    for row in rows:
        if row["reason"] == CONTROL and row["label"] is not None:
            started = row["started"]
            order = (
                started is None,
                started or datetime.max,
                row["assignment"] or "",
                row["golden"],
                row["label"],
            )
            done[row["worker"]].append((order, row["label"] == row["golden"]))
    return {worker: [right for _, right in sorted(tasks)] for worker, tasks in done.items()}


def _share(right: Sequence[bool]) -> float:
    return sum(right) / len(right) if right else 0.0


def _workers(rows: Sequence[Judgement]) -> set[str]:
    return {row["worker"] for row in rows if row["worker"]}


def in_pools(row: Judgement, pools: Sequence[str]) -> bool:
    """Whether a judgement stands in one of the pool files (or patterns)."""
    return any(fnmatchcase(row["file"] or "", pool) for pool in pools)
