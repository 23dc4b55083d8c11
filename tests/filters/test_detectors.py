"""Each detector says what its library says; sentences written for this project."""

from __future__ import annotations

import csv
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from py3langid.langid import classify, rank

from lrl_datasets import languages
from lrl_datasets.errors import LrlError
from lrl_datasets.filters import detectors, langid_scores
from lrl_datasets.filters.detectors import Verdict, detector
from lrl_datasets.languages import Detector, HubModel, LeadingDetector, Opinion
from tests.hub import put_dataset, run_client, running_hub

SWAHILI = languages.load("swh_Latn")
TEXTS = [
    "Serikali ya Tanzania imesema kwamba shule zote zitafunguliwa mwezi ujao.",
    "The children played football until the sun went down.",
    "Les enfants ont joué au ballon jusqu'au coucher du soleil.",
    "Yara sun yi wasan ƙwallo har rana ta faɗi.",
    "ልጆቹ ፀሐይ እስክትጠልቅ ድረስ ኳስ ተጫወቱ።",
    "बच्चे सूरज डूबने तक खेलते रहे।",
    "MTOTO ANACHEZA MPIRA UWANJANI",
    "Ndiyo",
    "2024",
    "x" * 3000,
]


def equals_one_by_one(texts: list[str]) -> None:
    labels = langid_scores.tables().labels
    for text, scores, found in zip(texts, *langid_scores.scores(texts), strict=True):
        label, best = classify(text)
        if not found:
            ranked = rank(text)
            assert ranked[0][1] == ranked[-1][1]  # nothing found: all the same
            continue
        assert labels[int(scores.argmax())] == label
        assert float(scores.max()) == pytest.approx(best, rel=1e-5, abs=1e-3)


def test_batched_py3langid_equals_its_own() -> None:
    equals_one_by_one(TEXTS)
    by_library = dict(rank(TEXTS[0]))
    scores = langid_scores.scores(TEXTS)[0][0]
    for label, score in zip(langid_scores.tables().labels, scores, strict=True):
        assert score == pytest.approx(by_library[label], rel=1e-4, abs=1e-2)


def test_another_version_of_py3langid_is_asked_one_by_one(monkeypatch: pytest.MonkeyPatch) -> None:
    batched, found = langid_scores.scores(TEXTS)
    apart = langid_scores.differences(TEXTS, "sw", "en")
    monkeypatch.setattr(langid_scores, "version", lambda name: "0.9")
    again, seen = langid_scores.scores(TEXTS)
    assert found.tolist() == seen.tolist()
    assert np.allclose(batched[found], again[found], rtol=1e-4, atol=1e-2)
    assert np.allclose(
        apart[found], langid_scores.differences(TEXTS, "sw", "en")[found], rtol=1e-3, atol=1e-2
    )
    assert langid_scores.scores([])[0].shape == (0, len(langid_scores.tables().labels))


def test_the_difference_of_two_labels() -> None:
    scores, _ = langid_scores.scores(TEXTS)
    tables = langid_scores.tables()
    sw, en = tables.labels.index("sw"), tables.labels.index("en")
    without = scores - tables.prior[tables.columns]
    expected = without[:, sw] - without[:, en]
    assert np.allclose(langid_scores.differences(TEXTS, "sw", "en"), expected, rtol=1e-3, atol=1e-2)
    assert expected[0] > 0 > expected[1]


@settings(max_examples=40, deadline=None)
@given(st.lists(st.text() | st.sampled_from(TEXTS), max_size=6))
def test_batches_of_any_text(texts: list[str]) -> None:
    equals_one_by_one(texts)


def test_the_cut_into_batches_changes_nothing() -> None:
    leading = detector(SWAHILI, SWAHILI.language_id.leading)
    assert [leading([text])[0] for text in TEXTS] == leading(TEXTS) and leading([]) == []


@pytest.mark.data
def test_batched_py3langid_on_57_languages(data_dir: Path) -> None:
    texts = []
    for path in sorted(data_dir.glob("sib200/*/dev.tsv")):
        with path.open(encoding="utf-8", newline="") as file:
            texts += [row["text"] for row in csv.DictReader(file, delimiter="\t", quoting=csv.QUOTE_NONE)][
                ::4
            ]
    assert len(texts) > 1000
    equals_one_by_one(texts)


