"""What is known of a checkpoint without torch and without asking the hub. It must not load models."""

from __future__ import annotations

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from summtune.config import presets
from summtune.config.architectures import model_type
from summtune.config.places import is_there


def local_configuration(checkpoint: str) -> Mapping[str, Any] | None:
    """What a local checkpoint says of itself, empty where that can't be read: whoever loads it says what is wrong; None: it isn't local."""
    config = Path(checkpoint) / "config.json"
    if not is_there(config):
        return None
    try:
        known = json.loads(config.read_text(encoding="utf-8"))
    except (OSError, ValueError):
        return {}
    return known if isinstance(known, dict) else {}


def known_type(checkpoint: str) -> str | None:
    """A checkpoint's `model_type`, where that is known without asking the hub."""
    known = local_configuration(checkpoint)
    if known is not None:
        return str(known["model_type"]) if "model_type" in known else None
    preset = presets.of_model(checkpoint=checkpoint)
    architecture = presets.document(preset).value["model"].get("architecture") if preset else None
    return model_type(architecture) if architecture else None


def architecture_of(values: Mapping[str, Any]) -> str | None:
    """The kind of model that settings name (by dotted key), as far as that is known before it is loaded."""
    if values.get("model.gguf_file") is not None:
        return "llama"  # any of its family: what GGUF files hold
    named, checkpoint = values.get("model.architecture"), values.get("model.checkpoint")
    return named or (known_type(checkpoint) if isinstance(checkpoint, str) else None)
