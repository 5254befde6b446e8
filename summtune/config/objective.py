"""What is searched for, and the many spellings of it."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Literal

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
    """The metric that is searched for, by the name that evaluations report it under."""

    name: str = "rouge_combined_f1"
    goal: Goal = "maximize"

    @property
    def maximize(self) -> bool:
        return self.goal == "maximize"


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


def objective(written: str, goal: Goal | None) -> Objective:
    """An objective; where no goal is given it is what is better for that metric.

    Raises:
        Unfit: nobody reports the metric, or the goal asks for the worst.
    """
    name = reported_name(written)
    if goal is not None and goal != REPORTED[name]:
        raise Unfit(f"{goal} would look for the worst {name}.", f"Write `goal: {REPORTED[name]}`.")
    return Objective(name, REPORTED[name])
