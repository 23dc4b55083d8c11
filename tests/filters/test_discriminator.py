"""A fitted table: small truths by hand, then fitted on made-up sentences and used by the rule."""

from __future__ import annotations

import io
import pickle
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from lrl_datasets import languages, schema
from lrl_datasets.errors import LrlError
from lrl_datasets.filters import byte_ngrams, discriminator, discriminator_fit
from lrl_datasets.filters.detectors import Verdict
from lrl_datasets.filters.discriminator import Discriminator, table_file
from lrl_datasets.filters.labelled_text import LabelledText, read_folder
from lrl_datasets.filters.language_id import LanguageId, judge
from tests.filters import labelled

SWAHILI = languages.load("swh_Latn")


@pytest.fixture(scope="module")
def fitted(tmp_path_factory: pytest.TempPathFactory) -> tuple[Discriminator, Path]:
    folder = labelled.folder(tmp_path_factory.mktemp("text"), swh_Latn=300, kam_Latn=60, eng_Latn=60)
    table = discriminator_fit.fit(SWAHILI, [read_folder(folder)])
    path = folder / "swh_Latn.lid.npz"
    table.save(path)
    return discriminator.load(path), path


def test_ngrams_by_hand() -> None:
    data, starts = byte_ngrams.encoded(["Ab", "é"])
    assert data.tobytes() == b" ab  \xc3\xa9 " and starts.tolist() == [0, 4, 8]
    # Four bytes: four of one, three of two, two of three, one of four, none of five.
    assert byte_ngrams.numbers(starts).tolist() == [10, 10]
    there = [inside.sum() for _, inside in byte_ngrams.places(data, starts)]
    assert there == [8, 6, 4, 2, 0]
    table = np.ones(1 << byte_ngrams.BITS, np.int16)
    assert byte_ngrams.sums(["Ab", "é"], table).tolist() == pytest.approx([10 / 10**0.5] * 2)


@given(st.lists(st.text(), max_size=5), st.text())
def test_a_text_scores_the_same_in_any_batch(texts: list[str], text: str) -> None:
    table = np.arange(1 << byte_ngrams.BITS).astype(np.int16)
    alone = byte_ngrams.sums([text], table)
    assert byte_ngrams.sums([*texts, text, *texts], table)[len(texts)] == alone[0]


def test_the_sign_of_the_leading_detector() -> None:
    said = [Verdict("swh_Latn", 0.5), Verdict("kin_Latn", 0.2), Verdict("swh_Latn", 9.0), Verdict("und", 0.0)]
    assert discriminator.signed(said, "swh_Latn").tolist() == [0.5, -0.2, 1.5, 0.0]


def test_a_fitted_table_says_what_it_was_fitted_on(fitted: tuple[Discriminator, Path]) -> None:
    table, path = fitted
    facts = table.facts
    assert path.stat().st_size < 1_000_000
    assert facts.language == "swh_Latn" and facts.package.startswith("lrl-datasets ")
    assert facts.texts[0]["sentences"] == {"eng_Latn": 60, "kam_Latn": 60, "swh_Latn": 300}
    assert "kin_Latn" in facts.missing and "kam_Latn" not in facts.missing
    assert 0.985 <= facts.report["recall"][path.parent.name]["share"] <= 1
    assert facts.report["let_through"]["kam"]["share"] == 0
    assert facts.report["left_out"]["kam"]["sentences"] == 60


def test_the_same_text_gives_the_same_bytes(fitted: tuple[Discriminator, Path], tmp_path: Path) -> None:
    path = fitted[1]
    again = discriminator_fit.fit(SWAHILI, [read_folder(path.parent)])
    again.save(tmp_path / "again.npz")
    assert (tmp_path / "again.npz").read_bytes() == path.read_bytes()


def test_the_table_refuses_what_the_rule_lets_through(fitted: tuple[Discriminator, Path]) -> None:
    table, path = fitted
    of_swahili = labelled.sentences("swh_Latn", 40, seed=7)
    of_kamba = labelled.sentences("kam_Latn", 200, seed=7, words=9)
    fooled = [text for text, one in zip(of_kamba, judge(of_kamba, SWAHILI), strict=True) if one.accepted]
    assert fooled, "of nine words a few pass for Swahili by py3langid's margin"
    refused = judge(fooled, SWAHILI, table)
    assert not any(one.accepted for one in refused)
    assert all("table:" in one.why and one.verdicts[-1][0] == "table" for one in refused)
    assert sum(one.accepted for one in judge(of_swahili, SWAHILI, table)) >= 39

    messages = [{"role": "user", "content": of_swahili[0]}, {"role": "assistant", "content": fooled[0]}]
    step = LanguageId("swh_Latn", table=table_file(path, "swh_Latn"))
    for one in (step, pickle.loads(pickle.dumps(step))):
        row = one(schema.candidates([{"messages": messages}])).to_pylist()[0]
        assert (row["lid_prompt"], row["lid_answer"]) == ("own", "other")
        assert [(x["part"], x["label"]) for x in row["lid"] if x["detector"] == "table"] == [
            ("prompt", "swh_Latn"), ("answer", "und"),
        ]  # fmt: skip


def test_too_little_to_fit_on(tmp_path: Path) -> None:
    few = labelled.folder(tmp_path / "few", swh_Latn=50, kam_Latn=50)
    with pytest.raises(LrlError, match="50 different sentences of 4 words and more are too few"):
        discriminator_fit.fit(SWAHILI, [read_folder(few)])
    alone = labelled.folder(tmp_path / "alone", swh_Latn=300, eng_Latn=300)
    with pytest.raises(LrlError, match=r"no text of its neighbours is given .kin_Latn, run_Latn"):
        discriminator_fit.fit(SWAHILI, [read_folder(alone)])


def test_a_sentence_under_two_languages_is_the_languages_own() -> None:
    listed = labelled.sentences("swh_Latn", 30)
    given = LabelledText(
        "x", "0" * 64, {"swh": listed, "eng_Latn": [*listed[:10], "Another sentence is here."]}
    )
    found = discriminator_fit._gather(SWAHILI, [given])
    assert dict(zip(*np.unique(found.code, return_counts=True), strict=True)) == {"swh": 30, "eng": 1}


def test_files_that_are_no_tables(fitted: tuple[Discriminator, Path], tmp_path: Path) -> None:
    path = tmp_path / "x.npz"
    with pytest.raises(LrlError, match="there is no such table"):
        discriminator.load(path)
    path.write_bytes(b"nothing of the kind")
    with pytest.raises(LrlError, match=r"no table of `lrl lid fit`"):
        discriminator.load(path)
    pickled = io.BytesIO()
    np.savez(pickled, facts=np.array([{"a": 1}], object), weights=np.zeros(3), allow_pickle=True)
    (tmp_path / "pickled.npz").write_bytes(pickled.getvalue())
    with pytest.raises(LrlError, match=r"no table of `lrl lid fit`"):
        discriminator.load(tmp_path / "pickled.npz")
    table, own = fitted
    discriminator.Discriminator(table.facts, np.zeros(3, np.int16)).save(tmp_path / "short.npz")
    with pytest.raises(LrlError, match="weights of shape"):
        discriminator.load(tmp_path / "short.npz")
    with pytest.raises(LrlError, match="a table of swh_Latn, and the dataset's language is hau_Latn"):
        table_file(own, "hau_Latn")
    changed = discriminator.TableFile(own, "0" * 64)
    with pytest.raises(LrlError, match="another table than at the start of the build"):
        changed.load()
    assert str(changed) == "sha256:" + "0" * 64 and changed == discriminator.TableFile(path, "0" * 64)
