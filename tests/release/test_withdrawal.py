"""Who asks to be removed is nowhere in the next version, and nothing brings them back."""

from __future__ import annotations

import os
from dataclasses import replace
from pathlib import Path

import pytest

from lrl_datasets import pseudonyms, schema
from lrl_datasets.build import build
from lrl_datasets.crowd import aggregation
from lrl_datasets.errors import LrlError
from lrl_datasets.release import diff, locations, renamed, withdrawal
from lrl_datasets.release.verify import verify
from tests.release.test_previous import (
    KEY,
    NEW_TEXT,
    assert_nowhere,
    identity,
    new,
    published,
    refused,
    release,
    splits,
)
from tests.sources.exports import Row, campaign
from tests.sources.test_hub import TRANSLATED, write
from tests.test_build import BUILDER, all_yes, answers, judged, table
from tests.test_cli import lrl

ROW, OTHER, PERSON = "0123456789abcdef01234567", "76543210fedcba9876543210", "0123456789abcdef"


@pytest.fixture(autouse=True)
def _key(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv(pseudonyms.VARIABLE, KEY)


def person(worker: str) -> str:
    return pseudonyms.pseudonym("campaign", worker, KEY.encode())


def test_lines_are_added_once_sorted_and_comments_stay(tmp_path: Path) -> None:
    file = tmp_path / "withdrawn.txt"
    file.write_text(f"# asked by letter\nrow   {OTHER}  # in May\n\n")
    assert withdrawal.add(file, [f"row {ROW}", f"annotator {PERSON}"]) == [
        f"annotator {PERSON}",
        f"row {ROW}",
    ]
    text = f"# asked by letter\nannotator {PERSON}\nrow {ROW}\nrow   {OTHER}  # in May\n"
    assert file.read_text() == text
    assert withdrawal.add(file, [f"row {ROW} # again", f"row {OTHER}"]) == []
    assert file.read_text() == text
    assert withdrawal.read(file) == [("annotator", PERSON), ("row", ROW), ("row", OTHER)]
    assert [path.name for path in tmp_path.iterdir()] == ["withdrawn.txt"]


@pytest.mark.parametrize(
    "line", ["row", f"row {PERSON}", f"annotator {ROW}", ROW, f"rows {ROW}", f"row {ROW} x", "row ../a"]
)
def test_a_line_that_names_nobody_is_an_error(tmp_path: Path, line: str) -> None:
    file = tmp_path / "withdrawn.txt"
    file.write_text(f"row {ROW}\n{line}\n")
    with pytest.raises(LrlError, match=r"withdrawn\.txt line 2: write `row ID`"):
        withdrawal.read(file)
    with pytest.raises(LrlError, match="write `row ID`"):
        withdrawal.add(tmp_path / "new.txt", [line])
    assert not (tmp_path / "new.txt").exists()


def test_a_row_leaves_with_its_near_copies_and_their_votes(tmp_path: Path) -> None:
    rows = answers()
    copy = new("copy", rows[0], rows[0]["OUTPUT:answer"] + " Ndivyo.")
    votes = all_yes([*rows, copy])
    first = release(tmp_path / "1", [*rows, copy], votes)
    assert list(refused(first).values()) == ["duplicate"]
    second = release(
        tmp_path / "2", [*rows, copy], votes, withdrawn=[f"row {identity(rows[0])}"], previous=first.folder
    )
    names = [identity(rows[0]), identity(copy)]
    assert_nowhere(second, *names, rows[0]["OUTPUT:answer"], copy["OUTPUT:answer"])
    counts, ledger = second.manifest["counts"], second.manifest["judgements"]
    assert (counts["records"], counts["published"], counts["withdrawn"]) == (11, 9, 2)
    assert counts["by_source"]["campaign"]["withdrawn"] == 2
    assert (ledger["judgements"], ledger["counted"], ledger["withdrawn"]) == (33, 27, 6)
    assert second.diff is not None and second.diff.withdrawn == sorted(names)
    assert second.diff.errors == []
    file = tmp_path / "2" / "campaign" / "withdrawn.txt"
    assert second.to_withdraw == {file: [f"row {identity(copy)}  # a near-copy"]}
    assert [check for check in verify(second.folder) if check.findings] == []
    assert "older tags still hold them" in (second.folder / "README.md").read_text()

    # The same bytes whether the near-copy is named or not, and it stays away when its model's record is deleted.
    withdrawal.add(file, second.to_withdraw[file])
    both = file.read_text().splitlines()
    named = release(tmp_path / "named", [*rows, copy], votes, withdrawn=both, previous=first.folder)
    assert named.manifest == second.manifest and named.to_withdraw == {}
    third = release(tmp_path / "3", [*rows[1:], copy], votes, withdrawn=both, previous=second.folder)
    assert_nowhere(third, *names, rows[0]["OUTPUT:answer"], copy["OUTPUT:answer"])
    assert third.unknown_withdrawn == [f"row {identity(rows[0])}"]


def test_a_deleted_record_takes_its_near_copies_along(tmp_path: Path) -> None:
    """The export was cleaned in the same step: the previous release still knows what was a copy of what."""
    rows = answers()
    copies = [new(f"copy{n}", rows[0], rows[0]["OUTPUT:answer"]) for n in range(2)]
    votes = all_yes([*rows, *copies])
    first = release(tmp_path / "1", [*rows, *copies], votes)
    edited = copies[1] | {"OUTPUT:answer": NEW_TEXT}
    after = [*rows[1:], copies[0], edited]
    asked = [f"row {identity(rows[0])}"]
    second = release(tmp_path / "2", after, votes, withdrawn=asked, previous=first.folder)
    assert_nowhere(second, identity(rows[0]), identity(copies[0]), rows[0]["OUTPUT:answer"])
    # The other copy has been rewritten since: it is somebody's own text.
    assert identity(edited) in splits(second)
    assert second.manifest["counts"]["withdrawn"] == 1


def test_an_annotators_answers_and_votes_leave_and_posteriors_are_computed_anew(tmp_path: Path) -> None:
    rows = answers()
    votes: list[Row] = []
    for n, row in enumerate(rows):
        # judge0 says no to all, judge1 yes, judge2 mostly yes, judge3 to a few
        votes += judged(row, "no", "yes", "yes" if n % 4 else "no", *(["yes"] if n % 3 == 0 else []))
    first = release(tmp_path / "1", rows, votes)
    asked = [f"annotator {person('judge0')}", f"annotator {person('w1')}"]
    second = release(tmp_path / "2", rows, votes, withdrawn=asked, previous=first.folder)
    assert_nowhere(second, person("judge0"), person("w1"), identity(rows[1]), rows[1]["OUTPUT:answer"])

    # As if they had never been there.
    others = [vote for vote in votes if vote["ASSIGNMENT:worker_id"] != "judge0"]
    without = release(
        tmp_path / "without", [row for row in rows if row is not rows[1]], others, previous=first.folder
    )
    cells = ("messages", "helpfulness", "n_votes", "agreement", "split")
    told = [
        {name: {cell: row[cell] for cell in cells} for name, row in published(one).items()}
        for one in (second, without)
    ]
    assert told[0] == told[1]
    assert {name: row["helpfulness"] for name, row in published(second).items()} != {
        name: row["helpfulness"] for name, row in published(first).items()
    }
    # The posteriors are those of the shipped votes.
    shipped = table(second, "annotations")
    posterior = aggregation.aggregate(
        shipped.filter(shipped["counted"]).select(["answer_id", "worker", "label"]), "dawid-skene", ["yes"]
    )
    told_of = {row["answer_id"]: row["helpfulness"] for row in posterior.to_pylist()}
    assert {name: row["helpfulness"] for name, row in published(second).items()}.items() <= told_of.items()
    counts, ledger = second.manifest["counts"], second.manifest["judgements"]
    assert counts["withdrawn"] == 1 and counts["records"] == 10
    assert (
        ledger["judgements"] == len(votes) == ledger["counted"] + ledger["not_counted"] + ledger["withdrawn"]
    )
    assert ledger["withdrawn"] == 10 + 2  # judge0's, and the two other votes on w1's answer
    assert second.diff is not None
    assert second.diff.withdrawn == sorted([person("judge0"), person("w1"), identity(rows[1])])
    assert second.diff.consequences.keys() >= published(second).keys() & published(first).keys()


def test_a_withdrawn_row_still_ties_its_group_and_its_name_is_gone_from_it(tmp_path: Path) -> None:
    rows = answers()
    same = {"INPUT:original_id": rows[0]["INPUT:original_id"]}
    text = "Wali wa nazi hupikwa kwa tui zito na chumvi kidogo mpaka maji yakauke."
    trio = [rows[0], new("second", rows[0], NEW_TEXT, **same), new("third", rows[0], text, **same)]
    gone = min(trio, key=identity)
    others = [*trio, *rows[1:]]
    built = release(tmp_path / "1", others, withdrawn=[f"row {identity(gone)}"])
    left = [identity(row) for row in trio if row is not gone]
    assert {published(built)[name]["group"] for name in left} == {min(left)}
    assert_nowhere(built, identity(gone))


def test_who_left_stays_away_when_their_line_is_lost(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    rows = answers()
    copy = new("copy", rows[0], rows[0]["OUTPUT:answer"])
    every, votes = [*rows, copy], all_yes([*rows, copy])
    first = release(tmp_path / "1", every, votes)
    asked = [f"annotator {person('judge0')}", f"annotator {person('w1')}", f"row {identity(rows[0])}"]
    second = release(tmp_path / "2", every, votes, withdrawn=asked, previous=first.folder)
    gone = [identity(rows[0]), identity(rows[1]), identity(copy), person("judge0"), person("w1")]

    # The campaign folder was copied without the file; nobody wrote its lines again, and it was lost once more.
    third = release(tmp_path / "3", every, votes, previous=second.folder)
    fourth = release(tmp_path / "4", every, votes, previous=third.folder)
    for lost in (third, fourth):
        assert_nowhere(lost, *gone, rows[0]["OUTPUT:answer"], rows[1]["OUTPUT:answer"])
        assert lost.manifest["withdrawn"] == second.manifest["withdrawn"]
        assert lost.manifest["counts"] == second.manifest["counts"]
        ((file, lines),) = lost.to_withdraw.items()
        assert file == lost.folder.parents[2] / "campaign" / "withdrawn.txt"
        assert {line.partition("  #")[0] for line in lines} >= {*asked, f"row {identity(copy)}"}
        assert lost.diff is not None and (lost.diff.errors, lost.diff.withdrawn) == ([], [])
    withdrawal.add(file, lines)
    assert release(tmp_path / "again", every, votes, withdrawn=lines, previous=third.folder).to_withdraw == {}

    # Under another key too, where the hashes are of the old names.
    old_key, other = tmp_path / "old.key", "another key, for the tests too"
    old_key.write_text(KEY + "\n")
    old_key.chmod(0o600)
    monkeypatch.setenv(pseudonyms.VARIABLE, other)
    moved = release(tmp_path / "5", every, votes, previous=second.folder, rekey=old_key)
    assert moved.renamed is not None
    names = renamed.read_names(moved.renamed)
    assert_nowhere(moved, *gone, *(names[name] for name in gone), rows[0]["OUTPUT:answer"])
    (lines,) = moved.to_withdraw.values()
    assert f"row {names[identity(copy)]}" in {line.partition("  #")[0] for line in lines}
    assert [check for check in verify(moved.folder) if check.findings] == []


def test_where_a_lost_line_cannot_be_written_nothing_is_built(tmp_path: Path) -> None:
    rows = answers()
    first = release(tmp_path / "1", rows)
    second = release(tmp_path / "2", rows, withdrawn=[f"row {identity(rows[0])}"], previous=first.folder)
    file = tmp_path / "3" / "campaign" / "withdrawn.txt"
    lines = [f"row {identity(rows[0])}  # left an earlier version"]
    withdrawal.check_writable({tmp_path / "withdrawn.txt": lines})
    writable = os.access
    with pytest.MonkeyPatch.context() as patched:  # tests may run as root, whom no mode keeps out
        patched.setattr(os, "access", lambda path, mode: path != file.parent and writable(path, mode))
        with pytest.raises(
            LrlError, match=rf"withdrawn\.txt: cannot be written, and lacks\s+row {identity(rows[0])}"
        ):
            release(tmp_path / "3", rows, previous=second.folder)
        assert not (tmp_path / "3" / "build").exists()
        (tmp_path / "3" / "campaign" / "withdrawn.txt").write_text(lines[0] + "\n")
        withdrawal.check_writable({file: lines})


def test_a_release_with_somebody_who_left_is_an_error_of_the_diff(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    rows = answers()
    first = release(tmp_path / "1", rows)
    asked = [f"annotator {person('judge0')}", f"row {identity(rows[0])}"]
    second = release(tmp_path / "2", rows, withdrawn=asked, previous=first.folder)
    back = release(tmp_path / "back", rows, version="1.2.0")  # built without a previous release
    told = {
        f"row {identity(rows[0])} was withdrawn and is back",
        f"annotator {person('judge0')} was withdrawn and is back",
    }
    assert set(diff.compare(locations.read(second.folder), locations.read(back.folder)).errors) == told
    assert told <= {
        line.removeprefix("ERROR: ")
        for line in lrl("diff", second.folder, back.folder, cwd=tmp_path, code=1).splitlines()
    }
    # And where the key is another by then.
    other = "another key, for the tests too"
    monkeypatch.setenv(pseudonyms.VARIABLE, other)
    moved = release(tmp_path / "moved", rows, version="1.2.0")
    names = {identity(row): identity(row, other) for row in rows}
    found = diff.compare(locations.read(second.folder), locations.read(moved.folder), names)
    assert found.returned == [identity(rows[0], other)]


def test_a_row_from_the_hub_is_withdrawn_beside_the_builder(tmp_path: Path) -> None:
    (tmp_path / "files").mkdir()
    texts = [row["OUTPUT:answer"] for row in answers()]
    translated = [
        {"task_id": f"t{n}", "instruction": f"Swali la {n}?", "response": text}
        for n, text in enumerate(texts)
    ]
    hub = replace(TRANSLATED, name="dolly", license="cc0-1.0", worker=None, may_be_unjudged=True)
    builder = replace(BUILDER, sources=(hub,))
    file = write(tmp_path / "files" / "rows.csv", *translated)
    options = {"name": "mini", "given": {"dolly": file}}
    first = build(builder, out=tmp_path / "1", **options)
    gone = schema.digest("dolly", "t3")
    assert gone in splits(first)
    (tmp_path / "beside").mkdir()
    withdrawal.add(tmp_path / "beside" / "withdrawn.txt", [f"row {gone}"])
    second = build(builder, out=tmp_path / "2", beside=tmp_path / "beside", previous=first.folder, **options)
    assert_nowhere(second, gone, texts[3])
    assert second.manifest["counts"]["withdrawn"] == 1 and second.manifest["pseudonym_key"] is None
    # The line is lost: it is written again where it stood, or, where no place is known, at least kept to.
    for beside, lines in ((tmp_path / "new", [f"row {gone}  # left an earlier version"]), (None, None)):
        third = build(builder, out=tmp_path / f"3{beside}", beside=beside, previous=second.folder, **options)
        assert_nowhere(third, gone, texts[3])
        assert third.to_withdraw == ({beside / "withdrawn.txt": lines} if beside else {})


def test_the_command_writes_the_file_and_the_next_build_keeps_to_it(tmp_path: Path) -> None:
    rows = answers()
    copy = new("copy", rows[0], rows[0]["OUTPUT:answer"])
    campaign(tmp_path / "campaign", [*rows, copy], all_yes([*rows, copy]))
    (tmp_path / "mini.py").write_text("from tests.test_build import BUILDER\n")
    root = {"PYTHONPATH": str(Path(__file__).parents[2])}

    def run(out: str, *more: str) -> str:
        arguments = ("mini.py", "--source", "campaign=campaign", "--out", out, *more)
        return lrl("build", *arguments, cwd=tmp_path, env=root)

    run("one")
    ask = ("withdraw", "--row", identity(rows[0]), "--annotator", person("judge1"))
    assert "added to campaign/withdrawn.txt: row" in lrl(*ask, "--campaign", "campaign", cwd=tmp_path)
    assert "has all of it already" in lrl(*ask, "--campaign", "campaign", cwd=tmp_path)
    lrl("withdraw", "--row", ROW, "--builder", "mini.py", cwd=tmp_path)
    assert (tmp_path / "withdrawn.txt").read_text() == f"row {ROW}\n"

    said = run("two", "--previous", "one/test/mini")
    assert f"added to campaign/withdrawn.txt: row {identity(copy)}" in said
    assert f"withdrawn, and not read: row {ROW}" in said
    assert "11 records = 9 published + 0 rejected + 2 withdrawn" in said
    again = run("three", "--previous", "one/test/mini")
    assert "added to" not in again
    for name in ("manifest.json", "README.md", "split_map.parquet"):
        files = [tmp_path / out / "test" / "mini" / name for out in ("two", "three")]
        assert files[0].read_bytes() == files[1].read_bytes()

    # A person knows the platform's id of them, which is written nowhere.
    said = lrl("withdraw", "--worker", "judge2", "--campaign", "campaign", cwd=tmp_path)
    assert f"annotator {person('judge2')}" in said
    assert "judge2" not in (tmp_path / "campaign" / "withdrawn.txt").read_text()

    for wrong, message in (
        (["--row", ROW], "--campaign DIR, or --builder"),
        (["--campaign", "campaign"], "name whom"),
        (["--row", ROW, "--campaign", "one"], "no campaign.toml"),
        (["--row", "x", "--campaign", "campaign"], "write `row ID`"),
    ):
        assert message in lrl("withdraw", *wrong, cwd=tmp_path, code=2)
    said = lrl("withdraw", "--help", cwd=tmp_path)
    assert (
        "Older tags still hold them" in said
        and "super_squash_history" in said
        and "hf repos tag delete" in said
    )
