"""Writes the two files of a new language into a checkout: its facts and its builder.

What can be known without a speaker (names, codes, script, countries, which detectors have the language) is
filled in from `langcodes` and the detectors themselves; what a speaker must write or measure is marked TODO.
Both files load as they are written, and the builder builds from a campaign.
"""

from __future__ import annotations

import json
import re
import unicodedata
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from lrl_datasets import languages
from lrl_datasets.errors import LrlError
from lrl_datasets.filters import detectors

LANGUAGES = Path("lrl_datasets", "languages")
BUILDERS = Path("builders")

GLOTLID = languages.HubModel(
    repo_id="cis-lmu/glotlid", revision="74cb50b709c9eefe0f790030c6c95c461b4e3b77", filename="model_v3.bin"
)
"""Proposed where no embedded detector knows the language (Kargaran et al. 2023)."""

_LEAST_SHARE = 0.01
"""Countries with fewer of the language's speakers are left out of the phone regions."""


def new_language(code: str, directory: Path) -> list[Path]:
    """Write `lrl_datasets/languages/CODE.toml` and `builders/NAME_instruct.py`.

    Parameters
    ----------
    code
        ISO 639 code of one language, with its script or without: `hau`, `ha`, `hau_Latn`.
    directory
        A checkout of lrl-datasets.

    Returns
    -------
    list of Path
        The two files, under `directory`.

    Raises
    ------
    LrlError
        The code is unknown or a macrolanguage's, the folder is no checkout, or a file is there already.
        Nothing is written then.
    """
    project = directory / "pyproject.toml"
    if not project.is_file() or 'name = "lrl-datasets"' not in project.read_text(encoding="utf-8"):
        raise LrlError(f"{directory}: no checkout of lrl-datasets (a pyproject.toml that names it)")
    facts = _facts(code)
    files = {
        directory / LANGUAGES / f"{facts.iso639_3}.toml": _language_file(facts),
        directory / BUILDERS / f"{facts.slug}_instruct.py": _builder_file(facts),
    }
    for path in files:
        if path.exists():
            raise LrlError(f"{path} is there already; nothing was written")
        if not path.parent.is_dir():
            raise LrlError(f"{path.parent}: no such folder; {directory} is no whole checkout")
    for path, content in files.items():
        path.write_text(content, encoding="utf-8")
    return list(files)


@dataclass(frozen=True)
class _Facts:
    iso639_3: str
    script: str
    hub: str
    macrolanguage: str | None
    english: str
    own: str
    regions: tuple[str, ...]
    detectors: dict[languages.DetectorName, str]
    """The language's label in each embedded detector that has one."""

    @property
    def code(self) -> str:
        return f"{self.iso639_3}_{self.script}"

    @property
    def slug(self) -> str:
        ascii_name = unicodedata.normalize("NFKD", self.english).encode("ascii", "ignore").decode()
        return re.sub(r"[^a-z0-9]+", "_", ascii_name.lower()).strip("_")


def _facts(code: str) -> _Facts:
    import langcodes
    from langcodes.data_dicts import NORMALIZED_MACROLANGUAGES

    try:
        found = langcodes.Language.get(code.replace("_", "-"), normalize=False)
        iso639_3 = found.to_alpha3()
    except (LookupError, ValueError) as error:
        raise LrlError(f"{code!r} is no ISO 639 language code: {error}") from error
    if not langcodes.Language.get(iso639_3).is_valid():
        raise LrlError(f"{code!r} is no ISO 639 language code")
    short = langcodes.Language.get(iso639_3).language or iso639_3
    members = sorted(one for one, whole in NORMALIZED_MACROLANGUAGES.items() if whole == short)
    if members and iso639_3 not in members:
        raise LrlError(
            f"{code!r} is a macrolanguage: name one of its languages, such as {', '.join(members)}"
        )
    hub = langcodes.standardize_tag(short, macro=True)
    macrolanguage = langcodes.Language.get(hub).to_alpha3() if hub != short else None
    script = found.script or langcodes.Language.get(short).maximize().script
    if not script:
        raise LrlError(f"{code!r}: its script is not known; name it, as in {iso639_3}_Latn")
    candidates = tuple(dict.fromkeys(x for x in (short, iso639_3, hub, macrolanguage) if x))
    plain = langcodes.Language.get(short)
    return _Facts(
        iso639_3=iso639_3,
        script=script,
        hub=hub,
        macrolanguage=macrolanguage,
        english=re.sub(r"\s*\(.*\)$", "", plain.display_name()),
        own=re.sub(r"\s*\(.*\)$", "", plain.autonym()),
        regions=_regions(hub, found.maximize().territory),
        detectors=_labels(candidates),
    )


