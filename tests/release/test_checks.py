"""Every check of a release on a real one that somebody tampered with: table by table, each edit with who finds it."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from lrl_datasets import pseudonyms
from lrl_datasets.release import locations
from lrl_datasets.release.locations import Release
from lrl_datasets.release.verify import CHECKS
from tests.release.tampering import Tampered, build_releases, found

ODD = "5a3b1e00000000000000000000000b0a"
"""Looks like a worker's id on a platform."""
NOBODY = "f" * 24

Tamper = Callable[[Tampered], object]


@pytest.fixture(scope="module")
def releases(tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[Release, Release]]:
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("LRL_PSEUDONYM_KEY", "a key for the tests only")
        first, second = build_releases(tmp_path_factory.mktemp("releases"))
    yield locations.read(first.folder), locations.read(second.folder)


@pytest.fixture
def first(releases: tuple[Release, Release], tmp_path: Path) -> Tampered:
    return Tampered(releases[0], tmp_path)


@pytest.fixture
def second(releases: tuple[Release, Release], tmp_path: Path) -> Tampered:
    return Tampered(releases[1], tmp_path)


def assert_found(tampered: Tampered, tamper: Tamper, expected: dict[str, str]) -> None:
    tamper(tampered)
    findings = found(tampered.release())
    assert findings.keys() == expected.keys(), findings
    for name, said in expected.items():
        assert any(said in finding for finding in findings[name]), findings[name]


def test_the_releases_have_what_the_tests_tamper_with(first: Tampered, second: Tampered) -> None:
    assert found(first.release()) == found(second.release()) == {}
    reasons = {row["reason"] for row in first.rows("rejected")}
    assert reasons == {
        "unreadable", "not_submitted", "empty", "too_short", "wrong_language_answer", "unjudged", "unhelpful",
        "suite_leak", "duplicate",
    }  # fmt: skip
    assert {row["reason"] for row in first.rows("annotations")} == {
        None, "golden", "unknown_answer", "text_changed", "own_answer", "failed_worker", "repeated_vote",
    }  # fmt: skip
    assert first.manifest["counts"]["masked"] == {"email": 1, "phone": 1}
    assert len(first.rows("preference")) == 1 and first.configs["default"].keys() >= {"train", "test"}
    assert second.manifest["counts"]["withdrawn"] == 1
    assert all(check.__doc__ for check in CHECKS.values())


# ---- rows -----------------------------------------------------------------------------------------------


def setting(config: str, name: str, value: object, **which: object) -> Tamper:
    """Set a column of the first row that is such."""

    def tamper(t: Tampered) -> None:
        t.one(config, **which)[name] = value

    return tamper


def role(t: Tampered) -> None:
    row = t.one("default", source="translated")
    row["messages"][0]["role"] = "robot"
    t.rehash(row, row["messages"][1]["content"])


def without_answer(t: Tampered) -> None:
    row = t.one("default", source="translated")
    row["messages"] = [*row["messages"], dict(row["messages"][0])]
    t.rehash(row, "Kwa nini tena?")


