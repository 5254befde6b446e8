"""Several workers train one trial: a Ray Train worker group in a placement group of its own, started by the trial's actor.

The actor itself computes nothing. It starts the group, hands rank 0's reports to Ray Tune, and lets rank 0 go on when the driver has heard:
Ray Train's own reports (`ray.tune.integration.ray_train.TuneReportCallback`) would let it go on at once, and delete what the driver still
counts on. A group that is stopped is ended at once, and its placement group given back. When the actor is killed, Ray ends all that it has
started, and Ray Train's cleaner gives the placement group back.

It must not know what is trained.
"""

from __future__ import annotations

import asyncio
import os
import threading
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass, replace
from itertools import count
from typing import Any

import ray
from ray.exceptions import RayError
from ray.train import FailureConfig, RunConfig, ScalingConfig, TrainingFailedError, WorkerGroupError
from ray.train.torch import TorchConfig, TorchTrainer
from ray.train.torch.config import _TorchBackend
from ray.train.v2._internal.callbacks import placement_group_callback
from ray.train.v2._internal.callbacks.placement_group_callback import PlacementGroupCleanerCallback
from ray.train.v2._internal.exceptions import RayTrainError, UserExceptionWithTraceback
from ray.train.v2._internal.execution.context import get_train_context
from ray.train.v2._internal.execution.controller import placement_group_cleaner
from ray.train.v2._internal.execution.controller.placement_group_cleaner import PlacementGroupCleaner
from ray.util.placement_group import remove_placement_group

from summtune import durable
from summtune.errors import TrialFailure
from summtune.tuning.allotment import Allotment
from summtune.tuning.assignment import WORKERS_KEY, Assignment
from summtune.tuning.causes import WORKER_LOST
from summtune.tuning.failures import failure_of, how_it_was_lost
from summtune.tuning.placement import elsewhere
from summtune.tuning.sight import check_gpu, wait_until_seen

LOOK_EVERY_S = 1.0
"""How often the actor looks whether the group has ended while nothing is reported."""


@dataclass(frozen=True)
class Smaller:
    """What a worker tells whose memory did not suffice for its part of a step.

    Attributes:
        parts: rows of a micro-batch, and micro-batches in a step, that are tried next.
        notices: what to say of it, and of those before.
    """

    parts: tuple[int, int]
    notices: tuple[str, ...]


@dataclass(frozen=True)
class Started:
    """What has to be ended with a group.

    Attributes:
        controller: Ray Train's, which owns the workers.
        placement: where they are.
    """

    controller: Any
    placement: Any

    def end(self) -> None:
        """End it at once. An actor can't end before the tasks that it waits for have, and the controller's is the whole training."""
        ray.kill(self.controller)
        remove_placement_group(self.placement)


class _Relay:
    """Stands between the workers and the trial's actor, which waits inside Ray Tune and can't be called itself."""

    def __init__(self, name: str) -> None:
        self._name = name
        self._reports: asyncio.Queue[dict[str, Any]] = asyncio.Queue()
        self._heard = asyncio.Event()
        self._workers: dict[int, str] = {}
        self._smaller: Smaller | None = None
        self._started: Started | None = None

    def __repr__(self) -> str:
        return self._name  # what Ray's dashboard calls it

    async def here(self, rank: int, where: str, started: Started) -> None:
        """A worker began."""
        self._workers[rank], self._started = where, started

    async def started(self) -> Started | None:
        """The group, once a worker has begun."""
        return self._started

    async def group(self, size: int) -> list[str] | None:
        """Where each of so many workers is, by rank, once all have begun."""
        return self._by_rank() if len(self._workers) == size else None

    def _by_rank(self) -> list[str]:
        return [self._workers[rank] for rank in sorted(self._workers)]

    async def report(self, result: dict[str, Any]) -> None:
        """Rank 0 reports; returns when it has been heard."""
        self._heard.clear()
        await self._reports.put({**result, WORKERS_KEY: self._by_rank()})
        await self._heard.wait()

    async def next(self, timeout_s: float) -> dict[str, Any] | None:
        """The next report; None where none comes in that time."""
        try:
            return await asyncio.wait_for(self._reports.get(), timeout_s)
        except TimeoutError:
            return None

    async def heard(self) -> None:
        """The driver has heard the last report."""
        self._heard.set()

    async def too_large(self, smaller: Smaller) -> None:
        """A worker's memory did not suffice."""
        self._smaller = self._smaller or smaller

    async def smaller(self) -> Smaller | None:
        return self._smaller


