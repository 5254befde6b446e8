"""Writes models into the cache, in whichever of a training's processes comes first."""

from __future__ import annotations

from pathlib import Path
from typing import Any


def write(model: Any, folder: Path) -> None:
    """Write a model's weights and configuration.

    transformers leaves it to rank 0 as soon as torch's process group is there: on another node than rank 0's nobody would write, and where
    another rank is the first to need the folder it would stay without weights.
    """
    model.should_save_on_this_rank = lambda is_main_process: is_main_process
    try:
        model.save_pretrained(str(folder))
    finally:
        del model.should_save_on_this_rank
