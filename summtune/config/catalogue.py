"""What there is to set: every dotted key with its other names, its kind, and the check of a value for it.

It is what `space` asks about a parameter, and `layers` about a value, whatever file or variable it came from.
"""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping
from functools import cache, cached_property
from pathlib import Path
from typing import Any, get_args

from pydantic import BaseModel, ValidationError
from pydantic.fields import FieldInfo

from summtune.config import presets
from summtune.config.architectures import architecture_named, names_alike
from summtune.config.complaints import explain_all, mismatch, one_of
from summtune.config.settings import OPEN_KEYS, Lora, Settings
from summtune.config.synonyms import SWITCHES, said_as
from summtune.config.training_arguments import BELOW, DECIDED, DROPPED, RENAMED, RENAMED_VALUES, check_argument, check_word, free_arguments
from summtune.config.transformers_arguments import installed
from summtune.space.naming import Unfit, Vocabulary
from summtune.space.spec import Kind
from summtune.space.values import shown

ALIASES: Mapping[str, str] = {
    "batch_size": "training.per_device_train_batch_size",
    "num_epochs": "training.num_train_epochs",
    "epochs": "training.num_train_epochs",
    "seed": "general.seed",
    "training.seed": "general.seed",
    "label_smoothing": "training.label_smoothing",
    "generation_max_length": "generation.max_length",
    "training.generation_max_length": "generation.max_length",
    "dropout_rate": "model.dropout_rate",
    "lora_r": "model.lora.r",
    "lora_alpha": "model.lora.alpha",
    "lora_dropout": "model.lora.dropout",
    "model_architecture": "model.architecture",
    "model_checkpoint": "model.checkpoint",
    "model": "model.preset",
    "model_name": "model.checkpoint",
    "data.train_path": "data.train",
    "data.train_file": "data.train",
    "data.val_path": "data.dev",
    "data.val": "data.dev",
    "data.dev_path": "data.dev",
    "data.dev_file": "data.dev",
    "data.val_file": "data.dev",
    "data.test_path": "data.test",
    "data.test_file": "data.test",
    **{f"training.{old}": new for old, new in RENAMED.items()},
    **RENAMED,
}

# What people call keys elsewhere, where letters alone don't lead to them: suggested, not taken.
_CUSTOMARY: Mapping[str, str] = {
    "lr": "training.learning_rate",
    "learn_rate": "training.learning_rate",
    "wd": "training.weight_decay",
    "decay": "training.weight_decay",
    "optimizer": "training.optim",
    "scheduler": "training.lr_scheduler_type",
    "lr_scheduler": "training.lr_scheduler_type",
    "dropout": "model.dropout_rate",
    "beams": "generation.num_beams",
    "model_type": "model.architecture",
    "max_source_length": "tokenizer.encoder_max_len",
    "max_input_length": "tokenizer.encoder_max_len",
    "max_target_length": "tokenizer.decoder_max_len",
}

_ENUMS = {"training.lr_scheduler_type": "SchedulerType", "training.optim": "OptimizerNames"}
_UNSEARCHABLE = {
    "meta": "it names the experiment and changes no training",
    "general": "it changes nothing about how well a model summarises",
    "evaluation": "it would compare trials by different yardsticks",
    "inference": "it acts after training",
    "wandb": "it changes no training",
}
_SEARCHABLE = {"general.seed"}


