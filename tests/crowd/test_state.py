"""A campaign from its exports to what the platform is told, and again from what the platform then says."""

from __future__ import annotations

import csv
import io
import stat
import tomllib
from datetime import datetime
from decimal import Decimal
from pathlib import Path

import pyarrow as pa
import pytest
from typer.testing import CliRunner

from lrl_datasets import languages
from lrl_datasets.cli import app
from lrl_datasets.crowd.decisions import ANSWER_REASONS, JUDGE_FAULTS
from lrl_datasets.crowd.state import State, Terms, compute, settle
from lrl_datasets.errors import LrlError
from lrl_datasets.sources.campaign import Campaign
from lrl_datasets.sources.reviews import write as review_file
from tests.sources.exports import ANSWER_TOML, MAJORITY_TOML, answer, campaign, tsv, vote

NOW = datetime(2024, 1, 10)
ANSWER_RULES = """
[stage.rules]
review_days = 21
overlap_limit = 3
bonus = 0.5
bonus_from = 0.5
bonus_min_tasks = 1
[stage.tasks]
price = 0.5
"""


def folder(tmp_path: Path, judge: str = "", votes: dict[str, str] | None = None, **more: str) -> Path:
    """Three answers by three workers, each in a suite of its own, and three votes on each."""
    said = votes or {"a1": "yyy", "a2": "nnn", "a3": "yyn"}
    answers = [
        answer(name, prompt=f"Swali la {name}.", text=f"Jibu la {name}.", worker_id=f"w-{name}", status="SUBMITTED",
               **more)
        for name in said
    ]  # fmt: skip
    judged = [
        vote(name, "yes" if sign == "y" else "no", f"v-{name}-{n}", f"judge{n}", answer=f"Jibu la {name}.")
        for name, signs in said.items()
        for n, sign in enumerate(signs)
    ]
    toml = ANSWER_TOML + ANSWER_RULES + MAJORITY_TOML + judge
    return campaign(tmp_path / "c", answers, judged, toml)


def state(place: Path, now: datetime = NOW, **terms: Terms) -> State:
    return compute(Campaign().read(place), now, {1: Terms(1, 0.5), 2: terms.get("judges", Terms())})


def column(table: pa.Table, *names: str) -> list[tuple[object, ...]]:
    return [tuple(row[name] for name in names) for row in table.to_pylist()]


def lrl(*arguments: str, code: int = 0) -> str:
    done = CliRunner().invoke(app, ["crowd", *arguments])
    assert done.exit_code == code, done.output
    return done.output


def test_votes_decide_answers_suites_and_prompts(tmp_path: Path) -> None:
    found = state(folder(tmp_path))
    assert column(found.decisions, "assignment", "verdict", "reason", "n_votes") == [
        ("a1", "accept", None, 3), ("a2", "reject", "unhelpful", 3), ("a3", "accept", None, 3),
    ]  # fmt: skip
    of_answers = [row for row in column(found.reviews, "stage", "assignment", "verdict") if row[0] == 1]
    assert of_answers == [(1, "a1", "accept"), (1, "a2", "reject"), (1, "a3", "accept")]
    assert column(found.prompts, "prompt", "missing", "overlap") == [
        ("Swali la a1.", 0, 1), ("Swali la a2.", 1, 2), ("Swali la a3.", 0, 1),
    ]  # fmt: skip
    # A minute's work each at 30 an hour; the bonus is half of it.
    assert column(found.payouts, "worker", "base", "bonus", "per_hour")[:3] == [
        ("w-a1", Decimal("0.5"), Decimal("0.25"), 45.0),
        ("w-a2", 0, 0, 0.0),
        ("w-a3", Decimal("0.5"), Decimal("0.25"), 45.0),
    ]  # fmt: skip
    assert found.wanted_answers() == {"Swali la a1.": 1, "Swali la a2.": 2, "Swali la a3.": 1}


def test_dynamic_overlap_asks_for_one_vote_more_and_lets_the_answer_wait(tmp_path: Path) -> None:
    place = folder(tmp_path, "overlap_confidence = 0.8\noverlap_limit = 5")
    # Without control tasks every judge is right with .5: no votes make sure of anything.
    found = state(place)
    assert column(found.votes, "confidence", "missing", "overlap") == [(0.5, 1, 4)] * 3
    assert set(found.decisions["verdict"].to_pylist()) == {"wait"}
    assert set(found.wanted_votes("helpful").values()) == {4}
    # With three right control tasks each is right with 3.5 / 4: two of three give .875.
    golden = [
        vote("", "yes", f"g{n}{k}", f"judge{n}", golden="yes", answer="") for n in range(3) for k in range(3)
    ]
    (place / "votes-2.tsv").write_bytes(tsv(golden))
    found = state(place)
    assert column(found.votes, "label", "confidence", "missing") == [
        ("yes", 0.9971, 0), ("no", 0.9971, 0), ("yes", 0.875, 0),
    ]  # fmt: skip
    assert found.decisions["verdict"].to_pylist() == ["accept", "reject", "accept"]


