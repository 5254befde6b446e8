"""Each stage's space, once what the environment and `--set` pin has left it, and what is of no use without that.

It must not know what a stage is, nor how a space is judged (`space_check` does).
"""

from __future__ import annotations

from collections.abc import Callable, Sequence, Set
from dataclasses import dataclass

from summtune.config.layers import Resolved
from summtune.config.orphans import lost_bundles, without_idle, without_lost, without_orphans, without_undrawn
from summtune.config.space_check import Models, SpaceCheck, built_space
from summtune.config.space_document import SpaceDocument
from summtune.space.constraints import Constraints
from summtune.space.rules import Rule
from summtune.space.spec import Parsed


@dataclass(frozen=True)
class SpaceChecks:
    """What all stages have in common.

    Attributes:
        document: the search space.
        constraints: what it says under `constraints`.
        base: the settings beneath.
        pinned: the settings keys that are pinned.
        lost: names of bundles of which nothing is left.
        idle_alone: finds the parameters that would have no effect with nothing pinned: mistakes of the file, which stay in the space.
        notices: what leaves a space is said here.
    """

    document: SpaceDocument
    constraints: Constraints
    base: Resolved
    pinned: Set[str]
    lost: Set[str]
    idle_alone: Callable[[], Set[str]]
    notices: list[str]

    def of(self, varying: Parsed, rules: Sequence[Rule], models: Models, trained: Models = (), *, whole: bool) -> tuple[Parsed, SpaceCheck]:
        """What is left of the parameters that aren't pinned, and the check of the space that they make.

        Args:
            varying: those parameters.
            rules: between them.
            models: that the space draws.
            trained: that another stage draws.
            whole: whether the settings beneath are known; without them nothing can be said of effects.
        """
        kept, gone = varying, {*self.pinned, *self.lost}
        while True:
            kept = without_orphans(kept, gone, self.base.flat, self.notices)
            still = {one.name for one in kept.parameters}
            left = {name for one in varying.parameters if one.name not in still for name in (one.name, *one.keys)}
            judged = without_undrawn(without_lost(rules, lost_bundles(varying, kept), self.notices), left, self.notices)
            space = built_space(kept, judged, self.base, models)
            check = SpaceCheck(self.document, kept, self.constraints, space, self.base, models, trained)
            found = check.idle() if whole and self.pinned else []
            of_the_file = self.idle_alone() if found else ()
            idle = {one.name: one.reasons for one in found if one.name not in of_the_file}
            if not idle:
                return kept, check
            gone |= {name for one in kept.parameters if one.name in idle for name in (one.name, *one.keys)}
            kept = without_idle(kept, idle, self.notices)
