"""What `--set` says of a trained model, or of files to be scored: read by the rules of settings, and refused where nothing heeds it.

It must not know what is done with the settings that come out.
"""

from __future__ import annotations

from collections.abc import Collection, Sequence
from pathlib import Path

from summtune.config import effects, lengths, validation
from summtune.config.checkpoint_facts import known_type
from summtune.config.environment import left_out, read_assignments, split_assignments
from summtune.config.experiment import settings_over
from summtune.config.layers import Layer, flatten
from summtune.config.settings import Settings
from summtune.errors import Problem, SettingsMistake


def read_overrides(assignments: Sequence[str], heeded: Collection[str]) -> Layer:
    """Assignments as a layer of settings.

    Args:
        assignments: `section.key=value`, as after `--set`.
        heeded: the keys that act where they are laid, `section.*` for all of a section.

    Raises:
        SettingsMistake: one is no assignment, can't be, or would change nothing.
    """
    pairs, problems = split_assignments(assignments)
    said = f"What does: {', '.join(heeded)}."
    nothing = [(key, reason) for key, text in pairs if (reason := left_out(key, text)) is not None]
    problems += [Problem(f"it changes nothing: {reason}.", said, f"--set {key}") for key, reason in nothing]
    reading = read_assignments(pairs)
    problems += reading.problems
    layer = {key: entry for key, entry in reading.layer.items() if effects.covers(heeded, key)}
    problems += [entry.problem("it changes nothing here.", said) for key, entry in reading.layer.items() if key not in layer]
    problems += validation.not_yet(layer, ())
    if problems:
        raise SettingsMistake(problems)
    return layer


def over_trained(trained: Settings, folder: Path, layer: Layer) -> Settings:
    """The settings of a model that is trained with a layer over them.

    Args:
        trained: the model's own.
        folder: where it lies.
        layer: what is laid over them.

    Raises:
        SettingsMistake: what comes out can't be, or something of the layer has no effect in it.
    """
    settings = settings_over(trained, {key: entry.value for key, entry in layer.items()})
    flat, before = flatten(settings.model_dump(mode="json")), flatten(trained.model_dump(mode="json"))
    problems = [
        entry.problem(f"it has no effect: {reason}.", "Change that, or leave it out.")
        for key, entry in layer.items()
        if key.startswith("generation.") and entry.value != before.get(key) and (reason := effects.idle(flat, key)) is not None
    ]
    # What the model was trained with is no mistake of today's.
    theirs = _decoding_problems(trained, folder, {})
    problems += [problem for problem in _decoding_problems(settings, folder, layer) if problem not in theirs]
    if problems:
        raise SettingsMistake(problems)
    return settings


def _decoding_problems(settings: Settings, folder: Path, layer: Layer) -> list[Problem]:
    architecture = settings.model.architecture or known_type(str(folder))
    model = settings.model.model_copy(update={"checkpoint": str(folder), "architecture": architecture})
    settings = settings.model_copy(update={"model": model})
    return [*lengths.problems(settings, layer, {}, lambda wanted: False), *validation.drawing(settings, layer, {})]
