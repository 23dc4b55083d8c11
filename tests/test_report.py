"""What a maintainer reads: tables that fit, numbers that agree with the lists, nothing that has to be guessed."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest
from rich.console import Console, RenderableType

from lrl_datasets import report
from lrl_datasets.release.changes import Changes, Diff
from lrl_datasets.release.diff import compare
from lrl_datasets.release.locations import read
from lrl_datasets.release.plan import Plan
from tests.release.releases import REPO, release

ROW, JUDGE = "052a3d7423f378c5fb8c63d6", "fea23d5ee633508b"


def shown(what: RenderableType, width: int = 80) -> str:
    """What stands on the terminal, without blanks at the end of lines."""
    console = Console(width=width, soft_wrap=True, color_system=None)
    with console.capture() as captured:
        console.print(what)
    return "\n".join(line.rstrip() for line in captured.get().splitlines())


@pytest.fixture
def found(tmp_path: Path) -> Diff:
    """One row more, from 1.0.0 to 1.1.0."""
    one, two = release(tmp_path / "one"), release(tmp_path / "two", "1.1.0", rows=4)
    return compare(read(one), read(two))


def test_the_tables_of_a_diff_fit_into_80_columns(found: Diff) -> None:
    text = shown(report.difference(found))
    assert "…" not in text
    header = next(line for line in text.splitlines() if line.startswith("config"))
    assert header.split() == [
        "config", "before", "after", "added", "removed", "withdrawn", "text", "metadata", "revision",
    ]  # fmt: skip
    assert ["default", "5", "6", "1", "0", "0", "0", "0", "0"] in [line.split() for line in text.splitlines()]


def test_a_diff_says_whether_the_version_is_high_enough(found: Diff) -> None:
    assert shown(report.difference(found)).endswith("calls for 1.1.0 or above (minor); B is 1.1.0")
    low = replace(found, after=found.after | {"version": "1.0.1"})
    said = shown(report.difference(low))
    assert said.endswith(
        "calls for 1.1.0 or above (minor); B is 1.0.1, which is too small to be published after A"
    )


def test_a_diff_the_wrong_way_round_says_so_first_and_last(tmp_path: Path) -> None:
    one, two = release(tmp_path / "one", "1.9.0"), release(tmp_path / "two", "1.10.0", rows=4)
    said = shown(report.difference(compare(read(two), read(one)))).splitlines()
    for line in (said[0], said[-1]):
        assert line.startswith("B (1.9.0) is an older version than A (1.10.0)")
    assert "calls for" not in "\n".join(said)
    assert "older" not in shown(report.difference(compare(read(one), read(two))))


def test_the_lists_of_a_withdrawal_add_up_with_the_table(found: Diff) -> None:
    touched, other = "1" * 24, "2" * 24
    changes = Changes(
        before=3, after=2, withdrawn=[ROW], metadata={touched: ["group"], other: ["helpfulness"]}
    )
    diff = replace(
        found, configs={"default": changes}, withdrawn=[ROW, JUDGE],
        consequences={touched: "default: group"},
    )  # fmt: skip
    lines = shown(report.difference(diff)).splitlines()
    assert "default, metadata changed: 2, 1 of them touched by the withdrawal, below" in lines
    headings = ("annotators, by pseudonym: 1", "rows, with near-copies and those of the annotators: 1",
                "touched by it, as relatives or by a vote that left: 1")  # fmt: skip
    below = [lines[lines.index(heading) + 1].strip() for heading in headings]
    assert below == [JUDGE, ROW, f"{touched}: default: group"]
    assert [line for line in lines if other in line] == [f"  {other} (helpfulness)"]


PLAN = Plan(
    repo=REPO, tag="v1.1.0", head="a" * 40, before="1.0.0", stands=None, tagged=False, pull_request=None,
    files={"README.md": [10, 12]}, rows={"default/train": [3, 4]},
)  # fmt: skip


def test_a_dry_run_says_what_it_would_be() -> None:
    said = shown(report.publication(PLAN), 200)
    assert said.startswith(f"{REPO} v1.1.0: one commit and the tag on release 1.0.0 (commit {'a' * 40})")
    assert said.endswith("a dry run: nothing was changed")
    said = shown(report.publication(PLAN, create_pr=True), 200)
    assert said.startswith(f"{REPO} v1.1.0: a pull request on release 1.0.0")
    assert "nothing was changed" in said and "publishing again once it is merged" in said
    first = replace(PLAN, head=None, before=None)
    assert "a pull request in a new repository" in shown(report.publication(first, create_pr=True), 200)
    assert "a repository without a release" in shown(report.publication(replace(PLAN, before=None)), 200)


def test_a_dry_run_of_what_is_there_already() -> None:
    stands = replace(PLAN, stands="b" * 40)
    for plan, said in (
        (replace(stands, tagged=True), "is published, as commit"),
        (replace(stands, pull_request="refs/pr/3"), "is proposed already, in refs/pr/3"),
        (stands, "only the tag would be set"),
    ):
        assert said in shown(report.publication(plan), 200)
