from __future__ import annotations

import json
import random
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from lrl_datasets.errors import LrlError
from lrl_datasets.sources.campaign import Campaign
from lrl_datasets.sources.label_studio import read_export
from lrl_datasets.sources.toloka import Export

from .platforms import toml


def choice(label: str, name: str = "helpful", to: str = "shown") -> dict[str, Any]:
    return {"type": "choices", "value": {"choices": [label]}, "from_name": name, "to_name": to}


def annotation(id: int = 7, by: Any = 3, *result: dict[str, Any], **more: Any) -> dict[str, Any]:
    given = list(result) or [choice("yes")]
    return {"id": id, "completed_by": by, "result": given, "lead_time": 2.5, "was_cancelled": False} | more


def task(*annotations: Any, id: int = 1, **more: Any) -> dict[str, Any]:
    return {
        "id": id,
        "data": {"prompt": "Taja mto."},
        "annotations": list(annotations),
        "predictions": [],
    } | more


def read(tmp_path: Path, *tasks: Any) -> Export:
    (tmp_path / "project.json").write_text(json.dumps(tasks))
    return read_export(tmp_path / "project.json", "project.json")


def test_an_annotation(tmp_path: Path) -> None:
    export = read(tmp_path, task(annotation(created_at="2024-05-15T12:09:16.789536Z")))
    (one,) = export.rows
    assert (one.reason, one.record, one.assignment_id, one.worker) == (None, "7--1", "7", "3")
    assert one.cells == {"$prompt": "Taja mto.", "helpful": "yes"} and export.columns == (
        "$prompt",
        "helpful",
    )
    assert (one.status, one.duration_s) == ("submitted", 2.5)
    assert one.submitted is not None and one.submitted.isoformat() == "2024-05-15T12:09:16.789536"


def test_several_annotators_a_task(tmp_path: Path) -> None:
    rows = read(tmp_path, task(annotation(7, 3), annotation(8, {"id": 4, "email": "d@example.org"}))).rows
    assert [(one.record, one.worker, one.row) for one in rows] == [("7--1", "3", 1), ("8--1", "4", 2)]


@pytest.mark.parametrize(
    ("result", "cell"),
    [
        (choice("yes"), "yes"),
        ({"type": "choices", "value": {"choices": ["b", "a"]}, "from_name": "helpful"}, '["b", "a"]'),
        ({"type": "textarea", "value": {"text": ["Mto\r\nRufiji"]}, "from_name": "helpful"}, "Mto\nRufiji"),
        ({"type": "textarea", "value": {"text": "Rufiji"}, "from_name": "helpful"}, "Rufiji"),
        ({"type": "rating", "value": {"rating": 4}, "from_name": "helpful"}, "4"),
        ({"type": "number", "value": {"number": 2.0}, "from_name": "helpful"}, "2"),
        ({"type": "pairwise", "value": {"selected": "left"}, "from_name": "helpful"}, "left"),
        (
            {"type": "labels", "value": {"start": 0, "end": 3, "labels": ["X"]}, "from_name": "helpful"},
            '{"end": 3, "labels": ["X"], "start": 0}',
        ),
    ],
)
def test_what_controls_give(tmp_path: Path, result: dict[str, Any], cell: str) -> None:
    (one,) = read(tmp_path, task(annotation(7, 3, result))).rows
    assert one.cells["helpful"] == cell


def test_one_control_of_several_objects(tmp_path: Path) -> None:
    (one,) = read(tmp_path, task(annotation(7, 3, choice("yes", to="a"), choice("no", to="b")))).rows
    assert (one.cells["helpful/a"], one.cells["helpful/b"], one.cells["helpful"]) == (
        "yes",
        "no",
        '["yes", "no"]',
    )


def test_what_was_not_handed_in_and_what_was_refused(tmp_path: Path) -> None:
    late = {"accepted": True, "created_at": "2024-02-01"}
    early = {"accepted": False, "created_at": "2024-01-01"}
    draft = {"id": 5, "user": 9, "result": [choice("no")]}
    rows = read(
        tmp_path,
        task(
            annotation(1, 3, was_cancelled=True), annotation(2, 3, reviews=[early]),
            annotation(3, 3, reviews=[late, early]), drafts=[draft, 6],
        ),
    ).rows  # fmt: skip
    assert [(one.record, one.worker, one.reason, one.status) for one in rows] == [
        ("1--1", "3", "not_submitted", "skipped"),
        ("2--1", "3", "refused_by_requester", "rejected"),
        ("3--1", "3", None, "accepted"),
        ("draft-5--1", "9", "not_submitted", "active"),
        ("draft-6--1", None, "not_submitted", "active"),
    ]


