"""What all families do alike to have a model: a published one from this machine or the hub, or random weights; quantised where asked.

It must not know how a family feeds its models.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from summtune.config.architectures import DROPOUTS
from summtune.config.settings import Settings
from summtune.errors import CheckpointMistake, Problem, SettingsMistake
from summtune.families import Sources
from summtune.families._checkpoints import had
from summtune.families._made_up import initial_weights
from summtune.families._tokens import Tokens, give_embeddings

_MODEL_TYPES = {"kobart": "bart", "kogpt2": "gpt2"}

_NAMED = 3


def weights_arguments(settings: Settings) -> dict[str, Any]:
    """How weights are loaded: always fp32, since half-precision weights can't be unscaled by mixed precision."""
    import torch

    return {"dtype": torch.float32, "trust_remote_code": settings.model.trust_remote_code}


def had_model(settings: Settings, tokens: Tokens, sources: Sources, auto_class: Any, prepare: Callable[[Any, Any], None]) -> Any:
    """The checkpoint's model, or random weights; with an embedding for each of the tokenizer's tokens.

    Args:
        settings: which model.
        tokens: the model's.
        sources: where random weights are kept.
        auto_class: transformers' Auto class of the family.
        prepare: brings the configuration of a model without checkpoint into agreement with its tokenizer: (configuration, tokenizer).

    Raises:
        CheckpointMistake: it can't be had, lacks weights, or is not of one kind with its tokenizer.
        SettingsMistake: quantised weights without adapters.
    """
    config = _config(settings)
    arguments = {**weights_arguments(settings), **_quantised(settings)}
    if settings.model.load_pretrained:
        checkpoint = settings.model.checkpoint
        assert checkpoint is not None, "check_available has seen to it"
        model, found = had(checkpoint, auto_class.from_pretrained, config=config, output_loading_info=True, **arguments)
        _check_whole(checkpoint, found)
    else:
        config.vocab_size = len(tokens.tokenizer)
        for role in ("pad", "bos", "eos"):
            setattr(config, f"{role}_token_id", getattr(tokens.tokenizer, f"{role}_token_id"))
        prepare(config, tokens.tokenizer)
        folder = initial_weights(auto_class, config, settings.general.seed, sources.once)
        model = auto_class.from_pretrained(str(folder), local_files_only=True, **arguments)
    output = model.get_output_embeddings()
    if output is not None and output.weight is not model.get_input_embeddings().weight:
        # mT5's configuration says that they are tied, though its weights are not, and resizing would believe it.
        model.config.tie_word_embeddings = False
    give_embeddings(model, tokens)
    for module in model.modules():
        if hasattr(module, "support_avx512bf16_for_cpu"):
            # Evaluating would repack bitsandbytes' weights for processors that have it, and training over those has no gradients.
            module.support_avx512bf16_for_cpu = False
    return model


def _quantised(settings: Settings) -> dict[str, Any]:
    """What bitsandbytes is told: 4-bit as QLoRA does it (Dettmers et al., 2023), with normal floats and quantised constants."""
    asked = settings.model.quantization
    if asked == "none":
        return {}
    if settings.model.lora is None:
        reason = f"{asked} weights can't be trained themselves, only adapters over them."
        raise SettingsMistake(Problem(reason, "Write `lora: {}` beside it, or leave it out.", key="model.quantization"))
    import torch
    from transformers import BitsAndBytesConfig

    on_gpu = torch.cuda.is_available() and settings.general.device != "cpu"
    if asked == "8bit":
        how = BitsAndBytesConfig(load_in_8bit=True)
    else:
        # Products are computed in bf16 where that is fast, and else without a loss.
        fast = on_gpu and torch.cuda.is_bf16_supported(including_emulation=False)
        dtype = torch.bfloat16 if fast else torch.float32
        how = BitsAndBytesConfig(load_in_4bit=True, bnb_4bit_quant_type="nf4", bnb_4bit_use_double_quant=True, bnb_4bit_compute_dtype=dtype)
    return {"quantization_config": how, "device_map": {"": 0 if on_gpu else "cpu"}}


def _check_whole(checkpoint: str, found: dict[str, Any]) -> None:
    """Weights that a checkpoint lacks are drawn at random by transformers, with a warning that nobody reads."""
    missing = sorted(found["missing_keys"])
    if missing:
        named = ", ".join(missing[:_NAMED]) + (f" and {len(missing) - _NAMED:,} more" if len(missing) > _NAMED else "")
        reason = f"{checkpoint} lacks weights of the model that its config.json describes: {named}."
        raise CheckpointMistake(Problem(reason, "Give a whole checkpoint of that architecture.", key="model.checkpoint"))


def _config(settings: Settings) -> Any:
    """The checkpoint's configuration, or the architecture's, with the settings' laid over it."""
    from transformers import AutoConfig

    model = settings.model
    if model.checkpoint is not None:
        config = had(model.checkpoint, AutoConfig.from_pretrained, trust_remote_code=model.trust_remote_code)
    else:
        assert model.architecture is not None, "family_of has seen to it"
        named = _MODEL_TYPES.get(model.architecture, model.architecture)
        known = AutoConfig.for_model(named)
        # Made with them, not only changed afterwards: T5's decoder is as deep as its encoder unless it is told otherwise.
        config = AutoConfig.for_model(named, **{key: value for key, value in model.config_overrides.items() if hasattr(known, key)})
    _override(config, settings)
    return config


def _override(config: Any, settings: Settings) -> None:
    for key, value in settings.model.config_overrides.items():
        if not hasattr(config, key):
            raise CheckpointMistake(
                Problem(f"a {config.model_type} configuration has no {key}.", key=f"model.config_overrides.{key}"),
            )
        setattr(config, key, value)
    if settings.model.dropout_rate is not None:
        # BART has three of them, T5 one, GPT-2 one each for residuals, embeddings and attention; Llama-likes attention's only.
        for name in DROPOUTS:
            if hasattr(config, name):
                setattr(config, name, settings.model.dropout_rate)
