"""One parameter's spec in W&B's terms (`values`, `min`, `distribution`, …) to a Parameter.

What values a key takes is asked of a `Catalogue` (`config` has it). It must not know of files beyond the marks in a Document.
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, Literal, Protocol

from summtune.documents import Document, KeyPath
from summtune.errors import Problem
from summtune.space.naming import Unfit, did_you_mean
from summtune.space.parameters import Choice, Constant, Integers, Parameter, Reals, multiples_within, shown

Kind = Literal["integer", "real", "other"]

NOT_YET = "not yet:"
"""How the reason begins where a key is understood, but its machinery is missing."""

_RANGES = {
    "int_uniform", "uniform", "q_uniform", "log_uniform_values", "q_log_uniform_values", "log_uniform", "q_log_uniform",
}  # fmt: skip
_NOT_YET_DISTRIBUTIONS = (
    "categorical_w_probabilities",
    "inv_log_uniform_values",
    "inv_log_uniform",
    "normal",
    "q_normal",
    "log_normal",
    "q_log_normal",
    "beta",
    "q_beta",
)
_FIELDS: Mapping[str, frozenset[str]] = {
    "constant": frozenset({"value"}),
    "categorical": frozenset({"values"}),
    **dict.fromkeys(_RANGES, frozenset({"min", "max"})),
}
_QUANTISED = {"q_uniform", "q_log_uniform_values", "q_log_uniform"}
_NUMBERS = ("min", "max", "q")
_SPEC_KEYS = ("value", "values", *_NUMBERS, "distribution", "mu", "sigma", "a", "b", "probabilities", "when", "bundle", "parameters")
_NOT_YET_KEYS = ("probabilities", "when", "bundle", "mu", "sigma", "a", "b")


class Catalogue(Protocol):
    """What is known of the settings' keys."""

    def resolve(self, name: str) -> str:
        """The dotted key that a name means; raises Unfit."""

    def searchable(self, key: str) -> None:
        """Raises Unfit where a key makes no sense as a parameter, or not yet."""

    def kind(self, key: str) -> Kind:
        """What values the key takes."""

    def check(self, key: str, value: Any, plain: str | None = None) -> Any:
        """The value as the settings hold it; `plain` is how it was written. Raises Unfit."""


@dataclass
class Parsed:
    """What came of it; where there are problems the parameters are those that could be read."""

    parameters: list[Parameter] = field(default_factory=list)
    places: dict[str, KeyPath] = field(default_factory=dict)
    problems: list[Problem] = field(default_factory=list)
    notices: list[str] = field(default_factory=list)


