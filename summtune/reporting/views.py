"""The result files that people's scripts read: `sweep_info.json`, `all_sweep_results.jsonl`, `sweep_summary.json`.

They are folds of the event log, rebuilt at will.

Their keys are those of the system that this one replaces, with ours beside them. Where `output_dir` was given relative, so are the
paths in them: they start from the folder that the run was started in.
"""

from __future__ import annotations

import json
from dataclasses import asdict, replace
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from summtune import durable
from summtune.config.experiment import Experiment
from summtune.errors import Problem, RunMistake
from summtune.events import standings
from summtune.events.fold import RunState
from summtune.events.trial_state import TrialState
from summtune.paths import RunPaths, TrialPaths
from summtune.reporting.leaderboard import figures, of_seeds
from summtune.search.trial_length import last_iteration


def write_views(run: RunPaths, state: RunState) -> None:
    """Write all three files anew."""
    durable.write_json(run.info, _info(state))
    front = {point.id for point in standings.front(state)} if len(state.objectives) > 1 else None
    ended = [_result(run, state, trial, front) for trial in state.trials.values() if trial.over]
    durable.write_text(run.results, "".join(json.dumps(result, ensure_ascii=False) + "\n" for result in ended))
    durable.write_json(run.summary, _summary(run, state))


def shown_path(run: RunPaths, state: RunState, path: Path) -> str:
    """A path inside the run as a person in the folder that it was started in would write it."""
    assert state.opened is not None
    base = Path(state.opened.output_dir)
    inside = path.relative_to(run.folder)
    return str((run.folder / inside) if base.is_absolute() else base / run.folder.name / inside)


def best_model(run: RunPaths, state: RunState) -> TrialPaths | None:
    """The folder of the trial whose model the best hands on; None where its model is not there, whatever others have."""
    best = standings.best(state)
    paths = run.trial(standings.model_of(state, best).id) if best is not None else None
    return paths if paths is not None and paths.best_model.is_dir() else None


def absent_model(run: RunPaths, state: RunState) -> tuple[str, Path] | None:
    """The trial whose model the best would hand on, and where that is no more; None where it is there, or none was to be so far."""
    best = standings.best(state)
    if best is None or not best.over or best_model(run, state) is not None:
        return None
    trial = standings.model_of(state, best).id
    return trial, run.trial(trial).best_model


def model_of_trial(run: RunPaths, state: RunState, trial_id: str) -> TrialPaths:
    """The folder of a trial that a person picks, one of the front for example.

    Raises:
        RunMistake: there is no such trial, or it has no model.
    """
    front = ", ".join(point.id for point in standings.front(state))
    remedy = f"On the front are {front}." if front else f"See `summtune show {run.folder.name}`."
    if trial_id not in state.trials:
        raise RunMistake(Problem(f"{run.folder.name} has no trial {trial_id!r}.", remedy, key="--trial"))
    if not run.trial(trial_id).best_model.is_dir():
        raise RunMistake(Problem(f"trial {trial_id} has no model.", remedy, key="--trial"))
    return run.trial(trial_id)


def last_iterations(state: RunState) -> dict[str, int]:
    """The evaluations that each trial was meant to make."""
    assert state.opened is not None
    experiment = Experiment.from_record(state.opened.experiment)
    return {trial.id: last_iteration(state, experiment, trial) for trial in state.trials.values()}


def most_trials(state: RunState) -> int:
    """How many trials the run comes to if nothing ends it: those asked for now, or the points that there are."""
    assert state.opened is not None
    return replace(Experiment.from_record(state.opened.experiment), count=state.count).most_trials


def _time(seconds: float | None) -> str | None:
    return None if not seconds else datetime.fromtimestamp(seconds, UTC).isoformat(timespec="seconds")


def _info(state: RunState) -> dict[str, Any]:
    assert state.opened is not None
    experiment = state.opened.experiment
    return {
        "sweep_id": state.opened.run_id,
        "name": state.opened.name,
        "status": state.status,
        "reason": state.reason or None,
        "method": experiment["method"],
        "objective": experiment["objective"],
        "further_objectives": experiment.get("further_objectives", []),
        "count": state.count,
        "sessions": state.sessions,
        "started": _time(state.opened.time),
        "ended": _time(state.closed_at),
    }


