"""Small randomly initialised models, saved as a user's would be, their tokenizer trained on our own text."""

from __future__ import annotations

from pathlib import Path

# Written for these tests.
TEXT = [
    "Mkulima alipanda mahindi mapema mwaka huu kwa sababu mvua zilianza kunyesha mwezi wa tatu.",
    "Watoto wanapenda kusikiliza hadithi za zamani wakati bibi anapika chakula cha jioni.",
    "Ili kutunza maji safi, funika chombo, kioshe kila wiki na usiingize mikono ndani yake.",
    "Mwalimu alieleza kwamba jua ni nyota, na dunia huzunguka jua kwa siku mia tatu sitini na tano.",
    "Maelezo: Dai: Swali: Tukio: Hadithi: Ombi: Jibu: Mwisho: Ndiyo, Labda, Hapana.",
    "Je, unaweza kunieleza njia ya kwenda sokoni? Nenda moja kwa moja, kisha pinda kushoto.",
    "Daktari alimshauri anywe maji mengi, apumzike vya kutosha na arudi baada ya wiki moja.",
]


def tokenizer(folder: Path, eos: bool) -> None:
    """Train a Unigram tokenizer on `TEXT`; with `eos` it closes every text, as an encoder-decoder's does."""
    from tokenizers import Tokenizer, decoders, models, pre_tokenizers, processors, trainers
    from transformers import PreTrainedTokenizerFast

    core = Tokenizer(models.Unigram())
    core.pre_tokenizer = pre_tokenizers.Metaspace()
    core.decoder = decoders.Metaspace()
    characters = sorted(
        {c for text in TEXT for c in text} | set("0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZxq!\"'")
    )
    trainer = trainers.UnigramTrainer(
        vocab_size=300,
        special_tokens=["<pad>", "</s>", "<unk>"],
        unk_token="<unk>",
        initial_alphabet=characters,
        show_progress=False,
    )
    core.train_from_iterator(TEXT, trainer)
    if eos:
        core.post_processor = processors.TemplateProcessing(single="$A </s>", special_tokens=[("</s>", 1)])
    PreTrainedTokenizerFast(
        tokenizer_object=core, pad_token="<pad>", eos_token="</s>", unk_token="<unk>", model_max_length=1024
    ).save_pretrained(folder)


def mt5(folder: Path) -> Path:
    """Save an encoder-decoder of about 40,000 parameters."""
    import torch
    from transformers import MT5Config, MT5ForConditionalGeneration

    tokenizer(folder, eos=True)
    torch.manual_seed(1)
    config = MT5Config(
        vocab_size=320, d_model=32, d_kv=8, d_ff=64, num_layers=2, num_heads=4, pad_token_id=0,
        eos_token_id=1, decoder_start_token_id=0,
    )  # fmt: skip
    MT5ForConditionalGeneration(config).save_pretrained(folder)
    return folder


def llama(folder: Path) -> Path:
    """Save a causal model of about as many."""
    import torch
    from transformers import LlamaConfig, LlamaForCausalLM

    tokenizer(folder, eos=False)
    torch.manual_seed(1)
    config = LlamaConfig(
        vocab_size=320, hidden_size=32, intermediate_size=64, num_hidden_layers=2, num_attention_heads=4,
        max_position_embeddings=1024, pad_token_id=0, bos_token_id=1, eos_token_id=1,
    )  # fmt: skip
    LlamaForCausalLM(config).save_pretrained(folder)
    return folder
