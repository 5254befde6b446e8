"""A model folder that training wrote, opened again.

It must not know what for: predicting, scoring and decoding begin here.
"""

from __future__ import annotations

import json
from pathlib import Path
from types import ModuleType
from typing import Any

from summtune.config.settings import Settings
from summtune.errors import Problem, RunMistake
from summtune.families import Loaded, family_of
from summtune.training.arguments import resolve_hardware
from summtune.training.best_model import SETTINGS_FILE


def stored_record(folder: Path) -> dict[str, Any]:
    """What training wrote beside the weights: the settings, the metrics, and how they were computed.

    Raises:
        RunMistake: nothing, or nothing that can be read.
    """
    file = folder / SETTINGS_FILE
    try:
        record: dict[str, Any] = json.loads(file.read_text(encoding="utf-8"))
        Settings.model_validate(record["settings"])
    except FileNotFoundError:
        reason = f"{folder} is no model that summtune wrote: it has no {SETTINGS_FILE}."
        raise RunMistake(Problem(reason, "Give a run, or the folder models/best_model of a trial.")) from None
    except (ValueError, KeyError, OSError) as problem:
        raise RunMistake(Problem(f"{file} can't be read: {problem}.")) from problem
    return record


def stored_settings(folder: Path) -> Settings:
    """The settings that a model folder was trained with.

    Raises:
        RunMistake: the folder has none.
    """
    return Settings.model_validate(stored_record(folder)["settings"])


def reopen(folder: Path, settings: Settings) -> tuple[ModuleType, Loaded]:
    """Family, model and tokenizer, on the device that the settings and the hardware make for.

    Raises:
        SettingsMistake: the device isn't there.
    """
    # The folder says what it is: where the model came from may be long gone.
    own = {"checkpoint": str(folder), "gguf_file": None, "architecture": settings.model.architecture}
    family = family_of(settings.model_copy(update={"model": settings.model.model_copy(update=own)}))
    hardware = resolve_hardware(settings)
    loaded: Loaded = family.load_folder(folder, settings)
    loaded.model.to("cuda:0" if hardware.device == "cuda" else "cpu")
    return family, loaded
