"""What happens around evaluations: when they come, what is written and in which order, who is told, when patience ends.

The order of one evaluation: evaluate, write and seal the checkpoint, write the best model if this is it, let both be stored elsewhere,
report, and only after the report has returned delete what it makes superfluous. A trial that is stopped stays inside `report` until its
process is needed again, so whatever must be kept is on disk by then. Between evaluations there may be checkpoints, too, of which nobody
is told.

Of several workers all go through this together; rank 0 alone writes and reports, and the others wait for it.
"""

from __future__ import annotations

import json
import math
import os
import time
from dataclasses import dataclass, field
from functools import cache, partial
from pathlib import Path
from typing import Any

from summtune import durable
from summtune.decoding.evaluation import Evaluated, Evaluator
from summtune.decoding.room import is_out_of_memory
from summtune.errors import Interrupted, TrialFailure
from summtune.training.adapters import has_adapters, write_merged
from summtune.training.best_model import delete_older, prediction_rows, write_best_model
from summtune.training.checkpoints import disk_use, prune
from summtune.training.counts import Counts
from summtune.training.disk import Writing
from summtune.training.job import Job, Report, StopAsked, never
from summtune.training.log import LOG
from summtune.training.notices import Notices
from summtune.training.ranks import Ranks
from summtune.training.resumption import read_record


@dataclass
class Standing:
    """Where a training stands; a checkpoint carries it, so that iterations never begin again."""

    iteration: int = 0
    best_iteration: int | None = None
    best_score: float | None = None
    waited: int = 0
    """Evaluations since the score last improved by the threshold."""
    mark: float | None = None
    """The score that the threshold is measured from."""

    @classmethod
    def of(cls, job: Job) -> Standing:
        """As the checkpoint left it; what was recorded of the best score goes first."""
        standing = cls()
        if job.resume_from is not None:
            standing = cls(**read_record(job.resume_from)["standing"])
        if job.best_lost:
            standing.best_iteration = standing.best_score = None
        elif job.best_score is not None:
            standing.best_iteration, standing.best_score = job.best_iteration, job.best_score
        return standing


