"""Full scores in Weights & Biases. Ray's callback has ended a trial's W&B run long before the trial is evaluated in full.

So each trial that was gets one W&B run more, in the same group, with the same configuration and its metrics as `full/…`: an offline W&B run
can't be opened again, and cheap and full scores under one name would be compared with each other.
Like the mirror it must not hold up a run, nor fail it.
"""

from __future__ import annotations

import os
from collections.abc import Mapping
from typing import Any

import ray
from ray.util.scheduling_strategies import NodeAffinitySchedulingStrategy

from summtune.events.fold import RunState
from summtune.events.trial_state import TrialState

TIMEOUT_S = 60
"""How long the end of a run waits; importing wandb and starting its service are in it."""


def send(state: RunState, init: Mapping[str, Any]) -> str:
    """Mirror the full scores of all trials that have some.

    Args:
        state: the run's.
        init: arguments of `wandb.init` that all W&B runs of this run share.

    Returns:
        What a person should know; nothing where all went well.
    """
    runs = [_run(state, trial, init) for trial in state.trials.values() if _is_news(state, trial)]
    if not runs:
        return ""
    here = NodeAffinitySchedulingStrategy(node_id=ray.get_runtime_context().get_node_id(), soft=False)
    variables = {name: value for name, value in os.environ.items() if name.startswith("WANDB_")}
    upload = ray.remote(_upload).options(num_cpus=0, max_retries=0, scheduling_strategy=here, runtime_env={"env_vars": variables})
    future = upload.remote(runs)
    try:
        ray.get(future, timeout=TIMEOUT_S)
    except ray.exceptions.GetTimeoutError:
        ray.cancel(future, force=True)
        return f"W&B: the full scores were not uploaded within {TIMEOUT_S} s, and are left so."
    except ray.exceptions.RayError as error:
        return f"W&B: the full scores could not be mirrored ({type(error).__name__}; see logs/ray.log)."
    return ""


def _is_news(state: RunState, trial: TrialState) -> bool:
    """Whether a trial has full scores that its own W&B run doesn't show."""
    return state.full_metrics(trial) is not None and (state.by_proxy or trial.decoding is not None)


def _run(state: RunState, trial: TrialState, init: Mapping[str, Any]) -> tuple[dict[str, Any], dict[str, float]]:
    assert state.opened is not None
    metrics, own = state.full_metrics(trial), state.own_metrics(trial)
    assert metrics is not None
    assert own is not None
    name = f"{trial.id}-full"
    how = trial.decoding.point if trial.decoding is not None else {}
    arguments = {
        **init,
        "id": f"{state.opened.run_id}-{name}-{len(trial.decoded)}",  # a decode stage that came later gives another one
        "name": f"{init['name']}-{name}" if init.get("name") else name,
        "job_type": "full evaluation",
        "config": {**trial.point, **{f"decode/{key}": value for key, value in how.items()}},
        "reinit": "finish_previous",
    }
    shown = {f"full/{key}": value for key, value in metrics.items()}
    return arguments, shown | ({f"full/as_trained/{key}": value for key, value in own.items()} if how else {})


def _upload(runs: list[tuple[dict[str, Any], dict[str, float]]]) -> None:
    """Executed in a process of its own."""
    import wandb

    for arguments, metrics in runs:
        run = wandb.init(**arguments)
        run.log(metrics)
        run.finish()
