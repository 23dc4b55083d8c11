"""Ten short conversations, written for these tests, and recipes small enough to run in seconds."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq

from lrl_datasets import schema
from lrl_datasets.training.data import Data, Pair
from lrl_datasets.training.recipe import Recipe

TEN = [
    ("Mji mkuu wa Kenya ni upi?", "Mji mkuu wa Kenya ni Nairobi."),
    ("Taja rangi mbili.", "Nyekundu na kijani."),
    ("Jua huchomoza upande gani?", "Jua huchomoza mashariki."),
    ("Ng'ombe hutupa nini?", "Ng'ombe hutupa maziwa na nyama."),
    ("Wiki ina siku ngapi?", "Wiki ina siku saba."),
    ("Samaki huishi wapi?", "Samaki huishi majini."),
    ("Mwalimu hufanya kazi gani?", "Mwalimu hufundisha wanafunzi shuleni."),
    ("Tunavaa nini wakati wa baridi?", "Tunavaa koti na kofia."),
    ("Daktari huwasaidia nani?", "Daktari huwasaidia wagonjwa hospitalini."),
    ("Chai hutengenezwa vipi?", "Chemsha maji, tia majani ya chai na sukari."),
]
HELD_OUT = [
    ("Mji mkuu wa Tanzania ni upi?", "Mji mkuu wa Tanzania ni Dodoma."),
    ("Mwezi una siku ngapi?", "Mwezi una siku thelathini."),
]


def tiny_recipe(dropout: float = 0.1, **training: Any) -> Recipe:
    """A from-scratch recipe; `training` changes its optimisation."""
    return Recipe.model_validate(
        {
            "name": "tiny",
            "about": "written for the tests",
            "dataset": {"id": "us/ten", "revision": "v1.0.0"},
            "model": {
                "architecture": {
                    "d_model": 32, "d_kv": 8, "d_ff": 64, "num_layers": 1, "num_heads": 4,
                    "initializer_factor": 0.3, "dropout_rate": dropout,
                },
                "tokenizer": {"vocab_size": 96},
            },
            "lengths": {"source": 48, "target": 48},
            "training": {
                "optimiser": "adamw", "learning_rate": 0.005, "schedule": "constant", "max_grad_norm": 1,
                "batch_size": 4, "max_steps": 12, "precision": "fp32", "seed": 3, "deterministic": True, "threads": 1,
                "log_every": 2, "evaluate_every": 4, "save_every": 4,
            } | training,
            "expected": "not run yet",
        }
    )  # fmt: skip


def ten_pairs() -> Data:
    """The conversations as a run reads them, without a Hub."""
    train = [Pair(str(at), *texts) for at, texts in enumerate(TEN)]
    held_out = [Pair(f"h{at}", *texts) for at, texts in enumerate(HELD_OUT)]
    return Data(train, held_out, ["validation"], "0" * 40)


def write_release(folder: Path, held_out: str = "validation") -> Path:
    """Write the part of a release that a fine-tune reads: Parquet of the `default` config, and its card."""
    for split, texts in (("train", TEN), (held_out, HELD_OUT)):
        rows = [
            {
                "id": f"{split}-{at}",
                "messages": [{"role": "user", "content": asked}, {"role": "assistant", "content": answer}],
            }
            for at, (asked, answer) in enumerate(texts)
        ]
        target = folder / f"data/{split}-00000-of-00001.parquet"
        target.parent.mkdir(parents=True, exist_ok=True)
        pq.write_table(pa.Table.from_pylist(rows, schema=schema.SFT), target)
    splits = "".join(f"  - split: {name}\n    path: data/{name}-*\n" for name in ("train", held_out))
    (folder / "README.md").write_text(
        f"---\nconfigs:\n- config_name: default\n  data_files:\n{splits}---\n", encoding="utf-8"
    )
    (folder / "manifest.json").write_text(json.dumps({"sample": True}), encoding="utf-8")
    return folder
