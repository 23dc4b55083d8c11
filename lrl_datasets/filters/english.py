"""Which rows were made from the same English original, by the English side that they carry. Needs the whole corpus.

Takes `id`, `lineage` and `english`, gives the private column `original`: rows whose English prompts are equal or
near-duplicates have the same name there, null elsewhere. Dolly underlies several datasets, and Alpaca more of them;
their own ids seldom name it. `release/splits.py` puts rows with one original into one group. Where all rows of a
prompt name their originals in one id space (`dolly:17`), `lineage` knows better, and the text says nothing.
"""

from __future__ import annotations

import pyarrow as pa
import pyarrow.compute as pc

from lrl_datasets import schema
from lrl_datasets.filters.base import add_column
from lrl_datasets.filters.duplicates import Duplicates

SAME = Duplicates(threshold=0.8, shingle=3, short_words=8)
"""Who translated one original has the same English, but for a word more or less at the ends. A prompt of another word
in the middle is another one of a template, and chains of these would tie half of a dataset together. Below 8 words
they must be equal."""


def with_originals(table: pa.Table) -> pa.Table:
    """Return `table` with `original` added."""
    text = pa.string()
    if "english" not in table.column_names or table["english"].null_count == table.num_rows:
        return add_column(table, "original", pa.nulls(table.num_rows, text), text)
    there = pc.is_valid(table["english"])
    prompts = [
        "\n\n".join(turn["content"] for turn in turns if turn["role"] != "assistant") or None
        for turns in table["english"].filter(there).to_pylist()
    ]
    ids = table["id"].filter(there)
    # As answers to nothing: what `Duplicates` compares is the answer, and for a short one the prompt too.
    asked = [prompt and [{"role": "assistant", "content": prompt}] for prompt in prompts]
    found = SAME(pa.table({"id": ids, "messages": pa.array(asked, schema.MESSAGES)}))
    names = pc.if_else(pc.is_valid(found["messages"]), found["cluster"], pa.scalar(None, text)).to_pylist()
    spaces: dict[str, set[str]] = {}
    lineage = table["lineage"].filter(there).to_pylist()
    for name, ids_of in zip(names, lineage, strict=True):
        if name is not None:
            spaces.setdefault(name, set()).update(one.partition(":")[0] for one in ids_of or [""])
    kept = [name if name and (len(spaces[name]) > 1 or "" in spaces[name]) else None for name in names]
    return add_column(table, "original", _scattered(there, kept), text)


def _scattered(there: pa.ChunkedArray, values: list[str | None]) -> list[str | None]:
    left = iter(values)
    return [next(left) if one else None for one in there.to_pylist()]