def test_margin_is_against_the_competitors() -> None:
    ranked = dict(rank(TEXTS[0]))
    size = len(TEXTS[0].encode())
    competitors = SWAHILI.language_id.leading.competitors
    own, other = detector(SWAHILI, SWAHILI.language_id.leading)(TEXTS[:2])
    assert own.label == "swh_Latn"
    assert own.score == pytest.approx((ranked["sw"] - max(ranked[n] for n in competitors)) / size, abs=2e-4)
    english = dict(rank(TEXTS[1]))
    assert other.label == "eng_Latn"
    assert other.score == pytest.approx((english["en"] - english["sw"]) / len(TEXTS[1].encode()), abs=2e-4)
    alone = detector(SWAHILI, LeadingDetector(detector="py3langid"))(TEXTS[:1])[0]
    assert alone.score == pytest.approx((ranked["sw"] - sorted(ranked.values())[-2]) / size, abs=2e-4)


def test_an_unknown_competitor_is_an_error() -> None:
    with pytest.raises(LrlError, match="knows no language kam"):
        detector(SWAHILI, LeadingDetector(detector="py3langid", competitors=("kam",)))


@pytest.mark.parametrize("name", ["fasttext", "langdetect"])
def test_opinions(name: str) -> None:
    judged = detector(SWAHILI, Opinion(detector=name))([*TEXTS[:3], "", "2024 — 17"])  # type: ignore[arg-type]
    assert [verdict.label for verdict in judged] == ["swh_Latn", "eng_Latn", "fra_Latn", "und", "und"]
    assert all(0.2 < verdict.score <= 1 for verdict in judged[:3])
    assert judged == detector(SWAHILI, Opinion(detector=name))([*TEXTS[:3], "", "2024 — 17"])  # type: ignore[arg-type]


def test_loading_fasttext_prints_nothing(capfd: pytest.CaptureFixture[str]) -> None:
    detectors.load_fasttext.cache_clear()
    detectors.load_fasttext(detectors.embedded_model())
    assert capfd.readouterr() == ("", "")


def test_a_file_that_is_no_model(tmp_path: Path) -> None:
    (tmp_path / "model.bin").write_bytes(b"nothing of the kind")
    with pytest.raises(LrlError, match=r"model\.bin"):
        detectors.load_fasttext(tmp_path / "model.bin")
    with pytest.raises(LrlError, match="no such fastText model"):
        detectors.load_fasttext(tmp_path / "absent.bin")


def test_a_model_from_the_hub(tmp_path: Path) -> None:
    with running_hub(tmp_path) as hub:
        commit = put_dataset(
            hub.url, "example/lid", {"lid.bin": detectors.embedded_model()}, repo_type="model"
        )
        code = f"""
from lrl_datasets import languages
from lrl_datasets.errors import LrlError
from lrl_datasets.filters.detectors import detector
from lrl_datasets.languages import Detector, HubModel
def facts(revision):
    model = HubModel(repo_id="example/lid", revision=revision, filename="lid.bin")
    return Detector(detector="fasttext", model=model, labels={{"sw": "swh_Latn", "en": "xyz_Latn"}})
language = languages.load("sw")
print([verdict.label for verdict in detector(language, facts({commit!r}))({TEXTS[:3]!r})])
try:
    detector(language, facts("0" * 40))
except LrlError as error:
    print(str(error).split(" cannot")[0])
"""
        assert run_client(code, hub.url, tmp_path).splitlines() == [
            "['swh_Latn', 'xyz_Latn', 'fra_Latn']",
            f"fastText model example/lid@{'0' * 40}:lid.bin",
        ]


def test_a_model_is_pinned_and_labelled() -> None:
    with pytest.raises(ValueError, match="pattern"):
        HubModel(repo_id="example/lid", revision="main", filename="lid.bin")
    model = HubModel(repo_id="example/lid", revision="0" * 40, filename="lid.bin")
    with pytest.raises(ValueError, match="needs `labels`"):
        Detector(detector="fasttext", model=model)
    with pytest.raises(ValueError, match="only a fasttext detector"):
        Detector(detector="langdetect", model=model, labels={"sw": "swh_Latn"})


def test_labels_become_our_codes() -> None:
    codes = detectors._Codes({"sw": "swh_Latn"})
    assert [codes[x] for x in ("sw", "en", "rw", "ha", "zh-cn", "kam_Latn", "xx-unknown")] == [
        "swh_Latn", "eng_Latn", "kin_Latn", "hau_Latn", "zho_Hans", "kam_Latn", "xx-unknown",
    ]  # fmt: skip
    assert Verdict("und", 0.0).label == detectors.UNDETERMINED
