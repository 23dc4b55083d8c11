from __future__ import annotations

import re
import tomllib
from dataclasses import replace
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from typer.testing import CliRunner

from lrl_datasets.cli import app
from lrl_datasets.errors import LrlError
from lrl_datasets.sources.campaign import Campaign
from lrl_datasets.sources.intake import take_in

from .platforms import FORMATS, Said, toml, write

ANSWERS = [Said(f"1{n}", n, {"prompt": f"Swali {n}?", "original_id": ""}, f"Jibu la {n}.") for n in range(4)]
VOTES = [
    Said(f"2{n}", 50, {"answer_id": f"1{n}", "answer": f"Jibu la {n}."}, ("yes", "no")[n % 2])
    for n in range(4)
]


def campaign(folder: Path, format: str = "toloka", **changes: str) -> Path:
    folder.mkdir(exist_ok=True)
    text = toml(format)
    for old, new in changes.items():
        text = text.replace(old, new)
    (folder / "campaign.toml").write_text(text)
    return folder


def export(
    tmp_path: Path, rows: list[Said], name: str = "pool.tsv", output: str = "written", format: str = "toloka"
) -> Path:
    write(format, tmp_path / name, output, rows)
    return tmp_path / name


def files(folder: Path) -> dict[str, bytes]:
    return {
        path.relative_to(folder).as_posix(): path.read_bytes()
        for path in sorted(folder.rglob("*"))
        if path.is_file()
    }


@pytest.mark.parametrize("format", [format for format in FORMATS if format != "label_studio_min"])
def test_every_format_finds_its_stage(tmp_path: Path, format: str) -> None:
    folder = campaign(tmp_path / "c", format)
    answers = export(tmp_path, ANSWERS, "a", format=format)
    votes = export(tmp_path, VOTES, "b", "helpful", format)
    came = take_in(folder, [votes, answers])
    assert [(one.stage, one.became, len(one.new)) for one in came] == [(2, "new", 4), (1, "new", 4)]
    assert [(folder / one.name).read_bytes() for one in came] == [votes.read_bytes(), answers.read_bytes()]
    tables = Campaign(path=folder).read()
    assert (tables.candidates.num_rows, tables.judgements.num_rows) == (4, 4)
    before = files(folder)
    again = take_in(folder, [answers, votes])
    assert {one.became for one in again} == {"unchanged"} and files(folder) == before
    assert not any(one.new for one in again)


def _numbered(format: str) -> str:
    """The answer stage alone, with its columns a page's."""
    text = re.sub(r'(prompt|written)(\.responses)?"', r'\1_{n}\2"', toml(format))
    return text.partition('[[stage]]\nkind = "judgement"')[0]


@pytest.mark.parametrize("format", [format for format in FORMATS if format != "label_studio_min"])
def test_a_page_of_several_tasks_has_every_column_of_each(tmp_path: Path, format: str) -> None:
    # One column was renamed: the other task of the page still has its own.
    (tmp_path / "c").mkdir()
    (tmp_path / "c" / "campaign.toml").write_text(_numbered(format))
    one = Said("10", 1, {"swali_1": "Swali?", "prompt_2": "", "original_id": ""}, "Jibu.")
    with pytest.raises(LrlError, match=r"(?s)page: .*prompt_1' is missing while '.*written_1.*' is there"):
        take_in(tmp_path / "c", [export(tmp_path, [one], "page", "written_1", format)])
    assert list(files(tmp_path / "c")) == ["campaign.toml"]
    whole = replace(one, inputs={"prompt_1": "Swali?", "prompt_2": "", "original_id": ""})
    assert len(take_in(tmp_path / "c", [export(tmp_path, [whole], "page", "written_1", format)])[0].new) == 1


@pytest.mark.parametrize("format", ["mturk", "toloka", "table"])
def test_a_page_with_a_text_and_no_place_for_its_answer(tmp_path: Path, format: str) -> None:
    (tmp_path / "campaign.toml").write_text(_numbered(format))
    one = Said("10", 1, {"prompt_1": "Swali?", "prompt_2": "Je?", "original_id": ""}, "Jibu.")
    with pytest.raises(LrlError, match=r"written_2' is missing while '.*prompt_2' is there"):
        take_in(tmp_path, [export(tmp_path, [one], "page", "written_1", format)])


