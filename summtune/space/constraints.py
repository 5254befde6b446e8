"""`constraints:` of a search space to rules: conditions, what they narrow, and limits on metrics."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from summtune.documents import Document, KeyPath
from summtune.errors import Problem
from summtune.space.bundle import Bundle
from summtune.space.conditions import checked_values, may_lie_beneath, possible_values, reference, setter
from summtune.space.expressions import Node, parse_expression
from summtune.space.naming import Unfit, Unknown, did_you_mean
from summtune.space.rules import Narrowing, Rule
from summtune.space.shaped import Shaped
from summtune.space.spec import Catalogue, Parsed
from summtune.space.values import brief

CONSTRAINT_KEYS: Mapping[str, str] = {
    "name": "What messages call it.",
    "condition": "A comparison of parameters, settings and constants, with and, or, not, in; the rule applies where it holds.",
    "then": "Parameters, each with what is left of it: `min`, `max`, `values` or `value`.",
    "require": "A comparison that must hold, such as `a * b <= 64`.",
    "require_metric": "A limit on a metric, such as `guardrails/invented_speakers <= 0.02`: trials beyond it are infeasible.",
}
THEN_KEYS: Mapping[str, str] = {
    "min": "Nothing below this.",
    "max": "Nothing above this.",
    "values": "Only these.",
    "value": "Only this.",
}

MAX_RULES = 100
MAX_WEIGHT = 2000
"""Rules are judged thousands of times before anything starts, and again for each point."""

_NUMBERS = ("integer", "real", "number")
_AMONG = {"==": "in", "!=": "not in"}

_METRIC = re.compile(r"\s*([A-Za-z_][\w/.-]*)\s*(<=|>=|<|>)\s*([-+]?[\d.]+(?:[eE][-+]?\d+)?)\s*")


@dataclass(frozen=True)
class MetricLimit:
    """`require_metric`: a metric, how it is compared, and with what."""

    metric: str
    sign: str
    limit: float
    path: KeyPath


@dataclass
class Constraints:
    """What was read; where there are problems, what could be."""

    rules: list[Rule] = field(default_factory=list)
    limits: list[MetricLimit] = field(default_factory=list)
    places: dict[str, KeyPath] = field(default_factory=dict)
    problems: list[Problem] = field(default_factory=list)


def parse_constraints(document: Document, path: KeyPath, value: Any, catalogue: Catalogue, parsed: Parsed) -> Constraints:
    """Read the list at `path` of a document, against the parameters that were read before."""
    found = Constraints()
    if not isinstance(value, list):
        hint = "Write `constraints:` and below it `- condition: …` and `then: {…}`."
        found.problems.append(document.problem(path, "it must be a list of rules.", hint))
        return found
    if len(value) > MAX_RULES:
        found.problems.append(document.problem(path, f"there are {len(value):,} rules.", f"A space has at most {MAX_RULES}."))
        return found
    for index, item in enumerate(value):
        _Reader(document, (*path, index), catalogue, parsed, found).read(item, f"constraint {index + 1}")
    weight = sum(rule.weight for rule in found.rules)
    if weight > MAX_WEIGHT:
        reason = f"the rules together are made of {weight:,} names, numbers and signs."
        found.problems.append(document.problem(path, reason, f"Shorten them to {MAX_WEIGHT:,}."))
        found.rules.clear()
    return found


@dataclass
class _Reader:
    """Reads one rule; what it finds goes to `found`."""

    document: Document
    path: KeyPath
    catalogue: Catalogue
    parsed: Parsed
    found: Constraints

    def read(self, item: Any, title: str) -> None:
        if not isinstance(item, dict):
            self._note((), "a rule is a mapping.", "Write `- condition: …` and below it `then: {…}`.")
            return
        before = len(self.found.problems)
        for key in item:
            if key not in CONSTRAINT_KEYS:
                self._note((key,), "a rule has no such key.", did_you_mean(key, CONSTRAINT_KEYS))
        name = item.get("name", title)
        if not isinstance(name, (str, int, float)) or isinstance(name, bool):
            self._note(("name",), f"{brief(name)} is no name.", "Give text.")
        if "require_metric" in item:
            self._limit(item)
            return
        if "then" not in item and "require" not in item:
            self._note((), "it says nothing: there is neither `then` nor `require`.", "Add one of them.")
        if "then" in item and "condition" not in item:
            self._note(("then",), "`then` needs a `condition`.", "Add it, or narrow the parameter itself.")
        condition = self._expression("condition", item) if "condition" in item else None
        require = self._expression("require", item) if "require" in item else None
        narrowings = self._then(item["then"]) if "then" in item else ()
        if len(self.found.problems) > before:
            return
        rule = Rule(str(name), condition, narrowings, require)
        if not any(setter(self.parsed, one) for one in rule.names):
            self._note((), "nothing in it varies.", "Name a parameter, or remove the rule.")
            return
        self.found.rules.append(rule)
        self.found.places[rule.title] = self.path

    def _note(self, under: tuple[str | int, ...], reason: str, remedy: str = "") -> None:
        self.found.problems.append(self.document.problem((*self.path, *under), reason, remedy))

    def _expression(self, key: str, item: Mapping[str, Any]) -> Node | None:
        text = item[key]
        if not isinstance(text, str):
            self._note((key,), f"{brief(text)} is no comparison.", "Write one, such as `encoder_max_len > 512`.")
            return None
        try:
            node = parse_expression(text).renamed(self._named)
            self._check_truth(node)
            return self._checked(node)
        except Unfit as unfit:
            self._note((key,), unfit.reason, unfit.remedy)
            return None

    def _named(self, name: str) -> str:
        try:
            return reference(self.catalogue, self.parsed, name)
        except Unknown as unfit:
            raise Unfit(unfit.reason, f"{unfit.remedy} Text needs quotes.".strip()) from None

    def _check_truth(self, node: Node) -> None:
        """Whether something is true or false, all the way down: `seed == 1 or 2` would always be true."""
        if node.kind == "compare":
            for part in node.parts:
                self._check_operand(part)
        elif node.kind in ("and", "or", "not"):
            for part in node.parts:
                self._check_truth(part)
        elif not self._is_switch(node):
            raise Unfit(f"`{node}` compares nothing.", "Write a comparison, such as `encoder_max_len > 512`.")

    def _check_operand(self, node: Node) -> None:
        """Whether what is compared can be: nothing comes of arithmetic with what is no number."""
        if node.kind in ("compare", "and", "or", "not"):
            self._check_truth(node)
        for part in node.parts if node.kind in ("list", "arithmetic", "negative") else ():
            if node.kind != "list" and not self._is_number(part):
                raise Unfit(f"`{part}` is no number, so that nothing comes of `{node}`.", "Name settings that are numbers.")
            self._check_operand(part)

    def _is_number(self, node: Node) -> bool:
        if node.kind == "name":
            return node.word[0] not in self.parsed.bundles and self.catalogue.kind(node.word[0]) in _NUMBERS
        return node.kind in ("arithmetic", "negative") or (node.kind == "value" and type(node.value) in (int, float))

    def _is_switch(self, node: Node) -> bool:
        """`do_sample` by itself is a condition, too."""
        if node.kind == "value":
            return isinstance(node.value, bool)
        if node.kind != "name" or node.word[0] in self.parsed.bundles:
            return False
        try:
            return isinstance(self.catalogue.check(node.word[0], True), bool)
        except Unfit:
            return False

    def _checked(self, node: Node) -> Node:
        """Compared values checked for the key that they are compared with."""
        parts = tuple(self._checked(part) for part in node.parts)
        if node.kind != "compare":
            return Node(node.kind, node.word, node.value, parts)
        if len(parts) == 2 and parts[0].kind == "value" and node.word[0] in _AMONG:  # the name first, as `in` has it
            parts = parts[::-1]
        changed, signs = list(parts), list(node.word)
        for place, sign in enumerate(node.word):
            left, right = changed[place], changed[place + 1]
            changed[place + 1] = self._against(left, sign, right)
            if sign not in ("in", "not in"):
                changed[place] = self._against(right, sign, left)
            if sign in _AMONG and right.kind == "value" and changed[place + 1].kind == "list":
                signs[place] = _AMONG[sign]  # the value has several names
        return Node(node.kind, tuple(signs), node.value, tuple(changed))

    def _against(self, name: Node, sign: str, other: Node) -> Node:
        """The other side of a comparison with a name, its constants as the settings hold them."""
        if name.kind != "name":
            return other
        key = name.word[0]
        if sign in ("<", "<=", ">", ">="):
            numbers = key not in self.parsed.bundles and self.catalogue.kind(key) in _NUMBERS
            if other.kind == "value" and isinstance(other.value, (int, float)) and not numbers:
                raise Unfit(f"{key} is no number, so that {sign} says nothing.", "Compare with == or in.")
            if other.kind == "value" and not isinstance(other.value, (int, float)) and numbers:
                raise Unfit(f"{key} is a number, and {brief(other.value)} is none.", "Give a number.")
            return other
        if sign in ("in", "not in") and other.kind not in ("list", "name"):
            raise Unfit(f"`{sign}` needs a list.", "Write `optim in ['adamw_torch', 'adafactor']`.")
        if other.kind == "value":
            values = self._values(key, other.value)
            return (
                Node("value", value=values[0])
                if len(values) == 1
                else Node("list", parts=tuple(Node("value", value=one) for one in values))
            )
        if other.kind == "list":
            checked = [self._against(name, "==", part) for part in other.parts]
            return Node("list", parts=tuple(one for part in checked for one in (part.parts if part.kind == "list" else (part,))))
        return other

    def _values(self, key: str, value: Any) -> tuple[Any, ...]:
        """A constant that a key is compared with, as the settings hold it, and others that say the same."""
        return checked_values(self.document, self.catalogue, self.parsed, (), key, value)

    def _then(self, then: Any) -> tuple[Narrowing, ...]:
        if not isinstance(then, dict) or not then:
            self._note(("then",), "it must name parameters.", "Write `then: {batch_size: {max: 16}}`.")
            return ()
        narrowings = []
        for name, spec in then.items():
            try:
                narrowings.append(self._narrowing(name, spec))
            except Unfit as unfit:
                self._note(("then", name), unfit.reason, unfit.remedy)
        return tuple(narrowings)

    def _narrowing(self, name: str, spec: Any) -> Narrowing:
        key = self._named(name)
        parameter = setter(self.parsed, key)
        if parameter is None:
            raise Unfit(f"{key} does not vary, so that nothing can be narrowed.", "Search it, or set it under `settings:`.")
        if not isinstance(spec, dict) or not spec:
            raise Unfit("it must say what is left.", "Write `{max: 16}`, `{values: [8, 16]}` or `{value: 8}`.")
        for word in spec:
            if word not in THEN_KEYS:
                raise Unfit(f"nothing is narrowed by `{word}`.", did_you_mean(word, THEN_KEYS))
        if "value" in spec and "values" in spec:
            raise Unfit("there are both `value` and `values`.", "Keep one of them.")
        for word in ("min", "max"):
            if word in spec and (not isinstance(spec[word], (int, float)) or isinstance(spec[word], bool)):
                raise Unfit(f"{word}: {brief(spec[word])} is no number.", "Give a number.")
        values = spec.get("values", [spec["value"]] if "value" in spec else None)
        if values is not None and (not isinstance(values, list) or not values):
            raise Unfit("`values` must be a list of at least one value.", "Write `{values: [8, 16]}`.")
        if values is not None:
            values = tuple(one for value in values for one in self._values(key, value))
        narrowing = Narrowing(key, spec.get("min"), spec.get("max"), values)
        possible = possible_values(parameter, key)
        if possible is not None:
            partly = isinstance(parameter, Bundle) and may_lie_beneath(self.parsed, parameter, key)
            if not partly and not any(narrowing.holds({key: value}) for value in possible):
                raise Unfit(f"nothing is left of {key}, which is {parameter.describe()}.", "Widen it.")
        else:
            low, high = getattr(parameter, "low", None), getattr(parameter, "high", None)
            least, most = narrowing.low, narrowing.high
            apart = (least is not None and high is not None and least > high) or (most is not None and low is not None and most < low)
            if apart or (least is not None and most is not None and least > most):
                raise Unfit(f"nothing is left of {key}, which is {parameter.describe()}.", "Widen it.")
            if values is not None and (isinstance(parameter, Shaped) or parameter.size() is None):
                raise Unfit(f"{key} has no end of values, of which these are never drawn.", "Narrow it by `min` and `max`.")
        return narrowing

    def _limit(self, item: Mapping[str, Any]) -> None:
        for other in ("condition", "then", "require"):
            if other in item:
                self._note((other,), "a limit on a metric stands by itself.", "Make it a rule of its own.")
        text = item["require_metric"]
        found = _METRIC.fullmatch(text) if isinstance(text, str) else None
        if found is None:
            self._note(("require_metric",), f"{brief(text)} is no limit on a metric.", "Write `loss <= 2.0`.")
            return
        try:
            limit = float(found[3])
        except ValueError:
            self._note(("require_metric",), f"{found[3]} is no number.", "Write `loss <= 2.0`.")
            return
        self.found.limits.append(MetricLimit(found[1], found[2], limit, (*self.path, "require_metric")))
