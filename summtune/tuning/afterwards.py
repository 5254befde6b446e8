"""What a driver decides and writes once nothing is trained any more: which models are evaluated in full or decoded with other settings, and
what came of that. `finals` does the work; as in the driver itself, all is on record before it is acted upon.
"""

from __future__ import annotations

from dataclasses import replace

from summtune.config.experiment import settings_over
from summtune.config.stages import DecodeStage
from summtune.errors import TrialFailure
from summtune.events import kinds, standings
from summtune.events.trial_state import TrialState
from summtune.training.best_model import add_full_metrics, adopt_decoding, decodes_with, write_predictions
from summtune.training.referee import Refereed
from summtune.tuning import trial_files
from summtune.tuning.causes import OF_THE_POINT
from summtune.tuning.decode_race import Race, Tried
from summtune.tuning.driver import Driver


def to_score(driver: Driver) -> list[TrialState]:
    """Trials that could be the best and have not been evaluated in full: the likeliest by cheap evaluations, and the baseline; with several
    objectives also those that may lie on the front.

    Where full evaluations show some of them to be beyond a limit, or can't be made of what they are, the next ones take their places; for
    an error they don't, since that may well meet every one of them.
    """
    if not driver.state.by_proxy:
        return []
    likely = [point for point in (*standings.candidates(driver.state), *standings.infeasible(driver.state)) if _with_models(driver, point)]
    evaluation = driver.experiment.base.settings.evaluation
    searched = _with_places_kept(driver, [point for point in likely if not point.baseline])[: evaluation.proxy_top_k]
    searched = [point for point in searched if point.not_scored is None]
    chosen = [*[point for point in likely if point.baseline], *searched]
    if driver.experiment.further:
        feasible = [point for point in standings.candidates(driver.state) if not point.baseline and _with_models(driver, point)]
        chosen += standings.cheap_front(driver.state, feasible, besides=searched, most=evaluation.proxy_front_k)
    return [trial for point in chosen for trial in _with_models(driver, point) if trial.scored is None]


def _with_places_kept(driver: Driver, likely: list[TrialState]) -> list[TrialState]:
    """The likeliest points, with those among them whose full evaluation failed by an error, where they would stand."""
    state = driver.state
    for lost in state.trials.values():
        score = state.score(lost)
        if lost.not_scored is None or lost.not_scored.cause in OF_THE_POINT or lost.baseline or lost.repeats or score is None:
            continue
        others = [state.score(one) for one in likely]
        likely.insert(next((place for place, other in enumerate(others) if other is None or state.better(score, other)), len(likely)), lost)
    return likely


def scored(driver: Driver, trial_id: str, found: Refereed) -> None:
    """A trial was evaluated in full."""
    trial, paths = driver.state.trials[trial_id], driver.run.trial(trial_id)
    assert trial.best is not None
    for notice in found.notices:
        driver.note(trial_id, notice)
    write_predictions(paths.predictions, found.rows)
    add_full_metrics(paths.best_model, found.metrics)
    driver.record(kinds.Scored(trial_id, trial.best.iteration, found.metrics, round(found.seconds, 3)))
    trial_files.write_results(paths, trial, driver.state)


def not_scored(driver: Driver, trial_id: str, failure: TrialFailure) -> None:
    """A trial can't be evaluated in full, for what it is."""
    trial = driver.state.trials[trial_id]
    assert trial.best is not None
    driver.record(kinds.NotScored(trial_id, trial.best.iteration, failure.cause, failure.message))


def races(driver: Driver) -> dict[str, Race]:
    """Trials whose models are to be decoded with other settings, and how far each has come.

    Also those whose folders don't have the decoding that is on record, since the driver was killed before.
    """
    if driver.state.decode is None:
        return {}
    stage = DecodeStage.from_record(driver.state.decode)
    trials = [trial for trial in standings.to_decode(driver.state, stage.top_k) if len(trial.decoded) - trial.decoded_before < stage.count]
    found = {trial.id: _race(driver, trial) for trial in trials if driver.run.trial(trial.id).best_model.is_dir()}
    for trial in driver.state.trials.values():
        if trial.id not in found and not _is_adopted(driver, trial) and driver.run.trial(trial.id).best_model.is_dir():
            race = _race(driver, trial)
            found[trial.id] = replace(race, stage={**race.stage, "count": len(race.past)})  # nothing but the best once more
    return found


def decoded(driver: Driver, trial_id: str, tried: Tried) -> None:
    """A setting of generation was tried on a trial's model."""
    trial, paths = driver.state.trials[trial_id], driver.run.trial(trial_id)
    if tried.decoded is not None:
        driver.record(tried.decoded)
        trial_files.write_decodings(paths, trial)
    if tried.rows:  # the model first: that predictions.csv has these scores says that all is done
        metrics = trial.decoding.metrics if trial.decoding is not None else {}
        adopt_decoding(paths.best_model, tried.generation, tried.generation_config, metrics)
        write_predictions(paths.predictions, tried.rows)
        trial_files.write_results(paths, trial, driver.state)


def _with_models(driver: Driver, point: TrialState) -> list[TrialState]:
    return [trial for trial in standings.trainings(driver.state, point) if driver.run.trial(trial.id).best_model.is_dir()]


def _is_adopted(driver: Driver, trial: TrialState) -> bool:
    """Whether a trial's folder decodes as its score says: its model, and what its predictions are."""
    if trial.decoding is None or driver.state.own_metrics(trial) is None:  # the latter where a damaged log has lost its full evaluation
        return True
    generation = settings_over(driver.settings_of(trial), trial.decoding.point).generation.model_dump(mode="json")
    return decodes_with(driver.run.trial(trial.id).best_model, generation) and _scores(driver, trial) is not None


def _scores(driver: Driver, trial: TrialState) -> list[float] | None:
    metrics = driver.state.full_metrics(trial)
    assert metrics is not None
    return trial_files.scores_on_record(driver.run.trial(trial.id), driver.state.objective, metrics[driver.state.objective])


def _race(driver: Driver, trial: TrialState) -> Race:
    own = driver.state.own_metrics(trial)
    assert own is not None
    assert driver.state.decode is not None
    return Race(
        trial=trial.id,
        folder=str(driver.run.trial(trial.id).best_model),
        settings=driver.settings_of(trial).model_dump(mode="json"),
        stage=driver.state.decode,
        objective=driver.state.objective,
        maximize=driver.state.maximize,
        own_metrics=own,
        limits=driver.state.limits,
        past=tuple(trial.decoded[trial.decoded_before :]),
        before=trial.decoded_before,
        best_point=trial.decoding.point if trial.decoding is not None else {},
        best_scores=_scores(driver, trial) if _is_adopted(driver, trial) else None,
        best_is_feasible=not driver.state.violations(trial),
    )
