"""What transformers' own training arguments are: names, types, defaults and the words that their enums know.

Read from the installed version's source by `ast`, since importing it takes seconds and drags torch along; kept per version in the
cache folder. It must not know which of them summtune decides itself (`training_arguments` does).
"""

from __future__ import annotations

import ast
import contextlib
import importlib.util
import json
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from functools import cache
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path
from typing import Any

from summtune import durable, paths

_ARGUMENT_CLASSES = ("TrainingArguments", "Seq2SeqTrainingArguments")
_ENUM_BASES = ("ExplicitEnum",)
_MODEL_TABLES = ("MODEL_FOR_SEQ_TO_SEQ_CAUSAL_LM_MAPPING_NAMES", "MODEL_FOR_CAUSAL_LM_MAPPING_NAMES")
_SCHEDULES = "TYPE_TO_SCHEDULER_FUNCTION"
_HANDED = ("optimizer", "num_warmup_steps", "num_training_steps", "last_epoch")  # by get_scheduler itself
_FORM = 2  # of the cached file


@dataclass(frozen=True)
class Argument:
    """One argument: the alternatives of its annotation, and its default where that is a literal (otherwise None)."""

    types: tuple[str, ...]
    default: Any


@dataclass(frozen=True)
class Schedule:
    """What `lr_scheduler_kwargs` may hold for a schedule: the names it takes, those it can't do without; open: it takes any."""

    takes: tuple[str, ...]
    needs: tuple[str, ...]
    open: bool


@dataclass(frozen=True)
class Known:
    """What the installed transformers knows; all empty where it isn't installed.

    Attributes:
        arguments: of Seq2SeqTrainingArguments, by name.
        enums: their words, by the enum's name (SchedulerType, OptimizerNames, IntervalStrategy, …).
        schedules: what the functions behind SchedulerType take, by word.
        seq2seq, causal: architectures (`model_type`) that its Auto classes build.
    """

    version: str
    arguments: Mapping[str, Argument]
    enums: Mapping[str, tuple[str, ...]]
    schedules: Mapping[str, Schedule]
    seq2seq: tuple[str, ...]
    causal: tuple[str, ...]


@cache
def installed() -> Known:
    """The installed transformers, from the cache where it was read before."""
    spec = importlib.util.find_spec("transformers")  # finds, and does not import
    if spec is None or not spec.submodule_search_locations:
        return Known("", {}, {}, {}, (), ())
    folder = Path(next(iter(spec.submodule_search_locations)))
    try:
        named = version("transformers")
    except PackageNotFoundError:
        named = "unknown"
    cached = paths.cache_dir() / f"transformers-arguments-{named}.json"
    size = (folder / "training_args.py").stat().st_size
    record = _cached(cached, size)
    if record is None:
        record = {"form": _FORM, "size": size, **_read(folder)}
        with contextlib.suppress(OSError):  # a cache that can't be written costs a moment the next time, no more
            durable.write_json(cached, record)
    arguments = {name: Argument(tuple(one["types"]), one["default"]) for name, one in record["arguments"].items()}
    enums = {name: tuple(words) for name, words in record["enums"].items()}
    schedules = {word: Schedule(tuple(one["takes"]), tuple(one["needs"]), one["open"]) for word, one in record["schedules"].items()}
    return Known(named, arguments, enums, schedules, tuple(record["seq2seq"]), tuple(record["causal"]))


def _cached(file: Path, size: int) -> dict[str, Any] | None:
    try:
        record = json.loads(file.read_text(encoding="utf-8"))
    except (OSError, ValueError):
        return None
    sound = isinstance(record, dict) and record.get("form") == _FORM and record.get("size") == size
    return record if sound else None


def _read(folder: Path) -> dict[str, Any]:
    arguments: dict[str, Any] = {}
    enums: dict[str, list[str]] = {}
    for name in ("trainer_utils.py", "training_args.py", "training_args_seq2seq.py"):
        for node in _parse(folder / name).body:
            if not isinstance(node, ast.ClassDef):
                continue
            if node.name in _ARGUMENT_CLASSES:
                arguments |= dict(_fields(node))
            elif any(isinstance(base, ast.Name) and base.id in _ENUM_BASES for base in node.bases):
                enums[node.name] = [word for word in map(_literal, _assigned(node)) if isinstance(word, str)]
    tables = _model_tables(folder / "models" / "auto" / "modeling_auto.py")
    schedules = _schedules(folder)
    return {"arguments": arguments, "enums": enums, "schedules": schedules, "seq2seq": tables[0], "causal": tables[1]}