class _Backend(_TorchBackend):  # type: ignore[misc]  # Ray ships no types
    """torch's process group, over NCCL where every worker has CUDA. Ray Train takes a GPU that it counts for one that is there."""

    def on_start(self, worker_group: Any, backend_config: TorchConfig) -> None:
        able = all(worker_group.execute(_has_cuda))
        super().on_start(worker_group, replace(backend_config, backend="nccl" if able else "gloo"))


@dataclass
class _Joined(TorchConfig):  # type: ignore[misc]  # Ray ships no types
    @property
    def backend_cls(self) -> type[_Backend]:
        return _Backend


def _has_cuda() -> bool:
    from summtune.training.devices import capabilities

    return capabilities().cuda


class _Cleaner(PlacementGroupCleaner):  # type: ignore[misc]  # Ray ships no types
    """Ray Train's cleaner, which asks the dashboard whether the controller lives, and takes one that the dashboard doesn't know for dead.

    Where there is no dashboard that is every controller. Here Ray's own control store is asked.
    """

    def __init__(self, *arguments: Any, **named: Any) -> None:
        placement_group_cleaner.is_actor_alive = _is_alive  # in the cleaner's own process
        super().__init__(*arguments, **named)


def _is_alive(actor_id: str, timeout: int) -> bool:
    return bool(ray._private.state.actors(actor_id).get("State") != "DEAD")


class _Cleaning(PlacementGroupCleanerCallback):  # type: ignore[misc]  # Ray ships no types
    def after_controller_start(self, train_run_context: Any) -> None:
        placement_group_callback.PlacementGroupCleaner = _Cleaner  # in the controller's own process
        super().after_controller_start(train_run_context)


class _GroupTrainer(TorchTrainer):  # type: ignore[misc]  # Ray ships no types
    def _create_default_callbacks(self) -> list[Any]:
        found = super()._create_default_callbacks()
        return [_Cleaning() if isinstance(one, PlacementGroupCleanerCallback) else one for one in found]


def train_in_group(assignment: Assignment, allotment: Allotment, hand_on: Callable[[dict[str, Any]], None]) -> None:
    """Train a trial by a group of workers; by another one, with smaller parts of a step, where memory does not suffice.

    Args:
        assignment: the trial.
        allotment: what it has.
        hand_on: called with each of rank 0's reports. It may raise SystemExit: then the group ends with this process.

    Raises:
        TrialFailure: a worker failed; where several did, with the cause that says most.
    """
    smaller: Smaller | None = None
    waits_for_room = True
    for number in count(1):
        relay = ray.remote(num_cpus=0)(_Relay).remote(f"{assignment.run_folder.name}.relay-{assignment.trial}")
        fit = _Fit(_trainer(assignment, allotment, relay, smaller, number))
        try:
            while not fit.ended:
                result = ray.get(relay.next.remote(LOOK_EVERY_S))
                if waits_for_room and (group := ray.get(relay.group.remote(allotment.workers))) is not None:
                    durable.write_json(assignment.attempt.group, group)  # the driver looks for it
                    waits_for_room = False  # also of a next group, which takes the places that this one gives back
                if result is not None:
                    hand_on(result)
                    ray.get(relay.heard.remote())
            smaller = ray.get(relay.smaller.remote())  # ever smaller ones, until nothing is left to halve, which is a failure
        except RayError as error:
            raise TrialFailure(WORKER_LOST, how_it_was_lost(error, "the process that hands on what its workers report")) from error
        finally:
            with suppress(RayError):
                if not fit.ended and (started := ray.get(relay.started.remote())) is not None:
                    started.end()
            ray.kill(relay)
        if smaller is None:
            fit.raise_failure()
            return


