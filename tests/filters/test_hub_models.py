"""Models of the Hub that find names and judge harm, by two tiny ones made here and served by the local Hub."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

import pytest

from lrl_datasets.errors import LrlError
from lrl_datasets.filters.hub_models import HarmModel, NameModel
from tests.hub import put_dataset, run_client, running_hub

# Both read a text word by word: the first dimension of a word's embedding says that it is in `told`.
MAKE = """
import sys, torch
from tokenizers import Tokenizer, models, normalizers, pre_tokenizers
from transformers import BertConfig, BertForSequenceClassification, BertForTokenClassification, PreTrainedTokenizerFast

words = ["[UNK]", "[PAD]", "juma", "asha", "kizito", "ovyo", "alifika", "na", "jana", "."]
for folder, kind, labels, told in (
    ("names", BertForTokenClassification, ("O", "B-PER"), {"juma", "asha", "kizito"}),
    ("harm", BertForSequenceClassification, ("fine", "toxic"), {"ovyo"}),
):
    tokenizer = Tokenizer(models.WordLevel({word: n for n, word in enumerate(words)}, unk_token="[UNK]"))
    tokenizer.normalizer, tokenizer.pre_tokenizer = normalizers.Lowercase(), pre_tokenizers.Whitespace()
    PreTrainedTokenizerFast(
        tokenizer_object=tokenizer, unk_token="[UNK]", pad_token="[PAD]", model_max_length=48
    ).save_pretrained(folder)
    config = BertConfig(
        vocab_size=len(words), hidden_size=2, num_hidden_layers=0, num_attention_heads=1, intermediate_size=2,
        max_position_embeddings=48, id2label=dict(enumerate(labels)), label2id={l: n for n, l in enumerate(labels)},
    )
    model = kind(config)
    with torch.no_grad():
        for parameter in model.parameters():
            parameter.zero_()
        embeddings = model.bert.embeddings
        embeddings.LayerNorm.weight.fill_(1.0)
        embeddings.word_embeddings.weight.copy_(torch.tensor([[float(w in told), float(w not in told)] for w in words]))
        if model.bert.pooler is not None:
            model.bert.pooler.dense.weight.copy_(torch.eye(2))
        model.classifier.weight.copy_(torch.tensor([[0.0, 4.0], [4.0, 0.0]]))
    model.save_pretrained(folder)
"""

USE = """
from lrl_datasets import schema
from lrl_datasets.errors import LrlError
from lrl_datasets.filters.harm import Harm
from lrl_datasets.filters.hub_models import HarmModel, NameModel
from lrl_datasets.filters.personal_data import PersonalData

def rows(*texts):
    return schema.candidates([{{"messages": [{{"role": "user", "content": one}} for one in text]}} for text in texts])

step = PersonalData(("TZ",), names=NameModel("test/names", {names!r}))
table = step(rows(["Juma na Asha.", "Jana Asha alifika na 0712 345 678, Kizito"], ["Jana", "jana " * 100 + "Juma"]))
first, second = table["messages"].to_pylist()
assert [turn["content"] for turn in first] == ["[NAME] na [NAME_2].", "Jana [NAME_2] alifika na [PHONE], [NAME_3]"]
assert second[1]["content"].endswith("jana [NAME]"), second
assert table["masked"].to_pylist() == [["phone", "name", "name", "name", "name"], ["name"]]

step = Harm(("swh",), HarmModel("test/harm", {harm!r}, thresholds=(0.5, 0.75, 0.9999)))
table = step(rows(["Jana alifika. Ovyo jana."], ["Jana mjinga alifika"], ["Jana"]))
assert table["flags"].to_pylist() == [["harm:insult:2"], ["harm:insult:1"], []], table["flags"].to_pylist()

try:
    NameModel("test/nowhere", "0" * 40).spans("Juma").__next__()
except LrlError as error:
    assert "test/nowhere@000000000000: no model for token-classification" in str(error)
else:
    raise AssertionError("a model that is not there was loaded")
"""


def test_names_are_masked_and_harm_is_flagged_by_models(tmp_path: Path) -> None:
    made = tmp_path / "made"
    made.mkdir()
    subprocess.run([sys.executable, "-c", MAKE], cwd=made, check=True, capture_output=True)
    with running_hub(tmp_path) as hub:
        commits = {
            name: put_dataset(
                hub.url,
                f"test/{name}",
                {path.name: path for path in (made / name).iterdir()},
                repo_type="model",
            )
            for name in ("names", "harm")
        }
        run_client(USE.format(**commits), hub.url, tmp_path)


def test_a_model_is_named_by_its_full_commit() -> None:
    for kind in (NameModel, HarmModel):
        with pytest.raises(LrlError, match="a full commit, not 'main'"):
            kind("test/names", "main")
    assert json.dumps(NameModel("test/names", "0" * 40).__dict__)
