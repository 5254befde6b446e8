"""YAML text to plain values, and where each of them stands, so that every message can name a line.

PyYAML is used for its parser's events only. What those events mean is decided here, for two reasons: YAML 1.1 reads `5e-5` as text
(`scalars`); and files come from strangers, so that depth, aliases, tags and size are bounded while reading.
It must not know what a search space or a settings file is.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import yaml

from summtune.errors import Problem, SettingsMistake
from summtune.scalars import plain_value

KeyPath = tuple[str | int, ...]

MAX_BYTES = 1_000_000
MAX_DEPTH = 30
MAX_ALIASES = 50
MAX_VALUES = 20_000

_TAG = "tag:yaml.org,2002:"

# libyaml's parser is some ten times faster; PyYAML's own is there where it was built without.
_Loader: Any = getattr(yaml, "CSafeLoader", yaml.SafeLoader)


@dataclass(frozen=True)
class Mark:
    """A place in a file; both numbers are 1-based."""

    line: int
    column: int


@dataclass(frozen=True)
class Document:
    """A file's content.

    Attributes:
        value: dicts (keys are text), lists, text, numbers, booleans, None.
        marks: where the value at a path stands; `()` is the whole. For an entry of a mapping, where its key stands.
        file: the file as the person named it.
        text: the file, verbatim.
        plain: how numbers and booleans were written, by path (`1.0` for a version that is text in truth).
    """

    value: Any
    marks: Mapping[KeyPath, Mark]
    file: str
    text: str
    plain: Mapping[KeyPath, str] = field(default_factory=dict)

    def problem(self, path: KeyPath, reason: str, remedy: str = "", key: str | None = None) -> Problem:
        """A problem with the value at a path, or with the nearest place above it that is known."""
        known = path
        while known and known not in self.marks:
            known = known[:-1]
        mark = self.marks.get(known, Mark(1, 1))
        named = ".".join(str(part) for part in path) if key is None else key
        return Problem(reason, remedy, named, self.file, mark.line, mark.column)

    def place(self, path: KeyPath) -> str:
        """File and line of the value at a path, as the beginning of a notice; nothing where it stands in no line."""
        return f"{self.file}:{self.marks[path].line}: " if path in self.marks else ""


def read_document(path: Path, shown_as: str | None = None) -> Document:
    """Read a YAML file.

    Args:
        path: the file.
        shown_as: what messages call it; by default the path as given.

    Raises:
        SettingsMistake: it can't be read, isn't YAML, or goes beyond what a settings file may be; with all problems that were found.
    """
    shown = str(path) if shown_as is None else shown_as
    try:
        if path.is_dir():
            raise SettingsMistake(Problem("this is a folder.", "Give a YAML file.", file=shown))
        size = path.stat().st_size
        if not path.is_file():
            raise SettingsMistake(Problem("this is not a regular file.", "Give a YAML file.", file=shown))
        if size > MAX_BYTES:
            raise SettingsMistake(
                Problem(f"the file has {size:,} bytes; a settings file has at most {MAX_BYTES:,}.", "Is it the right file?", file=shown)
            )
        with path.open("rb") as stream:
            data = stream.read(MAX_BYTES + 1)
    except FileNotFoundError:
        raise SettingsMistake(Problem("there is no such file.", "Check the path.", file=shown)) from None
    except (OSError, ValueError) as error:  # ValueError: a NUL in the path
        reason = getattr(error, "strerror", None) or str(error)
        raise SettingsMistake(Problem(f"the file can't be read: {reason}.", file=shown)) from None
    return parse_document(_decode(data, shown), shown)


def parse_document(text: str, shown_as: str) -> Document:
    """Read YAML text; as `read_document`."""
    reader = _Reader(shown_as, text)
    root = reader.read()
    if reader.problems:
        raise SettingsMistake(reader.problems)
    return Document(root, reader.marks, shown_as, text, reader.plain)


def parse_scalar(text: str) -> Any:
    """Read one value by the rules of files: what an environment variable or `--set` says.

    `1e-4` is a float, `true` a boolean, nothing at all None; text in quotes, `[a, b]` and `{a: b}` are read as YAML; all else is text.

    Raises:
        SettingsMistake: brackets or quotes that don't close.
    """
    stripped = text.strip()
    if stripped[:1] in ("[", "{", '"', "'"):
        return parse_document(stripped, "").value
    return plain_value(stripped)


def _decode(data: bytes, shown: str) -> str:
    if len(data) > MAX_BYTES:  # it grew after it was measured
        raise SettingsMistake(Problem(f"the file has more than {MAX_BYTES:,} bytes.", "Is it the right file?", file=shown))
    nul = data.find(b"\0")
    if nul >= 0:
        line, column = _place(data, nul)
        raise SettingsMistake(Problem("there is a NUL byte: this is not a text file.", "Save it as UTF-8 text.", "", shown, line, column))
    try:
        return data.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        line, column = _place(data, error.start)
        raise SettingsMistake(Problem("the file is not UTF-8.", "Save it as UTF-8.", "", shown, line, column)) from None


def _place(data: bytes, offset: int) -> tuple[int, int]:
    start = data.rfind(b"\n", 0, offset) + 1
    return data.count(b"\n", 0, offset) + 1, len(data[start:offset].decode("utf-8", "replace")) + 1


@dataclass
class _Node:
    """What an event opened: a scalar's text, a sequence's items, a mapping's pairs."""

    kind: str
    mark: Mark
    text: str = ""
    plain: bool = False
    tag: str = ""
    items: list[_Node] = field(default_factory=list)
    pairs: list[tuple[_Node, _Node]] = field(default_factory=list)
    open: bool = True


