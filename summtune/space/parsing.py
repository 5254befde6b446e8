"""`parameters:` of a search space, with its groups, to parameters."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from summtune.documents import Document, KeyPath
from summtune.space.naming import Unfit
from summtune.space.parameters import Constant
from summtune.space.spec import Catalogue, Parsed, SpecReader


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
    _read_group(document, path, value, "", catalogue, parsed)
    return parsed


def _read_group(document: Document, path: KeyPath, group: Mapping[str, Any], prefix: str, catalogue: Catalogue, parsed: Parsed) -> None:
    for name, spec in group.items():
        here = (*path, name)
        if isinstance(spec, dict) and "parameters" in spec:
            _read_nested(document, here, spec, f"{prefix}{name}", catalogue, parsed)
            continue
        try:
            key = catalogue.resolve(prefix + name)
        except Unfit as unfit:
            parsed.problems.append(document.problem(here, unfit.reason, unfit.remedy))
            continue
        if key in parsed.places:
            first = ".".join(str(part) for part in parsed.places[key])
            parsed.problems.append(document.problem(here, f"this is {key}, which {first} is already.", "Keep one of them."))
            continue
        parsed.places[key] = here
        reader = SpecReader(document, here, key, catalogue, parsed)
        parameter = reader.read(spec)
        if parameter is None:
            continue
        try:
            if not isinstance(parameter, Constant):
                catalogue.searchable(key)
            parsed.parameters.append(parameter)
        except Unfit as unfit:
            parsed.problems.append(document.problem(here, unfit.reason, unfit.remedy))


def _read_nested(document: Document, here: KeyPath, spec: Mapping[str, Any], prefix: str, catalogue: Catalogue, parsed: Parsed) -> None:
    for other in spec:
        if other != "parameters":
            parsed.problems.append(document.problem((*here, other), "a group holds `parameters` and nothing else.", "Remove it."))
    inner = spec["parameters"]
    if not isinstance(inner, dict) or not inner:
        parsed.problems.append(document.problem((*here, "parameters"), "a group must name what varies in it."))
        return
    _read_group(document, (*here, "parameters"), inner, f"{prefix}.", catalogue, parsed)