def _regions(language: str, likeliest: str | None) -> tuple[str, ...]:
    """Countries by number of speakers, as CLDR counts them."""
    import langcodes
    from phonenumbers import SUPPORTED_REGIONS

    speakers = {
        region: langcodes.Language.make(language=language, territory=region).speaking_population()
        for region in SUPPORTED_REGIONS
    }
    least = max(1, _LEAST_SHARE * sum(speakers.values()))
    regions = tuple(r for r in sorted(speakers, key=lambda r: (-speakers[r], r)) if speakers[r] >= least)
    return regions or tuple(r for r in (likeliest,) if r in SUPPORTED_REGIONS)


def _labels(candidates: Sequence[str]) -> dict[languages.DetectorName, str]:
    """Return each embedded detector's label of the language, where it has one."""
    known = detectors.known_labels()
    labels: dict[languages.DetectorName, str] = {}
    for name, of_detector in known.items():
        found = [candidate for candidate in candidates if candidate in of_detector]
        if found:
            labels[name] = found[0]
    return labels


# ---- the language file ----------------------------------------------------------------------------------


def _language_file(facts: _Facts) -> str:
    codes: dict[str, str | None] = {
        "hub": facts.hub,
        "iso639_3": facts.iso639_3,
        "macrolanguage": facts.macrolanguage,
        **{name: facts.detectors.get(name) for name in ("fasttext", "py3langid", "langdetect")},
    }
    return f"""\
# {facts.english}. Everything the library knows of the language; the keys are explained in
# lrl_datasets/languages/__init__.py, and swh.toml is the worked example. Written by `lrl new language`:
# what stands after TODO is for a speaker to write or to measure.

code = {_quoted(facts.code)}

[names]
english = {_quoted(facts.english)}
own = {_quoted(facts.own)}  # TODO check

[codes]
{_lines({key: value for key, value in codes.items() if value is not None})}
# TODO where these inventories have the language: glotlid = {_quoted(facts.code)}, afrobench, aya

[personal_data]
# TODO check: where the language is written, the likeliest first.
phone_regions = {_quoted(facts.regions)}
# TODO words that stand before a phone number, such as those for "number" and "call me".
phone_cues = []
# TODO words that stand before a number that is somebody's id, passport or account. English ones are known.
id_cues = []

[harm]
# TODO write harm/{facts.iso639_3}.toml as swh.toml there is written, and name it first.
lists = ["eng"]

[language_id]
{_language_id(facts)}
[refusals]
# TODO how a model that declines begins ("I am sorry, but I cannot"), and how it says what it is ("as a language
# model").
declines = []
says_model = []

[truncation]
# TODO words that no sentence ends with, such as those for "and", "of", "which".
unfinished = []

[templates.question_answer]
# TODO at least five phrasings, each with the word for "or" between two accepted answers above them:
# answer_or = "or"
# phrasings = [
#     {{ prompt = "Answer this question briefly: {{question}}", answer = "{{answer}}" }},
# ]
question_mark = {_quoted("؟" if facts.script == "Arab" else "?")}
"""


def _language_id(facts: _Facts) -> str:
    measure = f"""\
# TODO measure: `python benchmarks/language_id.py DIR --language {facts.code}` on labelled sentences of the language
# and of its neighbours. The threshold is a start that lost under 1 % of each of five languages; raise it as far as
# the language's own sentences allow, higher for longer texts: longer = [{{ words = 12, threshold = 0.5 }}].
"""
    if "py3langid" in facts.detectors:
        leading = '[language_id.leading]\ndetector = "py3langid"\nthreshold = 0.03\ncompetitors = []\n'
        # Even where fastText does not know the language, it can agree that a short text is English.
        others = ["fasttext"]
    elif "fasttext" in facts.detectors:
        leading = '[language_id.leading]\ndetector = "fasttext"\nthreshold = 0.3\n'
        others = []
    else:
        measure = f"""\
# No embedded detector knows {facts.english}. GlotLID v3 (1.7 GB, Apache-2.0), asked from the Hub, knows 2,000
# languages. TODO check that it has the label, and measure with `python benchmarks/language_id.py DIR
# --language {facts.code}`.
"""
        leading = f"""\
[language_id.leading]
detector = "fasttext"
threshold = 0.5
model = {{ repo_id = "{GLOTLID.repo_id}", revision = "{GLOTLID.revision}", filename = "{GLOTLID.filename}" }}
labels = {{ {facts.code} = {_quoted(facts.code)} }}
"""
        others = []
    opinions = "".join(
        f'\n[[language_id.opinions]]\ndetector = "{name}"\ncondemns_short = true\n' for name in others
    )
    return f"""\
{measure}min_words = 8
least_words = 4
# TODO the languages that are mistaken for {facts.english}, FLORES style: `lrl lid fit` wants text of them.
neighbours = ["eng_Latn"]

{leading}{opinions}
# TODO where a neighbour is known to no detector: letters and frequent words of it that {facts.english} has not.
# [language_id.foreign]
# letters = ""
# words = []
"""


