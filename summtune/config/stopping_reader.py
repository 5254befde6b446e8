"""What `early_terminate` of a search space asks for, seen together with what varies: its rungs, and whose trials compete.

It must not know how a rule judges (`search.stopping` does).
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace

from summtune.config.catalogue import catalogue
from summtune.config.evaluations import by_steps, longest
from summtune.config.layers import Resolved
from summtune.config.space_document import SpaceDocument
from summtune.config.space_file import SpaceFile
from summtune.config.stopping import Stopping, not_looked_at, stopping, stops_nothing, types
from summtune.errors import Problem
from summtune.space.naming import Unfit, did_you_mean
from summtune.space.parameters import Constant
from summtune.space.spec import Parsed


@dataclass(frozen=True)
class StoppingReader:
    """Reads it; what is wrong, or is to be known, is added to the lists that it is given."""

    space: SpaceDocument
    problems: list[Problem]
    notices: list[str]

    def stopping(self, top: SpaceFile, beneath: Sequence[Resolved], written: Parsed, kept: Parsed) -> Stopping:
        """The rule, its rungs counted in evaluations.

        Args:
            top: the search space.
            beneath: the settings of the base, and of each model that may be drawn.
            written: what varies in training, as it was written.
            kept: what of that really varies.
        """
        if top.early_terminate is not None and top.early_terminate.type not in types():
            return Stopping("none")
        iterations = max(longest(resolved.flat, kept.parameters) for resolved in beneath)
        try:
            found = stopping(top.early_terminate, iterations)
        except Unfit as unfit:
            self.problems.append(self.space.problem(("early_terminate",), unfit.reason, unfit.remedy))
            return Stopping("none")
        without = not_looked_at(top.early_terminate)
        self.notices.extend([without] if without is not None else [])
        counted_in_steps = any(by_steps(resolved.flat, kept.parameters) for resolved in beneath)  # which say it once the data are read
        nothing = stops_nothing(found, iterations)
        self.notices.extend([nothing] if nothing is not None and not counted_in_steps else [])
        named = top.early_terminate.brackets if top.early_terminate else None
        return found if named is None else replace(found, brackets=self._brackets(named, written, kept))

    def _brackets(self, named: str, written: Parsed, kept: Parsed) -> str | None:
        """The name of the parameter whose values compete among themselves; None where there is nothing to keep apart."""
        path = ("early_terminate", "brackets")
        try:
            key = catalogue().resolve(named)
        except Unfit:
            key = named  # a bundle's own name
        meant = [one for one in written.parameters if one.name == named or key in one.keys]
        if not meant:
            hint = did_you_mean(named, [name for one in written.parameters for name in dict.fromkeys((one.name, *one.keys))])
            self.problems.append(self.space.problem(path, f"no parameter that trials are trained with is called {named!r}.", hint))
            return None
        parameter = meant[0]
        if parameter.size() is None:
            reason = f"{parameter.name} has no end of values, and hardly two trials would have the same."
            self.problems.append(self.space.problem(path, reason, "Name a parameter with `values`, or a bundle."))
            return None
        if isinstance(parameter, Constant) or all(one.name != parameter.name for one in kept.parameters):
            self.notices.append(f"early_terminate.brackets: {parameter.name} has one value: all trials compete.")
            return None
        return parameter.name
