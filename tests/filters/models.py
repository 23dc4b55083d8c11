"""Small models of helpfulness with weights by hand."""

from __future__ import annotations

import tempfile
from pathlib import Path
from typing import Any

from lrl_datasets.filters import helpfulness_features as features
from lrl_datasets.filters import helpfulness_model as models
from lrl_datasets.filters.char_ngrams import CharNgrams


def model(weights: dict[str, float], intercept: float = 0.0, **more: Any) -> models.Model:
    """A model with these weights of unscaled features and no others."""
    characters = CharNgrams.fit(["jua na mwezi"])
    return models.Model(**{  # type: ignore[arg-type]
        "format": "lrl-helpfulness/1", "language": "swh_Latn", "sample": True, "tools": {}, "intercept": intercept,
        "fitted_on": {"repository": "test/test", "version": "1.0.0", "rows": 100, "helpful": 60, "groups": 50},
        "features": [
            {"name": name, "mean": 0, "spread": 1, "low": -9, "high": 9, "weight": weights.get(name, 0)}
            for name in (*features.NAMES, features.NGRAM_BITS)
        ],
        "ngrams": {"alphabet": characters.alphabet, "trigrams": characters.trigrams, "counts": characters.counts},
        "calibration": {"slope": 1, "offset": 0},
        "report": {
            "auc": {"value": 0.8, "low": 0.7, "high": 0.9}, "brier": {"model": 0.1, "mean": 0.2},
            "calibration_error": {"before": 0.1, "after": 0.05, "perfect": 0.04}, "notes": ["few rows"],
        },
    } | more)  # fmt: skip


def written(found: models.Model, path: Path | None = None) -> Path:
    """Its file."""
    path = path or Path(tempfile.mkdtemp()) / "model.json"
    models.write(found, path)
    return path
