"""An experiment: everything that a search space says, resolved, and the settings of any of its points.

Plain data that can be written into the run directory and read back without the files that it came from.
It must not know how an experiment is run.
"""

from __future__ import annotations

import os
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any

from pydantic import ValidationError

from summtune.config.complaints import explain
from summtune.config.layers import Origin, Resolved, nest
from summtune.config.objective import Objective
from summtune.config.settings import Settings
from summtune.config.stopping import Stopping
from summtune.config.synonyms import in_one_word, mirror
from summtune.config.transformers_arguments import installed
from summtune.errors import Problem, SettingsMistake
from summtune.space.parameters import Choice, Integers, Parameter
from summtune.space.space import Space

_FORM = 1  # of the record


@dataclass(frozen=True)
class Resources:
    """What a trial gets; None leaves it to the machine."""

    gpus_per_trial: float | None = None
    cpus_per_trial: float | None = None
    max_concurrent_trials: int | None = None


@dataclass(frozen=True)
class Experiment:
    """A search space, resolved.

    Attributes:
        name: its title.
        description: a sentence.
        file: the search space's file, as the person named it.
        source: that file, verbatim.
        base: the settings of the baseline: all layers but what the search draws.
        space: what varies; what the environment or --set pins has left it.
        method: bayes, random or grid.
        objective: what is searched for.
        stopping: when weak trials stop.
        count: how many trials, the baseline not among them.
        baseline: whether the base's own settings are trained as trial 0.
        resources: what a trial gets.
        notices: what a person should know, said once at the start.
    """

    name: str
    description: str
    file: str
    source: str
    base: Resolved
    space: Space
    method: str
    objective: Objective
    stopping: Stopping
    count: int
    baseline: bool
    resources: Resources = field(default_factory=Resources)
    notices: tuple[str, ...] = ()

    def settings_for(self, point: Mapping[str, Any]) -> Settings:
        """The complete settings of a point (dotted key to value); those of the baseline for `{}`.

        Raises:
            SettingsMistake: a value can't be, or two contradict each other; never for a point of this experiment's own space.
        """
        return settings_over(self.base.settings, point)

    def baseline_point(self) -> dict[str, Any]:
        """The baseline as a point: the base's own value of each parameter; None where transformers' own default is not known."""
        values = flatten(self.base.settings.model_dump(mode="json"))
        point = {}
        for key in self.space.parameters:
            argument = installed().arguments.get(key.removeprefix("training.")) if key.startswith("training.") else None
            point[key] = values.get(key, argument.default if argument else None)
        return point

    def iterations(self, point: Mapping[str, Any]) -> int:
        """How many evaluations a full trial of a point has."""
        return int(point.get("training.num_train_epochs", self.base.settings.training.num_train_epochs))

    @property
    def longest(self) -> int:
        """Evaluations of the longest trial that there can be."""
        return longest(self.base.settings, self.space.parameters.values())

    def to_record(self) -> dict[str, Any]:
        """As JSON can hold it."""
        return {
            "form": _FORM,
            "name": self.name,
            "description": self.description,
            "file": self.file,
            "source": self.source,
            "settings": self.base.settings.model_dump(mode="json"),
            "origins": {key: asdict(origin) for key, origin in self.base.origins.items()},
            "space": self.space.to_record(),
            "method": self.method,
            "objective": asdict(self.objective),
            "stopping": asdict(self.stopping),
            "count": self.count,
            "baseline": self.baseline,
            "resources": asdict(self.resources),
            "notices": list(self.notices),
        }

    @classmethod
    def from_record(cls, record: Mapping[str, Any]) -> Experiment:
        """What `to_record` wrote."""
        origins = {key: Origin(**origin) for key, origin in record["origins"].items()}
        return cls(
            name=record["name"],
            description=record["description"],
            file=record["file"],
            source=record["source"],
            base=Resolved(Settings.model_validate(record["settings"]), origins),
            space=Space.from_record(record["space"]),
            method=record["method"],
            objective=Objective(**record["objective"]),
            stopping=Stopping(**record["stopping"]),
            count=record["count"],
            baseline=record["baseline"],
            resources=Resources(**record["resources"]),
            notices=tuple(record["notices"]),
        )


def longest(settings: Settings, parameters: Iterable[Parameter]) -> int:
    """Iterations of the longest trial: evaluations, of which there is one per epoch."""
    for parameter in parameters:
        if parameter.key == "training.num_train_epochs":
            if isinstance(parameter, Integers):
                return parameter.high
            if isinstance(parameter, Choice):
                return int(max(parameter.values))
    return settings.training.num_train_epochs


def settings_over(base: Settings, point: Mapping[str, Any]) -> Settings:
    """Settings with a point laid over them.

    Raises:
        SettingsMistake: a value can't be.
    """
    values = flatten(base.model_dump(mode="json"))
    for key, value in point.items():
        values.update(in_one_word(key, value))
    mirror(values)
    try:
        return Settings.model_validate(nest(values))
    except ValidationError as error:
        problems = []
        for one in error.errors(include_url=False):
            unfit = explain(one)
            problems.append(Problem(unfit.reason, unfit.remedy, ".".join(str(part) for part in one["loc"])))
        raise SettingsMistake(problems) from None


def flatten(sections: Mapping[str, Any]) -> dict[str, Any]:
    """Sections as dotted keys; the model's own configuration, of which parts can vary, key by key."""
    values: dict[str, Any] = {}
    for section, keys in sections.items():
        for name, value in keys.items():
            key = f"{section}.{name}"
            if key == "model.config_overrides" and value:
                values |= {f"{key}.{inner}": one for inner, one in value.items()}
            else:
                values[key] = value
    return values


def load_experiment(path: Path, *, assignments: Sequence[str] = (), environ: Mapping[str, str] = os.environ) -> Experiment:
    """Read a search space, with all its layers, and check all of it.

    Args:
        path: the search space.
        assignments: `section.key=value`, as after `--set`; also `count=`, `baseline=`, `method=`, `name=`, `base=`, `metric.…=`,
            `resources.…=` and `early_terminate.…=`, for the keys of the search space itself.
        environ: the environment variables.

    Raises:
        SettingsMistake: with every problem that was found.
    """
    from summtune.config.loading import load  # it makes Experiments, and so stands above this module

    return load(path, assignments, environ)
