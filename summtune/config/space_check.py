"""What can only be judged of a whole space: whether anything can be drawn, and whether every parameter has an effect.

It must not know how the space was read, beyond where its parts stand.
"""

from __future__ import annotations

import itertools
from collections.abc import Callable, Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from functools import cached_property, partial
from typing import Any

from summtune.config import effects
from summtune.config.experiment import Experiment, laid_over
from summtune.config.layers import Layer, Resolved
from summtune.config.receipts import Inert, Resolve, inert_parameters
from summtune.config.searched import BENEATH, Searched
from summtune.config.space_document import SpaceDocument
from summtune.config.transformers_arguments import installed
from summtune.documents import KeyPath
from summtune.errors import Problem
from summtune.space.bundle import Bundle
from summtune.space.constraints import Constraints
from summtune.space.counting import EFFORT, Counting, Uncountable
from summtune.space.parameters import Choice, Constant, Parameter
from summtune.space.rules import Backdrop, Rule
from summtune.space.source import Dice, Question
from summtune.space.space import Space
from summtune.space.spec import Parsed
from summtune.space.values import shown

MAX_SUSPECTS = 20
"""Of more rules than these nobody is told which one leaves nothing."""

MAX_WAYS = 100
"""In so many ways a point is looked for that does not draw a key."""


GLIMPSES = 100
"""So many points are drawn to see what rules don't narrow."""

Models = Sequence[tuple[Mapping[str, Any], Resolved]]


def built_space(parsed: Parsed, rules: Sequence[Rule], base: Resolved, models: Models) -> Space:
    """The space of what was read, over the settings beneath."""
    names = {name for rule in rules for name in rule.names} | {when.name for whens in parsed.conditions.values() for when in whens}
    names -= parsed.bundles
    bundles = [one for one in parsed.parameters if isinstance(one, Bundle)]
    names.update(
        key for one in bundles for key in one.keys if key not in one.common_keys
    )  # a label is known by what it leaves to these, too
    beneath = {name: _value(base.flat, name) for name in sorted(names)}
    of_models = tuple(
        (drawn, {name: _value(resolved.flat, name) for name in beneath if _value(resolved.flat, name) != beneath[name]})
        for drawn, resolved in models
    )
    kept = {parameter.name for parameter in parsed.parameters}
    conditions = {name: whens for name, whens in parsed.conditions.items() if name in kept}
    backdrop = Backdrop(beneath, of_models if any(values for _, values in of_models) else ())
    return Space.of(parsed.parameters, conditions, rules, backdrop)


def _value(settings: Mapping[str, Any], key: str) -> Any:
    """A key's value in flat settings, or what transformers does without one."""
    if key in settings:
        return settings[key]
    argument = installed().arguments.get(key.removeprefix("training.")) if key.startswith("training.") else None
    return argument.default if argument else None


