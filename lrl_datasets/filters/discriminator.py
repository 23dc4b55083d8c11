"""A table that tells a language from its neighbours: fitted by `lrl lid fit`, applied with numpy alone.

A linear classifier over hashed byte n-grams (Cavnar & Trenkle 1994; hashing as in Weinberger et al. 2009): every
n-gram of 1 to 5 bytes has a weight, and a text's score is their sum over the square root of their number, plus a
constant, plus the leading detector's margin times a weight of its own: the n-grams tell the neighbours apart, the
margin keeps what is the language's and unlike the text that the table was fitted on. The n-grams' weights are
integers, so that the score is the same on every machine. A file holds the weights, the thresholds, what text they
were fitted on and how well they did on text that was held out. One process: about 140,000 sentences a second.
"""

from __future__ import annotations

import hashlib
import io
import zipfile
from collections.abc import Sequence
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Annotated, Any, Literal

import numpy as np
import numpy.typing as npt
from pydantic import BaseModel, ConfigDict, Field, ValidationError, model_validator

from lrl_datasets.errors import LrlError
from lrl_datasets.filters import byte_ngrams
from lrl_datasets.filters.detectors import Verdict

LENGTHS = (8, 12, 20)
"""Each of these numbers of words begins a range of lengths with a threshold of its own."""


class Facts(BaseModel):
    """What a table says of itself."""

    model_config = ConfigDict(extra="forbid", frozen=True, allow_inf_nan=False)

    format: Literal["lrl language table 1"] = "lrl language table 1"
    language: Annotated[str, Field(pattern=r"^[a-z]{3}_[A-Z][a-z]{3}$")]
    constant: float
    scale: Annotated[float, Field(gt=0)]
    """What one unit of a weight counts."""
    margin: Annotated[float, Field(ge=0)]
    """What one unit of the leading detector's score counts."""
    thresholds: tuple[float, ...]
    """Least score by length, one for each of `LENGTHS`."""
    package: str
    """Version of lrl-datasets that fitted it, and of scikit-learn."""
    texts: tuple[dict[str, Any], ...]
    """Each text it was fitted on: name, SHA-256, sentences by language."""
    missing: tuple[str, ...]
    """Neighbours by the language file of which there was no text."""
    report: dict[str, Any]
    """Calibration on held-out text: recall by text, what is let through by language, leave-one-language-out."""

    @model_validator(mode="after")
    def _one_threshold_a_length(self) -> Facts:
        if len(self.thresholds) != len(LENGTHS):
            raise ValueError(f"{len(self.thresholds)} thresholds for {len(LENGTHS)} ranges of length")
        return self


_CLIPPED = 1.5
"""A margin beyond this says no more."""


def signed(verdicts: Sequence[Verdict], code: str) -> npt.NDArray[np.float64]:
    """Return the detector's scores, negative where the label is another language's."""
    scores = [one.score if one.label == code else -one.score for one in verdicts]
    return np.clip(np.array(scores, np.float64), -_CLIPPED, _CLIPPED)


@dataclass(frozen=True, eq=False)
class Discriminator:
    """A fitted table."""

    facts: Facts
    weights: npt.NDArray[np.int16]
    sha256: str = ""
    """Of the file; empty of one that was never written."""

    def scores(self, texts: Sequence[str], leading: npt.NDArray[np.float64]) -> npt.NDArray[np.float64]:
        """Score texts: log odds that each is in the language, in the terms of what the table was fitted on.

        Parameters
        ----------
        texts
            As `judged_text` leaves them.
        leading
            As `signed` gives what the leading detector says of them.
        """
        grams = self.facts.constant + self.facts.scale * byte_ngrams.sums(texts, self.weights)
        return grams + self.facts.margin * leading

    def threshold_at(self, words: int) -> float:
        """Return the least score of a text of so many words."""
        at = sum(words >= length for length in LENGTHS[1:])
        return self.facts.thresholds[at]

    def save(self, path: Path) -> None:
        """Write the table; the same table gives the same bytes."""
        facts = np.frombuffer(self.facts.model_dump_json(indent=1).encode("utf-8"), np.uint8)
        content = io.BytesIO()
        np.savez(content, facts=facts, weights=self.weights)
        path.write_bytes(content.getvalue())


class TableFile:
    """A table by path and hash, as a filter holds it: cheap to hand to another process."""

    def __init__(self, path: Path, sha256: str) -> None:
        self.path = path.absolute()  # a worker may begin in another folder
        self.fingerprint = sha256
        """SHA-256 of the file: all that a manifest says of it."""

    def __eq__(self, other: object) -> bool:
        return isinstance(other, TableFile) and self.fingerprint == other.fingerprint

    def __hash__(self) -> int:
        return hash(self.fingerprint)

    def __str__(self) -> str:
        return f"sha256:{self.fingerprint}"

    def load(self) -> Discriminator:
        """Load it, once a process.

        Raises
        ------
        LrlError
            The file is missing, no table, or another one than it was.
        """
        found = load(self.path)
        if found.sha256 != self.fingerprint:
            now, then = found.sha256[:12], self.fingerprint[:12]
            raise LrlError(f"{self.path}: another table than at the start of the build: {now}, not {then}")
        return found


def table_file(path: Path, language: str) -> TableFile:
    """Name a table by its hash, for a filter.

    Raises
    ------
    LrlError
        It cannot be loaded, or is another language's.
    """
    found = load(path)
    if found.facts.language != language:
        raise LrlError(f"{path}: a table of {found.facts.language}, and the dataset's language is {language}")
    return TableFile(path, found.sha256)


@cache
def load(path: Path) -> Discriminator:
    """Load a table.

    Raises
    ------
    LrlError
        There is no such file, or it is none of `lrl lid fit`.
    """
    try:
        content = path.read_bytes()
        with np.load(io.BytesIO(content), allow_pickle=False) as arrays:
            facts = Facts.model_validate_json(arrays["facts"].tobytes())
            weights = arrays["weights"]
    except FileNotFoundError as error:
        raise LrlError(f"{path}: there is no such table; `lrl lid fit` makes one") from error
    except (ValueError, KeyError, OSError, zipfile.BadZipFile, EOFError, TypeError, AttributeError) as error:
        what = "; ".join(e["msg"] for e in error.errors()) if isinstance(error, ValidationError) else error
        raise LrlError(f"{path}: no table of `lrl lid fit`: {what}") from error
    if weights.dtype != np.int16 or weights.shape != (1 << byte_ngrams.BITS,):
        raise LrlError(f"{path}: no table of `lrl lid fit`: {weights.dtype} weights of shape {weights.shape}")
    return Discriminator(facts, weights, hashlib.sha256(content).hexdigest())
