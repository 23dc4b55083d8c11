"""Fits a language's table from labelled sentences, and says how well it does on what it has not seen.

Logistic regression (scikit-learn's liblinear, which gives the same weights every time) of the language against all
others together, its neighbours by the language file counting threefold, half the weight on either side. Five folds
by the sentences' position, so that no translation of a held-out sentence is seen: what is held out gives the
thresholds, by length, and the report. Then every neighbour is left out once, to see what an unseen one would do.
Takes a minute or two, most of it for the last.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from importlib.metadata import version
from typing import Any

import numpy as np
import numpy.typing as npt

from lrl_datasets import __version__, languages
from lrl_datasets.errors import LrlError
from lrl_datasets.filters import byte_ngrams
from lrl_datasets.filters.detectors import detector
from lrl_datasets.filters.discriminator import LENGTHS, Discriminator, Facts, signed
from lrl_datasets.filters.judged_text import judged
from lrl_datasets.filters.labelled_text import LabelledText, iso639_3, own_codes

LEAST_OWN = 200
"""Sentences of the language: with fewer the .5 % quantile means nothing."""
LEAST_OTHER = 20
"""Sentences of a neighbour, for it to count as given."""
LOST = 0.005
"""Share of the language's held-out sentences that the thresholds lose."""
FOLDS = 5
_REGULARISATION = (
    100.0  # of 1 to 300 tried on the UN's Declaration in 300 languages, .5 % of them let through at 1
)
_NEIGHBOUR_WEIGHT = 3.0
_MOST_LEFT_OUT = 20

Progress = Callable[[str], None]


@dataclass(frozen=True)
class _Sentences:
    """All sentences, one entry each."""

    texts: list[str]
    words: npt.NDArray[np.int64]
    code: npt.NDArray[np.str_]
    """ISO 639-3; the language's own is its own, wherever it stood under another."""
    domain: npt.NDArray[np.int64]
    """Which of the given texts it is from."""
    fold: npt.NDArray[np.int64]