class SettingsCatalogue:
    """The keys of `Settings` and transformers' training arguments (a `space.parsing.Catalogue`)."""

    @cached_property
    def fields(self) -> Mapping[str, FieldInfo]:
        """The fields of all sections, by dotted key."""
        return {f"{section}.{name}": field for section, model in _sections().items() for name, field in model.model_fields.items()}

    @cached_property
    def _every_field(self) -> Mapping[str, FieldInfo]:
        """The sections' fields and, below a mapping with names of ours, its own: those go by no last part, since `r` says too little."""
        return {**self.fields, **{f"model.lora.{name}": field for name, field in Lora.model_fields.items()}}

    @cached_property
    def vocabulary(self) -> Vocabulary:
        """All names."""
        arguments = tuple(f"training.{name}" for name in free_arguments() if f"training.{name}" not in self.fields)
        return Vocabulary(tuple(self.fields), ALIASES, arguments, OPEN_KEYS, _CUSTOMARY)

    def resolve(self, name: str) -> str:
        """The dotted key that a name means.

        Raises:
            Unfit: there is none, or several; or transformers' argument of that name is summtune's to decide.
        """
        key = ALIASES.get(name, name)
        argument = key.removeprefix("training.")
        if argument in DROPPED:
            raise Unfit(f"{argument} is gone: {DROPPED[argument]}.", "Remove it.")
        if argument in DECIDED and not self._is_a_field(key):
            raise Unfit(f"{argument} is not yours to set here: {DECIDED[argument].by}.", "Remove it.")
        if key.startswith("model.lora.") and key not in self._every_field:
            raise Unfit(f"model.lora has no {key.rpartition('.')[2]}.", f"It has {', '.join(Lora.model_fields)}.")
        return self.vocabulary.resolve(name)

    def _is_a_field(self, key: str) -> bool:
        """Whether a key, or the last part of one, is of ours: `output_dir` is general.output_dir."""
        return key in self.fields or ("." not in key and any(known.endswith(f".{key}") for known in self.fields))

    def left_out(self, name: str, value: Any) -> str | None:
        """Why an argument of transformers can be left out: it means nothing any more, or what happens anyway; None where neither."""
        key = ALIASES.get(name, name)
        argument = key.removeprefix("training.")
        if argument in DROPPED:
            return DROPPED[argument]
        decided = DECIDED.get(argument) if not self._is_a_field(key) else None
        if decided and decided.asks_for_the_same(value):
            return decided.by
        return None

    def judged(self, name: str) -> str:
        """The key that rules look at where they name a setting: of those that say the same, the one that is searched.

        Raises:
            Unfit: as `resolve`; or it is a switch that only repeats what another key says.
        """
        key = self.resolve(name)
        if key in SWITCHES:
            word = key.removeprefix("training.")
            remedy = f"Name that: `precision == '{word}'` in a rule, `precision: {word}` in a `when`."
            raise Unfit(f"{key} only repeats whether training.precision is {word}.", remedy)
        return said_as(key)

    def alike(self, key: str, value: Any) -> tuple[Any, ...]:
        """A value, and others that say the same."""
        return names_alike(value) if key == "model.architecture" and isinstance(value, str) else (value,)

    def searchable(self, key: str) -> None:
        """Whether a key makes sense as a parameter.

        Raises:
            Unfit: it doesn't.
        """
        section = key.partition(".")[0]
        if section in _UNSEARCHABLE and key not in _SEARCHABLE:
            raise Unfit(f"{key} can't be searched: {_UNSEARCHABLE[section]}.", "Put it under `settings:`.")
        if key == "model.trust_remote_code":
            raise Unfit(f"{key} can't be searched: it says whose code may run, and trains nothing.", "Put it under `settings:`.")
        if key in SWITCHES:
            raise Unfit(f"{key} is one of two switches for one thing.", "Use `precision: {values: [fp32, bf16, fp16]}`.")
        if section == "data" and key not in ("data.max_train_samples", "data.clean", "data.topic_prefix"):
            raise Unfit(f"{key} can't be searched: trials on different data can't be compared.", "Put it under `data:`.")

    def kind(self, key: str) -> Kind:
        """Whether the key takes whole numbers, any numbers, or something else."""
        if key in self._every_field:
            types: set[Any] = _leaf_types(self._every_field[key].annotation)
            if bool in types:
                return "other"
            return "integer" if int in types else "real" if float in types and dict not in types else "other"
        argument = installed().arguments.get(key.removeprefix("training.")) if key.startswith("training.") else None
        if argument is not None:
            return "real" if "float" in argument.types else "integer" if "int" in argument.types else "other"
        return "number" if key.startswith("model.config_overrides.") else "other"

    def bounds(self, key: str) -> tuple[float, float]:
        """The least and the greatest number that the key takes; infinite where there is none."""
        if key in self._every_field:
            return _bounds(self._every_field[key])
        argument = installed().arguments.get(key.removeprefix("training.")) if key.startswith("training.") else None
        default = argument.default if argument is not None else None
        signed = argument is None or (isinstance(default, (int, float)) and default < 0)
        end = BELOW.get(key.removeprefix("training."))
        return (-math.inf if signed else 0.0), math.inf if end is None else math.nextafter(end, -math.inf)

    def takes_text(self, key: str) -> bool:
        """Whether the key takes any text, so that `2024` is a name and not a number."""
        return key in self.fields and bool(_leaf_types(self.fields[key].annotation) & {str, Path})

    def takes_list(self, key: str) -> bool:
        """Whether the key takes a list, which `[a, b]` is then."""
        return key in self.fields and tuple in _leaf_types(self.fields[key].annotation)

    def check(self, key: str, value: Any, plain: str | None = None) -> Any:
        """The value as the settings hold it; `plain` is how a number or a switch was written in a file.

        Raises:
            Unfit: it can't be.
        """
        value = _renamed(key, value)
        field = self._every_field.get(key)
        if field is None:
            return check_argument(key.removeprefix("training."), value) if key.startswith("training.") else _plain(value)
        types = _leaf_types(field.annotation)
        if isinstance(value, float) and int in types and value.is_integer():
            value = int(value)
        if isinstance(value, (bool, int, float)) and str in types and types <= {str, tuple, type(None)}:
            value = plain if plain is not None else str(value)  # `version: 1.0` is text, whatever YAML thinks
        if isinstance(value, str) and any(ord(letter) < 32 and letter not in "\n\t" for letter in value):
            raise Unfit("there are control characters in it.", "Remove them.")
        section, _, name = key.rpartition(".")
        try:
            checked = getattr(_models()[section].model_validate({name: value}), name)
        except ValidationError as error:
            raise explain_all(error.errors(include_url=False)) from None
        if key == "model.preset" and checked is not None and checked not in presets.names():
            raise one_of(checked, list(presets.names()))
        if key == "model.architecture" and checked is not None:
            return architecture_named(checked)
        if key in _ENUMS:
            check_word(_ENUMS[key], checked)
        if key == "model.gguf_file" and checked is not None:
            _check_file_name(checked)
        if key in ("wandb.project", "wandb.entity") and checked is not None:
            _check_wandb_name(checked)
        # Of a mapping what was written, and no defaults: its entries are laid over one by one.
        return _plain(checked.model_dump(mode="json", include=set(value)) if isinstance(checked, BaseModel) else checked)


