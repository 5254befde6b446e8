"""Every path that an experiment names, in its base, its models, and what can be drawn. It must not know what becomes of the files."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from typing import Any

from summtune.config.experiment import Experiment
from summtune.config.places import path_values
from summtune.space.bundle import Bundle
from summtune.space.parameters import Choice, Constant, Parameter


def named_paths(experiment: Experiment) -> Iterator[tuple[str, str]]:
    """Every path that any trial may be given: (key, path)."""
    settings: list[Mapping[str, Any]] = [resolved.flat for resolved in experiment.beneath]
    settings += [dict(drawn) for drawn, _ in experiment.models]
    spaces = [experiment.space, *([experiment.decode.space] if experiment.decode else [])]
    pairs: Iterable[tuple[str, Any]] = (
        *(pair for one in settings for pair in one.items()),
        *(pair for space in spaces for parameter in space.parameters.values() for pair in _of_parameter(parameter)),
    )
    for key, value in pairs:
        for path in path_values(key, value):
            yield key, path


def _of_parameter(parameter: Parameter) -> Iterator[tuple[str, Any]]:
    if isinstance(parameter, Constant):
        yield parameter.key, parameter.value
    elif isinstance(parameter, Choice):
        yield from ((parameter.key, value) for value in parameter.values)
    elif isinstance(parameter, Bundle):
        yield from (pair for _, settings in parameter.options for pair in settings)
