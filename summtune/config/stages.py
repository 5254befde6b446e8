"""Which parameters are searched by training, and which afterwards, by decoding trained checkpoints again.

It must not know how parameters are read (`space.parsing`), nor what a stage does.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field, replace
from typing import Any

from summtune.config.space_document import SpaceDocument
from summtune.config.space_file import DecodeSpec, SpaceFile
from summtune.errors import Problem
from summtune.space.constraints import Constraints
from summtune.space.parameters import Constant, Parameter
from summtune.space.rules import Rule
from summtune.space.space import Space
from summtune.space.spec import Parsed

GENERATION = "generation."
_INLINE = "Write `decode: inline` to train with each."


@dataclass(frozen=True)
class DecodeStage:
    """Settings of generation that are searched on trained checkpoints.

    Attributes:
        space: what varies; generation's keys only.
        method: how points are chosen.
        count: settings tried on each checkpoint, its own not among them.
        top_k: trials whose checkpoints are decoded again.
    """

    space: Space
    method: str
    count: int
    top_k: int

    def to_record(self) -> dict[str, Any]:
        """As JSON can hold it."""
        return {"space": self.space.to_record(), "method": self.method, "count": self.count, "top_k": self.top_k}

    @classmethod
    def from_record(cls, record: Mapping[str, Any]) -> DecodeStage:
        """What `to_record` wrote."""
        return cls(**{**record, "space": Space.from_record(record["space"])})


@dataclass
class Stages:
    """What was read, by stage.

    Attributes:
        training: parameters that trials are trained with.
        decoding: parameters that checkpoints are decoded with; empty where there is no such stage.
        training_rules, decoding_rules: the rules between each.
    """

    training: Parsed
    decoding: Parsed = field(default_factory=Parsed)
    training_rules: list[Rule] = field(default_factory=list)
    decoding_rules: list[Rule] = field(default_factory=list)
    problems: list[Problem] = field(default_factory=list)
    moved: tuple[str, ...] = ()

    def notices(self, decoded: Parsed) -> list[str]:
        """What was moved to the decode stage, of what is `decoded` in the end."""
        names = [one.name for one in decoded.parameters if one.name in self.moved]
        if not names or self.problems:
            return []
        verb = "is" if len(names) == 1 else "are"
        return [f"{', '.join(names)} {verb} searched after training, on the best checkpoints (`decode: inline` trains with each)."]


def split(document: SpaceDocument, top: SpaceFile, parsed: Parsed, given: Parsed, constraints: Constraints) -> Stages:
    """Move generation's parameters to the decode stage, unless the file asks to train with each.

    Args:
        document: for places.
        top: for `decode`.
        parsed: what stands under `parameters`.
        given: what stands under `decode.parameters`.
        constraints: rules between all of them.
    """
    if top.decode == "inline":
        return Stages(parsed, training_rules=constraints.rules)
    moved = [one for one in parsed.parameters if _of_generation(one) and not (isinstance(one, Constant) and _everywhere(one, parsed))]
    stages = Stages(_only(parsed, [one for one in parsed.parameters if one not in moved]))
    twice = dict(_said_twice(document, parsed, given, moved))
    stages.problems.extend(twice.values())
    stages.decoding = together(_only(parsed, moved), _only(given, [one for one in given.parameters if one.name not in twice]))
    for one in stages.training.parameters:
        if any(key.startswith(GENERATION) for key in one.keys) and not isinstance(one, Constant):
            reason = "it ties keys of generation, which are searched after training, to others."
            stages.problems.append(document.problem(parsed.places[one.name], reason, f"Separate them. {_INLINE}"))
    _conditions(document, stages)
    _rules(document, stages, constraints)
    stages.moved = tuple(one.name for one in moved)
    return stages


def outside_generation(document: SpaceDocument, given: Parsed) -> list[Problem]:
    """Keys under `decode.parameters` that would need a training."""
    return [
        document.problem(place, f"{key} needs a training, and decoding is searched without.", "Move it to `parameters`.")
        for key, place in given.claimed.items()
        if not key.startswith(GENERATION)
    ]


def _said_twice(document: SpaceDocument, parsed: Parsed, given: Parsed, moved: list[Parameter]) -> Iterator[tuple[str, Problem]]:
    """Parameters of `decode.parameters` that are among those above already, by name: a key that is searched, or a bundle's title."""
    titles = parsed.bundles | given.bundles
    for one in given.parameters:
        for other in parsed.parameters:
            shared = {one.name, *one.keys} & {other.name, *other.keys}
            name = next((name for name in (*one.keys, one.name) if name in shared and (other in moved or name in titles)), None)
            if name is not None:
                first = ".".join(map(str, parsed.claimed.get(name) or parsed.places[other.name]))
                place = given.claimed.get(name) or given.places[one.name]
                if name in titles:
                    yield (
                        one.name,
                        document.problem(place, f"another parameter is called {name} already: {first}.", "Give it another name."),
                    )
                else:
                    yield one.name, document.problem(place, f"this is {name}, which {first} is already.", "Keep one of them.")


def _of_generation(parameter: Parameter) -> bool:
    return all(key.startswith(GENERATION) for key in parameter.keys)


def _everywhere(parameter: Parameter, parsed: Parsed) -> bool:
    """Whether it exists in every point."""
    return parameter.name not in parsed.conditions


def _only(parsed: Parsed, parameters: list[Parameter]) -> Parsed:
    """What was read of some of the parameters."""
    names = {one.name for one in parameters}
    conditions = {name: whens for name, whens in parsed.conditions.items() if name in names}
    return replace(parsed, parameters=parameters, conditions=conditions)


def together(one: Parsed, other: Parsed) -> Parsed:
    """What was read in two places."""
    return Parsed(
        parameters=[*one.parameters, *other.parameters],
        places={**one.places, **other.places},
        claimed={**one.claimed, **other.claimed},
        conditions={**one.conditions, **other.conditions},
    )


def _conditions(document: SpaceDocument, stages: Stages) -> None:
    """A `when` may not look at what is decided in the other stage."""
    for here, other in ((stages.training, stages.decoding), (stages.decoding, stages.training)):
        varying = _names(other)
        for name, whens in here.conditions.items():
            for when in whens:
                if when.name in varying:
                    reason = f"its `when` looks at {when.name}: one is decided by training, the other after it."
                    stages.problems.append(document.problem(here.places[name], reason, _INLINE))


def _rules(document: SpaceDocument, stages: Stages, constraints: Constraints) -> None:
    training, decoding = _names(stages.training), _names(stages.decoding)
    for rule in constraints.rules:
        if rule.names & training and rule.names & decoding:
            reason = f"{rule.title!r} ties what is trained to what is decoded afterwards."
            stages.problems.append(document.problem(constraints.places.get(rule.title, ("constraints",)), reason, _INLINE))
        elif rule.names & decoding:
            stages.decoding_rules.append(rule)
        else:
            stages.training_rules.append(rule)


def _names(parsed: Parsed) -> set[str]:
    varying = [one for one in parsed.parameters if not (isinstance(one, Constant) and _everywhere(one, parsed))]
    return {name for one in varying for name in (one.name, *one.keys)}


def asked_for(top: SpaceFile) -> DecodeSpec:
    """What `decode` says beside its parameters."""
    return top.decode if isinstance(top.decode, DecodeSpec) else DecodeSpec()
