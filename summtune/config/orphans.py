"""What the environment and `--set` take out of a space besides what they pin: parameters whose `when` can't hold any more, and rules that
look at a bundle that is gone.

The file is right without them, and so nothing here is a mistake of the file's: it is said once, and left out. It must not know what
pins (`layering` does), nor how a space is drawn.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import replace
from typing import Any

from summtune.space.bundle import Bundle
from summtune.space.parameters import Parameter
from summtune.space.rules import Rule, When
from summtune.space.spec import Parsed
from summtune.space.values import shown


def without_orphans(written: Parsed, kept: Parsed, pinned: Iterable[str], values: Mapping[str, Any], notices: list[str]) -> Parsed:
    """The parameters that may still exist.

    Args:
        written: all of the space's parameters.
        kept: those that are not pinned.
        pinned: the settings keys that are.
        values: the settings beneath, flat.
        notices: what leaves the space is said here.
    """
    gone = {*pinned, *lost_bundles(written, kept)}
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


def without_lost(rules: Iterable[Rule], written: Parsed, kept: Parsed, notices: list[str]) -> list[Rule]:
    """The rules that can still be judged."""
    lost = lost_bundles(written, kept)
    left = []
    for rule in rules:
        names = sorted(rule.names & lost)
        if not names:
            left.append(rule)
            continue
        notices.append(f"the rule {rule.title!r} is left out: it looks at {' and '.join(names)}, of which nothing is left to draw.")
    return left


def lost_bundles(written: Parsed, kept: Parsed) -> set[str]:
    """Names of the bundles of which every key is pinned: which label would hold can't be said."""
    still = {one.name for one in kept.parameters}
    return {one.name for one in written.parameters if isinstance(one, Bundle)} - still