@cache
def catalogue() -> SettingsCatalogue:
    """The one catalogue; it is made at first use."""
    return SettingsCatalogue()


@cache
def _sections() -> Mapping[str, type[BaseModel]]:
    sections = {name: field.annotation for name, field in Settings.model_fields.items()}
    return {name: model for name, model in sections.items() if isinstance(model, type) and issubclass(model, BaseModel)}


@cache
def _models() -> Mapping[str, type[BaseModel]]:
    return {**_sections(), "model.lora": Lora}


def _check_file_name(name: str) -> None:
    if not name.strip() or name in (".", "..") or set(name) & set("/\\"):
        raise Unfit(f"{name!r} is no file's name.", "Give the name alone: the file lies in model.checkpoint.")


def _check_wandb_name(name: str) -> None:
    """By W&B's own rule (`wandb.sdk.wandb_settings.Settings.validate_project`), which it would apply when a run has begun."""
    bad = next((letter for letter in name if letter in "/\\#?%:" or ord(letter) < 32), None)
    if bad is not None:
        raise Unfit(f"W&B allows no {shown(bad)} in it.", "Give the name alone.")
    if len(name) > 128:
        raise Unfit(f"it has {len(name)} letters, and W&B allows 128.", "Shorten it.")


def _leaf_types(annotation: Any) -> set[Any]:
    """Types at the leaves of an annotation; a Literal's are those of its words, a container counts as itself alone."""
    origin = getattr(annotation, "__origin__", None)
    if origin in (tuple, dict, list):
        return {origin}
    if getattr(annotation, "__metadata__", None) is not None:
        return _leaf_types(origin)
    arguments = get_args(annotation)
    if not arguments:
        return {annotation if isinstance(annotation, type) else type(annotation)}
    leaves: set[Any] = set()
    for argument in arguments:
        leaves |= {_Word} if isinstance(argument, str) else _leaf_types(argument)
    return leaves


def _bounds(field: FieldInfo) -> tuple[float, float]:
    """From the constraints that stand in a field's annotation."""
    low, high = -math.inf, math.inf
    whole = int in _leaf_types(field.annotation)
    for one in _metadata(field):
        if (above := getattr(one, "gt", None)) is not None:
            low = max(low, above + 1 if whole else math.nextafter(above, math.inf))
        if (least := getattr(one, "ge", None)) is not None:
            low = max(low, least)
        if (below := getattr(one, "lt", None)) is not None:
            high = min(high, below - 1 if whole else math.nextafter(below, -math.inf))
        if (most := getattr(one, "le", None)) is not None:
            high = min(high, most)
    return float(low), float(high)


def _metadata(field: FieldInfo) -> Iterator[Any]:
    """Everything annotated in a field, however deep in its type."""

    def below(annotation: Any) -> Iterator[Any]:
        for one in getattr(annotation, "__metadata__", ()):
            yield from one.metadata if isinstance(one, FieldInfo) else (one,)
        for argument in (*get_args(annotation), getattr(annotation, "__origin__", None)):
            if argument is not None and not isinstance(argument, (str, FieldInfo)):
                yield from below(argument) if argument is not annotation else ()

    yield from field.metadata
    yield from below(field.annotation)


class _Word:
    """A Literal's word, which no number is turned into."""


def _renamed(key: str, value: Any) -> Any:
    table = RENAMED_VALUES.get(key, {})
    for old, new in table.items():
        if type(old) is type(value) and old == value:
            return new
    return value


def _plain(value: Any) -> Any:
    """Values as JSON holds them: points and records are compared with what was read back."""
    if isinstance(value, tuple):
        return [_plain(item) for item in value]
    if isinstance(value, BaseModel):
        return value.model_dump(mode="json")
    if isinstance(value, float) and not math.isfinite(value):
        raise mismatch(value, "a finite number")
    return value if value is None or isinstance(value, (bool, int, float, str, list, dict)) else str(value)
