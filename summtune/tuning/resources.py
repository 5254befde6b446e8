"""What a trial needs, what the cluster has, and how many trials that makes at once."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence

from summtune.config.experiment import Experiment
from summtune.config.labels import selects
from summtune.config.workers import FSDP, workers_of
from summtune.errors import Problem, SettingsMistake
from summtune.tuning.allotment import ACCELERATOR, Allotment

Node = Mapping[str, float]
"""A node's resources by Ray's names, in total."""


def allot(experiment: Experiment, nodes: Sequence[Node], *, gpus_may_come: bool = False) -> Allotment:
    """A trial's share: as asked for, else a GPU for each worker where there is one, and their fair share of the CPUs beside them.

    Args:
        experiment: what is asked for.
        nodes: that are there.
        gpus_may_come: whether an autoscaler could bring nodes with GPUs.
    """
    asked = experiment.resources
    workers = workers_of(asked.workers_per_trial, asked.gpus_per_trial)
    kind = asked.accelerator_type
    with_gpus = _with_gpus(nodes, kind)
    gpus = asked.gpus_per_trial
    if experiment.base.settings.general.device == "cpu":
        gpus = 0.0
    if gpus is None:
        gpus = float(workers) if with_gpus or gpus_may_come or experiment.base.settings.general.device == "cuda" else 0.0
    cpus = asked.cpus_per_trial
    if cpus is None:
        # With GPUs the CPUs of a GPU's own node are shared out; without, a worker per CPU gives the most trials per hour.
        share = min((node.get("CPU", 0.0) * gpus / workers / node["GPU"] for node in with_gpus), default=1.0) if gpus else 1.0
        cpus = workers * (float(math.floor(share)) if share >= 1 else max(share, 0.01))
    return Allotment(cpus, gpus, workers, kind, asked.label_selector)


def leaves_gpus_open(experiment: Experiment, nodes: Sequence[Node]) -> bool:
    """Whether nobody has said if trials have GPUs, and no node says so by having such as are meant."""
    undecided = experiment.resources.gpus_per_trial is None and experiment.base.settings.general.device == "auto"
    return undecided and not _with_gpus(nodes, experiment.resources.accelerator_type)


def leaves_cpus_open(experiment: Experiment, allotment: Allotment, nodes: Sequence[Node]) -> bool:
    """Whether nobody has said how many CPUs a trial has beside its GPUs, and no node says so by having such GPUs."""
    undecided = experiment.resources.cpus_per_trial is None and allotment.gpus > 0
    return undecided and not _with_gpus(nodes, allotment.accelerator_type)


def _with_gpus(nodes: Sequence[Node], kind: str | None) -> list[Node]:
    return [node for node in nodes if node.get("GPU", 0.0) > 0 and (kind is None or f"{ACCELERATOR}{kind}" in node)]


def check_labels(selector: Mapping[str, str], labels: Sequence[Mapping[str, str]]) -> None:
    """Refuse a selector that selects none of the nodes.

    Args:
        selector: which nodes a trial may be on.
        labels: of each node.

    Raises:
        SettingsMistake: so it is.
    """
    if selector and not any(selects(selector, one) for one in labels):
        asked = ", ".join(f"{key}: {value}" for key, value in selector.items())
        there = sorted({f"{key}={value}" for one in labels for key, value in one.items() if key in selector})
        found = f"nodes have {', '.join(there)}" if there else f"no node has a label of that name ({', '.join(selector)})"
        remedy = "Leave it out, or start nodes with `ray start --labels`."
        raise SettingsMistake(Problem(f"no node is labelled {asked}; {found}.", remedy, key="resources.label_selector"))


def check_fit(allotment: Allotment, nodes: Sequence[Node], *, wants_cuda: bool) -> None:
    """Refuse at once what no node could ever run; Ray would wait for it for ever.

    Raises:
        SettingsMistake: a worker needs more than any node has, or a trial's workers together more than all nodes have.
    """
    problems = []
    kind = allotment.accelerator_type
    if kind is not None:
        kinds = {name.removeprefix(ACCELERATOR) for node in nodes for name in node if name.startswith(ACCELERATOR)}
        if kind not in kinds:
            there = f"there are {', '.join(sorted(kinds))}" if kinds else "no node names any"
            problems.append(
                Problem(f"no node has accelerators of type {kind}; {there}.", "Leave it out.", key="resources.accelerator_type")
            )
        nodes = [node for node in nodes if f"{ACCELERATOR}{kind}" in node] or nodes
    share = allotment.of_a_worker
    who = "a trial" if allotment.workers == 1 else "a worker"
    most_gpus = max((node.get("GPU", 0.0) for node in nodes), default=0.0)
    most_cpus = max((node.get("CPU", 0.0) for node in nodes), default=0.0)
    if wants_cuda and most_gpus == 0:
        problems.append(
            Problem("no node has a GPU.", "Set general.device to cpu or auto, or run where there is one.", key="general.device")
        )
    if wants_cuda and allotment.gpus == 0 and most_gpus > 0:
        reason = "general.device is cuda, and a trial is given no GPU."
        problems.append(Problem(reason, "Raise it, or leave it out.", key="resources.gpus_per_trial"))
    if share.gpus > most_gpus:
        reason = f"{who} asks for {share.gpus:g} GPUs, and no node has more than {most_gpus:g}."
        remedy = "Lower it, set `general.device: cpu`, or check CUDA_VISIBLE_DEVICES."
        problems.append(Problem(reason, remedy, key="resources.gpus_per_trial"))
    if share.cpus > most_cpus:
        reason = f"{who} asks for {share.cpus:g} CPUs, and no node has more than {most_cpus:g}."
        problems.append(Problem(reason, "Lower it.", key="resources.cpus_per_trial"))
    fitting = sum(workers_on(allotment, node) for node in nodes)
    if not problems and not fitting:
        reason = f"{who} asks for {share.cpus:g} CPUs and {share.gpus:g} GPUs, and no node has both."
        problems.append(Problem(reason, "Lower resources.cpus_per_trial.", key="resources"))
    if not problems and fitting < allotment.workers:
        each = f"{share.cpus:g} CPUs" + (f" and {share.gpus:g} GPUs" if share.gpus else "")
        reason = f"a trial has {allotment.workers} workers with {each} each, and all nodes together have room for {fitting}."
        key = "resources.workers_per_trial" if allotment.gpus == 0 else "resources"
        problems.append(Problem(reason, "Lower their number, or what each is given.", key=key))
    if problems:
        raise SettingsMistake(problems)


def check_sharding(experiment: Experiment, allotment: Allotment) -> None:
    """Refuse at once to shard a model over workers without GPUs: accelerate would train whole copies instead, and not say so.

    Raises:
        SettingsMistake: so it is.
    """
    if (experiment.base.settings.training.model_extra or {}).get("fsdp") and allotment.gpus == 0:
        remedy = "Leave it out, or run where there are GPUs."
        raise SettingsMistake(Problem("accelerate shards models over GPUs only, and a trial is given none.", remedy, key=FSDP))


def check_gpu_hours(allotment: Allotment, limited: bool) -> None:
    """Refuse a budget of GPU hours where trials have none: it would never be used up.

    Raises:
        SettingsMistake: so it is.
    """
    if limited and allotment.gpus == 0:
        remedy = "Give budget.hours instead, or run where there is one (`summtune resume --budget gpu_hours=none` takes it away)."
        raise SettingsMistake(Problem("trials have no GPU, so that it would never be used up.", remedy, key="budget.gpu_hours"))


def concurrency(allotment: Allotment, nodes: Sequence[Node], limit: int | None, *, grows: bool = False) -> int:
    """How many trials may be under way at once, those that wait for a node among them: a worker doesn't span nodes, a trial's workers may.

    Args:
        allotment: what a trial has.
        nodes: that are there.
        limit: what a person set.
        grows: whether an autoscaler brings nodes for what waits. Then as many trials wait as a person set; without that one more than there
            is room for, since whatever waits was drawn knowing less than it could.
    """
    total = sum(workers_on(allotment, node) for node in nodes) // allotment.workers
    if grows:
        return total + 1 if limit is None else limit
    return total if limit is None else min(total, limit)


def workers_on(allotment: Allotment, node: Node) -> int:
    """How many workers the node has room for."""
    # The small sum is for fractions such as 0.1, of which ten make a whole but for rounding.
    return min(math.floor(node.get(name, 0.0) / need + 1e-9) for name, need in allotment.bundle.items() if need > 0)
