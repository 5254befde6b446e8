"""Settings that say one thing in several words: brought down to one of them in each layer, and mirrored in the others at the end.

training.fp16, training.bf16 (switches)   say training.precision
general.model_name                        says model.checkpoint
general.data_path (a folder)              says data.train, data.dev, data.test
training.warmup_steps                     replaces training.warmup_ratio
"""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import Any, get_args

from summtune.config.layers import Entry, Layer, LayerName, Origin
from summtune.config.places import is_there
from summtune.errors import Problem

SWITCHES = ("training.fp16", "training.bf16")
_STRENGTH = {name: strength for strength, name in enumerate(get_args(LayerName))}


def reduce(layer: Layer) -> list[Problem]:
    """Bring one layer's synonyms down to one word each, in place; what contradicts itself comes back as problems."""
    problems: list[Problem] = []
    _reduce_precision(layer, problems)
    _reduce_checkpoint(layer, problems)
    _reduce_data(layer)
    if all(key in layer and layer[key].value for key in ("training.warmup_steps", "training.warmup_ratio")):
        reason = "training.warmup_ratio says how long the warm-up is, too."
        problems.append(layer["training.warmup_steps"].problem(reason, "Remove one of them."))
    return problems


def settle_warmup(layer: Layer) -> None:
    """Of all layers together: the stronger of warmup_steps and warmup_ratio stays, in place."""
    steps, ratio = layer.get("training.warmup_steps"), layer.get("training.warmup_ratio")
    if steps is None or not steps.value:
        return
    if ratio is not None and _STRENGTH[ratio.origin.layer] > _STRENGTH[steps.origin.layer]:
        del layer["training.warmup_steps"]
    else:
        layer["training.warmup_ratio"] = replace(steps, value=0.0)


def mirror(values: dict[str, Any]) -> None:
    """Let the other words say the same, in place: whoever reads either reads the truth."""
    precision = values.get("training.precision", "auto")
    for switch in SWITCHES:
        values[switch] = precision == switch.removeprefix("training.")
    values["general.model_name"] = values.get("model.checkpoint")


def mirrored_origins(layer: Layer) -> dict[str, Origin]:
    """Where each value came from; for a mirrored word, where the one that counts did."""
    origins = {key: entry.origin for key, entry in layer.items()}
    for word in (*SWITCHES, "general.model_name"):
        if said_as(word) in origins:
            origins[word] = origins[said_as(word)]
    return origins


def in_one_word(key: str, value: Any) -> dict[str, Any]:
    """One value of a point, by the key that counts."""
    if key in SWITCHES:
        return {"training.precision": key.removeprefix("training.") if value else "fp32"}
    return {said_as(key): value}


def said_as(key: str) -> str:
    """The key that counts, of those that say the same."""
    return "training.precision" if key in SWITCHES else "model.checkpoint" if key == "general.model_name" else key


def _reduce_precision(layer: Layer, problems: list[Problem]) -> None:
    switches = {key: layer.pop(key) for key in SWITCHES if key in layer}
    on = [(key.removeprefix("training."), entry) for key, entry in switches.items() if entry.value]
    said = layer.get("training.precision")
    if len(on) > 1:
        problems.append(on[1][1].problem("fp16 and bf16 can't both be on.", "Keep one of them."))
    elif on and said is not None and said.value != on[0][0]:
        problems.append(on[0][1].problem(f"it contradicts precision: {said.value}.", "Keep one of them."))
    elif on:
        layer["training.precision"] = replace(on[0][1], value=on[0][0])
    elif switches and said is None:  # a switch that is off, in the words of transformers: full precision
        layer["training.precision"] = replace(next(iter(switches.values())), value="fp32")


def _reduce_checkpoint(layer: Layer, problems: list[Problem]) -> None:
    old = layer.pop("general.model_name", None)
    new = layer.get("model.checkpoint")
    if old is None or old.value is None:
        return
    if new is None:
        layer["model.checkpoint"] = old
    elif new.value != old.value:
        problems.append(old.problem(f"it names another model than model.checkpoint, which is {new.value}.", "Remove one of them."))


def _reduce_data(layer: Layer) -> None:
    folder = layer.get("general.data_path")
    if folder is None or not isinstance(folder.value, str):
        return
    for split in ("train", "dev", "test"):
        file = Path(folder.value) / f"{split}.csv"
        if f"data.{split}" not in layer and (split != "test" or is_there(file)):
            layer[f"data.{split}"] = Entry(str(file), folder.origin, folder.written, folder.column)
