"""Which of a model's weights are trained: all, all but frozen ones, or low-rank adapters (PEFT) over frozen ones, merged in at the end.

Under adapters the embeddings are frozen, too, but for the rows of tokens that were added, which the model has never seen.
It must not know how training is driven, nor how models are loaded.
"""

from __future__ import annotations

import copy
from collections.abc import Iterator
from dataclasses import replace
from functools import partial
from pathlib import Path
from typing import Any

from summtune.config.settings import Settings
from summtune.errors import Problem, SettingsMistake
from summtune.families import Loaded

ADAPTER_FILES = ("adapter_model.safetensors", "adapter_config.json", "README.md")
"""What PEFT writes, and a merged model has no use for."""

_NAME = "default"  # PEFT's own name for the one adapter that there is
_KEY = "model.lora.target_modules"


def trainable(loaded: Loaded, settings: Settings) -> Loaded:
    """The model with what shall not be trained frozen, and with adapters where the settings say so.

    Raises:
        SettingsMistake: the adapters have nowhere to go.
    """
    if settings.model.lora is None:
        _freeze(loaded.model, settings)
        return loaded
    return with_adapters(loaded, settings)


def with_adapters(loaded: Loaded, settings: Settings) -> Loaded:
    """The model with new adapters, everything else of it frozen. Adapters begin without effect, drawn by the settings' seed.

    Raises:
        SettingsMistake: PEFT does not know where adapters go in this model, or the modules that are named are not there.
    """
    import torch
    from peft import LoraConfig, get_peft_model
    from transformers.pytorch_utils import Conv1D

    lora, model = settings.model.lora, loaded.model
    assert lora is not None, "whoever asks has looked"
    words = lora.target_modules
    config = LoraConfig(
        r=lora.r,
        lora_alpha=lora.alpha,
        lora_dropout=lora.dropout,
        fan_in_fan_out=any(isinstance(module, Conv1D) for module in model.modules()),
        target_modules=words if isinstance(words, str) else list(words) or None,
        exclude_modules=r".*\bencoder\..*" if settings.model.freeze_encoder else None,
        trainable_token_indices=None if settings.model.freeze_embeddings else _rows(model, loaded.added),
    )
    _check_targets(model, words)
    with torch.random.fork_rng():
        torch.manual_seed(settings.general.seed)
        try:
            adapted = get_peft_model(model, config)
        except ValueError as problem:
            raise _nowhere(model, str(problem)) from problem
    # Otherwise PEFT would look the base model up to see whether its embeddings were resized, and then store all of them.
    adapted.save_pretrained = partial(adapted.save_pretrained, save_embedding_layers=False)
    _share_rows(adapted)
    if settings.training.gradient_checkpointing:
        adapted.enable_input_require_grads()  # frozen embeddings give the first checkpointed layer nothing to go back to
    return replace(loaded, model=adapted)


def has_adapters(model: Any) -> bool:
    """Whether a model is one that `with_adapters` made."""
    return hasattr(model, "peft_config")


def bare(model: Any) -> Any:
    """The model itself, adapters working in it, without PEFT's wrapper around it."""
    return model.get_base_model() if has_adapters(model) else model


def write_merged(model: Any, folder: Path) -> None:
    """Write a model with its adapters merged into plain fp32 weights, so that `from_pretrained` needs no PEFT and no bitsandbytes.

    The model itself is left untouched: subtracting what was added would not give back the same weights.
    """
    import torch

    base = bare(model)
    with torch.no_grad():
        weights = dict(_plain_weights(base, "", {}))
    config = copy.deepcopy(base.config)
    if hasattr(config, "quantization_config"):
        del config.quantization_config
    with torch.device("meta"):
        plain = type(base)(config)
    plain.load_state_dict(weights, strict=False, assign=True)
    plain.tie_weights()
    plain.generation_config = base.generation_config
    plain.save_pretrained(str(folder))
    for file in folder.glob("*.safetensors"):
        file.chmod(0o644)  # safetensors makes them 0600, which would hide the model from the team


