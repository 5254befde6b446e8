"""What can't be, though each value by itself could: combinations, and keys whose machinery is still missing.

It must not know how values were read; it is given entries, which know where they stand.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from importlib.util import find_spec
from pathlib import Path
from typing import Any

from summtune import registry
from summtune.config import optimisation, presets
from summtune.config.architectures import family_of, handled, model_type
from summtune.config.checkpoint_facts import known_type, local_configuration
from summtune.config.layers import Layer
from summtune.config.metric_file import is_own
from summtune.config.metrics import NEEDS, Declaration, declared, problems_together
from summtune.config.places import is_there
from summtune.config.settings import Settings
from summtune.errors import MetricMistake, Problem
from summtune.space.naming import did_you_mean
from summtune.space.parameters import Choice, Constant, Parameter
from summtune.space.spec import NOT_YET
from summtune.space.values import shown

ONLY: Mapping[str, tuple[Any, ...]] = {
    "general.storage": (None,),
    "evaluation.sealed": (False,),
    "evaluation.noise_seeds": (None,),
    "inference.engine": ("hf",),
    "inference.output_format": ("csv",),
    "wandb.log_model": (False,),
}
"""Keys whose machinery is missing so far, with the values that are fine."""
_LENGTHS = ("tokenizer.encoder_max_len", "tokenizer.decoder_max_len", "generation.max_length")

Possible = Callable[[Mapping[str, Any]], bool]
"""Whether a point may have these values (dotted key or parameter to value) together."""


@dataclass(frozen=True)
class Searched:
    """A parameter, and how to make a problem with it: reason, remedy."""

    parameter: Parameter
    problem: Callable[[str, str], Problem]


def not_yet(layer: Layer, searched: Iterable[Searched]) -> list[Problem]:
    """Values that are understood, but that nothing acts upon so far."""
    problems = []
    for key, entry in layer.items():
        allowed = ONLY.get(key)
        if allowed is not None and entry.value not in allowed:
            reason = f"{NOT_YET} {key}: {shown(entry.value)} is understood, but can't be run so far."
            problems.append(entry.problem(reason, _meanwhile(allowed)))
        if key == "model.architecture" and entry.value is not None and family_of(entry.value) is None:
            problems.append(entry.problem(_no_family(entry.value), f"There are {', '.join(handled())}."))
    for one in searched:
        key = one.parameter.name
        allowed = ONLY.get(key)
        if allowed is not None:
            problems.append(one.problem(f"{NOT_YET} {key} can't be searched so far.", _meanwhile(allowed)))
        for value in values_of(one.parameter) if key == "model.architecture" else ():
            if family_of(value) is None:
                problems.append(one.problem(_no_family(value), f"There are {', '.join(handled())}."))
    return problems


def _meanwhile(allowed: tuple[Any, ...]) -> str:
    return "Leave it out." if allowed[0] in (None, "", []) else f"Leave it out, or write {' or '.join(shown(value) for value in allowed)}."


def _no_family(architecture: str) -> str:
    return f"{NOT_YET} {architecture} belongs to no family so far, and can't be trained."


def combinations(
    settings: Settings, layer: Layer, searched: Mapping[str, Searched], possible: Possible, *, data_here: bool = True
) -> list[Problem]:
    """What contradicts itself in the resolved settings, and in what the search may draw over them.

    Args:
        settings: resolved, with one of the models that may be drawn.
        layer: where each of their values came from.
        searched: what varies, by settings key.
        possible: which values may be drawn together with that model.
        data_here: whether the data files have to be here.
    """
    return [
        *_model(settings, layer),
        *_lengths(settings, layer, searched, possible),
        *_data(settings, layer, here=data_here),
        *_generation(settings, layer, searched),
        *_warmup(searched),
        *_optimisation(settings, layer, searched, possible),
        *_limits(settings, layer),
        *metric_problems(settings, layer),
    ]


def values_of(parameter: Parameter) -> tuple[Any, ...]:
    """A choice's values; none for a range."""
    return parameter.values if isinstance(parameter, Choice) else (parameter.value,) if isinstance(parameter, Constant) else ()


def positions(settings: Settings) -> int | None:
    """How many positions the model has, where that is known without loading it."""
    overrides = settings.model.config_overrides
    given = overrides.get("max_position_embeddings", overrides.get("n_positions"))
    if isinstance(given, int):
        return given
    checkpoint = settings.model.checkpoint
    if checkpoint is None:
        return None
    known = local_configuration(checkpoint)
    if known is not None:
        found = known.get("max_position_embeddings", known.get("n_positions"))
        relative = "t5" in str(known.get("model_type"))  # T5 has no positions that could run out
        return found if isinstance(found, int) and not relative else None
    preset = presets.of_model(checkpoint=checkpoint)
    return presets.positions(preset) if preset else None


