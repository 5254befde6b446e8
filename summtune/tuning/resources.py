"""What a trial needs, what the cluster has, and how many trials that makes at once."""

from __future__ import annotations

import math
from collections.abc import Mapping

from summtune.config.experiment import Experiment
from summtune.errors import Problem, SettingsMistake
from summtune.tuning.trainable import Allotment


def allot(experiment: Experiment, cluster: Mapping[str, float]) -> Allotment:
    """A trial's share of the cluster: as asked for, else a GPU where there is one, and its fair share of the CPUs.

    Args:
        cluster: Ray's resources by name, in total.
    """
    asked = experiment.resources
    gpus = asked.gpus_per_trial
    if experiment.base.settings.general.device == "cpu":
        gpus = 0.0
    if gpus is None:
        gpus = 1.0 if cluster.get("GPU", 0.0) >= 1 else 0.0
    cpus = asked.cpus_per_trial
    if cpus is None:
        # With GPUs the CPUs are shared out among as many trials as the GPUs hold; without, a trial per CPU gives the most trials per hour.
        cpus = max(1.0, math.floor(cluster.get("CPU", 1.0) * gpus / cluster["GPU"])) if gpus else 1.0
    return Allotment(cpus=cpus, gpus=gpus)


def check_fit(allotment: Allotment, nodes: list[Mapping[str, float]], *, wants_cuda: bool) -> None:
    """Refuse at once what no node could ever run; Ray would wait for it for ever.

    Args:
        nodes: resources of each node, in total.

    Raises:
        SettingsMistake: a trial needs more than any node has.
    """
    most_gpus = max((node.get("GPU", 0.0) for node in nodes), default=0.0)
    most_cpus = max((node.get("CPU", 0.0) for node in nodes), default=0.0)
    problems = []
    if wants_cuda and most_gpus == 0:
        problems.append(
            Problem("no node has a GPU.", "Set general.device to cpu or auto, or run where there is one.", key="general.device")
        )
    if allotment.gpus > most_gpus:
        reason = f"a trial asks for {allotment.gpus:g} GPUs, and no node has more than {most_gpus:g}."
        remedy = "Lower it, set `general.device: cpu`, or check CUDA_VISIBLE_DEVICES."
        problems.append(Problem(reason, remedy, key="resources.gpus_per_trial"))
    if allotment.cpus > most_cpus:
        reason = f"a trial asks for {allotment.cpus:g} CPUs, and no node has more than {most_cpus:g}."
        problems.append(Problem(reason, "Lower it.", key="resources.cpus_per_trial"))
    if problems:
        raise SettingsMistake(problems)


def concurrency(allotment: Allotment, nodes: list[Mapping[str, float]], limit: int | None) -> int:
    """How many trials the nodes can run at once: a trial doesn't span nodes."""
    per_node = [
        min(math.floor(node.get(name, 0.0) / need + 1e-9) for name, need in (("CPU", allotment.cpus), ("GPU", allotment.gpus)) if need > 0)
        for node in nodes
    ]
    total = max(1, sum(per_node))
    return total if limit is None else min(total, limit)
