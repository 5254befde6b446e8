"""What metrics report, and which way is better: those of the folder by their heads, people's own files without running them."""

from __future__ import annotations

import re
from collections.abc import Callable, Collection, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal

from summtune import registry
from summtune.config.metric_file import MetricFile, is_own, read_metric_file
from summtune.config.settings import Evaluation
from summtune.errors import MetricMistake, Problem, SettingsMistake

Goal = Literal["maximize", "minimize"]

LOSS = "loss"
COMBINED = "rouge_combined_f1"
NEEDS = ("references", "dialogues", "seconds", "finished")
"""What a metric may want besides predictions: fields of `metrics.Summaries`."""
RESERVED = (
    *(LOSS, "iteration", "epoch", "step", "train_loss", "learning_rate", "tokens_per_second", "train_s", "evaluation_s", "first_step_s"),
    *("load_s", "parameters", "attempt", "reported", "checkpoint_folder", "fname", "summary", "reference"),
)
"""What stands in every report or beside every prediction anyway."""

_KEY = re.compile(r"[A-Za-z_][\w.-]*(?:/[\w.-]+)*")
_NAMES = ("KEYS", "GOAL", "UNIT", "NEEDS")
_FUNCTIONS = ("score", "scorer")


@dataclass(frozen=True)
class Declaration:
    """What a metric says of itself.

    Attributes:
        name: as `evaluation.metrics` names it.
        keys: what it reports.
        goal: which way is better, by key; None where neither is.
        unit: what each number is.
        needs: what it wants besides predictions, of `NEEDS`.
        sha256: of a person's own file; empty for a metric of the folder.
    """

    name: str
    keys: tuple[str, ...]
    goal: Mapping[str, Goal | None]
    unit: Mapping[str, str]
    needs: tuple[str, ...]
    sha256: str = ""


def declared(name: str) -> Declaration:
    """What a metric declares.

    Raises:
        KeyError: the folder has none of that name.
        MetricMistake: a person's own file can't be read, or declares what can't be.
    """
    if not is_own(name):
        module = registry.load("metrics", name)
        return Declaration(name, tuple(module.KEYS), module.GOAL, module.UNIT, tuple(getattr(module, "NEEDS", ())))
    file = read_metric_file(Path(name), _NAMES, _FUNCTIONS)
    problems = list(_problems(file))
    if problems:
        raise MetricMistake(problems)
    keys = tuple(file.values["KEYS"])
    return Declaration(name, keys, dict(file.values["GOAL"]), dict(file.values["UNIT"]), tuple(file.values.get("NEEDS", ())), file.sha256)


def unfit(name: str, evaluation: Evaluation) -> Sequence[Problem]:
    """What of the settings a metric of the folder can't score by. A person's own file is not run for that."""
    check = None if is_own(name) else getattr(registry.load("metrics", name), "check", None)
    try:
        if check is not None:
            check(evaluation)
    except SettingsMistake as mistake:
        return mistake.problems
    return ()


def readable(metrics: Iterable[str]) -> bool:
    """Whether it is known what all of these report."""
    for name in metrics:
        try:
            declared(name)
        except (KeyError, MetricMistake):
            return False
    return True


def goals(metrics: Sequence[str]) -> dict[str, Goal | None]:
    """Everything that evaluations by these metrics report, and which way is better. Metrics that can't be read report nothing."""
    found: dict[str, Goal | None] = {LOSS: "minimize"}
    for name in metrics:
        try:
            found |= declared(name).goal
        except (KeyError, MetricMistake):
            continue  # validation names it
    return found


def is_share(key: str, metrics: Iterable[str], combined: object) -> bool:
    """Whether a key's numbers lie between 0 and 1, by what its metric promises, and for the combined one by how it is combined."""
    if key == COMBINED:
        return combined == "mean"
    for name in metrics:
        try:
            unit = declared(name).unit.get(key, "")
        except (KeyError, MetricMistake):
            continue  # validation names it
        if "0..1" in unit:
            return True
    return False


def reported_by(key: str) -> str | None:
    """The metric of the folder that reports a key."""
    return next((name for name in registry.names("metrics") if key in registry.load("metrics", name).KEYS), None)


def keys_of(name: str) -> tuple[str, ...]:
    """What a metric of the folder reports; nothing where there is no such metric."""
    return tuple(registry.load("metrics", name).KEYS) if name in registry.names("metrics") else ()


def title(name: str) -> str:
    """A metric's name as messages and records show it."""
    return Path(name).name if is_own(name) else name


def problems_together(declarations: Iterable[Declaration], known: Collection[str]) -> list[Problem]:
    """What stands against scoring by all of these, where summaries come with what is known."""
    problems: list[Problem] = []
    owner: dict[str, str] = {}
    for one in declarations:
        missing = [need for need in one.needs if need not in known]
        if missing:
            reason = f"{title(one.name)} needs {' and '.join(missing)}, which are not known here."
            problems.append(Problem(reason, "Leave it out.", key="evaluation.metrics"))
        for key in one.keys:
            if key in owner:
                reason = f"{title(one.name)} reports {key!r}, which {title(owner[key])} reports already."
                problems.append(Problem(reason, "Leave one of them out.", key="evaluation.metrics"))
            owner.setdefault(key, one.name)
    return problems


def _problems(file: MetricFile) -> Iterator[Problem]:
    """What the declarations of a person's own file can't be."""

    def problem(name: str, reason: str, remedy: str) -> Problem:
        return Problem(reason, remedy, key=name, file=str(file.path), line=file.lines.get(name))

    keys = file.values["KEYS"]
    if not isinstance(keys, (tuple, list)) or not keys or not all(isinstance(key, str) for key in keys):
        yield problem("KEYS", "it must be a tuple of names.", 'Write KEYS = ("my_score",); the comma makes the tuple.')
        return
    for key in keys:
        if not _KEY.fullmatch(key):
            yield problem("KEYS", f"{key!r} can't name a metric.", "Use letters, digits, _ and /.")
        if key in RESERVED:
            yield problem("KEYS", f"{key!r} is reported anyway.", "Give it another name.")
    if len(set(keys)) < len(keys):
        yield problem("KEYS", "a key stands here twice.", "Remove one of them.")
    for name, fits, hint in (
        ("GOAL", lambda value: value in ("maximize", "minimize", None), '"maximize", "minimize", or None where neither end is better'),
        ("UNIT", lambda value: isinstance(value, str) and bool(value), 'text such as "share, 0..1"'),
    ):
        yield from _mapping(file.values[name], keys, name, fits, hint, problem)
    needs = file.values.get("NEEDS", ())
    if not isinstance(needs, (tuple, list)) or not set(needs) <= set(NEEDS):
        yield problem("NEEDS", f"a metric can have {', '.join(NEEDS)}, and predictions always.", 'Write NEEDS = ("dialogues",).')


def _mapping(
    value: Any, keys: Sequence[str], name: str, fits: Callable[[Any], bool], hint: str, problem: Callable[[str, str, str], Problem]
) -> Iterator[Problem]:
    if not isinstance(value, dict):
        yield problem(name, "it must be a mapping of each key.", f"Give each key {hint}.")
        return
    for key in keys:
        if key not in value:
            yield problem(name, f"{key!r} of KEYS is missing.", f"Give it {hint}.")
        elif not fits(value[key]):
            yield problem(name, f"{key!r} can't be {value[key]!r}.", f"Give it {hint}.")
    for key in value:
        if key not in keys:
            yield problem(name, f"{key!r} does not stand in KEYS.", "Add it there, or remove it here.")
