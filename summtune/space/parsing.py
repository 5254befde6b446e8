"""`parameters:` of a search space, with its groups, bundles and conditions, to parameters."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from summtune.documents import Document, KeyPath
from summtune.space.bundle import Bundle
from summtune.space.conditions import read_conditions
from summtune.space.naming import Unfit
from summtune.space.parameters import Constant, Parameter
from summtune.space.spec import Catalogue, Parsed, SpecReader
from summtune.space.values import brief, fingerprint

MAX_PARAMETERS = 200

_ARCHITECTURE, _CHECKPOINT = "model.architecture", "model.checkpoint"


def parse_parameters(document: Document, path: KeyPath, catalogue: Catalogue) -> Parsed:
    """Read the mapping at `path` of a document."""
    parsed = Parsed()
    value: Any = document.value
    for part in path:
        value = value[part]
    if not isinstance(value, dict) or not value:
        parsed.problems.append(
            document.problem(path, "it must name what varies.", "Write `parameters: {learning_rate: {min: 1e-5, max: 1e-3}}`.")
        )
        return parsed
    count = _count(value)
    if count > MAX_PARAMETERS:
        parsed.problems.append(document.problem(path, f"there are {count:,} parameters.", f"A space has at most {MAX_PARAMETERS}."))
        return parsed
    _Reader(document, catalogue, parsed).group(path, value, "")
    read_conditions(document, catalogue, parsed)
    return parsed


def _count(group: Mapping[str, Any]) -> int:
    """How many parameters a group has, and those in it."""
    inner = (spec["parameters"] for spec in group.values() if isinstance(spec, dict) and isinstance(spec.get("parameters"), dict))
    return len(group) + sum(map(_count, inner))


def _only_value(spec: Any) -> Any:
    """The value of a spec that has one, always; None where it varies."""
    if not isinstance(spec, dict) or not set(spec) <= {"value", "values", "distribution"}:
        return None
    values = spec.get("values")
    return values[0] if isinstance(values, list) and len(values) == 1 else spec.get("value")


@dataclass
class _Reader:
    """Reads groups; what it finds goes to `parsed`."""

    document: Document
    catalogue: Catalogue
    parsed: Parsed
    titles: dict[str, KeyPath] = field(default_factory=dict)
    """Where each bundle of that name stands."""

    def group(self, path: KeyPath, group: Mapping[str, Any], prefix: str) -> None:
        paired = self._paired(path, group, prefix)
        for name, spec in group.items():
            here = (*path, name)
            if name in paired:
                continue
            if isinstance(spec, dict) and "parameters" in spec:
                self._nested(here, spec, f"{prefix}{name}")
            elif isinstance(spec, dict) and "bundle" in spec:
                self._bundle(here, spec, f"{prefix}{name}")
            else:
                self._single(here, spec, f"{prefix}{name}")

    def _problem(self, path: KeyPath, reason: str, remedy: str = "") -> None:
        self.parsed.problems.append(self.document.problem(path, reason, remedy))

    def _single(self, here: KeyPath, spec: Any, written: str) -> None:
        fixed = _only_value(spec)
        if fixed is not None and self._left_out(here, written, fixed):
            return
        try:
            key = self.catalogue.resolve(written)
        except Unfit as unfit:
            self._problem(here, unfit.reason, unfit.remedy)
            return
        if not self._claim(key, here):
            return
        self.parsed.places[key] = here
        parameter = SpecReader(self.document, here, key, self.catalogue, self.parsed).read(spec)
        if parameter is not None:
            self._keep(parameter, here, spec)

    def _left_out(self, here: KeyPath, written: str, value: Any) -> bool:
        """Whether a setting with this value means nothing, which is said then."""
        reason = self.catalogue.left_out(written, value)
        if reason is not None:
            self.parsed.notices.append(f"{self.document.place(here)}{written} is left out: {reason}.")
        return reason is not None

    def _claim(self, key: str, here: KeyPath) -> bool:
        """Make a key this parameter's own."""
        if self._called(key, self.titles, here):
            return False
        if key in self.parsed.claimed:
            first = ".".join(str(part) for part in self.parsed.claimed[key])
            self._problem(here, f"this is {key}, which {first} is already.", "Keep one of them.")
            return False
        self.parsed.claimed[key] = here
        return True

    def _called(self, name: str, others: Mapping[str, KeyPath], here: KeyPath) -> bool:
        """Whether another parameter has this name, which is said then: rules, and the space, could not tell them apart."""
        if name not in others:
            return False
        first = ".".join(str(part) for part in others[name])
        self._problem(here, f"another parameter is called {name} already: {first}.", "Give it another name.")
        return True

    def _keep(self, parameter: Parameter, here: KeyPath, spec: Any) -> None:
        try:
            if not isinstance(parameter, Constant):
                for key in parameter.keys:
                    self.catalogue.searchable(key)
        except Unfit as unfit:
            self._problem(here, unfit.reason, unfit.remedy)
            return
        self.parsed.parameters.append(parameter)
        if isinstance(spec, dict) and "when" in spec:
            self.parsed.whens[parameter.name] = (here, spec["when"])

    def _nested(self, here: KeyPath, spec: Mapping[str, Any], prefix: str) -> None:
        for other in spec:
            if other != "parameters":
                self._problem((*here, other), "a group holds `parameters` and nothing else.", "Remove it.")
        inner = spec["parameters"]
        if not isinstance(inner, dict) or not inner:
            self._problem((*here, "parameters"), "a group must name what varies in it.")
            return
        self.group((*here, "parameters"), inner, f"{prefix}.")

    def _bundle(self, here: KeyPath, spec: Mapping[str, Any], title: str) -> None:
        for other in spec:
            if other not in ("bundle", "when"):
                self._problem((*here, other), "a bundle has no such key.", "It holds `bundle`, and may hold `when`.")
        labels = spec["bundle"]
        if not isinstance(labels, dict) or not labels:
            self._problem((*here, "bundle"), "it must be labels, each with its settings.", "Write `bundle: {small: {batch_size: 8}, …}`.")
            return
        options: list[tuple[str, tuple[tuple[str, Any], ...]]] = []
        claimed: dict[str, KeyPath] = {}
        known: dict[str, str] = {}
        sound = True
        for label, settings in labels.items():
            option = self._option((*here, "bundle", label), settings, claimed)
            if option is None:
                sound = False
                continue
            twin = known.setdefault(fingerprint(sorted((key, fingerprint(value)) for key, value in option)), label)
            if twin != label:
                self._problem((*here, "bundle", label), f"it says the same as {twin}.", "Remove one of them.")
                sound = False
            options.append((label, option))
        for key, place in claimed.items():
            sound = self._claim(key, place) and sound
        if not sound:
            return
        if self._called(title, {**self.parsed.claimed, **self.titles}, here):
            return
        self.titles[title] = self.parsed.places[title] = here
        if len(options) == 1:
            for key, value in options[0][1]:
                self.parsed.places[key] = claimed[key]
                self._keep(Constant(key, value), claimed[key], spec)
            return
        self._keep(Bundle(title, tuple(options)), here, spec)

    def _option(self, here: KeyPath, settings: Any, claimed: dict[str, KeyPath]) -> tuple[tuple[str, Any], ...] | None:
        """One label's settings, by dotted key."""
        if not isinstance(settings, dict) or not settings:
            self._problem(here, "a label of a bundle holds settings.", "Write `{batch_size: 8, learning_rate: 1e-4}`.")
            return None
        option: dict[str, Any] = {}
        sound = True
        for name, value in settings.items():
            place = (*here, name)
            if self._left_out(place, name, value):
                continue
            try:
                key = self.catalogue.resolve(name)
                self.catalogue.searchable(key)
                checked = self.catalogue.check(key, value, self.document.plain.get(place))
            except Unfit as unfit:
                self._problem(place, unfit.reason, unfit.remedy)
                sound = False
                continue
            if key in option:
                self._problem(place, f"{key} stands here twice.", "Remove one of them.")
                sound = False
            option[key] = checked
            claimed.setdefault(key, place)
        return tuple(option.items()) if sound else None

    def _paired(self, path: KeyPath, group: Mapping[str, Any], prefix: str) -> set[str]:
        """Architectures and checkpoints side by side: paired position by position, since their product makes no sense."""
        named: dict[str, str] = {}
        for name, spec in group.items():
            try:
                key = self.catalogue.resolve(f"{prefix}{name}")
            except Unfit:
                continue  # said where the parameter itself is read
            values = spec.get("values") if isinstance(spec, dict) else None
            if key in (_ARCHITECTURE, _CHECKPOINT) and isinstance(values, list) and len(values) > 1:
                named[key] = name
        if set(named) != {_ARCHITECTURE, _CHECKPOINT}:
            return set()
        here = (*path, named[_CHECKPOINT])
        lists = {key: group[name]["values"] for key, name in named.items()}
        if len(lists[_ARCHITECTURE]) != len(lists[_CHECKPOINT]):
            counts = f"{len(lists[_ARCHITECTURE])} architectures and {len(lists[_CHECKPOINT])} checkpoints"
            self._problem(here, f"{counts} can't be paired, and their product makes no sense.", "Give lists of equal length.")
            return set(named.values())
        for name in named.values():
            for other in group[name]:
                if other not in ("values", "distribution"):
                    self._problem((*path, name, other), "architectures and checkpoints that are paired have `values` only.", "Remove it.")
        options: list[tuple[str, tuple[tuple[str, Any], ...]]] = []
        for index, checkpoint in enumerate(lists[_CHECKPOINT]):
            option: list[tuple[str, Any]] = []
            for key, name in named.items():
                place = (*path, name, "values", index)
                try:
                    option.append((key, self.catalogue.check(key, lists[key][index], self.document.plain.get(place))))
                except Unfit as unfit:
                    self._problem(place, unfit.reason, unfit.remedy)
            if any(label == str(checkpoint) for label, _ in options):
                self._problem((*here, "values", index), f"{brief(checkpoint)} stands in the list twice.", "Remove one of them.")
            options.append((str(checkpoint), tuple(option)))
        if all(self._claim(key, (*path, name)) for key, name in named.items()):
            title = f"{prefix}{named[_CHECKPOINT]}"
            self.titles[title] = self.parsed.places[title] = here
            self.parsed.parameters.append(Bundle(title, tuple(options)))
            self.parsed.notices.append(
                f"{named[_ARCHITECTURE]} and {named[_CHECKPOINT]} are paired, position by position: {len(options)} models."
            )
        return set(named.values())
