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
