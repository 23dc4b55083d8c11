"""A local Hub with everything that `sw_suite` loads: rows of our own in the real datasets' columns."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq

from lrl_datasets import schema
from lrl_datasets.evaluation.sample_suite import serve_sample
from lrl_datasets.local_hub import put

XNLI = [
    ("Juma anafanya kazi sokoni kila siku isipokuwa Jumapili.", "Juma hufanya kazi siku ya Jumatatu.", 0),
    ("Mvua kubwa ilinyesha usiku kucha mjini.", "Watu wengi walilala vibaya.", 1),
    ("Duka lile hufungwa saa mbili usiku.", "Duka lile liko wazi usiku wa manane.", 2),
    ("Asha amesoma vitabu vyote vya mwandishi huyo.", "Asha hajawahi kusoma kitabu.", 2),
]
XCOPA = [
    (
        "Taa zilizimika ghafla.",
        "Kulikuwa na hitilafu ya umeme.",
        "Watoto walikuwa wanacheza nje.",
        "cause",
        0,
    ),
    ("Baraka alisahau mwavuli wake.", "Alinunua viatu vipya.", "Alilowa mvua njiani.", "effect", 1),
    ("Maziwa yaliachwa juani.", "Yaliharibika.", "Yaliganda kuwa barafu.", "effect", 0),
]
STORY = [
    ("a1", "Neema alitaka kupika ugali.", "Nyumbani hakukuwa na unga.", "Alikwenda dukani kwa Mzee Ali.",
     "Duka lilikuwa bado wazi.", "Alinunua unga na kurudi kupika.", "Alilala bila kuoga mtoni.", 1),
    ("a2", "Timu yetu ilifanya mazoezi mwezi mzima.", "Siku ya mechi ilifika.", "Tulifunga mabao matatu.",
     "Wapinzani hawakufunga hata moja.", "Tulirudi nyumbani kwa huzuni.", "Tulishangilia ushindi wetu.", 2),
    ("a3", "Paka wa jirani alipotea.", "Tulimtafuta mtaa mzima.", "Usiku tulisikia sauti juu ya paa.",
     "Baba alichukua ngazi.", "Alimshusha paka salama.", "Alipaka ngazi rangi.", 1),
]  # fmt: skip
INSTRUCT = [
    ("Eleza kwa ufupi kwa nini tunanawa mikono kabla ya kula.",
     "Tunanawa mikono ili kuondoa vijidudu ambavyo vingeingia mwilini na kutuletea magonjwa."),
    ("Taja matunda matatu yanayopatikana Tanzania.",
     "Embe, chungwa na nanasi ni matunda yanayopatikana kwa wingi nchini Tanzania."),
]  # fmt: skip


def write_sample(folder: Path) -> Path:
    """Write the three datasets as the sample's JSON Lines."""
    folder.mkdir(parents=True, exist_ok=True)
    xnli = [{"premise": p, "hypothesis": h, "label": label} for p, h, label in XNLI]
    xcopa = [
        {"premise": p, "choice1": a, "choice2": b, "question": q, "label": label, "idx": at, "changed": False}
        for at, (p, a, b, q, label) in enumerate(XCOPA)
    ]
    names = ("story_id", *(f"input_sentence_{n}" for n in (1, 2, 3, 4)), "sentence_quiz1", "sentence_quiz2")
    story = [dict(zip((*names, "answer_right_ending"), row, strict=True)) for row in STORY]
    for name, rows in {"xnli": xnli, "xcopa": xcopa, "xstory_cloze": story}.items():
        lines = [json.dumps(row, ensure_ascii=False) for row in rows]
        (folder / f"{name}.jsonl").write_text("\n".join(lines) + "\n", encoding="utf-8")
    return folder


def write_release(folder: Path, *, sample: bool) -> Path:
    """Write the part of a release that `sw_instruct` reads."""
    messages = [
        {"id": str(at), "messages": [{"role": "user", "content": q}, {"role": "assistant", "content": a}]}
        for at, (q, a) in enumerate(INSTRUCT)
    ]
    for split in ("train", "test"):
        target = folder / f"data/{split}-00000-of-00001.parquet"
        target.parent.mkdir(parents=True, exist_ok=True)
        pq.write_table(pa.Table.from_pylist(messages, schema=schema.SFT), target)
    splits = "".join(f"  - split: {name}\n    path: data/{name}-*\n" for name in ("train", "test"))
    tags = "tags: [lrl-datasets, sample]\n" if sample else ""  # as the real card has them
    (folder / "README.md").write_text(
        f"---\n{tags}configs:\n- config_name: default\n  data_files:\n{splits}---\n", encoding="utf-8"
    )
    manifest: dict[str, Any] = {"repository": "lrl-align/swahili-instruct", "sample": sample}
    (folder / "manifest.json").write_text(json.dumps(manifest), encoding="utf-8")
    return folder


def fill(store: Path, scratch: Path, *, sample: bool = True) -> None:
    """Put everything that the suite loads into a store."""
    serve_sample(store, write_sample(scratch / "sample"))
    put(store, "lrl-align/swahili-instruct", write_release(scratch / "release", sample=sample), tag="v1.0.0")
