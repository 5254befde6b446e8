"""Packages that are not installed with summtune, and the settings that need them: found missing before anything starts.

It must not import any of them, nor know where a value came from.
"""

from __future__ import annotations

import importlib.util
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any


@dataclass(frozen=True)
class Package:
    """A package: what Python imports, and what a person types to have it."""

    module: str
    install: str

    @property
    def installed(self) -> bool:
        return importlib.util.find_spec(self.module) is not None  # finds, and does not import


_PEFT = Package("peft", "pip install 'summtune[lora]'")
_BITSANDBYTES = Package("bitsandbytes", "pip install 'summtune[lora]'")
_GGUF = Package("gguf", "pip install 'summtune[gguf]'")
_TORCHAO = Package("torchao", "pip install torchao")
_GALORE = Package("galore_torch", "pip install galore-torch")
_APOLLO = Package("apollo_torch", "pip install apollo-torch")
_LOMO = Package("lomo_optim", "pip install lomo-optim")
_SCHEDULE_FREE = Package("schedulefree", "pip install schedulefree")
_DEEPSPEED = Package("deepspeed", "pip install deepspeed")
_LIGER = Package("liger_kernel", "pip install liger-kernel")

# As in transformers.trainer_optimizer; what is not named here comes with torch or transformers.
_OPTIMISERS: Mapping[str, Package] = {
    **dict.fromkeys(
        (
            *("adamw_bnb_8bit", "adamw_8bit", "paged_adamw_32bit", "paged_adamw_8bit"),
            *("ademamix", "ademamix_8bit", "paged_ademamix_32bit", "paged_ademamix_8bit"),
            *("lion_8bit", "lion_32bit", "paged_lion_32bit", "paged_lion_8bit"),
            *("rmsprop_bnb", "rmsprop_bnb_8bit", "rmsprop_bnb_32bit"),
        ),
        _BITSANDBYTES,
    ),
    **dict.fromkeys(("adamw_torch_4bit", "adamw_torch_8bit"), _TORCHAO),
    **dict.fromkeys(("galore_adamw", "galore_adamw_8bit", "galore_adafactor"), _GALORE),
    **dict.fromkeys(("galore_adamw_layerwise", "galore_adamw_8bit_layerwise", "galore_adafactor_layerwise"), _GALORE),
    **dict.fromkeys(("apollo_adamw", "apollo_adamw_layerwise"), _APOLLO),
    **dict.fromkeys(("lomo", "adalomo"), _LOMO),
    **dict.fromkeys(("schedule_free_radam", "schedule_free_adamw", "schedule_free_sgd"), _SCHEDULE_FREE),
    "grokadamw": Package("grokadamw", "pip install grokadamw"),
    "stable_adamw": Package("optimi", "pip install torch-optimi"),
    "adamw_anyprecision": Package("torchdistx", "build it from https://github.com/pytorch/torchdistx"),
    "adamw_torch_xla": Package("torch_xla", "it belongs to TPUs"),
    "adamw_torch_npu_fused": Package("torch_npu", "it belongs to Ascend NPUs"),
}


def package_for(key: str, value: Any) -> Package | None:
    """The package that a setting needs; None where it needs none."""
    if key == "training.optim":
        return _OPTIMISERS.get(value)
    if key == "model.lora" and value is not None:
        return _PEFT
    if key == "model.quantization" and value != "none":
        return _BITSANDBYTES
    if key == "model.gguf_file" and value is not None:
        return _GGUF
    if key == "training.deepspeed" and value:
        return _DEEPSPEED
    return _LIGER if key == "training.use_liger_kernel" and value else None


KEYS = (
    *("model.lora", "model.quantization", "model.gguf_file"),
    *("training.optim", "training.deepspeed", "training.use_liger_kernel"),
)
"""The settings that may need one."""
