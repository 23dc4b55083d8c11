"""Models of the Hub that look at texts, named by commit: only their weights are loaded, never code or pickles.

Optional: they need torch (`pip install 'lrl-datasets[train]'`). Each text goes through alone, so that neither batches
nor padding decide anything; a few dozen texts a second on a CPU.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass
from functools import cache
from typing import Any

from lrl_datasets.errors import LrlError
from lrl_datasets.filters.words import sentences

_COMMIT = re.compile(r"[0-9a-f]{40}")
_LINE = re.compile(r"[^\n]+")
_STRIDE = 32
"""Tokens by which the windows of a line overlap that is longer than the model reads."""


@dataclass(frozen=True)
class HubModel:
    """A model on the Hub, at one commit."""

    repo_id: str
    revision: str
    """The full commit, so that the same weights decide in every build."""

    def __post_init__(self) -> None:
        if not _COMMIT.fullmatch(self.revision):
            raise LrlError(f"{self.repo_id}: the revision of a model is a full commit, not {self.revision!r}")


@dataclass(frozen=True)
class NameModel(HubModel):
    """A token classifier that finds people's names."""

    labels: tuple[str, ...] = ("PER",)
    """Its labels of names, without `B-` and `I-`."""
    least: float = 0.5
    """Score from which on it is believed."""

    def spans(self, text: str) -> Iterator[tuple[int, int]]:
        """Yield where names stand, whole words, in reading order."""
        model = _pipeline("token-classification", self.repo_id, self.revision)
        last = 0
        for line in _LINE.finditer(text):
            for found in model(line[0]):
                if found["entity_group"] in self.labels and round(float(found["score"]), 4) >= self.least:
                    start, end = _whole_words(
                        text, line.start() + found["start"], line.start() + found["end"]
                    )
                    if start >= last:
                        yield start, end
                        last = end


@dataclass(frozen=True)
class HarmModel(HubModel):
    """A text classifier that says whether a text is harmful."""

    labels: tuple[tuple[str, str], ...] = (("toxic", "insult"),)
    """(its label, the category that is flagged)."""
    thresholds: tuple[float, float, float] = (0.5, 0.75, 0.9)
    """Least scores of severity 1, 2 and 3."""

    def found(self, text: str) -> set[tuple[str, int]]:
        """Return the categories of a text with their severity, of its worst sentence."""
        model, categories = _pipeline("text-classification", self.repo_id, self.revision), dict(self.labels)
        scores: dict[str, float] = {}
        for sentence in sentences(text):
            for told in model([sentence])[0]:
                if category := categories.get(told["label"]):
                    scores[category] = max(scores.get(category, 0.0), round(float(told["score"]), 4))
        severities = {
            name: sum(score >= least for least in self.thresholds) for name, score in scores.items()
        }
        return {(name, severity) for name, severity in severities.items() if severity}


def _whole_words(text: str, start: int, end: int) -> tuple[int, int]:
    """Widen a span to the words that it touches: tokens are parts of words."""
    while text[start].isspace() and start < end - 1:
        start += 1
    while start and text[start - 1].isalnum():
        start -= 1
    while end < len(text) and text[end].isalnum():
        end += 1
    return start, end


@cache
def _pipeline(task: str, repo_id: str, revision: str) -> Any:
    try:
        import torch  # noqa: F401 — said here what is missing, in our words
        import transformers
    except ImportError as error:
        raise LrlError(
            f"{repo_id}: a model needs torch and transformers: pip install 'lrl-datasets[train]'"
        ) from error
    of_task = {
        "token-classification": transformers.AutoModelForTokenClassification,
        "text-classification": transformers.AutoModelForSequenceClassification,
    }
    options: dict[str, dict[str, Any]] = {
        "token-classification": {"aggregation_strategy": "simple", "stride": _STRIDE},
        "text-classification": {"top_k": None, "truncation": True},
    }
    where = {"revision": revision, "trust_remote_code": False}
    try:
        tokenizer = transformers.AutoTokenizer.from_pretrained(repo_id, **where)
        model = of_task[task].from_pretrained(repo_id, use_safetensors=True, **where)
    except (OSError, ValueError) as error:
        raise LrlError(f"{repo_id}@{revision[:12]}: no model for {task} can be loaded: {error}") from error
    return transformers.pipeline(task, model=model.eval(), tokenizer=tokenizer, device="cpu", **options[task])