@dataclass(frozen=True)
class SpaceCheck:
    """One space, and where its parts stand.

    Attributes:
        models: those that the space draws, with the settings beneath.
        trained: the same of the models that another stage draws: points of this space lie over one of them, or over the base.
    """

    document: SpaceDocument
    parsed: Parsed
    constraints: Constraints
    space: Space
    base: Resolved
    models: Models
    trained: Models = ()

    @cached_property
    def searched(self) -> list[Searched]:
        """What varies, key by key; a bundle's keys each as a choice."""
        found = []
        for parameter in self.space.parameters.values():
            if isinstance(parameter, Constant):
                continue
            if not isinstance(parameter, Bundle):
                found.append(Searched(parameter, self._blame(parameter.name)))
                continue
            for key in parameter.keys:
                values = [dict(settings)[key] for _, settings in parameter.options if key in dict(settings)]
                found.append(Searched(Choice(key, tuple(values)), self._blame(parameter.name)))
        return found

    def _blame(self, name: str) -> Callable[[str, str], Problem]:
        return lambda reason, remedy: self.document.problem(self.parsed.places[name], reason, remedy)

    def possible_with(self, drawn: Mapping[str, Any]) -> Callable[[Mapping[str, Any]], bool]:
        """Whether a point with this model may have certain values, too."""

        def drawable(asked: Mapping[str, Any]) -> bool:
            found = self.space.draw_narrowed(_Wishes(self.space, asked), 0)
            return found is not None and all(found.point.get(key, BENEATH) == value for key, value in asked.items())

        def possible(wanted: Mapping[str, Any]) -> bool:
            beneath = [key for key, value in wanted.items() if value is BENEATH]
            ways = itertools.islice(itertools.product(*(self._leaving(key) for key in beneath)), MAX_WAYS)
            return any(drawable({**drawn, **{key: value for one in way for key, value in one.items()}, **wanted}) for way in ways)

        return possible

    def _leaving(self, key: str) -> Iterator[dict[str, Any]]:
        """What to ask for so that a point leaves a key to the settings beneath."""
        parameter = self._setter(key)
        if parameter is None:
            yield {}
            return
        if isinstance(parameter, Bundle) and any(key not in dict(settings) for _, settings in parameter.options):
            yield {}
        for when in self.space.conditions.get(parameter.name, ()):
            other = self._setter(when.name)
            if other is None:
                continue
            for index in range(min(other.size() or 0, MAX_WAYS)):
                settings = other.settings_of(other.at(index))
                if not when.holds(self.space.values_under({other.name: other.at(index), **settings})):
                    yield {one: settings.get(one, BENEATH) for one in other.keys}
            if other.name in self.space.conditions:
                yield from self._leaving(when.name)

    def _setter(self, name: str) -> Parameter | None:
        return next((one for one in self.space.parameters.values() if name in (one.name, *one.keys)), None)

    def resolve(self, point: Mapping[str, Any]) -> dict[str, Any]:
        """A point's flat settings."""
        for drawn, resolved in self.models:
            if all(key in point and point[key] == value for key, value in drawn.items()):
                return laid_over(resolved.flat, point)
        return laid_over(self.base.flat, point)

    def problems(self, method: str) -> list[Problem]:
        """What is wrong with the space as a whole."""
        found = []
        if method == "grid":
            for name in self.space.endless:
                found.append(self._blame(name)("a grid needs values that can be counted.", "Give `values`, two integers, or a `q`."))
        if (self.space.rules or self.space.conditions) and not self.space.possible():
            return [*found, self._nothing_left()]
        if method == "grid" and not self.space.endless and self.space.size() is None:
            reason = "the rules tie too many values together for the grid to be counted."
            found.append(self.document.problem(("constraints",), reason, "Use `method: random` or `bayes`, or fewer values."))
        return [*found, *self._inert()]

    def _nothing_left(self) -> Problem:
        effort = EFFORT // (4 * max(len(self.space.rules), 1))  # all of these questions together take no longer than the first
        for rule in self.space.rules if len(self.space.rules) <= MAX_SUSPECTS else ():
            others = tuple(one for one in self.space.rules if one is not rule)
            if replace(self.space, rules=others).possible(effort):
                path = self.constraints.places.get(rule.title, ("constraints",))
                alone = not others or not replace(self.space, rules=(rule,)).possible(effort)
                return self._left_by(path, f"{rule.title!r}" if alone else f"{rule.title!r}, together with the other rules,")
        return self._left_by(("constraints",), "all rules together")

    def toothless(self, pinned: Collection[str]) -> Iterator[str]:
        """Rules that exclude no point, as notices: hardly what was meant. Not those over what is pinned, which may do so otherwise."""
        free = replace(self.space, rules=())
        endless = {key for name in self.space.endless for key in (name, *self.space.parameters[name].keys)}
        effort = EFFORT // (8 * max(len(self.space.rules), 1))
        for rule in self.space.rules:
            if rule.names & (endless | set(pinned)):
                continue
            try:
                if Counting(replace(free, rules=(rule,)), effort).total() == Counting(free, effort).total():
                    yield f"the rule {rule.title!r} excludes nothing: every point keeps it anyway."
            except Uncountable:
                continue

    def judged_by_base(self) -> Iterator[str]:
        """Rules over settings that differ between the models of the trained checkpoints, as notices: they are judged by the base's."""
        for rule in self.space.rules:
            for name in sorted(rule.names - {*self.space.parameters, *self.space.keys}):
                own = _value(self.base.flat, name)
                for drawn, resolved in self.trained:
                    value = _value(resolved.flat, name)
                    if value != own:
                        model = " and ".join(f"{key} {shown(one)}" for key, one in drawn.items())
                        judged = f"the rule {rule.title!r} is judged by the base's {name} {shown(own)} for every model"
                        yield f"{judged}: {shown(value)} with {model} doesn't count."

    @cached_property
    def _glimpsed(self) -> list[tuple[Mapping[str, Any], Mapping[str, Any]]]:
        """Some points, and what rules look at there."""
        draws = [draw for seed in range(GLIMPSES) if (draw := self.space.draw_narrowed(Dice(seed), seed)) is not None]
        return [(draw.point, self.space.values_under({**draw.answers, **draw.point})) for draw in draws]

    def unnarrowed(self) -> Iterator[str]:
        """What rules narrow where it is drawn, and would not leave where it lies beneath a point and acts all the same, as notices."""
        for rule in self.space.rules:
            sometimes = [one for one in rule.narrowings if one.name in self.space.keys and one.name not in self.space.always_set]
            if not sometimes:
                continue
            points = [point for point, values in self._glimpsed if rule.condition is None or rule.condition.evaluate(values)]
            for one in sometimes:
                for values in (self.resolve(point) for point in points if one.name not in point):
                    value = _value(values, one.name)
                    if not one.holds({one.name: value}) and effects.idle(values, one.name) is None:
                        said = f"narrows {one.name} where it is drawn, not where it is {shown(value)} without being drawn."
                        yield f"the rule {rule.title!r} {said} A `require` looks at both."
                        break

    def _left_by(self, path: KeyPath, named: str) -> Problem:
        if self.space.surely_empty:
            leaves = "leave" if named.startswith("all") else "leaves"
            return self.document.problem(path, f"{named} {leaves} nothing to draw.", "Widen it, or the parameters.")
        reason = f"no point was found that keeps to {named.rstrip(',')}: if there are any, they are too rare to be drawn."
        return self.document.problem(path, reason, "Widen it, or narrow the parameters to where it holds.")

    @cached_property
    def _inert_parameters(self) -> list[Inert]:
        """Parameters that no two values of which would ever come to different arguments, whichever model lies beneath."""
        beneath: list[Resolve] = [self.resolve, *(partial(laid_over, resolved.flat) for _, resolved in self.trained)]
        everywhere = [{one.name: one for one in inert_parameters(self.space, resolve)} for resolve in beneath]
        return [one for one in everywhere[0].values() if all(one.name in found for found in everywhere)]

    def idle(self) -> list[Inert]:
        """The parameters that exist and have no effect; none where nothing can be drawn anyway."""
        if (self.space.rules or self.space.conditions) and not self.space.possible():
            return []
        return [one for one in self._inert_parameters if one.reasons]

    def _inert(self) -> Iterator[Problem]:
        """Parameters without effect: trials would differ in name only."""
        for inert in self._inert_parameters:
            if not inert.reasons:
                yield self._blame(inert.name)("it never exists: what its `when` asks for never holds.", "Change the condition.")
                continue
            reason = f"{inert.name} has no effect: {'; '.join(inert.reasons)}."
            yield self._blame(inert.name)(reason, "Change that, or leave it out.")

    def notices(self, layer: Layer, also_varying: Sequence[str] = ()) -> Iterator[str]:
        """What a person should know of settings that are fixed."""
        varying = {*self.space.keys, *also_varying}
        for key, entry in layer.items():
            given = entry.origin.layer in ("base", "settings", "parameters", "environment", "--set")
            if not given or key in effects.HOUSEKEEPING or entry.value == _default(key):
                continue
            if varying & {"model.preset", "model.architecture", "model.checkpoint", *effects.depends_on(key)}:
                continue
            reason = effects.idle(self.base.flat, key) if key.startswith(("generation.", "training.", "tokenizer.")) else None
            if reason is not None:
                yield f"{key} has no effect: {reason}."


