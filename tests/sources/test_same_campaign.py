"""One campaign, exported by every platform: the same candidates, the same judgements, the same release."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from lrl_datasets.build import Built, build
from lrl_datasets.sources.campaign import Campaign
from tests.test_build import ANSWERS, BUILDER, table

from .platforms import FORMATS, Said, assignment, toml, write

NAMED_APART = {"id", "source_id", "cluster", "group", "answer_id", "batch", "duration_s"}
"""What depends on the platform's ids and clocks."""


def campaign(folder: Path, format: str) -> Path:
    """Ten answers, each judged three times by yes but the last, whose judges say no; one judge errs on controls."""
    answers = [
        Said(f"1{n:02}", n, {"prompt": f"Swali la {n}: {text.split()[0]}?", "original_id": f"p{n}"}, text)
        for n, text in enumerate(ANSWERS)
    ]
    votes = [
        Said(
            f"2{answer.task}", 50 + judge,
            {"answer_id": assignment(format, answer), "answer": answer.output, "true_label": ""},
            "no" if answer is answers[-1] else "yes",
        )
        for answer in answers
        for judge in range(3)
    ]  # fmt: skip
    controls = [
        Said(f"30{n}", judge, {"answer_id": "none", "answer": "Sijui.", "true_label": "no"}, said)
        for n in range(2)
        for judge, said in ((50, "no"), (60, "yes"))
    ]
    failed = Said(
        "401", 60, {"answer_id": assignment(format, answers[0]), "answer": ANSWERS[0], "true_label": ""}, "no"
    )
    folder.mkdir()
    (folder / "campaign.toml").write_text(toml(format, golden=True))
    suffix = toml(format).split("answers-*.")[1].split('"')[0]
    write(format, folder / f"exports/answers-1.{suffix}", "written", answers)
    write(format, folder / f"exports/votes-1.{suffix}", "helpful", [*votes, *controls, failed])
    return folder


def built(tmp_path: Path, format: str) -> Built:
    given = {"campaign": campaign(tmp_path / format, format)}
    return build(BUILDER, name="mini", out=tmp_path / f"build-{format}", given=given)


def rows(release: Built, config: str) -> list[dict[str, Any]]:
    found = [
        {key: value for key, value in row.items() if key not in NAMED_APART}
        for row in table(release, config).to_pylist()
    ]
    return sorted(found, key=str)


@pytest.fixture(autouse=True)
def _key(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("LRL_PSEUDONYM_KEY", "a key for the tests only")


def test_a_full_build_has_the_same_rows_whatever_the_format(tmp_path: Path) -> None:
    first = built(tmp_path, FORMATS[0])
    assert first.manifest["counts"]["records"] == 10 and first.manifest["counts"]["published"] == 9
    assert first.manifest["judgements"]["reasons"] == {"golden": 4, "failed_worker": 1}
    accepted = rows(first, "default")
    assert {(row["n_votes"], row["agreement"]) for row in accepted} == {(3, 1.0)}
    for format in FORMATS[1:]:
        other = built(tmp_path, format)
        assert other.manifest["counts"]["funnel"] == first.manifest["counts"]["funnel"], format
        assert other.manifest["judgements"] == first.manifest["judgements"], format
        # Splits are drawn by the names of groups, which hold the platform's ids; the rows are the same.
        for config in ("default", "rejected", "annotations"):
            assert rows(other, config) == rows(first, config), (format, config)


@pytest.mark.parametrize(
    "format", [format for format in FORMATS if not format.startswith(("argilla", "label_studio_"))]
)
def test_what_the_requester_refused(tmp_path: Path, format: str) -> None:
    folder = campaign(tmp_path / "c", format)
    (name,) = [path.name for path in (folder / "exports").glob("answers-*")]
    said = [Said(f"9{n}", n, {"prompt": "Taja mto.", "original_id": ""}, "Rufiji.", status)
            for n, status in enumerate(("submitted", "accepted", "rejected"))]  # fmt: skip
    write(format, folder / "exports" / name, "written", said)
    candidates = Campaign().read(folder).candidates
    assert candidates["mark.source"].to_pylist() == [None, None, "refused_by_requester"]
    assert candidates["status"].to_pylist() == ["submitted", "accepted", "rejected"]
    assert candidates["worker"].to_pylist() == ["0", "1", "2"]
