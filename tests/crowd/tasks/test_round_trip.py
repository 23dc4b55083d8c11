"""Tasks written, done by the simulated crowd in the platform's own format and read back are the same campaign."""

from __future__ import annotations

from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import pyarrow as pa
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from lrl_datasets import languages
from lrl_datasets.crowd import simulation
from lrl_datasets.crowd.tasks import argilla, label_studio, mturk, pages, spreadsheet, suites, toloka, waiting
from lrl_datasets.sources import campaign_toml
from lrl_datasets.sources.campaign import Campaign
from tests.crowd.tasks import platforms

FORMATS = ("toloka", "toloka-tsv", "mturk", "label_studio", "argilla", "table", "table-jsonl")
WRITERS = {
    "toloka": toloka, "mturk": mturk, "label_studio": label_studio, "argilla": argilla, "table": spreadsheet,
}  # fmt: skip

# Everything that breaks careless writers, and letters; what no platform keeps (control characters, carriage
# returns, tabs in prose, which make a pasted table) is left out, and so are texts without a letter.
LABELS = {False: ("yes", "no"), True: ("2", "0")}
AWKWARD = "aeikUz '\"=+-@,;${}<>&\n|\\é😀—١"
TEXT = st.text(AWKWARD, min_size=1, max_size=25).map(lambda text: f"{text}m{text[::-1]}")


