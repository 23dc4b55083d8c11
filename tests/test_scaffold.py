"""A new language is two written files and no changed one."""

from __future__ import annotations

import hashlib
import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from lrl_datasets import languages, scaffold
from lrl_datasets.errors import LrlError
from lrl_datasets.filters.language_id import judge

ROOT = Path(__file__).parent.parent


@pytest.fixture
def checkout(tmp_path: Path) -> Path:
    """A copy of the tree, without what git does not hold."""
    folder = tmp_path / "checkout"
    folder.mkdir()
    for name in ("lrl_datasets", "builders", "cards", "eval_tasks", "recipes"):
        shutil.copytree(ROOT / name, folder / name, ignore=shutil.ignore_patterns("__pycache__"))
    shutil.copy(ROOT / "pyproject.toml", folder)
    return folder


def contents(folder: Path) -> dict[str, str]:
    return {
        str(path.relative_to(folder)): hashlib.sha256(path.read_bytes()).hexdigest()
        for path in folder.rglob("*")
        if path.is_file() and "__pycache__" not in path.parts
    }


def test_igbo_is_two_new_files_and_no_changed_one(checkout: Path) -> None:
    before = contents(checkout)
    written = scaffold.new_language("ibo", checkout)
    after = contents(checkout)
    new = {"lrl_datasets/languages/ibo.toml", "builders/igbo_instruct.py"}
    assert {str(path.relative_to(checkout)) for path in written} == new
    assert {path: after[path] for path in before} == before and set(after) - set(before) == new

    # What a user of that checkout sees: the language is known, the builder is found. The content folders lie
    # inside the package once installed; here the copy's package finds the copy's builders.
    (checkout / "lrl_datasets" / "builders").symlink_to(checkout / "builders")
    code = (
        "from lrl_datasets import builders, languages\n"
        "import lrl_datasets\n"
        "print(lrl_datasets.__file__)\n"
        "print(languages.load('ig').code, [x.code for x in languages.all_languages()])\n"
        "name, builder = builders.find('igbo-instruct')\n"
        "print(name, builder.repository, builder.language, [step.name for step in builder.filters])\n"
    )
    done = subprocess.run(
        [sys.executable, "-S", "-c", f"import sys; sys.path[:0] = {[str(checkout), *sys.path]!r}\n{code}"],
        capture_output=True, text=True, check=False, env={**os.environ, "PYTHONDONTWRITEBYTECODE": "1"},
    )  # fmt: skip
    assert done.stderr == ""
    where, known, builder = done.stdout.splitlines()
    assert Path(where).is_relative_to(checkout)
    assert known == "ibo_Latn ['amh_Ethi', 'hau_Latn', 'ibo_Latn', 'npi_Deva', 'swh_Latn', 'yor_Latn']"
    assert builder == (
        "igbo-instruct lrl-align/igbo-instruct ibo_Latn "
        "['normalise', 'personal_data', 'length', 'echo', 'repetition', 'script', 'untranslated', 'length_ratio', "
        "'language_id', 'refusals', 'truncated', 'markup', 'harm', 'helpfulness', 'duplicates']"
    )


def test_igbo_facts_and_their_use(checkout: Path) -> None:
    igbo = languages.load_file(scaffold.new_language("ibo_Latn", checkout)[0])
    assert (igbo.names.english, igbo.codes.hub, igbo.codes.py3langid) == ("Igbo", "ig", "ig")
    assert igbo.codes.fasttext is igbo.codes.langdetect is igbo.codes.macrolanguage is None
    assert igbo.personal_data.phone_regions == ("NG",)
    texts = [
        "Gọọmentị kwuru na a ga-emepe ụlọ akwụkwọ niile dị na steeti ọ bụla n'ọnwa na-abịa.",
        "The federal government says that schools will open in every state next month.",
        "Kedu isi obodo nke ala Naịjirịa?",
        "What is the capital of Nigeria?",  # fastText knows no Igbo, but agrees that this is English
    ]
    assert [judgement.accepted for judgement in judge(texts, igbo)] == [True, False, True, False]


@pytest.mark.parametrize(
    ("code", "file", "builder", "hub", "leading"),
    [
        ("som", "som.toml", "somali_instruct.py", "so", "py3langid"),
        ("si", "sin.toml", "sinhala_instruct.py", "si", "py3langid"),
        ("kaz_Cyrl", "kaz.toml", "kazakh_instruct.py", "kk", "py3langid"),
        ("zgh", "zgh.toml", "standard_moroccan_tamazight_instruct.py", "zgh", "fasttext"),
        ("kam", "kam.toml", "kamba_instruct.py", "kam", "fasttext"),
        ("pes", "pes.toml", "iranian_persian_instruct.py", "fa", "py3langid"),
    ],
)
def test_other_languages(checkout: Path, code: str, file: str, builder: str, hub: str, leading: str) -> None:
    facts, script = scaffold.new_language(code, checkout)
    assert (facts.name, script.name) == (file, builder)
    language = languages.load_file(facts)
    assert (language.codes.hub, language.language_id.leading.detector) == (hub, leading)
    assert language.personal_data.phone_regions
    assert language.code.startswith(("som_Latn", "sin_Sinh", "kaz_Cyrl", "zgh_Tfng", "kam_Latn", "pes_Arab"))
    compile(script.read_text(encoding="utf-8"), script.name, "exec")


def test_a_language_that_no_embedded_detector_knows_names_a_pinned_model(checkout: Path) -> None:
    kamba = languages.load_file(scaffold.new_language("kam", checkout)[0])
    model = kamba.language_id.leading.model
    assert model == scaffold.GLOTLID and kamba.labels(kamba.language_id.leading) == {"kam_Latn": "kam_Latn"}


def test_refusals_write_nothing(checkout: Path, tmp_path: Path) -> None:
    before = contents(checkout)
    for code, message in (
        ("swh", "swh.toml is there already"),
        ("swa", "macrolanguage: name one of its languages, such as swh"),
        ("zzz", "no ISO 639 language code"),
        ("not a code", "no ISO 639 language code"),
    ):
        with pytest.raises(LrlError, match=message):
            scaffold.new_language(code, checkout)
    (checkout / "builders" / "igbo_instruct.py").write_text("mine")
    with pytest.raises(LrlError, match=r"igbo_instruct\.py is there already"):
        scaffold.new_language("ibo", checkout)
    (checkout / "builders" / "igbo_instruct.py").unlink()
    assert contents(checkout) == before
    with pytest.raises(LrlError, match="no checkout of lrl-datasets"):
        scaffold.new_language("ibo", tmp_path)
