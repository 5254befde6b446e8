"""Presets: settings shipped for a model by name, one YAML file each in `summtune/presets/`."""

from __future__ import annotations

from dataclasses import replace
from functools import cache
from pathlib import Path

from summtune import paths
from summtune.documents import Document, read_document

LIMITS = "limits"  # facts about a preset's model beside its sections of settings


@cache
def names() -> tuple[str, ...]:
    """All presets, sorted."""
    return tuple(sorted(file.stem for file in paths.shipped("presets").glob("*.yaml")))


def file_of(name: str) -> Path:
    """A preset's file."""
    return paths.shipped("presets") / f"{name}.yaml"


@cache
def _content(name: str) -> Document:
    return read_document(file_of(name), shown_as=f"{name}.yaml")


def document(name: str) -> Document:
    """A preset's sections of settings."""
    content = _content(name)
    return replace(content, value={section: keys for section, keys in content.value.items() if section != LIMITS})


@cache
def _by_checkpoint() -> dict[str, str]:
    pairs = ((document(name).value["model"].get("checkpoint"), name) for name in names())
    return {checkpoint: name for checkpoint, name in pairs if checkpoint}


def of_model(preset: object = None, checkpoint: object = None, architecture: object = None) -> str | None:
    """The preset of a model: the one that is named, or that has its checkpoint, or (without one) that is called as its architecture."""
    if isinstance(preset, str):
        return preset if preset in names() else None
    if isinstance(checkpoint, str):
        return _by_checkpoint().get(checkpoint)
    return architecture if isinstance(architecture, str) and architecture in names() else None


def positions(name: str) -> int | None:
    """How many positions a preset's model has, where its configuration is not at hand before it is loaded."""
    found = _content(name).value.get(LIMITS, {}).get("positions")
    return found if isinstance(found, int) else None
