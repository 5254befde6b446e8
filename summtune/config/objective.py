"""What is searched for, and the many spellings of it."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Literal

from summtune import registry
from summtune.space.naming import Unfit, did_you_mean

Goal = Literal["maximize", "minimize"]

# What every evaluation reports, and which way is better. The score of a trial is that of its best evaluation, whatever the spelling.
REPORTED: Mapping[str, Goal] = {
    "rouge_combined_f1": "maximize",
    "rouge1_f1": "maximize",
    "rouge2_f1": "maximize",
    "rougeL_f1": "maximize",
    "loss": "minimize",
}
_PREFIXES = ("best/", "best_", "eval/", "eval_", "val/", "val_", "dev/", "dev_", "metrics/", "final/")
_OTHER_NAMES: Mapping[str, str] = {
    "rouge_combined": "rouge_combined_f1",
    "rouge1": "rouge1_f1",
    "rouge2": "rouge2_f1",
    "rougel": "rougeL_f1",
    "rougel_f1": "rougeL_f1",
    "rouge_1_f1": "rouge1_f1",
    "rouge_2_f1": "rouge2_f1",
    "rouge_l_f1": "rougeL_f1",
}


@dataclass(frozen=True)
class Objective:
    """The metric that is searched for, by the name that evaluations report it under.

    Attributes:
        target: as in W&B: once a trial's score is as good, no more trials are begun.
    """

    name: str = "rouge_combined_f1"
    goal: Goal = "maximize"
    target: float | None = None

    @property
    def maximize(self) -> bool:
        return self.goal == "maximize"

    def reached(self, score: float | None) -> bool:
        """Whether a score is as good as the target."""
        if self.target is None or score is None:
            return False
        return score >= self.target if self.maximize else score <= self.target


def reported_name(written: str) -> str:
    """The name that evaluations report a metric under.

    Raises:
        Unfit: nobody reports it.
    """
    name = written.strip()
    while True:
        prefix = next((prefix for prefix in _PREFIXES if name.startswith(prefix)), None)
        if prefix is None:
            break
        name = name.removeprefix(prefix)
    name = _OTHER_NAMES.get(name.lower(), name)
    if name not in REPORTED:
        raise Unfit(f"nobody reports a metric {written!r}.", did_you_mean(name, REPORTED))
    return name


def objective(written: str, goal: Goal | None, target: float | None = None) -> Objective:
    """An objective; where no goal is given it is what is better for that metric.

    Raises:
        Unfit: nobody reports the metric, or the goal asks for the worst.
    """
    name = reported_name(written)
    if goal is not None and goal != REPORTED[name]:
        raise Unfit(f"{goal} would look for the worst {name}.", f"Write `goal: {REPORTED[name]}`.")
    return Objective(name, REPORTED[name], target)


def check_reported(name: str, metrics: Sequence[str]) -> None:
    """Whether evaluations that compute these metrics report an objective.

    Raises:
        Unfit: they don't.
    """
    known = [metric for metric in metrics if metric in registry.names("metrics")]
    reported = ["loss", *(key for metric in known for key in registry.load("metrics", metric).KEYS)]
    if known and name not in reported:
        raise Unfit(f"evaluation.metrics {', '.join(metrics)} do not report {name!r}.", did_you_mean(name, reported))