@pytest.mark.parametrize(
    ("format", "options"),
    [*((format, {}) for format in FORMATS), *((format, {"rubric": True}) for format in FORMATS),
     ("mturk", {"numbered": True}), ("mturk", {"numbered": True, "rubric": True})],
)  # fmt: skip
@settings(max_examples=4, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(
    prompts=st.lists(
        st.tuples(TEXT, st.just("") | TEXT), min_size=1, max_size=5, unique_by=lambda row: row[0]
    ),
    golden=st.lists(st.tuples(TEXT, TEXT), min_size=2, max_size=3, unique=True),
    answers=st.lists(TEXT, min_size=10, max_size=10, unique=True),
    seed=st.integers(0, 5),
)
def test_a_campaign_comes_back_as_it_went_out(
    format: str,
    options: dict[str, bool],
    prompts: list[tuple[str, str]],
    golden: list[tuple[str, str]],
    answers: list[str],
    seed: int,
) -> None:
    with TemporaryDirectory() as place:
        folder = platforms.folder(
            Path(place),
            format.removesuffix("-tsv"),
            [{"prompt": text, "context": context} for text, context in prompts],
            [
                {
                    "prompt": p,
                    "answer": a,
                    "helpful": LABELS["rubric" in options][n % 2],
                    "fluency": "2" if n else "",
                }
                for n, (p, a) in enumerate(golden)
            ],
            **options,
        )
        workers = simulation.recruit({"expert": 5, "average": 3}, seed)

        page, tasks = waiting_tasks(folder, 0)
        written = simulation.write(
            hand_out(format, page, tasks), page, workers, ["neno"], simulation.Terms(60), seed
        )
        written = with_outputs(written, answers)
        hand_in(folder, format, page, written, 0)
        read = Campaign(under_way=True).read(folder)
        messages = {
            (row["worker"], *(message["content"].replace("\r", "") for message in row["messages"]))
            for row in read.candidates.to_pylist()
        }
        expected = {
            (row["worker"], waiting.asked(page, inputs_of(page, row)), row["output"])
            for row in written.to_pylist()
        }
        assert messages == expected
        assert read.candidates.num_rows == 2 * len(prompts)
        assert set(read.candidates["mark.source"].to_pylist()) == {None}

        page, tasks = waiting_tasks(folder, 1)
        shown = hand_out(format, page, tasks)
        authors = {row["record"]: row["worker"] for row in read.candidates.to_pylist()}
        assert [ask.output.partition("_")[0] for ask in page.asks] == [*platforms.CRITERIA[: len(page.asks)]]
        truth = page.joined({ask.output: LABELS["rubric" in options][0] for ask in page.asks})
        truths = {row["task"]: truth for row in shown.to_pylist()}
        labels = {ask.output: ask.labels for ask in page.rubric} or page.labels
        judged = simulation.judge(shown, truths, labels, workers, simulation.Terms(20), seed)
        hand_in(folder, format, page, judged, 1)
        back = Campaign(under_way=True).read(folder)
        votes = sorted(
            (row["question"], row["worker"], row["record"], row["text"], row["label"], row["golden"] or "")
            for row in back.judgements.to_pylist()
        )
        assert votes == sorted(
            (
                question, row["worker"], row["input.answer_id"], row["input.answer"],
                page.given(row["output"])[ask.output], page.given(row["golden"])[ask.output],
            )
            for row in judged.to_pylist()
            for question, ask in zip(platforms.CRITERIA, page.asks, strict=False)
        )  # fmt: skip
        assert set(back.judgements["reason"].to_pylist()) == {None}
        timed = {row["duration_s"] is not None for row in back.judgements.to_pylist()}
        assert timed == {format != "argilla"}  # which knows no times
        of_answers = {row["record"] for row in back.judgements.to_pylist() if row["record"] in authors}
        assert of_answers == set(authors)
        if format == "toloka":  # its API has a place for `unavailable_for`
            assert all(authors[row["record"]] != row["worker"] for row in back.judgements.to_pylist()
                       if row["record"] in authors)  # fmt: skip
            still = waiting.answers(page, back.candidates, back.judgements, "helpful", 3)
            assert still.num_rows == 0


def waiting_tasks(folder: Path, at: int) -> tuple[pages.Page, pa.Table]:
    """A stage's page and suites, as `lrl crowd tasks` has them."""
    from lrl_datasets.cli.crowd_stage import waiting_suites

    return waiting_suites(folder, campaign_toml.load(folder), at + 1)[:2]


def hand_out(format: str, page: pages.Page, tasks: pa.Table) -> pa.Table:
    """Write the tasks and import them as the platform does; its workers number as many as were asked for."""
    writer: Any = WRITERS[format.partition("-")[0]]
    files = writer.write(page, tasks)
    assert files == writer.write(page, tasks)
    shown = platforms.imported(format, page, files)
    inputs = [name for name in tasks.column_names if name.startswith(suites.INPUT)]
    assert shown.select([*inputs, "golden"]).to_pylist() == tasks.select([*inputs, "golden"]).to_pylist()
    if format.startswith("toloka"):
        assert shown.select(["suite", "overlap"]) == tasks.select(["suite", "overlap"])
        assert set(shown["hint"].to_pylist()) == {None}  # a hint would make a control task one of training
        return shown
    return shown.set_column(shown.column_names.index("overlap"), "overlap", tasks["overlap"])


def with_outputs(written: pa.Table, answers: list[str]) -> pa.Table:
    outputs = [
        answers[at % len(answers)] + ("" if at < len(answers) else f" {at}") for at in range(written.num_rows)
    ]
    return written.set_column(written.column_names.index("output"), "output", pa.array(outputs))


def hand_in(folder: Path, format: str, page: pages.Page, responses: pa.Table, at: int) -> None:
    writer: Any = WRITERS[format.partition("-")[0]]
    data = (
        writer.export(page, responses, jsonl=True)
        if format == "table-jsonl"
        else writer.export(page, responses)
    )
    suffix = platforms.PREFIXES[format.removesuffix("-tsv")][2]
    (folder / f"{('answers', 'votes')[at]}-1.{suffix}").write_bytes(data)


def inputs_of(page: pages.Page, row: dict[str, Any]) -> dict[str, str]:
    return {name: row[suites.INPUT + name] for name in page.inputs}


def test_the_texts_are_in_the_campaigns_language() -> None:
    stage = campaign_toml.CampaignFile.model_validate(
        __import__("tomllib").loads(platforms.campaign_toml("toloka"))
    ).stage[1]
    page = pages.page("x", stage, languages.load("swh"))
    assert page.question == "Je, jibu hili linasaidia?" and page.texts.label("no") == "Hapana"
    assert page.english_instructions[0].startswith("Read the question")
