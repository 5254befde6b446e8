"""JSON schemas of both kinds of file, for editors: made from the models and tables that the loader reads by.

They accept whatever the loader accepts, and refuse what can be refused without looking at other keys.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any

from summtune import registry
from summtune.config import presets
from summtune.config.catalogue import ALIASES, catalogue
from summtune.config.settings import OPEN_KEYS, Settings
from summtune.config.space_file import METHODS_NOT_YET, SpaceFile
from summtune.config.stopping import types
from summtune.config.training_arguments import BELOW, DECIDED, DROPPED, RENAMED_VALUES, free_arguments
from summtune.config.transformers_arguments import Argument, installed
from summtune.space.constraints import CONSTRAINT_KEYS, THEN_KEYS
from summtune.space.distributions import DISTRIBUTIONS, SPEC_KEYS

Schema = dict[str, Any]

DRAFT = "https://json-schema.org/draft/2020-12/schema"
ANY_WORD = {"type": ["string", "number", "boolean"]}  # a name may look like a number
NULL = {"type": "null"}


def settings_schema() -> Schema:
    """The schema of a settings file (a `base`, a trial's settings.yaml)."""
    sections, definitions = _sections()
    return {
        "$schema": DRAFT,
        "title": "summtune settings",
        "description": "Settings of a training: a `base`, or `settings:` of a search space.",
        "x-transformers": installed().version,
        **_object({name: _or_null({"$ref": f"#/$defs/{name}"}) for name in sections}),
        "$defs": {**sections, **definitions},
    }


def space_schema() -> Schema:
    """The schema of a search space."""
    sections, definitions = _sections()
    made = SpaceFile.model_json_schema()
    definitions |= {name: _nullable(part) for name, part in made.get("$defs", {}).items()}
    definitions["EarlyTerminateSpec"]["properties"]["type"]["anyOf"] = [{"enum": list(types())}, NULL]
    top: dict[str, Schema] = {}
    for name, field in made["properties"].items():
        top[name] = _described(_or_null(_top_level(name, field, sections)), SpaceFile.model_fields[name].description)
    return {
        "$schema": DRAFT,
        "title": "summtune search space",
        "description": "What may vary in a training, and how the best of it is searched. W&B sweep files are search spaces, too.",
        "x-transformers": installed().version,
        **_object(top),
        "anyOf": [{"required": ["parameters"]}, {"required": ["decode"]}],
        "$defs": {**sections, **definitions, **_parameter_definitions()},
    }


def _top_level(name: str, field: Schema, sections: Mapping[str, Schema]) -> Schema:
    if name == "parameters":
        return {"$ref": "#/$defs/parameters"}
    if name == "settings":
        return _object({section: _or_null({"$ref": f"#/$defs/{section}"}) for section in sections})
    if name in ("data", "wandb"):
        return {"$ref": f"#/$defs/{name}"}
    if name in ("name", "description", "base", "project", "entity"):
        return dict(ANY_WORD)
    if name == "constraints":
        return {"type": "array", "items": {"$ref": "#/$defs/constraint"}}
    if name == "method":
        return {"enum": [*registry.names("search.methods"), *METHODS_NOT_YET]}
    if name == "early_terminate":
        return {"anyOf": [{"enum": list(types())}, {"$ref": "#/$defs/EarlyTerminateSpec"}]}
    if name == "warm_start":
        run: Schema = {"type": ["string", "number"]}
        return {"anyOf": [run, {"type": "array", "items": run}]}
    if name == "decode":
        whole = {"type": "integer", "exclusiveMinimum": 0}
        counts = {"top_k": whole, "run_cap": _or_null(whole), "count": _or_null(whole)}
        inner = _object(
            {
                **counts,
                "method": {"enum": [*registry.names("search.methods"), *METHODS_NOT_YET]},
                "parameters": {"$ref": "#/$defs/parameters"},
            }
        )
        return {"anyOf": [{"const": "inline"}, inner]}
    return {key: value for key, value in field.items() if key not in ("default", "title", "description")}


def _sections() -> tuple[dict[str, Schema], dict[str, Schema]]:
    """Each section's schema, and what they refer to."""
    made = Settings.model_json_schema()
    definitions = {name: part for name, part in made["$defs"].items() if name == "Lora"}
    sections = {}
    for section, field in Settings.model_fields.items():
        model = made["$defs"][getattr(field.annotation, "__name__", "")]
        properties = {name: _setting(f"{section}.{name}", part) for name, part in model["properties"].items()}
        for alias, key in ALIASES.items():
            place, _, name = alias.rpartition(".")
            if place == section and name not in properties:
                properties[name] = _described(_of_key(key), f"The same as {key}.")
        if section == "training":
            properties |= _arguments(properties)
        sections[section] = {**_object(properties), "description": str(model.get("description", "")).splitlines()[0]}
    for open_key in OPEN_KEYS:  # parts of these may be written with dots, too
        section, _, name = open_key.partition(".")
        sections[section]["patternProperties"] = {**sections[section].get("patternProperties", {}), rf"^{name}\..+": {}}
    return sections, definitions


def _setting(key: str, made: Schema) -> Schema:
    field = catalogue().fields[key]
    schema = {name: value for name, value in made.items() if name not in ("title", "format")}
    for renamed in (RENAMED_VALUES.get(key, {}),):
        if renamed:
            schema = {"anyOf": [schema, {"enum": list(renamed)}]}
    known = installed().enums
    if key == "training.lr_scheduler_type":
        schema = {"enum": list(known.get("SchedulerType", ()))}
    elif key == "training.optim":
        schema = {"enum": [*known.get("OptimizerNames", ()), *RENAMED_VALUES[key]]}
    elif key == "model.preset":
        schema = _or_null({"enum": list(presets.names())})
    elif catalogue().takes_text(key) and "enum" not in str(made):
        lists = [part for part in made.get("anyOf", ()) if part.get("type") == "array"]
        schema = _or_null(dict(ANY_WORD)) if "null" in str(made) else {"anyOf": [dict(ANY_WORD), *lists]} if lists else dict(ANY_WORD)
    return {**_described(schema, field.description), **({"default": made["default"]} if "default" in made else {})}


def _of_key(key: str) -> Schema:
    """The schema of a dotted key, for another name of it."""
    if key not in catalogue().fields:
        argument = installed().arguments.get(key.removeprefix("training."))
        return _argument(key.removeprefix("training."), argument) if argument else {}
    section, _, name = key.partition(".")
    made = Settings.model_json_schema()["$defs"][getattr(Settings.model_fields[section].annotation, "__name__", "")]["properties"][name]
    return {part: value for part, value in _setting(key, made).items() if part not in ("default", "description")}


def _arguments(own: Mapping[str, Schema]) -> dict[str, Schema]:
    """Transformers' own arguments: those that may be set, those that summtune decides, those that are gone."""
    found: dict[str, Schema] = {}
    known = installed().arguments
    for name in free_arguments():
        if name not in own and name not in DROPPED:
            found[name] = _argument(name, known[name])
    for name, decided in DECIDED.items():
        if name not in own and decided.harmless:
            found[name] = {"enum": [value for value in decided.harmless if value != []], "description": f"Left out: {decided.by}."}
            if [] in decided.harmless:
                found[name] = {"anyOf": [{"enum": found[name]["enum"]}, {"type": "array", "maxItems": 0}]}
    found |= {name: {"description": f"Left out: {why}.", "deprecated": True} for name, why in DROPPED.items()}
    return found


def _argument(name: str, argument: Argument) -> Schema:
    types: list[Schema] = []
    signed = isinstance(argument.default, (int, float)) and argument.default < 0
    for alternative in argument.types:
        enum = installed().enums.get(alternative)
        if enum:
            types = [{"enum": list(enum)}]
            break
        simple: dict[str, Schema] = {
            "int": {"type": "integer"} if signed else {"type": "integer", "minimum": 0},
            "float": {"type": "number"} if signed else {"type": "number", "minimum": 0},
            "bool": {"type": "boolean"},
            "None": NULL,
        }
        kind = "array" if alternative.startswith("list") else "object" if alternative.startswith("dict") else "string"
        types.append(simple.get(alternative, {"type": kind}))
    renamed = RENAMED_VALUES.get(f"training.{name}", {})
    if renamed:
        types.append({"enum": list(renamed)})
    schema = types[0] if len(types) == 1 else {"anyOf": types}
    if name in BELOW:
        schema = {**schema, "exclusiveMaximum": BELOW[name]}
    return _described(schema, "An argument of transformers' Seq2SeqTrainingArguments.")


def _parameter_definitions() -> dict[str, Schema]:
    vocabulary = catalogue().vocabulary
    names = dict.fromkeys([*vocabulary.keys, *vocabulary.lesser, *ALIASES, *vocabulary.by_last_part])
    parameter: Schema = {"$ref": "#/$defs/parameter"}
    described = {key: {**parameter, "description": field.description} for key, field in catalogue().fields.items()}
    properties: dict[str, Schema] = {}
    for name in names:
        key = vocabulary.meaning(name)
        properties[name] = described.get(key, parameter) if key else parameter
    groups = {section: {"$ref": "#/$defs/group"} for section in (*vocabulary.sections, *OPEN_KEYS) if section not in properties}
    return {
        "parameters": {
            "type": "object",
            "minProperties": 1,
            "properties": {**properties, **groups},
            "patternProperties": {rf"^{open_key.replace('.', chr(92) + '.')}\..+": parameter for open_key in OPEN_KEYS},
            "additionalProperties": {"$ref": "#/$defs/bundle"},
        },
        "parameter": {"anyOf": [{"$ref": "#/$defs/spec"}, {"$ref": "#/$defs/group"}, {"$ref": "#/$defs/bundle"}]},
        "spec": _spec(),
        "when": {"type": "object", "minProperties": 1, "description": SPEC_KEYS["when"]},
        "group": {
            **_object({"parameters": {"type": "object", "minProperties": 1, "additionalProperties": parameter}}),
            "required": ["parameters"],
        },
        "bundle": {
            **_object(
                {
                    "bundle": {"type": "object", "minProperties": 1, "additionalProperties": {"type": "object", "minProperties": 1}},
                    "when": {"$ref": "#/$defs/when"},
                }
            ),
            "required": ["bundle"],
        },
        "constraint": {
            **_object({name: _described(_constraint_key(name), meaning) for name, meaning in CONSTRAINT_KEYS.items()}),
            "anyOf": [{"required": ["then"]}, {"required": ["require"]}, {"required": ["require_metric"]}],
            "dependentRequired": {"then": ["condition"]},
        },
    }


def _spec() -> Schema:
    numbers = {"type": "number"}
    forms: dict[str, Schema] = {
        **dict.fromkeys(("min", "max", "q", "mu", "sigma", "a", "b"), numbers),
        "value": {},
        "values": {"type": "array", "minItems": 1},
        "probabilities": {"type": "array", "items": {"type": "number", "minimum": 0}},
        "distribution": {"enum": list(DISTRIBUTIONS)},
        "when": {"$ref": "#/$defs/when"},
    }
    taken = [
        {
            "if": {"properties": {"distribution": {"const": name}}, "required": ["distribution"]},
            "then": {"required": list(one.needs), "propertyNames": {"enum": [*one.takes, "distribution", "when"]}},
        }
        for name, one in DISTRIBUTIONS.items()
    ]
    bare = {
        "if": {"not": {"required": ["distribution"]}},
        "then": {
            "anyOf": [
                {"required": ["value"], "propertyNames": {"enum": ["value", "when"]}},
                {"required": ["values"], "propertyNames": {"enum": ["values", "probabilities", "when"]}},
                {"required": ["min", "max"], "propertyNames": {"enum": ["min", "max", "when"]}},
            ]
        },
    }
    return {**_object({name: _described(form, SPEC_KEYS[name]) for name, form in forms.items()}), "allOf": [*taken, bare]}


def _constraint_key(name: str) -> Schema:
    if name == "name":
        return {"type": ["string", "number"]}
    if name != "then":
        return {"type": "string"}
    forms: dict[str, Schema] = {
        "min": {"type": "number"},
        "max": {"type": "number"},
        "values": {"type": "array", "minItems": 1},
        "value": {},
    }
    left = {**_object({key: _described(forms[key], meaning) for key, meaning in THEN_KEYS.items()}), "minProperties": 1}
    return {"type": "object", "minProperties": 1, "additionalProperties": left}


def _nullable(definition: Schema) -> Schema:
    """A mapping of the top level, in which null means left out, as does `auto` among resources."""
    properties = {}
    for name, part in definition["properties"].items():
        plain = {key: value for key, value in part.items() if key != "title"}
        described = plain.pop("description", None)
        default = {"default": plain.pop("default")} if "default" in plain else {}
        either = {"anyOf": [plain, NULL, {"const": "auto"}]} if "per_trial" in name or "concurrent" in name else _or_null(plain)
        if name == "label_selector":  # a label's value may look like a number
            either = _or_null({"type": "object", "additionalProperties": {"type": ["string", "number"]}})
        properties[name] = {**_described(either, described), **default}
    return {**_object(properties), **({"required": definition["required"]} if "required" in definition else {})}


def _object(properties: Mapping[str, Schema]) -> Schema:
    return {"type": "object", "properties": dict(properties), "additionalProperties": False}


def _or_null(schema: Schema) -> Schema:
    alternatives: Iterable[Schema] = schema.get("anyOf", [schema]) if set(schema) == {"anyOf"} else [schema]
    listed = list(alternatives)
    return {"anyOf": listed if NULL in listed else [*listed, NULL]}


def _described(schema: Schema, description: str | None) -> Schema:
    return {**schema, "description": description} if description else schema