def test_the_same_records_in_another_order_are_there(tmp_path: Path) -> None:
    folder = campaign(tmp_path / "c")
    take_in(folder, [export(tmp_path, ANSWERS)])
    before = files(folder)
    (one,) = take_in(folder, [export(tmp_path, ANSWERS[::-1], "turned.tsv")])
    assert one.became == "unchanged" and files(folder) == before


def test_a_newer_export_takes_the_olders_place(tmp_path: Path) -> None:
    folder = campaign(tmp_path / "c")
    old = export(
        tmp_path, [replace(one, status="active", output="") for one in ANSWERS[:1]] + ANSWERS[1:3], "old.tsv"
    )
    new = export(tmp_path, ANSWERS, "new.tsv")
    take_in(folder, [old])
    (one,) = take_in(folder, [new])
    assert (one.became, one.name, [row.record for row in one.new]) == (
        "newer",
        "exports/answers-old.tsv",
        ["13003--13"],
    )
    assert list(files(folder)) == ["campaign.toml", "exports/answers-old.tsv"]
    after = files(folder)
    (back,) = take_in(folder, [old])
    assert back.became == "older" and files(folder) == after
    assert [one.became for one in take_in(folder, [old, new, old])] == ["older", "unchanged", "older"]


def test_what_was_decided_is_newer_than_what_waits(tmp_path: Path) -> None:
    folder = campaign(tmp_path / "c")
    waiting = export(tmp_path, ANSWERS, "waiting.tsv")
    decided = export(tmp_path, [replace(one, status="accepted") for one in ANSWERS], "decided.tsv")
    assert [one.became for one in take_in(folder, [waiting, decided, waiting])] == ["new", "newer", "older"]
    assert set(Campaign(path=folder, under_way=True).read().candidates["status"].to_pylist()) == {"accepted"}


def test_other_records_stand_beside(tmp_path: Path) -> None:
    folder = campaign(tmp_path / "c")
    came = take_in(
        folder, [export(tmp_path, ANSWERS[:2], "a/p.tsv"), export(tmp_path, ANSWERS[2:], "b/p.tsv")]
    )
    assert [one.name for one in came] == ["exports/answers-p.tsv", "exports/answers-p-2.tsv"]
    assert Campaign(path=folder, under_way=True).read().candidates.num_rows == 4


def test_overlapping_exports_are_a_conflict_and_nothing_is_written(tmp_path: Path) -> None:
    folder = campaign(tmp_path / "c")
    take_in(folder, [export(tmp_path, ANSWERS[:3])])
    before = files(folder)
    votes = export(tmp_path, VOTES, "votes.tsv", "helpful")
    with pytest.raises(
        LrlError, match=r"other\.tsv: 2 of its 3 records are in exports/answers-pool\.tsv too, with 1"
    ):
        take_in(folder, [votes, export(tmp_path, ANSWERS[1:], "other.tsv")])
    assert files(folder) == before


def test_an_answer_that_says_something_else_is_a_conflict(tmp_path: Path) -> None:
    folder = campaign(tmp_path / "c")
    take_in(folder, [export(tmp_path, ANSWERS)])
    before = files(folder)
    edited = export(tmp_path, [replace(ANSWERS[0], output="Jibu jipya."), *ANSWERS[1:]], "edited.tsv")
    with pytest.raises(
        LrlError,
        match=r"edited\.tsv: 1 records .* \(row 2\) say something else than in exports/answers-pool\.tsv: .* --replace",
    ):
        take_in(folder, [edited])
    assert files(folder) == before
    (one,) = take_in(folder, [edited], replace_changed=True)
    assert one.became == "newer" and (folder / one.name).read_bytes() == edited.read_bytes()
    fewer = export(tmp_path, [replace(ANSWERS[0], output="Tena.")], "fewer.tsv")
    with pytest.raises(
        LrlError, match=r"say something else than in exports/answers-pool\.tsv: take one of the files out$"
    ):
        take_in(folder, [fewer], replace_changed=True)