ROWS: list[tuple[Tamper, dict[str, str]]] = [
    (setting("default", "language", "eng_Latn"), {"provenance": "language is 'eng_Latn'"}),
    (setting("default", "language", "Swahili"),
     {"closed sets": "'Swahili' is no language code", "provenance": "language"}),
    (setting("default", "prompt_language", "eng_Latn", source="translated"),
     {"provenance": "prompt_language"}),
    (setting("default", "creation_method", "native", source="translated"),
     {"provenance": "creation_method is 'native'"}),
    (setting("rejected", "creation_method", "magic", source="translated"),
     {"closed sets": "'magic'", "provenance": "magic"}),
    (setting("default", "model_name", "gpt-4", source="campaign"), {"provenance": "model_name"}),
    (setting("default", "model_name", None, source="translated"), {"provenance": "model_name"}),
    (setting("default", "source_score", 7.0, source="campaign"), {"provenance": "source_score"}),
    (setting("default", "source_score", float("inf"), source="translated"),
     {"provenance": "no finite number"}),
    (setting("default", "source_revision", "0" * 40, source="translated"), {"provenance": "source_revision"}),
    (setting("default", "lineage", None), {"provenance": "lineage is null"}),
    (setting("default", "lineage", ["p17"]), {"provenance": "no dataset:id"}),
    (setting("rejected", "source", "elsewhere", reason="not_submitted"),
     {"provenance": "'elsewhere' is not in the manifest", "ledgers": "by_source"}),
    (setting("rejected", "license", None, reason="empty"), {"licences": "licence is None"}),
    (setting("rejected", "license", "mit", reason="empty"), {"licences": "its source's 'CC0-1.0'"}),
    (setting("default", "license", "mit", source="campaign"), {"licences": "its source's 'CC0-1.0'"}),
    (role, {"conversations": "not user and assistant in turn"}),
    (without_answer, {"conversations": "not user and assistant in turn"}),
    (setting("preference", "chosen", None), {"conversations": "has no chosen", "pairs": "says of chosen"}),
    (lambda t: t.one("default", source="translated")["messages"][0].update(content=None),
     {"conversations": "has no content", "content hashes": "not that of", "reasons": "is empty, and is published"}),
    (setting("default", "helpfulness_kind", "calibrated", source="campaign"),
     {"helpfulness": "its votes give votes"}),
    (lambda t: t.manifest["aggregation"]["campaign"].update(kind="calibrated"),
     {"helpfulness": "the manifest says kind is calibrated, its votes give votes"}),
    (lambda t: t.manifest["aggregation"]["campaign"].update(note="all is well"),
     {"helpfulness": "the manifest says note is all is well"}),
    (setting("default", "helpfulness_kind", "predicted", source="campaign"),
     {"closed sets": "the manifest declares no prediction", "predictions": "votes count",
      "splits": "is held out, and its helpfulness is predicted", "groups": "its name draws train"}),
    (setting("default", "helpfulness_kind", None, source="campaign"), {"closed sets": "go together"}),
    (setting("default", "helpfulness_kind", "felt", source="campaign"),
     {"closed sets": "unknown helpfulness_kind 'felt'"}),
    (setting("default", "prompt_language", "qzq_Zzzz"),
     {"closed sets": "'qzq_Zzzz' is no language code", "provenance": "prompt_language"}),
    (setting("default", "helpfulness", 0.9371, source="campaign"),
     {"helpfulness": "helpfulness is 0.9371, its votes give"}),
    (setting("default", "n_votes", 7, source="campaign"), {"helpfulness": "n_votes is 7, its votes give 3"}),
    (setting("default", "agreement", 0.25, source="campaign"), {"helpfulness": "agreement is 0.25"}),
    (setting("default", "license", None, source="translated"), {"licences": "has no licence"}),
    (setting("rejected", "reason", "ugly", reason="empty"),
     {"closed sets": "unknown reason 'ugly'", "reasons": "is no reason of a filter", "ledgers": "funnel"}),
    (setting("rejected", "filter", "taste", reason="empty"),
     {"closed sets": "unknown filter 'taste'", "reasons": "is no reason of a filter 'taste'", "ledgers": "funnel"}),
    (setting("default", "lid_score", 9.5), {"languages": "not the leading detector's"}),
    (setting("default", "lid_label", "xx"), {"languages": "not the leading detector's"}),
    (setting("default", "lid", None), {"languages": "without a detector's word"}),
    (lambda t: t.one("default")["lid"].pop(), {"languages": "not the leading detector's"}),
    (lambda t: t.one("default")["lid"].pop(0), {"languages": "not the leading detector's word on prompt and answer"}),
    (setting("default", "lid_answer", "perhaps"), {"languages": "'perhaps', which is no decision"}),
    (setting("default", "lid_answer", None), {"languages": "None, which is no decision"}),
    (setting("default", "mixed_answer", 1.2), {"languages": "mixed_answer is 1.2"}),
    (setting("default", "lid_prompt", "other"), {"languages": "published, and decided"}),
    (lambda t: t.one("default")["lid"][0].update(label="Swahili"), {"languages": "a detector's label"}),
    (setting("default", "content_hash", "0" * 32), {"content hashes": "not that of its messages"}),
    (lambda t: t.split_map[0].update(content_hash="0" * 32), {"content hashes": "the split map has another"}),
    (lambda t: t.one("preference").update(id="x17"), {"ids": "'x17' is no id", "pairs": "make no such pair"}),
    (lambda t: t.configs["rejected"]["train"].append(dict(t.one("rejected", reason="empty"))),
     {"ids": "stands 2 times", "ledgers": "rejected: "}),
]  # fmt: skip


@pytest.mark.parametrize(("tamper", "expected"), ROWS)
def test_rows(first: Tampered, tamper: Tamper, expected: dict[str, str]) -> None:
    assert_found(first, tamper, expected)


