"""A crowd without people: workers of known types do a table of tasks and hand in a table of responses.

Takes tasks (`tasks.suites.TASKS`), gives `RESPONSES`; `tasks/toloka.py` and its neighbours write them as the
platform would export them. Everything is drawn from a seed with numpy's generator: the same call gives the same
table. What the workers know of the truth is the caller's (`truths`), since an answer's quality is nobody's column.

Who gets the next suite is what happens on a platform: whoever is free first takes the first suite that he has not
done and that is not barred for him. So the quick ones, spammers among them, do more of the work.
"""

from __future__ import annotations

import heapq
import json
import operator
from collections.abc import Callable, Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from itertools import groupby
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from lrl_datasets.crowd.tasks.pages import Page
from lrl_datasets.crowd.tasks.suites import INPUT
from lrl_datasets.crowd.tasks.waiting import asked
from lrl_datasets.errors import LrlError
from lrl_datasets.schema import digest
from lrl_datasets.sources.campaign_toml import Sides

START = datetime(2026, 1, 5, 6)
SIMULATED_ONLY = [
    ("assignment", pa.string()),
    ("worker", pa.string()),
    ("status", pa.string()),  # one of `schema.STATUSES`
    ("started", pa.timestamp("us")),  # of the suite; UTC
    ("submitted", pa.timestamp("us")),
    ("reward", pa.float64()),  # for the suite
    ("output", pa.string()),
]
"""`RESPONSES` are the tasks' columns and these: one row a task and worker, a suite's rows together."""


@dataclass(frozen=True)
class Type:
    """How workers of one type work. A worker's own accuracy is drawn around the type's, see `SPREAD`."""

    accuracy: float
    """Share of tasks judged right."""
    writes_well: float
    """Share of own answers that are helpful."""
    pace: float
    """Time a task, as a multiple of a careful worker's."""
    label: str = "own"
    """`own` judgement, one `fixed` label whatever is asked, or the `ring`'s."""
    position: float = 0.0
    """Of two answers shown side by side: share of the errors that come from taking the left one without looking."""


TYPES = {
    "expert": Type(accuracy=0.95, writes_well=0.95, pace=1.2),
    "average": Type(accuracy=0.82, writes_well=0.8, pace=1.0, position=0.1),
    "hasty": Type(accuracy=0.62, writes_well=0.4, pace=0.3, position=0.8),
    "spammer": Type(accuracy=0.5, writes_well=0.05, pace=0.15, label="fixed"),
    "adversarial": Type(accuracy=0.1, writes_well=0.1, pace=1.0),
    "collusive": Type(accuracy=0.55, writes_well=0.3, pace=0.4, label="ring"),
}
"""The types of the literature (Vuurens et al. 2011, "How much spam can you take?"; Gadiraju et al. 2015), with round
numbers of ours: what matters is that a method is tried on each, not that a real crowd has these. That the side on
which an answer is shown counts is Day's "Position bias in paired product tests" (J. Marketing Res. 6(1), 1969)."""

SPREAD = 30.0
"""Concentration of the Beta that a worker's accuracy and share of good answers are drawn from."""
WORKER_PACE, TASK_PACE = 0.2, 0.35
"""Standard deviations of log time between workers of a type and between a worker's tasks."""
HOURS = (1.5, 0.4)
"""Median hours a day that a worker gives, and the standard deviation of their logarithm."""


@dataclass(frozen=True)
class Worker:
    """One simulated person."""

    name: str
    type: str
    accuracy: float
    writes_well: float
    pace: float
    hours: float
    fixed: float
    """Places the label that a `fixed` worker always gives among the stage's labels, in [0, 1)."""