@settings(max_examples=40, deadline=None)
@given(
    st.lists(
        st.lists(st.sampled_from(["active", "submitted", "accepted"]), min_size=3, max_size=3),
        min_size=1,
        max_size=5,
    ),
    st.data(),
)
def test_importing_again_never_changes_anything(
    tmp_path_factory: pytest.TempPathFactory, snapshots: list[list[str]], data: st.DataObject
) -> None:
    tmp_path = tmp_path_factory.mktemp("i")
    folder = campaign(tmp_path / "c")
    order = ["active", "submitted", "accepted"]
    reached = ["active"] * 3
    taken = []
    for number, snapshot in enumerate(snapshots):  # a pool only goes forward
        reached = [max(pair, key=order.index) for pair in zip(reached, snapshot, strict=True)]
        rows = [
            replace(one, status=s, output="" if s == "active" else one.output)
            for one, s in zip(ANSWERS, reached, strict=False)
        ]
        taken.append(export(tmp_path, rows, f"{number}.tsv"))
    take_in(folder, taken)
    (name,) = [path for path in files(folder) if path != "campaign.toml"]
    assert files(folder)[name] == taken[-1].read_bytes()
    before = files(folder)
    take_in(folder, data.draw(st.permutations(taken)))
    assert files(folder) == before


def test_a_literal_pool_takes_the_first_file_and_a_second_one_needs_a_line(tmp_path: Path) -> None:
    folder = campaign(tmp_path / "c", **{"answers-*.tsv": "answers.tsv"})
    (one,) = take_in(folder, [export(tmp_path, ANSWERS[:2])])
    assert one.name == "exports/answers.tsv"
    with pytest.raises(LrlError) as error:
        take_in(folder, [export(tmp_path, ANSWERS[2:], "more.tsv")])
    line = str(error.value).splitlines()[-1]
    assert tomllib.loads(line)["pools"] == ["exports/answers.tsv", "exports/more.tsv"]
    toml_ = folder / "campaign.toml"
    toml_.write_text(toml_.read_text().replace('pools = ["exports/answers.tsv"]', line))
    assert take_in(folder, [tmp_path / "more.tsv"])[0].name == "exports/more.tsv"


def test_a_file_that_fits_no_stage_shows_what_to_write(tmp_path: Path) -> None:
    folder = campaign(tmp_path / "c")
    before = files(folder)
    with pytest.raises(LrlError) as error:
        take_in(folder, [export(tmp_path, VOTES, "Batch_1.csv", "helpful", "mturk")])
    text = str(error.value)
    assert "Batch_1.csv: results of Mechanical Turk, and no stage of" in text
    assert "  stages 1 (answer) and 2 (judgement): its exports are Toloka" in text
    assert "its columns: HITId, AssignmentId, WorkerId, " in text and files(folder) == before
    stage = tomllib.loads(text[text.index("  [[stage]]") :])["stage"][0]
    assert stage["pools"] == ["exports/Batch_1.csv"] and stage["columns"]["label"] == "Answer.helpful"
    suggested = text[text.index("  [[stage]]") :]
    (folder / "campaign.toml").write_text(toml("toloka") + suggested.replace('"helpful"  #', '"useful"  #'))
    assert take_in(folder, [tmp_path / "Batch_1.csv"])[0].stage == 3  # as it was told, it works


def test_all_missing_columns_are_named_once_a_stage(tmp_path: Path) -> None:
    folder = campaign(tmp_path / "c", "table")
    (tmp_path / "t.csv").write_text("a,b,c\n" + "".join(f"{n},x{n},y{n}\n" for n in range(9)))
    with pytest.raises(LrlError) as error:
        take_in(folder, [tmp_path / "t.csv"])
    own = "'who', 'handed_in', 'task_id', 'state', "
    assert f"stage 1 (answer): columns {own}'prompt', 'written', 'original_id' are missing\n" in str(
        error.value
    )
    assert f"stage 2 (judgement): columns {own}'answer_id', 'helpful', 'answer' are missing\n" in str(
        error.value
    )


def test_a_missing_column_is_named(tmp_path: Path) -> None:
    folder = campaign(tmp_path / "c", **{"OUTPUT:written": "OUTPUT:jibu"})
    with pytest.raises(LrlError, match=r"stage 1 \(answer\): column 'OUTPUT:jibu' is missing"):
        take_in(folder, [export(tmp_path, ANSWERS)])


