"""The reference of all keys, as Markdown, made from the models and tables that the loader reads by."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

from summtune import registry
from summtune.config.catalogue import ALIASES, catalogue
from summtune.config.environment import VARIABLES
from summtune.config.schema import settings_schema
from summtune.config.settings import Lora, Settings
from summtune.config.space_file import (
    METHODS_NOT_YET,
    BudgetSpec,
    DecodeSpec,
    EarlyTerminateSpec,
    MetricSpec,
    ResourcesSpec,
    SpaceFile,
)
from summtune.config.validation import ONLY
from summtune.space.constraints import CONSTRAINT_KEYS, THEN_KEYS
from summtune.space.distributions import DISTRIBUTIONS, SPEC_KEYS
from summtune.space.values import shown

_HEAD = """\
# Reference of all keys

This page is generated (`make schema`) from what the loader reads by; `summtune schema space` and `summtune schema settings` print the same
for editors. *Not yet* marks what is understood and refused, since nothing acts upon it so far.

Values go from weakest to strongest: built-in defaults, the preset of the base's own model, the `base` file, the preset of another model
where one is named or drawn, `settings:`, what the search draws, the environment, `--set`.
"""


_EXPRESSIONS = """
Expressions compare parameters, settings, numbers, quoted text, `true`, `false`, `null` and lists with `==`, `!=`, `<`, `<=`, `>`, `>=`,
`in` and `not in`, calculate with `+`, `-`, `*`, `/`, `//` and `%`, and join with `and`, `or` and `not`. A setting that was not drawn has
its own value.
"""


def reference() -> str:
    """The whole page."""
    return "\n".join([_HEAD, *_space(), *_parameters(), *_constraints(), *_settings(), *_environment(), ""])


def _space() -> Iterator[str]:
    yield "## A search space\n"
    yield from _table(("key", "meaning"), ((f"`{name}`", str(field.description)) for name, field in SpaceFile.model_fields.items()))
    yield f"\nMethods: {', '.join(registry.names('search.methods'))}; not yet: {', '.join(METHODS_NOT_YET)}.\n"
    for title, model in (
        ("metric", MetricSpec),
        ("early_terminate", EarlyTerminateSpec),
        ("resources", ResourcesSpec),
        ("budget", BudgetSpec),
        ("decode", DecodeSpec),
    ):
        yield f"### {title}\n"
        rows = (
            (f"`{name}`", shown(_plain(field.get_default(call_default_factory=True))), str(field.description))
            for name, field in model.model_fields.items()
        )
        yield from _table(("key", "default", "meaning"), rows)
        yield ""


def _later(later: bool) -> str:
    return " *Not yet.*" if later else ""


def _parameters() -> Iterator[str]:
    yield "## parameters\n"
    yield "`name: spec`. The name is a dotted settings key, its last part where that is unambiguous, or one of these:\n"
    yield from _table(("name", "key"), ((f"`{alias}`", f"`{key}`") for alias, key in ALIASES.items() if "." not in alias))
    yield "\n"
    yield from _table(("key of a spec", "meaning"), ((f"`{name}`", meaning) for name, meaning in SPEC_KEYS.items()))
    yield "\n"
    rows = ((f"`{name}`", ", ".join(_taken(one.needs, one.defaults)) or "–", one.meaning) for name, one in DISTRIBUTIONS.items())
    yield from _table(("distribution", "takes (with default)", "meaning"), rows)
    yield ""


def _taken(needs: tuple[str, ...], defaults: Mapping[str, Any]) -> list[str]:
    return [*(f"`{name}`" for name in needs), *(f"`{name}` ({shown(value)})" for name, value in defaults.items())]


def _constraints() -> Iterator[str]:
    yield "## constraints\n"
    yield from _table(("key of a rule", "meaning"), ((f"`{name}`", meaning) for name, meaning in CONSTRAINT_KEYS.items()))
    yield "\n"
    yield from _table(("key below `then`", "meaning"), ((f"`{name}`", meaning) for name, meaning in THEN_KEYS.items()))
    yield _EXPRESSIONS


def _settings() -> Iterator[str]:
    yield "## Settings\n"
    made = settings_schema()["$defs"]
    other: dict[str, list[str]] = {}
    for alias, key in ALIASES.items():
        other.setdefault(key, []).append(alias)
    for section, field in Settings.model_fields.items():
        yield f"### {section}\n"
        yield f"{getattr(field.annotation, '__doc__', '').strip()}\n"
        rows = []
        for name, one in getattr(field.annotation, "model_fields", {}).items():
            key = f"{section}.{name}"
            aliases = f" Also `{'`, `'.join(other[key])}`." if key in other else ""
            allowed = ONLY.get(key)
            default = _plain(one.get_default(call_default_factory=True))
            rows.append(
                (f"`{name}`", _kind(made[section]["properties"][name]), shown(default), f"{one.description}{aliases}{_only(allowed)}")
            )
            if key == "model.lora":
                rows += _lora(made["Lora"])
        yield from _table(("key", "values", "default", "meaning"), rows)
        yield ""
    names = ", ".join(f"`{key.partition('.')[2]}`" for key in catalogue().vocabulary.lesser)
    yield f"`training` takes transformers' own arguments besides: {names}.\n"


def _lora(made: Mapping[str, Any]) -> list[tuple[str, str, str, str]]:
    """The rows of its keys."""
    return [
        (f"`lora.{name}`", _kind(made["properties"][name]), shown(_plain(one.default)), str(one.description))
        for name, one in Lora.model_fields.items()
    ]


def _only(allowed: tuple[Any, ...] | None) -> str:
    if allowed is None:
        return ""
    given = [shown(value) for value in allowed if value not in (None, "", [])]
    return f" *Not yet*{' but ' + ', '.join(given) if given else ''}."


def _kind(schema: Mapping[str, Any]) -> str:
    """A property's values in words."""
    if "const" in schema:
        return str(schema["const"])
    if "enum" in schema:
        words = schema["enum"]
        return ", ".join(map(str, words)) if len(words) <= 8 else f"one of transformers' {len(words)}"
    if "anyOf" in schema:
        return " or ".join(dict.fromkeys(_kind(one) for one in schema["anyOf"]))
    if isinstance(schema.get("type"), list):
        return "text"
    bounds = [
        f"{sign} {shown(schema[name])}"
        for name, sign in (("exclusiveMinimum", ">"), ("minimum", "≥"), ("exclusiveMaximum", "<"), ("maximum", "≤"))
        if name in schema
    ]
    words = {"integer": "whole number", "number": "number", "boolean": "true, false", "array": "list", "object": "mapping", "null": "null"}
    return " ".join([words.get(str(schema.get("type")), "mapping"), *bounds])


def _environment() -> Iterator[str]:
    yield "## Environment\n"
    yield from _table(("variable", "setting"), ((f"`{name}`", f"`{key}`") for name, key in VARIABLES.items()))
    yield "\n`SUMMTUNE_<SECTION>__<KEY>` says any other: `SUMMTUNE_GENERATION__NUM_BEAMS=4`."


def _table(head: tuple[str, ...], rows: Any) -> Iterator[str]:
    yield f"| {' | '.join(head)} |"
    yield f"|{'---|' * len(head)}"
    for row in rows:
        yield "| " + " | ".join(str(cell).replace("|", "\\|").replace("\n", " ") for cell in row) + " |"


def _plain(value: Any) -> Any:
    if hasattr(value, "model_dump"):
        return value.model_dump(mode="json")
    return list(value) if isinstance(value, tuple) else value
