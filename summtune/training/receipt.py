"""What a training was really given, and how that differs from the baseline's: key by key, in transformers' own words.

Written by the trial itself, on the node where it runs, from the very objects that transformers gets.
"""

from __future__ import annotations

from pathlib import Path
from typing import Any

from summtune.config import effects
from summtune.config.layers import flatten
from summtune.config.settings import Settings
from summtune.decoding.generation import generation_arguments
from summtune.errors import Mistake
from summtune.training.arguments import resolve_hardware, training_arguments

_OF_THE_PLACE = ("output_dir", "logging_dir", "run_name", "log_level")
_OURS = ("model.", "tokenizer.", "data.")

Given = dict[str, Any]


def given(settings: Settings, arguments: Any) -> Given:
    """What the family, the Trainer and `generate` are given, by dotted key.

    Args:
        settings: of the training.
        arguments: the Seq2SeqTrainingArguments made of them.
    """
    values = effects.arguments(flatten(settings.model_dump(mode="json")))
    found = {key: value for key, value in values.items() if key.startswith(_OURS)}
    found |= {f"training.{name}": value for name, value in arguments.to_dict().items() if name not in _OF_THE_PLACE}
    found |= {f"generation.{name}": value for name, value in generation_arguments(settings.generation).items()}
    return found


def differences(mine: Given, baseline: Given) -> dict[str, dict[str, Any]]:
    """Every key that two trainings were given differently: what the baseline has, and what the trial has."""
    keys = dict.fromkeys([*baseline, *mine])
    return {
        key: {"baseline": baseline.get(key), "trial": mine.get(key)}
        for key in keys
        if mine.get(key) != baseline.get(key) or (key in mine) != (key in baseline)
    }


def differs_from(baseline: Settings | None, settings: Settings, arguments: Any, checkpoints: Path) -> dict[str, Any] | None:
    """How a training differs from the baseline; None where there is none, or where this node could not run it."""
    if baseline is None:
        return None
    try:
        # Objective and goal are the run's, and the same for both.
        theirs = training_arguments(
            baseline,
            resolve_hardware(baseline),
            checkpoints,
            arguments.metric_for_best_model,
            maximize=bool(arguments.greater_is_better),
        )
    except Mistake:
        return None
    return differences(given(settings, arguments), given(baseline, theirs))