# ---- why a row was refused ------------------------------------------------------------------------------


def another_reason(before: str, reason: str, step: str, detail: str | None = None) -> Tamper:
    """Give a refused row another reason, and count it so."""

    def tamper(t: Tampered) -> None:
        row = t.one("rejected", reason=before)
        row |= {"reason": reason, "filter": step, "detail": detail if detail else row["detail"]}
        t.count()

    return tamper


def threshold(value: float) -> Tamper:
    return lambda t: t.manifest["builder"]["settings"]["filters"]["helpfulness"].update(minimum=value)


REASONS: list[tuple[Tamper, dict[str, str]]] = [
    (threshold(0.1), {"reasons": "its reason is unhelpful, and helpfulness finds None"}),
    (threshold(0.99), {"reasons": "is unhelpful, and is published"}),
    (lambda t: t.manifest["builder"]["settings"]["filters"]["length"].update(min_answer_words=1),
     {"reasons": "its reason is too_short, and length finds None"}),
    (another_reason("unhelpful", "too_short", "length"),
     {"reasons": "length finds None", "pairs": "make no such pair"}),
    (another_reason("unjudged", "unhelpful", "helpfulness"), {"reasons": "helpfulness finds unjudged"}),
    (another_reason("empty", "not_submitted", "length"), {"reasons": "is no reason of a filter 'length'"}),
    (another_reason("not_submitted", "unreadable", "source", "file 5820cf4a819f row 9: odd"),
     {"reasons": "was read, and its reason is unreadable"}),
    (another_reason("unjudged", "held_out_relative", "held_out", "group is in train"),
     {"reasons": "is unjudged, and held_out_relative"}),
    (another_reason("unjudged", "held_out_relative", "held_out", "group is in space"),
     {"reasons": "is unjudged, and held_out_relative"}),
    (setting("rejected", "detail", "0.1 < 0.5", reason="unhelpful"),
     {"reasons": "not what helpfulness says"}),
    (setting("rejected", "detail", "prompt", reason="empty"), {"reasons": "not what normalise says"}),
    (setting("rejected", "detail", "Swali la siri", reason="wrong_language_answer"),
     {"reasons": "detail is none of wrong_language_answer"}),
    (setting("rejected", "detail", "text: the answer has a text of exam", reason="suite_leak"),
     {"reasons": "names a task that is not in the suite index"}),
    (setting("rejected", "detail", f"of {NOBODY}", reason="duplicate"),
     {"reasons": "no published row of its cluster"}),
    (lambda t: t.one("rejected", reason="suite_leak").update(messages=t.one("default")["messages"]),
     {"suite leaks": "has its messages", "content hashes": "not that of its messages", "splits": "prompt",
      "leak report": "is refused, and has its messages"}),
    (another_reason("duplicate", "held_out_relative", "held_out", "group is in train"),
     {"groups": "is no held_out_relative"}),
    (another_reason("duplicate", "held_out_relative", "held_out", "group is in test"),
     {"groups": "not the split of its group"}),
    (setting("rejected", "messages", None, reason="duplicate"),
     {"suite leaks": "nor a leak of a suite", "leak report": "in no line as refused"}),
    (lambda t: t.one("rejected", reason="not_submitted").update(messages=None, content_hash=None),
     {"suite leaks": "neither unreadable nor a leak", "content hashes": "the split map"}),
]  # fmt: skip


@pytest.mark.parametrize(("tamper", "expected"), REASONS)
def test_reasons(first: Tampered, tamper: Tamper, expected: dict[str, str]) -> None:
    assert_found(first, tamper, expected)


# ---- votes ----------------------------------------------------------------------------------------------


def foreign(t: Tampered) -> None:
    t.one("annotations", reason="own_answer")["worker"] = t.one("annotations", counted=True)["worker"]
    t.count()


def reasonless(t: Tampered) -> None:
    vote = t.one("annotations", reason="golden")
    vote["reason"] = None
    t.manifest["judgements"]["reasons"]["golden"] -= 1


