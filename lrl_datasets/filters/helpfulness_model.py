"""A fitted model of helpfulness: its file, and what it says of rows.

The file is JSON and nothing in it is run: for each feature its mean, spread, range and weight, the counts of the
character model, two numbers of calibration, what it was fitted on and how well it did. `lrl helpfulness fit` writes it
(`training/helpfulness.py`), the filter `helpfulness_prediction` reads it.
"""

from __future__ import annotations

import hashlib
import json
from functools import cache
from pathlib import Path
from typing import Annotated, Any, Literal

import numpy as np
import pyarrow as pa
from numpy.typing import NDArray
from pydantic import BaseModel, ConfigDict, Field, ValidationError

from lrl_datasets.errors import LrlError
from lrl_datasets.filters import helpfulness_features as features
from lrl_datasets.filters.char_ngrams import CharNgrams

FORMAT = "lrl-helpfulness/1"
DECIMALS = 4

Floats = NDArray[np.float64]


class _Part(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True, allow_inf_nan=False)


class Feature(_Part):
    """How one feature counts."""

    name: str
    mean: float
    spread: float = Field(gt=0)
    low: float
    """Least value that was seen in the fit; what lies below counts as this."""
    high: float
    weight: float
    """Of the value less its mean, divided by its spread."""


class Ngrams(_Part):
    """The counts of the character model."""

    alphabet: str
    trigrams: tuple[int, ...]
    counts: tuple[int, ...]


class Calibration(_Part):
    """The log-odds are multiplied by `slope`, and `offset` is added."""

    slope: float
    offset: float


class Model(_Part):
    """The file."""

    format: Literal["lrl-helpfulness/1"]
    language: str
    sample: bool
    """Fitted on SAMPLE data: no use but for a demonstration."""
    fitted_on: dict[str, Any]
    """Repository, version and manifest hash of the release, its rows and groups."""
    tools: dict[str, str]
    features: Annotated[tuple[Feature, ...], Field(min_length=1)]
    intercept: float
    ngrams: Ngrams
    calibration: Calibration
    report: dict[str, Any]
    """How well it did on rows that it was not fitted on."""

    def characters(self) -> CharNgrams:
        """Return the character model."""
        return CharNgrams(self.ngrams.alphabet, self.ngrams.trigrams, self.ngrams.counts)

    def predict(self, table: pa.Table) -> tuple[Floats, NDArray[np.bool_]]:
        """Return each row's probability of being helpful, and whether a feature lies outside of what was seen."""
        bits = _characters(self).bits(features.answers(table))
        return self.of_features(np.column_stack([features.features(table), bits]))

    def of_features(self, values: Floats) -> tuple[Floats, NDArray[np.bool_]]:
        """Return what `predict` does, of (rows × features)."""
        odds = np.full(len(values), self.intercept)
        outside = np.zeros(len(values), bool)
        # One feature after the other: a matrix product's last digits would depend on how the rows are cut.
        for column, one in zip(values.T, self.features, strict=True):
            known = np.where(np.isnan(column), one.mean, column)
            outside |= (known < one.low) | (known > one.high)
            odds += one.weight * ((np.clip(known, one.low, one.high) - one.mean) / one.spread)
        odds = self.calibration.slope * odds + self.calibration.offset
        return np.round(1 / (1 + np.exp(-odds)), DECIMALS), outside


def load(path: Path, digest: str | None = None) -> Model:
    """Read a model's file, once a process.

    Raises
    ------
    LrlError
        It is not there, is another one than that with the SHA-256 `digest`, or not what `lrl helpfulness fit` writes.
    """
    return _parsed(path, digest or sha256(path))


def sha256(path: Path) -> str:
    """Return the SHA-256 of a model's file."""
    try:
        return hashlib.sha256(path.read_bytes()).hexdigest()
    except OSError as error:
        raise LrlError(f"helpfulness model {path}: cannot be read ({error.strerror})") from None


def write(model: Model, path: Path) -> None:
    """Write the file; the same model is the same bytes."""
    text = json.dumps(model.model_dump(mode="json"), ensure_ascii=False, sort_keys=True, indent=0)
    path.write_text(text + "\n", encoding="utf-8")


@cache
def _parsed(path: Path, digest: str) -> Model:
    if sha256(path) != digest:
        raise LrlError(f"helpfulness model {path}: it was changed since this build began")
    try:
        model = Model.model_validate_json(path.read_bytes())
    except ValidationError as error:
        first = error.errors()[0]
        where = ".".join(map(str, first["loc"])) or "file"
        raise LrlError(
            f"helpfulness model {path}: {where}: {first['msg']}; `lrl helpfulness fit` writes one"
        ) from None
    expected = (*features.NAMES, features.NGRAM_BITS)
    if tuple(one.name for one in model.features) != expected:
        raise LrlError(
            f"helpfulness model {path}: its features are not those of this package: fit it again with this version"
        )
    return model


@cache
def _character_tables(ngrams: Ngrams) -> CharNgrams:
    return CharNgrams(ngrams.alphabet, ngrams.trigrams, ngrams.counts)


def _characters(model: Model) -> CharNgrams:
    return _character_tables(model.ngrams)