def test_votes_that_do_not_count_are_asked_for_again(tmp_path: Path) -> None:
    place = folder(tmp_path)
    wrong = [vote("", "no", f"g{k}", "judge2", golden="yes", answer="") for k in range(3)]
    (place / "votes-2.tsv").write_bytes(tsv(wrong))
    found = state(place, judges=Terms(overlap=3))
    assert column(found.votes, "counted", "given", "missing", "overlap") == [(2, 3, 1, 4)] * 3
    assert set(found.decisions["verdict"].to_pylist()) == {"wait"}
    assert column(state(place, judges=Terms(overlap=2)).votes, "missing") == [(0,)] * 3


def reviewed(place: Path) -> dict[str, tuple[str, str]]:
    text = (place / "outbox" / "1-answer" / "reviews.tsv").read_text()
    lines = list(csv.DictReader(io.StringIO(text), delimiter="\t"))
    return {
        line["ASSIGNMENT:assignment_id"]: (line["ACCEPT:verdict"], line["ACCEPT:comment"]) for line in lines
    }


def contents(place: Path) -> dict[str, bytes]:
    return {str(path): path.read_bytes() for path in sorted(place.rglob("*")) if path.is_file()}


def test_the_platforms_file_says_why_in_swahili_and_what_it_answers_settles_it(tmp_path: Path) -> None:
    place = folder(tmp_path)
    arguments = ("--campaign", str(place), "--now", "2024-01-10")
    told = lrl("decide", *arguments)
    assert "2 suites accepted, 1 rejected" in told and "1 prompt is open again: 1 answer to" in told
    words = tomllib.loads((languages.FOLDER / "swh.toml").read_text())["crowd"]["reasons"]
    assert reviewed(place) == {"a1": ("+", ""), "a2": ("-", words["unhelpful"]), "a3": ("+", "")}
    assert stat.S_IMODE((place / "outbox/1-answer/reviews.tsv").stat().st_mode) == 0o600

    lrl("pay", *arguments)
    once = contents(place)
    assert once[str(place / "outbox/payouts.csv")].startswith(b"stage,worker,suites_paid")
    for command in ("decide", "pay", "status"):
        lrl(command, *arguments)
    assert contents(place) == once

    # What Toloka exports after the upload: approved and rejected.
    exported = (place / "answers.tsv").read_text().replace("SUBMITTED", "APPROVED").splitlines()
    exported[2] = exported[2].replace("APPROVED", "REJECTED")
    (place / "answers.tsv").write_text("\n".join(exported) + "\n")
    assert "no suite to accept or reject" in lrl("decide", *arguments)
    assert not (place / "outbox/1-answer/reviews.tsv").exists()
    found = state(place)
    assert column(found.decisions, "verdict", "reason")[1] == ("reject", "refused_by_requester")
    assert [row[0] for row in column(found.prompts, "missing")] == [0, 1, 0]
    assert found.wanted_answers()["Swali la a2."] == 1  # the refused one no longer counts on the platform
    assert found.payouts["base"].to_pylist() == state(folder(tmp_path / "again")).payouts["base"].to_pylist()


@pytest.fixture(autouse=True)
def _again(tmp_path: Path) -> None:
    (tmp_path / "again").mkdir()


def test_status_warns_of_the_deadline_and_afterwards_all_is_paid(tmp_path: Path) -> None:
    place = folder(tmp_path)
    before = contents(place)
    # Handed in on 1 January at 10:01.
    calm = lrl("status", "--campaign", str(place), "--now", "2024-01-18T10:00")
    near = lrl("status", "--campaign", str(place), "--now", "2024-01-20")
    assert "warning" not in calm
    assert "3 suites are accepted by the platform itself from 2024-01-22 10:01 UTC on" in near
    assert "answers: 2 good, 1 refused, 0 undecided" in near and "1 unhelpful" in near
    late = state(place, datetime(2024, 1, 23))
    assert [row[1] for row in column(late.reviews, "stage", "verdict") if row[0] == 1] == ["accepted"] * 3
    # Paid, and still no good answer: the prompt stays open.
    assert column(late.prompts, "missing")[1] == (1,)
    assert contents(place) == before
    with pytest.raises(LrlError, match="no ISO 8601 time"):
        CliRunner().invoke(
            app, ["crowd", "status", "--campaign", str(place), "--now", "soon"], catch_exceptions=False
        )


