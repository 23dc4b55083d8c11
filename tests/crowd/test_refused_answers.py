"""What a campaign's rules hold against an answer: `decide` refuses it and a build marks it, for one reason."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from lrl_datasets.crowd.state import compute
from lrl_datasets.pseudonyms import pseudonym
from lrl_datasets.release import locations
from lrl_datasets.release.locations import Release
from lrl_datasets.sources.campaign import Campaign
from tests.crowd.test_state import NOW
from tests.release.tampering import Tampered, found
from tests.sources.exports import ANSWER_TOML, MAJORITY_TOML, Row, answer, campaign
from tests.test_build import ANSWERS, BUILDER, all_yes, build

KEY = "a key for the tests only"
RULES = """machine_translation = "INPUT:machine"
[stage.rules]
same_text_min_words = 5
machine_translation_from = 0.9
max_skipped_in_row = 1
too_slow_z = 5.0
"""
COPIED = ANSWERS[0].upper().replace(",", " ,")
MACHINE = "Mashine iliandika jibu hili lote yenyewe bila msaada wa mtu yeyote yule."


def suite(name: str, worker: str, prompt: str, text: str, minute: int = 0, **more: str) -> Row:
    """An answer; `minute` is when it was begun, and it takes a bit less than one."""
    row = answer(name, f"Swali la {prompt}?", text, worker_id=worker, original_id=prompt, **more)
    times = {
        "ASSIGNMENT:started": f"2024-01-01T10:{minute:02}:00",
        "ASSIGNMENT:submitted": f"2024-01-01T10:{minute:02}:{50 + minute % 7}",
    }
    return {**row, "INPUT:machine": "", "GOLDEN:answer": "", **times}


def rows() -> list[Row]:
    fine = [suite(f"s{n}", f"w{n}", f"p{n}", text, n) for n, text in enumerate(ANSWERS)]
    more = [
        suite(f"t{n}", f"w{n}", f"q{n}", f"Neno la kwanza ni {text.lower()}", 20 + n)
        for n, text in enumerate(ANSWERS)
    ]
    copied = suite("copied", "copies", "p0", COPIED, 30)
    translated = suite("machine", "translates", "p1", MACHINE, 31) | {"INPUT:machine": MACHINE}
    late = suite("late", "dreams", "p2", "Jibu hili lilichukua muda mrefu sana kuandikwa na mtu huyu.", 32)
    late = {**late, "ASSIGNMENT:submitted": "2024-01-01T23:00:00"}
    skipped = [suite(f"k{n}", "skips", f"p{3 + n}", "", 33 + n, status="SKIPPED") for n in range(2)]
    picked = suite(
        "picked", "skips", "p5", "Nilichagua swali hili tu kwa sababu ni rahisi kuliko mengine.", 36
    )
    control = [
        suite(f"g{n}{worker}", worker, f"g{n}", text, 40 + n) | {"GOLDEN:answer": f"Jina ni {n}."}
        for n in range(3)
        for worker, text in (("w0", f"jina  NI {n}"), ("fails", "Sijui hata kidogo."))
    ]
    failed = suite("failed", "fails", "p6", "Jibu la mtu ambaye hakujibu vizuri maswali ya kumpima.", 45)
    brief = suite("brief", "w9", "p9", "  ", 46)  # empty: no rule of the campaign, and no vote
    return [*fine, *more, copied, translated, late, *skipped, picked, *control, failed, brief]


EXPECTED = {
    "copied": "same_text", "machine": "machine_translated", "late": "too_slow", "picked": "skipped_in_row",
    "failed": "failed_worker",
}  # fmt: skip


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    toml = ANSWER_TOML + RULES + MAJORITY_TOML
    votes = all_yes([row for row in rows() if not row["GOLDEN:answer"] and row["OUTPUT:answer"].strip()])
    return campaign(tmp_path_factory.mktemp("campaign") / "c", rows(), votes, toml)


@pytest.fixture(scope="module")
def release(folder: Path, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Release]:
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("LRL_PSEUDONYM_KEY", KEY)
        built = build(BUILDER, name="mini", out=tmp_path_factory.mktemp("out"), given={"campaign": folder})
        yield locations.read(built.folder)


def test_decide_and_build_refuse_the_same_answers_for_the_same_reasons(
    folder: Path, release: Release
) -> None:
    state = compute(Campaign().read(folder), NOW)
    decided = {row["assignment"]: row for row in state.decisions.to_pylist()}
    refused = {name: row["reason"] for name, row in decided.items() if row["verdict"] == "reject"}
    control = {f"g{n}fails": "failed_worker" for n in range(3)}
    assert refused == EXPECTED | control
    assert [decided[f"g{n}w0"]["verdict"] for n in range(3)] == ["accept"] * 3
    # Everything was judged helpful, and still: whoever copied, failed or let a machine write is not published.
    listed = release.rows("rejected")
    assert listed is not None
    names = {pseudonym("campaign", row["ASSIGNMENT:worker_id"], KEY.encode()): row for row in rows()}
    marked = {
        names[row["annotator"]]["ASSIGNMENT:worker_id"]: (row["reason"], row["detail"])
        for row in listed.to_pylist()
        if row["filter"] == "answer_rules"
    }
    assert {worker: reason for worker, (reason, _) in marked.items()} == {
        "copies": "same_text", "translates": "machine_translated", "dreams": "too_slow", "skips": "skipped_in_row",
        "fails": "failed_worker",
    }  # fmt: skip
    assert marked["fails"][1] == "0 of 3 control tasks right"
    assert marked["translates"][1] == "1.0000 >= 0.9"
    assert str(marked["copies"][1]).startswith("another worker's in file ")


def test_a_control_answer_is_in_rejected_once_and_says_whether_it_is_right(release: Release) -> None:
    funnel = {(row["filter"], row["reason"]): row["rows"] for row in release.manifest["counts"]["funnel"]}
    assert funnel["source", "golden"] == 6
    listed = release.rows("rejected")
    assert listed is not None
    told = [row["detail"] for row in listed.to_pylist() if row["reason"] == "golden"]
    assert sorted(told) == ["right"] * 3 + ["wrong"] * 3
    counts = release.manifest["counts"]
    assert counts["records"] == counts["published"] + counts["rejected"] == len(rows())


def test_who_failed_gets_no_more_prompts_and_control_prompts_are_not_asked_again(folder: Path) -> None:
    state = compute(Campaign().read(folder), NOW)
    assert state.keep_out_writers(1) == {"fails", "skips"}
    prompts = {row["prompt"]: row for row in state.prompts.to_pylist()}
    assert "Swali la g0?" not in prompts
    # Nobody is asked to judge a control answer.
    assert not {row["record"] for row in state.votes.to_pylist()} & {
        row["record"] for row in state.decisions.to_pylist() if row["assignment"].startswith("g")
    }


def test_verify_counts_the_control_tasks_and_the_copies_again(release: Release, tmp_path: Path) -> None:
    assert found(release) == {}

    def tampered() -> Tampered:
        return Tampered(release, tmp_path)

    one = tampered()
    for row in one.rows("rejected"):
        if row["detail"] == "wrong":
            row["detail"] = "right"
    assert any("3 of 3 control tasks right" in said for said in found(one.release())["writers"])
    two = tampered()
    two.one("rejected", reason="failed_worker")["detail"] = "1 of 3 control tasks right"
    assert found(two.release()).keys() == {"writers"}
    three = tampered()
    del three.manifest["sources"]["campaign"]["stages"][0]["rules"]["same_text_min_words"]
    assert "has no same_text_min_words" in found(three.release())["writers"][0]
    four = tampered()
    four.one("rejected", reason="golden")["detail"] = "perhaps"
    assert "detail is none of golden" in found(four.release())["reasons"][0]