VOTES: list[tuple[Tamper, dict[str, str]]] = [
    (setting("annotations", "label", "maybe", reason="text_changed"),
     {"judgements": "none of its stage's labels"}),
    (setting("annotations", "golden", "maybe", reason="golden"),
     {"judgements": "none of its stage's labels"}),
    (setting("annotations", "label", None, reason="text_changed"), {"judgements": "has no label"}),
    (setting("annotations", "question", "nice", reason="text_changed"),
     {"judgements": "no stage asks 'nice'"}),
    (setting("annotations", "duration_s", -5.0), {"judgements": "duration_s is no time"}),
    (setting("annotations", "batch", "0" * 12), {"judgements": "batch is no input"}),
    (setting("annotations", "golden", "yes", reason=None), {"judgements": "golden says otherwise"}),
    (setting("annotations", "answer_id", None, reason="text_changed"), {"judgements": "names no answer"}),
    (setting("annotations", "answer_id", NOBODY, reason="text_changed"),
     {"judgements": "there is no such row"}),
    (lambda t: t.one("annotations", reason="unknown_answer").update(answer_id=t.one("default")["id"]),
     {"judgements": "there is such a row"}),
    (foreign, {"judgements": "not its author"}),
    (reasonless, {"judgements": "or neither"}),
    (setting("annotations", "reason", "bored", reason="text_changed"),
     {"judgements": "unknown reason 'bored'", "ledgers": "reasons of judgements"}),
    (setting("annotations", "label", "no", counted=True),
     {"helpfulness": "its votes give", "agreement": "the judgements give"}),
]  # fmt: skip


def counted_twice(t: Tampered) -> None:
    vote = t.one("annotations", reason="repeated_vote")
    vote.update(counted=True, reason=None)
    t.count()


def other_than_first(t: Tampered) -> None:
    vote = t.one("annotations", reason="repeated_vote")
    vote["label"] = "no"


def passes(t: Tampered) -> None:
    failed = t.one("annotations", reason="failed_worker")["worker"]
    for vote in t.rows("annotations"):
        if vote["worker"] == failed and vote["reason"] == "golden":
            vote["label"] = vote["golden"]


def fails(t: Tampered) -> None:
    passed = next(
        vote["worker"]
        for vote in t.rows("annotations")
        if vote["reason"] == "golden" and vote["label"] == vote["golden"]
    )
    for vote in t.rows("annotations"):
        if vote["worker"] == passed and vote["reason"] == "golden":
            vote["golden"] = "no"


VOTES += [
    (counted_twice,
     {"judgements": "count, not one", "helpfulness": "n_votes is 3", "agreement": "the judgements give"}),
    (other_than_first, {"judgements": "another than the first by label"}),
    (passes, {"judgements": "which passes, and votes as failed_worker"}),
    (fails, {"judgements": "which fails, and votes that count"}),
    (lambda t: t.manifest["agreement"].update(helpful=0.99),
     {"agreement": "helpful: the manifest says 0.99"}),
    (lambda t: t.manifest["agreement"]["helpful"].update(high=0.99), {"agreement": "'high': 0.99"}),
    (lambda t: t.manifest["agreement"].clear(), {"agreement": "helpful: the manifest says None"}),
    (lambda t: t.manifest.update(rubric={"fluency": {"mean": 2.0, "answers": 1, "votes": 1}}),
     {"agreement": "rubric: the manifest says"}),
]  # fmt: skip


def test_an_earlier_release_has_alpha_alone(first: Tampered) -> None:
    def earlier(t: Tampered) -> None:
        t.manifest["agreement"]["helpful"] = t.manifest["agreement"]["helpful"]["alpha"]

    assert_found(first, earlier, {})


@pytest.mark.parametrize(("tamper", "expected"), VOTES)
def test_votes(first: Tampered, tamper: Tamper, expected: dict[str, str]) -> None:
    assert_found(first, tamper, expected)


# ---- splits and pairs -----------------------------------------------------------------------------------


def renamed_group(t: Tampered) -> None:
    group = t.one("default")["group"]
    for config in ("default", "rejected", "preference"):
        for row in t.rows(config):
            row["group"] = NOBODY if row["group"] == group else row["group"]


def renamed_cluster(t: Tampered) -> None:
    cluster = t.one("rejected", reason="duplicate")["cluster"]
    for config in ("default", "rejected", "preference"):
        for row in t.rows(config):
            row["cluster"] = NOBODY if row["cluster"] == cluster else row["cluster"]


def moved(t: Tampered) -> None:
    """A whole group goes from train to test, in the split map too."""
    paired = {row["group"] for row in t.rows("preference")}
    twins = {row["group"] for row in t.rows("rejected")}
    row = next(
        one for one in t.configs["default"]["train"]
        if one["source"] == "campaign" and one["group"] not in paired | twins
    )  # fmt: skip
    t.take("default", row)
    t.configs["default"]["test"].append(row)
    next(one for one in t.split_map if one["id"] == row["id"])["split"] = "test"
    t.count()