def test_pay_warns_where_the_median_worker_earned_below_the_floor(tmp_path: Path) -> None:
    place = folder(tmp_path)
    money = '[money]\ncurrency = "USD"\nminimum_hourly_pay = 60.0\nplatform_fee = 0.2\n[[stage]]'
    toml = place / "campaign.toml"
    toml.write_text(toml.read_text().replace("[[stage]]", money, 1))
    told = lrl("pay", "--campaign", str(place), "--now", "2024-01-10")
    assert (
        "stage 1 answer: 3 workers, 1.00 USD and 0.50 bonus; the median worker earned 45.00 an hour" in told
    )
    assert "warning: that is below the campaign's floor of 60.00 USD an hour" in told


def test_every_reason_has_words_in_english_and_swahili() -> None:
    from lrl_datasets.languages.crowd import REASONS

    told = (set(ANSWER_REASONS) | set(JUDGE_FAULTS)) - {
        "refused_by_requester"
    }  # that the platform said itself
    assert set(REASONS) == told
    swahili = tomllib.loads((languages.FOLDER / "swh.toml").read_text())["crowd"]["reasons"]
    assert set(swahili) == told
    assert not set(swahili.values()) & set(REASONS.values())


@pytest.mark.parametrize(
    ("platform", "lines"),
    [
        ("toloka", ["ASSIGNMENT:assignment_id\tACCEPT:verdict\tACCEPT:comment", "a\t+\t", "b\t-\tKwa nini"]),
        ("mturk", ["AssignmentId,WorkerId,Approve,Reject", "a,w,x,", "b,w,,Kwa nini"]),
        ("label_studio", ["assignment,worker,verdict,comment", "a,w,accept,", "b,w,reject,Kwa nini"]),
    ],
)
def test_each_platform_is_told_in_its_own_form_and_what_is_open_is_not_said(
    platform: str, lines: list[str]
) -> None:
    rows = [
        {"assignment": name, "worker": "w", "verdict": verdict, "reason": "unhelpful" if verdict == "reject" else None}
        for name, verdict in (("a", "accept"), ("b", "reject"), ("c", "wait"), ("d", "accepted"))
    ]  # fmt: skip
    assert review_file(platform, rows, {"unhelpful": "Kwa nini"}).decode().splitlines() == lines


def test_a_rubric_is_several_questions_in_one_file_paid_once(tmp_path: Path) -> None:
    from lrl_datasets.crowd.rubric import CRITERIA, scores

    stages = [
        MAJORITY_TOML.replace('"helpful"', f'"{name}"')
        .replace("OUTPUT:helpful", f"OUTPUT:{name}")
        .replace('["yes"]', '["1", "2"]')
        .replace('["no"]', '["0"]')
        for name in CRITERIA
    ]
    marks = {"judge1": "202222", "judge2": "202212", "judge3": "222222"}  # two did not understand the answer
    votes = [
        {key: cell for key, cell in vote("a1", worker=judge, assignment=judge, started="2024-01-02T10:00:00",
                                         submitted="2024-01-02T10:02:00", reward="0.1").items()
         if "helpful" not in key} | {f"OUTPUT:{name}": mark for name, mark in zip(CRITERIA, given, strict=True)}
        for judge, given in marks.items()
    ]  # fmt: skip
    place = campaign(tmp_path / "c", [answer(status="SUBMITTED")], votes, ANSWER_TOML + "".join(stages))
    found = compute(Campaign().read(place), NOW)
    assert found.judged.num_rows == 18 and all(found.judged["counted"].to_pylist())
    assert column(found.decisions, "verdict", "helpfulness") == [("reject", 0.3333)]
    assert {row["question"]: row["score"] for row in scores(found.judged).to_pylist()} == {
        "language": 2.0, "fluency": 0.6667, "helpful": 0.6667, "accuracy": 0.6667, "coherence": 0.6667, "harmless": 2.0,
    }  # fmt: skip
    assert column(found.reviews, "stage", "assignment", "tasks")[1:] == [
        (2, "judge1", 1), (2, "judge2", 1), (2, "judge3", 1),
    ]  # fmt: skip
    assert (
        column(found.payouts, "stage", "base", "seconds", "per_hour")[1:]
        == [(2, Decimal("0.1"), 120.0, 3.0)] * 3
    )


def test_who_failed_the_control_tasks_gets_no_more_tasks(tmp_path: Path) -> None:
    place = folder(tmp_path)
    assert state(place).keep_out("helpful") == set()
    wrong = [vote("", "no", f"g{k}", "judge2", golden="yes", answer="") for k in range(3)]
    (place / "votes-2.tsv").write_bytes(tsv(wrong))
    assert state(place).keep_out("helpful") == {"judge2"}
    assert "1 worker gets no more of its tasks" in lrl(
        "decide", "--campaign", str(place), "--now", "2024-01-10"
    )
    assert (place / "outbox/2-helpful/keep-out.txt").read_text() == "judge2\n"


