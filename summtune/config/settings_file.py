"""Sections of settings in a file (a base, a preset, `settings:` of a search space) to one layer, and all that is wrong with them."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from functools import cache
from pathlib import Path
from typing import Any

from summtune.config import presets, synonyms
from summtune.config.catalogue import ALIASES, catalogue
from summtune.config.layers import Entry, Layer, LayerName, Origin
from summtune.config.places import placed
from summtune.config.settings import OPEN_KEYS
from summtune.config.training_arguments import DECIDED, DROPPED
from summtune.documents import Document, KeyPath
from summtune.errors import Problem
from summtune.space.naming import Unfit, did_you_mean
from summtune.space.values import brief


@dataclass
class Reading:
    """One layer as read; where there are problems it holds what could be read."""

    layer: Layer = field(default_factory=dict)
    problems: list[Problem] = field(default_factory=list)
    notices: list[str] = field(default_factory=list)


def read_sections(document: Document, layer: LayerName, folder: Path | None) -> Reading:
    """Read a file that is nothing but sections.

    Args:
        document: the file.
        layer: what the values belong to.
        folder: what relative paths are relative to; None where there can be none.
    """
    reader = SectionReader(document, layer, folder)
    reader.sections((), document.value)
    return reader.finish()


@cache
def _preset(name: str) -> Mapping[str, Entry]:
    document = presets.document(name)
    reading = read_sections(document, "preset", None)
    if reading.problems:  # presets are shipped, and a test loads each of them
        raise AssertionError(f"preset {name}: {reading.problems[0]}")
    return reading.layer | {"model.preset": Entry(name, Origin("preset", document.file), "model.preset")}


def read_preset(name: str) -> Layer:
    """A preset's settings."""
    return dict(_preset(name))


class SectionReader:
    """Collects one layer from one document, from as many places of it as there are; two that say the same key are a problem."""

    def __init__(self, document: Document, layer: LayerName, folder: Path | None) -> None:
        self.document = document
        self.name: LayerName = layer
        self.folder = folder
        self.reading = Reading()

    def finish(self) -> Reading:
        """What was read, each thing said in one word."""
        self.reading.problems.extend(synonyms.reduce(self.reading.layer))
        return self.reading

    def sections(self, path: KeyPath, value: Any) -> None:
        """Read sections that stand at a path."""
        if value is None:
            return
        if not isinstance(value, dict):
            self._note(path, "sections of settings are meant here.", "Write `training:` and below it, indented, `learning_rate: 5e-5`.")
            return
        for section, content in value.items():
            self.section((*path, section), section, content)

    def section(self, path: KeyPath, section: str, content: Any) -> None:
        """Read one section that stands at a path."""
        sections = catalogue().vocabulary.sections
        if section not in sections:
            self._note(path, "there is no such section.", self._section_hint(section, content, sections))
            return
        if content is None:
            return
        if not isinstance(content, dict):
            self._note(path, "a section holds `key: value` lines.", "Indent them below it.")
            return
        for name, value in content.items():
            self._read_key((*path, name), f"{section}.{name}", value)

    def _note(self, path: KeyPath, reason: str, remedy: str = "") -> None:
        self.reading.problems.append(self.document.problem(path, reason, remedy))

    def _section_hint(self, section: str, content: Any, sections: tuple[str, ...]) -> str:
        if section == "base":  # a search space's word
            return f"A preset is named by `model: {{preset: {content}}}` in a file of settings."
        if not isinstance(content, dict):
            try:
                key = catalogue().resolve(section)
            except Unfit:
                return did_you_mean(section, sections)
            home, _, name = key.partition(".")
            return f"Did you mean {key}? A setting stands in its section: `{home}: {{{name}: {brief(content)}}}`."
        return did_you_mean(section, sections)

    def _read_key(self, path: KeyPath, written: str, value: Any) -> None:
        if self._left_out(path, written, value):
            return
        try:
            key = catalogue().resolve(written)
            if key in OPEN_KEYS and isinstance(value, dict) and value:
                for name, inner in value.items():
                    self.keep((*path, name), catalogue().resolve(f"{key}.{name}"), inner)
                return
            self.keep(path, key, value)
        except Unfit as unfit:
            self._note(path, unfit.reason, unfit.remedy)

    def _left_out(self, path: KeyPath, written: str, value: Any) -> bool:
        """Old arguments of transformers that mean nothing, or what happens anyway."""
        if not written.startswith("training."):
            return False
        argument = ALIASES.get(written, written).removeprefix("training.")
        place = f"{self.document.file}:{self.document.marks[path].line}: " if path in self.document.marks else ""
        if argument in DROPPED:
            self.reading.notices.append(f"{place}{written} is left out: {DROPPED[argument]}.")
            return True
        decided = DECIDED.get(argument)
        if decided and decided.asks_for_the_same(value):
            self.reading.notices.append(f"{place}{written} is left out: {decided.by}.")
            return True
        return False

    def keep(self, path: KeyPath, key: str, value: Any) -> None:
        """Read the value of one key that stands at a path."""
        try:
            checked = placed(key, catalogue().check(key, value, self.document.plain.get(path)), self.folder)
        except Unfit as unfit:
            self._note(path, unfit.reason, unfit.remedy)
            return
        if key in self.reading.layer:
            self._note(path, f"it says {key}, which {self.reading.layer[key].written} says already.", "Remove one of them.")
            return
        mark = self.document.marks.get(path)
        origin = Origin(self.name, self.document.file, mark.line if mark else None)
        written = ".".join(str(part) for part in path)
        self.reading.layer[key] = Entry(checked, origin, written, mark.column if mark else None)