@dataclass
class Progress:
    """The evaluations of one training, as they come."""

    job: Job
    report: Report
    evaluator: Evaluator
    standing: Standing
    ids: list[str]
    references: list[str]
    facts: dict[str, Any]
    """What never changes during the training: goes into training_results.json."""
    notices: Notices
    """What a person should know: said through this, whoever finds it."""
    began: float
    """`time.perf_counter()` of the call of train()."""
    ranks: Ranks = field(default_factory=Ranks)
    parameters: int = 0
    trainable_parameters: int = 0
    load_s: float = 0.0
    first_step_s: float = 0.0
    learning_rate: float = 0.0
    last_evaluation_ended: float = 0.0
    train_s: float = 0.0
    evaluated: Evaluated | None = None
    steps_before: int = 0
    """Optimiser steps at the evaluation before."""
    history: list[dict[str, float | int]] = field(default_factory=list)
    reported: Path | None = None
    """The checkpoint of the last evaluation."""
    trainer: Any = None
    stop_asked: StopAsked = never
    stopping: bool = False
    under_way: dict[str, Any] | None = None
    """What was counted since the evaluation before, if the training goes on from between two."""

    def __post_init__(self) -> None:
        """Take up what the checkpoint remembers."""
        self._take_up()

    def begin_again(self, job: Job) -> None:
        """Go on from where `job` resumes, after something went wrong."""
        self.job, self.standing, self.evaluated = job, Standing.of(job), None
        self._take_up()

    def _take_up(self) -> None:
        self.history, self.under_way, self.steps_before = [], None, 0
        if self.job.resume_from is None:
            return
        record = read_record(self.job.resume_from)
        self.history, self.under_way = record["history"], record["under_way"]
        self.steps_before = (self.under_way or {"since_step": record["step"]})["since_step"]
        if not self.ranks.first:
            return
        with self._writing():
            durable.write_text(self.job.attempt.history, "".join(f"{durable.json_line(self._named(line))}\n" for line in self.history))

    def record(self) -> dict[str, Any]:
        """What the checkpoint remembers besides transformers' state; with an evaluation, what came of that, too."""
        state, evaluated, counts = self.trainer.state, self.evaluated, self.trainer.counts.together()
        under_way = None
        if evaluated is not None:
            self.history.append(self._metrics(state, evaluated, counts))
        else:
            train_s = time.perf_counter() - self.last_evaluation_ended
            under_way = {"since_step": self.steps_before, "train_s": train_s, **counts.record()}
        return {
            "step": int(state.global_step),
            "standing": dict(vars(self.standing)),
            "history": self.history,
            "under_way": under_way,
            "predictions": self._prediction_rows(evaluated) if evaluated is not None else None,
            "scoring": self.evaluator.description,
            "objective": {"name": self.job.objective_name, "goal": self._goal},
            "settings": self.job.settings.model_dump(mode="json"),
            "data": {name: {"rows": one["rows"], "content": one["content"]} for name, one in self.facts["data"].items()},
        }

    def assess(self, model: Any) -> dict[str, float]:
        """Evaluate, and judge whether it is the best; called by the trainer just before it writes the checkpoint."""
        self.train_s = time.perf_counter() - self.last_evaluation_ended
        try:
            self.evaluated = self.evaluator.evaluate(model)
        except (RuntimeError, MemoryError) as problem:
            if not is_out_of_memory(problem):
                raise
            # Batches have been made smaller already, and those of the training are not to blame.
            reason = f"memory ran out while evaluating, though not over the size of a batch ({type(problem).__name__}: {problem})."
            raise TrialFailure(
                "out_of_memory", f"{reason} Metrics without a model of their own take less (evaluation.metrics)."
            ) from problem
        self.notices.say(self.evaluator.batch_size.notice)
        self.evaluated.check_finite()
        metrics = self.evaluated.metrics
        self.standing.iteration += 1
        self._judge(metrics[self.job.objective_name])
        return metrics

    def _judge(self, score: float) -> None:
        standing = self.standing
        gain = math.inf if standing.best_score is None else self._better_by(score, standing.best_score)
        if gain > 0:
            standing.best_iteration, standing.best_score = standing.iteration, score
        threshold = self.job.settings.training.early_stopping_threshold
        step = math.inf if standing.mark is None else self._better_by(score, standing.mark)
        if step > threshold:
            standing.mark, standing.waited = score, 0
        else:
            standing.waited += 1

    def _better_by(self, score: float, other: float) -> float:
        return score - other if self.job.maximize else other - score

    @property
    def _goal(self) -> str:
        return "maximize" if self.job.maximize else "minimize"

    @property
    def patience_is_over(self) -> bool:
        patience = self.job.settings.training.early_stopping_patience
        return patience is not None and self.standing.waited >= patience

    @property
    def is_over(self) -> bool:
        """Whether there is nothing left to train: patience or the steps that were asked for have ended."""
        max_steps = self.job.settings.training.max_steps
        # transformers would make one more step if it resumed at the last.
        return self.patience_is_over or (max_steps is not None and self.under_way is None and self.steps_before >= max_steps)

    def deliver(self, state: Any, checkpoint: Path) -> None:
        """Everything after the checkpoint was sealed."""
        job, trainer = self.job, self.trainer
        if self.evaluated is None:
            LOG.info("checkpoint of step %d written", state.global_step)
            # The last evaluation's is what whoever was told of it would resume from.
            if self.ranks.first:
                self.notices.say(job.keep(checkpoint))
                prune(job.attempt.checkpoints, job.settings.training.save_total_limit, spare=self.reported)
            return
        trainer.counts.forget()
        self.steps_before = state.global_step
        evaluated, self.evaluated, self.reported = self.evaluated, None, checkpoint
        if self.ranks.first:
            self._hand_on(evaluated, checkpoint)
        self.ranks.meet()
        self.last_evaluation_ended = time.perf_counter()

    def _hand_on(self, evaluated: Evaluated, checkpoint: Path) -> None:
        """Write what came of an evaluation, and report it."""
        job, standing, trainer, metrics = self.job, self.standing, self.trainer, self.history[-1]
        best = job.attempt.best_model(standing.iteration) if standing.best_iteration == standing.iteration else None
        with self._writing():
            durable.append_line(job.attempt.history, self._named(metrics))
            if best is not None:
                record = {
                    "iteration": standing.iteration,
                    "evaluation": self.evaluator.strategy,
                    "metrics": metrics,
                    "scoring": self.evaluator.description,
                }
                merged = partial(write_merged, trainer.model) if has_adapters(trainer.model) else None
                write_best_model(best, checkpoint, job.settings, record, self._prediction_rows(evaluated), merged)
            self.write_results("running")
        LOG.info("iteration %d: %s %.4f, loss %.4f", standing.iteration, job.objective_name, metrics[job.objective_name], metrics["loss"])
        for folder in filter(None, (checkpoint, best)):
            self.notices.say(job.keep(folder))
        self.report(metrics, checkpoint)
        delete_older(job.attempt.models, best)
        prune(job.attempt.checkpoints, job.settings.training.save_total_limit)

    def _named(self, line: dict[str, float | int]) -> dict[str, Any]:
        """A line of the history with what kind of evaluation it is of."""
        return {**line, "evaluation": self.evaluator.strategy}

    def _writing(self) -> Writing:
        step = self.trainer.state.global_step if self.trainer is not None else 0
        return Writing(f"what came of step {step}", self.job.attempt.folder, safe="The checkpoints there are whole.")

    def _metrics(self, state: Any, evaluated: Evaluated, counts: Counts) -> dict[str, float | int]:
        """All of an evaluation, as it is reported."""
        steps = max(state.global_step - self.steps_before, 1)
        return {
            "iteration": self.standing.iteration,
            "epoch": round(float(state.epoch or 0.0), 6),
            "step": int(state.global_step),
            **evaluated.metrics,
            "train_loss": counts.loss / steps,
            "learning_rate": self.learning_rate,
            "tokens_per_second": float(counts.tokens) / self.train_s if self.train_s else 0.0,
            "padding_share": counts.padding_share,
            "micro_batch_size": self.trainer.args.per_device_train_batch_size,
            "train_s": self.train_s,
            "evaluation_s": evaluated.evaluation_s,
            "first_step_s": self.first_step_s,
            "load_s": self.load_s,
            "parameters": self.parameters,
            "trainable_parameters": self.trainable_parameters,
        }

    def _prediction_rows(self, evaluated: Evaluated) -> list[dict[str, Any]]:
        return prediction_rows(self.ids, self.references, evaluated, self.job.objective_name)

    def write_results(self, status: str) -> None:
        """training_results.json: what came out so far."""
        if not self.ranks.first:
            return
        standing, attempt = self.standing, self.job.attempt
        best = next((line for line in self.history if line["iteration"] == standing.best_iteration), None)
        model = attempt.best_model(standing.best_iteration) if standing.best_iteration is not None else None
        durable.write_json(
            attempt.results,
            {
                "status": status,
                "objective": self.job.objective_name,
                "goal": self._goal,
                "evaluation": self.evaluator.strategy,
                "iterations": standing.iteration,
                "best_iteration": standing.best_iteration,
                "best_score": standing.best_score,
                "best_metrics": best,
                "final_metrics": self.history[-1] if self.history else None,
                "model_path": os.path.relpath(model, attempt.folder) if model is not None and model.is_dir() else None,
                "disk": disk_use(attempt.checkpoints, attempt.models),
                "seconds": round(time.perf_counter() - self.began, 3),
                "scoring": self.evaluator.description,
                "notices": self.notices.said,
                **self.facts,
            },
        )


