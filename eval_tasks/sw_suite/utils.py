"""What the YAML of the tasks cannot say: which rows may be scored, and how one answer is scored.

The harness imports this file by its path, from `lm_eval/tasks/lrl/sw_suite/` where the wheel is installed.
"""

from __future__ import annotations

import functools
import json
import logging
from pathlib import Path
from typing import TYPE_CHECKING, Any

from lrl_datasets.endpoints import is_loopback
from lrl_datasets.errors import LrlError
from lrl_datasets.evaluation import origin

if TYPE_CHECKING:
    from datasets import Dataset

LANGUAGE = "sw"  # as py3langid calls it


def from_hub(docs: Dataset) -> Dataset:
    """Return the rows as they are, if they were read from a Hub and are no SAMPLE rows away from this computer.

    Raises
    ------
    LrlError
        The rows came from a folder (one in the working directory with the dataset's name shadows the Hub, and
        the revision is ignored without a word), or they are SAMPLE rows and the endpoint in use is not on this
        computer: they lie in the cache from a rehearsal.
    """
    repo, commit = _origin(docs)
    if origin.is_sample(repo, commit):
        _refuse_or_warn(repo, commit)
    return docs


def held_out(docs: Dataset) -> Dataset:
    """Return the rows as they are, if they are a release's rows, read from the Hub; see `from_hub`.

    Raises
    ------
    LrlError
        As for `from_hub`; a release says in its manifest, and not in its card alone, whether it is a SAMPLE.
    """
    from huggingface_hub import hf_hub_download
    from huggingface_hub.errors import LocalEntryNotFoundError, RemoteEntryNotFoundError

    repo, commit = _origin(docs)
    try:
        path = hf_hub_download(repo, "manifest.json", repo_type="dataset", revision=commit)
    except RemoteEntryNotFoundError as error:
        raise LrlError(f"{repo} at {commit} is no release: it has no manifest.json") from error
    except LocalEntryNotFoundError as error:
        raise LrlError(
            f"{repo} at {commit}: its manifest.json is not in the cache and {origin.endpoint()} does not answer"
        ) from error
    if json.loads(Path(path).read_bytes()).get("sample", True):
        _refuse_or_warn(repo, commit)
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


def _origin(docs: Dataset) -> tuple[str, str]:
    found = origin.origin(docs)
    if found is None:
        raise LrlError(
            "the rows were not read from a commit on the Hub: a folder named like the dataset in "
            f"{Path.cwd()} shadows it. Run in another directory."
        )
    return found


@functools.cache  # once a dataset, not once a split
def _refuse_or_warn(repo: str, commit: str) -> None:
    from huggingface_hub import constants

    if not is_loopback(constants.ENDPOINT):
        raise LrlError(
            f"{repo} at {commit}: these are SAMPLE rows, written to rehearse the road; their scores mean nothing, "
            f"and only an endpoint on this computer may serve them (now {origin.endpoint()}). Where they lie in the "
            "cache from a rehearsal, use another HF_HOME."
        )
    logging.getLogger(__name__).warning("%s: SAMPLE rows, written for a rehearsal; scores mean nothing", repo)


def _in_swahili(text: str) -> bool:
    words = text.casefold().split()
    stuck = len(words) >= 8 and len(set(words)) < 3
    if stuck or not any(character.isalpha() for character in text):
        return False
    import py3langid

    label, _ = py3langid.classify(text)
    return bool(label == LANGUAGE)
