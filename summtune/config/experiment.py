"""An experiment: everything that a search space says, resolved, and the settings of any of its points.

Plain data that can be written into the run directory and read back without the files that it came from.
It must not know how an experiment is run.
"""

from __future__ import annotations

import os
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, field, replace
from pathlib import Path
from typing import Any

from pydantic import ValidationError

from summtune.config import effects
from summtune.config.complaints import explain
from summtune.config.evaluations import by_steps, evaluations, longest
from summtune.config.layers import Origin, Resolved, flatten, lay_value, nest
from summtune.config.objective import Objective
from summtune.config.settings import OPEN_KEYS, Settings
from summtune.config.stages import DecodeStage
from summtune.config.stopping import Stopping, stops_nothing
from summtune.config.synonyms import in_one_word, mirror
from summtune.config.transformers_arguments import installed
from summtune.errors import Problem, RunMistake, SettingsMistake
from summtune.events.limits import Limit
from summtune.space.bundle import Bundle
from summtune.space.space import Space
from summtune.space.values import shown

_FORM = 3  # of the record


@dataclass(frozen=True)
class Resources:
    """What a trial gets; None leaves it to the machine.

    Attributes:
        max_failures: retries of a trial for causes that can pass, with no evaluation in between.
        hung_after_s: how long it may keep silent; None: judged by how long evaluations take.
        workers_per_trial: that share a training; None: one, or one for each of several GPUs.
        accelerator_type: which GPUs, by Ray's names.
        label_selector: which nodes, by their labels, in Ray's words.
    """

    gpus_per_trial: float | None = None
    cpus_per_trial: float | None = None
    max_concurrent_trials: int | None = None
    max_failures: int = 2
    hung_after_s: float | None = None
    workers_per_trial: int | None = None
    accelerator_type: str | None = None
    label_selector: Mapping[str, str] = field(default_factory=dict)