def test_a_draft_names_its_worker_as_annotations_do(tmp_path: Path) -> None:
    draft = {"id": 5, "user": "u2@example.org", "created_username": "u2@example.org, 9", "result": []}
    assert [one.worker for one in read(tmp_path, task(annotation(1, 9), drafts=[draft])).rows] == ["9", "9"]


def test_the_ground_truth_makes_a_control_task(tmp_path: Path) -> None:
    key = annotation(1, 3, choice("no"), ground_truth=True)
    rows = read(tmp_path, task(key, annotation(2, 4)), task(annotation(3, 4), id=2)).rows
    assert [one.cells["ground_truth:helpful"] for one in rows] == ["no", "no", ""]
    other = annotation(5, 6, choice("yes"), ground_truth=True)
    assert {one.detail for one in read(tmp_path, task(key, other)).rows} == {
        "the task has several ground truths that differ"
    }


def test_control_tasks_in_a_campaign(tmp_path: Path) -> None:
    shown = {"answer_id": "a", "answer": "Rufiji.", "golden": ""}
    tasks = [
        task(annotation(1, 3, choice("no"), ground_truth=True), annotation(2, 4, choice("yes")), data=shown),
        task(annotation(3, 4, choice("no")), id=2, data=shown | {"golden": "no"}),
        task(annotation(4, 4, choice("no")), id=3, data=shown),
        task(annotation(5, 5, choice("labda")), id=4, data=shown),
    ]
    read(tmp_path, *tasks)
    stages = toml("label_studio").replace("exports/votes-*.json", "project.json")
    (tmp_path / "campaign.toml").write_text(stages)
    judged = Campaign(path=tmp_path, under_way=True).read().judgements.to_pylist()
    assert [(one["worker"], one["label"], one["golden"], one["reason"]) for one in judged] == [
        ("3", "no", "no", None),
        ("4", "yes", "no", None),
        ("4", "no", "no", None),
        ("4", "no", None, None),
        ("5", None, None, "unreadable"),
    ]


def test_what_is_damaged_is_set_aside_alone(tmp_path: Path) -> None:
    good = annotation(1, 3)
    export = read(
        tmp_path,
        task(good, {"id": 2, "result": []}, annotation(None, 3), 5, annotation(6, 3) | {"result": "x"}),  # type: ignore[arg-type]
        {"what": "ever"}, "text", task(id=9), task(id=10, annotations=3),
    )  # fmt: skip
    assert [one.detail for one in export.rows] == [
        None,
        "annotations.completed_by is missing",
        "annotations.id is missing",
        "annotations: not an object",
        "annotations.result is no list of objects",
        "neither a task nor a record of JSON-MIN",
        "not a JSON object",
        "annotations or drafts are no list",
    ]
    assert export.untouched == 1 and export.file.records == 8
    assert all(one.raw for one in export.rows) and [one.row for one in export.rows] == list(range(1, 9))


def test_json_min_names_the_same_annotations(tmp_path: Path) -> None:
    whole = read(tmp_path, task(annotation(7, 3), annotation(8, 4)), task(id=2))
    record = {
        "id": 1,
        "prompt": "Taja mto.",
        "helpful": "yes",
        "annotator": 3,
        "annotation_id": 7,
        "lead_time": 2.5,
    }
    untouched = {"id": 2, "prompt": "Taja mto.", "annotator": None, "annotation_id": None, "lead_time": None}
    least = read(
        tmp_path,
        record,
        record | {"annotator": 4, "annotation_id": 8},
        untouched,
        record | {"annotator": None},
    )
    assert [(one.record, one.worker, one.duration_s) for one in least.rows[:2]] == [
        (one.record, one.worker, one.duration_s) for one in whole.rows
    ]
    assert least.rows[0].cells["$prompt"] == "Taja mto." and least.rows[0].cells["helpful"] == "yes"
    assert least.untouched == 1
    assert (least.rows[2].reason, least.rows[2].detail) == ("unreadable", "annotator is missing")


