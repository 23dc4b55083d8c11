"""Tokens: the unigram bar by hand, a tokenizer that is the same in every process, texts cut to length."""

from __future__ import annotations

import math
import subprocess
import sys
from pathlib import Path

import pytest

from lrl_datasets.errors import LrlError
from lrl_datasets.training.data import Pair
from lrl_datasets.training.recipe import Lengths
from lrl_datasets.training.tokens import encode, train_tokenizer, unigram_loss

from . import rows

TEXTS = [text for pair in rows.TEN for text in pair]


def test_the_unigram_loss_by_hand() -> None:
    # Trained on 3 3 4 1 with 6 pieces: p(3) = (2+1)/(4+6), p(4) = p(1) = 2/10, every other piece 1/10.
    expected = -(math.log(0.3) + math.log(0.2) + math.log(0.1) + math.log(0.2)) / 4
    assert unigram_loss([[3, 3], [4, 1]], [[3, 4], [5, 1]], 6) == pytest.approx(expected, abs=1e-12)


def test_a_model_that_knows_nothing_is_at_the_log_of_the_vocabulary() -> None:
    assert unigram_loss([], [[0, 1, 2]], 7) == pytest.approx(math.log(7), abs=1e-12)


def test_the_tokenizer_gives_texts_back_and_has_mt5s_special_ids() -> None:
    tokenizer = train_tokenizer(TEXTS, 96)
    assert len(tokenizer) == 96
    assert (tokenizer.pad_token_id, tokenizer.eos_token_id, tokenizer.unk_token_id) == (0, 1, 2)
    for text in TEXTS:
        ids = tokenizer(text).input_ids
        assert ids[-1] == 1 and 2 not in ids
        assert tokenizer.decode(ids, skip_special_tokens=True) == text


def test_the_same_texts_give_the_same_tokenizer_in_another_process(tmp_path: Path) -> None:
    code = (
        "import sys; from lrl_datasets.training.tokens import train_tokenizer\n"
        f"train_tokenizer({TEXTS!r}, 96).save_pretrained(sys.argv[1])"
    )
    files = []
    for name in ("a", "b"):
        subprocess.run([sys.executable, "-c", code, str(tmp_path / name)], check=True, capture_output=True)
        files.append((tmp_path / name / "tokenizer.json").read_bytes())
    assert files[0] == files[1]


def test_a_saved_tokenizer_is_loaded_by_auto_tokenizer(tmp_path: Path) -> None:
    from transformers import AutoTokenizer

    tokenizer = train_tokenizer(TEXTS, 96)
    tokenizer.save_pretrained(tmp_path)
    (tmp_path / "config.json").write_text('{"model_type": "mt5"}', "utf-8")
    loaded = AutoTokenizer.from_pretrained(tmp_path)
    for text in TEXTS:
        assert loaded(text).input_ids == tokenizer(text).input_ids


def test_a_vocabulary_that_the_texts_cannot_fill_is_refused() -> None:
    with pytest.raises(LrlError, match="vocab_size 5000 does not fit 20 training texts"):
        train_tokenizer(TEXTS, 5000)


def test_cut_texts_keep_their_end_and_are_counted() -> None:
    tokenizer = train_tokenizer(TEXTS, 96)
    pair = Pair("1", "Wiki ina siku ngapi?", "Saba.")
    source, target = tokenizer(pair.source).input_ids, tokenizer(pair.target).input_ids
    whole = encode(tokenizer, [pair], Lengths(source=len(source), target=len(target)))
    assert whole.rows == [{"input_ids": source, "attention_mask": [1] * len(source), "labels": target}]
    assert (whole.cut_sources, whole.cut_targets) == (0, 0)
    cut = encode(tokenizer, [pair], Lengths(source=4, target=len(target)))
    assert cut.rows[0]["input_ids"] == [*source[:3], 1]
    assert (cut.cut_sources, cut.cut_targets) == (1, 0)
