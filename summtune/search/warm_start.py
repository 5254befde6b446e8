"""What an earlier run can teach a new one: which of its trials are trainings that the new space could have drawn, and their scores.

A trial is told as the point of the new space that would be the same training, the same arguments to the last one; otherwise it is dropped
with the reason. Nothing is moved into a range that it lies outside of: nobody has trained that. It must not know how a search learns.
"""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from optuna.trial import TrialState as OptunaState

from summtune.config.effects import arguments
from summtune.config.experiment import Experiment
from summtune.config.metrics import COMBINED, LOSS, declared
from summtune.config.transformers_arguments import installed
from summtune.errors import MetricMistake, Problem, RunMistake
from summtune.events import limits
from summtune.events.fold import RunState
from summtune.events.kinds import Taught
from summtune.events.mending import read_run
from summtune.events.trial_state import TrialState
from summtune.paths import RunPaths
from summtune.space.space import Outside
from summtune.space.values import brief

_LUCK = ("general.seed", "general.device")
"""What makes another training of the same point, and no other point."""

_FILES = ("data.train", "data.dev", "data.test")
"""Compared by what they hold."""

_MOST_NAMED = 3
"""Settings that a reason names."""


@dataclass(frozen=True)
class _Earlier:
    """An earlier run."""

    run: RunPaths
    state: RunState
    experiment: Experiment

    @classmethod
    def read(cls, run: RunPaths) -> _Earlier:
        """What its event log says.

        Raises:
            RunMistake: nothing that can be used.
        """
        state, _ = read_run(run)
        assert state.opened is not None
        return cls(run, state, Experiment.from_record(state.opened.experiment))


def lessons(experiment: Experiment, fingerprints: Mapping[str, str]) -> list[Taught]:
    """What the runs that a search space names can teach its search, run by run.

    Args:
        experiment: the new run's.
        fingerprints: of its data, by split.

    Raises:
        RunMistake: with all that stands against it.
    """
    found: list[Taught] = []
    problems: list[Problem] = []
    for folder in experiment.warm_start:
        run = RunPaths(Path(folder))
        try:
            earlier = _Earlier.read(run)
        except RunMistake as mistake:
            remedy = "Name another run, or leave it out."
            problems += [
                Problem(f"{run.folder.name} can't be learned from: {one.reason}", remedy, "warm_start") for one in mistake.problems
            ]
            continue
        against = _against(earlier, experiment, fingerprints)
        lesson = _lesson(earlier, experiment) if not against else None
        if lesson is not None and not lesson.told:
            nothing = lesson.text.partition(": ")[2]
            against = [(f"none of its trials can be told{f': {nothing}' if nothing else ', since it has none'}.", _ALIKE)]
        problems += [Problem(f"{run.folder.name} {reason}", remedy, "warm_start") for reason, remedy in against]
        found += [lesson] if lesson is not None else []
    if problems:
        raise RunMistake(problems)
    return found


_ALIKE = "Search, or fix, the settings as that run did, or leave it out."
_LEAVE_OUT = "Leave it out: its scores don't compare with those that this run will have."


def _against(earlier: _Earlier, experiment: Experiment, fingerprints: Mapping[str, str]) -> list[tuple[str, str]]:
    """Why an earlier run's scores don't compare with those of the new one, whatever its settings; and what to do."""
    found = []
    theirs, ours = earlier.experiment.objective, experiment.objective
    if (theirs.name, theirs.goal) != (ours.name, ours.goal):
        found.append((f"searched for {theirs.goal} {theirs.name}, and this space for {ours.goal} {ours.name}.", _LEAVE_OUT))
    elif (files := _scored_by(earlier.experiment, experiment, _copies(earlier))) and files != _scored_by(experiment, experiment):
        found.append(("was scored by another content of a metric's file.", _LEAVE_OUT))
    before = _fingerprints(earlier.run)
    for split in ("train", "dev"):
        if split not in before:
            found.append((f"does not say what {split} data it had: its environment.json is missing or damaged.", _LEAVE_OUT))
        elif before[split] != fingerprints[split]:
            found.append((f"had other {split} data.", _LEAVE_OUT))
    return found


def _fingerprints(run: RunPaths) -> dict[str, str]:
    """Of the data that a run began with; nothing where that can't be read."""
    try:
        data = json.loads(run.environment.read_text(encoding="utf-8"))["data"]
        return {split: facts["fingerprint"] for split, facts in data.items()}
    except (OSError, ValueError, KeyError, TypeError, AttributeError):
        return {}


def _copies(earlier: _Earlier) -> dict[str, str]:
    """The copies that a run has of people's own metrics, by the path that its settings name."""
    assert earlier.state.opened is not None
    return {name: str(earlier.run.folder / copy["file"]) for name, copy in earlier.state.opened.metrics.items()}


def _scored_by(experiment: Experiment, new: Experiment, copies: Mapping[str, str] | None = None) -> set[str]:
    """Digests of people's own files by which the new run's objective and limited metrics are scored."""
    wanted = {new.objective.name, *(limit.metric for limit in new.limits)} - {LOSS}
    found = set()
    for name in experiment.base.settings.evaluation.metrics:
        try:
            declaration = declared((copies or {}).get(name, name))
        except (KeyError, MetricMistake):  # a copy that was removed: what it scored can't be said
            found.add("unreadable")
            continue
        found |= {declaration.sha256} if wanted.intersection(declaration.keys) else set()
    return found - {""}