def test_the_csv_that_label_studio_writes_is_the_same_table(tmp_path: Path) -> None:
    (tmp_path / "p.csv").write_text(
        'annotation_id,annotator,created_at,helpful,id,lead_time,prompt,updated_at\n7,3,,"yes",1,2.5,"Taja mto.",\n'
    )
    (one,) = read_export(tmp_path / "p.csv", "p.csv").rows
    assert (one.record, one.worker, one.cells["helpful"], one.cells["$prompt"]) == (
        "7--1",
        "3",
        "yes",
        "Taja mto.",
    )


@settings(max_examples=40, deadline=None)
@given(
    st.lists(
        st.lists(st.sampled_from(["yes", "no", "skip", "draft", "damaged"]), max_size=4),
        min_size=1,
        max_size=5,
    ),
    st.randoms(use_true_random=False),
)
def test_every_annotation_ends_in_one_place_in_any_order(
    tmp_path_factory: pytest.TempPathFactory, kinds: list[list[str]], rand: random.Random
) -> None:
    tasks, number = [], 0
    for id, given_ in enumerate(kinds, 1):
        annotations: list[Any] = []
        drafts = []
        for kind in given_:
            number += 1
            if kind == "draft":
                drafts.append({"id": number, "user": 1, "result": []})
            elif kind == "damaged":
                annotations.append({"id": number})
            else:
                annotations.append(annotation(number, 1, choice(kind), was_cancelled=kind == "skip"))
        tasks.append(task(*annotations, id=id, drafts=drafts, predictions=[{"created_ago": "1 day"}]))
    folder = tmp_path_factory.mktemp("ls")
    first = read(folder, *tasks)
    assert len(first.rows) == number == first.file.records
    assert first.untouched == sum(not given_ for given_ in kinds)
    flat = [kind for given_ in kinds for kind in given_]
    reasons = [one.reason for one in first.rows]
    assert reasons.count("unreadable") == flat.count("damaged")
    assert reasons.count("not_submitted") == flat.count("draft") + flat.count("skip")
    again = [one | {"annotations": rand.sample(one["annotations"], len(one["annotations"]))} for one in tasks]
    again = [one | {"predictions": [{"created_ago": "2 days"}]} for one in rand.sample(again, len(again))]
    assert read(folder, *again).file.sha256 == first.file.sha256


@pytest.mark.parametrize("text", ["[]", "{}", '[{"a": 1}]', "a,b\n1,2\n", '{"data": 1'])
def test_not_an_export(tmp_path: Path, text: str) -> None:
    (tmp_path / "x.json").write_text(text)
    with pytest.raises(LrlError, match=r"^x\.json: "):
        read_export(tmp_path / "x.json", "x.json")


REAL = {
    "test_export_csv__csv_test.json": [
        ("7--1", "1", "refused_by_requester"),
        ("8--2", "1", "refused_by_requester"),
    ],
    "test_export_csv__csv_test2.json": [("9--4", "1", None)],
    "test_export_csv__csv_test_history.json": [("18047--6141", "14", None)],
    "test_export_json_min__chat_data.json": [("76858371--226650350", "22798", None)],
    "test_export_json_min__data.json": [("22--87", "1", None)],
}


@pytest.mark.data
@pytest.mark.parametrize("name", REAL)
def test_real_exports(data_dir: Path, name: str) -> None:
    export = read_export(data_dir / "labelstudio_formats" / name, name)
    assert [(one.record, one.worker, one.reason) for one in export.rows] == REAL[name]
    assert all(one.duration_s for one in export.rows) and export.untouched == 0


@pytest.mark.data
def test_what_real_controls_gave(data_dir: Path) -> None:
    folder = data_dir / "labelstudio_formats"
    history = read_export(folder / "test_export_csv__csv_test_history.json", "h.json").rows[0].cells
    assert history["sentiment"] == "Positive" and history["$text"].startswith("Calif. wildfires")
    second = read_export(folder / "test_export_csv__csv_test2.json", "2.json").rows[0].cells
    assert second["uri_selection"].startswith('Yes " ""') and second["$provider"] == ""
    chat = read_export(folder / "test_export_json_min__chat_data.json", "c.json").rows[0].cells
    assert [turn["role"] for turn in json.loads(chat["chat"])] == ["user", "assistant", "user", "assistant"]
    with pytest.raises(LrlError, match="no export of Label Studio"):
        read_export(folder / "test_export_json_min__label_config.xml", "c.xml")