def fit(
    language: languages.Language,
    given: Sequence[LabelledText],
    *,
    report: bool = True,
    progress: Progress = lambda step: None,
) -> Discriminator:
    """Fit a language's table.

    Parameters
    ----------
    language
        Its file says which languages are its neighbours.
    given
        Texts, each a domain of its own: recall is held for each.
    report
        Leave every neighbour out once, for the report.
    progress
        Called with the name of each step as it begins.

    Raises
    ------
    LrlError
        Too little of the language, no other language, or none of its neighbours.
    """
    own = language.codes.iso639_3
    sentences = _gather(language, given)
    is_own = sentences.code == own
    counts = {str(code): int((sentences.code == code).sum()) for code in np.unique(sentences.code)}
    neighbours = {iso639_3(code): code for code in language.language_id.neighbours}
    there = [code for code in neighbours if counts.get(code, 0) >= LEAST_OTHER]
    if counts.get(own, 0) < LEAST_OWN:
        raise LrlError(
            f"{language.code}: {counts.get(own, 0)} different sentences of 4 words and more are too few; "
            f"give {LEAST_OWN} at least, of several domains"
        )
    if not [code for code in there if code != "eng"] and (set(neighbours) - {"eng"} or len(counts) < 6):
        wanted = ", ".join(code for code in language.language_id.neighbours if code != "eng_Latn")
        raise LrlError(
            f"{language.code}: no text of its neighbours is given ({wanted or 'its language file names none'}; at "
            f"least {LEAST_OTHER} sentences each). Without them the table would let about half of a near neighbour "
            "through"
        )
    matrix = _matrix(sentences.texts)
    weights = _weights(sentences.code, own, set(neighbours))

    progress("leading detector")
    leading = signed(detector(language, language.language_id.leading)(sentences.texts), language.code)
    held_out = np.zeros(len(sentences.texts))
    for fold in range(FOLDS):
        progress(f"held-out fold {fold + 1} of {FOLDS}")
        inside = sentences.fold != fold
        model = _Model.fit(matrix[inside], is_own[inside], weights[inside])
        held_out[~inside] = model.scores(matrix[~inside])
    long = sentences.words >= LENGTHS[0]
    margin = _margin_weight(held_out[long], leading[long], is_own[long], weights[long])
    held_out += margin * leading
    thresholds = _thresholds(sentences, is_own, held_out)
    rule = language.language_id.leading
    by_rule = leading >= [rule.threshold_at(words) for words in sentences.words.tolist()]
    passed = by_rule & (held_out >= _least(thresholds, sentences.words))
    told: dict[str, Any] = {
        "rule": {
            code: _share(by_rule[(sentences.code == code) & long])
            for code in counts
            if (by_rule & long)[sentences.code == code].any()
        },
        "recall": {
            one.name: _share(passed[is_own & long & (sentences.domain == at)]) for at, one in enumerate(given)
        },
        "let_through": {
            code: _share(passed[(sentences.code == code) & long]) for code in counts if code != own
        },
    }
    if report:
        told["left_out"] = {}
        # Only what the rule lets through can pass: of all others the answer is known.
        worst = sorted(
            told["rule"].keys() - {own}, key=lambda code: (-(told["rule"][code]["share"] or 0), code)
        )
        for code in list(dict.fromkeys([*(code for code in there if code != "eng"), *worst]))[
            :_MOST_LEFT_OUT
        ]:
            progress(f"without {code}")
            inside = sentences.code != code
            model = _Model.fit(matrix[inside], is_own[inside], weights[inside])
            alone = ~inside & long
            scores = model.scores(matrix[alone]) + margin * leading[alone]
            told["left_out"][code] = _share(
                by_rule[alone] & (scores >= _least(thresholds, sentences.words[alone]))
            )
    progress("fit")
    model = _Model.fit(matrix, is_own, weights)
    quantised, scale = model.quantised()
    facts = Facts(
        language=language.code,
        constant=round(model.constant, 6),
        scale=scale,
        margin=margin,
        thresholds=tuple(round(one, 4) for one in thresholds),
        package=f"lrl-datasets {__version__}, scikit-learn {version('scikit-learn')}",
        texts=tuple(
            {
                "name": one.name,
                "sha256": one.digest,
                "sentences": {code: len(listed) for code, listed in sorted(one.sentences.items())},
            }
            for one in given
        ),
        missing=tuple(sorted(neighbours[code] for code in neighbours if code not in there)),
        report=told,
    )
    return Discriminator(facts, quantised)


# ---- sentences ------------------------------------------------------------------------------------------


def _gather(language: languages.Language, given: Sequence[LabelledText]) -> _Sentences:
    """Prepare every sentence once; one that stands under the language and under another is its own."""
    rule, own = language.language_id, own_codes(language)
    found: dict[str, tuple[int, str, int, int]] = {}
    for domain, source in enumerate(given):
        for code, listed in sorted(source.sentences.items()):
            short = iso639_3(code)
            if short in own and code.partition("_")[2] in ("", language.code.partition("_")[2]):
                short = language.codes.iso639_3
            for at, sentence in enumerate(listed):
                text, words = judged(sentence, rule.min_words)
                if words < rule.least_words:
                    continue
                if text not in found or short == language.codes.iso639_3 != found[text][1]:
                    found[text] = (words, short, domain, at % FOLDS)
    entries = list(found.items())
    return _Sentences(
        texts=[text for text, _ in entries],
        words=np.array([one[0] for _, one in entries], np.int64),
        code=np.array([one[1] for _, one in entries]),
        domain=np.array([one[2] for _, one in entries], np.int64),
        fold=np.array([one[3] for _, one in entries], np.int64),
    )


def _matrix(texts: Sequence[str]) -> Any:
    """Count each text's hashed n-grams, over the square root of their number."""
    from scipy.sparse import csr_array

    data, starts = byte_ngrams.encoded(texts)
    row = np.repeat(np.arange(len(texts), dtype=np.int32), np.diff(starts))
    rows, columns = [], []
    for place, there in byte_ngrams.places(data, starts):
        rows.append(row[there])
        columns.append(place[there].astype(np.int32))
    at = np.concatenate(rows)
    values = (1 / np.sqrt(byte_ngrams.numbers(starts)))[at]
    counted = csr_array((values, (at, np.concatenate(columns))), shape=(len(texts), 1 << byte_ngrams.BITS))
    counted.sum_duplicates()
    return counted