@dataclass(frozen=True)
class Experiment:
    """A search space, resolved.

    Attributes:
        name: its title.
        description: a sentence.
        file: the search space's file, as the person named it.
        source: that file, verbatim.
        base: the settings of the baseline: all layers but what the search draws.
        models: where models are drawn: what is drawn of each (dotted key and value), and all layers with its preset instead; those of which
            more is drawn first.
        space: what varies; what the environment or --set pins has left it.
        method: a file of search/methods.
        objective: what is searched for; of several objectives the first, which rungs and the best go by.
        further: the others.
        limits: on metrics; a trial beyond one is infeasible.
        stopping: when weak trials stop.
        count: how many trials, the baseline not among them.
        baseline: whether the base's own settings are trained as trial 0.
        decode: what is searched on trained checkpoints; None for nothing.
        resources: what a trial gets.
        budget: what the run may use up, by name (`config.budget`); the number of trials is `count`.
        patience_trials: after how many trials in a row without an improvement the run ends; None: it doesn't.
        seeds: that promising points are trained with once the search is over; empty: each is trained once.
        warm_start: folders of the earlier runs whose trials teach the search.
        train_rows: rows of the training data; None until they have been read.
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
    limits: tuple[Limit, ...] = ()
    models: tuple[tuple[Mapping[str, Any], Resolved], ...] = ()
    decode: DecodeStage | None = None
    budget: Mapping[str, float] = field(default_factory=dict)
    patience_trials: int | None = None
    seeds: tuple[int, ...] = ()
    warm_start: tuple[str, ...] = ()
    train_rows: int | None = None
    further: tuple[Objective, ...] = ()

    @property
    def objectives(self) -> tuple[Objective, ...]:
        """All that is searched for."""
        return (self.objective, *self.further)

    @property
    def beneath(self) -> tuple[Resolved, ...]:
        """All settings that can lie beneath a point: the base's, and those of each model that may be drawn."""
        return (self.base, *(resolved for _, resolved in self.models))

    def resolved_under(self, point: Mapping[str, Any]) -> Resolved:
        """The settings beneath a point: the base's, or those of the model that was drawn."""
        for drawn, resolved in self.models:
            if all(key in point and point[key] == value for key, value in drawn.items()):
                return resolved
        return self.base

    def values_for(self, point: Mapping[str, Any]) -> dict[str, Any]:
        """The settings of a point as flat values, unchecked; those of the baseline for `{}`."""
        return laid_over(self.resolved_under(point).flat, point)

    def identity(self, point: Mapping[str, Any]) -> str:
        """What a point comes to, as a text that is equal for two points that are the same training."""
        return effects.identity(self.values_for(point))

    def settings_for(self, point: Mapping[str, Any]) -> Settings:
        """The complete settings of a point (dotted key to value); those of the baseline for `{}`.

        Raises:
            SettingsMistake: a value can't be, or two contradict each other; never for a point of this experiment's own space.
        """
        return settings_over(self.resolved_under(point).settings, point)

    def widest_data(self) -> Settings:
        """The base's settings, with all rows and columns that any point reads: topics, where some points put them before the dialogues."""
        widest = {"data.topic_prefix": True, "data.max_train_samples": None}
        searched = {key: value for key, value in widest.items() if key in self.space.keys}
        return settings_over(self.base.settings, searched) if searched else self.base.settings

    def baseline_point(self) -> dict[str, Any]:
        """The baseline as a point: the base's own value of each parameter; None where transformers' own default is not known."""
        values = self.base.flat
        point = {}
        for key in self.space.keys:
            argument = installed().arguments.get(key.removeprefix("training.")) if key.startswith("training.") else None
            point[key] = values.get(key, argument.default if argument else None)
        return point

    def iterations(self, point: Mapping[str, Any]) -> int:
        """How many evaluations a full trial of a point has."""
        return evaluations(self.values_for(point), self.train_rows)

    @property
    def longest(self) -> int:
        """Evaluations of the longest trial that there can be."""
        return max(longest(flat, self.space.parameters.values(), self.train_rows) for flat in self._beneath)

    @property
    def _beneath(self) -> list[Mapping[str, Any]]:
        """The settings beneath the points: the base's, and those of each model."""
        return [resolved.flat for resolved in self.beneath]

    def with_rows(self, rows: int) -> Experiment:
        """The same once the training data have been read: with max_steps only they say how many evaluations a trial has."""
        if not any(by_steps(flat, self.space.parameters.values()) for flat in self._beneath):
            return replace(self, train_rows=rows)
        known = replace(self, train_rows=rows)
        stopping = self.stopping.over(known.longest)
        notice = stops_nothing(stopping, known.longest)
        return replace(known, stopping=stopping, notices=(*self.notices, *([notice] if notice else [])))

    def bracket(self, point: Mapping[str, Any]) -> str:
        """Which trials a trial is compared with at rungs: those with the same word; empty where with all, or all others that have none."""
        if self.stopping.brackets is None:
            return ""
        parameter = self.space.parameters[self.stopping.brackets]
        if not isinstance(parameter, Bundle):
            return shown(point[parameter.name]) if parameter.name in point else ""
        try:
            return parameter.label_of(point)
        except ValueError:
            return ""

    @property
    def most_trials(self) -> int:
        """How many trials there can be: those asked for, or the points that there are. The base's own, if it is one, is the baseline's."""
        size = self.space.size()
        if size is None:
            return self.count
        own = self.baseline and self.space.locate(self.baseline_point()) is not None
        return min(self.count, size - own)

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
            "models": [
                {
                    "drawn": dict(drawn),
                    "settings": resolved.settings.model_dump(mode="json"),
                    "origins": {key: asdict(origin) for key, origin in resolved.origins.items()},
                }
                for drawn, resolved in self.models
            ],
            "space": self.space.to_record(),
            "method": self.method,
            "objective": asdict(self.objective),
            "further_objectives": [asdict(one) for one in self.further],
            "limits": [asdict(limit) for limit in self.limits],
            "stopping": asdict(self.stopping),
            "count": self.count,
            "baseline": self.baseline,
            "decode": self.decode.to_record() if self.decode else None,
            "resources": asdict(self.resources),
            "budget": dict(self.budget),
            "patience_trials": self.patience_trials,
            "seeds": list(self.seeds),
            "warm_start": list(self.warm_start),
            "train_rows": self.train_rows,
            "notices": list(self.notices),
        }

    @classmethod
    def from_record(cls, record: Mapping[str, Any]) -> Experiment:
        """What `to_record` wrote.

        Raises:
            RunMistake: it was written by another version, whose records this one can't read.
        """
        if record.get("form") != _FORM:
            reason = f"its record has the form {record.get('form')}, and this version of summtune reads form {_FORM}."
            raise RunMistake(Problem(reason, "Go on with the version that began it."))
        return cls(
            name=record["name"],
            description=record["description"],
            file=record["file"],
            source=record["source"],
            base=_resolved(record),
            models=tuple((one["drawn"], _resolved(one)) for one in record["models"]),
            space=Space.from_record(record["space"]),
            method=record["method"],
            objective=Objective(**record["objective"]),
            further=tuple(Objective(**one) for one in record.get("further_objectives", ())),
            limits=tuple(Limit(**limit) for limit in record["limits"]),
            stopping=Stopping.from_record(record["stopping"]),
            count=record["count"],
            baseline=record["baseline"],
            decode=DecodeStage.from_record(record["decode"]) if record["decode"] else None,
            resources=Resources(**record["resources"]),
            budget=record.get("budget", {}),
            patience_trials=record.get("patience_trials"),
            seeds=tuple(record.get("seeds", ())),
            warm_start=tuple(record.get("warm_start", ())),
            train_rows=record.get("train_rows"),
            notices=tuple(record["notices"]),
        )


