"""What a fine-tune reads: a dataset id and a revision, through `datasets.load_dataset`, as any user would.

It gives pairs of texts (what is asked, what is answered) for training and for the held-out loss, and the
commit that the revision named. It knows nothing of builds, manifests or release folders.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Any

from lrl_datasets.errors import LrlError
from lrl_datasets.evaluation.origin import check_commit
from lrl_datasets.evaluation.tasks import refuse_shadowed
from lrl_datasets.revisions import resolve
from lrl_datasets.training.recipe import DatasetChoice

CALIBRATED = "calibrated"
"""The `helpfulness_kind` of a row whose helpfulness means what it says."""


@dataclass(frozen=True)
class Pair:
    """One example of a sequence-to-sequence model."""

    id: str
    source: str
    target: str
    weight: float = 1.0
    """What its loss is multiplied with in training."""


@dataclass(frozen=True)
class Data:
    """Everything a run reads."""

    train: list[Pair]
    held_out: list[Pair]
    held_out_splits: list[str]
    commit: str
    notes: list[str] = field(default_factory=list)
    """What a reader of the results must know, e.g. a split that the release lacks."""


def load_data(choice: DatasetChoice) -> Data:
    """Load the training and held-out pairs of a dataset at a revision.

    The revision is resolved to a commit first and that commit is loaded: what is recorded is what was read.
    The endpoint is the Hub client's (`HF_ENDPOINT`, read when it is imported).

    Raises
    ------
    LrlError
        A folder of the working directory shadows the dataset; the Hub does not know it, the revision or the
        config; other rows than the Hub's were read from the cache; it has no train split, or no held-out one;
        a row is no conversation that ends in an answer.
    """
    refuse_shadowed([choice.id])
    import datasets

    commit = resolve(choice.id, choice.revision, "dataset")
    try:
        loaded = datasets.load_dataset(choice.id, choice.config, revision=commit)
    except (ValueError, OSError, datasets.exceptions.DatasetsError) as error:
        raise LrlError(
            f"{choice.id}@{choice.revision}: config {choice.config} cannot be loaded: {error}"
        ) from error
    where = f"{choice.id}@{choice.revision}, config {choice.config}"
    if "train" not in loaded:
        raise LrlError(f"{where}: there is no train split, only {', '.join(loaded)}")
    notes: list[str] = []
    splits: list[str] = [name for name in choice.held_out if name in loaded]
    for name in choice.held_out:
        if name not in loaded:
            notes.append(f"the release has no {name} split")
    if not splits and "test" in loaded:
        splits = ["test"]
    if not splits:
        raise LrlError(
            f"{where}: there is neither a validation nor a test split to measure the held-out loss on"
        )
    if splits != list(choice.held_out):
        notes.append(f"the held-out loss is measured on {' + '.join(splits)}")
    used = {name: loaded[name] for name in ["train", *splits]}
    for rows in used.values():
        check_commit(rows, choice.id, commit)
    pairs = {name: to_pairs(rows, f"{where}, {name}", choice.input) for name, rows in used.items()}
    if choice.weight is not None:
        pairs["train"] = weighted(pairs["train"], used["train"])
        number = sum(row.get("helpfulness_kind") == CALIBRATED for row in used["train"])
        notes.append(
            f"{number} of {len(pairs['train'])} training rows weigh their calibrated helpfulness, the others 1"
        )
    return Data(pairs["train"], [pair for name in splits for pair in pairs[name]], splits, commit, notes)


def weighted(pairs: Sequence[Pair], rows: Iterable[Mapping[str, Any]]) -> list[Pair]:
    """Weigh each pair by its row's helpfulness where that is calibrated."""
    return [
        replace(pair, weight=float(row["helpfulness"])) if row.get("helpfulness_kind") == CALIBRATED else pair
        for pair, row in zip(pairs, rows, strict=True)
    ]


def to_pairs(rows: Iterable[Mapping[str, Any]], where: str, template: str = "{prompt}") -> list[Pair]:
    """Turn conversations into pairs: the last turn is the target, the ones before it the source."""
    pairs = []
    for number, row in enumerate(rows, 1):
        name = f"{where}, row {number}" + (f" ({row['id']})" if "id" in row else "")
        if "messages" not in row:
            raise LrlError(f"{where}: column messages is missing; there are: {', '.join(row)}")
        messages: Sequence[Mapping[str, str]] = row["messages"] or []
        roles = [message["role"] for message in messages]
        if len(roles) < 2 or roles[-1] != "assistant" or "user" not in roles:
            raise LrlError(
                f"{name}, column messages: an answered question is needed, the roles are {roles or 'none'}"
            )
        *asked, answer = messages
        source = "\n".join(message["content"] for message in asked).strip()
        if not source or not answer["content"].strip():
            raise LrlError(f"{name}, column messages: question or answer is empty")
        pairs.append(
            Pair(str(row.get("id", number)), template.replace("{prompt}", source), answer["content"])
        )
    if not pairs:
        raise LrlError(f"{where}: there are no rows")
    return pairs
