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
from summtune.scalars import number_in_text
from summtune.space.bundle import Bundle
from summtune.space.distributions import DISTRIBUTIONS, ELSEWHERE, EXPONENTS, SPEC_KEYS, instead_of
from summtune.space.naming import Unfit, did_you_mean
from summtune.space.parameters import Choice, Constant, Integers, Parameter, Reals
from summtune.space.rules import When
from summtune.space.shaped import Shaped
from summtune.space.values import brief, fingerprint, multiples_within, proportions

Kind = Literal["integer", "real", "number", "other"]
"""What values a key takes; `number` where it isn't known whether whole ones only."""

NOT_YET = "not yet:"
"""How the reason begins where a key is understood, but its machinery is missing."""

_NUMBERS = ("min", "max", "q", "mu", "sigma", "a", "b")

MAX_WHOLE = 2**53
"""Samplers hold whole numbers as floats, which beyond this can't tell neighbours apart."""


class Catalogue(Protocol):
    """What is known of the settings' keys."""

    def resolve(self, name: str) -> str:
        """The dotted key that a name means; raises Unfit."""

    def left_out(self, name: str, value: Any) -> str | None:
        """Why a setting with this value can be left out; None where it can't."""

    def judged(self, name: str) -> str:
        """The dotted key that rules look at where they name a setting; raises Unfit."""

    def alike(self, key: str, value: Any) -> tuple[Any, ...]:
        """A value of the key, and others that say the same."""

    def searchable(self, key: str) -> None:
        """Raises Unfit where a key makes no sense as a parameter, or not yet."""

    def kind(self, key: str) -> Kind:
        """What values the key takes."""

    def bounds(self, key: str) -> tuple[float, float]:
        """The least and the greatest number that the key takes; infinite where there is none."""

    def check(self, key: str, value: Any, plain: str | None = None) -> Any:
        """The value as the settings hold it; `plain` is how it was written. Raises Unfit."""