def _plain_weights(module: Any, prefix: str, made: dict[int, Any]) -> Iterator[tuple[str, Any]]:
    """(name, tensor) of a module's weights with all adapters in them. `made` keeps those that modules share: by the shared weight."""
    from peft.tuners.lora import LoraLayer
    from peft.utils.other import TrainableTokensWrapper

    if isinstance(module, TrainableTokensWrapper):
        inner = module.original_module
        if id(inner.weight) not in made:
            made[id(inner.weight)] = module.token_adapter.get_merged_weights([_NAME]).float()
        yield f"{prefix}weight", made[id(inner.weight)]
        if getattr(inner, "bias", None) is not None:
            yield f"{prefix}bias", inner.bias.detach().float()
        return
    if isinstance(module, LoraLayer):
        inner = module.get_base_layer()
        yield f"{prefix}weight", _dequantised(inner) + module.get_delta_weight(_NAME).float()
        if getattr(inner, "bias", None) is not None:
            yield f"{prefix}bias", inner.bias.detach().float()
        return
    for name, parameter in module.named_parameters(recurse=False):
        yield f"{prefix}{name}", _dequantised(module) if name == "weight" else parameter.detach().float()
    for name, buffer in module.named_buffers(recurse=False):
        if name not in module._non_persistent_buffers_set:
            yield f"{prefix}{name}", buffer
    for name, child in module.named_children():
        yield from _plain_weights(child, f"{prefix}{name}.", made)


def _dequantised(module: Any) -> Any:
    """A module's weight in fp32. PEFT's own function for it leaves 8-bit modules without their scales."""
    weight = module.weight
    kind = type(weight).__name__
    if kind == "Int8Params":
        scales = weight.SCB if weight.SCB is not None else module.state.SCB  # they move at the first forward pass
        return weight.data.float() * (scales.float() / 127.0).unsqueeze(1)
    if kind == "Params4bit":
        from bitsandbytes.functional import dequantize_4bit

        return dequantize_4bit(weight.data, weight.quant_state).float()
    return weight.detach().float()


def _rows(model: Any, added: tuple[int, ...]) -> dict[str, list[int]] | None:
    """Which rows of which embeddings are trained: of the input's, and of the output's where they are not the same."""
    if not added:
        return None
    source, output = model.get_input_embeddings(), model.get_output_embeddings()
    sides = [source]
    # PEFT's rows forget a bias.
    if output is not None and output.weight is not source.weight and getattr(output, "bias", None) is None:
        sides.append(output)
    names = {id(module): name for name, module in model.named_modules()}
    return {names[id(side)]: list(added) for side in sides}


def _share_rows(adapted: Any) -> None:
    """Let every module that reads the same embeddings read the trained rows, too: PEFT sees to it only where the output is tied."""
    from peft.tuners.trainable_tokens import TrainableTokensLayer
    from peft.utils.other import TrainableTokensWrapper

    base = adapted.get_base_model()
    wrapper = base.get_input_embeddings()
    if not isinstance(wrapper, TrainableTokensWrapper):
        return
    weight = wrapper.original_module.weight
    for module in list(base.modules()):
        if isinstance(module, (TrainableTokensWrapper, TrainableTokensLayer)):
            continue
        for name, child in list(module.named_children()):
            if child is not wrapper and not isinstance(child, TrainableTokensWrapper) and getattr(child, "weight", None) is weight:
                setattr(module, name, wrapper)


def _check_targets(model: Any, words: str | tuple[str, ...]) -> None:
    """PEFT passes over a name that matches nothing as long as another does, and over weights that another module shares."""
    if isinstance(words, str):
        return
    named = {word: {name for name in _linear(model) if name == word or name.endswith(f".{word}")} for word in words}
    missing = [word for word, names in named.items() if not names]
    if missing:
        raise _nowhere(model, f"no module that can have an adapter is called {' or '.join(missing)}")
    weights = [id(module.weight) for module in model.modules() if getattr(module, "weight", None) is not None]
    for name, module in _linear(model).items():
        if any(name in names for names in named.values()) and weights.count(id(module.weight)) > 1:
            reason = f"{name} shares its weights with another module, which an adapter would not change."
            raise SettingsMistake(Problem(reason, "Leave it out.", key=_KEY))


def _nowhere(model: Any, reason: str) -> SettingsMistake:
    ends = dict.fromkeys(name.rpartition(".")[2] for name in _linear(model))
    return SettingsMistake(Problem(f"{reason.rstrip('.')}.", f"This model has {', '.join(ends)}; `all-linear` means all.", key=_KEY))


def _linear(model: Any) -> dict[str, Any]:
    """The modules that multiply by a matrix, by their names."""
    from torch import nn
    from transformers.pytorch_utils import Conv1D

    return {name: module for name, module in model.named_modules() if isinstance(module, (nn.Linear, Conv1D))}


def _freeze(model: Any, settings: Settings) -> None:
    embeddings = {id(parameter) for parameter in model.get_input_embeddings().parameters()}
    if settings.model.freeze_encoder:
        for parameter in model.get_encoder().parameters():
            # The encoder's embeddings are the decoder's, too: freezing them is freeze_embeddings' affair.
            if id(parameter) not in embeddings:
                parameter.requires_grad_(False)
    if settings.model.freeze_embeddings:
        model.get_input_embeddings().requires_grad_(False)