@pytest.mark.parametrize("command", ["pay", "decide"])
def test_what_cannot_be_written_is_named_with_the_reason(tmp_path: Path, command: str) -> None:
    place = folder(tmp_path)
    in_the_way = tmp_path / "a file"
    in_the_way.write_text("")
    with pytest.raises(
        LrlError, match=r"a file.*(payouts|reviews).*cannot be written \(.*(exists|directory)"
    ):
        lrl_raising(command, "--campaign", str(place), "--now", "2024-01-10", "--out", str(in_the_way))


def lrl_raising(*arguments: str) -> None:
    CliRunner().invoke(app, ["crowd", *arguments], catch_exceptions=False)


def test_where_nothing_came_in_nothing_is_paid_or_written(tmp_path: Path) -> None:
    place = folder(tmp_path)
    for export in place.glob("*.tsv"):
        export.unlink()
    before = contents(place)
    assert "nothing came in yet" in lrl("pay", "--campaign", str(place))
    assert "nothing came in yet" in " ".join(lrl("cost", "--campaign", str(place)).split())
    assert contents(place) == before


def test_the_help_says_where_the_floor_stands() -> None:
    assert "[money]" in lrl("plan", "--help")


@pytest.mark.parametrize("number", ["inf", "-inf", "nan"])
@pytest.mark.parametrize("key", ["platform_fee", "minimum_hourly_pay", "price = 0.5", "bonus = 0.5"])
def test_no_number_of_a_campaign_is_infinite(tmp_path: Path, key: str, number: str) -> None:
    place = folder(tmp_path)
    name = key.partition(" ")[0]
    money = {"platform_fee": 0.2, "minimum_hourly_pay": 60.0, name: number}
    table = 'currency = "USD"\n' + "".join(
        f"{k} = {money[k]}\n" for k in ("platform_fee", "minimum_hourly_pay")
    )
    toml = (place / "campaign.toml").read_text().replace("[[stage]]", f"[money]\n{table}[[stage]]", 1)
    (place / "campaign.toml").write_text(toml.replace(key, f"{name} = {number}") if " " in key else toml)
    with pytest.raises(LrlError, match=rf"{name}: Input should be a finite number"):
        lrl_raising("status", "--campaign", str(place))


def test_the_stages_of_one_page_are_told_and_reviewed_once(tmp_path: Path) -> None:
    fluent = MAJORITY_TOML.replace('"helpful"', '"fluent"').replace("OUTPUT:helpful", "OUTPUT:fluent")
    votes = [
        {**vote("a1", worker=judge, assignment=judge, status="SUBMITTED"), "OUTPUT:fluent": "yes", "GOLDEN:fluent": ""}
        for judge in ("judge1", "judge2", "judge3")
    ]  # fmt: skip
    # One judge fails the control tasks of the second question alone.
    votes += [
        {**vote("", worker="judge3", assignment=f"g{n}", golden="yes", status="SUBMITTED"), "OUTPUT:fluent": "no",
         "GOLDEN:fluent": "yes"}
        for n in range(3)
    ]  # fmt: skip
    place = campaign(
        tmp_path / "c", [answer(status="SUBMITTED")], votes, ANSWER_TOML + MAJORITY_TOML + fluent
    )
    told = lrl("status", "--campaign", str(place), "--now", "2024-01-10")
    (row,) = [line for line in told.splitlines() if "3 fluent" in line]
    assert row.replace("│", " ").split() == ["3", "fluent", "asked", "with", "stage", "2"]
    told = lrl("decide", "--campaign", str(place), "--now", "2024-01-10")
    assert told.count("stage 3 fluent") == 1 and "stage 3 fluent: asked with stage 2" in told
    assert sorted(path.name for path in (place / "outbox").iterdir()) == ["1-answer", "2-helpful"]
    assert (place / "outbox/2-helpful/keep-out.txt").read_text() == "judge3\n"


@pytest.mark.parametrize(
    ("bonus", "day", "weighed"),
    [
        (False, 10, True),  # the suites wait for what the votes say
        (False, 23, False),  # the platform has accepted them all
        (True, 23, True),  # who wrote good answers is paid more
    ],
)
def test_votes_are_weighed_for_payment_only_where_it_hangs_on_them(
    tmp_path: Path, bonus: bool, day: int, weighed: bool
) -> None:
    place = folder(tmp_path)
    if not bonus:
        lines = (place / "campaign.toml").read_text().splitlines()
        kept = [line for line in lines if not line.startswith("bonus")]
        (place / "campaign.toml").write_text("\n".join(kept))
    tables, now, terms = Campaign().read(place), datetime(2024, 1, day), {1: Terms(1, 0.5), 2: Terms(1, 0.1)}
    found = settle(tables, now, terms)
    assert found.payouts.equals(compute(tables, now, terms).payouts)
    assert any(value is not None for value in found.decisions["helpfulness"].to_pylist()) == weighed