@cache
def callback_class() -> Any:
    """The Trainer callback that drives a `Progress`."""
    from transformers import TrainerCallback

    class ProgressCallback(TrainerCallback):  # type: ignore[misc]  # transformers exports it lazily
        def __init__(self, progress: Progress) -> None:
            self._progress = progress

        def on_train_begin(self, args: Any, state: Any, control: Any, **_: Any) -> None:
            progress, under_way = self._progress, self._progress.under_way
            progress.last_evaluation_ended = time.perf_counter() - (under_way["train_s"] if under_way else 0.0)
            progress.steps_before = under_way["since_step"] if under_way else state.global_step
            if under_way:
                progress.trainer.counts.take_up(under_way)

        def on_optimizer_step(self, args: Any, state: Any, control: Any, **parts: Any) -> None:
            # Asked here, before the schedule moves on: the rate that this step was made with.
            self._progress.learning_rate = float(parts["optimizer"].param_groups[0]["lr"])

        def on_step_end(self, args: Any, state: Any, control: Any, **_: Any) -> None:
            progress = self._progress
            elapsed = time.perf_counter() - progress.began
            progress.first_step_s = progress.first_step_s or elapsed
            limit = progress.job.settings.training.timeout_s
            if limit is not None and elapsed > limit:
                raise TrialFailure("timeout", f"it took longer than training.timeout_s, {limit} s.")
            every = progress.job.settings.training.save_steps
            progress.stopping = progress.stop_asked()
            due = progress.stopping or (every is not None and state.global_step % every == 0)
            # Where an evaluation comes next it brings a checkpoint of its own; one from before it would resume without it.
            if due and not self._evaluates(state):
                control.should_save = True

        def on_epoch_end(self, args: Any, state: Any, control: Any, **_: Any) -> None:
            control.should_evaluate = control.should_save = self._evaluates(state)

        def _evaluates(self, state: Any) -> bool:
            """Whether the step that was just made is followed by an evaluation."""
            every = self._progress.job.settings.evaluation.every
            ends_epoch = float(state.epoch).is_integer() and int(state.epoch) % every == 0
            return ends_epoch or state.global_step >= state.max_steps

        def on_log(self, args: Any, state: Any, control: Any, logs: Any = None, **_: Any) -> None:
            LOG.info("step %d: %s", state.global_step, json.dumps(logs, default=float))

        def on_save(self, args: Any, state: Any, control: Any, **_: Any) -> None:
            progress = self._progress
            progress.deliver(state, progress.trainer.last_checkpoint)
            if progress.patience_is_over:
                LOG.info("no improvement for %d evaluations: the training ends", progress.standing.waited)
                control.should_training_stop = True
            elif progress.stopping and state.global_step < state.max_steps:
                raise Interrupted(f"stopped after step {state.global_step}, of which there is a checkpoint")

    return ProgressCallback
