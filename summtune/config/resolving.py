"""From one merged layer to checked settings, and from a base file to its layer and its model's preset."""

from __future__ import annotations

from pathlib import Path

from pydantic import ValidationError

from summtune.config import presets, synonyms
from summtune.config.architectures import defaults_of
from summtune.config.checkpoint_facts import architecture_of
from summtune.config.complaints import explain
from summtune.config.layers import Layer, nest
from summtune.config.settings import Settings
from summtune.config.settings_file import Reading, read_sections
from summtune.config.space_file import DEFAULT_BASE
from summtune.documents import Document, read_document
from summtune.errors import Problem


def resolved_settings(layer: Layer, problems: list[Problem]) -> Settings | None:
    """The settings of all layers together; None, and what is wrong added to the problems, where they can't be."""
    synonyms.settle_warmup(layer)
    values = {key: entry.value for key, entry in layer.items()}
    values = {**defaults_of(architecture_of(values)), **values}
    synonyms.mirror(values)
    try:
        return Settings.model_validate(nest(values))
    except ValidationError as error:
        for one in error.errors(include_url=False):
            unfit = explain(one)
            key = ".".join(str(part) for part in one["loc"][:2])
            entry = next((entry for known, entry in layer.items() if known == key or known.startswith(f"{key}.")), None)
            problems.append(entry.problem(unfit.reason, unfit.remedy) if entry else Problem(unfit.reason, unfit.remedy, key))
        return None


def read_base(path: Path) -> tuple[str | None, Reading]:
    """The preset of a base file's own model, and what the file says.

    Raises:
        SettingsMistake: the file can't be read at all.
    """
    return base_of(read_document(path, shown_as=shown_path(path)), path)


def base_of(document: Document, path: Path) -> tuple[str | None, Reading]:
    """As `read_base`, of a file that was read."""
    reading = read_sections(document, "base", path.absolute().parent)
    model = {key: entry.value for key, entry in reading.layer.items() if key in ("model.preset", "model.checkpoint", "model.architecture")}
    if not any(model.values()):
        reading.notices.append(f"{shown_path(path)} names no model: {DEFAULT_BASE} is used.")
        return DEFAULT_BASE, reading
    return presets.of_model(model.get("model.preset"), model.get("model.checkpoint"), model.get("model.architecture")), reading


def shown_path(path: Path) -> str:
    """A path as short as it can be from where the person stands."""
    absolute = path.resolve()
    here = Path.cwd()
    return str(absolute.relative_to(here)) if absolute.is_relative_to(here) else str(absolute)
