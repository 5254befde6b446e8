"""What can't be, though each value by itself could: combinations, and keys whose machinery is still missing.

It must not know how values were read; it is given entries, which know where they stand.
"""

from __future__ import annotations

import itertools
from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
from dataclasses import replace
from importlib.util import find_spec
from pathlib import Path
from typing import Any

from summtune import objects, registry
from summtune.config import lengths, optimisation, presets
from summtune.config.architectures import family_of, handled, model_type
from summtune.config.checkpoint_facts import known_type
from summtune.config.layers import Layer
from summtune.config.metric_file import is_own
from summtune.config.metrics import NEEDS, Declaration, declared, problems_together, unfit
from summtune.config.places import is_there
from summtune.config.searched import BENEATH, Possible, Searched, at, values_of
from summtune.config.settings import Settings
from summtune.errors import MetricMistake, Problem
from summtune.space.naming import did_you_mean
from summtune.space.spec import NOT_YET
from summtune.space.values import shown

ONLY: Mapping[str, tuple[Any, ...]] = {
    "evaluation.sealed": (False,),
    "evaluation.noise_seeds": (None,),
    "inference.engine": ("hf",),
    "inference.output_format": ("csv",),
    "wandb.log_model": (False,),
}
"""Keys whose machinery is missing so far, with the values that are fine."""


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
    settings: Settings,
    layer: Layer,
    searched: Mapping[str, Searched],
    possible: Possible,
    afterwards: Collection[str] = (),
    *,
    data_here: bool = True,
) -> list[Problem]:
    """What contradicts itself in the resolved settings, and in what the search may draw over them.

    Args:
        settings: resolved, with one of the models that may be drawn.
        layer: where each of their values came from.
        searched: what varies, by settings key.
        possible: which values may be drawn together with that model.
        afterwards: the keys of these that are searched after training only.
        data_here: whether the data files have to be here.
    """
    together = _together(settings, layer, searched, possible)
    return [
        *_storage(settings, layer),
        *_model(settings, layer),
        *together,
        *_not_drawn(settings, layer, searched, possible, afterwards, together),
        *_data(settings, layer, here=data_here),
        *drawing(settings, layer, searched),
        *_warmup(searched),
        *_limits(settings, layer),
        *metric_problems(settings, layer),
    ]


def of_baseline(settings: Settings, layer: Layer, known: Iterable[Problem]) -> list[Problem]:
    """What can't be in the base's own settings where something else is searched; `known` are problems that need not be said again."""
    return list(
        _besides(known, _together(settings, layer, {}, lambda wanted: False), "Without the baseline it can stay: `baseline: false`.")
    )


def _together(settings: Settings, layer: Layer, searched: Mapping[str, Searched], possible: Possible) -> list[Problem]:
    """What depends on which values are drawn together."""
    return [*lengths.problems(settings, layer, searched, possible), *_optimisation(settings, layer, searched, possible)]


def _not_drawn(
    settings: Settings,
    layer: Layer,
    searched: Mapping[str, Searched],
    possible: Possible,
    afterwards: Collection[str],
    known: Iterable[Problem],
) -> list[Problem]:
    """What else can't be at points that leave one or two of the keys to the settings beneath: by their bundle's label, a `when`, or as
    trials do with what is searched after training.
    """
    found: list[Problem] = []
    varying = [key for key in (*lengths.LOOKED_AT, *optimisation.LOOKED_AT) if key in searched]
    for keys in (*((key,) for key in varying), *itertools.combinations(varying, 2)):
        beneath = dict.fromkeys(keys, BENEATH)
        if not possible(beneath):
            continue

        def possible_so(wanted: Mapping[str, Any], beneath: Mapping[str, Any] = beneath) -> bool:
            return possible({**beneath, **wanted})

        others = {key: one for key, one in searched.items() if key not in keys}
        problems = _together(settings, layer, others, possible_so)
        found += _besides([*known, *found], problems, _why_beneath(keys, afterwards))
    return found


def _why_beneath(keys: Sequence[str], afterwards: Collection[str]) -> str:
    drawn, later = ([key for key in keys if (key in afterwards) == so] for so in (False, True))
    said = [f"Not every point draws {' and '.join(drawn)}."] if drawn else []
    if later:
        said.append(f"Trials have the settings' own {' and '.join(later)}, which other values replace only after training: change that.")
    return " ".join(said)


def _besides(known: Iterable[Problem], problems: Iterable[Problem], remark: str) -> Iterator[Problem]:
    """Problems that aren't known, with a remark."""
    said = {replace(one, remedy="") for one in known}
    return (replace(one, remedy=f"{one.remedy} {remark}".strip()) for one in problems if replace(one, remedy="") not in said)


def warnings(settings: Settings) -> list[str]:
    """What a person must have been told before such settings are used."""
    if not settings.model.trust_remote_code:
        return []
    return ["model.trust_remote_code is true: Python code that comes with the checkpoint is run, with all that you may do yourself."]


def _storage(settings: Settings, layer: Layer) -> list[Problem]:
    wrong = objects.unfit(settings.general.storage) if settings.general.storage is not None else None
    return [at(layer, "general.storage", *wrong)] if wrong is not None else []


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


def drawing(settings: Settings, layer: Layer, searched: Mapping[str, Searched]) -> list[Problem]:
    """What stands against drawing tokens where that is asked for."""
    generation = settings.generation
    if not generation.do_sample or generation.num_beams == 1 or {"generation.do_sample", "generation.num_beams"} & set(searched):
        return []
    reason = f"with generation.num_beams {generation.num_beams} nothing is drawn: only single summaries are."
    return [at(layer, "generation.do_sample", reason, "Set generation.num_beams to 1, or leave it out.")]


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
        problems += [at(layer, one.key, one.reason, one.remedy) for one in unfit(name, evaluation)]
    problems += [at(layer, "evaluation.metrics", one.reason, one.remedy) for one in problems_together(found, NEEDS)]
    if len(set(evaluation.metrics)) < len(evaluation.metrics):
        problems.append(at(layer, "evaluation.metrics", "a metric stands here twice.", "Remove one of them."))
    if not evaluation.metrics:
        problems.append(at(layer, "evaluation.metrics", "without a metric nothing can be compared.", "Write [rouge]."))
    if evaluation.rouge_tokenizer == "kiwi" and find_spec("kiwipiepy") is None:
        remedy = "Install it: pip install 'summtune[kiwi]'."
        problems.append(at(layer, "evaluation.rouge_tokenizer", "kiwi needs the package kiwipiepy, which is not installed.", remedy))
    return problems
