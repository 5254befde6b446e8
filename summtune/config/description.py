"""An experiment in words: what it comes to, and its settings with where each came from; for validate, a run's opening, settings.yaml."""

from __future__ import annotations

import json
from typing import Any

from summtune.config.experiment import Experiment
from summtune.config.layers import Resolved, nest
from summtune.config.settings import Settings
from summtune.documents import parse_document, parse_scalar
from summtune.space.parameters import Constant
from summtune.space.space import Space
from summtune.space.values import shown

COLUMN = 12
"""Width of the labels."""


def summary_lines(experiment: Experiment) -> list[str]:
    """What an experiment comes to, a line each: model, data, objective, method, rungs, parameters."""
    settings = experiment.base.settings
    model = settings.model.checkpoint or f"{settings.model.preset or settings.model.architecture}, random weights"
    size = experiment.space.size()
    baseline = " and the baseline" if experiment.baseline else ""
    if size is not None and size <= experiment.count:
        trials = f"{'the one point' if size == 1 else f'all {size:,} points'}{baseline}"
    else:
        trials = (
            f"{experiment.count:,} trial{'' if experiment.count == 1 else 's'}{baseline}{'' if size is None else f', of {size:,} points'}"
        )
    lines = []
    for label, text in (
        ("name", experiment.name + (f": {experiment.description}" if experiment.description else "")),
        ("model", model),
        ("data", str(settings.data.train) if settings.data.train else "the sample data"),
        ("objective", f"{experiment.objective.goal} {experiment.objective.name}"),
        *(("and", f"{one.goal} {one.name}") for one in experiment.further),
        ("method", f"{experiment.method}, {trials}"),
        ("early stop", _stopping(experiment)),
        *((("seeds", f"{', '.join(map(str, experiment.seeds))}, for points that could win"),) if experiment.seeds else ()),
        *((("at most", _budget(experiment)),) if _budget(experiment) else ()),
        ("parameters", "" if experiment.space.parameters else "none: there is one training to run"),
    ):
        lines.append(f"{label:<{COLUMN}}{text}".rstrip())
    lines += _space_lines(experiment.space)
    if (stage := experiment.decode) is not None:
        some = stage.count if stage.space.size() is None else min(stage.count, stage.space.size() or 0)
        where = "on the best checkpoint" if stage.top_k == 1 else f"on each of the best {stage.top_k} checkpoints"
        lines.append(f"{'decode':<{COLUMN}}{stage.method}, {some:,} settings {where}")
        lines += _space_lines(stage.space)
    lines += [f"{'limits' if number == 0 else '':<{COLUMN}}{limit}" for number, limit in enumerate(experiment.limits)]
    return lines


def _space_lines(space: Space) -> list[str]:
    """Each parameter, then each rule."""
    width = max((len(key) for key in space.parameters), default=0)
    lines = []
    for name, parameter in space.parameters.items():
        fixed = "fixed at " if isinstance(parameter, Constant) else ""
        lines.append(f"  {name:<{width}}  {fixed}{parameter.describe()}{_existence(space, name)}")
    return [*lines, *(f"{'constraints' if number == 0 else '':<{COLUMN}}{rule.describe()}" for number, rule in enumerate(space.rules))]


def _existence(space: Space, name: str) -> str:
    whens = space.conditions.get(name, ())
    said = (f"{when.name} is {' or '.join(map(shown, when.values))}" for when in whens)
    return f"; only while {' and '.join(said)}" if whens else ""


def _stopping(experiment: Experiment) -> str:
    stopping, last = experiment.stopping, experiment.longest
    rungs = stopping.judged_at(last)
    if not rungs:
        return "none"
    among = f", among those of the same {stopping.brackets}" if stopping.brackets else ""
    if len(rungs) > 1 and rungs == tuple(range(rungs[0], rungs[-1] + 1)) and stopping.type != "asha":
        return f"{stopping.type}, from evaluation {rungs[0]} to {rungs[-1]} of {last}{among}"
    eta = f", eta {stopping.eta}" if stopping.type == "asha" else ""
    strict = ", strict" if stopping.strict else ""
    return f"{stopping.type}{eta}{strict}, after evaluation {' and '.join(map(str, rungs))} of {last}{among}"


def _budget(experiment: Experiment) -> str:
    """What ends the run before its trials do."""
    limits = [f"{limit:g} {name.replace('_', ' ')}" for name, limit in experiment.budget.items()]
    patience = experiment.patience_trials
    limits += [f"{patience} trials in a row without an improvement"] if patience is not None else []
    return ", or ".join(limits)


def resolved_lines(resolved: Resolved) -> list[str]:
    """The settings as YAML, with the layer of each value, and for files the line, as a comment."""
    rows: list[tuple[str, str]] = []
    section = ""
    for key, value in resolved.flat.items():
        here, _, name = key.partition(".")
        if here != section:
            rows.append((f"{here}:", ""))
            section = here
        rows.append((f"  {name}: {_yaml(value)}", str(resolved.origin(key))))
    width = min(max(len(text) for text, _ in rows), 60)
    return [f"{text:<{width}}  # {origin}" if origin else text for text, origin in rows]


def difference_lines(one: Resolved, other: Resolved) -> list[str]:
    """What differs between two settings, a line each: key, value and layer of either."""
    rows = []
    for key in dict.fromkeys([*one.flat, *other.flat]):
        mine, theirs = one.flat.get(key), other.flat.get(key)
        if mine != theirs and not (mine in ({}, None) and theirs in ({}, None)):
            rows.append((key, _yaml(mine), str(one.origin(key)), _yaml(theirs), str(other.origin(key))))
    widths = [max((len(row[column]) for row in rows), default=0) for column in range(4)]
    return [
        f"{row[0]:<{widths[0]}}  {row[1]:<{widths[1]}}  ({row[2]}){' ' * (widths[2] - len(row[2]))}  →  {row[3]:<{widths[3]}}  ({row[4]})"
        for row in rows
    ]


def read_resolved(text: str) -> Settings:
    """The settings that `resolved_lines` wrote."""
    sections = parse_document(text, "settings.yaml").value
    return Settings.model_validate(nest({f"{section}.{name}": value for section, keys in sections.items() for name, value in keys.items()}))


def _yaml(value: Any) -> str:
    """A value that YAML reads back as the same."""
    if isinstance(value, str):
        plain = (
            value
            and value[0] not in "!&*-?|>%@`#,[]{}\"': "
            and ": " not in value
            and " #" not in value
            and value.isprintable()
            and value == value.strip()
        )
        if plain and parse_scalar(value) == value and not value.endswith(":"):
            return value
        return _escaped(json.dumps(value, ensure_ascii=False))
    return _escaped(shown(value))


def _escaped(quoted: str) -> str:
    """Without what may not stand in YAML (U+007F), or ends a line there (U+0085, U+2028)."""
    return "".join(one if one.isprintable() else f"\\u{ord(one):04x}" if ord(one) <= 0xFFFF else f"\\U{ord(one):08x}" for one in quoted)
