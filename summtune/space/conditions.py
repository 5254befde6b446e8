"""`when:` of parameters, read once all of them are known."""

from __future__ import annotations

from typing import Any

from summtune.documents import Document, KeyPath
from summtune.scalars import plain_value
from summtune.space.bundle import Bundle
from summtune.space.naming import Unfit
from summtune.space.parameters import Parameter
from summtune.space.rules import When
from summtune.space.space import Space
from summtune.space.spec import Catalogue, Parsed
from summtune.space.values import brief, listed, same


def read_conditions(document: Document, catalogue: Catalogue, parsed: Parsed) -> None:
    """Read what `parsed.whens` holds into `parsed.conditions`."""
    for name, (here, written) in parsed.whens.items():
        path = (*here, "when")
        if not isinstance(written, dict) or not written:
            problem = document.problem(path, "it must say which parameter has which value.", "Write `when: {do_sample: true}`.")
            parsed.problems.append(problem)
            continue
        found = [_read(document, catalogue, parsed, (*path, other), name, other, values) for other, values in written.items()]
        if all(found):
            parsed.conditions[name] = tuple(when for when in found if when)
    _check_circles(document, parsed)


def reference(catalogue: Catalogue, parsed: Parsed, name: str) -> str:
    """What a name in a rule means: a bundle, or a settings key.

    Raises:
        Unfit: neither.
    """
    return name if name in parsed.bundles else catalogue.judged(name)


def setter(parsed: Parsed, key: str) -> Parameter | None:
    """The parameter that sets a key, or that is called so; None where it does not vary."""
    for parameter in parsed.parameters:
        if key == parameter.name or key in parameter.keys:
            return parameter
    return None


def possible_values(parameter: Parameter, key: str) -> list[Any] | None:
    """The values that a key may have by its parameter, where they can be listed."""
    size = parameter.size()
    if size is None or size > 1000:
        return None
    values = [parameter.at(index) for index in range(size)]
    return values if key == parameter.name else [parameter.settings_of(value).get(key) for value in values]


def may_lie_beneath(parsed: Parsed, parameter: Parameter, key: str) -> bool:
    """Whether at some points a key has the value of the settings beneath, since its parameter, or its label, doesn't set it there."""
    if isinstance(parameter, Bundle) and key != parameter.name and any(key not in dict(settings) for _, settings in parameter.options):
        return True
    return parameter.name in parsed.whens


def checked_values(document: Document, catalogue: Catalogue, parsed: Parsed, path: KeyPath, key: str, value: Any) -> tuple[Any, ...]:
    """A value that a rule speaks of, as the settings hold it, and others that say the same.

    Raises:
        Unfit: the key can't have it, or its parameter never does.
    """
    parameter = setter(parsed, key)
    if key not in parsed.bundles:
        value = catalogue.check(key, value, document.plain.get(path)) if value is not None else None
    elif isinstance(parameter, Bundle):
        value = next((label for label in parameter.labels if same(plain_value(label), value)), value)  # `depth == 1` of labels 1, 2
    values = catalogue.alike(key, value)
    if parameter is None or value is None or (key not in parsed.bundles and may_lie_beneath(parsed, parameter, key)):
        return values
    if key == parameter.name and any(_has(parameter, one) for one in values):
        return values
    possible = possible_values(parameter, key)
    if possible is not None and not any(same(value, one) for one in possible for value in values):
        raise Unfit(f"{key} never has the value {brief(value)}.", f"It has {listed([brief(one) for one in possible])}.")
    if possible is None and parameter.size() is not None and not _has(parameter, value):
        raise Unfit(f"{key} never has the value {brief(value)}.", f"It has {parameter.describe()}.")
    return values


def _has(parameter: Parameter, value: Any) -> bool:
    """Whether a parameter may have a value."""
    try:
        parameter.answer_to(value)
    except ValueError:
        return False
    return True


def _read(document: Document, catalogue: Catalogue, parsed: Parsed, path: KeyPath, name: str, other: str, written: Any) -> When | None:
    try:
        key = reference(catalogue, parsed, other)
        parameter = setter(parsed, key)
        if key == name or (parameter is not None and parameter.name == name):
            raise Unfit("a parameter can't depend on itself.", "Remove it.")
        values = written if isinstance(written, list) else [written]
        if not values:
            raise Unfit("an empty list holds never.", "Give a value, or a list of them.")
        checked: list[Any] = []
        for index, value in enumerate(values):
            place = (*path, index) if isinstance(written, list) else path
            checked += checked_values(document, catalogue, parsed, place, key, value)
    except Unfit as unfit:
        parsed.problems.append(document.problem(path, unfit.reason, unfit.remedy))
        return None
    return When(key, tuple(checked))


def _check_circles(document: Document, parsed: Parsed) -> None:
    try:
        Space.of(parsed.parameters, parsed.conditions).order  # noqa: B018  it is computed to see whether it can be
    except ValueError as circle:
        first = str(circle).partition(" → ")[0]
        here, _ = parsed.whens[first]
        parsed.problems.append(
            document.problem((*here, "when"), f"these depend on each other in a circle: {circle}.", "Remove one of the conditions.")
        )
        parsed.conditions.clear()