class _Fit:
    """A group at work, in a thread: the actor's own thread has to be free to report."""

    def __init__(self, trainer: TorchTrainer) -> None:
        self._trainer = trainer
        self._error: BaseException | None = None
        self._thread = threading.Thread(target=self._run, daemon=True)  # a stopped trial's actor doesn't wait for it
        self._thread.start()

    def _run(self) -> None:
        try:
            self._trainer.fit()
        except BaseException as error:  # handed to the actor's thread, which has to know how it ended
            self._error = error

    @property
    def ended(self) -> bool:
        return not self._thread.is_alive()

    def raise_failure(self) -> None:
        """Raise what ended the group, if it was a failure."""
        if isinstance(self._error, WorkerGroupError):
            raise _telling(list(self._error.worker_failures.values())) from self._error
        if isinstance(self._error, TrainingFailedError):
            raise TrialFailure(WORKER_LOST, f"its worker group was lost: {self._error}") from self._error
        if self._error is not None:
            raise self._error


def _telling(failures: list[Exception]) -> TrialFailure:
    """Of the workers' failures the one that says most: once one has failed the others only find that it is gone."""
    return _of_a_worker(min(failures, key=_how_little))


def _how_little(error: Exception) -> int:
    """How little a worker's failure says of the trial's.

    A cause of its own says most; then that its process is gone; then an error, which may follow from that; and least, that another is gone:
    the connections of one that merely raised an error close, too.
    """
    if isinstance(error, (RayTrainError, RayError)) and not isinstance(error, UserExceptionWithTraceback):
        return 1
    return {"error": 2, WORKER_LOST: 3}.get(_of_a_worker(error).cause, 0)


def _of_a_worker(error: Exception) -> TrialFailure:
    """What one worker's error comes to."""
    if isinstance(error, UserExceptionWithTraceback):
        return _of_a_worker(error._base_exc)
    if isinstance(error, (RayTrainError, RayError)):
        lost = getattr(error, "health_check_failure", error)
        return TrialFailure(WORKER_LOST, how_it_was_lost(lost, "the process of one of the trial's workers"))
    return failure_of(error)


def _trainer(assignment: Assignment, allotment: Allotment, relay: Any, smaller: Smaller | None, number: int) -> TorchTrainer:
    again = f"-{number}" if number > 1 else ""
    timeout = (assignment.settings.training.model_extra or {}).get("ddp_timeout")

    def work() -> None:
        _work(assignment, relay, smaller)

    return _GroupTrainer(
        work,
        torch_config=_Joined(**({"timeout_s": timeout} if timeout else {})),
        scaling_config=ScalingConfig(
            num_workers=allotment.workers,
            use_gpu=allotment.gpus > 0,
            resources_per_worker=allotment.bundle,
            placement_strategy="PACK",
            label_selector=elsewhere(allotment.label_selector, assignment.orders.shunned) or None,
        ),
        run_config=RunConfig(
            name=f"{assignment.run_folder.name}-{assignment.trial}-{assignment.orders.attempt}{again}",  # as Ray's dashboard lists it
            storage_path=str(assignment.attempt.train),
            failure_config=FailureConfig(max_failures=0, max_preemption_failures=0),  # retries are the driver's
        ),
    )


def _work(assignment: Assignment, relay: Any, smaller: Smaller | None) -> None:
    """Executed by each worker."""
    from summtune.training.memory import DoesNotFit, smaller_than
    from summtune.training.train import train

    context = ray.train.get_context()
    wait_until_seen(assignment.paths.progress, assignment.run_folder)
    check_gpu(assignment.settings)
    started = Started(get_train_context().controller_actor, ray.util.get_current_placement_group())
    ray.get(relay.here.remote(context.get_world_rank(), f"{ray.util.get_node_ip_address()}:{os.getpid()}", started))
    notices: list[str] = []

    def report(metrics: dict[str, float | int], checkpoint: Any) -> None:
        ray.get(relay.report.remote(assignment.told(metrics, checkpoint, notices)))

    parts, said = (smaller.parts, smaller.notices) if smaller is not None else (None, ())
    job = assignment.job(parts=parts, notices=said)
    try:
        train(job, report, notices.append)
    except DoesNotFit as problem:
        parts, notice = smaller_than(job, context.get_world_size(), problem)
        ray.get(relay.too_large.remote(Smaller(parts, (*said, notice))))
        raise TrialFailure("out_of_memory", notice) from None
    except Exception as error:  # the trial's actor decides which of the workers' failures is the trial's
        failure = _of_a_worker(error)
        raise failure from (None if failure is error else error)
