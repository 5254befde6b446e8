"""Settings from environment variables and from `--set key=value`: one value each, read by the rules of files."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any

from summtune.config import synonyms
from summtune.config.catalogue import catalogue
from summtune.config.layers import Entry, LayerName, Origin
from summtune.config.places import PACKED_ROOT, placed
from summtune.config.settings import OPEN_KEYS
from summtune.config.settings_file import Reading
from summtune.documents import parse_scalar
from summtune.errors import Problem, SettingsMistake
from summtune.space.naming import Unfit
from summtune.space.values import shown

VARIABLES: Mapping[str, str] = {
    "WANDB_PROJECT": "wandb.project",
    "WANDB_ENTITY": "wandb.entity",
    "WANDB_MODE": "wandb.mode",
    "MODEL_NAME": "model.checkpoint",
    "OUTPUT_DIR": "general.output_dir",
    "BATCH_SIZE": "training.per_device_train_batch_size",
    "LEARNING_RATE": "training.learning_rate",
    "NUM_EPOCHS": "training.num_train_epochs",
    "SEED": "general.seed",
}
_PREFIX = "SUMMTUNE_"
_SPACES_COUNT = ("tokenizer.prefix", "tokenizer.input_format")
"""Texts before others that models read, whose spaces at the end are meant; of other texts those at the ends hardly are."""
_NO_SETTINGS = ("SUMMTUNE_CACHE", "SUMMTUNE_STORAGE", PACKED_ROOT)


def read_environment(environ: Mapping[str, str]) -> Reading:
    """The variables that are settings. One that is empty says nothing, as one that is not there."""
    reading = Reading()
    for name, text in sorted(environ.items()):
        if not text.strip():
            continue
        if name in VARIABLES:
            _keep(reading, "environment", name, name, VARIABLES[name], text)
        elif name.startswith(_PREFIX) and "__" in name:
            section, _, rest = name.removeprefix(_PREFIX).partition("__")
            _keep(reading, "environment", name, name, f"{section}.{rest}".lower().replace("__", "."), text)
        elif name.startswith(_PREFIX) and name not in _NO_SETTINGS:
            key = _meant(name.removeprefix(_PREFIX).lower())
            if key is not None:
                remedy = f"Write {_PREFIX}{key.upper().replace('.', '__')}."
                reading.problems.append(Problem("a setting is named by its section and its key, two underscores between.", remedy, name))
    reading.problems.extend(synonyms.reduce(reading.layer))
    return reading


def settings_variables(environ: Mapping[str, str]) -> dict[str, str]:
    """Those of the variables that are settings: what has to act wherever the same settings are to come out."""
    named = {name: text for name, text in environ.items() if name in VARIABLES or (name.startswith(_PREFIX) and "__" in name)}
    return {name: text for name, text in sorted(named.items()) if text.strip()}


def _meant(name: str) -> str | None:
    """The settings key that the rest of a variable's name may mean; None where it is nothing of ours."""
    vocabulary = catalogue().vocabulary
    section = next((one for one in vocabulary.sections if name.startswith(f"{one}_")), None)
    return vocabulary.meaning(name) or (vocabulary.meaning(f"{section}.{name.removeprefix(f'{section}_')}") if section else None)


def split_assignments(assignments: Iterable[str]) -> tuple[list[tuple[str, str]], list[Problem]]:
    """What stands before and behind each `=` of `--set`, and what is wrong with those that have no key or no `=`."""
    parted = [(assignment, *assignment.partition("=")) for assignment in assignments]
    pairs = [(key.strip(), text) for _, key, equals, text in parted if equals and key.strip()]
    wrong = [whole for whole, key, equals, _ in parted if not (equals and key.strip())]
    return pairs, [Problem(f"{whole!r} is no assignment.", "Write key=value.", "--set") for whole in wrong]


def read_assignments(assignments: Iterable[tuple[str, str]]) -> Reading:
    """Pairs of a settings key and a text; of two for one key the last one counts, as on any command line."""
    reading = Reading()
    for key, text in assignments:
        _keep(reading, "--set", f"--set {key}", f"{key}={text}", key, text)
    reading.problems.extend(synonyms.reduce(reading.layer))
    return reading


def read_value(text: str, wanted_text: bool) -> tuple[Any, str]:
    """A text as a value, and as it was written. Where text is wanted nothing is read into it but quotes.

    Raises:
        Unfit: brackets or quotes that don't close.
    """
    try:
        value = parse_scalar(text)
    except SettingsMistake as mistake:
        if wanted_text:
            return text.strip(), text
        reason = mistake.problems[0].reason.removeprefix("this is not YAML: ")
        raise Unfit(f"{text} is not YAML: {reason}", "Quote it for the shell: '[a, b]'.") from None
    if wanted_text and not isinstance(value, (str, type(None))):
        return text.strip(), text
    return value, text.strip()


def left_out(name: str, text: str) -> str | None:
    """Why an assignment means nothing and can be left out; None where it can't."""
    try:
        value, _ = read_value(text, wanted_text=False)
    except Unfit:
        return None
    return catalogue().left_out(name, value)


def _keep(reading: Reading, layer: LayerName, written: str, source: str, name: str, text: str) -> None:
    try:
        reason = left_out(name, text)
        if reason is not None:
            reading.notices.append(f"{written} is left out: {reason}.")
            return
        key = catalogue().resolve(name)
        bare = text.strip()
        listed = bare.startswith("[") and bare.endswith("]") and catalogue().takes_list(key)
        value, plain = read_value(text, catalogue().takes_text(key) and not listed)
        if key in _SPACES_COUNT and value == bare:
            value = text.lstrip().rstrip("\r\n")
        # Such paths are relative to where the person stands.
        checked = placed(key, catalogue().check(key, value, plain), Path.cwd())
    except Unfit as unfit:
        reading.problems.append(Problem(unfit.reason, unfit.remedy, written))
        return
    said = reading.layer.get(key)
    if layer == "environment" and said is not None and said.value != checked:
        reason = f"it says {shown(checked)} for {key}, and {said.written} says {shown(said.value)}."
        reading.problems.append(Problem(reason, "Unset one of them.", written))
        return
    origin = Origin(layer, source)
    if key in OPEN_KEYS and isinstance(checked, dict) and checked:
        reading.layer.update({f"{key}.{name}": Entry(inner, origin, written, mapping=key) for name, inner in checked.items()})
    else:
        reading.layer[key] = Entry(checked, origin, written)