def _weights(code: npt.NDArray[np.str_], own: str, neighbours: set[str]) -> npt.NDArray[np.float64]:
    """Weigh sentences: half for the language, half for the others, neighbours threefold."""
    weights = np.where(np.isin(code, sorted(neighbours)), _NEIGHBOUR_WEIGHT, 1.0)
    is_own = code == own
    weights[is_own] = weights[~is_own].sum() / is_own.sum()
    return np.asarray(weights / weights.mean())


# ---- the classifier -------------------------------------------------------------------------------------


@dataclass(frozen=True)
class _Model:
    weights: npt.NDArray[np.float64]
    constant: float

    @classmethod
    def fit(cls, matrix: Any, is_own: npt.NDArray[np.bool_], weights: npt.NDArray[np.float64]) -> _Model:
        from sklearn.linear_model import LogisticRegression

        matrix.indices, matrix.indptr = matrix.indices.astype(np.int32), matrix.indptr.astype(np.int32)
        # The dual problem, since there are far fewer sentences than weights: the same answer in a tenth of the time.
        model = LogisticRegression(solver="liblinear", dual=True, C=_REGULARISATION, tol=1e-3, random_state=0)
        model.fit(matrix, is_own, weights)
        return cls(model.coef_[0], float(model.intercept_[0]))

    def scores(self, matrix: Any) -> npt.NDArray[np.float64]:
        return np.asarray(matrix @ self.weights + self.constant)

    def quantised(self) -> tuple[npt.NDArray[np.int16], float]:
        scale = float(f"{np.abs(self.weights).max() / 32_000:.6g}")
        return np.round(self.weights / scale).astype(np.int16), scale


def _margin_weight(
    grams: npt.NDArray[np.float64],
    leading: npt.NDArray[np.float64],
    is_own: npt.NDArray[np.bool_],
    weights: npt.NDArray[np.float64],
) -> float:
    """Return what a unit of the leading detector's score is worth beside the n-grams', on held-out sentences."""
    from sklearn.linear_model import LogisticRegression

    model = LogisticRegression(solver="liblinear", C=1.0, random_state=0)
    model.fit(np.column_stack((grams, leading)), is_own, weights)
    of_grams, of_leading = model.coef_[0].tolist()
    return round(max(0.0, of_leading / of_grams), 2) if of_grams > 0 else 0.0


def _thresholds(
    sentences: _Sentences, is_own: npt.NDArray[np.bool_], scores: npt.NDArray[np.float64]
) -> list[float]:
    """Return for each range of lengths what `LOST` of the language's held-out sentences lack.

    Each given text counts the same, however long it is; a range of few sentences is widened downwards.
    """
    found: list[float] = []
    for at, least in enumerate(LENGTHS):
        below = LENGTHS[at + 1] if at + 1 < len(LENGTHS) else np.inf
        inside = is_own & (sentences.words >= least) & (sentences.words < below)
        for wider in reversed((0, *LENGTHS[:at])):
            if inside.sum() >= LEAST_OWN:
                break
            inside = is_own & (sentences.words >= wider) & (sentences.words < below)
        inside = inside if inside.any() else is_own
        domain = sentences.domain[inside]
        weights = 1 / np.bincount(domain)[domain]
        order = np.argsort(scores[inside], kind="stable")
        below_share = np.cumsum(weights[order]) / weights.sum()
        found.append(float(scores[inside][order][np.searchsorted(below_share, LOST, side="right")]))
    return found


def _least(thresholds: Sequence[float], words: npt.NDArray[np.int64]) -> npt.NDArray[np.float64]:
    return np.array(thresholds)[np.searchsorted(LENGTHS[1:], words, side="right")]


def _share(passed: npt.NDArray[np.bool_]) -> dict[str, Any]:
    share = round(float(passed.mean()), 4) if len(passed) else None
    return {"sentences": len(passed), "passed": int(passed.sum()), "share": share}