def recruit(counts: Mapping[str, int], seed: int) -> list[Worker]:
    """Draw a crowd: so many workers of each type of `TYPES`, in an order that says nothing of the type.

    Raises
    ------
    LrlError
        A type is unknown or there is nobody.
    """
    unknown = sorted(set(counts) - set(TYPES))
    if unknown or not sum(counts.values()):
        raise LrlError(f"no such crowd: {unknown[0] if unknown else 'nobody'}; types: {', '.join(TYPES)}")
    random = np.random.default_rng([seed, 1])
    kinds = [kind for kind in TYPES for _ in range(counts.get(kind, 0))]
    workers = []
    for number, place in enumerate(random.permutation(len(kinds)), 1):
        one = TYPES[kinds[place]]
        workers.append(
            Worker(
                name=f"9{seed % 10**6:06d}{number:04d}",  # a number: Label Studio knows its users by nothing else
                type=kinds[place],
                accuracy=float(random.beta(one.accuracy * SPREAD, (1 - one.accuracy) * SPREAD)),
                writes_well=float(random.beta(one.writes_well * SPREAD, (1 - one.writes_well) * SPREAD)),
                pace=one.pace * float(random.lognormal(0, WORKER_PACE)),
                hours=float(min(random.lognormal(np.log(HOURS[0]), HOURS[1]), 12)),
                fixed=float(random.random()),
            )
        )
    return workers


@dataclass(frozen=True)
class Terms:
    """What a stage asks of its workers, as far as it changes what comes in."""

    seconds: float
    """Median time that a careful worker takes for a task."""
    price: float | None = None
    exam: int = 0
    """Control tasks before the first suite; who gets fewer than `exam_pass` of them right is not let in."""
    exam_pass: float = 0.0
    ban_after: int = 0
    """Control tasks after which who has fewer than `ban_below` right gets no more suites; 0: nobody is banned."""
    ban_below: float = 0.0
    suite: int | None = None
    """Tasks that `price` is paid for; the exam is paid by tasks. None: the exam is a suite like any other."""


def judge(
    tasks: pa.Table,
    truths: Mapping[str, str],
    labels: Sequence[str] | Mapping[str, Sequence[str]],
    workers: Sequence[Worker],
    terms: Terms,
    seed: int,
    *,
    begin: datetime = START,
    examined: Collection[str] = (),
    sides: Sides | None = None,
) -> pa.Table:
    """Have a crowd judge suites of tasks.

    Parameters
    ----------
    tasks
        `suites.TASKS`; a control task's `golden` is its truth.
    truths
        The true label of every other task.
    labels
        What can be said; of a rubric by the field of each question, and then truths and answers are `Page.joined`.
    seed
        Of this round; the workers carry their own.
    begin
        When the tasks are handed out.
    examined
        Names of those who have passed the exam before.
    sides
        Of a comparison: the labels that prefer what is shown left and right. Some workers mind the side.

    Returns
    -------
    pa.Table
        `RESPONSES` in the order in which they were handed in. A suite for which nobody is left is not done as
        often as was asked: the tasks stay open.
    """
    random = np.random.default_rng([seed, 2])
    ring: dict[str, str] = {}
    ring_accuracy = float(np.mean([w.accuracy for w in workers if TYPES[w.type].label == "ring"] or [0.5]))

    def say_one(worker: Worker, task: str, truth: str, labels: Sequence[str]) -> str:
        style = TYPES[worker.type].label
        if style == "fixed":
            return labels[int(worker.fixed * len(labels))]
        if style == "ring":
            if task not in ring:
                ring[task] = _right_or_not(truth, labels, ring_accuracy, random)
            return ring[task]
        accuracy = worker.accuracy
        if sides is not None and (share := TYPES[worker.type].position):
            # Half of the time the left one is right by chance: his share of right ones stays what it is.
            wrong = share * min(1 - accuracy, accuracy)
            if random.random() < 2 * wrong:
                return sides.left[0]
            accuracy = (accuracy - wrong) / (1 - 2 * wrong)
        return _right_or_not(truth, labels, accuracy, random)

    def say(worker: Worker, row: Mapping[str, Any]) -> str:
        truth = row["golden"] if row["golden"] is not None else truths[row["task"]]
        if not isinstance(labels, Mapping):
            return say_one(worker, row["task"], truth, labels)
        known = json.loads(truth)
        return json.dumps(
            {
                field: say_one(worker, f"{row['task']} {field}", known.get(field, can[0]), can)
                for field, can in labels.items()
            }
        )

    right = _mostly_right if isinstance(labels, Mapping) else operator.eq
    return _work(tasks, workers, terms, seed, random, say, right, begin=begin, examined=examined)