def _lesson(earlier: _Earlier, experiment: Experiment) -> Taught:
    told, outside = [], []
    trials = [trial for trial in earlier.state.trials.values() if not trial.repeats]
    for trial in trials:
        try:
            told.append(_told(earlier, trial, experiment))
        except Outside as reason:
            outside.append(reason)
    dropped = Counter(_reasons(outside))
    return Taught(earlier.run.folder.name, str(earlier.run.folder), len(trials), told, dict(dropped.most_common()))


class _OtherTraining(Outside):
    """A trial that is no training of the new space, since settings differ.

    Args:
        keys: which.
        text: their values there and here.
    """

    def __init__(self, keys: Sequence[str], text: str) -> None:
        self.keys = keys
        super().__init__(f"with {text}")

    @property
    def other(self) -> str:
        """The reason without the values of one trial."""
        return f"with another {_listed([key.rpartition('.')[2] for key in self.keys])}"


def _reasons(outside: Sequence[Outside]) -> list[str]:
    """Why each trial was dropped, in words that can be counted: values are named where all that differ in these settings share them."""
    texts: dict[str, set[str]] = {}
    for one in outside:
        if isinstance(one, _OtherTraining):
            texts.setdefault(one.other, set()).add(str(one))
    return [one.other if isinstance(one, _OtherTraining) and len(texts[one.other]) > 1 else str(one) for one in outside]


def _listed(words: Sequence[str]) -> str:
    """The first few of them."""
    return ", ".join([*words[:_MOST_NAMED], *([f"{len(words) - _MOST_NAMED} more"] if len(words) > _MOST_NAMED else [])])


def _told(earlier: _Earlier, trial: TrialState, experiment: Experiment) -> dict[str, Any]:
    """A trial as the new study is told it: with all its evaluations, as complete where it was trained to its end, else as pruned.

    Raises:
        Outside: it can't be.
    """
    if trial.status == "failed":
        raise Outside("failed")
    if trial.best is None:
        raise Outside("never evaluated")
    theirs = earlier.experiment.values_for({} if trial.baseline else trial.point)
    draw = experiment.space.located(_point(theirs, experiment.space.keys))
    _check_same(theirs, experiment.values_for(draw.point), experiment.objective.name)
    best = trial.best.metrics
    if unknown := [limit.metric for limit in experiment.limits if limit.metric not in best]:
        raise Outside(f"without {unknown[0]}, which a limit is on")
    objective = experiment.objective.name
    complete = trial.status == "finished"
    return {
        "of": trial.id,
        "params": draw.answers,
        "state": (OptunaState.COMPLETE if complete else OptunaState.PRUNED).name,
        "value": best[objective],
        "values": [[report.iteration, report.metrics[objective]] for report in trial.reports],
        "excesses": limits.excesses(experiment.limits, best),
    }


def _point(values: Mapping[str, Any], keys: Sequence[str]) -> dict[str, Any]:
    """A training's settings as a point: those that a space asks for."""
    return {key: values.get(key, _default(key)) for key in keys}


def _default(key: str) -> Any:
    argument = installed().arguments.get(key.removeprefix("training.")) if key.startswith("training.") else None
    return argument.default if argument else None


def _check_same(theirs: Mapping[str, Any], ours: Mapping[str, Any], objective: str) -> None:
    """Refuse what makes two trainings, or their scores, different ones.

    Raises:
        _OtherTraining: something does.
    """
    one, other = _compared(theirs, objective), _compared(ours, objective)
    differing = [key for key in dict.fromkeys([*one, *other]) if one.get(key) != other.get(key)]
    values = {key: tuple(brief(flat.get(key, _default(key))) for flat in (theirs, ours)) for key in differing}
    keys = [key for key, (there, here) in values.items() if there != here] or differing  # others are idle in one of them alone
    if keys:
        raise _OtherTraining(keys, _listed([f"{key.rpartition('.')[2]} {values[key][0]} (here {values[key][1]})" for key in keys]))


def _compared(values: Mapping[str, Any], objective: str) -> dict[str, str]:
    """What decides how a model is trained and how its evaluations are scored, each value as a text."""
    keys = ["strategy", "every", *(["proxy_samples"] if values["evaluation.strategy"] == "proxy" else [])]
    if objective != LOSS:
        keys += ["rouge_tokenizer", "references", *(["proxy_decoding"] if values["evaluation.strategy"] == "proxy" else [])]
        keys += ["combined"] if objective == COMBINED else []
    scoring = {f"evaluation.{key}": values.get(f"evaluation.{key}") for key in keys}
    anywhere = {**values, "general.device": "auto"}  # what one device leaves without effect counts all the same
    known = {key: value for key, value in arguments(anywhere).items() if key not in (*_LUCK, *_FILES)}
    return {key: json.dumps(value, sort_keys=True, default=str) for key, value in {**known, **scoring}.items() if value is not None}