def _result(run: RunPaths, state: RunState, trial: TrialState, front: set[str] | None) -> dict[str, Any]:
    model = run.trial(trial.id).best_model
    return {
        "run_id": trial.id,
        "sweep_params": trial.point,
        "best_metrics": state.metrics(trial),
        "evaluation": state.evaluation(trial) if trial.best else None,
        "proxy_metrics": trial.best.metrics if trial.best and state.by_proxy else None,
        "final_metrics": trial.final,
        "model_path": shown_path(run, state, model) if model.is_dir() else None,
        "experiment_id": trial.id,
        "timestamp": _time(trial.ended_at),
        "status": trial.status,
        "feasible": state.feasible(trial) if state.limits and trial.best is not None else None,
        "violations": [violation.to_record() for violation in state.violations(trial)],
        "cause": trial.cause or None,
        "message": trial.message or None,
        "not_scored": {"cause": trial.not_scored.cause, "message": trial.not_scored.message} if trial.not_scored is not None else None,
        "attempts": trial.attempts,
        "retried": [{"attempt": one.attempt, "cause": one.cause, "message": one.message} for one in trial.retried],
        "baseline": trial.baseline,
        "repeats": trial.repeats or None,
        "seed": trial.seed,
        **{f"{name}_score" if name == "mean" else name: value for name, value in of_seeds(state, trial).items()},
        "score": state.score(trial),
        "full_score": state.full_score(trial),
        "on_front": trial.id in front if front is not None else None,
        "best_iteration": trial.best.iteration if trial.best else None,
        "decoding": trial.decoding.point if trial.decoding else None,
        "decodings": len(trial.decoded),
        "differs_from_baseline": _differences(run, trial),
    }


def _seeds(state: RunState) -> dict[str, Any]:
    """What seeds say of the best, where points were repeated."""
    best = standings.best(state)
    if not state.repetitions or best is None:
        return {}
    found, model = of_seeds(state, best), standings.model_of(state, best)
    return {"best_seeds": found["seeds"], "best_spread": found["spread"], "best_model_run_id": model.id, "repetitions": _count(state)}


def _front(run: RunPaths, state: RunState) -> dict[str, Any]:
    """With several objectives the trials that no other beats in all of them; what is called `best` is the best of them by the first."""
    if len(state.objectives) < 2:
        return {}
    points = [(point, standings.point_metrics(state, point), run.trial(point.id).best_model) for point in standings.front(state)]
    return {
        "objectives": [{"name": aim.name, "goal": "maximize" if aim.maximize else "minimize"} for aim in state.objectives],
        "front": [
            {
                "run_id": point.id,
                "values": {aim.name: metrics[aim.name] for aim in state.objectives},
                "evaluation": state.evaluation(point),
                "params": point.point,
                "model_path": shown_path(run, state, model) if model.is_dir() else None,
            }
            for point, metrics, model in points
        ],
    }


def _count(state: RunState) -> int:
    return sum(map(len, state.repetitions.values()))


def _differences(run: RunPaths, trial: TrialState) -> Any:
    """How what the trial was given differs from the baseline, from its own results; None where it did not get that far."""
    try:
        return json.loads(run.trial(trial.id).results.read_text(encoding="utf-8")).get("differs_from_baseline")
    except (OSError, ValueError):
        return None


def _summary(run: RunPaths, state: RunState) -> dict[str, Any]:
    assert state.opened is not None
    best = standings.best(state)
    found = figures(state, last_iterations(state), most_trials(state))
    ended = state.search_ended
    model = best_model(run, state)
    objective = state.objective
    return {
        "sweep_id": state.opened.run_id,
        "status": state.status,
        "objective": objective,
        "total_runs": found.total,
        "best_run_id": best.id if best else None,
        "best_rouge_combined_f1": standings.point_metrics(state, best).get("rouge_combined_f1") if best else None,
        f"best_{objective}": found.best,
        "evaluation": found.evaluations,
        "best_params": best.point if best else {},
        **_front(run, state),
        **_seeds(state),
        "best_decoding": decoding.point if best and (decoding := standings.model_of(state, best).decoding) else None,
        "best_model_path": shown_path(run, state, model.best_model) if model else None,
        f"average_{objective}": found.mean,
        f"min_{objective}": found.least,
        f"max_{objective}": found.most,
        f"baseline_{objective}": found.baseline,
        "fully_scored": found.fully_scored,
        "proxy_faithfulness": asdict(found.faithfulness) if found.faithfulness else None,
        "finished": found.finished,
        "stopped": found.stopped,
        "failed": found.failed,
        "infeasible": found.infeasible,
        "least_violating_run_id": standings.infeasible(state)[0].id if best is None and standings.infeasible(state) else None,
        "iterations_spent": found.iterations_spent,
        "iterations_saved": found.iterations_saved,
        "iterations_cut": found.iterations_cut,
        "search_ended": {"by": ended.by, "limit": ended.limit, "used": ended.used, "reason": ended.reason} if ended else None,
        "trials_not_begun": found.not_begun,
        "warm_start": [lesson.summary for lesson in state.taught],
        "used": {name: round(state.spent.of(name), 4) for name in ("hours", "gpu_hours", "epochs")},
        "seconds": round(found.seconds, 1),
        "notes": state.notes,
    }
