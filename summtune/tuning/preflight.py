"""Finds out whether a run can be driven, before anything is spent: the folder, the models, the data, the budget, and room for a trial.

It must not write to a run, nor know what becomes of it.
"""

from __future__ import annotations

import json
import os
from collections.abc import Callable, Iterable, Mapping
from dataclasses import replace
from pathlib import Path

from summtune.config.experiment import Experiment
from summtune.config.named_paths import named_paths
from summtune.corpus.check import CorpusFacts
from summtune.errors import CheckpointMistake, Problem, RunMistake, SettingsMistake
from summtune.events.fold import RunState
from summtune.families._checkpoints import check_available, problems_of
from summtune.paths import RunPaths
from summtune.tuning import autoscaling, engine, resources
from summtune.tuning.allotment import Allotment
from summtune.tuning.autoscaling import Outlook

_AWAITED = (
    "No node with the GPUs of a trial is there yet: waiting for the cluster's autoscaler to bring one. Its CPUs are shared out among its "
    "GPUs; where `resources.cpus_per_trial` is given nothing is waited for."
)
_NOT_KNOWN = (
    "no node with the GPUs of a trial is there yet, and it is given 1 CPU beside each: "
    "give `resources.cpus_per_trial` if such nodes have more."
)


def check_writable(output_dir: Path) -> None:
    """Refuse a results folder that can't be written, before anything is spent.

    Raises:
        RunMistake: it can't.
    """
    try:
        output_dir.mkdir(parents=True, exist_ok=True)
        probe = output_dir / f".writable-{os.getpid()}"
        probe.write_text("", encoding="utf-8")
        probe.unlink()
    except OSError as error:
        remedy = "Give another with `--set general.output_dir=FOLDER`."
        raise RunMistake(Problem(f"{output_dir} can't be written: {error.strerror}.", remedy, key="general.output_dir")) from error


def check_models(experiment: Experiment) -> None:
    """Make sure that the base's model, and every model that may be drawn, can be had.

    Raises:
        CheckpointMistake: with all of those that can't.
    """
    if problems := problems_of((resolved.settings for resolved in experiment.beneath), check_available):
        raise CheckpointMistake(problems)


def fitting(
    experiment: Experiment,
    cluster: engine.Cluster,
    note: Callable[[str], None],
    stop_asked: Callable[[], bool],
    budget: Iterable[str] = (),
) -> tuple[Allotment, list[str]]:
    """A trial's share, and what to say where it fits no node yet.

    A share of nodes that an autoscaler has yet to bring is that of the first to come, which is waited for.

    Args:
        experiment: what is to be run.
        cluster: where.
        note: called with a sentence where something is waited for.
        stop_asked: whether a person wants an end meanwhile.
        budget: what is limited.

    Raises:
        SettingsMistake: it fits no node, and never will.
        Interrupted: a person wants an end.
    """
    selector = experiment.resources.label_selector
    nodes, told = cluster.nodes(selector), list[str]()
    if cluster.no_cuda and experiment.base.settings.general.device == "auto" and experiment.resources.gpus_per_trial is None:
        told.append(f"this machine has a GPU that torch can't use ({cluster.no_cuda}): trials train on CPUs.")
    one = Allotment(cpus=1, gpus=1, accelerator_type=experiment.resources.accelerator_type)
    gpus_may_come = cluster.grows and resources.leaves_gpus_open(experiment, nodes) and _could_come(one.bundle, selector)
    allotment = resources.allot(experiment, nodes, gpus_may_come=gpus_may_come)
    resources.check_sharding(experiment, allotment)
    resources.check_gpu_hours(allotment, "gpu_hours" in budget)
    if cluster.grows and resources.leaves_cpus_open(experiment, allotment, nodes):
        if autoscaling.brought([allotment.bundle] * allotment.workers, selector, lambda: note(_AWAITED), stop_asked):
            nodes = cluster.nodes(selector)
            allotment = resources.allot(experiment, nodes, gpus_may_come=gpus_may_come)
        else:
            told.append(_NOT_KNOWN)
    try:
        resources.check_labels(selector, cluster.labels())
        resources.check_fit(allotment, nodes, wants_cuda=experiment.base.settings.general.device == "cuda")
    except SettingsMistake as mistake:
        if cluster.no_cuda:
            unusable = f"This machine's can't be used by torch: {cluster.no_cuda}."
            raise SettingsMistake([replace(one, reason=f"{one.reason} {unusable}") for one in mistake.problems]) from mistake
        told.append(_will_come(allotment, mistake))
    return allotment, told


def read_by_trials(experiment: Experiment) -> dict[str, str]:
    """The files and folders that a trial may read, and whose settings name them; metrics of people's own lie in the run's folder."""
    return {path: key for key, path in named_paths(experiment) if key != "evaluation.metrics"}


def changed_data(run: RunPaths, facts: CorpusFacts) -> list[str]:
    """What to say where the data are not those that the run began with: its scores could then not be compared."""
    try:
        before = json.loads(run.environment.read_text(encoding="utf-8"))["data"] if run.environment.exists() else {}
    except (ValueError, KeyError):
        before = {}
    now = facts.to_record()
    return [
        f"{split} data have changed since the run began ({now[split]['file']}): scores from before and after can't be compared."
        for split in before
        if split in now and before[split].get("fingerprint") != now[split]["fingerprint"]
    ]


def check_budget(state: RunState, limits: dict[str, float] | None) -> None:
    """Refuse to go on with a run only to find that nothing more may be trained.

    Raises:
        RunMistake: a budget is used up all the same.
    """
    for name, limit in (state.budget if limits is None else limits).items():
        if (used := state.spent.of(name)) >= limit:
            reason = f"{used:.3g} of {limit:g} {name.replace('_', ' ')} are used up, so that no trial would be begun."
            raise RunMistake(Problem(reason, f"Raise it: `--budget {name}=N`, what has been used up included.", key=f"budget.{name}"))


def _could_come(bundle: Mapping[str, float], selector: Mapping[str, str]) -> bool:
    return autoscaling.outlook([bundle], selector) is Outlook.COULD_COME


def _will_come(allotment: Allotment, mistake: SettingsMistake) -> str:
    """What to say where no node suits yet, and an autoscaler may bring one.

    Raises:
        SettingsMistake: none would ever come.
    """
    outlook = autoscaling.outlook([allotment.bundle] * allotment.workers, allotment.label_selector)
    if outlook is Outlook.NONE:
        raise mistake
    if outlook is Outlook.CAN_NOT_COME:
        told = [replace(one, reason=f"{one.reason} The cluster's autoscaler can't bring such a node either.") for one in mistake.problems]
        raise SettingsMistake(told) from mistake
    doubt = "" if outlook is Outlook.COULD_COME else ", which does not say whether it can"
    missing = " ".join(f"{one.key}: {one.reason}" for one in mistake.problems)
    return f"no node suits yet: the run waits for the cluster's autoscaler to bring one{doubt} ({missing.rstrip('.')})."