def counted(experiment: Experiment, *, asked: bool) -> Iterator[str]:
    """What a finite space comes to, and what is left out of it; `asked`: whether a person said how many trials."""
    size = experiment.space.size()
    if size is None:
        return
    named = "the grid" if experiment.method == "grid" else "the space"
    if size > experiment.count:
        if experiment.method == "grid":
            left = f"{experiment.count:,} trials, drawn evenly, leave out {size - experiment.count:,} of them"
            yield f"{named} has {size:,} points; {left}."
    elif size < experiment.count and asked:
        yield f"{named} has {size:,} point{'' if size == 1 else 's'}: no more trials than that are run."
    if not experiment.space.searched and experiment.decode is not None:
        return
    if not experiment.space.searched:
        yield "nothing varies: there is one training to run."
    elif experiment.baseline and size <= experiment.count and experiment.space.locate(experiment.baseline_point()) is not None:
        yield "one of the points is the base's own settings: it is trained once, as the baseline."


def _default(key: str) -> Any:
    section, _, name = key.partition(".")
    from summtune.config.settings import Settings

    fields = type(getattr(Settings(), section)).model_fields
    if name in fields:
        return fields[name].default
    argument = installed().arguments.get(name)
    return argument.default if argument else None


class _Wishes:
    """A source that gives the wanted values where it can, and draws the others."""

    def __init__(self, space: Space, wanted: Mapping[str, Any]) -> None:
        self._space = space
        self._wanted = wanted
        self._dice = Dice(0)

    def answer(self, name: str, question: Question) -> Any:
        parameter = self._space.parameters[name]
        wanted = {key: self._wanted[key] for key in parameter.keys if key in self._wanted}
        if not isinstance(parameter, Bundle):
            wanted = {key: value for key, value in wanted.items() if value is not BENEATH}
        if wanted:
            for index in range(min(parameter.size() or 0, 1000)):
                settings = parameter.settings_of(parameter.at(index))
                if all(settings.get(key, BENEATH) == value for key, value in wanted.items()):
                    return parameter.answer_to(parameter.at(index))
            try:
                return parameter.answer_to(next(iter(wanted.values())))
            except ValueError:
                pass
        return self._dice.answer(name, question)