def _model(settings: Settings, layer: Layer) -> list[Problem]:
    model = settings.model
    entry = layer.get("model.load_pretrained") or layer.get("model.architecture") or layer.get("model.preset")
    if model.load_pretrained and model.checkpoint is None:
        reason = "no model is named: there is no model.checkpoint to load."
        return [at(layer, "model.architecture", reason, "Give model.checkpoint, a preset as base, or load_pretrained: false.")]
    if not model.load_pretrained and model.checkpoint is None and model.architecture is None:
        reason = "load_pretrained: false builds a model from its configuration, and none is named."
        return [entry.problem(reason, "Give model.architecture.") if entry else Problem(reason, "Give model.architecture.")]
    if model.checkpoint is None and settings.tokenizer.vocab_size is None:
        reason = "without a checkpoint there is no tokenizer."
        return [at(layer, "tokenizer.vocab_size", reason, "Give tokenizer.vocab_size, and one is trained on the training data.")]
    return _checkpoint(model.checkpoint, model.architecture, layer) if model.checkpoint is not None else []


def _checkpoint(checkpoint: str, architecture: str | None, layer: Layer) -> list[Problem]:
    """A checkpoint that can't be meant: a preset's name, or a model of another kind than is said."""
    if checkpoint in presets.names() and not is_there(Path(checkpoint)):
        reason = f"{checkpoint} is the name of a preset, not of a checkpoint."
        return [at(layer, "model.checkpoint", reason, f"Name it as model.preset (`model`, `base`), or write ./{checkpoint} for a folder.")]
    known = known_type(checkpoint)
    if known is None or architecture is None or model_type(architecture) == known:
        return []
    reason = f"{checkpoint} is a model of the kind {known}, not {architecture}."
    return [at(layer, "model.architecture", reason, "Leave the architecture out, which is read from the checkpoint, or name another one.")]


def _lengths(settings: Settings, layer: Layer, searched: Mapping[str, Searched], possible: Possible) -> list[Problem]:
    limit = positions(settings)
    if limit is None:
        return []
    problems = []
    for key in _LENGTHS:
        section, _, name = key.partition(".")
        remedy = f"Give at most {limit}."
        if key in searched:
            top = _greatest(searched[key].parameter, limit, possible)
            if top is not None:
                problems.append(searched[key].problem(f"{shown(top)} is beyond the model's {limit} positions.", remedy))
        elif (value := getattr(getattr(settings, section), name)) > limit:
            problems.append(at(layer, key, f"{value} is beyond the model's {limit} positions.", remedy))
    if not problems and _shares_positions(settings):
        lengths = settings.tokenizer.encoder_max_len + settings.tokenizer.decoder_max_len
        if lengths > limit and not {"tokenizer.encoder_max_len", "tokenizer.decoder_max_len"} & set(searched):
            reason = f"with decoder_max_len, {settings.tokenizer.decoder_max_len}, it is beyond the model's {limit} positions:"
            reason += " prompt and summary share them."
            problems.append(at(layer, "tokenizer.encoder_max_len", reason, f"Give at most {limit} for both together."))
    return problems


def _shares_positions(settings: Settings) -> bool:
    """Whether the model's family puts source and target into one sequence."""
    named = family_of(settings.model.architecture)
    return named is not None and bool(getattr(registry.load("families", named), "SHARES_POSITIONS", False))


def _data(settings: Settings, layer: Layer, *, here: bool) -> list[Problem]:
    problems = []
    for split in ("train", "dev", "test"):
        path = getattr(settings.data, split)
        if here and path is not None and not (is_there(path) and path.is_file()):
            reason = f"{path} is no file." if is_there(path) else f"there is no file {path}."
            problems.append(at(layer, f"data.{split}", reason, "Check the path; in a file it is relative to that file."))
    for given, missing in (("train", "dev"), ("dev", "train")):
        if getattr(settings.data, given) is not None and getattr(settings.data, missing) is None:
            reason = f"data.{given} is yours, and without data.{missing} the sample data would take its place."
            problems.append(at(layer, f"data.{given}", reason, f"Give data.{missing}, too."))
    return problems