class SpecReader:
    """Reads one parameter's spec; problems go to `parsed`."""

    def __init__(self, document: Document, path: KeyPath, key: str, catalogue: Catalogue, parsed: Parsed) -> None:
        self.document = document
        self.path = path
        self.key = key
        self.catalogue = catalogue
        self.parsed = parsed

    def _note(self, reason: str, remedy: str = "", *under: str | int) -> None:
        self.parsed.problems.append(self.document.problem((*self.path, *under), reason, remedy))

    def read(self, spec: Any) -> Parameter | None:
        if not isinstance(spec, dict):
            given = shown(spec)
            fixed = f"values: {given}" if isinstance(spec, list) else f"value: {given}"
            self._note("it must be a mapping that says how it varies.", f"Write `{{{fixed}}}`.")
            return None
        sound = True
        for name in spec:
            if name not in _SPEC_KEYS:
                self._note("no parameter has this key.", did_you_mean(name, _SPEC_KEYS), name)
                sound = False
            elif name in _NOT_YET_KEYS:
                self._note(f"{NOT_YET} `{name}` is understood, but can't be run so far.", "Leave it out.", name)
                sound = False
        distribution = self._distribution(spec) if sound else None
        if distribution is None:
            return None
        wanted = _FIELDS[distribution] | ({"q"} if distribution in _QUANTISED else set())
        for name in spec:
            if name not in wanted | {"distribution"}:
                self._note(f"{distribution} has no `{name}`.", f"It takes {' and '.join(sorted(wanted))}.", name)
                sound = False
        for name in sorted(_FIELDS[distribution] - set(spec)):
            self._note(f"{distribution} needs `{name}`.", "Add it.")
            sound = False
        if not sound:
            return None
        if distribution == "constant":
            return self._constant(spec["value"])
        if distribution == "categorical":
            return self._choice(spec["values"])
        return self._range(distribution, spec)

    def _distribution(self, spec: Mapping[str, Any]) -> str | None:
        if "distribution" in spec:
            named = spec["distribution"]
            if isinstance(named, str) and named in _FIELDS:
                return str(named)
            if named in _NOT_YET_DISTRIBUTIONS:
                self._note(
                    f"{NOT_YET} the distribution {named} can't be drawn so far.",
                    "Use uniform, log_uniform_values or values.",
                    "distribution",
                )
            else:
                known = [*_FIELDS, *_NOT_YET_DISTRIBUTIONS]
                self._note(f"{shown(named)} is no distribution.", did_you_mean(str(named), known), "distribution")
            return None
        if "value" in spec:
            return "constant"
        if "values" in spec:
            return "categorical"
        if "min" in spec and "max" in spec:
            return "int_uniform" if _is_integer(spec["min"]) and _is_integer(spec["max"]) else "uniform"
        missing = next((name for name, other in (("min", "max"), ("max", "min")) if other in spec), None)
        if missing:
            self._note(f"it has no `{missing}`.", "A range needs both ends.")
        else:
            self._note("it doesn't say how it varies.", "Give `value`, `values`, or `min` and `max`.")
        return None

    def _checked(self, value: Any, *under: str | int, key_hint: str = "") -> tuple[bool, Any]:
        try:
            return True, self.catalogue.check(self.key, value, self.document.plain.get((*self.path, *under)))
        except Unfit as unfit:
            self._note(unfit.reason, key_hint or unfit.remedy, *under)
            return False, None

    def _constant(self, value: Any) -> Parameter | None:
        fits, checked = self._checked(value, "value")
        return Constant(self.key, checked) if fits else None

    def _choice(self, values: Any) -> Parameter | None:
        if not isinstance(values, list) or not values:
            self._note("it must be a list of at least one value.", "Write `values: [a, b]`.", "values")
            return None
        outcomes = [self._checked(value, "values", index) for index, value in enumerate(values)]
        if not all(fits for fits, _ in outcomes):
            return None
        kept: list[Any] = []
        for index, (_, value) in enumerate(outcomes):
            if any(type(other) is type(value) and other == value for other in kept):
                self._note(f"{shown(value)} stands in the list twice.", "Remove one of them.", "values", index)
                return None
            kept.append(value)
        return Constant(self.key, kept[0]) if len(kept) == 1 else Choice(self.key, tuple(kept))

    def _range(self, distribution: str, spec: Mapping[str, Any]) -> Parameter | None:
        sound = True
        for name in _NUMBERS:
            if name in spec and not (
                isinstance(spec[name], (int, float)) and not isinstance(spec[name], bool) and math.isfinite(spec[name])
            ):
                hint = "Remove the quotes." if isinstance(spec[name], str) and _reads_as_number(spec[name]) else "Give a number."
                self._note(f"{shown(spec[name])} is no number.", hint, name)
                sound = False
        kind = self.catalogue.kind(self.key)
        if kind == "other":
            self._note("its values are no numbers, so that a range says nothing.", "Give `values: [a, b]`.")
            sound = False
        if not sound:
            return None
        low, high = spec["min"], spec["max"]
        hint = ""
        if distribution in ("log_uniform", "q_log_uniform"):
            hint = f"In {distribution} the bounds are exponents, as in W&B; {distribution}_values takes the values themselves."
            try:
                low, high = math.exp(low), math.exp(high)
            except OverflowError:
                self._note("e to the power of these bounds is too large.", hint)
                return None
        if low > high:
            self._note(f"min {shown(spec['min'])} is above max {shown(spec['max'])}.", "Exchange them.", "min")
            return None
        log = "log" in distribution
        if log and low <= 0:
            self._note(f"{shown(low)} has no logarithm: {distribution} needs bounds above 0.", "Raise min, or use uniform.", "min")
            return None
        step = spec.get("q", 1 if distribution in _QUANTISED else None)  # W&B's default
        if step is not None and step <= 0:
            self._note(f"a step of {shown(step)} leads nowhere.", "Give a q above 0.", "q")
            return None
        return (
            self._whole(distribution, low, high, log, step, hint)
            if kind == "integer"
            else self._fractions(distribution, low, high, log, step, hint)
        )

    def _whole(self, distribution: str, low: float, high: float, log: bool, step: float | None, hint: str) -> Parameter | None:
        """A range for a key that takes whole numbers only."""
        if distribution in ("log_uniform", "q_log_uniform"):
            low, high = math.ceil(low - 1e-9), math.floor(high + 1e-9)
        fractions = [name for name, number in (("min", low), ("max", high), ("q", step)) if number is not None and number != int(number)]
        if fractions or (distribution == "uniform"):
            self._note(
                f"{self.key} takes whole numbers, and this range draws fractions.",
                "Give two integers as min and max, or `values`.",
                *fractions[:1],
            )
            return None
        first, last, stride = int(low), int(high), int(step or 1)
        if step is not None:
            first, last = -(-first // stride) * stride, last // stride * stride
        if first > last:
            self._note(f"there is no multiple of {stride} from {shown(low)} to {shown(high)}.", "Widen the range, or lower q.")
            return None
        outcomes = [self._checked(end, name, key_hint=hint) for name, end in (("min", first), ("max", last))]
        if not all(fits for fits, _ in outcomes):
            return None
        return Constant(self.key, first) if first == last else Integers(self.key, first, last, log, stride)

    def _fractions(self, distribution: str, low: float, high: float, log: bool, step: float | None, hint: str) -> Parameter | None:
        """A range for a key that takes any number."""
        if distribution == "int_uniform":
            if not (_is_integer(low) and _is_integer(high)):
                self._note("int_uniform needs integers as min and max.", "Use uniform.")
                return None
            step = 1.0
            self.parsed.notices.append(
                f"{self.key}: both bounds are integers, so that only whole numbers are drawn (W&B's rule);"
                f" write {float(low)} and {float(high)} for all between."
            )
        bottom, top = float(low), float(high)
        if step is not None:
            bottom, top = multiples_within(bottom, top, float(step))
            if bottom > top or (log and bottom <= 0):
                self._note(f"there is no multiple of {shown(step)} from {shown(low)} to {shown(high)}.", "Widen the range, or lower q.")
                return None
        outcomes = [self._checked(end, name, key_hint=hint) for name, end in (("min", bottom), ("max", top))]
        if not all(fits for fits, _ in outcomes):
            return None
        return Constant(self.key, bottom) if bottom == top else Reals(self.key, bottom, top, log, None if step is None else float(step))


def _is_integer(value: Any) -> bool:
    return isinstance(value, int) and not isinstance(value, bool)


def _reads_as_number(text: str) -> bool:
    try:
        float(text)
    except ValueError:
        return False
    return True
