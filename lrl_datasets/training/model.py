"""The model of a recipe: its configuration, its size without its weights, and the model itself."""

from __future__ import annotations

from dataclasses import dataclass
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path
from typing import Any, Literal

from lrl_datasets.errors import LrlError
from lrl_datasets.revisions import resolve
from lrl_datasets.training.data import Data
from lrl_datasets.training.recipe import Recipe
from lrl_datasets.training.tokens import train_tokenizer


@dataclass(frozen=True)
class Origin:
    """Where a model comes from: the Hub at a commit, or a configuration that is initialised."""

    config: Any
    tokenizer: Any
    id: str | None
    commit: str | None
    tied: bool
    """Input and output embeddings are one matrix."""


def need_packages() -> None:
    """Refuse to begin where the extra is missing, before anything is fetched.

    Raises
    ------
    LrlError
        Naming the packages that are missing and the extra that brings them.
    """
    missing = [name for name in ("torch", "accelerate", "sentencepiece", "lm_eval") if not _installed(name)]
    if missing:
        raise LrlError(f"not installed: {', '.join(missing)}; pip install 'lrl-datasets[train]'")


def _installed(distribution: str) -> bool:
    # By its metadata: the wheel's own task files make `import lm_eval` seem to succeed.
    try:
        version(distribution)
    except PackageNotFoundError:
        return False
    return True


def origin(recipe: Recipe, data: Data) -> Origin:
    """Fetch configuration and tokenizer (no weights), or make them from the recipe and the training split."""
    from transformers import AutoConfig, AutoTokenizer, MT5Config, PreTrainedConfig

    choice = recipe.model
    if choice.id is not None and choice.revision is not None:
        if Path(choice.id).exists():
            raise LrlError(
                f"{Path(choice.id).absolute()}: this folder shadows the model {choice.id}: it would be "
                "read in the Hub's place and the revision ignored. Run in another directory."
            )
        commit = resolve(choice.id, choice.revision, "model")
        try:
            raw, _ = PreTrainedConfig.get_config_dict(choice.id, revision=commit)
            config = AutoConfig.from_pretrained(choice.id, revision=commit, trust_remote_code=False)
            tokenizer = AutoTokenizer.from_pretrained(choice.id, revision=commit, trust_remote_code=False)
        except (OSError, ValueError) as error:
            raise LrlError(f"model {choice.id}@{choice.revision}: {error}") from error
        if not config.is_encoder_decoder:
            raise LrlError(
                f"model {choice.id}: {config.model_type} is a causal model; only encoder-decoder models are "
                "trained here so far"
            )
        # transformers 5 sets `tie_word_embeddings` for every T5, whatever the checkpoint holds; when loading,
        # it finds two different matrices and keeps both. The raw file says which it is.
        return Origin(config, tokenizer, choice.id, commit, bool(raw.get("tie_word_embeddings", True)))
    if choice.architecture is None or choice.tokenizer is None:
        raise LrlError("model: the recipe names neither a model of the Hub nor an architecture")
    texts = [text for pair in data.train for text in (pair.source, pair.target)]
    tokenizer = train_tokenizer(texts, choice.tokenizer.vocab_size)
    config = MT5Config(vocab_size=len(tokenizer), **choice.architecture.model_dump(exclude={"model_type"}))
    return Origin(config, tokenizer, None, None, tied=True)


def load_model(source: Origin, seed: int) -> Any:
    """Load the model in fp32, or initialise it from `seed` (bf16 is autocast's matter)."""
    import torch
    from transformers import AutoModelForSeq2SeqLM, set_seed

    set_seed(seed)
    if source.id is None:
        model = AutoModelForSeq2SeqLM.from_config(source.config, dtype=torch.float32)
    else:
        model = AutoModelForSeq2SeqLM.from_pretrained(
            source.id, revision=source.commit, dtype=torch.float32, trust_remote_code=False
        )
    model.config.use_cache = True
    return model


def meta_model(source: Origin) -> Any:
    """Build the model without any memory, to count and measure on (torch's meta device)."""
    import torch
    from transformers import AutoModelForSeq2SeqLM

    with torch.device("meta"):
        model = AutoModelForSeq2SeqLM.from_config(source.config, dtype=torch.float32)
        head = model.get_output_embeddings()
        if not source.tied and head is not None:
            head.weight = torch.nn.Parameter(torch.empty_like(head.weight))
    return model


def device() -> str:
    """Name the device the Trainer chooses: a GPU where there is one."""
    import torch

    if torch.cuda.is_available():
        return "cuda:0"
    return "mps" if torch.backends.mps.is_available() else "cpu"


def precision(wanted: Literal["auto", "bf16", "fp32"]) -> Literal["bf16", "fp32"]:
    """Choose the precision: bf16 where a GPU computes in it (not where it is emulated), else fp32.

    Raises
    ------
    LrlError
        The recipe demands bf16 and the hardware lacks it.
    """
    import torch

    has_bf16 = torch.cuda.is_available() and torch.cuda.is_bf16_supported(including_emulation=False)
    if wanted == "bf16" and not has_bf16:
        raise LrlError(
            "training.precision is bf16, and there is no GPU here that computes in it: use auto or fp32"
        )
    return "bf16" if has_bf16 and wanted != "fp32" else "fp32"