def test_several_stages_fit(tmp_path: Path) -> None:
    stages = toml("toloka")
    second = stages[stages.index('[[stage]]\nkind = "judgement"') :].replace('"helpful"', '"fluent"')
    folder = campaign(tmp_path / "c")
    (folder / "campaign.toml").write_text(stages + second.replace("votes-*", "fluent-*"))
    votes = export(tmp_path, VOTES, "pool.tsv", "helpful")
    with pytest.raises(
        LrlError, match=r"pool\.tsv: it fits stages 2 \(judgement\) and 3 \(judgement\): .* --stage"
    ):
        take_in(folder, [votes])
    assert take_in(folder, [votes], stage="fluent")[0].name == "exports/fluent-pool.tsv"
    assert take_in(folder, [votes])[0].stage == 3  # its records are known now
    named = export(tmp_path, [replace(one, task="9" + one.task) for one in VOTES], "votes-7.tsv", "helpful")
    assert take_in(folder, [named])[0].name == "exports/votes-7.tsv"  # its name is a pool's
    with pytest.raises(LrlError, match=r"--stage 9: .* no such stage"):
        take_in(folder, [votes], stage="9")


def test_the_criteria_of_a_rubric_share_a_file(tmp_path: Path) -> None:
    stages = toml("toloka")
    second = stages[stages.index('[[stage]]\nkind = "judgement"') :].replace('"helpful"', '"fluent"')
    folder = campaign(tmp_path / "c")
    (folder / "campaign.toml").write_text(stages + second.replace("OUTPUT:helpful", "OUTPUT:fluent"))
    helpful = export(tmp_path, VOTES, "v.tsv", "helpful").read_text().splitlines()
    with pytest.raises(
        LrlError, match=r"v\.tsv: as exports/votes-v\.tsv stage 3 reads it too: .*'OUTPUT:fluent'"
    ):
        take_in(folder, [tmp_path / "v.tsv"])
    said = ["OUTPUT:fluent", "yes", "no", "yes", "labda"]
    lines = [f"{line}\t{cell}" for line, cell in zip(helpful, said, strict=True)]
    (tmp_path / "both.tsv").write_text("\n".join(lines) + "\n")
    (one,) = take_in(folder, [tmp_path / "both.tsv"])
    assert (one.stage, one.name) == (2, "exports/votes-both.tsv")
    assert one.unreadable == {5: "column OUTPUT:fluent is none of the stage's labels"}
    assert Campaign(path=folder, under_way=True).read().judgements.num_rows == 8
    (tmp_path / "edited.tsv").write_text("\n".join([lines[0], lines[1][:-3] + "no", *lines[2:]]) + "\n")
    with pytest.raises(LrlError, match=r"1 records that were handed in before .* say something else"):
        take_in(folder, [tmp_path / "edited.tsv"])


def test_labels_of_another_question_do_not_fit(tmp_path: Path) -> None:
    folder = campaign(tmp_path / "c")
    strange = export(tmp_path, [replace(one, output="labda") for one in VOTES], "v.tsv", "helpful")
    with pytest.raises(
        LrlError, match=r"stage 2 \(judgement\): column 'OUTPUT:helpful' has none of its labels"
    ):
        take_in(folder, [strange])


def test_what_cannot_be_read_is_told(tmp_path: Path) -> None:
    folder = campaign(tmp_path / "c")
    votes = export(
        tmp_path,
        [*VOTES, replace(VOTES[0], task="7", output="labda"), replace(VOTES[0], status="lost")],
        "v.tsv",
        "helpful",
    )
    (one,) = take_in(folder, [votes])
    assert list(one.unreadable) == [6, 7] and "none of the stage's labels" in one.unreadable[6]


def test_a_file_of_which_nothing_can_be_read_is_no_pool(tmp_path: Path) -> None:
    folder = campaign(tmp_path / "c")
    whole = export(tmp_path, ANSWERS)
    first = len(b"\n".join(whole.read_bytes().split(b"\n")[:2]))
    (tmp_path / "cut.tsv").write_bytes(whole.read_bytes()[: first - 20])
    for stage in (None, "1"):
        with pytest.raises(
            LrlError,
            match=r"cut\.tsv: none of its 1 records can be read \(row 2: \d cells where .*export it again",
        ):
            take_in(folder, [tmp_path / "cut.tsv"], stage)
    assert list(files(folder)) == ["campaign.toml"]
    (tmp_path / "cut.tsv").write_bytes(whole.read_bytes()[: first + 20])  # in the second record
    told = CliRunner().invoke(app, ["crowd", "import", str(tmp_path / "cut.tsv"), "--campaign", str(folder)])
    assert [line.split("answers-cut.tsv: ")[-1] for line in told.output.splitlines()[:2]] == [
        "new, 2 records, 1 of them unreadable", "2 records, 2 new, 1 unreadable"
    ]  # fmt: skip


