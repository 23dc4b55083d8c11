"""From texts to token ids: the tokenizer of a model trained from scratch, the encoded pairs, the unigram bar.

The tokenizer is SentencePiece's unigram model (Kudo 2018, https://aclanthology.org/P18-1007/), as mT5's is,
and is trained on one thread by `sentencepiece` itself: the trainer of `tokenizers` was tried and gives
other scores in each process on the same text.
"""

from __future__ import annotations

import io
import math
from collections import Counter
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Any

from lrl_datasets.errors import LrlError
from lrl_datasets.training.data import Pair
from lrl_datasets.training.recipe import Lengths


@dataclass(frozen=True)
class Encoded:
    """Pairs as token ids, and what was cut to fit."""

    rows: list[dict[str, Any]]
    """One a pair: `input_ids`, `attention_mask` and `labels`, each ending with the end token; and `weight`, where any
    pair's is not 1."""
    cut_sources: int
    cut_targets: int

    @property
    def targets(self) -> list[list[int]]:
        """The target ids of every row."""
        return [row["labels"] for row in self.rows]


def train_tokenizer(texts: Iterable[str], vocab_size: int) -> Any:
    """Train a `T5Tokenizer` (pad 0, end 1, unknown 2) on texts; the same texts give the same tokenizer.

    Raises
    ------
    LrlError
        The texts are too few for so many pieces.
    """
    import sentencepiece
    from transformers import T5Tokenizer

    # T5's tokenizer splits at white space of any kind, so the training text is seen without line ends too.
    sentences = [" ".join(text.split()) for text in texts]
    file = io.BytesIO()
    try:
        sentencepiece.SentencePieceTrainer.train(
            sentence_iterator=iter(sentences), model_writer=file, model_type="unigram", vocab_size=vocab_size,
            character_coverage=1.0, normalization_rule_name="identity", max_sentence_length=1 << 20,
            pad_id=0, eos_id=1, unk_id=2, bos_id=-1, num_threads=1, minloglevel=2,
        )  # fmt: skip
    except RuntimeError as error:
        raise LrlError(
            f"model.tokenizer.vocab_size {vocab_size} does not fit {len(sentences)} training texts: {error}"
        ) from error
    model = sentencepiece.SentencePieceProcessor(model_proto=file.getvalue())
    vocab = [(model.id_to_piece(i), model.get_score(i)) for i in range(len(model))]
    return T5Tokenizer(vocab=vocab, extra_ids=0, model_max_length=1 << 20)


def encode(tokenizer: Any, pairs: Sequence[Pair], lengths: Lengths) -> Encoded:
    """Encode pairs, cut to the recipe's lengths; a cut text keeps its end token."""
    rows: list[dict[str, Any]] = []
    cut_sources = cut_targets = 0
    has_weights = any(pair.weight != 1 for pair in pairs)
    for pair in pairs:
        source, target = tokenizer(pair.source).input_ids, tokenizer(text_target=pair.target).input_ids
        cut_sources += len(source) > lengths.source
        cut_targets += len(target) > lengths.target
        source, target = _cut(source, lengths.source), _cut(target, lengths.target)
        rows.append({"input_ids": source, "attention_mask": [1] * len(source), "labels": target})
        if has_weights:
            rows[-1]["weight"] = pair.weight
    return Encoded(rows, cut_sources, cut_targets)


def unigram_loss(train: Iterable[Sequence[int]], held_out: Iterable[Sequence[int]], vocab_size: int) -> float:
    """Cross-entropy, in nats a token, of held-out ids under the add-one unigram model of training ids.

    This is what a model reaches that has learned how often each token occurs, and nothing else:
    -mean log p(t) with p(t) = (count(t) + 1) / (tokens + vocab_size).
    """
    counts = Counter(token for row in train for token in row)
    total = sum(counts.values()) + vocab_size
    losses = [-math.log((counts[token] + 1) / total) for row in held_out for token in row]
    return math.fsum(losses) / len(losses)


def _cut(ids: list[int], length: int) -> list[int]:
    return ids if len(ids) <= length else [*ids[: length - 1], ids[-1]]
