"""The second release and those after it: rows keep their splits, keys are checked or translated, versions follow."""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import pyarrow.parquet as pq
import pytest

from lrl_datasets import local_hub, pseudonyms, schema
from lrl_datasets.build import Built, build
from lrl_datasets.errors import LrlError
from lrl_datasets.release import diff, locations
from lrl_datasets.release.publish import publish
from lrl_datasets.release.renamed import beside
from lrl_datasets.release.verify import verify
from lrl_datasets.sources.toloka import record_id
from tests.hub import run_client, running_hub
from tests.sources.exports import ANSWER_TOML, JUDGEMENT_TOML, Row, campaign
from tests.test_build import BUILDER, all_yes, answers, judged, table
from tests.test_cli import lrl

KEY = "a key for the tests only"
NEW_TEXT = "Bandari ya Mombasa hupokea meli kubwa za mizigo kutoka nchi nyingi kila siku ya wiki."


@pytest.fixture(autouse=True)
def _key(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv(pseudonyms.VARIABLE, KEY)


def release(
    place: Path,
    rows: Sequence[Row],
    votes: Sequence[Row] | None = None,
    withdrawn: Sequence[str] = (),
    toml: str = "",
    **options: Any,
) -> Built:
    """Build a release of a campaign folder of its own at `place`."""
    place.mkdir(parents=True, exist_ok=True)
    folder = campaign(place / "campaign", rows, all_yes(list(rows)) if votes is None else votes, toml)
    if withdrawn:
        (folder / "withdrawn.txt").write_text("\n".join(withdrawn) + "\n")
    return build(BUILDER, name="mini", out=place / "build", given={"campaign": folder}, **options)


def identity(row: Row, key: str = KEY) -> str:
    inputs = {name: cell for name, cell in row.items() if name.startswith("INPUT:")}
    record = record_id(row["ASSIGNMENT:assignment_id"], None, inputs)
    return schema.digest("campaign", record, key=key.encode())


def splits(built: Built) -> dict[str, str]:
    rows = pq.read_table(built.folder / "split_map.parquet").to_pylist()
    return {row["id"]: row["split"] for row in rows}


def published(built: Built) -> dict[str, dict[str, Any]]:
    return {
        row["id"]: row | {"split": split}
        for split, rows in locations.read(built.folder).configs["default"].items()
        for row in rows.to_pylist()
    }


def refused(built: Built) -> dict[str, str]:
    if "rejected" not in built.manifest["configs"]:
        return {}
    return {row["id"]: row["reason"] for row in table(built, "rejected").to_pylist()}


def by_split(built: Built, rows: Sequence[Row], split: str) -> list[Row]:
    drawn = splits(built)
    return [row for row in rows if drawn[identity(row)] == split]


def new(name: str, like: Row, text: str, **more: str) -> Row:
    """Another answer, by a worker of its own, to a prompt and from an original of its own unless `more` says."""
    own = {
        "ASSIGNMENT:assignment_id": name,
        "ASSIGNMENT:worker_id": f"writer of {name}",
        "INPUT:prompt": f"Swali jipya la {name}?",
        "INPUT:original_id": f"original of {name}",
        "OUTPUT:answer": text,
    }
    return {**like, **own, **more}


def test_the_worked_case(tmp_path: Path) -> None:
    """1.1.0 adds three rows, one of them linking a train row to a test row, edits one and withdraws one."""
    rows = answers()
    first = release(tmp_path / "1", rows)
    train, test = by_split(first, rows, "train"), by_split(first, rows, "test")
    tied, edited, gone = train[:3]

    both = {
        "INPUT:original_id": tied["INPUT:original_id"],  # of the train row
        "INPUT:prompt": test[0]["INPUT:prompt"],  # of the test row
    }
    link = new("link", tied, NEW_TEXT, **both)
    copy = new("copy", tied, test[0]["OUTPUT:answer"])
    fresh = new(
        "fresh",
        tied,
        "Twiga ni mnyama mrefu kuliko wote, na shingo yake humsaidia kula majani ya juu ya miti.",
    )
    text = "Kuna njia nyingine ya kujibu swali hili ambayo mwandishi aliifikiria baadaye kabisa."
    changed = {**edited, "OUTPUT:answer": text}
    after = [row for row in rows if row is not edited] + [changed, link, copy, fresh]
    # The votes on the edited answer were on its old text, but for one new one; the copy has more votes than its model.
    votes = (
        all_yes(rows)
        + all_yes([link, fresh])
        + judged(copy, *["yes"] * 5)
        + judged(changed, *["yes"] * 4)[3:]
    )
    second = release(
        tmp_path / "2", after, votes, withdrawn=[f"row {identity(gone)}"], previous=str(first.folder)
    )

    assert second.manifest["version"] == "1.1.0"
    was, now = published(first), published(second)
    # Nobody crosses: what was read keeps its split, the newcomers take their groups', the fresh one is drawn.
    kept = splits(first)
    del kept[identity(gone)]
    assert splits(second) == kept | {
        identity(link): "test",
        identity(copy): "test",
        identity(fresh): BUILDER.splits.draw(identity(fresh)),
    }
    assert {name: row["split"] for name, row in now.items() if name in was} == {
        name: split for name, split in kept.items() if name != identity(tied)
    }
    # The link drew the train row into the test row's group: it goes, the test row stays, and so does the newcomer,
    # which may be held out. The copy is better judged, and yet does not take the place of what was published.
    assert refused(second) == {identity(tied): "held_out_relative", identity(copy): "duplicate"}
    assert now.keys() - was.keys() == {identity(link), identity(fresh)}
    assert now[identity(test[0])]["content_hash"] == was[identity(test[0])]["content_hash"]
    assert now[identity(link)]["group"] == now[identity(test[0])]["group"]
    # The edited row: its name, its split, its new text, and only the votes on that.
    assert now[identity(edited)]["messages"][-1]["content"] == text
    assert now[identity(edited)]["n_votes"] == 1
    reasons = second.manifest["judgements"]["reasons"]
    assert reasons == {"text_changed": 3}
    # The withdrawn row is counted and nowhere.
    counts, ledger = second.manifest["counts"], second.manifest["judgements"]
    assert (counts["records"], counts["published"], counts["rejected"], counts["withdrawn"]) == (13, 10, 2, 1)
    assert ledger["withdrawn"] == 3
    assert (
        ledger["judgements"] == len(votes) == ledger["counted"] + ledger["not_counted"] + ledger["withdrawn"]
    )
    assert_nowhere(second, identity(gone), gone["OUTPUT:answer"])
    # And the diff says all that.
    assert second.diff is not None
    changes = second.diff.configs["default"]
    assert (changes.added, changes.withdrawn) == (sorted([identity(link), identity(fresh)]), [identity(gone)])
    assert (changes.removed, list(changes.content)) == ([identity(tied)], [identity(edited)])
    assert second.manifest["previous"] == {
        "version": "1.0.0",
        "manifest_sha256": local_sha(first.folder / "manifest.json"),
        "carried": 0,
    }
    assert [one["version"] for one in second.manifest["changelog"]] == ["1.1.0", "1.0.0"]
    assert [check.name for check in verify(second.folder) if check.findings] == []


def local_sha(path: Path) -> str:
    from lrl_datasets.release import manifest

    return str(manifest.file_entry(path)["sha256"])


def assert_nowhere(built: Built, *strings: str) -> None:
    """The strings are in no cell of any table, nor in card or manifest."""
    cells = [
        path.read_text("utf-8")
        for path in built.folder.iterdir()
        if path.suffix != ".parquet" and path.is_file()
    ]
    for path in built.folder.rglob("*.parquet"):
        cells.append(json.dumps(pq.ParquetFile(path).read().to_pylist(), ensure_ascii=False))
    for string in strings:
        assert not [1 for text in cells if string in text], string


def test_a_row_that_comes_back_finds_its_split(tmp_path: Path) -> None:
    rows = answers()
    first = release(tmp_path / "1", rows)
    test = by_split(first, rows, "test")[0]
    second = release(tmp_path / "2", [row for row in rows if row is not test], previous=first.folder)
    assert identity(test) not in published(second) and splits(second) == splits(first)
    assert second.manifest["previous"]["carried"] == 1
    third = release(tmp_path / "3", rows, previous=second.folder)
    assert published(third)[identity(test)]["split"] == "test"
    # It was alone in test: without it there was no such split, which is a break, and its return is none.
    assert (second.manifest["version"], third.manifest["version"]) == ("2.0.0", "2.1.0")
    assert [check.name for check in verify(second.folder) if check.findings] == []


def test_votes_on_an_old_text_do_not_count_where_the_pool_does_not_carry_it(tmp_path: Path) -> None:
    toml = ANSWER_TOML + JUDGEMENT_TOML.replace('answer = "INPUT:answer"\n', "")
    rows = answers()
    first = release(tmp_path / "1", rows, toml=toml)
    changed = [{**rows[0], "OUTPUT:answer": NEW_TEXT}, *rows[1:]]
    second = release(tmp_path / "2", changed, all_yes(rows), toml=toml, previous=first.folder)
    assert second.manifest["judgements"]["reasons"] == {"text_changed": 3}
    assert refused(second) == {identity(rows[0]): "unjudged"}
    # Later as well, and a vote by somebody new counts.
    votes = all_yes(rows) + judged(rows[0], *["yes"] * 4)[3:]
    third = release(tmp_path / "3", changed, votes, toml=toml, previous=second.folder)
    assert third.manifest["judgements"]["reasons"] == {"text_changed": 3}
    assert published(third)[identity(rows[0])]["n_votes"] == 1


TEXTLESS = ANSWER_TOML + JUDGEMENT_TOML.replace('answer = "INPUT:answer"\n', "")


def test_nor_where_the_answer_was_away_for_a_version(tmp_path: Path) -> None:
    rows = answers()
    votes, changed = all_yes(rows), {**rows[0], "OUTPUT:answer": NEW_TEXT}

    def build_on(previous: Built | None, name: str, *listed: Row) -> Built:
        before = {"previous": previous.folder} if previous else {}
        return release(tmp_path / name, [*listed, *rows[1:]], votes, toml=TEXTLESS, **before)

    first = build_on(None, "1", rows[0])
    away = build_on(first, "2")
    assert away.manifest["judgements"]["reasons"] == {"unknown_answer": 3}
    back = build_on(away, "3", changed)
    assert back.manifest["judgements"]["reasons"] == {"text_changed": 3}
    assert refused(back) == {identity(rows[0]): "unjudged"}
    # It is away once more, and comes back as it was last, with nobody's vote; as it was first, votes count again.
    again = build_on(build_on(back, "4"), "5", changed)
    assert refused(again) == {identity(rows[0]): "unjudged"}
    assert published(build_on(away, "6", rows[0]))[identity(rows[0])]["n_votes"] == 3


def test_the_same_judges_may_judge_the_new_text(tmp_path: Path) -> None:
    rows = answers()
    first = release(tmp_path / "1", rows, toml=TEXTLESS)
    changed = [{**rows[0], "OUTPUT:answer": NEW_TEXT}, *rows[1:]]
    anew = [
        vote | {"ASSIGNMENT:assignment_id": vote["ASSIGNMENT:assignment_id"] + "b"}
        for vote in judged(rows[0], "yes", "no", "yes")
    ]
    for name, order in (("after", all_yes(rows) + anew), ("before", anew + all_yes(rows))):
        folder = tmp_path / name
        second = release(folder, changed, order, toml=TEXTLESS, previous=first.folder)
        assert second.manifest["judgements"]["reasons"] == {"text_changed": 3}
        row = published(second)[identity(rows[0])]
        assert (row["n_votes"], round(row["agreement"], 2)) == (3, 0.67)
        third = release(folder / "next", changed, order, toml=TEXTLESS, previous=second.folder)
        assert third.manifest["judgements"] == second.manifest["judgements"]


def test_a_text_that_comes_back_under_another_id_stays_where_it_was(tmp_path: Path) -> None:
    rows = answers()
    first = release(tmp_path / "1", rows)
    held_out = by_split(first, rows, "test") + by_split(first, rows, "validation")
    assert held_out
    # The pool was set up again: other assignment ids, and one prompt with another word.
    renamed = [{**row, "ASSIGNMENT:assignment_id": f"again {n}"} for n, row in enumerate(rows)]
    renamed[0]["INPUT:prompt"] += " Tafadhali."
    near = new("near", rows[0], held_out[0]["OUTPUT:answer"] + " Ndivyo.")
    second = release(tmp_path / "2", [*renamed, near], previous=first.folder)
    before = {row["messages"][-1]["content"]: row["split"] for row in published(first).values()}
    after = {row["messages"][-1]["content"]: row["split"] for row in published(second).values()}
    assert {text: after[text] for text in before if text in after} == {
        text: split for text, split in before.items() if text in after
    }
    assert len(before.keys() & after.keys()) >= len(before) - 1  # of the near-copy and its model one stays
    assert set(refused(second).values()) == {"duplicate"}
    assert second.diff is not None and second.diff.errors == []
    assert [check.name for check in verify(second.folder) if check.findings] == []
    # Another crowd's copy of what was in test goes nowhere but there.
    third = release(tmp_path / "3", [near, *by_split(first, rows, "train")], previous=first.folder)
    assert published(third)[identity(near)]["split"] == before[held_out[0]["OUTPUT:answer"]]


def test_versions_are_at_least_what_the_change_calls_for(tmp_path: Path) -> None:
    rows = answers()
    first = release(tmp_path / "1", rows)
    assert release(tmp_path / "same", rows, previous=first.folder).manifest["version"] == "1.0.1"
    one_vote_more = all_yes(rows) + judged(rows[0], *["yes"] * 4)[3:]
    judged_more = release(tmp_path / "votes", rows, one_vote_more, previous=first.folder)
    assert judged_more.manifest["version"] == "1.1.0"  # a row more in `annotations`
    more = [*rows, new("fresh", rows[0], NEW_TEXT)]
    with pytest.raises(
        LrlError, match=r"1\.0\.1 is too small after 1\.0\.0: the change is minor, so 1\.1\.0"
    ):
        release(tmp_path / "2", more, previous=first.folder, version="1.0.1")
    assert not (tmp_path / "2" / "build").exists()
    assert (
        release(tmp_path / "3", more, previous=first.folder, version="2.0.0").manifest["version"] == "2.0.0"
    )


def test_the_key_must_be_the_previous_releases(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    rows = answers()
    first = release(tmp_path / "1", rows)
    monkeypatch.setenv(pseudonyms.VARIABLE, "another key, for the tests too")
    with pytest.raises(LrlError, match=r"is not the previous release's.*--rekey OLDKEYFILE"):
        release(tmp_path / "2", rows, previous=first.folder)
    # Without any key none is made.
    monkeypatch.delenv(pseudonyms.VARIABLE)
    monkeypatch.setenv("XDG_CONFIG_HOME", str(tmp_path / "config"))
    with pytest.raises(LrlError, match="no pseudonym key"):
        release(tmp_path / "2", rows, previous=first.folder)
    assert not (tmp_path / "config").exists() and not (tmp_path / "2" / "build").exists()


def test_a_copy_of_the_sample_goes_on_from_it_under_its_public_key(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delenv(pseudonyms.VARIABLE)
    monkeypatch.setenv("XDG_CONFIG_HOME", str(tmp_path / "config"))
    rows, sample = answers(), 'sample = true\nname = "mini"'
    toml = (ANSWER_TOML + JUDGEMENT_TOML).replace('name = "mini"', sample)
    assert sample in toml
    builder = replace(BUILDER, sample=campaign(tmp_path / "sample", rows, all_yes(rows), toml))
    first = build(builder, name="mini", out=tmp_path / "1", sample=True)
    copy = campaign(tmp_path / "copy", rows[1:], all_yes(rows[1:]), toml)
    second = build(builder, name="mini", out=tmp_path / "2", given={"campaign": copy}, previous=first.folder)
    assert splits(second) == splits(first)
    assert not (tmp_path / "config").exists()
    real = campaign(tmp_path / "real", rows, all_yes(rows))
    with pytest.raises(LrlError, match="no pseudonym key"):
        build(builder, name="mini", out=tmp_path / "3", given={"campaign": real}, previous=first.folder)


def test_after_a_rekey_all_is_as_if_the_key_had_stayed(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    rows = answers()
    twin = new("twin", rows[0], rows[3]["OUTPUT:answer"])
    first = release(tmp_path / "1", [*rows, twin])
    fresh = [
        new(f"fresh{n}", rows[0], f"{word} ni neno la {n} kati ya maneno {text}")
        for n, (word, text) in enumerate(
            zip("abcdefghij", [row["OUTPUT:answer"] for row in answers()], strict=True)
        )
    ]
    ties = [new(f"tie{n}", fresh[0], NEW_TEXT) for n in range(4)]
    votes = all_yes([*rows, twin, *fresh, *ties])
    asked = [
        f"row {identity(rows[0])}",
        f"annotator {pseudonyms.pseudonym('campaign', 'w1', KEY.encode())}",
        f"annotator {pseudonyms.pseudonym('campaign', 'judge1', KEY.encode())}",
    ]
    options = {"withdrawn": asked, "previous": first.folder}
    every = [*rows, twin, *fresh, *ties]
    stayed = release(tmp_path / "stayed", every, votes, **options)

    (tmp_path / "old.key").write_text(KEY + "\n")
    (tmp_path / "old.key").chmod(0o600)
    other = "another key, for the tests too"
    monkeypatch.setenv(pseudonyms.VARIABLE, other)
    moved = release(tmp_path / "moved", every, votes, rekey=tmp_path / "old.key", **options)

    name = {identity(row): identity(row, other) for row in every}
    assert splits(moved) == {name[old]: split for old, split in splits(stayed).items()}
    assert {n: row["split"] for n, row in published(moved).items()} == {
        name[old]: row["split"] for old, row in published(stayed).items()
    }
    assert refused(moved) == {name[old]: reason for old, reason in refused(stayed).items()}
    for ledger in ("counts", "judgements"):
        assert moved.manifest[ledger] == stayed.manifest[ledger]
    assert moved.manifest["version"] == stayed.manifest["version"] == "1.1.0"
    assert moved.manifest["pseudonym_key"] != stayed.manifest["pseudonym_key"]
    assert moved.diff is not None and stayed.diff is not None
    for config, changes in stayed.diff.configs.items():
        found = moved.diff.configs[config]
        sizes = [
            [len(one.added), len(one.removed), len(one.withdrawn), len(one.content), len(one.metadata)]
            for one in (changes, found)
        ]
        assert sizes[0] == sizes[1], config
    assert moved.diff.errors == []
    everything = [identity(row) for row in every] + [
        pseudonyms.pseudonym("campaign", worker, KEY.encode()) for worker in ("w1", "w2", "judge0", "judge1")
    ]
    assert_nowhere(moved, *everything)
    # The translation is the maintainer's alone; with it the two folders compare as two of one key do.
    assert moved.renamed is not None and moved.renamed.stat().st_mode & 0o077 == 0
    translated = json.loads(moved.renamed.read_text())
    assert {old: translated[old] for old in name} == name
    again = diff.compare(locations.read(first.folder), locations.read(moved.folder), translated)
    assert again.errors == [] and again.withdrawn == moved.diff.withdrawn

    # What was asked under the old key is known under the new one from then on.
    ((file, lines),) = moved.to_withdraw.items()
    assert file == tmp_path / "moved" / "campaign" / "withdrawn.txt"
    names = [line.partition("  #")[0] for line in lines]
    assert f"row {name[identity(rows[0])]}" in names and len(names) == 3
    third = release(tmp_path / "third", every, votes, withdrawn=[*asked, *names], previous=moved.folder)
    assert splits(third) == splits(moved) and published(third).keys() == published(moved).keys()
    assert third.manifest["version"] == "1.1.1"


def test_a_release_under_another_key_is_published_with_its_file_of_names(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("HF_HOME", str(tmp_path / "home"))
    rows = answers()
    first = release(tmp_path / "1", rows)
    (tmp_path / "old.key").write_text(KEY)
    (tmp_path / "old.key").chmod(0o600)
    monkeypatch.setenv(pseudonyms.VARIABLE, "another key, for the tests too")
    every = [*rows, new("fresh", rows[0], NEW_TEXT)]
    moved = release(tmp_path / "2", every, previous=first.folder, rekey=tmp_path / "old.key")
    assert moved.renamed == beside(moved.folder)
    kept = moved.renamed.rename(tmp_path / "names.json")
    with running_hub(tmp_path) as hub:
        publish(first.folder, hub.url)
        with pytest.raises(LrlError, match=r"mini\.renamed\.json: not there.*another pseudonym key"):
            publish(moved.folder, hub.url)
        # With the names every row is seen to be where it was; without, all would be new.
        assert publish(moved.folder, hub.url, renamed=kept).tag == "v1.1.0"
        said = lrl("diff", "test/mini@v1.0.0", moved.folder, "--endpoint", hub.url, cwd=tmp_path)
        assert "made with two pseudonym keys" in said
        kept.rename(moved.renamed)
        said = lrl("diff", "test/mini@v1.0.0", moved.folder, "--endpoint", hub.url, cwd=tmp_path)
        assert "made with two pseudonym keys" not in said and "default, added: 1" in said


def test_a_wrong_or_needless_rekey_is_refused(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    rows = answers()
    first = release(tmp_path / "1", rows)
    old, wrong = tmp_path / "old.key", tmp_path / "wrong.key"
    for path, text in ((old, KEY), (wrong, "nobody ever used this one")):
        path.write_text(text)
        path.chmod(0o600)
    for rekey, message in (
        (wrong, "is not the previous"),
        (old, "leave --rekey out"),
        (tmp_path / "gone", "there is no such key file"),
    ):
        with pytest.raises(LrlError, match=message):
            release(tmp_path / "2", rows, previous=first.folder, rekey=rekey)
    with pytest.raises(LrlError, match="name it with --previous"):
        release(tmp_path / "2", rows, rekey=old)
    old.chmod(0o644)
    with pytest.raises(LrlError, match="chmod 600"):
        release(tmp_path / "2", rows, previous=first.folder, rekey=old)


def test_a_previous_release_must_be_whole_and_of_the_same_dataset(tmp_path: Path) -> None:
    rows = answers()
    first = release(tmp_path / "1", rows)
    folder = campaign(tmp_path / "campaign", rows, all_yes(rows))
    for builder, message in (
        (replace(BUILDER, repository="test/other"), "a release of test/mini, not of test/other"),
        (replace(BUILDER, splits=replace(BUILDER.splits, salt="other")), "another salt"),
    ):
        with pytest.raises(LrlError, match=message):
            build(builder, name="x", out=tmp_path / "out", given={"campaign": folder}, previous=first.folder)
    map_file = first.folder / "split_map.parquet"
    turned = pq.read_table(map_file)
    pq.write_table(turned.set_column(1, "split", [["train"] * turned.num_rows]), map_file)
    with pytest.raises(LrlError, match=r"split_map\.parquet: changed since the build"):
        release(tmp_path / "2", rows, previous=first.folder)
    whole = release(tmp_path / "whole", rows)
    with pytest.raises(LrlError, match="would overwrite it"):
        release(tmp_path / "whole", rows, previous=whole.folder)
    assert locations.read(whole.folder).manifest == whole.manifest
    with pytest.raises(LrlError, match="no such folder"):
        release(tmp_path / "2", rows, previous="nowhere")


def test_from_the_hub_by_tag_is_the_same_as_from_the_folder(tmp_path: Path) -> None:
    rows = answers()
    first = release(tmp_path / "1", rows)
    more = [*rows, new("fresh", rows[0], NEW_TEXT)]
    from_folder = release(tmp_path / "folder", more, previous=first.folder)
    local_hub.put(tmp_path / "hub", "test/mini", first.folder, tag="v1.0.0")
    root, folder = str(Path(__file__).parents[2]), str(tmp_path / "folder" / "campaign")
    with running_hub(tmp_path) as hub:
        code = (
            f"import sys; sys.path.insert(0, {root!r})\n"
            "from pathlib import Path; from tests.test_build import BUILDER; from lrl_datasets.build import build\n"
            f"build(BUILDER, name='mini', out=Path('build'), given={{'campaign': Path({folder!r})}},"
            " previous='test/mini@v1.0.0')\n"
            "print(Path('build/test/mini/manifest.json').read_text())"
        )
        said = run_client(code, hub.url, tmp_path, env={pseudonyms.VARIABLE: KEY})
        assert json.loads(said) == from_folder.manifest
        missing = code.replace("v1.0.0", "v9.9.9").replace("build(BUILDER", "BUILDER and build(BUILDER")
        with pytest.raises(AssertionError, match=r"v9\.9\.9 at .*: there is no such revision"):
            run_client(missing, hub.url, tmp_path, env={pseudonyms.VARIABLE: KEY})
