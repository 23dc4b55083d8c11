"""What the card says of a dataset's versions and sources, and how it is cited."""

from __future__ import annotations

from dataclasses import asdict
from pathlib import Path
from typing import Any

import pytest
import yaml

from lrl_datasets import card_validator, languages, pseudonyms
from lrl_datasets.crowd.agreement import Agreement
from lrl_datasets.release import card, citation, locations
from tests.test_build import answers, run

FACTS = card.Facts(
    title="Mini", language=languages.load("swh_Latn"), licenses=["CC0-1.0"], creation_methods=["crowd"],
    agreement={"helpful": asdict(Agreement(0.7, 0.6, 0.8, "nominal", 2, 4, 0.9, {"yes": 4}))},
    example={"prompt": "Swali?", "answer": "Jibu."},
    counted={"helpful": 3},
)  # fmt: skip

ENTRY = {"rows": 10, "added": 0, "removed": 0, "withdrawn": 0, "changed": 0, "metadata": 0, "schema": []}
CHANGELOG = [
    ENTRY | {"version": "2.0.0", "schema": ["default column removed mood"], "superseded_by": None},
    ENTRY | {"version": "1.1.0", "withdrawn": 1, "changed": 2, "superseded_by": None},
    ENTRY | {"version": "1.0.0", "added": 10, "superseded_by": "1.1.0"},
]