def _lines(values: dict[str, str]) -> str:
    return "\n".join(f"{key} = {_quoted(value)}" for key, value in values.items())


def _quoted(value: Any) -> str:
    return json.dumps(value, ensure_ascii=False)  # a JSON string or list of strings is TOML too


# ---- the builder ----------------------------------------------------------------------------------------


def _builder_file(facts: _Facts) -> str:
    constant = facts.slug.upper()
    repository = f"lrl-align/{facts.slug.replace('_', '-')}-instruct"
    return f'''\
"""{repository}: {facts.english} instructions and answers.

Read from top to bottom: the sources and where their rows may go, the filters with the reason for each number,
the splits. Written by `lrl new language`; `swahili_instruct.py` is the worked example.
"""

from lrl_datasets import languages
from lrl_datasets.builder import Builder
from lrl_datasets.filters.duplicates import Duplicates
from lrl_datasets.filters.echo import Echo
from lrl_datasets.filters.harm import Harm
from lrl_datasets.filters.helpfulness import Helpfulness
from lrl_datasets.filters.language_id import LanguageId
from lrl_datasets.filters.length import Length
from lrl_datasets.filters.length_ratio import LengthRatio
from lrl_datasets.filters.markup import Markup
from lrl_datasets.filters.normalise import Normalise
from lrl_datasets.filters.personal_data import PersonalData
from lrl_datasets.filters.refusals import Refusals
from lrl_datasets.filters.repetition import Repetition
from lrl_datasets.filters.script import Script
from lrl_datasets.filters.truncated import Truncated
from lrl_datasets.filters.untranslated import Untranslated
from lrl_datasets.release.splits import Splits
from lrl_datasets.sources.campaign import Campaign

{constant} = languages.load("{facts.code}")

SOURCES = (
    # `lrl build {facts.slug.replace("_", "-")}-instruct --source campaign=DIR` reads the campaign folder DIR.
    Campaign(name="campaign", may_hold_out=True, may_be_unjudged=False),
    # TODO datasets on the Hub, each at a pinned revision: `HubDataset`, `QuestionAnswer`.
)

FILTERS = (
    Normalise(),
    PersonalData(
        regions={constant}.personal_data.phone_regions,
        cues={constant}.personal_data.phone_cues,
        id_cues={constant}.personal_data.id_cues,
    ),
    # A request of one word asks nothing; one word answers a closed question. TODO fit to the language.
    Length(min_prompt_words=2, min_answer_words=1, max_prompt_words=1500, max_answer_words=1500),
    # The prompt again is no answer to it.
    Echo(),
    # Gopher's measures, not its numbers (.2 and .15 of a web page): steps and lists repeat a frame for good reasons.
    # At three tenths of the text a list of ten lines has three that say nothing new; a model caught in a loop is far
    # above. A fifth of "hahaha" is noise. A prompt may hold a verse, or one text twice.
    Repetition(max_lines=0.3, max_ngrams=0.3, max_characters=0.2, max_in_prompt=0.6, min_words=20),
    # A quoted verse or a name in its own script is less than three tenths of a text about it.
    Script(language={constant}.code, max_share=0.3, min_letters=20),
    # Of a translated row: half of it English is a translation given up. Titles and names of under 6 words stay so.
    Untranslated(language={constant}.code, max_share=0.5, min_words=6),
    # Half or double of the English characters is no way to say the same. TODO set `expected`: characters of the
    # language for one of English.
    LengthRatio(expected=1.0, factor=2.0, slack=30),
    # Thresholds and what they cost stand in the language file.
    LanguageId(language={constant}.code),
    # Whoever asks wants neither; the phrases stand in the language file.
    Refusals(language={constant}.code),
    # TODO name the sources whose answers end with a full stop: there a missing one says that the answer is cut.
    Truncated(language={constant}.code, whole_sentences=(), min_words=5),
    # One tag or bracket forgotten, or named in a text about it, is no damage; three are.
    Markup(max_unpaired=2),
    # Flags what the lists of the language file have, and refuses nothing.
    Harm(lists={constant}.harm.lists),
    # More likely helpful than not.
    Helpfulness(minimum=0.5),
    # At .8 of word 5-shingles two texts differ in a word or two of thirty: a copy, not a second opinion.
    Duplicates(threshold=0.8, shingle=5, short_words=8),
)

BUILDER = Builder(
    repository="{repository}",
    title="{facts.english} Instruct",
    language={constant}.code,
    sources=SOURCES,
    filters=FILTERS,
    splits=Splits(salt="{repository} 1", validation=0.1, test=0.1),
    # Half the scale apart: the crowd was for one answer and against the other.
    preference_margin=0.5,
)
'''