@dataclass
class Parsed:
    """What came of it; where there are problems the parameters are those that could be read.

    Attributes:
        places: where each parameter stands, by its name.
        claimed: where each settings key that a parameter sets stands.
        whens: what was written under `when`, by the parameter's name, with the parameter's place.
        conditions: the same, read.
    """

    parameters: list[Parameter] = field(default_factory=list)
    places: dict[str, KeyPath] = field(default_factory=dict)
    claimed: dict[str, KeyPath] = field(default_factory=dict)
    whens: dict[str, tuple[KeyPath, Any]] = field(default_factory=dict)
    conditions: dict[str, tuple[When, ...]] = field(default_factory=dict)
    problems: list[Problem] = field(default_factory=list)
    notices: list[str] = field(default_factory=list)

    @property
    def bundles(self) -> set[str]:
        """Names of the bundles."""
        return {parameter.name for parameter in self.parameters if isinstance(parameter, Bundle)}


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
        """The parameter that a spec describes; None where it can't be read. `when` and `bundle` are read elsewhere."""
        if not isinstance(spec, dict):
            given = brief(spec)
            fixed = f"values: {given}" if isinstance(spec, list) else f"value: {given}"
            self._note("it must be a mapping that says how it varies.", f"Write `{{{fixed}}}`.")
            return None
        spec = {name: value for name, value in spec.items() if name != "when"}
        sound = True
        for name in spec:
            if name not in SPEC_KEYS:
                self._note("no parameter has this key.", ELSEWHERE.get(name) or did_you_mean(name, SPEC_KEYS), name)
                sound = False
        distribution = self._distribution(spec) if sound else None
        if distribution is None:
            return None
        known = DISTRIBUTIONS[distribution]
        for name in spec:
            if name not in (*known.takes, "distribution"):
                self._note(f"{distribution} has no `{name}`.", instead_of(name, distribution), name)
                sound = False
        for name in sorted(set(known.needs) - set(spec)):
            self._note(f"{distribution} needs `{name}`.", "Add it.")
            sound = False
        if not sound:
            return None
        if distribution == "constant":
            return self._constant(spec["value"])
        if "values" in known.needs:
            return self._choice(spec["values"], spec.get("probabilities"))
        if not self._all_numbers(spec):
            return None
        full = {**known.defaults, **spec}
        if "min" in known.needs:
            return self._range(distribution, full)
        return self._shaped(distribution, full)

    def _distribution(self, spec: Mapping[str, Any]) -> str | None:
        if "distribution" in spec:
            named = spec["distribution"]
            if isinstance(named, str) and named in DISTRIBUTIONS:
                return str(named)
            self._note(f"{brief(named)} is no distribution.", did_you_mean(str(named), DISTRIBUTIONS), "distribution")
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
        elif {"mu", "sigma"} & set(spec):
            self._note("it doesn't say which distribution.", "Write `distribution: normal`.")
        else:
            self._note("it doesn't say how it varies.", "Give `value`, `values`, or `min` and `max`.")
        return None

    def _all_numbers(self, spec: Mapping[str, Any]) -> bool:
        sound = True
        for name in _NUMBERS:
            if name in spec and not (
                isinstance(spec[name], (int, float)) and not isinstance(spec[name], bool) and math.isfinite(spec[name])
            ):
                hint = (number_in_text(spec[name]) if isinstance(spec[name], str) else "") or "Give a number."
                self._note(f"{brief(spec[name])} is no number.", hint, name)
                sound = False
        if self.catalogue.kind(self.key) == "other":
            self._note("its values are no numbers, so that a range says nothing.", "Give `values: [a, b]`.")
            sound = False
        if sound and "q" in spec and spec["q"] <= 0:
            self._note(f"a step of {brief(spec['q'])} leads nowhere.", "Give a q above 0.", "q")
            sound = False
        return sound

    def _checked(self, value: Any, *under: str | int, key_hint: str = "") -> tuple[bool, Any]:
        try:
            return True, self.catalogue.check(self.key, value, self.document.plain.get((*self.path, *under)))
        except Unfit as unfit:
            self._note(unfit.reason, key_hint or unfit.remedy, *under)
            return False, None

    def _constant(self, value: Any) -> Parameter | None:
        fits, checked = self._checked(value, "value")
        return Constant(self.key, checked) if fits else None

    def _choice(self, values: Any, probabilities: Any) -> Parameter | None:
        if not isinstance(values, list) or not values:
            self._note("it must be a list of at least one value.", "Write `values: [a, b]`.", "values")
            return None
        outcomes = [self._checked(value, "values", index) for index, value in enumerate(values)]
        if not all(fits for fits, _ in outcomes):
            return None
        kept: list[Any] = []
        known: dict[str, int] = {}
        for index, (_, value) in enumerate(outcomes):
            twin = known.setdefault(fingerprint(value), index)
            if twin != index:
                first, again = brief(values[twin]), brief(values[index])
                said = f"{again} stands in the list twice" if first == again else f"{first} and {again} are the same, {brief(value)}"
                self._note(f"{said}.", "Remove one of them.", "values", index)
                return None
            kept.append(value)
        if probabilities is None:
            return Constant(self.key, kept[0]) if len(kept) == 1 else Choice(self.key, tuple(kept))
        return self._weighted(kept, probabilities)

    def _weighted(self, values: list[Any], probabilities: Any) -> Parameter | None:
        numbers = isinstance(probabilities, list) and all(
            isinstance(one, (int, float)) and not isinstance(one, bool) and math.isfinite(one) and one >= 0 for one in probabilities
        )
        if not numbers:
            self._note("they must be a list of numbers, none below 0.", "Write `probabilities: [0.5, 0.5]`.", "probabilities")
            return None
        if len(probabilities) != len(values):
            self._note(f"there are {len(probabilities)} of them for {len(values)} values.", "Give one for each.", "probabilities")
            return None
        total = math.fsum(probabilities)
        if abs(total - 1) > 1e-6:
            hint = f"In the same proportions: {proportions(probabilities)}." if total > 0 else ""
            self._note(f"they sum to {brief(round(float(total), 6))}, not to 1.", hint, "probabilities")
            return None
        drawn = [(value, float(one)) for value, one in zip(values, probabilities, strict=True) if one > 0]
        for value, one in zip(values, probabilities, strict=True):
            if one == 0:
                self.parsed.notices.append(f"{self.key}: {brief(value)} has probability 0, and is never drawn.")
        if len(drawn) == 1:
            return Constant(self.key, drawn[0][0])
        return Choice(self.key, tuple(value for value, _ in drawn), tuple(one for _, one in drawn))

    def _range(self, distribution: str, spec: Mapping[str, Any]) -> Parameter | None:
        low, high = spec["min"], spec["max"]
        if low > high:
            self._note(f"min {brief(low)} is above max {brief(high)}.", "Exchange them.", "min")
            return None
        hint = ""
        if distribution in EXPONENTS:
            hint = f"In {distribution} the bounds are exponents, as in W&B; {distribution}_values takes the values themselves."
            if distribution.startswith("inv_"):
                low, high = -high, -low
            try:
                low, high = math.exp(low), math.exp(high)
            except OverflowError:
                self._note("e to the power of these bounds is too large.", hint)
                return None
        log = "log" in distribution
        if log and low <= 0:
            self._note(f"{brief(low)} has no logarithm: {distribution} needs bounds above 0.", "Raise min, or use uniform.", "min")
            return None
        step = spec.get("q")
        return (
            self._whole(distribution, low, high, log, step, hint)
            if self._whole_only(distribution, low, high, step)
            else self._fractions(distribution, low, high, log, step, hint)
        )

    def _inside(self, low: float, high: float) -> tuple[float, float]:
        """The ends of an even range, without one that the key must lie beyond (0 for a learning rate), and that is said."""
        least, greatest = self.catalogue.bounds(self.key)
        inside = [low, high]
        for place, (end, bound, side) in enumerate(((low, least, math.inf), (high, greatest, -math.inf))):
            if low < high and end != bound and math.nextafter(end, side) == bound:
                inside[place] = bound
                self.parsed.notices.append(f"{self.key}: {brief(end)} itself is not drawn, since it can't be.")
        return inside[0], inside[1]

    def _whole_only(self, distribution: str, *given: Any) -> bool:
        """Whether whole numbers are meant: by the key, or where that isn't known by the numbers of the spec."""
        kind = self.catalogue.kind(self.key)
        fractions = distribution in ("uniform", "normal", "log_normal", "beta", *EXPONENTS)
        return kind == "integer" or (kind == "number" and not fractions and all(one is None or _is_integer(one) for one in given))

    def _shaped(self, distribution: str, spec: Mapping[str, Any]) -> Parameter | None:
        """normal, log_normal, beta: within what the setting takes."""
        shape: Any = distribution.removeprefix("q_")
        first, second = (spec["a"], spec["b"]) if shape == "beta" else (spec["mu"], spec["sigma"])
        for name, number in (("sigma", spec.get("sigma", 1)), ("a", spec.get("a", 1)), ("b", spec.get("b", 1))):
            if number <= 0:
                self._note(f"{brief(number)} is too small: it must be above 0.", "", name)
                return None
        step = spec.get("q")
        whole = self._whole_only(distribution, step)
        if whole and (step is None or step != int(step)):
            self._note(f"{self.key} takes whole numbers, and {distribution} draws fractions.", f"Use q_{shape} with a whole q.")
            return None
        low, high = self.catalogue.bounds(self.key)
        if shape == "beta":
            low, high = max(low, 0.0), min(high, 1.0)
        elif shape == "log_normal":
            low = max(low, 0.0)
        if step is not None:
            bottom, top = multiples_within(low, high, float(step))
            # A bound that lies a hair beside a multiple leaves it out.
            low = bottom + step if bottom < low else bottom
            high = top - step if top > high else top
            if low == high:
                return Constant(self.key, int(low) if whole else low)
        parameter = Shaped(self.key, shape, float(first), float(second), low, high, None if step is None else float(step), whole)
        inside = parameter.below(high) - parameter.below(low) if low < high else 0.0
        if inside < 0.01:
            reason = f"hardly any of it ({inside:.2%}) lies within what {self.key} takes, {brief(low)} to {brief(high)}."
            self._note(reason, "Check the numbers, or use uniform with min and max.")
            return None
        if inside < 0.999:
            said = f"{self.key}: {1 - inside:.1%} of {distribution} lies beyond what it takes, and is not drawn."
            self.parsed.notices.append(said)
        return parameter

    def _whole(self, distribution: str, low: float, high: float, log: bool, step: float | None, hint: str) -> Parameter | None:
        """A range for a key that takes whole numbers only."""
        if distribution in EXPONENTS:
            low, high = max(math.ceil(low - 1e-9), 1), math.floor(high + 1e-9)  # e to any power is above 0
        fractions = [name for name, number in (("min", low), ("max", high), ("q", step)) if number is not None and number != int(number)]
        if fractions or (distribution == "uniform"):
            self._note(
                f"{self.key} takes whole numbers, and this range draws fractions.",
                "Give two integers as min and max, or `values`.",
                *fractions[:1],
            )
            return None
        first, last, stride = int(low), int(high), int(step or 1)
        if max(abs(first), abs(last), stride) > MAX_WHOLE:
            self._note(f"no sampler tells whole numbers above {MAX_WHOLE} (2^53) apart.", hint or "Lower max, or give `values`.")
            return None
        if step is not None:
            first, last = -(-first // stride) * stride, last // stride * stride
        if first > last:
            self._note(f"there is no multiple of {stride} from {brief(low)} to {brief(high)}.", "Widen the range, or lower q.")
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
            if max(abs(bottom), abs(top)) / step > 2**53:
                self._note(f"a step of {brief(step)} vanishes beside {brief(high)}.", hint or "Raise q, or lower max.", "q")
                return None
            bottom, top = multiples_within(bottom, top, float(step))
            if bottom > top or (log and bottom <= 0):
                self._note(f"there is no multiple of {brief(step)} from {brief(low)} to {brief(high)}.", "Widen the range, or lower q.")
                return None
        if step is None and not log:
            bottom, top = self._inside(bottom, top)
        outcomes = [self._checked(end, name, key_hint=hint) for name, end in (("min", bottom), ("max", top))]
        if not all(fits for fits, _ in outcomes):
            return None
        return Constant(self.key, bottom) if bottom == top else Reals(self.key, bottom, top, log, None if step is None else float(step))


def _is_integer(value: Any) -> bool:
    return isinstance(value, int) and not isinstance(value, bool)
