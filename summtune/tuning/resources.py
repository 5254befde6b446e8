"""What a trial needs, what the cluster has, and how many trials that makes at once."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence

from summtune.config.experiment import Experiment
from summtune.errors import Problem, SettingsMistake
from summtune.tuning.trainable import Allotment

Node = Mapping[str, float]
"""A node's resources by Ray's names, in total."""


def allot(experiment: Experiment, nodes: Sequence[Node]) -> Allotment:
    """A trial's share: as asked for, else a GPU where there is one, and its fair share of the CPUs beside it."""
    asked = experiment.resources
    with_gpus = [node for node in nodes if node.get("GPU", 0.0) > 0]
    gpus = asked.gpus_per_trial
    if experiment.base.settings.general.device == "cpu":
        gpus = 0.0
    if gpus is None:
        gpus = 1.0 if with_gpus else 0.0
    cpus = asked.cpus_per_trial
    if cpus is None:
        # With GPUs the CPUs of a GPU's own node are shared out; without, a trial per CPU gives the most trials per hour.
        share = min((node.get("CPU", 0.0) * gpus / node["GPU"] for node in with_gpus), default=1.0) if gpus else 1.0
        cpus = float(math.floor(share)) if share >= 1 else max(share, 0.01)
    return Allotment(cpus=cpus, gpus=gpus)


def check_fit(allotment: Allotment, nodes: Sequence[Node], *, wants_cuda: bool) -> None:
    """Refuse at once what no node could ever run; Ray would wait for it for ever.

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
    if wants_cuda and allotment.gpus == 0 and most_gpus > 0:
        reason = "general.device is cuda, and a trial is given no GPU."
        problems.append(Problem(reason, "Raise it, or leave it out.", key="resources.gpus_per_trial"))
    if allotment.gpus > most_gpus:
        reason = f"a trial asks for {allotment.gpus:g} GPUs, and no node has more than {most_gpus:g}."
        remedy = "Lower it, set `general.device: cpu`, or check CUDA_VISIBLE_DEVICES."
        problems.append(Problem(reason, remedy, key="resources.gpus_per_trial"))
    if allotment.cpus > most_cpus:
        reason = f"a trial asks for {allotment.cpus:g} CPUs, and no node has more than {most_cpus:g}."
        problems.append(Problem(reason, "Lower it.", key="resources.cpus_per_trial"))
    if not problems and not any(_at_once(allotment, node) for node in nodes):
        reason = f"a trial asks for {allotment.cpus:g} CPUs and {allotment.gpus:g} GPUs, and no node has both."
        problems.append(Problem(reason, "Lower resources.cpus_per_trial.", key="resources"))
    if problems:
        raise SettingsMistake(problems)


def check_gpu_hours(allotment: Allotment, limited: bool) -> None:
    """Refuse a budget of GPU hours where trials have none: it would never be used up.

    Raises:
        SettingsMistake: so it is.
    """
    if limited and allotment.gpus == 0:
        remedy = "Give budget.hours instead, or run where there is one (`summtune resume --budget gpu_hours=none` takes it away)."
        raise SettingsMistake(Problem("trials have no GPU, so that it would never be used up.", remedy, key="budget.gpu_hours"))


def concurrency(allotment: Allotment, nodes: Sequence[Node], limit: int | None) -> int:
    """How many trials the nodes can run at once: a trial doesn't span nodes. 0 while no node is there that could run one."""
    total = sum(_at_once(allotment, node) for node in nodes)
    return total if limit is None else min(total, limit)


def _at_once(allotment: Allotment, node: Node) -> int:
    needs = {"CPU": allotment.cpus, "GPU": allotment.gpus}
    # The small sum is for fractions such as 0.1, of which ten make a whole but for rounding.
    return min(math.floor(node.get(name, 0.0) / need + 1e-9) for name, need in needs.items() if need > 0)