def write(
    tasks: pa.Table, page: Page, workers: Sequence[Worker], words: Sequence[str], terms: Terms, seed: int,
    *, begin: datetime = START,
) -> pa.Table:  # fmt: skip
    """Have a crowd answer prompts, with texts of the given words that mean nothing.

    An answer that `is_good` says is good has a dozen words and more, another one a few: what is drawn is the same
    as what the judges' truth is drawn from.
    """
    random = np.random.default_rng([seed, 3])
    known = {worker.name: worker for worker in workers}

    def say(worker: Worker, row: Mapping[str, Any]) -> str:
        inputs = {name: row[INPUT + name] or "" for name in page.inputs}
        good = is_good(known, worker.name, asked(page, inputs))
        if row["golden"] is not None and good:
            return str(row["golden"])
        length = int(random.integers(14, 40)) if good else int(random.integers(2, 7))
        text = " ".join(words[place] for place in random.integers(len(words), size=length))
        return text[:1].upper() + text[1:] + "."

    return _work(tasks, workers, terms, seed, random, say, begin=begin)


def is_good(workers: Mapping[str, Worker], name: str, prompt: str) -> bool:
    """Say whether a worker's answer to a prompt is helpful: always the same, without being written anywhere.

    Answers of people who are not simulated are good three times in four.
    """
    share = workers[name].writes_well if name in workers else 0.75
    return int(digest("truth", name, prompt, length=12), 16) / 16**12 < share


def compared(good: Mapping[str, bool], tasks: pa.Table, page: Page, labels: Sides) -> dict[str, str]:
    """Return the label that an attentive judge gives each comparison of a table of tasks.

    The good answer is preferred. Of two that are alike the one with the greater hash is, in whatever order they
    are shown: there is a truth to every task, and no tie to be drawn.
    """
    truths = {}
    for row in tasks.to_pylist():
        if row["golden"] is not None:
            continue
        strength = [
            (good.get(record, False), digest("strength", record))
            for record in (row[INPUT + page.inputs[0]], row[INPUT + page.inputs[1]])
        ]
        truths[row["task"]] = (labels.left if strength[0] > strength[1] else labels.right)[0]
    return truths


def after(*came: pa.Table) -> datetime:
    """Return when the next round of a campaign begins: when the last suite was handed in, `START` before the first."""
    times: list[datetime | None] = [pc.max(table["submitted"]).as_py() for table in came]
    return max(START, *(time for time in times if time is not None)) if any(times) else START


# ---- who does what, and when ----------------------------------------------------------------------------


@dataclass
class _Place:
    """One worker at work."""

    worker: Worker
    begin: datetime
    worked: float = 0.0
    golden: int = 0
    right: int = 0

    def moment(self) -> datetime:
        """Turn seconds of work into a date: so many hours of it fit into a day, spread over the day."""
        return self.begin + timedelta(seconds=round(self.worked * 24 / self.worker.hours, 3))


@dataclass
class _Suite:
    rows: list[dict[str, Any]]
    missing: int
    barred: set[str]