def map_entry(reason: str, **values: object) -> Tamper:
    def tamper(t: Tampered) -> None:
        name = t.one("rejected", reason=reason)["id"]
        next(one for one in t.split_map if one["id"] == name).update(values)

    return tamper


def another_pair(**values: object) -> Tamper:
    return lambda t: t.one("preference").update(values)


SPLITS: list[tuple[Tamper, dict[str, str]]] = [
    (renamed_group, {"groups": "not named by the smallest id"}),
    (renamed_cluster, {"groups": "not named by the smallest id"}),
    (moved, {"groups": "its name draws train"}),
    (map_entry("unjudged", split="banana"), {"split map": "'banana' in the split map is no split"}),
    (map_entry("duplicate", split="validation"),
     {"groups": "its name draws", "overlap": "has a text of a held-out row"}),
    (map_entry("unjudged", id="a1"), {"split map": "'a1' in the split map is no id"}),
    (lambda t: t.split_map.append({"id": NOBODY, "split": "train"}),
     {"split map": f"record {NOBODY} is in no config"}),
    (lambda t: t.split_map.append(dict(t.split_map[0])), {"split map": "stands 2 times"}),
    (lambda t: t.split_map.pop(), {"split map": "is not in the split map"}),
    (another_pair(margin=0.25), {"pairs": "says of margin something else"}),
    (another_pair(helpfulness=0.5), {"pairs": "says of helpfulness"}),
    (another_pair(content_hash="0" * 32), {"pairs": "says of content_hash"}),
    (another_pair(license="mit"), {"pairs": "says of license", "licences": "preference row"}),
    (another_pair(chosen=[{"role": "user", "content": "a"}, {"role": "assistant", "content": "b"}]),
     {"pairs": "says of chosen"}),
    (lambda t: t.one("preference").update(id=NOBODY), {"pairs": "is missing"}),
    (lambda t: t.manifest["builder"]["settings"].update(preference_margin=0.9),
     {"pairs": "make no such pair"}),
    (lambda t: t.manifest["builder"]["settings"].update(preference_margin=0.1), {}),
]  # fmt: skip


@pytest.mark.parametrize(("tamper", "expected"), SPLITS)
def test_splits_and_pairs(first: Tampered, tamper: Tamper, expected: dict[str, str]) -> None:
    assert_found(first, tamper, expected)


# ---- manifest -------------------------------------------------------------------------------------------


def in_manifest(*path: object, **values: object) -> Tamper:
    def tamper(t: Tampered) -> None:
        at = t.manifest
        for name in path:
            at = at[name]  # type: ignore[index]
        at.update(values)

    return tamper


def masked(t: Tampered) -> None:
    t.manifest["counts"]["masked"]["email"] = 500
    # While a leak's text is missing nobody can say what was masked in it.
    leak = t.one("rejected", reason="suite_leak")
    t.split_map = [one | {"content_hash": None} if one["id"] == leak["id"] else one for one in t.split_map]
    leak["content_hash"] = None


def overlapping(t: Tampered) -> None:
    """A training row repeats a sentence of a held-out one, in a longer text."""
    held = t.configs["default"]["test"][0]["messages"][-1]["content"]
    row = t.configs["default"]["train"][0]
    t.rehash(row, f"{row['messages'][-1]['content']} Na jambo lingine ni hili: {held} Basi.")


def sample_denied(t: Tampered) -> None:
    t.manifest["sources"]["campaign"]["sample"] = True


