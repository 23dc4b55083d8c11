"""What `lrl verify` says of predicted helpfulness, on rows by hand."""

from __future__ import annotations

from typing import Any

import pyarrow as pa
import pytest

from lrl_datasets import schema
from lrl_datasets.release.checks.predictions import predictions
from lrl_datasets.release.locations import Release

TOLD = {"rows": 1, "outside": 0, "sha256": "a" * 64, "sample": False}


def findings(
    row: dict[str, Any] | None = None, told: dict[str, Any] | None = None, **content: Any
) -> list[str]:
    fine = {"id": "r", "source": "s", "helpfulness": 0.5, "helpfulness_kind": "predicted"}
    table = pa.Table.from_pylist([fine | (row or {})], schema=schema.SFT)
    manifest = {
        "sources": {"s": {"may_be_unjudged": True}},
        "prediction": TOLD | (told or {}),
        "sample": False,
    }
    return list(predictions(Release(manifest | content, {"default": {"train": table}}, pa.table({}))))


@pytest.mark.parametrize(
    ("changed", "said"),
    [
        ({}, None),
        ({"row": {"helpfulness": 1.2}}, "1.2 is no probability"),
        ({"row": {"helpfulness": 0.12345}}, "no probability of 4 decimals"),
        ({"row": {"n_votes": 2}}, "2 votes count"),
        ({"row": {"helpfulness_kind": "votes"}}, "the manifest counts 1 predicted rows"),
        ({"told": {"rows": 2}}, "the manifest counts 2 predicted rows (0 outside), there are 1"),
        ({"told": {"outside": 2}}, "2 outside"),
        ({"told": {"sha256": None}}, "no SHA-256"),
        ({"told": {"sample": True}}, "the release is no SAMPLE"),
        ({"told": {"sample": True}, "sample": True}, None),
        ({"sources": {"s": {"may_be_unjudged": False}}}, "source s must be judged"),
    ],
)
def test_what_is_found(changed: dict[str, Any], said: str | None) -> None:
    found = findings(**changed)
    assert len(found) == (said is not None) and all(said in one for one in found if said)
