"""Which settings a training by itself has: those that are named, and where it goes on, what isn't said again from where it began."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

from summtune.config.complete import Complete, load_settings
from summtune.config.places import is_there
from summtune.config.space_document import says_what_varies
from summtune.documents import read_document
from summtune.errors import Problem, SettingsMistake
from summtune.training.carried import settings_file
from summtune.training.resumption import whole_checkpoint

KEY = "--config"


def chosen_settings(config: str | None, checkpoint: Path | None, named: Sequence[str], assignments: Sequence[str]) -> Complete:
    """The complete settings.

    Args:
        config: a settings file or a preset's name; may be left out where a training goes on.
        checkpoint: what it goes on from.
        named: `key=value` of the flags that stand for settings.
        assignments: `key=value` as after `--set`, over all.

    Raises:
        SettingsMistake: they can't be, or it is not said what to train.
        RunMistake: what it shall go on from is no checkpoint.
    """
    before = settings_file(checkpoint) if checkpoint is not None else None
    if config is None:
        if before is None:
            if checkpoint is not None:
                whole_checkpoint(checkpoint)  # what is no checkpoint says nothing about what to train: that comes first
            remedy = "Name a settings file or a preset, such as `--config tiny-kobart`."
            raise SettingsMistake(Problem("it is not said what to train.", remedy, key=KEY))
        # What was resolved then holds: today's environment has had its say there.
        return load_settings(str(before), assignments=[*named, *assignments], environ={})
    _refuse_search_space(config)
    complete = load_settings(config, assignments=[*named, *assignments])
    if before is None or complete.resolved.origin("data.train").layer != "default":
        return complete
    theirs = load_settings(str(before), environ={}).resolved.settings.data
    again = [f"data.{split}={path}" for split in ("train", "dev") if (path := getattr(theirs, split)) is not None]
    if not again:
        return complete
    found = load_settings(config, assignments=[*again, *named, *assignments])
    said = f"{config} names no data: those that the checkpoint was trained on are used ({theirs.train})."
    return replace(found, notices=(*found.notices, said))


def _refuse_search_space(config: str) -> None:
    path = Path(config)
    if not (is_there(path) and path.is_file()):
        return
    if says_what_varies(read_document(path).value):
        reason = f"{config} is a search space, which says what varies; a single training has nothing that varies."
        raise SettingsMistake(Problem(reason, f"`summtune run {config}` runs it.", key=KEY))