MANIFEST: list[tuple[Tamper, dict[str, str]]] = [
    (in_manifest("counts", published=99), {"ledgers": "published: the manifest says 99"}),
    (in_manifest("counts", records=99), {"ledgers": "records: the manifest says 99"}),
    (in_manifest("counts", withdrawn=3, records=24), {"ledgers": "withdrawn: the manifest says 3"}),
    (lambda t: t.manifest["counts"]["funnel"].pop(), {"ledgers": "funnel: "}),
    (in_manifest("counts", "by_source", "campaign", train=99),
     {"ledgers": "by_source: ", "inputs": "source campaign"}),
    (masked,
     {"ledgers": "masked: the manifest says 500 email, the texts have 1", "suite leaks": "neither unreadable",
      "leak report": "is refused, and has its messages"}),
    (in_manifest("counts", "masked", face=1), {"ledgers": "masked: the manifest says 1 face"}),
    (in_manifest("counts", flags={"harm:insult:1": 2}), {"flags": "the manifest counts"}),
    (setting("default", "flags", ["harm:insult:2"]), {"flags": "its words give"}),
    (setting("default", "flags", ["harm:insult:2", "b"]), {"flags": "not sorted names"}),
    (in_manifest("judgements", counted=0), {"ledgers": "judgements counted: the manifest says 0"}),
    (in_manifest("judgements", workers=1), {"ledgers": "workers: the manifest says 1"}),
    (lambda t: t.manifest["sources"]["campaign"]["inputs"][0].update(records=3),
     {"inputs": "source campaign"}),
    (lambda t: t.manifest["sources"]["campaign"]["inputs"][2].update(records=3),
     {"inputs": "judgements: the inputs have 3"}),
    (lambda t: t.manifest["sources"]["translated"]["inputs"][0].update(records=9),
     {"inputs": "source translated"}),
    (lambda t: t.manifest["sources"]["translated"].update(left_out={"q is not x": 1}),
     {"inputs": "source translated"}),
    (lambda t: t.manifest["sources"]["translated"]["inputs"][0].update(sha256="?"),
     {"manifest": "has no SHA-256"}),
    (in_manifest(suite_index={"sha256": "0" * 64, "tasks": {}}),
     {"manifest": "names no task", "reasons": "not in the suite index", "leak report": "no suite index"}),
    (in_manifest(suite_index={"sha256": "0" * 64, "tasks": {"t": {"items": 0, "texts": 0}}}),
     {"manifest": "has no items", "leak report": "no suite index"}),
    (in_manifest(suite_index=None),
     {"reasons": "'suite_leak' is no reason", "suite leaks": "nor a leak of a suite",
      "leak report": "no suite index"}),
    (in_manifest("leaks", rows_refused=7), {"leak report": "are not what the leak report counts to"}),
    (lambda t: t.leaks[0].update(decision="review"), {"leak report": "review is not what the thresholds say"}),
    (lambda t: t.leaks[0].update(id=NOBODY), {"leak report": "is no record of this release"}),
    (lambda t: t.leaks[0].update(task="exam"), {"leak report": "exam is not in the suite index"}),
    (lambda t: t.leaks[0].update(kind="copy"), {"leak report": "no line of a leak report"}),
    (lambda t: t.leaks.clear(), {"leak report": "without messages, and in no line as refused"}),
    (overlapping, {"overlap": "has a text of a held-out row"}),
    (sample_denied, {"manifest": "source campaign is SAMPLE"}),
    (in_manifest(sample=True), {"manifest": "and none of its sources does"}),
    (in_manifest(pseudonym_key=pseudonyms.fingerprint(pseudonyms.SAMPLE_KEY)),
     {"manifest": "under the public key"}),
    (in_manifest(pseudonym_key=None), {"people": "names no pseudonym key"}),
    (in_manifest(repository="mine"), {"manifest": "is not namespace/name"}),
    (in_manifest(left_out_as_empty=[]), {"manifest": "left_out_as_empty is []"}),
    (in_manifest(changelog=[]), {"changelog": "there is none"}),
    (lambda t: t.manifest["changelog"][0].update(rows=3), {"changelog": "with 3 rows"}),
    (lambda t: t.manifest["changelog"][0].update(added=3), {"changelog": "every row is added"}),
    (lambda t: t.manifest["changelog"][0].update(metadata=-1), {"changelog": "no number of rows"}),
    (in_manifest(previous={"version": "0.9.0", "manifest_sha256": "0" * 64, "carried": 0}),
     {"changelog": "previous release is 0.9.0"}),
]  # fmt: skip


@pytest.mark.parametrize(("tamper", "expected"), MANIFEST)
def test_manifest(first: Tampered, tamper: Tamper, expected: dict[str, str]) -> None:
    assert_found(first, tamper, expected)


# ---- the versions before, and who left ------------------------------------------------------------------


def left(t: Tampered) -> str:
    """The id of the row that left: the hash of the split map's one that is nowhere else."""
    return str(t.scratch.joinpath("left").read_text())


def superseded(value: str | None) -> Tamper:
    return lambda t: t.manifest["changelog"][1].update(superseded_by=value)


