"""`lrl crowd tasks`, `simulate`, `plan` and `cost` on a whole folder."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from typer.testing import CliRunner

from lrl_datasets.cli import app
from lrl_datasets.cli.crowd_decisions import terms
from lrl_datasets.errors import LrlError
from lrl_datasets.sources import campaign_toml
from tests.crowd.tasks import platforms

PROMPTS = [{"prompt": f"Taja mambo {word} kuhusu maji."} for word in ("mawili", "matatu", "manne", "matano")]
GOLDEN = [
    {
        "id": "g1",
        "prompt": "Maji huganda lini?",
        "answer": "Yanapofikia sifuri.",
        "helpful": "yes",
        "hint": "Sahihi.",
    },
    {"id": "g2", "prompt": "Taja mto.", "answer": "Ndizi.", "helpful": "no", "hint": "Ndizi si mto."},
]


def lrl(*arguments: str | Path) -> str:
    done = CliRunner().invoke(app, ["crowd", *map(str, arguments)], catch_exceptions=False)
    assert done.exit_code == 0, done.output
    return done.output


def contents(folder: Path) -> dict[str, bytes]:
    return {str(path.relative_to(folder)): path.read_bytes() for path in folder.rglob("*") if path.is_file()}


@pytest.mark.parametrize("format", ["toloka", "mturk", "label_studio", "argilla", "table"])
def test_a_campaign_without_people_from_tasks_to_cost(tmp_path: Path, format: str) -> None:
    folder = platforms.folder(tmp_path / format, format, PROMPTS, GOLDEN)
    lrl("tasks", "answer", "--campaign", folder)
    first = contents(folder)
    lrl("tasks", "answer", "--campaign", folder)
    assert contents(folder) == first  # twice the same bytes
    crowd = ("--crowd", "expert=8,average=8", "--seed", "3")
    assert "every task has its workers" not in lrl("simulate", "--campaign", folder, *crowd)
    came = contents(folder)
    assert "every task has its workers" in lrl("simulate", "--campaign", folder, *crowd)
    assert contents(folder) == came
    told = lrl("cost", "--campaign", folder)
    assert "USD in all" in told and "answers accepted" in told
    assert contents(folder) == came
    assert "accepted rows" in lrl("plan", "--campaign", folder, "--crowd", "expert=8,average=8")


def test_the_authors_are_kept_from_their_answers(tmp_path: Path) -> None:
    folder = platforms.folder(tmp_path / "toloka", "toloka", PROMPTS, GOLDEN)
    lrl("simulate", "--campaign", folder, "--rounds", "1")
    (folder / "votes-simulated-1.tsv").unlink()
    lrl("tasks", "helpful", "--campaign", folder)
    outbox = folder / "outbox" / "2-helpful"
    suites = json.loads((outbox / "task_suites.json").read_text(encoding="utf-8"))
    assert all(suite["unavailable_for"] for suite in suites)
    assert "Je" not in (outbox / "pool.tsv").read_text(encoding="utf-8").splitlines()[0]
    assert "Soma swali pamoja na jibu lake." in (outbox / "instructions.html").read_text(encoding="utf-8")
    assert "Read the question" in (outbox / "instructions.html").read_text(encoding="utf-8")


def test_what_cannot_be_done_is_said(tmp_path: Path) -> None:
    folder = platforms.folder(tmp_path / "real", "toloka", PROMPTS, GOLDEN)
    toml = folder / "campaign.toml"
    with pytest.raises(LrlError, match=r"no stage 'x'; there are: 1 \(answer\), 2 \(helpful\)"):
        lrl("tasks", "x", "--campaign", folder)
    toml.write_text(toml.read_text().replace("sample = true\n", ""))
    with pytest.raises(LrlError, match="only a campaign with `sample = true` is simulated"):
        lrl("simulate", "--campaign", folder)
    toml.write_text(toml.read_text().replace("minimum_hourly_pay = 3.0\n", ""))
    with pytest.raises(LrlError, match=r"money\.minimum_hourly_pay"):
        lrl("plan", "--campaign", folder)
    toml.write_text(
        toml.read_text().split("[money]")[0] + "[[stage]]" + toml.read_text().split("[[stage]]", 1)[1]
    )
    with pytest.raises(LrlError, match="neither has a default"):
        lrl("plan", "--campaign", folder)
    (folder / "golden.jsonl").write_text('{"prompt": "a", "answer": "b", "helpful": "maybe"}\n')
    with pytest.raises(LrlError, match=r"golden\.jsonl: control task 1: column 'helpful' is none of yes, no"):
        lrl("tasks", "helpful", "--campaign", folder)


def test_the_terms_of_a_page_are_those_of_each_criterion_wherever_they_stand(tmp_path: Path) -> None:
    place = platforms.folder(tmp_path / "c", "toloka", PROMPTS, GOLDEN, rubric=True)
    toml = place / "campaign.toml"
    text = toml.read_text(encoding="utf-8")
    tasks = text[text.rindex("[stage.tasks]") : text.rindex("[[stage]]")]
    toml.write_text(text.replace(tasks, "") + "\n" + tasks, encoding="utf-8")
    file = campaign_toml.load(place)
    page = file.together(2)
    assert len(page) > 1 and [file.stage[n - 1].tasks is not None for n in page].count(True) == 1
    found = terms(file)
    assert {n: found[n] for n in page} == dict.fromkeys(page, terms(campaign_toml.parsed(text, toml))[2])
    toml.write_text(text + "\n" + tasks.replace("overlap = ", "overlap = 1"), encoding="utf-8")
    with pytest.raises(LrlError, match=r"helpful and fluency are one page, and their \[stage.tasks\] differ"):
        campaign_toml.load(place)


def test_a_plan_takes_a_rubric_for_one_page_and_says_what_it_leaves_out(tmp_path: Path) -> None:
    one, two = (
        platforms.folder(tmp_path / name, "toloka", PROMPTS, GOLDEN, rubric=name == "rubric")
        for name in ("plain", "rubric")
    )
    crowd = ("--crowd", "expert=8,average=8")
    plain, rubric = (lrl("plan", "--campaign", place, *crowd) for place in (one, two))
    assert "not counted" not in plain
    assert "what workers say of fluency: a rubric is one page, paid once" in " ".join(rubric.split())
    # The table is the same: each answer is judged as often, and the page is paid once. [stage.tasks] may stand at
    # the other criterion: the plan is that of the page.
    toml = two / "campaign.toml"
    text = toml.read_text(encoding="utf-8")
    tasks = text[text.rindex("[stage.tasks]") : text.rindex("[[stage]]")]
    toml.write_text(text.replace(tasks, "") + "\n" + tasks, encoding="utf-8")
    moved = lrl("plan", "--campaign", two, *crowd)
    table = plain[: plain.index("4 prompts")]
    assert rubric.startswith(table) and moved.startswith(table)
    toml.write_text(
        text.replace(
            'pools = ["votes-*.tsv"]\nquestion = "fluency"', 'pools = ["f-*.tsv"]\nquestion = "fluency"'
        ),
        encoding="utf-8",
    )
    assert "not counted: stage 3 (fluency): neither its cost nor its time" in lrl(
        "plan", "--campaign", two, *crowd
    )


def test_a_page_for_mturk_shows_no_markup_of_an_answer(tmp_path: Path) -> None:
    evil = [{"prompt": "<script>alert(1)</script> & ${answer} 😀"}]
    folder = platforms.folder(tmp_path / "mturk", "mturk", evil, GOLDEN)
    said = lrl("tasks", "answer", "--campaign", folder)
    assert "emoji" in said and "spreadsheet" not in said
    batch = (folder / "outbox" / "1-answer" / "batch.csv").read_text(encoding="utf-8")
    assert "&lt;script&gt;alert(1)&lt;/script&gt; &amp; &#36;{answer} &#128512;" in batch
    page = (folder / "outbox" / "1-answer" / "template.html").read_text(encoding="utf-8")
    assert "${prompt_html}" in page and "${prompt}" not in page and "${golden}" not in page


def test_cells_that_a_spreadsheet_program_would_run_are_told_of(tmp_path: Path) -> None:
    prompts = [{"prompt": '=HYPERLINK("http://x")'}, {"prompt": "-1 ni nini?"}, {"prompt": "Maji ni nini?"}]
    folder = platforms.folder(tmp_path / "mturk", "mturk", prompts, GOLDEN)
    said = lrl("tasks", "answer", "--campaign", folder)
    assert "do not open batch.csv in a spreadsheet program: 2 tasks, such as" in " ".join(said.split())


def test_tasks_that_cannot_be_written_are_named_with_the_reason(tmp_path: Path) -> None:
    folder = platforms.folder(tmp_path / "toloka", "toloka", PROMPTS, GOLDEN)
    in_the_way = tmp_path / "a file"
    in_the_way.write_text("")
    with pytest.raises(LrlError, match=r"a file.*pool.tsv: cannot be written \("):
        lrl("tasks", "answer", "--campaign", folder, "--out", in_the_way)
