"""A first campaign folder: `campaign.toml` with every key explained, and made-up rows to put one's own in place of.

Takes a language and a platform's format, writes files that load as they are: a plan and the first tasks come out of
them at once. What nobody but the campaign's owner can know, the floor for an hour of work, has to be given.
"""

from __future__ import annotations

import json
from importlib.resources import files
from pathlib import Path
from typing import Any

from lrl_datasets import languages
from lrl_datasets.errors import LrlError
from lrl_datasets.sources import campaign_toml
from lrl_datasets.sources.campaign_toml import Format

_COLUMNS: dict[Format, tuple[str, str, str, str]] = {
    "toloka": ("INPUT:%s", "OUTPUT:%s", "GOLDEN:%s", "tsv"),
    "mturk": ("Input.%s", "Answer.%s", "Input.golden_%s", "csv"),
    "label_studio": ("$%s", "%s", "$golden_%s", "json"),
    "argilla": ("%s", "%s.responses", "golden_%s", "json"),
    "table": ("%s", "%s", "golden_%s", "csv"),
}
"""How a format calls what is shown, what is said and the true label, and how its exports end."""

_MADE_UP: dict[str, list[dict[str, str]]] = {
    "prompts": [
        {"id": "p1", "prompt": "(made up) Why do people wash their hands before they eat?"},
        {"id": "p2", "prompt": "(made up) How is tea made?"},
        {"id": "p3", "prompt": "(made up) What can be done with an old bicycle tyre?"},
    ],
    "golden_answers": [
        {"id": "c1", "prompt": "(made up) Write in one word: the day after Monday.", "answer": "Tuesday",
         "hint": "One word is asked for."},
    ],
    "golden_judgements": [
        {"id": "g1", "prompt": "(made up) Name two days.", "answer": "Monday and Tuesday.", "helpful": "yes",
         "hint": "It says what was asked for."},
        {"id": "g2", "prompt": "(made up) Name two days.", "answer": "I like days.", "helpful": "no",
         "hint": "It names none."},
        {"id": "g3", "prompt": "(made up) How many legs has a goat?", "answer": "Four.", "helpful": "yes",
         "hint": "It is right."},
        {"id": "g4", "prompt": "(made up) How many legs has a goat?", "answer": "Seven.", "helpful": "no",
         "hint": "It is wrong."},
    ],
    "golden_comparisons": [
        {"id": "k1", "prompt": "(made up) What is salt for?", "left": "It gives food taste and keeps it.",
         "right": "Salt salt salt.", "better": "left", "hint": "One of them says nothing."},
        {"id": "k2", "prompt": "(made up) What is rain?", "left": "It is Monday.",
         "right": "Water that falls from clouds.", "better": "right", "hint": "One of them is no answer."},
    ],
}  # fmt: skip


def write(
    folder: Path,
    language: str,
    format: Format,
    *,
    currency: str,
    hourly_pay: float,
    platform_fee: float = 0.0,
    license: str = "cc-by-4.0",
) -> list[Path]:
    """Write a campaign folder.

    Parameters
    ----------
    folder
        Named as the campaign is; it may exist, without a campaign.
    language
        Of the answers, by any of its codes; its file has to be there (`lrl new language`).
    currency, hourly_pay, platform_fee
        `[money]`.

    Returns
    -------
    list of Path
        The files that were written.

    Raises
    ------
    LrlError
        The language or the licence is not known, or one of the files is there; nothing is written then.
    """
    texts = {folder / "texts" / f"{name}.jsonl": _lines(rows) for name, rows in _MADE_UP.items()}
    shown, said, golden, ending = _COLUMNS[format]
    name = folder.absolute().name
    toml = _template().render(
        q=lambda text: json.dumps(text, ensure_ascii=False), name=name, license=license, format=format,
        language=languages.load(language).code, shown=shown, said=said, golden=golden, ending=ending,
        currency=currency, hourly_pay=float(hourly_pay), platform_fee=float(platform_fee),
    )  # fmt: skip
    campaign_toml.parsed(toml, folder / campaign_toml.FILE)
    contents = {folder / campaign_toml.FILE: toml, **texts}
    there = next((path for path in contents if path.exists()), None)
    if there is not None:
        raise LrlError(f"{there} is there already; nothing was written")
    for path, text in contents.items():
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text, encoding="utf-8")
    (folder / "exports").mkdir(exist_ok=True)
    return list(contents)


def _lines(rows: list[dict[str, str]]) -> str:
    return "".join(json.dumps(row, ensure_ascii=False) + "\n" for row in rows)


def _template() -> Any:
    import jinja2

    source = files("lrl_datasets.crowd").joinpath("campaign.toml.j2").read_text(encoding="utf-8")
    environment = jinja2.Environment(
        autoescape=False,  # noqa: S701 (TOML, no HTML: `q` escapes)
        undefined=jinja2.StrictUndefined, trim_blocks=True, lstrip_blocks=True,
        keep_trailing_newline=True,
    )  # fmt: skip
    return environment.from_string(source)