def test_an_export_is_for_its_owner_alone(tmp_path: Path) -> None:
    folder = campaign(tmp_path / "c")
    (one,) = take_in(folder, [export(tmp_path, ANSWERS[:2])])
    assert (folder / one.name).stat().st_mode & 0o777 == 0o600
    (folder / one.name).chmod(0o640)
    (newer,) = take_in(folder, [export(tmp_path, ANSWERS, "newer.tsv")])
    assert newer.name == one.name and (folder / one.name).stat().st_mode & 0o777 == 0o640
    assert sorted(path.name for path in (folder / "exports").iterdir()) == [
        "answers-pool.tsv"
    ]  # nothing half done


def test_missing_file_and_folder(tmp_path: Path) -> None:
    with pytest.raises(LrlError, match="no such file"):
        take_in(campaign(tmp_path / "c"), [tmp_path / "gone.tsv"])
    with pytest.raises(LrlError, match=r"campaign\.toml: no such file"):
        take_in(tmp_path / "nowhere", [export(tmp_path, ANSWERS)])


def test_the_command_says_what_came(tmp_path: Path) -> None:
    folder = campaign(tmp_path / "c")
    answers = export(tmp_path, ANSWERS)
    votes = export(tmp_path, [*VOTES, replace(VOTES[0], task="7", output="labda")], "v.tsv", "helpful")
    command = ["crowd", "import", str(answers), str(votes), "--campaign", str(folder / "campaign.toml")]
    first = CliRunner().invoke(app, command)
    assert first.exit_code == 0, first.output
    assert first.stdout.splitlines() == [
        f"{answers}: toloka, stage 1, exports/answers-pool.tsv: new, 4 records",
        f"{votes}: toloka, stage 2, exports/votes-v.tsv: new, 5 records, 1 of them unreadable",
        "9 records, 9 new, 1 unreadable",
        f"  {votes} row 6: column OUTPUT:helpful is none of the stage's labels",
        "by 5 annotators:",
        "  50: 5, 5 new",
        *(f"  {n}: 1, 1 new" for n in range(4)),
    ]
    before = files(folder)
    second = CliRunner().invoke(app, command)
    assert "9 records, 0 new, 1 unreadable" in second.output and files(folder) == before


def test_judgements_of_answers_that_are_not_there(tmp_path: Path) -> None:
    folder = campaign(tmp_path / "c")
    strange = [replace(one, inputs={**one.inputs, "answer_id": f"jibu-{n}"}) for n, one in enumerate(VOTES)]
    where = ["--campaign", str(folder)]
    run = CliRunner().invoke
    told = run(app, ["crowd", "import", str(export(tmp_path, strange, "v.tsv", "helpful")), *where])
    warning = (
        "warning: stage 2 helpful: 4 of 4 judgements are of answers that the campaign does not have, such as "
        "'jibu-0': import the answers, or see that columns.answer_id (INPUT:answer_id)"
    )
    assert told.exit_code == 0 and warning in told.output
    (folder / "exports" / "votes-v.tsv").unlink()
    told = run(app, ["crowd", "import", str(export(tmp_path, ANSWERS)), *where])
    assert "warning" not in told.output
    mixed = [
        *[replace(one, inputs={**one.inputs, "answer_id": f"1{n}00{n}"}) for n, one in enumerate(VOTES)][:3],
        strange[3],
    ]
    told = run(app, ["crowd", "import", str(export(tmp_path, mixed, "v.tsv", "helpful")), *where])
    assert told.exit_code == 0 and "warning" not in told.output  # one of four may go astray
    (folder / "exports" / "votes-v.tsv").unlink()
    run(app, ["crowd", "import", str(export(tmp_path, strange, "v.tsv", "helpful")), *where])
    for command in ("status", "quality"):
        told = run(app, ["crowd", command, *where])
        assert told.exit_code == 0 and told.output.count(warning) == 1, command