def _schedules(folder: Path) -> dict[str, Any]:
    """What the function behind each word of SchedulerType takes, as TYPE_TO_SCHEDULER_FUNCTION pairs them."""
    words: dict[str, Any] = {}
    for node in _parse(folder / "trainer_utils.py").body:
        if isinstance(node, ast.ClassDef) and node.name == "SchedulerType":
            words = {ast.unparse(one.targets[0]): _literal(one.value) for one in node.body if isinstance(one, ast.Assign)}
    found = {}
    tree = _parse(folder / "optimization.py").body
    functions = {node.name: node.args for node in tree if isinstance(node, ast.FunctionDef)}
    for node in tree:
        if not (isinstance(node, ast.Assign) and isinstance(node.value, ast.Dict) and ast.unparse(node.targets[0]) == _SCHEDULES):
            continue
        for key, function in zip(node.value.keys, node.value.values, strict=True):
            taken = functions.get(ast.unparse(function))
            word = words.get(key.attr) if isinstance(key, ast.Attribute) else None
            if taken is None or word is None:
                continue
            names = [argument.arg for argument in taken.args]
            needs = names[: len(names) - len(taken.defaults)]
            own = {name: [one for one in listed if one not in _HANDED] for name, listed in (("takes", names), ("needs", needs))}
            found[word] = {**own, "open": taken.kwarg is not None}
    return found


def _parse(file: Path) -> ast.Module:
    return ast.parse(file.read_text(encoding="utf-8"))


def _fields(node: ast.ClassDef) -> Iterator[tuple[str, dict[str, Any]]]:
    """Annotated names of a dataclass that its __init__ takes."""
    for statement in node.body:
        if not isinstance(statement, ast.AnnAssign) or not isinstance(statement.target, ast.Name):
            continue
        keywords: dict[str, ast.expr] = {}
        default: Any = _literal(statement.value) if statement.value is not None else None
        if isinstance(statement.value, ast.Call):
            keywords = {keyword.arg: keyword.value for keyword in statement.value.keywords if keyword.arg}
            default = _literal(keywords.get("default"))
        if "init" in keywords and _literal(keywords["init"]) is False:
            continue
        types = [ast.unparse(part) for part in _alternatives(statement.annotation)]
        if types[0].startswith("ClassVar"):
            continue
        yield statement.target.id, {"types": types, "default": default}


def _alternatives(annotation: ast.expr) -> list[ast.expr]:
    """`int | None` and `Optional[int]` and `Union[int, str]` as lists."""
    if isinstance(annotation, ast.BinOp):
        return [*_alternatives(annotation.left), *_alternatives(annotation.right)]
    if isinstance(annotation, ast.Subscript) and isinstance(annotation.value, ast.Name):
        if annotation.value.id == "Optional":
            return [*_alternatives(annotation.slice), ast.Constant(None)]
        if annotation.value.id == "Union" and isinstance(annotation.slice, ast.Tuple):
            return [part for one in annotation.slice.elts for part in _alternatives(one)]
    return [annotation]


def _assigned(node: ast.ClassDef) -> Iterator[ast.expr]:
    for statement in node.body:
        if isinstance(statement, ast.Assign):
            yield statement.value


def _literal(node: ast.expr | None) -> Any:
    """A literal's value; None for anything that would have to be run."""
    if node is None:
        return None
    try:
        value = ast.literal_eval(node)
    except ValueError:
        return None
    return value if value is None or isinstance(value, (bool, int, float, str)) else None


def _model_tables(file: Path) -> tuple[list[str], list[str]]:
    found: dict[str, list[str]] = {name: [] for name in _MODEL_TABLES}
    for statement in _parse(file).body if file.is_file() else []:
        if not isinstance(statement, ast.Assign) or not isinstance(statement.targets[0], ast.Name):
            continue
        name = statement.targets[0].id
        if name in found:
            pairs = [node for node in ast.walk(statement.value) if isinstance(node, ast.Tuple) and len(node.elts) == 2]
            found[name] = [word for word in (_literal(pair.elts[0]) for pair in pairs) if isinstance(word, str)]
    return found[_MODEL_TABLES[0]], found[_MODEL_TABLES[1]]
