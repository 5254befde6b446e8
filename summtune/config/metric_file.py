"""A person's own metric, as its file declares it: read without running it, so that checking a search space runs nobody's code.

It must not know of scores (`summtune.metrics` does).
"""

from __future__ import annotations

import ast
import hashlib
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from summtune.errors import MetricMistake, Problem

SUFFIX = ".py"
LARGEST_BYTES = 1_000_000
_EXAMPLE = {"KEYS": 'KEYS = ("my_score",)', "GOAL": 'GOAL = {"my_score": "maximize"}', "UNIT": 'UNIT = {"my_score": "share, 0..1"}'}


@dataclass(frozen=True)
class MetricFile:
    """A file that was read.

    Attributes:
        path: where it lies.
        source: its text.
        sha256: of its bytes.
        values: what it assigns to the names that a metric declares.
        lines: on which line each of them stands.
    """

    path: Path
    source: str
    sha256: str
    values: Mapping[str, Any]
    lines: Mapping[str, int]


def is_own(name: str) -> bool:
    """Whether a metric's name is a file of a person's own."""
    return name.endswith(SUFFIX)


def read_metric_file(path: Path, declarations: tuple[str, ...], functions: tuple[str, ...]) -> MetricFile:
    """Read what a file declares.

    Args:
        path: the file.
        declarations: names that it may assign, each a value that is written out.
        functions: names of functions, of which it must define one.

    Raises:
        MetricMistake: it isn't there, isn't Python, or lacks a declaration; with file and line.
    """
    content = _content(path)
    try:
        source = content.decode("utf-8-sig")
        tree = ast.parse(source, str(path))
    except UnicodeDecodeError as error:
        raise MetricMistake(Problem(f"not UTF-8: byte {error.start}.", "Save it as UTF-8.", file=str(path))) from None
    except SyntaxError as error:
        raise MetricMistake(
            Problem(f"not Python: {error.msg}.", "Mend it.", file=str(path), line=error.lineno, column=error.offset)
        ) from None
    except (ValueError, RecursionError, MemoryError) as error:  # NUL characters, brackets nested too deep
        raise MetricMistake(Problem(f"not Python: {error}.", "Mend it.", file=str(path))) from None
    values: dict[str, Any] = {}
    lines: dict[str, int] = {}
    problems: list[Problem] = []
    for name, node in _assignments(tree):
        if name not in declarations:
            continue
        lines[name] = node.lineno
        try:
            values[name] = ast.literal_eval(node)
        except (ValueError, TypeError, RecursionError):
            reason = f"{name} is computed, and it is read without running the file."
            problems.append(Problem(reason, f"Write it out: {_EXAMPLE.get(name, name + ' = …')}.", file=str(path), line=node.lineno))
    missing = [name for name in _EXAMPLE if name not in lines]
    if missing:
        reason = f"a metric declares {', '.join(_EXAMPLE)}; here is no {' and no '.join(missing)}."
        problems.append(Problem(reason, f"Write {'; '.join(_EXAMPLE[name] for name in missing)}.", file=str(path)))
    if not any(isinstance(node, ast.FunctionDef) and node.name in functions for node in tree.body):
        reason = f"it defines no function {' or '.join(functions)}."
        problems.append(Problem(reason, f"Write `def {functions[0]}(summaries):`.", file=str(path)))
    if problems:
        raise MetricMistake(problems)
    return MetricFile(path, source, hashlib.sha256(content).hexdigest(), values, lines)


def _content(path: Path) -> bytes:
    try:
        with path.open("rb") as stream:
            content = stream.read(LARGEST_BYTES + 1)
    except FileNotFoundError:
        beside = sorted(entry.name for entry in path.parent.glob("*.py"))[:5] if path.parent.is_dir() else []
        hint = f"Its folder has {', '.join(beside)}." if beside else "In a file the path is relative to that file."
        raise MetricMistake(Problem("there is no such file.", hint, file=str(path))) from None
    except (OSError, ValueError) as error:
        reason = getattr(error, "strerror", None) or error
        raise MetricMistake(Problem(f"can't be read: {reason}.", "Give a Python file.", file=str(path))) from None
    if len(content) > LARGEST_BYTES:
        raise MetricMistake(Problem("it has more than a megabyte.", "Give a metric.", file=str(path)))
    return content


def _assignments(tree: ast.Module) -> Iterator[tuple[str, ast.expr]]:
    """Names that the file assigns at its top, with the values."""
    for node in tree.body:
        if isinstance(node, ast.Assign):
            for target in node.targets:
                if isinstance(target, ast.Name):
                    yield target.id, node.value
        elif isinstance(node, ast.AnnAssign) and isinstance(node.target, ast.Name) and node.value is not None:
            yield node.target.id, node.value
