"""What the YAML of `sw_instruct` cannot say: which rows may be scored, and how one answer is scored.

The harness imports this file by its path, from `lm_eval/tasks/lrl/sw_suite/` where the wheel is installed.
"""

from __future__ import annotations

import json
from pathlib import Path
from typing import TYPE_CHECKING, Any
from urllib.parse import urlsplit

from lrl_datasets.errors import LrlError
from lrl_datasets.evaluation.origin import origin

if TYPE_CHECKING:
    from datasets import Dataset

LANGUAGE = "sw"  # as py3langid calls it


def held_out(docs: Dataset) -> Dataset:
    """Return the rows as they are, if they are what the task names: a release's rows, read from the Hub.

    Raises
    ------
    LrlError
        The rows came from a folder (one in the working directory with the dataset's name shadows the Hub, and
        the revision is ignored without a word), or from a SAMPLE release at another endpoint than loopback.
    """
    from huggingface_hub import constants, hf_hub_download
    from huggingface_hub.errors import EntryNotFoundError

    found = origin(docs)
    if found is None:
        raise LrlError(
            "sw_instruct: its rows were not read from a commit on the Hub: a folder named like the dataset "
            f"in {Path.cwd()} shadows it. Run in another directory."
        )
    repo, commit = found
    try:
        path = hf_hub_download(repo, "manifest.json", repo_type="dataset", revision=commit)
    except EntryNotFoundError as error:
        raise LrlError(f"sw_instruct: {repo} at {commit} is no release: it has no manifest.json") from error
    sample = json.loads(Path(path).read_bytes()).get("sample", True)
    if sample and urlsplit(constants.ENDPOINT).hostname not in ("localhost", "127.0.0.1", "::1"):
        raise LrlError(
            f"sw_instruct: {repo} at {commit} is a SAMPLE release, written to rehearse the road; its scores "
            f"mean nothing, and only an endpoint on this computer may serve it (now {constants.ENDPOINT})"
        )
    return docs


def score(doc: dict[str, Any], results: list[str]) -> dict[str, Any]:
    """Score one answer.

    Returns
    -------
    dict
        `chrf`: (reference, answer), aggregated over the corpus (sacrebleu's defaults: 6-grams of characters,
        β = 2); `in_swahili`: 1.0 where py3langid's first label for the answer is Swahili, 0.0 elsewhere, for
        an answer without a letter, and for one that says one or two words over and over: "za za za …" is a
        stuck model, though every detector calls it Swahili.
    """
    answer = results[0].strip()
    return {
        "chrf": (doc["messages"][-1]["content"].strip(), answer),
        "in_swahili": float(_in_swahili(answer)),
    }


def _in_swahili(text: str) -> bool:
    words = text.casefold().split()
    stuck = len(words) >= 8 and len(set(words)) < 3
    if stuck or not any(character.isalpha() for character in text):
        return False
    import py3langid

    label, _ = py3langid.classify(text)
    return bool(label == LANGUAGE)