class _Refused(Exception):
    """Reading can't go on."""


class _Reader:
    """One reading of one text. Problems that leave the rest readable are collected; others end it."""

    def __init__(self, shown: str, text: str) -> None:
        self.shown = shown
        self.text = text
        self.problems: list[Problem] = []
        self.marks: dict[KeyPath, Mark] = {}
        self.plain: dict[KeyPath, str] = {}
        self._anchors: dict[str, _Node] = {}
        self._aliases = 0
        self._values = 0

    def read(self) -> Any:
        try:
            root = self._nodes()
            return None if root is None else self._value(root, (), root.mark)
        except _Refused:
            return None

    def _note(self, mark: Mark | None, reason: str, remedy: str = "", key: str = "") -> None:
        line, column = (mark.line, mark.column) if mark else (None, None)
        self.problems.append(Problem(reason, remedy, key, self.shown, line, column))

    def _refuse(self, mark: Mark | None, reason: str, remedy: str = "") -> _Refused:
        self._note(mark, reason, remedy)
        return _Refused()

    def _nodes(self) -> _Node | None:
        """Events to nodes, with a stack of our own: the nesting of a hostile file never reaches Python's."""
        root: _Node | None = None
        stack: list[_Node] = []
        waiting: list[_Node | None] = []  # per open mapping: the key that waits for its value
        documents = 0
        count = 0
        loader = _Loader(self.text)
        try:
            while True:
                event = loader.get_event()
                if isinstance(event, yaml.StreamEndEvent):
                    return root
                if event is None or isinstance(event, (yaml.StreamStartEvent, yaml.DocumentEndEvent)):
                    continue
                mark = Mark(event.start_mark.line + 1, event.start_mark.column + 1)
                if isinstance(event, yaml.DocumentStartEvent):
                    documents += 1
                    if documents > 1:
                        raise self._refuse(mark, "a second document begins here.", "Put it into a file of its own.")
                    continue
                if isinstance(event, (yaml.MappingEndEvent, yaml.SequenceEndEvent)):
                    stack.pop().open = False
                    waiting.pop()
                    continue
                count += 1
                if count > MAX_VALUES:
                    raise self._refuse(mark, f"the file holds more than {MAX_VALUES:,} values.", "Is it the right file?")
                node = self._node(event, mark)
                if not stack:
                    root = node
                elif stack[-1].kind == "sequence":
                    stack[-1].items.append(node)
                elif waiting[-1] is None:
                    waiting[-1] = node
                else:
                    stack[-1].pairs.append((waiting[-1], node))
                    waiting[-1] = None
                if isinstance(event, (yaml.MappingStartEvent, yaml.SequenceStartEvent)):
                    stack.append(node)
                    waiting.append(None)
                    if len(stack) > MAX_DEPTH:
                        raise self._refuse(mark, f"values are nested more than {MAX_DEPTH} deep.")
        except yaml.MarkedYAMLError as error:
            place = error.problem_mark or error.context_mark
            at = Mark(place.line + 1, place.column + 1) if place else None
            raise self._refuse(at, f"this is not YAML: {_complaint(error)}.", _advice(error, self.text, at)) from None
        except yaml.YAMLError as error:  # characters that YAML forbids
            offset = getattr(error, "position", None)
            at = Mark(*_place(self.text.encode(), offset)) if isinstance(offset, int) else None
            raise self._refuse(at, "there is a character that YAML forbids (a control character).", "Remove it.") from None
        finally:
            loader.dispose()

    def _node(self, event: Any, mark: Mark) -> _Node:
        if isinstance(event, yaml.AliasEvent):
            self._aliases += 1
            if self._aliases > MAX_ALIASES:
                raise self._refuse(mark, f"there are more than {MAX_ALIASES} aliases (*name).", "Write the values out.")
            target = self._anchors.get(str(event.anchor))
            if target is None:
                raise self._refuse(mark, f"*{event.anchor} has no anchor &{event.anchor} before it.")
            if target.open:
                raise self._refuse(mark, f"*{event.anchor} stands inside what it names.")
            return target
        tag = event.tag or ""
        if isinstance(event, yaml.ScalarEvent):
            node = _Node("scalar", mark, event.value, event.implicit[0] and not event.style, tag, open=False)
        else:
            node = _Node("mapping" if isinstance(event, yaml.MappingStartEvent) else "sequence", mark, tag=tag)
        if tag and tag.removeprefix(_TAG) not in _TAGS[node.kind]:
            self._note(mark, f"the tag {_shown_tag(tag)} is not allowed: files hold plain values only.", "Remove the tag.")
        if event.anchor:
            self._anchors[event.anchor] = node
        return node

    def _value(self, node: _Node, path: KeyPath, mark: Mark) -> Any:
        """A node's value. Aliases are followed, so depth and number are bounded once more."""
        self._values += 1
        if self._values > MAX_VALUES:
            raise self._refuse(node.mark, f"with its aliases the file holds more than {MAX_VALUES:,} values.", "Write the values out.")
        if len(path) > MAX_DEPTH:
            raise self._refuse(node.mark, f"values are nested more than {MAX_DEPTH} deep.")
        self.marks.setdefault(path, mark)
        if node.kind == "sequence":
            return [self._value(item, (*path, index), item.mark) for index, item in enumerate(node.items)]
        if node.kind == "mapping":
            return self._mapping(node, path)
        if not node.plain:
            return self._tagged(node) if node.tag else node.text
        value = plain_value(node.text)
        if isinstance(value, (bool, int, float)):
            self.plain[path] = node.text
        return value

    def _tagged(self, node: _Node) -> Any:
        """`!!float 5e-5`: read as the tag says, or noted."""
        kind = node.tag.removeprefix(_TAG)
        value = node.text if kind in ("str", "!") else plain_value(node.text)
        fits: Any = {"str": str, "!": str, "int": int, "bool": bool, "null": type(None), "float": (int, float)}.get(kind, object)
        if not isinstance(value, fits):
            self._note(node.mark, f"{node.text!r} is not what its tag {_shown_tag(node.tag)} says.", "Remove the tag.")
        return float(value) if kind == "float" and isinstance(value, int) else value

    def _mapping(self, node: _Node, path: KeyPath) -> dict[str, Any]:
        value: dict[str, Any] = {}
        merged: dict[str, Any] = {}
        seen: dict[str, Mark] = {}
        for key, child in node.pairs:
            if key.kind != "scalar":
                self._note(key.mark, "a key must be a word, not a list or a mapping.")
                continue
            name = key.text
            if name == "<<" and key.plain:
                merged |= self._merge(child, path)
                continue
            if name in seen:
                where = ".".join(str(part) for part in (*path, name))
                self._note(
                    key.mark,
                    f"this key stands here for the second time; the first is in line {seen[name].line}.",
                    "Remove one of them.",
                    where,
                )
                continue
            seen[name] = key.mark
            for under in [known for known in self.marks if known[: len(path) + 1] == (*path, name)] if merged else []:
                del self.marks[under]  # what a merge key brought, this key replaces
                self.plain.pop(under, None)
            value[name] = self._value(child, (*path, name), key.mark)
        return {**merged, **value}

    def _merge(self, child: _Node, path: KeyPath) -> dict[str, Any]:
        """`<<: *defaults`, or a list of them, of which the first that has a key wins."""
        sources = child.items if child.kind == "sequence" else [child]
        merged: dict[str, Any] = {}
        for source in sources:
            if source.kind != "mapping":
                self._note(source.mark, "<< merges mappings only.", "Give an alias of a mapping.")
                continue
            merged = {**self._mapping(source, path), **merged}
        return merged


_TAGS = {"scalar": {"str", "int", "float", "bool", "null", "!"}, "mapping": {"map", "!"}, "sequence": {"seq", "!"}}


def _shown_tag(tag: str) -> str:
    return tag.replace(_TAG, "!!")


def _complaint(error: yaml.MarkedYAMLError) -> str:
    parts = [part for part in (error.context, error.problem) if part]
    return ", ".join(parts).replace("\n", " ") or "it can't be parsed"


def _advice(error: yaml.MarkedYAMLError, text: str, at: Mark | None) -> str:
    problem = error.problem or ""
    lines = text.splitlines()
    line = lines[at.line - 1] if at and at.line <= len(lines) else ""
    if "\\t" in problem or line.lstrip(" ").startswith("\t") or "'\\t'" in problem:
        return "Indent with spaces, not tabs."
    if "mapping values are not allowed" in problem:
        return "Is a key indented too far, or does text with `: ` in it need quotes?"
    if "could not find expected ':'" in problem:
        return "Is a `:` missing after a key?"
    return "Check indentation, brackets and quotes near this line."
