"""`study.journal`: the run's search as an Optuna study that optuna-dashboard opens; a view, rebuilt from the run's state."""

from __future__ import annotations

import os
from datetime import datetime

import optuna
from optuna.storages import JournalStorage
from optuna.storages.journal import JournalFileBackend
from optuna.trial import FrozenTrial
from optuna.trial import TrialState as OptunaState

from summtune.config.experiment import Experiment
from summtune.events.fold import RunState
from summtune.events.trial_state import TrialState
from summtune.paths import RunPaths
from summtune.search.asking import distributions
from summtune.search.study import excesses
from summtune.search.taught import taught_trials

STATES = {"finished": OptunaState.COMPLETE, "stopped": OptunaState.PRUNED, "failed": OptunaState.FAIL}


def write_study(run: RunPaths, state: RunState) -> None:
    """Write the journal anew, under a temporary name first."""
    assert state.opened is not None
    optuna.logging.set_verbosity(optuna.logging.WARNING)
    temporary = run.study.with_name(f".{run.study.name}.tmp")
    temporary.unlink(missing_ok=True)
    storage = JournalStorage(JournalFileBackend(str(temporary)))
    study = optuna.create_study(storage=storage, study_name=state.opened.run_id, direction="maximize" if state.maximize else "minimize")
    experiment = Experiment.from_record(state.opened.experiment)
    study.add_trials(taught_trials(state, experiment.space))
    for trial in sorted((one for one in state.trials.values() if not one.repeats), key=lambda trial: trial.number):
        study.add_trial(_frozen(experiment, state, trial))
    os.replace(temporary, run.study)


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
        value=state.score(trial) if scored else None,
        values=None,
        datetime_start=datetime.fromtimestamp(trial.drawn_at),
        datetime_complete=datetime.fromtimestamp(trial.ended_at) if trial.ended_at else None,
        params=answers,
        distributions=distributions(experiment.space, tuple(answers)),
        user_attrs={"trial": trial.id, "baseline": trial.baseline},
        system_attrs={f"constraints:{limit}": excess for limit, excess in excesses(trial, state).items()},
        intermediate_values={report.iteration: report.metrics[state.objective] for report in trial.reports},
    )