@pytest.fixture(scope="module")
def content(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Any]:
    """The manifest of a real release; no test changes it."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("LRL_PSEUDONYM_KEY", "a key for the tests only")
        return run(tmp_path_factory.mktemp("release"), answers()).manifest


def front(text: str) -> dict[str, Any]:
    data = yaml.safe_load(card_validator.front_matter(text) or "")
    assert isinstance(data, dict)
    return data


def test_a_first_release_has_one_entry(content: dict[str, Any]) -> None:
    assert [(one["version"], one["rows"], one["added"]) for one in content["changelog"]] == [
        ("1.0.0", 10, 10)
    ]
    text = card.render(content, FACTS)
    assert "| 1.0.0 | 10 | 10 | 0 | 0 | 0 | 0 |  |" in text
    assert "Deprecated" not in text


def test_the_changelog_goes_over_all_versions_and_names_the_deprecated(content: dict[str, Any]) -> None:
    text = card.render(content | {"changelog": CHANGELOG}, FACTS)
    rows = [line for line in text.splitlines() if line.startswith(("| 2.", "| 1."))]
    assert [row.split("|")[1].strip() for row in rows] == [
        "2.0.0",
        "1.1.0",
        f"1.0.0 (deprecated: use {content['version']})",
    ]
    assert rows[0].endswith("| default column removed mood |")
    assert (
        "> **Deprecated: v1.0.0.** It may hold rows or votes that somebody has since asked to be removed.\n"
        f"> Please use v{content['version']} instead." in text
    )
    assert card_validator.problems(text) == []


def test_several_deprecated_versions_are_one_note(content: dict[str, Any]) -> None:
    log = [ENTRY | {"version": version, "superseded_by": by}
           for version, by in (("1.2.0", None), ("1.1.1", "1.2.0"), ("1.1.0", "1.2.0"))]  # fmt: skip
    text = card.render(content | {"version": "1.2.0", "changelog": log}, FACTS)
    assert "> **Deprecated: v1.1.1, v1.1.0.** They may hold rows or votes that" in text
    assert "> Please use v1.2.0 instead.\n\n| config |" in text


def test_sample_rows_of_the_suite_are_no_leak_check_of_a_real_release(content: dict[str, Any]) -> None:
    entry = {"dataset": "a/b", "revision": "0" * 40, "items": 3, "texts": 3}
    for sample_index, sample, checked in ((True, False, False), (True, True, True), (False, False, True)):
        index = {"sha256": "0" * 64, "tasks": {"t": entry | {"sample": sample_index}}}
        text = card.render(content | {"suite_index": index, "sample": sample}, FACTS)
        assert ("**NOT LEAK-CHECKED.** The suite index of this build holds SAMPLE rows" in text) != checked
        assert ("t (3 items, SAMPLE rows)." in text) == sample_index
    old = {"sha256": "0" * 64, "tasks": {"t": entry}}  # an index of before the mark
    assert "NOT LEAK-CHECKED" not in card.render(content | {"suite_index": old}, FACTS)
    assert "without a suite index" in card.render(content | {"suite_index": None}, FACTS)


def test_an_index_without_a_task_is_no_leak_check(content: dict[str, Any]) -> None:
    text = card.render(content | {"suite_index": {"sha256": "0" * 64, "tasks": {}}}, FACTS)
    assert "**NOT LEAK-CHECKED.** The suite index of this build holds no task:" in text
    assert "compared with" not in text


def test_whose_key_the_pseudonyms_have(content: dict[str, Any]) -> None:
    public = pseudonyms.fingerprint(pseudonyms.SAMPLE_KEY)
    for sample in (True, False):  # a SAMPLE campaign may be built with the maintainers' own key
        text = card.render(content | {"sample": sample}, FACTS)
        assert "keyed hashes that only the maintainers could link." in text and "public key" not in text
    text = card.render(content | {"sample": True, "pseudonym_key": public}, FACTS)
    assert "(here under a public key: nobody stands behind them)." in text


def test_the_card_follows_from_the_manifest_and_the_rows(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("LRL_PSEUDONYM_KEY", "a key for the tests only")
    built = run(tmp_path, answers())
    release = locations.read(built.folder)
    assert release.manifest["title"] == "Mini"
    assert release.manifest["renderer"] == card.renderer()
    facts = card.facts(release.manifest, release.configs)
    assert card.render(release.manifest, facts) == (built.folder / "README.md").read_text()
    empty = card.facts(release.manifest, {})
    assert (empty.licenses, empty.example, empty.counted) == ([], {}, {})


def test_a_dataset_without_people_is_cited_too(content: dict[str, Any]) -> None:
    text = card.render(content | {"pseudonym_key": None}, FACTS)
    assert "## People" not in text and "## Citation" in text


def test_the_fields_that_the_hub_makes_croissant_of(content: dict[str, Any]) -> None:
    hub = {"repo": "someone/data", "language": "swh_Latn", "prompt_language": "eng_Latn", "inputs": [],
           "left_out": {}, "license": "mit", "revision": None}  # fmt: skip
    told = front(card.render(content, FACTS))
    assert (told["multilinguality"], told["source_datasets"]) == (["monolingual"], ["original"])
    assert {"pretty_name", "license", "language", "size_categories", "tags"} <= told.keys()
    counts = content["counts"]
    more = counts | {"by_source": counts["by_source"] | {"data": {"train": 3}, "refused": {"too_short": 2}}}
    sources = content["sources"] | {"data": hub, "refused": hub | {"repo": "someone/refused"}}
    told = front(card.render(content | {"sources": sources, "counts": more}, FACTS))
    assert (told["multilinguality"], told["source_datasets"]) == (
        ["multilingual"],
        ["original", "someone/data"],
    )


def test_the_citation_has_the_formats_keys_and_no_date(content: dict[str, Any]) -> None:
    text = citation.render(content, "Mini", "Swahili", ["CC0-1.0"])
    assert list(citation.problems(text, content)) == []
    data = yaml.safe_load(text)
    # The schema of the Citation File Format 1.2.0: these at the root, and a name for an entity.
    assert {"cff-version", "message", "title", "authors"} <= data.keys()
    assert data["authors"][0].keys() == {"name", "website"}
    assert "date-released" not in data
    assert data["url"] == "https://huggingface.co/datasets/test/mini"
    assert data["license"] == "CC0-1.0"


def test_the_citation_names_every_licence(content: dict[str, Any]) -> None:
    told = citation.entries(content, "Mini", "Swahili", ["CC0-1.0", "apache-2.0"])
    assert told["license"] == ["CC0-1.0", "Apache-2.0"]
    # The format reads a list as a choice, which rows under different licences are not.
    assert "under 2 licences, and each names its own: CC0-1.0, apache-2.0" in told["message"]
    # It knows no licence outside SPDX, and has no key for one that is in it beside one that is not.
    told = citation.entries(content, "Mini", "Swahili", ["CC0-1.0", "cc"])
    assert "license" not in told and "each names its own: CC0-1.0, cc." in told["message"]
    told = citation.entries(content, "Mini", "Swahili", ["cc"])
    assert "license" not in told and told["message"].endswith("The licence of its rows: cc.")


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("a: [", "no YAML"),
        ("- a", "not a mapping"),
        ("cff-version: 1.1.0", "cff-version, the format's own, is '1.1.0'"),
        ("cff-version: 1.2.0\nversion: 9.9.9", "version is '9.9.9', the manifest says 1.0.0"),
        ("type: poem", "neither dataset nor software"),
        ("url: https://huggingface.co/datasets/test/other", "is not that of test/mini"),
    ],
)
def test_a_wrong_citation_is_named(content: dict[str, Any], text: str, said: str) -> None:
    assert any(said in problem for problem in citation.problems(text, content))


def test_the_card_cites_the_version(content: dict[str, Any]) -> None:
    text = card.render(content | {"version": "1.2.0"}, FACTS)
    assert "@misc{mini_1.2.0,\n  title        = {Mini}," in text
    assert r"\url{https://huggingface.co/datasets/test/mini}" in text


def test_the_card_has_alpha_with_its_interval_and_a_rubrics_marks(content: dict[str, Any]) -> None:
    marks = {
        "helpful": {"mean": 1.25, "answers": 4, "votes": 12},
        "fluency": {"mean": 2.0, "answers": 4, "votes": 12},
    }
    text = card.render(content | {"rubric": marks}, FACTS)
    assert "alpha 0.70\n(nominal; 95 % interval 0.60 to 0.80)" in text
    assert text.index("| fluency | 2.00 | 4 | 12 |") < text.index("| helpful | 1.25 | 4 | 12 |")
    assert "criterion" not in card.render(content, FACTS)
