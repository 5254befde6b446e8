"""What is searched for, and the many spellings of it."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from summtune.config.metrics import Goal, keys_of, reported_by
from summtune.space.naming import Unfit, did_you_mean
from summtune.space.values import shown

_SPLITS = ("best", "eval", "val", "valid", "validation", "dev")
_PREFIXES = (*(f"{split}{sign}" for split in _SPLITS for sign in "/_"), "metrics/", "final/")
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


def reported_name(written: str, known: Mapping[str, Goal | None]) -> str:
    """The name that evaluations report a metric under.

    Args:
        written: as a person wrote it; the score of a trial is that of its best evaluation, whatever the spelling.
        known: everything that evaluations report.

    Raises:
        Unfit: nobody reports it.
    """
    name = written.strip()
    while name not in known:
        prefix = next((prefix for prefix in _PREFIXES if name.startswith(prefix)), None)
        if prefix is None:
            break
        name = name.removeprefix(prefix)
    name = name if name in known else _OTHER_NAMES.get(name.lower(), name)
    if name in known:
        return name
    owner = reported_by(name)
    if owner is not None:
        raise Unfit(f"evaluation.metrics do not report {name!r}.", f"Add {owner} to evaluation.metrics.")
    if keys := keys_of(name):
        raise Unfit(
            f"{name} is a metric that reports {', '.join(keys)}.", f"Name what it reports; it has to stand in evaluation.metrics: {name}."
        )
    raise Unfit(f"nobody reports a metric {written!r}.", did_you_mean(name, known))


def check_share(name: str, number: float) -> None:
    """Whether a share can be this number.

    Raises:
        Unfit: it can't.
    """
    if not 0 <= number <= 1:
        remedy = f"Write {shown(round(number / 100, 6))}." if 1 < number <= 100 else ""
        raise Unfit(f"{shown(number)} lies beyond what {name} can be, 0 to 1.", remedy)


def objective(written: str, goal: Goal | None, target: float | None, known: Mapping[str, Goal | None]) -> Objective:
    """An objective; where no goal is given it is what is better for that metric.

    Raises:
        Unfit: nobody reports the metric, the goal asks for the worst, or neither end is better and none is given.
    """
    name = reported_name(written, known)
    better = known[name]
    if better is None and goal is None:
        raise Unfit(f"neither more nor less {name} is better by itself.", "Write `goal: maximize` or `goal: minimize`.")
    if better is not None and goal is not None and goal != better:
        raise Unfit(f"{goal} would look for the worst {name}.", f"Write `goal: {better}`.")
    chosen = goal or better
    assert chosen is not None, "one of them says it"
    return Objective(name, chosen, target)
