"""`study.journal`: the run's search as an Optuna study that optuna-dashboard opens; a view, rebuilt from the run's state."""

from __future__ import annotations

import json
import warnings
from collections.abc import Iterable, Iterator
from datetime import datetime
from typing import Any

import optuna
from optuna.storages import JournalStorage
from optuna.storages.journal import BaseJournalBackend
from optuna.study import StudyDirection
from optuna.trial import FrozenTrial
from optuna.trial import TrialState as OptunaState

from summtune import durable
from summtune.config.experiment import Experiment
from summtune.events.fold import RunState
from summtune.events.trial_state import TrialState
from summtune.paths import RunPaths
from summtune.search.asking import distributions
from summtune.search.study import excesses
from summtune.search.taught import taught_trials

STATES = {"finished": OptunaState.COMPLETE, "stopped": OptunaState.PRUNED, "failed": OptunaState.FAIL}


class Lines(BaseJournalBackend):
    """The lines of a journal: Optuna's own backend of a file takes its lock and syncs for each of them, which are several to a trial."""

    def __init__(self, lines: Iterable[dict[str, Any]] = ()) -> None:
        self.lines: list[dict[str, Any]] = list(lines)

    def read_logs(self, log_number_from: int) -> Iterator[dict[str, Any]]:
        return iter(self.lines[log_number_from:])

    def append_logs(self, logs: list[dict[str, Any]]) -> None:
        self.lines += logs


def write_study(run: RunPaths, state: RunState) -> None:
    """Write the journal anew."""
    assert state.opened is not None
    optuna.logging.set_verbosity(optuna.logging.WARNING)
    journal = Lines()
    storage = JournalStorage(journal)
    directions = [StudyDirection.MAXIMIZE if aim.maximize else StudyDirection.MINIMIZE for aim in state.objectives]
    study = optuna.create_study(storage=storage, study_name=state.opened.run_id, directions=directions)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", optuna.exceptions.ExperimentalWarning)  # constraints.txt pins it
        study.set_metric_names([aim.name for aim in state.objectives])
    experiment = Experiment.from_record(state.opened.experiment)
    study.add_trials(taught_trials(state, experiment.space))
    for trial in sorted((one for one in state.trials.values() if not one.repeats), key=lambda trial: trial.number):
        study.add_trial(_frozen(experiment, state, trial))
    durable.write_text(run.study, "".join(f"{json.dumps(line, separators=(',', ':'))}\n" for line in journal.lines))


def _frozen(experiment: Experiment, state: RunState, trial: TrialState) -> FrozenTrial:
    optuna_state = STATES.get(trial.status, OptunaState.RUNNING)
    scored = optuna_state in (OptunaState.COMPLETE, OptunaState.PRUNED)
    answers = trial.params
    if trial.baseline:  # its values may lie outside the space, and Optuna takes only what it could have drawn
        draw = experiment.space.locate(trial.point)
        answers = draw.answers if draw is not None else {}
    return FrozenTrial(
        number=trial.number,
        trial_id=trial.number,
        state=optuna_state,
        value=None,
        values=_values(state, trial) if scored else None,
        datetime_start=datetime.fromtimestamp(trial.drawn_at),
        datetime_complete=datetime.fromtimestamp(trial.ended_at) if trial.ended_at else None,
        params=answers,
        distributions=distributions(experiment.space, tuple(answers)),
        user_attrs={"trial": trial.id, "baseline": trial.baseline},
        system_attrs={f"constraints:{limit}": excess for limit, excess in excesses(trial, state).items()},
        intermediate_values={report.iteration: report.metrics[state.objective] for report in trial.reports},
    )


def _values(state: RunState, trial: TrialState) -> list[float] | None:
    """Of each objective, as the search was told. Of several objectives Optuna's own trials have no intermediate values, and stopped ones no
    values; this view has both: it is for people to look at.
    """
    return None if trial.best is None else [trial.best.metrics[aim.name] for aim in state.objectives]
