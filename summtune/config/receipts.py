"""The effect receipt: whether each parameter could ever change what is trained or decoded.

It must not know how a space was written; whoever asks makes problems of the verdicts.
"""

from __future__ import annotations

import itertools
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

from summtune.config import effects
from summtune.space.expressions import Node
from summtune.space.parameters import Constant, Parameter
from summtune.space.rules import Rule
from summtune.space.source import Dice, Number, Question
from summtune.space.space import Draw, Space
from summtune.space.values import same

Resolve = Callable[[Mapping[str, Any]], Mapping[str, Any]]
"""A point to the flat settings that it comes to."""

_DrawWith = Callable[[Space, Mapping[str, Any], int], Draw | None]
"""Draws a point of a space with wanted values, by parameter, from a seed on."""

MAX_CONTEXTS = 200
ATTEMPTS = 8
_MODEL = ("model.preset", "model.architecture", "model.checkpoint")


@dataclass(frozen=True)
class Inert:
    """A parameter that no two values of which make a difference, and why."""

    name: str
    reasons: tuple[str, ...]


def inert_parameters(space: Space, resolve: Resolve) -> list[Inert]:
    """The parameters that vary in name only, in any context in which they exist."""
    shared = _context(space, {}, 0)
    found = []
    for name in space.searched:
        reasons = _inert(space, space.parameters[name], resolve, shared)
        if reasons is not None:
            found.append(Inert(name, reasons))
    return found


def _inert(space: Space, parameter: Parameter, resolve: Resolve, shared: Draw | None) -> tuple[str, ...] | None:
    """Why a parameter is inert; None where it isn't. Empty where it never exists."""
    deciding = _deciding(space, parameter)
    if not deciding and shared is not None and parameter.name in shared.answers:
        return _verdict(parameter, resolve, [shared])
    found = _verdict(parameter, resolve, _contexts(space, deciding, _context))
    if found is None or not space.rules:
        return found
    # Rules may have kept a drawing from what was wanted; before a person is told so, it is looked for with all that is known of them.
    return _verdict(parameter, resolve, _contexts(space, deciding, _narrowed_context))


def _verdict(parameter: Parameter, resolve: Resolve, contexts: Iterable[Draw]) -> tuple[str, ...] | None:
    """As `_inert`, of these points."""
    reasons: dict[str, None] = {}
    exists = False
    whole = any(effects.decides_others(key) for key in parameter.keys)
    for draw in contexts:
        if parameter.name not in draw.answers:
            continue
        exists = True
        bare = {key: value for key, value in draw.point.items() if key not in parameter.keys}
        seen: list[Any] = []
        for value in _samples(parameter):
            values = resolve({**bare, **parameter.settings_of(value)})
            comes_to = effects.identity(values) if whole else effects.own_arguments(values, parameter.keys)
            if seen and comes_to != seen[0]:
                return None
            seen.append(comes_to)
            reasons |= dict.fromkeys(reason for key in parameter.keys if (reason := effects.idle(values, key)) is not None)
    return tuple(reasons) or (("all its values come to the same",) if exists else ())


def _samples(parameter: Parameter) -> list[Any]:
    """Values that stand for all: each of a short list; of a range its ends and what lies between."""
    size = parameter.size()
    if size is not None:
        steps = range(size) if size <= 16 else sorted({0, 1, size // 2, size - 1})
        return [parameter.at(step) for step in steps]
    question = parameter.question()
    assert isinstance(question, Number), "only numbers have no end of values"
    return [parameter.value_of(answer) for answer in (question.low, question.high, (question.low + question.high) / 2)]


def _deciding(space: Space, parameter: Parameter) -> list[Parameter]:
    """The other parameters that decide a parameter's effect, and its existence."""
    wanted = {*_MODEL, *(key for own in parameter.keys for key in effects.depends_on(own))}
    deciding: list[Parameter] = []
    for other in space.parameters.values():
        if other.name != parameter.name and not isinstance(other, Constant) and (wanted & {other.name, *other.keys}):
            deciding.append(other)
    known = {other.name for other in deciding}
    deciding += [other for other in _ancestors(space, parameter.name) if other.name not in known]
    return deciding


def _contexts(space: Space, deciding: Sequence[Parameter], draw_with: _DrawWith) -> Iterator[Draw]:
    """A point for every combination of what these parameters may be."""
    combinations = itertools.product(*([(other.name, value) for value in _tried(space, other)] for other in deciding))
    for number, combination in enumerate(itertools.islice(combinations, MAX_CONTEXTS)):
        draw = draw_with(space, dict(combination), number)
        if draw is not None:
            yield draw


def _context(space: Space, wanted: Mapping[str, Any], first_seed: int) -> Draw | None:
    """A point with these values, as far as the rules let it have them."""
    forced = {name: space.parameters[name].answer_to(value) for name, value in wanted.items()}
    seeds = range(first_seed, first_seed + ATTEMPTS)
    return next((draw for seed in seeds if (draw := space.draw_narrowed(_Forced(forced, seed), seed)) is not None), None)


def _narrowed_context(space: Space, wanted: Mapping[str, Any], first_seed: int) -> Draw | None:
    """The same, with the wishes as further rules: where points can be counted it is met if it can be."""
    settings = [space.parameters[name].settings_of(value) for name, value in wanted.items()]
    values = space.values_under({**wanted, **{key: value for one in settings for key, value in one.items()}})
    exist = [name for name in wanted if all(when.holds(values) for when in space.conditions.get(name, ()))]
    wishes = [
        Rule("wish", require=Node("compare", ("==",), parts=(Node("name", (name,)), Node("value", value=wanted[name])))) for name in exist
    ]
    return _context(replace(space, rules=(*space.rules, *wishes)), wanted, first_seed)


def _tried(space: Space, parameter: Parameter) -> list[Any]:
    """Values that stand for all; before them those that some condition asks for by name, lest the combinations that matter be cut off."""
    values: list[Any] = []
    for when in (one for conditions in space.conditions.values() for one in conditions if one.name == parameter.name):
        for value in when.values:
            try:
                parameter.answer_to(value)
            except ValueError:
                continue
            values += [value] if not any(same(value, one) for one in values) else []
    return [*values, *(value for value in _samples(parameter) if not any(same(value, one) for one in values))]


def _ancestors(space: Space, name: str) -> list[Parameter]:
    """What a parameter's existence hangs on, the nearest first."""
    setters: dict[str, list[Parameter]] = {}
    for other in space.parameters.values():
        for output in {other.name, *other.keys} if not isinstance(other, Constant) else ():
            setters.setdefault(output, []).append(other)
    found: dict[str, Parameter] = {}
    names = [name]
    while names:
        for when in space.conditions.get(names.pop(0), ()):
            for other in setters.get(when.name, ()):
                if other.name not in found:
                    found[other.name] = other
                    names.append(other.name)
    return list(found.values())


class _Forced:
    """A source that gives set answers, and draws the others."""

    def __init__(self, answers: Mapping[str, Any], seed: int) -> None:
        self._answers = answers
        self._dice = Dice(seed)
        self._given: set[str] = set()

    def answer(self, name: str, question: Question) -> Any:
        if name in self._answers and name not in self._given:
            self._given.add(name)
            return self._answers[name]
        return self._dice.answer(name, question)