def unwithdrawn(t: Tampered) -> None:
    counts = t.manifest["counts"]
    counts["records"] -= counts["withdrawn"]
    counts["withdrawn"] = counts["by_source"]["campaign"].pop("withdrawn") * 0


VERSIONS: list[tuple[Tamper, dict[str, str]]] = [
    (superseded(None), {"changelog": "are not superseded"}),
    (superseded("1.0.0"), {"changelog": "superseded_by is 1.0.0"}),
    (superseded("7.0.0"), {"changelog": "7.0.0 is no version"}),
    (lambda t: t.manifest["changelog"][0].update(added=9),
     {"changelog": "what changed since 1.0.0 comes to"}),
    (lambda t: t.manifest["changelog"][0].update(metadata=99),
     {"changelog": "more rows changed than there were"}),
    (lambda t: t.manifest["changelog"].pop(), {"changelog": "no entry after the first"}),
    (in_manifest("previous", version="1.9.9"), {"changelog": "the previous release is 1.9.9"}),
    (in_manifest("previous", manifest_sha256="?"), {"changelog": "has no SHA-256"}),
    (in_manifest("previous", carried=7), {"split map": "carries 7 on"}),
    (in_manifest(previous=None), {"changelog": "names no previous release"}),
    (unwithdrawn, {"inputs": "source campaign"}),
    (setting("annotations", "answer_id", NOBODY, reason="text_changed"), {}),  # its answer may be away
    (in_manifest(withdrawn={"rows": [], "annotators": []}), {"ledgers": "the manifest has the hashes of 0"}),
    (in_manifest("withdrawn", rows=["asha juma"]), {"withdrawn": "no hashes of 32 hex digits"}),
    (lambda t: t.split_map.append({"id": left(t), "split": "train"}),
     {"withdrawn": "split_map: id", "split map": "1 records are in no config"}),
    (lambda t: t.one("rejected", reason="not_submitted").update(detail=f"of {left(t)}"),
     {"withdrawn": "rejected: detail"}),
    (lambda t: t.one("default").update(cluster=left(t)),
     {"withdrawn": "default: cluster", "groups": "smallest id"}),
    (lambda t: t.one("annotations", reason="unknown_answer").update(answer_id=left(t)),
     {"withdrawn": "annotations: answer_id"}),
    (lambda t: t.text("README.md", "# Mini", f"# Mini\n{left(t)}"),
     {"withdrawn": "README.md", "card": "they differ from line"}),
    (lambda t: t.text("README.md", "> **Deprecated: v1.0.0.**", "> Hm"),
     {"card": "v1.0.0 is deprecated, and the card does not say so"}),
]  # fmt: skip


@pytest.mark.parametrize(("tamper", "expected"), VERSIONS)
def test_versions(
    releases: tuple[Release, Release], second: Tampered, tamper: Tamper, expected: dict[str, str]
) -> None:
    before, after = ({*release.split_map["id"].to_pylist()} for release in releases)
    (gone,) = before - after
    (second.scratch / "left").write_text(gone)
    assert_found(second, tamper, expected)


# ---- card and citation ----------------------------------------------------------------------------------


def in_text(name: str, old: str, new: str) -> Tamper:
    return lambda t: t.text(name, old, new)


NUMBERS: list[tuple[Tamper, str]] = [
    (in_text("README.md", "| campaign | 19 |", "| campaign | 99 |"), "the table of sources lacks campaign"),
    (in_text("README.md", "| CC0-1.0 | crowd |", "| mit | crowd |"), "the table of sources lacks campaign"),
    (
        in_text("README.md", "| `unhelpful` | 1 |", "| `unhelpful` | 7 |"),
        "the funnel lacks unhelpful with 1 rows",
    ),
    (in_text("README.md", "alpha 0.30", "alpha 0.95"), "the agreement on helpful, 0.30, is not on the card"),
    (in_text("README.md", "| counted | 39 |", "| counted | 9 |"), "the table of judgements lacks 39 counted"),
    (
        in_text("README.md", "(`own_answer`) | 1 |", "(`own_answer`) | 0 |"),
        "the table of judgements lacks 1 own_answer",
    ),
    (in_text("README.md", "| 1.0.0 | 12 | 12 |", "| 1.0.0 | 12 | 0 |"), "the table of versions lacks 1.0.0"),
    (
        in_text("README.md", "| `default` | test | 2 |", "| `default` | test | 3 |"),
        "lacks default/test with 2 rows",
    ),
    (
        in_text("CITATION.cff", "title: Mini", "title: Maxi"),
        "title is not what the manifest and the rows say",
    ),
    (in_text("CITATION.cff", "- MIT", "- GPL-3.0"), "license is not what the manifest and the rows say"),
    (
        in_text("CITATION.cff", "The test contributors", "Me"),
        "authors is not what the manifest and the rows say",
    ),
]


