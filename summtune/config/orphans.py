"""What the environment and `--set` take out of a space besides what they pin: parameters whose `when` can't hold any more, parameters
that have no effect any more, and rules that look at a bundle that is gone.

The file is right without them, and so nothing here is a mistake of the file's: it is said once, and left out. It must not know what
pins (`layering` does), nor how a space is drawn.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Set
from dataclasses import replace
from typing import Any

from summtune.space.bundle import Bundle
from summtune.space.parameters import Parameter
from summtune.space.rules import Rule, When
from summtune.space.spec import Parsed
from summtune.space.values import shown


def without_orphans(kept: Parsed, gone: Iterable[str], values: Mapping[str, Any], notices: list[str]) -> Parsed:
    """The parameters that may still exist.

    Args:
        kept: those that are not gone.
        gone: the settings keys that are pinned, and names of parameters that have left the space.
        values: the settings beneath, flat.
        notices: what leaves the space is said here.
    """
    gone = set(gone)
    parameters = list(kept.parameters)

    def orphaned() -> tuple[Parameter, When] | None:
        settable = {name for one in parameters for name in (one.name, *one.keys)}
        for one in parameters:
            for when in kept.conditions.get(one.name, ()):
                if when.name in gone and when.name not in settable and not when.holds(values):
                    return one, when
        return None

    while (found := orphaned()) is not None:
        parameter, when = found
        notices.append(
            f"{parameter.name} leaves the space, too: it exists only where {when.name} is {' or '.join(map(shown, when.values))}."
        )
        parameters.remove(parameter)
        gone |= {parameter.name, *parameter.keys}
    return replace(kept, parameters=parameters)


def without_idle(kept: Parsed, idle: Mapping[str, Iterable[str]], notices: list[str]) -> Parsed:
    """The parameters that have an effect; `idle` are those that have none beside what is pinned, with the reasons."""
    for name, reasons in idle.items():
        notices.append(f"{name} leaves the space, too: {'; '.join(reasons)}.")
    return replace(kept, parameters=[one for one in kept.parameters if one.name not in idle])


def without_lost(rules: Iterable[Rule], lost: Set[str], notices: list[str]) -> list[Rule]:
    """The rules that can still be judged, without these bundles."""
    left = []
    for rule in rules:
        names = sorted(rule.names & lost)
        if not names:
            left.append(rule)
            continue
        notices.append(f"the rule {rule.title!r} is left out: it looks at {' and '.join(names)}, of which nothing is left to draw.")
    return left


def without_undrawn(rules: Iterable[Rule], left: Set[str], notices: list[str]) -> list[Rule]:
    """The rules without what they narrow of these names, which have left the space: what isn't drawn is not narrowed."""
    found = []
    for rule in rules:
        kept = tuple(one for one in rule.narrowings if one.name not in left)
        if kept or rule.require is not None or not rule.narrowings:
            found.append(replace(rule, narrowings=kept))
            continue
        names = " and ".join(sorted({one.name for one in rule.narrowings}))
        notices.append(f"the rule {rule.title!r} is left out: it narrows {names}, which is not drawn any more.")
    return found


def lost_bundles(written: Parsed, kept: Parsed) -> set[str]:
    """Names of the bundles of which nothing is left that varies: which label would hold can't be said."""
    still = {one.name for one in kept.parameters}
    return {one.name for one in written.parameters if isinstance(one, Bundle)} - still
