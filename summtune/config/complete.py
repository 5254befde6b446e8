"""Complete settings by themselves: of a settings file, a preset, a search space's baseline, or a trial's own settings.yaml.

It must not know how they are shown.
"""

from __future__ import annotations

import os
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from summtune.config import presets, synonyms, validation, workers
from summtune.config.environment import read_assignments, read_environment, split_assignments
from summtune.config.experiment import load_experiment
from summtune.config.layering import Layers
from summtune.config.layers import Resolved
from summtune.config.places import is_there
from summtune.config.resolving import base_of, resolved_settings
from summtune.config.settings_file import Reading
from summtune.config.space_document import located, says_what_varies
from summtune.documents import read_document
from summtune.errors import Problem, SettingsMistake
from summtune.space.naming import did_you_mean


@dataclass(frozen=True)
class Complete:
    """Resolved settings, and what a person should know of them."""

    name: str
    resolved: Resolved
    notices: tuple[str, ...]


def load_settings(named: str, *, assignments: Sequence[str] = (), environ: Mapping[str, str] = os.environ) -> Complete:
    """Read settings, with the environment and the assignments over them, and check all of them.

    Args:
        named: a preset's name, or a file: sections of settings, or a search space, whose baseline is meant.
        assignments: `section.key=value`, as after `--set`.
        environ: the environment variables.

    Raises:
        SettingsMistake: with every problem that was found.
    """
    if named in presets.names():
        return _complete(named, named, Reading(), assignments, environ)
    path = located(Path(named))
    if not is_there(path):
        remedy = did_you_mean(named, presets.names()).replace("There are", "The presets are")
        raise SettingsMistake(Problem(f"there is no preset and no file {named!r}.", remedy))
    document = read_document(path)
    if says_what_varies(document.value):
        experiment = load_experiment(path, assignments=assignments, environ=environ)
        return Complete(named, experiment.base, experiment.notices)
    preset, reading = base_of(document, path)
    return _complete(named, preset, reading, assignments, environ)


def _complete(named: str, preset: str | None, base: Reading, assignments: Sequence[str], environ: Mapping[str, str]) -> Complete:
    pairs, unread = split_assignments(assignments)
    problems = [*base.problems, *unread]
    environment, assigned = read_environment(environ), read_assignments(pairs)
    notices = [*base.notices, *environment.notices, *assigned.notices]
    layers = Layers(preset, base.layer, {}, {}, environment.layer, assigned.layer, notices)
    layer = layers.base
    problems += [*environment.problems, *assigned.problems, *validation.not_yet(layer, ())]
    settings = resolved_settings(layer, problems)
    if settings is not None:
        problems += validation.combinations(settings, layer, {}, lambda wanted: False)
        problems += workers.problems(settings, layer, {}, 1)
        notices += [*workers.notices(settings, layer, 1), *validation.warnings(settings)]
    if problems or settings is None:
        raise SettingsMistake(problems)
    return Complete(named, Resolved(settings, synonyms.mirrored_origins(layer)), tuple(dict.fromkeys(notices)))