def _work(
    tasks: pa.Table,
    workers: Sequence[Worker],
    terms: Terms,
    seed: int,
    random: np.random.Generator,
    say: Callable[[Worker, Mapping[str, Any]], str],
    right: Callable[[str, str], bool] = operator.eq,
    *,
    begin: datetime = START,
    examined: Collection[str] = (),
) -> pa.Table:
    schema = pa.schema([*tasks.schema, *SIMULATED_ONLY])
    rows = tasks.to_pylist()
    waiting = [_suite(list(group)) for _, group in groupby(rows, lambda row: row["suite"])]
    golden = list({row["task"]: row for row in rows if row["golden"] is not None}.values())
    if terms.exam > len(golden) and not examined:
        raise LrlError(f"an exam of {terms.exam} control tasks needs as many; the suites have {len(golden)}")
    out: list[tuple[datetime, str, list[dict[str, Any]]]] = []
    places: list[tuple[datetime, int, _Place]] = []

    def do(place: _Place, suite: list[dict[str, Any]], reward: float | None) -> list[dict[str, Any]]:
        """Work through a suite."""
        started = place.moment()
        factors = random.lognormal(0, TASK_PACE, len(suite))
        seconds = float(np.sum(factors)) * terms.seconds * place.worker.pace
        place.worked += seconds
        name = digest(str(seed), place.worker.name, str(suite[0]["suite"]), started.isoformat())
        done = [
            {
                **row,
                "assignment": f"sim{name}",
                "worker": place.worker.name,
                "status": "submitted",
                "started": started,
                "submitted": started + timedelta(seconds=round(seconds, 3)),
                "reward": reward,
                "output": say(place.worker, row),
            }
            for row in suite
        ]
        for row in done:
            if row["golden"] is not None:
                place.golden += 1
                place.right += right(row["output"], row["golden"])
        out.append((done[0]["submitted"], done[0]["assignment"], done))
        return done

    for number, worker in enumerate(workers):
        # Everybody comes in his own time: the first suite is begun somewhere in the time that one takes him.
        first = len(waiting[0].rows) if waiting else 0
        place = _Place(worker, begin, worked=float(random.uniform(0, terms.seconds * worker.pace * first)))
        if terms.exam and worker.name not in examined:
            if terms.exam > len(golden):
                continue  # a late round, of few tasks: those who know the exam do them
            drawn = random.choice(len(golden), terms.exam, replace=False)
            done = do(place, [{**golden[at], "suite": 0} for at in drawn], _exam_reward(terms))
            if sum(right(row["output"], row["golden"]) for row in done) < terms.exam_pass * terms.exam - 1e-9:
                continue
        places.append((place.moment(), number, place))
    heapq.heapify(places)
    while places and waiting:
        _, number, place = heapq.heappop(places)
        suite = next(_open_to(waiting, place.worker.name), None)
        if suite is None:
            continue  # he has done all that he may: he leaves
        do(place, suite.rows, terms.price)
        suite.barred.add(place.worker.name)
        suite.missing -= 1
        if suite.missing == 0:
            waiting.remove(suite)
        if (
            terms.ban_after
            and place.golden >= terms.ban_after
            and place.right < terms.ban_below * place.golden
        ):
            continue
        heapq.heappush(places, (place.moment(), number, place))
    out.sort(key=lambda one: one[:2])
    return pa.Table.from_pylist([row for _, _, suite in out for row in suite], schema=schema)


def _exam_reward(terms: Terms) -> float | None:
    if terms.price is None or terms.suite is None:
        return terms.price
    return round(terms.price * terms.exam / terms.suite, 4)


def _suite(rows: list[dict[str, Any]]) -> _Suite:
    return _Suite(rows, rows[0]["overlap"], {name for row in rows for name in row["unavailable_for"] or ()})


def _open_to(waiting: Sequence[_Suite], name: str) -> Iterator[_Suite]:
    return (suite for suite in waiting if name not in suite.barred)


def _mostly_right(said: str, golden: str) -> bool:
    """Say whether of a rubric's marks the greater part is right; each question counts them by itself later."""
    known: dict[str, str] = json.loads(golden)
    given: dict[str, str] = json.loads(said)
    return sum(given.get(field) == label for field, label in known.items()) > len(known) / 2


def _right_or_not(truth: str, labels: Sequence[str], accuracy: float, random: np.random.Generator) -> str:
    if random.random() < accuracy:
        return truth
    others = [label for label in labels if label != truth]
    return others[int(random.integers(len(others)))]


def vocabulary(texts: Sequence[str]) -> list[str]:
    """Return the words of some texts, for answers that mean nothing but look like the language."""
    words = {word.strip(".,;:?!()\"'«»“”").lower() for text in texts for word in text.split()}
    return sorted(word for word in words if word.isalpha() and len(word) > 1)