def _resolved(record: Mapping[str, Any]) -> Resolved:
    return Resolved(Settings.model_validate(record["settings"]), {key: Origin(**origin) for key, origin in record["origins"].items()})


def settings_over(base: Settings, point: Mapping[str, Any]) -> Settings:
    """Settings with a point laid over them.

    Raises:
        SettingsMistake: a value can't be.
    """
    values = laid_over(flatten(base.model_dump(mode="json")), point)
    mirror(values)
    try:
        return Settings.model_validate(nest(values))
    except ValidationError as error:
        problems = []
        for one in error.errors(include_url=False):
            unfit = explain(one)
            problems.append(Problem(unfit.reason, unfit.remedy, ".".join(str(part) for part in one["loc"])))
        raise SettingsMistake(problems) from None


def laid_over(values: Mapping[str, Any], point: Mapping[str, Any]) -> dict[str, Any]:
    """Flat settings with a point laid over them. A mapping that the point clears stays so, whatever it draws of its entries."""
    laid = dict(values)
    cleared = [key for key in OPEN_KEYS if key in point and point[key] is None]
    for key, value in sorted(point.items(), key=lambda item: item[0] not in OPEN_KEYS):
        if key.rpartition(".")[0] in cleared:
            continue
        if value is not None or key in laid or key in cleared:
            for word, said in in_one_word(key, value).items():
                lay_value(laid, word, said)
    return laid


def load_experiment(
    path: Path, *, assignments: Sequence[str] = (), environ: Mapping[str, str] = os.environ, all_here: bool = True, root: Path = Path()
) -> Experiment:
    """Read a search space, with all its layers, and check all of it.

    Args:
        path: the search space.
        assignments: `section.key=value`, as after `--set`; also `count=`, `baseline=`, `method=`, `name=`, `base=`, `metric.…=`,
            `resources.…=` and `early_terminate.…=`, for the keys of the search space itself.
        environ: the environment variables.
        all_here: whether data files and earlier runs have to be here; they don't where the run will be on a machine that has them.
        root: what the folder of runs lies under if it is relative.

    Raises:
        SettingsMistake: with every problem that was found.
    """
    from summtune.config.loading import load  # it makes Experiments, and so stands above this module

    return load(path, assignments, environ, all_here=all_here, root=root)
