"""What happens where a batch doesn't fit into memory: optimiser steps of the same rows, in smaller parts.

Found out before training (`rehearsal`), or by an error later, after which training goes on from the last sealed checkpoint. It must not
know how a step is made, nor which data it is.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace

from summtune.config.settings import Settings, Training
from summtune.decoding.room import hand_back
from summtune.errors import TrialFailure
from summtune.training.checkpoints import sealed_checkpoints
from summtune.training.job import Job
from summtune.training.progress import Progress
from summtune.training.resumption import first_whole


def step_rows(training: Training) -> int:
    """Rows of an optimiser step, of all workers together."""
    return training.per_device_train_batch_size * training.gradient_accumulation_steps


@dataclass(frozen=True)
class Parts:
    """How a worker's share of an optimiser step comes: in so many rows at a time, together always what was asked for.

    Attributes:
        rows: in a micro-batch; fewer in the last one where the share is no multiple.
        share: rows of a step that the worker has, and now and then one fewer.
    """

    rows: int
    share: int

    @classmethod
    def asked(cls, training: Training, workers: int = 1) -> Parts:
        """As the settings say: the rows of a step are the same however many workers share them.

        A worker has the fewer micro-batches, and only when it is down to one the fewer rows in it.
        """
        share = math.ceil(step_rows(training) / workers)
        accumulation = math.ceil(share / training.per_device_train_batch_size)
        return cls(math.ceil(share / accumulation), share)

    @classmethod
    def of(cls, job: Job, workers: int) -> Parts:
        """As the settings say, or in as many rows at a time as were found to fit."""
        asked = cls.asked(job.settings.training, workers)
        return asked if job.micro_batch is None else replace(asked, rows=job.micro_batch)

    @property
    def accumulation(self) -> int:
        """Micro-batches in a step: as many as `batches.Dealt` deals, or the optimiser would put those of several steps together."""
        return math.ceil(self.share / self.rows)

    def smaller(self) -> Parts | None:
        """Half the rows; None where a micro-batch is one row.

        Where the rows can't be halved, the next smaller number that the share can be made of: twice 3 becomes 3 times 2, once 7
        becomes 7 times 1.
        """
        if self.rows % 2 == 0:
            return replace(self, rows=self.rows // 2)
        rows = next((rows for rows in range(self.rows - 1, 0, -1) if self.share % rows == 0), None)
        return None if rows is None else replace(self, rows=rows)

    def within(self, settings: Settings) -> Settings:
        """The settings with a step in these parts."""
        sized = {"per_device_train_batch_size": self.rows, "gradient_accumulation_steps": self.accumulation}
        return settings.model_copy(update={"training": settings.training.model_copy(update=sized)})

    def __str__(self) -> str:
        return f"{self.accumulation} times {self.rows}"


class DoesNotFit(Exception):
    """Memory ran out; to be caught by `with_room`, or, where one of several workers alone knows, by whoever started them.

    Attributes:
        next: what is known to fit, or to be tried next; None where nothing is left.
        when: the end of a sentence.
        alone: other workers don't know, and wait for this one: all of them have to begin again.
    """

    def __init__(self, following: Parts | None, when: str, *, alone: bool = False) -> None:
        self.next, self.when, self.alone = following, when, alone
        super().__init__(when)


def with_room(job: Job, progress: Progress, optimise: Callable[[Job, Parts], None]) -> None:
    """Train, with smaller parts of a step each time that memory doesn't suffice.

    Args:
        job: the training.
        progress: its evaluations so far.
        optimise: trains as a job says, with steps in such parts, from a model of its own; raises `DoesNotFit`.

    Raises:
        TrialFailure: not even one row fits.
        DoesNotFit: one of several workers alone found that something smaller is to be tried.
    """
    workers, rows = progress.ranks.size, step_rows(job.settings.training)
    parts = Parts.of(job, workers)
    _note(job, progress, parts)
    while True:
        try:
            return optimise(job, parts)
        except DoesNotFit as problem:
            if problem.alone and problem.next is not None:
                raise
            following, when = problem.next, problem.when
        # Only out here the error has let go of the frames that held the model.
        if following is None:
            raise TrialFailure("out_of_memory", f"memory does not suffice for a single row: it ran out {when}. {_remedies(job.settings)}")
        hand_back()
        job = from_last_checkpoint(job)
        progress.begin_again(job)
        progress.notices.say(smaller_parts(rows, workers, parts, following, when))
        parts = following
        _note(job, progress, parts)


def smaller_parts(rows: int, workers: int, before: Parts, following: Parts, when: str) -> str:
    """What to say when a step of so many rows comes in smaller parts from now on."""
    each = "is made of" if workers == 1 else f"is dealt out to {workers} workers as"
    return f"Memory ran out {when}: each step of {rows} rows {each} {following} instead of {before}."


def smaller_than(job: Job, workers: int, problem: DoesNotFit) -> tuple[int, str]:
    """What all workers begin again with where one alone ran out of memory, as `Job.micro_batch`, and what to say."""
    assert problem.next is not None
    said = smaller_parts(step_rows(job.settings.training), workers, Parts.of(job, workers), problem.next, problem.when)
    return problem.next.rows, said


def from_last_checkpoint(job: Job) -> Job:
    """The job as it goes on: from this attempt's last whole checkpoint, or as it began."""
    whole = first_whole(reversed(sealed_checkpoints(job.attempt.checkpoints))).folder
    # The checkpoint knows the best score itself, and later than whoever began this attempt.
    return job if whole is None else replace(job, resume_from=whole, best_iteration=None, best_score=None, best_lost=False)


def _note(job: Job, progress: Progress, parts: Parts) -> None:
    asked = Parts.asked(job.settings.training, progress.ranks.size)
    progress.facts["micro_batch"] = {
        "rows": parts.rows,
        "gradient_accumulation_steps": parts.accumulation,
        "workers": progress.ranks.size,
        "asked": {"rows": asked.rows, "gradient_accumulation_steps": asked.accumulation},
    }


def _remedies(settings: Settings) -> str:
    training, tokenizer = settings.training, settings.tokenizer
    ways: Sequence[tuple[bool, str]] = (
        (not training.gradient_checkpointing, "training.gradient_checkpointing: true"),
        (True, f"lengths below encoder_max_len {tokenizer.encoder_max_len} and decoder_max_len {tokenizer.decoder_max_len}"),
        (training.precision == "fp32", "training.precision: auto"),
        (True, "LoRA"),
        (True, "a smaller model"),
    )
    return f"What would help: {', '.join(way for unused, way in ways if unused)}."