def _generation(settings: Settings, layer: Layer, searched: Mapping[str, Searched]) -> list[Problem]:
    problems = []
    generation = settings.generation
    if generation.min_length > generation.max_length and not {"generation.min_length", "generation.max_length"} & set(searched):
        reason = f"{generation.min_length} is above generation.max_length, {generation.max_length}."
        problems.append(at(layer, "generation.min_length", reason, "Lower it."))
    if generation.do_sample and generation.num_beams > 1 and not {"generation.do_sample", "generation.num_beams"} & set(searched):
        reason = f"with generation.num_beams {generation.num_beams} nothing is drawn: only single summaries are."
        problems.append(at(layer, "generation.do_sample", reason, "Set generation.num_beams to 1, or leave it out."))
    return problems


def _warmup(searched: Mapping[str, Searched]) -> list[Problem]:
    if {"training.warmup_ratio", "training.warmup_steps"} <= set(searched):
        reason = "training.warmup_ratio says how long the warm-up is, too."
        return [searched["training.warmup_steps"].problem(reason, "Remove one of them.")]
    return []


def _optimisation(settings: Settings, layer: Layer, searched: Mapping[str, Searched], possible: Possible) -> list[Problem]:
    def of(key: str) -> tuple[Any, ...]:
        if key in searched:
            return values_of(searched[key].parameter)
        if any(one.startswith(f"{key}.") for one in searched):
            return ({},)  # an entry of a mapping is drawn, and so there is one
        section, _, name = key.partition(".")
        return (getattr(getattr(settings, section), name, None),)

    def together(wanted: Mapping[str, Any]) -> bool:
        drawn = {key: value for key, value in wanted.items() if key in searched}
        return not drawn or possible(drawn)

    def problem(key: str, reason: str, remedy: str) -> Problem:
        return searched[key].problem(reason, remedy) if key in searched else at(layer, key, reason, remedy)

    return list(dict.fromkeys(optimisation.problems(optimisation.Values(of, together, problem))))


def _limits(settings: Settings, layer: Layer) -> list[Problem]:
    """Values that someone gave, and that the model's family can't honour."""
    named = family_of(settings.model.architecture)
    if named is None:
        return []
    limits: Mapping[str, str] = registry.load("families", named).LIMITS
    problems = []
    for key, reason in limits.items():
        entry = layer.get(key)
        section, _, name = key.partition(".")
        default = type(getattr(settings, section)).model_fields[name].default
        if entry is not None and entry.origin.layer != "preset" and entry.value not in (default, None):
            problems.append(entry.problem(f"{named} models can't do it: {reason}.", "Leave it out."))
    return problems


def metric_problems(settings: Settings, layer: Layer) -> list[Problem]:
    """What stands against scoring by the metrics and the tokenizer that are named."""
    problems: list[Problem] = []
    found: list[Declaration] = []
    known = registry.names("metrics")
    evaluation = settings.evaluation
    for name in dict.fromkeys(evaluation.metrics):
        if not is_own(name) and name not in known:
            hint = f"{did_you_mean(name, known)} A file of your own ends in .py."
            problems.append(at(layer, "evaluation.metrics", f"there is no metric {name!r}.", hint))
            continue
        try:
            found.append(declared(name))
        except MetricMistake as mistake:
            problems += mistake.problems
    problems += [at(layer, "evaluation.metrics", one.reason, one.remedy) for one in problems_together(found, NEEDS)]
    if len(set(evaluation.metrics)) < len(evaluation.metrics):
        problems.append(at(layer, "evaluation.metrics", "a metric stands here twice.", "Remove one of them."))
    if not evaluation.metrics:
        problems.append(at(layer, "evaluation.metrics", "without a metric nothing can be compared.", "Write [rouge]."))
    if evaluation.rouge_tokenizer == "kiwi" and find_spec("kiwipiepy") is None:
        remedy = "Install it: pip install 'summtune[kiwi]'."
        problems.append(at(layer, "evaluation.rouge_tokenizer", "kiwi needs the package kiwipiepy, which is not installed.", remedy))
    return problems


def _greatest(parameter: Parameter, limit: int, possible: Possible) -> Any:
    """The greatest value above a limit that may be drawn; None where there is none."""
    ends = values_of(parameter) or (getattr(parameter, "high", None),)
    above = sorted((value for value in ends if isinstance(value, (int, float)) and value > limit), reverse=True)
    return next((value for value in above if possible({parameter.name: value})), None)


def at(layer: Layer, key: str, reason: str, remedy: str) -> Problem:
    """A problem with a setting, where it was given."""
    entry = layer.get(key) or next((one for known, one in layer.items() if known.startswith(f"{key}.")), None)
    return entry.problem(reason, remedy) if entry else Problem(reason, remedy, key)