@pytest.mark.parametrize(("tamper", "said"), NUMBERS)
def test_numbers_are_found_also_where_another_package_worded_them(
    first: Tampered, tamper: Tamper, said: str
) -> None:
    first.manifest["renderer"] = "0" * 24
    tamper(first)
    findings = found(first.release())
    (listed,) = findings.values()
    assert len(listed) == 1 and said in listed[0], findings


@pytest.mark.parametrize(
    ("name", "old", "new"),
    [
        ("README.md", "version      = {1.0.0}", "version      = {7.7.7}"),
        ("README.md", "description: content ", "description: content 0"),
        ("README.md", "only the maintainers could link", "nobody could link"),
        ("README.md", "## Integrity", "## Trust"),
        ("CITATION.cff", "- instruction tuning", "- everything"),
    ],
)
def test_every_byte_is_what_the_manifest_and_the_rows_make(
    first: Tampered, name: str, old: str, new: str
) -> None:
    first.text(name, old, new)
    findings = found(first.release())
    check = "card" if name == "README.md" else "citation"
    assert findings.keys() == {check}
    assert findings[check][0].startswith(
        f"{name} is not what the manifest and the rows make: they differ from line"
    )
    # Another template words it otherwise, and an older release knows no renderer at all.
    first.manifest["renderer"] = "0" * 24
    assert found(first.release()) == {}
    del first.manifest["renderer"]
    first.manifest["tools"]["lrl-datasets"] = "0.0.9"
    assert found(first.release()) == {}


# ---- people ---------------------------------------------------------------------------------------------


def text_of(config: str, text: str) -> Tamper:
    return lambda t: t.rehash(t.one(config, source="translated"), text)


SAID = "Mwanga wa jua hutawanywa na hewa na rangi ya bluu hutawanyika zaidi"
PEOPLE: list[tuple[Tamper, dict[str, str]]] = [
    (setting("default", "annotator", "worker-17"), {"people": "annotator is no pseudonym"}),
    (setting("annotations", "worker", ODD, reason="text_changed"), {"people": "worker is no pseudonym"}),
    (setting("default", "source_id", "a1", source="campaign"), {"people": "not its keyed id"}),
    (text_of("default", f"{SAID}, asha.juma@example.org"), {"personal data": "unmasked email"}),
    (text_of("default", f"{SAID}, piga +255 712 345 678"), {"personal data": "unmasked phone"}),
    (text_of("default", f"{SAID}, {ODD}"), {"personal data": "unmasked id of a platform's worker"}),
    (text_of("default", f"{SAID}, A1BC2D3EFGHIJK"), {"personal data": "unmasked id of a platform's worker"}),
    (text_of("default", f"{SAID}, ABDULRAHMANIA 0000123456"), {}),
    (setting("rejected", "detail", f"column {ODD}", reason="not_submitted"), {"personal data": "in detail"}),
    (setting("rejected", "detail", "column juma@example.org", reason="not_submitted"),
     {"personal data": "unmasked email in detail"}),
    (setting("default", "source_id", "juma@example.org", source="translated"),
     {"personal data": "in source_id"}),
    (setting("default", "source_id", "0712 345 678", source="translated"),
     {"personal data": "phone in source_id"}),
    (setting("default", "source_id", "0712345678", source="translated"), {}),
    (setting("annotations", "batch", "juma@example.org"), {"judgements": "batch is no input"}),
    (lambda t: t.text("README.md", "## Citation", "Ask juma@example.org, 0712 345 678.\n\n## Citation"),
     {"personal data": "README.md line", "card": "they differ from line"}),
    (lambda t: t.text("CITATION.cff", "type: dataset", "type: dataset\nabstract: of juma@example.org"),
     {"personal data": "CITATION.cff line", "citation": "they differ from line"}),
    (in_manifest("sources", "translated", config="juma@example.org"),
     {"personal data": "manifest.json: unmasked email"}),
]  # fmt: skip


@pytest.mark.parametrize(("tamper", "expected"), PEOPLE)
def test_people(first: Tampered, tamper: Tamper, expected: dict[str, str]) -> None:
    assert_found(first, tamper, expected)
