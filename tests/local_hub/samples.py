"""A card and Parquet files for a dataset of two configs."""

from __future__ import annotations

import io

import pyarrow as pa
import pyarrow.parquet as pq

CARD = b"""---
license: apache-2.0
language:
- sw
configs:
- config_name: default
  data_files:
  - split: train
    path: default/train.parquet
  - split: test
    path: default/test.parquet
- config_name: preference
  data_files:
  - split: train
    path: preference/train.parquet
---
# Written for the tests
"""


def parquet(rows: int, column: str = "text") -> bytes:
    """Parquet bytes with `rows` rows: 0, 1, 2 … as text."""
    out = io.BytesIO()
    pq.write_table(pa.table({column: [str(i) for i in range(rows)]}), out)
    return out.getvalue()
