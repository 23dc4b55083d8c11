"""Is every predicted helpfulness of a row that nobody judged, and what the manifest says of them true."""

from __future__ import annotations

import math

from lrl_datasets.filters.helpfulness_model import DECIMALS
from lrl_datasets.release.checks.base import SHA256, Found, records
from lrl_datasets.release.locations import Release


def predictions(release: Release) -> Found:
    """A predicted helpfulness is a probability, of a row without a vote; the manifest has their number."""
    told = release.manifest.get("prediction")
    names = ("id", "source", "helpfulness", "helpfulness_kind", "n_votes", "reason")
    rows = [row for row in records(release, *names) if row["helpfulness_kind"] == "predicted"]
    for row in rows:
        said = row["helpfulness"]
        if said is None or not (math.isfinite(said) and 0 <= said <= 1) or round(said, DECIMALS) != said:
            yield f"row {row['id']}: predicted helpfulness {said} is no probability of {DECIMALS} decimals"
        if row["n_votes"]:
            yield f"row {row['id']}: helpfulness is predicted, and {row['n_votes']} votes count"
        if release.manifest["sources"].get(row["source"], {}).get("may_be_unjudged") is False:
            yield f"row {row['id']}: helpfulness is predicted, and source {row['source']} must be judged"
    if told is None:
        return  # that there are none then, the closed sets say
    if told.get("rows") != len(rows) or not 0 <= told.get("outside", 0) <= len(rows):
        counted = f"{told.get('rows')} predicted rows ({told.get('outside')} outside)"
        yield f"the manifest counts {counted}, there are {len(rows)}"
    if not SHA256.fullmatch(str(told.get("sha256"))):
        yield "the model of the predictions has no SHA-256"
    if told.get("sample") and not release.manifest.get("sample"):
        yield "the model of the predictions was fitted on SAMPLE data, and the release is no SAMPLE"
